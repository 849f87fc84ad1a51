"""Listening: the ledger knows before the first byte, and afterwards what was given; a refusal is entered too."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace

import pytest

from overt.domain.access import Actor
from overt.domain.errors import NotPermitted
from overt.domain.facts import Fact
from overt.domain.identity import uuid7
from overt.ports import NotDurable, Receipt
from overt.services.listening import (
    Exported,
    Held,
    ListeningRooms,
    NoSuchRecording,
    NotOpened,
    OpenedChunk,
    export,
)

HELD = Held("main", "r1", "call", "quality and training", 3, 0, ended=7, how="closed", captured_ms=40, chunks=3)
ADA = Actor("ada", "compliance", 1)


@dataclass
class World:
    """Ledger, clock, holdings, opener and rendering in memory. `story` is what happened, in order."""

    held: Held | None = HELD
    breaks: str = ""
    durable: bool = True
    story: list[str] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)

    @property
    def rooms(self) -> ListeningRooms:
        return ListeningRooms("main", self, self, self, self)

    async def enter(self, fact: Fact) -> Receipt:
        if not self.durable:
            raise NotDurable("the disk is full")
        self.story.append(fact.kind)
        self.facts.append(fact)
        return Receipt(10 + len(self.facts), b"", 99, (), "")

    async def prove(self, index: int) -> Receipt:
        return Receipt(index, b"", 99, (), "")

    def now_us(self) -> int:
        return 5

    def monotonic_ns(self) -> int:
        return 5

    def new_id(self) -> str:
        return uuid7(5, len(self.facts).to_bytes(10, "big"))

    def today(self) -> str:
        return "2026-11-23"

    def find(self, tenant: str, recording: str) -> Held | None:
        return self.held if (tenant, recording) == ("main", "r1") else None

    def all(self, tenant: str) -> Sequence[Held]:
        return ()

    async def open(
        self, tenant: str, recording: str, grant: Receipt, backing: Sequence[Receipt]
    ) -> AsyncIterator[OpenedChunk]:
        self.story.append(f"opened for {grant.index} with {[one.index for one in backing]}")
        yield OpenedChunk(0, 0, b"{}")
        if self.breaks:
            raise NotOpened(self.breaks)
        yield OpenedChunk(1, 1, b"sound")

    def take(self, chunk: OpenedChunk) -> None:
        self.story.append(f"took {chunk.index}")

    def finish(self) -> int:
        self.story.append("written")
        return 40


async def run(world: World, actor: Actor = ADA, recording: str = "r1", purpose: str = "quality") -> Exported:
    return await export(world.rooms, actor, recording, purpose, "", world)


@pytest.mark.asyncio
async def test_granted_before_the_first_byte_and_ended_after_the_last() -> None:
    world = World()
    assert await run(world) == Exported("r1", 40, 2, 11)
    assert world.story == [
        "listening.granted", "opened for 11 with [3, 7]", "took 0", "took 1", "written", "listening.ended",
    ]  # fmt: skip
    granted, ended = world.facts
    assert granted.opens and granted.call == "call"
    assert granted.body == {
        "recording": "r1", "action": "export", "purpose": "quality", "actor": "ada", "role": "compliance",
        "from_ms": 0, "to_ms": -1, "document": "",
    }  # fmt: skip
    assert ended.body == {
        "recording": "r1",
        "action": "export",
        "actor": "ada",
        "grant": 11,
        "milliseconds": 40,
    }


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("actor", "purpose", "why"),
    [
        (replace(ADA, role="agent"), "quality", "the role agent may not export"),
        (ADA, "curiosity", "unknown purpose"),
        (ADA, "order", "needs --document"),
    ],
)
async def test_a_refusal_is_entered_and_nothing_opens(actor: Actor, purpose: str, why: str) -> None:
    world = World()
    with pytest.raises(NotPermitted, match=why):
        await run(world, actor, purpose=purpose)
    assert world.story == ["listening.refused"]
    assert why in str(world.facts[0].body["reason"])


@pytest.mark.asyncio
async def test_a_purpose_that_was_not_told_is_refused() -> None:
    with pytest.raises(NotPermitted, match="the caller was told"):
        await run(World(replace(HELD, told="training")))


@pytest.mark.asyncio
async def test_unknown_and_unended_recordings_are_named() -> None:
    world = World()
    with pytest.raises(NoSuchRecording):
        await run(world, recording="r2")
    world.held = replace(HELD, ended=None)
    with pytest.raises(NotOpened, match="has no end in the ledger"):
        await run(world)
    assert world.story == []


@pytest.mark.asyncio
async def test_what_breaks_is_ended_with_nothing_given() -> None:
    world = World(breaks="it was altered")
    with pytest.raises(NotOpened, match="it was altered"):
        await run(world)
    assert world.story[-1] == "listening.ended" and "written" not in world.story
    assert world.facts[-1].body["milliseconds"] == 0


@pytest.mark.asyncio
async def test_nothing_opens_when_the_ledger_cannot_be_written() -> None:
    world = World(durable=False)
    with pytest.raises(NotDurable):
        await run(world)
    assert world.story == []
