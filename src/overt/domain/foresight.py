"""How a past call would have gone under another policy book or another law: the other half of a rehearsal.

What the caller did is held fixed. A no stays a no and a yes a yes; who was told and stayed would have stayed again, and who
was never asked would have given an answer that nobody knows. `OUTCOMES` is the whole table; docs/policies-rehearsing.md
shows it. Where Overt would have told and asked as it did then, what happened then is the answer.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from overt.domain.book import Edition, When
from overt.domain.hindsight import DAY_US, Answer, Course, Extent, PastCall, extent, fate
from overt.domain.law.decide import Decision, Will, Wish, decide
from overt.domain.law.reckoning import Law
from overt.domain.location import Locations, PartyPlaces
from overt.domain.policy import LinePolicy
from overt.domain.ruling import Ruling, Traits, Unruled, effective, hours, lot, matches, rule


class Outcome(NamedTuple):
    """How much would have been recorded, and why."""

    recorded: Extent
    why: str


_NOT_ASKED = Outcome("unknown", "they were not asked then")
_NOT_TOLD = Outcome("unknown", "they were told nothing then")
_NO = Outcome("no", "they said no then")
_LATER = Outcome("part", "they said no later, and would have again")
_GONE = Outcome("no", "they hung up then, before the end of the telling")
_HELD = Outcome("no", "they were on hold then when they were to be told")
_DEAF = Outcome("no", "they could not be told then")
# What the caller did then, and what Overt would do now → what would have been recorded. For *none* it is always nothing.
OUTCOMES: Mapping[tuple[Answer, Will], Outcome] = {
    ("yes", "ask"): Outcome("whole", "they said yes then"),
    ("yes", "announce"): Outcome("whole", "they said yes then; told alone, they would have stayed"),
    ("yes, then no", "ask"): _LATER,
    ("yes, then no", "announce"): _LATER,
    ("no", "ask"): _NO,
    ("no", "announce"): _NO,
    ("silence", "ask"): Outcome("no", "they gave no answer then, which is a no"),
    ("silence", "announce"): Outcome("whole", "they stayed after they were told"),
    ("another key", "ask"): Outcome("no", "they gave no clear answer then, which is a no"),
    ("another key", "announce"): Outcome("unknown", "the key that they pressed may have been meant as a no"),
    ("stayed", "ask"): _NOT_ASKED,
    ("stayed", "announce"): Outcome("whole", "they stayed after they were told"),
    ("stayed, then no", "ask"): _NOT_ASKED,
    ("stayed, then no", "announce"): _LATER,
    ("held", "ask"): _HELD,
    ("held", "announce"): _HELD,
    ("hung up", "ask"): _GONE,
    ("hung up", "announce"): _GONE,
    ("not told", "ask"): _DEAF,
    ("not told", "announce"): _DEAF,
    ("never told", "ask"): _NOT_TOLD,
    ("never told", "announce"): _NOT_TOLD,
}  # fmt: skip
FAILED = Outcome("unknown", "recording failed then")
ALONE = Outcome("unknown", "the call was over then before the agent came")


@dataclass(frozen=True, slots=True)
class LineNow:
    """A line as the settings have it now: its policy, and the queue and team that stand with it."""

    policy: LinePolicy
    queue: str = ""
    team: str = ""


@dataclass(frozen=True, slots=True)
class Apart:
    """A call of which a rehearsal says nothing, and why: one of `APART`."""

    why: str


APART: Mapping[str, str] = {
    "in progress": "has not ended",
    "never decided": "was over before the law was asked: turned away, say, or never answered",
    "erased": "a number or agent was erased, and the policies ask for it",
    "unreadable": "an entry of it cannot be read; `overt ledger verify` says more",
}
IN_PROGRESS, NEVER_DECIDED, ERASED = Apart("in progress"), Apart("never decided"), Apart("erased")


@dataclass(slots=True)
class _Ruled:
    """A policy that rules calls of one kind, and what the law says of it for each set of places."""

    policy: LinePolicy
    decisions: dict[tuple[str, ...], Course] = field(default_factory=dict)


@dataclass(slots=True)
class _Share:
    """The rulings of calls of one kind: of those in the policy's share, and of those beyond it."""

    share: int
    within: _Ruled
    beyond: _Ruled


Decides = Callable[[Law, Locations, Wish], Decision]
NeverRecord = Callable[[str, str, Sequence[str]], str]


def of_no_number(caller: str, called: str, own: Sequence[str]) -> str:
    """Say of no number that it is never recorded."""
    return ""


