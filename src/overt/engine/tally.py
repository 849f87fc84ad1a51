"""What an engine says of itself once a second: its legs, its packets, its leases, its spool. Numbers only."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from operator import attrgetter
from pathlib import Path
from typing import Any

from overt.engine.spool import Spool
from overt.protocol import CaptureBroke, Frame, Paused, Released

# what a leg counts → the counter of the vitals
COUNTED: Mapping[str, str] = {
    "received": "packets_received", "captured": "packets_captured", "dropped_without_permit": "packets_dropped",
    "lost": "packets_lost", "late": "packets_late", "foreign": "packets_foreign", "kernel_dropped": "packets_kernel_dropped",
}  # fmt: skip
MANY, SELDOM = 400, 10  # adding up many legs takes milliseconds: it is done each ten seconds only
_read = attrgetter(*COUNTED)


class Tally:
    """Counts what the engine tells, and adds up what its legs count."""

    def __init__(self, spool: Spool, folder: Path) -> None:
        self._spool, self._folder = spool, folder
        self._over: Counter[str] = Counter(dict.fromkeys(COUNTED, 0))
        self._live: Counter[str] = Counter()
        self._said: Counter[str] = Counter()
        self._turn = self._leases = self._broken = 0

    def note(self, frame: Frame) -> None:
        """Take what the engine tells its signaller: ends of calls, leases that ran out, captures that broke."""
        match frame:
            case Released(counters=counters):
                for leg in counters.values():
                    self._over.update({name: leg.get(name, 0) for name in COUNTED})
            case Paused(reason="lease ran out"):
                self._leases += 1
            case CaptureBroke():
                self._broken += 1

    def vitals(self, legs: Iterable[Any], captures: int, silent: int = 0) -> Mapping[str, Mapping[str, int | float]]:
        """The vitals now: `legs` are those under way, `captures` how many recordings are open, `silent` how
        many permitted legs say nothing."""
        under_way = list(legs)
        if len(under_way) < MANY or self._turn % SELDOM == 0:
            sums = [sum(column) for column in zip(*map(_read, under_way), strict=True)] or [0] * len(COUNTED)
            self._live = Counter(dict(zip(COUNTED, sums, strict=True)))
        self._turn += 1
        self._said |= self._over + self._live  # an end is counted before the live ones are added up again: never back
        room = os.statvfs(self._folder)
        return {
            "counters": {
                **{to: self._said[name] for name, to in COUNTED.items()},
                "leases_run_out": self._leases, "captures_broken": self._broken,
            },
            "gauges": {
                "legs": len(under_way), "captures_open": captures, "legs_silent": silent, "spool_behind": self._spool.behind,
                "spool_broken": int(bool(self._spool.broken)), "spool_free_bytes": room.f_bavail * room.f_frsize,
                "spool_size_bytes": room.f_blocks * room.f_frsize,
            },
        }  # fmt: skip
