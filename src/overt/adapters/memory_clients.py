"""What clients need, in memory: registrations over a ledger in memory, and secrets that nobody keeps."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from overt.adapters.memory import MemoryLedger
from overt.ports import Unavailable
from overt.services.auditing import Stated


@dataclass(slots=True)
class MemoryRegistrations:
    """Implements clients.Registrations. `trouble`: they cannot be read now; `erased` entries lost their personal values;
    `seen` is how many of the ledger's entries are there at all, all when negative."""

    ledger: MemoryLedger
    trouble: str = ""
    erased: set[int] = field(default_factory=set)
    seen: int = -1
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def entries(self) -> Sequence[Stated]:
        """See clients.Registrations."""
        return [one for one in self._all() if one.kind.startswith("client.")]

    def mentions(self, word: str) -> Sequence[Stated]:
        """See clients.Registrations."""
        return [one for one in self._all() if word == one.call or word in one.body.values()]

    def _all(self) -> list[Stated]:
        if self.trouble:
            raise Unavailable("ledger", self.trouble)
        facts = self.ledger.facts if self.seen < 0 else self.ledger.facts[: self.seen]
        return [Stated(index, one.kind, one.at_us, one.call, one.body, {} if index in self.erased else one.personal)
                for index, one in enumerate(facts)]  # fmt: skip

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """See clients.Registrations."""
        async with self.lock:
            yield


@dataclass(slots=True)
class MemorySecrets:
    """Implements clients.DigestSecrets."""

    kept: dict[str, str] = field(default_factory=dict)

    def keep(self, username: str, password: str) -> str:
        """See clients.DigestSecrets."""
        self.kept[username] = password
        return self.fingerprint(username)

    def fingerprint(self, username: str) -> str:
        """See clients.DigestSecrets."""
        password = self.kept.get(username)
        return hashlib.sha256(password.encode()).hexdigest()[:12] if password is not None else ""

    def drop(self, username: str) -> None:
        """See clients.DigestSecrets."""
        self.kept.pop(username, None)
