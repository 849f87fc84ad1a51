"""Where sound stands: runs of packets and prompts put onto one clock, 8 kHz, sample by sample.

Within a stretch of RTP time every sample stands exactly where its time stamp puts it; stretches, and the two tracks,
are laid beside each other on the clock of arrival. What is missing is silence. Prompts stand in the channel of the
party that heard them, at the time they were sent: the announcement comes first, before the talk.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from overt.services.heard import RATE as RATE
from overt.vault.track import AGENT_TRACK, CALLER_TRACK, Run
from overt.wire.rtp.codecs import BY_CODE

CHANNELS = {CALLER_TRACK: 0, AGENT_TRACK: 1}
_SECOND_NS = 1_000_000_000
_LATE = 2 * RATE  # an arrival this much later than its RTP time says: another stretch of RTP time began
_EARLY = RATE  # nothing arrives before it was sent: another stretch
_SETTLES = 10 * RATE  # the least delay of a stretch's first ten seconds places it
Samples = NDArray[np.int16]
Places = NDArray[np.int64]


def samples_of(moment_ns: int) -> int:
    """A moment on the monotonic clock, in samples."""
    return moment_ns * RATE // _SECOND_NS


@dataclass(slots=True)
class _Before:
    """What is kept of the run before."""

    sequence: int
    rtp_time: int
    step: int
    clock: int


class Placing:
    """The places of one track's runs, given in the order in which they arrived. Keeps numbers, never sound."""

    def __init__(self) -> None:
        self._at = array(
            "q"
        )  # unwrapped RTP time as samples; once its stretch is over, the place on the clock of arrival
        self._before: _Before | None = None
        self._units = self._begin = self._first_time = self._offset = self._recent = 0

    def __len__(self) -> int:
        return len(self._at)

    def add(self, run: Run) -> None:
        """Take the next run. A codec of another clock begins another stretch."""
        clock = BY_CODE[run.payload_type].clock
        before = self._before if self._before is not None and self._before.clock == clock else None
        units = run.rtp_time if before is None else self._units + _signed(run.rtp_time - before.rtp_time)
        time = units * RATE // clock
        offset = samples_of(run.arrival_ns) - time
        if before is None or not (_continues(before, run) or -_EARLY <= offset - self._recent <= _LATE):
            self._settle()
            self._first_time, self._offset = time, offset
        elif time - self._first_time < _SETTLES:
            self._offset = min(self._offset, offset)
        self._recent, self._units = offset, units
        self._at.append(time)
        self._before = _Before(run.sequence, run.rtp_time, run.step, clock)

    def _settle(self) -> None:
        """End a stretch: now it is known where it stands."""
        view = np.frombuffer(self._at, np.int64)[self._begin :] if len(self._at) > self._begin else None
        if view is not None:
            view += self._offset
        self._begin = len(self._at)

    def places(self) -> Places:
        """The place of each run: samples since the monotonic clock's zero. Nothing can be added afterwards."""
        self._settle()
        return np.array(self._at, np.int64)


def place(runs: Sequence[Run]) -> list[int]:
    """The places of a whole track's runs."""
    placing = Placing()
    for run in runs:
        placing.add(run)
    return [int(at) for at in placing.places()]


def _continues(before: _Before, run: Run) -> bool:
    """True when sequence numbers and RTP times agree that the run follows, whenever it arrived."""
    packets = run.sequence - before.sequence & 0xFFFF
    return packets < 0x8000 and run.rtp_time - before.rtp_time & 0xFFFFFFFF == packets * before.step


def _signed(difference: int) -> int:
    """A difference of two 32-bit RTP times, the shorter way round."""
    return (difference + (1 << 31)) % (1 << 32) - (1 << 31)


def lay(into: Samples, at: int, samples: Samples) -> None:
    """Put samples at a place of a channel, over what stood there; what reaches beyond either end is left out."""
    begin, end = max(at, 0), min(at + len(samples), len(into))
    if begin < end:
        into[begin:end] = samples[begin - at : end - at]


def mix(into: Samples, at: int, samples: Samples) -> None:
    """Add samples at a place of a channel, clipped to 16 bits; what reaches beyond either end is left out."""
    begin, end = max(at, 0), min(at + len(samples), len(into))
    if begin < end:
        both = into[begin:end].astype(np.int32) + samples[begin - at : end - at]
        into[begin:end] = np.clip(both, -32768, 32767).astype(np.int16)
