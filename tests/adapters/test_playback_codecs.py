"""Sound of every codec that is stored: encoded by the codec's own library, sealed, opened, heard again."""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from adapters.sealed_calls import START_NS, Content
from adapters.test_playback import surveyed
from overt.adapters import playback_codecs
from overt.adapters.playback_codecs import Decoding, decodable, samples_in
from overt.adapters.playback_placing import place
from overt.services.outlines import span_of
from overt.vault.track import Run, encode_run
from overt.wire.rtp import amr
from overt.wire.rtp.codecs import BY_CODE, CODECS, Codec
from overt.wire.rtp.g711 import encode_alaw, encode_ulaw

av = pytest.importorskip("av")
Sound = NDArray[np.int16]
VOICES = ("PCMU", "PCMA", "G722", "G729", "opus", "AMR", "AMR/oa", "AMR-WB", "AMR-WB/oa")


def voice(rate: int, seconds: float) -> Sound:
    """Something like speech that every codec can follow: a gliding pitch with overtones, in syllables."""
    at = np.arange(int(rate * seconds)) / rate
    pitch = np.cumsum(350 + 20 * np.sin(np.pi * at)) / rate
    tones = np.sin(2 * np.pi * pitch) + np.sin(4 * np.pi * pitch) / 2
    return np.asarray(6000 * tones * (0.8 + 0.2 * np.sin(3 * np.pi * at)), np.int16)


