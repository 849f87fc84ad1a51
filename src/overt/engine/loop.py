"""The engine's loop: readable sockets and timers, nothing else."""

from __future__ import annotations

import heapq
import select
import time
from collections.abc import Callable

MOST_EVENTS = 512
MANY, FEW, GATHER_S = 400, 8, 0.0005  # from a hundred calls on, packets are gathered for half a millisecond


class Timer:
    """A callback at a monotonic time; `cancel` makes it do nothing."""

    __slots__ = ("callback", "due_ns")

    def __init__(self, due_ns: int, callback: Callable[[], None]) -> None:
        self.due_ns = due_ns
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Do nothing when the time comes."""
        self.callback = None


class Loop:
    """epoll and a heap of timers. `now` is the monotonic time of the batch being handled, nanoseconds."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._readers: dict[int, Callable[[], object]] = {}
        self._timers: list[tuple[int, int, Timer]] = []
        self._sequence = 0
        self.now = time.monotonic_ns()
        self.stopping = False

    def watch(self, fd: int, readable: Callable[[], object]) -> None:
        """Call `readable` whenever the descriptor can be read."""
        self._readers[fd] = readable
        self._epoll.register(fd, select.EPOLLIN)

    def forget(self, fd: int) -> None:
        """Stop watching a descriptor."""
        if self._readers.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def at(self, due_ns: int, callback: Callable[[], None]) -> Timer:
        """Call back at a monotonic time."""
        timer = Timer(due_ns, callback)
        self._sequence += 1
        heapq.heappush(self._timers, (due_ns, self._sequence, timer))
        return timer

    def every(self, period_ns: int, callback: Callable[[], None]) -> None:
        """Call back again and again, without drift."""
        due = self.now + period_ns

        def again() -> None:
            nonlocal due
            callback()
            due = max(due + period_ns, self.now)
            self.at(due, again)

        self.at(due, again)

    def run(self) -> None:
        """Serve until `stopping`."""
        poll, readers, timers = self._epoll.poll, self._readers, self._timers
        clock, sleep = time.monotonic_ns, time.sleep
        while not self.stopping:
            wait = max(timers[0][0] - clock(), 0) / 1e9 if timers else 1.0
            events = poll(wait, MOST_EVENTS)
            if len(events) < FEW and len(readers) > MANY and wait > 0:
                sleep(GATHER_S)  # let more arrive: a wake-up a packet would cost more than the packet
                events = poll(0, MOST_EVENTS)
            self.now = clock()
            while timers and timers[0][0] <= self.now:  # first: after a stall, a lease is looked at before packets are
                callback = heapq.heappop(timers)[2].callback
                if callback is not None:
                    callback()
            for fd, _ in events:
                reader = readers.get(fd)
                if reader is not None:
                    reader()
