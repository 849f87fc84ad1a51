"""P3: every place that a party may be in counts, and nothing but knowledge takes one away."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt.domain.location import (
    OWN_SIDE,
    PARTED,
    SPOOFED,
    STRENGTH,
    UNKNOWN,
    US_PLACES,
    Candidate,
    Evidence,
    Locations,
    PartyPlaces,
    SetAside,
    expand,
    locate,
)

SERVED = ("US-NY", "DE")
PARTIES = ("caller", "agent", "recorder")
evidences = st.lists(
    st.builds(
        Evidence,
        st.sampled_from(PARTIES),
        st.sampled_from(STRENGTH),
        st.sampled_from(["US", "US-CA", "US-TX", "AU", "AU-NSW", "DE", "FR"]),
        st.sampled_from(["one source", "another"]),
    ),
    max_size=6,
)
doubts = st.lists(st.tuples(st.sampled_from(PARTIES), st.sampled_from([SPOOFED, "withheld"])), max_size=3)
served_places = st.sampled_from([(), SERVED, US_PLACES])


def one(
    *evidence: tuple[str, str], served: tuple[str, ...] = SERVED, doubt: str = "", party: str = "caller"
) -> PartyPlaces:
    """Where a party with this evidence (kind, place) may be."""
    given_ = [Evidence(party, kind, place, "x") for kind, place in evidence]  # type: ignore[arg-type]
    return locate(given_, [party], served, [(party, doubt)] if doubt else []).parties[0]


def test_nothing_known_is_everywhere_served_and_where_that_is_not_set_anywhere() -> None:
    party = one()
    assert (party.candidates, party.served, party.certain, party.doubts) == ((), SERVED, False, ("nothing is known",))
    assert one(served=()).candidates == (Candidate(UNKNOWN, UNKNOWN, "no evidence"),) and one(served=()).served == ()
    assert one(("number", "US-TX"), served=()).places == ("US-TX", UNKNOWN)


def test_a_number_alone_is_never_certain() -> None:
    party = one(("number", "US-TX"))
    assert party.places == ("US-TX", *SERVED) and not party.certain
    assert party.doubts == ("only this is known: hint of the number",)


@pytest.mark.parametrize("kind", [kind for kind in STRENGTH if kind != "number"])
def test_what_settles_a_place(kind: str) -> None:
    party = one((kind, "US-GA"), ("number", "US-CA"), party="agent")
    assert party.places == ("US-GA", "US-CA") and party.certain and not party.doubts and not party.served


@pytest.mark.parametrize("party", ["caller", "called", "customer"])
def test_a_trunk_settles_no_more_than_our_own_side(party: str) -> None:
    found = one(("trunk", "US-GA"), party=party)
    assert found.places == ("US-GA", *SERVED) and not found.certain
    assert found.doubts == ("only this is known: place that the trunk serves",)
    assert all(one(("trunk", "US-GA"), party=own).certain for own in OWN_SIDE)


def test_what_is_said_sets_aside_what_was_presumed_but_not_what_only_adds() -> None:
    party = one(("number", "US-CA"), ("on_file", "US-TX"), ("said", "US-GA"), ("trunk", "US-FL"))
    assert party.places == ("US-GA", "US-FL", "US-CA") and party.certain
    assert party.set_aside == (SetAside(Candidate("US-TX", "on_file", "x"), "the party said where they are"),)
    assert party.as_json() == {
        "party": "caller", "certain": True, "places": ["US-GA", "US-FL", "US-CA"], "served": 0, "doubts": [],
        "because": [
            "US-GA: said in this call (x)", "US-FL: place that the trunk serves (x)", "US-CA: hint of the number (x)",
            "US-TX does not count: address on file (x), but the party said where they are",
        ],
    }  # fmt: skip


def test_evidence_that_disagrees_counts_whole_and_is_not_certain() -> None:
    two_addresses = one(("on_file", "US-TX"), ("on_file", "US-CA"))
    assert two_addresses.places == ("US-TX", "US-CA") and not two_addresses.certain and not two_addresses.served
    assert two_addresses.doubts == ("the evidence disagrees (address on file: US-TX; address on file: US-CA)",)
    weaker = one(("device", "US-CA"), ("on_file", "US-TX"))
    assert weaker.places == ("US-TX", "US-CA") and not weaker.certain
    two_sayings = one(("said", "US-TX"), ("said", "DE"), ("site", "FR"))
    assert two_sayings.places == ("US-TX", "DE") and not two_sayings.certain
    assert one(("on_file", "US-TX"), ("device", "US-TX")).certain
    agreeing = one(("said", "US-TX"), ("on_file", "US-TX"))
    assert agreeing.certain and len(agreeing.candidates) == 2 and not agreeing.set_aside


def test_a_country_of_parts_is_not_a_place_until_its_part_is_known() -> None:
    party = one(("on_file", "US"))
    assert party.places == ("US",) and not party.certain and not party.served
    assert party.doubts == ("the country is known (US), not which part of it",)
    refined = one(("on_file", "US"), ("device", "US-TX"))
    assert refined.places == ("US-TX",) and refined.certain
    assert refined.set_aside == (SetAside(Candidate("US", "on_file", "x"), "which part of it is known"),)
    assert one(("on_file", "US-TX"), ("number", "US")).places == ("US-TX", "US")  # what only adds is not set aside
    abroad = one(("on_file", "DE"), ("device", "US"))
    assert abroad.places == ("DE", "US") and len(abroad.doubts) == 2
    assert one(("said", "US"), ("on_file", "US-TX")).places == ("US",)  # the address may be an old one


def test_a_spoofed_number_undoes_what_was_found_by_it() -> None:
    party = one(("on_file", "US-TX"), ("number", "US-TX"), doubt=SPOOFED)
    assert party.places == ("US-TX", *SERVED) and not party.certain and party.doubts == (SPOOFED,)
    assert one(("on_file", "US-TX"), doubt=SPOOFED, served=()).places == ("US-TX", UNKNOWN)
    for kind in ("said", "device", "site"):
        assert one((kind, "US-TX"), doubt=SPOOFED).certain and one((kind, "US-TX"), doubt=SPOOFED).doubts == (SPOOFED,)
    elsewhere = one(("device", "US-GA"), ("on_file", "US-TX"), doubt=SPOOFED)
    assert elsewhere.places == ("US-TX", "US-GA") and not elsewhere.certain and not elsewhere.served
    assert one(("device", "US"), ("on_file", "US-TX"), doubt=SPOOFED).places == ("US-TX", "US")
    assert one(("on_file", "US"), ("device", "US-TX"), doubt=SPOOFED).places == ("US", "US-TX")


def test_another_doubt_only_says_why_nothing_is_settled() -> None:
    assert one(doubt="withheld").doubts == ("withheld",) and one(doubt="withheld").places == SERVED
    assert one(("number", "GB"), doubt="mobile").doubts == ("mobile",)
    on_file = one(("on_file", "US-TX"), doubt="withheld")
    assert on_file.certain and on_file.places == ("US-TX",) and not on_file.doubts


def test_the_ledger_hears_of_the_served_places_as_a_count() -> None:
    located = locate(
        [Evidence("agent", "site", "US-GA", "line s")], ["caller", "agent"], SERVED, [("caller", "withheld")]
    )
    assert located.places == ("US-NY", "DE", "US-GA")
    caller, agent = located.as_json()
    assert caller == {
        "party": "caller", "certain": False, "places": ["US-NY", "DE"], "because": ["2 places: served by the line"],
        "served": 2, "doubts": ["withheld"],
    }  # fmt: skip
    assert agent == {
        "party": "agent", "certain": True, "places": ["US-GA"], "because": ["US-GA: configured site (line s)"],
        "served": 0, "doubts": [],
    }  # fmt: skip
    assert one(served=("DE",)).as_json()["because"] == ["1 place: served by the line"]


def test_us_stands_for_the_states_and_the_district() -> None:
    assert len(expand("US")) == 51 and "US-DC" in expand("US") and "US-PR" not in expand("US")
    assert expand("US-TX") == ("US-TX",) and len(set(US_PLACES)) == 51
    assert {"US", "AU"} == PARTED


def test_who_joined_the_served_places_beforehand_knows_them_again() -> None:
    assert locate([], ["caller"], US_PLACES).parties[0].served is US_PLACES
    assert locate([], ["caller"], list(SERVED)).parties[0].served == SERVED


# ------------------------------------------------------------------------------------------ properties


def every_place(located: Locations) -> dict[str, set[str]]:
    """Each party's places."""
    return {party.party: set(party.places) for party in located.parties}


