"""The layer of transactions (RFC 3261 §17, with the accepted states of RFC 6026), sans-IO: time is an argument.

The machines are in `machine`; the layer keeps them, matches messages to them, retransmits, and hands up what is new.
"""

from __future__ import annotations

from dataclasses import replace

from overt.wire.sip.deadlines import Deadlines
from overt.wire.sip.headers import CSeq, Via, canonical
from overt.wire.sip.machine import (
    LARGE,
    LIFETIME,
    MACHINES,
    MAGIC,
    MS,
    T1,
    T2,
    T4,
    Answered,
    Arrived,
    Key,
    Kind,
    Outcome,
    Peer,
    Send,
    TimedOut,
    Transaction,
    TransportFailed,
)
from overt.wire.sip.message import Message, Request, Response, respond

__all__ = (
    "LIFETIME", "MAGIC", "MS", "T1", "T2", "T4", "Answered", "Arrived", "Key", "Kind", "Outcome", "Peer", "Send",
    "TimedOut", "Transaction", "TransactionLayer", "TransportFailed", "received_via", "reply_to", "server_key",
)  # fmt: skip
MOST_TRANSACTIONS = 100_000
AcceptedKey = tuple[str, int, str]


class TransactionLayer:
    """All transactions of one user agent. Every method returns what is to be done, in order.

    `streams`: whether whoever sends for us can open streams; then large requests go over TCP first (§18.1.1).
    """

    def __init__(self) -> None:
        self._all: dict[Key, Transaction] = {}
        self._accepted: dict[AcceptedKey, Key] = {}
        self._deadlines: Deadlines[Key] = Deadlines()
        self.strays = 0
        self.streams = False

    def _enter(self, one: Transaction, state: str, now: int) -> None:
        one.enter(state, now)
        if state == "accepted" and one.kind == "server invite":
            self._accepted[_accepted_key(one.request)] = one.key
        self._schedule(one)

    def _schedule(self, one: Transaction) -> None:
        if one.deadlines:
            self._deadlines.set(one.key, min(when for when, _ in one.deadlines.values()))
        else:
            self._deadlines.drop(one.key)

    def _forget(self, one: Transaction) -> None:
        del self._all[one.key]
        self._deadlines.drop(one.key)
        if one.kind == "server invite":
            self._accepted.pop(_accepted_key(one.request), None)

    # ---- what we send

    def request(self, request: Request, to: Peer, now: int) -> tuple[Key, list[Send]]:
        """Begin a client transaction. An ACK makes none: send its bytes yourself."""
        kind: Kind = "client invite" if request.method == "INVITE" else "client other"
        key = ("client", request.via.branch, request.method)
        one = Transaction(kind, key, request, to, last=bytes(request))
        if self.streams and not to.reliable and len(one.last) > LARGE:
            one.fallback = to
            _move(one, Peer(to.host, to.port, "TCP"))
        return key, self._begin(one, now)

    def _begin(self, one: Transaction, now: int) -> list[Send]:
        self._all[one.key] = one
        self._enter(one, "calling" if one.kind == "client invite" else "trying", now)
        return [Send(one.last, one.peer, one.key)]

    def undelivered(self, send: Send, now: int) -> list[Outcome]:
        """Say that a request could not be sent: it goes over UDP if it was moved to a stream for its size, else it failed."""
        one = self._all.get(send.key)
        if one is None or one.peer != send.to or one.state not in ("calling", "trying", "cancelled"):
            return []
        if one.fallback is None or one.state == "cancelled":
            self._forget(one)
            return [TransportFailed(one.key)]
        _move(one, one.fallback)
        one.fallback = None
        return [*self._begin(one, now)]

    def respond(self, key: Key, response: Response, now: int) -> list[Send]:
        """Answer a request. Responses after a final one are passed over."""
        one = self._all.get(key)
        if one is None or one.state not in ("proceeding", "trying"):
            return []
        one.last = bytes(response)
        if response.status < 200:
            self._enter(one, "proceeding", now)
        elif one.kind == "server other" or response.status >= 300:
            self._enter(one, "completed", now)
        else:
            self._enter(one, "accepted", now)
        return [Send(one.last, one.peer)]

    def cancel(self, key: Key, now: int) -> list[Send]:
        """Cancel an INVITE of ours that has no final response (§9.1), once; given up when none comes in 64 T1."""
        one = self._all.get(key)
        if one is None or one.state not in ("calling", "proceeding"):
            return []
        kept = tuple(
            (name, value) for name, value in one.request.headers
            if canonical(name) in ("from", "to", "call-id", "route", "max-forwards")
        )  # fmt: skip
        headers = (("Via", str(one.request.via)), *kept, ("CSeq", str(CSeq(one.request.cseq.number, "CANCEL"))))
        self._enter(one, "cancelled", now)
        return self.request(Request(headers, b"", "CANCEL", one.request.uri), one.peer, now)[1]

    def abandon(self, key: Key, now: int) -> list[Send]:
        """Wait no longer than 64 T1 for the answer to an INVITE whose call is over; cancel it if it is being worked on."""
        one = self._all.get(key)
        if one is not None and one.state == "calling":
            self._enter(one, "cancelled", now)  # or a 100 that comes yet would let it wait for ever
            return []
        return self.cancel(key, now)

    # ---- what arrives

    def receive(self, message: Message, source: Peer, now: int) -> list[Outcome]:
        """Take a message from the wire. Raises RemoteProtocolError when its headers cannot be read."""
        return self._response(message, now) if isinstance(message, Response) else self._request(message, source, now)

    def _response(self, response: Response, now: int) -> list[Outcome]:
        key = ("client", response.via.branch, response.cseq.method)
        one = self._all.get(key)
        if one is None:
            self.strays += 1
            return []
        return (
            self._invite_response(one, response, now)
            if one.kind == "client invite"
            else self._other(one, response, now)
        )

    def _invite_response(self, one: Transaction, response: Response, now: int) -> list[Outcome]:
        if response.status < 200:
            if one.state not in ("calling", "proceeding"):
                return []
            self._enter(one, "proceeding", now)
            return [Answered(one.key, response)]
        if response.status < 300:
            if one.state == "completed":
                return []
            if one.state != "accepted":
                self._enter(one, "accepted", now)
            return [Answered(one.key, response)]
        if one.state == "accepted":
            return []
        ack: list[Outcome] = [Send(bytes(_ack(one.request, response)), one.peer)]
        if one.state == "completed":
            return ack
        self._enter(one, "completed", now)
        return [*ack, Answered(one.key, response)]

    def _other(self, one: Transaction, response: Response, now: int) -> list[Outcome]:
        if one.state == "completed":
            return []
        self._enter(one, "proceeding" if response.status < 200 else "completed", now)
        return [Answered(one.key, response)]

    def _request(self, request: Request, source: Peer, now: int) -> list[Outcome]:
        key = server_key(request)
        one = self._all.get(key)
        if request.method == "ACK":
            return self._take_ack(one, request, source, now)
        if one is not None:
            return [Send(one.last, one.peer)] if one.last and one.state != "acknowledged" else []
        if len(self._all) >= MOST_TRANSACTIONS:
            return [Send(bytes(respond(request, 503, headers=(("Retry-After", "5"),))), reply_to(request, source))]
        kind: Kind = "server invite" if request.method == "INVITE" else "server other"
        one = Transaction(kind, key, request, reply_to(request, source))
        self._all[key] = one
        self._enter(one, "proceeding" if kind == "server invite" else "trying", now)
        arrived = Arrived(request, key, source)
        if kind != "server invite":
            return [arrived]
        one.last = bytes(respond(request, 100))
        return [Send(one.last, one.peer), arrived]

    def _take_ack(self, one: Transaction | None, ack: Request, source: Peer, now: int) -> list[Outcome]:
        if one is not None and one.state == "completed":
            self._enter(one, "confirmed", now)
            return []
        accepted = one if one is not None and one.state in ("accepted", "acknowledged") else self._accepted_by(ack)
        if accepted is None:
            self.strays += 1
            return []
        if accepted.state == "acknowledged":
            return []
        accepted.enter("acknowledged", now)
        return [Arrived(ack, accepted.key, source)]

    def _accepted_by(self, ack: Request) -> Transaction | None:
        """The INVITE whose 2xx an ACK with a branch of its own acknowledges."""
        return self._all.get(self._accepted.get(_accepted_key(ack), ()))

    def invite_of(self, cancel: Request) -> Key | None:
        """The INVITE that a CANCEL speaks of, while it is unanswered (§9.2)."""
        key = server_key(cancel, "INVITE")
        one = self._all.get(key)
        return key if one is not None and one.state == "proceeding" else None

    def holds(self, request: Request, method: str = "") -> bool:
        """Whether a request was sent again: its transaction lives, and nothing new comes of it. `method`: of a CANCEL's INVITE."""
        return server_key(request, method) in self._all

    def peer_of(self, key: Key) -> Peer | None:
        """Whence a request came, or where it goes; None when its transaction is over."""
        one = self._all.get(key)
        return one.peer if one is not None else None

    # ---- time

    def advance(self, now: int) -> list[Outcome]:
        """Do what is due: retransmissions, time-outs, forgetting."""
        outcomes: list[Outcome] = []
        for one in [self._all[key] for key in self._deadlines.due(now)]:
            for name in sorted(name for name, (when, _) in one.deadlines.items() if when <= now):
                outcomes += self._timer(one, name, now)
            if one.deadlines:
                self._schedule(one)
        return outcomes

    def _timer(self, one: Transaction, name: str, now: int) -> list[Outcome]:
        if name not in one.deadlines:
            return []
        _, retransmits, after = MACHINES[one.kind, one.state][name]
        if retransmits:
            interval = one.deadlines[name][1] * 2
            if name != "A":
                interval = min(interval, T2)
            one.deadlines[name] = (now + interval, interval)
            return [Send(one.last, one.peer, one.key if one.key[0] == "client" else ())]
        one.deadlines.clear()
        self._forget(one)
        return [TimedOut(one.key)] if after == "timeout" else []

    def next_deadline(self) -> int | None:
        """When `advance` has something to do next; None when nothing runs."""
        return self._deadlines.next()

    @property
    def size(self) -> int:
        """How many transactions are held."""
        return len(self._all)


