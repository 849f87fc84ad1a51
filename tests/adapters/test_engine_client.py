"""The engines as signalling sees them, with a real engine process, real sockets, and kill -9."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from engine.engine_bench import CALL, KEY, RECORDING, EngineProcess, Phone, opened, sound, tone
from overt.adapters.engine_client import EngineCall, Engines
from overt.adapters.rtp_ports import PortPool
from overt.domain.identity import SIDES
from overt.ports import (
    CallEvent,
    CaptureAccount,
    CaptureOrder,
    CapturePaused,
    Digit,
    EngineLost,
    LegMedia,
    Listener,
    StopKey,
    Unavailable,
)  # fmt: skip
from overt.protocol import LARGEST_CONTEXT
from overt.wire.rtp.dtmf import key_payloads

FIRST, LAST = 31_000, 31_200


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[EngineProcess]:
    one = EngineProcess(tmp_path)
    one.signaller.socket.close()
    yield one
    if one.process.poll() is None:
        one.stop()


class Signalling:
    """What a signalling process has of the engines."""

    def __init__(self, engine: EngineProcess) -> None:
        self.events: asyncio.Queue[CallEvent] = asyncio.Queue()
        self.interrupted: list[tuple[str, str, CaptureAccount]] = []
        self.pool = PortPool("127.0.0.1", FIRST, LAST, time.monotonic_ns)
        self.engines = Engines([engine.path], self.pool, "127.0.0.1", KEY, 30_000, self.note)

    def note(self, tenant: str, call: str, account: CaptureAccount) -> None:
        self.interrupted.append((tenant, call, account))

    @property
    def listener(self) -> Listener:
        return self.events.put_nowait

    async def event(self, wait_s: float = 5) -> CallEvent:
        return await asyncio.wait_for(self.events.get(), wait_s)


@pytest.fixture
async def signalling(engine: EngineProcess) -> AsyncIterator[Signalling]:
    one = Signalling(engine)
    await one.engines.start()
    yield one
    await one.engines.stop()


async def bridged(signalling: Signalling, phones: tuple[Phone, Phone]) -> EngineCall:
    call = await signalling.engines.allocate("main", CALL, signalling.listener)
    for side, phone in zip(SIDES, phones, strict=True):
        phone.to = ("127.0.0.1", call.ports[side])
        rtp, rtcp = phone.rtp.getsockname()[1], phone.rtcp.getsockname()[1]
        await call.connect(side, LegMedia("127.0.0.1", rtp, rtcp, "PCMU", 0, 101))
    await call.relay(stop_keys="*")
    return call


def order() -> CaptureOrder:
    return CaptureOrder(
        "main", CALL, "018f0000-0000-7000-8000-0000000000ee", RECORDING, SIDES, ("recording",), SIDES, "*", 3, b"e" * 32
    )


async def said(phones: tuple[Phone, Phone], first: int) -> bytes:
    """Ten packets, heard by the agent."""
    for number in range(first, first + 10):
        phones[0].speak(tone(number))
        heard = await asyncio.to_thread(phones[1].hear)
        assert heard is not None and heard.payload == tone(number)
    return b"".join(tone(number) for number in range(first, first + 10))


async def test_a_call_from_its_ports_to_its_counters(engine: EngineProcess, signalling: Signalling) -> None:
    phones = Phone(), Phone()
    call = await bridged(signalling, phones)
    await call.open(order())
    with pytest.raises(Unavailable, match="open already"):
        await call.open(order())
    call.episode = order().episode
    captured = await said(phones, 0)
    await asyncio.sleep(1.2)  # more than two leases: they are renewed
    assert signalling.events.empty()
    await call.pause("hold")
    await said(phones, 50)
    await call.resume(4)
    captured += await said(phones, 100)
    for payload in key_payloads("5"):
        phones[1].event(payload)
    assert isinstance(event := await signalling.event(), Digit) and (event.side, event.digit) == ("agent", "5")
    phones[0].event(key_payloads("*")[0])
    assert isinstance(stop := await signalling.event(), StopKey) and stop.stopped_ns - stop.at_ns < 20_000_000
    account = await call.close("withdrawn")
    assert account is not None and [gap.cause for gap in account.gaps] == ["hold"]
    counters = await call.release()
    assert counters["caller"]["captured"] == 20 and counters["caller"]["dropped_without_permit"] == 10
    assert signalling.pool.open_pairs == 0
    engine.stop()
    assert sound(opened(engine)) == captured


async def test_a_prompt_ends_or_is_stopped(signalling: Signalling) -> None:
    phones = Phone(), Phone()
    call = await bridged(signalling, phones)
    await said(phones, 0)
    assert (await call.play("caller", "en/none")).reason == "no such prompt"
    ringing = asyncio.create_task(call.play("caller", "tone:ringback", loop=True))
    assert await asyncio.to_thread(phones[0].hear) is not None
    await call.stop_playing("caller")
    played = await ringing
    assert played.reason == "stopped" and played.frames_sent >= 1 and played.loss_percent is None
    await call.release()


async def test_an_engine_that_dies_is_followed_by_one_with_the_same_sockets(
    engine: EngineProcess, signalling: Signalling
) -> None:
    phones = Phone(), Phone()
    call = await bridged(signalling, phones)
    await call.keep_context(b"context")
    await call.open(order())
    captured = await said(phones, 0)
    await asyncio.sleep(0.9)
    playing = asyncio.create_task(call.play("agent", "tone:ringback", loop=True))
    await asyncio.sleep(0.1)
    engine.kill()
    with pytest.raises(Unavailable):
        await playing
    engine.start()
    engine.signaller.socket.close()
    lost = await signalling.event(10)
    assert isinstance(lost, EngineLost) and lost.account is not None and lost.account.recording == RECORDING
    ((tenant, number, _),) = signalling.interrupted
    assert (tenant, number) == ("main", CALL)
    await asyncio.to_thread(phones[1].hear_all)
    phones[0].speak(tone(7))
    assert [one.payload for one in await asyncio.to_thread(phones[1].hear_all)] == [tone(7)]
    assert sound(opened(engine, lost.account)).startswith(captured)
    assert (await call.release())["caller"]["captured"] == 0


async def test_a_successor_takes_the_calls_up(engine: EngineProcess, signalling: Signalling) -> None:
    phones = Phone(), Phone()
    call = await bridged(signalling, phones)
    await call.keep_context(b"what the call is")
    await call.open(order())
    await said(phones, 0)
    signalling.engines._renewing.cancel()  # the signaller hangs
    assert isinstance(await signalling.event(), CapturePaused)
    signalling.engines._engines[0].stopping = True  # and comes back no more
    successor = Signalling(engine)
    (held,) = await successor.engines.start()
    assert (held.context, held.recording, held.paused) == (b"what the call is", RECORDING, "lease ran out")
    assert dict(held.media.ports) == dict(call.ports) and successor.pool.open_pairs == 2
    await said(phones, 50)
    held.media.listen(successor.listener)
    account = await held.media.close("call ended")
    assert account is not None and account.gaps[-1].cause == "lease ran out"
    assert (await held.media.release())["caller"]["captured"] == 10
    await successor.engines.stop()


async def test_a_living_engine_that_lost_us_keeps_the_calls(engine: EngineProcess, signalling: Signalling) -> None:
    phones = Phone(), Phone()
    call = await bridged(signalling, phones)
    await call.open(order())
    await said(phones, 0)
    signalling.engines._engines[0].client.close()
    lost = await signalling.event()
    assert isinstance(lost, EngineLost) and lost.account is not None and lost.account.reason == "signalling was cut off"
    await said(phones, 50)
    await call.open(order())
    await said(phones, 100)
    account = await call.close("call ended")
    assert account is not None and account.captured_ms == 200
    assert (await call.release())["caller"]["captured"] == 20


async def test_p5_of_a_context_that_is_too_large_no_older_one_is_kept(
    engine: EngineProcess, signalling: Signalling
) -> None:
    call = await bridged(signalling, (Phone(), Phone()))
    await call.keep_context(b"nobody said no")
    with pytest.raises(Unavailable, match="cannot be kept"):  # and nothing else of the engine's is lost with it
        await call.keep_context(bytes(LARGEST_CONTEXT + 1))
    signalling.engines._renewing.cancel()
    signalling.engines._engines[0].stopping = True
    successor = Signalling(engine)
    (held,) = await successor.engines.start()
    assert held.context == b""
    await held.media.release()
    await successor.engines.stop()
