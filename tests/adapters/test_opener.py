"""The opener gives chunks for a proven grant to the right account, once, and for nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from overt.adapters.ledger_files import LedgerFiles
from overt.adapters.notary_client import NotaryClient
from overt.adapters.notary_server import Notary
from overt.adapters.opener_client import OpenerClient
from overt.adapters.opener_server import (
    MOST_AT_ONCE,
    MOST_GRANTS_A_MINUTE,
    Accounts,
    OpenerCounter,
    OpenerDesk,
    Vault,
)
from overt.adapters.sealed_files import SealedFiles
from overt.adapters.sqlite_erasures import SqliteErasures
from overt.adapters.unix_frames import Asker, FrameServer
from overt.domain.access import Actor
from overt.domain.facts import Fact, Json
from overt.domain.identity import uuid7
from overt.ledger.checkpoint import VerifierKey, origin_of
from overt.ports import Receipt
from overt.protocol import Append, Chunks, Entered, Failed, Frame, OpenChunks
from overt.services.archiving import SpooledRecord
from overt.services.listening import NotOpened, OpenedChunk
from overt.vault.format import read_records
from overt.vault.keys import OpeningKey
from overt.vault.seal import Header, Sealer

ONE = "0193568a-0000-7000-8000-000000000001"
TWO = "0193568a-0000-7000-8000-000000000002"
UID, OTHER, STRANGER = 1234, 1235, 99
KEY = OpeningKey(bytes(range(96)))
SECOND_US = 1_000_000
CONTENTS = [b"one", b"two" * 100_000, b"", b"four"]


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
    counter: OpenerCounter
    ends: dict[str, Mapping[str, Json]] = field(default_factory=dict)

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
            "recording": recording, "action": "export", "purpose": "quality", "actor": "ada", "role": "compliance",
            "from_ms": 0, "to_ms": -1, "document": "",
        }  # fmt: skip
        return await self.enter("listening.granted", **(body | other))

    async def permit(self, recording: str = ONE) -> Entered:
        return await self.enter("recording.permitted", recording=recording, told_purpose="quality and training")

    def seal(self, recording: str, *, ended: bool = True, contents: list[bytes] = CONTENTS) -> None:
        secret = SqliteErasures(self.folder / "erasures.sqlite").keep("main", recording)
        header = Header("main", recording, "call", "episode", self.clock.now, 5, 0)
        sealer = Sealer(header, KEY.public, b"f" * 32, secret)
        stored = sealer.header_record + b"".join(sealer.seal(1, one) for one in contents)
        stored += sealer.finish({"reason": "hung up"}) if ended else b""
        SealedFiles(self.folder / "recordings").append(
            [
                SpooledRecord(one.tenant, one.recording, one.index, bool(one.flags & 2), one.encoded)
                for one in read_records(stored)
            ]
        )
        self.ends[recording] = {"recording": recording, "chunks": sealer.chunks, "head": sealer.head.hex()}

    async def ask(self, grant: Entered, *backing: Entered, uid: int = UID, recording: str = ONE) -> Frame:
        return await self.counter.answer(request(grant, *backing, recording=recording), Asker(1, uid))

    async def why_not(self, grant: Entered, *backing: Entered, uid: int = UID, recording: str = ONE) -> str:
        reply = await self.ask(grant, *backing, uid=uid, recording=recording)
        assert isinstance(reply, Failed), reply
        return reply.why


def request(grant: Entered, *backing: Entered, recording: str = ONE, first: int = 0, count: int = 100) -> OpenChunks:
    return OpenChunks(
        tenant="main", recording=recording, first=first, count=count, index=grant.index, entry=grant.entry,
        size=grant.size, proof=grant.proof, checkpoint=grant.checkpoint, backing=backing,
    )  # fmt: skip


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    clock, signing = Clock(), Ed25519PrivateKey.generate()
    files = LedgerFiles(tmp_path / "ledger")
    notary = Notary(files, signing, "main", clock.now_us)
    public = signing.public_key().public_bytes_raw()
    vault = Vault(KEY, SqliteErasures(tmp_path / "erasures.sqlite"), SealedFiles(tmp_path / "recordings"))
    accounts = Accounts(
        {UID: Actor("ada", "compliance", UID), OTHER: Actor("bob", "compliance", OTHER)},
        VerifierKey(origin_of("main", public), public),
    )
    counter = OpenerCounter(OpenerDesk(vault, accounts, clock.now_us), clock.now_us)
    made = World(tmp_path, clock, notary, counter)
    made.seal(ONE)
    committing = asyncio.create_task(notary.commit_forever())
    yield made
    committing.cancel()
    files.close()


@pytest.mark.asyncio
async def test_a_grant_opens_the_whole_recording_through_real_sockets(world: World) -> None:
    made = [
        FrameServer(world.folder / "notary.sock", world.notary.handle),
        FrameServer(world.folder / "opener.sock", lambda frame, _: world.counter.answer(frame, Asker(1, UID))),
    ]
    for server in made:
        await server.start()
    permit, end = await world.permit(), await world.enter("recording.closed", **world.ends[ONE])
    ledger = NotaryClient(world.folder / "notary.sock")
    grant = as_receipt(await world.grant())
    backing = [await ledger.prove(permit.index), await ledger.prove(end.index)]
    opener = OpenerClient(world.folder / "opener.sock")
    opened = [chunk async for chunk in opener.open("main", ONE, grant, backing)]
    assert [chunk.plaintext for chunk in opened[1:-1]] == CONTENTS
    assert [chunk.index for chunk in opened] == [0, 1, 2, 3, 4, 5]
    assert opened[0].plaintext.startswith(b"{") and opened[-1] == OpenedChunk(0, 5, b'{"reason":"hung up"}')
    with pytest.raises(NotOpened, match="was used"):
        [chunk async for chunk in opener.open("main", ONE, grant, backing)]
    ledger.close()
    for server in made:
        await server.stop()


def as_receipt(entered: Entered) -> Receipt:
    return Receipt(entered.index, entered.entry, entered.size, tuple(entered.proof), entered.checkpoint)


@pytest.mark.asyncio
async def test_only_a_grant_for_this_recording_and_account_opens(world: World) -> None:
    world.seal(TWO)
    permit, other_permit = await world.permit(), await world.permit(TWO)
    refusals = {
        "the entry is no grant": permit,
        "for another recording": await world.grant(TWO),
        "for somebody else": await world.grant(actor="bob"),
        "part of the recording": await world.grant(from_ms=1000),
        "unknown purpose": await world.grant(purpose="curiosity", document="x"),
        "needs --document": await world.grant(purpose="order"),
        "may not delete": await world.grant(action="delete"),
    }
    for why, grant in refusals.items():
        assert why in await world.why_not(grant, permit), why
    grant = await world.grant()
    assert "no account is bound to the user id 99" in await world.why_not(grant, permit, uid=STRANGER)
    assert "permit is missing" in await world.why_not(grant)
    assert "permit is missing" in await world.why_not(grant, other_permit)
    assert isinstance(await world.ask(grant, permit), Chunks)


@pytest.mark.asyncio
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
    assert isinstance(await world.ask(grant, permit), Chunks)


def replaced(receipt: Entered, **other: object) -> Entered:
    held = {name: getattr(receipt, name) for name in ("index", "entry", "size", "proof", "checkpoint")}
    return Entered(**(held | other))


@pytest.mark.asyncio
async def test_a_grant_is_used_once_and_soon(world: World) -> None:
    permit, grant, old = await world.permit(), await world.grant(), await world.grant()
    assert await drain(world, grant, permit, recording=ONE) == ""
    assert "was used" in await world.why_not(grant, permit)
    world.clock.now += 301 * SECOND_US
    assert "too old" in await world.why_not(old, permit)
    fresh = await world.grant()
    world.clock.now -= 20 * SECOND_US
    assert "from the future" in await world.why_not(fresh, permit)


@pytest.mark.asyncio
async def test_an_opener_that_started_later_knows_not_what_was_used(world: World) -> None:
    permit, grant = await world.permit(), await world.grant()
    world.clock.now += SECOND_US
    desk = world.counter._desk
    world.counter = OpenerCounter(OpenerDesk(desk._vault, desk._accounts, world.clock.now_us), world.clock.now_us)
    assert "older than this opener" in await world.why_not(grant, permit)


@pytest.mark.asyncio
async def test_an_interrupted_recording_opens_to_the_end_in_the_ledger(world: World) -> None:
    world.seal(TWO, ended=False)
    permit = await world.permit(TWO)
    assert "no authenticated end" in await drain(world, await world.grant(TWO), permit)
    end = await world.enter("recording.interrupted", **world.ends[TWO])
    assert await drain(world, await world.grant(TWO), permit, end) == ""
    wrong = await world.enter("recording.interrupted", **{**world.ends[TWO], "head": "00" * 32})
    assert "does not end as the ledger states" in await drain(world, await world.grant(TWO), permit, wrong)
    foreign = await world.enter("recording.closed", **world.ends[ONE])
    assert "no authenticated end" in await drain(world, await world.grant(TWO), permit, foreign)


async def drain(world: World, grant: Entered, *backing: Entered, recording: str = TWO) -> str:
    while True:
        reply = await world.ask(grant, *backing, recording=recording)
        if isinstance(reply, Failed):
            return reply.why
        if isinstance(reply, Chunks) and reply.last:
            return ""


@pytest.mark.asyncio
async def test_altered_cut_and_erased_recordings_do_not_open(world: World) -> None:
    permit = await world.permit()
    path = world.folder / "recordings" / "main" / f"{ONE}.overt"
    whole = path.read_bytes()
    for altered, why in (
        (whole[:-50], "end inside a record"),
        (whole[:400] + bytes([whole[400] ^ 1]) + whole[401:], "cannot be opened"),
        (whole[:-1] + bytes([whole[-1] ^ 1]), "it was altered"),
        (whole + whole[-100:], "no record of version 1"),
        (b"", "is empty"),
    ):
        path.write_bytes(altered)
        assert why in await drain(world, await world.grant(), permit, recording=ONE)
    path.write_bytes(whole)
    SqliteErasures(world.folder / "erasures.sqlite").destroy("main", ONE, 1)
    assert "was erased" in await world.why_not(await world.grant(), permit)
    path.unlink()


@pytest.mark.asyncio
async def test_chunks_come_in_order_and_idle_cursors_end(world: World) -> None:
    permit, grant = await world.permit(), await world.grant()
    reply = await world.counter.answer(request(grant, permit, count=1), Asker(1, UID))
    assert isinstance(reply, Chunks) and [piece[1] for piece in reply.chunks] == [0]
    ahead = await world.counter.answer(request(grant, permit, first=3), Asker(1, UID))
    assert isinstance(ahead, Failed) and "chunks come in order" in ahead.why
    grant = await world.grant()
    await world.counter.answer(request(grant, permit, count=1), Asker(1, UID))
    world.clock.now += 61 * SECOND_US
    assert "was used" in await world.why_not(grant, permit)


@pytest.mark.asyncio
async def test_it_is_rate_limited(world: World) -> None:
    permit = await world.permit()
    for _ in range(MOST_GRANTS_A_MINUTE):
        assert await drain(world, await world.grant(), permit, recording=ONE) == ""
    assert "a minute; wait" in await world.why_not(await world.grant(), permit)
    world.clock.now += 61 * SECOND_US
    assert isinstance(await world.ask(await world.grant(), permit), Chunks)


@pytest.mark.asyncio
async def test_it_does_nothing_else(world: World) -> None:
    reply = await world.counter.answer(
        Append(id="", tenant="", kind="", at_us=0, call="", body={}, personal={}), Asker(1, 0)
    )
    assert isinstance(reply, Failed)


@pytest.mark.asyncio
async def test_nobody_else_gets_the_rest_of_a_grant(world: World) -> None:
    permit, grant = await world.permit(), await world.grant()
    await world.counter.answer(request(grant, permit, count=1), Asker(1, UID))
    assert "somebody else" in await world.why_not(grant, permit, uid=OTHER)
    rest = await world.ask(grant, permit)
    assert isinstance(rest, Chunks) and rest.chunks[0][1] == 1


@pytest.mark.asyncio
async def test_only_so_many_are_open_at_once(world: World) -> None:
    permit = await world.permit()
    grants = [await world.grant() for _ in range(MOST_AT_ONCE + 1)]
    for grant in grants[:-1]:
        assert isinstance(await world.counter.answer(request(grant, permit, count=1), Asker(1, UID)), Chunks)
    assert "too many recordings" in await world.why_not(grants[-1], permit)
    assert await drain(world, grants[0], permit, recording=ONE) == ""
    assert isinstance(await world.ask(grants[-1], permit), Chunks)
