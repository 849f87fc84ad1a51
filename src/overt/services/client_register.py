"""The live register: which clients may bring calls at this moment, as a running signaller follows the ledger.

What cannot be read is reported once; the last good clients stay (P12). A client that was removed is gone within a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from overt.domain.clients import Client
from overt.domain.errors import ClientRefused
from overt.ports import Unavailable
from overt.services.auditing import Stated
from overt.services.clients import Registered, Registrations, read_register

LOOK_EACH_S = 0.4
LOOK_S = 2.0  # proving new entries takes no longer, or is tried again


class ClientRegister:
    """Who may bring calls now. `follow` keeps it up to date; `clients()` costs nothing."""

    def __init__(self, registrations: Registrations, report: Callable[[Exception], None]) -> None:
        self._registrations, self._report = registrations, report
        self._standing: Mapping[str, Registered] = {}
        self._clients: tuple[Client, ...] = ()
        self._entry = -1
        self._trouble = ""
        self.version = 0

    def clients(self) -> Sequence[Client]:
        """Return the clients; the same object for as long as nothing changed (`version` counts changes)."""
        return self._clients

    def named(self, name: str) -> Client | None:
        """Return a client by name."""
        known = self._standing.get(name)
        return known.client if known is not None and not known.trouble else None

    async def look(self) -> None:
        """Take up what changed. Never raises for what a port may do; it is reported, once for each trouble."""
        try:
            async with asyncio.timeout(LOOK_S):
                self._take(await self._registrations.entries())
        except (Unavailable, ClientRefused, TimeoutError, KeyError, TypeError, ValueError) as error:
            self._tell(str(error) or "the newest entry about clients could not be proven in time", error)

    def _take(self, entries: Sequence[Stated]) -> None:
        newest = entries[-1].index if entries else -1
        if newest < self._entry:
            raise ClientRefused("entries about clients are gone from the ledger; those that were known stay")
        if newest > self._entry:
            self._standing = read_register(entries)
            self._clients = tuple(one.client for one in self._standing.values() if not one.trouble)
            self._entry = newest
            self.version += 1
        troubles = "; ".join(one.trouble for one in self._standing.values() if one.trouble)
        self._tell(troubles, ClientRefused(troubles))

    def _tell(self, trouble: str, error: Exception) -> None:
        if trouble and trouble != self._trouble:
            self._report(error)
        self._trouble = trouble

    async def follow(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EACH_S)
