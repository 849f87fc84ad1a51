"""Clients in a real ledger, kept by commands and followed by a signaller; the secrets of digests on disk."""

from __future__ import annotations

import asyncio
import json
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from overt.adapters import key_files
from overt.adapters.digest_secrets import DigestSecrets
from overt.adapters.memory import MemoryLedger
from overt.adapters.memory_clients import MemoryRegistrations
from overt.adapters.notary_client import NotaryClient
from overt.adapters.system_clock import SystemClock
from overt.compose.registering import begin_register, client_rooms, registrations
from overt.config import Settings, parse_settings
from overt.domain.errors import ClientRefused
from overt.domain.facts import Fact
from overt.ports import Ledger, Unavailable
from overt.services.client_register import ClientRegister
from overt.services.clients import Registrations, Signed, add, listed, read_register, remove
from overt.wire.sip import digest

CLOCK = SystemClock()
DANA = Signed("Dana Wu", "contract 7", "root", "command")
FIELDS = {"name": "sbc", "mode": "siprec", "address": ["192.0.2.7"], "agents": ["+14045550100"]}
PASSWORD = "correct horse battery"


def settings(text: str = "") -> Settings:
    """Settings with this in them."""
    return parse_settings(f'failure = "end-call"\n{text}')


@asynccontextmanager
async def notary(folder: Path) -> AsyncIterator[NotaryClient]:
    """A running notary."""
    process = subprocess.Popen([sys.executable, "-m", "overt.compose.notary", str(folder)], stderr=subprocess.DEVNULL)
    client = NotaryClient(folder / "run" / "notary.sock", 8)
    try:
        yield client
    finally:
        client.close()
        process.kill()
        process.wait()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with a ledger's keys."""
    (tmp_path / "run").mkdir()
    key_files.generate(tmp_path, "main")
    return tmp_path


