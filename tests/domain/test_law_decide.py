"""P3: the strictest law wins, whatever the order, and doubt never loosens."""

from __future__ import annotations

from functools import reduce
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.made_law import ON, basis, duty, one_party, place, table
from overt.adapters.law_files import load_table
from overt.domain.errors import PolicyRefused
from overt.domain.law.because import demanded, find_decisive
from overt.domain.law.decide import ALWAYS, Decision, Wish, decide
from overt.domain.law.demand import NOTHING, Demand, Ground, Owed, at_least, join
from overt.domain.law.model import FORMS, PURPOSES, RULES, Form
from overt.domain.law.reckoning import Law, Reckoning, reckon
from overt.domain.location import UNKNOWN, US_PLACES, Candidate, Evidence, Locations, PartyPlaces, locate

SMALL = table(
    [
        one_party("FREE"), place("ASK"), place("TELL", notice="yes", tone="unclear"), place("LIKELY", notice="likely"), place("PERHAPS", notice="likely"),
        place("TONE", notice="yes", tone="yes", interval=15, recorded="yes"), place("BEEP", tone="yes", interval=5),
        place("DOUBT", rule="contested", contested="true", relaxes_to="one-party"),
        place("BASED", rule="contested", contested="true", relaxes_to="notice_then_continue"),
        one_party("KIDS", minors="Law on children", employee_notice="Law on staff"),
        one_party("SHORT", duties='["KEEP-SHORT"]'), one_party("LONG", duties='["KEEP-LONG"]'),
        one_party("VOICE", duties='["VOICE"]'), place("BLOC", stands_for='["MEMBER"]'),
        one_party("AGREES", duties='["KEEP-EVEN"]'), one_party("DAY", duties='["KEEP-DAY"]'), one_party("YEAR", duties='["KEEP-YEAR"]'), one_party("HUMS", interval=7),
        place("LOOSE", rule="contested", contested="true", relaxes_to="one-party", tone="yes", interval=9),
        one_party("YIELDS", duties='["KEEP-UNLESS"]'), one_party("APART", duties='["KEEP-UNLESS"]'),
        one_party("ROOT", kind="federal", duties='["OLD"]'), one_party("ROOT-A", kind="state", within="ROOT"),
        place("ROOT-B", kind="state", within="ROOT", notice="yes"), place("ROOT-T", kind="territory", within="ROOT"),
        one_party("GONE", until="2020-01-01"),
        one_party("VIDEO", more='[[variant]]\nwhen = "video"\neffective_rule = "all-party"\nnote = ""\n[variant.forms]\nexpress_opt_in = "yes"\nnotice_then_continue = "yes"\nrecording_tone = "no"'),
        one_party("SHARE", more='[[purpose]]\npurpose = "sharing"\nform = "express_opt_in"\ncitation = "Law on sharing"\nnote = ""'),
    ],
    **{
        "duties__KEEP-SHORT": duty("KEEP-SHORT", most=30), "duties__KEEP-LONG": duty("KEEP-LONG", least=100),
        "duties__KEEP-EVEN": duty("KEEP-EVEN", least=30), "duties__KEEP-DAY": duty("KEEP-DAY", most=1), "duties__KEEP-YEAR": duty("KEEP-YEAR", most=365),
        "duties__AIR": duty("AIR", everywhere="true", when="broadcast", form="recording_tone"),
        "duties__KEEP-UNLESS": duty("KEEP-UNLESS", most=30, yields_to='["MUST", "PAST"]', obligations='["not_systematic"]'),
        "duties__VOICE": duty("VOICE", when="voiceprints", purposes='["analysis"]', form="express_opt_in", obligations='["voiceprint_release"]'),
        "duties__CARDS": duty("CARDS", everywhere="true", when="cards", obligations='["no_card_codes"]'),
        "duties__OLD": duty("OLD", until="2017-11-19", obligations='["tone_while_recording"]'),
        "bases__MUST": basis("MUST", places='["ASK", "BLOC", "YIELDS", "TONE"]', least=60),
        "bases__PAST": basis("PAST", places='["ASK", "YIELDS"]', until="2000-01-01"),
    },
)  # fmt: skip

PLAIN = Wish()


def at(*places: str) -> Locations:
    """Parties that are certainly in these places."""
    return Locations(
        tuple(PartyPlaces(f"party {n}", (Candidate(one, "site", "x"),), True) for n, one in enumerate(places))
    )


