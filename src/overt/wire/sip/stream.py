"""Messages in a byte stream (RFC 3261 §18.3): cut by Content-Length; CRLF keep-alives (RFC 5626 §3.5.1) told apart."""

from __future__ import annotations

import re
from collections.abc import Iterator

from overt.wire.sip.errors import RemoteProtocolError
from overt.wire.sip.grammar import LARGEST_MESSAGE

_LENGTH = re.compile(rb"\r\n(?:content-length|l)[ \t]*:((?:[^\r\n]|\r\n[ \t])*)", re.IGNORECASE)
PING = b"\r\n\r\n"
PONG = b"\r\n"


class StreamReader:
    """Collects bytes, gives whole messages. Bounded: a message longer than the limit raises RemoteProtocolError.

    After an error nobody can say where the next message begins: the connection is to be closed. `opened`: whether we opened
    the connection; then what stands between messages are the other side's PONGs, else its PINGs.
    """

    def __init__(self, *, opened: bool = False) -> None:
        self._buffer = bytearray()
        self._opened = opened
        self._searched = self._whole = 0

    def feed(self, received: bytes) -> Iterator[bytes]:
        """Take bytes; give the messages that are whole now, and PING or PONG for each keep-alive.

        An error in the first of them is raised at once, one behind it only after those before it were given.
        """
        self._buffer += received
        first = self._next()
        return self._from(first)

    @property
    def partial(self) -> bool:
        """Whether a message has begun and is not whole; line ends alone begin none."""
        return not PING.startswith(bytes(self._buffer[: len(PING)]))

    def _from(self, one: bytes | None) -> Iterator[bytes]:
        while one is not None:
            yield one
            one = self._next()

    def _next(self) -> bytes | None:
        if not self._whole:
            alive = self._keep_alive()
            if alive is not None:
                return alive
            self._whole = self._measure()
        if not self._whole or len(self._buffer) < self._whole:
            return None
        whole, self._whole = self._whole, 0
        return self._cut(whole)

    def _keep_alive(self) -> bytes | None:
        """What stands before the next message; a single CRLF before one belongs to nobody (RFC 3261 §7.5)."""
        alive = PONG if self._opened else PING
        if self._buffer.startswith(alive):
            return self._cut(len(alive))
        if len(self._buffer) > 2 and self._buffer.startswith(b"\r\n") and self._buffer[2:3] != b"\r":
            del self._buffer[:2]
        return None

    def _measure(self) -> int:
        """The length of the message at the front, 0 while its headers are not whole."""
        end = self._buffer.find(b"\r\n\r\n", self._searched)
        if end < 0:
            if len(self._buffer) > LARGEST_MESSAGE:
                raise RemoteProtocolError("message too large", 513)
            # What was searched is not searched again, or bytes that come singly would cost their square.
            self._searched = max(0, len(self._buffer) - 3)
            return 0
        self._searched = 0
        total = end + 4 + _content_length(bytes(self._buffer[:end]))
        if total > LARGEST_MESSAGE:
            raise RemoteProtocolError("message too large", 513)
        return total

    def _cut(self, size: int) -> bytes:
        one = bytes(self._buffer[:size])
        del self._buffer[:size]
        return one


def _content_length(head: bytes) -> int:
    found = _LENGTH.findall(head)
    if not found:
        raise RemoteProtocolError("no Content-Length on a stream")
    if len(found) > 1:
        raise RemoteProtocolError("Content-Length stands twice on a stream")
    stated = found[0].strip()
    if not stated.isdigit():
        raise RemoteProtocolError("malformed Content-Length on a stream")
    if len(stated) > 32:
        raise RemoteProtocolError("message too large", 513)
    return int(stated)
