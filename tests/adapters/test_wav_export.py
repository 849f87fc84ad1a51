"""The sound of an export, sample by sample."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from overt.adapters.wav_export import WavExport, place
from overt.ports import Unavailable
from overt.services.listening import NotOpened, OpenedChunk
from overt.vault.track import Gap, Run, Sent, encode_gap, encode_run, encode_sent
from overt.wire.rtp.g711 import ALAW_LINEAR, ULAW_LINEAR

SECOND = 1_000_000_000
FRAME = 160


def run(sequence: int, rtp_time: int, arrival_ns: int, payload: bytes, payload_type: int = 0) -> Run:
    return Run(payload_type, sequence & 0xFFFF, rtp_time & 0xFFFFFFFF, arrival_ns, FRAME, FRAME, payload)


def tone(level: int, frames: int = 1) -> bytes:
    return bytes([level]) * (FRAME * frames)


def test_tracks_and_announcement_stand_at_their_times(tmp_path: Path) -> None:
    out = WavExport(tmp_path / "f.wav")
    out.take(OpenedChunk(0, 0, b'{"header":1}'))
    out.take(OpenedChunk(3, 1, encode_sent(Sent(1, 9 * SECOND, "en/announce", tone(0x20, 25)))))
    out.take(OpenedChunk(1, 2, encode_run(run(1, 1000, 10 * SECOND, tone(0x10)))))
    out.take(OpenedChunk(1, 3, encode_gap(Gap(10 * SECOND, 11 * SECOND, "hold"))))
    out.take(OpenedChunk(1, 4, encode_run(run(51, 9000, 11 * SECOND, tone(0x11)))))
    out.take(OpenedChunk(2, 5, encode_run(run(9, 7, 10 * SECOND + SECOND // 2, tone(0x30), 8))))
    out.take(OpenedChunk(0, 6, b'{"manifest":1}'))
    assert out.finish() == 2020
    with wave.open(str(tmp_path / "f.wav")) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (2, 8000, 2)
        sound = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    left, right = sound[:, 0], sound[:, 1]
    assert set(left[:4000]) == {ULAW_LINEAR[0x20]}
    assert set(left[8000:8160]) == {ULAW_LINEAR[0x10]}
    assert set(left[16000:16160]) == {ULAW_LINEAR[0x11]}
    assert set(right[12000:12160]) == {ALAW_LINEAR[0x30]}
    assert not left[4000:8000].any() and not left[8160:16000].any()
    assert not right[:12000].any() and not right[12160:].any()
    assert (tmp_path / "f.wav").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["f.wav"]
    assert out.gaps == [Gap(10 * SECOND, 11 * SECOND, "hold")]


def test_jitter_moves_no_sample() -> None:
    jitters = [3_000_000, 25_000_000, 0, 140_000_000, 7_000_000]
    placed = place(
        [run(n, n * FRAME, 5 * SECOND + n * 20_000_000 + jitter, tone(n)) for n, jitter in enumerate(jitters)]
    )
    assert [one.at for one in placed] == [40_000 + n * FRAME for n in range(5)]


def test_rtp_time_and_sequence_wrap() -> None:
    start = (1 << 32) - FRAME
    placed = place([run(65535 + n, start + n * FRAME, n * 20_000_000, tone(n)) for n in range(3)])
    assert [one.at for one in placed] == [0, 160, 320]


def test_a_new_rtp_clock_is_placed_by_its_arrival() -> None:
    placed = place([run(1, 0, 0, tone(1)), run(900, 77_000_000, SECOND, tone(2)), run(3, 5, 2 * SECOND, tone(3))])
    assert [one.at for one in placed] == [0, 8000, 16000]


def test_a_stalled_network_is_no_new_clock() -> None:
    runs = [run(1, 0, 0, tone(1)), run(2, FRAME, 3 * SECOND, tone(2)), run(3, 2 * FRAME, 3 * SECOND, tone(3))]
    assert [one.at for one in place(runs)] == [0, 160, 320]


def test_a_late_packet_finds_its_place() -> None:
    runs = [run(1, 0, 0, tone(1)), run(3, 320, 40_000_000, tone(3)), run(2, 160, 45_000_000, tone(2))]
    assert [one.at for one in place(runs)] == [0, 320, 160]


def test_prompts_are_mixed_over_talk_and_clipped(tmp_path: Path) -> None:
    out = WavExport(tmp_path / "f.wav")
    out.take(OpenedChunk(1, 1, encode_run(run(1, 0, SECOND, tone(0x80)))))
    out.take(OpenedChunk(3, 2, encode_sent(Sent(1, SECOND, "en/stopped", tone(0x80)))))
    assert set(out.samples()[:, 0]) == {32767}


def test_what_cannot_be_rendered_leaves_no_file(tmp_path: Path) -> None:
    empty = WavExport(tmp_path / "f.wav")
    with pytest.raises(NotOpened, match="nothing was recorded"):
        empty.finish()
    empty.take(OpenedChunk(1, 1, encode_run(run(1, 0, 0, tone(1), 111))))
    assert empty.undecoded == 1
    with pytest.raises(NotOpened, match="cannot be read"):
        empty.take(OpenedChunk(1, 1, b"\x09"))
    with pytest.raises(NotOpened, match="cannot be read"):
        empty.take(OpenedChunk(3, 1, encode_sent(Sent(7, 0, "en/x", b""))))
    long = WavExport(tmp_path / "f.wav")
    long.take(OpenedChunk(1, 1, encode_run(run(1, 0, 0, tone(1)))))
    long.take(OpenedChunk(2, 2, encode_run(run(1, 0, 10**15, tone(1)))))
    with pytest.raises(NotOpened, match="more than a day"):
        long.finish()
    nowhere = WavExport(tmp_path / "no" / "f.wav")
    nowhere.take(OpenedChunk(1, 1, encode_run(run(1, 0, 0, tone(1)))))
    with pytest.raises(Unavailable, match="No such file"):
        nowhere.finish()
    assert not list(tmp_path.iterdir())
