"""Vitals: written whole, readable for their own account only, read back as values whatever is in the files."""

from __future__ import annotations

import json
import os
import stat
import time
from pathlib import Path

import pytest

from overt.adapters.vitals_files import forget_vitals, read_vitals, write_vitals
from overt.domain.vitals import ClientVitals, Sentence

TROUBLE = {"at_us": 5, "sentence": "Its ACK names another Call-ID than its INVITE."}


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    before = time.time_ns() // 1000
    client = {"last_seen_us": 9, "calls": 3, "refused": 1, "sentences": [TROUBLE]}
    write_vitals(tmp_path, "signalling", {"counters": {"a": 1}, "gauges": {"b": 0.5}, "clients": {"pbx": client}})
    read = read_vitals(tmp_path)["signalling"]
    assert (read.counters, read.gauges) == ({"a": 1}, {"b": 0.5})
    assert read.clients == {"pbx": ClientVitals(9, 3, 1, (Sentence(5, TROUBLE["sentence"]),))}
    assert before <= read.at_us <= time.time_ns() // 1000 and read.pid == os.getpid()


def test_only_their_own_account_reads_them_and_nothing_else_is_left(tmp_path: Path) -> None:
    for _ in range(2):
        write_vitals(tmp_path, "engine-1", {})
    (written,) = (tmp_path / "run").iterdir()
    assert written.name == "vitals-engine-1.json" and stat.S_IMODE(written.stat().st_mode) == 0o600


def test_what_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("in the way")
    write_vitals(tmp_path, "notary", {})
    assert read_vitals(tmp_path) == {}


@pytest.mark.parametrize("name", ["", "../x", "Engine", "a" * 41])
def test_a_process_has_a_plain_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="no name of a process"):
        write_vitals(tmp_path, name, {})


def test_files_that_say_nothing_are_passed_over(tmp_path: Path) -> None:
    write_vitals(tmp_path, "worker", {})
    run = tmp_path / "run"
    (run / "vitals-a.json").write_text("{")
    (run / "vitals-b.json").write_text("[]")
    (run / "vitals-c.json").write_bytes(b"\xff")
    (run / "vitals-d.json").mkdir()
    (run / "vitals-e.json").write_text(json.dumps({"process": "other", "at_us": 1}))
    assert list(read_vitals(tmp_path)) == ["worker"]


def test_an_earlier_starts_vitals_are_forgotten(tmp_path: Path) -> None:
    forget_vitals(tmp_path)
    write_vitals(tmp_path, "web", {})
    forget_vitals(tmp_path)
    assert read_vitals(tmp_path) == {}
