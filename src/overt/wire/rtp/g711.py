"""G.711 (ITU-T): µ-law and A-law, to and from 16-bit linear samples, and from one to the other, by table."""

from __future__ import annotations

import struct

_BIAS = 0x84
_CLIP = 32635


def _ulaw_to_linear(code: int) -> int:
    code = ~code & 0xFF
    magnitude = ((code & 0x0F) << 3) + _BIAS << (code >> 4 & 0x07)
    return _BIAS - magnitude if code & 0x80 else magnitude - _BIAS


def _alaw_to_linear(code: int) -> int:
    code ^= 0x55
    segment, magnitude = code >> 4 & 0x07, (code & 0x0F) << 4
    magnitude = magnitude + 8 if segment == 0 else magnitude + 0x108 << segment - 1
    return magnitude if code & 0x80 else -magnitude


def _linear_to_ulaw(sample: int) -> int:
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), _CLIP) + _BIAS
    segment = max(magnitude.bit_length() - 8, 0)
    return ~(sign | segment << 4 | magnitude >> segment + 3 & 0x0F) & 0xFF


def _linear_to_alaw(sample: int) -> int:
    sign = 0x80 if sample >= 0 else 0
    magnitude = min(sample if sample >= 0 else -sample - 1, 32767)
    segment = max(magnitude.bit_length() - 8, 0)
    code = magnitude >> 4 if segment == 0 else magnitude >> segment + 3 & 0x0F
    return (sign | segment << 4 | code) ^ 0x55


ULAW_LINEAR = tuple(_ulaw_to_linear(code) for code in range(256))
ALAW_LINEAR = tuple(_alaw_to_linear(code) for code in range(256))
ULAW_TO_ALAW = bytes(_linear_to_alaw(sample) for sample in ULAW_LINEAR)
ALAW_TO_ULAW = bytes(_linear_to_ulaw(sample) for sample in ALAW_LINEAR)
_ENCODED_ULAW = bytes(_linear_to_ulaw((index << 2) - 32768) for index in range(16384))
SILENCE_ULAW = 0xFF


def decode_ulaw(payload: bytes) -> bytes:
    """µ-law bytes to 16-bit little-endian samples."""
    return struct.pack(f"<{len(payload)}h", *(ULAW_LINEAR[code] for code in payload))


def decode_alaw(payload: bytes) -> bytes:
    """A-law bytes to 16-bit little-endian samples."""
    return struct.pack(f"<{len(payload)}h", *(ALAW_LINEAR[code] for code in payload))


def encode_ulaw(samples: bytes) -> bytes:
    """16-bit little-endian samples to µ-law (the low two bits are below its resolution)."""
    linear = struct.unpack(f"<{len(samples) // 2}h", samples)
    return bytes(_ENCODED_ULAW[sample + 32768 >> 2] for sample in linear)


def encode_alaw(samples: bytes) -> bytes:
    """16-bit little-endian samples to A-law."""
    linear = struct.unpack(f"<{len(samples) // 2}h", samples)
    return bytes(_linear_to_alaw(sample) for sample in linear)
