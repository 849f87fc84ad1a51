"""Worked cases of courts, statutes and regulators (docs/law/cases.yaml), and every row's own examples."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from domain.made_law import ON
from overt.adapters.law_files import load_table
from overt.domain.law.cases import Case, case_of, parse_cases, try_case
from overt.domain.location import US_PLACES

TABLE = load_table()
CASES = parse_cases(yaml.safe_load((Path(__file__).parents[2] / "docs/law/cases.yaml").read_text()))
EXAMPLES = [
    case_of(example, f"{row.code}, no. {number}")
    for rows in TABLE.rows.values()
    for row in rows
    for number, example in enumerate(row.example, 1)
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_engine_says_what_the_authority_demands(case: Case) -> None:
    tried = try_case(TABLE, case, on=ON, served=US_PLACES)
    assert not case.remarks
    assert (tried.rule, tried.may_record) == (case.expected.rule, case.expected.may_record), tried.why
    assert tried.passed


@pytest.mark.parametrize("case", EXAMPLES, ids=lambda case: case.id)
def test_every_row_is_as_its_examples_say(case: Case) -> None:
    tried = try_case(TABLE, case, on=ON, served=US_PLACES)
    assert (tried.rule, tried.may_record) == (case.expected.rule, case.expected.may_record), tried.why


def test_every_row_has_an_example_and_some_are_allowed_and_some_not() -> None:
    assert all(row.example for rows in TABLE.rows.values() for row in rows)
    assert {case.expected.may_record for case in (*CASES, *EXAMPLES)} == {True, False}
    assert len({case.id for case in CASES}) == len(CASES)
