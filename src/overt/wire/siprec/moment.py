"""Times as recording clients write them (RFC 3339 and what resembles it), in microseconds since 1970, UTC."""

from __future__ import annotations

import re
from dataclasses import dataclass

_WRITTEN = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,12}))?[ ]?([Zz]|[+-]\d\d:?\d\d)?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Moment:
    """A time: as the client wrote it, and what it means. False when none was written.

    `at_us` is None when it cannot be read. A time without an offset is read as UTC, as RFC 7865 wants it, with `zoned` False.
    """

    said: str = ""
    at_us: int | None = None
    zoned: bool = False

    def __bool__(self) -> bool:
        return bool(self.said)


def read_moment(text: str) -> Moment:
    """Read a time; one that cannot be read is kept as it was written, cut at 64 characters."""
    said = text.strip()[:64]
    found = _WRITTEN.fullmatch(said)
    if found is None:
        return Moment(said, None, False)
    year, month, day, hour, minute, second = (int(found[at]) for at in range(1, 7))
    offset = _offset(found[8] or "")
    if not 1 <= month <= 12 or not 1 <= day <= _days_in(year, month) or hour > 23 or minute > 59 or second > 60:
        return Moment(said, None, bool(found[8]))
    fraction = int(((found[7] or "") + "000000")[:6])
    seconds = ((_days_since_1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second - offset
    return Moment(said, seconds * 1_000_000 + fraction, bool(found[8]))


def _offset(written: str) -> int:
    """Seconds east of Greenwich."""
    if written in ("", "Z", "z"):
        return 0
    seconds = int(written[1:3]) * 3600 + int(written[-2:]) * 60
    return -seconds if written[0] == "-" else seconds


def _days_in(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def _days_since_1970(year: int, month: int, day: int) -> int:
    """Days of the Gregorian calendar, counted in years that begin in March, so that the leap day comes last."""
    shifted = year - (month < 3)
    day_of_year = (153 * ((month - 3) % 12) + 2) // 5 + day - 1
    return shifted * 365 + shifted // 4 - shifted // 100 + shifted // 400 + day_of_year - 719_468
