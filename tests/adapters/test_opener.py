"""The opener gives windows for a proven grant to the right account, after a check of the whole, and nothing else."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from adapters.sealed_calls import KEY, Content, a_call, sealed
from overt.adapters.ledger_files import LedgerFiles
from overt.adapters.notary_client import NotaryClient
from overt.adapters.notary_server import Notary
from overt.adapters.opener_accounts import AccountEntries
from overt.adapters.opener_client import OpenerClient
from overt.adapters.opener_grants import MOST_GRANTS_A_MINUTE, Accounts, OpenerDesk
from overt.adapters.opener_server import IDLE_US, LARGEST_WINDOW, LONGEST_US, MOST_AT_ONCE, OpenerCounter, Vault
from overt.adapters.sealed_files import SealedFiles
from overt.adapters.sqlite_erasures import SqliteErasures
from overt.adapters.unix_frames import Asker, FrameServer
from overt.domain.access import Actor
from overt.domain.facts import Fact, Json
from overt.domain.identity import uuid7
from overt.ledger.checkpoint import VerifierKey, origin_of
from overt.ports import Receipt
from overt.protocol import (
    Append,
    BeginOpening,
    Done,
    EndOpening,
    Entered,
    Failed,
    Frame,
    GoOnSurveying,
    OpenWindow,
    Surveyed,
    Window,
)
from overt.services.listening import NotOpened
from overt.vault.keys import OpeningKey

ONE = "0193568a-0000-7000-8000-000000000001"
TWO = "0193568a-0000-7000-8000-000000000002"
OWN, UID, OTHER, STRANGER = 1000, 1234, 1235, 99
SECOND_US = 1_000_000
CONTENTS = a_call(6)
SAMPLES = 5 * 8000 + 2 * 8000  # at least: the announcement begins two seconds before


@dataclass
class Clock:
    now: int = 1_790_000_000 * SECOND_US
    made: int = 0

    def now_us(self) -> int:
        return self.now

    def new_id(self) -> str:
        self.made += 1
        return uuid7(self.now, self.made.to_bytes(10, "big"))


@dataclass
class World:
    """A notary and an opener over a real folder; entries by short orders."""

    folder: Path
    clock: Clock
    notary: Notary
    accounts: Accounts
    counter: OpenerCounter = field(init=False)
    ends: dict[str, Mapping[str, Json]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.start()

    def start(self, key: OpeningKey = KEY) -> None:
        """Start the opener (anew)."""
        vault = Vault(key, SqliteErasures(self.folder / "erasures.sqlite"), SealedFiles(self.folder / "recordings"))
        self.counter = OpenerCounter(vault, OpenerDesk(self.accounts, self.clock.now_us), self.clock.now_us)

    def follow_anew(self) -> None:
        """Start the opener anew, with nothing read of the log."""
        self.accounts = replace(self.accounts, console=AccountEntries(self.folder / "ledger" / "entries.log"))
        self.start()

    async def enter(self, kind: str, **body: Json) -> Entered:
        fact = Fact(self.clock.new_id(), "main", kind, self.clock.now, "call", body)
        frame = Append(
            id=fact.id, tenant="main", kind=kind, at_us=fact.at_us, call="call", body=dict(body), personal={}
        )
        entered = await self.notary.handle(frame, Asker(0, 0))
        assert isinstance(entered, Entered)
        return entered

    async def grant(self, recording: str = ONE, **other: Json) -> Entered:
        body: dict[str, Json] = {
            "recording": recording, "action": "play", "purpose": "quality", "actor": "ada", "role": "compliance",
            "from_ms": 0, "to_ms": -1, "document": "",
        }  # fmt: skip
        return await self.enter("listening.granted", **(body | other))

    async def permit(self, recording: str = ONE, **other: Json) -> Entered:
        body: dict[str, Json] = {"recording": recording, "told_purpose": "quality and training"}
        return await self.enter("recording.permitted", **(body | other))

    async def account(
        self, name: str = "cleo", role: str = "supervisor", *, state: str = "active", kind: str = "changed"
    ) -> Entered:
        return await self.enter(f"account.{kind}", account=name, role=role, agent="", state=state, by="root")

    def seal(self, recording: str, *, ended: bool = True, contents: list[Content] = CONTENTS) -> None:
        end = sealed(self.folder, recording, contents, ended=ended)
        self.ends[recording] = {"recording": recording, "chunks": end.chunks, "head": end.head}

    async def ask(self, frame: Frame, uid: int = UID, pid: int = 1) -> Frame:
        return await self.counter.answer(frame, Asker(pid, uid))  # type: ignore[arg-type]

    async def begin(
        self, grant: Entered, *backing: Entered, uid: int = UID, recording: str = ONE, pid: int = 1
    ) -> Surveyed | str:
        """Begin and survey to the end; the outline, or why not."""
        reply = await self.ask(BeginOpening(tenant="main", recording=recording, grant=grant, backing=backing), uid, pid)
        while isinstance(reply, Surveyed) and not reply.last:
            reply = await self.ask(GoOnSurveying(grant=grant.index), uid, pid)
        if isinstance(reply, Failed):
            return reply.why
        assert isinstance(reply, Surveyed)
        return reply

    async def why_not(self, grant: Entered, *backing: Entered, uid: int = UID, recording: str = ONE) -> str:
        reply = await self.begin(grant, *backing, uid=uid, recording=recording)
        assert isinstance(reply, str), reply
        return reply

    async def window(
        self, grant: Entered, first: int = 0, samples: int = 800, uid: int = UID, pid: int = 1
    ) -> bytes | str:
        reply = await self.ask(OpenWindow(grant=grant.index, first=first, samples=samples), uid, pid)
        return reply.sound if isinstance(reply, Window) else getattr(reply, "why", "?")

    @property
    def path(self) -> Path:
        return self.folder / "recordings" / "main" / f"{ONE}.overt"


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    clock, signing = Clock(), Ed25519PrivateKey.generate()
    files = LedgerFiles(tmp_path / "ledger")
    notary = Notary(files, signing, "main", clock.now_us)
    public = signing.public_key().public_bytes_raw()
    accounts = Accounts(
        {UID: Actor("ada", "compliance", UID), OTHER: Actor("bob", "compliance", OTHER)},
        VerifierKey(origin_of("main", public), public), OWN, AccountEntries(tmp_path / "ledger" / "entries.log"),
    )  # fmt: skip
    made = World(tmp_path, clock, notary, accounts)
    made.seal(ONE)
    committing = asyncio.create_task(notary.commit_forever())
    yield made
    committing.cancel()
    files.close()


# ------------------------------------------------------------------------------------------- it opens


@pytest.mark.asyncio
async def test_a_grant_opens_through_real_sockets_window_by_window(world: World) -> None:
    made = [
        FrameServer(world.folder / "notary.sock", world.notary.handle),
        FrameServer(
            world.folder / "opener.sock", lambda frame, asker: world.counter.answer(frame, Asker(asker.pid, UID))
        ),
    ]
    for server in made:
        await server.start()
    permit, end = await world.permit(), await world.enter("recording.closed", **world.ends[ONE])
    ledger = NotaryClient(world.folder / "notary.sock")
    grant = as_receipt(await world.grant())
    backing = [await ledger.prove(permit.index), await ledger.prove(end.index)]
    opener = OpenerClient(world.folder / "opener.sock")
    opening = await opener.begin("main", ONE, grant, backing, peaks=True)
    outline = opening.outline
    assert outline.samples > SAMPLES and (outline.first, outline.end) == (0, outline.samples)
    assert outline.chunks == world.ends[ONE]["chunks"] and outline.bucket_us * 2000 >= outline.samples * 125
    assert set(outline.peaks) == {"caller", "agent"} and max(outline.peaks["caller"]) > 100
    assert [span.kind for span in outline.spans] == ["prompt", "pause", "prompt"]
    whole = b"".join([await opening.window(at, min(8000, outline.end - at)) for at in range(0, outline.end, 8000)])
    assert len(whole) == 4 * outline.samples
    assert await opening.window(12_345, 67) == whole[4 * 12_345 : 4 * (12_345 + 67)]
    with pytest.raises(NotOpened, match="was used"):
        await opener.begin("main", ONE, grant, backing, peaks=True)
    assert await opening.window(0, 1) == whole[:4]
    await opening.end()
    await until(lambda: not world.counter._openings)
    flat = await opener.begin("main", ONE, as_receipt(await world.grant()), backing, peaks=False)
    assert flat.outline.peaks == {} and flat.outline.samples == outline.samples
    await flat.end()
    ledger.close()
    for server in made:
        await server.stop()


@pytest.mark.asyncio
async def test_whoever_leaves_during_the_survey_leaves_nothing_open(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("overt.adapters.opener_server._STEP_S", -1.0)
    server = FrameServer(world.folder / "opener.sock", lambda frame, asker: slowly(world, frame, asker))
    await server.start()
    permit, grant = as_receipt(await world.permit()), as_receipt(await world.grant())
    begun = asyncio.create_task(
        OpenerClient(world.folder / "opener.sock").begin("main", ONE, grant, [permit], peaks=True)
    )
    await until(lambda: world.counter._openings)
    begun.cancel()
    await until(lambda: not world.counter._openings)
    await server.stop()


async def slowly(world: World, frame: Frame, asker: Asker) -> Frame:
    await asyncio.sleep(0.02 if isinstance(frame, GoOnSurveying) else 0)
    return await world.counter.answer(frame, Asker(asker.pid, UID))  # type: ignore[arg-type]


@pytest.mark.asyncio
async def test_several_listen_at_once_and_each_hears_their_own(world: World) -> None:
    world.seal(TWO, contents=a_call(6, seed=2))
    permits = {ONE: await world.permit(), TWO: await world.permit(TWO)}
    grants = {
        (one, uid): await world.grant(one, actor=name)
        for one in permits
        for uid, name in ((UID, "ada"), (OTHER, "bob"))
    }
    for (one, uid), grant in grants.items():
        assert isinstance(await world.begin(grant, permits[one], uid=uid, recording=one), Surveyed)
    for first in (0, 20_000, 8_000, 40_000):
        heard = {key: await world.window(grant, first, 8000, uid=key[1]) for key, grant in grants.items()}
        assert heard[ONE, UID] == heard[ONE, OTHER] != heard[TWO, UID] == heard[TWO, OTHER]


async def until(holds: object) -> None:
    for _ in range(100):
        if holds():  # type: ignore[operator]
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came to hold")


def as_receipt(entered: Entered) -> Receipt:
    return Receipt(entered.index, entered.entry, entered.size, tuple(entered.proof), entered.checkpoint)


@pytest.mark.asyncio
async def test_a_seek_in_an_hour_opens_a_handful_of_chunks(world: World) -> None:
    frames = [(track, one) for half in range(7200) for track, one in _still(half)]
    world.seal(TWO, contents=frames)
    grant = await world.grant(TWO)
    outline = await world.begin(grant, await world.permit(TWO), recording=TWO)
    assert isinstance(outline, Surveyed) and outline.samples == 3600 * 8000 and outline.chunks == 14_402
    for first in (0, 1_234_567, 3599 * 8000):
        samples = min(LARGEST_WINDOW, outline.samples - first)
        reply = await world.ask(OpenWindow(grant=grant.index, first=first, samples=samples))
        assert isinstance(reply, Window) and reply.opened <= 22


def _still(half: int) -> list[Content]:
    from overt.vault.track import Run, encode_run

    at = 7_000_000_000 + half * 500_000_000
    return [
        (track, encode_run(Run(0, half * 25 & 0xFFFF, half * 4000, at, 160, 160, bytes([half % 128]) * 4000)))
        for track in (1, 2)
    ]


@pytest.mark.asyncio
async def test_a_long_survey_gives_way_to_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("overt.adapters.opener_server._STEP_S", -1.0)
    permit, grant, other = await world.permit(), await world.grant(), await world.grant()
    first = await world.ask(BeginOpening(tenant="main", recording=ONE, grant=grant, backing=(permit,)))
    assert isinstance(first, Surveyed) and not first.last
    assert "the survey is not over" in str(await world.window(grant))
    assert isinstance(await world.begin(other, permit), Surveyed)
    seen = [first.permille]
    while isinstance(step := await world.ask(GoOnSurveying(grant=grant.index)), Surveyed):
        seen.append(step.permille)
        if step.last:
            break
    assert seen == sorted(seen) and len(seen) > 4 and seen[-1] == 1000
    assert len(await world.window(grant)) == 3200
    assert "survey is over" in str(getattr(await world.ask(GoOnSurveying(grant=grant.index)), "why", ""))


# ------------------------------------------------------------------------------------ what is refused


@pytest.mark.asyncio
async def test_only_a_grant_for_this_recording_and_account_opens(world: World) -> None:
    world.seal(TWO)
    permit, other_permit = await world.permit(), await world.permit(TWO)
    refusals = {
        "the entry is no grant": permit,
        "for another recording": await world.grant(TWO),
        "for somebody else": await world.grant(actor="bob"),
        "no part that there can be": await world.grant(from_ms=1000, to_ms=1000),
        "unknown purpose": await world.grant(purpose="curiosity", document="x"),
        "needs --document": await world.grant(purpose="order"),
        "to delete a recording opens nothing": await world.grant(action="delete"),
        "to list a recording opens nothing": await world.grant(action="list"),
        "to show a recording opens nothing": await world.grant(action="show"),
        "the caller was told": await world.grant(purpose="crime", document=""),
    }
    refusals["needs --document, naming"] = refusals.pop("the caller was told")
    for why, grant in refusals.items():
        assert why in await world.why_not(grant, permit), why
    for part in ({"from_ms": -1}, {"from_ms": None}, {"to_ms": "9"}, {"to_ms": -2}, {"from_ms": True}):
        assert "no part that there can be" in await world.why_not(await world.grant(**part), permit), part
    grant = await world.grant()
    assert "no account is bound to the user id 99" in await world.why_not(grant, permit, uid=STRANGER)
    assert "permit is missing" in await world.why_not(grant)
    assert "permit is missing" in await world.why_not(grant, other_permit)
    assert isinstance(await world.begin(grant, permit), Surveyed)


@pytest.mark.asyncio
async def test_only_those_hear_whom_the_policy_of_the_call_lets(world: World) -> None:
    for listeners, why in ((["supervisor"], "only supervisor"), ([], "nobody")):
        permit = await world.permit(listeners=listeners, policy="Orders", policy_version=3)  # type: ignore[arg-type]
        expected = f"the policy «Orders» of this call lets {why} hear it, not the role compliance"
        assert expected in await world.why_not(await world.grant(), permit)
    permit = await world.permit(listeners=["supervisor", "compliance"], policy="Orders")
    assert isinstance(await world.begin(await world.grant(), permit), Surveyed)


async def test_a_receipt_that_does_not_hold_opens_nothing(world: World) -> None:
    permit, grant = await world.permit(), await world.grant()
    await world.grant()
    later = await world.grant()
    stranger = Ed25519PrivateKey.generate()
    forged = Notary(LedgerFiles(world.folder / "forged"), stranger, "main", world.clock.now_us)
    committing = asyncio.create_task(forged.commit_forever())
    notary, world.notary = world.notary, forged
    foreign_permit, foreign = await world.permit(), await world.grant()
    world.notary = notary
    committing.cancel()
    broken = [
        foreign,
        replaced(grant, entry=grant.entry.replace(b"ada", b"eve")),
        replaced(grant, index=grant.index + 1),
        replaced(grant, proof=()),
        replaced(grant, size=later.size),
        replaced(grant, checkpoint=later.checkpoint),
        replaced(grant, checkpoint=grant.checkpoint.replace("—", "-")),
        replaced(grant, checkpoint=""),
        replaced(grant, entry=b"{}"),
    ]
    for one in broken:
        assert "the receipt does not hold" in await world.why_not(one, permit)
    assert "the receipt does not hold" in await world.why_not(grant, foreign_permit)
    assert "the receipt does not hold" in await world.why_not(grant, replaced(permit, proof=(b"x" * 32,)))
    assert isinstance(await world.begin(grant, permit), Surveyed)


def replaced(receipt: Entered, **other: object) -> Entered:
    held = {name: getattr(receipt, name) for name in ("index", "entry", "size", "proof", "checkpoint")}
    return Entered(**(held | other))


@pytest.mark.asyncio
async def test_a_grant_begins_once_and_soon(world: World) -> None:
    permit, grant, old = await world.permit(), await world.grant(), await world.grant()
    assert isinstance(await world.begin(grant, permit), Surveyed)
    assert "was used" in await world.why_not(grant, permit)
    assert len(await world.window(grant)) == 3200  # who asks again does not lose what is open
    assert isinstance(await world.ask(EndOpening(grant=grant.index)), Done)
    assert "was used" in await world.why_not(grant, permit)
    assert "not any more" in str(await world.window(grant))
    world.clock.now += 301 * SECOND_US
    assert "too old" in await world.why_not(old, permit)
    fresh = await world.grant()
    world.clock.now -= 20 * SECOND_US
    assert "from the future" in await world.why_not(fresh, permit)


@pytest.mark.asyncio
async def test_an_opener_that_started_later_knows_not_what_was_used(world: World) -> None:
    permit, grant = await world.permit(), await world.grant()
    world.clock.now += SECOND_US
    world.start()
    assert "older than this opener" in await world.why_not(grant, permit)


@pytest.mark.asyncio
async def test_nothing_outside_a_granted_part_is_given(world: World) -> None:
    permit = await world.permit()
    whole = await world.grant()
    await world.begin(whole, permit)
    grant = await world.grant(from_ms=3000, to_ms=4000)
    outline = await world.begin(grant, permit)
    assert isinstance(outline, Surveyed) and (outline.first, outline.end) == (24_000, 32_000)
    assert all(24_000 <= span[2] < span[3] <= 32_000 for span in outline.spans)
    assert await world.window(grant, 24_000, 8000) == await world.window(whole, 24_000, 8000)
    for first, samples in (
        (23_999, 1),
        (23_999, 2),
        (31_999, 2),
        (32_000, 1),
        (0, 100),
        (24_000, 0),
        (24_000, -5),
        (-5, 5),
    ):
        assert "no window of what was granted" in str(await world.window(grant, first, samples)), (first, samples)
    assert "no window" in str(await world.window(whole, 0, LARGEST_WINDOW + 1))
    assert len(await world.window(grant, 31_999, 1)) == 4
    tail = await world.grant(from_ms=4000, to_ms=10**9)
    outline = await world.begin(tail, permit)
    assert isinstance(outline, Surveyed) and outline.end == outline.samples
    beyond = await world.grant(from_ms=10**9)
    assert "does not have" in await world.why_not(beyond, permit)


@pytest.mark.asyncio
async def test_an_interrupted_recording_opens_to_the_end_in_the_ledger(world: World) -> None:
    world.seal(TWO, ended=False)
    permit = await world.permit(TWO)
    assert "no authenticated end" in await world.why_not(await world.grant(TWO), permit, recording=TWO)
    end = await world.enter("recording.interrupted", **world.ends[TWO])
    assert isinstance(await world.begin(await world.grant(TWO), permit, end, recording=TWO), Surveyed)
    wrong = await world.enter("recording.interrupted", **{**world.ends[TWO], "head": "00" * 32})
    assert "does not end as the ledger states" in await world.why_not(
        await world.grant(TWO), permit, wrong, recording=TWO
    )
    foreign = await world.enter("recording.closed", **world.ends[ONE])
    assert "no authenticated end" in await world.why_not(await world.grant(TWO), permit, foreign, recording=TWO)


@pytest.mark.asyncio
async def test_altered_anywhere_nothing_is_given(world: World) -> None:
    permit, end = await world.permit(), await world.enter("recording.closed", **world.ends[ONE])
    whole = world.path.read_bytes()
    cases = [
        (whole[:-50], "end inside a record"),
        (whole[:400] + bytes([whole[400] ^ 1]) + whole[401:], "cannot be opened"),
        (whole[:-1] + bytes([whole[-1] ^ 1]), "it was altered"),
        (whole + whole[-100:], "no record of version 1"),
        (b"", "no authenticated end"),
    ]
    for altered, why in cases:
        world.path.write_bytes(altered)
        assert why in await world.why_not(await world.grant(), permit)
    for at in range(40, len(whole), len(whole) // 15):  # with the ledger's end: wherever a byte differs
        world.path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        world.clock.now += 5 * SECOND_US
        grant = await world.grant()
        reply = await world.ask(BeginOpening(tenant="main", recording=ONE, grant=grant, backing=(permit, end)))
        assert isinstance(reply, Failed), at  # at once, or in the first step: before any sound
        assert "not any more" in str(await world.window(grant))
    world.path.write_bytes(whole)
    world.clock.now += 61 * SECOND_US
    world.start(OpeningKey(bytes(96)))
    assert "is sealed to key" in await world.why_not(await world.grant(), permit)
    world.start()
    SqliteErasures(world.folder / "erasures.sqlite").destroy("main", ONE, 1)
    assert "was erased" in await world.why_not(await world.grant(), permit)


@pytest.mark.asyncio
async def test_what_is_altered_or_erased_while_it_plays_is_given_no_longer(world: World) -> None:
    permit = await world.permit()
    playing, other = await world.grant(), await world.grant()
    for grant in (playing, other):
        assert isinstance(await world.begin(grant, permit), Surveyed)
    whole = world.path.read_bytes()
    with world.path.open("r+b") as file:
        file.seek(len(whole) // 2)
        file.write(b"\0" * 3000)
    assert len(await world.window(playing, 0, 8000)) == 32_000  # what is still as it was sealed
    assert "it was altered" in str(await world.window(playing, 30_000, 20_000))
    assert "not any more" in str(await world.window(playing, 0, 8000))
    SqliteErasures(world.folder / "erasures.sqlite").destroy("main", ONE, 1)
    assert "was erased" in str(await world.window(other, 0, 8000))
    assert not world.counter._openings


@pytest.mark.asyncio
async def test_a_file_renamed_while_it_plays_plays_on(world: World) -> None:
    permit, grant = await world.permit(), await world.grant()
    await world.begin(grant, permit)
    world.path.rename(world.path.with_suffix(".part"))
    assert len(await world.window(grant, 0, 8000)) == 32_000


@pytest.mark.asyncio
async def test_it_is_rate_limited_by_account(world: World) -> None:
    permit = await world.permit()
    for _ in range(MOST_GRANTS_A_MINUTE):
        grant = await world.grant()
        assert isinstance(await world.begin(grant, permit), Surveyed)
        await world.ask(EndOpening(grant=grant.index))
    assert "a minute; wait" in await world.why_not(await world.grant(), permit)
    assert isinstance(await world.begin(await world.grant(actor="bob"), permit, uid=OTHER), Surveyed)
    world.clock.now += 61 * SECOND_US
    assert isinstance(await world.begin(await world.grant(), permit), Surveyed)


@pytest.mark.asyncio
async def test_it_does_nothing_else(world: World) -> None:
    reply = await world.ask(Append(id="", tenant="", kind="", at_us=0, call="", body={}, personal={}))
    assert isinstance(reply, Failed)
    assert "nothing is open" in str(await world.window(await world.grant()))
    assert isinstance(await world.ask(EndOpening(grant=7)), Done)


@pytest.mark.asyncio
async def test_nobody_else_gets_what_is_open(world: World) -> None:
    permit, grant = await world.permit(), await world.grant()
    assert isinstance(await world.begin(grant, permit), Surveyed)
    for uid, pid in ((OTHER, 1), (UID, 2), (OWN, 1)):
        assert "nothing is open" in str(await world.window(grant, uid=uid, pid=pid))
        await world.ask(EndOpening(grant=grant.index), uid, pid)
    assert "somebody else" in await world.why_not(grant, permit, uid=OTHER)
    assert len(await world.window(grant)) == 3200


@pytest.mark.asyncio
async def test_only_so_many_are_open_at_once_and_idle_ones_end(world: World) -> None:
    permit = await world.permit()
    for number in range(MOST_AT_ONCE):
        world.clock.now += 2 * SECOND_US + SECOND_US // 2
        last = await world.grant()
        assert isinstance(await world.begin(last, permit), Surveyed), number
    assert "too many recordings" in await world.why_not(await world.grant(), permit)
    world.clock.now += IDLE_US - SECOND_US
    assert len(await world.window(last)) == 3200
    world.clock.now += 2 * SECOND_US
    assert len(await world.window(last)) == 3200 and len(world.counter._openings) == 1
    assert isinstance(await world.begin(await world.grant(), permit), Surveyed)
    for _ in range(LONGEST_US // IDLE_US + 1):
        world.clock.now += IDLE_US
        kept = await world.window(last)
    assert "not any more" in str(kept)


# ------------------------------------------------------------------------------ accounts of the console


@pytest.mark.asyncio
async def test_the_web_process_speaks_for_an_account_with_its_entry(world: World) -> None:
    permit, account = await world.permit(), await world.account(kind="added")
    await world.account("dora")
    grant = await world.grant(actor="cleo", role="supervisor")
    assert "may not speak for accounts" in await world.why_not(grant, permit, account, uid=UID)
    assert "no account is bound" in await world.why_not(grant, permit, uid=OWN)
    assert isinstance(await world.begin(grant, permit, account, uid=OWN), Surveyed)
    assert len(await world.window(grant, uid=OWN)) == 3200


@pytest.mark.asyncio
async def test_an_account_is_believed_only_as_its_newest_entry_states_it(world: World) -> None:
    permit = await world.permit()
    old = await world.account("cleo", "administrator", kind="added")
    now = await world.account("cleo", "supervisor")
    other, closed = await world.account("dora", "compliance"), await world.account("emil", state="closed")
    agent = await world.account("finn", "agent")
    locked = await world.enter("account.locked", account="cleo", failures=5, until_us=9)

    async def why(backing: Entered, **grant: Json) -> str:
        return await world.why_not(
            await world.grant(**{"actor": "cleo", "role": "supervisor", **grant}), permit, backing, uid=OWN
        )

    assert "was changed or closed since" in await why(old, role="administrator")
    assert "another role" in await why(old)
    assert "another role" in await why(now, role="administrator")
    assert "somebody else" in await why(other)
    assert "is closed" in await why(closed, actor="emil")
    assert "the role agent may not play" in await why(agent, actor="finn", role="agent")
    assert "the role supervisor may not export" in await why(now, action="export")
    assert "no account is bound" in await why(locked)
    assert isinstance(
        await world.begin(await world.grant(actor="cleo", role="supervisor"), permit, now, uid=OWN), Surveyed
    )


@pytest.mark.asyncio
async def test_an_account_that_closes_hears_no_more_from_that_moment(world: World) -> None:
    permit, account = await world.permit(), await world.account()
    grant = await world.grant(actor="cleo", role="supervisor")
    await world.begin(grant, permit, account, uid=OWN)
    assert len(await world.window(grant, uid=OWN)) == 3200
    await world.account(state="closed")
    assert "was changed or closed since" in str(await world.window(grant, uid=OWN))
    assert "not any more" in str(await world.window(grant, uid=OWN))


@pytest.mark.asyncio
async def test_a_log_that_is_gone_cut_or_old_refuses(world: World) -> None:
    permit, account = await world.permit(), await world.account()
    log = world.folder / "ledger" / "entries.log"

    spoils: dict[str, Callable[[bytes], object]] = {
        "was changed or closed since": lambda kept: log.write_bytes(b"".join(kept.splitlines(True)[:1])),
        "behind, or was cut": lambda kept: log.write_bytes(b"".join(kept.splitlines(True)[:-1])),
        "cannot be read; `overt": lambda kept: log.write_bytes(kept.replace(b'"account":"cleo"', b'"account" :"cleo"')),
        "cannot be read: No such file": lambda kept: log.rename(log.with_suffix(".away")),
    }
    for wanted, spoil in spoils.items():
        world.follow_anew()
        grant, kept = await world.grant(actor="cleo", role="supervisor"), log.read_bytes()
        spoil(kept)
        assert wanted in await world.why_not(grant, permit, account, uid=OWN), wanted
        log.write_bytes(kept)
    world.follow_anew()
    gone = await world.account("gus")
    grant = await world.grant(actor="gus", role="supervisor")
    lines = log.read_bytes().splitlines(True)
    log.write_bytes(b"".join(lines[: gone.index - 1] + lines[gone.index :]))  # a line taken out: all after it move
    assert "since" in await world.why_not(grant, permit, gone, uid=OWN)


@pytest.mark.asyncio
async def test_the_log_is_followed_across_blocks_and_torn_lines(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("overt.adapters.opener_accounts._BLOCK", 700)
    monkeypatch.setattr("overt.adapters.opener_accounts._MOST_GRANTS", 2)
    for number in range(10):
        await world.account(f"cleo{number}")
    account, grants = await world.account(), [await world.grant(), await world.grant(), await world.grant()]
    log = world.folder / "ledger" / "entries.log"
    with log.open("ab") as file:
        file.write(b'{"kind":"account.changed" torn')
    known = AccountEntries(log)
    assert len(list(known.catch_up())) > 3
    assert known.newest("cleo") == (account.index, account.entry) and known.newest("nobody") is None
    assert known.granted(grants[0].index) is None and known.granted(grants[2].index) == grants[2].entry


def test_the_opener_knows_its_own_uid_in_a_namespace_too() -> None:
    assert os.getuid() == os.stat("/proc/self").st_uid
