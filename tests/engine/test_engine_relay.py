"""The relay of a real engine process: latching, payload types, laws, numbers, keys, prompts, reports, silence."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Iterator

import pytest

from engine.engine_bench import CALL, EngineProcess, Phone, Signaller, bound, open_descriptors, tone
from overt import protocol
from overt.wire.rtp import g711
from overt.wire.rtp.dtmf import key_payloads
from overt.wire.rtp.packet import Packet
from overt.wire.rtp.rtcp import Report, ReportBlock, build, read_reports


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineProcess]:
    one = EngineProcess(tmp_path_factory.mktemp("engine"))
    yield one
    one.stop()


@pytest.fixture
def engine(house: EngineProcess) -> Iterator[EngineProcess]:
    house.signaller.told.clear()
    yield house
    house.signaller.release()


def test_sound_goes_through_with_numbers_of_our_own(engine: EngineProcess) -> None:
    caller, agent = Phone(), Phone()
    engine.signaller.bridge(caller, agent)
    heard = []
    for number in range(20):
        caller.speak(tone(number))
        packet = agent.hear()
        assert packet is not None
        heard.append(packet)
    assert [one.payload for one in heard] == [tone(number) for number in range(20)]
    assert {one.ssrc for one in heard} != {caller.ssrc} and len({one.ssrc for one in heard}) == 1
    assert [one.sequence for one in heard] == [heard[0].sequence + number & 0xFFFF for number in range(20)]
    assert [one.rtp_time for one in heard] == [heard[0].rtp_time + 160 * number & 0xFFFFFFFF for number in range(20)]


def test_only_the_signalled_address_and_agreed_types_choose_where_we_send(engine: EngineProcess) -> None:
    caller, agent, stranger = Phone(), Phone(), Phone("127.0.0.9")
    engine.signaller.bridge(caller, agent)
    stranger.to = agent.to
    stranger.speak(tone(1))
    agent.speak(tone(2), payload_type=77)
    moved = Phone()  # the same address, another port than was signalled: behind a NAT
    moved.to = agent.to
    moved.speak(tone(3))
    assert [one.payload for one in caller.hear_all()] == [tone(3)]
    caller.speak(tone(4))
    assert [one.payload for one in moved.hear_all()] == [tone(4)] and stranger.hear(0.05) is None
    stranger.speak(tone(5))
    agent.speak(tone(6))  # nobody takes the leg over once it is latched
    assert caller.hear(0.1) is None
    engine.signaller.connect("agent", stranger)  # but a new offer does
    stranger.speak(tone(7))
    assert [one.payload for one in caller.hear_all()] == [tone(7)]
    assert engine.signaller.release()["agent"]["foreign"] == 2


def test_types_and_laws_are_mapped(engine: EngineProcess) -> None:
    caller, agent = Phone(payload_type=8), Phone()
    engine.signaller.bridge(caller, agent)
    engine.signaller.connect("agent", agent, event_type=120)
    every = bytes(range(160))
    caller.speak(every)
    heard = agent.hear()
    assert heard is not None and (heard.payload_type, heard.payload) == (0, every.translate(g711.ALAW_TO_ULAW))
    agent.speak(every)
    heard = caller.hear()
    assert heard is not None and (heard.payload_type, heard.payload) == (8, every.translate(g711.ULAW_TO_ALAW))
    caller.event(key_payloads("5")[0])
    heard = agent.hear()
    assert heard is not None and heard.payload_type == 120 and heard.payload == key_payloads("5")[0]


def test_keys_are_told_once_and_passed_on_as_one_event(engine: EngineProcess) -> None:
    caller, agent = Phone(), Phone()
    engine.signaller.bridge(caller, agent)
    caller.speak(tone(0))
    for payload in key_payloads("7"):
        caller.event(payload)
    caller.speak(tone(1))
    heard = agent.hear_all()
    keys = [one for one in heard if one.payload_type == 101]
    assert engine.signaller.wait(protocol.Pressed).digit == "7"
    assert len(keys) == len(key_payloads("7")) and len({one.rtp_time for one in keys}) == 1
    assert [one.sequence for one in heard] == [heard[0].sequence + number & 0xFFFF for number in range(len(heard))]
    with pytest.raises(TimeoutError):
        engine.signaller.wait(protocol.Pressed, 0.1)


def test_keys_from_a_source_of_their_own_between_the_sound(engine: EngineProcess) -> None:
    caller, agent = Phone(), Phone()
    engine.signaller.bridge(caller, agent)
    keys = Phone()
    keys.rtp.close()
    keys.rtp, keys.to, keys.ssrc = caller.rtp, caller.to, 0xBEEF
    for at, digit in ((2**31, "1"), (100, "2")):  # the second from a capture file that began elsewhere
        keys.time = at
        keys.ssrc += 1
        for number, payload in enumerate(key_payloads(digit)):
            caller.speak(tone(number))
            keys.event(payload)
    heard = agent.hear_all()
    assert [engine.signaller.wait(protocol.Pressed).digit for _ in range(2)] == ["1", "2"]
    assert len({one.rtp_time for one in heard if one.payload_type == 101}) == 2
    assert [one.sequence for one in heard] == [heard[0].sequence + number & 0xFFFF for number in range(len(heard))]
    speech = [one.rtp_time for one in heard if one.payload_type == 0]
    assert speech == [speech[0] + 160 * number & 0xFFFFFFFF for number in range(len(speech))]


def test_malformed_late_and_lost_packets_are_counted(engine: EngineProcess) -> None:
    caller, agent = Phone(), Phone()
    engine.signaller.bridge(caller, agent)
    caller.speak(tone(0))
    caller.sequence += 3
    caller.speak(tone(1))
    caller.sequence -= 3
    caller.speak(tone(2))
    for noise in (b"", b"x", b"\x80" * 8, b"\x90" + bytes(11), b"\xa0" + bytes(11) + b"\xff", bytes(40)):
        caller.rtp.sendto(noise, caller.to)
    plain = bytes(Packet(0, caller.sequence, caller.time, caller.ssrc, b""))
    caller.rtp.sendto(b"\xb1" + plain[1:] + bytes(4) + b"\xbe\xde\0\1" + bytes(4) + tone(9) + b"\0\0\3", caller.to)
    assert [one.payload for one in agent.hear_all()] == [tone(0), tone(1), tone(2), tone(9)]
    counters = engine.signaller.release()["caller"]
    assert (counters["received"], counters["late"], counters["malformed"]) == (4, 1, 6)
    assert counters["lost"] >= 2


def test_prompts_come_every_twenty_milliseconds(engine: EngineProcess) -> None:
    caller, agent = Phone(), Phone()
    engine.signaller.bridge(caller, agent)
    caller.speak(tone(0))
    assert agent.hear()
    engine.signaller.ask(protocol.Play(call=CALL, side="caller", play=5, prompt="en/cue-recorded"))
    times, packets = [], []
    while (packet := caller.hear(0.3)) is not None:
        times.append(time.monotonic())
        packets.append(packet)
        agent.speak(tone(1))  # not heard while the prompt is
        caller.speak(tone(1))
    caller.speak(tone(1))  # it lives on
    played = engine.signaller.wait(protocol.Finished)
    assert (played.play, played.frames, played.frames_sent, played.reason) == (5, len(packets), len(packets), "")
    assert played.heard_before and played.heard_after and played.loss_percent == -1
    steps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert statistics.mean(steps) == pytest.approx(0.02, abs=0.001)
    assert [one.rtp_time for one in packets] == [
        packets[0].rtp_time + 160 * number & 0xFFFFFFFF for number in range(len(packets))
    ]


def test_a_silent_leg_was_not_told(engine: EngineProcess) -> None:
    engine.signaller.bridge(Phone(), Phone())
    engine.signaller.ask(protocol.Play(call=CALL, side="caller", play=1, prompt="en/cue-recorded"))
    played = engine.signaller.wait(protocol.Finished)
    assert (played.reason, played.frames_sent, played.heard_before) == ("leg silent", 0, False)


@pytest.mark.parametrize(
    ("prompt", "change", "reason"),
    [
        ("en/none", {}, "no such prompt"),
        ("en/announce", {"sends": False}, "held"),
        ("en/announce", {"receives": False}, "held"),
    ],
)
def test_what_cannot_be_played_says_why(
    engine: EngineProcess, prompt: str, change: dict[str, object], reason: str
) -> None:
    caller = Phone()
    engine.signaller.bridge(caller, Phone())
    engine.signaller.connect("caller", caller, **change)
    engine.signaller.ask(protocol.Play(call=CALL, side="caller", play=1, prompt=prompt))
    assert engine.signaller.wait(protocol.Finished).reason == reason


def test_loss_that_the_other_end_reports_is_told(engine: EngineProcess) -> None:
    caller, agent = Phone(), Phone()
    engine.signaller.bridge(caller, agent)
    caller.speak(tone(0))
    engine.signaller.ask(protocol.Play(call=CALL, side="caller", play=1, prompt="tone:ringback", loop=True))
    packet = caller.hear()
    assert packet is not None
    caller.rtcp.settimeout(8)
    reports, source = caller.rtcp.recvfrom(2048)  # every five seconds
    assert [one.ssrc for one in read_reports(reports)] == [packet.ssrc]
    lossy = Report(caller.ssrc, (ReportBlock(packet.ssrc, 64, 5, 0),))
    caller.rtcp.sendto(build(lossy, "phone"), source)
    caller.rtcp.sendto(b"noise", source)
    caller.hear_all(0.0001)
    engine.signaller.ask(protocol.StopPlaying(call=CALL, side="caller"))
    played = engine.signaller.wait(protocol.Finished)
    assert (played.loss_percent, played.reason) == (25, "stopped")


def test_a_leg_that_falls_silent_is_reported_and_a_held_one_is_not(engine: EngineProcess) -> None:
    caller, agent = Phone(), Phone()
    engine.signaller.bridge(caller, agent, rtp_timeout_ms=700)
    engine.signaller.connect("agent", agent, sends=False)
    assert engine.signaller.wait(protocol.Silent).side == "caller"
    time.sleep(1)
    engine.signaller.ask(protocol.ReadContexts())
    assert not [one for one in engine.signaller.told if isinstance(one, protocol.Silent)]


def test_who_is_not_of_this_start_is_not_served_and_drives_nobody_out(engine: EngineProcess) -> None:
    stranger = Signaller(engine.path, hello=False)
    for frame in (protocol.ReadContexts(), protocol.Hello(proof=b"guess"), protocol.Release(call=CALL)):
        assert isinstance(stranger.ask(frame), protocol.Failed)
    stranger.socket.send(b"\x09noise")
    assert isinstance(stranger._receive(1), protocol.Failed)
    assert isinstance(engine.signaller.ask(protocol.ReadContexts()), protocol.Done)
    assert isinstance(
        engine.signaller.ask(protocol.Play(call=CALL, side="nobody", play=1, prompt="x")), protocol.Failed
    )
    assert isinstance(engine.signaller.ask(protocol.Connect(
        call="none", side="caller", address="127.0.0.1", port=1, rtcp_port=2, codec="PCMU", payload_type=0)), protocol.Failed)  # fmt: skip
    stranger.socket.close()


def test_no_socket_stays_open(engine: EngineProcess) -> None:
    before = open_descriptors(engine.process.pid)
    for _ in range(10):
        engine.signaller.bridge(Phone(), Phone())
        engine.signaller.release()
    assert open_descriptors(engine.process.pid) <= before
    few = [bound() for _ in range(3)]
    order = protocol.Allocate(tenant="main", call="x")
    assert isinstance(engine.signaller.ask(order, tuple(one.fileno() for one in few)), protocol.Failed)
    engine.signaller.ask(protocol.ReadContexts())  # by its answer, the turn before is over
    assert open_descriptors(engine.process.pid) <= before