@pytest.fixture(params=["memory", "notary"])
async def world(request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[tuple[Ledger, Registrations]]:
    """Each implementation of Registrations, with the ledger that it reads."""
    if request.param == "memory":
        ledger = MemoryLedger()
        yield ledger, MemoryRegistrations(ledger)
        return
    async with notary(folder) as client:
        yield client, registrations(folder, settings(), client)


def fact(kind: str, body: dict[str, object], call: str = "", **personal: str) -> Fact:
    """A fact of now."""
    return Fact(CLOCK.new_id(), "main", kind, CLOCK.now_us(), call, body, personal)  # type: ignore[arg-type]


async def test_the_entries_about_clients_and_no_others(world: tuple[Ledger, Registrations]) -> None:
    ledger, known = world
    assert await known.entries() == []
    await ledger.enter(fact("client.added", {"client": "a", "why": '"kind":"client.removed"'}, agents="+1404"))
    await ledger.enter(fact("call.failed", {"what": '"kind":"client.removed"', "setting": "client."}, "c1"))
    await ledger.enter(fact("client.removed", {"client": "a", "why": "w"}))
    found = await known.entries()
    assert [(one.index, one.kind) for one in found] == [(0, "client.added"), (2, "client.removed")]
    assert found[0].personal == {"agents": "+1404"}
    assert read_register(found) == {} and set(read_register(found[:1])) == {"a"}


async def test_what_mentions_an_id_is_its_story(world: tuple[Ledger, Registrations]) -> None:
    ledger, known = world
    assert known.mentions("c1") == []
    await ledger.enter(fact("call.offered", {"line": "l", "trunk": "sbc"}, "c1"))
    await ledger.enter(fact("call.offered", {"line": "l", "trunk": "c1 and more"}, "c2"))
    await ledger.enter(fact("recording.permitted", {"recording": "c1"}, "c3"))
    assert [(one.index, one.kind, one.call) for one in known.mentions("c1")] == [
        (0, "call.offered", "c1"), (2, "recording.permitted", "c3"),
    ]  # fmt: skip


async def test_a_running_signaller_takes_and_leaves_a_client_within_a_second(folder: Path) -> None:
    said = settings('[[trunk]]\nname = "carrier"\naddresses = ["198.51.100.1"]\n')
    async with notary(folder) as ledger:
        troubles: list[Exception | str] = []
        register = await begin_register(folder, said, ledger, troubles.append)
        assert [one.name for one in register.clients()] == ["carrier"]
        following = asyncio.create_task(register.follow())
        other = NotaryClient(folder / "run" / "notary.sock")  # as a command's own process has one
        rooms = client_rooms(folder, said, other)
        for change, names in (
            (add(rooms, FIELDS, DANA), ["carrier", "sbc"]),
            (remove(rooms, "sbc", DANA), ["carrier"]),
        ):
            await change
            done = time.monotonic()
            while [one.name for one in register.clients()] != names:
                assert time.monotonic() - done < 1
                await asyncio.sleep(0.01)
        following.cancel()
        other.close()
        assert troubles == []


async def test_a_client_that_somebody_wrote_into_the_log_brings_no_calls(folder: Path) -> None:
    async with notary(folder) as ledger:
        rooms = client_rooms(folder, settings(), ledger)
        await add(rooms, FIELDS, DANA)
        troubles: list[Exception | str] = []
        register = await begin_register(folder, settings(), ledger, troubles.append)
        log = folder / "ledger" / "main" / "entries.log"
        log.write_bytes(log.read_bytes().replace(b"192.0.2.7", b"203.0.113"))
        later = await begin_register_anew(folder, ledger, troubles)
        assert later.clients() == () and "entry 0, an entry about a client, is not what the ledger signed" in str(
            troubles[0]
        )
        await register.look()
        assert [one.addresses for one in register.clients()] == [("192.0.2.7",)]


async def begin_register_anew(folder: Path, ledger: NotaryClient, troubles: list[Exception | str]) -> ClientRegister:
    """The register of a signaller that starts now, without what overt.toml says."""
    register = ClientRegister(registrations(folder, settings(), ledger), troubles.append)
    await register.look()
    return register


async def test_a_log_that_is_gone_or_broken_is_no_list_of_clients(folder: Path) -> None:
    known = registrations(folder, settings(), None)
    assert await known.entries() == [] and known.mentions("x") == []
    ledger = folder / "ledger" / "main"
    async with notary(folder) as client:
        await client.enter(fact("client.added", {"client": "a"}))
    (ledger / "entries.log").write_bytes(b'{"kind":"client.added","x":"x"}\n')
    with pytest.raises(Unavailable, match="cannot be read"):
        await registrations(folder, settings(), None).entries()
    with pytest.raises(Unavailable, match="cannot be read"):
        known.mentions("x")


# ------------------------------------------------------------------------------------------- secrets


def test_only_hashes_are_kept_and_they_are_those_that_a_digest_is_checked_with(folder: Path) -> None:
    secrets = DigestSecrets(folder / "keys" / "digests.json", "overt")
    assert secrets.fingerprint("sbc") == "" and secrets.find("sbc") is None
    first = secrets.keep("sbc", PASSWORD)
    path = folder / "keys" / "digests.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and PASSWORD not in path.read_text()
    known = secrets.find("sbc")
    assert known is not None and known.fingerprint == first and PASSWORD not in repr(known)
    assert known.ha1 == {name: digest.ha1(name, "sbc", "overt", PASSWORD) for name in digest.ALGORITHMS}
    assert all(one not in repr(known) for one in (*known.ha1.values(), known.salt))
    assert secrets.keep("sbc", PASSWORD) != first  # salted anew: the ledger does not say that it is the same
    assert DigestSecrets(path, "other").find("sbc") is None
    another = DigestSecrets(path, "overt")
    assert another.find("sbc") is not None
    secrets.drop("sbc")
    secrets.drop("sbc")
    assert another.find("sbc") is None  # a reader sees what others change


@pytest.mark.parametrize("password", ["short", "x" * 257])
def test_a_password_that_will_not_do_is_refused(folder: Path, password: str) -> None:
    with pytest.raises(ClientRefused, match="12 to 256 characters"):
        DigestSecrets(folder / "keys" / "digests.json", "overt").keep("sbc", password)


@pytest.mark.parametrize("text", ["", "[]", '{"sbc": {"realm": "overt"}}', '{"sbc": 7}'])
def test_a_broken_file_is_said_and_never_overwritten(folder: Path, text: str) -> None:
    path = folder / "keys" / "digests.json"
    path.write_text(text)
    secrets = DigestSecrets(path, "overt")
    for attempt in (lambda: secrets.find("sbc"), lambda: secrets.keep("sbc", PASSWORD), lambda: secrets.drop("sbc")):
        with pytest.raises(Unavailable, match="not as it was written"):
            attempt()
    assert path.read_text() == text


async def test_keys_that_cannot_be_written_leave_no_client(folder: Path) -> None:
    async with notary(folder) as ledger:
        rooms = client_rooms(folder, settings(), ledger)
        (folder / "keys" / "digests.new").mkdir()
        with pytest.raises(Unavailable, match="digests"):
            await add(rooms, {"name": "d", "digest": "u"}, DANA, PASSWORD)
        assert await listed(rooms) == () and json.loads((await _log(folder)) or "[]") == []


async def _log(folder: Path) -> str:
    log = folder / "ledger" / "main" / "entries.log"
    return log.read_text() if log.exists() else ""