def grown(less: Locations, more: Locations) -> bool:
    """True when no party lost a place, and none became certain."""
    before, after = every_place(less), every_place(more)
    certain = {party.party for party in less.parties if party.certain}
    return all(before[party] <= after[party] for party in before) and all(
        not party.certain or party.party in certain for party in more.parties if party.party in before
    )


@given(evidences, served_places, doubts, evidences)
def test_p3_a_number_or_a_callers_trunk_only_adds(
    known: list[Evidence], served: tuple[str, ...], doubted: list[tuple[str, str]], more: list[Evidence]
) -> None:
    adding = [
        Evidence(*(("caller", "trunk") if n % 2 else (found.party, "number")), found.place, found.detail)  # type: ignore[arg-type]
        for n, found in enumerate(more)
    ]
    assert grown(locate(known, PARTIES, served, doubted), locate([*known, *adding], PARTIES, served, doubted))


@given(evidences, served_places, doubts, doubts)
def test_p3_a_doubt_only_adds(
    known: list[Evidence], served: tuple[str, ...], doubted: list[tuple[str, str]], more: list[tuple[str, str]]
) -> None:
    assert grown(locate(known, PARTIES, served, doubted), locate(known, PARTIES, served, doubted + more))


@given(evidences, served_places, doubts)
def test_p3_a_party_only_adds(known: list[Evidence], served: tuple[str, ...], doubted: list[tuple[str, str]]) -> None:
    some, all_of_them = locate(known, PARTIES[:2], served, doubted), locate(known, PARTIES, served, doubted)
    assert grown(some, all_of_them) and some.parties == all_of_them.parties[:2]
    assert set(some.places) <= set(all_of_them.places)


