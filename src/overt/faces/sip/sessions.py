"""The recording sessions of a gateway: those that begin, those that come back, those that a predecessor left."""

from __future__ import annotations

import time
from base64 import b64decode
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from overt.adapters.randomness import Randomness
from overt.domain.clients import Client
from overt.domain.identity import Number, uuid7
from overt.domain.roster import Seats, are_the_same
from overt.faces.sip.control import called_of
from overt.faces.sip.recording_session import RecordingSession
from overt.faces.sip.understanding import Means, Understanding, body_of, understand
from overt.ports import Offer
from overt.wire import sdp
from overt.wire.sip.errors import RemoteProtocolError
from overt.wire.sip.leg import Leg
from overt.wire.sip.message import Request
from overt.wire.siprec.multipart import METADATA, SDP, Body, Part
from overt.wire.siprec.snapshot import Mark, marks_of

if TYPE_CHECKING:
    from overt.faces.sip.gateway import Gateway

OnSession = Callable[[RecordingSession], Awaitable[None]]
MOST_IDS = 8
NOT_A_CLIENT = (
    "it offers recording sessions (SIPREC), and is known as a gateway: add it with `overt clients add … --mode siprec`"
)
ANOTHERS_ID = "two of its calls under way have the same id and other people: they are recorded apart; ids must be unique (RFC 7865 §6.2)"


class Sessions:
    """What a gateway does with recording sessions. `means` says what can be done for a client."""

    def __init__(self, gateway: Gateway, tenant: str, means: Callable[[Client], Means], on_session: OnSession) -> None:
        self._gateway, self._tenant, self._means, self._on_session = gateway, tenant, means, on_session
        self._random = Randomness()
        self._open: WeakValueDictionary[tuple[str, Mark], RecordingSession] = WeakValueDictionary()

    def offered(self, client: Client, leg: Leg, request: Request, far: sdp.Description | None) -> None:
        """A client offers a session: it is refused with a sentence, taken for one that failed over, or attended."""
        if client.mode != "siprec":
            self._refuse(client, leg, 488, NOT_A_CLIENT)
            return
        means = self._means(client)
        try:
            understood, described, remarks = understand(Understanding(), body_of(request), far, means)
        except RemoteProtocolError as error:
            self._refuse(client, leg, error.status, error.reason)
            return
        for sentence in remarks:
            self._gateway.remark(client.name, sentence)
        if not understood.hears:
            self._refuse(client, leg, 488, "none of the streams that it offers can be kept")
            return
        before = self._of_the_same_call(client, understood)
        if before is not None:
            self._gateway.agent.count("sessions: failed over")
            known = Understanding(seats=before.seats)  # who had a seat keeps it
            understood, described, _ = understand(known, body_of(request), far, means)
            before.reclaim(leg, understood, described)
            self._remember(before, understood)
            return
        session = RecordingSession(
            self._gateway, self._offer(client, request, understood), client, leg, means, understood
        )  # fmt: skip
        if described is not None:
            session.post(described)
        self._remember(session, understood)
        self._gateway.run(self._on_session(session), leg)

    def _of_the_same_call(self, client: Client, understood: Understanding) -> RecordingSession | None:
        """A session under way of the same call: the client failed over."""
        for mark in marks_of(understood.snapshot) if understood.snapshot is not None else ():
            session = self._open.get((client.name, mark))
            if session is None or mark not in session.marks or not session.under_way:
                continue
            if are_the_same(session.seats, understood.seats):
                return session
            self._gateway.remark(client.name, ANOTHERS_ID)
        return None

    def _remember(self, session: RecordingSession, understood: Understanding) -> None:
        for mark in marks_of(understood.snapshot) if understood.snapshot is not None else ():
            self._open[(session.client.name, mark)] = session

    def _refuse(self, client: Client, leg: Leg, status: int, sentence: str) -> None:
        self._gateway.refuse(client.name, leg, status, sentence)

    def _offer(self, client: Client, request: Request, understood: Understanding) -> Offer:
        """The call as the client describes it: the caller is who has the caller's seat, the called who has the agent's."""
        seats, now_us = understood.seats, time.time_ns() // 1000
        caller = seats.caller.number if seats.caller is not None else Number()
        name = seats.caller.name if seats.caller is not None else ""
        called = seats.agent.number.text if seats.agent is not None else ""
        return Offer(
            uuid7(now_us, self._random.take(10)), self._tenant, client.name, caller, name, called or called_of(request),
            now_us, time.monotonic_ns(), request.call_id, _ids(understood),
        )  # fmt: skip

    def restore(
        self, offer: Offer, client: Client, snapshot: Mapping[str, Any], seats: Seats
    ) -> RecordingSession | None:  # fmt: skip
        """Take up a session of a predecessor from its snapshot; None when its leg was not established. `seats` are kept."""
        leg = self._gateway.agent.restore(snapshot["caller"])
        if leg is None:
            return None
        means, understood = self._means(client), Understanding(seats=seats)
        written = snapshot["offer"].encode("latin-1")
        bodies = [Body((Part((("Content-Type", METADATA[0]),), b64decode(one)),)) for one in snapshot["documents"]]
        bodies.append(Body((Part((("Content-Type", SDP),), written),)) if written else Body())
        for body in bodies:
            far = None
            with suppress(RemoteProtocolError):
                far = sdp.parse(body.sdp) if body.sdp is not None else None
            understood = understand(understood, body, far, means)[0]
        session = RecordingSession(self._gateway, offer, client, leg, means, understood)
        session.go_on(snapshot)
        self._remember(session, understood)
        return session


def _ids(understood: Understanding) -> tuple[str, ...]:
    """What the client calls the call: the ids of its communication sessions, and the SIP sessions behind them."""
    calls = understood.snapshot.communication_sessions if understood.snapshot is not None else ()
    found = [
        half for call in calls for one in (call.id, *call.sip_ids) for half in _halves(one) if not half.startswith("?")
    ]
    return tuple(dict.fromkeys(found))[:MOST_IDS]


def _halves(written: str) -> tuple[str, ...]:
    """A Call-ID as it stands, or both halves of a Session-ID (RFC 7989 §5); nothing that has white space in it."""
    local, _, remote = written.strip().partition(";remote=")
    return tuple(one for one in (local, remote.partition(";")[0]) if one and not any(char.isspace() for char in one))
