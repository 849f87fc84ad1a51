"""The contract of ports.Ledger, kept by every implementation."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from overt.adapters import key_files
from overt.adapters.memory import MemoryClock, MemoryLedger
from overt.adapters.notary_client import NotaryClient
from overt.domain.facts import Fact
from overt.ledger.entry import read_entry
from overt.ledger.merkle import included, leaf_hash
from overt.ports import Ledger, NotDurable

CLOCK = MemoryClock()


def fact(**changed: object) -> Fact:
    """A fact of its own."""
    fields: dict[str, object] = {"body": {"line": "a"}, "personal": {"from": "+1"}}
    return Fact(CLOCK.new_id(), "main", "call.offered", CLOCK.now_us(), "c", **{**fields, **changed})  # type: ignore[arg-type]


@pytest.fixture(params=["memory", "notary"])
async def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Ledger]:
    """Each implementation in turn."""
    if request.param == "memory":
        yield MemoryLedger()
        return
    (tmp_path / "run").mkdir()
    key_files.generate(tmp_path, "main")
    process = subprocess.Popen([sys.executable, "-m", "overt.compose.notary", str(tmp_path)])
    client = NotaryClient(tmp_path / "run" / "notary.sock", 8)
    try:
        yield client
    finally:
        client.close()
        process.terminate()
        process.wait()


async def test_entries_stand_in_order_once_and_provable(ledger: Ledger) -> None:
    one, other = fact(), fact()
    first, second = await ledger.enter(one), await ledger.enter(other)
    again = await ledger.enter(one)
    assert (first.index, second.index, again.index) == (0, 1, 0) and again.entry == first.entry
    assert (
        read_entry(second.entry).id == other.id
        and b"+1" not in second.entry.replace(b"+1", b"", 0).split(b'"personal"')[0]
    )
    assert included(leaf_hash(second.entry), 1, second.size, second.proof, _root(first.entry, second.entry))


def _root(*entries: bytes) -> bytes:
    from overt.ledger.merkle import Tree

    return Tree([leaf_hash(one) for one in entries]).root()


async def test_what_cannot_be_written_is_not_durable(ledger: Ledger) -> None:
    with pytest.raises(NotDurable):
        await ledger.enter(fact(body={"line": 0.5}))
    assert (await ledger.enter(fact())).index == 0


async def test_many_at_once_all_stand(ledger: Ledger) -> None:
    receipts = await asyncio.gather(*(ledger.enter(fact()) for _ in range(50)))
    assert sorted(one.index for one in receipts) == list(range(50))
