"""Capture beside the call with real sockets, kernel and spool: P4, P5, P7, P11, and nothing but what came."""

from __future__ import annotations

import gc
import random
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.batch_bench import KEY, SIDES, Bench, Caller, heard, named
from overt import protocol
from overt.engine.arena import MOST_A_LEG, SLOTS, STRIDE
from overt.engine.batch import TICK_NS
from overt.engine.capture import LARGEST_CHUNK
from overt.engine.loop import Loop
from overt.engine.spool import recover
from overt.engine.stream_leg import Agreed
from overt.vault.track import Gap, Run
from overt.wire.rtp.dtmf import key_payloads
from overt.wire.rtp.packet import LARGEST_PACKET, Packet


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    one = Bench(tmp_path)
    yield one
    for number in {number for number, _ in one.callers}:
        one.batch.release(named(number))
    one.spool.flush()


def press(caller: Caller, digit: str, packets: int = 3) -> None:
    """Send a key's first packets; its RTP time stands still."""
    for payload in key_payloads(digit)[:packets]:
        caller.send(bytes(Packet(101, caller.sequence, caller.time, 0x1000 + caller.to[1], payload)))
        caller.sequence = caller.sequence + 1 & 0xFFFF


def test_without_a_permit_packets_are_counted_and_nothing_is_kept(bench: Bench) -> None:
    caller, _ = bench.add()
    caller.mutter(40)
    bench.batch.tick()
    counters = bench.batch.release(named(1)).counters
    assert counters["caller"]["dropped_without_permit"] == counters["caller"]["received"] == 40
    assert counters["caller"]["captured"] == counters["caller"]["lost"] == 0
    bench.spool.flush()
    assert list(bench.folder.iterdir()) == [] and bench.told == []


def test_what_waits_in_the_kernel_came_before_the_permit(bench: Bench) -> None:
    caller, agent = bench.add()
    caller.mutter()
    agent.mutter()
    bench.open()
    caller.talk()
    account = bench.batch.finish(named(1), "call ended")
    assert account is not None and account.captured_ms == 100 and not account.gaps
    parts = bench.parts(end=account)
    assert heard(parts[1]) == caller.said and 2 not in parts
    assert bench.batch.release(named(1)).counters["agent"]["dropped_without_permit"] == 5


def unplain(packet: bytes, choose: random.Random) -> bytes:
    """The same sound with a CSRC list, an extension, or padding."""
    sources, words = choose.randrange(4), choose.randrange(4)
    first = packet[0] | 0x20 | sources | (0x10 if words else 0)
    extension = b"\xbe\xde" + words.to_bytes(2, "big") + bytes(4 * words) if words else b""
    padding = choose.randrange(1, 9)
    body = extension + packet[12:] + bytes(padding - 1) + bytes([padding])
    return bytes([first]) + packet[1:12] + bytes(4 * sources) + body


def speak_badly(caller: Caller, choose: random.Random, counts: dict[str, int]) -> None:
    """Some packets over a bad line: lost, swapped, doubled, of other sizes and forms, other types, broken."""
    for _ in range(choose.randrange(0, 12)):
        packet = caller.packet(choose.choice([160, 160, 160, 240, 80]))
        act = choose.choice(["say"] * 8 + ["lose", "double", "swap", "unplain", "break", "other"])
        if act == "lose":
            counts["lost"] += 1
        elif act == "swap":
            caller.say(caller.packet())
            caller.say(packet)
            counts["late"] += 1
        elif act == "break":
            caller.send(choose.choice([b"", b"\x80", packet[:11], b"\x40" + packet[1:], b"\xbf" + packet[1:14]]))
            counts["malformed"] += 1
            counts["lost"] += 1
        elif act == "other":
            caller.send(packet[:1] + b"\x0d" + packet[2:])
            counts["other_type"] += 1
        else:
            caller.say(unplain(packet, choose) if act == "unplain" else packet)
            if act == "double":
                caller.send(packet)
                counts["late"] += 1
    caller.say(caller.packet())


