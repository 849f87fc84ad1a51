"""The law as people write it: what is read, and what is refused with the file and the field."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date

import pytest

from domain.made_law import ON, basis, duty, one_party, place, table
from overt.domain.errors import LawUnreadable
from overt.domain.law.decide import ALWAYS
from overt.domain.law.duties import OBLIGATIONS, Basis
from overt.domain.law.table import SPEAKS_AS_OF, VERSION, Source, parse_table


def test_a_table_has_rows_duties_bases_sources_and_a_hash() -> None:
    made = table(
        [place("AA", duties='["D"]', sources='["s"]'), one_party("BB")],
        duties__D=duty("D"), bases__B=basis("B", places='["AA"]'), sources='[s]\ntitle = "T"\naddress = ""\nweight = "primary"',
    )  # fmt: skip
    assert set(made.rows) == {"AA", "BB"} and set(made.duties) == {"D"} and set(made.bases) == {"B"}
    assert made.sources == {"s": Source("T", "", "primary")} and len(made.sha256) == 64
    assert isinstance(made.bases["B"], Basis) and made.bases["B"].in_force(ON)


def test_the_hash_is_of_every_byte() -> None:
    files = {"places/AA": place("AA"), "places/BB": one_party("BB")}
    whole = "".join(f"{name}\0{text}\0" for name, text in files.items())
    assert parse_table(files).sha256 == hashlib.sha256(whole.encode()).hexdigest()
    assert parse_table(files).sha256 == parse_table(dict(reversed(files.items()))).sha256
    assert parse_table(files).sha256 != parse_table({**files, "places/AA": place("AA") + "#"}).sha256


def test_a_table_has_the_version_of_the_package_unless_another_is_given() -> None:
    files = {"places/AA": place("AA")}
    made, other = parse_table(files), parse_table(files, version="1", as_of="2020-01-01")
    assert (made.version, made.as_of) == (VERSION, SPEAKS_AS_OF) and (other.version, other.as_of) == ("1", "2020-01-01")
    assert date.fromisoformat(SPEAKS_AS_OF).isoformat() == SPEAKS_AS_OF and SPEAKS_AS_OF.replace("-", ".") == VERSION


def test_a_place_has_the_row_that_is_in_force() -> None:
    files = {
        "places/AA": place("AA", until="2026-12-31"),
        "places/AA@2027-01-01": one_party("AA", since="2027-01-01", until="2030-01-01"),
    }
    made = parse_table(files)
    assert [made.row("AA", on).rule for on in (ON, "2026-12-31")] == ["all-party"] * 2  # type: ignore[union-attr]
    assert made.row("AA", "2027-01-01").rule == "one-party"  # type: ignore[union-attr]
    assert made.row("AA", "2030-01-02") is None and made.row("BB", ON) is None
    older = {"places/AA": place("AA", since="2027-01-01"), "places/AA@before": one_party("AA", until="2026-12-31")}
    assert [row.rule for row in parse_table(older).rows["AA"]] == ["one-party", "all-party"]  # by date, not by file


def test_a_bloc_speaks_for_those_without_a_row() -> None:
    made = table([place("EE", stands_for='["E1", "E2"]'), one_party("E3")])
    assert made.row("E1", ON).code == "EE" and made.row("E3", ON).code == "E3"  # type: ignore[union-attr]


def refused(files: dict[str, str]) -> str:
    """Why a table is not read."""
    with pytest.raises(LawUnreadable) as refusal:
        parse_table(files)
    return str(refusal.value)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda t: t.replace('rule = "all-party"', 'rule = "two-party"', 1), "places/AA: rule must be one of one-party, all-party, contested, not two-party"),
        (lambda t: t.replace('rule = "all-party"', "rule = 1", 1), "places/AA: rule must be one of one-party, all-party, contested, not 1"),
        (lambda t: t.replace("required = true", 'required = "yes"'), "places/AA: notice: required must be true or false"),
        (lambda t: t.replace("tone_interval_s = 0", "tone_interval_s = 1.5"), "places/AA: notice: tone_interval_s must be a whole number"),
        (lambda t: t.replace('name = "Place AA"', "name = 1"), "places/AA: name must be a text"),
        (lambda t: t.replace("[forms]", "[form]"), "places/AA: unknown field form"),
        (lambda t: t.replace('basis = "law"\n', ""), "places/AA: notice: field basis is missing"),
        (lambda t: t.replace("nuances = []", "nuances = [1]"), "places/AA: nuances, no. 1 must be a text"),
        (lambda t: t.replace("nuances = []", 'nuances = "x"'), "places/AA: nuances must be a list"),
        (lambda t: t.replace("[forms]", "[[forms]]"), "places/AA: forms must be a table"),
        (lambda t: t.replace('["Law of AA", "Second law of AA"]', "[]"), "places/AA: a row without a citation decides nothing"),
        (lambda t: t.replace('code = "AA"', 'code = "AB"', 1), "places/AA: the row's code is AB"),
        (lambda t: t.replace('within = ""', 'within = "ZZ"'), "AA: within names ZZ, of which there is no row"),
        (lambda t: t.replace("duties = []", 'duties = ["NO"]'), "AA: no such duty: NO"),
        (lambda t: t.replace("sources = []", 'sources = ["nowhere"]'), "AA: no such source: nowhere"),
        (lambda t: t.replace('notice_then_continue = "no"', 'notice_then_continue = "not_needed"'), "places/AA: an all-party row says of each form how sure it is"),
        (lambda t: t.replace('express_opt_in = "yes"', 'express_opt_in = "likely"'), "places/AA: express_opt_in must be «yes»: no place forbids to ask"),
        (lambda t: t.replace('effective_rule = "all-party"', 'effective_rule = "one-party"'), "places/AA: a one-party row names not_needed for each form"),
        (lambda t: t.replace('relaxes_to = ""', 'relaxes_to = "one-party"'), "places/AA: relaxes_to is for contested rows only"),
        (lambda t: t.replace('state = "researched, not verified"', 'state = "verified"'), "places/AA: a verified row says by whom, when and against which text"),
        (lambda t: t.replace('in_force_until = ""', 'in_force_until = "1999-01-01"').replace('in_force_from = ""', 'in_force_from = "2000-01-01"'), "places/AA: in_force_until lies before in_force_from"),
        (lambda t: t.replace("tone_interval_s = 0", "tone_interval_s = -1"), "places/AA: a tone's interval is 0 or more seconds"),
    ],
)  # fmt: skip
def test_a_row_that_is_not_whole_decides_nothing(change: Callable[[str], str], complaint: str) -> None:
    assert refused({"places/AA": change(place("AA"))}) == complaint


def test_a_verified_row_says_who_held_it_against_which_text_and_when() -> None:
    checked = place("AA", state="verified", by="Dana").replace('on = ""', 'on = "2026-11-01"')
    checked = checked.replace('against = ""', 'against = "the official code"')
    assert parse_table({"places/AA": checked}).rows["AA"][0].verified.by == "Dana"
    for part in ('"Dana"', '"2026-11-01"', '"the official code"'):
        why = "places/AA: a verified row says by whom, when and against which text"
        assert refused({"places/AA": checked.replace(part, '""')}) == why


def test_a_file_that_is_no_toml_is_named() -> None:
    assert refused({"places/AA": "]"}).startswith("places/AA: ")


def test_a_rule_is_never_effective_looser_than_it_is() -> None:
    forms = {"express": "not_needed", "notice": "not_needed", "tone": "not_needed"}
    looser = refused({"places/AA": place("AA", effective="one-party", **forms)})
    assert looser == "places/AA: effective_rule may not be looser than rule"
    contested = refused({"places/AA": place("AA", rule="contested", effective="one-party", **forms)})
    assert contested == "places/AA: a contested rule is held all-party; relaxes_to says what it may become"


def test_a_variant_needs_a_known_circumstance() -> None:
    variant = '[[variant]]\nwhen = "{}"\neffective_rule = "all-party"\nnote = ""\n[variant.forms]\nexpress_opt_in = "yes"\nnotice_then_continue = "yes"\nrecording_tone = "no"'
    assert parse_table({"places/AA": one_party("AA", more=variant.format("video"))}).rows["AA"][0].variant
    strange = {"places/AA": one_party("AA", more=variant.format("moonlight"))}
    assert refused(strange) == "AA: no such circumstance: moonlight"


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({}, "the law table is empty: nothing can be decided"),
        ({"duties/D": duty("D")}, "the law table is empty: nothing can be decided"),
        ({"places/AA": place("AA"), "places/AA@2027-01-01": place("AA", since="2027-01-01")}, "AA: two rows are in force on 2027-01-01"),
        ({"places/AA": place("AA"), "places/AA@x": place("AA")}, "AA: two rows are in force on the same day"),
        ({"places/AA": place("AA", until="2027-01-01"), "places/AA@x": place("AA", since="2027-01-01")}, "AA: two rows are in force on 2027-01-01"),
        ({"places/AA": place("AA"), "duties/D": duty("E")}, "duties/D: its code is E"),
        ({"places/AA": place("AA"), "duties/D": duty("D", obligations='["fly"]')}, "duties/D: unknown obligation fly; one of announce:caller, tell:agent, ask:caller, record_announcement, law:record_announcement, stop_on_join, stop_on_no, stop_when_personal, no_known_minors, employee_notice, post_notice, works_agreement, works_consultation, regulator_waiver, unrecorded_line, offer_unrecorded_way, privacy_notice, give_a_copy, erase_on_request, stop_on_objection, impact_assessment, processor_contract, voiceprint_release, no_card_codes, protect_health, not_systematic, tone_while_recording, keep_within_bounds"),
        ({"places/AA": place("AA"), "duties/D": duty("D", when="rain")}, "duties/D: unknown circumstance rain; one of cards, health, debt_collection, telemarketing, investment, futures, medicare, voiceprints, telephone_company, broadcast, video, works_council, regulated_service"),
        ({"places/AA": place("AA"), "duties/D": duty("D", yields_to='["B"]')}, "D: no such legal basis: B"),
        ({"places/AA": place("AA"), "duties/D": duty("D", least=3, most=2)}, "duties/D: keep_at_least_days and keep_at_most_days leave no day to keep a recording"),
        ({"places/AA": place("AA"), "duties/D": duty("D", least=-1)}, "duties/D: keep_at_least_days and keep_at_most_days leave no day to keep a recording"),
        ({"places/AA": place("AA"), "duties/D": duty("D", most=-1)}, "duties/D: keep_at_least_days and keep_at_most_days leave no day to keep a recording"),
        ({"places/AA": place("AA"), "duties/D": duty("D").replace('citations = ["Duty D"]', "citations = []")}, "duties/D: a law without a citation binds nobody"),
        ({"places/AA": place("AA"), "duties/D": duty("D").replace("sources = []", 'sources = ["x"]')}, "D: no such source: x"),
        ({"places/AA": place("AA"), "bases/B": basis("B", places='["ZZ"]')}, "B: no row of ZZ"),
        ({"places/AA": place("AA"), "duties/D": "name = 1"}, "duties/D: field applies_to is missing"),
        ({"places/AA": place("AA"), "bases/B": "name = 1"}, "bases/B: field accepts is missing"),
        ({"places/AA": place("AA"), "bases/B": basis("B").replace('citations = ["Basis B"]', "citations = []")}, "bases/B: a law without a citation binds nobody"),
        ({"places/AA": place("AA"), "bases/B": basis("C")}, "bases/B: its code is C"),
        ({"places/AA": place("AA"), "bases/B": basis("B").replace("sources = []", 'sources = ["x"]')}, "B: no such source: x"),
        ({"places/AA": place("AA"), "bases/B": basis("B", least=-1)}, "bases/B: keep_at_least_days and keep_at_most_days leave no day to keep a recording"),
        ({"places/AA": place("AA"), "sources": 's = 1'}, "sources: s must be a table"),
        ({"places/AA": place("AA", within="BB"), "places/BB": place("BB", within="CC"), "places/CC": place("CC")}, "AA: within names BB, which lies within another itself: name the outermost"),
        ({"places/AA": place("AA", within="AA")}, "AA: within names AA, which lies within another itself: name the outermost"),
    ],
)  # fmt: skip
def test_a_table_that_is_not_whole_decides_nothing(files: dict[str, str], complaint: str) -> None:
    assert refused(files) == complaint


def test_a_law_of_one_day_has_its_day() -> None:
    made = parse_table({"places/AA": place("AA", since="2026-01-01", until="2026-01-01")})
    days = ("2025-12-31", "2026-01-01", "2026-01-02")
    assert [made.row("AA", day) is not None for day in days] == [False, True, False]


def test_every_obligation_that_is_ever_said_is_said_in_words() -> None:
    said = {
        "ask:caller",
        "keep_within_bounds",
        "law:record_announcement",
        "no_known_minors",
        "employee_notice",
        *ALWAYS,
    }
    assert said <= OBLIGATIONS.keys()


def test_a_duty_and_a_basis_have_their_days() -> None:
    made = table(
        [place("AA")],
        duties__D=duty("D", since="2020-01-01", until="2021-01-01", most=5, least=5),
        bases__B=basis("B", until="2021-01-01").replace('in_force_from = ""', 'in_force_from = "2020-01-01"'),
    )
    days = ("2019-12-31", "2020-01-01", "2021-01-01", "2021-01-02")
    for law in (made.duties["D"], made.bases["B"]):
        assert [law.in_force(day) for day in days] == [False, True, True, False]
