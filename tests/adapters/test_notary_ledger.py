"""The notary: durable, in order, once; after crashes and on a full disk; and `overt ledger verify` over its files."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from overt import protocol
from overt.adapters import key_files, notary_server
from overt.adapters.ledger_files import LedgerFiles, read_lines, read_personal
from overt.adapters.notary_client import NotaryClient
from overt.adapters.notary_server import Notary, _identities
from overt.adapters.system_clock import SystemClock
from overt.compose.auditing import verdict
from overt.domain.facts import Fact
from overt.faces.cli.root import app
from overt.ledger.entry import read_entry
from overt.ledger.merkle import included, leaf_hash
from overt.ports import NotDurable, Unavailable

CLOCK = SystemClock()


def fact(number: int = 0, **changed: object) -> Fact:
    """A fact with a personal value."""
    fields: dict[str, object] = {"body": {"line": str(number)}, "personal": {"from": "+14155550100"}}
    return Fact(CLOCK.new_id(), "main", "call.offered", CLOCK.now_us(), "c", **{**fields, **changed})  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with a ledger's keys."""
    (tmp_path / "run").mkdir()
    key_files.generate(tmp_path, "main")
    return tmp_path


def start(folder: Path) -> subprocess.Popen[bytes]:
    """A notary process."""
    return subprocess.Popen([sys.executable, "-m", "overt.compose.notary", str(folder)], stderr=subprocess.PIPE)


@contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """End a process afterwards."""
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@asynccontextmanager
async def notary(folder: Path) -> AsyncIterator[tuple[NotaryClient, subprocess.Popen[bytes]]]:
    """A running notary and a client of it."""
    with ended(start(folder)) as process:
        client = NotaryClient(folder / "run" / "notary.sock", patience_s=8)
        try:
            yield client, process
        finally:
            client.close()


async def test_a_receipt_proves_the_entry(folder: Path) -> None:
    async with notary(folder) as (client, _):
        receipts = await asyncio.gather(*(client.enter(fact(number)) for number in range(200)))
        assert sorted(one.index for one in receipts) == list(range(200))
        again = await client.prove(7)
    one = next(one for one in receipts if one.index == 7)
    assert one.entry == again.entry and read_entry(one.entry).kind == "call.offered"
    root = verdict(folder, [], None).root
    assert included(leaf_hash(again.entry), 7, 200, again.proof, bytes.fromhex(root))
    assert verdict(folder, [], None).verified
    assert b"+14155550100" not in (folder / "ledger" / "main" / "entries.log").read_bytes()


async def test_a_fact_enters_once(folder: Path) -> None:
    async with notary(folder) as (client, _):
        one = fact()
        first = await asyncio.gather(client.enter(one), client.enter(one))
        assert {receipt.index for receipt in first} == {0}
        with pytest.raises(NotDurable, match="keeps the ledger of main"):
            await client.enter(Fact("x", "other", "call.offered", 0))
        with pytest.raises(NotDurable, match="floats"):
            await client.enter(fact(body={"line": 1.5}))
        with pytest.raises(NotDurable, match="no such entry"):
            await client.prove(99)


async def test_p11_nothing_acknowledged_is_lost_by_kill_9(folder: Path) -> None:
    acknowledged: dict[str, int] = {}
    for _ in range(4):
        async with notary(folder) as (client, process):
            tasks = [asyncio.create_task(client.enter(fact(number))) for number in range(60)]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            process.send_signal(signal.SIGKILL)
            process.wait()
            for task in tasks:
                if task.done() and not task.exception():
                    acknowledged[read_entry(task.result().entry).id] = task.result().index
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    async with notary(folder) as (client, _):
        await client.enter(fact())
    ids = [read_entry(line).id for line in read_lines(folder / "ledger" / "main")]
    assert acknowledged and all(ids[index] == one for one, index in acknowledged.items())
    assert len(ids) == len(set(ids)) and verdict(folder, [], None).verified


async def test_a_client_survives_its_notary(folder: Path) -> None:
    async with notary(folder) as (client, process):
        await client.enter(fact())
        process.kill()
        process.wait()
        with ended(start(folder)):
            assert (await client.enter(fact())).index == 1


async def test_nobody_there_is_not_durable(tmp_path: Path) -> None:
    with pytest.raises(NotDurable):
        await NotaryClient(tmp_path / "no.sock", patience_s=0.2).enter(fact())


def test_a_cut_ledger_refuses_to_start(folder: Path) -> None:
    asyncio.run(_three(folder))
    log = folder / "ledger" / "main" / "entries.log"
    log.write_bytes(b"".join(line + b"\n" for line in read_lines(log.parent)[:2]))
    process = start(folder)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 3 and b"entries were removed" in said


async def _three(folder: Path) -> None:
    async with notary(folder) as (client, _):
        for number in range(3):
            await client.enter(fact(number))


def test_a_changed_past_is_not_signed(folder: Path) -> None:
    asyncio.run(_three(folder))
    log = folder / "ledger" / "main" / "entries.log"
    log.write_bytes(log.read_bytes().replace(b'"line":"1"', b'"line":"7"'))
    with pytest.raises(Unavailable, match="an entry was changed"):
        LedgerFiles(folder / "ledger" / "main")