def by_ffmpeg(name: str, rate: int, sound: Sound, **options: Any) -> list[bytes]:
    context: Any = av.CodecContext.create(name, "w")
    context.sample_rate, context.layout, context.format, context.time_base = rate, "mono", "s16", Fraction(1, rate)
    for option, value in options.items():
        setattr(context, option, value)
    context.open()
    found = []
    for at in range(0, len(sound) - rate // 50 + 1, rate // 50):
        frame = av.AudioFrame.from_ndarray(sound[None, at : at + rate // 50], format="s16", layout="mono")
        frame.sample_rate, frame.pts = rate, at
        found += [bytes(one) for one in context.encode(frame)]
    return found


def library(name: str) -> Any:
    found = ctypes.util.find_library(name)
    if found is None:
        pytest.skip(f"no encoder: {name} is not installed")
    return ctypes.CDLL(found)


def wideband(sound: Sound) -> list[bytes]:
    """AMR-WB at 23.85 kbit/s, in storage format."""
    one = library("vo-amrwbenc")
    one.E_IF_init.restype = ctypes.c_void_p
    state, out = ctypes.c_void_p(one.E_IF_init()), ctypes.create_string_buffer(64)
    found = []
    for at in range(0, len(sound) - 319, 320):
        frame = np.ascontiguousarray(sound[at : at + 320])
        size = one.E_IF_encode(state, 8, frame.ctypes.data_as(ctypes.c_void_p), out, 0)
        found.append(out.raw[:size])
    return found


def g729(sound: Sound) -> list[bytes]:
    """G.729 in packets of two frames."""
    one = library("bcg729")
    one.initBcg729EncoderChannel.restype = ctypes.c_void_p
    state, out, size = (
        ctypes.c_void_p(one.initBcg729EncoderChannel(0)),
        ctypes.create_string_buffer(10),
        ctypes.c_uint8(),
    )
    frames = []
    for at in range(0, len(sound) - 79, 80):
        frame = np.ascontiguousarray(sound[at : at + 80])
        one.bcg729Encoder(state, frame.ctypes.data_as(ctypes.c_void_p), out, ctypes.byref(size))
        frames.append(out.raw[: size.value])
    return [b"".join(frames[at : at + 2]) for at in range(0, len(frames) - 1, 2)]


def in_rtp(codec: Codec, stored: bytes) -> bytes:
    """A frame in storage format as an RTP payload: no mode request, one entry of contents."""
    if codec.name.endswith("/oa"):
        return b"\xf0" + stored
    size = amr.SPEECH_BITS[codec.name][stored[0] >> 3]
    bits = "1111" + f"{stored[0]:08b}"[:6] + "".join(f"{byte:08b}" for byte in stored[1:])[:size]
    return int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")


def packets(codec: Codec, sound: Sound) -> list[bytes]:
    """20 ms each."""
    makers: dict[str, Callable[[], list[bytes]]] = {
        "PCMU": lambda: [encode_ulaw(sound[at : at + 160].tobytes()) for at in range(0, len(sound), 160)],
        "PCMA": lambda: [encode_alaw(sound[at : at + 160].tobytes()) for at in range(0, len(sound), 160)],
        "G722": lambda: by_ffmpeg("g722", 16000, sound),
        "G729": lambda: g729(sound),
        "opus": lambda: by_ffmpeg("libopus", 48000, sound, bit_rate=24000),
        "AMR": lambda: [in_rtp(codec, one) for one in by_ffmpeg("libopencore_amrnb", 8000, sound, bit_rate=12200)],
        "AMR-WB": lambda: [in_rtp(codec, one) for one in wideband(sound)],
    }
    return makers[codec.name.partition("/")[0]]()


def runs_of(codec: Codec, payloads: list[bytes], first: int = 0) -> list[Run]:
    """A run a packet, as the engine makes them where sizes vary; the clock turns over on the way."""
    found, time = [], 2**32 - 4800
    for number, payload in enumerate(payloads):
        step = codec.units(payload)
        if number >= first:
            arrival = START_NS + number * 20_000_000
            found.append(
                Run(codec.code, 65_500 + number & 0xFFFF, time & 0xFFFFFFFF, arrival, len(payload), step, payload)
            )
        time += step
    return found


def sealed_runs(runs: list[Run], track: int = 1) -> list[Content]:
    """Half a second a chunk."""
    return [(track, b"".join(encode_run(one) for one in runs[at : at + 25])) for at in range(0, len(runs), 25)]


def likeness(heard: Sound, said: Sound) -> tuple[float, int]:
    """The best correlation within 60 ms, and by how many samples the sound is late there."""
    best = (0.0, 0)
    for late in range(480):
        a = heard[late:].astype(float)[: len(said) - 480]
        b = said.astype(float)[: len(a)]
        a = a[: len(b)]
        best = max(best, (float(np.corrcoef(a, b)[0, 1]), late))
    return best


@pytest.mark.parametrize("name", VOICES)
def test_what_was_said_is_heard_whichever_codec_carried_it(tmp_path: Path, name: str) -> None:
    codec = CODECS[name]
    said = packets(codec, voice(codec.rate, 3))
    assert {codec.units(one) for one in said} == {codec.clock // 50}, "each lasts 20 ms"
    survey = surveyed(tmp_path, sealed_runs(runs_of(codec, said)))
    heard = survey.window(0, survey.samples)[:, 0]
    assert survey.samples == len(said) * 160 and survey.spans() == []
    like, late = likeness(heard, voice(8000, 3))
    assert like > 0.9 and late < 250, (like, late)
    assert survey.peaks[1] and max(survey.peaks[1]) > 40
    for first, count in ((0, 4000), (3999, 8001), (7_777, 333), (20_000, 4000)):
        assert (survey.window(first, count)[:, 0] == heard[first : first + count]).all(), "a window is the whole, cut"


@pytest.mark.parametrize(
    ("name", "apart"), [("G722", 0.001), ("opus", 0.001), ("AMR", 0.05), ("AMR-WB", 0.001), ("G729", 0.01)]
)
def test_a_chunk_goes_on_where_the_chunk_before_ended(tmp_path: Path, name: str, apart: float) -> None:
    """As if one decoder had run through; a decoder that begins anew with each chunk is ten times as far away."""
    codec = CODECS[name]
    runs = runs_of(codec, packets(codec, voice(codec.rate, 3)))
    one = Decoding()
    through = np.concatenate([one.sound(run) for run in runs]).astype(float)
    survey = surveyed(tmp_path, sealed_runs(runs))
    heard = survey.window(0, survey.samples)[:, 0].astype(float)
    assert ((heard - through) ** 2).sum() < apart * (through**2).sum()


def test_a_clock_of_48_khz_and_one_of_8_stand_beside_each_other(tmp_path: Path) -> None:
    opus, ulaw = CODECS["opus"], CODECS["PCMU"]
    first = runs_of(opus, packets(opus, voice(48000, 1)))
    second = runs_of(ulaw, packets(ulaw, voice(8000, 2)), first=50)
    assert place(first)[-1] - place(first)[0] == 49 * 160
    survey = surveyed(tmp_path, [*sealed_runs(first), *sealed_runs(second)])
    assert abs(survey.samples - 16_000) < 300
    heard = survey.window(0, survey.samples)[:, 0]
    assert likeness(heard[8400:], voice(8000, 2)[8400:])[0] > 0.9, "the second codec stands where it was sent"


def test_what_cannot_be_decoded_here_is_silence_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opus, ulaw = CODECS["opus"], CODECS["PCMU"]
    contents = [
        *sealed_runs(runs_of(opus, packets(opus, voice(48000, 1)))),
        *sealed_runs(runs_of(ulaw, packets(ulaw, voice(8000, 1))), track=2),
    ]
    monkeypatch.setattr(playback_codecs, "find_spec", lambda name: None)
    assert decodable() == {"PCMU", "PCMA"}
    survey = surveyed(tmp_path, contents)
    heard = survey.window(0, survey.samples)
    assert not heard[:, 0].any() and heard[:, 1].any() and survey.samples == 8000
    (span,) = survey.spans()
    assert span == ("gap", 0, 0, 8000, "opus cannot be decoded on this machine: install the extra `codecs`")
    assert span_of(*span).words.startswith("Missing: opus cannot be decoded")


def test_lost_and_broken_packets_leave_the_others_in_their_places(tmp_path: Path) -> None:
    for name in ("opus", "AMR", "AMR/oa", "G722"):
        codec = CODECS[name]
        runs = runs_of(codec, packets(codec, voice(codec.rate, 2)))
        broken = [
            Run(one.payload_type, one.sequence, one.rtp_time, one.arrival_ns, 2, one.step, one.payload[:2])
            if 30 <= at < 33 else one
            for at, one in enumerate(runs) if not 60 <= at < 64
        ]  # fmt: skip
        folder = tmp_path / codec.name.replace("/", "-")
        folder.mkdir()
        survey = surveyed(folder, sealed_runs(broken))
        heard = survey.window(0, survey.samples)[:, 0]
        assert survey.samples == 16_000
        assert likeness(heard[11_000:], voice(8000, 2)[11_000:])[0] > 0.9


def test_a_run_lasts_no_longer_than_a_minute_whatever_it_says() -> None:
    one = Run(128, 0, 0, 0, 1, 2880, b"\x18" * 60_000)
    assert samples_in(one) == 480_000 == len(Decoding().sound(one))


def test_a_packet_without_length_has_no_sound() -> None:
    assert len(Decoding().sound(Run(128, 0, 0, 0, 1, 0, b"\x03"))) == 0
    assert len(Decoding().sound(Run(255, 0, 0, 0, 1, 0, b"\x03"))) == 0


def test_comfort_noise_of_g729_is_silence_of_its_length() -> None:
    codec = CODECS["G729"]
    payload = b"\x01" * 10 + b"\x02" * 2
    assert codec.units(payload) == 160
    assert len(Decoding().sound(Run(codec.code, 0, 0, 0, 12, 160, payload))) == 160


def test_every_codec_that_is_stored_has_a_decoder() -> None:
    assert decodable() == set(CODECS) == {one.name for one in BY_CODE.values()}
