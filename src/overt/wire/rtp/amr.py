"""AMR and AMR-WB packets taken apart (RFC 4867): each frame as a decoder wants it, in the storage format of §5.3."""

from __future__ import annotations

from overt.wire.rtp.codecs import CODECS, Codec

SPEECH_BITS = {
    "AMR": (95, 103, 118, 134, 148, 159, 204, 244, 39),
    "AMR-WB": (132, 177, 253, 285, 317, 365, 397, 461, 477, 40),
}  # by frame type; the last is comfort noise; what is not here has no bits
NOTHING = bytes((15 << 3 | 4,))


def frames(codec: Codec, payload: bytes) -> list[bytes]:
    """The frames of a packet, each a byte of type and quality and its speech bits, filled up to whole bytes.

    A packet that is cut, or says what cannot be, has none: `codec.units` is 0 then, or the bits are missing.
    """
    if not codec.units(payload):
        return []
    aligned = codec is CODECS[codec.name.partition("/")[0] + "/oa"]
    bits, at = "".join(f"{byte:08b}" for byte in payload), 8 if aligned else 4
    entries: list[int] = []
    follows = True
    while follows:
        follows = bits[at] == "1"
        entries.append(int(bits[at + 1 : at + 6], 2))
        at += 8 if aligned else 6
    return _cut(SPEECH_BITS[codec.name.partition("/")[0]], entries, bits[at:], aligned)


def _cut(sizes: tuple[int, ...], entries: list[int], bits: str, aligned: bool) -> list[bytes]:
    """Each frame's bits, by the table of contents: `entries` are four bits of type and one of quality."""
    found: list[bytes] = []
    for entry in entries:
        kind = entry >> 1
        size = sizes[kind] if kind < len(sizes) else 0
        whole = -(-size // 8) * 8
        if len(bits) < size:
            return []
        speech = bits[:size].ljust(whole, "0")
        found.append(bytes((entry << 2,)) + int(speech or "0", 2).to_bytes(whole // 8, "big"))
        bits = bits[whole if aligned else size :]
    return found