@pytest.mark.parametrize("seed", range(4))
def test_what_is_captured_is_what_came_bit_for_bit(bench: Bench, seed: int) -> None:
    choose = random.Random(seed)
    numbers = range(1, 9)
    for number in numbers:
        for caller in bench.add(number):
            caller.say(caller.packet())
        bench.batch.tick()
        bench.open(number)
    for caller in bench.callers.values():
        caller.said.clear()
    counts = {key: dict.fromkeys(("lost", "late", "malformed", "other_type"), 0) for key in bench.callers}
    for _ in range(12):
        for key, caller in bench.callers.items():
            speak_badly(caller, choose, counts[key])
        bench.batch.tick()
    accounts = {number: bench.batch.finish(named(number), "call ended") for number in numbers}
    counted = {number: bench.batch.release(named(number)).counters for number in numbers}
    for number in numbers:
        parts = bench.parts(number, accounts[number])
        for track, side in enumerate(SIDES, 1):
            assert heard(parts[track]) == bench.callers[number, side].said
            counters = counted[number][side]
            assert counters["captured"] == len(bench.callers[number, side].said)
            expected = counts[number, side]
            assert {name: counters[name] for name in expected} == expected
    assert not [one for one in bench.told if not isinstance(one, protocol.Captured)]


def test_a_law_agreed_anew_begins_another_run(bench: Bench) -> None:
    caller, _ = bench.add()
    bench.open()
    caller.talk()
    bench.batch.tick()
    bench.batch.agree(named(1), "caller", Agreed("127.0.0.1", {8: 8}))
    caller.mutter(2)
    caller.kind = 8
    caller.talk()
    account = bench.batch.finish(named(1), "call ended")
    assert heard(bench.parts(end=account)[1]) == caller.said
    counters = bench.batch.release(named(1)).counters["caller"]
    assert counters["captured"] == 10 and counters["foreign"] == 2 and counters["lost"] == 0


def test_arrival_is_the_kernels_not_the_ticks(bench: Bench) -> None:
    caller, _ = bench.add()
    bench.open()
    before = time.monotonic_ns()
    caller.talk(1)
    after = time.monotonic_ns()
    time.sleep(0.15)
    bench.batch.tick()
    account = bench.batch.finish(named(1), "call ended")
    (run,) = (one for one in bench.parts(end=account)[1] if isinstance(one, Run))
    assert before - 5_000_000 < run.arrival_ns < after + 5_000_000


def test_an_unrenewed_lease_pauses_with_a_stated_gap(bench: Bench) -> None:
    caller, _ = bench.add()
    bench.open(lease_ms=200)
    caller.talk()
    bench.batch.tick()
    time.sleep(0.25)
    caller.mutter()
    bench.batch.tick()
    (paused,) = bench.told
    assert isinstance(paused, protocol.Paused) and paused.reason == "lease ran out"
    caller.mutter()
    assert bench.batch.resume(protocol.ResumeCapture(call=named(1), episode=named(1, "e"), ledger_index=9)) != ""
    assert bench.resume() == ""
    caller.talk()
    account = bench.batch.finish(named(1), "call ended")
    assert account is not None
    (gap,) = account.gaps
    assert gap.cause == "lease ran out" and 200 < gap.from_ms <= gap.to_ms
    parts = bench.parts(end=account)
    assert heard(parts[1]) == caller.said
    assert [one.cause for one in parts[1] if isinstance(one, Gap)] == ["lease ran out"]


def test_a_call_that_ends_after_its_lease_keeps_nothing_of_the_time_after(bench: Bench) -> None:
    caller, _ = bench.add()
    bench.open(lease_ms=100)
    caller.talk()
    bench.batch.tick()
    time.sleep(0.15)
    caller.mutter()
    account = bench.batch.finish(named(1), "call ended")
    assert account is not None and [gap.cause for gap in account.gaps] == ["lease ran out"]
    assert heard(bench.parts(end=account)[1]) == caller.said


