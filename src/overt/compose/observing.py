"""How a process says once a second how it fares: `pulse` around what it does."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from overt.adapters.vitals_files import EACH_S, VitalsWriter

Said = Mapping[str, Any]


@asynccontextmanager
async def pulse(data_folder: Path, process: str, said: Callable[[], Said]) -> AsyncIterator[None]:
    """Say once a second what `said` returns, and how late the event loop was: `loop_lag_seconds`, the worst since before."""
    writer, lag = VitalsWriter(data_folder, process), _Lag()
    writer.start()

    async def beating() -> None:
        while True:
            await asyncio.sleep(EACH_S)
            now = said()
            writer.say({**now, "gauges": {**now.get("gauges", {}), "loop_lag_seconds": lag.worst()}})

    tasks = [asyncio.create_task(beating()), asyncio.create_task(lag.measure())]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.to_thread(writer.close)


class _Lag:
    """How much later than asked for a sleeping task wakes up."""

    STEP_S = 0.1

    def __init__(self) -> None:
        self._worst = 0.0

    async def measure(self) -> None:
        """Measure, for ever."""
        while True:
            began = time.monotonic()
            await asyncio.sleep(self.STEP_S)
            self._worst = max(self._worst, time.monotonic() - began - self.STEP_S)

    def worst(self) -> float:
        """The worst since this was asked last, seconds."""
        worst, self._worst = self._worst, 0.0
        return round(worst, 4)


def disk_said(folder: Path) -> dict[str, int]:
    """Room on the disk of the data folder, bytes."""
    with suppress(OSError):
        room = shutil.disk_usage(folder)
        return {"disk_free_bytes": room.free, "disk_size_bytes": room.total}
    return {}