def reckoned(**changes: object) -> Law:
    """The small law, as it is read on the day of the tests."""
    return reckon(SMALL, Reckoning(**{"on": ON, **changes}))  # type: ignore[arg-type]


def decided(*places: str, wish: Wish = PLAIN, **changes: object) -> Decision:
    """The decision for parties that are certainly in these places."""
    return decide(reckoned(**changes), at(*places), wish)


@pytest.mark.parametrize(
    ("places", "rule", "form"),
    [
        (["FREE"], "one-party", "none"),
        (["FREE", "ASK"], "all-party", "express_opt_in"),
        (["TELL", "FREE"], "all-party", "notice_then_continue"),
        (["LIKELY"], "all-party", "notice_then_continue"),
        (["TONE"], "all-party", "recording_tone"),
        (["TONE", "TELL"], "all-party", "notice_then_continue"),
        (["BEEP", "TELL"], "all-party", "express_opt_in"),  # what each accepts, the other does not
        (["BEEP", "TONE"], "all-party", "recording_tone"),
        (["NOWHERE"], "all-party", "express_opt_in"),
        ([UNKNOWN], "all-party", "express_opt_in"),
        (["GONE"], "all-party", "express_opt_in"),
        (["MEMBER"], "all-party", "express_opt_in"),
        (["ROOT-A"], "one-party", "none"),
        (["ROOT"], "all-party", "notice_then_continue"),  # some part of it, not known which; territories apart
        (["ROOT-T"], "all-party", "express_opt_in"),
        (["LOOSE"], "all-party", "recording_tone"),
        ([], "one-party", "none"),
    ],
)  # fmt: skip
def test_the_strictest_place_wins(places: list[str], rule: str, form: str) -> None:
    decision = decided(*places)
    assert (decision.effect, decision.rule, decision.form) == ("permit", rule, form)
    assert decision.will == "ask" and decision.law_allows


def test_the_strict_profile_takes_no_likely_form() -> None:
    decision = decided("LIKELY", "FREE", profile="strict")
    assert decision.form == "express_opt_in"
    assert decision.less_strict_if == ("the profile standard, for which a likely form is enough (LIKELY)",)
    assert decided("LIKELY", "PERHAPS", profile="strict").less_strict_if == (
        "the profile standard, for which a likely form is enough (LIKELY, PERHAPS)",
    )
    assert decided("TELL", profile="strict").form == "notice_then_continue"
    assert decided("ASK", profile="strict").less_strict_if == decided("NOWHERE", profile="strict").less_strict_if == ()


def test_informed_consent_needs_a_named_person_and_every_winning_rule() -> None:
    announce = Wish(telling="announce", chosen_by="Dana")
    assert decided("TELL", wish=announce).will == "announce"
    assert "ask:caller" not in decided("TELL", wish=announce).obligations
    assert decided("TELL", wish=Wish(telling="announce")).will == "ask"
    assert decided("TELL", wish=Wish(chosen_by="Dana")).will == "ask"
    assert decided("TELL", "ASK", wish=announce).will == "ask"
    assert decided("BEEP", wish=announce).will == "ask"  # a tone is never consent for Overt
    assert decided("FREE", wish=announce).will == "announce"


def test_what_the_law_allows_and_what_overt_does_are_said_apart() -> None:
    decision = decided("FREE")
    assert decision.law_allows == "recording with one party's consent, without telling the other"
    assert {"announce:caller", "tell:agent", "record_announcement", "stop_on_join", "stop_on_no", "ask:caller"} == set(
        decision.obligations
    )


def test_obligations_say_what_they_rest_on() -> None:
    owed = decided("KIDS", "TONE", circumstances=frozenset({"cards"})).owed
    assert Owed("no_known_minors", "Law on children") in owed and Owed("employee_notice", "Law on staff") in owed
    assert Owed("law:record_announcement", "Law of TONE") in owed and Owed("no_card_codes", "Duty CARDS") in owed
    assert Owed("ask:caller", "Overt's own promise") in owed and Owed("tell:agent", "Overt's own promise") in owed
    assert decided("HUMS").demand.tone_at_most_s == 0  # whose rule asks nothing names no tone either
    assert decided("LOOSE", relaxed=frozenset({"LOOSE"})).demand.tone_at_most_s == 0
    assert (
        decided("TONE").demand.tone_at_most_s == decided("TONE", basis="MUST").demand.tone_at_most_s == 15
        and decided("TONE", "BEEP").demand.tone_at_most_s == 5
    )
    assert "no_card_codes" not in decided("KIDS").obligations
    assert "tone_while_recording" not in decided("ROOT-A").obligations
    assert "tone_while_recording" in decided("ROOT-A", on="2017-11-19").obligations


