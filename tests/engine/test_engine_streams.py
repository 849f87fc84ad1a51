"""Streams that are only heard: of every codec, over IPv6, from behind translators, doubled, restarted, with RTCP."""

from __future__ import annotations

import gc
import os
import random
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.batch_bench import Bench, Caller, heard, named, socket_of
from overt import protocol
from overt.engine.arena import MOST_A_LEG, Reading, source_address
from overt.engine.batch import SECOND_NS
from overt.engine.stream_leg import MOST_BEHIND, Agreed
from overt.vault.track import Run
from overt.wire.rtp.codecs import CODECS
from overt.wire.rtp.dtmf import key_payloads
from overt.wire.rtp.packet import Packet
from overt.wire.rtp.rtcp import Report, build, goodbye


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    one = Bench(tmp_path)
    yield one
    for number in {number for number, _ in one.callers}:
        one.batch.release(named(number))
    one.spool.flush()


def ended(bench: Bench, number: int = 1) -> tuple[protocol.Captured, list[Run]]:
    """The account of a call that ends, and the caller's runs."""
    account = bench.batch.finish(named(number), "call ended")
    assert account is not None
    return account, [one for one in bench.parts(number, account)[1] if isinstance(one, Run)]


def counters(bench: Bench, number: int = 1) -> dict[str, int]:
    return bench.batch.release(named(number)).counters["caller"]


@pytest.mark.parametrize(
    ("name", "size", "step", "head", "together"),
    [("G722", 160, 160, b"", True), ("G729", 20, 160, b"", True), ("opus", 70, 960, b"\x78", True),
     ("AMR/oa", 32, 160, b"\xf0\x3c", True), ("AMR-WB/oa", 61, 320, b"\xf0\x44", True), ("opus", 70, 0, b"", False)],
)  # fmt: skip
def test_each_codec_is_kept_with_its_code_and_steps(
    bench: Bench, name: str, size: int, step: int, head: bytes, together: bool
) -> None:
    codec = CODECS[name]
    caller, _ = bench.add(codes={111: codec.code})
    bench.open()
    caller.kind = 111
    sizes = [size] * 20 if together else []
    for one in [*sizes, size - 10, size]:
        caller.say(caller.packet(one, step or 960, head or (b"\x00" if name != "opus" else b"\xff\xff")))
        if caller.number % 7 == 0:
            bench.batch.tick()
    account, runs = ended(bench)
    assert {run.payload_type for run in runs} == {codec.code}
    said = b"".join(payload for _, _, _, payload in caller.said)
    assert b"".join(run.payload for run in runs) == said and counters(bench)["captured"] == len(caller.said)
    if together and step:
        assert {run.step for run in runs if run.size == size} == {step}
        assert len(runs[0].payload) == 20 * size and account.captured_ms >= 20 * step * 1000 // codec.clock
    if not step:
        assert all(run.step == 0 for run in runs)  # the bytes do not tell how long they last


def test_several_types_are_agreed_at_once_and_each_run_says_its_codec(bench: Bench) -> None:
    caller, _ = bench.add(codes={0: 0, 8: 8, 97: CODECS["opus"].code})
    bench.open()
    for kind, size, step, head in (
        (8, 160, 160, b""),
        (97, 40, 960, b"\x78"),
        (0, 160, 160, b""),
        (97, 40, 960, b"\x78"),
    ):
        caller.kind = kind
        for _ in range(3):
            caller.say(caller.packet(size, step, head))
    caller.kind = 13
    caller.send(caller.packet(1, 160))
    account, runs = ended(bench)
    assert [run.payload_type for run in runs] == [8, 128, 0, 128] and account.captured_ms == 12 * 20
    assert counters(bench)["other_type"] == 1


