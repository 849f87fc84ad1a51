"""The spool: one sequential file an engine, in segments of at most a minute, written by one thread that only writes.

`DATA/spool/<engine>/<number>.open` is being written, `.spool` is closed. Records of all recordings stand in it in
the order in which they were sealed. A *carry* record at the head of a segment tells, for each recording under way,
how many records it has and its chain's head, so that a segment read alone after a crash knows where it stands.
A *mark* record ends each commit with its SHA-256: what a crash left behind the last mark that holds does not count.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from overt.vault.format import END, HEADER, Record, SealBroken, read_record
from overt.vault.header import read_header
from overt.vault.seal import FIRST_HEAD

CARRY, MARK = 0x04, 0x08
NOBODY = "00000000-0000-0000-0000-000000000000"
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
        self._queued = self.durable = 0
        self._committed_bytes = 0
        self._stopping = False
        self.broken = ""
        self._file: int | None = None
        self._thread = threading.Thread(target=self._write_forever, name="spool", daemon=True)
        self._thread.start()

    @property
    def behind(self) -> int:
        """How many records wait to be durable."""
        return self._queued - self.durable

    def append(self, record: bytes) -> int:
        """Queue a record for the next commit; return its number: it is on the disk once `durable` has reached it."""
        with self._lock:
            self._waiting.append(record)
            self._waiting_bytes += len(record)
            self._queued += 1
            if self._waiting_bytes > MOST_WAITING:
                self.broken = "the disk is too slow: more waits to be written than memory is set aside for"
            return self._queued

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
            queued = self._queued
        if self.broken:
            return
        try:
            if batch:
                self._write(b"".join(batch))
                self.durable = queued
            if carries is not None and self._file is not None:
                self._begin_next(b"".join(carries))
        except OSError as error:
            self.broken = f"{error.strerror} ({self._folder})"
            self._cut_and_close()

    def _write(self, batch: bytes) -> None:
        if self._file is None:
            self._file = self._create()
        mark = _mark(batch)
        for part in (batch, mark):
            view = memoryview(part)
            while view:
                view = view[os.write(self._file, view) :]
        os.fdatasync(self._file)
        self._committed_bytes += len(batch) + len(mark)

    def _create(self) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        file = os.open(self._open_path, flags, 0o600)
        _sync_folder(self._folder)
        self._committed_bytes = 0
        return file

    @property
    def _open_path(self) -> Path:
        return self._folder / f"{self._number:08d}.open"

    def _begin_next(self, carries: bytes) -> None:
        """Write the next segment's head before the old one closes: no crash between finds neither."""
        file, path = self._file, self._open_path
        self._file, self._number = None, self._number + 1
        if carries:
            self._write(carries)
        assert file is not None
        os.close(file)
        path.rename(path.with_suffix(".spool"))

    def _close_segment(self) -> None:
        if self._file is None:
            return
        os.close(self._file)
        self._file = None
        path = self._open_path
        path.rename(path.with_suffix(".spool"))
        self._number += 1

    def _cut_and_close(self) -> None:
        """After a failed write: cut back to the last commit and close the segment, so that what is in it counts."""
        try:
            if self._file is not None:
                os.ftruncate(self._file, self._committed_bytes)
                self._close_segment()
        except OSError:
            self._file = None
            self._number += 1
        for path in self._folder.glob("*.open"):  # an older segment whose successor could not be begun
            with suppress(OSError):
                path.rename(path.with_suffix(".spool"))


def _mark(batch: bytes) -> bytes:
    return Record("", NOBODY, MARK, 0, len(batch) & 0xFFFFFFFF, hashlib.sha256(batch).digest()).encoded


def _sync_folder(folder: Path) -> None:
    entries = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(entries)
    finally:
        os.close(entries)


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


def recover(folder: Path) -> tuple[list[Unended], int]:
    """Close the segments that a dead engine left open; return the recordings without an end, and the next number."""
    unended: dict[str, Unended] = {}
    numbers = [int(path.stem) for path in folder.glob("*.*") if path.stem.isdecimal()]
    for path in sorted(folder.glob("*.open")):
        ended_us = int(path.stat().st_mtime * 1_000_000)
        cut_torn_tail(path, unended, ended_us)
        path.rename(path.with_suffix(".spool"))
    mark = folder / "next"
    if mark.exists():
        numbers.append(int(mark.read_text()) - 1)
    return list(unended.values()), max(numbers, default=0) + 1


def cut_torn_tail(path: Path, unended: dict[str, Unended], ended_us: int) -> None:
    """Read a segment's commits into `unended`, and cut what a crash left after the last one that holds."""
    whole = 0
    if path.stat().st_size:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            for commit, end in _commits(cast(bytes, mapped)):
                whole = end
                for record in commit:
                    _follow(unended, record, ended_us)
    with path.open("r+b") as cut:
        cut.truncate(whole)
        os.fsync(cut.fileno())


def _commits(segment: bytes) -> Iterator[tuple[list[Record], int]]:
    """Yield each commit whose mark holds, and where it ends; stop at the first that does not."""
    records: list[Record] = []
    begin = offset = 0
    while offset < len(segment):
        try:
            record, after = read_record(segment, offset)
        except SealBroken:
            return
        if record.flags & MARK:
            if hashlib.sha256(segment[begin:offset]).digest() != record.body:
                return
            yield records, after
            records, begin = [], after
        else:
            records.append(record)
        offset = after


def _follow(known: dict[str, Unended], record: Record, ended_us: int) -> None:
    one = known.get(record.recording)
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
    elif one is not None:
        head = record.head_after(one.head)
        known[record.recording] = replace(one, chunks=record.index + 1, head=head, ended_us=ended_us)
