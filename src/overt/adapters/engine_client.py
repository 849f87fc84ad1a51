"""The engines, as signalling sees them: ports.MediaEngine and ports.CallMedia over frames."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from overt import protocol
from overt.adapters.engine_frames import account_of, connect_frame, event_of, interrupted_account, played
from overt.adapters.rtp_ports import Pair, PortPool
from overt.adapters.unix_frames import FrameClient
from overt.domain.identity import AGENT, CALLER, SIDES, Side
from overt.ports import (
    CaptureAccount,
    CaptureFailed,
    CaptureOrder,
    EngineLost,
    HeardElsewhere,
    LegMedia,
    Listener,
    Played,
    Unavailable,
)

LEASE_MS = 500
RENEW_S = 0.15
RECONNECT_S = 0.1
PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class HeldCall:
    """A call that an engine holds although nobody here knows it: the successor of a signaller takes it up."""

    media: EngineCall
    context: bytes
    episode: str
    recording: str
    paused: str


class EngineCall:
    """Implements ports.CallMedia for one call in one engine.

    `elsewhere`: sides whose sound comes from another address than was agreed, and is not taken (beside a call).
    """

    def __init__(
        self, engines: Engines, engine: Engine, tenant: str, call: str, pairs: tuple[Pair, Pair], beside: bool = False
    ) -> None:  # fmt: skip
        self._engines, self.engine = engines, engine
        self.beside = beside
        self.elsewhere: set[Side] = set()
        self.begun_ns = time.monotonic_ns()
        self.tenant, self.call = tenant, call
        self.pairs = pairs
        self.address = engines.address
        self.seconds: Mapping[Side, Sequence[Sequence[int]]] = {}
        self.ports: Mapping[Side, int] = {CALLER: pairs[0].port, AGENT: pairs[1].port}
        self.listener: Listener = lambda event: None
        self._media: dict[Side, LegMedia] = {}
        self.rocs: dict[str, dict[int, int]] = {}
        self._relay: protocol.Relay | None = None
        self._context = b""
        self._playing: dict[int, asyncio.Future[Played]] = {}
        self.episode = ""
        self.account: CaptureAccount | None = None

    # ---- ports.CallMedia

    def listen(self, listener: Listener) -> None:
        """See ports.CallMedia."""
        self.listener = listener

    async def connect(self, side: Side, media: LegMedia) -> None:
        """See ports.CallMedia."""
        self._media[side] = media
        self.elsewhere.discard(side)
        await self.engine.client.answer(self._connect_frame(side))

    def _connect_frame(self, side: Side) -> protocol.Connect:
        return connect_frame(self.call, side, self._media[side], self.rocs.get(side, {}))

    async def play(self, side: Side, prompt: str, *, loop: bool = False) -> Played:
        """See ports.CallMedia."""
        self._in_path()
        number = self._engines.next_number()
        finished: asyncio.Future[Played] = asyncio.get_running_loop().create_future()
        self._playing[number] = finished
        try:
            await self.engine.client.answer(
                protocol.Play(call=self.call, side=side, play=number, prompt=prompt, loop=loop)
            )
            return await finished
        finally:
            self._playing.pop(number, None)

    async def stop_playing(self, side: Side) -> None:
        """See ports.CallMedia."""
        with suppress(Unavailable):
            await self.engine.client.answer(protocol.StopPlaying(call=self.call, side=side))

    async def relay(self, *, stop_keys: str) -> None:
        """See ports.CallMedia."""
        self._in_path()
        self._relay = protocol.Relay(call=self.call, stop_keys=stop_keys)
        await self.engine.client.answer(self._relay)

    def _in_path(self) -> None:
        if self.beside:
            raise Unavailable("engine", "a recording server cannot speak", retry=False)

    async def open(self, order: CaptureOrder) -> None:
        """See ports.CallMedia. The frame is sent before this first waits, so that no stop can be overtaken."""
        frame = protocol.OpenCapture(
            tenant=order.tenant, call=order.call, episode=order.episode, recording=order.recording,
            roster=order.roster, purposes=order.purposes, tracks=order.tracks, stop_keys=order.stop_keys,
            lease_ms=LEASE_MS, ledger_index=order.ledger_index, erasure_secret=bytes(order.erasure_secret),
            prologue=tuple(
                protocol.Head(one.side, one.prompt, one.audio_sha256, one.started_ns, one.frames) for one in order.prologue
            ),
        )  # fmt: skip
        self.account, self.episode = None, order.episode
        try:
            await self.engine.client.answer(protocol.signed(frame, self._engines.start_key))
        except Unavailable:
            self.episode = ""
            raise

    async def pause(self, reason: str) -> None:
        """See ports.CallMedia."""
        with suppress(Unavailable):
            await self.engine.client.answer(protocol.PauseCapture(call=self.call, reason=reason))

    async def resume(self, ledger_index: int) -> None:
        """See ports.CallMedia."""
        frame = protocol.ResumeCapture(call=self.call, episode=self.episode, ledger_index=ledger_index)
        await self.engine.client.answer(protocol.signed(frame, self._engines.start_key))

    async def close(self, reason: str) -> CaptureAccount | None:
        """See ports.CallMedia."""
        self.episode = ""
        with suppress(Unavailable):
            reply = await self.engine.client.answer(protocol.CloseCapture(call=self.call, reason=reason))
            if isinstance(reply, protocol.Captured):
                self.account = account_of(reply)
        return self.account

    async def keep_context(self, context: bytes) -> None:
        """See ports.CallMedia. Of one too large for a frame nothing is kept: by an older one nobody would know of a no."""
        self._context = context if len(context) <= protocol.LARGEST_CONTEXT else b""
        self.engine.client.tell(protocol.KeepContext(call=self.call, context=self._context))
        if self._context != context:
            raise Unavailable("engine", f"a context of {len(context)} bytes cannot be kept")

    async def release(self) -> Mapping[Side, Mapping[str, int]]:
        """See ports.CallMedia."""
        counters: Mapping[str, Mapping[str, int]] = {}
        with suppress(Unavailable):
            reply = await self.engine.client.answer(protocol.Release(call=self.call))
            if isinstance(reply, protocol.Released):
                counters = reply.counters
                self.seconds = {side: reply.seconds.get(side, []) for side in SIDES}
        self._engines.forget(self)
        return {side: counters.get(side, {}) for side in SIDES}

    def adopt(self, legs: Mapping[Side, LegMedia], stop_keys: str) -> None:
        """Know again where a predecessor had connected the legs, in case this engine dies too."""
        self._media.update(legs)
        if stop_keys and not self.beside:
            self._relay = protocol.Relay(call=self.call, stop_keys=stop_keys)

    # ---- what the engine says

    def take(self, frame: protocol.AnyFrame) -> None:
        """Take a frame of the engine about this call."""
        match frame:
            case protocol.Finished():
                finished = self._playing.get(frame.play)
                if finished is not None and not finished.done():
                    finished.set_result(played(frame))
            case protocol.Captured():
                self.account = account_of(frame)
            case protocol.Rolled():
                self.rocs.setdefault(frame.side, {})[frame.ssrc] = frame.roc
            case protocol.Elsewhere():
                for side in SIDES:
                    if side == frame.side and side not in self.elsewhere:
                        self.elsewhere.add(side)
                        self.listener(HeardElsewhere(side))
            case _:
                event = event_of(frame, self.account)
                if isinstance(event, CaptureFailed):
                    self.episode = ""
                if event is not None:
                    self.listener(event)

    def lost(self) -> None:
        """The engine is gone: what was being played to anybody failed."""
        for playing in self._playing.values():
            if not playing.done():
                playing.set_exception(Unavailable("engine", "the engine is gone"))
                playing.exception()  # whoever waited may be gone too; then nobody needs to hear of it
        self._playing.clear()

    async def hand_over(self, interrupted: Mapping[str, CaptureAccount]) -> None:
        """Give a new engine this call's sockets and state; tell the call what its recording's end is.

        An engine that lived on, and only lost us, has the call still: its recording ends there.
        """
        account = interrupted.get(self.call)
        try:
            await self.engine.allocate(self)
        except Unavailable:
            account = await self.close("signalling was cut off") or account
        for side in self._media:
            await self.engine.client.answer(self._connect_frame(side))
        if self._relay is not None:
            await self.engine.client.answer(self._relay)
        await self.keep_context(self._context)
        self.episode = ""
        self.listener(EngineLost(account))

    def fds(self) -> tuple[int, ...]:
        """The four sockets: caller RTP and RTCP, agent RTP and RTCP."""
        return (*self.pairs[0].fds, *self.pairs[1].fds)


class Engine:
    """One engine process: its connection, its calls."""

    def __init__(self, engines: Engines, path: Path) -> None:
        self._engines, self._path = engines, path
        self.client = FrameClient(self._frame, self._gone)
        self.calls: dict[str, EngineCall] = {}
        self.held: list[HeldCall] = []
        self._interrupted: dict[str, CaptureAccount] = {}
        self.stopping = False
        self._returning: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        """Connect and say hello, waiting for the process to come up. Raises Unavailable after the patience is over."""
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        while True:
            try:
                self.client = FrameClient(self._frame, self._gone)
                await self.client.connect(self._path)
                await self.client.answer(protocol.Hello(proof=protocol.hello_proof(self._engines.start_key)))
                return
            except Unavailable:
                if asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(RECONNECT_S)

    async def allocate(self, call: EngineCall) -> None:
        """Bring a call with its sockets into the engine."""
        frame = protocol.Allocate(
            tenant=call.tenant, call=call.call, rtp_timeout_ms=self._engines.rtp_timeout_ms, beside=call.beside,
            from_s=(time.monotonic_ns() - call.begun_ns) // 1_000_000_000,
        )  # fmt: skip
        await self.client.answer(frame, call.fds())
        self.calls[call.call] = call

    def _frame(self, frame: protocol.AnyFrame, fds: list[int]) -> None:
        if isinstance(frame, protocol.HeldCall):
            self._hold(frame, fds)
            return
        for fd in fds:
            os.close(fd)
        if isinstance(frame, protocol.Interrupted):
            account = interrupted_account(frame)
            self._interrupted[frame.call] = account
            self._engines.on_interrupted(frame.tenant, frame.call, account)
            with suppress(Unavailable):
                self.client.tell(protocol.Done(n=frame.n))
            return
        call = self.calls.get(getattr(frame, "call", ""))
        if call is not None:
            call.take(frame)

    def _hold(self, frame: protocol.HeldCall, fds: list[int]) -> None:
        sockets = [socket.socket(fileno=fd) for fd in fds]
        if len(sockets) != 4 or frame.call in self.calls:
            for one in sockets:
                one.close()
            return
        pool = self._engines.pool
        pairs = (pool.adopt(sockets[0], sockets[1]), pool.adopt(sockets[2], sockets[3]))
        call = EngineCall(self._engines, self, frame.tenant, frame.call, pairs, frame.beside)
        call.begun_ns -= frame.age_s * 1_000_000_000
        call.episode = frame.episode  # a paused one too: it is resumed under the same permit
        call.rocs = frame.rocs
        self.calls[frame.call] = call
        self.held.append(HeldCall(call, frame.context, frame.episode, frame.recording, frame.paused))

    def _gone(self) -> None:
        for call in self.calls.values():
            call.lost()
        if not self.stopping and (self._returning is None or self._returning.done()):
            self._returning = asyncio.create_task(self._come_back())

    async def _come_back(self) -> None:
        """Wait for the engine's successor and hand it every call."""
        while not self.stopping:
            with suppress(Unavailable):
                await self.connect()
                for call in list(self.calls.values()):
                    await self._hand_over(call)
                self._interrupted.clear()
                return
            await asyncio.sleep(RECONNECT_S)

    async def _hand_over(self, call: EngineCall) -> None:
        """Hand one call over; one that cannot be had must not keep the others waiting."""
        if call.call not in self.calls:
            return  # it ended meanwhile
        try:
            await call.hand_over(self._interrupted)
        except Unavailable:
            if not self.client.connected:
                raise
            call.listener(EngineLost(self._interrupted.get(call.call)))


