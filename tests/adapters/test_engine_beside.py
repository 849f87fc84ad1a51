"""Calls beside their way as signalling sees them, with a real engine process, real sockets, and kill -9."""

from __future__ import annotations

import asyncio

import pytest

import adapters.test_engine_client as in_path
from adapters.test_engine_client import Signalling, order
from engine.engine_bench import CALL, RECORDING, EngineProcess, Phone, opened, sound, tone
from overt.adapters.engine_client import EngineCall
from overt.domain.identity import AGENT, CALLER, SIDES
from overt.ports import Digit, EngineLost, LegMedia, LegSilent, StopKey, Unavailable
from overt.wire.rtp.dtmf import key_payloads

TICK_S = 0.3
engine, signalling = in_path.engine, in_path.signalling  # the same fixtures


async def heard(signalling: Signalling, phones: tuple[Phone, Phone], sides: tuple[str, ...] = SIDES) -> EngineCall:
    call = await signalling.engines.allocate("main", CALL, signalling.listener, beside=True)
    for side, phone in zip(SIDES, phones, strict=True):
        phone.to = ("127.0.0.1", call.ports[side])
        if side in sides:
            await agree(call, side, phone)
    return call


async def agree(call: EngineCall, side: str, phone: Phone, **other: object) -> None:
    terms = {"sends": True, "receives": False, "others": ((8, "PCMA"), (96, "opus")), **other}
    await call.connect(side, LegMedia("127.0.0.1", phone.rtp.getsockname()[1], 9, "PCMU", 0, 101, **terms))


def speak(phone: Phone, first: int) -> bytes:
    for number in range(first, first + 10):
        phone.speak(tone(number))
    return b"".join(tone(number) for number in range(first, first + 10))


async def test_a_call_beside_from_its_ports_to_its_seconds(engine: EngineProcess, signalling: Signalling) -> None:
    phones = Phone(), Phone()
    call = await heard(signalling, phones, (CALLER,))
    with pytest.raises(Unavailable, match="cannot speak"):
        await call.play(CALLER, "tone:ringback")
    with pytest.raises(Unavailable, match="cannot speak"):
        await call.relay(stop_keys="*")
    await call.stop_playing(CALLER)
    speak(phones[0], 0)
    await asyncio.sleep(TICK_S)
    await call.open(order())
    captured = speak(phones[0], 100)
    await agree(call, AGENT, phones[1])  # a line that was offered late
    phones[1].payload_type = 8
    other = speak(phones[1], 200)
    phones[1].payload_type = 0
    phones[1].event(key_payloads("5")[0])
    assert isinstance(event := await signalling.event(), Digit) and (event.side, event.digit) == ("agent", "5")
    await asyncio.sleep(TICK_S)
    await call.pause("hold")
    speak(phones[0], 300)
    await asyncio.sleep(TICK_S)
    await call.resume(4)
    captured += speak(phones[0], 400)
    await asyncio.sleep(TICK_S)
    phones[0].event(key_payloads("*")[0])
    assert isinstance(await signalling.event(), StopKey)
    account = await call.close("withdrawn")
    assert account is not None and account.reason == "withdrawn" and [gap.cause for gap in account.gaps] == ["hold"]
    counters = await call.release()
    assert (counters[CALLER]["captured"], counters[CALLER]["dropped_without_permit"]) == (20, 20)
    for side, total in ((CALLER, counters[CALLER]), (AGENT, counters[AGENT])):
        sums = [sum(row[at] for row in call.seconds[side]) for at in range(2, 7)]
        assert sums == [total[name] for name in ("received", "captured", "dropped_without_permit", "lost", "late")]
    assert any(row[7] for row in call.seconds[CALLER]) and signalling.pool.open_pairs == 0
    engine.stop()
    parts = opened(engine)
    assert sound(parts) == captured and sound(parts, 8) == other


async def test_sound_from_elsewhere_is_known_here(signalling: Signalling) -> None:
    phones, stranger = (Phone(), Phone()), Phone("127.0.0.2")
    call = await heard(signalling, phones)
    stranger.to = phones[1].to
    speak(stranger, 0)
    for _ in range(30):
        await asyncio.sleep(0.1)
        if call.elsewhere:
            break
    assert call.elsewhere == {AGENT}
    await agree(call, AGENT, phones[1], anywhere=True)
    speak(stranger, 100)
    await asyncio.sleep(TICK_S)
    assert call.elsewhere == set() and (await call.release())[AGENT]["dropped_without_permit"] == 10


async def test_an_engine_that_dies_is_followed_by_one_that_hears_the_same_sockets(
    engine: EngineProcess, signalling: Signalling
) -> None:  # fmt: skip
    phones = Phone(), Phone()
    call = await heard(signalling, phones)
    await call.keep_context(b"context")
    await call.open(order())
    captured = speak(phones[0], 0)
    await asyncio.sleep(1.2)
    engine.kill()
    engine.start()
    engine.signaller.socket.close()
    lost = await signalling.event(10)
    assert isinstance(lost, EngineLost) and lost.account is not None and lost.account.recording == RECORDING
    assert sound(opened(engine, lost.account)) == captured
    await call.open(order())
    speak(phones[0], 50)
    await asyncio.sleep(TICK_S)
    account = await call.close("call ended")
    assert account is not None and account.captured_ms == 200
    assert (await call.release())[CALLER]["captured"] == 10
    assert call.seconds[CALLER][0][0] >= 1  # the seconds of the engine that died are not known


async def test_a_successor_knows_a_call_beside_again(engine: EngineProcess, signalling: Signalling) -> None:
    phones = Phone(), Phone()
    call = await heard(signalling, phones)
    await call.keep_context(b"what the call is")
    signalling.engines._engines[0].stopping = True
    await signalling.engines.stop()
    successor = Signalling(engine)
    successor.engines.rtp_timeout_ms = 800
    (held,) = await successor.engines.start()
    assert held.context == b"what the call is" and held.media.beside and dict(held.media.ports) == dict(call.ports)
    held.media.listen(successor.listener)
    held.media.adopt({CALLER: LegMedia("127.0.0.1", phones[0].rtp.getsockname()[1], 9, "PCMU", 0, 101)}, "*")
    with pytest.raises(Unavailable, match="cannot speak"):
        await held.media.play(CALLER, "tone:ringback")
    engine.kill()
    engine.start()
    engine.signaller.socket.close()
    assert isinstance(await successor.event(10), EngineLost)
    await held.media.open(order())
    captured = speak(phones[0], 0)
    assert isinstance(silent := await successor.event(), LegSilent) and silent.side == CALLER
    assert (await held.media.release())[CALLER]["captured"] * 160 == len(captured)
    await successor.engines.stop()
