"""What others ask of a user agent: calls, new offers within them, their ends (RFC 3261 §8.2, §13.3, §14.2, RFC 3311)."""

from __future__ import annotations

from overt.wire import sdp
from overt.wire.sip.description import described
from overt.wire.sip.dialog import Dialog
from overt.wire.sip.errors import RemoteProtocolError
from overt.wire.sip.grammar import whole_number
from overt.wire.sip.leg import (
    SDP_TYPE,
    Changed,
    Confirmed,
    Happening,
    Leg,
    Offered,
    Reoffered,
    Withdrawn,
)
from overt.wire.sip.machine import Key, Peer
from overt.wire.sip.message import Headers, Request, respond
from overt.wire.sip.remark import sentence
from overt.wire.sip.station import SECOND, Station
from overt.wire.sip.timer import SHORTEST_S, agreed, answer_headers, too_small

PATIENCE_S = 300  # within which a call is answered or refused
QUESTION_S = 25  # within which a new offer is accepted or rejected
MOST_UNACKNOWLEDGED = 8
MIN_SE: Headers = (("Min-SE", str(SHORTEST_S)),)


class Incoming(Station):
    """The side of the agent that is asked."""

    def _arrived(self, request: Request, key: Key, source: Peer, now: int) -> list[Happening]:
        if request.method == "ACK":
            return self._acknowledged(key, request)
        if request.method == "CANCEL":
            return self._cancelled(request, key, now)
        leg = self.legs.of_request(request)
        try:
            if leg is None:
                return self._outside(request, key, source, now)
            assert leg.dialog is not None
            leg.dialog = leg.dialog.taking(request)
            return self._unknown_refused(request, key, leg, now) or self._within(leg, request, key, now)
        except RemoteProtocolError as error:
            self.count_why("refused", error.reason)
            self.remark(source, sentence(request.method, error))
            return self._reply(key, request, error.status, now, leg=leg, reason=error.reason)

    def _outside(self, request: Request, key: Key, source: Peer, now: int) -> list[Happening]:
        """A request that belongs to no leg."""
        if request.to.tag:
            return [*self.layer.respond(key, respond(request, 481), now)]
        if request.method == "OPTIONS":
            return self._unknown_refused(request, key, None, now) or self._health(request, key, now)
        if request.method == "INVITE":
            refused = self._unknown_refused(request, key, None, now)
            return refused or self._invited(request, key, source, now)
        self.count_why("refused", request.method)
        return self._reply(key, request, 405, now)

    def _unknown_refused(self, request: Request, key: Key, leg: Leg | None, now: int) -> list[Happening]:
        unknown = self._unknown(request)
        if not unknown or request.method == "BYE":  # whoever leaves is let go
            return []
        self.count("refused: extension")
        return self._reply(key, request, 420, now, leg=leg, headers=(("Unsupported", ", ".join(unknown)),))

    def _health(self, request: Request, key: Key, now: int) -> list[Happening]:
        """Answer an OPTIONS with our load, in a header of our own name (RFC 6648 advises against X-)."""
        calls, most = self.load() if self.load is not None else (0, 0)
        load: Headers = (("Overt-Load", f"calls={calls};most={most}"),) if self.load is not None else ()
        if self.full:
            return self._reply(key, request, 503, now, headers=(*load, *self._retry_after(5, 6)))
        return self._reply(key, request, 200, now, headers=load)

    def _invited(self, request: Request, key: Key, source: Peer, now: int) -> list[Happening]:
        if self.legs.merged(request):
            return self._reply(key, request, 482, now)
        if request.get("Max-Forwards") == "0":
            return self._reply(key, request, 483, now)
        if self.full:
            self.count("refused: full")
            return self._reply(key, request, 503, now, headers=self._retry_after(5, 6))
        if too_small(request):
            return self._reply(key, request, 422, now, headers=MIN_SE)
        far, secret = described(request), self._fresh_key()
        leg = Leg(
            self._fresh(), True, source, request, key, tag=self._fresh(), far=far, secret=secret,
            secrecy="optional" if secret else "off",
        )  # fmt: skip
        leg.dialog = Dialog.of_server(request, leg.tag)
        self.legs.keep(leg)
        expires = whole_number(request.get("Expires"), PATIENCE_S) or PATIENCE_S
        self._due.set((leg.id, "patience"), now + expires * SECOND)
        return [Offered(leg, request, leg.far)]

    def _within(self, leg: Leg, request: Request, key: Key, now: int) -> list[Happening]:
        """A request of an established or early leg."""
        if request.method == "BYE":
            return [*self._reply(key, request, 200, now, leg=leg), *self._end(leg, "hung up", now)]
        if request.method in ("INVITE", "UPDATE"):
            return self._reoffered(leg, request, key, now)
        if request.method in ("INFO", "OPTIONS"):
            return self._reply(key, request, 200, now, leg=leg)
        self.count_why("refused", request.method)
        return self._reply(key, request, 405, now, leg=leg)

    # ---- new offers within a call

    def _reoffered(self, leg: Leg, request: Request, key: Key, now: int) -> list[Happening]:
        refused = self._conflict(leg, request, key, now)
        if refused:
            return refused
        if too_small(request):
            return self._reply(key, request, 422, now, leg=leg, headers=MIN_SE)
        far = described(request)
        if far is None and request.method == "UPDATE" and not (leg.deferred and request.body):
            return self._agree(leg, request, key, now)
        if leg.deferred:
            leg.question, leg.asked = request, key
            self.legs.keep(leg)
            self._due.set((leg.id, "patience"), now + QUESTION_S * SECOND)
            return [Reoffered(leg, request, far)]
        happened = self._agree(leg, request, key, now, self._description(leg, far))
        return [*happened, Changed(leg)] if far is not None else happened

    def _conflict(self, leg: Leg, request: Request, key: Key, now: int) -> list[Happening]:
        """The refusal of an offer that crosses another (§14.2, RFC 3311 §5.2). An UPDATE without a body crosses nothing."""
        if request.method == "UPDATE" and not request.body:
            return []
        open_ = leg.question is not None or (leg.server and leg.state == "early")
        if open_ or len(leg.unacknowledged) >= MOST_UNACKNOWLEDGED:
            self.count("crossed: their offers")
            self.remark(
                leg.peer, f"its {request.method} came while one before it was unanswered; it was told to try again"
            )
            return self._reply(key, request, 500, now, leg=leg, headers=self._retry_after(0, 11))
        if leg.offering or leg.owing or leg.state != "confirmed":
            self.count("crossed: offers of both")
            return self._reply(key, request, 491, now, leg=leg)
        return []

    def _description(self, leg: Leg, far: sdp.Description | None) -> bytes:
        if far is None:
            return self._described_again(leg)
        leg.version += 1
        return sdp.answer(
            far, leg.address, leg.port, session_id=leg.session_id, version=leg.version, key=leg.secret,
            secrecy=leg.secrecy,
        )  # fmt: skip

    def _agree(
        self, leg: Leg, request: Request, key: Key, now: int, body: bytes = b"", *, content_type: str = SDP_TYPE,
        headers: Headers = (),
    ) -> list[Happening]:  # fmt: skip
        """Answer an offer with 200: what is agreed is ours and theirs from now on, and the session timer begins."""
        assert leg.dialog is not None
        far = leg.far if request is leg.invite else described(request)
        if request.method == "INVITE":
            leg.unacknowledged.add(key)
            leg.owing = key if far is None else ()
        leg.dialog = leg.dialog.retargeted(request)
        self._updates(leg, request)
        self._time(leg, agreed(request, self.session_s, leg.timer), now)
        leg.far = far or leg.far
        if body:
            leg.body, leg.content_type = body, content_type
        self.legs.keep(leg)
        said = (*answer_headers(leg.timer), *headers)
        happened = self._reply(
            key, request, 200, now, leg=leg, headers=said, body=body, content_type=content_type,
        )  # fmt: skip
        return [*happened, *(self._overtaken(leg) if body else [])]

    # ---- their acknowledgements and cancellations

    def _acknowledged(self, key: Key, ack: Request) -> list[Happening]:
        leg = self.legs.of_key(key)
        if leg is None or key not in leg.unacknowledged:
            return []
        far, owed = None, key == leg.owing
        try:
            far = described(ack)
        except RemoteProtocolError as error:
            self.count_why("refused", error.reason)
            self.remark(leg.peer, sentence("ACK", error))
        if owed and far is None:
            self.remark(leg.peer, "its ACK has no description that can be read, though our 200 made the offer")
        leg.unacknowledged.discard(key)
        leg.owing = () if owed else leg.owing
        leg.far = far or leg.far
        self.legs.keep(leg)
        if leg.state == "answered" and key == leg.key:
            leg.state = "confirmed"
            return [Confirmed(leg)]
        return [Changed(leg)] if far is not None else []

    def _cancelled(self, cancel: Request, key: Key, now: int) -> list[Happening]:
        invite = self.layer.invite_of(cancel)
        if invite is None:  # one that came after our answer is too late, and no error (§9.2)
            status = 200 if self.layer.holds(cancel, "INVITE") else 481
            return [*self.layer.respond(key, respond(cancel, status), now)]
        leg = self.legs.of_key(invite)
        happened: list[Happening] = [*self.layer.respond(key, respond(cancel, 200), now)]
        if leg is None:
            return happened
        if leg.asked == invite:
            return [*happened, *self.reject(leg, 487, now), Withdrawn(leg)]
        return [*happened, *self._end(leg, "gave up", now)]

    # ---- what whoever was offered a leg says to it

    def accept(
        self, leg: Leg, body: bytes, now: int, *, content_type: str = SDP_TYPE, headers: Headers = ()
    ) -> list[Happening]:
        """Answer the call, or the new offer of theirs that waits, with 200 and this description.

        Where they made no offer it is ours, and their ACK answers it: `Confirmed` or `Changed` follows with `leg.far`. An
        UPDATE that made none is answered without one. Nothing when nothing waits: they took it back, or are gone.
        """
        if leg.question is not None:
            request, key = self._taken(leg)
            offered = request.method == "INVITE" or described(request) is not None
            given = body if offered else b""
            return self._agree(leg, request, key, now, given, content_type=content_type, headers=headers)
        if not leg.server or leg.state != "early":
            return []
        leg.state = "answered"
        self._due.drop((leg.id, "patience"))
        return self._agree(leg, leg.invite, leg.key, now, body, content_type=content_type, headers=headers)

    def reject(
        self, leg: Leg, status: int, now: int, reason: str = "", headers: Headers = ()
    ) -> list[Happening]:  # fmt: skip
        """Refuse the new offer of theirs that waits, and the call goes on as it was; or refuse the call. Else nothing."""
        if leg.question is not None:
            request, key = self._taken(leg)
            self.legs.keep(leg)
            return self._reply(key, request, status, now, leg=leg, reason=reason, headers=headers)
        return self.refuse(leg, status, reason, now, headers)

    def _taken(self, leg: Leg) -> tuple[Request, Key]:
        assert leg.question is not None
        taken = leg.question, leg.asked
        leg.question, leg.asked = None, ()
        self._due.drop((leg.id, "patience"))
        return taken

    def ring(self, leg: Leg, now: int) -> list[Happening]:
        """Say that we ring (180); nothing to who wants that only reliably (RFC 3262), which we do not send."""
        required = {one.strip().lower() for one in leg.invite.all("Require")}
        return [] if "100rel" in required else self._reply(leg.key, leg.invite, 180, now, leg=leg)

    def answer(self, leg: Leg, address: str, port: int, now: int) -> list[Happening]:
        """Answer a call with our media address; `Confirmed` follows. Raises RemoteProtocolError 488."""
        leg.address, leg.port, leg.session_id = address, port, now // 1000
        return self.accept(leg, self._description(leg, leg.far), now)

    def refuse(self, leg: Leg, status: int, reason: str, now: int, headers: Headers = ()) -> list[Happening]:
        """End an unanswered call with a final status."""
        if not leg.server or leg.state != "early":
            return []
        happened = self._reply(leg.key, leg.invite, status, now, leg=leg, reason=reason, headers=headers)
        return [*happened, *self._close(leg, now)]

    def _impatient(self, leg: Leg, now: int) -> list[Happening]:
        """Nobody here answered in time: refuse what waits, so that nothing is left."""
        self.count("unanswered here")
        if leg.question is not None:
            return [*self.reject(leg, 500, now, headers=self._retry_after(0, 11)), Withdrawn(leg)]
        return self._end(leg, "nobody answered in time", now)
