"""A leg's seconds as stretches that a person can look at: what prevailed in each, from the rows of `domain.seconds`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

State = Literal["lost", "paused", "captured", "dropped", "received", "nothing"]
# state → what it means; of what a row says, the first that is so counts.
STATES: Mapping[State, str] = {
    "lost": "packets were lost",
    "paused": "paused",
    "captured": "kept",
    "dropped": "received and dropped: no permit",
    "received": "received",
    "nothing": "nothing came",
}
SIGNS: Mapping[State, str] = {
    "lost": "!", "paused": "░", "captured": "█", "dropped": "▒", "received": "·", "nothing": " ",
}  # fmt: skip
GRAVITY: tuple[State, ...] = tuple(STATES)
COLUMNS = ("from_s", "seconds", "received", "captured", "dropped", "lost", "late", "paused")
MOST_ROWS = 4000
_FROM, _SECONDS, _RECEIVED, _CAPTURED, _DROPPED, _LOST, _LATE, _PAUSED = range(len(COLUMNS))


@dataclass(frozen=True, slots=True)
class Strip:
    """A stretch of a leg in which one thing prevailed. Seconds of the call."""

    state: State
    from_s: int
    seconds: int


def rows_of(written: object) -> tuple[tuple[int, ...], ...]:
    """The rows of a leg as a fact has them, those left out that are none, or that go back."""
    found: list[tuple[int, ...]] = []
    until = 0
    for one in written[:MOST_ROWS] if isinstance(written, list) else ():
        whole = isinstance(one, list) and len(one) == len(COLUMNS) and all(type(each) is int for each in one)
        if whole and min(one) >= 0 and one[_SECONDS] and one[_FROM] >= until:
            found.append(tuple(one))
            until = one[_FROM] + one[_SECONDS]
    return tuple(found)


def strips(rows: Sequence[Sequence[int]]) -> tuple[Strip, ...]:
    """Return what prevailed when; seconds of which no row speaks are *nothing*."""
    found: list[Strip] = []
    until = rows[0][_FROM] if rows else 0
    for row in rows:
        if row[_FROM] > until:
            _append(found, Strip("nothing", until, row[_FROM] - until))
        _append(found, Strip(_state(row), row[_FROM], row[_SECONDS]))
        until = row[_FROM] + row[_SECONDS]
    return tuple(found)


def _state(row: Sequence[int]) -> State:
    said: Mapping[State, int] = {
        "lost": row[_LOST], "paused": row[_PAUSED], "captured": row[_CAPTURED], "dropped": row[_DROPPED],
        "received": row[_RECEIVED], "nothing": 1,
    }  # fmt: skip
    return next(state for state in STATES if said[state])


def _append(found: list[Strip], one: Strip) -> None:
    """Put a stretch at the end, joined with the last where it is alike."""
    if found and found[-1].state == one.state:
        found[-1] = Strip(one.state, found[-1].from_s, found[-1].seconds + one.seconds)
    else:
        found.append(one)


def bar(stretches: Sequence[Strip], width: int) -> str:
    """A line of signs, each of as many seconds as it takes; where states share a cell, the first of STATES is shown."""
    if not stretches:
        return ""
    begin, end = stretches[0].from_s, stretches[-1].from_s + stretches[-1].seconds
    each = -(-(end - begin) // width)
    cells: list[State | None] = [None] * -(-(end - begin) // each)
    for one in stretches:
        for cell in range((one.from_s - begin) // each, (one.from_s + one.seconds - begin - 1) // each + 1):
            known = cells[cell]
            cells[cell] = one.state if known is None else min(known, one.state, key=GRAVITY.index)
    return "".join(SIGNS[cell or "nothing"] for cell in cells)


def totals(rows: Sequence[Sequence[int]]) -> Mapping[str, int]:
    """The sums of the rows' counts, and how many seconds were paused."""
    sums = {name: sum(row[place] for row in rows) for place, name in enumerate(COLUMNS) if _SECONDS < place < _PAUSED}
    return {**sums, "paused_s": sum(row[_SECONDS] for row in rows if row[_PAUSED])}
