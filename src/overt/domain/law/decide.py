"""The decision: a join over every place that a call may touch (P3).

Each place gives a `Demand`: a rule, a form in which consent must be shown, and obligations. Demands form a lattice:
the rule and the form join by the stricter, obligations by union. So the order of the parties does not matter, and
no party, candidate or doubt can ever make a decision looser. What the *law allows* and what *Overt will do* are
said apart: Overt tells everyone, even where the law asks for nothing (P1).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Literal

from overt.domain.facts import Json
from overt.domain.law.model import FORMS, RULES, Form, Row
from overt.domain.law.table import Table
from overt.domain.location import UNKNOWN, Candidate, Locations
from overt.domain.policy import Telling

Profile = Literal["standard", "strict"]
ACCEPTED: dict[Profile, frozenset[str]] = {
    "standard": frozenset({"yes", "likely"}),
    "strict": frozenset({"yes"}),
}
ALWAYS = frozenset({"announce:caller", "tell:agent", "record_announcement", "stop_on_join", "stop_on_no"})
SHOWN_GROUNDS = 8


@dataclass(frozen=True, slots=True)
class Ground:
    """A place, the rule it brings, the citation for it, and why the place counts.

    `hinted` is False for a place that counts only because the line serves it: among equals it is named last.
    """

    place: str
    rule: str
    form: Form
    citation: str
    why: str
    hinted: bool = True


@dataclass(frozen=True, slots=True)
class Demand:
    """What places ask for. `place_effect` is what one place, or a join of many, makes of the call."""

    rule: str
    form: Form
    obligations: frozenset[str]
    grounds: frozenset[Ground]


NOTHING = Demand("one-party", "none", frozenset(), frozenset())


def join(left: Demand, right: Demand) -> Demand:
    """The least demand that is at least as strict as both: associative, commutative, idempotent."""
    return Demand(
        max(left.rule, right.rule, key=RULES.index),
        max(left.form, right.form, key=FORMS.index),
        left.obligations | right.obligations,
        left.grounds | right.grounds,
    )


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer for one purpose on one day.

    `effect` is permit with obligations; `form` what the law demands; `will` what Overt does. `law_allows` says in
    words what the law alone would have asked for.
    """

    effect: Literal["permit", "deny", "indeterminate"]
    rule: str
    form: Form
    will: Telling
    law_allows: str
    obligations: tuple[str, ...]
    grounds: tuple[Ground, ...]
    purpose: str
    law_version: str
    law_sha256: str
    less_strict_if: tuple[str, ...]

    @property
    def citation(self) -> str:
        """The citation of the winning ground."""
        return self.grounds[0].citation if self.grounds else ""

    def as_json(self) -> dict[str, Json]:
        """The body of a `call.decided` fact."""
        shown = [f"{g.place}: {g.rule} ({g.citation}) — {g.why}" for g in self.grounds[:SHOWN_GROUNDS]]
        if len(self.grounds) > SHOWN_GROUNDS:
            shown.append(f"and {len(self.grounds) - SHOWN_GROUNDS} more places")
        return {
            "effect": f"{self.effect}, {self.will}", "rule": self.rule, "form": self.form,
            "law_allows": self.law_allows, "obligations": list(self.obligations), "grounds": list(shown),
            "citation": self.citation, "purpose": self.purpose, "law_version": self.law_version,
            "law_sha256": self.law_sha256,
        }  # fmt: skip


def decide(
    table: Table, locations: Locations, *, purpose: str, on: str, profile: Profile, telling: Telling, chosen_by: str
) -> Decision:
    """Return the decision for a purpose on an ISO date.

    `telling` and `chosen_by` are the line's policy: `announce` is followed only where every winning rule accepts a
    notice and staying, and a named person chose it; else Overt asks.
    """
    demand = reduce(join, demands(table, locations, on, profile), NOTHING)
    informed_will_do = demand.form != "express_opt_in" and bool(chosen_by)
    will: Telling = "announce" if telling == "announce" and informed_will_do else "ask"
    obligations = ALWAYS | demand.obligations | ({"ask:caller"} if will == "ask" else frozenset())
    grounds = tuple(sorted(demand.grounds, key=_precedence))
    return Decision(
        "permit", demand.rule, demand.form, will, _allowed(demand), tuple(sorted(obligations)), grounds, purpose,
        table.version, table.sha256, _doubts(locations),
    )  # fmt: skip


def _precedence(ground: Ground) -> tuple[int, int, bool, str, str]:
    return -RULES.index(ground.rule), -FORMS.index(ground.form), not ground.hinted, ground.place, ground.why


def demands(table: Table, locations: Locations, on: str, profile: Profile) -> list[Demand]:
    """What each candidate place of each party demands."""
    return [
        _demand(table.rows.get(one.place), one, f"{party.party}: {one.detail}", on, profile)
        for party in locations.parties
        for one in party.candidates
    ]


def _demand(row: Row | None, candidate: Candidate, why: str, on: str, profile: Profile) -> Demand:
    place, hinted = candidate.place, candidate.kind != "served"
    if row is None or not row.in_force(on):
        known = "nothing is known of the place" if place == UNKNOWN else "no row of the table in force"
        ground = Ground(place, "all-party", "express_opt_in", f"strict by default: {known}", why, hinted)
        return Demand("all-party", "express_opt_in", frozenset(), frozenset({ground}))
    form = _form(row, profile)
    ground = Ground(place, row.effective_rule, form, row.citations[0], why, hinted)
    return Demand(row.effective_rule, form, _obligations(row), frozenset({ground}))


def _form(row: Row, profile: Profile) -> Form:
    if row.effective_rule == "one-party":
        return "none"
    accepted = row.forms.notice_then_continue in ACCEPTED[profile]
    return "notice_then_continue" if accepted else "express_opt_in"


def _obligations(row: Row) -> frozenset[str]:
    found = set()
    if row.notice.announcement_must_be_recorded == "yes":
        found.add("law:record_announcement")
    if row.minors:
        found.add("no_known_minors")
    if row.employee_notice:
        found.add("employee_notice")
    return frozenset(found)


def _allowed(demand: Demand) -> str:
    return {
        "none": "recording with one party's consent, without telling the other",
        "notice_then_continue": "recording after a notice to every party who stays",
        "express_opt_in": "recording after every party's express consent",
    }[demand.form]


def _doubts(locations: Locations) -> tuple[str, ...]:
    return tuple(f"where the {party.party} is" for party in locations.parties if not party.certain)