def server_key(request: Request, method: str = "") -> Key:
    """What matches a request to its transaction (§17.2.3); for old clients without the magic cookie, more of it."""
    via = request.via
    method = method or ("INVITE" if request.method == "ACK" else request.method)
    if via.branch.startswith(MAGIC) and len(via.branch) > len(MAGIC):
        return ("server", via.branch, f"{via.host.lower()}:{via.port}", method)
    number = str(request.cseq.number)
    return ("server", request.call_id, request.from_.tag, number, str(via), method)


def _accepted_key(request: Request) -> AcceptedKey:
    """What an ACK for a 2xx has in common with its INVITE (§17.1.1.3)."""
    return request.call_id, request.cseq.number, request.from_.tag


def _move(one: Transaction, peer: Peer) -> None:
    """Let a request go to another peer; its topmost Via says by which transport (§18.1.1)."""
    via, headers = one.request.via, list(one.request.headers)
    at = next(at for at, (name, _) in enumerate(headers) if canonical(name) == "via")
    headers[at] = ("Via", str(replace(via, transport=peer.transport)))
    one.request, one.peer = replace(one.request, headers=tuple(headers)), peer
    one.last = bytes(one.request)


def reply_to(request: Request, source: Peer) -> Peer:
    """Where responses go (§18.2.2, RFC 3581): back to the source; to the Via's port when rport was not asked for."""
    via = request.via
    if source.reliable or "rport" in via.parameters or via.port in (0, source.port):
        return source
    return replace(source, port=via.port)


