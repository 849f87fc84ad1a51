"""A user agent, sans-IO: legs made of transactions and dialogs. Serves the gateway and our own phone alike.

Bytes come in by `receive`, time by `advance`; what is to be sent and what happened comes out as values. Tags, branches
and Call-IDs come from `fresh`, an argument. The agent answers by itself what needs nobody's decision: OPTIONS, CANCEL,
new offers within a call that is not deferred (same address, direction mirrored), session timers, retransmissions, requests
for calls that do not exist, and what cannot be read.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from overt.wire.sip.description import described
from overt.wire.sip.errors import RemoteProtocolError
from overt.wire.sip.incoming import Incoming
from overt.wire.sip.leg import SDP_TYPE, Happening, Leg
from overt.wire.sip.message import Request, parse
from overt.wire.sip.outgoing import Outgoing
from overt.wire.sip.remark import begins_as, refusal, sentence
from overt.wire.sip.station import ALLOW
from overt.wire.sip.transaction import (
    Answered,
    Arrived,
    Outcome,
    Peer,
    Send,
    TimedOut,
    received_via,
)

__all__ = ("ALLOW", "SDP_TYPE", "Agent", "described")


class Agent(Incoming, Outgoing):
    """All legs of one user agent on one local address.

    Large requests over UDP go over TCP first where `layer.streams` is set (RFC 3261 §18.1.1): a `Send` then names a stream
    to open, and `undelivered` brings the request back to UDP.
    """

    def receive(self, datagram: bytes, source: Peer, now: int) -> list[Happening]:
        """Take a whole message. Malformed requests get their answer where one can be sent, a counter, and a remark."""
        try:
            message = parse(datagram)
            if isinstance(message, Request):
                message = received_via(message, source)
            outcomes = self.layer.receive(message, source, now)
        except RemoteProtocolError as error:
            return self._malformed(datagram, error, source)
        return self._outcomes(outcomes, now)

    def _malformed(self, datagram: bytes, error: RemoteProtocolError, source: Peer) -> list[Happening]:
        self.count_why("malformed", error.reason)
        if not datagram.strip(b"\r\n\0"):
            return []  # a keep-alive
        self.remark(source, sentence(begins_as(datagram), error))
        answer = refusal(datagram, error, source)
        return [answer] if answer is not None else []

    def advance(self, now: int) -> list[Happening]:
        """Do what is due."""
        happened = self._outcomes(self.layer.advance(now), now)
        for leg_id, what in self._due.due(now):
            leg = self.legs.get(leg_id)
            if leg is not None:
                happened += self._is_due(leg, what, now)
        return happened

    def _is_due(self, leg: Leg, what: str, now: int) -> list[Happening]:
        match what:
            case "timer":
                return self._refresh(leg, now)
            case "retry":
                return self._retry(leg, now)
            case "patience":
                return self._impatient(leg, now)
            case _:
                return self._unanswered(leg, now)

    def next_deadline(self) -> int | None:
        """When `advance` has something to do next; None when nothing runs."""
        return min((one for one in (self.layer.next_deadline(), self._due.next()) if one is not None), default=None)

    @property
    def deadlines(self) -> int:
        """How many deadlines of legs are held."""
        return len(self._due)

    def undelivered(self, send: Send, now: int) -> list[Happening]:
        """Say that what was to be sent could not be: no connection came about, or it broke before anything was written."""
        return self._outcomes(self.layer.undelivered(send, now), now)

    def _outcomes(self, outcomes: Iterable[Outcome], now: int) -> list[Happening]:
        happened: list[Happening] = []
        for outcome in outcomes:
            match outcome:
                case Send():
                    happened.append(outcome)
                case Arrived(request, key, source):
                    happened += self._arrived(request, key, source, now)
                case Answered(key, response):
                    happened += self._heard(key, response, now)
                case _:
                    happened += self._failed(outcome.key, now, 408 if isinstance(outcome, TimedOut) else 503)
        return happened

    def restore(self, fields: dict[str, Any]) -> Leg | None:
        """Take up an established leg that another process left (`Leg.as_json`); None when it was not established.

        Its session timer begins anew with the next `advance`.
        """
        if fields["state"] != "confirmed" or fields["dialog"] is None:
            return None
        leg = Leg.from_json(fields)
        self.legs.keep(leg)
        if leg.timer is not None:
            self._due.set((leg.id, "timer"), 0)
        return leg
