"""Rehearsals that are under way in this process: begun, looked at, stopped; each in a thread, few at once, none for long."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Literal

from overt.domain.errors import Refused
from overt.faces.http.problems import BadRequest, NotFound, TooManyRehearsals
from overt.ports import Unavailable
from overt.services.rehearsing import Proposal, Rehearsed, RehearsingRooms, Span, propose, rehearse_proposal

State = Literal["running", "done", "refused", "stopped"]
MOST_RUNNING = 2  # in this process: each takes a core while it lasts
MOST_THREADS = 2 * MOST_RUNNING  # with those that were stopped, and have not noticed yet
MOST_KEPT = 8
MOST_SHOWN = 1000  # changed calls that are kept of each
LONGEST_S = 300.0
DAY_US = 86_400_000_000
MOST_DAYS = 3660
_log = logging.getLogger("overt.web")


class _Stopped(Exception):
    """Somebody stopped it, or it took too long."""


@dataclass(slots=True)
class Running:
    """A rehearsal: whose, of what, how far (bytes of the ledger, of how many; calls), and what came of it.

    `problem` says in words why there is nothing to show.
    """

    number: int
    owner: str
    proposal: Proposal
    span: Span
    state: State = "running"
    done: int = 0
    total: int = 0
    calls: int = 0
    problem: str = ""
    came: Rehearsed | None = None
    stop: bool = False

    @property
    def percent(self) -> int:
        """How far it is."""
        return min(100, 100 * self.done // self.total) if self.total else 0

    def progress(self, done: int, total: int, calls: int) -> None:
        """Note how far it is; end it when it was stopped."""
        self.done, self.total, self.calls = done, total, calls
        if self.stop:
            raise _Stopped


@dataclass(slots=True)
class Rehearsals:
    """All of them. An account has one at a time: to begin another stops it."""

    kept: dict[int, Running] = field(default_factory=dict)
    _tasks: dict[int, asyncio.Task[None]] = field(default_factory=dict)
    _last: int = 0

    async def begin(self, rooms: RehearsingRooms, owner: str, text: str, span: Span, most: int = MOST_SHOWN) -> Running:
        """Begin one. Raises BookRefused with all that stops the book, TooManyRehearsals, Unavailable."""
        self._make_room(owner)
        proposal = await propose(rooms, text)
        self._make_room(owner)  # others may have begun meanwhile
        self._last += 1
        running = Running(self._last, owner, proposal, span)
        ended = [number for number, known in self.kept.items() if known.state != "running"]
        for number in ended[: max(0, len(ended) - MOST_KEPT + 1)]:
            del self.kept[number]
        self.kept[running.number] = running
        task = self._tasks[running.number] = asyncio.create_task(self._run(rooms, running, most))
        task.add_done_callback(lambda done: self._over(running.number, done))
        return running

    def _make_room(self, owner: str) -> None:
        """Stop somebody's own. Raises TooManyRehearsals when those of others leave no room, or stopped ones still run."""
        for one in self.kept.values():
            one.stop |= one.owner == owner and one.state == "running"
        going_on = sum(one.state == "running" and not one.stop for one in self.kept.values())
        if going_on >= MOST_RUNNING or len(self._tasks) >= MOST_THREADS:
            raise TooManyRehearsals("Others rehearse just now, as many as go at once. Try again in a moment.")

    async def _run(self, rooms: RehearsingRooms, running: Running, most: int) -> None:
        work = asyncio.ensure_future(
            asyncio.to_thread(rehearse_proposal, rooms, running.proposal, running.span, running.progress, most)
        )
        state: State = "refused"
        running.problem = "A fault of ours; it is in the log of the web process."
        try:
            in_time, _ = await asyncio.wait([work], timeout=LONGEST_S)
            running.stop |= not in_time
            running.came = await work
            state, running.problem = "done", ""
        except _Stopped:
            state, running.problem = "stopped", "It was stopped." if in_time else "It took too long; take fewer days."
        except (Refused, Unavailable) as error:
            running.problem = str(error)
        finally:
            running.state = state

    def _over(self, number: int, task: asyncio.Task[None]) -> None:
        self._tasks.pop(number, None)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _log.error("a rehearsal failed", exc_info=error)

    def find(self, number: int, owner: str) -> Running:
        """Return somebody's own. Raises NotFound."""
        found = self.kept.get(number)
        if found is None or found.owner != owner:
            raise NotFound("There is no such rehearsal of yours; it is kept for a while only. Begin it again.")
        return found

    async def wait(self, running: Running) -> None:
        """Wait for its end; whoever stops waiting stops it."""
        task = self._tasks.get(running.number)
        try:
            if task is not None:
                await asyncio.shield(task)
        except asyncio.CancelledError:
            running.stop = True
            raise

    def stop_all(self) -> None:
        """Stop every one: this process ends."""
        for one in self.kept.values():
            one.stop = True


def span_of(days: int, now_us: int) -> Span:
    """The last so many days. Raises BadRequest."""
    if not 1 <= days <= MOST_DAYS:
        raise BadRequest(f"days is a whole number from 1 to {MOST_DAYS}.")
    return Span(now_us - days * DAY_US, now_us, now_us)
