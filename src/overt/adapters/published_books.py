"""The policy books that were published, read from the ledger's own files as they grow, and proven by its notary.

No other place says which book rules, so none can disagree with the ledger: the newest `policy.published` of which a
signed checkpoint speaks is the one. An entry that somebody wrote into the log has no proof, and is refused.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from overt.adapters.ledger_files import open_personal, read_checkpoint
from overt.ledger.checkpoint import CheckpointBroken, VerifierKey, read_unverified, verify
from overt.ledger.entry import EntryBroken, read_entry
from overt.ledger.merkle import included, leaf_hash
from overt.ports import Receipt, Unavailable
from overt.services.auditing import Stated
from overt.services.listening import ProvingLedger

KIND = "policy.published"
_MARK = f'"kind":"{KIND}"'.encode()  # canonical JSON has no spaces; within a text the quotes would be escaped
_BLOCK = 4 << 20
_PATIENCE_S, _RETRY_S = 10.0, 0.1


@dataclass(frozen=True, slots=True)
class Proof:
    """By what an entry is proven: a ledger that gives receipts, and the key that signs its checkpoints."""

    ledger: ProvingLedger
    key: VerifierKey


class PublishedBooks:
    """Implements governing.Publications over `ledger/<tenant>/`. Without a `proof` the files are believed."""

    def __init__(self, folder: Path, lock: Path, proof: Proof | None) -> None:
        self._folder, self._lock, self._proof = folder, lock, proof
        self._reading = threading.Lock()  # a rehearsal asks from a thread of its own
        self._newest: Stated | None = None
        self._proven: tuple[int, bytes] = -1, b""
        self._forget()

    def _forget(self) -> None:
        self._offset = self._lines = 0
        self._file_number = -1
        self._found: list[tuple[int, bytes]] = []

    async def newest(self) -> Stated | None:
        """See governing.Publications."""
        found = self._durable()
        if not found:
            self._newest = None
            return None
        index, line = found[-1]
        if self._newest is None or self._proven != (index, line):
            if self._proof is not None:
                _check(index, line, await self._proof.ledger.prove(index), self._proof.key)
            (self._newest,) = self._stated([(index, line)])
            self._proven = index, line
        return self._newest

    def all(self) -> Sequence[Stated]:
        """See governing.Publications."""
        return self._stated(self._durable())

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """See governing.Publications."""
        with self._lock.open("w") as lock:
            until = time.monotonic() + _PATIENCE_S
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError as error:
                    if time.monotonic() > until:
                        raise Unavailable("policy", "somebody else is publishing a book; try again") from error
                    await asyncio.sleep(_RETRY_S)
            yield

    # ---- the log, as far as it was read

    def _durable(self) -> list[tuple[int, bytes]]:
        """The publications of which a checkpoint speaks: what lies behind it may still be taken back."""
        try:
            with self._reading, (self._folder / "entries.log").open("rb", buffering=0) as file:
                status = os.fstat(file.fileno())
                if status.st_ino != self._file_number or status.st_size < self._offset:
                    self._forget()
                    self._file_number = status.st_ino
                while status.st_size > self._offset and self._read(file):
                    pass
            note = read_checkpoint(self._folder)
            size = read_unverified(note).size if note is not None else 0
        except FileNotFoundError:
            return []
        except (OSError, CheckpointBroken) as error:
            raise Unavailable("ledger", f"{self._folder} cannot be read: {error}") from error
        return [one for one in self._found if one[0] < size]

    def _read(self, file: FileIO) -> bool:
        """Read one block's whole lines; return whether there may be more. Nothing is copied: a log may be long."""
        file.seek(self._offset)
        block = file.read(_BLOCK)
        whole = block.rfind(b"\n") + 1
        at = block.find(_MARK, 0, whole)
        while at >= 0:
            begin, end = block.rfind(b"\n", 0, at) + 1, block.index(b"\n", at)
            self._found.append((self._lines + block.count(b"\n", 0, begin), block[begin:end]))
            at = block.find(_MARK, end, whole)
        self._lines += block.count(b"\n", 0, whole)
        self._offset += whole
        return whole > 0 and len(block) == _BLOCK

    def _stated(self, lines: Sequence[tuple[int, bytes]]) -> list[Stated]:
        if not lines:
            return []
        found: list[Stated] = []
        if not lines:
            return found
        try:
            with closing(open_personal(self._folder, read_only=True)) as rows:
                for index, line in lines:
                    entry = read_entry(line)
                    known = dict(rows.execute("SELECT field, value FROM personal WHERE entry = ?", (index,)))
                    found.append(Stated(index, entry.kind, entry.at_us, entry.call, entry.body, known))
        except (sqlite3.Error, EntryBroken) as error:
            why = f"a published policy book cannot be read ({error}); `overt ledger verify` says more"
            raise Unavailable("ledger", why, retry=False) from error
        return found


def _check(index: int, line: bytes, receipt: Receipt, key: VerifierKey) -> None:
    """Raise Unavailable unless a receipt proves that this line is what the ledger signed at this place."""
    try:
        checkpoint = verify(receipt.checkpoint, key)
    except CheckpointBroken as error:
        raise Unavailable("ledger", f"the receipt of a policy book does not hold: {error}", retry=False) from error
    stands = (
        receipt.entry == line
        and receipt.index == index
        and receipt.size == checkpoint.size
        and included(leaf_hash(line), index, receipt.size, receipt.proof, checkpoint.root)
    )
    if not stands:
        why = f"entry {index}, a policy book, is not what the ledger signed; `overt ledger verify` says more"
        raise Unavailable("ledger", why, retry=False)
