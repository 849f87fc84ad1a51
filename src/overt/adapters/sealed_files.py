"""Sealed recordings as files: `recordings/<tenant>/<recording>.part` while it grows, `.overt` once it has its end.

A `.part` stays for good when an engine died: the ledger then holds the authenticated end. Files are only appended to;
a torn record at the end is cut away when the file is next appended to, since the spool still holds it whole.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from overt.ports import Unavailable
from overt.services.archiving import Misplaced, SpooledRecord
from overt.vault.format import END, Record, SealBroken, Torn, read_record

ENDED, GROWING = ".overt", ".part"
_TENANT = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_RECORDING = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_WINDOW = 4 << 20


@dataclass(slots=True)
class _Growing:
    """What is known of one recording's file: where each record begins, where the last one ends.

    `proven` once this process made all of it durable. Before, what stands there may be what a power loss left.
    """

    offsets: list[int] = field(default_factory=list)
    size: int = 0
    ended: bool = False
    durable: bool = True
    proven: bool = False


class SealedFiles:
    """Implements archiving.SealedStore, and gives the opener its records. One process may append at a time."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._growing: dict[tuple[str, str], _Growing] = {}

    # ------------------------------------------------------------------------------------- appending

    def append(self, records: Sequence[SpooledRecord]) -> int:
        """Append the records of one recording that are not there yet; see archiving.SealedStore."""
        key = records[0].belongs_to
        with _named(self._base(*key)):
            known = self._growing.get(key) or self._look(*key)
            self._growing[key] = known
            try:
                return self._append(key, known, records)
            except OSError:
                del self._growing[key]  # what is on disk is not known any more: look again
                raise

    def _append(self, key: tuple[str, str], known: _Growing, records: Sequence[SpooledRecord]) -> int:
        new: list[SpooledRecord] = []
        misplaced = ""
        for record in records:
            if record.index < len(known.offsets) and not self._stands(key, known, record):
                known.size = known.offsets[record.index]
                del known.offsets[record.index :]
            place = len(known.offsets) + len(new)
            if record.index < len(known.offsets):
                continue
            if record.index != place or known.ended:
                why = "came after the end" if known.ended else f"came where record {place} belongs"
                misplaced = f"recording {key[1]}: record {record.index} {why}"
                break
            new.append(record)
        if new:
            self._write(key, known, new)
        if misplaced:
            raise Misplaced(misplaced)
        return len(new)

    def _write(self, key: tuple[str, str], known: _Growing, new: Sequence[SpooledRecord]) -> None:
        path = self._base(*key).with_suffix(GROWING)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            os.ftruncate(file, known.size)
            view = memoryview(b"".join(record.content for record in new))
            at = known.size
            while view:
                written = os.pwrite(file, view, at)
                at, view = at + written, view[written:]
            known.durable = False
            if new[-1].last:
                os.fsync(file)
        finally:
            os.close(file)
        for record in new:
            known.offsets.append(known.size)
            known.size += len(record.content)
        if new[-1].last:
            self._end(path, known)

    def _end(self, path: Path, known: _Growing) -> None:
        path.rename(path.with_suffix(ENDED))
        _sync_folder(path.parent)
        known.ended = known.durable = True

    def _stands(self, key: tuple[str, str], known: _Growing, record: SpooledRecord) -> bool:
        """True when the record stands already; False when a power loss left something else in its place."""
        path = self._base(*key).with_suffix(ENDED if known.ended else GROWING)
        with path.open("rb") as file:
            file.seek(known.offsets[record.index])
            if file.read(len(record.content)) == record.content:
                return True
        if known.proven or known.ended:
            raise Misplaced(f"recording {key[1]}: another record {record.index} stands already")
        return False

    def make_durable(self, tenant: str, recording: str) -> None:
        """Make what was appended survive a power loss; see archiving.SealedStore."""
        known = self._growing.get((tenant, recording))
        if known is None:
            return
        path = self._base(tenant, recording).with_suffix(ENDED if known.ended else GROWING)
        with _named(path):
            if not known.durable:
                _sync_file(path)
                _sync_folder(path.parent)
            known.durable = known.proven = True
        if known.ended:
            del self._growing[tenant, recording]

    def _look(self, tenant: str, recording: str) -> _Growing:
        """Read from disk what a recording's file holds. It counts as not durable: the one before us may have died."""
        base, known = self._base(tenant, recording), _Growing(durable=False)
        known.ended = base.with_suffix(ENDED).exists()
        path = base.with_suffix(ENDED if known.ended else GROWING)
        if not path.exists():
            return _Growing()
        last = False
        try:
            with path.open("rb") as file:
                for (begin, end), record in _records(file):
                    known.offsets.append(begin)
                    known.size, last = end, bool(record.flags & END)
        except SealBroken:
            if known.ended:
                raise Misplaced(f"recording {recording}: its ended file is broken") from None
        if last and not known.ended:
            _sync_file(path)
            self._end(path, known)
        return known

    # --------------------------------------------------------------------------------------- reading

    def records(self, tenant: str, recording: str) -> Iterator[Record]:
        """Yield a recording's records, ended or growing. Raises Unavailable when there is none, SealBroken."""
        with self.reader(tenant, recording) as reader:
            yield from (record for _, record in reader.records())

    def reader(self, tenant: str, recording: str) -> SealedReader:
        """Open a recording's file, ended or growing. Raises Unavailable when there is none."""
        base = self._base(tenant, recording)
        with _named(base):
            for suffix in (ENDED, GROWING, ENDED):  # ended last again: it may be renamed while we look
                with suppress(FileNotFoundError):
                    return SealedReader(base.with_suffix(suffix).open("rb"), base)
        raise Unavailable("recordings", f"no recording {recording} is stored", retry=False)

    def stored(self, tenant: str) -> Sequence[tuple[str, bool, int]]:
        """Every recording of a tenant: id, whether it has its end, bytes."""
        found = []
        for path in sorted((self._root / tenant).glob("*")):
            if path.suffix in (ENDED, GROWING) and _RECORDING.fullmatch(path.stem):
                found.append((path.stem, path.suffix == ENDED, path.stat().st_size))
        return found

    def size(self, tenant: str, recording: str) -> tuple[int, bool] | None:
        """The bytes of one recording's file, and whether it has its end; None when there is none. Raises Unavailable."""
        base = self._base(tenant, recording)
        for suffix in (ENDED, GROWING, ENDED):
            with _named(base), suppress(FileNotFoundError):
                return base.with_suffix(suffix).stat().st_size, suffix == ENDED
        return None

    def _base(self, tenant: str, recording: str) -> Path:
        if not _TENANT.fullmatch(tenant) or not _RECORDING.fullmatch(recording):
            raise Unavailable("recordings", "not a tenant or not a recording's id", retry=False)
        return self._root / tenant / recording


