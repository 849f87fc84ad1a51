"""ports.CallControl over two legs of the user agent: the caller's, which a trunk offered, and the agent's, which we ring."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from overt.domain.identity import AGENT, CALLER, Number, Side
from overt.faces.sip.resolver import NoAddress, Target
from overt.inbox import Srtp
from overt.ports import CallEvent, Dialled, HungUp, LegChanged, LegMedia, Listener, Offer, Ringing, Unavailable
from overt.wire.sdp import srtp_of
from overt.wire.sip import leg as legs
from overt.wire.sip.errors import RemoteProtocolError
from overt.wire.sip.grammar import parse_parameters
from overt.wire.sip.headers import NameAddress, passes
from overt.wire.sip.message import Request
from overt.wire.sip.transaction import Peer, Send
from overt.wire.sip.uri import Uri

if TYPE_CHECKING:
    from overt.faces.sip.gateway import Gateway

ANSWER_S = 32.0
LOOK_UP_S = 8.0
SILENT_S = 4.0  # how long a place may say nothing before the next is tried
ANONYMOUS = ("anonymous", "unknown", "restricted", "unavailable")
FAILED = "tn-validation-failed"  # with or without the level of attestation behind it, as TN-Validation-Failed-A


class SipControl:
    """The signalling of one call."""

    def __init__(self, gateway: Gateway, offer: Offer, leg: legs.Leg) -> None:
        self.offer = offer
        self._gateway, self._caller = gateway, leg
        self._agent: legs.Leg | None = None
        self._listener: Listener | None = None
        self._unheard: list[CallEvent] = []
        self._answered: asyncio.Future[LegMedia] | None = None
        self._dialled: asyncio.Future[Dialled] | None = None
        gateway.keep(leg, self)

    def listen(self, listener: Listener) -> None:
        """See ports.CallControl. What happened before is told now."""
        self._listener = listener
        for event in self._unheard:
            listener(event)
        self._unheard.clear()

    def _post(self, event: CallEvent) -> None:
        if self._listener is None:
            self._unheard.append(event)
        else:
            self._listener(event)

    def end(self, how: str) -> None:
        """Have the call ended, as if its agent had left."""
        self._post(HungUp(AGENT, how))

    def take_up(self, leg: legs.Leg | None) -> None:
        """The agent's leg as a predecessor left it."""
        self._agent = leg
        if leg is not None:
            self._gateway.keep(leg, self)

    def _do(self, act: Callable[[int], Iterable[legs.Happening]]) -> None:
        self._gateway.perform(act(time.monotonic_ns()))

    # ---- ports.CallControl

    async def answer(self, address: str, port: int) -> LegMedia:
        """See ports.CallControl."""
        if self._caller.state == "ended":  # given up while the call was thought about: no ACK would ever come
            raise Unavailable("caller", "gave up before the answer", retry=False)
        self._answered = asyncio.get_running_loop().create_future()
        try:
            self._do(lambda now: self._gateway.agent.answer(self._caller, address, port, now))
            return await asyncio.wait_for(self._answered, ANSWER_S)
        except RemoteProtocolError as error:
            await self.refuse(error.status, error.reason)
            raise Unavailable("caller", error.reason, retry=False) from error
        except TimeoutError as error:
            raise Unavailable("caller", "no ACK came", retry=False) from error

    async def refuse(self, status: int, reason: str) -> None:
        """See ports.CallControl."""
        self._do(lambda now: self._gateway.agent.refuse(self._caller, status, reason, now))
        self._gateway.forget(self._caller)

    async def dial(self, target: str, address: str, port: int, ring_s: int) -> Dialled:
        """See ports.CallControl. A name may lead to several places: the next is tried when one cannot be reached."""
        loop = asyncio.get_running_loop()
        self._dialled, until = loop.create_future(), loop.time() + ring_s
        lookup = asyncio.ensure_future(self._gateway.targets(target))
        try:
            waiting: set[asyncio.Future[Any]] = {lookup, self._dialled}
            await asyncio.wait(waiting, timeout=min(LOOK_UP_S, ring_s), return_when="FIRST_COMPLETED")
            places = lookup.result() if lookup.done() else ()
        except (NoAddress, RemoteProtocolError) as error:
            return Dialled(None, 503, str(error))
        finally:
            lookup.cancel()
        if not places and not self._dialled.done():
            return Dialled(None, 503, "no name server answered")
        dialled = Dialled(None, 487, "given up")
        for left, place in reversed(list(enumerate(reversed(places)))):
            if self._dialled.done():  # given up meanwhile
                return self._dialled.result()
            dialled = await self._ring(target, place, address, port, until - loop.time(), last=not left)
            elsewhere = dialled.status == 503 or (dialled.status == 408 and not self._heard)
            if dialled.media is not None or not elsewhere or loop.time() >= until:
                return dialled
            self._dialled = loop.create_future()
        return dialled

    async def _ring(self, target: str, place: Target, address: str, port: int, wait: float, *, last: bool) -> Dialled:
        """Call one place. Where there is another, one that says nothing is given up soon (RFC 3263 §4.3)."""
        assert self._dialled is not None
        self._call(target, Peer(place.host, place.port, place.transport), address, port)
        if not last:
            await asyncio.wait({self._dialled}, timeout=min(wait, SILENT_S))
            if not self._dialled.done() and not self._heard:
                await self.hang_up(AGENT)
                return Dialled(None, 408, "no response")
        try:
            return await asyncio.wait_for(asyncio.shield(self._dialled), max(0.0, wait - (0 if last else SILENT_S)))
        except TimeoutError:
            await self.hang_up(AGENT)
            return Dialled(None, 408, "no answer")

    @property
    def _heard(self) -> bool:
        """Whether whoever we call last said anything yet."""
        return self._agent is not None and self._agent.provisional

    def _call(self, target: str, peer: Peer, address: str, port: int) -> None:
        invite = self._caller.invite
        from_ = invite.from_ if invite.headers else NameAddress(Uri("sip", self.offer.caller.text, address))
        headers = tuple((name, value) for name, value in invite.headers if passes(name))
        hops = int(invite.get("Max-Forwards") or "70") - 1
        codec = self._caller.audio.codec if self._caller.audio is not None else None
        leg, happened = self._gateway.agent.invite(
            target, peer, NameAddress(from_.uri, from_.display), address, port, time.monotonic_ns(),
            headers=headers, hops=hops, first=codec[1] if codec else "PCMU",
            secure=self._gateway.encrypts_to(peer),
        )  # fmt: skip
        self._agent = leg
        self._gateway.keep(leg, self)
        self._gateway.perform(happened)

    async def hang_up(self, side: Side) -> None:
        """See ports.CallControl."""
        leg = self._caller if side == CALLER else self._agent
        if leg is not None:
            self._do(lambda now: self._gateway.agent.hang_up(leg, now))
            if leg.state == "ended":
                self._gateway.forget(leg)
        if side == AGENT and self._dialled is not None and not self._dialled.done():
            self._dialled.set_result(Dialled(None, 487, "given up"))

    def snapshot(self) -> dict[str, object]:
        """See ports.CallControl."""
        return {"caller": self._caller.as_json(), "agent": self._agent.as_json() if self._agent else None}

    # ---- what happens to the legs

    def happen(self, happening: legs.Happening) -> None:
        """Take what the agent says of one of the legs."""
        assert not isinstance(happening, Send)
        if happening.leg is not self._caller and happening.leg is not self._agent:
            self._gateway.forget(happening.leg)  # given up for another: how it ends is no news of this call
            return
        side: Side = CALLER if happening.leg is self._caller else AGENT
        match happening:
            case legs.Confirmed(leg):
                self._confirmed(side, leg)
            case legs.Changed(leg):
                media = leg_media(leg)
                if media is not None:
                    self._post(LegChanged(side, media))
            case legs.Progressed(_, status):
                self._post(Ringing(side, status))
            case legs.Ended(leg, how, status):
                self._ended(side, leg, how, status)

    def _confirmed(self, side: Side, leg: legs.Leg) -> None:
        waiting = self._answered if side == CALLER else self._dialled
        media = leg_media(leg)
        if waiting is None or waiting.done():
            return
        if media is None:
            waiting.set_exception(Unavailable("caller", "no sound that we can relay", retry=False))
        elif side == CALLER and self._answered is not None:
            self._answered.set_result(media)
        elif self._dialled is not None:
            self._dialled.set_result(Dialled(media, 200, "OK"))

    def _ended(self, side: Side, leg: legs.Leg, how: str, status: int) -> None:
        self._gateway.forget(leg)
        waiting = self._answered if side == CALLER else self._dialled
        if side == AGENT and self._dialled is not None and not self._dialled.done():
            self._dialled.set_result(Dialled(None, status, how))
            return
        if side == AGENT and leg.cancelled:
            return  # we gave the leg up ourselves, and said so when we did: its end is no hanging up
        if side == CALLER and waiting is not None and not waiting.done():
            waiting.set_exception(Unavailable("caller", how, retry=False))
        self._post(HungUp(side, how))


