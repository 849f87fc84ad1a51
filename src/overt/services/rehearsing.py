"""Rehearsing: a policy book, or another law, run over the facts of past calls before anybody publishes it.

The facts come from the ledger itself. Nothing is written, nothing is decided: what comes out are counts, and the calls that
would have gone otherwise. docs/policies-rehearsing.md says how an answer is come by, and what it cannot know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from overt.domain.book import Edition
from overt.domain.book_toml import book_sha256
from overt.domain.errors import BookRefused, Finding, PolicyRefused
from overt.domain.facts import Json
from overt.domain.foresight import Apart, Foresight, LineNow, NeverRecord, World
from overt.domain.hindsight import Hindsight, PastCall
from overt.domain.law.reckoning import Law, Profile, Reckoning, reckon
from overt.domain.law.table import Table
from overt.domain.policy import LinePolicy
from overt.domain.rehearsal import MOST_SHOWN, Rehearsal
from overt.services.auditing import Stated
from overt.services.deciding import decide_able
from overt.services.governing import LocalTime, read_publication
from overt.services.publishing import PublishingRooms, checked, current

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
    """What is rehearsed: a book, and the law table as it is read on an ISO date, for the places that the lines serve.

    Its findings warn of something; `changes` says in words what the book changes of the one in force, version `instead_of`.
    `published` are the entries of all books so far, by which past calls were ruled.
    """

    edition: Edition
    table: Table
    on: str
    profile: Profile
    served: tuple[str, ...]
    instead_of: int = 0
    changes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    published: tuple[Stated, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Known:
    """What the house knows besides the proposal.

    `edition` gives the book that was published as a version, None when nobody has it any more; `lines` what the settings
    say; `local_time` the weekday (0 is Monday) and the minute of the day in a time zone of a UTC time in microseconds;
    `never_record` why a call between two numbers is never recorded, whatever a policy says (see foresight.World).
    """

    edition: Callable[[int], Edition | None]
    lines: Mapping[str, LineNow]
    local_time: LocalTime
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

    proposal: Proposal
    span: Span
    rehearsal: Rehearsal
    broken: int = 0
    first_broken: tuple[int, ...] = ()

    @property
    def calls(self) -> int:
        """How many calls there were, with those of which nothing could be said."""
        return self.rehearsal.rehearsed + self.rehearsal.apart.total()

    def as_json(self) -> dict[str, Json]:
        """For the command line and the API: what was rehearsed, the counts, then the changed calls."""
        proposal = self.proposal
        return {
            "since_us": self.span.since_us, "until_us": self.span.until_us, "now_us": self.span.now_us,
            "instead_of": proposal.instead_of, "book_sha256": proposal.edition.sha256, "changes": list(proposal.changes),
            "law_version": proposal.table.version, "law_sha256": proposal.table.sha256, "law_on": proposal.on,
            "warnings": [str(one) for one in proposal.findings], "calls_read": self.calls,
            "broken_entries": self.broken, "first_broken": list(self.first_broken), **self.rehearsal.as_json(),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class RehearsingRooms:
    """What rehearsing needs at hand: where books are checked and found, past calls, and what the house knows of its lines."""

    publishing: PublishingRooms
    past: PastCalls
    served: tuple[str, ...]
    lines: Mapping[str, LineNow]
    local_time: LocalTime
    never_record: NeverRecord


async def propose(rooms: RehearsingRooms, text: str | None, on: str = "") -> Proposal:
    """Return what a book's text proposes, None for the book in force; `on` is the day whose law is read, else today.

    Raises BookRefused with every finding that would stop it from being published, PolicyRefused when the book in force
    cannot be read, Unavailable.
    """
    day = on or rooms.publishing.clock.today()
    publishing = replace(rooms.publishing, known=replace(rooms.publishing.known, on=day))
    before = await current(publishing)
    in_force = Proposal(
        before.edition, publishing.table, day, publishing.known.profile, rooms.served, before.edition.version,
        published=tuple(publishing.publications.all()),
    )  # fmt: skip
    if text is None and before.trouble:
        raise PolicyRefused(before.trouble)
    if text is None and not before.edition.version:
        return in_force  # what the settings say is no book that anybody could publish as it is
    found = checked(publishing, before.text if text is None else text, before)
    if found.book is None or not found.may_be_published:
        raise BookRefused([one for one in found.findings if one.level == "stops"])
    if text is None:
        return replace(in_force, findings=found.findings)
    edition = Edition(found.book, before.edition.version + 1, book_sha256(text))
    return replace(in_force, edition=edition, changes=found.changes, findings=found.findings)


def rehearse_proposal(
    rooms: RehearsingRooms, proposal: Proposal, span: Span, progress: Progress | None = None,
    most_shown: int = MOST_SHOWN,
) -> Rehearsed:  # fmt: skip
    """Return how the calls of a span would have gone; see `rehearse`."""
    known = Known(_editions(proposal.published), rooms.lines, rooms.local_time, rooms.never_record)
    return rehearse(rooms.past, proposal, known, span, progress or unwatched, most_shown)


def _editions(published: Sequence[Stated]) -> Callable[[int], Edition | None]:
    """Return what gives the book of a version, read once; None for one that was erased, or that nobody published."""
    entries = {one.body["version"]: one for one in published}
    books: dict[int, Edition | None] = {}

    def edition(wanted: int) -> Edition | None:
        if wanted not in books:
            found = read_publication(entries[wanted]) if wanted in entries else None
            books[wanted] = None if found is None or found.trouble else found.edition
        return books[wanted]

    return edition


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
    return Rehearsed(proposal, span, rehearsal, broken, first)


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
