"""The account of a call's seconds (P11): nothing that was counted is missing, whatever the call was like."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from overt.domain.seconds import MOST_ROWS, Seconds

Step = tuple[int, int, int, int, int, int, bool]
counts = st.integers(0, 60)
steps = st.lists(st.tuples(st.integers(0, 3), counts, counts, counts, counts, counts, st.booleans()), max_size=60)


def noted(taken: list[Step], from_s: int = 0) -> tuple[list[list[int]], tuple[int, ...], int]:
    """Rows, totals and the last second of a leg for which these increments were noted."""
    seconds, until, totals = Seconds(from_s), from_s, (0, 0, 0, 0, 0)
    for ahead, *more, paused in taken:
        until += ahead
        totals = tuple(one + other for one, other in zip(totals, more, strict=True))
        seconds.note(until, totals, paused)
    return seconds.rows(until, totals, False), totals, until


@given(steps, st.integers(0, 100))
def test_rows_follow_each_other_and_sum_up_to_what_was_counted(taken: list[Step], from_s: int) -> None:
    rows, totals, until = noted(taken, from_s)
    at = from_s
    for row in rows:
        assert row[0] == at and row[1] > 0 and row[7] in (0, 1)
        at += row[1]
    assert until <= at <= until + 1
    assert tuple(sum(row[2 + number] for row in rows) for number in range(5)) == totals
    assert any(row[7] for row in rows) <= any(step[-1] for step in taken)


def test_seconds_that_are_alike_make_one_row() -> None:
    rows, _, _ = noted([(1, 50, 0, 50, 0, 0, False)] * 30 + [(1, 50, 50, 0, 0, 0, False)] * 3600)
    assert rows == [[0, 30, 1500, 0, 1500, 0, 0, 0], [30, 3600, 180_000, 180_000, 0, 0, 0, 0]]


def test_a_pause_is_a_row_of_its_own() -> None:
    rows, _, _ = noted([(1, 50, 50, 0, 0, 0, False), (1, 50, 0, 50, 0, 0, True), (2, 100, 0, 100, 0, 0, True)])
    assert rows == [[0, 1, 50, 50, 0, 0, 0, 0], [1, 3, 150, 0, 150, 0, 0, 1]]


def test_what_is_noted_within_a_second_is_written_with_it() -> None:
    seconds = Seconds()
    seconds.note(0, (3, 0, 3, 0, 0), True)
    seconds.note(1, (50, 0, 50, 0, 0), False)
    assert seconds.rows(1, (50, 0, 50, 0, 0), False) == [[0, 1, 50, 0, 50, 0, 0, 1]]
    assert Seconds(7).rows(7, (0, 0, 0, 0, 0), False) == []


def test_a_late_packet_leaves_the_row_that_said_lost() -> None:
    seconds = Seconds()
    seconds.note(1, (49, 49, 0, 1, 0), False)
    seconds.note(2, (100, 100, 0, 0, 1), False)
    rows = seconds.rows(3, (149, 149, 0, 1, 1), False)
    assert [row[5:7] for row in rows] == [[1, 0], [0, 1], [0, 0]]


def test_a_long_uneven_call_has_coarser_rows_and_loses_nothing() -> None:
    taken = [
        (1, 49 + second % 3, 49 + second % 3, 0, second % 7 == 0, 0, second % 100 == 5) for second in range(20_000)
    ]
    rows, totals, _ = noted(taken)  # type: ignore[arg-type]
    assert MOST_ROWS / 2 < len(rows) <= MOST_ROWS
    assert max(row[1] for row in rows) == 16 and sum(row[2] for row in rows) == totals[0]
    assert sum(row[5] for row in rows) == totals[3] and sum(row[7] for row in rows) == 200