@dataclass(frozen=True, slots=True)
class World:
    """What a book is asked with. `lines` are the settings' lines by name; `law_of` gives the law as a policy reads it.

    `local` gives the weekday (0 is Monday) and the minute of the day of a UTC time in microseconds, by the clock of the
    book. `never_record` says why a call between two numbers is never recorded, whatever a policy says: an emergency, or a
    number of the list that it is given; or nothing. `decides` is how the law is asked; `must_record` the legal bases on
    which nobody is served unrecorded.
    """

    lines: Mapping[str, LineNow]
    law_of: Callable[[LinePolicy], Law]
    local: Callable[[int], tuple[int, int]]
    never_record: NeverRecord = of_no_number
    decides: Decides = decide
    must_record: frozenset[str] = frozenset()


class Foresight:
    """A policy book and a law, asked how calls would have gone. What was reckoned once is remembered."""

    def __init__(self, edition: Edition, world: World) -> None:
        self._edition, self._world = edition, world
        self._enabled = tuple(one for one in edition.book.policy if one.enabled)
        self._never = tuple(one.number for one in edition.book.never_record)
        self._asks = _Asks.of(edition)
        self._shares: dict[tuple[object, ...], _Share | Apart] = {}

    def foresee(self, past: PastCall) -> Course | Apart:
        """Return how a call would have gone, or why nothing can be said of it."""
        if not past.ended:
            return IN_PROGRESS
        if not past.will:
            return NEVER_DECIDED
        if why := self._emergency(past):
            return Course("", self._edition.version, "none", why=why)
        share = self._share(past)
        if isinstance(share, Apart):
            return share
        beyond = 0 < share.share < 100 and lot(past.id) >= share.share
        return self._course(share.beyond if beyond else share.within, past)

    def _emergency(self, past: PastCall) -> str:
        """Why no book is asked. Of a call that a policy ruled it was asked then already."""
        return "" if past.ruled and past.policy else self._world.never_record(past.caller, past.called, ())

    def _course(self, ruled: _Ruled, past: PastCall) -> Course:
        planned = ruled.decisions.get(past.places)
        if planned is None:
            planned = ruled.decisions[past.places] = self._planned(ruled.policy, past.places)
        if planned.will == "none":
            return planned
        outcome = _outcome(planned.will, past)
        recorded = outcome.recorded
        if recorded == "whole":
            recorded = extent(ruled.policy, past)
        kept = recorded in ("whole", "part")
        return planned._replace(
            recorded=recorded, why=outcome.why, after_no=fate(ruled.policy, planned.will, past, self._world.must_record),
            keep_days=planned.keep_days if kept else 0, listeners=planned.listeners if kept else None,
            keep_until_us=past.kept_from_us + planned.keep_days * DAY_US if kept and past.kept_from_us else 0,
        )  # fmt: skip

    def _planned(self, policy: LinePolicy, places: tuple[str, ...]) -> Course:
        """What Overt would set out to do, before anybody has answered."""
        locations = Locations((PartyPlaces("parties", (), False, places),))
        wish = Wish("recording", policy.telling, policy.chosen_by, policy.retention_days, policy.unrecorded_why)
        decision = self._world.decides(self._world.law_of(policy), locations, wish)
        tells = decision.will != "none"
        return Course(
            policy=policy.policy, version=policy.version, will=decision.will, rule=decision.rule, form=decision.form,
            languages=policy.languages if tells else (), script=policy.script if tells else "",
            purpose=policy.purpose if tells else "", keep_days=decision.keep_days if tells else 0,
            listeners=policy.listeners if tells else None, why=decision.why or _because(decision),
        )  # fmt: skip

    # ---- which policy

    def _share(self, past: PastCall) -> _Share | Apart:
        now = self._world.lines.get(past.line)
        queue, team = (past.queue, past.team) if past.ruled or now is None else (now.queue, now.team)
        weekday, minute = self._world.local(past.offered_us) if self._asks.time else (0, 0)
        traits = Traits(past.direction, past.line, queue, team, past.agent, past.caller, past.called, weekday, minute)
        own = self._world.never_record(past.caller, past.called, self._never) if self._never else ""
        kind = (past.direction, past.line, queue, team, weekday, own, *self._asks.kind(past, minute))
        found = self._shares.get(kind)
        if found is None:
            found = self._shares[kind] = self._ruled(traits, past.erased, own)
        return found

    def _ruled(self, traits: Traits, erased: frozenset[str], own: str) -> _Share | Apart:
        """The rulings of a call's kind; apart when what was erased might have led to another policy.

        `own` says why a number of it is on the book's list of those that are never recorded.
        """
        if erased and self._doubtful(traits, erased):
            return ERASED
        within, beyond = rule(self._edition.book, traits, 0), rule(self._edition.book, traits, 99)
        share = within.policy.capture.share if isinstance(within, Ruling) else 0
        return _Share(share, self._effective(within, traits, own), self._effective(beyond, traits, own))

    def _effective(self, ruling: Ruling | Unruled, traits: Traits, own: str) -> _Ruled:
        if isinstance(ruling, Ruling) and own:
            ruling = replace(ruling, unrecorded_why=ruling.unrecorded_why or own)
        now = self._world.lines.get(traits.line)
        base = now.policy if now else LinePolicy(traits.line or "no line")
        return _Ruled(effective(ruling, base, self._edition))

    def _doubtful(self, traits: Traits, erased: frozenset[str]) -> bool:
        """Whether a policy that comes before the first sure one, or locks something, asks for what was erased."""
        if self._edition.book.never_record and erased & {"caller", "called"}:
            return True
        outside = "caller" if traits.direction == "inbound" else "called"
        sure = False
        for policy in self._enabled:
            unknown = _without(policy.when, outside in erased, "agent" in erased)
            if not matches(unknown, traits):
                continue
            if unknown == policy.when:
                sure = True
            elif not sure or policy.locks:
                return True
        return False


