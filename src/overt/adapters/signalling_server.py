"""Signalling's side door, DATA/run/signalling.sock: what others of our own processes tell calls under way.

Whoever comes must be of the same account, as the kernel says (SO_PEERCRED); the socket is 0600 besides.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from overt import protocol
from overt.adapters.unix_frames import Asker, FrameServer
from overt.domain.identity import SIDES
from overt.inbox import ConsentSaid
from overt.ports import Unavailable

SOCKET = "run/signalling.sock"
Take = Callable[[ConsentSaid], Awaitable[str]]
Find = Callable[[str], Take | None]
_log = logging.getLogger("overt.signalling")


class SignallingServer:
    """Answers at the side door. `find` gives the way to a call under way, None when there is no such."""

    def __init__(self, path: Path, find: Find) -> None:
        self._find = find
        self._server = FrameServer(path, self.handle)

    async def start(self) -> None:
        """Listen. Raises OSError."""
        await self._server.start()

    async def stop(self) -> None:
        """Stop listening."""
        await self._server.stop()

    async def handle(self, frame: protocol.AnyFrame, asker: Asker) -> protocol.Frame:
        """Answer one frame."""
        if asker.uid != os.getuid():
            _log.warning("somebody of the user id %d came to the side door and was refused", asker.uid)
            return protocol.Failed(why="this is the door of another account")
        if not isinstance(frame, protocol.SayConsent) or frame.side not in SIDES:
            return protocol.Failed(why="not a frame for signalling")
        take = self._find(frame.call)
        if take is None:
            return protocol.NotUnderWay()
        word = ConsentSaid(frame.side, frame.granted, frame.purposes, frame.how, frame.by, frame.told)
        try:
            return protocol.ConsentTaken(standing=await take(word))
        except Unavailable as error:
            return protocol.Failed(why=error.why, retry=error.retry)