@pytest.mark.parametrize(
    ("places", "wanted", "kept", "bounds"),
    [
        (["SHORT"], 90, 30, "at most 30 days"),
        (["SHORT"], 7, 7, "at most 30 days"),
        (["LONG"], 90, 100, "at least 100 days"),
        (["LONG"], 400, 400, "at least 100 days"),
        (["AGREES", "SHORT"], 90, 30, "at least 30 days and at most 30 days"),
        (["FREE"], 90, 90, ""),
        ([], 1, 1, ""),
    ],
)
def test_it_is_kept_within_the_bounds(places: list[str], wanted: int, kept: int, bounds: str) -> None:
    decision = decided(*places, wish=Wish(keep_days=wanted))
    assert decision.keep_days == kept and decision.as_json()["keep_days"] == kept
    assert [one.citation for one in decision.owed if one.code == "keep_within_bounds"] == ([bounds] if bounds else [])


def test_laws_that_contradict_each_other_leave_it_to_a_person() -> None:
    decision = decided("SHORT", "LONG")
    assert (decision.effect, decision.will, decision.keep_days) == ("indeterminate", "none", 0)
    assert decision.why == "one law demands to keep it 100 days, another allows 30: a person must decide"
    assert decision.as_json()["effect"] == "indeterminate"
    assert decided("DAY", "AGREES").effect == "indeterminate" and decided("DAY").effect == "permit"


def test_a_barred_call_is_denied_whatever_the_law_says() -> None:
    decision = decided("FREE", wish=Wish(barred="an emergency number"))
    assert (decision.effect, decision.will, decision.obligations, decision.keep_days) == ("deny", "none", (), 0)
    assert decision.as_json()["why"] == "an emergency number" and decision.as_json()["effect"] == "deny"


def test_each_purpose_is_decided_by_itself() -> None:
    assert decided("SHARE", wish=Wish("sharing")).form == "express_opt_in"
    assert decided("SHARE", wish=Wish("sharing")).citation == "Law on sharing"
    assert {decided("SHARE", wish=Wish(one)).form for one in PURPOSES if one != "sharing"} == {"none"}
    spoken = frozenset({"voiceprints"})
    assert decided("VOICE", wish=Wish("analysis"), circumstances=spoken).form == "express_opt_in"
    assert decided("VOICE", wish=Wish("analysis")).form == "none"
    assert decided("VOICE", circumstances=spoken).form == "none"


def test_a_circumstance_may_bring_another_rule() -> None:
    assert decided("VIDEO").rule == "one-party"
    filmed = decided("VIDEO", circumstances=frozenset({"video"}))
    assert (filmed.form, filmed.citation) == ("notice_then_continue", "Law of VIDEO")


def test_only_what_is_contested_may_be_relaxed() -> None:
    assert decided("DOUBT").form == "express_opt_in"
    relaxed = decided("DOUBT", relaxed=frozenset({"DOUBT"}))
    assert (relaxed.rule, relaxed.form, relaxed.less_strict_if) == ("one-party", "none", ())
    assert relaxed.citation == "Law of DOUBT, read as the operator chose: the rule is contested"
    assert decided("BASED", relaxed=frozenset({"BASED"})).form == "notice_then_continue"
    assert decided("DOUBT", "ASK", relaxed=frozenset({"DOUBT"})).form == "express_opt_in"
    for settled in ("ASK", "NOWHERE"):
        with pytest.raises(
            PolicyRefused, match=f"^{settled} cannot be relaxed: the table does not call its rule contested$"
        ):
            decided(relaxed=frozenset({settled}))