class Engines:
    """Implements ports.MediaEngine over every engine process; the least busy one takes a new call."""

    def __init__(
        self, paths: list[Path], pool: PortPool, address: str, start_key: bytes, rtp_timeout_ms: int,
        on_interrupted: Callable[[str, str, CaptureAccount], None],
    ) -> None:  # fmt: skip
        self.pool, self.address, self.start_key = pool, address, start_key
        self.rtp_timeout_ms, self.on_interrupted = rtp_timeout_ms, on_interrupted
        self._engines = [Engine(self, path) for path in paths]
        self._number = 0
        self._renewing: asyncio.Task[None] | None = None

    async def start(self) -> list[HeldCall]:
        """Connect to every engine; return the calls that a dead predecessor left in them."""
        await asyncio.gather(*(engine.connect() for engine in self._engines))
        for engine in self._engines:
            await engine.client.answer(protocol.ReadContexts())
        self._renewing = asyncio.create_task(self._renew_forever())
        return [held for engine in self._engines for held in engine.held]

    def next_number(self) -> int:
        """A number for a prompt being played."""
        self._number += 1
        return self._number

    async def allocate(self, tenant: str, call: str, listener: Listener, *, beside: bool = False) -> EngineCall:
        """See ports.MediaEngine."""
        alive = [engine for engine in self._engines if engine.client.connected]
        if not alive:
            raise Unavailable("engine", "no media engine is running")
        pairs: list[Pair] = []
        try:
            pairs = [self.pool.take()]
            pairs.append(self.pool.take())
            engine = min(alive, key=lambda one: len(one.calls))
            media = EngineCall(self, engine, tenant, call, (pairs[0], pairs[1]), beside)
            media.listener = listener
            await engine.allocate(media)
        except Unavailable:
            for pair in pairs:
                self.pool.free(pair)
            raise
        return media

    def forget(self, media: EngineCall) -> None:
        """A call has left: free its ports."""
        media.engine.calls.pop(media.call, None)
        for pair in media.pairs:
            self.pool.free(pair)

    async def _renew_forever(self) -> None:
        """Renew every living permit; an engine that hears nothing for half a second closes capture by itself."""
        loop = asyncio.get_running_loop()
        while True:
            for engine in self._engines:
                episodes = tuple(call.episode for call in engine.calls.values() if call.episode)
                if episodes and engine.client.connected:
                    renewal = protocol.Renew(episodes=episodes, at_ns=int(loop.time() * 1e9))
                    with suppress(Unavailable):
                        engine.client.tell(protocol.signed(renewal, self.start_key))
            await asyncio.sleep(RENEW_S)

    async def stop(self) -> None:
        """Leave the engines."""
        if self._renewing is not None:
            self._renewing.cancel()
        for engine in self._engines:
            engine.stopping = True
            engine.client.close()
