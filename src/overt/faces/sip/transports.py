"""UDP and TCP under the same user agent; TLS is TCP with an `ssl` context."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress

from overt.wire.sip.errors import RemoteProtocolError
from overt.wire.sip.stream import PING, PONG, StreamReader
from overt.wire.sip.transaction import Peer, Send

MOST_CONNECTIONS = 1000
OnMessage = Callable[[bytes, Peer], None]


class UdpTransport(asyncio.DatagramProtocol):
    """One UDP socket."""

    def __init__(self, on_message: OnMessage) -> None:
        self._on_message = on_message
        self._transport: asyncio.DatagramTransport | None = None

    async def open(self, host: str, port: int) -> int:
        """Bind; return the port."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(host, port))
        return int(self._transport.get_extra_info("sockname")[1])

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """asyncio's callback."""
        self._on_message(data, Peer(addr[0], addr[1]))

    def error_received(self, exc: Exception) -> None:
        """An ICMP error: the transaction's timers deal with it."""

    def send(self, send: Send) -> None:
        """Send a datagram."""
        if self._transport is not None:
            self._transport.sendto(send.encoded, (send.to.host, send.to.port))

    def close(self) -> None:
        """Close the socket."""
        if self._transport is not None:
            self._transport.close()


class TcpTransport:
    """A listener and its connections. Responses and requests go back on the connection of the peer."""

    def __init__(self, on_message: OnMessage, name: str = "TCP", context: ssl.SSLContext | None = None) -> None:
        self._on_message, self._name, self._context = on_message, name, context
        self._writers: dict[int, asyncio.StreamWriter] = {}
        self._number = 0
        self._server: asyncio.Server | None = None
        self.refused = 0

    async def open(self, host: str, port: int) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, host, port, ssl=self._context)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._writers) >= MOST_CONNECTIONS:
            self.refused += 1
            writer.close()
            return
        self._number += 1
        number, (host, port) = self._number, writer.get_extra_info("peername")[:2]
        self._writers[number] = writer
        messages = StreamReader()
        with suppress(OSError, RemoteProtocolError, asyncio.IncompleteReadError):
            while received := await reader.read(65536):
                for message in messages.feed(received):
                    if message == PING:
                        writer.write(PONG)
                    else:
                        self._on_message(message, Peer(host, port, self._name, number))
        self._writers.pop(number, None)
        writer.close()

    def send(self, send: Send) -> None:
        """Send on the peer's connection; nothing when it is gone."""
        writer = self._writers.get(send.to.connection)
        if writer is not None and not writer.is_closing():
            writer.write(send.encoded)

    def close(self) -> None:
        """Stop listening, close every connection."""
        if self._server is not None:
            self._server.close()
        for writer in self._writers.values():
            writer.close()