def test_anything_may_be_held_stricter() -> None:
    stricter = decided("FREE", stricter=(("FREE", "notice_then_continue"),))
    assert (stricter.rule, stricter.form) == ("all-party", "notice_then_continue")
    assert decided("FREE", stricter=(("FREE", "none"),)).rule == "one-party"
    assert stricter.law_allows == "recording with one party's consent, without telling the other"  # the law, apart
    assert (
        decided("FREE", "TELL", stricter=(("FREE", "express_opt_in"),)).law_allows
        == "recording after a notice to every party who stays"
    )
    assert decided("ASK", stricter=(("ASK", "none"),)).form == "express_opt_in"
    assert decided("TELL", stricter=(("FREE", "express_opt_in"),)).form == "notice_then_continue"
    for wrong in (("NOWHERE", "none"), ("FREE", "shout"), ("MEMBER", "express_opt_in")):  # a bloc speaks for the last
        with pytest.raises(
            PolicyRefused, match=f"^{wrong[0]} cannot be held to {wrong[1]}: .* one of {', '.join(FORMS)}$"
        ):
            decided(stricter=(wrong,))


def test_unknown_names_are_refused() -> None:
    with pytest.raises(PolicyRefused, match=r"^unknown circumstance rain; one of cards, health, "):
        decided(circumstances=frozenset({"rain"}))
    with pytest.raises(PolicyRefused, match=r"^unknown legal basis WISH; one of MUST, PAST$"):
        decided(basis="WISH")


def test_a_legal_basis_changes_the_form_in_its_own_places_only() -> None:
    on_basis = decided("ASK", basis="MUST", wish=Wish(telling="announce", chosen_by="Dana"))
    assert (on_basis.rule, on_basis.form, on_basis.will) == ("all-party", "notice_then_continue", "announce")
    assert (
        on_basis.keep_days == 90 and on_basis.demand.keep_at_least_days == 60 and on_basis.as_json()["basis"] == "MUST"
    )
    assert any(one.law == "Basis MUST" for one in on_basis.grounds)
    assert decided("MEMBER", basis="MUST").form == "notice_then_continue"
    assert decided("ASK", "NOWHERE", basis="MUST").form == "express_opt_in"
    assert decided("ASK", basis="PAST").form == "express_opt_in"
    assert decided("ASK", basis="MUST", wish=Wish("sharing")).form == "express_opt_in"
    assert decided("ASK", basis="MUST", stricter=(("ASK", "express_opt_in"),)).form == "express_opt_in"


def test_a_duty_gives_way_to_a_legal_basis_where_and_while_that_holds() -> None:
    free = decided("YIELDS", basis="MUST")
    assert (free.effect, free.keep_days, free.demand.keep_at_most_days) == ("permit", 90, 0)
    assert "not_systematic" not in free.obligations
    for bound in (decided("YIELDS"), decided("YIELDS", basis="PAST"), decided("APART", basis="MUST")):
        assert (bound.keep_days, bound.demand.keep_at_most_days) == (30, 30)
        assert "not_systematic" in bound.obligations
    assert decided("YIELDS", "APART", basis="MUST").effect == "indeterminate"


# ------------------------------------------------------------------------------------------ why


def test_grounds_begin_with_what_made_it_so() -> None:
    numbers = Evidence("caller", "number", "ASK", "digits")
    decision = decide(reckoned(), locate([numbers], ["caller", "agent"], ("FREE", "TELL", "BLOC")), Wish())
    first = decision.grounds[0]
    assert (first.place, first.hinted) == ("ASK", True) and "caller: hint of the number (digits)" in first.why
    assert decision.decisive == ("ASK", "BLOC") and decision.citation == "Law of ASK"
    assert decision.grounds[1][5:] == ("caller, agent: it may be there, as far as is known", False)
    assert [one.place for one in decision.grounds] == ["ASK", "BLOC", "TELL", "FREE"]


@pytest.mark.parametrize(
    ("place", "read", "ground"),
    [
        ("ASK", {}, ("ASK", "Place ASK", "all-party", "express_opt_in", "Law of ASK")),
        ("NOWHERE", {}, ("NOWHERE", "default", "all-party", "express_opt_in", "strict by default: no row of the table is in force")),
        (UNKNOWN, {}, (UNKNOWN, "default", "all-party", "express_opt_in", "strict by default: nothing is known of the place")),
        ("SHARE", {"wish": Wish("sharing")}, ("SHARE", "Place SHARE", "all-party", "express_opt_in", "Law on sharing")),
        ("FREE", {"stricter": (("FREE", "recording_tone"),)}, ("FREE", "policy", "all-party", "recording_tone", "the operator's own policy")),
        ("VOICE", {"wish": Wish("analysis"), "circumstances": frozenset({"voiceprints"})}, ("VOICE", "Duty VOICE", "all-party", "express_opt_in", "Duty VOICE")),
        ("FREE", {"circumstances": frozenset({"broadcast"})}, ("everywhere", "Duty AIR", "all-party", "recording_tone", "Duty AIR")),
        ("SHORT", {}, ("SHORT", "Duty KEEP-SHORT", "one-party", "none", "Duty KEEP-SHORT")),
        ("LONG", {}, ("LONG", "Duty KEEP-LONG", "one-party", "none", "Duty KEEP-LONG")),
        ("ASK", {"basis": "MUST"}, ("ASK", "Basis MUST", "all-party", "notice_then_continue", "Basis MUST")),
    ],
)  # fmt: skip
def test_a_ground_says_whose_law_demands_what(place: str, read: dict[str, Any], ground: tuple[str, ...]) -> None:
    assert ground in [one[:5] for one in decided(place, **read).grounds]


