"""The gateway: one user agent in the path of calls. A trunk's INVITE becomes a call; its control goes to the service."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from overt.adapters.randomness import Randomness
from overt.config import AgentSrtp
from overt.config_listeners import Listener
from overt.domain.clients import Client
from overt.domain.identity import uuid7
from overt.faces.sip.connections import Bounds
from overt.faces.sip.control import SipControl, called_of, caller_of
from overt.faces.sip.entrance import Entrance
from overt.faces.sip.faults import Faults
from overt.faces.sip.gatekeeper import Gatekeeper, Secrets
from overt.faces.sip.recording_session import RecordingSession
from overt.faces.sip.resolver import Resolver, Target
from overt.faces.sip.sessions import Sessions
from overt.faces.sip.sightings import Sightings
from overt.faces.sip.tracing import Tracing
from overt.faces.sip.transports import Transports
from overt.faces.sip.understanding import is_recording_session
from overt.ports import Offer
from overt.wire import sdp
from overt.wire.sip import agent as sip
from overt.wire.sip import leg as legs
from overt.wire.sip.message import Request
from overt.wire.sip.transaction import Peer, Send
from overt.wire.sip.uri import Uri

SERVER = "Overt"
DRAIN_S = 8.0
OnCall = Callable[[SipControl], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Doors:
    """Where the gateway listens and who may come.

    `clients` gives those who may come now; `secrets` what is kept of a user name's password in `realm`. `calls`: the most
    at once, 0 for any number. `ca` vouches for the TLS servers that we call; `nameservers` are asked for their names.
    `agent_srtp`: which agents are offered encrypted sound.
    """

    tenant: str
    listeners: Sequence[Listener]
    clients: Callable[[], Sequence[Client]]
    secrets: Secrets = lambda username: {}
    realm: str = "overt"
    calls: int = 0
    ca: str = ""
    nameservers: Sequence[str] = ()
    agent_srtp: AgentSrtp = "tls"
    bounds: Bounds | None = None


class Gateway:
    """Sockets, the agent, and the controls of the calls under way."""

    def __init__(self, doors: Doors, on_call: OnCall, tracing: Tracing | None = None) -> None:
        self._doors, self._on_call = doors, on_call
        self._faults = Faults(self._count, time.monotonic)
        self.tracing = tracing or Tracing((), lambda: time.time_ns() // 1000)
        self.agent = sip.Agent(*doors.listeners[0].place, _fresh, SERVER, fresh_key=_fresh_key)
        keeper = Gatekeeper(
            doors.clients, doors.secrets, doors.realm, secrets.token_bytes(32), _fresh,
            lambda request: self.agent.legs.of_request(request), lambda request: self.agent.layer.holds(request),
        )  # fmt: skip
        self.transports = Transports(
            doors.listeners,
            self._receive,
            self._undelivered,
            self._count,
            keeper.welcome,
            ca=doors.ca,
            bounds=doors.bounds,
        )
        self.agent.here, self.agent.layer.streams = self.transports.place, True
        self.agent.load = lambda: (len(self._calls), doors.calls)
        self._gatekeeper, self._entrance = keeper, Entrance(keeper, self.transports, self._count, self.remark)
        self._entrance.told = self.tracing.sent
        self._resolver = Resolver(self.transports.families, secrets.SystemRandom().random, doors.nameservers)
        self._controls: dict[str, SipControl | RecordingSession] = {}
        self.sightings, self.strangers = Sightings(), self._entrance.strangers
        self.sessions: Sessions
        self._calls: set[asyncio.Future[None]] = set()
        self._ticking: asyncio.Task[None] | None = None
        self.draining = False

    async def start(self) -> None:
        """Bind and serve. Raises OSError, saying which listener cannot be served."""
        await self.transports.open()
        self._ticking = asyncio.create_task(self._tick())

    async def _tick(self) -> None:
        while True:
            self._faults.survives("time passed", self._pass_time)
            await asyncio.sleep(0.02)

    def _pass_time(self) -> None:
        self.perform(self.agent.advance(time.monotonic_ns()))
        self.transports.advance(asyncio.get_running_loop().time())

    async def drain(self) -> None:
        """Take no new call, end those under way politely, and wait until they are accounted for."""
        self.draining = True
        for control in set(self._controls.values()):
            control.end("left: Overt was stopped")
        if self._calls:
            await asyncio.wait(self._calls, timeout=DRAIN_S)

    async def stop(self) -> None:
        """Close the sockets."""
        if self._ticking is not None:
            self._ticking.cancel()
        await self.transports.close()

    def reload(self) -> None:
        """Read the certificates of the listeners anew."""
        self.transports.reload()

    # ---- what arrives

    def _receive(self, message: bytes, source: Peer) -> None:
        self._faults.survives("a message was read", self._take, message, source, time.monotonic_ns())

    def _take(self, message: bytes, source: Peer, now: int) -> None:
        self.tracing.arrived(message, source)
        if self._entrance.admits(message, source, now):
            self.perform(self.agent.receive(message, source, now))
            while self.agent.remarks:
                self._remarked(*self.agent.remarks.popleft())
        self.tracing.settle(now)

    def _remarked(self, source: Peer, sentence: str) -> None:
        client = self.client_of(source)
        if client is not None:
            self.remark(client.name, sentence)

    def _count(self, what: str, times: int = 1) -> None:
        self.agent.counters[what] = self.agent.counters.get(what, 0) + times

    def client_of(self, source: Peer) -> Client | None:
        """The client from whom something came; None for somebody whom we called."""
        return self._entrance.client_of(source, time.monotonic_ns())

    def perform(self, happened: Iterable[legs.Happening]) -> None:
        """Send what is to be sent; let each call know what happened to its legs."""
        for one in happened:
            if not self._faults.survives(f"{type(one).__name__} was dealt with", self._perform, one):
                self._give_up(one)

    def _perform(self, one: legs.Happening) -> None:
        match one:
            case Send():
                self._send(one)
            case legs.Offered(leg, request, far):
                self._offered(leg, request, far)
            case _:
                control = self._controls.get(one.leg.id)
                if control is not None:
                    control.happen(one)

    def _give_up(self, one: legs.Happening) -> None:
        """Leave nothing waiting for what failed: what was asked is refused, and a call whose leg is over ends."""
        now = time.monotonic_ns()
        match one:
            case legs.Offered(leg, _, _):
                self.perform(self.agent.refuse(leg, 500, "", now))
            case legs.Reoffered(leg, _, _):
                self.perform(self.agent.reject(leg, 500, now))
            case legs.Ended(leg, how, _) if leg.id in self._controls:
                control = self._controls.pop(leg.id)
                control.end(how)
            case _:
                pass

    def _send(self, send: Send) -> None:
        self.tracing.sent(send)
        if send.key or not send.encoded.startswith(b"SIP/2.0 "):
            self._gatekeeper.calling(send.to.host)
        self.transports.send(send)

    def _undelivered(self, send: Send) -> None:
        """A message could not be sent: its request goes another way, or has failed."""
        self.perform(self.agent.undelivered(send, time.monotonic_ns()))

    def _offered(self, leg: legs.Leg, request: Request, far: Any) -> None:
        if self.draining:
            self.perform(self.agent.refuse(leg, 503, "", time.monotonic_ns()))
            return
        client = self.client_of(leg.peer)
        if client is None:
            self.perform(self.agent.refuse(leg, 403, "", time.monotonic_ns()))
            return
        self.sightings.called(client.name, time.time_ns() // 1000)
        leg.secrecy = client.srtp
        if client.mode == "siprec" or is_recording_session(request):
            self.sessions.offered(client, leg, request, far)
            return
        if far is not None and (leg.audio is None or leg.audio.codec is None):
            self.refuse(client.name, leg, 488, f"a call was refused: {sdp.unfit(far, leg.secrecy)}")
            return
        number, name = caller_of(request)
        now_us = time.time_ns() // 1000
        offer = Offer(
            uuid7(now_us, _RANDOM.take(10)), self._doors.tenant, client.name,
            number, name, called_of(request), now_us, time.monotonic_ns(), request.call_id,
        )  # fmt: skip
        control = SipControl(self, offer, leg)
        self._run(self._on_call(control), leg)

    def remark(self, client: str, sentence: str) -> None:
        """A client did something wrong: a sentence for the engineer."""
        self.sightings.remark(client, sentence, time.time_ns() // 1000)

    def refuse(self, client: str, leg: legs.Leg, status: int, sentence: str) -> None:
        """Refuse a call of a client, and say why."""
        self.remark(client, sentence)
        self.sightings.refused(client, time.time_ns() // 1000)
        self.agent.count(f"refused: {status}")
        self.perform(self.agent.refuse(leg, status, "", time.monotonic_ns()))

    def _run(self, story: Awaitable[None], leg: legs.Leg | None) -> None:
        task = asyncio.ensure_future(story)
        self._calls.add(task)
        task.add_done_callback(lambda done: self._over(done, leg))

    def _over(self, story: asyncio.Future[None], leg: legs.Leg | None) -> None:
        """A call's story ended. One that failed leaves no leg behind that waits for it."""
        self._calls.discard(story)
        if not story.cancelled() and not self._faults.survives("a call was attended", story.result) and leg is not None:
            self.perform(self.agent.hang_up(leg, time.monotonic_ns()))

    # ---- for the controls

    def encrypts_to(self, peer: Peer) -> bool:
        """Whether an agent is offered encrypted sound: only over TLS do its keys travel unseen."""
        return {"off": False, "tls": peer.transport == "TLS", "required": True}[self._doors.agent_srtp]

    async def targets(self, uri: str) -> tuple[Target, ...]:
        """Where a SIP address leads, best first. Raises NoAddress, RemoteProtocolError."""
        found = await self._resolver.targets(Uri.parse(uri))
        for one in found:
            if one.name:
                self.transports.connections.name(one.host, one.port, one.name)
        return found

    def keep(self, leg: legs.Leg, control: SipControl | RecordingSession) -> None:
        """Let a leg's happenings go to a call."""
        self._controls[leg.id] = control
        call_id = leg.invite.call_id or (leg.dialog.call_id if leg.dialog is not None else "")
        lane = "client" if isinstance(control, RecordingSession) else "caller" if leg.server else "agent"
        self.tracing.belongs(call_id, control.offer.id, lane)

    def forget(self, leg: legs.Leg) -> None:
        """A leg is over."""
        self._controls.pop(leg.id, None)
        call_id = leg.invite.call_id or (leg.dialog.call_id if leg.dialog is not None else "")
        self.tracing.over(call_id, time.monotonic_ns())

    def restore(self, offer: Offer, snapshot: Mapping[str, Any]) -> SipControl | None:
        """Take up a call's legs from its snapshot; None when its caller leg was not established."""
        caller = snapshot.get("caller")
        leg = self.agent.restore(caller) if caller else None
        if leg is None:
            return None
        control = SipControl(self, offer, leg)
        agent = snapshot.get("agent")
        if agent:
            control.take_up(self.agent.restore(agent))
        return control

    def run(self, story: Awaitable[None], leg: legs.Leg | None = None) -> None:
        """Run a call's story as a task of the gateway. `leg` is ended when the story fails."""
        self._run(story, leg)


_RANDOM = Randomness()


def _fresh() -> str:
    return _RANDOM.token()


def _fresh_key() -> bytes:
    return secrets.token_bytes(32)
