"""Calls beside a switch's own list: every call once, rows that never came, calls that are not in it, doubts and edges."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt.domain.cdr import BadRow, Row
from overt.domain.cdr_matching import Rules
from overt.domain.errors import Refused
from overt.domain.reconciling import CallFacts, Counters, End, Kept, Step
from overt.domain.vitals import ClientVitals, Vitals
from overt.services.auditing import Stated
from overt.services.reconciling import SHOWN_BAD, Question, Read, Reconciled, account_of, reconcile, turned_away

SECOND = 1_000_000
AT = 1_760_000_000 * SECOND
ASKED = Question(AT, AT + 3600 * SECOND, AT + 7200 * SECOND, rules=Rules(codes=frozenset({"1"})))


class Few:
    """Implements reconciling.AccountedCalls."""

    def __init__(self, *calls: CallFacts) -> None:
        self.calls = calls

    def read(self, since_us: int, until_us: int) -> Iterator[Read]:
        """See reconciling.AccountedCalls."""
        found = [one for one in self.calls if since_us <= one.offered_us < until_us]
        yield Read(found[:1], 5, 10)
        yield Read(found[1:], 10, 10, 2, (3, 4))


def call(second: float, name: str = "c", **other: Any) -> CallFacts:
    at = AT + round(second * SECOND)
    steps = (Step(at, "permitted", "r"), Step(at + 60 * SECOND, "ended", "r"))
    end = End(
        at + 60 * SECOND,
        "recorded",
        "x",
        "given",
        60_000,
        60_000,
        {"caller": Counters(9, 9), "agent": Counters(9, 9)},
        (),
        ("r",),
    )
    given_: dict[str, Any] = {"trunk": "sbc", "caller": "+14155550102", "called": "1001", "effect": "permit", "steps": steps,
                              "kept": (Kept("r", 60_000),), "end": end}  # fmt: skip
    return CallFacts(f"{name}{second}", at, **(given_ | other))


def row(second: float, line: int = 1, **other: Any) -> Row:
    return Row(line, AT + round(second * SECOND), **({"caller": "4155550102", "called": "1001"} | other))


def found(
    calls: Sequence[CallFacts], rows: Sequence[Row | BadRow | None] | None = None, asked: Question = ASKED
) -> Reconciled:
    return reconcile(Few(*calls), asked, rows)


def kinds(done: Reconciled) -> dict[str, int]:
    return dict(done.tally.kinds)


def test_without_a_cdr_nothing_is_extra() -> None:
    done = found([call(0), call(100)])
    assert kinds(done) == {"whole": 2} and done.cdr is None and (done.broken, done.first_broken) == (2, (3, 4))
    assert [one.call for one in done.tally.listed()] == ["c0", "c100"]
    assert done.as_json()["cdr"] is None and len(done.as_json()["calls"]) == 2  # type: ignore[arg-type]
    assert done.as_json(["missing"])["calls"] == []


def test_what_is_in_one_and_not_in_the_other() -> None:
    done = found(
        [call(0), call(600), call(900)], [row(1), row(300, 2, trunk="sbc2"), row(902, 3), BadRow(4, "x"), None]
    )
    assert kinds(done) == {"whole": 2, "not at us": 1, "not in the CDR": 1} and done.tally.grave
    never, extra, first, last = done.tally.listed()
    assert (never.call, never.trunk) == (
        "",
        "sbc2",
    ) and "line 2 of the CDR, by sbc2: no call of ours" in never.finding.why
    assert "within 5 s" in never.finding.why and never.in_cdr is not None and never.in_cdr.line == 2
    assert extra.call == "c600" and "by itself it is: recorded" in extra.finding.why and extra.in_cdr is None
    assert first.in_cdr is not None and (first.in_cdr.line, first.in_cdr.how, first.in_cdr.apart_ms) == (
        1,
        "numbers",
        1000,
    )
    assert last.in_cdr is not None and last.in_cdr.apart_ms == 2000
    assert done.cdr is not None
    assert (done.cdr.rows, done.cdr.bad, done.cdr.left_out, done.cdr.by_numbers, done.cdr.by_id) == (5, 1, 1, 2, 0)
    assert (done.cdr.from_us, done.cdr.to_us) == (AT + SECOND, AT + 902 * SECOND)


def test_what_the_cdr_does_not_speak_of_is_not_held_against_a_call() -> None:
    unanswered = replace(call(0).end, outcome="not answered: agent busy", recordings=(), captured_ms=0, legs={})  # type: ignore[type-var]
    calls = [call(0), call(300, end=unanswered, steps=(), kept=()), call(310, end=None), call(500)]
    done = found(calls, [row(200), row(400)])
    assert kinds(done) == {"whole": 2, "no answer": 1, "under way": 1, "not at us": 2}
    erased = call(300, caller="", called="")
    assert kinds(found([erased], [row(200), row(400)])) == {"whole": 1, "not at us": 2}
    assert "not in the CDR" not in kinds(found([call(0)], []))  # nor by an empty one
    missing = call(300, kept=(), end=replace(call(0).end, captured_ms=0, legs={}))  # type: ignore[type-var]
    assert kinds(found([missing], [row(200), row(400)])) == {
        "no packet": 1,
        "not at us": 2,
    }  # it is missing first of all


def test_calls_and_rows_at_the_edge_of_the_time_are_matched_and_not_counted() -> None:
    done = found([call(-2), call(0.5)], [row(0), row(-3), row(-100), row(3599)])
    assert kinds(done) == {"whole": 1, "not at us": 1} and done.cdr is not None and done.cdr.outside == 1
    assert [one.call for one in done.tally.listed()] == ["", "c0.5"]


def test_rows_of_one_call_are_one() -> None:
    done = found([call(0, ids=("x", "a@b"))], [row(3, 1, id="a@b"), row(1, 2, id="a@b"), row(40, 3, id="a@b")])
    assert kinds(done) == {"whole": 1} and done.cdr is not None and (done.cdr.repeated, done.cdr.by_id) == (2, 1)
    (one,) = done.tally.listed()
    assert one.in_cdr is not None and (one.in_cdr.line, one.in_cdr.apart_ms) == (2, 1000)


def test_of_one_client() -> None:
    calls = [call(0), call(100, trunk="pbx")]
    rows = [row(100), row(300, trunk="sbc"), row(400, trunk="pbx"), row(500)]
    done = found(calls, rows, replace(ASKED, client="sbc"))
    assert kinds(done) == {"whole": 1, "not at us": 2}  # the row of nobody known, and that of sbc
    assert kinds(found(calls, None, replace(ASKED, client="pbx"))) == {"whole": 1}


def test_a_clock_that_is_off_and_pairs_in_doubt_are_said() -> None:
    calls = [call(number * 100, caller=f"+1415555{number:04d}") for number in range(4)]
    done = found(calls, [row(number * 100 + 60, caller=f"+1415555{number:04d}") for number in range(4)])
    assert done.cdr is not None and done.cdr.late_s == 60 and done.as_json()["cdr"]["late_s"] == 60  # type: ignore[index,call-overload]
    doubt = found([call(0), call(2)], [row(1)])
    assert doubt.cdr is not None and doubt.cdr.ambiguous == 1
    assert any(one.in_cdr is not None and one.in_cdr.ambiguous for one in doubt.tally.listed())


def test_what_is_held_at_once_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    bad = found([], [BadRow(line, "x") for line in range(SHOWN_BAD + 5)])
    assert bad.cdr is not None and (bad.cdr.bad, len(bad.cdr.first_bad)) == (SHOWN_BAD + 5, SHOWN_BAD)
    told: list[tuple[str, int, int, int]] = []
    reconcile(Few(call(0)), ASKED, [None] * 2500, lambda *said: told.append(said))
    assert told == [("CDR", 0, 0, 1000), ("CDR", 0, 0, 2000), ("ledger", 5, 10, 1), ("ledger", 10, 10, 1)]
    monkeypatch.setattr("overt.services.reconciling.MOST_ROWS", 2)
    monkeypatch.setattr("overt.services.reconciling.MOST_CALLS", 2)
    with pytest.raises(Refused, match="more than 2 rows"):
        found([], [row(number) for number in range(3)])
    with pytest.raises(Refused, match="more than 2 calls"):
        found([call(number) for number in range(3)])


def test_one_call_by_the_second() -> None:
    rows = [[0, 10, 500, 0, 500, 0, 0, 0], [10, 50, 2500, 2500, 0, 0, 0, 0]]
    entries = [
        Stated(0, "call.offered", AT, "c", {}, {}),
        Stated(1, "call.seconds", AT, "c", {"caller": rows, "agent": "none"}, {}),
    ]
    one = account_of(call(0), entries, ASKED)
    assert [leg.side for leg in one.seconds] == ["caller"] and one.seconds[0].sums["captured"] == 2500
    written: Any = one.as_json()
    assert (
        written["seconds"]["caller"]["rows"] == rows
        and written["from"] == "+1415•••••02"
        and written["class"] == "recorded"
    )
    assert account_of(call(0), [], ASKED).as_json()["seconds"] == {}


def test_who_was_turned_away() -> None:
    said = [Vitals("a", 1, counters={"refused: stranger": 3, "calls": 9, "scanners: x": 0}, clients={"sbc": ClientVitals(refused=2), "pbx": ClientVitals()}),
            Vitals("b", 1, counters={"refused: stranger": 1})]  # fmt: skip
    assert turned_away(said).as_json() == {"clients": {"sbc": 2}, "counters": {"refused: stranger": 4}}


@given(st.lists(st.integers(0, 60), max_size=8, unique=True), st.lists(st.integers(0, 60), max_size=8))
def test_every_call_and_every_row_is_accounted_for_once(at: list[int], listed: list[int]) -> None:
    done = found([call(second) for second in at], [row(second, line) for line, second in enumerate(listed, 1)])
    assert done.cdr is not None
    matched = done.cdr.by_id + done.cdr.by_numbers
    assert done.tally.total == len(at) + len(listed) - matched
    assert done.tally.kinds["not at us"] == len(listed) - matched
    shown = done.tally.listed()
    assert sorted(one.call for one in shown if one.call) == sorted(f"c{second}" for second in at)
    lines = [one.in_cdr.line for one in shown if one.in_cdr is not None]
    assert sorted(lines) == list(range(1, len(listed) + 1))
