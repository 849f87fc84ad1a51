"""The ledger read onwards from a place, without what came before: for whoever follows it.

Only entries that a checkpoint speaks of are given: what lies behind it may still be taken back. Their form is not
checked again here; `overt ledger verify` does that.
"""

from __future__ import annotations

import os
import sqlite3
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from overt.adapters.ledger_files import open_personal, read_checkpoint
from overt.ledger.checkpoint import CheckpointBroken, read_unverified
from overt.ports import Unavailable
from overt.services.auditing import Stated
from overt.services.cataloguing import ERASED, MARK_EVERY, Stretch

_WINDOW = 1 << 20


class _Line(msgspec.Struct, gc=False):
    """What is read of an entry's line."""

    kind: str
    at_us: int
    call: str
    body: dict[str, Any]
    personal: dict[str, str]


_READ = msgspec.json.Decoder(_Line)


class LedgerFollower:
    """Implements cataloguing.LedgerRun over `ledger/<tenant>/`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def origin(self) -> str:
        """See cataloguing.LedgerRun."""
        return self._durable()[0]

    def size(self) -> int:
        """How many entries are durable. Raises Unavailable."""
        return self._durable()[1]

    def _durable(self) -> tuple[str, int]:
        with self._named():
            note = read_checkpoint(self._folder)
            checkpoint = read_unverified(note) if note else None
        return (checkpoint.origin, checkpoint.size) if checkpoint else ("", 0)

    def read(self, position: int, octets: int, most: int) -> Stretch:
        """See cataloguing.LedgerRun."""
        size = self.size()
        if position > size:
            why = f"it has {size} entries and {position} were read already; `overt catalogue rebuild` begins anew"
            raise Unavailable("ledger", why, retry=False)
        lines: list[bytes] = []
        if position < size:
            with self._named(), (self._folder / "entries.log").open("rb") as file:
                _check_begin(file.fileno(), octets)
                lines = _lines(file.fileno(), octets, min(most, size - position))
            if not lines:
                why = f"entry {position} is missing; run `overt ledger verify`"
                raise Unavailable("ledger", why, retry=False)
        marks, at = {}, octets
        for index, line in enumerate(lines, position):
            if index % MARK_EVERY == 0:
                marks[index] = at
            at += len(line) + 1
        entries = self._stated(list(enumerate(lines, position)))
        return Stretch(entries, position + len(lines), at, marks)

    def some(self, indexes: Sequence[int], marks: Mapping[int, int]) -> Sequence[Stated]:
        """See cataloguing.LedgerRun."""
        found: list[tuple[int, bytes]] = []
        begins = sorted(marks)
        with self._named(), (self._folder / "entries.log").open("rb") as file:
            for mark, wanted in groupby(sorted(indexes), lambda index: _mark_before(begins, index)):
                some = list(wanted)
                lines = _lines(file.fileno(), marks[mark], some[-1] - mark + 1)
                found += [(index, lines[index - mark]) for index in some]
        return self._stated(found)

    def _stated(self, lines: Sequence[tuple[int, bytes]]) -> list[Stated]:
        read: list[tuple[int, _Line]] = []
        for index, line in lines:
            try:
                read.append((index, _READ.decode(line)))
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                why = f"entry {index} cannot be read; `overt ledger verify` says more"
                raise Unavailable("ledger", why, retry=False) from error
        values = self._values([index for index, one in read if one.personal])
        return [
            Stated(index, one.kind, one.at_us, one.call, one.body, _personal(one.personal, values.get(index, {})))
            for index, one in read
        ]

    def _values(self, indexes: Sequence[int]) -> Mapping[int, Mapping[str, str]]:
        """The personal values of these entries that are not erased."""
        if not indexes or not (self._folder / "personal.sqlite").exists():
            return {}
        found: dict[int, dict[str, str]] = {}
        with self._named(), closing(open_personal(self._folder, read_only=True)) as rows:
            for index in indexes:
                found[index] = dict(rows.execute("SELECT field, value FROM personal WHERE entry = ?", (index,)))
        return found

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Unavailable("ledger", f"{error.strerror}: {self._folder}") from error
        except (sqlite3.Error, CheckpointBroken, IndexError) as error:
            raise Unavailable("ledger", f"{self._folder} cannot be read: {error}") from error


def _personal(committed: Mapping[str, str], values: Mapping[str, str]) -> Mapping[str, str]:
    """What stands for each personal value that was entered: itself, or that it is erased."""
    return {name: values.get(name, ERASED) for name in committed}


def _mark_before(begins: Sequence[int], index: int) -> int:
    return begins[bisect_right(begins, index) - 1]


def _check_begin(file: int, octets: int) -> None:
    """Raise Unavailable unless a line begins there."""
    if octets and os.pread(file, 1, octets - 1) != b"\n":
        why = "no entry begins where the last one read should end; `overt catalogue rebuild` begins anew"
        raise Unavailable("ledger", why, retry=False)


def _lines(file: int, at: int, count: int) -> list[bytes]:
    """The next whole lines from a place on, `count` of them or as many as there are."""
    lines: list[bytes] = []
    rest = b""
    while len(lines) < count and (read := os.pread(file, _WINDOW, at)):
        *whole, rest = (rest + read).split(b"\n")
        lines += whole
        at += len(read)
    return lines[:count]
