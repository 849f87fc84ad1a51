"""One change at a time, whoever makes it: a lock on a file."""

from __future__ import annotations

import asyncio
import fcntl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from overt.ports import Unavailable

_PATIENCE_S, _RETRY_S = 10.0, 0.1


@asynccontextmanager
async def alone(path: Path, port: str, why: str) -> AsyncIterator[None]:
    """Keep everybody else out meanwhile. Raises Unavailable, with the why, when somebody stays too long."""
    with path.open("w") as lock:
        until = time.monotonic() + _PATIENCE_S
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > until:
                    raise Unavailable(port, why) from error
                await asyncio.sleep(_RETRY_S)
        yield
