"""Past calls, read from the ledger for a rehearsal: only the kinds that matter, only the fields needed (see ledger_walk)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from overt.adapters.ledger_walk import LONGEST_CALL_US as LONGEST_CALL_US
from overt.adapters.ledger_walk import MARGIN_US as MARGIN_US
from overt.adapters.ledger_walk import WINDOW, walk
from overt.adapters.past_entries import PERSONAL, Assembly
from overt.services.rehearsing import Read


class PastCalls:
    """Implements rehearsing.PastCalls over `ledger/<tenant>/`."""

    def __init__(self, folder: Path, window: int = WINDOW) -> None:
        """`window`: how many bytes are read at a time."""
        self._folder, self._window = folder, window

    def read(self, since_us: int, until_us: int) -> Iterator[Read]:
        """See rehearsing.PastCalls. Calls are taken to last no longer than a day."""
        for one in walk(self._folder, Assembly(), tuple(PERSONAL), since_us, until_us, self._window):
            calls = [seen.past_call(personal) for seen, personal in one.calls if not seen.unreadable]
            yield Read(calls, one.done, one.total, len(one.calls) - len(calls), one.broken, one.first_broken)
