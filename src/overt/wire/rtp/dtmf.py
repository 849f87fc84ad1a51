"""Telephone events (RFC 4733): keys as RTP payloads."""

from __future__ import annotations

import struct
from dataclasses import dataclass

DIGITS = "0123456789*#ABCD"
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

    An event is known by its RTP time. A packet whose RTP time is that of the event before, or older, is a repeat.
    """

    def __init__(self) -> None:
        self._last: int | None = None

    def read(self, payload: bytes, rtp_time: int) -> str:
        """Return the key that a packet begins, or an empty text for repeats, ends and what is no key."""
        event = TelephoneEvent.parse(payload)
        if event is None or event.event >= len(DIGITS):
            return ""
        if self._last is not None and (rtp_time - self._last & 0xFFFFFFFF) == 0:
            return ""
        if self._last is not None and (rtp_time - self._last & 0xFFFFFFFF) >= 0x80000000:
            return ""
        self._last = rtp_time
        return DIGITS[event.event]


def key_payloads(digit: str, *, frames: int = 5, step: int = 160) -> tuple[bytes, ...]:
    """The payloads of a key held for `frames` frames: growing durations, then the end three times (§2.5.1.4)."""
    event = DIGITS.index(digit)
    held = [bytes(TelephoneEvent(event, step * number)) for number in range(1, frames + 1)]
    return (*held, *[bytes(TelephoneEvent(event, step * (frames + 1), end=True))] * 3)
