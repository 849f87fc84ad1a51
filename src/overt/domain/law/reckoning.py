"""How an operator reads the table on a day: every row becomes the demand of its place, for every purpose.

What is *reckoned* once is looked up for every call. An operator may hold any place stricter; may relax only a rule that
the table calls contested (their policy book names who and why); states the circumstances of the line; and may name a legal
basis other than consent, which changes the form only, and only in its own places.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from typing import Literal

from overt.domain.errors import PolicyRefused
from overt.domain.law.demand import NOTHING, STRICTEST, Demand, Ground, Owed, at_least, join
from overt.domain.law.duties import CIRCUMSTANCES, Basis, Duty
from overt.domain.law.model import FORMS, PURPOSES, Effective, Form, Forms, Purpose, Row
from overt.domain.law.table import Table
from overt.domain.location import UNKNOWN

Profile = Literal["standard", "strict"]
# How sure an accepted form must be.
ACCEPTED: Mapping[Profile, frozenset[str]] = {
    "standard": frozenset({"yes", "likely"}),
    "strict": frozenset({"yes"}),
}
PARTS = frozenset({"state", "district", "subdivision"})  # of a place of which no more is known than its country
_NO_ROW = "strict by default: no row of the table is in force"
_NOT_KNOWN = "strict by default: nothing is known of the place"


@dataclass(frozen=True, slots=True)
class Reckoning:
    """How the table is read. `on` is an ISO date; `served` the places that are joined beforehand, since most calls need
    them; `relaxed` the contested places read loosely; `stricter` pairs of place and form; `basis` a code, or empty."""

    on: str
    profile: Profile = "standard"
    served: tuple[str, ...] = ()
    relaxed: frozenset[str] = frozenset()
    stricter: tuple[tuple[str, Form], ...] = ()
    circumstances: frozenset[str] = frozenset()
    basis: str = ""


@dataclass(frozen=True, slots=True)
class Law:
    """The table as it is read: by purpose, the demand of every place, of all served places together, and everywhere.

    `unaided` is the same without what the operator holds stricter; None where they hold nothing so.
    """

    table: Table
    reckoning: Reckoning
    demands: Mapping[Purpose, Mapping[str, Demand]]
    served: Mapping[Purpose, Demand]
    bare: Mapping[Purpose, Demand]
    unaided: Law | None = None

    def demand(self, purpose: Purpose, place: str) -> Demand:
        """What a place demands; the strictest where the table has no row."""
        found = self.demands[purpose].get(place)
        return found if found is not None else join(self.bare[purpose], _strictest(place))

    def together(self, purpose: Purpose, places: tuple[str, ...]) -> Demand:
        """What many places demand together."""
        if places is self.reckoning.served or places == self.reckoning.served:
            return self.served[purpose]
        return reduce(join, (self.demand(purpose, one) for one in places), NOTHING)


def reckon(table: Table, reckoning: Reckoning) -> Law:
    """Return the table as it is read. Raises PolicyRefused when what was not contested is relaxed, or for unknown names."""
    _check(table, reckoning)
    bare = {purpose: _everywhere(table, reckoning, purpose) for purpose in PURPOSES}
    demands = {purpose: _places(table, reckoning, purpose, bare[purpose]) for purpose in PURPOSES}
    served: dict[Purpose, Demand] = {}
    unaided = reckon(table, replace(reckoning, stricter=())) if reckoning.stricter else None
    law = Law(table, reckoning, demands, served, bare, unaided)
    for purpose in PURPOSES:
        served[purpose] = reduce(join, (law.demand(purpose, place) for place in reckoning.served), NOTHING)
    return law


def _check(table: Table, reckoning: Reckoning) -> None:
    for place in sorted(reckoning.relaxed):
        row = table.own_row(place, reckoning.on)
        if row is None or not row.contested.relaxes_to:
            raise PolicyRefused(f"{place} cannot be relaxed: the table does not call its rule contested")
    for place, form in reckoning.stricter:
        if form not in FORMS or table.own_row(place, reckoning.on) is None:
            raise PolicyRefused(f"{place} cannot be held to {form}: a place of the table and one of {', '.join(FORMS)}")
    for strange in sorted(reckoning.circumstances - CIRCUMSTANCES.keys()):
        raise PolicyRefused(f"unknown circumstance {strange}; one of {', '.join(filter(None, CIRCUMSTANCES))}")
    if reckoning.basis and reckoning.basis not in table.bases:
        raise PolicyRefused(f"unknown legal basis {reckoning.basis}; one of {', '.join(table.bases)}")


# ------------------------------------------------------------------------------------------ places


def _places(table: Table, reckoning: Reckoning, purpose: Purpose, bare: Demand) -> dict[str, Demand]:
    """The demand of each place: its own, that of the place it lies within, and what binds everywhere.

    A place of which only the country is known may be any of its parts.
    """
    rows = {code: row for code in table.rows if (row := table.row(code, reckoning.on)) is not None}
    own = {code: join(bare, _own(table, row, reckoning, purpose)) for code, row in rows.items()}
    found = {code: join(own[code], own[row.within]) if row.within in own else own[code] for code, row in rows.items()}
    whole = {row.within for row in rows.values() if row.kind in PARTS} & own.keys()
    for code in whole:
        parts = (found[part] for part, row in rows.items() if row.within == code and row.kind in PARTS)
        found[code] = reduce(join, parts)  # each holds what binds in the whole
    for place, bloc in table.stands_for.items():
        if bloc in found:
            found[place] = found[bloc]
    return found


def _own(table: Table, row: Row, reckoning: Reckoning, purpose: Purpose) -> Demand:
    """What one row demands, as the operator reads it."""
    relaxed = row.contested.relaxes_to if row.code in reckoning.relaxed else ""
    demand = _consent(row, row.effective_rule, row.forms, relaxed, reckoning)
    for variant in row.variant:
        if variant.when in reckoning.circumstances:
            demand = join(demand, _consent(row, variant.effective_rule, variant.forms, "", reckoning))
    demand = _on_basis(demand, table, row, reckoning, purpose)
    for one in row.purpose:
        if one.purpose == purpose:
            demand = join(demand, _held(row, one.form, one.citation, row.name))
    for place, form in reckoning.stricter:
        if place == row.code:
            demand = join(demand, _held(row, form, "the operator's own policy", "policy"))
    return reduce(join, _duties(table, row, reckoning, purpose), demand)


def _consent(row: Row, rule: Effective, forms: Forms, relaxed: str, reckoning: Reckoning) -> Demand:
    """Whose consent, in which form, and what the row obliges to."""
    rule = "one-party" if relaxed == "one-party" else rule
    accepted = at_least("none") if rule == "one-party" else _accepted(forms, relaxed, reckoning.profile)
    loosest = next(form for form in FORMS if form in accepted)
    citation = row.citations[0] + (", read as the operator chose: the rule is contested" if relaxed else "")
    ground = Ground(row.code, row.name, rule, loosest, citation)
    tone = 0 if rule == "one-party" else row.notice.tone_interval_s
    return Demand(rule, accepted, _owed(row), tone, grounds=frozenset({ground}))


def _accepted(forms: Forms, relaxed: str, profile: Profile) -> frozenset[Form]:
    sure = ACCEPTED[profile]
    found: set[Form] = {STRICTEST}
    if forms.notice_then_continue in sure or relaxed == "notice_then_continue":
        found.add("notice_then_continue")
    if forms.recording_tone in sure:
        found.add("recording_tone")
    return frozenset(found)


def _owed(row: Row) -> frozenset[Owed]:
    found = set()
    if row.notice.announcement_must_be_recorded == "yes":
        found.add(Owed("law:record_announcement", row.citations[0]))
    if row.minors:
        found.add(Owed("no_known_minors", row.minors))
    if row.employee_notice:
        found.add(Owed("employee_notice", row.employee_notice))
    return frozenset(found)


def _held(row: Row, form: Form, citation: str, law: str) -> Demand:
    """At least this form, by a law of its own."""
    rule: Effective = "one-party" if form == "none" else "all-party"
    return Demand(rule, at_least(form), grounds=frozenset({Ground(row.code, law, rule, form, citation)}))


def _on_basis(demand: Demand, table: Table, row: Row, reckoning: Reckoning, purpose: Purpose) -> Demand:
    """The demand where another legal basis than consent holds: telling does; it is kept as long as the basis says."""
    basis = table.bases.get(reckoning.basis)
    if basis is None or not _applies(basis, row, reckoning.on, purpose):
        return demand
    ground = Ground(row.code, basis.name, demand.rule, basis.accepts, basis.citations[0])
    return Demand(
        demand.rule, demand.forms | {basis.accepts}, demand.obligations, demand.tone_at_most_s,
        max(demand.keep_at_least_days, basis.keep_at_least_days), demand.keep_at_most_days, demand.grounds | {ground},
    )  # fmt: skip


def _applies(basis: Basis, row: Row, on: str, purpose: Purpose) -> bool:
    return row.code in basis.places and basis.in_force(on) and purpose in basis.purposes


# ------------------------------------------------------------------------------------------ duties


def _duties(table: Table, row: Row, reckoning: Reckoning, purpose: Purpose) -> Iterable[Demand]:
    chosen = table.bases.get(reckoning.basis)
    basis = reckoning.basis if chosen is not None and _applies(chosen, row, reckoning.on, purpose) else ""
    named = (table.duties[code] for code in row.duties)
    return [_bound(row.code, one) for one in named if _binds(one, reckoning, purpose) and basis not in one.yields_to]


def _everywhere(table: Table, reckoning: Reckoning, purpose: Purpose) -> Demand:
    """What binds wherever a call goes."""
    binding = (one for one in table.duties.values() if one.everywhere and _binds(one, reckoning, purpose))
    return reduce(join, (_bound("everywhere", one) for one in binding), NOTHING)


def _binds(duty: Duty, reckoning: Reckoning, purpose: Purpose) -> bool:
    stated = not duty.when or duty.when in reckoning.circumstances
    return stated and purpose in duty.purposes and duty.in_force(reckoning.on)


def _bound(place: str, duty: Duty) -> Demand:
    rule: Effective = "one-party" if duty.form == "none" else "all-party"
    bounded = duty.form != "none" or duty.keep_at_least_days or duty.keep_at_most_days
    ground = Ground(place, duty.name, rule, duty.form, duty.citations[0])
    return Demand(
        rule, at_least(duty.form), frozenset(Owed(code, duty.citations[0]) for code in duty.obligations),
        keep_at_least_days=duty.keep_at_least_days, keep_at_most_days=duty.keep_at_most_days,
        grounds=frozenset({ground}) if bounded else frozenset(),
    )  # fmt: skip


def _strictest(place: str) -> Demand:
    why = _NOT_KNOWN if place == UNKNOWN else _NO_ROW
    ground = Ground(place, "default", "all-party", STRICTEST, why)
    return Demand("all-party", at_least(STRICTEST), grounds=frozenset({ground}))
