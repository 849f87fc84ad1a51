"""A rehearsal: how past calls went against how they would have gone, counted, with each call that would have changed.

`Rehearsal.add` takes the two courses of a call (`domain.hindsight`, `domain.foresight`); `CHANGES` is the table of what may
differ between them. Of calls beyond `most_shown` only the counts are kept, so that memory stays bounded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from overt.domain.facts import Json
from overt.domain.foresight import Apart
from overt.domain.hindsight import Course, PastCall
from overt.domain.identity import Number

MOST_SHOWN = 10_000
RECORDED = frozenset({"whole", "part"})


@dataclass(frozen=True, slots=True)
class Difference:
    """What may differ between two courses: its meaning, and when it does (the courses, now in UTC microseconds)."""

    meaning: str
    differs: Callable[[Course, Course, int], bool]


def _words(was: Course, would: Course, now_us: int) -> bool:
    """Whether both tell, and in other words; what the facts do not say of the words then does not differ."""
    if "none" in (was.will, would.will):
        return False
    then, now = (was.languages, was.script, was.purpose), (would.languages, would.script, would.purpose)
    return any(one and one != other for one, other in zip(then, now, strict=True))


def _both(was: Course, would: Course) -> bool:
    return was.recorded in RECORDED and would.recorded in RECORDED


def _over(course: Course, now_us: int) -> bool:
    return 0 < course.keep_until_us <= now_us


def _others(was: tuple[str, ...] | None, would: tuple[str, ...] | None) -> bool:
    return None not in (was, would) and set(was or ()) != set(would or ())


CHANGES: Mapping[str, Difference] = {
    "telling": Difference(
        "asked, told without a question, or told nothing, where it was another of these",
        lambda was, would, now: was.will != would.will,
    ),
    "words": Difference("told in other languages, by another script or for another purpose", _words),
    "recorded": Difference(
        "recorded whole, in part or not at all, where it was another of these",
        lambda was, would, now: was.recorded != would.recorded,
    ),
    "kept": Difference(
        "kept for another number of days",
        lambda was, would, now: _both(was, would) and was.keep_days not in (0, would.keep_days),
    ),
    "deleted": Difference(
        "kept for a time that would be over by now, where it is not",
        lambda was, would, now: _both(was, would) and _over(would, now) and not _over(was, now),
    ),
    "listeners": Difference(
        "open to other listeners", lambda was, would, now: _both(was, would) and _others(was.listeners, would.listeners)
    ),
    "after a no": Difference(
        "going on, ending or being routed after a no, where it was another of these",
        lambda was, would, now: bool(was.after_no) and bool(would.after_no) and was.after_no != would.after_no,
    ),
}


_COMPARED = slice(Course._fields.index("languages"), Course._fields.index("why"))


def differences(was: Course, would: Course, now_us: int) -> tuple[str, ...]:
    """Return what would have changed in a call: names of CHANGES, in their order."""
    if was.will == would.will and was[_COMPARED] == would[_COMPARED]:
        return ()  # most calls, most often
    return tuple(name for name, one in CHANGES.items() if one.differs(was, would, now_us))


@dataclass(frozen=True, slots=True)
class Changed:
    """A call that would have gone otherwise. `caller` is masked; `what` are names of CHANGES."""

    call: str
    offered_us: int
    line: str
    caller: str
    what: tuple[str, ...]
    was: Course
    would: Course
    why: str

    def as_json(self) -> dict[str, Json]:
        """For the command line and the API."""
        return {
            "call": self.call, "offered_us": self.offered_us, "line": self.line, "caller": self.caller,
            "what": list(self.what), "was": _course(self.was), "would": _course(self.would), "why": self.why,
        }  # fmt: skip


@dataclass(slots=True)
class Tally:
    """How many calls went, or would have gone, which way.

    `will`: told and asked, told alone, told nothing; `recorded`: by extent; `kept`: recordings by their days of keeping;
    `over`: recordings whose keeping time is over by now; `after_no`: what became of calls after a no.
    """

    will: Counter[str] = field(default_factory=Counter)
    recorded: Counter[str] = field(default_factory=Counter)
    kept: Counter[int] = field(default_factory=Counter)
    over: int = 0
    after_no: Counter[str] = field(default_factory=Counter)

    def add(self, course: Course, now_us: int) -> None:
        """Count a call."""
        self.will[course.will] += 1
        self.recorded[course.recorded] += 1
        if course.keep_days:
            self.kept[course.keep_days] += 1
            self.over += _over(course, now_us)
        if course.after_no:
            self.after_no[course.after_no] += 1

    def as_json(self) -> dict[str, Json]:
        """For the command line and the API; days of keeping become texts."""
        return {
            "will": dict(self.will), "recorded": dict(self.recorded), "over": self.over, "after_no": dict(self.after_no),
            "kept": {str(days): many for days, many in sorted(self.kept.items())},
        }  # fmt: skip


@dataclass(slots=True)
class Rehearsal:
    """What has been rehearsed so far.

    `now_us` is the time against which keeping is reckoned, UTC microseconds. `apart` counts the calls of which nothing is
    said, by name of `foresight.APART`; `ruled` the calls that each policy of the book would rule, those of no call too, and
    "" for no policy; `unrecorded` why calls would be told nothing; `what` the changed calls by name of CHANGES.
    """

    now_us: int
    most_shown: int = MOST_SHOWN
    rehearsed: int = 0
    was: Tally = field(default_factory=Tally)
    would: Tally = field(default_factory=Tally)
    ruled: Counter[str] = field(default_factory=Counter)
    unrecorded: Counter[str] = field(default_factory=Counter)
    apart: Counter[str] = field(default_factory=Counter)
    changed: int = 0
    what: Counter[str] = field(default_factory=Counter)
    shown: list[Changed] = field(default_factory=list)

    def set_apart(self, apart: Apart, calls: int = 1) -> None:
        """Count calls of which nothing can be said."""
        if calls:
            self.apart[apart.why] += calls

    def add(self, past: PastCall, was: Course, would: Course) -> None:
        """Count a call, and keep it to be shown when it would have changed."""
        self.rehearsed += 1
        self.was.add(was, self.now_us)
        self.would.add(would, self.now_us)
        self.ruled[would.policy] += 1
        if would.will == "none":
            self.unrecorded[would.why] += 1
        what = differences(was, would, self.now_us)
        if not what:
            return
        self.changed += 1
        self.what.update(what)
        if len(self.shown) < self.most_shown:
            self.shown.append(
                Changed(past.id, past.offered_us, past.line, masked(past), what, was, would, because(was, would))
            )

    def as_json(self) -> dict[str, Json]:
        """All of it, for the command line and the API: counts first, then the changed calls that were kept."""
        return {
            "rehearsed": self.rehearsed, "changed": self.changed, "what": dict(self.what), "was": self.was.as_json(),
            "would": self.would.as_json(), "ruled": dict(self.ruled), "unrecorded": dict(self.unrecorded),
            "apart": dict(self.apart), "calls": [one.as_json() for one in self.shown],
            "not_shown": self.changed - len(self.shown),
        }  # fmt: skip


def masked(past: PastCall) -> str:
    """A call's caller, as may be shown to whoever may rehearse."""
    return "erased" if "caller" in past.erased else Number(past.caller).masked


def because(was: Course, would: Course) -> str:
    """Why a call would have gone otherwise: another policy, another answer of the law, and what follows from them."""
    parts = []
    if was.policy != would.policy:
        parts.append(f"{_named(would.policy)} rules it, where {_named(was.policy)} did")
    if was.rule and (was.rule, was.form) != (would.rule, would.form):
        parts.append(f"the law asks for {would.rule}, {would.form}, where it asked for {was.rule}, {was.form}")
    return "; ".join((*parts, would.why))


def _named(policy: str) -> str:
    return f"«{policy}»" if policy else "no policy"


def _course(course: Course) -> dict[str, Json]:
    return {
        "policy": course.policy, "version": course.version, "will": course.will, "rule": course.rule, "form": course.form,
        "languages": list(course.languages), "script": course.script, "purpose": course.purpose,
        "recorded": course.recorded, "keep_days": course.keep_days, "keep_until_us": course.keep_until_us,
        "listeners": None if course.listeners is None else list(course.listeners), "after_no": course.after_no, "why": course.why,
    }  # fmt: skip
