"""Listening: the ledger knows before the first byte, and afterwards what was given; a refusal is entered too."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt.domain.access import Actor
from overt.domain.errors import NotPermitted
from overt.domain.facts import Fact, Json
from overt.domain.identity import uuid7
from overt.ports import NotDurable, Receipt, Unavailable
from overt.services.encoding import encoded_sound
from overt.services.heard import MOST_RANGES, Heard
from overt.services.listening import (
    FRAME_BYTES,
    IDLE_US,
    LONGEST_US,
    PIECE,
    WINDOW,
    Ended,
    Exported,
    Held,
    ListeningOver,
    ListeningRooms,
    NoSuchRecording,
    NotOpened,
    Outline,
    Playing,
    begin_playing,
    end_playing,
    export,
    listeners_of,
    sound_of,
    why_over,
)
from overt.services.outlines import Span, span_of

HELD = Held("main", "r1", "call", "quality and training", 3, 0, ended=7, how="closed", captured_ms=40, chunks=3)
ADA = Actor("ada", "compliance", 1)


LENGTH = 100_000  # samples: 12.5 s, four windows


@dataclass
class World:
    """Ledger, clock, holdings, opener, opening and rendering in memory. `story` is what happened, in order."""

    held: Held | None = HELD
    refuses: str = ""
    breaks_at: int = LENGTH
    durable: bool = True
    slow: asyncio.Event | None = None
    now: int = 5
    story: list[str] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    outline: Outline = Outline(LENGTH, 0, LENGTH, 9)

    @property
    def rooms(self) -> ListeningRooms:
        return ListeningRooms("main", self, self, self, self)

    async def enter(self, fact: Fact) -> Receipt:
        if self.slow is not None:
            await self.slow.wait()
        if not self.durable:
            raise NotDurable("the disk is full")
        if fact.id not in [one.id for one in self.facts]:
            self.story.append(fact.kind)
            self.facts.append(fact)
        return Receipt(10 + len(self.facts), b"", 99, (), "")

    async def prove(self, index: int) -> Receipt:
        return Receipt(index, b"", 99, (), "")

    def now_us(self) -> int:
        return self.now

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

    async def begin(
        self, tenant: str, recording: str, grant: Receipt, backing: Sequence[Receipt], *, peaks: bool
    ) -> World:  # type: ignore[override]
        self.story.append(f"opened for {grant.index} with {[one.index for one in backing]}{' peaks' if peaks else ''}")
        if self.refuses:
            raise NotOpened(self.refuses)
        return self

    async def window(self, first: int, samples: int) -> bytes:
        if first + samples > self.breaks_at:
            raise NotOpened("it was altered")
        self.story.append(f"window {first}")
        return b"".join(at.to_bytes(FRAME_BYTES, "little") for at in range(first, first + samples))

    async def end(self) -> None:
        self.story.append("forgotten")


@dataclass
class Tape:
    """A rendering in memory."""

    story: list[str]
    taken: bytes = b""
    full: bool = False

    def begin(self, samples: int) -> None:
        self.story.append(f"tape of {samples}")

    def take(self, sound: bytes) -> None:
        if self.full:
            raise Unavailable("export", "the disk is full")
        self.taken += sound

    def finish(self) -> None:
        self.story.append("written")

    def leave(self) -> None:
        self.story.append("thrown away")


async def run(
    world: World, actor: Actor = ADA, recording: str = "r1", purpose: str = "quality", tape: Tape | None = None
) -> Exported:
    return await export(world.rooms, actor, recording, purpose, "", tape or Tape(world.story))


@pytest.mark.asyncio
async def test_granted_before_the_first_byte_and_ended_after_the_last() -> None:
    world = World()
    tape = Tape(world.story)
    assert await run(world, tape=tape) == Exported("r1", 12_500, 9, 11)
    assert world.story == [
        "listening.granted", "opened for 11 with [3, 7]", f"tape of {LENGTH}", "window 0", "window 32000",
        "window 64000", "window 96000", "written", "forgotten", "listening.ended",
    ]  # fmt: skip
    assert len(tape.taken) == LENGTH * FRAME_BYTES
    granted, ended = world.facts
    assert granted.opens and granted.call == "call"
    assert granted.body == {
        "recording": "r1", "action": "export", "purpose": "quality", "actor": "ada", "role": "compliance",
        "from_ms": 0, "to_ms": -1, "document": "",
    }  # fmt: skip
    assert ended.body == {
        "recording": "r1", "action": "export", "actor": "ada", "grant": 11, "milliseconds": 12_500,
        "ranges": [[0, 12_500]], "how": "complete",
    }  # fmt: skip


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
async def test_whom_the_policy_of_the_call_does_not_let_hear_is_refused_and_told_who_may() -> None:
    world = World(replace(HELD, listeners=("supervisor",), policy="Orders"))
    why = "the policy «Orders» of this call lets only supervisor hear it, not the role compliance"
    with pytest.raises(NotPermitted, match=why):
        await run(world)
    assert world.story == ["listening.refused"] and world.facts[0].body["reason"] == why
    await run(World(replace(HELD, listeners=("supervisor", "compliance"), policy="Orders")))


@pytest.mark.parametrize(
    ("body", "listeners"),
    [({}, None), ({"listeners": []}, ()), ({"listeners": ["a", "b"]}, ("a", "b")), ({"listeners": "a"}, None)],
)
def test_whom_a_permit_lets_hear(body: dict[str, Json], listeners: tuple[str, ...] | None) -> None:
    assert listeners_of(body) == listeners


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
async def test_what_is_not_opened_is_ended_with_nothing_given() -> None:
    world = World(refuses="it was altered")
    with pytest.raises(NotOpened, match="it was altered"):
        await run(world)
    assert world.story == ["listening.granted", "opened for 11 with [3, 7]", "listening.ended"]
    assert world.facts[-1].body["milliseconds"] == 0 and world.facts[-1].body["how"] == "failed: it was altered"


@pytest.mark.asyncio
async def test_what_breaks_on_the_way_is_ended_with_what_was_given_until_then() -> None:
    world = World(breaks_at=WINDOW)
    with pytest.raises(NotOpened, match="it was altered"):
        await run(world)
    assert world.story[-3:] == ["forgotten", "listening.ended", "thrown away"] and "written" not in world.story
    assert world.facts[-1].body["milliseconds"] == 4000 and world.facts[-1].body["how"] == "failed: it was altered"


@pytest.mark.asyncio
async def test_a_file_that_cannot_be_written_ends_it() -> None:
    world = World()
    with pytest.raises(Unavailable, match="the disk is full"):
        await run(world, tape=Tape(world.story, full=True))
    assert world.story[-3:] == ["thrown away", "forgotten", "listening.ended"]
    assert world.facts[-1].body["milliseconds"] == 0 and world.facts[-1].body["how"] == "broken off"


@pytest.mark.asyncio
async def test_nothing_opens_when_the_ledger_cannot_be_written() -> None:
    world = World(durable=False)
    with pytest.raises(NotDurable):
        await run(world)
    assert world.story == []


# ---------------------------------------------------------------------------------------------- playing


async def play(world: World, account: int = 5) -> Playing:
    return await begin_playing(world.rooms, ADA, account, "", "r1", "quality", "", owner="me")


async def take(world: World, playing: Playing, first: int, samples: int, pieces: int = 99) -> bytes:
    """Take so many pieces; the last one is never asked to go on, as by a client that left."""
    taken = b""
    async with aclosing(sound_of(world.rooms, playing, first, samples)) as sound:
        async for piece in sound:
            taken += piece
            pieces -= 1
            if not pieces:
                break
    return taken


@pytest.mark.asyncio
async def test_the_entry_is_durable_before_anything_opens() -> None:
    world = World(slow=asyncio.Event())
    begun = asyncio.create_task(play(world))
    await asyncio.sleep(0.02)
    assert world.story == []
    assert world.slow is not None
    world.slow.set()
    assert (await begun).grant == 11
    assert world.story == ["listening.granted", "opened for 11 with [3, 7, 5] peaks"]
    assert world.facts[0].body["action"] == "play"


@pytest.mark.asyncio
async def test_a_settings_account_brings_no_entry() -> None:
    world = World()
    await play(world, account=-1)
    assert world.story[1] == "opened for 11 with [3, 7] peaks"


@pytest.mark.asyncio
async def test_only_windows_that_are_taken_open_and_only_what_was_sent_counts() -> None:
    world = World()
    playing = await play(world)
    await take(world, playing, 0, LENGTH, pieces=3)
    assert [one for one in world.story if one.startswith("window")] == ["window 0"]
    assert playing.sent.stretches == ((0, 2 * PIECE),)  # the third was on its way when its taker left
    await take(world, playing, 90_000, 50_000)
    await take(world, playing, 90_100, 100)
    ended = await end_playing(world.rooms, playing, "stopped")
    assert ended == Ended(2000 + 1250, [[0, 2000], [11_250, 12_500]])
    assert world.facts[-1].body["ranges"] == ended.ranges and world.facts[-1].body["milliseconds"] == 3250


@pytest.mark.asyncio
async def test_what_is_on_its_way_when_it_ends_counts_and_nothing_follows() -> None:
    world = World()
    playing = await play(world)
    async with aclosing(sound_of(world.rooms, playing, 0, LENGTH)) as sound:
        await anext(sound)
        await anext(sound)
        assert (await end_playing(world.rooms, playing, "stopped")).milliseconds == 2000
        with pytest.raises(ListeningOver, match="stopped"):
            await anext(sound)
    assert world.facts[-1].body["ranges"] == [[0, 2000]]
    with pytest.raises(ListeningOver):
        await take(world, playing, 0, 1)
    assert world.story.count("window 0") == 1


@pytest.mark.asyncio
async def test_ending_twice_is_ending_once() -> None:
    world = World()
    playing = await play(world)
    await take(world, playing, 0, 8)
    first = await end_playing(world.rooms, playing, "stopped")
    assert await end_playing(world.rooms, playing, "idle") == first == Ended(1, [[0, 1]])
    assert world.story.count("listening.ended") == world.story.count("forgotten") == 1
    assert world.facts[-1].body["how"] == "stopped"


@pytest.mark.asyncio
async def test_an_end_that_cannot_be_entered_closes_all_the_same_and_is_entered_later() -> None:
    world = World()
    playing = await play(world)
    world.durable = False
    with pytest.raises(NotDurable):
        await end_playing(world.rooms, playing, "stopped")
    assert world.story[-1] == "forgotten" and why_over(playing, 0) == "stopped"
    world.durable = True
    await end_playing(world.rooms, playing, "idle")
    assert world.story[-1] == "listening.ended" and world.facts[-1].body["how"] == "stopped"


@pytest.mark.asyncio
async def test_a_window_that_breaks_ends_the_playing_even_when_the_ledger_is_down() -> None:
    world = World(breaks_at=0)
    playing = await play(world)
    world.durable = False
    with pytest.raises(NotOpened, match="altered"):
        await take(world, playing, 0, 8)
    assert playing.over == "failed: it was altered" and not playing.entered


@pytest.mark.asyncio
async def test_idle_and_long_playings_are_over() -> None:
    world = World()
    playing = await play(world)
    assert why_over(playing, 5 + IDLE_US) == "" and why_over(playing, 6 + IDLE_US) == "idle"
    world.now = LONGEST_US
    await take(world, playing, 0, 8)
    assert why_over(playing, LONGEST_US + 5) == "" and why_over(playing, LONGEST_US + 6) == "twelve hours are over"


@pytest.mark.asyncio
async def test_a_granted_part_is_all_there_is() -> None:
    world = World(outline=Outline(LENGTH, 1000, 2000, 9))
    playing = await play(world)
    assert len(await take(world, playing, 0, LENGTH)) == 1000 * FRAME_BYTES
    assert playing.sent.stretches == ((1000, 2000),)


class EveryOther:
    """An encoding that gives something out at every second piece, and the rest at the end."""

    def __init__(self) -> None:
        self.pieces, self.held = 0, b""

    def take(self, sound: bytes) -> bytes:
        self.pieces, self.held = self.pieces + 1, self.held + sound[:1]
        return self._given() if self.pieces % 2 == 0 else b""

    def finish(self) -> bytes:
        return self._given() + b"end"

    def _given(self) -> bytes:
        given, self.held = self.held, b""
        return given


@pytest.mark.asyncio
async def test_encoded_sound_counts_once_what_it_became_was_sent() -> None:
    world = World()
    playing = await play(world)
    async with aclosing(encoded_sound(world.rooms, playing, EveryOther(), 4000, 5 * PIECE)) as encoded:
        assert len(await anext(encoded)) == 2 and playing.sent.samples == 0
        assert len(await anext(encoded)) == 2 and playing.sent.stretches == ((4000, 4000 + 2 * PIECE),)
    assert playing.sent.samples == 2 * PIECE and not playing.under_way
    async with aclosing(encoded_sound(world.rooms, playing, EveryOther(), 4000, 5 * PIECE)) as encoded:
        assert [len(piece) async for piece in encoded] == [2, 2, 4]
    assert playing.sent.stretches == ((4000, 4000 + 5 * PIECE),)
    await end_playing(world.rooms, playing, "stopped")
    with pytest.raises(ListeningOver):
        async with aclosing(encoded_sound(world.rooms, playing, EveryOther(), 0, PIECE)) as encoded:
            await anext(encoded)


# ------------------------------------------------------------------------------------- what was heard


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300))))
def test_stretches_are_the_union_of_what_was_added(added: list[tuple[int, int]]) -> None:
    heard, known = Heard(), set[int]()
    for begin, end in added:
        heard.add(begin, end)
        known |= set(range(begin, end))
    assert {at for begin, end in heard.stretches for at in range(begin, end)} == known
    assert heard.samples == len(known) and heard.milliseconds == -(-len(known) // 8)
    ends = [at for stretch in heard.stretches for at in stretch]
    assert ends == sorted(set(ends))  # disjoint, and none touches the next


def test_an_entry_holds_only_so_many_ranges_and_loses_none() -> None:
    heard = Heard()
    for at in range(3000):
        heard.add(at * 800 + at % 7, at * 800 + 80)
    ranges = heard.ranges()
    assert len(ranges) == MOST_RANGES and ranges[0][0] == 0 and ranges[-1][1] == 299_910
    assert all(a[1] < b[0] for a, b in pairwise(ranges))
    assert all(any(a <= begin // 8 and -(-end // 8) <= b for a, b in ranges) for begin, end in heard.stretches)


@pytest.mark.parametrize(
    ("given_", "wanted"),
    [
        (("prompt", 1, 0, 16_001, "en/announce"), Span("prompt", "caller", 0, 2001, "The announcement, to the caller")),
        (("prompt", 2, 8, 16, "tone:ringback"), Span("prompt", "agent", 1, 2, "The ringing tone, to the agent")),
        (("prompt", 1, 0, 8, "xx/own"), Span("prompt", "caller", 0, 1, "xx/own, to the caller")),
        (("gap", 0, 0, 8, "hold"), Span("pause", "", 0, 1, "Paused: somebody was on hold")),
        (("gap", 0, 0, 8, "lease ran out"), Span("gap", "", 0, 1, "Missing: the permit was not renewed in time")),
        (("gap", 0, 0, 8, "a meteor"), Span("gap", "", 0, 1, "Missing: a meteor")),
    ],
)
def test_spans_say_plainly_what_they_are(given_: tuple[str, int, int, int, str], wanted: Span) -> None:
    assert span_of(*given_) == wanted