def test_a_duty_that_bounds_nothing_is_no_ground() -> None:
    assert [one.law for one in decided("ROOT", on="2017-11-19", circumstances=frozenset({"cards"})).grounds] == [
        "Place ROOT-B", "Place ROOT", "Place ROOT-A",
    ]  # fmt: skip


def test_a_ground_counts_by_its_part_or_its_bloc() -> None:
    whys = {one.place: one for one in decided("MEMBER", "ROOT").grounds}
    assert whys["BLOC"].hinted and whys["ROOT-A"].hinted and whys["ROOT"].why.startswith("party 1")
    assert {one.place: one[5:] for one in decided("ROOT-A").grounds}["ROOT"] == ("binds there too", False)
    twice = decided("ASK", "ASK").grounds[0]
    assert twice.why == "party 0: configured site (x); party 1: configured site (x)" and twice.hinted


def test_a_place_that_asks_for_less_is_not_decisive_for_asking_in_the_same_form() -> None:
    decision = decided("YIELDS", "TELL", basis="MUST")
    assert {(one.place, one.rule) for one in decision.grounds if one.form == decision.form} == {
        ("YIELDS", "one-party"),
        ("TELL", "all-party"),
    }
    assert decision.decisive == ("TELL",)


def test_where_only_several_together_demand_it_all_are_decisive() -> None:
    assert decided("BEEP", "TELL", "FREE").decisive == ("TELL", "BEEP")
    assert find_decisive((), NOTHING) == () and decided().citation == ""


def test_what_would_have_to_be_known() -> None:
    law = reckoned()
    unknown = locate(
        [Evidence("agent", "site", "FREE", "x")], ["caller", "agent"], ("FREE", "ASK"), [("caller", "number withheld")]
    )
    assert decide(law, unknown, Wish()).less_strict_if == ("where the caller is (number withheld)",)
    both = locate([], ["caller", "agent"], ("FREE", "ASK"))
    assert len(decide(law, both, Wish()).less_strict_if) == 2
    useless = locate([Evidence("agent", "site", "ASK", "x")], ["caller", "agent"], ("FREE", "ASK"))
    assert decide(law, useless, Wish()).less_strict_if == ()
    assert decided("DOUBT", "FREE").less_strict_if == (
        "relaxing DOUBT, whose rule is contested, to one-party (a named person's choice)",
    )
    assert decided("BASED").less_strict_if == (
        "relaxing BASED, whose rule is contested, to notice_then_continue (a named person's choice)",
    )
    assert decided("BASED", relaxed=frozenset({"BASED"})).less_strict_if == ()  # it asks for no less than that already
    assert decided("DOUBT", "ASK").less_strict_if == () and decided("FREE").less_strict_if == ()
    plain = PartyPlaces("caller", (Candidate("ASK", "number", "x"),), False)
    assert decide(law, Locations((plain,)), Wish()).less_strict_if == ("where the caller is",)
    free = PartyPlaces("agent", (Candidate("FREE", "number", "x"),), False)
    assert decide(law, Locations((plain, free)), Wish()).less_strict_if == ("where the caller is",)
    twice = PartyPlaces("caller", plain.candidates, False, (), ("one doubt", "another"))
    assert decide(law, Locations((twice,)), Wish()).less_strict_if == ("where the caller is (one doubt; another)",)