def test_a_bad_line_of_a_codec_with_frames_is_kept_bit_for_bit(bench: Bench) -> None:
    choose = random.Random(5)
    caller, _ = bench.add(codes={96: CODECS["G729"].code, 0: 0})
    caller.kind = 96
    caller.say(caller.packet(20, 160))
    bench.batch.tick()
    bench.open()
    caller.said.clear()
    for _ in range(200):
        caller.kind = choose.choice([96, 96, 96, 0])
        packet = caller.packet(choose.choice([10, 20]) if caller.kind else 160, 160)
        if choose.random() < 0.1:
            continue
        caller.say(packet)
        if choose.random() < 0.1:
            caller.send(packet)
        if choose.random() < 0.1:
            bench.batch.tick()
    _, runs = ended(bench)
    assert b"".join(run.payload for run in runs) == b"".join(payload for _, _, _, payload in caller.said)
    assert all(run.step == (80 if run.size == 10 else 160) for run in runs)


def test_a_source_of_ipv6_is_known_by_its_whole_address(bench: Bench) -> None:
    caller, _ = bench.add(here="::1", there="::1", address="0:0::1")
    neighbour = Caller(caller.to[1], "::1")
    bench.open()
    caller.talk(3)
    neighbour.mutter(2)
    caller.talk(3)
    bench.batch.tick()
    old = bench.add(2)[0]  # a row that had an address of IPv6 has one of IPv4 in the next reading
    bench.open(2)
    old.talk(3)
    caller.talk(2)
    assert bench.batch.finish(named(2), "call ended") is not None
    _, runs = ended(bench)
    assert heard(runs) == caller.said and heard(bench.parts(2)[1]) == old.said
    assert counters(bench)["foreign"] == 2


