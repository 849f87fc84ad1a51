"""Rows and calls matched one to one: no double use, as many as can be, the nearest; doubts and wrong clocks said."""

from __future__ import annotations

from itertools import combinations, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt.domain.cdr import Row
from overt.domain.cdr_matching import MOST_CELLS, Ours, Pair, Rules, clock_hint, fits, match, tail

SECOND = 1_000_000
BASE = 1_760_000_000 * SECOND
US = frozenset({"1"})
RULES = Rules(codes=US)
ANN, BEN, DESK = "+14155550102", "+14155550103", "+14045550100"


def ours(second: float, caller: str = ANN, called: tuple[str, ...] = (DESK,), id_: str = "") -> Ours:
    return Ours(BASE + round(second * SECOND), caller, called, (id_,) if id_ else ())


def row(second: float, caller: str = ANN, called: str = DESK, id_: str = "", also: float = 0) -> Row:
    also_us = BASE + round(also * SECOND) if also else 0
    return Row(1, BASE + round(second * SECOND), -1, caller, called, id_, "", also_us)


def pairs(calls: list[Ours], rows: list[Row], rules: Rules = RULES) -> list[tuple[int, int]]:
    return [(one.row, one.call) for one in match(calls, rows, rules)]


@pytest.mark.parametrize(
    ("caller", "called", "fitting"),
    [
        ("4155550102", DESK, True),
        ("14155550102", "404-555-0100", True),
        ("0014155550102", "(404) 555 0100", True),
        ("+4155550102", DESK, False),  # Switzerland's
        (BEN, DESK, False),
        ("", DESK, True),
        (ANN, "", True),
        ("", "", False),
        (ANN, "1001", False),
    ],
)
def test_numbers_are_one_however_they_are_written(caller: str, called: str, fitting: bool) -> None:
    assert fits(row(0, caller, called), ours(0), US) is fitting
    assert pairs([ours(0)], [row(1, caller, called)]) == ([(0, 0)] if fitting else [])


def test_the_agent_is_as_good_as_the_number_that_was_called_and_nobody_fits_anybody() -> None:
    call = ours(0, called=(DESK, "ann"))
    assert pairs([call], [row(0, called="ann")]) == [(0, 0)]
    assert pairs([ours(0, "", (DESK, "ann"))], [row(0, BEN, "ann")]) == [(0, 0)]  # who withholds a number has one
    assert pairs([ours(0, "", ())], [row(0)]) == pairs([ours(0, ANN, ())], [row(0, "", DESK)]) == []


def test_the_same_id_counts_whatever_else_says_and_only_where_it_is_the_only_one() -> None:
    (pair,) = match([ours(0, id_="a@b")], [row(500, BEN, id_="a@b")], RULES)
    assert pair == Pair(0, 0, "id", 500 * SECOND)
    assert pairs([ours(0, id_="a"), ours(0, id_="a")], [row(90, id_="a")]) == []
    assert pairs([ours(0, id_="a")], [row(90, id_="a"), row(91, id_="a")]) == []
    assert pairs([ours(0, id_="a")], [row(1, id_="b")]) == [(0, 0)]


def test_as_many_as_can_be_are_matched_and_of_those_the_nearest() -> None:
    assert pairs([ours(0), ours(4)], [row(3), row(8)]) == [(0, 0), (1, 1)]
    assert pairs([ours(0), ours(5)], [row(5)]) == [(0, 1)]
    assert pairs([ours(0)], [row(-1), row(3)]) == [(0, 0)]
    assert pairs([ours(0)], [row(5.001)]) == [] and pairs([ours(0)], [row(-5)]) == [(0, 0)]


def test_where_another_would_have_fitted_as_well_it_is_said() -> None:
    assert [one.ambiguous for one in match([ours(0), ours(2)], [row(0)], RULES)] == [True]
    assert [one.ambiguous for one in match([ours(0)], [row(0), row(1)], RULES)] == [True]
    assert [one.ambiguous for one in match([ours(0), ours(60)], [row(0), row(61)], RULES)] == [False, False]


