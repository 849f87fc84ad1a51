"""Alarms on disk: what was remembered is remembered by the next worker; whatever stands there, reading raises nothing."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from overt.adapters.alarm_files import FILE, read_alarms, read_watch, write_watch
from overt.domain.alarms import Alarm, Mark, Watch

ONE = Alarm("law.old", "law table", "It is old.", 1, 3, 2)
THREAT = Alarm("disk.low", "data folder", "It is full.", 1, 3)


def test_what_was_written_is_read_back_and_only_what_is_raised_is_shown(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    watch = Watch({one.key: one for one in (ONE, THREAT)}, {"a|b": Mark(3, 5)})
    write_watch(tmp_path, watch)
    assert read_watch(tmp_path) == watch and list(read_alarms(tmp_path)) == [ONE]
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "written",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"alarms": [1], "marks": {}}',
        '{"alarms": [], "marks": {"a": [1]}}',
        '{"alarms": [], "marks": []}',
    ],
)
def test_what_cannot_be_read_is_an_empty_watch(tmp_path: Path, written: str) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / FILE).write_text(written)
    assert read_watch(tmp_path) == Watch()


def test_an_alarm_of_a_kind_that_is_no_more_is_forgotten(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    gone = {"kind": "of old", "about": "x", "sentence": "", "since_us": 1, "seen_us": 1, "raised_us": 1}
    (tmp_path / FILE).write_text(json.dumps({"alarms": [gone], "marks": {}}))
    assert read_watch(tmp_path) == Watch()


def test_a_disk_that_refuses_stops_nobody(tmp_path: Path) -> None:
    write_watch(tmp_path, Watch())
    assert read_alarms(tmp_path) == ()
