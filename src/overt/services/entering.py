"""Entering a call's facts: in their order, each once; opening ones waited for, closing ones tried until they stand."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from overt.domain.facts import Fact, Json
from overt.ports import Clock, Ledger, NotDurable, Receipt

RETRY_S = 0.5
PATIENCE_S = 5.0
TOGETHER = 32


class Scribe:
    """Writes the facts of one call. One queue keeps their order; what cannot be entered now is tried again.

    Only a fact that had to be tried again may stand after one that was noted later; none stands after one that opens.
    """

    def __init__(self, ledger: Ledger, clock: Clock, tenant: str, call: str) -> None:
        self._ledger, self._clock, self._tenant, self._call = ledger, clock, tenant, call
        self._queue: asyncio.Queue[Fact] = asyncio.Queue()
        self._last: asyncio.Task[None] | None = None
        self.last_index = -1

    def _fact(self, kind: str, body: Mapping[str, Json], personal: Mapping[str, str]) -> Fact:
        return Fact(self._clock.new_id(), self._tenant, kind, self._clock.now_us(), self._call, body, personal)

    def note(self, kind: str, body: Mapping[str, Json], personal: Mapping[str, str] | None = None) -> None:
        """Enter a fact in the background. It is tried until it stands."""
        self._queue.put_nowait(self._fact(kind, body, personal or {}))
        if self._last is None or self._last.done():
            self._last = asyncio.create_task(self._enter_queued())

    async def enter(self, kind: str, body: Mapping[str, Json]) -> Receipt:
        """Enter a fact after all that were noted before it, and return its receipt once durable. Raises NotDurable."""
        if self._last is not None and not self._last.done():
            await asyncio.wait([self._last], timeout=PATIENCE_S)
            if not self._last.done():
                raise NotDurable("the facts before it do not become durable")
        receipt = await self._ledger.enter(self._fact(kind, body, {}))
        self.last_index = max(self.last_index, receipt.index)
        return receipt

    async def _enter_queued(self) -> None:
        """Enter what waits, many at once: they are sent in their order, and become durable in it."""
        while not self._queue.empty():
            facts = [self._queue.get_nowait() for _ in range(min(self._queue.qsize(), TOGETHER))]
            await asyncio.gather(*(self._enter_at_last(fact) for fact in facts))

    async def _enter_at_last(self, fact: Fact) -> None:
        while True:
            try:
                receipt = await self._ledger.enter(fact)
                break
            except NotDurable:
                await asyncio.sleep(RETRY_S)
        self.last_index = max(self.last_index, receipt.index)

    async def drained(self) -> None:
        """Wait until everything noted is durable."""
        if self._last is not None:
            await self._last
