"""Archiving: from the engines' spool into one file a recording, losing nothing at any moment.

A segment is discarded only after every record in it is durable in its recording's file. Each step may be cut short
and done again: a record that stands already is not written twice. Nothing here can open what it carries.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Protocol


class Misplaced(Exception):
    """A record that does not follow what its recording's file holds, or contradicts it."""


@dataclass(frozen=True, slots=True)
class SpooledRecord:
    """One sealed record on its way. `index` is its place in the recording, `last` says that it is the end."""

    tenant: str
    recording: str
    index: int
    last: bool
    content: bytes

    @property
    def belongs_to(self) -> tuple[str, str]:
        """Tenant and recording."""
        return self.tenant, self.recording


class Segment(Protocol):
    """A stretch of an engine's spool. `closed` when nothing will be added; `name` for people.

    `trouble` says what in it could not be carried over, and so why it must be kept; empty when all could.
    """

    name: str
    closed: bool
    trouble: str

    def fresh(self) -> Sequence[SpooledRecord]:
        """The whole records that were not confirmed yet, in their order. Raises Unavailable."""
        ...

    def confirm(self) -> Iterable[tuple[str, str]]:
        """Count what `fresh` returned as carried over; return the recordings of all records confirmed so far."""
        ...

    def discard(self) -> None:
        """Forget the segment for good. Raises Unavailable."""
        ...

    def set_aside(self) -> None:
        """Keep the segment for a person to look at, and read it no more. Raises Unavailable."""
        ...


class Spool(Protocol):
    """The segments of all engines."""

    def segments(self) -> Sequence[Segment]:
        """All segments, oldest first within each engine."""
        ...


class SealedStore(Protocol):
    """One growing file a recording."""

    def append(self, records: Sequence[SpooledRecord]) -> int:
        """Append what is not there yet of one recording's records; return how many were new. Raises Misplaced."""
        ...

    def make_durable(self, tenant: str, recording: str) -> None:
        """Return once all that was appended to a recording would survive a power loss. Raises Unavailable."""
        ...


@dataclass(slots=True)
class Gathered:
    """What one round did."""

    records: int = 0
    segments: int = 0
    troubles: list[str] = field(default_factory=list)


def gather(spool: Spool, store: SealedStore) -> Gathered:
    """Carry over what is new, then discard the segments that are wholly durable elsewhere.

    A segment with a record that does not fit is set aside, never discarded, and named in `troubles`. Raises
    Unavailable; the next round then does again what this one could not.
    """
    done = Gathered()
    for segment in spool.segments():
        done.records += _carry(segment, store)
        touched = segment.confirm()
        if not segment.closed:
            continue
        for tenant, recording in touched:
            store.make_durable(tenant, recording)
        if segment.trouble:
            done.troubles.append(f"{segment.name}: {segment.trouble}")
            segment.set_aside()
        else:
            segment.discard()
            done.segments += 1
    return done


def _carry(segment: Segment, store: SealedStore) -> int:
    fresh = sorted(segment.fresh(), key=lambda record: record.belongs_to)  # stable: each recording keeps its order
    carried = 0
    for _, records in groupby(fresh, key=lambda record: record.belongs_to):
        try:
            carried += store.append(list(records))
        except Misplaced as misplaced:
            segment.trouble = str(misplaced)  # the other recordings in it are carried all the same
    return carried
