"""Transactions (RFC 3261 §17, with the accepted states of RFC 6026), sans-IO: time is an argument.

Four machines, each a row of `MACHINES`: what a state does on a timer and how long its timers run. `TransactionLayer`
keeps them, matches messages to them, retransmits, and hands up what is new.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from overt.wire.sip.headers import CSeq, Via, canonical
from overt.wire.sip.message import Message, Request, Response, respond

MS = 1_000_000
T1, T2, T4 = 500 * MS, 4_000 * MS, 5_000 * MS
LIFETIME = 64 * T1
MAGIC = "z9hG4bK"
MOST_TRANSACTIONS = 100_000

Kind = Literal["client invite", "client other", "server invite", "server other"]
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Peer:
    """Where a message goes to or came from. `connection` tells apart streams; 0 is the datagram socket."""

    host: str
    port: int
    transport: str = "UDP"
    connection: int = 0

    @property
    def reliable(self) -> bool:
        """True for every transport but UDP."""
        return self.transport != "UDP"


# ------------------------------------------------------------------------- what the layer hands up


@dataclass(frozen=True, slots=True)
class Send:
    """Put these bytes on the wire."""

    encoded: bytes
    to: Peer


@dataclass(frozen=True, slots=True)
class Arrived:
    """A new request. `key` is its server transaction; an ACK for a 2xx has none and comes with an empty key."""

    request: Request
    key: Key
    source: Peer


@dataclass(frozen=True, slots=True)
class Answered:
    """A response to a request of ours; 2xx to INVITE may come more than once, each needs its ACK."""

    key: Key
    response: Response


@dataclass(frozen=True, slots=True)
class TimedOut:
    """No final response came to our request, or no ACK to our response."""

    key: Key


Outcome = Send | Arrived | Answered | TimedOut


# kind, state → name of the timer: (length, retransmit?, state after it; "" keeps the state, "gone" ends it)
MACHINES: Mapping[tuple[Kind, str], Mapping[str, tuple[int, bool, str]]] = {
    ("client invite", "calling"): {"A": (T1, True, ""), "B": (LIFETIME, False, "timeout")},
    ("client invite", "proceeding"): {},
    ("client invite", "cancelled"): {"end": (LIFETIME, False, "timeout")},
    ("client invite", "completed"): {"D": (LIFETIME, False, "gone")},
    ("client invite", "accepted"): {"M": (LIFETIME, False, "gone")},
    ("client other", "trying"): {"E": (T1, True, ""), "F": (LIFETIME, False, "timeout")},
    ("client other", "proceeding"): {"E": (T2, True, ""), "F": (LIFETIME, False, "timeout")},
    ("client other", "completed"): {"K": (T4, False, "gone")},
    ("server invite", "proceeding"): {},
    ("server invite", "completed"): {"G": (T1, True, ""), "H": (LIFETIME, False, "timeout")},
    ("server invite", "confirmed"): {"I": (T4, False, "gone")},
    ("server invite", "accepted"): {"2xx": (T1, True, ""), "L": (LIFETIME, False, "timeout")},
    ("server invite", "acknowledged"): {"L": (LIFETIME, False, "gone")},
    ("server other", "trying"): {},
    ("server other", "proceeding"): {},
    ("server other", "completed"): {"J": (LIFETIME, False, "gone")},
}
_ZERO_WHEN_RELIABLE = frozenset({"D", "I", "J", "K"})  # nothing can be retransmitted to them
_SILENT_WHEN_RELIABLE = frozenset(
    {"A", "E", "G"}
)  # the transport retransmits; a 2xx goes end to end and does not count


@dataclass(slots=True)
class Transaction:
    """One transaction. `deadlines`: timer → (when, current interval)."""

    kind: Kind
    key: Key
    request: Request
    peer: Peer
    state: str = ""
    last: bytes = b""
    deadlines: dict[str, tuple[int, int]] = field(default_factory=dict)

    def enter(self, state: str, now: int) -> None:
        """Go to a state and start its timers. A timer that runs on (F) keeps its deadline."""
        self.state = state
        old, self.deadlines = self.deadlines, {}
        for name, (length, _, _) in MACHINES[self.kind, state].items():
            if self.peer.reliable and name in _SILENT_WHEN_RELIABLE:
                continue
            zero = self.peer.reliable and name in _ZERO_WHEN_RELIABLE
            kept = old.get(name) if name == "F" else None
            self.deadlines[name] = kept or (now if zero else now + length, length)


class TransactionLayer:
    """All transactions of one user agent. Every method returns what is to be done, in order."""

    def __init__(self) -> None:
        self._all: dict[Key, Transaction] = {}
        self.strays = 0

    # ---- what we send

    def request(self, request: Request, to: Peer, now: int) -> tuple[Key, list[Outcome]]:
        """Begin a client transaction. An ACK makes none: send its bytes yourself."""
        kind: Kind = "client invite" if request.method == "INVITE" else "client other"
        key = ("client", request.via.branch, request.method)
        one = Transaction(kind, key, request, to, last=bytes(request))
        one.enter("calling" if kind == "client invite" else "trying", now)
        self._all[key] = one
        return key, [Send(one.last, to)]

    def respond(self, key: Key, response: Response, now: int) -> list[Outcome]:
        """Answer a request. Responses after a final one are passed over."""
        one = self._all.get(key)
        if one is None or one.state not in ("proceeding", "trying"):
            return []
        one.last = bytes(response)
        if response.status < 200:
            one.enter("proceeding", now)
        elif one.kind == "server other" or response.status >= 300:
            one.enter("completed", now)
        else:
            one.enter("accepted", now)
        return [Send(one.last, one.peer)]

    def cancel(self, key: Key, now: int) -> list[Outcome]:
        """Cancel an INVITE of ours that has no final response (§9.1), once; given up when none comes in 64 T1."""
        one = self._all.get(key)
        if one is None or one.state not in ("calling", "proceeding"):
            return []
        kept = tuple(
            (name, value) for name, value in one.request.headers
            if canonical(name) in ("from", "to", "call-id", "route", "max-forwards")
        )  # fmt: skip
        headers = (("Via", str(one.request.via)), *kept, ("CSeq", str(CSeq(one.request.cseq.number, "CANCEL"))))
        one.enter("cancelled", now)
        return self.request(Request(headers, b"", "CANCEL", one.request.uri), one.peer, now)[1]

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
            one.enter("proceeding", now)
            return [Answered(one.key, response)]
        if response.status < 300:
            if one.state == "completed":
                return []
            if one.state != "accepted":
                one.enter("accepted", now)
            return [Answered(one.key, response)]
        if one.state == "accepted":
            return []
        ack: list[Outcome] = [Send(bytes(_ack(one.request, response)), one.peer)]
        if one.state == "completed":
            return ack
        one.enter("completed", now)
        return [*ack, Answered(one.key, response)]

    def _other(self, one: Transaction, response: Response, now: int) -> list[Outcome]:
        if one.state == "completed":
            return []
        one.enter("proceeding" if response.status < 200 else "completed", now)
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
        one.enter("proceeding" if kind == "server invite" else "trying", now)
        self._all[key] = one
        arrived = Arrived(request, key, source)
        if kind != "server invite":
            return [arrived]
        one.last = bytes(respond(request, 100))
        return [Send(one.last, one.peer), arrived]

    def _take_ack(self, one: Transaction | None, ack: Request, source: Peer, now: int) -> list[Outcome]:
        if one is not None and one.state == "completed":
            one.enter("confirmed", now)
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
        number, tag = ack.cseq.number, ack.from_.tag
        for one in self._all.values():
            if (
                one.kind == "server invite" and one.state in ("accepted", "acknowledged")
                and one.request.call_id == ack.call_id and one.request.cseq.number == number
                and one.request.from_.tag == tag
            ):  # fmt: skip
                return one
        return None

    def invite_of(self, cancel: Request) -> Key | None:
        """The INVITE that a CANCEL speaks of, while it is unanswered (§9.2)."""
        key = server_key(cancel, "INVITE")
        one = self._all.get(key)
        return key if one is not None and one.state == "proceeding" else None

    # ---- time

    def advance(self, now: int) -> list[Outcome]:
        """Do what is due: retransmissions, time-outs, forgetting."""
        outcomes: list[Outcome] = []
        for one in [one for one in self._all.values() if any(when <= now for when, _ in one.deadlines.values())]:
            for name in sorted(name for name, (when, _) in one.deadlines.items() if when <= now):
                outcomes += self._timer(one, name, now)
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
            return [Send(one.last, one.peer)]
        one.deadlines.clear()
        self._all.pop(one.key, None)
        return [TimedOut(one.key)] if after == "timeout" else []

    def next_deadline(self) -> int | None:
        """When `advance` has something to do next; None when nothing runs."""
        return min((when for one in self._all.values() for when, _ in one.deadlines.values()), default=None)

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
