"""Which call a SIP message belongs to, and who is told of it; and what each client brought, for its vitals.

A message is known by its Call-ID. The first one of a call comes before the call has its name: it waits until the gateway has
given it one (`belongs`), or until it is clear that no call comes of it (`settle`). A call's last messages come after its end:
its Call-ID is remembered for as long as transactions live (RFC 3261 §17, 64 T1).
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from overt.domain.masking import mask_text
from overt.domain.vitals import MOST_SENTENCES
from overt.ports import Tracer
from overt.wire.sip.transaction import LIFETIME, Peer, Send

MOST_LOOSE, MOST_CLIENTS, LONGEST_SENTENCE = 64, 1000, 300
_CALL_ID = re.compile(rb"^(?:call-id|i)[ \t]*:[ \t]*([^\r\n]+?)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)


@dataclass(slots=True)
class _Brought:
    last_seen_us: int = 0
    calls: int = 0
    refused: int = 0
    sentences: deque[tuple[int, str]] = field(default_factory=lambda: deque(maxlen=MOST_SENTENCES))


class Tracing:
    """Tells tracers of messages. `now_us` is UTC; the monotonic `now` of the callers says when a call may be forgotten."""

    def __init__(self, tracers: Sequence[Tracer], now_us: Callable[[], int]) -> None:
        self._tracers, self._now_us = tracers, now_us
        self._calls: dict[bytes, tuple[str, str]] = {}
        self._over: deque[tuple[int, bytes]] = deque()
        self._loose: list[tuple[bytes, bool, str, bytes, int]] = []
        self.clients: dict[str, _Brought] = {}

    # ---- messages

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
        call_id = found[1] if found is not None else b""
        known = self._calls.get(call_id)
        if known is not None:
            self._tell(*known, outgoing, named(peer), message, self._now_us())
        elif len(self._loose) < MOST_LOOSE:
            self._loose.append((call_id, outgoing, named(peer), message, self._now_us()))

    def belongs(self, call_id: str, call: str, leg: str) -> None:
        """Messages with this Call-ID are those of a leg of a call; what came before it had its name is told now."""
        key = call_id.encode()
        self._calls[key] = (call, leg)
        loose, self._loose = self._loose, []
        for one in loose:
            if one[0] == key:
                self._tell(call, leg, *one[1:])
            else:
                self._loose.append(one)

    def over(self, call_id: str, now: int) -> None:
        """A leg is over; its last messages are still its own for a while."""
        if call_id.encode() in self._calls:
            self._over.append((now + LIFETIME, call_id.encode()))

    def settle(self, now: int) -> None:
        """What came and belongs to no call by now is nobody's. Calls that were over long ago are forgotten."""
        loose, self._loose = self._loose, []
        for _, outgoing, peer, message, at_us in loose:
            self._tell("", "client", outgoing, peer, message, at_us)
        while self._over and self._over[0][0] <= now:
            self._calls.pop(self._over.popleft()[1], None)

    def _tell(self, call: str, leg: str, outgoing: bool, peer: str, message: bytes, at_us: int) -> None:
        for one in self._tracers:
            one.note(call, leg, outgoing, peer, message, at_us)

    # ---- clients

    def _of(self, client: str) -> _Brought:
        if client not in self.clients and len(self.clients) >= MOST_CLIENTS:
            return _Brought()
        return self.clients.setdefault(client, _Brought())

    def seen(self, client: str) -> None:
        """A client sent something."""
        self._of(client).last_seen_us = self._now_us()

    def brought(self, client: str) -> None:
        """A client brought a call."""
        self._of(client).calls += 1

    def refused(self, client: str, why: str) -> None:
        """A call or message of a client was refused; `why` is a sentence, or empty."""
        one = self._of(client)
        one.refused += 1
        if why:
            self.said(client, why)

    def said(self, client: str, sentence: str) -> None:
        """What a client does wrong. The same sentence again only moves its time."""
        sentences, plain = self._of(client).sentences, mask_text(sentence)[:LONGEST_SENTENCE]
        for one in [one for one in sentences if one[1] == plain]:
            sentences.remove(one)
        sentences.append((self._now_us(), plain))

    def vitals(self) -> Mapping[str, Any]:
        """The clients' part of the vitals."""
        return {
            name: {
                "last_seen_us": one.last_seen_us, "calls": one.calls, "refused": one.refused,
                "sentences": [{"at_us": at, "sentence": said} for at, said in one.sentences],
            }
            for name, one in self.clients.items()
        }  # fmt: skip


def named(peer: Peer) -> str:
    """A peer as ports.Tracer names it: `host:port/TRANSPORT`, an IPv6 host in brackets."""
    host = f"[{peer.host}]" if ":" in peer.host else peer.host
    return f"{host}:{peer.port}/{peer.transport}"
