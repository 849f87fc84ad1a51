"""The ledger window by window: the same entries as the whole log, while it grows, is torn, and loses personal values."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overt.adapters.ledger_files import LedgerFiles, PersonalRow, open_personal, read_lines
from overt.adapters.ledger_window import LedgerWindow
from overt.ledger.entry import Entry, commitment, write_entry
from overt.ledger.merkle import leaf_hash
from overt.ports import Unavailable

SALT = b"s" * 32


def grow(files: LedgerFiles, count: int) -> None:
    """Append entries, each with a number."""
    at, first = 1_790_000_000_000_000, len(files.lines)
    lines, personal = [], []
    for index in range(first, first + count):
        number = f"+1415555{index:04d}"
        committed = {"from": commitment(SALT, number)}
        body = {"line": "x" * (index % 7), "trunk": "t"}
        lines.append(write_entry(Entry(f"e{index}", "main", "call.offered", at, at, f"c{index}", body, committed)))
        personal.append(PersonalRow(index, "from", SALT, number))
    files.append(lines, personal)
    files.publish("note")


def test_an_empty_ledger_has_nothing_to_show(tmp_path: Path) -> None:
    window = LedgerWindow(tmp_path / "none")
    assert (window.size(), window.checkpoint(), window.leaves(0, 5)) == (0, "", b"")
    assert window.entries(0, 10) == () and window.some([0, -1, 7]) == ()


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=6), st.integers(0, 40), st.integers(0, 20))
def test_windows_are_slices_of_the_log_however_it_grows(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int], first: int, count: int
) -> None:
    folder = tmp_path_factory.mktemp("ledger")
    files, window = LedgerFiles(folder), LedgerWindow(folder)
    try:
        for step in steps:
            if step:
                grow(files, step)
            assert window.size() == len(files.lines)
        lines = read_lines(folder)
        shown = window.entries(first, count)
        assert [one.line.encode() for one in shown] == lines[first : first + count]
        assert [one.stated.index for one in shown] == list(range(len(lines)))[first : first + count]
        assert all(one.leaf == leaf_hash(one.line.encode()).hex() for one in shown)
        assert all(one.stated.personal["from"] == f"+1415555{one.stated.index:04d}" for one in shown)
        assert window.leaves(first, count) == b"".join(leaf_hash(line) for line in lines[first : first + count])
    finally:
        files.close()


def test_a_torn_line_is_not_shown_and_a_repaired_log_is_read_anew(tmp_path: Path) -> None:
    files = LedgerFiles(tmp_path)
    grow(files, 3)
    window = LedgerWindow(tmp_path)
    assert window.size() == 3
    with (tmp_path / "entries.log").open("ab") as log:
        log.write(b'{"half":')
    assert window.size() == 3 and len(window.entries(0, 9)) == 3
    with (tmp_path / "entries.log").open("r+b") as log:
        log.truncate(len(files.lines[0]) + 1)
    assert window.size() == 1 and [one.stated.call for one in window.entries(0, 9)] == ["c0"]
    files.close()


def test_an_erased_value_is_gone_and_a_broken_line_is_said(tmp_path: Path) -> None:
    files = LedgerFiles(tmp_path)
    grow(files, 2)
    files.close()
    personal = open_personal(tmp_path)
    with personal:
        personal.execute("DELETE FROM personal WHERE entry = 0")
    personal.close()
    window = LedgerWindow(tmp_path)
    assert [dict(one.stated.personal) for one in window.some([1, 0])] == [{"from": "+14155550001"}, {}]
    content = (tmp_path / "entries.log").read_bytes()
    (tmp_path / "entries.log").write_bytes(content.replace(b'"v":1', b'"v":9', 1))
    with pytest.raises(Unavailable, match="ledger verify"):
        window.entries(0, 1)


def test_grants_without_an_end_are_found_and_a_torn_end_is_none(tmp_path: Path) -> None:
    assert LedgerWindow(tmp_path / "none").unended() == ()
    files = LedgerFiles(tmp_path)
    grow(files, 1)
    at, granted = 1_790_000_000_000_000, {"recording": "r", "action": "play", "actor": "ann"}
    lines = [write_entry(Entry(f"g{one}", "main", "listening.granted", at, at, "c", granted, {})) for one in range(3)]
    ended = {**granted, "grant": 2, "milliseconds": 5}
    lines.append(write_entry(Entry("e", "main", "listening.ended", at, at, "c", ended, {})))
    files.append(lines, [])
    files.close()
    assert [one.index for one in LedgerWindow(tmp_path).unended()] == [1, 3]
    with (tmp_path / "entries.log").open("ab") as log:
        log.write(lines[-1].replace(b'"grant":2', b'"grant":1'))
    assert [one.index for one in LedgerWindow(tmp_path).unended()] == [1, 3]
