"""P3: however an operator reads the table, strictness may be added everywhere and taken away only where it may be."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.made_law import ON, place, table
from overt.adapters.law_files import load_table
from overt.domain.law.demand import Demand
from overt.domain.law.duties import CIRCUMSTANCES
from overt.domain.law.model import FORMS, PURPOSES, RULES, Form, Purpose
from overt.domain.law.reckoning import Law, Reckoning, reckon
from overt.domain.location import UNKNOWN

TABLE = load_table()
CONTESTED = sorted(code for code in TABLE.rows if (row := TABLE.row(code, ON)) and row.contested.relaxes_to)
PLACES = [*TABLE.rows, *TABLE.stands_for, "XX", UNKNOWN]
reckonings = st.builds(
    Reckoning, st.just(ON), st.sampled_from(["standard", "strict"]), st.just(()),
    st.just(frozenset()), st.lists(st.tuples(st.sampled_from(sorted(TABLE.rows)), st.sampled_from(FORMS)), max_size=2).map(tuple),
    st.frozensets(st.sampled_from(sorted(filter(None, CIRCUMSTANCES))), max_size=3), st.sampled_from(["", *TABLE.bases]),
)  # fmt: skip
purposes = st.sampled_from(PURPOSES)
FEW = settings(deadline=None, max_examples=30)  # each looks at every place of the world


@cache
def law(reckoning: Reckoning) -> Law:
    """The table of the package, as it is read."""
    return reckon(TABLE, reckoning)


def as_strict(strict: Demand, loose: Demand) -> bool:
    """Whether one demand asks in every respect for at least as much as another."""
    bounds = [(one.tone_at_most_s or 10**6, one.keep_at_most_days or 10**6) for one in (strict, loose)]
    return (
        RULES.index(strict.rule) >= RULES.index(loose.rule)
        and strict.forms <= loose.forms
        and strict.obligations >= loose.obligations
        and strict.keep_at_least_days >= loose.keep_at_least_days
        and all(one <= other for one, other in zip(*bounds, strict=True))
    )


@cache
def near(place: str) -> set[str]:
    """The rows that speak in a place: its own or its bloc's, that of which it is a part, and those of its parts."""
    code = place if place in TABLE.rows else TABLE.stands_for.get(place, place)
    rows = TABLE.rows.get(code, ())
    parts = {part for part, each in TABLE.rows.items() for row in each if row.within == code}
    return {code, *(row.within for row in rows), *parts}


@FEW
@given(reckonings, st.sampled_from(sorted(TABLE.rows)), st.sampled_from(FORMS), purposes)
def test_holding_a_place_stricter_loosens_nothing_and_binds_there_only(
    reckoning: Reckoning, held: str, form: Form, purpose: Purpose
) -> None:
    before = law(reckoning)
    after = law(replace(reckoning, stricter=(*reckoning.stricter, (held, form))))
    for code in PLACES:
        loose, strict = before.demand(purpose, code), after.demand(purpose, code)
        assert as_strict(strict, loose) and (loose == strict or held in near(code))
    assert FORMS.index(after.demand(purpose, held).form) >= FORMS.index(form)


@FEW
@given(reckonings, st.sampled_from(sorted(filter(None, CIRCUMSTANCES))), purposes)
def test_a_circumstance_loosens_nothing(reckoning: Reckoning, stated: str, purpose: Purpose) -> None:
    before, after = law(reckoning), law(replace(reckoning, circumstances=reckoning.circumstances | {stated}))
    assert all(as_strict(after.demand(purpose, code), before.demand(purpose, code)) for code in PLACES)


@FEW
@given(reckonings, st.sampled_from(CONTESTED), purposes)
def test_relaxing_a_place_makes_nothing_stricter_and_reaches_no_further(
    reckoning: Reckoning, code: str, purpose: Purpose
) -> None:
    before, after = law(reckoning), law(replace(reckoning, relaxed=frozenset({code})))
    for one in PLACES:
        strict, loose = before.demand(purpose, one), after.demand(purpose, one)
        assert as_strict(strict, loose) and (loose == strict or code in near(one))


@FEW
@given(reckonings, st.sampled_from(sorted(TABLE.bases)), purposes)
def test_a_legal_basis_loosens_the_form_in_its_own_places_and_purposes_only(
    reckoning: Reckoning, code: str, purpose: Purpose
) -> None:
    basis = TABLE.bases[code]
    without, based = law(replace(reckoning, basis="")), law(replace(reckoning, basis=code))
    for one in PLACES:
        before, after = without.demand(purpose, one), based.demand(purpose, one)
        assert after.rule == before.rule and after.keep_at_least_days >= before.keep_at_least_days
        assert after.forms - before.forms <= {basis.accepts} and before.forms <= after.forms
        assert after.tone_at_most_s == before.tone_at_most_s and after.obligations <= before.obligations
        if purpose not in basis.purposes or not near(one) & set(basis.places):
            assert after == before
        if one in basis.places and purpose in basis.purposes:
            assert after.keep_at_least_days >= basis.keep_at_least_days


@FEW
@given(reckonings, st.sampled_from(sorted(TABLE.bases)), st.sampled_from(sorted(TABLE.rows)), purposes)
def test_what_the_operator_holds_stricter_no_legal_basis_loosens(
    reckoning: Reckoning, code: str, held: str, purpose: Purpose
) -> None:
    read = law(replace(reckoning, basis=code, stricter=((held, "express_opt_in"),)))
    assert read.demand(purpose, held).form == "express_opt_in"


@FEW
@given(reckonings, purposes)
def test_the_strict_profile_loosens_nothing(reckoning: Reckoning, purpose: Purpose) -> None:
    standard, strict = law(replace(reckoning, profile="standard")), law(replace(reckoning, profile="strict"))
    assert all(as_strict(strict.demand(purpose, one), standard.demand(purpose, one)) for one in PLACES)


@FEW
@given(reckonings, purposes, st.lists(st.sampled_from(PLACES), max_size=5).map(tuple))
def test_which_places_are_joined_beforehand_changes_no_place(
    reckoning: Reckoning, purpose: Purpose, served: tuple[str, ...]
) -> None:
    plain, joined = law(reckoning), reckon(TABLE, replace(reckoning, served=served))
    assert joined.demands == plain.demands and joined.bare == plain.bare
    assert joined.together(purpose, served) == plain.together(purpose, served)


@pytest.mark.parametrize("kind", ["state", "district", "subdivision"])
def test_a_country_of_which_no_part_is_known_may_be_any_part(kind: str) -> None:
    forms = {
        "rule": "one-party",
        "effective": "one-party",
        "express": "not_needed",
        "notice": "not_needed",
        "tone": "not_needed",
    }
    made = table(
        [
            place("LAND", **forms),
            place("LAND-A", kind=kind, within="LAND"),
            place("LAND-T", kind="territory", within="LAND"),
        ]
    )
    found = reckon(made, Reckoning(ON)).demand("recording", "LAND")
    assert found.rule == "all-party" and {one.place for one in found.grounds} == {"LAND", "LAND-A"}
