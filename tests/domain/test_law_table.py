"""The law as people write it: what is read, and what is refused with the file and the field."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date

import pytest

from domain.made_law import ON, basis, duty, one_party, place, table
from overt.domain.errors import LawUnreadable
from overt.domain.law.duties import Basis
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


def test_a_bloc_speaks_for_those_without_a_row() -> None:
    made = table([place("EE", stands_for='["E1", "E2"]'), one_party("E3")])
    assert made.row("E1", ON).code == "EE" and made.row("E3", ON).code == "E3"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda t: t.replace('rule = "all-party"', 'rule = "two-party"', 1), "AA: rule must be one of"),
        (lambda t: t.replace('rule = "all-party"', "rule = 1", 1), "AA: rule must be one of"),
        (lambda t: t.replace("required = true", 'required = "yes"'), "AA: notice: required must be true or false"),
        (lambda t: t.replace("tone_interval_s = 0", "tone_interval_s = 1.5"), "tone_interval_s must be a whole number"),
        (lambda t: t.replace('name = "Place AA"', "name = 1"), "AA: name must be a text"),
        (lambda t: t.replace("[forms]", "[form]"), "unknown field form"),
        (lambda t: t.replace('basis = "law"\n', ""), "notice: field basis is missing"),
        (lambda t: t.replace("nuances = []", "nuances = [1]"), "nuances, no. 1 must be a text"),
        (lambda t: t.replace("nuances = []", 'nuances = "x"'), "nuances must be a list"),
        (lambda t: t.replace("[forms]", "[[forms]]"), "forms must be a table"),
        (lambda t: t.replace('["Law of AA", "Second law of AA"]', "[]"), "without a citation decides nothing"),
        (lambda t: t.replace('code = "AA"', 'code = "AB"', 1), "the row's code is AB"),
        (lambda t: t + "]", "places/AA: "),
        (lambda t: t.replace('within = ""', 'within = "ZZ"'), "within names ZZ"),
        (lambda t: t.replace("duties = []", 'duties = ["NO"]'), "no such duty: NO"),
        (lambda t: t.replace("sources = []", 'sources = ["nowhere"]'), "no such source: nowhere"),
        (lambda t: t.replace('notice_then_continue = "no"', 'notice_then_continue = "not_needed"'), "how sure it is"),
        (lambda t: t.replace('express_opt_in = "yes"', 'express_opt_in = "likely"'), "no place forbids to ask"),
        (lambda t: t.replace('effective_rule = "all-party"', 'effective_rule = "one-party"'), "not_needed for each form"),
        (lambda t: t.replace('relaxes_to = ""', 'relaxes_to = "one-party"'), "for contested rows only"),
        (lambda t: t.replace('state = "researched, not verified"', 'state = "verified"'), "says by whom"),
        (lambda t: t.replace('in_force_until = ""', 'in_force_until = "1999-01-01"').replace('in_force_from = ""', 'in_force_from = "2000-01-01"'), "before in_force_from"),
        (lambda t: t.replace("tone_interval_s = 0", "tone_interval_s = -1"), "0 or more seconds"),
    ],
)  # fmt: skip
def test_a_row_that_is_not_whole_decides_nothing(change: Callable[[str], str], complaint: str) -> None:
    with pytest.raises(LawUnreadable, match=complaint):
        parse_table({"places/AA": change(place("AA"))})


def test_a_rule_is_never_effective_looser_than_it_is() -> None:
    forms = {"express": "not_needed", "notice": "not_needed", "tone": "not_needed"}
    with pytest.raises(LawUnreadable, match="looser than rule"):
        parse_table({"places/AA": place("AA", effective="one-party", **forms)})
    with pytest.raises(LawUnreadable, match="contested rule is held all-party"):
        parse_table({"places/AA": place("AA", rule="contested", effective="one-party", **forms)})


def test_a_variant_needs_a_known_circumstance() -> None:
    variant = '[[variant]]\nwhen = "{}"\neffective_rule = "all-party"\nnote = ""\n[variant.forms]\nexpress_opt_in = "yes"\nnotice_then_continue = "yes"\nrecording_tone = "no"'
    assert parse_table({"places/AA": one_party("AA", more=variant.format("video"))}).rows["AA"][0].variant
    with pytest.raises(LawUnreadable, match="no such circumstance: moonlight"):
        parse_table({"places/AA": one_party("AA", more=variant.format("moonlight"))})


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({}, "the law table is empty"),
        ({"duties/D": duty("D")}, "the law table is empty"),
        ({"places/AA": place("AA"), "places/AA@2027-01-01": place("AA", since="2027-01-01")}, "two rows are in force on 2027"),
        ({"places/AA": place("AA"), "places/AA@x": place("AA")}, "two rows are in force on the same day"),
        ({"places/AA": place("AA", until="2027-01-01"), "places/AA@x": place("AA", since="2027-01-01")}, "two rows"),
        ({"places/AA": place("AA"), "duties/D": duty("E")}, "duties/D: its code is E"),
        ({"places/AA": place("AA"), "duties/D": duty("D", obligations='["fly"]')}, "unknown obligation fly"),
        ({"places/AA": place("AA"), "duties/D": duty("D", when="rain")}, "unknown circumstance rain"),
        ({"places/AA": place("AA"), "duties/D": duty("D", yields_to='["B"]')}, "D: no such legal basis: B"),
        ({"places/AA": place("AA"), "duties/D": duty("D", least=3, most=2)}, "leave no day"),
        ({"places/AA": place("AA"), "duties/D": duty("D", least=-1)}, "leave no day"),
        ({"places/AA": place("AA"), "duties/D": duty("D", most=-1)}, "leave no day"),
        ({"places/AA": place("AA"), "duties/D": duty("D").replace('citations = ["Duty D"]', "citations = []")}, "binds nobody"),
        ({"places/AA": place("AA"), "duties/D": duty("D").replace("sources = []", 'sources = ["x"]')}, "D: no such source: x"),
        ({"places/AA": place("AA"), "bases/B": basis("B", places='["ZZ"]')}, "B: no row of ZZ"),
        ({"places/AA": place("AA"), "bases/B": basis("B", least=-1)}, "leave no day"),
        ({"places/AA": place("AA"), "sources": 's = 1'}, "sources: s must be a table"),
        ({"places/AA": place("AA", within="BB"), "places/BB": place("BB", within="CC"), "places/CC": place("CC")}, "AA: within names BB, which lies within another itself: name the outermost"),
        ({"places/AA": place("AA", within="AA")}, "AA: within names AA, which lies within another itself"),
    ],
)  # fmt: skip
def test_a_table_that_is_not_whole_decides_nothing(files: dict[str, str], complaint: str) -> None:
    with pytest.raises(LawUnreadable, match=complaint):
        parse_table(files)


def test_a_duty_and_a_basis_have_their_days() -> None:
    made = table(
        [place("AA")],
        duties__D=duty("D", since="2020-01-01", until="2021-01-01", most=5, least=5),
        bases__B=basis("B", until="2021-01-01"),
    )
    assert [made.duties["D"].in_force(day) for day in ("2019-12-31", "2020-01-01", "2021-01-01", "2021-01-02")] == [
        False,
        True,
        True,
        False,
    ]
    assert [made.bases["B"].in_force(day) for day in ("2021-01-01", "2021-01-02")] == [True, False]