def words(address: str, port: int, rest: int = 0) -> list[int]:
    """A source as the kernel writes it; what it leaves alone behind an address of IPv4 is `rest`."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    head = family.to_bytes(2, sys.byteorder) + port.to_bytes(2, "big")
    body = bytes(4) + socket.inet_pton(family, address) if ":" in address else socket.inet_aton(address)
    whole = (head + body).ljust(32, bytes([rest]))
    return [int.from_bytes(whole[at : at + 8], sys.byteorder) for at in range(0, 32, 8)]


def test_a_source_is_its_port_and_every_word_of_its_address() -> None:
    names = ["2001:db8::1", "2001:db8::2", "2001:db9::1", "::ffff:10.1.2.3"]
    rows = np.array(
        [*(words(name, 5004) for name in names), words("10.1.2.3", 5004, 7), words(names[0], 5005)], np.uint64
    )
    sixth = np.array([True] * 4 + [False, True])
    reading = Reading([6], np.zeros((6, 1), np.uint8), np.zeros(6), rows, sixth, np.zeros(6), [])
    known = np.array([words(names[0], 5004)[:3], [*words("10.1.2.3", 5004)[:1], 0, 0]], np.uint64)
    assert reading.come_from(known, np.zeros(6, int)).tolist() == [True] + [False] * 5
    assert reading.come_from(known, np.ones(6, int)).tolist() == [False] * 4 + [True, False]
    assert [source_address(reading.source(row)) for row in range(6)] == [*names[:3], "10.1.2.3", "10.1.2.3", names[0]]
    assert tuple(known[1].tolist()) == reading.source(4)


def test_an_address_of_ipv4_over_a_socket_of_both(bench: Bench) -> None:
    rtp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    rtp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    rtp.bind(("::", 0))
    bench.callers[1, "caller"] = caller = Caller(rtp.getsockname()[1])
    bench.batch.add_leg("main", named(1), "caller", rtp, Agreed("127.0.0.1", {0: 0}))
    assert bench.batch.open(bench.permit(tracks=("caller",))) == ""
    caller.talk()
    assert heard(ended(bench)[1]) == caller.said


def test_a_source_that_fell_silent_may_be_followed_by_another_of_its_address(bench: Bench) -> None:
    caller, _ = bench.add()
    bench.open()
    caller.talk(2)
    bench.batch.tick()
    other = Caller(caller.to[1])
    other.mutter(2)
    bench.batch.tick()
    time.sleep(2.1)
    other.talk(3)
    bench.batch.tick()
    caller.mutter(1)
    _, runs = ended(bench)
    assert heard(runs) == caller.said + other.said
    assert counters(bench)["foreign"] == 3


def test_the_agreed_port_of_the_agreed_address_wins_and_no_other_does(bench: Bench) -> None:
    """An intruder of the agreed address was first; the client's own port takes its place, and nobody takes that one's."""
    caller, _ = bench.add()
    port = caller.socket.getsockname()[1]
    bench.batch.agree(named(1), "caller", Agreed(address="127.0.0.1", codes={0: 0}, port=port))
    bench.open()
    intruder = Caller(caller.to[1])
    intruder.talk(2)
    bench.batch.tick()
    caller.talk(3)
    bench.batch.tick()
    intruder.mutter(2)
    assert heard(ended(bench)[1]) == intruder.said + caller.said and counters(bench)["foreign"] == 2


def test_where_sound_may_come_from_anywhere_a_port_number_alone_takes_no_ones_place(bench: Bench) -> None:
    caller, _ = bench.add()
    intruder = Caller(caller.to[1], "127.0.0.2")
    port = intruder.socket.getsockname()[1]  # the number that was agreed, at another address
    bench.batch.agree(named(1), "caller", Agreed(address="127.0.0.9", codes={0: 0}, port=port, anywhere=True))
    bench.open()
    caller.talk(3)  # from behind a translator
    bench.batch.tick()
    intruder.mutter(2)
    bench.batch.tick()
    caller.talk(2)
    assert heard(ended(bench)[1]) == caller.said and counters(bench)["foreign"] == 2


def test_what_comes_twice_is_taken_once_and_a_hole_is_filled(bench: Bench) -> None:
    caller, _ = bench.add()
    bench.open()
    caller.talk(3)
    packets = [caller.packet() for _ in range(6)]
    for at in (0, 3, 4, 5, 1, 2):
        caller.say(packets[at])
    for at in (0, 1, 2, 5):
        caller.send(packets[at])
    caller.talk(2)
    bench.batch.tick()
    for packet in packets:  # in one piece, none of it new
        caller.send(packet)
    _, runs = ended(bench)
    assert heard(runs) == caller.said
    counted = counters(bench)
    assert (counted["captured"], counted["late"], counted["lost"]) == (11, 2 + 4 + 6, 0)


def test_a_piece_that_was_known_in_part_gives_its_new_part(bench: Bench) -> None:
    caller, _ = bench.add()
    bench.open()
    packets = [caller.packet() for _ in range(5)]
    for packet in packets[:3]:
        caller.say(packet)
    bench.batch.tick()
    for packet in packets[1:3]:
        caller.send(packet)
    for packet in packets[3:]:
        caller.say(packet)
    assert heard(ended(bench)[1]) == caller.said and counters(bench)["late"] == 2


def test_a_stream_that_begins_anew_is_no_loss_and_a_stray_packet_is_none(bench: Bench) -> None:
    caller, _ = bench.add()
    bench.open()
    caller.sequence = 40_000
    caller.talk(3)
    stray = bytes(Packet(0, 5000, 7, 0x1000 + caller.to[1], b"s" * 160))
    caller.say(stray)
    caller.talk(2)
    bench.batch.tick()
    caller.sequence = 100
    caller.talk(4)
    caller.sequence = caller.sequence - MOST_BEHIND * 2 & 0xFFFF
    caller.talk(1)
    caller.talk(1)
    assert len(heard(ended(bench)[1])) == len(caller.said)
    assert counters(bench)["lost"] == 0


def test_many_holes_are_remembered_for_a_while_only(bench: Bench) -> None:
    caller, _ = bench.add()
    bench.open()
    for _ in range(MOST_BEHIND):
        late = caller.packet()
        caller.packet()
        caller.packet()
        caller.talk(1)
        if caller.number % 40 == 0:
            bench.batch.tick()
    caller.say(late)
    assert sorted(heard(ended(bench)[1])) == sorted(caller.said)
    assert counters(bench)["lost"] == 3 * (MOST_BEHIND - 1) - 1  # what is missing before the first is not known


def look(bench: Bench) -> None:
    """A tick at which every call is looked at."""
    for room in bench.batch._calls.values():
        room.look_at_ns = 0
    bench.batch.tick()


def test_rtcp_is_read_on_its_own_port_and_on_that_of_rtp(bench: Bench) -> None:
    rtp, rtcp = socket_of(), socket_of()
    bench.callers[1, "caller"] = caller = Caller(rtp.getsockname()[1])
    bench.batch.add_leg("main", named(1), "caller", rtp, Agreed("127.0.0.1", {0: 0}), rtcp)
    report = build(Report(1, (), 2, 3, 4, 5), "name")
    for datagram in (report, report + goodbye(1), report[:9], os.urandom(40)[:1] + b"\0" * 20):
        caller.socket.sendto(datagram, rtcp.getsockname())
    Caller(rtcp.getsockname()[1], "127.0.0.2").send(report)
    caller.send(report)  # from nobody's source yet
    caller.talk(2)
    caller.send(report)
    caller.talk(2)
    look(bench)
    counted = counters(bench)
    assert (counted["reports"], counted["goodbyes"], counted["malformed"], counted["foreign"]) == (3, 1, 2, 2)
    assert counted["received"] == 4 and counted["lost"] == 0


def test_garbage_costs_little_and_is_counted(bench: Bench) -> None:
    caller, _ = bench.add()
    quiet, _ = bench.add(2)
    bench.open(2)
    stranger = Caller(caller.to[1], "127.0.0.2")
    for at in range(1000):
        stranger.send(os.urandom(at % 300))
    quiet.talk()
    begun = time.process_time()
    bench.batch.tick()
    assert time.process_time() - begun < 0.05
    assert heard(ended(bench, 2)[1]) == quiet.said
    for _ in range(1000 // MOST_A_LEG + 1):
        bench.batch.tick()
    counted = counters(bench)
    assert counted["foreign"] + counted["kernel_dropped"] == 1000 and counted["received"] == 0


def test_calls_come_and_go_without_leaving_anything(bench: Bench) -> None:
    def rounds(count: int) -> None:
        for _ in range(count):
            caller, _ = bench.add(1, codes={0: 0, 96: 128})
            bench.open()
            caller.talk(2)
            bench.batch.tick()
            bench.batch.release(named(1))
            for side in ("caller", "agent"):
                bench.callers.pop((1, side)).socket.close()

    rounds(20)
    gc.collect()
    files, streams = len(os.listdir("/proc/self/fd")), len(bench.batch._streams)
    rounds(300)
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= files + 2  # the spool may have a segment open
    assert len(bench.batch._streams) == streams == 2
    assert not bench.batch._calls and bench.batch._streams._with_alone == set()


def test_seconds_say_what_came_when(bench: Bench) -> None:
    caller, _ = bench.add()
    room = bench.batch._calls[named(1)]
    bench.open()
    for second in range(4):
        room.begun_ns = time.monotonic_ns() - (second + 1) * SECOND_NS
        if second == 2:
            bench.batch.pause(named(1), "card entry")
        caller.mutter(3)
        look(bench)
    for payload in key_payloads("5")[:1]:
        caller.send(bytes(Packet(101, caller.sequence, caller.time, 0x1000 + caller.to[1], payload)))
    released = bench.batch.release(named(1))
    assert released.seconds["caller"][:2] == [[0, 2, 6, 6, 0, 0, 0, 0], [2, 2, 6, 0, 6, 0, 0, 1]]
    assert released.seconds["agent"] != [] and released.counters["caller"]["received"] == 13
