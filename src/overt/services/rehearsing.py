"""Rehearsing: a policy book, or another law, run over the facts of past calls before anybody publishes it.

The facts come from the ledger itself. Nothing is written, nothing is decided: what comes out are counts, and the calls that
would have gone otherwise. docs/policies-rehearsing.md says how an answer is come by, and what it cannot know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from overt.domain.book import Edition
from overt.domain.facts import Json
from overt.domain.foresight import Apart, Foresight, LineNow, NeverRecord, World
from overt.domain.hindsight import Hindsight, PastCall
from overt.domain.law.reckoning import Law, Profile, Reckoning, reckon
from overt.domain.law.table import Table
from overt.domain.policy import LinePolicy
from overt.domain.rehearsal import MOST_SHOWN, Rehearsal
from overt.services.deciding import decide_able

UNREADABLE = Apart("unreadable")


@dataclass(frozen=True, slots=True)
class Read:
    """A stretch of the ledger, read: the calls that ended in it, and how far it goes, in bytes, of how many.

    `unreadable` counts the calls of this stretch of which an entry cannot be read, `broken` all such entries so far, of
    which `first_broken` are the first indexes. Calls that have not ended come last.
    """

    calls: Sequence[PastCall]
    done: int
    total: int
    unreadable: int = 0
    broken: int = 0
    first_broken: tuple[int, ...] = ()


class PastCalls(Protocol):
    """Where the facts of past calls are read."""

    def read(self, since_us: int, until_us: int) -> Iterator[Read]:
        """Yield the calls offered from `since_us` to before `until_us` (UTC microseconds), oldest first. Raises Unavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is rehearsed: a book, and the law table as it is read on an ISO date, for the places that the lines serve."""

    edition: Edition
    table: Table
    on: str
    profile: Profile
    served: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """What the house knows besides the proposal.

    `edition` gives the book that was published as a version, None when nobody has it any more; `lines` what the settings
    say; `local_time` the weekday (0 is Monday) and the minute of the day in a time zone of a UTC time in microseconds;
    `never_record` why a call between two numbers is never recorded, whatever a policy says (see foresight.World).
    """

    edition: Callable[[int], Edition | None]
    lines: Mapping[str, LineNow]
    local_time: Callable[[str, int], tuple[int, int]]
    never_record: NeverRecord


@dataclass(frozen=True, slots=True)
class Span:
    """Which calls: offered from `since_us` to before `until_us`; and now, against which keeping is reckoned."""

    since_us: int
    until_us: int
    now_us: int


# Told after each stretch: bytes read, of how many, calls so far. Whoever wants to stop raises from it.
Progress = Callable[[int, int, int], None]


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What came of it: the counts and calls, and the entries that could not be read (indexes, the first few of them)."""

    rehearsal: Rehearsal
    span: Span
    broken: int
    first_broken: tuple[int, ...]

    def as_json(self) -> dict[str, Json]:
        """For the command line and the API."""
        return {
            "since_us": self.span.since_us, "until_us": self.span.until_us, **self.rehearsal.as_json(),
            "broken_entries": self.broken, "first_broken": list(self.first_broken),
        }  # fmt: skip


def unwatched(done: int, total: int, calls: int) -> None:
    """Nobody watches."""


def rehearse(
    past: PastCalls, proposal: Proposal, known: Known, span: Span, progress: Progress = unwatched,
    most_shown: int = MOST_SHOWN,
) -> Rehearsed:  # fmt: skip
    """Return how the calls of a span would have gone.

    Long work without a pause: give it a thread where others wait. What `progress` raises ends it. Raises Unavailable when
    the ledger cannot be read, PolicyRefused when the book may not be enabled or its readings of the law are not the table's.
    """
    timezone = proposal.edition.book.timezone
    must = frozenset(code for code, one in proposal.table.bases.items() if one.kind == "must_record")
    hindsight = Hindsight(known.edition, {name: one.policy for name, one in known.lines.items()}, must)
    world = World(
        known.lines, law_reader(proposal), lambda at_us: known.local_time(timezone, at_us), known.never_record,
        decide_able, must,
    )  # fmt: skip
    foresight = Foresight(proposal.edition, world)
    rehearsal = begun(proposal.edition, span.now_us, most_shown)
    broken, first, calls = 0, tuple[int, ...](), 0
    for read in past.read(span.since_us, span.until_us):
        for call in read.calls:
            _rehearse(rehearsal, hindsight, foresight, call)
        rehearsal.set_apart(UNREADABLE, read.unreadable)
        broken, first, calls = read.broken, read.first_broken, calls + len(read.calls)
        progress(read.done, read.total, calls)
    return Rehearsed(rehearsal, span, broken, first)


def _rehearse(rehearsal: Rehearsal, hindsight: Hindsight, foresight: Foresight, call: PastCall) -> None:
    would = foresight.foresee(call)
    if isinstance(would, Apart):
        rehearsal.set_apart(would)
    else:
        rehearsal.add(call, hindsight.recall(call), would)


def begun(edition: Edition, now_us: int, most_shown: int) -> Rehearsal:
    """A rehearsal without a call: every enabled policy rules none so far."""
    rehearsal = Rehearsal(now_us, most_shown)
    rehearsal.ruled.update({one.name: 0 for one in edition.book.policy if one.enabled})
    return rehearsal


def law_reader(proposal: Proposal) -> Callable[[LinePolicy], Law]:
    """Return what gives the law as a policy of the book reads it; each reading is reckoned once."""
    book, read = proposal.edition.book, dict[tuple[tuple[str, ...], str], Law]()

    def law_of(policy: LinePolicy) -> Law:
        key = (policy.circumstances, policy.basis)
        if key not in read:
            reckoning = Reckoning(
                proposal.on, proposal.profile, proposal.served, book.relaxed_places, book.stricter_forms,
                frozenset(policy.circumstances), policy.basis,
            )  # fmt: skip
            read[key] = reckon(proposal.table, reckoning)
        return read[key]

    return law_of
