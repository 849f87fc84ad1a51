"""Worked cases: what was said and done, held against the law before Overt's own promises."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from domain.made_law import ON, one_party, place, table
from overt.domain.errors import LawUnreadable
from overt.domain.law.cases import Case, CaseParty, Expected, case_of, located, parse_cases, try_case
from overt.domain.law.demand import NOTHING, Demand, at_least
from overt.domain.law.model import Example, Form
from overt.domain.law.reckoning import Reckoning, reckon
from overt.domain.law.showing import Showing, judge
from overt.domain.location import UNKNOWN, Candidate, Locations, PartyPlaces

LAW = table(
    [
        one_party("FREE"), place("ASK"), place("TELL", notice="yes"), place("TONE", notice="yes", tone="yes", interval=15),
        one_party("US", kind="federal"), one_party("US-AA", kind="state", within="US"),
        place("US-BB", kind="state", within="US", notice="yes"),
        place("DOUBT", rule="contested", contested="true", relaxes_to="one-party"),
    ]
)  # fmt: skip


def demand(form: Form, tone: int = 0) -> Demand:
    """A demand of everybody's consent, in at least this form."""
    return NOTHING if form == "none" else Demand("all-party", at_least(form), tone_at_most_s=tone)


@pytest.mark.parametrize(
    ("form", "showing", "why"),
    [
        ("none", Showing("none", False, False, "unaware"), "+ one party's consent is enough in every place"),
        ("none", Showing("announcement", True, True, "refuses"), "- somebody objected: that ends consent for everything after it"),
        ("none", Showing("employees_only", True, False, "unaware"), "- the agent's own consent reaches no further than the policy that they were told of"),
        ("none", Showing("none", True, False, "unaware", barred="a child"), "- a child"),
        ("notice_then_continue", Showing("none", False, False, "unaware"), "- somebody did not know"),
        ("notice_then_continue", Showing("announcement", True, True, "unaware"), "- somebody did not know"),
        ("notice_then_continue", Showing("none", True, True, "continues"), "- nobody gave notice: knowledge from elsewhere is not inferred"),
        ("notice_then_continue", Showing("announcement", True, True, "continues"), "+ everybody was told at the outset and stayed"),
        ("notice_then_continue", Showing("announcement", False, True, "continues"), "- the notice came after words that were kept"),
        ("notice_then_continue", Showing("announcement", True, False, "continues"), "- the announcement is not on the recording"),
        ("notice_then_continue", Showing("announcement", True, True, "refuses"), "- somebody objected: that ends consent for everything after it"),
        ("notice_then_continue", Showing("before", True, True, "continues"), "- notice given outside the call is not relied on where everybody's consent is needed"),
        ("notice_then_continue", Showing("written", True, True, "continues"), "- notice given outside the call is not relied on where everybody's consent is needed"),
        ("notice_then_continue", Showing("tone", True, True, "continues"), "- a tone alone is not consent in every place"),
        ("recording_tone", Showing("tone", True, True, "continues"), "+ the tone was heard, and everybody stayed"),
        ("express_opt_in", Showing("announcement", True, True, "continues"), "- to stay on the line after a notice is not consent in every place"),
        ("express_opt_in", Showing("announcement", True, True, "agrees"), "+ everybody was told and agreed"),
        ("express_opt_in", Showing("announcement", False, True, "agrees"), "- consent must come before the words that are kept"),
        ("express_opt_in", Showing("announcement", True, False, "agrees"), "- the consent is not on the recording, so it cannot be shown"),
        ("express_opt_in", Showing("written", True, False, "agrees"), "+ everybody was told and agreed"),
        ("express_opt_in", Showing("none", True, True, "agrees"), "- nobody gave notice: knowledge from elsewhere is not inferred"),
    ],
)  # fmt: skip
def test_what_was_shown_is_judged(form: Form, showing: Showing, why: str) -> None:
    shown = judge(demand(form), showing)
    assert f"{'+' if shown.may_record else '-'} {shown.why}" == why


