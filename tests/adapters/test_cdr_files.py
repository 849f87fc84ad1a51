"""CDR files as switches write them: encodings, delimiters, headers, broken lines; the shipped maps on lines of those switches."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt.adapters.cdr_files import column_map, moments_of, read_rows, shipped_maps
from overt.domain.cdr import BadRow, ColumnMap, MapRefused, Row

AT = 1_764_590_400_000_000  # 2025-12-01 12:00:00 UTC
MAP = ColumnMap("start", "src", "dst")


def rows(content: bytes, map_: ColumnMap = MAP) -> list[Row | BadRow | None]:
    return list(read_rows(io.BytesIO(content), map_))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_encoding_and_delimiter_are_found(encoding: str, delimiter: str) -> None:
    lines = ["name,start,src,dst", "Jürgen,2025-12-01 12:00:00,1001,+14045550100"]
    content = "\r\n".join(lines).replace(",", delimiter).encode(encoding)
    assert rows(content) == [Row(2, AT, -1, "1001", "+14045550100")]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("asterisk", '"","4155550102","1001","from-trunk","","PJSIP/sbc-1","PJSIP/1001-2","Dial","x","2025-12-01 12:00:00",'
         '"2025-12-01 12:00:05","2025-12-01 12:03:00",180,175,"ANSWERED","DOCUMENTATION"\n'
         '"","4155550103","1001","from-trunk","","PJSIP/sbc-1","","Dial","x","2025-12-01 12:00:00","","2025-12-01 12:00:09",9,0,"NO ANSWER","D"\n',
         [Row(1, AT, AT + 180_000_000, "4155550102", "1001", "", "PJSIP/sbc-1"), None]),
        ("freeswitch", '"Ann","4155550102","1001","public","2025-12-01 12:00:00","2025-12-01 12:00:05","2025-12-01 12:03:00","180","175",'
         '"NORMAL_CLEARING","a5c9","",""\n', [Row(1, AT, AT + 180_000_000, "4155550102", "1001")]),
        ("cisco", '"cdrRecordType","dateTimeOrigination","callingPartyNumber","finalCalledPartyNumber","dateTimeDisconnect","origDeviceName"\n'
         "INTEGER,INTEGER,VARCHAR(50),VARCHAR(50),INTEGER,VARCHAR(129)\n"
         '1,1764590400,"4155550102","1001",1764590580,"SBC"\n', [Row(3, AT, AT + 180_000_000, "4155550102", "1001", "", "SBC")]),
        ("kamailio", "method,callid,sip_code,time,src_user,dst_user\nINVITE,a@b,200,2025-12-01 12:00:00,+14155550102,1001\n"
         "BYE,a@b,200,2025-12-01 12:03:00,+14155550102,1001\n", [Row(2, AT, -1, "+14155550102", "1001", "a@b"), None]),
    ],
)  # fmt: skip
def test_each_shipped_map_reads_what_its_switch_writes(name: str, content: str, expected: list[Row | None]) -> None:
    assert rows(content.encode(), column_map(name)) == expected


def test_every_shipped_map_is_tried_above() -> None:
    assert list(shipped_maps()) == ["asterisk", "cisco", "freeswitch", "kamailio"]


def test_times_of_a_zone_and_the_hour_that_comes_twice() -> None:
    read = moments_of(ColumnMap("s", "c", timezone="America/New_York"))
    assert read("2025-12-01 07:00:00") == (AT, 0) and read("2025-12-01T12:00:00Z") == (AT, 0)
    first, second = read("2025-11-02 01:30:00")
    assert second - first == 3_600_000_000
    assert moments_of(ColumnMap("s", "c", format="%d.%m.%Y %H:%M:%S"))("01.12.2025 12:00:00") == (AT, 0)
    for wrong in (
        ColumnMap("s", "c", timezone="Mars/Olympus"),
        ColumnMap("s", "c", timezone="../etc"),
        ColumnMap("s", "c", encoding="rot99"),
    ):
        with pytest.raises(MapRefused):
            moments_of(wrong)


def test_broken_lines_are_said_with_their_number_and_stop_nothing() -> None:
    good = b"2025-12-01 12:00:00,1001,1002\n"
    content = b"start,src,dst\n" + good + b"soon,1,2\n\n" + good + b'"' + b"x" * 200_000 + b"\n" + good
    found = rows(content)
    assert [type(one) for one in found] == [Row, BadRow, Row, BadRow]  # an open quote takes what follows with it
    assert [one.line for one in found if one is not None] == [2, 3, 5, 6]


def test_lines_before_the_header_do_not_count() -> None:
    content = b"report of today\n\nstart,src,dst\ntypes,x,y\n2025-12-01 12:00:00,1,2\n"
    assert rows(content, ColumnMap("start", "src", "dst", skip=2, skip_after_header=1)) == [Row(5, AT, -1, "1", "2")]


def test_how_much_was_read_is_told(tmp_path: Path) -> None:
    path, told = tmp_path / "a.csv", list[int]()
    path.write_bytes(b"start,src,dst\n" + b"2025-12-01 12:00:00,1001,1002\n" * 10_000)
    with path.open("rb") as file:
        assert sum(1 for _ in read_rows(file, MAP, told.append)) == 10_000
    assert told == sorted(told) and told[-1] == path.stat().st_size and len(told) > 2


@given(st.binary(max_size=300))
def test_whatever_a_file_holds_it_is_read_or_refused(content: bytes) -> None:
    for map_ in (column_map("asterisk"), MAP):
        try:
            found = rows(content, map_)
        except MapRefused:
            continue
        assert all(one is None or one.line > 0 for one in found)
