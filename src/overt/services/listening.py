"""Listening: somebody hears a recording for a purpose, and the ledger knows before the first byte leaves (P8).

may? → `listening.granted`, durable → the opener surveys → windows of sound, as they are taken → `listening.ended` with
what was really sent. A refusal is entered too. The opener checks all of it again, from the receipts alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal, Protocol

from overt.domain.access import Actor, Denied, Resource, may
from overt.domain.errors import NotPermitted, Refused
from overt.domain.facts import Fact, Json
from overt.ports import Clock, Ledger, NotDurable, Receipt, Unavailable
from overt.services.heard import RATE, Heard
from overt.services.outlines import Outline as Outline
from overt.services.outlines import Span as Span

TO_THE_END = -1
FRAME_BYTES = 4  # caller and agent, 16 bits each
WINDOW = 4 * RATE  # samples that are opened at a time
PIECE = RATE  # samples that are sent at a time: what is on its way when somebody leaves is no more
IDLE_US = 10 * 60 * 1_000_000
LONGEST_US = 12 * 3600 * 1_000_000


class NoSuchRecording(Refused):
    """No recording of that id has a permit in the ledger."""


class NotOpened(Refused):
    """The opener did not open, or not to the end: refused, erased, or not as it was sealed."""


class ListeningOver(Refused):
    """The playing has ended; no sound is given any more."""


@dataclass(frozen=True, slots=True)
class Held:
    """A recording as the ledger knows it.

    `told` are the purposes that the caller was told; `permitted` the entry of its permit, `ended` that of its end
    (None while it is open); `how` says how it ended; `chunks` counts its records. `listeners` are the roles that may hear
    it by the `policy` that ruled its call; None where no policy said.
    """

    tenant: str
    recording: str
    call: str
    told: str
    permitted: int
    started_us: int
    ended: int | None = None
    how: str = ""
    captured_ms: int = 0
    chunks: int = 0
    listeners: tuple[str, ...] | None = None
    policy: str = ""

    def resource(self, agent: str) -> Resource:
        """What it is to `domain.access`, being of a call of that agent."""
        return Resource("recording", agent, self.told, self.listeners, self.policy)


def listeners_of(body: Mapping[str, Json]) -> tuple[str, ...] | None:
    """The roles that a `recording.permitted` lets hear it; None for one of an earlier release, which names none."""
    named = body.get("listeners")
    return tuple(str(one) for one in named) if isinstance(named, (list, tuple)) else None


class Holdings(Protocol):
    """What recordings there are, by the ledger."""

    def find(self, tenant: str, recording: str) -> Held | None:
        """Return one, or None. Raises Unavailable."""
        ...

    def all(self, tenant: str) -> Sequence[Held]:
        """Return all, oldest first. Raises Unavailable."""
        ...


class ProvingLedger(Ledger, Protocol):
    """A ledger that also proves what stands in it already."""

    async def prove(self, index: int) -> Receipt:
        """Return the receipt of an entry. Raises Unavailable."""
        ...


class Opening(Protocol):
    """A recording that the opener has checked and holds ready for one grant."""

    @property
    def outline(self) -> Outline:
        """What it looks like."""
        ...

    async def window(self, first: int, samples: int) -> bytes:
        """Return sound: `FRAME_BYTES` a sample, 16 bits little-endian, the caller left. Raises NotOpened, Unavailable."""
        ...

    async def end(self) -> None:
        """Have the opener forget it. Never raises."""
        ...


class Opener(Protocol):
    """The process that opens."""

    async def begin(
        self, tenant: str, recording: str, grant: Receipt, backing: Sequence[Receipt], *, peaks: bool
    ) -> Opening:
        """Have a recording checked from end to end and held ready. Raises NotOpened, Unavailable."""
        ...


class Rendering(Protocol):
    """What becomes of sound: a file to listen to."""

    def begin(self, samples: int) -> None:
        """Say how much will come. Raises Unavailable."""
        ...

    def take(self, sound: bytes) -> None:
        """Take the next sound. Raises Unavailable."""
        ...

    def finish(self) -> None:
        """Put the whole in its place, at once. Raises Unavailable."""
        ...

    def leave(self) -> None:
        """Take away whatever is not finished. Never raises."""
        ...


class Encoding(Protocol):
    """An encoder of one stretch of sound, fed piece by piece."""

    def take(self, sound: bytes) -> bytes:
        """Take sound and return what is ready. Raises Unavailable."""
        ...

    def finish(self) -> bytes:
        """Return the rest. Raises Unavailable."""
        ...


@dataclass(frozen=True, slots=True)
class ListeningRooms:
    """What a listening needs at hand; `encode` begins an encoding, None where sound only leaves as it is."""

    tenant: str
    ledger: ProvingLedger
    clock: Clock
    holdings: Holdings
    opener: Opener
    encode: Callable[[], Encoding] | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """What was sent: milliseconds of different sound, and its stretches as [from, to] in milliseconds."""

    milliseconds: int
    ranges: Sequence[Sequence[int]]


@dataclass(slots=True, eq=False)
class Playing:
    """A listening under way. `grant` is the ledger's entry that allows it, `owner` whoever alone may go on with it.

    `over` says how it ended, empty while it goes on; `entered` whether the ledger has its end already.
    """

    grant: int
    recording: str
    call: str
    actor: Actor
    action: str
    outline: Outline
    opening: Opening = field(repr=False)
    begun_us: int
    touched_us: int
    owner: str = field(default="", repr=False)
    over: str = ""
    entered: bool = False
    sent: Heard = field(default_factory=Heard, repr=False)
    under_way: list[tuple[int, int]] = field(default_factory=list, repr=False)
    end: Fact | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Exported:
    """What was given: milliseconds of sound, chunks, and the ledger's entry that granted it."""

    recording: str
    milliseconds: int
    chunks: int
    grant: int


