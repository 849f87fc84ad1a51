"""Proving: reading the ledger as it stands, window by window, so that whoever doubts it can check it themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from overt.services.auditing import Stated


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the ledger as it is shown: what it states, its canonical line, its leaf hash (hexadecimal)."""

    stated: Stated
    line: str
    leaf: str


class LedgerView(Protocol):
    """Reading the ledger. Every method may raise Unavailable."""

    def size(self) -> int:
        """How many entries there are."""
        ...

    def entries(self, first: int, count: int) -> Sequence[Entry]:
        """Return the entries from `first` on, oldest first."""
        ...

    def some(self, indexes: Sequence[int]) -> Sequence[Entry]:
        """Return the entries of these indexes, as far as there are such."""
        ...

    def checkpoint(self) -> str:
        """The latest signed note, empty before the first entry."""
        ...

    def leaves(self, first: int, count: int) -> bytes:
        """Return the stored leaf hashes, 32 bytes each."""
        ...
