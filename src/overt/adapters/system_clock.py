"""Time and identity from the system."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime

from overt.domain.identity import uuid7


class SystemClock:
    """Implements ports.Clock."""

    def now_us(self) -> int:
        """UTC, microseconds."""
        return time.time_ns() // 1000

    def monotonic_ns(self) -> int:
        """CLOCK_MONOTONIC, which all processes of a machine share."""
        return time.monotonic_ns()

    def new_id(self) -> str:
        """A fresh UUIDv7."""
        return uuid7(self.now_us(), secrets.token_bytes(10))

    def today(self) -> str:
        """The date in UTC."""
        return datetime.now(UTC).date().isoformat()
