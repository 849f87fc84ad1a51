"""Column maps and rows of a switch's own list of calls."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt.domain.cdr import (
    LONGEST_FIELD,
    MOST_SKIPPED,
    BadRow,
    ColumnMap,
    MapRefused,
    Row,
    RowReader,
    number_of,
    parse_map,
)

MAP = 'caller = "src"\ncalled = "dst"\nstarted = "start"\n'
HEADER = ["src", "dst", "start", "end", "secs", "id", "via", "state"]


def twice(text: str) -> tuple[int, int]:
    """Times as whole seconds; `300` is shown twice by a clock put back, an hour later the second time."""
    moment = int(text) * 1_000_000
    return moment, moment + 3_600_000_000 if text == "300" else 0


def reader(text: str = MAP, header: list[str] = HEADER) -> RowReader:
    return RowReader(parse_map(text), twice, header)


def fields(**given_: str) -> list[str]:
    known = {
        "src": "1001",
        "dst": "+14045550100",
        "start": "100",
        "end": "160",
        "secs": "60",
        "id": "a@b",
        "via": "sbc",
        "state": "OK",
    }
    return [(known | given_)[name] for name in HEADER]


def test_a_map_with_all_that_it_may_say() -> None:
    found = parse_map(
        'caller = 1\ncalled = 2\nstarted = 3\nended = 4\nduration = 5\nid = 6\ntrunk = 7\ntimezone = "UTC"\nformat = "unix"\n'
        'delimiter = ";"\nencoding = "utf-16"\nquote = "\'"\nheader = false\nskip = 2\nskip_after_header = 1\n[only]\n8 = ["OK", "YES"]\n'
    )
    assert found == ColumnMap(
        3, 1, 2, 4, 5, 6, 7, "UTC", "unix", ";", "utf-16", "'", False, 2, 1, ((8, frozenset({"OK", "YES"})),)
    )
    assert parse_map(MAP) == ColumnMap("start", "src", "dst")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("caller = ", "no TOML"),
        (MAP + 'colour = "red"', "unknown field colour"),
        ('caller = "src"', "needs `started`"),
        ('started = "x"', "needs `caller`, `called` or `id`"),
        ('started = ""\nid = "x"', "started names a column"),
        ('started = -1\nid = "x"', "started names a column"),
        ('started = true\nid = "x"', "started names a column"),
        ("started = 1000\nid = 1", "started names a column"),
        (MAP + "timezone = 5", "timezone must be a text"),
        (MAP + 'header = "yes"', "header must be true or false"),
        (MAP + 'skip = "1"', "skip must be a whole number"),
        (MAP + f"skip = {MOST_SKIPPED + 1}", "whole numbers up to"),
        (MAP + "skip_after_header = -1", "whole numbers up to"),
        (MAP + 'delimiter = ";;"', "one character"),
        (MAP + 'quote = ""', "one character"),
        (MAP + "header = false", "without a header"),
        ("header = false\nid = 1\nstarted = 2\n[only]\nstate = []", "without a header"),
        (MAP + "only = 5", "only is a table"),
        (MAP + "[only]\nstate = 5", "only: state is a list"),
        (MAP + "[only]\nstate = [5]", "only: state is a list"),
    ],
)
def test_a_map_that_cannot_be_used_says_why(text: str, words: str) -> None:
    with pytest.raises(MapRefused, match=words):
        parse_map(text)


def test_a_header_without_a_column_of_the_map_is_refused() -> None:
    with pytest.raises(MapRefused, match="no column 'dst'; its header has src, b"):
        reader(header=["src", "b"])
    for header in (
        [],
        ["+14155550102", "src5"],
    ):  # a file without a header, whose first row nobody should read in an error
        with pytest.raises(MapRefused, match=r"has no names$"):
            reader(header=header)
    assert isinstance(reader(header=["\ufeffsrc", " dst ", "start"]).read(["1", "2", "3"], 2), Row)


def test_a_row_with_all_that_it_may_say() -> None:
    whole = MAP + 'ended = "end"\nid = "id"\ntrunk = "via"\n'
    assert reader(whole).read(fields(), 7) == Row(7, 100_000_000, 160_000_000, "1001", "+14045550100", "a@b", "sbc", 0)
    assert reader().read(fields(src="anonymous"), 7) == Row(7, 100_000_000, -1, "", "+14045550100")
    assert reader(whole).read(fields(end=""), 7) == reader(whole).read(fields(end="0"), 7)
    lasting = reader(MAP + 'duration = "secs"').read(fields(secs="2.5"), 7)
    assert isinstance(lasting, Row) and lasting.ended_us == 102_500_000
    unknown = reader(MAP + 'duration = "secs"').read(fields(secs=""), 7)
    assert isinstance(unknown, Row) and unknown.ended_us == -1


def test_columns_by_their_place_need_no_header() -> None:
    places = reader("header = false\ncaller = 1\nstarted = 0\n[only]\n2 = ['OK']", [])
    assert places.read(["100", "1001", "OK"], 1) == Row(1, 100_000_000, -1, "1001")
    assert places.read(["100", "1001", "NO"], 1) is None and isinstance(places.read(["100", "1001"], 1), BadRow)


def test_an_hour_that_is_shown_twice_has_both_readings() -> None:
    found = reader(MAP + 'ended = "end"').read(fields(start="300", end="310"), 1)
    assert isinstance(found, Row) and (found.started_us, found.also_us) == (300_000_000, 3_900_000_000)
    over = reader(MAP + 'ended = "end"').read(fields(start="1000", end="300"), 1)
    assert isinstance(over, Row) and over.ended_us == 3_900_000_000


@pytest.mark.parametrize(("form", "text", "us"), [
    ("unix", "100.25", 100_250_000), ("unix-ms", "100250", 100_250_000), ("unix-us", "100250000", 100_250_000), ("unix", "-1.5", -1_500_000),
])  # fmt: skip
def test_times_as_numbers(form: str, text: str, us: int) -> None:
    found = reader(MAP + f'format = "{form}"').read(fields(start=text), 1)
    assert isinstance(found, Row) and found.started_us == us


def test_rows_that_do_not_count_and_rows_that_cannot_be_read() -> None:
    only = reader(MAP + '[only]\nstate = ["OK"]')
    assert only.read(fields(state="BUSY"), 1) is None and isinstance(only.read(fields(state=" OK "), 1), Row)
    for given_, words in (
        ({"start": "soon"}, "its times cannot be read as iso"),
        ({"src": "1" * (LONGEST_FIELD + 1)}, "more than 512"),
        ({"src": "", "dst": "unknown"}, "neither a number nor an id"),
    ):
        bad = reader().read(fields(**given_), 9)
        assert isinstance(bad, BadRow) and bad.line == 9 and words in bad.why and "1001" not in bad.why
    short = reader().read(["1001"], 3)
    assert short == BadRow(3, "it has 1 fields; the map needs 3")
    for end in ("99", "700000"):
        backwards = reader(MAP + 'ended = "end"').read(fields(end=end), 1)
        assert isinstance(backwards, BadRow) and "ends before it begins" in backwards.why
    for wrong in ("1e5", "½", "1" * 30):
        assert isinstance(reader(MAP + 'format = "unix"').read(fields(start=wrong), 1), BadRow)


@pytest.mark.parametrize(("text", "number"), [
    ("1001", "1001"), ("sip:+14155550102@10.0.0.1;transport=udp", "+14155550102"), ('"Ann" <sip:1001@pbx>', "1001"),
    ('"Ann" <1001>', "1001"), ("tel:+4930123", "+4930123"), ("<null>", ""), ("Anonymous", ""), ("sip:anonymous@anonymous.invalid", ""),
    (" - ", ""), ("a:b", "a:b"), ("", ""), (">", ">"),
])  # fmt: skip
def test_a_number_as_switches_write_it(text: str, number: str) -> None:
    assert number_of(text) == number


@given(st.lists(st.text(max_size=20), max_size=8), st.sampled_from(["iso", "unix"]))
def test_whatever_stands_in_a_row_it_is_read_or_said(row: list[str], form: str) -> None:
    found: Any = reader(MAP + f'ended = "end"\nid = "id"\nformat = "{form}"').read(row, 5)
    assert found.line == 5
    if isinstance(found, Row):
        assert (found.caller or found.called or found.id) and (
            found.ended_us == -1 or found.ended_us >= found.started_us
        )
