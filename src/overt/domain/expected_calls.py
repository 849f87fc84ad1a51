"""When a client must bring calls: days, hours in UTC, and how long none may come. Written `pbx Mo-Fr 09:00-17:00 30m`."""

from __future__ import annotations

import re
from dataclasses import dataclass

DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
MINUTE_US = 60_000_000
_UNITS = {"m": 60, "h": 3600}
_WRITTEN = re.compile(r"(\S+) +([A-Za-z,-]+) +(\d\d?):(\d\d)-(\d\d?):(\d\d) +(\d{1,4})([mh])")
FORM = "write it as «pbx Mo-Fr 09:00-17:00 30m»: client, days, hours in UTC, how long none may come"


@dataclass(frozen=True, slots=True)
class Expected:
    """On `days` (0 is Monday), from `first` to `last` (minutes of the day, UTC), a call each `within_s` at least."""

    client: str
    days: frozenset[int]
    first: int
    last: int
    within_s: int

    def __str__(self) -> str:
        days = ",".join(DAYS[one] for one in sorted(self.days))
        hours = "-".join(f"{one // 60:02}:{one % 60:02}" for one in (self.first, self.last))
        return f"{days} {hours} UTC, one each {self.within_s // 60} minutes"

    def missing(self, now_us: int, last_us: int) -> bool:
        """True when no call came for too long, of hours in which calls must come; `last_us` is when one came last."""
        minute = now_us // MINUTE_US
        day, of_day = (minute // 1440 + 3) % 7, minute % 1440  # 1 January 1970 was a Thursday
        if day not in self.days or not self.first <= of_day < self.last:
            return False
        opened_us = (minute - of_day + self.first) * MINUTE_US
        return now_us - max(last_us, opened_us) >= self.within_s * 1_000_000


def parse_expected(text: str) -> Expected:
    """Read one expectation. Raises ValueError, saying how it is written."""
    found = _WRITTEN.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text}: {FORM}")
    client, days, *numbers, length, unit = found.groups()
    hour, minute, until_hour, until_minute = map(int, numbers)
    first, last = 60 * hour + minute, 60 * until_hour + until_minute
    chosen = frozenset(day for part in days.split(",") for day in _days(part, text))
    if not 0 <= first < last <= 1440 or max(minute, until_minute) > 59 or not int(length):
        raise ValueError(f"{text}: {FORM}")
    return Expected(client, chosen, first, last, int(length) * _UNITS[unit])


def _days(part: str, text: str) -> range:
    first, dash, last = part.partition("-")
    if first not in DAYS or (dash and last not in DAYS) or (dash and DAYS.index(last) < DAYS.index(first)):
        raise ValueError(f"{text}: {FORM}")
    return range(DAYS.index(first), DAYS.index(last or first) + 1)
