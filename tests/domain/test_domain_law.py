"""P3: the strictest law wins, whatever the order, and doubt never loosens."""

from __future__ import annotations

from functools import reduce
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt.domain.errors import LawUnreadable
from overt.domain.law.decide import NOTHING, SHOWN_GROUNDS, Decision, decide, demands, join
from overt.domain.law.model import FORMS, RULES
from overt.domain.law.table import Table, parse_table
from overt.domain.location import Candidate, Locations, PartyPlaces, locate

FILES = {
    one.name.removesuffix(".toml"): one.read_text()
    for one in files("overt.domain.law.data").iterdir()
    if one.name.endswith(".toml")
}
TABLE = parse_table(FILES)
ON = "2026-11-23"
places = st.sampled_from([*FILES, "US-VT", "unknown"])
parties = st.lists(
    st.builds(
        PartyPlaces,
        st.sampled_from(["caller", "agent", "recorder"]),
        st.lists(
            st.builds(Candidate, places, st.sampled_from(["site", "served"]), st.just("x")), min_size=1, max_size=3
        ).map(tuple),
        st.booleans(),
    ),
    min_size=1,
    max_size=4,
).map(tuple)


def decided(
    *where: tuple[str, str], telling: str = "ask", chosen_by: str = "", profile: str = "standard", table: Table = TABLE
) -> Decision:
    """A decision for parties at certain places."""
    locations = Locations(tuple(PartyPlaces(who, (Candidate(place, "site", "x"),), True) for who, place in where))
    return decide(
        table,
        locations,
        purpose="recording",
        on=ON,
        profile=profile,
        telling=telling,
        chosen_by=chosen_by,  # type: ignore[arg-type]
    )


def strictness(decision: Decision) -> tuple[int, int, int]:
    """How strict a decision is, as numbers."""
    return RULES.index(decision.rule), FORMS.index(decision.form), ["announce", "ask"].index(decision.will)


def test_the_ten_rows_are_there() -> None:
    assert set(FILES) == {"US", "US-CA", "US-CT", "US-FL", "US-GA", "US-NY", "US-PA", "US-TX", "US-WA", "DE"}
    assert all(row.verified == "researched, not verified" for row in TABLE.rows.values())
    assert len(TABLE.sha256) == 64 and parse_table({**FILES}).sha256 == TABLE.sha256


@pytest.mark.parametrize(
    ("caller", "agent", "rule", "form"),
    [
        ("US-TX", "US-GA", "one-party", "none"),
        ("US-CA", "US-GA", "all-party", "notice_then_continue"),
        ("US-FL", "US-TX", "all-party", "notice_then_continue"),
        ("DE", "US-TX", "all-party", "express_opt_in"),
        ("US-VT", "US-TX", "all-party", "express_opt_in"),
        ("unknown", "US-TX", "all-party", "express_opt_in"),
        ("US-CT", "US-NY", "all-party", "notice_then_continue"),
    ],
)
def test_worked_examples(caller: str, agent: str, rule: str, form: str) -> None:
    decision = decided(("caller", caller), ("agent", agent))
    assert (decision.rule, decision.form) == (rule, form)
    assert decision.grounds[0].rule == rule and decision.citation


def test_informed_consent_needs_a_named_person_and_every_winning_rule() -> None:
    calls = (("caller", "US-CA"), ("agent", "US-GA"))
    assert decided(*calls, telling="announce", chosen_by="Dana").will == "announce"
    assert decided(*calls, telling="announce").will == "ask"
    assert decided(*calls, chosen_by="Dana").will == "ask"
    assert decided(("caller", "DE"), telling="announce", chosen_by="Dana").will == "ask"
    assert decided(("caller", "US-FL"), telling="announce", chosen_by="Dana", profile="strict").will == "ask"
    assert "ask:caller" in decided(*calls).obligations


def test_obligations_come_from_the_rows() -> None:
    assert "law:record_announcement" in decided(("caller", "US-WA")).obligations
    assert "employee_notice" in decided(("agent", "US-NY")).obligations
    assert "no_known_minors" in decided(("agent", "US-GA")).obligations
    assert {"announce:caller", "tell:agent"} <= set(decided(("caller", "US-TX")).obligations)  # P1 binds everywhere


