"""The spool: one sequential file an engine, in segments of at most a minute, written by one thread that only writes.

`DATA/spool/<engine>/<number>.open` is being written, `.spool` is closed. Records of all recordings stand in it in
the order in which they were sealed. A *carry* record at the head of a segment tells, for each recording under way,
how many records it has and its chain's head, so that a segment read alone after a crash knows where it stands.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path

from overt.vault.format import END, HEADER, Record, SealBroken, read_record
from overt.vault.header import read_header
from overt.vault.seal import FIRST_HEAD

CARRY = 0x04
COMMIT_S = 0.25
SEGMENT_NS = 60 * 1_000_000_000
MOST_WAITING = 64 << 20


class Spool:
    """Appends records; a thread commits them four times a second. `broken` says why nothing can be written."""

    def __init__(self, folder: Path, first_number: int) -> None:
        self._folder, self._number = folder, first_number
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._rotate_to: list[bytes] | None = None
        self._stopping = False
        self.broken = ""
        self._file: int | None = None
        self._thread = threading.Thread(target=self._write_forever, name="spool", daemon=True)
        self._thread.start()

    def append(self, record: bytes) -> None:
        """Queue a record for the next commit."""
        with self._lock:
            self._waiting.append(record)
            self._waiting_bytes += len(record)
            if self._waiting_bytes > MOST_WAITING:
                self.broken = "the disk is too slow: more waits to be written than memory is set aside for"

    def rotate(self, carries: list[bytes]) -> None:
        """Begin a new segment with these carry records; all that is queued goes into the old one."""
        with self._lock:
            self._rotate_to = carries

    def flush(self) -> None:
        """Write and close everything, then end the thread."""
        self._stopping = True
        self._wake.set()
        self._thread.join(timeout=10)

    def retry(self) -> None:
        """Forget what broke and try a new segment: called when there may be room again."""
        with self._lock:
            self._waiting.clear()
            self._waiting_bytes = 0
            self.broken = ""

    def _write_forever(self) -> None:
        while not self._stopping:
            self._wake.wait(COMMIT_S)
            self._commit()
        self._commit()
        self._close_segment()

    def _commit(self) -> None:
        with self._lock:
            batch, self._waiting, self._waiting_bytes = self._waiting, [], 0
            carries, self._rotate_to = self._rotate_to, None
        if self.broken:
            return
        try:
            if batch:
                self._write(b"".join(batch))
            if carries is not None and self._file is not None:
                self._close_segment()
                if carries:
                    self._write(b"".join(carries))
        except OSError as error:
            self.broken = f"{error.strerror} ({self._folder})"
            self._cut_and_close()

    def _write(self, batch: bytes) -> None:
        if self._file is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
            self._file = os.open(self._folder / f"{self._number:08d}.open", flags, 0o600)
        view = memoryview(batch)
        while view:
            view = view[os.write(self._file, view) :]
        os.fdatasync(self._file)

    def _close_segment(self) -> None:
        if self._file is None:
            return
        os.close(self._file)
        self._file = None
        path = self._folder / f"{self._number:08d}.open"
        path.rename(path.with_suffix(".spool"))
        self._number += 1

    def _cut_and_close(self) -> None:
        """After a failed write: cut the torn record away and close the segment, so that what is in it counts."""
        path = self._folder / f"{self._number:08d}.open"
        try:
            if path.exists():
                cut_torn_tail(path)
            self._close_segment()
        except OSError:
            self._file = None
            self._number += 1


@dataclass(frozen=True, slots=True)
class Unended:
    """A recording without an end, as found in a dead engine's segments."""

    tenant: str
    recording: str
    call: str
    chunks: int
    head: bytes
    started_us: int
    ended_us: int


def carry(tenant: str, recording: str, chunks: int, head: bytes, header: bytes) -> bytes:
    """The carry record of a recording under way: records so far, chain head, and its header's JSON."""
    return Record(tenant, recording, CARRY, 0, chunks, head + header).encoded


def cut_torn_tail(path: Path) -> list[Record]:
    """Return the whole records of a segment and cut what a crash left after them."""
    sealed = path.read_bytes()
    records, offset = [], 0
    try:
        while offset < len(sealed):
            record, offset = read_record(sealed, offset)
            records.append(record)
    except SealBroken:
        with path.open("r+b") as file:
            file.truncate(offset)
            os.fsync(file.fileno())
    return records


def recover(folder: Path) -> tuple[list[Unended], int]:
    """Close the segments that a dead engine left open; return the recordings without an end, and the next number."""
    unended: list[Unended] = []
    for path in sorted(folder.glob("*.open")):
        ended_us = int(path.stat().st_mtime * 1_000_000)
        unended += [*_unended(cut_torn_tail(path), ended_us)]
        path.rename(path.with_suffix(".spool"))
    numbers = [int(path.stem) for path in folder.glob("*.spool")]
    mark = folder / "next"
    if mark.exists():
        numbers.append(int(mark.read_text()) - 1)
    return unended, max(numbers, default=0) + 1


def _unended(records: list[Record], ended_us: int) -> list[Unended]:
    known: dict[str, Unended] = {}
    for record in records:
        if record.flags & (HEADER | CARRY):
            body = record.body[32:] if record.flags & CARRY else record.body
            header = read_header(Record(record.tenant, record.recording, HEADER, 0, 0, body))[0]
            head = record.body[:32] if record.flags & CARRY else record.head_after(FIRST_HEAD)
            chunks = record.index if record.flags & CARRY else 1
            known[record.recording] = Unended(
                record.tenant, record.recording, header.call, chunks, head, header.started_us, ended_us
            )
        elif record.flags & END:
            known.pop(record.recording, None)
        elif record.recording in known:
            one = known[record.recording]
            known[record.recording] = Unended(
                one.tenant,
                one.recording,
                one.call,
                record.index + 1,
                record.head_after(one.head),
                one.started_us,
                ended_us,
            )
    return list(known.values())


def oldest_first(folder: Path) -> list[Path]:
    """The closed segments of an engine, in the order in which they were written."""
    return sorted(folder.glob("*.spool"))