def test_a_renewal_that_waits_counts_and_a_forged_or_old_one_does_not(bench: Bench) -> None:
    caller, _ = bench.add()
    bench.open(lease_ms=200)
    old = bench.renewal(1)
    for _ in range(3):
        time.sleep(0.12)
        caller.talk()
        bench.waiting.append(bench.renewal(1))
        bench.batch.tick()
    assert bench.told == []
    time.sleep(0.25)
    forged = protocol.signed(protocol.Renew(episodes=(named(1, "e"),), at_ns=time.monotonic_ns()), b"another")
    bench.waiting += [old, forged, bench.renewal(2)]
    caller.mutter()
    bench.batch.tick()
    assert isinstance(bench.told[0], protocol.Paused) and bench.batch.permits.refused == 2
    account = bench.batch.close(named(1), "call ended")
    assert heard(bench.parts(end=account)[1]) == caller.said


def test_a_stop_takes_nothing_more_not_even_what_came_before(bench: Bench) -> None:
    caller, agent = bench.add()
    bench.open()
    caller.talk()
    bench.batch.tick()
    caller.mutter()
    agent.mutter()
    account = bench.batch.close(named(1), "withdrawn")
    bench.batch.tick()
    assert account is not None and account.reason == "withdrawn" and account.captured_ms == 100
    assert bench.batch.close(named(1), "again") is None and bench.batch.finish(named(1), "again") is None
    parts = bench.parts(end=account)
    assert heard(parts[1]) == caller.said and 2 not in parts


def test_a_pause_takes_nothing_until_resumed(bench: Bench) -> None:
    caller, _ = bench.add()
    bench.open()
    caller.talk()
    bench.batch.tick()
    caller.mutter()
    bench.batch.pause(named(1), "card entry")
    caller.mutter()
    bench.batch.tick()
    caller.mutter()
    assert bench.resume() == "" and bench.resume() == ""
    caller.talk()
    bench.batch.pause(named(9), "no such call")
    account = bench.batch.finish(named(1), "call ended")
    assert account is not None and [gap.cause for gap in account.gaps] == ["card entry"]
    assert heard(bench.parts(end=account)[1]) == caller.said


def test_a_stop_key_stops_every_leg_before_the_sound_that_came_with_it(bench: Bench) -> None:
    caller, agent = bench.add()
    press(caller, "5")
    bench.batch.tick()
    bench.open()
    caller.talk()
    press(agent, "1")
    bench.batch.tick()
    caller.mutter()
    press(caller, "*")
    caller.mutter()
    bench.batch.tick()
    agent.mutter()
    bench.batch.tick()
    keys = [(one.side, one.digit) for one in bench.told if isinstance(one, protocol.Pressed)]
    (stopped,) = (one for one in bench.told if isinstance(one, protocol.Stopped))
    assert keys == [("caller", "5"), ("agent", "1")] and (stopped.side, stopped.digit) == ("caller", "*")
    assert 0 <= stopped.stopped_ns - stopped.at_ns < 2 * TICK_NS
    account = bench.batch.close(named(1), "call ended")
    assert account is not None and account.reason == "withdrawn"
    parts = bench.parts(end=account)
    assert heard(parts[1]) == caller.said and 2 not in parts
    assert bench.batch.release(named(1)).counters["caller"]["lost"] == 0


def test_only_the_agreed_source_is_heard(bench: Bench) -> None:
    caller, _ = bench.add()
    elsewhere, neighbour = Caller(caller.to[1], "127.0.0.2"), Caller(caller.to[1])
    neighbour.kind = 96
    bench.open()
    elsewhere.mutter(3)
    neighbour.mutter(2)  # from the right address, but of no agreed type: it does not become the source
    caller.talk()
    neighbour.kind = 0
    neighbour.mutter(4)
    bench.batch.tick()
    for _ in range(5):
        neighbour.mutter(1)  # between packets that follow each other
        caller.talk(1)
    account = bench.batch.finish(named(1), "call ended")
    assert heard(bench.parts(end=account)[1]) == caller.said
    assert bench.batch.release(named(1)).counters["caller"]["foreign"] == 14


