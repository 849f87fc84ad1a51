"""What the ledger says of clients, as its own files say, and proven by its notary."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from overt.adapters.lone_change import alone
from overt.adapters.proven_entries import Proof, ProvenEntries
from overt.ledger.entry import EntryBroken, read_entry
from overt.ports import Unavailable
from overt.services.auditing import Stated

_MARK = b'"kind":"client.'  # canonical JSON has no spaces; within a text the quotes would be escaped


class LedgerClients:
    """Implements clients.Registrations over `ledger/<tenant>/`. Without a `proof` the files are believed."""

    def __init__(self, folder: Path, lock: Path, proof: Proof | None) -> None:
        self._entries = ProvenEntries(folder, _MARK, "an entry about a client", proof)
        self._folder, self._lock = folder, lock

    async def entries(self) -> Sequence[Stated]:
        """See clients.Registrations."""
        return await self._entries.each()

    def mentions(self, word: str) -> Sequence[Stated]:
        """See clients.Registrations. The whole log is looked through."""
        try:
            return [Stated(index, one.kind, one.at_us, one.call, one.body, {})
                    for index, line in _lines(self._folder / "entries.log", json.dumps(word, ensure_ascii=False).encode())
                    for one in [read_entry(line)]]  # fmt: skip
        except FileNotFoundError:
            return []
        except (OSError, EntryBroken) as error:
            raise Unavailable("ledger", f"{self._folder} cannot be read: {error}") from error

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """See clients.Registrations."""
        async with alone(self._lock, "clients", "somebody else is changing the clients; try again"):
            yield


def _lines(path: Path, mark: bytes) -> Iterator[tuple[int, bytes]]:
    """Every whole line that holds a mark, with its number."""
    with path.open("rb") as file:
        for number, line in enumerate(file):
            if mark in line and line.endswith(b"\n"):
                yield number, line[:-1]
