"""The sound of a recording, sample by sample: laid out whole by the book, in windows by us, and they are the same."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from adapters.sealed_calls import KEY, Content, a_call, sealed
from overt.adapters.opener_survey import MOST_BUCKETS, Survey
from overt.adapters.playback_opus import OpusEncoding
from overt.adapters.playback_placing import place
from overt.adapters.sealed_files import SealedFiles
from overt.adapters.sqlite_erasures import SqliteErasures
from overt.adapters.wav_export import WavExport
from overt.ports import Unavailable
from overt.services.encoding import wav_header
from overt.services.listening import NotOpened
from overt.vault.track import Gap, Run, Sent, encode_gap, encode_run, encode_sent, read_parts
from overt.wire.rtp.g711 import ALAW_LINEAR, ULAW_LINEAR

RECORDING = "0193568a-0000-7000-8000-000000000001"
SECOND = 1_000_000_000
FRAME = 160
Sound = NDArray[np.int16]


def run(sequence: int, rtp_time: int, arrival_ns: int, payload: bytes, payload_type: int = 0) -> Run:
    return Run(payload_type, sequence & 0xFFFF, rtp_time & 0xFFFFFFFF, arrival_ns, FRAME, FRAME, payload)


def tone(level: int, frames: int = 1) -> bytes:
    return bytes([level]) * (FRAME * frames)


def by_the_book(contents: list[Content]) -> Sound:
    """The whole recording at once, shape (samples, 2), as the documents say; nothing of ours but G.711's tables."""
    laid: list[tuple[int, int, list[int]]] = []
    prompts: list[tuple[int, int, list[int]]] = []
    for track in (1, 2):
        stretches: list[list[tuple[int, Run]]] = []
        before, time, recent = None, 0, 0
        for part in (one for at, plain in contents if at == track for one in read_parts(plain)):
            if not isinstance(part, Run) or part.payload_type not in (0, 8):
                continue
            if before is None:
                time = part.rtp_time
            else:
                time += (part.rtp_time - before.rtp_time + 2**31) % 2**32 - 2**31
            offset = part.arrival_ns * 8000 // SECOND - time
            packets = (part.sequence - before.sequence) % 65536 if before else 0
            follows = before and packets < 32768 and (part.rtp_time - before.rtp_time) % 2**32 == packets * before.step
            if before is None or not (follows or -8000 <= offset - recent <= 16000):
                stretches.append([])
            stretches[-1].append((time, part))
            before, recent = part, offset
        for stretch in stretches:
            begun = stretch[0][0]
            place_at = min(one.arrival_ns * 8000 // SECOND - t for t, one in stretch if t - begun < 80_000)
            for t, one in stretch:
                law = ULAW_LINEAR if one.payload_type == 0 else ALAW_LINEAR
                laid.append((track - 1, t + place_at, [law[byte] for byte in one.payload]))
    for _, plain in contents:
        for one in read_parts(plain) if plain[:1] == b"\x03" else ():
            assert isinstance(one, Sent)
            prompts.append(
                (one.track - 1, one.started_ns * 8000 // SECOND, [ULAW_LINEAR[byte] for byte in one.payload])
            )
    begin = min(at for _, at, _ in laid + prompts)
    sound = np.zeros((max(at + len(one) for _, at, one in laid + prompts) - begin, 2), np.int64)
    for channel, at, one in laid:
        sound[at - begin : at - begin + len(one), channel] = one
    for channel, at, one in prompts:
        there = sound[at - begin : at - begin + len(one), channel]
        there[:] = np.clip(there + one, -32768, 32767)
    return sound.astype(np.int16)


def surveyed(folder: Path, contents: list[Content], from_ms: int = 0, to_ms: int = -1, *, peaks: bool = True) -> Survey:
    end = sealed(folder, RECORDING, contents)
    secret = SqliteErasures(folder / "erasures.sqlite").read("main", RECORDING)
    assert secret is not None
    survey = Survey(SealedFiles(folder / "recordings").reader("main", RECORDING), KEY, secret, end)
    steps = list(survey.steps(from_ms, to_ms, peaks=peaks))
    assert steps == sorted(steps) and 0 <= steps[0] <= steps[-1] <= 1000
    return survey


# ---------------------------------------------------------------------------------------------- placing


def test_jitter_moves_no_sample() -> None:
    jitters = [3_000_000, 25_000_000, 0, 140_000_000, 7_000_000]
    placed = place(
        [run(n, n * FRAME, 5 * SECOND + n * 20_000_000 + jitter, tone(n)) for n, jitter in enumerate(jitters)]
    )
    assert placed == [40_000 + n * FRAME for n in range(5)]


def test_rtp_time_and_sequence_wrap() -> None:
    start = (1 << 32) - FRAME
    assert place([run(65535 + n, start + n * FRAME, n * 20_000_000, tone(n)) for n in range(3)]) == [0, 160, 320]


def test_a_new_rtp_clock_is_placed_by_its_arrival() -> None:
    placed = place([run(1, 0, 0, tone(1)), run(900, 77_000_000, SECOND, tone(2)), run(3, 5, 2 * SECOND, tone(3))])
    assert placed == [0, 8000, 16000]


def test_a_stalled_network_is_no_new_clock() -> None:
    runs = [run(1, 0, 0, tone(1)), run(2, FRAME, 3 * SECOND, tone(2)), run(3, 2 * FRAME, 3 * SECOND, tone(3))]
    assert place(runs) == [0, 160, 320]


def test_a_late_packet_finds_its_place() -> None:
    runs = [run(1, 0, 0, tone(1)), run(3, 320, 40_000_000, tone(3)), run(2, 160, 45_000_000, tone(2))]
    assert place(runs) == [0, 320, 160]


# ----------------------------------------------------------------------------------- survey and windows


def test_tracks_and_announcement_stand_at_their_times(tmp_path: Path) -> None:
    survey = surveyed(
        tmp_path,
        [
            (3, encode_sent(Sent(1, 9 * SECOND, "en/announce", tone(0x20, 25)))),
            (1, encode_run(run(1, 1000, 10 * SECOND, tone(0x10)))),
            (1, encode_gap(Gap(10 * SECOND, 11 * SECOND, "hold"))),
            (1, encode_run(run(51, 9000, 11 * SECOND, tone(0x11)))),
            (2, encode_run(run(9, 7, 10 * SECOND + SECOND // 2, tone(0x30), 8))),
        ],
    )
    assert survey.samples == 2020 * 8
    sound = survey.window(0, survey.samples)
    left, right = sound[:, 0], sound[:, 1]
    assert set(left[:4000]) == {ULAW_LINEAR[0x20]}
    assert set(left[8000:8160]) == {ULAW_LINEAR[0x10]}
    assert set(left[16000:16160]) == {ULAW_LINEAR[0x11]}
    assert set(right[12000:12160]) == {ALAW_LINEAR[0x30]}
    assert not left[4000:8000].any() and not left[8160:16000].any()
    assert not right[:12000].any() and not right[12160:].any()
    assert survey.spans() == [("prompt", 1, 0, 4000, "en/announce"), ("gap", 0, 8000, 16000, "hold")]


def test_prompts_are_mixed_over_talk_and_clipped(tmp_path: Path) -> None:
    talk = (1, encode_run(run(1, 0, SECOND, tone(0x80))))
    survey = surveyed(tmp_path, [(3, encode_sent(Sent(1, SECOND, "en/stopped", tone(0x80)))), talk])
    assert set(survey.window(0, FRAME)[:, 0]) == {32767}
    assert set(survey.peaks[1]) == {255} and set(survey.peaks[2]) == {0}


@pytest.mark.parametrize("seed", range(4))
def test_windows_and_peaks_are_slices_of_the_whole(tmp_path: Path, seed: int) -> None:
    contents = a_call(40, seed=seed, loss=0.05 * seed)
    survey, whole = surveyed(tmp_path, contents), by_the_book(contents)
    assert survey.samples == len(whole)
    assert np.array_equal(survey.window(0, len(whole)), whole)
    loudest = np.abs(whole.astype(np.int32))
    for track, channel in ((1, 0), (2, 1)):
        buckets = [loudest[at : at + survey.bucket, channel].max() for at in range(0, len(whole), survey.bucket)]
        assert list(survey.peaks[track]) == [min(int(one) * 255 // 32767, 255) for one in buckets]
        assert len(buckets) <= MOST_BUCKETS


@pytest.fixture(scope="module")
def long_call(tmp_path_factory: pytest.TempPathFactory) -> tuple[Survey, Sound]:
    contents = a_call(60, seed=9)
    return surveyed(tmp_path_factory.mktemp("long"), contents, peaks=False), by_the_book(contents)


@given(asked=st.lists(st.tuples(st.integers(0, 480_000), st.integers(1, 40_000)), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_sequence_of_windows_is_a_slice_of_the_whole(
    long_call: tuple[Survey, Sound], asked: list[tuple[int, int]]
) -> None:
    survey, whole = long_call
    for first, samples in asked:
        samples = min(samples, len(whole) - first)
        before = survey.opened
        assert np.array_equal(survey.window(first, samples), whole[first : first + samples])
        assert survey.opened - before <= 2 * (samples // 4000 + 3) + 2


def test_a_part_is_surveyed_alone(tmp_path: Path) -> None:
    survey = surveyed(tmp_path, a_call(40), 10_000, 20_000)
    assert (survey.first, survey.last) == (80_000, 160_000)
    assert survey.bucket == 40 and len(survey.peaks[1]) == 2000
    assert [kind for kind, *_ in survey.spans()] == ["gap"]
    assert all(80_000 <= begin < end <= 160_000 for _, _, begin, end, _ in survey.spans())


def test_what_is_no_sound_is_said(tmp_path: Path) -> None:
    voice = (1, encode_run(run(1, 0, 0, tone(1))))
    wrongs: list[tuple[list[Content], str]] = [
        ([(1, encode_gap(Gap(0, 1, "hold")))], "nothing was recorded"),
        ([(1, encode_run(run(1, 0, 0, tone(1), 111)))], "nothing was recorded"),
        ([voice, (1, b"\x09")], "chunk 2 cannot be read"),
        ([(3, encode_sent(Sent(7, 0, "en/x", b"")))], "cannot be read"),
        ([(3, encode_run(run(1, 0, 0, tone(1))))], "among the prompts"),
        ([voice, (2, encode_run(run(1, 0, 10**15, tone(1))))], "more than a day"),
    ]
    for number, (contents, why) in enumerate(wrongs):
        with pytest.raises(NotOpened, match=why):
            surveyed(tmp_path / str(number), contents)
    for from_ms, to_ms in ((20, -1), (21, 25)):
        with pytest.raises(NotOpened, match="does not have"):
            surveyed(tmp_path / f"part{from_ms}", [voice], from_ms, to_ms)
    odd = surveyed(
        tmp_path / "odd", [voice, (1, encode_run(run(9, 0, 0, tone(1, 3), 111))), (9, b"of a later version")]
    )
    assert (odd.undecoded, odd.samples) == (3, FRAME)
    odd.close()
    with pytest.raises(NotOpened, match="closed"):
        odd.window(0, FRAME)


# ------------------------------------------------------------------------------------------------ files


def test_a_file_appears_whole(tmp_path: Path) -> None:
    sound = np.arange(2000, dtype="<i2").tobytes()
    out = WavExport(tmp_path / "f.wav")
    out.begin(1000)
    out.take(sound[:1000])
    assert not (tmp_path / "f.wav").exists()
    out.take(sound[1000:])
    out.finish()
    out.leave()
    assert [path.name for path in tmp_path.iterdir()] == ["f.wav"]
    assert (tmp_path / "f.wav").stat().st_mode & 0o777 == 0o600
    with wave.open(str(tmp_path / "f.wav")) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth(), file.getnframes()) == (2, 8000, 2, 1000)
        assert file.readframes(1000) == sound


def test_what_is_not_finished_leaves_no_file(tmp_path: Path) -> None:
    half = WavExport(tmp_path / "f.wav")
    half.begin(10)
    half.take(b"\0" * 20)
    half.leave()
    assert not list(tmp_path.iterdir())
    nowhere = WavExport(tmp_path / "no" / "f.wav")
    with pytest.raises(Unavailable, match="No such file"):
        nowhere.begin(1)
    nowhere.leave()
    for early in (lambda: nowhere.take(b""), nowhere.finish):
        with pytest.raises(Unavailable, match="nothing was begun"):
            early()


def test_the_header_is_what_pythons_own_writer_makes() -> None:
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(4 * 12_345))
    assert made.getvalue()[:44] == wav_header(12_345)


def test_opus_sounds_the_same(tmp_path: Path) -> None:
    at = np.arange(8 * 8000) / 8000
    left = np.sin(2 * np.pi * (300 + 40 * at) * at) * 9000
    right = np.sin(2 * np.pi * 700 * at) * 6000 * (np.sin(3 * at) > 0)
    sound = np.stack([left, right], 1).astype(np.int16)
    encoding = OpusEncoding()
    pieces = [encoding.take(sound[begin : begin + 8000].tobytes()) for begin in range(0, len(sound), 8000)]
    assert sum(bool(piece) for piece in pieces) >= 6  # it comes while sound goes in
    encoded = b"".join([*pieces, encoding.finish()])
    assert encoded.startswith(b"OggS") and len(encoded) < sound.nbytes / 4
    back, rate = soundfile.read(io.BytesIO(encoded), dtype="int16")
    assert rate == 8000 and back.shape == sound.shape
    for channel in (0, 1):
        assert np.corrcoef(back[:, channel], sound[:, channel])[0, 1] > 0.95
