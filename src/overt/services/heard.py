"""Which stretches of a recording were sent to somebody: merged as they come, in samples of 8 kHz."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

RATE = 8000
SAMPLES_A_MS = RATE // 1000
MOST_RANGES = 500  # an entry of the ledger has its size: beyond, the nearest stretches are stated as one


class Heard:
    """Disjoint stretches, in order. What is heard twice counts once."""

    def __init__(self) -> None:
        self._begins: list[int] = []
        self._ends: list[int] = []

    def add(self, begin: int, end: int) -> None:
        """Add the samples from `begin` to before `end`."""
        if end <= begin:
            return
        left, right = bisect_left(self._ends, begin), bisect_right(self._begins, end)
        if left < right:
            begin, end = min(begin, self._begins[left]), max(end, self._ends[right - 1])
        self._begins[left:right], self._ends[left:right] = [begin], [end]

    @property
    def samples(self) -> int:
        """How many different samples there are."""
        return sum(self._ends) - sum(self._begins)

    @property
    def milliseconds(self) -> int:
        """The same as milliseconds, a begun one counted whole."""
        return -(-self.samples // SAMPLES_A_MS)

    @property
    def stretches(self) -> tuple[tuple[int, int], ...]:
        """The stretches, in samples."""
        return tuple(zip(self._begins, self._ends, strict=True))

    def ranges(self) -> list[list[int]]:
        """The stretches in milliseconds, rounded outwards, at most `MOST_RANGES`."""
        found = [[begin // SAMPLES_A_MS, -(-end // SAMPLES_A_MS)] for begin, end in self.stretches]
        return _thinned(found)


def _thinned(ranges: list[list[int]]) -> list[list[int]]:
    """Join the nearest neighbours until few enough are left."""
    if len(ranges) <= MOST_RANGES:
        return ranges
    holes: Sequence[int] = sorted(range(1, len(ranges)), key=lambda at: ranges[at][0] - ranges[at - 1][1])
    joined = set(holes[: len(ranges) - MOST_RANGES])
    kept = [ranges[0]]
    for at, one in enumerate(ranges[1:], 1):
        if at in joined:
            kept[-1] = [kept[-1][0], one[1]]
        else:
            kept.append(one)
    return kept
