"""The rows of the United States: one file a place, counted, worded, and held against their own worked examples."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from importlib.resources import files

import pytest

from overt.domain.law.cases import case_of, try_case
from overt.domain.law.model import Row, parse_row
from overt.domain.law.table import Table

ON = "2026-11-24"
STATES = [
    "AK", "AL", "AR", "AZ", "CA", "CO", "CT", "DE", "FL", "GA", "HI", "IA", "ID", "IL", "IN", "KS", "KY", "LA", "MA", "MD",
    "ME", "MI", "MN", "MO", "MS", "MT", "NC", "ND", "NE", "NH", "NJ", "NM", "NV", "NY", "OH", "OK", "OR", "PA", "RI", "SC",
    "SD", "TN", "TX", "UT", "VA", "VT", "WA", "WI", "WV", "WY",
]  # fmt: skip
TERRITORIES = ("PR", "GU", "VI")
ALL_PARTY = {"CA", "CT", "FL", "IL", "MD", "MA", "MT", "NV", "NH", "PA", "WA"}
CONTESTED = {"DE": "one-party", "MI": "one-party", "PR": "notice_then_continue", "GU": "one-party", "VI": "one-party"}
SENTENCE = re.compile(r"[.!?]»?$")
FOLDER = files("overt.domain.law.data") / "places"
TEXTS = {
    one.name.removesuffix(".toml"): one.read_text(encoding="utf-8")
    for one in FOLDER.iterdir()
    if one.name.endswith(".toml")
}
NAMES = sorted(name for name in TEXTS if name == "US" or name.startswith("US-"))
US = {name: parse_row(name, tomllib.loads(TEXTS[name])) for name in NAMES}
# Duties are left out: they bind in circumstances that no example states.
LAW = Table({name: (replace(row, duties=()),) for name, row in US.items()}, "test", ON, "")


def of(code: str) -> Row:
    """The row of a part of the United States."""
    return US[f"US-{code}"]


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_every_place_of_the_world_can_be_read(name: str) -> None:
    assert parse_row(name, tomllib.loads(TEXTS[name])).code == name.partition("@")[0]


def test_every_state_the_district_and_the_territories_have_a_row() -> None:
    assert set(US) == {"US"} | {f"US-{one}" for one in (*STATES, "DC", *TERRITORIES)}
    assert len(STATES) == 50
    assert Counter(row.kind for row in US.values()) == {"state": 50, "territory": 3, "district": 1, "federal": 1}


def test_the_federal_row_binds_everywhere_within() -> None:
    assert {row.within for name, row in US.items() if name != "US"} == {"US"} and US["US"].within == ""


def test_thirty_eight_are_one_party_eleven_all_party_and_five_contested_and_held_strict() -> None:
    parts = {name.removeprefix("US-"): row for name, row in US.items() if name != "US"}
    assert {code for code, row in parts.items() if row.rule == "all-party"} == ALL_PARTY
    assert {code: row.contested.relaxes_to for code, row in parts.items() if row.rule == "contested"} == CONTESTED
    assert Counter(row.effective_rule for row in parts.values()) == {"one-party": 38, "all-party": 16}
    assert US["US"].effective_rule == "one-party"


def test_what_is_contested_in_law_is_what_may_be_relaxed() -> None:
    assert {name for name, row in US.items() if row.contested.law} == {f"US-{code}" for code in CONTESTED}


def test_the_traps_stand_in_the_rows() -> None:
    assert (of("CT").criminal_rule, of("CT").civil_rule, of("CT").forms.recording_tone) == (
        "one-party",
        "all-party",
        "yes",
    )
    assert {name for name, row in US.items() if row.notice.announcement_must_be_recorded == "yes"} == {"US-CT", "US-WA"}
    assert {name for name, row in US.items() if row.minors} == {"US-GA"}
    assert {name for name, row in US.items() if row.employee_notice} == {
        "US",
        *(f"US-{c}" for c in ("NY", "CT", "DE", "IL", "CA")),
    }
    assert {name for name, row in US.items() if row.forms.recording_tone in ("yes", "likely")} == {"US-CT"}
    assert of("PR").forms.notice_then_continue == "unclear"
    assert [one.when for one in of("OR").variant] == ["video"] and of("OR").variant[0].effective_rule == "all-party"
    assert [(one.purpose, one.form) for one in of("CA").purpose] == [("sharing", "express_opt_in")]
    assert of("IL").in_force_from == "2014-12-30"


@pytest.mark.parametrize("name", sorted(US))
def test_a_file_begins_by_saying_what_it_is(name: str) -> None:
    first, second, _ = TEXTS[name].split("\n", 2)
    assert first == (
        f"# {US[name].name}: may a participant in a telephone call record it? Researched, not verified; not legal advice."
    )
    assert second == (
        "# To disagree, change a line: effective_rule and [forms] decide, the rest binds or explains. See docs/law/format.md."
    )


@pytest.mark.parametrize("name", sorted(US))
def test_a_row_is_worth_reading(name: str) -> None:
    row = US[name]
    strict = row.effective_rule == "all-party"
    assert row.nuances and row.exposure.criminal and row.exposure.civil and row.source_speaks_as_of
    assert len(row.example) >= (3 if strict else 1)
    assert {one.may_record for one in row.example} >= {False}, "one example at least says no"
    if strict:
        assert {one.may_record for one in row.example} == {True, False}
    assert row.support.sources or row.support.level == "own"
    assert row.verified.state == "researched, not verified" and not row.verified.by
    if row.rule == "contested":
        assert row.contested.note and row.held_stricter


def test_what_only_memory_says_is_not_called_sure_and_is_to_be_looked_up() -> None:
    for name, row in US.items():
        if "memory" in row.source_speaks_as_of:
            assert row.confidence.exposure != "high" and row.verify_before_release, name
        if "ot confirmed" in row.exposure.criminal:
            assert row.confidence.exposure == "low", name


@pytest.mark.parametrize("name", sorted(US))
def test_sentences_end_with_a_period_and_fragments_do_not(name: str) -> None:
    for text in sentences(US[name]):
        assert SENTENCE.search(text) and not text[0].islower(), text
    for text in fragments(US[name]):
        assert text and not text.endswith("."), text
        assert text == text.strip()


def sentences(row: Row) -> Iterable[str]:
    """What is written as whole sentences."""
    yield from (*row.nuances, *row.held_stricter)
    yield from (one.why for one in row.example)
    yield from (one.note for one in row.variant)
    yield from (one.note for one in row.purpose)
    yield from filter(None, (row.minors, row.employee_notice, row.contested.note, row.out_of_state_recorder.note))


def fragments(row: Row) -> Iterable[str]:
    """What is written as a part of a table."""
    yield from (*row.citations, *row.verify_before_release, row.name, row.source_speaks_as_of)
    yield from (row.exposure.criminal, row.exposure.civil)
    yield from (one.title for one in row.example)


@pytest.mark.parametrize("name", sorted(US))
def test_a_row_names_sources_that_are_listed_once(name: str) -> None:
    listed = tomllib.loads((files("overt.domain.law.data") / "sources.toml").read_text(encoding="utf-8"))
    named = US[name].support.sources
    assert set(named) <= set(listed)
    assert len(named) == len(set(named))


@pytest.mark.parametrize("name", sorted(US))
def test_the_examples_of_a_row_come_out_as_they_say(name: str) -> None:
    for number, example in enumerate(US[name].example, 1):
        assert any(one.partition(":")[2].strip() == name for one in example.parties) or name == "US"
        tried = try_case(LAW, case_of(example, f"{name}, no. {number}"), on=ON)
        assert (tried.rule, tried.may_record) == (example.rule, example.may_record), f"{example.title}: {tried.why}"