def test_the_ledger_holds_a_decision_whole() -> None:
    wish = Wish("recording", "announce", "Dana", 400)
    decision = decided("TONE", "YEAR", "DOUBT", wish=wish, profile="strict", basis="MUST")
    assert decision.as_json() == {
        "effect": "permit, ask", "why": "", "rule": "all-party", "form": "express_opt_in", "purpose": "recording",
        "law_allows": "recording after every party's express consent", "obligations": list(decision.obligations),
        "grounds": [
            "DOUBT: all-party (Law of DOUBT) — party 2: configured site (x)", "TONE: all-party (Basis MUST) — party 0: configured site (x)",
            "TONE: all-party (Law of TONE) — party 0: configured site (x)", "YEAR: one-party (Duty KEEP-YEAR) — party 1: configured site (x)",
            "YEAR: one-party (Law of YEAR) — party 1: configured site (x)",
        ],
        "citation": "Law of DOUBT", "decisive": ["DOUBT"],
        "less_strict_if": ["relaxing DOUBT, whose rule is contested, to one-party (a named person's choice)"],
        "tone_at_most_s": 15, "keep_at_least_days": 60, "keep_at_most_days": 365, "keep_days": 365, "basis": "MUST",
        "profile": "strict", "law_version": SMALL.version, "law_as_of": SMALL.as_of, "law_sha256": SMALL.sha256,
    }  # fmt: skip
    assert decided().as_json()["grounds"] == [] and decided().as_json()["citation"] == ""


def test_the_ledger_holds_few_grounds_and_the_count_of_the_rest() -> None:
    law = reckon(load_table(), Reckoning(ON, served=US_PLACES))
    decision = decide(law, locate([], ["caller"], US_PLACES), Wish())
    body = decision.as_json()
    assert isinstance(body["grounds"], list) and len(body["grounds"]) == 9
    assert body["grounds"][-1] == f"and {len(decision.grounds) - 8} more grounds"
    assert body["decisive"] == list(decision.decisive[:8]) and len(decision.decisive) > 8
    many = ("FREE", "ASK", "TELL", "LIKELY", "TONE", "BEEP", "BASED", "LOOSE")
    assert len(decided(*many).as_json()["grounds"]) == 8  # type: ignore[arg-type]


def test_unless_it_says_otherwise_a_line_asks_to_record_and_keeps_it_for_ninety_days() -> None:
    assert Wish() == Wish("recording", "ask", "", 90, "")


# ------------------------------------------------------------------------------------------ the lattice

TABLE = load_table()
LAWS = {profile: reckon(TABLE, Reckoning(ON, profile, US_PLACES)) for profile in ("standard", "strict")}  # type: ignore[arg-type]
codes = st.sampled_from([*TABLE.rows, *TABLE.stands_for, "XX", UNKNOWN])
profiles = st.sampled_from(["standard", "strict"])
purposes = st.sampled_from(PURPOSES)
demands = st.builds(
    Demand, st.sampled_from(RULES), st.sampled_from(FORMS).map(at_least),
    st.frozensets(st.builds(Owed, st.sampled_from("ab"), st.sampled_from("xy")), max_size=3), st.integers(0, 30),
    st.integers(0, 99), st.integers(0, 99),
    st.frozensets(st.builds(Ground, codes, st.just("law"), st.sampled_from(RULES), st.sampled_from(FORMS), st.just("c")), max_size=3),
)  # fmt: skip
parties = st.lists(
    st.builds(
        PartyPlaces, st.sampled_from(["caller", "agent", "recorder"]),
        st.lists(st.builds(Candidate, codes, st.sampled_from(["site", "number"]), st.just("x")), max_size=3).map(tuple),
        st.booleans(), st.sampled_from([(), US_PLACES, ("DE", "FR")]),
    ),
    min_size=1, max_size=4,
).map(tuple)  # fmt: skip


@given(demands, demands, demands)
def test_the_join_is_a_lattice(a: Demand, b: Demand, c: Demand) -> None:
    assert join(a, join(b, c)) == join(join(a, b), c)
    assert join(a, b) == join(b, a)
    assert join(a, a) == a and join(a, NOTHING) == a and join(NOTHING, a) == a


def strictness(decision: Decision) -> tuple[int, ...]:
    """How strict a decision is, as numbers of which none may fall."""
    bound = decision.demand.keep_at_most_days or 10**6
    return (
        RULES.index(decision.rule), FORMS.index(decision.form), ["announce", "ask", "none"].index(decision.will),
        ["permit", "indeterminate", "deny"].index(decision.effect), decision.demand.keep_at_least_days, -bound,
        -(decision.demand.tone_at_most_s or 10**6),
    )  # fmt: skip


