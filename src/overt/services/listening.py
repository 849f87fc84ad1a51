"""Listening: somebody has a recording opened for a purpose, and the ledger knows before the first byte leaves (P8).

may? → `listening.granted`, durable → open → render → `listening.ended` with what was really given. A refusal is
entered too. The opener checks all of it again, from the receipts alone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from overt.domain.access import Actor, Denied, may
from overt.domain.errors import NotPermitted, Refused
from overt.domain.facts import Fact, Json
from overt.ports import Clock, Ledger, Receipt

TO_THE_END = -1


class NoSuchRecording(Refused):
    """No recording of that id has a permit in the ledger."""


class NotOpened(Refused):
    """The opener did not open, or not to the end: refused, erased, or not as it was sealed."""


@dataclass(frozen=True, slots=True)
class Held:
    """A recording as the ledger knows it.

    `told` are the purposes that the caller was told; `permitted` the entry of its permit, `ended` that of its end
    (None while it is open); `how` says how it ended; `chunks` counts its records.
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


@dataclass(frozen=True, slots=True)
class OpenedChunk:
    """A whole opened chunk. Index 0 is the recording's header, JSON."""

    track: int
    index: int
    plaintext: bytes


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


class Opener(Protocol):
    """The process that opens."""

    def open(
        self, tenant: str, recording: str, grant: Receipt, backing: Sequence[Receipt]
    ) -> AsyncIterator[OpenedChunk]:
        """Yield the chunks of a recording in order. Raises NotOpened, Unavailable."""
        ...


class Rendering(Protocol):
    """What becomes of opened chunks: a file to listen to."""

    def take(self, chunk: OpenedChunk) -> None:
        """Take the next chunk."""
        ...

    def finish(self) -> int:
        """Put the whole in its place, at once; return its length in milliseconds. Raises Unavailable."""
        ...


@dataclass(frozen=True, slots=True)
class ListeningRooms:
    """What a listening needs at hand."""

    tenant: str
    ledger: ProvingLedger
    clock: Clock
    holdings: Holdings
    opener: Opener


@dataclass(frozen=True, slots=True)
class Exported:
    """What was given: milliseconds of sound, chunks, and the ledger's entry that granted it."""

    recording: str
    milliseconds: int
    chunks: int
    grant: int


async def export(
    rooms: ListeningRooms, actor: Actor, recording: str, purpose: str, document: str, rendering: Rendering
) -> Exported:
    """Export a whole recording for a purpose.

    Raises NoSuchRecording, NotPermitted (entered in the ledger), NotOpened, NotDurable or Unavailable. Nothing has
    been written for the actor unless this returns.
    """
    held = rooms.holdings.find(rooms.tenant, recording)
    if held is None:
        raise NoSuchRecording(f"there is no recording {recording}")
    if held.ended is None:
        raise NotOpened(f"recording {recording} has no end in the ledger yet; it opens once it has ended")
    verdict = may(actor, "export", purpose=purpose, told=held.told, document=document)
    asked: Mapping[str, Json] = {
        "recording": recording,
        "action": "export",
        "purpose": purpose,
        "actor": actor.name,
    }
    if isinstance(verdict, Denied):
        await rooms.ledger.enter(_fact(rooms, held, "listening.refused", {**asked, "reason": verdict.reason}))
        raise NotPermitted(verdict.reason)
    whole: Mapping[str, Json] = {"role": actor.role, "from_ms": 0, "to_ms": TO_THE_END, "document": document}
    grant = await rooms.ledger.enter(_fact(rooms, held, "listening.granted", {**asked, **whole}))
    chunks = milliseconds = 0
    try:
        async for chunk in rooms.opener.open(rooms.tenant, recording, grant, await _backing(rooms, held)):
            rendering.take(chunk)
            chunks += 1
        milliseconds = rendering.finish()
    finally:
        given: Mapping[str, Json] = {
            "recording": recording, "action": "export", "actor": actor.name, "grant": grant.index,
            "milliseconds": milliseconds,
        }  # fmt: skip
        await rooms.ledger.enter(_fact(rooms, held, "listening.ended", given))
    return Exported(recording, milliseconds, chunks, grant.index)


async def _backing(rooms: ListeningRooms, held: Held) -> Sequence[Receipt]:
    """The receipts that the opener asks for: the permit and the end."""
    return [await rooms.ledger.prove(index) for index in (held.permitted, held.ended) if index is not None]


def _fact(rooms: ListeningRooms, held: Held, kind: str, body: Mapping[str, Json]) -> Fact:
    return Fact(rooms.clock.new_id(), rooms.tenant, kind, rooms.clock.now_us(), held.call, dict(body))
