"""Counsel: the same engine, asked beforehand; what it says is what a call would be ruled by."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from domain.made_law import ON, basis, duty, one_party, place, table
from overt.adapters.memory import MemoryAddresses
from overt.domain.book import (
    Capture,
    ChosenBasis,
    NeverRecord,
    Policy,
    PolicyBook,
    Relaxed,
    Stated,
    Stricter,
    Tell,
    When,
)
from overt.domain.errors import PolicyRefused
from overt.domain.identity import Number
from overt.domain.law.model import PURPOSES
from overt.domain.location import SPOOFED, US_PLACES
from overt.domain.ruling import Traits
from overt.services.counsel import Asked, Counsel, NoSuchPlace, Whereabouts

TEXTS = {
    f"{language}/{prompt}": f"{prompt} in {language}"
    for language in ("en", "es")
    for prompt in ("announce", "announce-ask", "question", "cue-recorded")
}
LAW = table(
    [
        one_party("US", kind="federal"), one_party("US-GA", kind="state", within="US"),
        place("US-CA", kind="state", within="US", notice="yes"), place("DE"),
        place("US-MI", kind="state", within="US", notice="yes", rule="contested", contested="true", relaxes_to="one-party"),
        place("GONE", until="2020-01-01"), place("SHORT", notice="yes", duties='["MOST"]'), one_party("LONG", duties='["LEAST"]'),
        place("EU", notice="yes", stands_for='["AT"]'),
    ],
    duties__MOST=duty("MOST", most=30, purposes='["recording"]'), duties__LEAST=duty("LEAST", least=100),
    bases__MUST=basis("MUST", places='["DE"]', least=60),
)  # fmt: skip
ADDRESSES = MemoryAddresses({"+14155550100": "US-CA"}, {"+14155550100": "US-CA", "+14045550100": "US-GA"})
COUNSEL = Counsel(LAW, ADDRESSES, TEXTS)
CERTAIN = Asked(ON, caller=Whereabouts(said=("US-GA",)), agent=("US-GA",), recorder=("US-GA",))


def places(asked: Asked) -> dict[str, tuple[str, ...]]:
    """Where each party may be."""
    return {one.party: one.places for one in COUNSEL.decide(asked).locations.parties}


def test_nothing_known_is_held_to_an_express_yes_for_every_purpose() -> None:
    opinion = COUNSEL.decide(Asked(ON))
    assert [one.decision.purpose for one in opinion.answers] == list(PURPOSES)
    assert {(one.decision.rule, one.decision.form, one.decision.will) for one in opinion.answers} == {
        ("all-party", "express_opt_in", "ask")
    }
    assert places(Asked(ON)) == {"caller": ("unknown",), "agent": ("unknown",), "recorder": ("unknown",)}


def test_where_everybody_is_known_the_law_allows_and_overt_asks_all_the_same() -> None:
    answer = COUNSEL.decide(CERTAIN).answers[0]
    assert (answer.decision.rule, answer.decision.form, answer.decision.will) == ("one-party", "none", "ask")
    said = [(one.to, one.when, one.prompt, one.text) for one in answer.spoken]
    assert said == [
        ("caller", "telling", "en/announce-ask", "announce-ask in en"), ("caller", "question", "en/question", "question in en"),
        ("agent", "cue", "en/announce", "announce in en"),
    ]  # fmt: skip


def test_a_named_persons_choice_announces_in_each_language_and_an_agent_with_notice_hears_the_cue() -> None:
    asked = replace(
        CERTAIN, telling="announce", chosen_by="Dana", languages=("es", "en"), agent_notice_on_file="2026-01-01"
    )
    answer = COUNSEL.decide(asked).answers[0]
    assert answer.decision.will == "announce"
    assert [one.prompt for one in answer.spoken] == ["es/announce", "en/announce", "es/cue-recorded"]
    assert COUNSEL.decide(replace(asked, recorder=("DE",))).answers[0].decision.will == "ask"


def test_prompts_that_are_missing_are_named() -> None:
    answer = COUNSEL.decide(replace(CERTAIN, languages=("fr",))).answers[0]
    assert answer.spoken == () and answer.missing_prompts == ("fr/announce", "fr/announce-ask", "fr/question")


def test_numbers_add_and_what_is_on_file_counts_and_a_withheld_number_says_nothing() -> None:
    known = Whereabouts(Number("+14155550100"))
    assert places(Asked(ON, caller=known))["caller"] == ("US-CA",)
    assert places(Asked(ON, caller=replace(known, withheld=True)))["caller"] == ("unknown",)
    withheld = COUNSEL.decide(Asked(ON, caller=Whereabouts(withheld=True)))
    assert withheld.locations.parties[0].doubts[0] == "the number is withheld"
    hint = Asked(ON, called=Whereabouts(Number("+14045550100")))
    assert places(hint)["agent"] == ("US-GA", "unknown")


def test_a_doubtful_number_settles_nothing_and_says_why() -> None:
    disputed = COUNSEL.decide(Asked(ON, caller=Whereabouts(Number("+14155550100", disputed=True))))
    caller = disputed.locations.parties[0]
    assert not caller.certain and caller.doubts[0] == SPOOFED and caller.places == ("US-CA", "unknown")
    mobile = Counsel(LAW, MemoryAddresses(doubts={"+491701": "a mobile number"}), TEXTS)
    assert (
        "a mobile number" in mobile.decide(Asked(ON, caller=Whereabouts(Number("+491701")))).locations.parties[0].doubts
    )
    assert not any("a mobile number" in one.doubts for one in mobile.decide(Asked(ON)).locations.parties)


def test_a_number_that_is_never_recorded_bars_the_call() -> None:
    def unrecorded(caller: str, called: str, own: Sequence[str]) -> str:
        return f"{caller}-{called}-{','.join(own)}" if called == "911" else ""

    counsel = Counsel(LAW, ADDRESSES, TEXTS, unrecorded)
    book = replace(BOOK, never_record=(NeverRecord("+1404*", "a doctor"),))
    asked = replace(CERTAIN, caller=Whereabouts(Number("+1")), called=Whereabouts(Number("911")), book=book)
    answer = counsel.decide(asked).answers[0]
    assert answer.decision.effect == "deny" and answer.decision.why == "+1-911-+1404*" and answer.spoken == ()
    withheld = replace(asked, caller=Whereabouts(Number("+1"), withheld=True), book=None)
    assert counsel.decide(withheld).answers[0].decision.why == "-911-"
    assert counsel.decide(CERTAIN).answers[0].decision.effect == "permit"


def test_each_kind_of_evidence_reaches_its_party() -> None:
    every = Whereabouts(on_file=("US-CA",), device=("DE",), trunk=("US-GA",), site=("US-MI",))
    found = {
        one.party: {(c.place, c.kind) for c in one.candidates}
        for one in COUNSEL.decide(Asked(ON, called=every)).locations.parties
    }
    assert found["agent"] == {("US-CA", "on_file"), ("DE", "device"), ("US-GA", "trunk"), ("US-MI", "site")}


def test_an_outbound_call_has_the_agent_at_its_beginning() -> None:
    asked = Asked(
        ON, Whereabouts(said=("US-GA",)), Whereabouts(said=("US-CA",)), "outbound", recorder=("US-GA",), others=("DE",)
    )
    assert places(asked) == {"agent": ("US-GA",), "called": ("US-CA",), "recorder": ("US-GA",), "party 3": ("DE",)}
    assert [one.to for one in COUNSEL.decide(asked).answers[0].spoken] == ["called", "called", "agent"]


def test_served_places_are_expanded() -> None:
    opinion = COUNSEL.decide(Asked(ON, served=("US", "US-GA", "DE")))
    assert opinion.reckoning.served == (*US_PLACES, "DE")
    assert opinion.locations.parties[0].served is opinion.reckoning.served


def test_what_may_be_chosen_is_and_what_may_not_is_refused() -> None:
    michigan = replace(CERTAIN, recorder=("US-MI",))
    assert COUNSEL.decide(michigan).answers[0].decision.rule == "all-party"
    assert COUNSEL.decide(replace(michigan, relaxed=("US-MI",))).answers[0].decision.rule == "one-party"
    assert (
        COUNSEL.decide(replace(CERTAIN, stricter=(("US-GA", "express_opt_in"),))).answers[0].decision.form
        == "express_opt_in"
    )
    based = replace(CERTAIN, recorder=("DE",), basis="MUST", telling="announce", chosen_by="Dana")
    assert COUNSEL.decide(based).answers[0].decision.will == "announce"
    with pytest.raises(PolicyRefused, match="US-CA cannot be relaxed"):
        COUNSEL.decide(replace(CERTAIN, relaxed=("US-CA",)))
    with pytest.raises(PolicyRefused, match="chosen_by"):
        COUNSEL.decide(replace(CERTAIN, telling="announce"))


def test_laws_that_cannot_both_be_kept_are_left_to_a_person_and_nothing_is_spoken() -> None:
    answer = COUNSEL.decide(replace(CERTAIN, recorder=("SHORT",), others=("LONG",), purposes=("recording",))).answers[0]
    assert answer.decision.effect == "indeterminate" and answer.spoken == () and answer.missing_prompts == ()


BOOK = PolicyBook(
    relax=(Relaxed("US-MI", "Dana", "opinion"),), stricter=(Stricter("US-GA", "notice_then_continue", "Dana", "house rule"),),
    policy=(
        Policy("trading", "Robin", when=When(lines=("desk",)), tell=Tell("standard", ("es",), "trading"),
               law=Stated(("video",), ChosenBasis("MUST", "a paper", "Robin"))),
        Policy("private", "Robin", when=When(lines=("doctor",)), tell=Tell("standard", ("en",), "care"), capture=Capture(record=False)),
    ),
)  # fmt: skip


def test_a_book_rules_such_a_call_as_it_would_a_real_one() -> None:
    opinion = COUNSEL.decide(replace(CERTAIN, book=BOOK, traits=Traits(line="desk"), circumstances=("cards",)))
    read = opinion.reckoning
    assert read.relaxed == {"US-MI"} and read.circumstances == {"video", "cards"} and read.basis == "MUST"
    answer = opinion.answers[0]
    assert answer.decision.form == "notice_then_continue" and answer.spoken[0].prompt == "es/announce-ask"
    written = opinion.as_json()["policy"]
    assert written["policy"] == "trading" and written["unrecorded_why"] == ""  # type: ignore[index,call-overload]
    barred = COUNSEL.decide(replace(CERTAIN, book=BOOK, traits=Traits(line="doctor")))
    assert barred.answers[0].decision.effect == "deny" and "records no calls" in barred.answers[0].decision.why
    unruled = COUNSEL.decide(replace(CERTAIN, book=BOOK))
    assert unruled.answers[0].decision.effect == "deny" and unruled.as_json()["policy"]["policy"] == ""  # type: ignore[index,call-overload]


def test_an_opinion_is_plain_json_with_everything_in_it_and_no_number_in_clear() -> None:
    asked = replace(
        CERTAIN,
        caller=Whereabouts(Number("+14155550100")),
        called=Whereabouts(withheld=True),
        stricter=(("DE", "express_opt_in"),),
    )
    written = COUNSEL.decide(asked).as_json()
    text = json.dumps(written)
    assert "4155550100" not in text
    assert set(written) == {"law", "asked", "policy", "located", "purposes"} and written["policy"] is None
    assert written["asked"] == {"direction": "inbound", "from": "+1415•••••00", "to": "withheld"}
    law = written["law"]
    assert law["sha256"] == LAW.sha256 and law["stricter"] == [{"place": "DE", "form": "express_opt_in"}]  # type: ignore[index,call-overload]
    first = written["purposes"][0]  # type: ignore[index]
    assert set(first) == {
        "purpose", "effect", "will", "why", "rule", "form", "law_allows", "decisive", "obligations", "grounds", "less_strict_if",
        "tone_at_most_s", "keep_at_least_days", "keep_at_most_days", "keep_days", "spoken", "missing_prompts",
    }  # fmt: skip
    assert first["decisive"] == ["US-CA"]  # type: ignore[call-overload]
    assert {
        "code": "stop_on_no",
        "meaning": "stop at once when anybody says no; the call goes on",
        "because": "Overt's own promise",
    } in first["obligations"]  # type: ignore[call-overload,operator]
    assert COUNSEL.decide(CERTAIN).as_json()["asked"]["from"] == ""  # type: ignore[index,call-overload]


def test_a_place_is_found_by_its_code_in_any_case_and_a_member_by_its_bloc() -> None:
    assert COUNSEL.place("us-ca", ON).code == "US-CA" and COUNSEL.place("AT", ON).code == "EU"
    assert COUNSEL.page("US-CA", ON).title == "Place US-CA (US-CA)"


@pytest.mark.parametrize(
    ("said", "meant"), [("CA", "US-CA"), ("Place US-GA", "US-GA"), ("US-CAL", "US-CA"), ("zzzzzz", "")]
)
def test_an_unknown_place_is_refused_with_what_may_have_been_meant(said: str, meant: str) -> None:
    with pytest.raises(NoSuchPlace) as refused:
        COUNSEL.page(said, ON)
    assert refused.value.near[:1] == ((meant,) if meant else ()) and ("did you mean" in str(refused.value)) is bool(
        meant
    )


def test_a_place_whose_row_is_no_longer_in_force_is_not_proposed() -> None:
    with pytest.raises(NoSuchPlace) as refused:
        COUNSEL.place("GONE", ON)
    assert "GONE" not in refused.value.near and COUNSEL.place("GONE", "2019-01-01").code == "GONE"


def test_places_are_listed_in_order_and_by_rule() -> None:
    assert [one.code for one in COUNSEL.places(ON)] == ["DE", "EU", "LONG", "SHORT", "US", "US-CA", "US-GA", "US-MI"]
    assert [one.code for one in COUNSEL.places(ON, "contested")] == ["US-MI"]
    assert [one.code for one in COUNSEL.places(ON, "one-party")] == ["LONG", "US", "US-GA"]
    assert "US-MI" in [one.code for one in COUNSEL.places(ON, "all-party")]
