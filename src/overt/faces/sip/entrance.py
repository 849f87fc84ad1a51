"""What stands between the sockets and the user agent: lets in, asks for a password, refuses, or says nothing; and counts."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from contextlib import suppress

from overt.domain.clients import Client
from overt.faces.sip.gatekeeper import Admitted, Challenged, Forbidden, Gatekeeper, Silence
from overt.faces.sip.strangers import Strangers
from overt.faces.sip.transports import Transports
from overt.wire.sip.errors import RemoteProtocolError
from overt.wire.sip.message import Headers, Request, parse, respond
from overt.wire.sip.transaction import Peer, Send, received_via, reply_to

ALIAS = b";alias"
AUTHORIZATION = re.compile(rb"\nauthorization[ \t]*:", re.IGNORECASE)
HEAD = 2048  # where the topmost Via stands, if anywhere


class Entrance:
    """Judges every message before the user agent sees it. `remark` is told what a client does wrong, as a sentence."""

    def __init__(
        self, gatekeeper: Gatekeeper, transports: Transports, count: Callable[[str], None],
        remark: Callable[[str, str], None],
    ) -> None:  # fmt: skip
        self._gatekeeper, self._transports, self._count, self._remark = gatekeeper, transports, count, remark
        self.strangers = Strangers()
        self.told: Callable[[Send], None] = lambda send: None  # who is told of what is answered here

    def client_of(self, source: Peer, now: int) -> Client | None:
        """The client that somebody is; None when he is none, or is none any more."""
        return self._gatekeeper.client_of(source, self._transports.certificate(source), now)

    def admits(self, received: bytes, source: Peer, now: int) -> bool:
        """Whether a message may go to the user agent; what is to be said to one that may not, is said."""
        certificate = self._transports.certificate(source)
        if self._gatekeeper.known(source, certificate) is None:
            if self._gatekeeper.barred(source, now) and not self._may_prove(received, now):
                self._turn_away(source, "refused: scanner", slow=True)
                self.strangers.came(source, None)
                return False
            if not self._judge(received, source, now):
                return False
        if source.reliable:
            self._transports.connections.trust(source)
            if ALIAS in received[:HEAD]:
                self._reuse(received, source)
        return True

    def _may_prove(self, received: bytes, now: int) -> bool:
        if AUTHORIZATION.search(received) is None:
            return False
        with suppress(RemoteProtocolError):
            return self._gatekeeper.may_prove(parse(received), now)
        return False

    def _judge(self, received: bytes, source: Peer, now: int) -> bool:
        try:
            message = parse(received)
            verdict = self._gatekeeper.admit(message, source, self._transports.certificate(source), now)
        except RemoteProtocolError:
            self._gatekeeper.scanners(source).judge(source.host, "", "", now)
            self._turn_away(source, "refused: malformed, of a stranger")
            self.strangers.came(source, None)
            return False
        match verdict:
            case Admitted():
                return True
            case Silence(why, slow):
                self.strangers.came(source, message)
                self._turn_away(source, why, slow=slow)
            case Challenged(values, wrong) if isinstance(message, Request):
                self._count("challenged" if not wrong else "refused: wrong password")
                if wrong:
                    self._remark(wrong, "its digest does not fit the password that is kept for it")
                self._say(message, source, 401, tuple(("WWW-Authenticate", one) for one in values))
            case Forbidden() if isinstance(message, Request):
                self._count("refused: stranger")
                self.strangers.came(source, message)
                self._say(message, source, 403)
        return False

    def _turn_away(self, source: Peer, why: str, *, slow: bool = False) -> None:
        self._count(why)
        if slow and source.reliable:
            self._transports.connections.tarpit(source)

    def _say(self, request: Request, source: Peer, status: int, headers: Headers = ()) -> None:
        """Answer without keeping anything (RFC 3261 §8.2.7): the same request gets the same tag."""
        if request.method == "ACK":
            return
        marked = received_via(request, source)
        tag = hashlib.sha256(f"{request.call_id} {request.via}".encode()).hexdigest()[:16]
        response = respond(marked, status, tag=tag, headers=headers)
        send = Send(bytes(response), reply_to(marked, source))
        self.told(send)
        self._transports.send(send, dial=False)

    def _reuse(self, received: bytes, source: Peer) -> None:
        """A peer says that requests to its own port may come by this connection (RFC 5923)."""
        with suppress(RemoteProtocolError):
            message = parse(received)
            if isinstance(message, Request) and "alias" in message.via.parameters:
                default = 5061 if source.transport == "TLS" else 5060
                self._transports.connections.reuse(source, message.via.port or default)
