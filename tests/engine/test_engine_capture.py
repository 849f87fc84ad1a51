"""P4, P5, P7, P11 in a real engine process: permits, leases, stop keys, seals, crashes, full disks."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from engine.engine_bench import (
    CALL,
    KEY,
    RECORDING,
    EngineProcess,
    Phone,
    Signaller,
    limit_files,
    opened,
    sound,
    tone,
)  # fmt: skip
from overt import protocol
from overt.vault.format import END
from overt.vault.track import Gap, Run, Sent
from overt.wire.rtp.dtmf import key_payloads

COMMITTED_S = 0.9  # a chunk closes after half a second, and is on the disk a quarter later


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[EngineProcess]:
    one = EngineProcess(tmp_path)
    yield one
    if one.process.poll() is None:
        one.stop()


def talk(caller: Phone, agent: Phone, first: int, count: int = 10) -> bytes:
    """Packets from the caller, each heard by the agent before the next is sent."""
    for number in range(first, first + count):
        caller.speak(tone(number))
        assert agent.hear() is not None
    return b"".join(tone(number) for number in range(first, first + count))


def test_without_a_permit_nothing_is_kept(engine: EngineProcess) -> None:
    caller, agent = Phone(), Phone()
    engine.signaller.bridge(caller, agent)
    talk(caller, agent, 0, 50)
    counters = engine.signaller.release()
    assert counters["caller"]["dropped_without_permit"] == 50 and counters["caller"]["captured"] == 0
    engine.stop()
    assert engine.spooled() == b""


def test_what_is_captured_is_what_came_and_shows_nowhere(engine: EngineProcess) -> None:
    caller, agent = Phone(), Phone()
    engine.signaller.bridge(caller, agent)
    talk(caller, agent, 0)
    assert isinstance(engine.signaller.open(), protocol.Done)
    said = talk(caller, agent, 100, 40)
    closed = engine.signaller.ask(protocol.CloseCapture(call=CALL, reason="call ended"))
    talk(caller, agent, 200)
    assert isinstance(closed, protocol.Captured) and closed.captured_ms == 800 and not closed.gaps
    engine.stop()
    parts = opened(engine)
    assert sound(parts) == said and sound(opened(engine, closed)) == said
    assert all(tone(number)[:16] not in engine.spooled() for number in range(250))
    assert {one.payload_type for one in parts if isinstance(one, Run)} == {0}


@pytest.mark.parametrize(
    ("change", "why"),
    [({}, "not authentic"), ({"mac": b"0" * 32}, "not authentic"), ({"ledger_index": -1}, "does not cover"),
     ({"roster": ("caller",)}, "does not cover"), ({"tracks": ("nobody",)}, "does not cover"),
     ({"call": "another"}, "no call"), ({"tenant": "other"}, "no call")],
)  # fmt: skip
def test_what_is_no_permit_opens_nothing(engine: EngineProcess, change: dict[str, object], why: str) -> None:
    caller, agent = Phone(), Phone()
    engine.signaller.bridge(caller, agent)
    frame = engine.signaller.permit(**change)
    if "mac" not in change:
        frame = protocol.signed(frame, KEY if change else b"another start's key")
    refused = engine.signaller.ask(frame)
    assert isinstance(refused, protocol.Failed) and why in refused.why
    talk(caller, agent, 0)
    assert engine.signaller.release()["caller"]["captured"] == 0


def test_a_permit_whose_words_were_changed_is_refused(engine: EngineProcess) -> None:
    engine.signaller.bridge(Phone(), Phone())
    frame = protocol.signed(engine.signaller.permit(roster=("caller",), tracks=("caller",)), KEY)
    altered = msgspec.structs.replace(frame, roster=("caller", "agent"), tracks=("caller", "agent"))
    assert isinstance(engine.signaller.ask(altered), protocol.Failed)


def test_an_unrenewed_lease_closes_capture_with_a_stated_gap(engine: EngineProcess) -> None:
    caller, agent = Phone(), Phone()
    engine.signaller.bridge(caller, agent)
    engine.signaller.open(lease_ms=300)
    before = talk(caller, agent, 0)
    paused = engine.signaller.wait(protocol.Paused)
    assert paused.reason == "lease ran out"
    talk(caller, agent, 100)  # heard, not captured
    resume = protocol.ResumeCapture(call=CALL, episode=engine.signaller.permit().episode, ledger_index=9)
    assert isinstance(engine.signaller.ask(resume), protocol.Failed)  # not authentic
    talk(caller, agent, 150)
    assert isinstance(engine.signaller.ask(protocol.signed(resume, KEY)), protocol.Done)
    after = talk(caller, agent, 200)
    closed = engine.signaller.ask(protocol.CloseCapture(call=CALL, reason="call ended"))
    assert isinstance(closed, protocol.Captured)
    (gap,) = closed.gaps
    assert gap.cause == "lease ran out" and 250 < gap.from_ms < 1000 and gap.to_ms > gap.from_ms
    engine.stop()
    parts = opened(engine)
    assert sound(parts) == before + after
    assert [one.cause for one in parts if isinstance(one, Gap)] == ["lease ran out"]


def test_renewals_keep_it_open_unless_forged_or_seen_before(engine: EngineProcess) -> None:
    engine.signaller.bridge(Phone(), Phone())
    engine.signaller.open(lease_ms=300)
    episodes = (engine.signaller.permit().episode,)
    last = protocol.Renew(episodes=episodes, at_ns=0)
    for _ in range(8):
        last = protocol.Renew(episodes=episodes, at_ns=time.monotonic_ns())
        engine.signaller.tell(protocol.signed(last, KEY))
        time.sleep(0.1)
    assert not [one for one in engine.signaller.told if isinstance(one, protocol.Paused)]
    for _ in range(8):
        engine.signaller.tell(protocol.signed(last, KEY))
        engine.signaller.tell(protocol.signed(protocol.Renew(episodes=episodes, at_ns=time.monotonic_ns()), b"forged"))
        time.sleep(0.1)
    assert engine.signaller.wait(protocol.Paused, 0.5)


def test_after_a_standstill_the_lease_is_looked_at_before_the_packets(engine: EngineProcess) -> None:
    caller, agent = Phone(), Phone()
    engine.signaller.bridge(caller, agent)
    engine.signaller.open(lease_ms=300)
    said = talk(caller, agent, 0)
    engine.process.send_signal(signal.SIGSTOP)
    for number in range(100, 120):
        caller.speak(tone(number))
    time.sleep(0.6)
    engine.process.send_signal(signal.SIGCONT)
    assert engine.signaller.wait(protocol.Paused)
    engine.stop()
    assert sound(opened(engine)) == said


def test_a_renewal_that_waited_through_a_standstill_counts(engine: EngineProcess) -> None:
    caller, agent = Phone(), Phone()
    engine.signaller.bridge(caller, agent)
    engine.signaller.open(lease_ms=300)
    engine.process.send_signal(signal.SIGSTOP)
    time.sleep(0.6)
    episodes = (engine.signaller.permit().episode,)
    caller.speak(tone(1))
    engine.signaller.tell(protocol.signed(protocol.Renew(episodes=episodes, at_ns=time.monotonic_ns()), KEY))
    engine.process.send_signal(signal.SIGCONT)
    assert agent.hear() is not None
    assert engine.signaller.release()["caller"]["captured"] == 1


def test_a_signaller_that_dies_takes_capture_along_and_not_the_call(engine: EngineProcess) -> None:
    caller, agent = Phone(), Phone()
    engine.signaller.bridge(caller, agent)
    engine.signaller.tell(protocol.KeepContext(call=CALL, context=b"what the call is"))
    engine.signaller.open(lease_ms=500)
    engine.signaller.socket.close()
    time.sleep(0.8)
    talk(caller, agent, 0)
    successor = Signaller(engine.path)
    assert isinstance(successor.ask(protocol.ReadContexts()), protocol.Done)
    held = successor.wait(protocol.HeldCall)
    assert (held.call, held.context, held.paused) == (CALL, b"what the call is", "lease ran out")
    assert held.recording == RECORDING and len(successor.descriptors[0]) == 4
    assert successor.release()["caller"]["captured"] == 0


def test_every_call_is_read_back_however_many_there_are(engine: EngineProcess) -> None:
    calls = [f"018f0000-0000-7000-8000-{number:012x}" for number in range(300)]
    for call in calls:
        engine.signaller.allocate(call)
        engine.signaller.ask(protocol.KeepContext(call=call, context=call.encode() * 50))
    successor = Signaller(engine.path)
    successor.tell(protocol.ReadContexts(n=77))
    time.sleep(0.5)  # it reads nothing for a while
    held = [successor.wait(protocol.HeldCall) for _ in calls]
    assert [one.call for one in held] == calls and [len(one) for one in successor.descriptors] == [4] * len(calls)


def test_a_stop_key_stops_every_leg_by_itself_and_is_swallowed(engine: EngineProcess) -> None:
    caller, agent = Phone(), Phone()
    engine.signaller.bridge(caller, agent)
    agent.speak(tone(900))
    assert caller.hear() is not None
    engine.signaller.open()
    said = talk(caller, agent, 0)
    caller.time += 160
    for payload in key_payloads("*"):
        caller.event(payload)
        caller.event(payload)  # and each of its packets twice
    stopped = engine.signaller.wait(protocol.Stopped)
    assert (stopped.side, stopped.digit) == ("caller", "*")
    assert 0 <= stopped.stopped_ns - stopped.at_ns < 20_000_000
    for number in range(100, 110):
        caller.speak(tone(number))
        agent.speak(tone(number))
    heard = agent.hear_all()
    assert [one.payload for one in heard] == [tone(number) for number in range(100, 110)]  # no key among it
    closed = engine.signaller.ask(protocol.CloseCapture(call=CALL, reason="withdrawn"))
    assert isinstance(closed, protocol.Captured) and closed.reason == "withdrawn"
    engine.stop()
    assert sound(opened(engine)) == said and engine.records()[-1].flags == END


def test_the_law_may_change_in_the_middle(engine: EngineProcess) -> None:
    caller, agent = Phone(), Phone()
    engine.signaller.bridge(caller, agent)
    engine.signaller.open()
    first = talk(caller, agent, 0)
    caller.payload_type = 8
    engine.signaller.connect("caller", caller)
    second = talk(caller, agent, 20)
    engine.signaller.ask(protocol.CloseCapture(call=CALL, reason="call ended"))
    engine.stop()
    parts = opened(engine)
    assert sound(parts, 0) == first and sound(parts, 8) == second


def test_what_was_sent_before_stands_at_the_head(engine: EngineProcess) -> None:
    engine.signaller.bridge(Phone(), Phone())
    head = protocol.Head("caller", "en/announce", "0" * 64, 12345, 25)
    engine.signaller.open(prologue=(head,))
    engine.signaller.ask(protocol.CloseCapture(call=CALL, reason="call ended"))
    engine.stop()
    (sent,) = (one for one in opened(engine) if isinstance(one, Sent))
    assert (sent.prompt, sent.started_ns, len(sent.payload)) == ("en/announce", 12345, 25 * 160)


def test_a_flood_of_odd_packets_stays_within_the_bounds(engine: EngineProcess) -> None:
    caller, agent = Phone(), Phone()
    engine.signaller.bridge(caller, agent)
    engine.signaller.open()
    for number in range(3000):
        caller.speak(b"x" * (1400 + number % 2))
        if number % 20 == 0:
            agent.hear_all(0.001)
    assert engine.process.poll() is None
    closed = engine.signaller.ask(protocol.CloseCapture(call=CALL, reason="call ended"))
    assert isinstance(closed, protocol.Captured)
    engine.stop()
    assert all(len(one.body) < 128 * 1024 for one in engine.records()) and len(sound(opened(engine))) > 1_000_000


def test_kill_leaves_a_recording_that_opens_to_its_stated_end(engine: EngineProcess) -> None:
    caller, agent = Phone(), Phone()
    engine.signaller.bridge(caller, agent)
    engine.signaller.open()
    said = talk(caller, agent, 0)
    time.sleep(COMMITTED_S)
    talk(caller, agent, 100)
    engine.kill()
    with next((engine.folder / "spool" / "engine-0").glob("*.open")).open("ab") as torn:
        torn.write(bytes(500))  # what a file system may leave behind after a power cut
    engine.start()
    interrupted = engine.signaller.wait(protocol.Interrupted)
    assert (interrupted.call, interrupted.recording) == (CALL, RECORDING) and interrupted.n < 0
    assert sound(opened(engine, interrupted)).startswith(said)
    engine.signaller.socket.close()
    again = Signaller(engine.path)  # not confirmed: told again
    again.tell(protocol.Done(n=again.wait(protocol.Interrupted).n))
    again.ask(protocol.ReadContexts())
    assert not [one for one in Signaller(engine.path).told if isinstance(one, protocol.Interrupted)]


def test_a_commit_that_is_not_whole_does_not_count(engine: EngineProcess) -> None:
    caller, agent = Phone(), Phone()
    engine.signaller.bridge(caller, agent)
    engine.signaller.open()
    said = talk(caller, agent, 0)
    time.sleep(COMMITTED_S)
    known = len(engine.records())
    talk(caller, agent, 100)
    time.sleep(COMMITTED_S)
    assert len(engine.records()) > known
    engine.kill()
    path = next((engine.folder / "spool" / "engine-0").glob("*.open"))
    with path.open("r+b") as torn:
        torn.seek(-400, 2)
        torn.write(bytes(64))  # inside the last chunk's body
    engine.start()
    interrupted = engine.signaller.wait(protocol.Interrupted)
    assert interrupted.chunks == known and sound(opened(engine, interrupted)) == said


def test_stopping_the_engine_ends_recordings_in_order(engine: EngineProcess) -> None:
    caller, agent = Phone(), Phone()
    engine.signaller.bridge(caller, agent)
    engine.signaller.open()
    said = talk(caller, agent, 0)
    engine.stop()
    assert sound(opened(engine)) == said
    engine.start()
    assert not engine.signaller.told


def test_a_full_disk_stops_capture_and_not_the_call(engine: EngineProcess) -> None:
    caller, agent = Phone(), Phone()
    engine.signaller.bridge(caller, agent)
    engine.signaller.open()
    said = talk(caller, agent, 0)
    time.sleep(COMMITTED_S)
    limit_files(engine.process.pid, len(engine.spooled()) + 1000)
    talk(caller, agent, 100, 20)
    broke = engine.signaller.wait(protocol.CaptureBroke)
    account = engine.signaller.wait(protocol.Captured)
    assert "File too large" in broke.why and account.captured_ms == 200 and account.gaps[-1].cause == account.reason
    talk(caller, agent, 200)
    assert sound(opened(engine, account)) == said
    refused = engine.signaller.release()
    assert refused["caller"]["dropped_without_permit"] >= 10