@dataclass(frozen=True, slots=True)
class _Wish:
    """Who wants what. `account` is the entry of a console account, −1 for one of the settings."""

    actor: Actor
    action: str
    recording: str
    purpose: str
    document: str
    account: int = -1
    agent: str = ""
    owner: str = ""

    @property
    def asked(self) -> dict[str, Json]:
        """What an entry says of it."""
        return {"recording": self.recording, "action": self.action, "purpose": self.purpose, "actor": self.actor.name}


async def begin_playing(
    rooms: ListeningRooms, actor: Actor, account_index: int, agent_of_call: str, recording: str, purpose: str,
    document: str, *, owner: str = "", action: Literal["play", "export"] = "play",
) -> Playing:  # fmt: skip
    """Begin to play a whole recording (or to give it away, action *export*) for a purpose.

    Raises NoSuchRecording, NotPermitted (entered in the ledger), NotOpened, NotDurable or Unavailable.
    """
    wish = _Wish(actor, action, recording, purpose, document, account_index, agent_of_call, owner)
    return await _begin(rooms, wish)


async def export(
    rooms: ListeningRooms, actor: Actor, recording: str, purpose: str, document: str, rendering: Rendering
) -> Exported:
    """Export a whole recording for a purpose, for an account of the settings.

    Raises NoSuchRecording, NotPermitted (entered in the ledger), NotOpened, NotDurable or Unavailable. Nothing has
    been written for the actor unless this returns.
    """
    playing = await _begin(rooms, _Wish(actor, "export", recording, purpose, document))
    outline, how = playing.outline, "broken off"
    try:
        rendering.begin(outline.end - outline.first)
        async with aclosing(sound_of(rooms, playing, outline.first, outline.end - outline.first)) as sound:
            async for piece in sound:
                rendering.take(piece)
        rendering.finish()
        how = "complete"
    finally:
        if how != "complete":
            rendering.leave()
        ended = await end_playing(rooms, playing, how)
    return Exported(recording, ended.milliseconds, outline.chunks, playing.grant)


async def _begin(rooms: ListeningRooms, wish: _Wish) -> Playing:
    held = await _may(rooms, wish)
    now = rooms.clock.now_us()
    whole: Mapping[str, Json] = {
        "role": wish.actor.role, "from_ms": 0, "to_ms": TO_THE_END, "document": wish.document,
    }  # fmt: skip
    grant = await rooms.ledger.enter(_fact(rooms, held.call, "listening.granted", {**wish.asked, **whole}))
    opening, how = None, "failed: it was broken off while being opened"
    try:
        backing = await _backing(rooms, held, wish.account)
        peaks = wish.action == "play"
        opening = await rooms.opener.begin(rooms.tenant, wish.recording, grant, backing, peaks=peaks)
    except (NotOpened, Unavailable) as error:
        how = f"failed: {error}"
        raise
    finally:
        if opening is None:
            nothing = _end_body(wish.recording, wish.action, wish.actor.name, grant.index, Heard(), how)
            await rooms.ledger.enter(_fact(rooms, held.call, "listening.ended", nothing))
    return Playing(
        grant.index, wish.recording, held.call, wish.actor, wish.action, opening.outline, opening, now, now, wish.owner
    )  # fmt: skip


