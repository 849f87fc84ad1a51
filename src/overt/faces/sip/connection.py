"""One TCP or TLS connection: messages in, messages out, and when it is to be closed."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from overt.faces.sip.certificates import Certificate, shown_by
from overt.wire.sip.errors import RemoteProtocolError
from overt.wire.sip.stream import PING, PONG, StreamReader
from overt.wire.sip.transaction import Peer

if TYPE_CHECKING:
    from overt.faces.sip.connections import Connections


@dataclass(slots=True)
class Door:
    """A listening socket: its transport's name, how the context for a new connection is got (TLS), and its number."""

    transport: str
    number: int
    context: Callable[[], ssl.SSLContext] | None = None
    socket: socket.socket | None = None


class Connection(asyncio.Protocol):
    """A connection. `name`: the name that led us to open it; `door`: the listener that it came by, when it came by one."""

    def __init__(self, owner: Connections, peer: Peer, *, door: Door | None = None, name: str = "") -> None:
        self._owner, self.peer, self.door, self.name = owner, peer, door, name
        self.opened = self.trusted = door is None
        self.certificate: Certificate | None = None
        self.stuck_until = 0.0
        self.reused = False  # stands for a port of its peer's too (RFC 5923)
        self._transport: asyncio.Transport | None = None
        self._reader = StreamReader(opened=self.opened)
        self._loop = asyncio.get_running_loop()
        self._made = self._used = self._loop.time()
        self._begun = self._stalled = self._pinged = 0.0
        self._ping_at = self._made + owner.ping_after()
        self._answers_pings = False

    # ---- asyncio's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It stands, TLS included."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=self._owner.bounds.unwritten // 4)
        self.certificate = shown_by(transport)
        self._used = self._loop.time()

    def data_received(self, received: bytes) -> None:
        """Bytes came."""
        if self.stuck_until or self._transport is None:
            return
        try:
            for message in self._reader.feed(received):
                self._take(message)
                if self.stuck_until or self._transport is None or self._transport.is_closing():
                    return
        except RemoteProtocolError as error:
            self._owner.count(f"{self.peer.transport}: closed, {error.reason}")
            self.close()
            return
        self._begun = (self._begun or self._loop.time()) if self._reader.partial else 0.0

    def _take(self, message: bytes) -> None:
        self._begun, self._used = 0.0, self._loop.time()
        if message == PONG and self.opened:
            self._pinged, self._answers_pings = 0.0, True
        elif message == PING:
            self.write(PONG)
        else:
            self._owner.on_message(message, self.peer)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._transport = None
        self._owner.gone(self)

    def pause_writing(self) -> None:
        """The peer reads nothing, or not fast enough."""
        self._stalled = self._loop.time()

    def resume_writing(self) -> None:
        """It reads again."""
        self._stalled = 0.0

    # ---- for its owner

    def write(self, encoded: bytes) -> bool:
        """Send; False when the connection is gone, or goes since the peer reads nothing."""
        if self._transport is None or self._transport.is_closing() or self.stuck_until:
            return False
        if self._transport.get_write_buffer_size() + len(encoded) > self._owner.bounds.unwritten:
            self._drop("a peer that reads nothing")
            return False
        self._transport.write(encoded)
        self._used = self._loop.time()
        return True

    def check(self, now: float) -> None:
        """Close it when it is time, ping when it is time."""
        bounds = self._owner.bounds
        if self._transport is None:
            return  # its handshake has a time of its own
        if self.stuck_until:
            if now >= self.stuck_until:
                self.abort()
        elif self._begun and now - self._begun > bounds.message_s:
            self._drop("a message that does not end")
        elif self._stalled and now - self._stalled > bounds.stalled_s:
            self._drop("a peer that reads nothing")
        elif not self.trusted and now - self._made > bounds.stranger_s:
            self._drop("nobody whom we know")
        elif now - self._used > bounds.idle_s:
            self._drop("idle")
        elif self.opened:
            self._ping(now)

    def _ping(self, now: float) -> None:
        """Keep alive what we opened. Who never answered a ping may not know them: then the kernel alone watches."""
        if self._pinged and self._answers_pings and now - self._pinged > self._owner.bounds.pong_s:
            self._drop("no answer to a keep-alive")
        elif now >= self._ping_at and self._transport is not None:
            self._transport.write(PING)
            self._pinged, self._ping_at = self._pinged or now, now + self._owner.ping_after()

    def _drop(self, why: str) -> None:
        self._owner.count(f"{self.peer.transport}: closed, {why}")
        self.abort()

    def hold(self, seconds: float) -> None:
        """Read nothing any more, and close later."""
        self.stuck_until = self._loop.time() + seconds
        if self._transport is not None:
            self._transport.pause_reading()

    def close(self) -> None:
        """Close, what is written first."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()
