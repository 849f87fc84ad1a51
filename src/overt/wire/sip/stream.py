"""Messages in a byte stream (RFC 3261 §18.3): cut by Content-Length; CRLF keep-alives (RFC 5626 §3.5.1) told apart."""

from __future__ import annotations

import re

from overt.wire.sip.errors import RemoteProtocolError
from overt.wire.sip.grammar import LARGEST_MESSAGE

_LENGTH = re.compile(rb"(?:^|\r\n)(?:content-length|l)[ \t]*:[ \t]*(\d{1,6})[ \t]*(?:\r\n|$)", re.IGNORECASE)
PING = b"\r\n\r\n"
PONG = b"\r\n"


class StreamReader:
    """Collects bytes, gives whole messages. Bounded: a message longer than the limit raises RemoteProtocolError."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, received: bytes) -> list[bytes]:
        """Take bytes; return the messages that are whole now, and PING for each keep-alive."""
        self._buffer += received
        found: list[bytes] = []
        while True:
            one = self._next()
            if one is None:
                return found
            found.append(one)

    def _next(self) -> bytes | None:
        if self._buffer.startswith(PING):
            return self._cut(4)
        if self._buffer.startswith(b"\r\n") and len(self._buffer) > 2 and self._buffer[2:3] != b"\r":
            del self._buffer[:2]
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > LARGEST_MESSAGE:
                raise RemoteProtocolError("message too large", 513)
            return None
        length = _LENGTH.search(bytes(self._buffer[: end + 2]))
        if length is None:
            raise RemoteProtocolError("no Content-Length on a stream")
        total = end + 4 + int(length[1])
        if total > LARGEST_MESSAGE:
            raise RemoteProtocolError("message too large", 513)
        return self._cut(total) if len(self._buffer) >= total else None

    def _cut(self, size: int) -> bytes:
        one = bytes(self._buffer[:size])
        del self._buffer[:size]
        return one
