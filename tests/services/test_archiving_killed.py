"""The worker is killed again and again while an engine writes; every record arrives, once, in order."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from overt.compose.worker import AnotherArchives, archive_once
from overt.vault.format import END, HEADER, Record

RECORDINGS = [f"0193568a-0000-7000-8000-00000000000{number}" for number in range(1, 7)]
ROUNDS = 6
SEGMENTS_A_ROUND = 12


def worker(data: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "overt.compose.worker", str(data)], stderr=subprocess.DEVNULL)


def test_killed_in_a_loop(tmp_path: Path) -> None:
    choose = random.Random(7)
    folder = tmp_path / "spool" / "engine-1"
    folder.mkdir(parents=True)
    written = {name: [Record("main", name, HEADER, 0, 0, b"{}")] for name in RECORDINGS}
    number, pending = 0, [records[0] for records in written.values()]
    for _ in range(ROUNDS):
        process = worker(tmp_path)
        for _ in range(SEGMENTS_A_ROUND):
            number += 1
            for _ in range(40):
                records = written[choose.choice(RECORDINGS)]
                body = choose.randbytes(choose.randint(1, 4000))
                records.append(Record("main", records[0].recording, 0, 1, len(records), body))
                pending.append(records[-1])
            segment = folder / f"{number:08d}.open"
            segment.write_bytes(b"".join(record.encoded for record in pending))
            pending = []
            time.sleep(choose.random() * 0.08)
            segment.rename(segment.with_suffix(".spool"))
        time.sleep(choose.random() * 0.4)
        process.send_signal(signal.SIGKILL)
        process.wait()
    number += 1
    ends = []
    for name, records in written.items():
        ends.append(Record("main", name, END, 0, len(records), b"end"))
        records.append(ends[-1])
    (folder / f"{number:08d}.spool").write_bytes(b"".join(record.encoded for record in ends))
    archive_once(tmp_path)
    for name, records in written.items():
        stored = (tmp_path / "recordings" / "main" / f"{name}.overt").read_bytes()
        assert stored == b"".join(record.encoded for record in records)
    assert os.listdir(folder) == ["next"]
    assert (folder / "next").read_text() == str(number + 1)


def test_only_one_archives_at_a_time(tmp_path: Path) -> None:
    first = worker(tmp_path)
    try:
        deadline = time.monotonic() + 10
        while not (tmp_path / "recordings" / ".lock").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.1)
        with pytest.raises(AnotherArchives):
            archive_once(tmp_path)
        second = worker(tmp_path)
    finally:
        first.terminate()
        assert first.wait(timeout=10) == 0
    time.sleep(0.5)
    second.terminate()
    assert second.wait(timeout=10) == 0
