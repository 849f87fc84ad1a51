"""How long packets last, by their own bytes; and AMR's frames, taken apart and put together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt.wire.rtp import amr, codecs
from overt.wire.rtp.codecs import BY_CODE, BY_TYPE, CODECS, of_format, samples_of


def test_codes_and_names_are_those_that_are_sealed() -> None:
    """They stand in recordings for ever."""
    assert {one.name: one.code for one in CODECS.values()} == {
        "PCMU": 0, "PCMA": 8, "G722": 9, "G729": 18, "opus": 128, "AMR": 129, "AMR/oa": 130, "AMR-WB": 131, "AMR-WB/oa": 132,
    }  # fmt: skip
    assert {number: one.name for number, one in BY_TYPE.items()} == {0: "PCMU", 8: "PCMA", 9: "G722", 18: "G729"}
    assert BY_CODE[9].clock == 8000 and BY_CODE[9].rate == 16000 and BY_CODE[128].clock == 48000


@pytest.mark.parametrize(
    ("code", "payload", "units"),
    [
        (0, bytes(160), 160), (8, bytes(240), 240), (9, bytes(160), 160), (18, bytes(20), 160), (18, bytes(12), 160),
        (18, bytes(2), 80), (18, bytes(13), 0), (18, b"", 0), (77, bytes(160), 0),
        (128, b"\x08\x00", 960), (128, b"\x18", 2880), (128, b"\x60", 480), (128, b"\x80", 120), (128, b"\xf8", 960),
        (128, b"\xf9\x00", 1920), (128, b"\xfa\x00", 1920), (128, b"\xfb\x03", 2880), (128, b"\xfb\x3f", 0), (128, b"\xfb", 0),
        (128, b"\x19\x00", 5760), (128, b"\x1b\x03", 0), (128, b"", 0),
        (130, b"\xf0\x3c", 160), (130, b"\xf0\xbc\x3c", 320), (130, b"\xf0\xbc", 0), (130, b"\xf0", 0), (130, b"", 0),
        (130, b"\xf0\x4c", 0), (130, b"\xf0\x7c", 160), (132, b"\xf0\x4c", 320), (132, b"\xf0\x54", 0),
        (129, b"\xf3\xc0", 160), (129, b"\xfb\xcf\x00", 320), (129, b"\xf9\xe0\xf0", 0), (129, b"\xff\xff", 0), (129, b"\xf0", 0), (129, b"\xf4\xc0", 0),
        (131, b"\xf4\x40", 320),
    ],
)  # fmt: skip
def test_a_packet_lasts_as_long_as_its_bytes_say(code: int, payload: bytes, units: int) -> None:
    assert samples_of(code, payload) == units == samples_of(code, memoryview(payload))


@pytest.mark.parametrize(
    ("encoding", "parameters", "name"),
    [
        ("PCMU/8000", "", "PCMU"), ("pcma/8000/1", "", "PCMA"), ("PCMU/16000", "", None), ("PCMU/8000/2", "", None),
        ("G722/8000", "", "G722"), ("G729/8000", "annexb=no", "G729"), ("OPUS/48000/2", "stereo=1", "opus"),
        ("opus/48000", "", None), ("AMR/8000", "", "AMR"), ("amr/8000/1", "octet-align=1;mode-set=7", "AMR/oa"),
        ("AMR/8000", "octet-align=0", "AMR"), ("AMR-WB/16000", "Octet-Align = 1", "AMR-WB/oa"), ("AMR-WB/8000", "", None),
        ("AMR/8000/2", "", None), ("AMR/8000", "crc=1", None), ("AMR/8000", "robust-sorting=1", None),
        ("AMR/8000", "interleaving=4", None), ("AMR/8000", "channels=2", None), ("speex/8000", "", None), ("", "", None),
    ],
)  # fmt: skip
def test_formats_name_their_codec(encoding: str, parameters: str, name: str | None) -> None:
    found = of_format(encoding, parameters)
    assert (found.name if found else None) == name


def _packed(codec: codecs.Codec, entries: list[tuple[int, int]]) -> tuple[bytes, list[bytes]]:
    """A packet by the book, and what it holds: bits joined, or each frame filled up to whole bytes."""
    sizes = amr.SPEECH_BITS[codec.name.partition("/")[0]]
    aligned = codec.name.endswith("/oa")
    bits, frames = "11110000" if aligned else "1111", []
    for at, (kind, quality) in enumerate(entries):
        bits += f"{int(at < len(entries) - 1)}{kind:04b}{quality}" + ("00" if aligned else "")
    for at, (kind, quality) in enumerate(entries):
        speech = "".join(str((at + n * n // 3) % 2) for n in range(sizes[kind] if kind < len(sizes) else 0))
        whole = speech.ljust(-(-len(speech) // 8) * 8, "0")
        bits += whole if aligned else speech
        octets = bytes(int(whole[n : n + 8], 2) for n in range(0, len(whole), 8))
        frames.append(bytes((kind << 3 | quality << 2,)) + octets)
    bits = bits.ljust(-(-len(bits) // 8) * 8, "0")
    return bytes(int(bits[n : n + 8], 2) for n in range(0, len(bits), 8)), frames


@given(
    st.sampled_from([CODECS[name] for name in ("AMR", "AMR/oa", "AMR-WB", "AMR-WB/oa")]),
    st.lists(
        st.tuples(st.sampled_from([0, 1, 2, 3, 4, 5, 6, 7, 8, 15, 14]), st.integers(0, 1)), min_size=1, max_size=5
    ),
)
def test_frames_come_out_as_they_were_put_in(codec: codecs.Codec, entries: list[tuple[int, int]]) -> None:
    packet, frames = _packed(codec, entries)
    assert amr.frames(codec, packet) == frames
    assert codec.units(packet) == len(frames) * codec.clock // 50


def test_a_cut_packet_has_no_frames() -> None:
    for name in ("AMR", "AMR/oa"):
        packet, frames = _packed(CODECS[name], [(7, 1), (7, 1)])
        assert amr.frames(CODECS[name], packet) == frames
        assert amr.frames(CODECS[name], packet[:40]) == [] == amr.frames(CODECS[name], b"")


@given(st.sampled_from(sorted(CODECS)), st.binary(max_size=80))
def test_no_bytes_raise_anything(name: str, payload: bytes) -> None:
    codec = CODECS[name]
    assert 0 <= codec.units(payload) <= 25_600
    if name.startswith("AMR"):
        assert len(amr.frames(codec, payload)) in (0, codec.units(payload) * 50 // codec.clock)