@settings(deadline=None)
@given(parties, parties, st.booleans(), profiles, purposes)
def test_p3_more_parties_candidates_or_doubt_never_loosen(
    some: tuple[PartyPlaces, ...], more: tuple[PartyPlaces, ...], announce: bool, profile: str, purpose: str
) -> None:
    wish = Wish(purpose, "announce" if announce else "ask", "Dana")  # type: ignore[arg-type]

    def of(where: tuple[PartyPlaces, ...]) -> Decision:
        return decide(LAWS[profile], Locations(where), wish)

    less, full = of(some), of(some + more)
    assert all(one <= other for one, other in zip(strictness(less), strictness(full), strict=True))
    if full.effect == "permit":
        assert less.demand.obligations <= full.demand.obligations
    assert of(more + some).demand == full.demand == of(some + more + some).demand


@settings(deadline=None)
@given(parties, profiles, purposes)
def test_a_doubt_about_a_party_never_loosens(some: tuple[PartyPlaces, ...], profile: str, purpose: str) -> None:
    law = LAWS[profile]
    doubted = tuple(PartyPlaces(one.party, one.candidates, False, (*one.served, *US_PLACES)) for one in some)
    strict, loose = demanded(law, Locations(doubted), purpose), demanded(law, Locations(some), purpose)  # type: ignore[arg-type]
    assert join(strict, loose) == strict


wishes = st.builds(
    Wish, purposes, st.sampled_from(["ask", "announce"]), st.sampled_from(["", "Dana"]), st.integers(1, 4000), st.sampled_from(["", "", "barred"])
)  # fmt: skip


@settings(deadline=None)
@given(parties, profiles, wishes)
def test_p2_whatever_is_wished_a_decision_keeps_to_the_demand(
    some: tuple[PartyPlaces, ...], profile: str, wish: Wish
) -> None:
    decision, demand = (
        decide(LAWS[profile], Locations(some), wish),
        demanded(LAWS[profile], Locations(some), wish.purpose),
    )
    assert decision.demand == demand and (decision.effect == "deny") == bool(wish.barred)
    assert (decision.will == "none") == (decision.effect != "permit") == bool(decision.why)
    if decision.will == "announce":
        assert wish.telling == "announce" and wish.chosen_by and demand.forms & {"notice_then_continue"}
    if decision.effect == "permit":
        assert demand.keep_at_least_days <= decision.keep_days <= (demand.keep_at_most_days or 10**6)
    if decision.effect == "deny":
        assert decision.obligations == ()
    else:
        assert {*ALWAYS, *(one.code for one in demand.obligations)} <= set(decision.obligations)
        assert ("ask:caller" in decision.obligations) == (decision.will == "ask")


@settings(deadline=None)
@given(st.lists(codes, min_size=1, max_size=6), purposes)
def test_the_joined_groups_say_what_their_members_say(places: list[str], purpose: str) -> None:
    law = LAWS["standard"]
    naive = reduce(join, (law.demand(purpose, one) for one in places), NOTHING)  # type: ignore[arg-type]
    assert law.together(purpose, tuple(places)) == naive  # type: ignore[arg-type]
    assert law.together(purpose, ()) == NOTHING  # type: ignore[arg-type]
    assert law.together(purpose, (*US_PLACES,)) == reduce(join, (law.demand(purpose, one) for one in US_PLACES))  # type: ignore[arg-type]


@settings(deadline=None)
@given(codes, purposes)
def test_the_strict_profile_is_never_looser(code: str, purpose: str) -> None:
    loose, strict = (LAWS[one].demand(purpose, code) for one in ("standard", "strict"))  # type: ignore[arg-type]
    assert strict.forms <= loose.forms and strict.rule == loose.rule


@pytest.mark.parametrize("form", FORMS)
def test_at_least_is_the_form_and_all_stricter_ones(form: Form) -> None:
    assert form in at_least(form) and "express_opt_in" in at_least(form)
    assert min(at_least(form), key=FORMS.index) == form


def test_a_bloc_out_of_force_speaks_for_nobody() -> None:
    made = table([one_party("OLD", stands_for='["MEMBER"]', until="2020-01-01"), one_party("FREE")])
    found = {on: decide(reckon(made, Reckoning(on)), at("MEMBER"), Wish()) for on in ("2020-01-01", ON)}
    assert (found["2020-01-01"].form, found[ON].form) == ("none", "express_opt_in")
