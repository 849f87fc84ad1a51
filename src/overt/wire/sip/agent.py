"""A user agent, sans-IO: legs made of transactions and dialogs. Serves the gateway and our own phone alike.

Bytes come in by `receive`, time by `advance`; what is to be sent and what happened comes out as values. Tags, branches
and Call-IDs come from `fresh`, an argument. The agent answers by itself what needs nobody's decision: OPTIONS, CANCEL,
new offers within a call (same address, direction mirrored), retransmissions, requests for calls that do not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from overt.wire import sdp
from overt.wire.sip.dialog import Dialog
from overt.wire.sip.errors import RemoteProtocolError
from overt.wire.sip.headers import NameAddress
from overt.wire.sip.leg import Changed, Confirmed, Ended, Happening, Leg, Offered, Progressed
from overt.wire.sip.message import Headers, Request, Response, parse, respond
from overt.wire.sip.transaction import (
    MAGIC,
    Answered,
    Arrived,
    Key,
    Outcome,
    Peer,
    Send,
    TransactionLayer,
    received_via,
)

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO"
SDP_TYPE = "application/sdp"


class Agent:
    """All legs of one user agent on one local address."""

    def __init__(self, host: str, port: int, fresh: Callable[[], str], server: str) -> None:
        self._host, self._port, self._fresh, self._server = host, port, fresh, server
        self.layer = TransactionLayer()
        self.legs: dict[str, Leg] = {}
        self.counters: dict[str, int] = {}

    def count(self, what: str) -> None:
        """Count something that was refused or malformed."""
        self.counters[what] = self.counters.get(what, 0) + 1

    # ---- what arrives

    def receive(self, datagram: bytes, source: Peer, now: int) -> list[Happening]:
        """Take a whole message. Malformed requests get their answer where one can be sent, and a counter."""
        try:
            message = parse(datagram)
            if isinstance(message, Request):
                message = received_via(message, source)
            return self._outcomes(self.layer.receive(message, source, now), now)
        except RemoteProtocolError as error:
            self.count(f"malformed: {error.reason}")
            return []

    def advance(self, now: int) -> list[Happening]:
        """Do what is due."""
        return self._outcomes(self.layer.advance(now), now)

    def _outcomes(self, outcomes: Iterable[Outcome], now: int) -> list[Happening]:
        happened: list[Happening] = []
        for outcome in outcomes:
            match outcome:
                case Send():
                    happened.append(outcome)
                case Arrived(request, key, source):
                    happened += self._arrived(request, key, source, now)
                case Answered(key, response):
                    happened += self._answered(key, response, now)
                case _:
                    happened += self._timed_out(outcome.key, now)
        return happened

    def _arrived(self, request: Request, key: Key, source: Peer, now: int) -> list[Happening]:
        try:
            leg = next((one for one in self.legs.values() if one.dialog and one.dialog.matches(request)), None)
            if request.method == "ACK":
                return self._acknowledged(key, request)
            if request.method == "CANCEL":
                return self._cancelled(request, key, now)
            if leg is None:
                return self._outside(request, key, source, now)
            leg.dialog = leg.dialog.taking(request) if leg.dialog else None
            return self._within(leg, request, key, now)
        except RemoteProtocolError as error:
            self.count(f"refused: {error.reason}")
            return self._reply(key, respond(request, error.status, reason=error.reason, tag=self._fresh()), now)

    def _outside(self, request: Request, key: Key, source: Peer, now: int) -> list[Happening]:
        """A request that belongs to no leg."""
        if request.to.tag:
            return self._reply(key, respond(request, 481), now)
        if request.method == "OPTIONS":
            return self._reply(key, self._ours(request, 200, self._fresh()), now)
        if request.method == "INVITE":
            return self._invited(request, key, source, now)
        self.count(f"refused: {request.method}")
        return self._reply(key, self._ours(request, 405, self._fresh()), now)

    def _invited(self, request: Request, key: Key, source: Peer, now: int) -> list[Happening]:
        required = request.all("Require")
        if required:
            unsupported = respond(request, 420, tag=self._fresh(), headers=(("Unsupported", ", ".join(required)),))
            return self._reply(key, unsupported, now)
        if any(leg.server and leg.invite.call_id == request.call_id for leg in self.legs.values()):
            return self._reply(key, respond(request, 482, tag=self._fresh()), now)
        if request.get("Max-Forwards") == "0":
            return self._reply(key, respond(request, 483, tag=self._fresh()), now)
        leg = Leg(self._fresh(), True, source, request, key, tag=self._fresh(), far=described(request))
        leg.dialog = Dialog.of_server(request, leg.tag)
        self.legs[leg.id] = leg
        return [Offered(leg, request, leg.far)]

    def _within(self, leg: Leg, request: Request, key: Key, now: int) -> list[Happening]:
        """A request of an established or early leg."""
        if request.method == "BYE":
            return [*self._reply(key, respond(request, 200), now), *self._end(leg, "hung up", now)]
        if request.method in ("INVITE", "UPDATE"):
            return self._reoffered(leg, request, key, now)
        if request.method in ("INFO", "OPTIONS"):
            return self._reply(key, self._ours(request, 200, ""), now)
        self.count(f"refused: {request.method}")
        return self._reply(key, self._ours(request, 405, ""), now)

    def _reoffered(self, leg: Leg, request: Request, key: Key, now: int) -> list[Happening]:
        if leg.pending or leg.offering or leg.state != "confirmed":
            return self._reply(key, respond(request, 491), now)
        far = described(request)
        if far is None and request.method == "UPDATE":
            return self._reply(key, self._ours(request, 200, ""), now)
        body = self._description(leg, far)
        if request.method == "INVITE":
            leg.pending = key
        reply = self._reply(key, self._ours(request, 200, "", body), now)
        if far is None:
            return reply
        leg.far = far
        return [*reply, Changed(leg)]

    def _description(self, leg: Leg, far: sdp.Description | None) -> bytes:
        leg.version += 1
        if far is None:
            return sdp.offer(leg.address, leg.port, session_id=leg.session_id, version=leg.version)
        return sdp.answer(far, leg.address, leg.port, session_id=leg.session_id, version=leg.version)

    def _acknowledged(self, key: Key, ack: Request) -> list[Happening]:
        leg = next((one for one in self.legs.values() if key in (one.key, one.pending)), None)
        if leg is None:
            return []
        pending, leg.pending = leg.pending, ()
        answered = described(ack)
        if answered is not None:
            leg.far = answered
        if key == pending:
            return [Changed(leg)] if answered is not None else []
        if leg.state != "answered":
            return []
        leg.state = "confirmed"
        return [Confirmed(leg)]

    def _cancelled(self, cancel: Request, key: Key, now: int) -> list[Happening]:
        invite = self.layer.invite_of(cancel)
        if invite is None:
            return self._reply(key, respond(cancel, 481), now)
        happened = self._reply(key, respond(cancel, 200), now)
        leg = next((one for one in self.legs.values() if one.key == invite), None)
        if leg is None:
            return happened
        happened += self._reply(invite, respond(leg.invite, 487, tag=leg.tag), now)
        return [*happened, *self._end(leg, "gave up", now)]

    def _end(self, leg: Leg, how: str, now: int, status: int = 0) -> list[Happening]:
        leg.state = "ended"
        self.legs.pop(leg.id, None)
        return [Ended(leg, how, status)]

    # ---- what comes back

    def _answered(self, key: Key, response: Response, now: int) -> list[Happening]:
        leg = next((one for one in self.legs.values() if one.key == key), None)
        if leg is None:
            return self._orphan(key, response, now)
        if leg.offering:
            return self._reoffer_answered(leg, response, now)
        if response.status < 200:
            leg.provisional = True
            happened: list[Happening] = [Progressed(leg, response.status)] if response.status > 100 else []
            return [*happened, *(self._outcomes(self.layer.cancel(key, now), now) if leg.cancelled else [])]
        if response.status >= 300:
            return self._end(leg, response.reason, now, response.status)
        if leg.ack:
            return [Send(leg.ack, self._hop(leg))]
        return self._established(leg, response, now)

    def _reoffer_answered(self, leg: Leg, response: Response, now: int) -> list[Happening]:
        """What comes to a new offer of ours: a refusal changes nothing, unless the call is gone (§14.1)."""
        assert leg.dialog is not None
        if response.status < 200:
            return []
        leg.offering = False
        if response.status in (408, 481):
            return self._end(leg, response.reason, now)
        if response.status >= 300:
            return []
        leg.ack = bytes(leg.dialog.request("ACK", self._via(leg.peer), number=response.cseq.number))
        with suppress(RemoteProtocolError):
            leg.far = described(response) or leg.far
        return [Send(leg.ack, self._hop(leg))]

    def _established(self, leg: Leg, response: Response, now: int) -> list[Happening]:
        leg.dialog = Dialog.of_client(leg.invite, response)
        leg.ack = bytes(leg.dialog.request("ACK", self._via(leg.peer)))
        acked: list[Happening] = [Send(leg.ack, self._hop(leg))]
        leg.state = "confirmed"
        try:
            leg.far = described(response)
        except RemoteProtocolError:
            leg.far = None
        usable = leg.far is not None and leg.far.audio is not None and leg.far.audio.codec is not None
        if leg.cancelled or not usable:
            return [
                *acked,
                *self.hang_up(leg, now),
                Ended(leg, "unusable answer" if not leg.cancelled else "gave up", 488),
            ]
        return [*acked, Confirmed(leg)]

    def _orphan(self, key: Key, response: Response, now: int) -> list[Happening]:
        """A second 2xx to a forked INVITE, or one after we gave up: acknowledge it and end it."""
        if response.cseq.method != "INVITE" or not 200 <= response.status < 300 or response.contact is None:
            return []
        dialog = Dialog(
            response.call_id, response.get("From"), response.get("To"), str(response.contact.uri),
            tuple(reversed(response.all("Record-Route"))), response.cseq.number,
        )  # fmt: skip
        peer = Peer(*dialog.next_hop)
        acked = Send(bytes(dialog.request("ACK", self._via(peer))), peer)
        return [acked, *self._bye(dialog.next_number(), peer, now)]

    def _timed_out(self, key: Key, now: int) -> list[Happening]:
        leg = next((one for one in self.legs.values() if key in (one.key, one.pending)), None)
        if leg is None:
            return []
        if leg.server:
            return [*self.hang_up(leg, now), Ended(leg, "never acknowledged our answer")]
        return self._end(leg, "no response", now, 408)

    # ---- what we do

    def _reply(self, key: Key, response: Response, now: int) -> list[Happening]:
        return self._outcomes(self.layer.respond(key, response, now), now)

    def _ours(self, request: Request, status: int, tag: str, body: bytes = b"") -> Response:
        headers = [("Contact", self.contact), ("Allow", ALLOW), ("Accept", SDP_TYPE), ("Server", self._server)]
        if body:
            headers.append(("Content-Type", SDP_TYPE))
        return respond(request, status, tag=tag, headers=headers, body=body)

    @property
    def contact(self) -> str:
        """Where we are reached within a call."""
        return f"<sip:{self._host}:{self._port}>"

    def _via(self, peer: Peer) -> str:
        return f"SIP/2.0/{peer.transport} {self._host}:{self._port};rport;branch={MAGIC}{self._fresh()}"

    def _hop(self, leg: Leg) -> Peer:
        """Where requests of a leg go: the route or the target when it is an address, else whence it came."""
        if leg.dialog is None or leg.peer.reliable:
            return leg.peer
        host, port = leg.dialog.next_hop
        literal = ":" in host or host.replace(".", "").isdecimal()
        return Peer(host, port) if literal else leg.peer

    def ring(self, leg: Leg, now: int) -> list[Happening]:
        """Say that we ring (180)."""
        return self._reply(leg.key, self._ours(leg.invite, 180, leg.tag), now)

    def answer(self, leg: Leg, address: str, port: int, now: int) -> list[Happening]:
        """Answer a call with our media address; `Confirmed` follows. Raises RemoteProtocolError 488."""
        leg.address, leg.port, leg.session_id = address, port, now // 1000
        body = self._description(leg, leg.far)
        leg.state = "answered"
        return self._reply(leg.key, self._ours(leg.invite, 200, leg.tag, body), now)

    def refuse(self, leg: Leg, status: int, reason: str, now: int) -> list[Happening]:
        """End an unanswered call with a final status."""
        happened = self._reply(leg.key, respond(leg.invite, status, reason=reason, tag=leg.tag), now)
        leg.state = "ended"
        self.legs.pop(leg.id, None)
        return happened

    def invite(
        self, uri: str, peer: Peer, from_: NameAddress, address: str, port: int, now: int, *,
        headers: Headers = (), hops: int = 70, first: str = "PCMU",
    ) -> tuple[Leg, list[Happening]]:  # fmt: skip
        """Call somebody; `Progressed`, then `Confirmed` or `Ended` follow."""
        leg_id, session_id = self._fresh(), now // 1000
        fixed: Headers = (
            ("Via", self._via(peer)), ("Max-Forwards", str(hops)), ("From", str(from_.tagged(self._fresh()))),
            ("To", f"<{uri}>"), ("Call-ID", self._fresh()), ("CSeq", "1 INVITE"), ("Contact", self.contact),
            ("Allow", ALLOW), ("User-Agent", self._server), *headers, ("Content-Type", SDP_TYPE),
        )  # fmt: skip
        body = sdp.offer(address, port, session_id=session_id, first=first)
        request = Request(fixed, body, "INVITE", uri)
        key, outcomes = self.layer.request(request, peer, now)
        leg = Leg(leg_id, False, peer, request, key, address=address, port=port, session_id=session_id, version=1)
        self.legs[leg.id] = leg
        return leg, self._outcomes(outcomes, now)

    def hang_up(self, leg: Leg, now: int) -> list[Happening]:
        """End a leg of ours as its state demands: BYE, CANCEL, a refusal, or nothing."""
        if leg.state == "ended" or leg.id not in self.legs:
            return []
        if leg.state == "early":
            if leg.server:
                return self.refuse(leg, 480, "", now)
            leg.cancelled = True
            return self._outcomes(self.layer.cancel(leg.key, now), now) if leg.provisional else []
        leg.state = "ended"
        self.legs.pop(leg.id, None)
        if leg.dialog is None:
            return []
        return self._bye(leg.dialog.next_number(), self._hop(leg), now)

    def _bye(self, dialog: Dialog, peer: Peer, now: int) -> list[Happening]:
        return self._outcomes(self.layer.request(dialog.request("BYE", self._via(peer)), peer, now)[1], now)

    def reoffer(self, leg: Leg, direction: sdp.Direction, now: int) -> list[Happening]:
        """Send a new offer within a call: hold it (`sendonly`, `inactive`) or take it back (`sendrecv`)."""
        assert leg.dialog is not None
        leg.version += 1
        leg.dialog = leg.dialog.next_number()
        formats = (*sdp.STATIC.items(), (sdp.EVENT_TYPE, "telephone-event/8000"))
        body = sdp.write(
            leg.address, leg.port, session_id=leg.session_id, version=leg.version, formats=formats, direction=direction
        )
        headers = (("Contact", self.contact), ("Content-Type", SDP_TYPE))
        peer = self._hop(leg)
        request = leg.dialog.request("INVITE", self._via(peer), headers=headers, body=body)
        leg.key, outcomes = self.layer.request(request, peer, now)
        leg.ack, leg.offering = b"", True
        return self._outcomes(outcomes, now)

    def restore(self, fields: dict[str, Any]) -> Leg | None:
        """Take up an established leg that another process left (`Leg.as_json`); None when it was not established."""
        if fields["state"] != "confirmed" or fields["dialog"] is None:
            return None
        leg = Leg(
            fields["id"], fields["server"], Peer(*fields["peer"]), Request((), b"", "INVITE", ""), (), "confirmed",
            Dialog.from_json(fields["dialog"]), None, fields["address"], fields["port"], fields["session_id"],
            fields["version"], fields["tag"],
        )  # fmt: skip
        self.legs[leg.id] = leg
        return leg


def described(message: Request | Response) -> sdp.Description | None:
    """The description that a message carries, None for an empty body. Raises RemoteProtocolError 415, 488."""
    if not message.body:
        return None
    kind = message.get("Content-Type").partition(";")[0].strip().lower()
    if kind and kind != SDP_TYPE:
        raise RemoteProtocolError(f"a body of type {kind}", 415)
    return sdp.parse(message.body)
