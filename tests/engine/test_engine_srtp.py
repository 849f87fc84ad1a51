"""Encrypted legs in a real engine process: nothing in the clear, keys kept over holds, counters for whoever goes on."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from engine.engine_bench import CALL, EngineProcess, Phone, Signaller, tone
from overt import protocol
from overt.engine.keyed import Sealers, keyed
from overt.wire.rtp.packet import Packet
from overt.wire.rtp.rtcp import Report, ReportBlock, build, read_reports
from overt.wire.rtp.srtp import Protector, Unprotector
from overt.wire.sdes import SUITES


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


class SecretPhone(Phone):
    """A phone that speaks and hears SRTP only."""

    def __init__(self, suite: str = "AES_CM_128_HMAC_SHA1_80") -> None:
        super().__init__()
        size = SUITES[suite]
        self.keys = protocol.Keys(suite, b"theirs".ljust(size, b"."), b"ours".ljust(size, b"."))
        self.sealing, self.opening = Protector(suite, self.keys.receive), Unprotector(suite, self.keys.send)

    def speak(self, payload: bytes, payload_type: int | None = None) -> None:
        kind = self.payload_type if payload_type is None else payload_type
        self.send(self.sealing.rtp(bytes(Packet(kind, self.sequence, self.time, self.ssrc, payload))))
        self.sequence, self.time = self.sequence + 1 & 0xFFFF, self.time + 160 & 0xFFFFFFFF

    def send(self, packet: bytes) -> None:
        self.rtp.sendto(packet, self.to)

    def hear(self, wait_s: float = 1.0) -> Packet | None:
        self.rtp.settimeout(wait_s)
        try:
            packet = bytearray(self.rtp.recv(2048))
        except TimeoutError:
            return None
        size = self.opening.rtp(packet, len(packet))
        assert size, "the engine sent what cannot be opened"
        return Packet.parse(bytes(packet[:size]))


def bridged(engine: EngineProcess, caller: SecretPhone, agent: Phone) -> None:
    engine.signaller.bridge(caller, agent)
    engine.signaller.connect("caller", caller, srtp=caller.keys)


@pytest.mark.parametrize("suite", SUITES)
def test_an_encrypted_leg_and_one_in_the_clear_are_joined(engine: EngineProcess, suite: str) -> None:
    caller, agent = SecretPhone(suite), Phone()
    bridged(engine, caller, agent)
    heard = []
    for number in range(12):  # the caller's sequence numbers turn over meanwhile
        caller.speak(tone(number))
        agent.speak(tone(100 + number))
        heard.append((agent.hear(), caller.hear()))
    assert [one.payload for one, _ in heard if one] == [tone(number) for number in range(12)]
    assert [one.payload for _, one in heard if one] == [tone(100 + number) for number in range(12)]
    rolled = engine.signaller.wait(protocol.Rolled)
    assert (rolled.side, rolled.ssrc, rolled.roc) == ("caller", caller.ssrc, 1)


def test_nothing_in_the_clear_and_nothing_forged_is_taken_or_decides_where_we_send(engine: EngineProcess) -> None:
    caller, agent, stranger = SecretPhone(), Phone(), Phone()
    bridged(engine, caller, agent)
    agent.speak(tone(0))
    assert caller.hear() is not None
    stranger.to = caller.to
    stranger.speak(tone(1))  # the same address, in the clear
    forged = bytearray(caller.sealing.rtp(bytes(Packet(0, caller.sequence, 0, caller.ssrc, tone(2)))))
    forged[-1] ^= 1
    caller.sequence += 1
    caller.send(bytes(forged))
    assert agent.hear(0.1) is None
    caller.speak(tone(3))
    packet = agent.hear()
    assert packet is not None and packet.payload == tone(3)
    caller.rtp.sendto(bytes(Packet(0, caller.sequence, caller.time, caller.ssrc, tone(4))), caller.to)
    assert agent.hear(0.1) is None
    counters = engine.signaller.release()["caller"]
    assert counters["unauthentic"] == 3 and counters["received"] == 1


def test_a_hold_keeps_the_keys_and_a_new_key_changes_one_way_only(engine: EngineProcess) -> None:
    caller, agent = SecretPhone(), Phone()
    bridged(engine, caller, agent)
    for number in range(10):
        caller.speak(tone(number))
        agent.speak(tone(number))
    assert len(agent.hear_all()) == 10 and len(caller.hear_all()) == 10
    engine.signaller.connect("caller", caller, srtp=caller.keys, sends=False)
    engine.signaller.connect("caller", caller, srtp=caller.keys)
    caller.speak(tone(1))
    agent.speak(tone(2))
    assert agent.hear() is not None and caller.hear() is not None, "both counters went on"
    caller.keys = msgspec.structs.replace(caller.keys, receive=b"another".ljust(30, b"."))
    engine.signaller.connect("caller", caller, srtp=caller.keys)
    caller.speak(tone(3))
    assert agent.hear(0.1) is None, "the old key is over"
    caller.sealing = Protector(caller.keys.suite, caller.keys.receive)
    caller.speak(tone(4))
    agent.speak(tone(5))
    assert agent.hear() is not None and caller.hear() is not None


def test_a_new_engine_goes_on_with_the_counters_that_the_old_one_told(engine: EngineProcess) -> None:
    """The old engine is gone: what it told comes back with Connect, in a call that is new to this one."""
    caller, agent = SecretPhone(), Phone()
    caller.sealing.rtp(bytes(Packet(0, 60_000, 0, caller.ssrc, b"")))
    for sequence in range(65_536 + 5_000, 65_536 * 3 + 5_000, 10_000):
        caller.sealing.rtp(bytes(Packet(0, sequence & 0xFFFF, 0, caller.ssrc, b"")))
    caller.sequence = 5_000
    bridged(engine, caller, agent)
    caller.speak(tone(1))
    assert agent.hear(0.1) is None, "without the counter nothing can be opened"
    caller.keys = msgspec.structs.replace(caller.keys, rocs={caller.ssrc: 2})
    engine.signaller.release()
    bridged(engine, caller, agent)
    caller.speak(tone(2))
    assert agent.hear() is not None
    rolled = engine.signaller.wait(protocol.Rolled)
    assert rolled.roc == 3, "it turned over while nobody listened"
    successor = Signaller(engine.path)
    successor.ask(protocol.ReadContexts())
    assert successor.wait(protocol.HeldCall).rocs == {"caller": {caller.ssrc: 3}}
    engine.signaller = successor


def test_a_source_that_begins_anew_is_heard_although_no_number_is_sent_twice(engine: EngineProcess) -> None:
    caller, agent = SecretPhone(), Phone()
    bridged(engine, caller, agent)
    agent.sequence = 30_000
    for number in range(5):
        agent.speak(tone(number))
    agent.sequence = 10  # the same source, numbers of long ago
    for number in range(5):
        agent.speak(tone(50 + number))
    heard = caller.hear_all()
    assert [one.payload for one in heard][-5:] == [tone(50 + number) for number in range(5)]
    assert [one.sequence for one in heard] == [heard[0].sequence + at & 0xFFFF for at in range(10)]


def test_reports_are_encrypted_both_ways(engine: EngineProcess) -> None:
    caller, agent = SecretPhone(), Phone()
    bridged(engine, caller, agent)
    caller.rtcp.settimeout(7)
    sealed, to = caller.rtcp.recvfrom(2048)
    ours = next(iter(read_reports(caller.opening.rtcp(sealed)))).ssrc
    report = build(Report(caller.ssrc, (ReportBlock(ours, 64, 1, 1),), 0, 0, 0, 0), "phone")
    assert caller.opening.rtcp(sealed) == b"", "a second time"
    caller.rtcp.sendto(report, to)
    caller.rtcp.sendto(caller.sealing.rtcp(report), to)
    caller.speak(tone(1))
    assert agent.hear() is not None
    assert engine.signaller.release()["caller"]["unauthentic"] == 1


def test_a_key_that_does_not_fit_is_refused_and_hidden(engine: EngineProcess) -> None:
    caller, agent = SecretPhone(), Phone()
    engine.signaller.bridge(caller, agent)
    keys = protocol.Keys("AEAD_AES_256_GCM", b"short", b"short")
    frame = protocol.Connect(
        call=CALL, side="caller", address="127.0.0.1", port=9, rtcp_port=10, codec="PCMU", payload_type=0, srtp=keys
    )
    reply = engine.signaller.ask(frame)
    assert isinstance(reply, protocol.Failed) and "AEAD_AES_256_GCM" in reply.why
    assert "short" not in repr(frame) and protocol.decode(protocol.encode(frame)) == frame


@pytest.mark.parametrize("suite", SUITES)
def test_beside_a_call_only_what_is_authentic_is_taken(engine: EngineProcess, suite: str) -> None:
    caller, agent = SecretPhone(suite), Phone()
    ports = engine.signaller.allocate(beside=True)
    caller.to, agent.to = ("127.0.0.1", ports[0]), ("127.0.0.1", ports[1])
    engine.signaller.connect("caller", caller, srtp=caller.keys)
    engine.signaller.connect("agent", agent)
    stranger = Phone()
    stranger.to = caller.to
    stranger.speak(tone(0))  # first, in the clear: it does not become the leg's source
    for number in range(50):
        caller.speak(tone(number))
        agent.speak(tone(number))
    caller.sequence -= 1
    caller.send(caller.sealing.rtp(bytes(Packet(0, caller.sequence + 1, 0, caller.ssrc, tone(1))))[:-1] + b"\0")
    rolled = engine.signaller.wait(protocol.Rolled)
    assert (rolled.side, rolled.ssrc, rolled.roc) == ("caller", caller.ssrc, 1)
    wrong = protocol.Connect(
        call=CALL, side="caller", address="127.0.0.1", port=9, rtcp_port=10, codec="PCMU", payload_type=0,
        srtp=protocol.Keys(suite, b"short", b"short"),
    )  # fmt: skip
    assert isinstance(engine.signaller.ask(wrong), protocol.Failed)
    successor = Signaller(engine.path)
    successor.ask(protocol.ReadContexts())
    assert successor.wait(protocol.HeldCall).rocs == {"caller": {caller.ssrc: 1}}
    engine.signaller = successor
    counters = successor.release()
    assert counters["caller"]["received"] == 50 == counters["agent"]["received"]
    assert counters["caller"]["unauthentic"] == 2 and counters["caller"]["foreign"] == 0


def test_beside_a_call_reports_are_opened_before_they_count(engine: EngineProcess) -> None:
    caller = SecretPhone()
    ports = engine.signaller.allocate(beside=True)
    caller.to = ("127.0.0.1", ports[0])
    engine.signaller.connect("caller", caller, srtp=caller.keys)
    caller.speak(tone(0))
    report = build(Report(caller.ssrc, (), 0, 0, 0, 0), "phone")
    caller.rtp.sendto(caller.sealing.rtcp(report), caller.to)  # on the port of RTP
    caller.rtp.sendto(report, caller.to)
    counters = engine.signaller.release()["caller"]
    assert counters["reports"] == 1 and counters["unauthentic"] == 1 and counters["received"] == 1


def test_what_has_the_same_key_goes_on() -> None:
    """A sealer that began anew would use its key stream twice; an opener, take packets twice."""
    keys = protocol.Keys("AEAD_AES_128_GCM", bytes(28), b"s" * 28)
    sealers: Sealers = {}
    one = keyed(None, keys, lambda ssrc, roc: None, sealers)
    assert one is not None and keyed(one, None, lambda ssrc, roc: None, sealers) is None
    for changed, opener, sealer in (
        ({}, True, True), ({"rocs": {1: 2}}, True, True), ({"receive": b"r" * 28}, False, True), ({"send": b"o" * 28}, True, False),
        ({"suite": "AES_CM_128_HMAC_SHA1_80", "receive": bytes(30), "send": bytes(30)}, False, False),
    ):  # fmt: skip
        other = keyed(one, msgspec.structs.replace(keys, **changed), lambda ssrc, roc: None, sealers)
        assert other is not None
        assert (other.opener is one.opener, other.sealer is one.sealer) == (opener, sealer)


def test_a_key_that_comes_back_goes_on_where_it_was() -> None:
    """After another suite, or a while in the clear, no report and no packet is sealed as one before it was."""
    sealers: Sealers = {}
    first = protocol.Keys("AEAD_AES_128_GCM", bytes(28), b"s" * 28)
    other = protocol.Keys("AES_CM_128_HMAC_SHA1_80", bytes(30), b"s" * 30)
    report, packet = build(Report(7, (), 0, 0, 0, 0), "o"), bytes(Packet(0, 9, 0, 7, b"sound"))
    sealed, now = [], None
    for keys in (first, other, first, None, first):
        now = keyed(now, keys, lambda ssrc, roc: None, sealers)
        if now is not None and keys is first:
            sealed.append(now.seal_report(report))
            assert bool(now.seal(packet)) is (len(sealed) == 1)
    assert len(set(sealed)) == 3
