"""Headers of many packets at once are what the parser of one packet says, whatever the packets are."""

from __future__ import annotations

import struct

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from overt.wire.rtp.columns import Headers, piece_beginnings, read_headers
from overt.wire.rtp.packet import NotRtp, Packet, payload_bounds

ROW = 2112


@st.composite
def datagrams(draw: st.DrawFn) -> bytes:
    """RTP with padding, CSRC list, extension, each right or wrong; cut RTP; and bytes that are none."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=80))
    sources, extension = draw(st.integers(0, 15)), draw(st.none() | st.integers(0, 6))
    padding, body = draw(st.none() | st.integers(0, 255)), draw(st.binary(max_size=40))
    first = draw(st.sampled_from([0x80, 0x80, 0x80, 0x40])) | sources
    first |= (0x10 if extension is not None else 0) | (0x20 if padding is not None else 0)
    head = struct.pack(">BBHII", first, *draw(st.tuples(byte, half, word, word)))
    head += bytes(4 * sources)
    if extension is not None:
        head += struct.pack(">HH", 0xBEDE, extension) + bytes(4 * extension)
    whole = head + body + (bytes([padding]) if padding is not None else b"")
    return whole[: draw(st.integers(0, len(whole)))] if draw(st.booleans()) else whole


byte, half, word = st.integers(0, 255), st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1)


def columns(packets: list[bytes], leftover: int = 0xFF) -> tuple[np.ndarray, Headers]:
    """Packets as an arena has them: behind each one stands what an earlier reading left."""
    rows = np.full((len(packets), ROW), leftover, np.uint8)
    for at, packet in enumerate(packets):
        rows[at, : len(packet)] = np.frombuffer(packet, np.uint8)
    return rows, read_headers(rows, np.array([len(one) for one in packets]))


def one_by_one(packet: bytes) -> tuple[Packet, int] | None:
    """What the parser of one packet says, and where the payload begins."""
    try:
        return Packet.parse(packet), payload_bounds(packet, len(packet))[0]
    except NotRtp:
        return None


@given(st.lists(datagrams(), min_size=1, max_size=20), byte)
@example([bytes(Packet(0, 1, 2, 3, b""))], 0)
@example([b"", b"\x90" + bytes(11), b"\xa0" + bytes(10) + b"\xff", b"\xb0" + bytes(11) + b"\x00\x00\xff\xff"], 0)
def test_many_headers_are_read_as_one_is(packets: list[bytes], leftover: int) -> None:
    rows, headers = columns(packets, leftover)
    for at, packet in enumerate(packets):
        expected = one_by_one(packet)
        assert bool(headers.valid[at]) == (expected is not None)
        if expected is not None:
            parsed, begin = expected
            end = begin + int(headers.size[at])
            found = Packet(
                int(headers.payload_type[at]), int(headers.sequence[at]), int(headers.rtp_time[at]),
                int(headers.ssrc[at]), rows[at, begin:end].tobytes(), parsed.marker,
            )  # fmt: skip
            assert (found, int(headers.begin[at])) == (parsed, begin)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 1), st.booleans(), st.sampled_from([0, 0, 8]), st.sampled_from([65534, 65535, 0, 1]),
            st.sampled_from([2**32 - 160, 0, 160]), st.sampled_from([80, 160, 160]), st.integers(0, 1),
        ), min_size=1, max_size=30,
    ), st.sampled_from([None, 0, 8]),
)  # fmt: skip
def test_a_piece_is_what_follows_without_a_hole(
    drawn: list[tuple[int, bool, int, int, int, int, int]], framed: int | None
) -> None:
    legs = sorted(one[0] for one in drawn)
    packets = [bytes(Packet(one[2], one[3], one[4], 7, bytes(one[5]))) for one in drawn]
    packets = [
        bytes([packet[0] | one[6]]) + packet[1:12] + bytes(4 * one[6]) + packet[12:]
        for packet, one in zip(packets, drawn, strict=True)
    ]
    headers = columns(packets)[1]
    rows = np.array([at for at, one in enumerate(drawn) if one[1]] or [0])
    expected = [0]
    for at in range(1, len(rows)):
        row, before = rows[at], rows[at - 1]
        follows = (
            legs[row] == legs[before] and row == before + 1 and drawn[row][2] == drawn[before][2]
            and drawn[row][3] == (drawn[before][3] + 1) % 2**16
            and drawn[row][4] == (drawn[before][4] + drawn[before][5]) % 2**32
            and drawn[row][5:] == drawn[before][5:] and drawn[row][2] != framed
        )  # fmt: skip
        if not follows:
            expected.append(at)
    alone = None if framed is None else headers.payload_type == framed
    assert piece_beginnings(rows, np.array(legs)[rows], headers, alone).tolist() == expected
