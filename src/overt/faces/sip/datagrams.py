"""A UDP socket under the user agent: read in batches, what the kernel dropped and what ICMP says counted."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from collections.abc import Callable

from overt.wire.sip.transaction import Peer

WISHED_BUFFER = 4 << 20  # what arrives while the loop is busy for half a second, at 2,000 INVITEs of 4 kB a second
BATCH = 64  # datagrams that are read before anything else gets its turn
SO_RXQ_OVFL, IP_RECVERR, IPV6_RECVERR = 40, 11, 25  # Linux; the socket module does not name them all
ANCILLARY = 256
OnMessage = Callable[[bytes, Peer], None]


class DatagramDoor:
    """One bound UDP socket. `number` is the connection number of the peers that come by it."""

    def __init__(
        self, number: int, on_message: OnMessage, on_unreachable: Callable[[str, int], None], count: Callable[..., None]
    ) -> None:
        self._number, self._on_message, self._on_unreachable, self._count = number, on_message, on_unreachable, count
        self._socket: socket.socket | None = None
        self._dropped = 0
        self.buffer = 0  # bytes that the kernel granted, its own book-keeping among them

    def open(self, address: str, port: int) -> int:
        """Bind; return the port. Raises OSError."""
        six = ":" in address
        made = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            made.setblocking(False)
            if six:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WISHED_BUFFER)
            made.setsockopt(socket.SOL_SOCKET, SO_RXQ_OVFL, 1)
            made.setsockopt(socket.IPPROTO_IPV6 if six else socket.IPPROTO_IP, IPV6_RECVERR if six else IP_RECVERR, 1)
            made.bind((address, port))
        except OSError:
            made.close()
            raise
        self._socket, self.buffer = made, made.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        asyncio.get_running_loop().add_reader(made.fileno(), self._readable)
        return int(made.getsockname()[1])

    def _readable(self) -> None:
        for _ in range(BATCH):
            if self._socket is None:
                return
            try:
                received, ancillary, _, source = self._socket.recvmsg(65_535, ANCILLARY)
            except BlockingIOError:
                self._read_errors()
                return
            except OSError:
                self._read_errors()
                continue
            self._note_drops(ancillary)
            self._on_message(received, Peer(source[0], source[1], "UDP", self._number))

    def _note_drops(self, ancillary: list[tuple[int, int, bytes]]) -> None:
        for level, kind, value in ancillary:
            if level == socket.SOL_SOCKET and kind == SO_RXQ_OVFL:
                (total,) = struct.unpack_from("=I", value)
                self._count("UDP: dropped by the kernel", (total - self._dropped) & 0xFFFFFFFF)
                self._dropped = total

    def _read_errors(self) -> None:
        """Take what ICMP said of datagrams of ours: whom they were for can not be reached."""
        for _ in range(BATCH):
            if self._socket is None:
                return
            try:
                _, _, _, destination = self._socket.recvmsg(0, 512, socket.MSG_ERRQUEUE)
            except OSError:
                return
            self._count("UDP: ICMP errors")
            if destination:
                self._on_unreachable(destination[0], destination[1])

    def send(self, encoded: bytes, host: str, port: int) -> bool:
        """Send a datagram; False when it cannot go to that address at all."""
        for last in (False, True):
            if self._socket is None:
                return False
            try:
                self._socket.sendto(encoded, (host, port))
                return True
            except BlockingIOError:
                self._count("UDP: the send buffer is full")
                return True  # as if lost on the way: it is sent again
            except OSError as error:
                self._read_errors()  # an earlier datagram's error is reported by whatever is called next
                if last or error.errno not in (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH):
                    break
        self._count("UDP: not sent")
        return False

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None