async def _may(rooms: ListeningRooms, wish: _Wish) -> Held:
    """Return the recording when the wish is allowed; a refusal is entered. Raises as `begin_playing`."""
    held = await asyncio.to_thread(rooms.holdings.find, rooms.tenant, wish.recording)
    if held is None:
        raise NoSuchRecording(f"there is no recording {wish.recording}")
    if held.ended is None:
        raise NotOpened(f"recording {wish.recording} has no end in the ledger yet; it opens once it has ended")
    verdict = may(
        wish.actor, wish.action, held.resource(wish.agent), purpose=wish.purpose, document=wish.document
    )  # fmt: skip
    if isinstance(verdict, Denied):
        refused = {**wish.asked, "reason": verdict.reason}
        await rooms.ledger.enter(_fact(rooms, held.call, "listening.refused", refused))
        raise NotPermitted(verdict.reason)
    return held


# ---------------------------------------------------------------------------------------------- sound


async def sound_of(rooms: ListeningRooms, playing: Playing, first: int, samples: int) -> AsyncGenerator[bytes, None]:
    """Yield sound from a sample on, in pieces of `PIECE` samples, opening windows only as they are taken.

    A piece counts as sent once the next is asked for. Raises ListeningOver, NotOpened, Unavailable.
    """
    async with aclosing(windows(rooms, playing, first, samples)) as opened:
        async for begin, sound in opened:
            for at in range(0, len(sound), PIECE * FRAME_BYTES):
                piece = sound[at : at + PIECE * FRAME_BYTES]
                from_sample = begin + at // FRAME_BYTES
                with sending(playing, from_sample, from_sample + len(piece) // FRAME_BYTES):
                    yield piece


async def windows(
    rooms: ListeningRooms, playing: Playing, first: int, samples: int
) -> AsyncGenerator[tuple[int, bytes], None]:
    """Yield (first sample, sound) window by window. Whoever sends it says so with `sending`. Raises as `sound_of`."""
    end = min(first + samples, playing.outline.end)
    for at in range(max(first, playing.outline.first), end, WINDOW):
        if playing.over:
            raise ListeningOver(f"this listening has ended: {playing.over}")
        playing.touched_us = rooms.clock.now_us()
        try:
            sound = await playing.opening.window(at, min(WINDOW, end - at))
        except (NotOpened, Unavailable) as error:
            with suppress(NotDurable, Unavailable):  # `end_playing` is called again, until it stands
                await end_playing(rooms, playing, f"failed: {error}")
            raise
        yield at, sound


@contextmanager
def sending(playing: Playing, begin: int, end: int) -> Iterator[None]:
    """Count samples as sent when the block is left in order, or when the playing ends meanwhile.

    Raises ListeningOver when it has ended already.
    """
    if playing.over:
        raise ListeningOver(f"this listening has ended: {playing.over}")
    stretch = (begin, end)
    playing.under_way.append(stretch)
    try:
        yield
        playing.sent.add(begin, end)
    finally:
        playing.under_way.remove(stretch)


async def end_playing(rooms: ListeningRooms, playing: Playing, how: str) -> Ended:
    """End a playing: no sound is given from here on, then it is entered what was sent. Ending twice changes nothing.

    Raises NotDurable or Unavailable when it cannot be entered now; call again until it stands.
    """
    if not playing.over:
        playing.over = how
        for begin, end in playing.under_way:
            playing.sent.add(begin, end)
        body = _end_body(playing.recording, playing.action, playing.actor.name, playing.grant, playing.sent, how)
        playing.end = _fact(rooms, playing.call, "listening.ended", body)
        await playing.opening.end()
    if not playing.entered and playing.end is not None:
        await rooms.ledger.enter(playing.end)
        playing.entered = True
    return Ended(playing.sent.milliseconds, playing.sent.ranges())


def why_over(playing: Playing, now_us: int) -> str:
    """Why a playing should end now; empty when it may go on."""
    if playing.over:
        return playing.over
    if now_us - playing.touched_us > IDLE_US and not playing.under_way:
        return "idle"
    return "twelve hours are over" if now_us - playing.begun_us > LONGEST_US else ""


def _end_body(recording: str, action: str, actor: str, grant: int, sent: Heard, how: str) -> Mapping[str, Json]:
    ranges: list[Json] = [list[Json](one) for one in sent.ranges()]
    return {
        "recording": recording, "action": action, "actor": actor, "grant": grant, "milliseconds": sent.milliseconds,
        "ranges": ranges, "how": how,
    }  # fmt: skip


async def _backing(rooms: ListeningRooms, held: Held, account: int) -> Sequence[Receipt]:
    """The receipts that the opener asks for: the permit, the end, and the entry of a console account."""
    wanted = [held.permitted, held.ended, account if account >= 0 else None]
    return [await rooms.ledger.prove(index) for index in wanted if index is not None]


def _fact(rooms: ListeningRooms, call: str, kind: str, body: Mapping[str, Json]) -> Fact:
    return Fact(rooms.clock.new_id(), rooms.tenant, kind, rooms.clock.now_us(), call, dict(body))