class SealedReader:
    """One recording's file, held open: its records in order, or any one of them by its place."""

    def __init__(self, file: BinaryIO, name: Path) -> None:
        self._file, self._name = file, name

    def records(self) -> Iterator[tuple[tuple[int, int], Record]]:
        """Yield ((begin, end), record) from the first on, bytes of the file. Raises Unavailable, SealBroken."""
        with _named(self._name):
            self._file.seek(0)
            yield from _records(self._file)

    def at(self, begin: int, end: int) -> Record:
        """Return the record that stands there. Raises Unavailable, SealBroken."""
        with _named(self._name):
            return read_record(os.pread(self._file.fileno(), end - begin, begin), 0)[0]

    @property
    def size(self) -> int:
        """The file's size in bytes."""
        with _named(self._name):
            return os.fstat(self._file.fileno()).st_size

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> SealedReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _records(file: BinaryIO) -> Iterator[tuple[tuple[int, int], Record]]:
    """Yield the records of a file without holding all of it. Raises Torn or SealBroken at what cannot be read."""
    stored, offset, base = b"", 0, 0
    while True:
        try:
            record, after = read_record(stored, offset)
        except Torn:
            added = file.read(_WINDOW)
            if not added and offset == len(stored):
                return
            if not added:
                raise
            stored, offset, base = stored[offset:] + added, 0, base + offset
            continue
        yield (base + offset, base + after), record
        offset = after


def _sync_file(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _sync_folder(folder: Path) -> None:
    _sync_file(folder)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable("recordings", f"{error.strerror}: {path}") from error
