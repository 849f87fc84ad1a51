"""RTP, RTCP, telephone events, G.711."""

from __future__ import annotations

import contextlib
import struct
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt.wire.rtp import g711
from overt.wire.rtp.dtmf import DIGITS, LATE_SAMPLES, MOST_SOURCES, KeyReader, TelephoneEvent, key_payloads
from overt.wire.rtp.packet import NotRtp, Packet, sequence_distance
from overt.wire.rtp.rtcp import NotRtcp, Report, ReportBlock, build, goodbye, ntp_time, packet_types, read_reports

packets = st.builds(
    Packet, st.integers(0, 127), st.integers(0, 65535), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1),
    st.binary(max_size=200), st.booleans(),
)  # fmt: skip


@given(packets)
def test_packets_come_back(packet: Packet) -> None:
    assert Packet.parse(bytes(packet)) == packet


def test_extensions_csrcs_and_padding_are_passed_over() -> None:
    fixed = struct.pack(">BBHII", 0x80 | 0x30 | 2, 0, 1, 2, 3)
    whole = fixed + bytes(8) + b"\xbe\xde\x00\x01" + bytes(4) + b"sound" + b"\x00\x00\x03"
    assert Packet.parse(whole).payload == b"sound"


@pytest.mark.parametrize(
    "datagram",
    [b"", bytes(12), b"\x80" * 11, struct.pack(">BBHII", 0x90, 0, 1, 2, 3), struct.pack(">BBHII", 0x8F, 0, 1, 2, 3),
     struct.pack(">BBHII", 0xA0, 0, 1, 2, 3) + b"\xff"],
)  # fmt: skip
def test_what_is_no_rtp(datagram: bytes) -> None:
    with pytest.raises(NotRtp):
        Packet.parse(datagram)


@given(st.binary(max_size=80))
def test_no_bytes_raise_anything_else(noise: bytes) -> None:
    with contextlib.suppress(NotRtp):
        Packet.parse(noise)
    with contextlib.suppress(NotRtcp):
        list(read_reports(noise))


def test_distance_wraps() -> None:
    assert sequence_distance(65535, 1) == 2 and sequence_distance(1, 65535) == -2


blocks = st.builds(ReportBlock, *[st.integers(0, 2**32 - 1)], st.integers(0, 255), st.integers(0, 2**24 - 1),
                   *[st.integers(0, 2**32 - 1)] * 4)  # fmt: skip


@given(st.lists(blocks, max_size=3), st.integers(0, 5))
def test_reports_come_back(some: list[ReportBlock], sent: int) -> None:
    report = Report(7, tuple(some), 5 if sent else 0, 6 if sent else 0, sent, 9 if sent else 0)
    assert list(read_reports(build(report, "name"))) == [report]


def test_goodbye_and_broken_reports() -> None:
    assert list(read_reports(goodbye(7))) == [Report(7, ())]
    assert packet_types(goodbye(7)) == (201, 203) and packet_types(b"") == ()
    assert packet_types(build(Report(7, (), 1, 2, 3, 4), "name")) == (200, 202)
    for broken in (b"\x80", b"\x80\xc8\x00\x09" + bytes(8), b"\x81\xc9\x00\x01" + bytes(4), bytes(8)):
        with pytest.raises(NotRtcp):
            list(read_reports(broken))
    with pytest.raises(NotRtcp):
        packet_types(goodbye(7)[:-1])
    assert ntp_time(0) >> 32 == 2_208_988_800 and ntp_time(500_000) & 0xFFFFFFFF == 1 << 31


@pytest.mark.parametrize("digit", DIGITS)
def test_a_key_is_told_once_however_it_comes(digit: str) -> None:
    reader = KeyReader()
    told = [reader.read(payload, 800) for payload in key_payloads(digit)]
    assert told[0] == digit and not any(told[1:])
    assert reader.read(key_payloads(digit)[-1], 640) == ""  # an older one, late
    assert reader.read(key_payloads(digit)[0], 1600) == digit
    assert reader.read(b"\x00", 9000) == "" and reader.read(bytes(TelephoneEvent(70, 0)), 9100) == ""


def test_each_source_counts_its_own_keys() -> None:
    reader = KeyReader()
    first = key_payloads("1")[0]
    assert reader.read(first, 2**31, ssrc=1) == "1"
    assert reader.read(first, 100, ssrc=2) == "1"  # its clock began elsewhere
    assert reader.read(first, 2**31, ssrc=1) == "" and reader.read(first, 100, ssrc=2) == ""
    assert reader.read(first, 2**31 - LATE_SAMPLES, ssrc=1) == "1"  # a sender that began anew
    assert all(reader.read(first, 7, ssrc=100 + number) == "1" for number in range(3 * MOST_SOURCES))


@given(st.integers(0, 2**32 - 1), st.lists(st.sampled_from(DIGITS), max_size=6), st.randoms())
def test_keys_come_out_as_pressed_whatever_is_repeated(start: int, keys: list[str], chance: Random) -> None:
    reader, heard = KeyReader(), ""
    for number, digit in enumerate(keys):
        payloads = [one for one in key_payloads(digit) for _ in range(chance.randint(0, 2))] or [
            key_payloads(digit)[-1]
        ]
        heard += "".join(reader.read(one, start + 1600 * number & 0xFFFFFFFF, 5) for one in payloads)
    assert heard == "".join(keys)


def test_a_key_whose_beginning_was_lost_counts_at_its_end() -> None:
    assert KeyReader().read(key_payloads("5")[-1], 100) == "5"
    event = TelephoneEvent.parse(key_payloads("#")[-1])
    assert event == TelephoneEvent(11, 960, True, 10)


def test_the_laws_agree_with_themselves() -> None:
    every = bytes(range(256))
    again = g711.encode_ulaw(g711.decode_ulaw(every))
    assert all(one == other or {one, other} == {0x7F, 0xFF} for one, other in zip(again, every, strict=True))
    assert g711.encode_alaw(g711.decode_alaw(every)) == every
    assert g711.ULAW_LINEAR[0x00] == -32124 and g711.ULAW_LINEAR[0x80] == 32124  # G.711 table 2a
    assert g711.ALAW_LINEAR[0x2A] == -32256 and g711.ALAW_LINEAR[0xD5] == 8  # table 1a
    assert every.translate(g711.ULAW_TO_ALAW).translate(g711.ALAW_TO_ULAW) != b""


@given(st.binary(min_size=2, max_size=200).filter(lambda one: len(one) % 2 == 0))
def test_coding_stays_close(samples: bytes) -> None:
    for encode, decode in ((g711.encode_ulaw, g711.decode_ulaw), (g711.encode_alaw, g711.decode_alaw)):
        before = struct.unpack(f"<{len(samples) // 2}h", samples)
        after = struct.unpack(f"<{len(samples) // 2}h", decode(encode(samples)))
        assert all(
            abs(one - other) <= max(abs(one) // 16, 24) + 700 * (abs(one) > 31000)
            for one, other in zip(before, after, strict=True)
        )
