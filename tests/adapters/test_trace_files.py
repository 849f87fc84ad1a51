"""Traces on disk: masked, bounded, under the call's day, kept as long as the settings say, erased whole."""

from __future__ import annotations

import stat
import time
from pathlib import Path

import pytest

from overt.adapters import message_queue, trace_files
from overt.adapters.trace_files import TraceFiles, erase_trace, read_trace, sweep_traces
from overt.domain.identity import uuid7

NOW_US = time.time_ns() // 1000
CALL = uuid7(NOW_US, bytes(10))
INVITE = b"INVITE sip:+14155550102@gw SIP/2.0\r\nFrom: <sip:ada@h>\r\nCall-ID: x\r\n\r\n"
PEER = "192.0.2.7:5060/UDP"


def written(folder: Path, *notes: tuple[str, bytes]) -> TraceFiles:
    files = TraceFiles(folder)
    for call, message in notes:
        files.note(call, "caller", False, PEER, message, NOW_US)
    files.close()
    return files


def test_what_is_noted_is_read_back_masked(tmp_path: Path) -> None:
    files = written(tmp_path, (CALL, INVITE), (CALL, INVITE), ("", b"junk"))
    assert files.written == 3 and files.dropped == 0
    first, second = read_trace(tmp_path, CALL)
    assert first == second and (first.at_us, first.leg, first.outgoing, first.peer) == (NOW_US, "caller", False, PEER)
    assert "4155550102" not in first.text and "ada" not in first.text and first.text.startswith("INVITE sip:‹")
    for path in (tmp_path / "traces").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
        assert path.is_dir() or b"4155550102" not in path.read_bytes()
    assert {one.name for one in (tmp_path / "traces").rglob("*.jsonl")} == {f"{CALL}.jsonl", "none.jsonl"}


def test_no_name_of_a_call_leaves_the_folder(tmp_path: Path) -> None:
    written(tmp_path, ("../../etc/x", INVITE), ("own-name", INVITE))
    assert {one.name for one in tmp_path.rglob("*.jsonl")} == {"none.jsonl", "own-name.jsonl"}
    assert (
        read_trace(tmp_path, "../../etc/x") == []
        and read_trace(tmp_path, "none") == []
        and len(read_trace(tmp_path, "own-name")) == 1
    )


def test_a_flood_is_dropped_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message_queue, "MOST_WAITING", 10)
    files = written(tmp_path, *[(CALL, INVITE)] * 25)
    assert files.dropped >= 5 and files.written + files.dropped == 25
    monkeypatch.setattr(trace_files, "MOST_OF_A_CALL", 100)
    writer = trace_files.TraceWriter(tmp_path / "traces", b"k" * 32)
    writer.write([(CALL, "caller", False, "192.0.2.9:5060", INVITE, 5)])
    assert (writer.written, writer.dropped) == (0, 1)
    monkeypatch.setattr(message_queue, "MOST_WAITING_BYTES", 10)
    assert written(tmp_path, (CALL, INVITE)).dropped == 1


def test_a_scribe_that_dies_costs_its_batch_and_another_takes_its_place(tmp_path: Path) -> None:
    files = TraceFiles(tmp_path)
    files.take([(CALL, "caller", False, "192.0.2.9:5060", INVITE, 5)])
    assert files.written == 1 and files._child is not None
    files._child.kill()
    files._child.wait()
    files.take([(CALL, "caller", False, "192.0.2.9:5060", INVITE, 6)])
    files.close()
    assert files.written == 2 and files.dropped == 0 and files._child is None


def test_a_disk_that_refuses_costs_the_trace_only(tmp_path: Path) -> None:
    (tmp_path / "traces").write_text("in the way")
    assert written(tmp_path, (CALL, INVITE)).dropped == 1


def test_erasing_a_call_takes_its_messages(tmp_path: Path) -> None:
    other = uuid7(NOW_US, bytes(9) + b"1")
    written(tmp_path, (CALL, INVITE), (other, INVITE))
    assert erase_trace(tmp_path, CALL) and not erase_trace(tmp_path, CALL)
    assert read_trace(tmp_path, CALL) == [] and len(read_trace(tmp_path, other)) == 1


def test_days_go_when_they_are_old_enough(tmp_path: Path) -> None:
    day = 86_400_000_000
    old = uuid7(NOW_US - 15 * day, bytes(10))
    written(tmp_path, (CALL, INVITE), (old, INVITE))
    assert sweep_traces(tmp_path, 15, NOW_US) == 0 and sweep_traces(tmp_path, 14, NOW_US) == 1
    assert read_trace(tmp_path, old) == [] and len(read_trace(tmp_path, CALL)) == 1
    assert sweep_traces(tmp_path, 0, NOW_US) == 1 and list((tmp_path / "traces").iterdir()) == []


def test_a_line_that_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    written(tmp_path, (CALL, INVITE))
    (path,) = tmp_path.rglob("*.jsonl")
    with path.open("ab") as file:
        file.write(b'{"at_us": 1}\nnot json\n[]\n')
    assert len(read_trace(tmp_path, CALL)) == 1
