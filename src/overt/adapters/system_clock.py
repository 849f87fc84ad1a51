"""Time and identity from the system."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from overt.adapters.randomness import Randomness
from overt.domain.identity import uuid7
from overt.ports import Unavailable


class SystemClock:
    """Implements ports.Clock."""

    def __init__(self) -> None:
        self._random = Randomness()

    def now_us(self) -> int:
        """UTC, microseconds."""
        return time.time_ns() // 1000

    def monotonic_ns(self) -> int:
        """CLOCK_MONOTONIC, which all processes of a machine share."""
        return time.monotonic_ns()

    def new_id(self) -> str:
        """A fresh UUIDv7."""
        return uuid7(self.now_us(), self._random.take(10))

    def today(self) -> str:
        """The date in UTC."""
        return datetime.now(UTC).date().isoformat()


def local_time(timezone: str, unix_us: int) -> tuple[int, int]:
    """Return the weekday (0 Monday) and the minute of the day in a time zone (IANA), for UTC microseconds.

    Raises Unavailable when this machine does not know the zone.
    """
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        why = f"the zone {timezone} is not known here; install the system's time zones (tzdata)"
        raise Unavailable("time zones", why, retry=False) from error
    local = datetime.fromtimestamp(unix_us / 1_000_000, zone)
    return local.weekday(), local.hour * 60 + local.minute


def known_timezones() -> frozenset[str]:
    """The time zones that this machine knows."""
    return frozenset(available_timezones())