def test_an_hour_that_a_clock_shows_twice_is_read_both_ways() -> None:
    assert pairs([ours(3600)], [row(0, also=3600)]) == [(0, 0)]
    assert pairs([ours(0), ours(3600)], [row(0, also=3600), row(1, also=3601)]) == [(0, 0), (1, 1)]


def test_a_crowd_of_withheld_numbers_goes_by_the_nearest() -> None:
    many = 120
    assert many * many > MOST_CELLS
    calls = [ours(number, "") for number in range(many)]
    rows = [row(number + 0.2, "") for number in range(many)]
    assert pairs(calls, rows[1:]) == [(number, number + 1) for number in range(many - 1)]


def test_a_tail_is_the_end_of_the_digits_or_the_name() -> None:
    assert (tail("+1 415 555 0102"), tail("1001"), tail("Ann"), tail("")) == ("5550102", "1001", "ann", "")


numbers = st.sampled_from([ANN, BEN, "4155550102", ""])
seconds = st.integers(0, 40).map(lambda half: half / 2)
some_calls = st.lists(st.builds(ours, seconds, numbers, st.sampled_from([(DESK,), (DESK, "ann"), ()])), max_size=6)
some_rows = st.lists(st.builds(row, seconds, numbers, st.sampled_from([DESK, "ann", ""])), max_size=6)


@given(some_calls, some_rows)
def test_nothing_is_used_twice_and_every_pair_fits(calls: list[Ours], rows: list[Row]) -> None:
    found = match(calls, rows, RULES)
    assert len({one.row for one in found}) == len({one.call for one in found}) == len(found)
    for one in found:
        assert abs(one.apart_us) <= RULES.tolerance_us and fits(rows[one.row], calls[one.call], US)
        assert one.apart_us == rows[one.row].started_us - calls[one.call].at_us


@given(st.lists(seconds, max_size=5), st.lists(seconds, max_size=5))
def test_of_one_caller_as_many_are_matched_as_any_assignment_could(at: list[float], listed: list[float]) -> None:
    calls, rows = [ours(one) for one in at], [row(one) for one in listed]
    few, many = sorted((at, listed), key=len)
    best = 0
    for size in range(len(few), 0, -1):
        chosen = combinations(few, size)
        if any(
            all(abs(a - b) <= 5 for a, b in zip(one, other, strict=True))
            for one in chosen
            for other in permutations(many, size)
        ):
            best = size
            break
    assert len(match(calls, rows, RULES)) == best


def test_a_clock_that_is_off_is_noticed_and_chance_is_not() -> None:
    calls = [ours(number * 100, f"+1415555{number:04d}") for number in range(6)]
    late = [row(number * 100 + 3600 + number % 3, f"+1415555{number:04d}") for number in range(6)]
    assert match(calls, late, RULES) == () and clock_hint(calls, late, ()) == 3600
    assert clock_hint(calls, [row(number * 100 - 50, f"+1415555{number:04d}") for number in range(6)], ()) == -50
    assert clock_hint(calls, late[:2], ()) == 0  # too few to say
    assert clock_hint(calls, [*late[:3], *(row(number * 977, BEN) for number in range(9))], ()) == 0
    assert clock_hint(calls, late, match(calls, [row(one * 100) for one in range(6)], RULES)) == 3600
    assert clock_hint(calls, [row(10**6, "+14155550001")] * 3, ()) == 0  # further than any two clocks
    assert clock_hint(calls[:1], late[:1], (Pair(0, 0, "id", 0),)) == 0
    assert clock_hint([ours(0, "")], [row(0, "")] * 3, ()) == 0


def test_a_call_that_a_switch_knows_by_several_ids_is_found_by_any_and_paired_once() -> None:
    recorded = Ours(BASE, ANN, (DESK,), ("leg@us", "cs-1"))
    for id_ in recorded.ids:
        assert match([recorded], [row(500, BEN, id_=id_)], RULES) == (Pair(0, 0, "id", 500 * SECOND),)
    assert pairs([recorded], [row(500, BEN, id_="cs-1"), row(501, BEN, id_="leg@us")]) == [(0, 0)]