def test_a_packet_longer_than_its_row_is_malformed(bench: Bench) -> None:
    caller, _ = bench.add()
    bench.open()
    caller.talk(1)
    caller.send(caller.packet(LARGEST_PACKET))
    caller.say(caller.packet(LARGEST_PACKET - 12))
    account = bench.batch.finish(named(1), "call ended")
    assert heard(bench.parts(end=account)[1]) == caller.said
    assert bench.batch.release(named(1)).counters["caller"]["malformed"] == 1
    assert STRIDE >= LARGEST_PACKET


def test_large_packets_close_chunks_early(bench: Bench) -> None:
    caller, _ = bench.add()
    bench.open()
    for _ in range(4):
        for _ in range(45):
            caller.say(caller.packet(1600))
        bench.batch.tick()
    account = bench.batch.finish(named(1), "call ended")
    assert account is not None and account.chunks == 6  # header, three of them, what was left, end
    parts = bench.parts(end=account)
    assert heard(parts[1]) == caller.said
    assert max(len(one.payload) for one in parts[1] if isinstance(one, Run)) <= LARGEST_CHUNK + 45 * 1600


def test_what_the_kernel_drops_is_counted(bench: Bench) -> None:
    caller, _ = bench.add()
    bench.open()
    sent = 3000
    for _ in range(sent):
        caller.mutter(1)
    for _ in range(sent // MOST_A_LEG + 1):
        bench.batch.tick()
    caller.mutter(1)
    bench.batch.tick()  # the count of drops comes with a packet that was not
    account = bench.batch.finish(named(1), "call ended")
    counters = bench.batch.release(named(1)).counters["caller"]
    assert counters["kernel_dropped"] > 0 and counters["captured"] + counters["kernel_dropped"] == sent + 1
    assert counters["lost"] == counters["kernel_dropped"]
    assert account is not None and len(heard(bench.parts(end=account)[1])) == counters["captured"]


def test_a_flood_of_one_leg_takes_nothing_from_the_others(bench: Bench) -> None:
    flooding, _ = bench.add(1)
    quiet, _ = bench.add(2)
    for number in (1, 2):
        bench.open(number)
    flooding.talk(200)
    quiet.talk()
    bench.batch.tick()
    assert bench.batch.close(named(2), "call ended").captured_ms == 100  # type: ignore[union-attr]
    first = bench.batch.close(named(1), "call ended")
    assert first is not None and first.captured_ms == MOST_A_LEG * 20
    assert heard(bench.parts(1, first)[1]) == flooding.said[:MOST_A_LEG]
    assert heard(bench.parts(2)[1]) == quiet.said


def test_more_than_the_arena_holds_is_read_in_one_tick_all_the_same(bench: Bench) -> None:
    numbers = range(1, SLOTS // MOST_A_LEG // 2 + 10)
    for number in numbers:
        bench.add(number)
        bench.open(number)
    for caller in bench.callers.values():
        caller.talk(MOST_A_LEG)
    bench.batch.tick()
    accounts = [bench.batch.close(named(number), "call ended") for number in numbers]
    assert {one.captured_ms for one in accounts if one is not None} == {MOST_A_LEG * 20}
    parts = bench.parts(numbers[-1])
    assert heard(parts[1]) == bench.callers[numbers[-1], "caller"].said


def test_a_place_is_used_again_by_another_call(bench: Bench) -> None:
    for number in range(1, 50):
        (first, _) = bench.add(number)
        first.mutter()
        bench.batch.tick()
        bench.batch.release(named(number))
        assert bench.batch.release(named(number)).counters == {}
    caller, agent = bench.add(60)
    bench.open(60)
    caller.talk()
    agent.talk()
    bench.batch.tick()
    account = bench.batch.close(named(60), "call ended")
    parts = bench.parts(60, account)
    assert heard(parts[1]) == caller.said and heard(parts[2]) == agent.said


@pytest.mark.parametrize(
    ("change", "why"),
    [({"ledger_index": -1}, "does not cover"), ({"roster": ("caller",)}, "does not cover"),
     ({"tracks": ("nobody",)}, "does not cover"), ({"call": named(77)}, "no call"), ({"tenant": "other"}, "no call"),
     ({"prologue": (protocol.Head(prompt="x", side="caller", audio_sha256="", started_ns=0, frames=1),)}, "beside a call")],
)  # fmt: skip
def test_what_is_no_permit_opens_nothing(bench: Bench, change: dict[str, object], why: str) -> None:
    caller, _ = bench.add()
    assert why in bench.batch.open(bench.permit(**change))
    caller.mutter()
    bench.batch.tick()
    assert bench.batch.release(named(1)).counters["caller"]["captured"] == 0


def test_a_permit_must_be_signed_and_a_call_has_one_recording(bench: Bench) -> None:
    bench.add()
    unsigned = protocol.signed(bench.permit(), b"another start's key")
    assert bench.batch.open(unsigned) == "the permit is not authentic" and bench.batch.permits.refused == 1
    bench.open()
    assert bench.batch.open(bench.permit(recording=named(5, "f"))) == "a recording is open already"
    with pytest.raises(ValueError, match="takes no such leg"):
        bench.batch.add_leg("main", named(1), "caller", socket.socket(), Agreed("127.0.0.1", {0: 0}))
    assert "no recording" in bench.batch.resume(
        protocol.signed(protocol.ResumeCapture(call=named(1), episode="x", ledger_index=9), KEY)
    )


def test_a_spool_that_breaks_ends_every_recording_with_what_is_on_the_disk(bench: Bench) -> None:
    caller, _ = bench.add()
    bench.open()
    shutil.rmtree(bench.folder)
    caller.mutter()
    deadline = time.monotonic() + 5
    while not bench.told and time.monotonic() < deadline:
        time.sleep(0.05)
        bench.batch.tick()
    (broke,) = bench.told
    assert isinstance(broke, protocol.CaptureBroke) and "No such file" in broke.why
    bench.folder.mkdir(parents=True)
    bench.open(recording=named(2, "f"))


def test_a_rotated_segment_tells_where_recordings_stand(bench: Bench) -> None:
    caller, _ = bench.add()
    bench.open()
    caller.talk()
    bench.batch.tick()
    time.sleep(0.6)
    bench.batch.tick()
    time.sleep(0.4)
    bench.batch.rotate()
    time.sleep(0.4)
    unended, following = recover(shutil.copytree(bench.folder, bench.data / "crashed"))
    assert [(one.recording, one.chunks) for one in unended] == [(named(1, "f"), 2)] and following == 3


def test_it_runs_on_a_loop_uncollected_in_chunks_of_half_a_second(bench: Bench) -> None:
    for number in range(1, 31):
        bench.add(number)
        bench.open(number)
    loop, collecting = Loop(), []

    def say() -> None:
        for caller in bench.callers.values():
            caller.talk(2)
        collecting.append(gc.isenabled())

    loop.every(40_000_000, say)
    loop.at(loop.now + 1_700_000_000, lambda: setattr(loop, "stopping", True))
    bench.batch.run(loop)
    assert not any(collecting) and gc.isenabled() and gc.get_freeze_count() == 0
    accounts = {number: bench.batch.finish(named(number), "call ended") for number in range(1, 31)}
    for number, account in accounts.items():
        assert account is not None and not account.gaps
        parts = bench.parts(number, account)
        for track, side in enumerate(SIDES, 1):
            assert heard(parts[track]) == bench.callers[number, side].said
            runs = [one for one in parts[track] if isinstance(one, Run)]
            assert len(runs) >= 3 and all(len(one.payload) <= 8 * 700 for one in runs)