@pytest.mark.parametrize(("every", "may"), [(0, True), (15, True), (16, False)])
def test_a_tone_comes_often_enough(every: int, may: bool) -> None:
    assert judge(demand("recording_tone", 15), Showing("tone", True, True, "continues", every)).may_record is may
    assert judge(demand("recording_tone"), Showing("tone", True, True, "continues", every)).may_record


def written(**changes: Any) -> dict[str, Any]:
    """A case as it stands in a file, of which the tests change a part."""
    return {
        "id": "one", "kind": "court", "title": "T", "authority": "A v. B",
        "parties": [{"role": "agent", "location": "FREE"}, {"role": "customer", "location": "TELL", "note": "n"}],
        "recorder_at": "FREE", "notice": {"form": "announcement", "at": "start", "captured_on_recording": True},
        "response": "continues",
        "expected": {"effective_rule": "all-party", "may_record_default_policy": True, "required_form": "notice"},
        **changes,
    }  # fmt: skip


def case(**changes: Any) -> Case:
    """The same, read."""
    return parse_cases({"cases": [written(**changes)]})[0]


def tried(served: tuple[str, ...] = (), **changes: Any) -> tuple[str, bool, bool]:
    """What the engine says: rule, may record, passed."""
    found = try_case(LAW, case(**changes), on=ON, served=served)
    return found.rule, found.may_record, found.passed


def test_a_case_passes_when_rule_and_may_record_are_as_expected() -> None:
    assert tried() == ("all-party", True, True)
    wrong = {"effective_rule": "one-party", "may_record_default_policy": True}
    assert tried(expected=wrong) == ("all-party", True, False)
    assert tried(expected={"effective_rule": "all-party", "may_record_default_policy": False}) == (
        "all-party",
        True,
        False,
    )
    found = try_case(LAW, case(), on=ON)
    assert found.why == "everybody was told at the outset and stayed"
    assert (
        found.grounds[0].place == "TELL" and found.form == "notice_then_continue" and found.decision.rule == "all-party"
    )


def test_unknown_is_anywhere_that_is_served_or_strictest() -> None:
    nobody = [{"role": "customer", "location": UNKNOWN}]
    assert tried(("FREE", "TELL"), parties=nobody)[:2] == ("all-party", True)
    assert tried(("FREE",), parties=nobody)[:2] == ("one-party", True)
    assert tried(parties=nobody)[:2] == ("all-party", False)
    assert tried(parties=[{"role": "customer", "location": "unknown-US"}])[:2] == ("all-party", True)
    assert tried(parties=[{"role": "customer", "location": "US-AA"}])[0] == "one-party"


@pytest.mark.parametrize("source", ["weak", "number", "area_code", "prefix", "cli", "a guess"])
def test_a_weak_place_only_adds(source: str) -> None:
    weak = [{"role": "customer", "location": "FREE", "source": source}]
    assert tried(parties=weak)[:2] == ("all-party", False)
    assert tried(("FREE",), parties=weak)[:2] == ("one-party", True)
    assert tried(parties=[{"role": "customer", "location": "FREE", "source": "strong"}])[0] == "one-party"


@pytest.mark.parametrize(
    ("form", "response", "may"),
    [
        ("announcement", "express_ok", True), ("announcement", "stays on the line", True), ("announcement", "unaware", False),
        ("beep", "continues", False), ("none", "continues", False), ("prior_oral_notice", "continues", False),
        ("announcement", "objects", False), ("announcement", "hangs up", False), ("announcement", "presses 2", False),
        ("announcement", True, True), ("announcement", False, False), ("no_notice", "continues", False),
        ("recorded-notice", "continues", True), ("employee_policy", "unaware", False), ("written_terms", "agrees", True),
    ],
)  # fmt: skip
def test_words_of_notices_and_answers(form: str, response: Any, may: bool) -> None:
    notice = {"form": form, "at": "start", "captured_on_recording": True}
    assert tried(notice=notice, response=response)[1] is may


