"""Worked cases tried all together: counted, and said with their grounds."""

from __future__ import annotations

from domain.made_law import ON, one_party, place, table
from overt.domain.law.cases import Case, CaseParty, Expected
from overt.domain.law.showing import Showing
from overt.services.trying import examples, try_all

EXAMPLE = """
[[example]]
title = "nobody is told"
parties = ["agent: FREE", "customer: FREE", "recorder: FREE"]
notice = "none"
captured = false
response = "unaware"
rule = "one-party"
may_record = true
why = "One party is enough."
"""
LAW = table([
    one_party("FREE", more=EXAMPLE), place("ASK"), one_party("GONE", until="2020-01-01", more=EXAMPLE),
    place("DOUBT", rule="contested", contested="true", relaxes_to="one-party"), one_party("US", kind="federal"),
    one_party("US-GA", kind="state", within="US"),
])  # fmt: skip
UNTOLD = Showing("none", False, False, "unaware")


def case(place: str, rule: str, may: bool, relaxed: str = "", may_relaxed: bool = False) -> Case:
    """Nobody is told, in a place."""
    expected = Expected(rule, may, "a form", relaxed, may_relaxed)
    return Case("name", "title", "authority", (CaseParty("customer", place),), UNTOLD, expected, remarks=("a remark",))


def test_cases_are_counted_and_said_with_what_was_expected_and_found() -> None:
    tries = try_all(LAW, [case("FREE", "one-party", True), case("ASK", "all-party", True)], ON)
    assert (tries.passed, tries.failed) == (1, 1)
    written = tries.as_json()
    assert (written["passed"], written["failed"]) == (1, 1)
    assert written["law"] == {
        "version": LAW.version,
        "as_of": LAW.as_of,
        "sha256": LAW.sha256,
        "on": ON,
        "profile": "standard",
    }
    good, bad = written["cases"]  # type: ignore[misc]
    assert good["passed"] is True and bad["passed"] is False and bad["relaxed"] is None  # type: ignore[index,call-overload]
    assert bad["expected"] == {"rule": "all-party", "may_record": True, "form": "a form"}  # type: ignore[index,call-overload]
    assert bad["found"] == {
        "rule": "all-party",
        "may_record": False,
        "form": "express_opt_in",
        "why": "somebody did not know",
    }  # type: ignore[index,call-overload]
    assert bad["grounds"][0]["place"] == "ASK" and bad["decisive"] == ["ASK"] and bad["remarks"] == ["a remark"]  # type: ignore[index,call-overload]


def test_a_relaxed_place_is_said_apart() -> None:
    tries = try_all(LAW, [case("DOUBT", "all-party", False, "DOUBT", True)], ON)
    assert tries.passed == 1
    (written,) = tries.as_json()["cases"]  # type: ignore[misc]
    assert written["relaxed"] == {"place": "DOUBT", "expected": True, "found": True}  # type: ignore[index,call-overload]


def test_served_places_and_the_profile_reach_the_engine() -> None:
    unknown = case("unknown", "all-party", False)
    assert try_all(LAW, [unknown], ON).tried[0].grounds[0].place == "unknown"
    served = try_all(LAW, [unknown], ON, ["US"], "strict")
    assert served.profile == "strict" and "US-GA" in {one.place for one in served.tried[0].grounds}
    assert "unknown" not in {one.place for one in served.tried[0].grounds}


def test_examples_are_those_of_rows_in_force() -> None:
    found = examples(LAW, ON)
    assert [one.id for one in found] == ["FREE no. 1"] and found[0].authority == "One party is enough."
    assert [one.id for one in examples(LAW, "2019-01-01")] == ["FREE no. 1", "GONE no. 1"]
    assert try_all(LAW, found, ON).failed == 0
