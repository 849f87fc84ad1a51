"""The policy books that were published, as the ledger's own files say, and proven by its notary.

No other place says which book rules, so none can disagree with the ledger: the newest `policy.published` of which a
signed checkpoint speaks is the one. An entry that somebody wrote into the log has no proof, and is refused.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from overt.adapters.lone_change import alone
from overt.adapters.proven_entries import Proof as Proof
from overt.adapters.proven_entries import ProvenEntries
from overt.services.auditing import Stated

KIND = "policy.published"
_MARK = f'"kind":"{KIND}"'.encode()  # canonical JSON has no spaces; within a text the quotes would be escaped


class PublishedBooks:
    """Implements governing.Publications over `ledger/<tenant>/`. Without a `proof` the files are believed."""

    def __init__(self, folder: Path, lock: Path, proof: Proof | None) -> None:
        self._entries, self._lock = ProvenEntries(folder, _MARK, "a policy book", proof), lock

    async def newest(self) -> Stated | None:
        """See governing.Publications."""
        return await self._entries.newest()

    def all(self) -> Sequence[Stated]:
        """See governing.Publications."""
        return self._entries.believed()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """See governing.Publications."""
        async with alone(self._lock, "policy", "somebody else is publishing a book; try again"):
            yield
