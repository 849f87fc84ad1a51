"""The accounts of many calls, counted: each in one class, and the sums that they add up to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from overt.domain.facts import Json
from overt.domain.identity import SIDES, Number, Side
from overt.domain.reconciling import AS_THEY_SHOULD, CLASSES, GRAVE, KINDS, Class, Finding, LegAccount

COUNTED = ("offered", "permitted_ms", "received", "captured", "lost", "late", "dropped", "paused_ms")


@dataclass(frozen=True, slots=True)
class InCdr:
    """Where a call stands in the CDR: its line, how it was found, how much later it begins there, whether another fits too."""

    line: int
    how: str = ""
    apart_ms: int = 0
    ambiguous: bool = False


@dataclass(frozen=True, slots=True)
class Accounted:
    """The account of a call, or of a row of the CDR that is no call of ours (`call` empty). `at_us` is when it began."""

    call: str
    at_us: int
    finding: Finding
    trunk: str = ""
    line: str = ""
    caller: str = field(default="", repr=False)
    called: str = field(default="", repr=False)
    outcome: str = ""
    call_ms: int = 0
    captured_ms: int = 0
    legs: tuple[LegAccount, ...] = ()
    in_cdr: InCdr | None = None

    def as_json(self, *, reveal: bool = False) -> dict[str, Json]:
        """For the command line and the API; numbers masked, unless they are to be revealed."""
        row = self.in_cdr
        return {
            "call": self.call, "at_us": self.at_us, "class": self.finding.of, "kind": self.finding.kind,
            "why": self.finding.why, "trunk": self.trunk, "line": self.line, "from": shown(self.caller, reveal),
            "to": shown(self.called, reveal), "outcome": self.outcome, "call_ms": self.call_ms, "captured_ms": self.captured_ms,
            "legs": {one.side: {name: getattr(one, name) for name in COUNTED} for one in self.legs},
            "cdr": None if row is None else {
                "line": row.line, "how": row.how, "apart_ms": row.apart_ms, "ambiguous": row.ambiguous,
            },
        }  # fmt: skip


def shown(number: str, reveal: bool) -> str:
    """A number as it is shown; empty when there is none."""
    return number if reveal or not number else Number(number).masked


@dataclass(slots=True)
class Tally:
    """Counts of accounts by class and by kind, the sums of their legs, and up to `most` of each class, in their order."""

    most: int
    classes: Counter[Class] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    legs: dict[Side, Counter[str]] = field(default_factory=lambda: {side: Counter() for side in SIDES})
    shown: dict[Class, list[Accounted]] = field(default_factory=lambda: {one: [] for one in CLASSES})

    def add(self, one: Accounted) -> None:
        """Count one."""
        class_ = one.finding.of
        self.classes[class_] += 1
        self.kinds[one.finding.kind] += 1
        for leg in one.legs:
            self.legs[leg.side].update({name: getattr(leg, name) for name in COUNTED})
        if len(self.shown[class_]) < self.most:
            self.shown[class_].append(one)

    @property
    def total(self) -> int:
        """How many there are."""
        return self.classes.total()

    @property
    def right(self) -> int:
        """How many are as they should."""
        return sum(self.classes[one] for one in AS_THEY_SHOULD)

    @property
    def wrong(self) -> int:
        """How many are not; those under way are neither."""
        return self.total - self.right - self.classes["under-way"]

    @property
    def grave(self) -> bool:
        """True when something is missing, extra, or must be impossible."""
        return any(self.classes[one] for one in GRAVE)

    @property
    def summary(self) -> str:
        """The last line: `97 as they should, 3 not (2 loss, 1 missing)`."""
        parts = [f"{self.classes[one]} {one}" for one in CLASSES if one not in AS_THEY_SHOULD and self.classes[one]]
        parts = [one for one in parts if not one.endswith("under-way")]
        under_way = self.classes["under-way"]
        return (
            f"{self.right} as they should, {self.wrong} not"
            + (f" ({', '.join(parts)})" if parts else "")
            + (f"; {under_way} under way" if under_way else "")
        )

    def listed(self, only: Iterable[Class] = ()) -> list[Accounted]:
        """Those that are shown, of these classes or of all, the gravest first, then in their order."""
        chosen = frozenset(only) or CLASSES.keys()
        return [one for class_ in CLASSES if class_ in chosen for one in self.shown[class_]]

    def as_json(self) -> dict[str, Json]:
        """The counts."""
        return {
            "total": self.total, "as_they_should": self.right, "not": self.wrong, "summary": self.summary,
            "classes": {one: self.classes[one] for one in CLASSES},
            "kinds": {one: self.kinds[one] for one in KINDS if self.kinds[one]},
            "legs": {side: {name: self.legs[side][name] for name in COUNTED} for side in SIDES},
        }  # fmt: skip
