"""The law of other countries, the duties, the legal bases and the sources, as the package ships them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

import overt.domain.law.data
from overt.adapters.law_files import load_table
from overt.domain.law.decide import Decision, Wish, decide
from overt.domain.law.duties import Basis, Duty
from overt.domain.law.model import Row
from overt.domain.law.reckoning import Reckoning, reckon
from overt.domain.location import Candidate, Locations, PartyPlaces

ON = "2026-11-24"
FOLDER = Path(overt.domain.law.data.__file__).parent
TABLE = load_table()
COUNTRIES = ["CA", "GB", "DE", "FR", "DK", "IE", "AU", "NZ", "MX", "JP", "SG", "PH", "BR", "IN"]
AUSTRALIA = [f"AU-{part}" for part in ("NSW", "VIC", "QLD", "SA", "WA", "TAS", "ACT", "NT")]
WORLD = [*COUNTRIES, *AUSTRALIA, "EU"]
MEMBERS = {
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU",
    "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
}  # fmt: skip
DUTIES = {
    "PCI-DSS", "CCPA", "CPUC-107B", "GDPR", "UK-GDPR", "GDPR-9", "CNIL", "CNIL-WORK", "BIPA", "CUBI", "WA-19-375",
    "HIPAA", "REG-F", "TSR", "FCC-64-501", "FCC-73-1206", "PA-63-137", "PA-5704-15", "NY-52-C", "CT-31-48D",
    "DE-705", "BETRVG-87", "FR-L1222-4", "FR-L2312-38", "IPA-356", "PIPEDA", "APPI", "APP", "IPP", "LFPDPPP",
    "PDPA", "DPA-PH", "LGPD", "BR-SAC", "DPDP", "MIFID-76", "SYSC-10A", "AI-ACT-5", "WA-19-373", "CO-6-1-1314",
    "CMS-422", "CFTC-1-35",
}  # fmt: skip
BASES = {"MIFID-16-7", "FCA-SYSC-10A", "TSR-310", "BR-SAC"}


def row(code: str) -> Row:
    """The row of a place today."""
    found = TABLE.row(code, ON)
    assert found is not None
    return found


def decided(*places: str, wish: Wish | None = None, **changes: object) -> Decision:
    """The decision for parties that are certainly in these places."""
    parties = (PartyPlaces(f"party {n}", (Candidate(one, "site", "x"),), True) for n, one in enumerate(places))
    reckoning = Reckoning(**{"on": ON, **changes})  # type: ignore[arg-type]
    return decide(reckon(TABLE, reckoning), Locations(tuple(parties)), wish or Wish())


# ------------------------------------------------------------------------------------------ what is there


def test_every_country_duty_and_basis_is_there() -> None:
    assert set(WORLD) == {code for code in TABLE.rows if not code.startswith("US")}
    assert set(TABLE.duties) == DUTIES and set(TABLE.bases) == BASES
    assert {code: row(code).kind for code in ("EU", "AU", "AU-NT", "JP")} == {
        "EU": "bloc", "AU": "country", "AU-NT": "subdivision", "JP": "country",
    }  # fmt: skip


def test_the_rules_of_the_world() -> None:
    assert [code for code in WORLD if row(code).effective_rule == "one-party"] == ["JP"]
    assert {code for code in WORLD if row(code).rule == "contested"} == {"EU", "IN", "MX", "BR"}
    for code in WORLD:
        relaxed = row(code).contested.relaxes_to
        assert relaxed == ("notice_then_continue" if row(code).rule == "contested" else "")
        assert row(code).contested.law == (row(code).rule == "contested")
    opt_in = {code for code in WORLD if row(code).forms.notice_then_continue not in ("yes", "likely", "not_needed")}
    assert opt_in == {"EU", "DE", "DK", "IN"}
    assert not [code for code in WORLD if row(code).forms.recording_tone in ("yes", "likely")]


def test_criminal_and_civil_rule_are_told_apart_and_the_stricter_held() -> None:
    for code in ("CA", "GB", "IE", "NZ", "SG"):
        found = row(code)
        assert (found.criminal_rule, found.civil_rule, found.rule) == ("one-party", "all-party", "all-party")
        assert found.held_stricter


def test_australia_binds_in_every_part_of_it() -> None:
    assert {row(code).within for code in AUSTRALIA} == {"AU"}
    looser = [code for code in AUSTRALIA if row(code).rule == "one-party"]
    assert looser == ["AU-VIC", "AU-QLD", "AU-NT"] and all(row(code).held_stricter for code in looser)
    for code in looser:
        assert decided(code).form == "notice_then_continue"
        assert decided(code, wish=Wish("sharing")).form == "express_opt_in"


def test_the_union_speaks_for_members_without_a_row_and_for_the_rest_of_the_eea() -> None:
    spoken_for = set(row("EU").stands_for)
    assert spoken_for - MEMBERS == {"IS", "LI", "NO"} and MEMBERS - spoken_for == {"DE", "FR", "DK", "IE"}
    assert not spoken_for & set(TABLE.rows)
    assert decided("NL").form == "express_opt_in" and decided("NL").grounds[0].place == "EU"


# ------------------------------------------------------------------------------------------ how it is written


def test_every_row_has_worked_examples() -> None:
    for code in WORLD:
        assert len(row(code).example) >= 3, code
        assert {one.may_record for one in row(code).example} == {True, False}, code


def laws() -> Iterator[Duty | Basis]:
    """Every duty and legal basis."""
    yield from TABLE.duties.values()
    yield from TABLE.bases.values()


def test_every_duty_is_named_by_a_row_and_rests_on_something() -> None:
    named = {duty for rows in TABLE.rows.values() for one in rows for duty in one.duties}
    assert {one.code for one in TABLE.duties.values() if not one.everywhere} == named
    for law in laws():
        assert law.purposes, law.code
        assert law.sources or law.source_speaks_as_of.startswith("own knowledge"), law.code


def sentences(one: Row | Duty | Basis) -> Iterator[str]:
    """Everything in a row or a law that is prose."""
    if isinstance(one, Row):
        yield from (*one.nuances, *one.held_stricter, one.contested.note, one.minors, one.employee_notice)
        yield one.out_of_state_recorder.note
        yield from (each.note for each in one.purpose)
        yield from (each.why for each in one.example)
    elif isinstance(one, Duty):
        yield from (one.applies_to, *one.duties, one.exposure)
    else:
        yield from (one.applies_to, one.document, one.refusal, *one.notes)


def test_prose_is_written_in_sentences() -> None:
    for one in (*map(row, WORLD), *laws()):
        for text in filter(None, sentences(one)):
            assert text.endswith(".") and (text[0].isupper() or text[0].isdigit()), (one.code, text)
            assert "two-party" not in text.lower() and "  " not in text, (one.code, text)


def test_what_stands_in_a_table_or_a_list_to_look_up_is_no_sentence() -> None:
    for one in (*map(row, WORLD), *laws()):
        costs = (one.exposure.criminal, one.exposure.civil) if isinstance(one, Row) else ()
        for text in (*costs, *one.verify_before_release):
            assert text and not text.endswith("."), (one.code, text)


def test_dates_are_dates_and_nothing_claims_to_be_verified() -> None:
    for one in (*map(row, WORLD), *laws()):
        for day in filter(None, (one.in_force_from, one.in_force_until, one.verified.on)):
            assert date.fromisoformat(day).isoformat() == day, one.code
        assert one.verified.state == "researched, not verified", one.code
        assert one.source_speaks_as_of, one.code


def test_sources_say_what_they_are() -> None:
    for name, source in TABLE.sources.items():
        assert re.fullmatch(r"[a-z0-9_]+", name), name
        assert source.title and source.weight in ("primary", "secondary", "list", "weak"), name
        assert not source.address or re.match(r"https?://[^/ ]+/?\S*$", source.address), name
    addresses = [one.address for one in TABLE.sources.values() if one.address]
    assert len(addresses) == len(set(addresses))


@pytest.mark.parametrize("code", WORLD)
def test_a_file_says_how_to_disagree_with_it(code: str) -> None:
    first, second, *_ = (FOLDER / "places" / f"{code}.toml").read_text(encoding="utf-8").splitlines()
    assert first == (
        f"# {row(code).name}: may a participant in a telephone call record it? Researched, not verified; not legal advice."
    )
    assert second == (
        "# To disagree, change a line: effective_rule and [forms] decide, the rest binds or explains. "
        "See docs/law/format.md."
    )


# ------------------------------------------------------------------------------------------ what it decides


@pytest.mark.parametrize(
    ("place", "stated", "purpose", "obligation"),
    [
        ("JP", "cards", "recording", "no_card_codes"),
        ("DE", "works_council", "recording", "works_agreement"),
        ("FR", "works_council", "monitoring", "works_consultation"),
        ("US-IL", "voiceprints", "analysis", "voiceprint_release"),
        ("US-GA", "health", "recording", "protect_health"),
        ("US-PA", "telephone_company", "recording", "regulator_waiver"),
        ("FR", "", "recording", "not_systematic"),
        ("FR", "", "monitoring", "unrecorded_line"),
        ("US-NY", "", "monitoring", "post_notice"),
        ("US-CT", "", "recording", "employee_notice"),
        ("GB", "", "recording", "employee_notice"),
        ("NL", "", "sharing", "erase_on_request"),
        ("GB", "", "transcription", "stop_on_objection"),
        ("CA", "", "recording", "offer_unrecorded_way"),
        ("AU-SA", "", "recording", "offer_unrecorded_way"),
        ("IN", "", "recording", "no_known_minors"),
    ],
)
def test_duties_bind_where_and_when_they_say(place: str, stated: str, purpose: str, obligation: str) -> None:
    wish = Wish(purpose)  # type: ignore[arg-type]
    binding = decided(place, wish=wish, circumstances=frozenset({stated} - {""}))
    assert obligation in binding.obligations
    if stated:
        assert obligation not in decided(place, wish=wish).obligations


@pytest.mark.parametrize("place", ["NL", "GB", "US-IL", "US-TX", "US-WA", "US-CO"])
def test_a_voiceprint_needs_a_yes_where_the_law_says_so(place: str) -> None:
    stated = frozenset({"voiceprints"})
    assert decided(place, wish=Wish("analysis"), circumstances=stated).form == "express_opt_in"
    assert decided("GB", wish=Wish("analysis")).form == "notice_then_continue"


def test_a_third_party_in_japan_needs_a_yes() -> None:
    assert (decided("JP").form, decided("JP", wish=Wish("sharing")).form) == ("none", "express_opt_in")


def test_recordings_are_kept_within_the_bounds_of_the_law() -> None:
    year = Wish(keep_days=365)
    assert decided("FR", wish=year).keep_days == 181
    assert decided("US-TX", circumstances=frozenset({"debt_collection"})).keep_days == 1096
    assert decided("US-TX", circumstances=frozenset({"telemarketing"})).keep_days == 1827
    assert decided("US-TX", circumstances=frozenset({"medicare"})).keep_days == 3653
    assert decided("US-TX", circumstances=frozenset({"futures"})).keep_days == 366
    assert decided("BR", wish=Wish(keep_days=7), circumstances=frozenset({"regulated_service"})).keep_days == 90
    for place in ("DE", "NL", "GB"):
        assert decided(place, circumstances=frozenset({"investment"})).keep_days == 1827
    clash = decided("FR", "US-TX", circumstances=frozenset({"debt_collection"}))
    assert clash.effect == "indeterminate" and clash.why


@pytest.mark.parametrize("place", ["DE", "FR", "DK", "IE", "PL", "NO"])
def test_an_investment_firm_records_by_duty_and_still_tells(place: str) -> None:
    on_duty = decided(place, wish=Wish(telling="announce", chosen_by="Dana"), basis="MIFID-16-7")
    assert (on_duty.effect, on_duty.form, on_duty.will) == ("permit", "notice_then_continue", "announce")
    assert on_duty.keep_days == 1827 and "announce:caller" in on_duty.obligations
    assert decided(place, wish=Wish("sharing"), basis="MIFID-16-7").form == decided(place, wish=Wish("sharing")).form


def test_other_bases_hold_in_their_own_places() -> None:
    assert decided("GB", basis="FCA-SYSC-10A").keep_days == 1827 and decided("DE", basis="FCA-SYSC-10A").keep_days == 90
    assert decided("DE", basis="FCA-SYSC-10A").form == "express_opt_in"
    assert decided("US-GA", basis="TSR-310").keep_days == 1827
    assert decided("BR", wish=Wish(keep_days=7), basis="BR-SAC").keep_days == 90
    assert {code: one.kind for code, one in TABLE.bases.items()} == {
        "MIFID-16-7": "must_record", "FCA-SYSC-10A": "must_record", "TSR-310": "may_record", "BR-SAC": "must_record",
    }  # fmt: skip


def test_the_rule_of_the_fcc_ended_with_its_last_day() -> None:
    stated = frozenset({"telephone_company"})
    assert decided("US-GA", on="2017-11-19", circumstances=stated).form == "recording_tone"
    assert decided("US-GA", on="2017-11-20", circumstances=stated).form == "none"
    assert decided("US-GA", on="2017-11-19").form == "none"


def test_india_relaxed_is_strict_again_once_its_act_is_in_force() -> None:
    relaxed = frozenset({"IN"})
    assert decided("IN", relaxed=relaxed).form == "notice_then_continue"
    assert decided("IN", on="2027-05-11", relaxed=relaxed).form == "notice_then_continue"
    assert decided("IN", on="2027-05-12", relaxed=relaxed).form == "express_opt_in"
    assert decided("PL", relaxed=frozenset({"EU"})).form == "notice_then_continue"