def leg_media(leg: legs.Leg) -> LegMedia | None:
    """The far end of a leg: its first codec that we relay, and its keys. None when there is none."""
    audio = leg.audio
    if leg.far is None or audio is None or audio.codec is None:
        return None
    keys = srtp_of(leg.secret, leg.far, leg.secrecy)
    return LegMedia(
        audio.address, audio.port, audio.rtcp_port, audio.codec[1], audio.codec[0], audio.event_type,
        audio.direction in ("sendrecv", "sendonly"), audio.direction in ("sendrecv", "recvonly"),
        srtp=Srtp(keys.suite, keys.receive, keys.send) if keys is not None else None,
    )  # fmt: skip


def caller_of(request: Request) -> tuple[Number, str]:
    """The caller's number and display name. Withheld: a Privacy header that says so, or an anonymous From.

    P-Asserted-Identity (RFC 3325) is believed before From, since only a configured trunk gets this far. The number is
    disputed when the network marks either as not verified (STIR/SHAKEN; 3GPP TS 24.229, the parameter `verstat`).
    """
    asserted = [NameAddress.parse(one) for one in request.all("P-Asserted-Identity")]
    who = asserted[0] if asserted else request.from_
    private = {part.strip().lower() for part in request.get("Privacy").split(";")}
    if private & {"id", "user", "full"} or who.uri.user.lower() in ANONYMOUS or who.uri.host == "anonymous.invalid":
        return Number(), ""
    disputed = any(_verdict(one.uri).startswith(FAILED) for one in (*asserted, request.from_))
    return Number(who.uri.user.partition(";")[0], disputed), who.display


def called_of(request: Request) -> str:
    """The called number or name, without what a carrier says about the number (RFC 3966, RFC 4694: `;npdi`, `;rn=…`).

    A URI that is neither SIP nor tel stands as it came: `urn:service:sos` (RFC 5031).
    """
    uri = Uri.parse(request.uri)
    return f"{uri.scheme}:{uri.opaque}" if uri.opaque else uri.user.partition(";")[0]


def _verdict(uri: Uri) -> str:
    """What the network says of a number: a parameter of the telephone number, or of the address that it is in."""
    of_number = parse_parameters(uri.user.partition(";")[2])
    return (of_number.get("verstat") or uri.parameters.get("verstat", "")).lower()