@pytest.mark.parametrize(
    ("meaning", "words"),
    [
        ("none", ["none", "no_notice", "notice_not_given", "employees_not_given_notice", False]),
        ("employees_only", ["employee_handbook", "employee announcement"]),
        ("announcement", [
            "announced", "an announced beep", "verbal", "spoken", "oral", "recorded", "opt_out_offered", "KEY", "pressed", "Asked", "notice",
        ]),
        ("tone", ["beep", "recording-tone", "tone_and_written_terms"]),
        ("written", ["written", "terms", "contract", "prior contract"]),
        ("before", ["prior_call", "earlier_call", "poster", "verbal_and_poster"]),
    ],
)  # fmt: skip
def test_what_words_of_a_notice_mean(meaning: str, words: list[Any]) -> None:
    found = [case(notice={"form": word, "at": "start"}) for word in words]
    assert {one.showing.given for one in found} == {meaning} and not any(one.remarks for one in found)


@pytest.mark.parametrize(
    ("meaning", "words"),
    [
        ("unaware", ["unaware", "not_told", "unknowing", "unknowing, objects later"]),
        ("refuses", [
            "objects", "refused", "declines", "withdrew", "withdraws", "opt-out", "opts_out", "stop", "express_no", "says no", "hangs up",
            "hung_up", "leaves", "press_2", "presses 2", False, "silent, then false",
        ]),
        ("continues", ["silence", "no_answer", "continued", "stays", "implied", "express_or_implied", "ok, implied"]),
        ("agrees", ["express", "OK", "yes", True, "agreed", "consents", "opt_in", "opts-in", "press_1", "accepts"]),
    ],
)  # fmt: skip
def test_what_words_of_an_answer_mean(meaning: str, words: list[Any]) -> None:
    found = [case(response=word) for word in words]
    assert {one.showing.response for one in found} == {meaning} and not any(one.remarks for one in found)


def test_a_word_that_nobody_knows_counts_for_nothing_and_is_said() -> None:
    found = case(notice={"form": "smoke", "at": "start"}, response="hums", weather="fine")
    assert found.showing == Showing("none", True, False, "unaware")
    assert found.remarks == (
        "field weather is not understood, and counts for nothing", "notice smoke is not understood, and counts as none",
        "response hums is not understood, and counts as not knowing",
    )  # fmt: skip


def test_when_a_notice_came() -> None:
    late = {"form": "announcement", "at": "90s", "captured_on_recording": True}
    assert tried(notice=late)[1] is False
    assert case(notice=late).showing.at_start is False
    for early in ("start", "Before any word", "at the outset", "beginning", "prior to it"):
        assert case(notice={**late, "at": early}).showing.at_start
    tone = {"form": "beep", "at": "3s", "captured_on_recording": True, "interval_s": 20}
    assert case(notice=tone).showing == Showing("tone", True, True, "continues", 20)
    assert case(notice={**tone, "interval_s": "often"}).showing.tone_every_s == 0
    assert tried(notice={**tone, "interval_s": 15}, parties=[{"role": "a", "location": "TONE"}])[1] is True


@pytest.mark.parametrize(
    ("party", "may"), [({"age": 17}, False), ({"age": 18}, True), ({"minor": True}, False), ({"age": "?"}, True), ({"age": 12, "guardian_consents": True}, True)]
)  # fmt: skip
def test_a_known_child_is_not_recorded(party: dict[str, Any], may: bool) -> None:
    parties = [{"role": "agent", "location": "FREE"}, {"role": "customer", "location": "FREE", **party}]
    found = try_case(LAW, case(parties=parties), on=ON)
    assert found.may_record is may
    assert (found.why == "a party is known to be under age, and no parent or guardian consents") is not may


