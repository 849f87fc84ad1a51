"""Calls that are only heard, at the desk: one method a frame, and the ticks of the batch in turns of the loop.

A turn is short while the engine also serves calls in path: their packets wait for it.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from overt import protocol
from overt.engine.arena import SLOTS
from overt.engine.batch import TICK_NS, Batch
from overt.engine.loop import Loop
from overt.engine.stream_leg import Agreed
from overt.protocol import Done, Failed, Frame
from overt.vault.track import TRACKS
from overt.wire.rtp.codecs import CODECS

SHORT_TURN = 512
MUTE = "a recording server cannot speak"


class Beside:
    """The calls of a batch, as frames order them.

    `look` looks at all leases, and comes before anything is read; `busy` says whether calls in path are served too.
    """

    def __init__(self, loop: Loop, batch: Batch, look: Callable[[], None], busy: Callable[[], bool]) -> None:
        self._loop, self._batch, self._look, self._busy = loop, batch, look, busy
        self._turns: Iterator[None] = iter(())
        self._under_way = False
        loop.every(TICK_NS, self._tick)

    def concerns(self, frame: Any) -> bool:
        """True for a frame about a call beside; one that brings such a call is about it too."""
        return getattr(frame, "beside", False) or getattr(frame, "call", "") in self._batch

    def handle(self, frame: Any, sockets: list[socket.socket]) -> Frame | None:
        """Do what a frame says; the reply."""
        handler = _HANDLERS.get(type(frame))
        return handler(self, frame, sockets) if handler is not None else Failed(why=MUTE)

    # ---- ticks

    def _tick(self) -> None:
        """Begin a tick, unless the one before is not over: then that one was late, and nothing is lost."""
        if not self._under_way:
            self._look()
            self._under_way = True
            self._turns = self._batch.turns(SHORT_TURN if self._busy() else SLOTS)
            self._turn()

    def _turn(self) -> None:
        """Take a turn; the next one comes after whatever waits at the loop."""
        try:
            next(self._turns)
        except StopIteration:
            self._under_way = False
        else:
            self._loop.at(time.monotonic_ns(), self._turn)

    # ---- frames

    def _allocate(self, frame: protocol.Allocate, sockets: list[socket.socket]) -> Frame:
        if frame.call in self._batch or len(sockets) != 2 * len(TRACKS):
            return Failed(why="the call is here already, or it does not bring four sockets")
        patience_ns = frame.rtp_timeout_ms * 1_000_000
        for at, side in enumerate(TRACKS):
            rtp, rtcp = sockets[2 * at : 2 * at + 2]
            self._batch.add_leg(frame.tenant, frame.call, side, rtp, Agreed(), rtcp, patience_ns, frame.from_s)
        return Done()

    def _connect(self, frame: protocol.Connect, _: list[socket.socket]) -> Frame:
        unknown = [name for name in (frame.codec, *dict(frame.others).values()) if name not in CODECS]
        if unknown:
            return Failed(why=f"no codec {unknown[0]}")
        try:
            self._batch.agree(frame.call, frame.side, agreed(frame))
        except ValueError as error:
            return Failed(why=str(error))
        return Done()

    def _keep_context(self, frame: protocol.KeepContext, _: list[socket.socket]) -> Frame:
        self._batch.keep_context(frame.call, frame.context)
        return Done()

    def _open(self, frame: protocol.OpenCapture, _: list[socket.socket]) -> Frame:
        return _done_or(self._batch.open(frame))

    def _pause(self, frame: protocol.PauseCapture, _: list[socket.socket]) -> Frame:
        self._batch.pause(frame.call, frame.reason)
        return Done()

    def _resume(self, frame: protocol.ResumeCapture, _: list[socket.socket]) -> Frame:
        return _done_or(self._batch.resume(frame))

    def _close(self, frame: protocol.CloseCapture, _: list[socket.socket]) -> Frame:
        return self._batch.close(frame.call, frame.reason) or Done()

    def _release(self, frame: protocol.Release, _: list[socket.socket]) -> Frame:
        return self._batch.release(frame.call)


def agreed(frame: protocol.Connect) -> Agreed:
    """What a frame says of a leg's stream."""
    kinds = ((frame.payload_type, frame.codec), *frame.others)
    codes = {kind: CODECS[name].code for kind, name in reversed(kinds)}
    preferred = {frame.payload_type: codes.pop(frame.payload_type)}
    return Agreed(
        frame.address, preferred | codes, frame.event_type, frame.anywhere, frame.sends, frame.srtp, frame.port
    )


def _done_or(wrong: str) -> Frame:
    return Failed(why=wrong) if wrong else Done()


_HANDLERS: Mapping[type, Callable[[Beside, Any, list[socket.socket]], Frame | None]] = {
    protocol.Allocate: Beside._allocate, protocol.Connect: Beside._connect, protocol.KeepContext: Beside._keep_context,
    protocol.OpenCapture: Beside._open, protocol.PauseCapture: Beside._pause, protocol.ResumeCapture: Beside._resume,
    protocol.CloseCapture: Beside._close, protocol.Release: Beside._release,
}  # fmt: skip
