"""The spool's segments: read in windows, renamed under our eyes, numbers never used twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from overt.adapters.spool_reader import SpoolFolder
from overt.ports import Unavailable
from overt.vault.format import HEADER, Record

ONE = "0193568a-0000-7000-8000-000000000001"


def records(count: int, size: int = 100) -> list[Record]:
    return [Record("main", ONE, HEADER if not index else 0, 0, index, b"x" * size) for index in range(count)]


def segment(root: Path, name: str, content: bytes) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_a_long_segment_is_read_in_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("overt.adapters.spool_reader.MOST_AT_ONCE", 500)
    written = records(40)
    segment(tmp_path, "e/00000001.spool", b"".join(one.encoded for one in written))
    (found,) = SpoolFolder(tmp_path).segments()
    assert [one.index for one in found.fresh()] == list(range(40))
    assert (found.confirm(), found.trouble) == ([("main", ONE)], "")
    assert found.fresh() == []


def test_segments_come_by_engine_and_number(tmp_path: Path) -> None:
    for name in ("b/00000002.open", "a/00000010.spool", "a/00000009.spool", "a/next", "a/x.spool", "a/00000001.broken"):
        segment(tmp_path, name, b"")
    found = SpoolFolder(tmp_path).segments()
    assert [(one.name, one.closed) for one in found] == [
        ("a/00000009", True),
        ("a/00000010", True),
        ("b/00000002", False),
    ]


def test_a_segment_renamed_between_looks_is_followed(tmp_path: Path) -> None:
    written = records(3)
    path = segment(tmp_path, "e/00000001.open", written[0].encoded + written[1].encoded)
    spool = SpoolFolder(tmp_path)
    (found,) = spool.segments()
    assert len(found.fresh()) == 2
    found.confirm()
    with path.open("ab") as file:
        file.write(written[2].encoded)
    path.rename(path.with_suffix(".spool"))
    assert list(found.fresh()) == []
    (again,) = spool.segments()
    assert again is found and again.closed
    assert [one.index for one in again.fresh()] == [2]


def test_numbers_only_grow(tmp_path: Path) -> None:
    for number in (7, 3):
        segment(tmp_path, f"e/{number:08d}.spool", b"")
    spool = SpoolFolder(tmp_path)
    for found in reversed(spool.segments()):
        found.discard()
        assert (tmp_path / "e" / "next").read_text() == "8"


def test_what_the_disk_refuses_is_unavailable(tmp_path: Path) -> None:
    segment(tmp_path, "e/00000001.spool", b"")
    (found,) = SpoolFolder(tmp_path).segments()
    (tmp_path / "e" / "next").mkdir()
    with pytest.raises(Unavailable, match="Is a directory"):
        found.discard()
    (tmp_path / "e" / "00000001.spool").unlink()
    (tmp_path / "e" / "00000001.spool").mkdir()
    with pytest.raises(Unavailable, match="Is a directory"):
        found.fresh()