def test_a_case_may_say_what_relaxing_does() -> None:
    doubt = {
        "parties": [{"role": "a", "location": "DOUBT"}], "recorder_at": None,
        "notice": {"form": "none"}, "response": "unaware",
        "expected": {"effective_rule": "all-party", "may_record_default_policy": False, "stricter_than_court": True},
    }  # fmt: skip
    relaxed = {"setting": "contested.DOUBT=one-party", "may_record": True}
    found = try_case(LAW, case(**doubt, relaxed_expected=relaxed), on=ON)
    assert found.passed and found.may_record_relaxed and found.case.expected.stricter_than_court
    assert not try_case(LAW, case(**doubt, relaxed_expected={**relaxed, "may_record": False}), on=ON).passed
    assert try_case(
        LAW, case(**doubt, relaxed_expected={"setting": "something else", "may_record": True}), on=ON
    ).passed


def test_a_case_is_read_whole() -> None:
    every = {
        "id": 7, "kind": "court", "title": "T", "authority": "A v. B", "court_or_source_outcome": "lawful", "sources": ["S"],
        "confidence": "high", "note": "n", "purpose": "sharing", "date": "2001-01-01", "profile": "strict", "circumstances": ["cards"],
        "parties": [{"role": "agent", "location": "FREE"}, {"location": "TELL", "source": "number"}], "recorder_at": "ASK",
        "notice": {"form": "beep", "at": "start", "captured_on_recording": True, "every_s": 12}, "response": "stays",
        "expected": {"effective_rule": "all-party", "may_record_default_policy": True, "required_form": "notice", "stricter_than_court": True},
        "relaxed_expected": {"setting": "contested.DOUBT = one-party", "may_record": True},
    }  # fmt: skip
    assert parse_cases({"cases": [every]}) == (
        Case(
            "7", "T", "A v. B", (CaseParty("agent", "FREE"), CaseParty("party", "TELL", False), CaseParty("recorder", "ASK")),
            Showing("tone", True, True, "continues", 12), Expected("all-party", True, "notice", "DOUBT", True, True), "sharing", "2001-01-01",
        ),
    )  # fmt: skip


def test_a_case_says_little_more_than_it_must() -> None:
    least = {
        "parties": [{"location": "FREE"}], "notice": {"form": "none"}, "response": "unaware",
        "expected": {"effective_rule": "one-party", "may_record_default_policy": False},
    }  # fmt: skip
    first, second = parse_cases({"cases": [least, least]})
    parties, expected = (CaseParty("party", "FREE", True),), Expected("one-party", False, "", "", False, False)
    assert first == Case("no. 1", "", "", parties, Showing("none", False, False, "unaware"), expected)
    assert (first.purpose, first.on, first.remarks) == ("recording", "", ())
    assert first.expected == Expected("one-party", False) and second == replace(first, id="no. 2")


@pytest.mark.parametrize(
    ("party", "served", "places"),
    [
        (CaseParty("a", "FREE"), ("ASK",), PartyPlaces("a", (Candidate("FREE", "said", "as the case says"),), True)),
        (CaseParty("a", "FREE", False), ("ASK",), PartyPlaces("a", (Candidate("FREE", "number", "as the case says"),), False, ("ASK",))),
        (CaseParty("a", "FREE", False), (), PartyPlaces("a", (Candidate("FREE", "number", "as the case says"), Candidate(UNKNOWN, UNKNOWN, "no strong evidence")), False)),
        (CaseParty("a", UNKNOWN), ("ASK",), PartyPlaces("a", (), False, ("ASK",))),
        (CaseParty("a", UNKNOWN), (), PartyPlaces("a", (Candidate(UNKNOWN, UNKNOWN, "no evidence"),), False)),
        (CaseParty("a", "unknown-US"), ("ASK",), PartyPlaces("a", (Candidate("US", "said", "no more is known"),), False)),
    ],
)  # fmt: skip
def test_where_the_parties_of_a_case_may_be(party: CaseParty, served: tuple[str, ...], places: PartyPlaces) -> None:
    assert located([party], served) == Locations((places,))