def _without(when: When, number: bool, agent: bool) -> When:
    """The conditions without those that ask for a number, or an agent, which nobody knows."""
    when = replace(when, numbers=()) if number and when.numbers else when
    return replace(when, agents=()) if agent and when.agents else when


@dataclass(frozen=True, slots=True)
class _Patterns:
    """Names and beginnings of names, as `ruling.fits` reads them; beginnings by their length, so that many cost little."""

    exact: frozenset[str]
    beginnings: tuple[tuple[int, frozenset[str]], ...]

    @classmethod
    def of(cls, patterns: Iterable[str]) -> _Patterns:
        """These patterns."""
        each = frozenset(patterns)
        begins = {one[:-1] for one in each if one.endswith("*")}
        lengths = sorted({len(one) for one in begins})
        by_length = tuple((length, frozenset(one for one in begins if len(one) == length)) for length in lengths)
        return cls(frozenset(one for one in each if not one.endswith("*")), by_length)

    def __bool__(self) -> bool:
        return bool(self.exact or self.beginnings)

    def fitting(self, name: str) -> tuple[str, ...]:
        """The patterns that a name fits; of an empty name, a mark of its own."""
        if not name:
            return ("",)
        found = tuple([f"{name[:length]}*" for length, begins in self.beginnings if name[:length] in begins])
        return (name, *found) if name in self.exact else found


@dataclass(frozen=True, slots=True)
class _Asks:
    """What a book asks of a call besides line, queue, team and direction, so that calls alike are ruled but once."""

    numbers: _Patterns
    agents: _Patterns
    time: bool
    edges: tuple[int, ...]

    @classmethod
    def of(cls, edition: Edition) -> _Asks:
        """What this book asks."""
        whens = [one.when for one in edition.book.policy if one.enabled]
        never = [one.number for one in edition.book.never_record]
        return cls(
            _Patterns.of([*never, *(one for when in whens for one in when.numbers)]),
            _Patterns.of(one for when in whens for one in when.agents),
            any(when.days or when.from_ or when.until for when in whens),
            tuple(sorted({edge for when in whens for edge in hours(when)})),
        )  # fmt: skip

    def kind(self, past: PastCall, minute: int) -> tuple[object, ...]:
        """What of a call's number, agent and minute of the day can matter."""
        numbers, agents = self.numbers, self.agents
        return (
            numbers and (numbers.fitting(past.caller), numbers.fitting(past.called)),
            agents and agents.fitting(past.agent),
            (numbers or agents) and past.erased,
            self.time and bisect_right(self.edges, minute),
        )


# ------------------------------------------------------------------------------------------ what the law says


def _because(decision: Decision) -> str:
    places = decision.decisive
    more = f" and {len(places) - 3} more" if len(places) > 3 else ""
    return f"{decision.rule}, {decision.form}: {', '.join(places[:3])}{more}"


def _outcome(will: Will, past: PastCall) -> Outcome:
    """What would have been recorded of a call that is told or asked."""
    if will == past.will:
        return Outcome("whole" if past.recorded else "no", "told and asked as it was then")
    if past.hindered:
        return Outcome("no", past.hindered)
    if past.failed:
        return FAILED
    outcome = OUTCOMES[past.answer, will]
    return outcome if past.joined or outcome.recorded == "no" else ALONE
