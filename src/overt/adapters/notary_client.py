"""The ledger as other processes see it: ports.Ledger over frames to the notary."""

from __future__ import annotations

import asyncio
from pathlib import Path

from overt import protocol
from overt.adapters.unix_frames import FrameClient
from overt.domain.facts import Fact
from overt.ports import NotDurable, Receipt, Unavailable

RETRY_S = 0.05


class NotaryClient:
    """Implements ports.Ledger. Reconnects when the notary was restarted; a fact's id keeps it from entering twice."""

    def __init__(self, path: Path, patience_s: float = 5.0) -> None:
        self._path, self._patience_s = path, patience_s
        self._client = FrameClient()
        self._connecting = asyncio.Lock()

    async def enter(self, fact: Fact) -> Receipt:
        """See ports.Ledger."""
        frame = protocol.Append(
            id=fact.id, tenant=fact.tenant, kind=fact.kind, at_us=fact.at_us, call=fact.call,
            body=dict(fact.body), personal=dict(fact.personal),
        )  # fmt: skip
        return await self._receipt(frame)

    async def prove(self, index: int) -> Receipt:
        """The receipt of an entry that stands already. Raises NotDurable."""
        return await self._receipt(protocol.Prove(index=index))

    async def _receipt(self, frame: protocol.Frame) -> Receipt:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience_s
        why = "the notary does not answer"
        while loop.time() < deadline:
            try:
                async with asyncio.timeout_at(deadline):
                    await self._connected()
                    reply = await self._client.answer(frame)
                if isinstance(reply, protocol.Entered):
                    return Receipt(reply.index, reply.entry, reply.size, tuple(reply.proof), reply.checkpoint)
                why = "the notary gave another answer"
                break
            except Unavailable as error:
                why = error.why
                if error.port == "process" and not error.retry:
                    break
                await asyncio.sleep(RETRY_S)
            except TimeoutError:
                break
        raise NotDurable(why)

    async def _connected(self) -> None:
        async with self._connecting:
            if not self._client.connected:
                self._client = FrameClient()
                await self._client.connect(self._path)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()
