"""RTP packets (RFC 3550 §5.1)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

HEADER = struct.Struct(">BBHII")
HEADER_BYTES = HEADER.size
LARGEST_PACKET = 2048


class NotRtp(Exception):
    """A datagram that is no RTP packet of version 2."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One RTP packet; `rtp_time` in samples of the payload's clock."""

    payload_type: int
    sequence: int
    rtp_time: int
    ssrc: int
    payload: bytes
    marker: bool = False

    @classmethod
    def parse(cls, datagram: bytes) -> Packet:
        """Read a datagram. Raises NotRtp for anything malformed: version, CSRC list, extension, padding."""
        begin, end = payload_bounds(datagram, len(datagram))
        _, second, sequence, rtp_time, ssrc = HEADER.unpack_from(datagram)
        return cls(second & 0x7F, sequence, rtp_time, ssrc, bytes(datagram[begin:end]), bool(second & 0x80))

    def __bytes__(self) -> bytes:
        second = self.payload_type | (0x80 if self.marker else 0)
        return HEADER.pack(0x80, second, self.sequence, self.rtp_time, self.ssrc) + self.payload


def payload_bounds(datagram: bytes | bytearray | memoryview, size: int) -> tuple[int, int]:
    """Return where the payload begins and ends in a datagram of `size` bytes. Raises NotRtp."""
    if size < HEADER_BYTES or datagram[0] >> 6 != 2:
        raise NotRtp("too short, or not version 2")
    first = datagram[0]
    begin, end = HEADER_BYTES + 4 * (first & 0x0F), size
    if first & 0x10:
        if begin + 4 > size:
            raise NotRtp("the extension is cut")
        begin += 4 + 4 * int.from_bytes(datagram[begin + 2 : begin + 4], "big")
    if first & 0x20:
        end -= datagram[size - 1]
    if begin > end or begin > size:
        raise NotRtp("the header is longer than the packet")
    return begin, end


def sequence_distance(first: int, second: int) -> int:
    """How far `second` is ahead of `first`, modulo 2^16, as −32768…32767."""
    return (second - first + 0x8000 & 0xFFFF) - 0x8000
