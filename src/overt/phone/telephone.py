"""The telephone: calls out, answers calls, over UDP."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Iterable, Sequence

from overt.phone.sound import Sound
from overt.wire.sip import agent as sip
from overt.wire.sip import leg as legs
from overt.wire.sip.digest import answers
from overt.wire.sip.headers import NameAddress
from overt.wire.sip.transaction import Peer, Send
from overt.wire.sip.uri import Uri

RING_S = 0.4
TICK_S = 0.05


class CallFailed(Exception):
    """The call was not answered: the final status and its reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} {reason}")
        self.status, self.reason = status, reason


class PhoneCall:
    """One call at the phone."""

    def __init__(self, phone: Telephone, leg: legs.Leg, sound: Sound) -> None:
        self._phone, self.leg, self.sound = phone, leg, sound
        loop = asyncio.get_running_loop()
        self.answered: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[str] = loop.create_future()
        self.provisional: list[int] = []

    def hang_up(self) -> None:
        """End the call from here."""
        self._phone.perform(self._phone.agent.hang_up(self.leg, time.monotonic_ns()))
        self._phone.forget(self)
        self.finish("we hung up", 0)

    def hold(self, on: bool) -> None:
        """Put the other end on hold, or take it back."""
        now = time.monotonic_ns()
        self._phone.perform(self._phone.agent.hold(self.leg, "sendonly" if on else "sendrecv", now))

    def connected(self) -> None:
        """The call is established: sound begins."""
        if self.leg.far is not None and self.leg.far.audio is not None:
            self.sound.start(self.leg.far.audio)
        if not self.answered.done():
            self.answered.set_result(None)

    def finish(self, how: str, status: int) -> None:
        """The call is over."""
        if not self.answered.done():
            self.answered.set_exception(CallFailed(status, how))
        if not self.ended.done():
            self.ended.set_result(how)
        self.sound.close()


OnCalled = Callable[[PhoneCall], None]


class Telephone(asyncio.DatagramProtocol):
    """A phone on one UDP port, with a password for whoever asks for one. With `on_called` it answers whoever calls; without, it is busy."""

    def __init__(
        self, address: str, on_called: OnCalled | None = None, *, ring_s: float = RING_S, refuse: int = 0,
        username: str = "", password: str = "",
    ) -> None:  # fmt: skip
        self._address, self._on_called, self._ring_s, self._refuse = address, on_called, ring_s, refuse
        self._username, self._password = username, password
        self._transport: asyncio.DatagramTransport | None = None
        self._calls: dict[str, PhoneCall] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.agent: sip.Agent
        self.port = 0

    async def start(self, port: int = 0) -> int:
        """Bind; return the port."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(self._address, port))
        self.port = int(self._transport.get_extra_info("sockname")[1])
        self.agent = sip.Agent(self._address, self.port, lambda: secrets.token_hex(8), "Overt phone")
        if self._username:
            self.agent.prove = self._prove
        self._spawn(self._tick())
        return self.port

    def _prove(self, asked: Sequence[str], method: str, uri: str) -> Sequence[str]:
        return answers(asked, method, uri, self._username, self._password, secrets.token_hex(8))

    def _spawn(self, story: object) -> None:
        assert asyncio.iscoroutine(story)
        task = asyncio.create_task(story)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tick(self) -> None:
        while True:
            self.perform(self.agent.advance(time.monotonic_ns()))
            await asyncio.sleep(TICK_S)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """asyncio's callback."""
        self.perform(self.agent.receive(data, Peer(addr[0], addr[1]), time.monotonic_ns()))

    def perform(self, happened: Iterable[legs.Happening]) -> None:
        """Send what is to be sent; tell each call what happened."""
        for one in happened:
            match one:
                case Send():
                    if self._transport is not None:
                        self._transport.sendto(one.encoded, (one.to.host, one.to.port))
                case legs.Offered(leg, _, _):
                    self._spawn(self._ring_and_answer(leg))
                case legs.Confirmed(leg) | legs.Changed(leg) if leg.id in self._calls:
                    self._calls[leg.id].connected()
                case legs.Progressed(leg, status) if leg.id in self._calls:
                    self._calls[leg.id].provisional.append(status)
                case legs.Ended(leg, how, status) if leg.id in self._calls:
                    self._calls.pop(leg.id).finish(how, status)

    async def _ring_and_answer(self, leg: legs.Leg) -> None:
        now = time.monotonic_ns
        if self._on_called is None or self._refuse:
            self.perform(self.agent.refuse(leg, self._refuse or 486, "", now()))
            return
        call = PhoneCall(self, leg, Sound(self._address))
        self._calls[leg.id] = call
        self.perform(self.agent.ring(leg, now()))
        await asyncio.sleep(self._ring_s)
        if leg.id in self.agent.legs:
            self.perform(self.agent.answer(leg, self._address, call.sound.port, now()))
            self._on_called(call)

    async def call(
        self, uri: str, *, number: str = "", headers: tuple[tuple[str, str], ...] = (), first: str = "PCMU"
    ) -> PhoneCall:
        """Call a SIP address, from a number, or withheld when it is empty. Await `answered` of what is returned."""
        host, port = Uri.parse(uri).address
        from_ = NameAddress(Uri("sip", number, self._address))
        if not number:
            from_ = NameAddress(Uri("sip", "anonymous", "anonymous.invalid"), "Anonymous")
            headers = (*headers, ("Privacy", "id"))
        sound = Sound(self._address)
        leg, happened = self.agent.invite(
            uri, Peer(host, port), from_, self._address, sound.port, time.monotonic_ns(), headers=headers, first=first
        )
        call = PhoneCall(self, leg, sound)
        self._calls[leg.id] = call
        self.perform(happened)
        return call

    def forget(self, call: PhoneCall) -> None:
        """A call is over."""
        self._calls.pop(call.leg.id, None)

    def close(self) -> None:
        """Hang up everything and close."""
        for call in list(self._calls.values()):
            call.hang_up()
        for task in list(self._tasks):
            task.cancel()
        if self._transport is not None:
            self._transport.close()
