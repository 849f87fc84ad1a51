"""Entries of a kind, read from the ledger's own files as they grow, and proven by its notary.

No other place says what they say, so none can disagree with the ledger. Only that counts of which a signed checkpoint
speaks; an entry that somebody wrote into the log has no proof, and is refused.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
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

_BLOCK = 4 << 20


@dataclass(frozen=True, slots=True)
class Proof:
    """By what an entry is proven: a ledger that gives receipts, and the key that signs its checkpoints."""

    ledger: ProvingLedger
    key: VerifierKey


class ProvenEntries:
    """The entries of `ledger/<tenant>/` whose canonical line holds `mark`, oldest first. `what` names one, in errors.

    Without a `proof` the files are believed. May be asked by many threads.
    """

    def __init__(self, folder: Path, mark: bytes, what: str, proof: Proof | None) -> None:
        self._folder, self._mark, self._what, self._proof = folder, mark, what, proof
        self._reading = threading.Lock()
        self._proven: dict[int, tuple[bytes, Stated]] = {}
        self._forget()

    def _forget(self) -> None:
        self._offset = self._lines = 0
        self._file_number = -1
        self._found: list[tuple[int, bytes]] = []

    async def newest(self) -> Stated | None:
        """Return the newest, proven; None before there is one. Raises Unavailable."""
        found = self._durable()
        return await self._proved(*found[-1]) if found else None

    async def each(self) -> Sequence[Stated]:
        """Return all, each proven once. Raises Unavailable."""
        return [await self._proved(*one) for one in self._durable()]

    def believed(self) -> Sequence[Stated]:
        """Return all, as the files say. Raises Unavailable."""
        return self._stated(self._durable())

    async def _proved(self, index: int, line: bytes) -> Stated:
        known = self._proven.get(index)
        if known is None or known[0] != line:
            if self._proof is not None:
                _check(index, line, await self._proof.ledger.prove(index), self._proof.key, self._what)
            (stated,) = self._stated([(index, line)])
            self._proven[index] = known = (line, stated)
        return known[1]

    # ---- the log, as far as it was read

    def _durable(self) -> list[tuple[int, bytes]]:
        """Those of which a checkpoint speaks: what lies behind it may still be taken back."""
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
        at = block.find(self._mark, 0, whole)
        while at >= 0:
            begin, end = block.rfind(b"\n", 0, at) + 1, block.index(b"\n", at)
            self._found.append((self._lines + block.count(b"\n", 0, begin), block[begin:end]))
            at = block.find(self._mark, end, whole)
        self._lines += block.count(b"\n", 0, whole)
        self._offset += whole
        return whole > 0 and len(block) == _BLOCK

    def _stated(self, lines: Sequence[tuple[int, bytes]]) -> list[Stated]:
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
            why = f"{self._what} cannot be read ({error}); `overt ledger verify` says more"
            raise Unavailable("ledger", why, retry=False) from error
        return found


def _check(index: int, line: bytes, receipt: Receipt, key: VerifierKey, what: str) -> None:
    """Raise Unavailable unless a receipt proves that this line is what the ledger signed at this place."""
    try:
        checkpoint = verify(receipt.checkpoint, key)
    except CheckpointBroken as error:
        raise Unavailable("ledger", f"the receipt of {what} does not hold: {error}", retry=False) from error
    stands = (
        receipt.entry == line
        and receipt.index == index
        and receipt.size == checkpoint.size
        and included(leaf_hash(line), index, receipt.size, receipt.proof, checkpoint.root)
    )
    if not stands:
        why = f"entry {index}, {what}, is not what the ledger signed; `overt ledger verify` says more"
        raise Unavailable("ledger", why, retry=False)
