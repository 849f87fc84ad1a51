"""The ledger's files: `entries.log` (a canonical line an entry), `leaves` (its hash), `checkpoint`, and what is erasable.

DATA/ledger/<tenant>/entries.log      append only
DATA/ledger/<tenant>/leaves           32 bytes an entry: tells which entry was changed
DATA/ledger/<tenant>/checkpoint       the latest signed note
DATA/ledger/<tenant>/personal.sqlite  personal values and their salts, outside the tree
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from overt.ledger.checkpoint import Checkpoint, read_unverified
from overt.ledger.merkle import Tree, leaf_hash
from overt.ports import NotDurable, Unavailable

LEAF_BYTES = 32


@dataclass(frozen=True, slots=True)
class PersonalRow:
    """One personal value of an entry, with its salt."""

    index: int
    field: str
    salt: bytes
    value: str


class LedgerFiles:
    """The writer's view. One process at a time holds the lock."""

    def __init__(self, folder: Path) -> None:
        """Open and repair after a crash. Raises Unavailable when another notary runs, or entries are missing."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._lock = os.open(folder / "lock", os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise Unavailable("notary", f"another notary holds {folder}") from error
        self._personal = open_personal(folder)
        self._log = os.open(folder / "entries.log", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._leaves = os.open(folder / "leaves", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self.lines = self._repair()
        self.tree = Tree([leaf_hash(line) for line in self.lines])
        self._unchanged()

    def _repair(self) -> list[bytes]:
        """Cut a torn last line, drop personal rows without an entry, bring `leaves` up to date."""
        lines = read_lines(self._folder)
        checkpoint = read_checkpoint(self._folder)
        if checkpoint is not None and read_unverified(checkpoint).size > len(lines):
            raise Unavailable(
                "notary",
                f"{self._folder}/entries.log has {len(lines)} entries but its checkpoint speaks of "
                f"{read_unverified(checkpoint).size}: entries were removed. Keep all files as they are, run "
                "`overt ledger verify`, restore the log from a copy; nothing is recorded meanwhile",
                retry=False,
            )
        os.ftruncate(self._log, sum(len(line) + 1 for line in lines))
        os.ftruncate(self._leaves, 0)
        _write_all(self._leaves, b"".join(leaf_hash(line) for line in lines))
        with self._personal:
            self._personal.execute("DELETE FROM personal WHERE entry >= ?", (len(lines),))
        return lines

    def _unchanged(self) -> None:
        """Raise Unavailable when the log is not what its checkpoint signed: a notary must not sign a changed past."""
        note = read_checkpoint(self._folder)
        signed = read_unverified(note) if note is not None else None
        if signed is not None and self.tree.root(signed.size) != signed.root:
            raise Unavailable(
                "notary",
                f"{self._folder}/entries.log is not what its checkpoint signed: an entry was changed. Keep all files as they "
                "are; `overt ledger verify` names the entry; restore the log from a copy; nothing is recorded meanwhile",
                retry=False,
            )

    def append(self, lines: Sequence[bytes], personal: Iterable[PersonalRow]) -> None:
        """Make entries durable: personal values first, then the lines. Raises NotDurable and leaves nothing torn."""
        begin = os.fstat(self._log).st_size
        try:
            with self._personal:
                rows = [(one.index, one.field, one.salt, one.value) for one in personal]
                self._personal.executemany("INSERT OR REPLACE INTO personal VALUES (?, ?, ?, ?)", rows)
            _write_all(self._log, b"".join(line + b"\n" for line in lines))
            os.fdatasync(self._log)
        except (OSError, sqlite3.Error) as error:
            os.ftruncate(self._log, begin)
            raise NotDurable(f"the ledger cannot be written: {error}") from error
        for line in lines:
            self.tree.append(leaf_hash(line))
        self.lines += lines

    def publish(self, note: str) -> None:
        """Replace the checkpoint, durably. Raises NotDurable."""
        new = self._folder / "checkpoint.new"
        try:
            _write_all(self._leaves, b"".join(leaf_hash(line) for line in self.lines[self._leaves_written() :]))
            with new.open("w") as file:
                file.write(note)
                file.flush()
                os.fdatasync(file.fileno())
            new.rename(self._folder / "checkpoint")
        except OSError as error:
            raise NotDurable(f"the checkpoint cannot be written: {error}") from error

    def _leaves_written(self) -> int:
        return os.fstat(self._leaves).st_size // LEAF_BYTES

    def close(self) -> None:
        """Close all and let another notary in."""
        self._personal.close()
        for handle in (self._log, self._leaves, self._lock):
            os.close(handle)


def _write_all(handle: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(handle, view) :]


def open_personal(folder: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open the register of personal values; erased rows are overwritten (secure_delete)."""
    path = folder / "personal.sqlite"
    if read_only:
        return sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    connection = sqlite3.connect(path)
    path.chmod(0o600)
    connection.executescript(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;"
        "CREATE TABLE IF NOT EXISTS personal (entry INTEGER, field TEXT, salt BLOB, value TEXT, PRIMARY KEY (entry, field));"
    )
    return connection


def read_lines(folder: Path) -> list[bytes]:
    """The whole lines of the log; a torn one at the end is not among them."""
    try:
        content = (folder / "entries.log").read_bytes()
    except FileNotFoundError:
        return []
    return content.split(b"\n")[:-1]


def read_leaves(folder: Path) -> list[bytes]:
    """The stored leaf hashes."""
    try:
        content = (folder / "leaves").read_bytes()
    except FileNotFoundError:
        return []
    return [content[at : at + LEAF_BYTES] for at in range(0, len(content), LEAF_BYTES)]


def read_checkpoint(folder: Path) -> str | None:
    """The latest checkpoint's note, None before the first entry."""
    try:
        return (folder / "checkpoint").read_text()
    except FileNotFoundError:
        return None


def read_personal(folder: Path) -> dict[tuple[int, str], tuple[bytes, str]]:
    """All personal values with their salts, by (entry, field)."""
    if not (folder / "personal.sqlite").exists():
        return {}
    connection = open_personal(folder, read_only=True)
    try:
        rows = connection.execute("SELECT entry, field, salt, value FROM personal").fetchall()
    finally:
        connection.close()
    return {(entry, field): (salt, value) for entry, field, salt, value in rows}


def checkpoint_of(tree: Tree, origin: str) -> Checkpoint:
    """The checkpoint of a tree as it stands."""
    return Checkpoint(origin, tree.size, tree.root())
