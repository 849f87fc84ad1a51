"""What is wrong in our own code while a message or a moment is dealt with: it must stop no other call, nor the gateway."""

from __future__ import annotations

import logging
from collections.abc import Callable

QUIET_S = 1.0  # so often a fault is logged at most: who finds one can make many
_log = logging.getLogger("overt.signalling")


class Faults:
    """Counts faults and logs them, few of many; nothing is raised. `clock` in seconds."""

    def __init__(self, count: Callable[[str], None], clock: Callable[[], float]) -> None:
        self._count, self._clock = count, clock
        self._logged = -QUIET_S

    def survives(self, during: str, act: Callable[..., object], *what: object) -> bool:
        """Act; False when that failed. `during` says in the past what was being done."""
        try:
            act(*what)
        except Exception as error:  # noqa: BLE001 - the supervisor of the gateway: what came with it must go on
            self._note(during, error)
            return False
        return True

    def _note(self, during: str, error: Exception) -> None:
        self._count(f"faults of ours: {during}")
        now = self._clock()
        if now - self._logged >= QUIET_S:
            self._logged = now
            _log.error("a fault of ours while %s; all other calls go on", during, exc_info=error)
