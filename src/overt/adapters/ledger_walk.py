"""A stretch of time of the ledger's log, read quickly: only the lines of that time, each by what reads its kind.

The form of entries is not checked again here; `overt ledger verify` does that. An entry that cannot be read is counted, and
its call marked. Only entries that a checkpoint speaks of are read.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import msgspec

from overt.adapters.ledger_files import open_personal, read_checkpoint
from overt.adapters.ledger_times import begin_of, entered_us, index_at
from overt.ledger.checkpoint import CheckpointBroken, read_unverified
from overt.ports import Unavailable

WINDOW = 1 << 22
MARGIN_US = 600 * 1_000_000  # a fact may be entered so much later than it happened
LONGEST_CALL_US = 86_400 * 1_000_000
SHOWN_BROKEN = 10
_KIND, _CALL = b'"kind":"', b'"call":"'
_OFFERED = b"call.offered"


class OfCall(msgspec.Struct, gc=False):
    """An entry of which only the call matters."""

    call: str


class _Line(msgspec.Struct, gc=False):
    line: str
    trunk: str = ""


class Offered(msgspec.Struct, gc=False):
    """`call.offered`."""

    at_us: int
    call: str
    body: _Line
    personal: dict[str, str]


class Put(Protocol):
    """A call as far as it was read: which offer, by its index, and whether an entry of it cannot be read."""

    index: int
    unreadable: bool


S = TypeVar("S", bound=Put)


class Assembly(Protocol[S]):
    """Puts calls together, entry by entry. `seen` are under way, `ended` those that ended since it was emptied last.

    `readers`: kind of entry → what reads a line of it.
    """

    seen: dict[str, S]
    ended: list[S]
    readers: Mapping[bytes, Callable[[bytes], None]]

    def offer(self, offered: Offered, index: int) -> None:
        """Begin a call."""
        ...


@dataclass(frozen=True, slots=True)
class Stretch(Generic[S]):
    """Calls of a stretch, with the personal values of each offer, and how far it goes, in bytes, of how many.

    `broken` counts the entries so far that cannot be read, of which `first_broken` are the first.
    """

    calls: Sequence[tuple[S, Mapping[str, str]]]
    done: int
    total: int
    broken: int = 0
    first_broken: tuple[int, ...] = ()


def walk(
    folder: Path, assembly: Assembly[S], names: Sequence[str], since_us: int, until_us: int, window: int = WINDOW
) -> Iterator[Stretch[S]]:
    """Yield the calls offered from `since_us` to before `until_us`, as they end; last, those that have not.

    `folder` is `ledger/<tenant>/`, `names` the personal values of an offer that are wanted. Calls are taken to last no longer
    than a day. Raises Unavailable.
    """
    path = folder / "entries.log"
    with _named(folder):
        if not path.exists():
            return
        with path.open("rb") as file, closing(_values(folder)) as values:
            yield from _Reading(folder, file.fileno(), values, assembly, names, since_us, until_us, window).read()


def _values(folder: Path) -> sqlite3.Connection:
    if (folder / "personal.sqlite").exists():
        return open_personal(folder, read_only=True)
    empty = sqlite3.connect(":memory:")
    empty.execute("CREATE TABLE personal (entry INTEGER, field TEXT, value TEXT)")
    return empty


class _Reading(Generic[S]):
    """One pass over the log. What follows a window's last whole line is read again with the next."""

    def __init__(
        self, folder: Path, file: int, values: sqlite3.Connection, assembly: Assembly[S], names: Sequence[str],
        since_us: int, until_us: int, window: int,
    ) -> None:  # fmt: skip
        self._file, self._rows, self._since, self._until, self._window = file, values, since_us, until_us, window
        size = os.fstat(file).st_size
        self._at = self._begin = begin_of(file, size, since_us - MARGIN_US)
        self._end = begin_of(file, size, until_us + LONGEST_CALL_US)
        self._index = index_at(folder, file, self._begin, size)
        note = read_checkpoint(folder)
        self._durable = read_unverified(note).size if note else 0
        self._assembly = assembly
        chosen = ", ".join(f"'{name}'" for name in names)
        self._asked = f"SELECT entry, field, value FROM personal WHERE entry BETWEEN ? AND ? AND field IN ({chosen})"
        self._broken, self._shown = 0, list[int]()
        self._personal: dict[int, Mapping[str, str]] = {}

    def read(self) -> Iterator[Stretch[S]]:
        """Yield stretch after stretch, then the calls that have not ended."""
        while lines := self._lines():
            self._take(lines, self._values(self._index, self._index + len(lines) - 1))
            self._index += len(lines)
            over = entered_us(lines[-1]) >= self._until + MARGIN_US and not self._assembly.seen
            if over:
                self._at = self._end
            yield self._stretch(self._assembly.ended)
            self._assembly.ended = []
        if self._assembly.seen or self._at < self._end:
            self._at = self._end
            yield self._stretch(list(self._assembly.seen.values()))

    def _lines(self) -> Sequence[bytes]:
        """The next whole lines that are durable; none at the end."""
        most = self._durable - self._index
        if most <= 0 or self._at >= self._end:
            return ()
        length = self._window
        while True:
            read = os.pread(self._file, min(length, self._end - self._at), self._at)
            *lines, rest = read.split(b"\n")
            if lines:
                self._at += len(read) - len(rest)
                return lines[:most]
            if len(read) < length:
                return ()  # a torn end
            length *= 2

    def _take(self, lines: Sequence[bytes], values: Mapping[int, Mapping[str, str]]) -> None:
        """Have each line read by what reads its kind. A loop for a million lines: nothing is called that need not be."""
        readers, begin = self._assembly.readers, len(_KIND)
        for index, line in enumerate(lines, self._index):
            at = line.rfind(_KIND) + begin
            kind = line[at : line.find(b'"', at)]
            try:
                if (reader := readers.get(kind)) is not None:
                    reader(line)
                elif kind == _OFFERED:
                    self._offer(_OFFERS.decode(line), index, values)
                elif at < begin:
                    self._cannot_read(index, line)
            except (msgspec.DecodeError, UnicodeDecodeError):
                self._cannot_read(index, line)

    def _offer(self, offered: Offered, index: int, values: Mapping[int, Mapping[str, str]]) -> None:
        if self._since <= offered.at_us < self._until:
            self._assembly.offer(offered, index)
            self._personal[index] = values.get(index, {})

    def _cannot_read(self, index: int, line: bytes) -> None:
        """Count an entry that cannot be read, and set its call apart, if it still says which that is."""
        self._broken += 1
        if len(self._shown) < SHOWN_BROKEN:
            self._shown.append(index)
        at = line.rfind(_CALL) + len(_CALL)
        call = line[at : line.find(b'"', at)].decode(errors="replace") if at >= len(_CALL) else ""
        if (seen := self._assembly.seen.get(call)) is not None:
            seen.unreadable = True

    def _values(self, first: int, last: int) -> Mapping[int, Mapping[str, str]]:
        """The personal values of offers among these entries that are not erased."""
        found: dict[int, dict[str, str]] = {}
        for entry, name, value in self._rows.execute(self._asked, (first, last)):
            found.setdefault(entry, {})[name] = value
        return found

    def _stretch(self, seen: Sequence[S]) -> Stretch[S]:
        calls = [(one, self._personal.pop(one.index)) for one in seen]
        return Stretch(
            calls, self._at - self._begin, self._end - self._begin, self._broken, tuple(self._shown)
        )  # fmt: skip


@contextmanager
def _named(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable("ledger", f"{error.strerror}: {folder}") from error
    except (sqlite3.Error, CheckpointBroken) as error:
        raise Unavailable("ledger", f"{folder} cannot be read: {error}") from error


_OFFERS = msgspec.json.Decoder(Offered)