def test_a_torn_line_is_cut_and_a_whole_one_signed(folder: Path) -> None:
    asyncio.run(_three(folder))
    log = folder / "ledger" / "main" / "entries.log"
    with log.open("ab") as file:
        file.write(b'{"at_us":')
    files = LedgerFiles(log.parent)
    assert files.tree.size == 3 and log.read_bytes().endswith(b"}\n")
    with pytest.raises(Unavailable, match="another notary"):
        LedgerFiles(log.parent)
    files.close()


def test_a_full_disk_leaves_nothing_torn(folder: Path) -> None:
    if os.geteuid():
        pytest.skip("mounting a small file system needs root")
    disk = folder / "ledger"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)], check=False)
    if mounted.returncode:
        pytest.skip("this machine does not let us mount a small file system")
    try:
        asyncio.run(_fill(folder))
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


async def _fill(folder: Path) -> None:
    async with notary(folder) as (client, _):
        filler = folder / "ledger" / "filler"
        entered = 0
        with pytest.raises(NotDurable):
            while True:
                await NotaryClient(folder / "run" / "notary.sock", 0.5).enter(fact(body={"line": "x" * 4000}))
                entered += 1
                assert entered < 200
        assert not filler.exists() and verdict(folder, [], None).verified
        (folder / "ledger" / "main" / "checkpoint.new").unlink(missing_ok=True)
        subprocess.run(["mount", "-o", "remount,size=2m", str(folder / "ledger")], check=True)
        assert (await client.enter(fact())).index >= entered
    assert verdict(folder, [], None).verified


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda log: log.write_bytes(log.read_bytes().replace(b'"line":"1"', b'"line":"9"')), "entry 1 is the first"),
        (lambda log: log.write_bytes(b"\n".join([*log.read_bytes().split(b"\n")[:1], *log.read_bytes().split(b"\n")[2:]])), "1 of them are missing"),
        (lambda log: log.write_bytes(log.read_bytes()[:-10]), "missing"),
        (lambda log: (log.parent / "checkpoint").write_text("x"), "latest checkpoint"),
    ],
)  # fmt: skip
def test_verify_names_what_is_wrong(folder: Path, damage: object, complaint: str) -> None:
    asyncio.run(_three(folder))
    kept = folder / "kept"
    kept.write_text((folder / "ledger" / "main" / "checkpoint").read_text())
    runner = CliRunner()
    good = runner.invoke(app, ["ledger", "verify", "--data", str(folder), "--against", str(kept), "--json"])
    assert good.exit_code == 0 and json.loads(good.stdout)["size"] == 3
    damage(folder / "ledger" / "main" / "entries.log")  # type: ignore[operator]
    bad = runner.invoke(app, ["ledger", "verify", "--data", str(folder)])
    assert bad.exit_code == 1 and complaint in bad.stdout


def test_verify_catches_history_written_anew(folder: Path) -> None:
    asyncio.run(_three(folder))
    kept = folder / "kept"
    kept.write_text((folder / "ledger" / "main" / "checkpoint").read_text())
    for name in ("entries.log", "leaves", "checkpoint", "personal.sqlite"):
        (folder / "ledger" / "main" / name).unlink()
    for name in ("personal.sqlite-wal", "personal.sqlite-shm"):
        (folder / "ledger" / "main" / name).unlink(missing_ok=True)
    asyncio.run(_three(folder))
    runner = CliRunner()
    assert runner.invoke(app, ["ledger", "verify", "--data", str(folder)]).exit_code == 0
    caught = runner.invoke(app, ["ledger", "verify", "--data", str(folder), "--against", str(kept)])
    assert caught.exit_code == 1 and "history was rewritten" in caught.stdout


def test_personal_values_stay_outside_the_tree(folder: Path) -> None:
    asyncio.run(_three(folder))
    assert {value for _, value in read_personal(folder / "ledger" / "main").values()} == {"+14155550100"}


async def test_the_newest_facts_are_known_again_and_memory_has_a_bound(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notary_server, "MOST_KNOWN", 30)
    files, key = LedgerFiles(folder / "ledger" / "main"), Ed25519PrivateKey.generate()
    one = Notary(files, key, "main", CLOCK.now_us)
    committing = asyncio.create_task(one.commit_forever())

    async def enter(facts: list[Fact]) -> list[int]:
        frames = [
            protocol.Append(
                id=f.id, tenant="main", kind=f.kind, at_us=f.at_us, call=f.call, body=dict(f.body), personal={}
            )
            for f in facts
        ]
        replies = await asyncio.gather(*(one.handle(frame, None) for frame in frames))  # type: ignore[arg-type]
        return [reply.index for reply in replies if isinstance(reply, protocol.Entered)]

    facts = [fact(number) for number in range(25)]
    assert await enter(facts) == list(range(25))
    assert await enter(facts[-10:]) == list(range(15, 25))
    mixed = [facts[0], *(fact(number) for number in range(12))]
    assert await enter(mixed) == [0, *range(25, 37)] and len(one._known) == 30
    assert await enter([facts[0], facts[1]]) == [0, 37]  # the one was asked for lately, the other is known no more
    committing.cancel()
    assert list(_identities(files.lines).values()) == list(range(8, 38))
