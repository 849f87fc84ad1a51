"""Reconciling: the account of every call of a time, from the ledger's facts, and beside them a switch's own list (P11).

Nothing is written. What comes out says of each call in which one class it falls and why, and which rows of the CDR never
came to us. docs/accounts.md says how an answer is come by, and what it cannot know.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from overt.domain.accounted import Accounted, InCdr, Tally
from overt.domain.cdr import BadRow, Row
from overt.domain.cdr_matching import Ours, Pair, Rules, clock_hint, match
from overt.domain.errors import Refused
from overt.domain.facts import Json
from overt.domain.identity import SIDES, Side
from overt.domain.reconciling import CallFacts, Class, Finding, classify, legs_of
from overt.domain.second_strips import COLUMNS, Strip, rows_of, strips, totals
from overt.domain.vitals import Vitals
from overt.services.auditing import Stated

MOST_CALLS = MOST_ROWS = 1_000_000
SHOWN_BAD = 100
EACH = 1000  # rows between two words on progress


@dataclass(frozen=True, slots=True)
class Read:
    """A stretch of the ledger, read: the calls that ended in it, and how far it goes, in bytes, of how many.

    `broken` counts entries so far that cannot be read, of which `first_broken` are the first. Calls without an end come last.
    """

    calls: Sequence[CallFacts]
    done: int
    total: int
    broken: int = 0
    first_broken: tuple[int, ...] = ()


class AccountedCalls(Protocol):
    """Where the facts of past calls are read."""

    def read(self, since_us: int, until_us: int) -> Iterator[Read]:
        """Yield the calls offered from `since_us` to before `until_us` (UTC microseconds). Raises Unavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Question:
    """Which calls: offered from `since_us` to before `until_us`, of one client or of all; and by which rules.

    `loss_percent`: how much of a leg's packets may be lost before it counts. `most`: how many of each class are kept.
    """

    since_us: int
    until_us: int
    now_us: int
    loss_percent: int = 1
    client: str = ""
    most: int = MOST_CALLS
    rules: Rules = field(default_factory=Rules)

    def covers(self, at_us: int) -> bool:
        """True for a time that was asked for."""
        return self.since_us <= at_us < self.until_us


