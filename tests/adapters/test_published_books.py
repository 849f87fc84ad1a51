"""The published books, read from a real notary's files: the newest one that the ledger signed, and no other."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from overt.adapters import key_files, lone_change, proven_entries
from overt.adapters.ledger_files import read_checkpoint
from overt.adapters.memory import MemoryLedger, MemoryPublications
from overt.adapters.notary_client import NotaryClient
from overt.adapters.published_books import Proof, PublishedBooks
from overt.adapters.system_clock import SystemClock, known_timezones, local_time
from overt.domain.book_toml import LARGEST_BYTES
from overt.domain.facts import Fact
from overt.ports import Ledger, Receipt, Unavailable
from overt.services.governing import KIND, Publications
from overt.services.publishing import LONGEST_CHANGES

CLOCK = SystemClock()


def publication(version: int, text: str = "a book", changes: str = "") -> Fact:
    """A book, as it is entered."""
    body = {
        "version": version,
        "sha256": "ab",
        "by": "dana",
        "reason": f"«{KIND}»",
        "law_version": "",
        "law_sha256": "",
    }
    return Fact(CLOCK.new_id(), "main", KIND, CLOCK.now_us(), "", body, {"book": text, "changes": changes})  # type: ignore[arg-type]


def other() -> Fact:
    """An entry that speaks of a publication and is none."""
    body = {"what": '"kind":"policy.published"', "setting": "x", "consequence": "y"}
    return Fact(CLOCK.new_id(), "main", "call.failed", CLOCK.now_us(), "c", body)  # type: ignore[arg-type]


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


def books(folder: Path, ledger: NotaryClient | None = None) -> PublishedBooks:
    """The books of a folder, proven where a ledger is given."""
    proof = Proof(ledger, key_files.load_verifier_key(folder / key_files.VERIFIER_KEY)) if ledger is not None else None
    return PublishedBooks(folder / "ledger" / "main", folder / "run" / "policy.lock", proof)


@pytest.fixture(params=["memory", "notary"])
async def world(request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[tuple[Ledger, Publications]]:
    """Each implementation of Publications, with the ledger that it reads."""
    if request.param == "memory":
        ledger = MemoryLedger()
        yield ledger, MemoryPublications(ledger)
        return
    async with notary(folder) as client:
        yield client, books(folder, client)


async def test_the_newest_rules_and_all_are_kept(world: tuple[Ledger, Publications]) -> None:
    ledger, published = world
    assert await published.newest() is None and list(published.all()) == []
    await ledger.enter(other())
    assert await published.newest() is None
    for version in (1, 2):
        receipt = await ledger.enter(publication(version, f"book {version}", "one\ntwo"))
        await ledger.enter(other())
        newest = await published.newest()
        assert newest is not None and (newest.index, newest.kind, newest.call) == (receipt.index, KIND, "")
        assert newest.body["version"] == version
        assert newest.personal == {"book": f"book {version}", "changes": "one\ntwo"}
    assert [one.body["version"] for one in published.all()] == [1, 2]


async def test_one_at_a_time_publishes(world: tuple[Ledger, Publications]) -> None:
    _, published = world
    inside, most = 0, 0

    async def publishing() -> None:
        nonlocal inside, most
        async with published.alone():
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.01)
            inside -= 1

    await asyncio.gather(*(publishing() for _ in range(4)))
    assert most == 1


async def test_who_waits_too_long_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lone_change, "_PATIENCE_S", 0.2)
    async with books(folder).alone():
        with pytest.raises(Unavailable, match="somebody else is publishing"):
            async with books(folder).alone():
                pass


async def test_a_book_of_the_largest_size_goes_into_the_ledger(folder: Path) -> None:
    async with notary(folder) as client:
        text, changes = "é" * (LARGEST_BYTES // 2), "𝕏" * LONGEST_CHANGES
        await client.enter(publication(1, text, changes))
        newest = await books(folder, client).newest()
    assert newest is not None and newest.personal == {"book": text, "changes": changes}


async def test_what_was_written_into_the_log_by_hand_rules_nothing(folder: Path) -> None:
    log = folder / "ledger" / "main" / "entries.log"
    async with notary(folder) as client:
        await client.enter(publication(1))
        published = books(folder, client)
        first = await published.newest()
        line = json.loads(log.read_bytes().split(b"\n")[0])
        forged = json.dumps({**line, "id": "forged", "body": {**line["body"], "version": 2}}, sort_keys=True, separators=(",", ":"),
                            ensure_ascii=False)  # fmt: skip
        with log.open("a") as file:
            file.write(forged + "\n")
        assert await published.newest() == first  # no checkpoint speaks of it
        await client.enter(other())  # now one of that size does, and of another entry in that place
        with pytest.raises(Unavailable, match="entry 1, a policy book, is not what the ledger signed"):
            await published.newest()
        with pytest.raises(Unavailable, match="is not what the ledger signed"):
            await books(folder, client).newest()


async def test_what_was_changed_in_the_log_rules_nothing(folder: Path) -> None:
    log = folder / "ledger" / "main" / "entries.log"
    async with notary(folder) as client:
        await client.enter(publication(1))
        log.write_bytes(log.read_bytes().replace(b'"version":1', b'"version":9'))
        with pytest.raises(Unavailable, match="not what the ledger signed"):
            await books(folder, client).newest()


async def test_another_book_in_the_same_place_is_not_taken_for_the_one_that_was_proven(folder: Path) -> None:
    log = folder / "ledger" / "main" / "entries.log"
    async with notary(folder) as client:
        await client.enter(publication(1))
        published = books(folder, client)
        first = await published.newest()
        assert first is not None and await published.newest() is first
        swapped = log.read_bytes().replace(b'"version":1', b'"version":9')
        log.with_name("other").write_bytes(swapped)
        log.with_name("other").replace(log)
        with pytest.raises(Unavailable, match="not what the ledger signed"):
            await published.newest()


class Twisted:
    """A ledger whose receipts are not what they should be."""

    def __init__(self, ledger: NotaryClient, **changed: object) -> None:
        self._ledger, self._changed = ledger, changed

    async def enter(self, fact: Fact) -> Receipt:
        raise AssertionError

    async def prove(self, index: int) -> Receipt:
        return replace(await self._ledger.prove(index), **self._changed)  # type: ignore[arg-type]


async def test_a_receipt_that_does_not_hold_proves_nothing(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    key_files.generate(tmp_path / "elsewhere", "main")
    async with notary(folder) as client:
        await client.enter(other())
        await client.enter(publication(1))
        key = key_files.load_verifier_key(folder / key_files.VERIFIER_KEY)
        foreign = key_files.load_verifier_key(tmp_path / "elsewhere" / key_files.VERIFIER_KEY)
        for twist in ({"index": 0}, {"size": 1}, {"proof": (b"x" * 32,)}, {"entry": b"{}"}, {"checkpoint": "nonsense"}):
            proof = Proof(Twisted(client, **twist), key)  # type: ignore[arg-type]
            with pytest.raises(Unavailable, match="ledger: "):
                await PublishedBooks(folder / "ledger" / "main", folder / "run" / "lock", proof).newest()
        with pytest.raises(Unavailable, match="does not hold"):
            await PublishedBooks(folder / "ledger" / "main", folder / "run" / "lock", Proof(client, foreign)).newest()
        assert await books(folder, client).newest() is not None


async def test_the_log_is_read_on_across_blocks_and_anew_when_it_was_mended(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proven_entries, "_BLOCK", 700)
    log = folder / "ledger" / "main" / "entries.log"
    async with notary(folder) as client:
        published = books(folder)
        for version in range(1, 6):
            for _ in range(3):
                await client.enter(other())
            receipt = await client.enter(publication(version))
            newest = await published.newest()
            assert newest is not None and (newest.index, newest.body["version"]) == (receipt.index, version)
    whole = log.read_bytes()
    log.write_bytes(whole + b'{"torn":')
    assert [one.body["version"] for one in published.all()] == [1, 2, 3, 4, 5]
    log.write_bytes(b"".join(one + b"\n" for one in whole.split(b"\n")[:4]))  # cut short
    assert [one.body["version"] for one in published.all()] == [1]


async def test_what_cannot_be_read_is_said(folder: Path) -> None:
    ledger = folder / "ledger" / "main"
    async with notary(folder) as client:
        await client.enter(publication(1))
    with sqlite3.connect(ledger / "personal.sqlite") as rows:
        rows.execute("DELETE FROM personal WHERE field = 'book'")
    rows.close()
    (erased,) = books(folder).all()
    assert set(erased.personal) == {"changes"}
    (ledger / "personal.sqlite").rename(ledger / "elsewhere")
    with pytest.raises(Unavailable, match="cannot be read"):
        books(folder).all()
    assert read_checkpoint(ledger)
    (ledger / "checkpoint").write_text("nonsense")
    with pytest.raises(Unavailable, match="cannot be read"):
        books(folder).all()
    (ledger / "checkpoint").unlink()
    assert list(books(folder).all()) == []


def test_local_time_is_of_the_zone_and_its_season() -> None:
    noon_us = 1_782_900_000_000_000  # 2026-07-01, a Wednesday, 10:00 UTC
    assert local_time("UTC", noon_us) == (2, 600)
    assert local_time("Europe/Berlin", noon_us) == (2, 720) and local_time("America/Los_Angeles", noon_us) == (2, 180)
    winter_us = 1_767_308_400_000_000  # 2026-01-01, a Thursday, 23:00 UTC
    assert local_time("Europe/Berlin", winter_us) == (4, 0)
    for strange in ("Mars/Olympus", "", "../etc/passwd", "Europe"):
        with pytest.raises(Unavailable, match="tzdata"):
            local_time(strange, noon_us)
    assert {"UTC", "Europe/Berlin", "America/New_York"} <= known_timezones()
