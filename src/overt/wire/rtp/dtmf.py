"""Telephone events (RFC 4733): keys as RTP payloads."""

from __future__ import annotations

import struct
from dataclasses import dataclass

DIGITS = "0123456789*#ABCD"
LATE_SAMPLES = 80_000
MOST_SOURCES = 8
_EVENT = struct.Struct(">BBH")


@dataclass(frozen=True, slots=True)
class TelephoneEvent:
    """One event payload (RFC 4733 §2.3). `duration` in samples."""

    event: int
    duration: int
    end: bool = False
    volume: int = 10

    @classmethod
    def parse(cls, payload: bytes) -> TelephoneEvent | None:
        """Read a payload; None when it is too short. Redundant trailing bytes are passed over."""
        if len(payload) < _EVENT.size:
            return None
        event, second, duration = _EVENT.unpack_from(payload)
        return cls(event, duration, bool(second & 0x80), second & 0x3F)

    def __bytes__(self) -> bytes:
        return _EVENT.pack(self.event, (0x80 if self.end else 0) | self.volume, self.duration)


class KeyReader:
    """Tells each key once, at its first packet, however its packets are repeated, lost or renumbered.

    An event is known by its source and RTP time. A packet of the event before, or up to ten seconds older, is a
    repeat; one older than that comes from a sender that began anew with its clock, and counts.
    """

    def __init__(self) -> None:
        self._last: dict[int, int] = {}

    def read(self, payload: bytes, rtp_time: int, ssrc: int = 0) -> str:
        """Return the key that a packet begins, or an empty text for repeats, ends and what is no key."""
        event = TelephoneEvent.parse(payload)
        if event is None or event.event >= len(DIGITS):
            return ""
        last = self._last.get(ssrc)
        if last is not None and (last - rtp_time & 0xFFFFFFFF) < LATE_SAMPLES:
            return ""
        if last is None and len(self._last) == MOST_SOURCES:
            self._last.pop(next(iter(self._last)))
        self._last[ssrc] = rtp_time
        return DIGITS[event.event]


def key_payloads(digit: str, *, frames: int = 5, step: int = 160) -> tuple[bytes, ...]:
    """The payloads of a key held for `frames` frames: growing durations, then the end three times (§2.5.1.4)."""
    event = DIGITS.index(digit)
    held = [bytes(TelephoneEvent(event, step * number)) for number in range(1, frames + 1)]
    return (*held, *[bytes(TelephoneEvent(event, step * (frames + 1), end=True))] * 3)