@dataclass(slots=True)
class CdrRead:
    """What came of reading the CDR. `from_us` to `to_us` is the time of which it speaks, whatever was asked for.

    `outside` rows are of another time, `left_out` by the map, `repeated` rows of a call that has one already. `late_s`: by how
    much its clock seems to be late.
    """

    rows: int = 0
    outside: int = 0
    left_out: int = 0
    repeated: int = 0
    bad: int = 0
    first_bad: list[BadRow] = field(default_factory=list)
    from_us: int = 0
    to_us: int = 0
    by_id: int = 0
    by_numbers: int = 0
    ambiguous: int = 0
    late_s: int = 0

    def as_json(self) -> dict[str, Json]:
        """For the command line and the API."""
        names = ("rows", "outside", "left_out", "repeated", "bad", "from_us", "to_us", "by_id", "by_numbers",
                 "ambiguous", "late_s")  # fmt: skip
        counts: dict[str, Json] = {name: getattr(self, name) for name in names}
        return {**counts, "first_bad": [{"line": one.line, "why": one.why} for one in self.first_bad]}


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What came of it."""

    question: Question
    tally: Tally
    cdr: CdrRead | None = None
    broken: int = 0
    first_broken: tuple[int, ...] = ()

    def as_json(self, only: Iterable[Class] = (), *, reveal: bool = False) -> dict[str, Json]:
        """For the command line and the API: the counts, and the calls of these classes, or of all."""
        asked = self.question
        return {
            "since_us": asked.since_us, "until_us": asked.until_us, "now_us": asked.now_us, "client": asked.client,
            "loss_percent": asked.loss_percent, **self.tally.as_json(),
            "cdr": self.cdr.as_json() if self.cdr is not None else None,
            "broken_entries": self.broken, "first_broken": list(self.first_broken),
            "calls": [one.as_json(reveal=reveal) for one in self.tally.listed(only)],
        }  # fmt: skip


# Told as it goes: what is read (`ledger`, `CDR`), how much of how much of it, and calls or rows so far. What it raises ends it.
Progress = Callable[[str, int, int, int], None]


def unwatched(what: str, done: int, total: int, many: int) -> None:
    """Nobody watches."""


def reconcile(
    past: AccountedCalls, question: Question, cdr: Iterable[Row | BadRow | None] | None = None,
    progress: Progress = unwatched,
) -> Reconciled:  # fmt: skip
    """Return the account of every call of a time.

    Long work without a pause: give it a thread where others wait. Raises Unavailable when the ledger cannot be read, Refused
    when there are more calls or rows than are held at once, MapRefused.
    """
    around = question.rules.tolerance_us if cdr is not None else 0
    rows, read = _rows(cdr, question, progress) if cdr is not None else ([], None)
    calls, ours = list[Accounted](), list[Ours]()
    broken, first = 0, tuple[int, ...]()
    for stretch in past.read(question.since_us - around, question.until_us + around):
        for call in stretch.calls:
            calls.append(_accounted(call, question))
            if read is not None:
                ours.append(Ours(call.offered_us, call.caller, _called(call), call.ids))
        broken, first = stretch.broken, stretch.first_broken
        progress("ledger", stretch.done, stretch.total, len(calls))
        if len(calls) > MOST_CALLS:
            raise Refused(f"there are more than {MOST_CALLS:,} calls in that time; ask for less of it")
    tally = Tally(question.most)
    for one in sorted(_all(calls, ours, rows, read, question), key=lambda one: (one.at_us, one.call)):
        tally.add(one)
    return Reconciled(question, tally, read, broken, first)


def _called(call: CallFacts) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for one in (call.called, call.agent) if one))


def _accounted(call: CallFacts, question: Question) -> Accounted:
    finding = classify(call, question.now_us, question.loss_percent)
    outcome, call_ms = (call.end.outcome, call.end.call_ms) if call.end else ("in progress", 0)
    return Accounted(
        call.id, call.offered_us, finding, call.trunk, call.line, call.caller, call.called, outcome, call_ms, call.captured_ms,
        legs_of(call, question.now_us),
    )  # fmt: skip


def _rows(
    cdr: Iterable[Row | BadRow | None], question: Question, progress: Progress
) -> tuple[list[Row], CdrRead]:  # fmt: skip
    """The rows of the time that was asked for, with a margin, one for each call."""
    read, kept, ids = CdrRead(), list[Row](), dict[str, int]()
    for row in cdr:
        read.rows += 1
        if read.rows % EACH == 0:
            progress("CDR", 0, 0, read.rows)
        if row is None:
            read.left_out += 1
        elif isinstance(row, BadRow):
            read.bad += 1
            if len(read.first_bad) < SHOWN_BAD:
                read.first_bad.append(row)
        else:
            _keep(row, kept, ids, read, question)
    return kept, read


def _keep(row: Row, kept: list[Row], ids: dict[str, int], read: CdrRead, question: Question) -> None:
    read.from_us = min(read.from_us or row.started_us, row.started_us)
    read.to_us = max(read.to_us, row.started_us)
    around = question.rules.tolerance_us
    times = (row.started_us, row.also_us) if row.also_us else (row.started_us,)
    if not any(question.since_us - around <= one < question.until_us + around for one in times):
        read.outside += 1
    elif row.id and row.id in ids:
        read.repeated += 1
        if row.started_us < kept[ids[row.id]].started_us:
            kept[ids[row.id]] = row
    else:
        if len(kept) >= MOST_ROWS:
            raise Refused(f"the CDR has more than {MOST_ROWS:,} rows of that time; ask for less of it")
        if row.id:
            ids[row.id] = len(kept)
        kept.append(row)


# ------------------------------------------------------------------------------------------ with the CDR


def _all(
    calls: Sequence[Accounted], ours: Sequence[Ours], rows: Sequence[Row], read: CdrRead | None, question: Question
) -> Iterator[Accounted]:
    """Every account of the time that was asked for, of one client where that was asked: calls, and rows that are none."""
    if read is None:
        yield from (one for one in calls if _wanted(one.trunk, question))
        return
    pairs = match(ours, rows, question.rules)
    _count(pairs, read)
    read.late_s = clock_hint(ours, rows, pairs)
    found = {one.call: one for one in pairs}
    for place, one in enumerate(calls):
        if question.covers(one.at_us) and _wanted(one.trunk, question):
            yield _beside(one, found.get(place), rows, read, question)
    matched = {one.row for one in pairs}
    for place, row in enumerate(rows):
        unknown = not row.trunk or _wanted(row.trunk, question)
        if place not in matched and question.covers(row.started_us) and unknown:
            yield _never_came(row, question)


def _wanted(trunk: str, question: Question) -> bool:
    return not question.client or trunk == question.client


def _count(pairs: Sequence[Pair], read: CdrRead) -> None:
    read.by_id = sum(one.how == "id" for one in pairs)
    read.by_numbers = len(pairs) - read.by_id
    read.ambiguous = sum(one.ambiguous for one in pairs)


def _beside(
    one: Accounted, pair: Pair | None, rows: Sequence[Row], read: CdrRead, question: Question
) -> Accounted:  # fmt: skip
    """The account with its row; or the account of a call that the CDR should have and has not."""
    finding, in_cdr = one.finding, None
    if pair is not None:
        in_cdr = InCdr(rows[pair.row].line, pair.how, pair.apart_us // 1000, pair.ambiguous)
    elif (
        finding.of in ("loss", "recorded", "not-recorded") and _answered(one) and _spoken_of(one.at_us, read, question)
    ):
        finding = Finding("not in the CDR", f"no row of the CDR is this call; by itself it is: {finding.why}")
    return replace(one, finding=finding, in_cdr=in_cdr)


def _answered(one: Accounted) -> bool:
    """Switches list answered calls, and the others as they please; and a call whose numbers are erased fits no row any more."""
    return (
        bool(one.call_ms or one.captured_ms)
        and bool(one.caller or one.called)
        and not one.outcome.startswith("not answered")
    )


def _spoken_of(at_us: int, read: CdrRead, question: Question) -> bool:
    """Whether the CDR speaks of a time at all."""
    around = question.rules.tolerance_us
    return bool(read.to_us) and read.from_us - around <= at_us <= read.to_us + around


def _never_came(row: Row, question: Question) -> Accounted:
    within = f"{question.rules.tolerance_us / 1_000_000:g} s"
    by = f", by {row.trunk}" if row.trunk else ""
    why = f"line {row.line} of the CDR{by}: no call of ours with these numbers began within {within}"
    return Accounted("", row.started_us, Finding("not at us", why), row.trunk, "", row.caller, row.called,
                     in_cdr=InCdr(row.line))  # fmt: skip


# ------------------------------------------------------------------------------------------ one call


@dataclass(frozen=True, slots=True)
class LegSeconds:
    """A leg by the second: rows as domain.seconds has them, what prevailed when, and the sums."""

    side: Side
    rows: tuple[tuple[int, ...], ...]
    strips: tuple[Strip, ...]
    sums: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class OneCall:
    """The account of one call, by the second where the ledger has that."""

    account: Accounted
    seconds: tuple[LegSeconds, ...]

    def as_json(self, *, reveal: bool = False) -> dict[str, Json]:
        """For the command line and the API."""
        legs: dict[str, Json] = {
            one.side: {"columns": list(COLUMNS), "rows": [list(row) for row in one.rows], "sums": dict(one.sums)}
            for one in self.seconds
        }
        return {**self.account.as_json(reveal=reveal), "seconds": legs}


def account_of(call: CallFacts, entries: Iterable[Stated], question: Question) -> OneCall:
    """Return the account of one call. `entries` are its own; those of `call.seconds` are read."""
    rows: dict[str, tuple[tuple[int, ...], ...]] = {}
    for entry in entries:
        if entry.kind == "call.seconds":
            rows.update({side: found for side in SIDES if (found := rows_of(entry.body.get(side)))})
    legs = tuple(LegSeconds(side, rows[side], strips(rows[side]), totals(rows[side])) for side in SIDES if side in rows)
    return OneCall(_accounted(call, question), legs)


# ------------------------------------------------------------------------------------------ who was turned away


TURNED_AWAY = ("refused", "scanners", "unanswered")  # how the counters of those who never became a call begin


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """What never became a call, since the processes began: refusals by client, and counters of whoever is no client."""

    clients: Mapping[str, int] = field(default_factory=dict)
    counters: Mapping[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Json]:
        """For the command line and the API."""
        return {"clients": dict(self.clients), "counters": dict(self.counters)}


def turned_away(vitals: Iterable[Vitals]) -> TurnedAway:
    """Return who was turned away, by what the processes say of themselves."""
    clients, counters = Counter[str](), Counter[str]()
    for one in vitals:
        clients.update({name: known.refused for name, known in one.clients.items() if known.refused})
        counters.update({name: many for name, many in one.counters.items() if many and name.startswith(TURNED_AWAY)})
    return TurnedAway(clients, counters)