@given(
    evidences,
    served_places,
    doubts,
    st.sampled_from(["on_file", "device", "trunk", "site"]),
    st.sampled_from(["FR", "US-CA"]),
)
def test_p3_only_knowledge_takes_a_place_away(
    known: list[Evidence], served: tuple[str, ...], doubted: list[tuple[str, str]], kind: str, place: str
) -> None:
    """Once something settles a party, or it has spoken, further presumptions only add; but a part ends its country."""
    more = Evidence("caller", kind, place, "new")  # type: ignore[arg-type]
    before = locate(known, ["caller"], served, doubted).parties[0]
    after = locate([*known, more], ["caller"], served, doubted).parties[0]
    lost = set(before.places) - set(after.places)
    if not before.served and UNKNOWN not in before.places:
        assert lost <= {"US", "AU"} - {place}
    assert any(found.place == place for found in after.candidates) or any(
        found.candidate.place == place and found.by for found in after.set_aside
    )


@given(evidences, served_places, doubts)
def test_p3_the_order_and_repetition_of_evidence_do_not_matter(
    known: list[Evidence], served: tuple[str, ...], doubted: list[tuple[str, str]]
) -> None:
    there, back = locate(known, PARTIES, served, doubted), locate([*known[::-1], *known], PARTIES, served, doubted)
    assert every_place(there) == every_place(back)
    assert [party.certain for party in there.parties] == [party.certain for party in back.parties]


@given(evidences, served_places, doubts)
def test_p3_nobody_is_nowhere_and_nothing_known_goes_unlisted(
    known: list[Evidence], served: tuple[str, ...], doubted: list[tuple[str, str]]
) -> None:
    for party in locate(known, PARTIES, served, doubted).parties:
        assert party.places and (party.certain or party.doubts)
        listed = {*party.candidates, *(found.candidate for found in party.set_aside)}
        assert {Candidate(e.place, e.kind, e.detail) for e in known if e.party == party.party} <= listed
        proven = [e for e in known if e.party == party.party and e.kind != "number"]
        assert proven or not party.certain


def test_p9_what_is_known_of_a_crowd_fits_into_the_ledger_and_leaves_out_no_place() -> None:
    parties = [f"other {number}" for number in range(1, 501)]
    evidence = [
        Evidence(one, "number", f"US-{code}", "area code")
        for one, code in zip(parties, ("GA", "TX") * 250, strict=True)
    ]
    located = locate(evidence, parties, US_PLACES, [("other 400", "withheld")])
    written = located.as_json()
    assert len(written) == 25 and len(json.dumps(written)) < 100_000
    rest = written[-1]
    assert (
        isinstance(rest, dict)
        and rest["party"] == "476 others"
        and not rest["certain"]
        and "withheld" in rest["doubts"]
    )
    assert set(rest["places"]) == set(located.places) and rest["served"] == len(US_PLACES)  # type: ignore[arg-type]
    assert "US-TX: hint of the number" in str(rest["because"]) and len(located.parties) == 500
