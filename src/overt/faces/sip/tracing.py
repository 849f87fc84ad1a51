"""Which call a SIP message belongs to, and who is told of it.

A message is known by its Call-ID. The first one of a call comes before the call has its name: it waits until the gateway has
given it one (`belongs`), or until it is clear that no call comes of it (`settle`). A call's last messages come after its end:
its Call-ID is remembered for as long as transactions live (RFC 3261 §17, 64 T1).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from overt.ports import Tracer
from overt.wire.sip.transaction import LIFETIME, Peer, Send

MOST_LOOSE = 64
MOST_OF_NOBODY = 64  # a second: masking what a flood of strangers brings would take the time of calls
SECOND = 1_000_000_000
_CALL_ID = re.compile(rb"^(?:call-id|i)[ \t]*:([^\r\n]*)", re.IGNORECASE | re.MULTILINE)


class Tracing:
    """Tells tracers of messages. `now_us` is UTC; the monotonic `now` of the callers says when a call may be forgotten."""

    def __init__(self, tracers: Sequence[Tracer], now_us: Callable[[], int]) -> None:
        self._tracers, self._now_us = tracers, now_us
        self._calls: dict[bytes, tuple[str, str]] = {}
        self._over: dict[bytes, int] = {}  # Call-ID → when it is forgotten, in the order of time
        self._loose: list[tuple[bytes, bool, str, bytes, int]] = []
        self._second, self._nobodys = 0, 0

    def arrived(self, message: bytes, source: Peer) -> None:
        """A message came."""
        if self._tracers:
            self._note(message, source, outgoing=False)

    def sent(self, send: Send) -> None:
        """A message goes out."""
        if self._tracers:
            self._note(send.encoded, send.to, outgoing=True)

    def _note(self, message: bytes, peer: Peer, *, outgoing: bool) -> None:
        found = _CALL_ID.search(message, 0, 8192)
        call_id = found[1].strip(b" \t") if found is not None else b""
        known = self._calls.get(call_id)
        if known is not None:
            self._tell(*known, outgoing, named(peer), message, self._now_us())
        elif len(self._loose) < MOST_LOOSE:
            self._loose.append((call_id, outgoing, named(peer), message, self._now_us()))

    def belongs(self, call_id: str, call: str, leg: str) -> None:
        """Messages with this Call-ID are those of a leg of a call; what came before it had its name is told now."""
        key = call_id.encode()
        self._calls[key] = (call, leg)
        self._over.pop(
            key, None
        )  # whoever tries again after a refusal does so under the same Call-ID (RFC 3261 §8.1.3.5)
        loose, self._loose = self._loose, []
        for one in loose:
            if one[0] == key:
                self._tell(call, leg, *one[1:])
            else:
                self._loose.append(one)

    def over(self, call_id: str, now: int) -> None:
        """A leg is over; its last messages are still its own for a while."""
        key = call_id.encode()
        if key in self._calls:
            self._over.pop(key, None)
            self._over[key] = now + LIFETIME

    def settle(self, now: int) -> None:
        """What came and belongs to no call by now is nobody's: so many a second are told. Calls that were over long ago are forgotten."""
        loose, self._loose = self._loose, []
        if now // SECOND != self._second:
            self._second, self._nobodys = now // SECOND, 0
        few = loose[: MOST_OF_NOBODY - self._nobodys]
        self._nobodys += len(few)
        for _, outgoing, peer, message, at_us in few:
            self._tell("", "client", outgoing, peer, message, at_us)
        while self._over:
            key, until = next(iter(self._over.items()))
            if until > now:
                break
            del self._over[key], self._calls[key]

    def _tell(self, call: str, leg: str, outgoing: bool, peer: str, message: bytes, at_us: int) -> None:
        for one in self._tracers:
            one.note(call, leg, outgoing, peer, message, at_us)


def named(peer: Peer) -> str:
    """A peer as ports.Tracer names it: `host:port/TRANSPORT`, an IPv6 host in brackets."""
    host = f"[{peer.host}]" if ":" in peer.host else peer.host
    return f"{host}:{peer.port}/{peer.transport}"
