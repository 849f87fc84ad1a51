"""Accounts counted: totals add up; numbers are masked; a leg's seconds as stretches."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from overt.domain.accounted import COUNTED, Accounted, InCdr, Tally
from overt.domain.reconciling import CLASSES, GRAVE, KINDS, Finding, LegAccount
from overt.domain.second_strips import MOST_ROWS, SIGNS, STATES, Strip, bar, rows_of, strips, totals

legs = st.lists(st.builds(LegAccount, st.sampled_from(["caller", "agent"]), *[st.integers(0, 10**6)] * 8), max_size=2,
                unique_by=lambda one: one.side).map(tuple)  # fmt: skip
accounts = st.builds(Accounted, st.uuids().map(str), st.integers(0, 10**15), st.sampled_from(list(KINDS)).map(lambda kind: Finding(kind, "why")),
                     legs=legs)  # fmt: skip


def tally(*kinds: str, most: int = 10) -> Tally:
    made = Tally(most)
    for number, kind in enumerate(kinds):
        made.add(Accounted(f"c{number}", number, Finding(kind, "why")))
    return made


@given(st.lists(accounts, max_size=30), st.integers(0, 5))
def test_totals_add_up(some: list[Accounted], most: int) -> None:
    found = Tally(most)
    for one in some:
        found.add(one)
    assert found.total == len(some) == found.right + found.wrong + found.classes["under-way"] == found.kinds.total()
    assert found.grave == any(one.finding.of in GRAVE for one in some)
    for side in ("caller", "agent"):
        for name in COUNTED:
            assert found.legs[side][name] == sum(
                getattr(leg, name) for one in some for leg in one.legs if leg.side == side
            )
    for class_ in CLASSES:
        of_it = [one for one in some if one.finding.of == class_]
        assert found.shown[class_] == of_it[:most] == found.listed([class_])
    written: Any = found.as_json()
    assert sum(written["classes"].values()) == sum(written["kinds"].values()) == written["total"] == len(some)
    json.dumps([one.as_json() for one in found.listed()])


def test_the_last_line_says_how_many_are_not_as_they_should() -> None:
    assert tally().summary == "0 as they should, 0 not" and not tally().grave
    assert tally("whole", "barred").summary == "2 as they should, 0 not"
    many = tally("whole", "gaps", "crash", "not at us", "under way", "unpermitted")
    assert (
        many.summary == "1 as they should, 4 not (1 alarm, 1 missing, 1 never-came, 1 loss); 1 under way" and many.grave
    )
    assert [one.finding.of for one in many.listed()] == [
        "alarm",
        "missing",
        "never-came",
        "loss",
        "under-way",
        "recorded",
    ]
    assert not tally("gaps").grave


def test_numbers_are_masked_unless_they_are_to_be_seen() -> None:
    one = Accounted("c", 1, Finding("whole", "w"), caller="+14155550102", called="", in_cdr=InCdr(4, "id", -3, True))
    assert one.as_json()["from"] == "+1415•••••02" and one.as_json(reveal=True)["from"] == "+14155550102"
    assert one.as_json()["to"] == "" and "5550102" not in repr(one)
    assert one.as_json()["cdr"] == {"line": 4, "how": "id", "apart_ms": -3, "ambiguous": True}
    assert tally("whole").listed()[0].as_json()["cdr"] is None


# ------------------------------------------------------------------------------------------ seconds


def test_what_prevailed_when() -> None:
    rows = rows_of([
        [2, 5, 250, 0, 250, 0, 0, 0], [7, 100, 5000, 5000, 0, 0, 0, 0], [107, 1, 40, 40, 0, 10, 1, 0], [110, 10, 0, 0, 0, 0, 0, 1],
        [120, 2, 5, 0, 0, 0, 0, 0], [122, 1, 0, 0, 0, 0, 0, 0],
    ])  # fmt: skip
    assert strips(rows) == (
        Strip("dropped", 2, 5), Strip("captured", 7, 100), Strip("lost", 107, 1), Strip("nothing", 108, 2), Strip("paused", 110, 10),
        Strip("received", 120, 2), Strip("nothing", 122, 1),
    )  # fmt: skip
    assert totals(rows) == {"received": 5295, "captured": 5040, "dropped": 250, "lost": 10, "late": 1, "paused_s": 10}
    assert bar(strips(rows), 1000) == "▒" * 5 + "█" * 100 + "!" + "  " + "░" * 10 + "··" + " "
    assert bar(strips(rows), 11) == "█████████!░"  # no loss is hidden
    assert strips(()) == () and bar((), 5) == "" and totals(()) == dict.fromkeys(totals(rows), 0)


def test_rows_that_are_none_are_left_out() -> None:
    good = [0, 1, 2, 3, 4, 5, 6, 0]
    wrong = [good[:7], [0, 0, *good[2:]], [*good[:7], True], [-1, *good[1:]], "rows", [0.5, *good[1:]], [*good, 1]]
    assert rows_of([good, good, *wrong]) == (tuple(good),)  # nor does one go back
    assert rows_of(None) == rows_of({"rows": []}) == ()
    assert len(rows_of([[second, *good[1:]] for second in range(MOST_ROWS + 5)])) == MOST_ROWS


row_lists = st.lists(st.tuples(st.integers(1, 50), *[st.integers(0, 9)] * 5, st.integers(0, 1)), max_size=20)


@given(row_lists, st.integers(1, 80))
def test_stretches_cover_all_seconds_once_and_the_bar_fits(given_: list[tuple[int, ...]], width: int) -> None:
    written, at = [], 0
    for row in given_:
        written.append([at, *row])
        at += row[0]
    found = strips(rows_of(written))
    assert sum(one.seconds for one in found) == at
    assert all(one.from_s + one.seconds == other.from_s and one.state != other.state for one, other in pairwise(found))
    shown = bar(found, width)
    assert len(shown) <= width and (SIGNS["lost"] in shown) == any(one.state == "lost" for one in found)
    assert set(STATES) == set(SIGNS)
