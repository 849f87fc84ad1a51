"""The prompts as frames: 20 ms of G.711 each, in both laws, and tones made by rule."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from overt.wire.rtp.g711 import ULAW_TO_ALAW, encode_ulaw

FRAME_BYTES = 160
RATE = 8000
RINGBACK = "tone:ringback"
_RING_ON_S, _RING_OFF_S = 2, 4
_RING_HZ = (440, 480)  # ITU-T E.180 supplement 2, North America
_RING_LEVEL = 3000


@dataclass(frozen=True, slots=True)
class Frames:
    """A prompt as 20 ms frames of PCMU and of PCMA. The last frame is filled up with silence."""

    ulaw: tuple[bytes, ...]
    alaw: tuple[bytes, ...]

    def of(self, alaw: bool) -> tuple[bytes, ...]:
        """The frames in a law."""
        return self.alaw if alaw else self.ulaw


class Library:
    """All prompts by name (`language/id`), encoded once."""

    def __init__(self, prompts: Mapping[str, bytes]) -> None:
        """`prompts`: name → 16-bit little-endian samples at 8 kHz."""
        self._frames = {name: frames_of(encode_ulaw(samples)) for name, samples in prompts.items()}
        self._frames[RINGBACK] = frames_of(encode_ulaw(_ringback()))

    def find(self, name: str) -> Frames | None:
        """The frames of a prompt, or None when there is none of that name."""
        return self._frames.get(name)


def frames_of(ulaw: bytes) -> Frames:
    """Cut µ-law sound into 20 ms frames."""
    filled = ulaw + b"\xff" * (-len(ulaw) % FRAME_BYTES)
    cut = tuple(filled[begin : begin + FRAME_BYTES] for begin in range(0, len(filled), FRAME_BYTES))
    return Frames(cut, tuple(frame.translate(ULAW_TO_ALAW) for frame in cut))


def _ringback() -> bytes:
    on = [
        int(sum(_RING_LEVEL * math.sin(2 * math.pi * hertz * sample / RATE) for hertz in _RING_HZ))
        for sample in range(_RING_ON_S * RATE)
    ]
    return struct.pack(f"<{len(on)}h", *on) + b"\0\0" * (_RING_OFF_S * RATE)