def test_relaxing_one_place_does_not_help_where_another_asks() -> None:
    relaxed = {"setting": "contested.DOUBT=one-party", "may_record": False}
    parties = [{"role": "a", "location": "DOUBT"}, {"role": "b", "location": "ASK"}]
    expected = {"effective_rule": "all-party", "may_record_default_policy": False}
    found = try_case(LAW, case(parties=parties, expected=expected, relaxed_expected=relaxed), on=ON)
    assert found.passed and not found.may_record_relaxed


def test_whoever_tries_many_cases_reckons_once() -> None:
    read = {one: reckon(LAW, Reckoning(ON, relaxed=one)) for one in (frozenset[str](), frozenset({"DOUBT"}))}
    relaxed = {"setting": "contested.DOUBT=one-party", "may_record": True}
    found = try_case(LAW, case(relaxed_expected=relaxed), on=ON, read=lambda reckoning: read[reckoning.relaxed])
    assert found.passed and found.decision.law is read[frozenset()]


def test_a_case_has_its_purpose_and_its_day() -> None:
    found = case(purpose="sharing", date="2001-01-01")
    assert (found.purpose, found.on) == ("sharing", "2001-01-01")
    assert try_case(LAW, found, on=ON).decision.law.reckoning.on == "2001-01-01"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ([], "a file of cases has a list `cases`"),
        ({"cases": 1}, "a file of cases has a list `cases`"),
        ({"cases": ["x"]}, "case no. 1: it is not written as a case is"),
        ({"cases": [{"title": "x"}]}, "case no. 1: field notice is missing"),
        ({"cases": [written(purpose="fun")]}, "case one: purpose is one of recording, monitoring, transcription, analysis, sharing, not fun"),
        ({"cases": [written(recorder_at=False)]}, "case one: a place is a text, not False; codes that YAML reads otherwise (NO) need quotes"),
        ({"cases": [written(parties=[{"location": False}])]}, "case one: a place is a text, not False; codes that YAML reads otherwise (NO) need quotes"),
        ({"cases": [written(parties=[{"role": "x"}])]}, "case one: field location is missing"),
        ({"cases": [written(parties=3)]}, "case one: it is not written as a case is"),
        ({"cases": [written(expected={"effective_rule": "x"})]}, "case one: field may_record_default_policy is missing"),
        ({"cases": [written(expected={"effective_rule": "x", "may_record_default_policy": "yes"})]}, "case one: may_record_default_policy is true or false, not 'yes'"),
        ({"cases": [written(notice=None)]}, "case one: it is not written as a case is"),
    ],
)  # fmt: skip
def test_a_case_that_cannot_be_read_is_named(content: Any, complaint: str) -> None:
    with pytest.raises(LawUnreadable) as refusal:
        parse_cases(content)
    assert str(refusal.value) == complaint


def test_an_example_of_a_row_is_a_case() -> None:
    example = Example("T", ("agent: FREE", "customer: TELL"), "announcement", True, "continues", "all-party", True, "W")
    found = case_of(example, "TELL, no. 1")
    parties = (CaseParty("agent", "FREE"), CaseParty("customer", "TELL"))
    showing = Showing("announcement", True, True, "continues")
    assert found == Case("TELL, no. 1", "T", "W", parties, showing, Expected("all-party", True))
    assert try_case(LAW, found, on=ON).passed
    colons = case_of(Example("T", ("agent: A: B",), "none", True, "unaware", "one-party", True, "W"), "X")
    assert colons.parties == (CaseParty("agent", "A: B"),)
    for wrong in ("customer", "customer: "):
        with pytest.raises(LawUnreadable, match=f"^X: a party is written as `role: PLACE`, not {wrong!r}$"):
            case_of(Example("T", (wrong,), "none", True, "unaware", "one-party", True, "W"), "X")
