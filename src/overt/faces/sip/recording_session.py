"""ports.SessionControl over one leg of the user agent: a recording client's session, in which we hear and never speak.

The service says what may flow; this door says it to the client, and tells the service what the client says.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from overt.domain.clients import Client
from overt.domain.identity import AGENT, CALLER, SIDES, Side
from overt.domain.roster import Seats
from overt.faces.sip.understanding import Means, Understanding, body_of, understand, without_offer
from overt.inbox import CallEvent, Described, HungUp, LegChanged, LegMedia, Listener, Reclaimed
from overt.ports import Dialled, Offer, Unavailable
from overt.wire.sdp import Description
from overt.wire.sip import leg as legs
from overt.wire.sip.errors import RemoteProtocolError
from overt.wire.sip.message import Request
from overt.wire.siprec import answering
from overt.wire.siprec.answering import Heard, OurLine
from overt.wire.siprec.multipart import Body
from overt.wire.siprec.snapshot import Mark, marks_of

if TYPE_CHECKING:
    from overt.faces.sip.gateway import Gateway

ANSWER_S = 32.0
REOFFER_S = 45.0  # a client that is busy with an offer of its own is asked again (RFC 3261 §14.1)
SETTLE_S = 0.5
FEATURES = ";+sip.srs"
KEY_BYTES = 46


class RecordingSession:
    """The signalling of one recording session."""

    def __init__(
        self, gateway: Gateway, offer: Offer, client: Client, leg: legs.Leg, means: Means, understood: Understanding
    ) -> None:  # fmt: skip
        self.offer, self.client = offer, client
        self._gateway, self._leg, self._means, self.understood = gateway, leg, means, understood
        self._listener: Listener | None = None
        self._unheard: list[CallEvent] = []
        self._address, self._ports = "", dict[Side, int]()
        self._flowing, self._agreed_anew, self._version = True, False, 0
        self._given: dict[Side, bytes] = {}
        self._told: dict[Side, LegMedia] = {}
        self._accepted: asyncio.Future[None] | None = None
        self._reanswered: asyncio.Future[int] | None = None
        self._agreed: dict[Side, int] = {}  # the line of theirs that each pair of our ports is for, as they know
        self._asked: dict[Side, int] = {}  # the same, as an offer of ours says that they have not answered
        self._tried: dict[Side, int] = {}
        # seats to whose ports the voice of another comes until the client has our answer
        self._settling: set[Side] = set()
        self._settled: asyncio.TimerHandle | None = None
        leg.deferred, leg.features = True, FEATURES
        gateway.keep(leg, self)

    @property
    def _keys(self) -> Mapping[Side, bytes]:
        """Our key of each line; made once one of them is encrypted."""
        offer = self.understood.offer
        if not self._given and offer is not None and any(one.secure for one in offer.media):
            self._given = {side: secrets.token_bytes(KEY_BYTES) for side in SIDES}
        return self._given

    @property
    def seats(self) -> Seats:
        """See ports.SessionControl."""
        return self.understood.seats

    def listen(self, listener: Listener) -> None:
        """See ports.CallControl. What happened before is told now."""
        self._listener = listener
        for event in self._unheard:
            listener(event)
        self._unheard.clear()

    def post(self, event: CallEvent) -> None:
        """Tell the service, or keep it until it listens."""
        if self._listener is None:
            self._unheard.append(event)
        else:
            self._listener(event)

    def _do(self, act: Callable[[int], Iterable[legs.Happening]]) -> None:
        self._gateway.perform(act(time.monotonic_ns()))

    # ---- ports.SessionControl

    def place(self, address: str, ports: Mapping[Side, int], *, flowing: bool) -> Mapping[Side, LegMedia]:
        """See ports.SessionControl."""
        self._address, self._ports, self._flowing = address, dict(ports), flowing
        self._agreed = dict(self.understood.seats.lines)  # as our answer will say; an offer of ours: see `_confirmed`
        self._told = self._streams()
        return dict(self._told)

    async def accept(self) -> None:
        """See ports.SessionControl."""
        if self._leg.state in ("confirmed", "ended"):  # it failed over meanwhile, or gave up
            return self._gone_early()
        self._accepted = asyncio.get_running_loop().create_future()
        leg, body = self._leg, self._description(answers=self._leg.far is not None)
        self._do(lambda now: self._gateway.agent.accept(leg, body, now))
        try:
            await asyncio.wait_for(self._accepted, ANSWER_S)
        except TimeoutError as error:
            raise Unavailable("client", "no ACK came to our answer", retry=False) from error

    def _gone_early(self) -> None:
        if self._leg.state == "ended":
            raise Unavailable("client", "gave up", retry=False)

    async def let_flow(self, *, flowing: bool) -> None:
        """See ports.SessionControl."""
        if flowing == self._flowing:
            return
        before, self._flowing, self._agreed_anew = self._flowing, flowing, False
        self._reanswered = asyncio.get_running_loop().create_future()
        leg, body = self._leg, self._description(answers=False)
        self._do(lambda now: self._gateway.agent.reoffer(leg, body, now))
        try:
            status = await asyncio.wait_for(self._reanswered, REOFFER_S)
        except TimeoutError:
            status = 408
        if status == 491 and self._agreed_anew:
            return  # an offer of theirs came first, and our answer to it has said the same
        if not 200 <= status < 300:
            self._flowing = before
            if self._leg.state == "ended":
                raise Unavailable("client", f"{self.client.name} ended the session before it answered our offer")
            why = "does not answer our offer" if status == 408 else f"answered our offer with {status}"
            self._gateway.remark(self.client.name, f"it {why}, so that its streams stay as they were")
            raise Unavailable("client", f"{self.client.name} {why}")

    async def answer(self, address: str, port: int) -> LegMedia:
        """See ports.CallControl: a recording session is accepted, line by line."""
        raise Unavailable("client", "a recording session has lines of its own", retry=False)

    async def refuse(self, status: int, reason: str) -> None:
        """See ports.CallControl."""
        leg = self._leg
        self._do(lambda now: self._gateway.agent.refuse(leg, status, reason, now))
        self._gateway.forget(leg)

    async def dial(self, target: str, address: str, port: int, ring_s: int) -> Dialled:
        """See ports.CallControl: nobody can be dialled beside a call."""
        return Dialled(None, 488, "nobody is dialled beside a call")

    async def hang_up(self, side: Side) -> None:
        """See ports.CallControl. There is one leg, and ending it ends the session, never the call."""
        if side == AGENT or self._leg.state == "ended":
            return
        leg = self._leg
        self._do(lambda now: self._gateway.agent.hang_up(leg, now))
        if leg.state == "ended":
            self._gateway.forget(leg)

    def end(self, how: str) -> None:
        """Have the session ended. Nobody waits for its client any more."""
        self._await_nothing(how)
        self.post(HungUp(CALLER, how))

    def _await_nothing(self, how: str, status: int = 481) -> None:
        if self._accepted is not None and not self._accepted.done():
            self._accepted.set_exception(Unavailable("client", how, retry=False))
        if self._reanswered is not None and not self._reanswered.done():
            self._reanswered.set_result(status)

    def snapshot(self) -> dict[str, object]:
        """See ports.CallControl. The documents are read again by a successor, so that it knows who is on the call."""
        return {
            "client": self.client.name, "caller": self._leg.as_json(), "flowing": self._flowing,
            "version": self._version, "agreed": dict(self._agreed), "address": self._address, "ports": dict(self._ports),
            "keys": {side: b64encode(key).decode() for side, key in self._keys.items()},
            "offer": self.understood.written.decode("latin-1"), "documents": [b64encode(one).decode() for one in self.understood.documents],
        }  # fmt: skip

    def go_on(self, snapshot: Mapping[str, Any]) -> None:
        """Go on where a predecessor was."""
        self._address, self._ports = snapshot["address"], dict(snapshot["ports"])
        self._flowing, self._version = snapshot["flowing"], snapshot["version"]
        self._given = {side: b64decode(snapshot["keys"][side]) for side in SIDES if side in snapshot["keys"]}
        self._agreed = dict(snapshot.get("agreed", self.understood.seats.lines))
        self._told = self._streams()

    # ---- what we say

    def _description(self, *, answers: bool) -> bytes:
        """Our description: an answer to their last offer, or an offer of ours over the same lines."""
        self._version += 1
        self._asked = dict(self.understood.seats.lines)
        if answers:
            self._agreed = self._asked
        heard: Heard = "recvonly" if self._flowing else "inactive"
        written = {"session_id": self._leg.session_id or self.offer.offered_us, "version": self._version}
        if self.understood.offer is None:
            self._asked = {side: at for at, side in enumerate(SIDES)}
            lines = [OurLine(at, self._address, self._ports[side], heard, ()) for at, side in enumerate(SIDES)]
            return answering.first_offer(lines, self._means.decodable, **written)
        ours = self.understood.our_lines(self._address, self._ports, self._keys, heard)
        write = answering.answer if answers else answering.offer
        return write(self.understood.offer, ours, **written)

    # ---- what happens to the leg

    def happen(self, happening: legs.Happening) -> None:
        """Take what the agent says of the leg."""
        match happening:
            case legs.Confirmed(leg) if leg is self._leg:
                self._confirmed(leg)
            case legs.Changed(leg) if leg is self._leg:
                self._agreed = self._asked
                self._take(Body(), leg.far)  # the answer to an offer of ours
                self._align()
            case legs.Reoffered(leg, request, far) if leg is self._leg:
                self._reoffered(leg, request, far)
            case legs.Reanswered(leg, status, far) if leg is self._leg:
                self._reanswer(status, far)
            case legs.Ended(leg, how, _):
                self._ended(leg, how)
            case _:
                pass

    def _confirmed(self, leg: legs.Leg) -> None:
        if self.understood.offer is None and leg.far is not None:
            self._agreed = self._asked
            self._take(Body(), leg.far)
            self._align()
        if self._accepted is not None and not self._accepted.done():
            self._accepted.set_result(None)

    def _reoffered(self, leg: legs.Leg, request: Request, far: Description | None) -> None:
        """A new offer of theirs, or metadata alone: understand it, answer at once, tell what changed."""
        before = self.understood
        try:
            self._take(body_of(request), far, tell=False)
        except RemoteProtocolError as error:
            status, reason = error.status, error.reason
            self._gateway.remark(self.client.name, reason)
            self._do(lambda now: self._gateway.agent.reject(leg, status, now, reason))
            return
        if not self.understood.hears and not self.understood.closed:
            # who is on the call they said all the same
            self.understood = without_offer(self.understood, before, self._means)
            self._do(lambda now: self._gateway.agent.reject(leg, 488, now))
            return
        says = far is not None or request.method == "INVITE"  # an UPDATE without an offer is answered without one
        if far is not None:
            self._settle()
        body = self._description(answers=far is not None) if says else b""
        self._agreed_anew = self._agreed_anew or far is not None
        self._do(lambda now: self._gateway.agent.accept(leg, body, now))
        self._tell_streams()
        if not says:
            self._align()

    def _settle(self) -> None:
        """Hear no voice whose line was another's, for as long as our answer may take to reach the client."""
        formerly = {index: side for side, index in self._agreed.items()}
        self._settling = {side for side, index in self.understood.seats.lines if formerly.get(index, side) != side}
        if self._settled is not None:
            self._settled.cancel()
        if self._settling:
            self._settled = asyncio.get_running_loop().call_later(SETTLE_S, self._hear_settled)

    def _hear_settled(self) -> None:
        self._settling = set()
        self._tell_streams()

    def _align(self) -> None:
        """Have the client send each voice to the ports of its seat, where it said in metadata alone that voices changed
        lines, or answered our first offer with others. Until it agrees they are not heard: no voice gets on another's track.
        """
        lines = dict(self.understood.seats.lines)
        if self.understood.offer is None or lines == self._tried or not self._astray(lines):
            return
        self._tried = lines
        leg, body = self._leg, self._description(answers=False)
        self._do(lambda now: self._gateway.agent.reoffer(leg, body, now))

    def _astray(self, lines: Mapping[Side, int]) -> set[Side]:
        """The seats whose voice comes, as far as the client knows, to other ports than theirs."""
        return {side for side, index in lines.items() if self._agreed.get(side) != index}

    def _take(self, body: Body, far: Description | None, *, tell: bool = True) -> None:
        self.understood, described, remarks = understand(self.understood, body, far, self._means)
        for sentence in remarks:
            self._gateway.remark(self.client.name, sentence)
        if described is not None:
            self.post(described)
        if tell:
            self._tell_streams()

    def _streams(self) -> dict[Side, LegMedia]:
        """What each seat's stream is now; nothing of a seat without a line."""
        if self.understood.offer is None or not self._ports:
            return {}
        heard: Heard = "recvonly" if self._flowing else "inactive"
        lines = {one.index: one for one in self.understood.our_lines(self._address, self._ports, self._keys, heard)}
        found = {
            side: self.understood.media(side, lines[index], self._leg.peer.host)
            for side, index in self.understood.seats.lines
        }
        anywhere = self.client.anywhere
        astray = self._astray(dict(self.understood.seats.lines)) | self._settling
        return {
            side: replace(media, anywhere=anywhere) if side not in astray
            else replace(media, anywhere=anywhere, sends=False, receives=False)
            for side, media in found.items() if media is not None
        }  # fmt: skip

    def _tell_streams(self, *, anew: bool = False) -> None:
        """Tell of every stream that changed, of all `anew`; one that is no longer offered is one that is paused."""
        if self.understood.offer is None or not self._ports:
            return
        now = self._streams()
        ended = {side: replace(media, sends=False, receives=False) for side, media in self._told.items()}
        for side, media in (ended | now).items():
            if anew or media != self._told.get(side):
                self._told[side] = media
                self.post(LegChanged(side, media))

    def _reanswer(self, status: int, far: Description | None) -> None:
        if 200 <= status < 300:
            self._agreed, self._tried = self._asked, {}
        elif self._astray(dict(self.understood.seats.lines)) and self._tried:
            sentence = f"its voices changed lines, and it answered our offer for that with {status}: they are not heard"
            self._gateway.remark(self.client.name, sentence)
        if far is not None:
            self._take(Body(), far)
            self._align()
        if self._reanswered is not None and not self._reanswered.done():
            self._reanswered.set_result(status)

    def _ended(self, leg: legs.Leg, how: str) -> None:
        self._gateway.forget(leg)
        if leg is not self._leg:
            return  # a leg that another took the place of: how it ends is no news
        self._await_nothing(how)
        self.post(HungUp(CALLER, "ended the recording session" if how == "hung up" else how))

    # ---- failing over

    @property
    def under_way(self) -> bool:
        """True while its leg has not ended."""
        return self._leg.state != "ended"

    @property
    def marks(self) -> set[Mark]:
        """What its call is known by: another session of the client's with one of them is this one, failed over."""
        return marks_of(self.understood.snapshot) if self.understood.snapshot is not None and self._ports else set()

    def reclaim(self, leg: legs.Leg, understood: Understanding, described: Described | None) -> None:
        """Go on in another dialog: the old leg is ended, the streams are agreed anew, the recording goes on after a gap."""
        old, self._leg, self.understood = self._leg, leg, understood
        leg.deferred, leg.features = True, FEATURES
        self._gateway.keep(leg, self)
        self._do(lambda now: self._gateway.agent.hang_up(old, now))
        self._agreed_anew, self._tried = True, {}
        if self._reanswered is not None and not self._reanswered.done():
            self._reanswered.set_result(491)  # our offer went to the old one; what we answer now says the same
        body = self._description(answers=leg.far is not None)
        self._do(lambda now: self._gateway.agent.accept(leg, body, now))
        self.post(Reclaimed("the client failed over to another dialog"))
        if described is not None:
            self.post(described)
        self._tell_streams(anew=True)
