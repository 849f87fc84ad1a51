"""An opened recording as a WAV file: 8 kHz, 16 bit, the caller left, the agent right.

Within a stretch of RTP time every sample stands exactly where its time stamp puts it; stretches, and the two tracks,
are laid beside each other on the clock of arrival. What is missing is silence. Prompts stand in the channel of the
party that heard them, at the time they were sent: the announcement comes first, before the talk.
"""

from __future__ import annotations

import os
import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from overt.ports import Unavailable
from overt.services.listening import NotOpened, OpenedChunk
from overt.vault.track import AGENT_TRACK, CALLER_TRACK, SENT_TRACK, Gap, Run, Sent, TrackBroken, read_parts
from overt.wire.rtp.g711 import ALAW_LINEAR, ULAW_LINEAR

RATE = 8000
LONGEST_S = 24 * 3600
CHANNELS = {CALLER_TRACK: 0, AGENT_TRACK: 1}
_TABLES = {0: np.array(ULAW_LINEAR, np.int16), 8: np.array(ALAW_LINEAR, np.int16)}
_SECOND_NS = 1_000_000_000
_LATE = 2 * RATE  # an arrival this much later than its RTP time says: another stretch of RTP time began
_EARLY = RATE  # nothing arrives before it was sent: another stretch
_SETTLES = 10 * RATE  # the least delay of a stretch's first ten seconds places it
_FRAMES_AT_ONCE = 1 << 20
Samples = NDArray[np.int16]


@dataclass(slots=True)
class _Stretch:
    """Runs on one RTP clock: (unwrapped time, run) each, and the least distance from RTP time to arrival."""

    runs: list[tuple[int, Run]] = field(default_factory=list)
    offset: int = 0
    recent: int = 0

    def add(self, time: int, run: Run, offset: int) -> None:
        """Take a run. Its first ten seconds decide where the stretch stands."""
        if not self.runs:
            self.offset = self.recent = offset
        elif time - self.runs[0][0] < _SETTLES:
            self.offset = min(self.offset, offset)
        self.recent = offset
        self.runs.append((time, run))


@dataclass(frozen=True, slots=True)
class Placed:
    """Sound at its place: samples since the monotonic clock's zero."""

    at: int
    payload: bytes
    payload_type: int

    @property
    def end(self) -> int:
        """The sample after the last."""
        return self.at + len(self.payload)

    def decoded(self) -> Samples:
        """The samples; µ-law and A-law have one byte each."""
        table: Samples = _TABLES[self.payload_type]
        decoded: Samples = table[np.frombuffer(self.payload, np.uint8)]
        return decoded


def samples_of(moment_ns: int) -> int:
    """A moment on the monotonic clock, in samples."""
    return moment_ns * RATE // _SECOND_NS


def place(runs: Sequence[Run]) -> list[Placed]:
    """Put a track's runs, in the order in which they arrived, onto the clock of arrival."""
    placed: list[Placed] = []
    for stretch in _stretches(runs):
        for time, run in stretch.runs:
            placed.append(Placed(time + stretch.offset, run.payload, run.payload_type))
    return placed


def _stretches(runs: Sequence[Run]) -> Iterator[_Stretch]:
    stretch, before, time = _Stretch(), None, 0
    for run in runs:
        time = time + _signed(run.rtp_time - before.rtp_time) if before is not None else run.rtp_time
        offset = samples_of(run.arrival_ns) - time
        if before is not None and not _continues(before, run) and not -_EARLY <= offset - stretch.recent <= _LATE:
            yield stretch
            stretch = _Stretch()
        stretch.add(time, run, offset)
        before = run
    if stretch.runs:
        yield stretch


def _continues(before: Run, run: Run) -> bool:
    """True when sequence numbers and RTP times agree that the run follows, whenever it arrived."""
    packets = run.sequence - before.sequence & 0xFFFF
    return packets < 0x8000 and run.rtp_time - before.rtp_time & 0xFFFFFFFF == packets * before.step


def _signed(difference: int) -> int:
    """A difference of two 32-bit RTP times, the shorter way round."""
    return (difference + (1 << 31)) % (1 << 32) - (1 << 31)


class WavExport:
    """Implements listening.Rendering. Holds what it is given in memory; the file appears whole, or not at all."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._runs: dict[int, list[Run]] = {track: [] for track in CHANNELS}
        self._sent: dict[int, list[Sent]] = {track: [] for track in CHANNELS}
        self.gaps: list[Gap] = []
        self.undecoded = 0

    def take(self, chunk: OpenedChunk) -> None:
        """Take the next chunk. Raises NotOpened when its content cannot be read."""
        if chunk.index == 0 or chunk.track not in (*CHANNELS, SENT_TRACK):
            return
        try:
            for part in read_parts(chunk.plaintext):
                self._take(chunk.track, part)
        except (TrackBroken, KeyError) as error:
            raise NotOpened(f"chunk {chunk.index} cannot be read: {error}") from error

    def _take(self, track: int, part: Run | Gap | Sent) -> None:
        if isinstance(part, Gap):
            self.gaps.append(part)
        elif isinstance(part, Sent):
            self._sent[part.track].append(part)
        elif part.payload_type in _TABLES:
            self._runs[track].append(part)
        else:
            self.undecoded += len(part.payload) // max(part.size, 1)

    def samples(self) -> Samples:
        """The whole recording, shape (samples, 2). Raises NotOpened when there is nothing, or no sane length."""
        voices = {track: place(runs) for track, runs in self._runs.items()}
        prompts = {
            track: [Placed(samples_of(one.started_ns), one.payload, 0) for one in sent]
            for track, sent in self._sent.items()
        }
        every = [one for placed in (*voices.values(), *prompts.values()) for one in placed]
        if not every:
            raise NotOpened("nothing was recorded")
        begin, end = min(one.at for one in every), max(one.end for one in every)
        if end - begin > LONGEST_S * RATE:
            raise NotOpened(f"its times span {(end - begin) // RATE} seconds; more than a day cannot be laid out")
        sound: Samples = np.zeros((end - begin, 2), np.int16)
        for track, channel in CHANNELS.items():
            for one in voices[track]:
                sound[one.at - begin : one.end - begin, channel] = one.decoded()
            for one in prompts[track]:
                _mix(sound[one.at - begin : one.end - begin, channel], one.decoded())
        return sound

    def finish(self) -> int:
        """Write the file (mode 0600) and return its length in milliseconds. Raises NotOpened, Unavailable."""
        sound = self.samples()
        writing = self._out.with_name(f".{self._out.name}.{os.getpid()}")
        try:
            try:
                file = os.open(writing, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
                _write(file, sound)
                writing.replace(self._out)
            finally:
                writing.unlink(missing_ok=True)
        except OSError as error:
            raise Unavailable("export", f"{error.strerror}: {self._out}", retry=False) from error
        return len(sound) * 1000 // RATE


def _mix(into: Samples, added: Samples) -> None:
    """Add sound in place, clipped to 16 bits."""
    into[:] = np.clip(into.astype(np.int32) + added, -32768, 32767).astype(np.int16)


def _write(descriptor: int, sound: Samples) -> None:
    with os.fdopen(descriptor, "wb") as file:
        with wave.open(file, "wb") as out:
            out.setnchannels(2)
            out.setsampwidth(2)
            out.setframerate(RATE)
            out.setnframes(len(sound))
            for begin in range(0, len(sound), _FRAMES_AT_ONCE):
                out.writeframesraw(sound[begin : begin + _FRAMES_AT_ONCE].astype("<i2").tobytes())
        file.flush()
        os.fsync(file.fileno())
