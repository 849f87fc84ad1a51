"""Worked cases tried against the law table: those of a file, and the examples that every row brings with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from overt.domain.facts import Json
from overt.domain.law.cases import Case, Tried, case_of, try_case
from overt.domain.law.reckoning import Law, Profile, Reckoning, reckon
from overt.domain.law.table import Table
from overt.domain.location import expand


@dataclass(frozen=True, slots=True)
class Tries:
    """What the engine says of cases. `on` is the ISO date on which the table was read, `profile` how sure a form must be."""

    table: Table
    on: str
    profile: Profile
    tried: tuple[Tried, ...]

    @property
    def passed(self) -> int:
        """How many came out as expected, in rule and in whether it may be recorded."""
        return sum(one.passed for one in self.tried)

    @property
    def failed(self) -> int:
        """How many did not."""
        return len(self.tried) - self.passed

    def as_json(self) -> dict[str, Json]:
        """The same as plain JSON."""
        return {
            "law": {
                "version": self.table.version, "as_of": self.table.as_of, "sha256": self.table.sha256, "on": self.on,
                "profile": self.profile,
            },
            "cases": [_as_json(one) for one in self.tried],
            "passed": self.passed,
            "failed": self.failed,
        }  # fmt: skip


def try_all(
    table: Table, cases: Sequence[Case], on: str, served: Sequence[str] = (), profile: Profile = "standard"
) -> Tries:
    """Return what the engine says of each case on a day. `served`: where an unknown party may be; none for anywhere."""
    places = tuple(dict.fromkeys(place for one in served for place in expand(one)))
    laws: dict[Reckoning, Law] = {}

    def read(reckoning: Reckoning) -> Law:
        if reckoning not in laws:
            laws[reckoning] = reckon(table, reckoning)
        return laws[reckoning]

    tried = (try_case(table, one, on=on, served=places, profile=profile, read=read) for one in cases)
    return Tries(table, on, profile, tuple(tried))


def examples(table: Table, on: str) -> tuple[Case, ...]:
    """Return the worked examples of every row in force on an ISO date, as cases."""
    rows = (table.row(code, on) for code in sorted(table.rows))
    return tuple(
        case_of(one, f"{row.code} no. {number}")
        for row in rows
        if row is not None
        for number, one in enumerate(row.example, 1)
    )


def _as_json(one: Tried) -> Json:
    case, wanted = one.case, one.case.expected
    grounds: list[Json] = [
        {"place": g.place, "law": g.law, "rule": g.rule, "form": g.form, "citation": g.citation, "why": g.why}
        for g in one.grounds
    ]
    return {
        "id": case.id, "title": case.title, "authority": case.authority, "passed": one.passed, "purpose": case.purpose,
        "expected": {"rule": wanted.rule, "may_record": wanted.may_record, "form": wanted.form},
        "found": {"rule": one.rule, "may_record": one.may_record, "form": one.form, "why": one.why},
        "relaxed": _relaxed(one), "stricter_than_court": wanted.stricter_than_court, "remarks": list(case.remarks),
        "decisive": list(one.decision.decisive), "grounds": grounds,
    }  # fmt: skip


def _relaxed(one: Tried) -> Json:
    """What comes out once a contested place is relaxed; nothing where the case does not ask."""
    wanted = one.case.expected
    if not wanted.relaxed:
        return None
    return {"place": wanted.relaxed, "expected": wanted.may_record_relaxed, "found": one.may_record_relaxed}