def received_via(request: Request, source: Peer) -> Request:
    """The request with `received` and `rport` in its topmost Via (§18.2.1, RFC 3581)."""
    via = request.via
    parameters = dict(via.parameters)
    if via.host.strip("[]") != source.host:
        parameters["received"] = source.host
    if "rport" in parameters:
        parameters["rport"], parameters["received"] = str(source.port), source.host
    if parameters == via.parameters:
        return request
    marked, headers = Via(via.transport, via.host, via.port, parameters), list(request.headers)
    at = next(at for at, (name, _) in enumerate(headers) if canonical(name) == "via")
    rest = request.all("Via")[1:]
    others = [one for one in headers[at + 1 :] if canonical(one[0]) != "via"]
    vias = [("Via", str(marked)), *(("Via", one) for one in rest)]
    return replace(request, headers=(*headers[:at], *vias, *others))


def _ack(invite: Request, response: Response) -> Request:
    """The ACK for a final response that is no 2xx (§17.1.1.3): it belongs to the INVITE's transaction."""
    kept = tuple((n, v) for n, v in invite.headers if canonical(n) in ("from", "call-id", "route", "max-forwards"))
    cseq = ("CSeq", str(CSeq(invite.cseq.number, "ACK")))
    return Request((("Via", str(invite.via)), *kept, ("To", response.get("To")), cseq), b"", "ACK", invite.uri)
