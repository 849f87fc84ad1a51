"""A bounded queue of SIP messages with a thread that takes them in batches: what tracers have in common.

`note` returns at once. What finds the queue full is dropped and counted: a flood costs no memory, and a call waits for nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event, Thread

MOST_WAITING, MOST_WAITING_BYTES = 20_000, 32 * 1024 * 1024
BATCH_S = 0.5
Noted = tuple[str, str, bool, str, bytes, int]  # as in ports.Tracer


class MessageQueue:
    """Implements ports.Tracer. Whoever extends it says in `take` what becomes of a batch, and in `end` what comes last."""

    def __init__(self, name: str) -> None:
        self._waiting: list[Noted] = []
        self._bytes, self.dropped = 0, 0
        self._stop = Event()
        self._thread = Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def note(self, call: str, leg: str, outgoing: bool, peer: str, message: bytes, at_us: int) -> None:
        """See ports.Tracer."""
        if len(self._waiting) >= MOST_WAITING or self._bytes + len(message) > MOST_WAITING_BYTES:
            self.dropped += 1
            return
        self._bytes += len(message)
        self._waiting.append((call, leg, outgoing, peer, message, at_us))

    def close(self) -> None:
        """Deal with what waits, and end."""
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        stopping = False
        while not stopping:
            stopping = self._stop.wait(BATCH_S)
            batch, self._waiting, self._bytes = self._waiting, [], 0
            if batch:
                self.take(batch)
        self.end()

    def take(self, batch: Sequence[Noted]) -> None:
        """Deal with a batch; never raises."""
        raise NotImplementedError

    def end(self) -> None:
        """No batch follows."""
