"""Capture beside the call in a real engine process: what the desk makes of such calls, next to calls in path."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.engine_bench import (
    CALL,
    KEY,
    EngineProcess,
    Phone,
    Signaller,
    media_socket,
    open_descriptors,
    opened,
    sound,
    tone,
)
from overt import protocol
from overt.vault.track import Gap
from overt.wire.rtp.dtmf import key_payloads
from overt.wire.rtp.rtcp import goodbye

OTHER = "018f0000-0000-7000-8000-000000000009"
TICK_S = 0.25  # a tick, and some more


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[EngineProcess]:
    one = EngineProcess(tmp_path)
    yield one
    if one.process.poll() is None:
        one.stop()


def heard(signaller: Signaller, phones: tuple[Phone, Phone], call: str = CALL, **other: object) -> None:
    """A call beside, with the streams of both sides agreed."""
    ports = signaller.allocate(call, beside=True)
    for side, phone, port in zip(("caller", "agent"), phones, ports, strict=True):
        phone.to = ("127.0.0.1", port)
        signaller.connect(side, phone, call, **other)


def speak(phone: Phone, first: int, count: int = 10) -> bytes:
    """So many packets, each like no other."""
    said = [tone(number) for number in range(first, first + count)]
    for payload in said:
        phone.speak(payload)
    return b"".join(said)


def test_a_call_beside_from_its_sockets_to_its_counters(engine: EngineProcess) -> None:
    signaller, phones = engine.signaller, (Phone(), Phone())
    heard(signaller, phones)
    speak(phones[0], 0)
    time.sleep(TICK_S)
    assert isinstance(signaller.open(), protocol.Done)
    captured = speak(phones[0], 100) + speak(phones[1], 200)
    time.sleep(TICK_S)
    pause = protocol.PauseCapture(call=CALL, reason="hold")
    assert isinstance(signaller.ask(pause), protocol.Done)
    speak(phones[0], 300)
    time.sleep(TICK_S)
    resume = protocol.ResumeCapture(call=CALL, episode=signaller.permit().episode, ledger_index=4)
    assert isinstance(signaller.ask(resume), protocol.Failed)
    assert isinstance(signaller.ask(protocol.signed(resume, KEY)), protocol.Done)
    after = speak(phones[0], 400)
    phones[1].event(key_payloads("5")[0])
    assert (pressed := signaller.wait(protocol.Pressed)).side == "agent" and pressed.digit == "5"
    time.sleep(TICK_S)
    account = signaller.ask(protocol.CloseCapture(call=CALL, reason="call ended"))
    assert isinstance(account, protocol.Captured) and [gap.cause for gap in account.gaps] == ["hold"]
    assert account.captured_ms == 400
    phones[0].rtcp.sendto(goodbye(1), ("127.0.0.1", phones[0].to[1]))  # on the port of RTP
    time.sleep(TICK_S)
    counters = signaller.release()
    assert (counters["caller"]["captured"], counters["caller"]["dropped_without_permit"]) == (20, 20)
    assert counters["agent"]["captured"] == 10 and counters["caller"]["lost"] == 0
    engine.stop()
    parts = opened(engine)
    assert sound(parts) == captured + after
    assert [part.cause for part in parts if isinstance(part, Gap)] == ["hold"]


def test_a_recording_server_cannot_speak(engine: EngineProcess) -> None:
    signaller = engine.signaller
    heard(signaller, (Phone(), Phone()))
    for frame in (
        protocol.Play(call=CALL, side="caller", play=1, prompt="tone:ringback"),
        protocol.StopPlaying(call=CALL, side="caller"), protocol.Relay(call=CALL, stop_keys="*"),
    ):  # fmt: skip
        assert isinstance(reply := signaller.ask(frame), protocol.Failed) and "cannot speak" in reply.why
    again = protocol.Allocate(tenant="main", call=CALL, beside=True)
    with media_socket() as one:
        assert isinstance(signaller.ask(again, (one.fileno(),) * 4), protocol.Failed)
        assert isinstance(signaller.ask(protocol.Allocate(tenant="main", call=OTHER, beside=True)), protocol.Failed)
        in_path = protocol.Allocate(tenant="main", call=CALL)
        assert isinstance(signaller.ask(in_path, (one.fileno(),) * 4), protocol.Failed)
    unknown = protocol.Connect(
        call=CALL, side="caller", address="127.0.0.1", port=1, rtcp_port=2, codec="PCMU", payload_type=0, others=((97, "SPEEX"),)
    )  # fmt: skip
    assert isinstance(reply := signaller.ask(unknown), protocol.Failed) and reply.why == "no codec SPEEX"
    assert signaller.release()["agent"]["received"] == 0


def test_calls_of_both_kinds_share_an_engine(engine: EngineProcess) -> None:
    signaller, beside, in_path = engine.signaller, (Phone(), Phone()), (Phone(), Phone())
    heard(signaller, beside)
    signaller.bridge(*in_path, OTHER)
    other = {"call": OTHER, "recording": OTHER, "episode": OTHER}
    assert isinstance(signaller.open(lease_ms=400), protocol.Done)
    assert isinstance(signaller.open(lease_ms=400, **other), protocol.Done)
    for _ in range(4):
        time.sleep(0.2)
        speak(beside[0], 0, 2)
        speak(in_path[0], 0, 2)
        episodes = (signaller.permit().episode, OTHER)
        renewal = protocol.Renew(episodes=episodes, at_ns=time.monotonic_ns())
        signaller.tell(protocol.signed(renewal, KEY))
    assert len(in_path[1].hear_all()) == 8 and not beside[1].hear_all(0.01)
    paused = {signaller.wait(protocol.Paused).call for _ in range(2)}
    assert paused == {CALL, OTHER}
    speak(beside[0], 50)
    time.sleep(TICK_S)
    for call, dropped in ((CALL, 10), (OTHER, 0)):
        released = signaller.ask(protocol.Release(call=call))
        assert isinstance(released, protocol.Released)
        counters, rows = released.counters["caller"], released.seconds["caller"]
        assert counters["captured"] == 8 and counters["dropped_without_permit"] == dropped
        assert [sum(row[at] for row in rows) for at in (2, 3, 4)] == [8 + dropped, 8, dropped]
        assert rows[-1][7] == 1
        assert sum(row[1] for row in rows) in (2, 3)


def test_a_stop_key_stops_by_itself(engine: EngineProcess) -> None:
    signaller, phones = engine.signaller, (Phone(), Phone())
    heard(signaller, phones)
    signaller.open()
    said = speak(phones[0], 0)
    time.sleep(TICK_S)
    for payload in key_payloads("*"):
        phones[0].event(payload)
    speak(phones[1], 100)
    stopped = signaller.wait(protocol.Stopped)
    assert stopped.side == "caller" and stopped.stopped_ns - stopped.at_ns < 200_000_000
    account = signaller.ask(protocol.CloseCapture(call=CALL, reason="call ended"))
    assert isinstance(account, protocol.Captured) and account.reason == "withdrawn"
    signaller.release()
    engine.stop()
    assert sound(opened(engine)) == said


def test_silence_is_told_when_no_leg_brings_anything(engine: EngineProcess) -> None:
    signaller, phones = engine.signaller, (Phone(), Phone())
    ports = signaller.allocate(rtp_timeout_ms=800, beside=True)
    for side, phone, port in zip(("caller", "agent"), phones, ports, strict=True):
        phone.to = ("127.0.0.1", port)
        signaller.connect(side, phone)
    ended = time.monotonic() + 2
    while time.monotonic() < ended:  # one leg alone may be silent
        speak(phones[0], 0, 1)
        time.sleep(0.1)
    with pytest.raises(TimeoutError):
        signaller.wait(protocol.Silent, 0.05)
    assert {signaller.wait(protocol.Silent).side for _ in range(2)} == {"caller", "agent"}
    for side, phone in zip(("caller", "agent"), phones, strict=True):
        signaller.connect(side, phone, sends=False)  # held: nothing is expected
    with pytest.raises(TimeoutError):
        signaller.wait(protocol.Silent, 2.0)


def test_sound_from_elsewhere_is_not_taken_and_that_is_told(engine: EngineProcess) -> None:
    signaller, phones, stranger = engine.signaller, (Phone(), Phone()), Phone("127.0.0.2")
    heard(signaller, phones)
    stranger.to = phones[0].to
    speak(stranger, 0)
    assert signaller.wait(protocol.Elsewhere).side == "caller"
    signaller.connect("caller", phones[0], anywhere=True)
    speak(stranger, 0)
    time.sleep(TICK_S)
    counters = signaller.release()["caller"]
    assert (counters["elsewhere"], counters["foreign"], counters["received"]) == (10, 10, 10)


def test_a_successor_reads_the_calls_back_with_their_sockets(engine: EngineProcess) -> None:
    phones = (Phone(), Phone())
    heard(engine.signaller, phones)
    engine.signaller.tell(protocol.KeepContext(call=CALL, context=b"what the call is"))
    engine.signaller.open()
    engine.signaller.socket.close()
    successor = Signaller(engine.path)
    assert isinstance(successor.ask(protocol.ReadContexts()), protocol.Done)
    held = successor.wait(protocol.HeldCall)
    assert held.beside and held.context == b"what the call is" and held.recording == successor.permit().recording
    (descriptors,) = successor.descriptors
    sockets = [socket.socket(fileno=one) for one in descriptors]
    assert [sockets[0].getsockname()[1], sockets[2].getsockname()[1]] == [phone.to[1] for phone in phones]
    for one in sockets:
        one.close()
    engine.signaller = successor


def test_no_socket_stays_open(engine: EngineProcess) -> None:
    signaller, phones = engine.signaller, (Phone(), Phone())
    heard(signaller, phones)
    signaller.release()
    before = open_descriptors(engine.process.pid)
    for _ in range(40):
        heard(signaller, phones)
        assert isinstance(signaller.open(), protocol.Done)
        speak(phones[0], 0, 1)
        signaller.release()
    assert isinstance(signaller.ask(protocol.Release(call=CALL)), protocol.Released)
    deadline = time.monotonic() + 3
    while open_descriptors(engine.process.pid) > before + 1 and time.monotonic() < deadline:
        time.sleep(0.05)  # the spool writes, and opens more than its segment for a moment
    assert open_descriptors(engine.process.pid) <= before + 1
