"""The turnstile before every password and code: few at a time, and whoever is still in it counts like a wrong try.

Without it, many tries sent at once would all be compared before the first is counted; and each comparison of a
password takes 64 MiB for a tenth of a second, so that a crowd could use up the memory.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from overt.domain.facts import Json
from overt.ports import Clock, Ledger, Unavailable
from overt.services.entering import Scribe

AT_ONCE, MOST_INSIDE = 2, 40
T = TypeVar("T")


class Turnstile:
    """One a process. Used from one event loop; hashing runs in `at_once` threads of its own."""

    def __init__(self, at_once: int = AT_ONCE, most_inside: int = MOST_INSIDE) -> None:
        self._hashing = ThreadPoolExecutor(at_once, "overt-hashing")
        self._most_inside = most_inside
        self._names: Counter[str] = Counter()
        self._addresses: Counter[str] = Counter()
        self._noting = asyncio.Lock()
        self._scribe: Scribe | None = None

    @property
    def noting(self) -> asyncio.Lock:
        """Held while a wrong try is noted and counted, so that exactly one of them is the one that locks."""
        return self._noting

    @asynccontextmanager
    async def passing(self, name: str, address: str) -> AsyncIterator[tuple[int, int]]:
        """Be inside for a try; gives how many others are, for the name and from the address.

        Raises Unavailable when too many are: then nobody's password is looked at.
        """
        if self._names.total() >= self._most_inside:
            raise Unavailable("sign-in", "too many sign in at once; try again in a moment")
        others = self._names[name], self._addresses[address]
        self._names[name] += 1
        self._addresses[address] += 1
        try:
            yield others
        finally:
            self._names = +(self._names - Counter((name,)))
            self._addresses = +(self._addresses - Counter((address,)))

    async def hash(self, work: Callable[[], T]) -> T:
        """Run something that hashes a password, beside the event loop, when its turn has come."""
        return await asyncio.get_running_loop().run_in_executor(self._hashing, work)

    def enter_later(self, ledger: Ledger, clock: Clock, tenant: str, kind: str, body: dict[str, Json]) -> None:
        """Enter a fact behind the answer's back, until it stands: neither its time nor its failure tells anything."""
        if self._scribe is None:
            self._scribe = Scribe(ledger, clock, tenant, "")
        self._scribe.note(kind, body)

    async def settled(self) -> None:
        """Wait until what was to be entered stands."""
        if self._scribe is not None:
            await self._scribe.drained()
