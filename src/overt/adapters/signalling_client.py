"""The way to calls under way, for the web and for commands: consenting.SideDoor over frames to signalling."""

from __future__ import annotations

import asyncio
from pathlib import Path

from overt import protocol
from overt.adapters.unix_frames import FrameClient
from overt.inbox import ConsentSaid
from overt.ports import Unavailable
from overt.services.consenting import NoCallUnderWay

ANSWER_S = 5.0


class SignallingClient:
    """Implements consenting.SideDoor. Reconnects when signalling was restarted."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._client = FrameClient()
        self._connecting = asyncio.Lock()

    async def say(self, call: str, word: ConsentSaid) -> str:
        """See consenting.SideDoor."""
        frame = protocol.SayConsent(
            call=call, side=word.side, granted=word.granted, purposes=word.purposes, how=word.how, by=word.by,
            told=word.told,
        )  # fmt: skip
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._connected()
                reply = await self._client.answer(frame)
        except TimeoutError as error:
            raise Unavailable("signalling", "it does not answer; nobody knows whether the call took it") from error
        except Unavailable as error:
            raise Unavailable("signalling", f"it cannot be reached: {error.why}") from error
        if isinstance(reply, protocol.ConsentTaken):
            return reply.standing
        if isinstance(reply, protocol.NotUnderWay):
            raise NoCallUnderWay("no such call is under way")
        raise Unavailable("signalling", "it gave another answer", retry=False)

    async def _connected(self) -> None:
        async with self._connecting:
            if not self._client.connected:
                self._client = FrameClient()
                await self._client.connect(self._path)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()