def test_the_ledger_holds_few_grounds_and_the_count_of_the_rest() -> None:
    locations = locate([], ["caller"], [f"US-{n:02}" for n in range(30)])
    decision = decide(TABLE, locations, purpose="recording", on=ON, profile="standard", telling="ask", chosen_by="")
    body = decision.as_json()
    assert len(body["grounds"]) == SHOWN_GROUNDS + 1 and body["grounds"][-1] == "and 22 more places"
    assert decision.less_strict_if == ("where the caller is",)
    assert decided(("caller", "US-TX")).as_json()["grounds"] and not Decision.citation.fget(  # type: ignore[attr-defined]
        decide(TABLE, Locations(()), purpose="p", on=ON, profile="standard", telling="ask", chosen_by="")
    )


def test_a_row_out_of_force_counts_as_unknown() -> None:
    old = parse_table({"US-TX": FILES["US-TX"].replace('in_force_until = ""', 'in_force_until = "2020-01-01"')})
    assert decided(("caller", "US-TX"), table=old).form == "express_opt_in"


@given(st.lists(places, min_size=3, max_size=3), st.sampled_from(["standard", "strict"]))
def test_the_join_is_a_lattice(codes: list[str], profile: str) -> None:
    a, b, c = (
        demands(TABLE, Locations((PartyPlaces("caller", (Candidate(code, "site", "x"),), True),)), ON, profile)[0]  # type: ignore[arg-type]
        for code in codes
    )
    assert join(a, join(b, c)) == join(join(a, b), c)
    assert join(a, b) == join(b, a) and join(a, a) == a and join(a, NOTHING) == a


@given(parties, parties, st.booleans())
def test_p3_more_parties_candidates_or_doubt_never_loosen(
    some: tuple[PartyPlaces, ...], more: tuple[PartyPlaces, ...], announce: bool
) -> None:
    def of(where: tuple[PartyPlaces, ...]) -> Decision:
        telling = "announce" if announce else "ask"
        return decide(TABLE, Locations(where), purpose="p", on=ON, profile="standard", telling=telling, chosen_by="D")  # type: ignore[arg-type]

    less, full = strictness(of(some)), strictness(of(some + more))
    assert all(one <= other for one, other in zip(less, full, strict=True))
    assert set(of(some).obligations) <= set(of(some + more).obligations)
    assert of(some + more).rule == of(more + some).rule
    assert reduce(join, demands(TABLE, Locations(some), ON, "standard"), NOTHING).rule == of(some).rule


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda t: t.replace('rule = "one-party"', 'rule = "two-party"', 1), "must be one of"),
        (lambda t: t.replace("required = false", 'required = "no"'), "must be bool"),
        (lambda t: t.replace("[forms]", "[form]"), "unknown field form"),
        (lambda t: t.replace('basis = "none"\n', ""), "basis is missing"),
        (lambda t: t.replace("variants = []", "variants = [1]"), "list of texts"),
        (lambda t: t.replace("variants = []", 'variants = "x"'), "list of texts"),
        (lambda t: t.replace('code = "US-TX"', 'code = "US-TY"'), "the row's code"),
        (lambda t: t + "\n[[", "US-TX"),
        (
            lambda t: "contested = 1\n" + t.partition("[contested]")[0] + "[forms]" + t.partition("[forms]")[2],
            "must be a table",
        ),
        (lambda t: t.partition("citations")[0] + "citations = []\nnuances" + t.partition("nuances")[2], "citation"),
    ],
)
def test_a_row_that_is_not_whole_is_refused_by_name(change: object, complaint: str) -> None:
    with pytest.raises(LawUnreadable, match=complaint.replace("[", r"\[")):
        parse_table({"US-TX": change(FILES["US-TX"])})  # type: ignore[operator]


def test_an_empty_table_decides_nothing() -> None:
    with pytest.raises(LawUnreadable):
        parse_table({})
