"""The codecs that are stored as received: their names, their codes in sealed runs, their clocks, and how long a packet lasts.

A payload type above 95 means something in one session description only; what is sealed carries a code of this table.
How many units of the RTP clock a packet lasts is told from its own bytes: by the size (G.711, G.722), by the frames
(G.729), or by the table of contents (AMR: RFC 4867 §4.3 and §4.4; Opus: RFC 6716 §3.1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

_TAKES = {"AMR": 160, "AMR-WB": 320}  # units of the RTP clock in a frame of 20 ms
_LAST_MODE = {"AMR": 8, "AMR-WB": 9}  # above: reserved, or a frame without sound (14 lost, 15 nothing)
_OPUS_UNITS = (
    *(480, 960, 1920, 2880) * 3,  # SILK only
    *(480, 960) * 2,  # hybrid
    *(120, 240, 480, 960) * 4,  # CELT only
)
_LONGEST_OPUS = 5760  # 120 ms


@dataclass(frozen=True, slots=True)
class Codec:
    """One codec. `code` stands in a sealed run; `clock` is the RTP clock in Hz, `rate` that of the sound (RFC 3551 §4.5.2:
    G.722 has 16,000 samples a second and a clock of 8,000). `bytewise`: each byte of a payload is one unit of the clock.
    """

    name: str
    code: int
    clock: int
    rate: int
    channels: int
    static: int | None
    bytewise: bool
    units: Callable[[bytes | memoryview], int]


def _bytes(payload: bytes | memoryview) -> int:
    return len(payload)


def _g729(payload: bytes | memoryview) -> int:
    """Frames of 10 bytes, 10 ms each; two bytes at the end are comfort noise (RFC 3551 §4.5.6)."""
    frames, rest = divmod(len(payload), 10)
    return 80 * (frames + 1) if rest == 2 else 80 * frames if not rest else 0


def _amr_efficient(name: str) -> Callable[[bytes | memoryview], int]:
    """Bandwidth-efficient: four bits of mode request, then six bits a frame: follows, type (4), quality."""

    def units(payload: bytes | memoryview) -> int:
        frames, at = 0, 4
        while at + 6 <= len(payload) * 8:
            entry = _bits(payload, at, 6)
            if not _possible(name, entry >> 1 & 15):
                return 0
            frames, at = frames + 1, at + 6
            if not entry & 32:
                return frames * _TAKES[name]
        return 0

    return units


def _amr_aligned(name: str) -> Callable[[bytes | memoryview], int]:
    """Octet-aligned: a byte of mode request, then a byte a frame: follows, type (4), quality, two bits of nothing."""

    def units(payload: bytes | memoryview) -> int:
        for frames, entry in enumerate(bytes(payload[1:]), 1):
            if not _possible(name, entry >> 3 & 15):
                return 0
            if not entry & 128:
                return frames * _TAKES[name]
        return 0

    return units


def _bits(payload: bytes | memoryview, at: int, count: int) -> int:
    """Up to eight bits at a place of a payload; the caller sees to it that they are there."""
    two = payload[at // 8] << 8 | (payload[at // 8 + 1] if at // 8 + 1 < len(payload) else 0)
    return two >> 16 - at % 8 - count & (1 << count) - 1


def _possible(name: str, kind: int) -> bool:
    return kind <= _LAST_MODE[name] or kind >= 14


def _opus(payload: bytes | memoryview) -> int:
    if not payload:
        return 0
    count = (1, 2, 2, 0)[payload[0] & 3]
    if not count:
        count = payload[1] & 63 if len(payload) > 1 else 0
    units = count * _OPUS_UNITS[payload[0] >> 3]
    return units if units <= _LONGEST_OPUS else 0


_ALL = (
    Codec("PCMU", 0, 8000, 8000, 1, 0, True, _bytes),
    Codec("PCMA", 8, 8000, 8000, 1, 8, True, _bytes),
    Codec("G722", 9, 8000, 16000, 1, 9, True, _bytes),
    Codec("G729", 18, 8000, 8000, 1, 18, False, _g729),
    Codec("opus", 128, 48000, 48000, 2, None, False, _opus),
    Codec("AMR", 129, 8000, 8000, 1, None, False, _amr_efficient("AMR")),
    Codec("AMR/oa", 130, 8000, 8000, 1, None, False, _amr_aligned("AMR")),
    Codec("AMR-WB", 131, 16000, 16000, 1, None, False, _amr_efficient("AMR-WB")),
    Codec("AMR-WB/oa", 132, 16000, 16000, 1, None, False, _amr_aligned("AMR-WB")),
)
CODECS = {codec.name: codec for codec in _ALL}
BY_CODE = {codec.code: codec for codec in _ALL}
BY_TYPE = {codec.static: codec for codec in _ALL if codec.static is not None}


def of_format(encoding: str, parameters: str = "") -> Codec | None:
    """The codec of a format, None when it cannot be stored: `encoding` and `parameters` as in rtpmap and fmtp (RFC 8866 §6.6).

    AMR with interleaving, checksums or sorting, or of more than one channel, is none that we read.
    """
    name, _, rest = encoding.partition("/")
    upper = name.upper()
    if upper in _TAKES:
        return _amr(upper, rest, fields(parameters))
    codec = CODECS.get("opus" if upper == "OPUS" else upper)
    expected = f"{codec.clock}/2" if codec and codec.name == "opus" else str(codec.clock) if codec else ""
    return codec if codec and rest.removesuffix("/1") == expected else None


def _amr(name: str, rest: str, wanted: dict[str, str]) -> Codec | None:
    if rest.removesuffix("/1") != str(CODECS[name].clock) or wanted.get("channels", "1") != "1":
        return None
    if wanted.get("crc", "0") != "0" or wanted.get("robust-sorting", "0") != "0" or "interleaving" in wanted:
        return None
    return CODECS[f"{name}/oa" if wanted.get("octet-align", "0") == "1" else name]


def fields(parameters: str) -> dict[str, str]:
    """The parameters of a format, `name=value` with semicolons between."""
    pairs = (one.partition("=") for one in parameters.split(";"))
    return {name.strip().lower(): value.strip() for name, _, value in pairs if name.strip()}


def samples_of(code: int, payload: bytes | memoryview) -> int:
    """How many units of its RTP clock a packet lasts, by its codec's code; 0 when its bytes do not tell."""
    codec = BY_CODE.get(code)
    return codec.units(payload) if codec else 0
