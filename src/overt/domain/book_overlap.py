"""How the conditions of two policies lie to one another: whether one takes in all calls of the other, or some.

Times are compared as sets of the 10,080 minutes of a week, held as the bits of a number; so days, hours and nights over
midnight compare exactly.
"""

from __future__ import annotations

from collections.abc import Sequence

from overt.domain.book import DAYS, WITHHELD, When
from overt.domain.ruling import DAY_MINUTES, fits, hours

_NAMES = ("lines", "queues", "teams", "agents", "numbers")


def week(when: When) -> int:
    """The minutes of the week in which a policy's time is, from Monday 00:00, one bit each."""
    begins, ends = hours(when)
    minutes = 0
    for number, day in enumerate(DAYS):
        if when.days and day not in when.days:
            continue
        start = number * DAY_MINUTES
        if begins < ends:
            minutes |= _bits(start + begins, start + ends)
        else:
            after = (number + 1) % len(DAYS) * DAY_MINUTES
            minutes |= _bits(start + begins, start + DAY_MINUTES) | _bits(after, after + ends)
    return minutes


def _bits(first: int, end: int) -> int:
    return ((1 << (end - first)) - 1) << first


def covers(outer: When, inner: When) -> bool:
    """True when every call that fits `inner` fits `outer` too. May be False for some that are: patterns are compared one by one."""
    return (
        outer.direction in ("any", inner.direction)
        and all(_all_within(getattr(outer, name), getattr(inner, name)) for name in _NAMES)
        and not week(inner) & ~week(outer)
    )


def meets(one: When, other: When) -> bool:
    """True when a call can fit both."""
    return (
        (one.direction == other.direction or "any" in (one.direction, other.direction))
        and all(_some_shared(getattr(one, name), getattr(other, name)) for name in _NAMES)
        and bool(week(one) & week(other))
    )


def _all_within(outer: Sequence[str], inner: Sequence[str]) -> bool:
    return not outer or (bool(inner) and all(any(_takes_in(wide, one) for wide in outer) for one in inner))


def _some_shared(one: Sequence[str], other: Sequence[str]) -> bool:
    if not one or not other:
        return True
    return any(_takes_in(left, right) or _takes_in(right, left) for left in one for right in other)


def _takes_in(wide: str, narrow: str) -> bool:
    """True when each name that fits `narrow` fits `wide`. A withheld number fits only itself."""
    if WITHHELD in (wide, narrow):
        return wide == narrow
    if narrow.endswith("*"):
        return wide.endswith("*") and fits(wide, narrow[:-1])
    return fits(wide, narrow)
