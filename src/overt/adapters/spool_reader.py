"""The engines' spool as the archiver sees it: `spool/<engine>/<number>.spool` is closed, `.open` is being written.

An open segment is read as it grows and never discarded, so that a recording can be opened about a second after it
ended; the engine that writes it, or its successor, closes it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from overt.ports import Unavailable
from overt.services.archiving import SpooledRecord
from overt.vault.format import END, HEADER, Record, SealBroken, Torn, read_record

BELONGS = HEADER | END  # a record with any other flag tells about a recording and is no part of it
NEXT_FILE = "next"
MOST_AT_ONCE = 32 << 20


class SpoolSegment:
    """One segment. Remembers how far it was confirmed; the file may be renamed from `.open` to `.spool` meanwhile."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = f"{path.parent.name}/{path.stem}"
        self.closed = False
        self.trouble = ""
        self._offset = self._reached = 0
        self._touched: set[tuple[str, str]] = set()
        self._fresh: list[SpooledRecord] = []

    def fresh(self) -> Sequence[SpooledRecord]:
        """The whole records behind the last confirmed one; see archiving.Segment."""
        self._fresh, self._reached = [], self._offset
        try:
            with self.path.open("rb") as file:
                while True:
                    file.seek(self._reached)
                    stored = file.read(MOST_AT_ONCE)
                    whole = len(self._fresh), self._reached
                    self._read(stored)
                    if (len(self._fresh), self._reached) == whole or len(stored) < MOST_AT_ONCE:
                        break
        except FileNotFoundError:
            return ()  # renamed since it was listed; the next round finds it under its new name
        except OSError as error:
            raise Unavailable("spool", f"{error.strerror}: {self.path}") from error
        return self._fresh

    def _read(self, stored: bytes) -> None:
        offset = 0
        try:
            while offset < len(stored):
                record, after = read_record(stored, offset)
                self._take(record)
                self._reached += after - offset
                offset = after
        except Torn:
            if self.closed and len(stored) < MOST_AT_ONCE:
                self.trouble = f"it ends inside a record, {len(stored) - offset} bytes are left over"
        except SealBroken as error:
            if self.closed:
                self.trouble = f"at byte {self._reached}: {error.why}"

    def _take(self, record: Record) -> None:
        if record.flags & ~BELONGS:
            return
        last = bool(record.flags & END)
        self._fresh.append(SpooledRecord(record.tenant, record.recording, record.index, last, record.encoded))

    def confirm(self) -> Iterable[tuple[str, str]]:
        """Count the fresh records as carried over; see archiving.Segment."""
        self._touched |= {record.belongs_to for record in self._fresh}
        self._offset, self._fresh = self._reached, []
        return sorted(self._touched)

    def discard(self) -> None:
        """Delete the segment, after its number was put down as used."""
        self._end(lambda: self.path.unlink(missing_ok=True))

    def set_aside(self) -> None:
        """Rename the segment to `.broken`."""
        self._end(lambda: self.path.rename(self.path.with_suffix(".broken")))

    def _end(self, act: Callable[[], object]) -> None:
        try:
            _mark_used(self.path.parent, int(self.path.stem))
            act()
        except OSError as error:
            raise Unavailable("spool", f"{error.strerror}: {self.path}") from error


class SpoolFolder:
    """Implements archiving.Spool over `spool/`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[tuple[str, str], SpoolSegment] = {}

    def segments(self) -> Sequence[SpoolSegment]:
        """All segments by engine and number; see archiving.Spool."""
        found: dict[tuple[str, str], SpoolSegment] = {}
        for path in sorted(self._root.glob("*/*.open")) + sorted(self._root.glob("*/*.spool")):
            if not path.stem.isdecimal():
                continue
            key = path.parent.name, path.stem
            segment = self._known.get(key) or SpoolSegment(path)
            segment.path, segment.closed = path, path.suffix == ".spool"
            found[key] = segment
        self._known = found
        return [found[key] for key in sorted(found, key=lambda key: (key[0], int(key[1])))]


def _mark_used(folder: Path, number: int) -> None:
    """Put down, durably, that numbers up to this one were used: the engine never gives one twice."""
    mark = folder / NEXT_FILE
    known = int(mark.read_text()) if mark.exists() else 1
    if known > number:
        return
    writing = folder / f"{NEXT_FILE}.new"
    with writing.open("w") as file:
        file.write(str(number + 1))
        file.flush()
        os.fsync(file.fileno())
    writing.replace(mark)
    entries = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(entries)
    finally:
        os.close(entries)
