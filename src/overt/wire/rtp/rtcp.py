"""RTCP (RFC 3550 §6): sender and receiver reports, source description, goodbye."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

SENDER_REPORT, RECEIVER_REPORT, SOURCE_DESCRIPTION, GOODBYE = 200, 201, 202, 203
_BLOCK = struct.Struct(">IIIIII")
_NTP_EPOCH_S = 2_208_988_800


class NotRtcp(Exception):
    """A datagram that is no RTCP compound packet."""


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """What a receiver says of a source. `fraction_lost` in 1/256 since its last report."""

    ssrc: int
    fraction_lost: int
    lost: int
    highest_sequence: int
    jitter: int = 0
    last_sender_report: int = 0
    delay: int = 0

    def __bytes__(self) -> bytes:
        loss = self.fraction_lost << 24 | self.lost & 0xFFFFFF
        return _BLOCK.pack(self.ssrc, loss, self.highest_sequence, self.jitter, self.last_sender_report, self.delay)


@dataclass(frozen=True, slots=True)
class Report:
    """A sender's or receiver's report with its blocks; `packets` and `octets` are 0 in a receiver's."""

    ssrc: int
    blocks: tuple[ReportBlock, ...]
    ntp: int = 0
    rtp_time: int = 0
    packets: int = 0
    octets: int = 0


def build(report: Report, cname: str) -> bytes:
    """A compound packet: sender report (receiver report when nothing was sent), then SDES CNAME (§6.1)."""
    blocks = b"".join(map(bytes, report.blocks))
    if report.packets:
        sender = struct.pack(">QIII", report.ntp, report.rtp_time, report.packets, report.octets)
        kind, body = SENDER_REPORT, struct.pack(">I", report.ssrc) + sender + blocks
    else:
        kind, body = RECEIVER_REPORT, struct.pack(">I", report.ssrc) + blocks
    name = cname.encode()[:255]
    item = struct.pack(">IBB", report.ssrc, 1, len(name)) + name + b"\0"
    item += b"\0" * (-len(item) % 4)
    return _chunk(kind, len(report.blocks), body) + _chunk(SOURCE_DESCRIPTION, 1, item)


def goodbye(ssrc: int) -> bytes:
    """An empty receiver report and BYE (§6.6)."""
    return _chunk(RECEIVER_REPORT, 0, struct.pack(">I", ssrc)) + _chunk(GOODBYE, 1, struct.pack(">I", ssrc))


def _chunk(kind: int, count: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0x80 | count, kind, len(body) // 4) + body


def read_reports(datagram: bytes) -> Iterator[Report]:
    """Yield the reports of a compound packet. Raises NotRtcp when it is malformed."""
    for kind, count, body in _chunks(datagram):
        if kind in (SENDER_REPORT, RECEIVER_REPORT):
            yield _read_report(body, kind, count)


def packet_types(datagram: bytes) -> tuple[int, ...]:
    """The types of the packets in a compound packet, in order. Raises NotRtcp when it is malformed."""
    return tuple(kind for kind, _, _ in _chunks(datagram))


def _chunks(datagram: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Each packet of a compound one: its type, its count, and what follows its first word."""
    offset = 0
    while offset < len(datagram):
        if len(datagram) - offset < 8 or datagram[offset] >> 6 != 2:
            raise NotRtcp("cut, or not version 2")
        end = offset + 4 + 4 * int.from_bytes(datagram[offset + 2 : offset + 4], "big")
        if end > len(datagram):
            raise NotRtcp("longer than its datagram")
        yield datagram[offset + 1], datagram[offset] & 0x1F, datagram[offset + 4 : end]
        offset = end


def _read_report(body: bytes, kind: int, count: int) -> Report:
    head = 24 if kind == SENDER_REPORT else 4
    if len(body) < head + count * _BLOCK.size:
        raise NotRtcp("a report shorter than it says")
    ssrc = int.from_bytes(body[:4], "big")
    sender = struct.unpack_from(">QIII", body, 4) if kind == SENDER_REPORT else (0, 0, 0, 0)
    return Report(ssrc, tuple(_read_block(body, head + _BLOCK.size * number) for number in range(count)), *sender)


def _read_block(body: bytes, offset: int) -> ReportBlock:
    ssrc, loss, highest, jitter, last, delay = _BLOCK.unpack_from(body, offset)
    return ReportBlock(ssrc, loss >> 24, loss & 0xFFFFFF, highest, jitter, last, delay)


def ntp_time(unix_us: int) -> int:
    """The 64-bit NTP time of a UTC time in microseconds (§4)."""
    seconds, micros = divmod(unix_us, 1_000_000)
    return seconds + _NTP_EPOCH_S << 32 | (micros << 32) // 1_000_000
