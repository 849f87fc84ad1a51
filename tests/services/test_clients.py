"""The register of clients: what is entered, what that makes stand, and who may not be added."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from overt.adapters.memory import MemoryClock, MemoryLedger
from overt.adapters.memory_clients import MemoryRegistrations, MemorySecrets
from overt.domain.client_fields import client_of
from overt.domain.clients import Client
from overt.domain.errors import ClientRefused
from overt.domain.facts import Fact
from overt.domain.vitals import ClientVitals, Sentence, Vitals
from overt.ports import NotDurable
from overt.services.client_file import enter_file, file_trouble
from overt.services.client_proof import prove
from overt.services.client_register import ClientRegister
from overt.services.client_shown import as_json, seen
from overt.services.clients import (
    FILE_SOURCE,
    ClientRooms,
    Registered,
    Signed,
    add,
    found,
    listed,
    read_register,
    remove,
    set_password,
)

DANA = Signed("Dana Wu", "contract 7", "root", "command")
FIELDS: dict[str, Any] = {"name": "sbc", "mode": "siprec", "address": ["192.0.2.7"]}
ATTESTED = {**FIELDS, "attest": ["recording"], "agents": ["+14045550100"]}
PASSWORD = "correct horse"
DAY_US = 86_400_000_000


def rooms(*file: Registered) -> ClientRooms:
    """Everything in memory."""
    ledger = MemoryLedger()
    return ClientRooms("main", ledger, MemoryClock(), MemoryRegistrations(ledger), MemorySecrets(), file, ["support"])


def ledger_of(room: ClientRooms) -> MemoryLedger:
    assert isinstance(room.ledger, MemoryLedger)
    return room.ledger


def in_file(**fields: Any) -> Registered:
    """A client of overt.toml."""
    return Registered(client_of({**FIELDS, **fields}), fields.get("by", FILE_SOURCE), fields.get("why", "there"))


async def state(room: ClientRooms, *facts: tuple[str, str, dict[str, Any]]) -> None:
    """Enter what other stories entered."""
    for kind, call, body in facts:
        await room.ledger.enter(Fact(room.clock.new_id(), "main", kind, room.clock.now_us(), call, body))


def heard(call: str, trunk: str = "sbc", milliseconds: int = 4000) -> list[tuple[str, str, dict[str, Any]]]:
    """A test call that was recorded and listened to."""
    return [
        ("call.offered", call, {"line": "support", "trunk": trunk}),
        ("recording.permitted", call, {"recording": f"r-{call}"}),
        ("listening.ended", "", {"recording": f"r-{call}", "milliseconds": milliseconds}),
    ]


async def test_a_client_stands_with_who_signed_for_it_and_numbers_are_personal() -> None:
    room = rooms()
    made = await add(room, ATTESTED, DANA)
    assert made == await found(room, "sbc")
    assert made.client.attestation is not None and made.client.attestation.by == "Dana Wu"
    assert made.client.attestation.since == "2026-11-23" and made.client.agents == ("+14045550100",)
    assert (made.by, made.why, made.entered_by, made.source, made.entry) == (
        "Dana Wu",
        "contract 7",
        "root",
        "command",
        0,
    )
    (fact,) = ledger_of(room).facts
    assert "4045550100" not in str(fact.body) and fact.personal == {"agents": "+14045550100"}
    assert fact.opens


async def test_removed_is_gone_and_the_name_is_free_again() -> None:
    room = rooms()
    await add(room, ATTESTED, DANA)
    await remove(room, "sbc", DANA)
    assert await listed(room) == ()
    with pytest.raises(ClientRefused, match="there is no client sbc; there is none"):
        await remove(room, "sbc", DANA)
    assert (await add(room, FIELDS, DANA)).client.attestation is None
    assert [fact.kind for fact in ledger_of(room).facts] == ["client.added", "client.removed", "client.added"]


@pytest.mark.parametrize(
    ("fields", "signed", "sentence"),
    [
        ({**FIELDS, "name": "b"}, DANA, "belongs to the client sbc"),
        (FIELDS, DANA, "there is a client sbc already"),
        ({**FIELDS, "name": "trunk"}, DANA, "there is a client trunk already"),
        ({**FIELDS, "name": "b", "address": ["198.51.100.0/24"]}, DANA, "belongs to the client trunk"),
        ({"name": "b", "address": ["::1"], "line": "sales"}, DANA, "there is no line sales; there is support"),
        ({"name": "b", "address": ["::1"]}, replace(DANA, by=""), "say who signs"),
        ({"name": "b", "address": ["::1"]}, replace(DANA, why=" "), "say why"),
        ({"name": "b", "digest": "u"}, DANA, "needs a password"),
    ],
)  # fmt: skip
async def test_nothing_is_entered_of_what_is_refused(fields: dict[str, Any], signed: Signed, sentence: str) -> None:
    room = rooms(in_file(name="trunk", address=["198.51.100.1"]))
    await add(room, FIELDS, DANA)
    with pytest.raises(ClientRefused, match=sentence):
        await add(room, fields, signed)
    assert len(ledger_of(room).facts) == 1
    with pytest.raises(ClientRefused, match="a password goes with"):
        await add(room, {"name": "c", "address": ["::1"]}, DANA, PASSWORD)


async def test_two_who_add_the_same_at_once_do_not_both_stand() -> None:
    room = rooms()
    done = await asyncio.gather(*(add(room, FIELDS, DANA) for _ in range(3)), return_exceptions=True)
    assert sorted(type(one).__name__ for one in done) == ["ClientRefused", "ClientRefused", "Registered"]


async def test_a_secret_is_kept_named_in_the_ledger_and_forgotten_with_its_client() -> None:
    room = rooms()
    secrets = room.secrets
    assert isinstance(secrets, MemorySecrets)
    made = await add(room, {"name": "d", "digest": "u", "attest": ["telling"]}, DANA, PASSWORD)
    assert made.fingerprint == secrets.fingerprint("u") != ""
    changed = await set_password(room, "d", "another horse", "ann")
    assert changed.fingerprint == secrets.fingerprint("u") != made.fingerprint
    assert changed == replace(await found(room, "d"), attested_entry=changed.attested_entry)
    assert (changed.by, changed.why, changed.entered_by) == ("Dana Wu", "contract 7", "ann")
    assert PASSWORD not in str(ledger_of(room).facts) and "another horse" not in str(ledger_of(room).facts)
    await remove(room, "d", DANA)
    assert secrets.kept == {}
    await add(room, FIELDS, DANA)
    with pytest.raises(ClientRefused, match="not known by a digest"):
        await set_password(room, "sbc", PASSWORD, "ann")


async def test_what_is_not_durable_leaves_no_secret() -> None:
    room = rooms()
    ledger_of(room).down = True
    with pytest.raises(NotDurable):
        await add(room, {"name": "d", "digest": "u"}, DANA, PASSWORD)
    assert isinstance(room.secrets, MemorySecrets) and room.secrets.kept == {}


# ------------------------------------------------------------------------------------------- proofs


async def test_a_test_call_proves_what_is_attested_for_thirty_days() -> None:
    room = rooms()
    made = await add(room, ATTESTED, DANA)
    assert made.unproven(0) == "what is attested was never proven by a test call"
    await state(room, *heard("c1"))
    proven = await prove(room, "sbc", "c1", "Ann Lee", "root")
    assert proven == await found(room, "sbc")
    assert proven.proven is not None and (proven.proven.by, proven.proven.test_call) == ("Ann Lee", "c1")
    assert ledger_of(room).facts[-1].body["listening"] == 3
    at = proven.proven.at_us
    assert proven.unproven(at + 30 * DAY_US - 1) == ""
    assert proven.unproven(at + 30 * DAY_US) == "the last test call that proved it is 30 days old"
    assert (await add(room, {"name": "t", "address": ["::1"]}, DANA)).unproven(0) == ""


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ([], "there is no call c1"),
        ([("call.offered", "c1", {"line": "", "trunk": "other"})], "the client other brought that call"),
        ([("call.offered", "c1", {"line": "", "trunk": "sbc"})], "was not recorded"),
        (heard("c1")[:2], "nobody has listened to the recording r-c1 yet"),
        (heard("c1", milliseconds=0), "nobody has listened"),
    ],
)  # fmt: skip
async def test_the_ledger_must_bear_a_proof_out(facts: list[Any], sentence: str) -> None:
    room = rooms()
    await add(room, ATTESTED, DANA)
    await state(room, *facts)
    with pytest.raises(ClientRefused, match=sentence):
        await prove(room, "sbc", "c1", "Ann", "root")
    with pytest.raises(ClientRefused, match="there is no call"):
        await prove(room, "sbc", "", "Ann", "root")


async def test_a_call_from_before_the_attestation_proves_nothing_and_nothing_attested_needs_no_proof() -> None:
    room = rooms(in_file(name="trunk", address=["198.51.100.1"], attest=["telling"], by="Dana", why="w"))
    await state(room, *heard("c1"))
    await add(room, ATTESTED, DANA)
    with pytest.raises(ClientRefused, match="came before what is attested"):
        await prove(room, "sbc", "c1", "Ann", "root")
    await add(room, {"name": "t", "address": ["::1"]}, DANA)
    with pytest.raises(ClientRefused, match="nothing is attested of t"):
        await prove(room, "t", "c1", "Ann", "root")
    with pytest.raises(ClientRefused, match="trunk is not entered yet"):
        await prove(room, "trunk", "c1", "Ann", "root")
    with pytest.raises(ClientRefused, match="say who"):
        await prove(room, "sbc", "c1", "", "root")


# ------------------------------------------------------------------------------------------- overt.toml


async def test_what_the_file_says_is_entered_once_and_again_when_it_changes() -> None:
    one = in_file(attest=["recording"], by="Dana", why="w")
    room = rooms(one)
    (waits,) = await listed(room)
    assert waits.entry == -1
    assert await enter_file(room) == () == await enter_file(room)
    assert len(ledger_of(room).facts) == 1
    await state(room, *heard("c1"))
    proven = await prove(room, "sbc", "c1", "Ann", "root")
    moved = in_file(attest=["recording"], by="Dana", why="w", address=["192.0.2.8"])
    later = replace(room, file=(moved,))
    assert await enter_file(later) == ()
    stands = await found(later, "sbc")
    assert stands.client.addresses == ("192.0.2.8",) and stands.proven == proven.proven
    sterner = replace(room, file=(in_file(attest=["recording", "sharing"], by="Dana", why="w", address=["192.0.2.8"]),))
    await enter_file(sterner)
    assert (await found(sterner, "sbc")).proven is None
    gone = replace(room, file=())
    await enter_file(gone)
    assert await listed(gone) == ()
    assert ledger_of(room).facts[-1].body["why"] == "it stands in overt.toml no more"


async def test_a_client_of_the_file_is_changed_in_the_file() -> None:
    room = rooms(in_file(digest="u"))
    assert (await set_password(room, "sbc", PASSWORD, "root")).entry == -1
    await enter_file(room)
    assert (await found(room, "sbc")).fingerprint == room.secrets.fingerprint("u")
    with pytest.raises(ClientRefused, match=r"stands in overt\.toml: take it out there"):
        await remove(room, "sbc", DANA)
    await set_password(room, "sbc", "another horse", "root")
    before = len(ledger_of(room).facts)
    await enter_file(room)
    assert len(ledger_of(room).facts) == before
    assert (await found(room, "sbc")).from_file


async def test_what_a_command_gave_away_is_not_taken_over_by_the_file() -> None:
    room = rooms()
    await add(room, FIELDS, DANA)
    both = replace(room, file=(in_file(), in_file(name="b"), in_file(name="c", address=["::1"])))
    troubles = await enter_file(both)
    assert [one.partition(";")[0] for one in troubles] == [
        "overt.toml: the client sbc was added by Dana Wu already",
        "overt.toml: b may bring no calls: 192.0.2.7 belongs to the client sbc",
    ]
    assert {one.client.name: one.entry for one in await listed(both)} == {"sbc": 0, "b": -1, "c": 1}
    assert not file_trouble(both.file[2], read_register(await room.registrations.entries()))


async def test_two_of_the_file_may_swap_addresses() -> None:
    room = rooms(in_file(), in_file(name="b", address=["::1"]))
    await enter_file(room)
    swapped = replace(room, file=(in_file(address=["::1"]), in_file(name="b")))
    assert await enter_file(swapped) == ()
    assert {one.client.name: one.client.addresses for one in await listed(swapped)} == {
        "sbc": ("::1",), "b": ("192.0.2.7",),
    }  # fmt: skip


# ------------------------------------------------------------------------------------------- live


async def test_the_live_register_follows_and_keeps_the_last_good_when_the_ledger_cannot_be_read() -> None:
    room = rooms()
    troubles: list[str] = []
    register = ClientRegister(room.registrations, lambda error: troubles.append(str(error)))
    following = asyncio.create_task(register.follow())
    assert register.clients() == ()
    made = await add(room, FIELDS, DANA)
    async with asyncio.timeout(1):
        while not register.clients():
            await asyncio.sleep(0.01)
    assert register.clients() == (made.client,) and register.named("sbc") == made.client
    following.cancel()
    assert isinstance(room.registrations, MemoryRegistrations)
    room.registrations.trouble = "unplugged"
    await register.look()
    await register.look()
    assert register.clients() == (made.client,) and troubles == ["ledger: unplugged"]
    room.registrations.trouble, room.registrations.seen = "", 0
    await register.look()
    assert register.clients() == (made.client,) and "gone from the ledger" in troubles[-1]
    room.registrations.seen = -1
    await remove(room, "sbc", DANA)
    before = register.version
    await register.look()
    await register.look()
    assert register.clients() == () and register.named("sbc") is None and register.version == before + 1


async def test_an_entry_that_cannot_be_read_brings_no_calls_and_is_said_once() -> None:
    room = rooms()
    await add(room, FIELDS, DANA)
    await state(room, ("client.added", "", {"client": "odd", "mode": "pigeon", "by": "D", "why": "w"}))
    troubles: list[str] = []
    register = ClientRegister(room.registrations, lambda error: troubles.append(str(error)))
    await register.look()
    await register.look()
    assert [one.name for one in register.clients()] == ["sbc"] and register.named("odd") is None
    assert len(troubles) == 1 and "entry 1, the client odd, cannot be read: mode: one of" in troubles[0]
    odd = next(one for one in await listed(room) if one.trouble)
    assert seen(odd, {}, 0).state == "unreadable"


async def test_erased_numbers_of_agents_leave_the_client() -> None:
    room = rooms()
    await add(room, ATTESTED, DANA)
    assert isinstance(room.registrations, MemoryRegistrations)
    room.registrations.erased.add(0)
    assert (await found(room, "sbc")).client.agents == ()


# ------------------------------------------------------------------------------------------- shown


async def test_a_client_is_shown_with_how_it_fares_and_masked_numbers() -> None:
    made = await add(rooms(), {**ATTESTED, "agents": ["+14045550100", "pbx.example"]}, DANA)
    fares = ClientVitals(5, 2, 1, (Sentence(4, "It sends no rtcp-mux."),))
    vitals = {"a": Vitals("a", 10, clients={"sbc": fares}), "b": Vitals("b", 10, clients={"x": ClientVitals()}),
              "old": Vitals("old", -9_000_000, clients={"sbc": ClientVitals(1, 900)})}  # fmt: skip
    shown = as_json(seen(made, vitals, 20))
    assert shown["agents"] == ["+1404•••••00", "pbx.example"] and "4045550100" not in str(shown)
    assert shown["seen"] == {
        "last_seen_us": 5, "calls": 2, "refused": 1, "sentences": [{"at_us": 4, "sentence": "It sends no rtcp-mux.", "times": 1}],
    }  # fmt: skip
    assert (shown["state"], shown["proven"], shown["since"]) == ("stands", None, "2026-11-23")
    assert as_json(seen(made, {}, 20))["seen"] is None
    silent = {"signalling": Vitals("signalling", 10), "web": Vitals("web", 10)}
    assert seen(made, silent, 20).fares == ClientVitals() and seen(made, {"web": silent["web"]}, 20).fares is None
    assert seen(Registered(Client("t", addresses=("::1",))), {}, 0).state == "waits"
