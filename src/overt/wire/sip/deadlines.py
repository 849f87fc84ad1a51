"""What is due when: many deadlines, each found and moved in logarithmic time."""

from __future__ import annotations

import heapq
from typing import Generic, TypeVar

K = TypeVar("K")
SLACK = 64  # passed-over entries that may always stand in the heap


class Deadlines(Generic[K]):
    """One moment for each key. Times are integers of any unit."""

    def __init__(self) -> None:
        self._when: dict[K, tuple[int, int]] = {}
        self._heap: list[tuple[int, int, K]] = []
        self._count = 0

    def set(self, key: K, when: int) -> None:
        """Let a key be due at a moment, and no longer at the one before."""
        if self._when.get(key, (None,))[0] == when:
            return
        self._count += 1  # no two entries are alike, so that keys are never compared
        self._when[key] = (when, self._count)
        heapq.heappush(self._heap, (when, self._count, key))
        if len(self._heap) > 2 * len(self._when) + SLACK:
            self._heap = [(when, count, key) for key, (when, count) in self._when.items()]
            heapq.heapify(self._heap)

    def drop(self, key: K) -> None:
        """Let a key never be due."""
        self._when.pop(key, None)

    def due(self, now: int) -> list[K]:
        """Take out the keys whose moment has come, earliest first."""
        taken: list[K] = []
        while (first := self._first()) is not None and first[0] <= now:
            heapq.heappop(self._heap)
            del self._when[first[1]]
            taken.append(first[1])
        return taken

    def next(self) -> int | None:
        """The earliest moment, None when nothing is due ever."""
        first = self._first()
        return first[0] if first is not None else None

    def _first(self) -> tuple[int, K] | None:
        """The earliest entry that still holds; those before it are thrown away."""
        while self._heap:
            when, count, key = self._heap[0]
            if self._when.get(key) == (when, count):
                return when, key
            heapq.heappop(self._heap)
        return None

    def __len__(self) -> int:
        return len(self._when)
