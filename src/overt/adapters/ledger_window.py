"""The ledger's entries window by window, without holding the log: where each line begins is remembered, no more."""

from __future__ import annotations

import os
import sqlite3
from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path
from threading import Lock

from overt.adapters.ledger_files import LEAF_BYTES, open_personal, read_checkpoint
from overt.ledger.entry import EntryBroken, read_entry
from overt.ledger.merkle import leaf_hash
from overt.ports import Unavailable
from overt.services.auditing import Stated
from overt.services.proving import Entry

_READ = 1 << 20
_GRANTED, _ENDED = b'"kind":"listening.granted"', b'"kind":"listening.ended"'


class LedgerWindow:
    """Implements proving.LedgerView over `ledger/<tenant>/`. May be used by many threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._begins = array("Q", [0])  # where line n begins; the last is where the next line will
        self._lock = Lock()

    def size(self) -> int:
        """How many whole entries the log has. Raises Unavailable."""
        with self._lock:
            self._look()
            return len(self._begins) - 1

    def entries(self, first: int, count: int) -> Sequence[Entry]:
        """Return the entries from `first` on, oldest first. Raises Unavailable."""
        return self._read(range(first, min(first + count, self.size())))

    def some(self, indexes: Sequence[int]) -> Sequence[Entry]:
        """Return the entries of these indexes, as far as there are such. Raises Unavailable."""
        size = self.size()
        return self._read([one for one in indexes if 0 <= one < size])

    def checkpoint(self) -> str:
        """The latest signed note, empty before the first entry. Raises Unavailable."""
        try:
            return read_checkpoint(self._folder) or ""
        except OSError as error:
            raise Unavailable("ledger", f"{error.strerror}: {self._folder}") from error

    def leaves(self, first: int, count: int) -> bytes:
        """Return the stored leaf hashes, 32 bytes each. Raises Unavailable."""
        try:
            with (self._folder / "leaves").open("rb") as file:
                file.seek(first * LEAF_BYTES)
                return file.read(count * LEAF_BYTES)
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise Unavailable("ledger", f"{error.strerror}: {self._folder}") from error

    def unended(self) -> Sequence[Stated]:
        """Return the grants to listen that have no end yet, oldest first; the whole log is looked through. Raises Unavailable."""
        open_grants: dict[int, None] = {}
        try:
            with (self._folder / "entries.log").open("rb") as file:
                for index, line in enumerate(file):
                    if not line.endswith(b"\n"):
                        break
                    if _GRANTED in line:
                        open_grants[index] = None
                    elif _ENDED in line:
                        open_grants.pop(int(read_entry(line.rstrip(b"\n")).body.get("grant", -1)), None)
        except FileNotFoundError:
            return ()
        except (OSError, EntryBroken, ValueError, TypeError) as error:
            raise Unavailable(
                "ledger", f"an entry cannot be read ({error}); `overt ledger verify` says more"
            ) from error
        return [one.stated for one in self.some(list(open_grants))]

    def _look(self) -> None:
        """Take up the lines that came since. A log that became shorter was repaired after a crash: begin anew."""
        try:
            with (self._folder / "entries.log").open("rb") as file:
                if os.fstat(file.fileno()).st_size < self._begins[-1]:
                    self._begins = array("Q", [0])
                at = self._begins[-1]
                file.seek(at)
                while read := file.read(_READ):
                    found = read.find(b"\n")
                    while found >= 0:
                        self._begins.append(at + found + 1)
                        found = read.find(b"\n", found + 1)
                    at += len(read)
        except FileNotFoundError:
            return
        except OSError as error:
            raise Unavailable("ledger", f"{error.strerror}: {self._folder}") from error

    def _read(self, indexes: Iterable[int]) -> Sequence[Entry]:
        wanted = list(indexes)
        if not wanted:
            return ()
        try:
            with (self._folder / "entries.log").open("rb") as file:
                lines = [(index, self._line(file.fileno(), index)) for index in wanted]
            personal = self._personal(wanted)
            return tuple(_entry(index, line, personal.get(index, {})) for index, line in lines)
        except (OSError, sqlite3.Error, EntryBroken) as error:
            raise Unavailable(
                "ledger", f"an entry cannot be read ({error}); `overt ledger verify` says more"
            ) from error

    def _line(self, file: int, index: int) -> bytes:
        begin, end = self._begins[index], self._begins[index + 1]
        return os.pread(file, end - begin - 1, begin)

    def _personal(self, indexes: Sequence[int]) -> dict[int, dict[str, str]]:
        """The personal values that are not erased, of these entries."""
        if not (self._folder / "personal.sqlite").exists():
            return {}
        found: dict[int, dict[str, str]] = {}
        connection = open_personal(self._folder, read_only=True)
        try:
            for index in indexes:
                asked = connection.execute("SELECT field, value FROM personal WHERE entry = ?", (index,))
                found[index] = dict(asked.fetchall())
        finally:
            connection.close()
        return found


def _entry(index: int, line: bytes, personal: dict[str, str]) -> Entry:
    entry = read_entry(line)
    stated = Stated(index, entry.kind, entry.at_us, entry.call, entry.body, personal)
    return Entry(stated, line.decode(), leaf_hash(line).hex())
