"""Which row of a switch's CDR is which call of ours: one to one, by SIP's own id, else by numbers and time.

Numbers are compared as people write them (`0404…`, `+1404…`), times within a tolerance. Of calls that fit a row, as many as can be
are matched, the nearest in time; where another would have fitted as well, the pair is *ambiguous*, and that is said.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from overt.domain.cdr import Row
from overt.domain.numbers import forms

How = Literal["id", "numbers"]
_OTHERS = re.compile("[^0-9]+")
TAIL = 7  # digits that a number has in common however it is written
MOST_NEAR = 32  # calls that are looked at on either side of a row
MOST_CELLS = 10_000  # of a table of calls and rows that crowd together; beyond, the nearest is taken first


@dataclass(frozen=True, slots=True)
class Ours:
    """A call of ours as it is matched: when it was offered, from whom, to whom (any of these), and by which ids a switch
    may know it: SIP's Call-ID, or what a recording client calls the call."""

    at_us: int
    caller: str = field(default="", repr=False)
    called: tuple[str, ...] = field(default=(), repr=False)
    ids: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Pair:
    """A row and a call, by their places. `apart_us`: how much later the row says that it began."""

    row: int
    call: int
    how: How
    apart_us: int
    ambiguous: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """How far apart two clocks may say that a call began, and the calling codes behind which people dial."""

    tolerance_us: int = 5_000_000
    codes: frozenset[str] = frozenset()


def match(calls: Sequence[Ours], rows: Sequence[Row], rules: Rules) -> tuple[Pair, ...]:
    """Return the pairs, each call and each row in one at most, in the order of the rows."""
    pairs: dict[int, Pair] = {}
    taken: set[int] = set()
    for pair in _by_id(calls, rows):
        pairs[pair.row] = pair
        taken.add(pair.call)
    for at in (_started, _also):
        for row_key, call_key in ROUNDS:
            left_rows = [one for one in range(len(rows)) if one not in pairs and at(rows[one])]
            left_calls = [one for one in range(len(calls)) if one not in taken]
            for cluster in _clusters(calls, rows, left_calls, left_rows, (row_key, call_key), at, rules):
                for pair in _assigned(calls, rows, cluster, at, rules):
                    pairs[pair.row] = pair
                    taken.add(pair.call)
    return tuple(pairs[row] for row in sorted(pairs))


def _started(row: Row) -> int:
    return row.started_us


def _also(row: Row) -> int:
    return row.also_us


def _by_id(calls: Sequence[Ours], rows: Sequence[Row]) -> Iterator[Pair]:
    """Rows and calls with one id, those that are the only ones of theirs. Of rows that name one call by several ids the
    first is its."""
    ours: dict[str, int] = {}
    for place, call in enumerate(calls):
        for id_ in dict.fromkeys(call.ids):
            ours[id_] = -1 if id_ in ours else place
    seen: dict[str, int] = {}
    for place, row in enumerate(rows):
        if row.id in ours:
            seen[row.id] = -1 if row.id in seen else place
    paired: set[int] = set()
    for id_, place in seen.items():
        if place >= 0 and ours[id_] >= 0 and ours[id_] not in paired:
            paired.add(ours[id_])
            yield Pair(place, ours[id_], "id", rows[place].started_us - calls[ours[id_]].at_us)


# What rows and calls must share to be compared at all, round by round: the caller; else whom it was for.
ROUNDS: tuple[tuple[Callable[[Row], str], Callable[[Ours], str]], ...] = (
    (lambda row: tail(row.caller), lambda call: tail(call.caller)),
    (lambda row: tail(row.called), lambda call: tail(call.called[0]) if call.called else ""),
    (lambda row: tail(row.called), lambda call: tail(call.called[-1]) if call.called else ""),
)


def tail(number: str) -> str:
    """The last digits of a number, or all of a name, in small letters."""
    digits = _OTHERS.sub("", number)
    return digits[-TAIL:] if digits else number.lower()


@dataclass(frozen=True, slots=True)
class _Cluster:
    """Calls and rows of one key that lie near each other, each in the order of time."""

    calls: list[int]
    rows: list[int]


def _clusters(
    calls: Sequence[Ours], rows: Sequence[Row], left_calls: Sequence[int], left_rows: Sequence[int],
    keys: tuple[Callable[[Row], str], Callable[[Ours], str]], at: Callable[[Row], int], rules: Rules,
) -> Iterator[_Cluster]:  # fmt: skip
    """What may have to do with each other, apart from what cannot."""
    groups: dict[str, list[tuple[int, bool, int]]] = {}
    for place in left_rows:
        if key := keys[0](rows[place]):
            groups.setdefault(key, []).append((at(rows[place]), True, place))
    for place in left_calls:
        found = groups.get(keys[1](calls[place]))
        if found is not None:
            found.append((calls[place].at_us, False, place))
    for group in groups.values():
        yield from _apart(sorted(group), rules.tolerance_us)


def _apart(group: Sequence[tuple[int, bool, int]], tolerance_us: int) -> Iterator[_Cluster]:
    near, last = _Cluster([], []), 0
    for at_us, is_row, place in group:
        if at_us - last > tolerance_us:
            if near.calls and near.rows:
                yield near
            near = _Cluster([], [])
        (near.rows if is_row else near.calls).append(place)
        last = at_us
    if near.calls and near.rows:
        yield near


def _assigned(
    calls: Sequence[Ours], rows: Sequence[Row], cluster: _Cluster, at: Callable[[Row], int], rules: Rules
) -> Iterator[Pair]:
    """The pairs of a cluster."""
    fitting = {
        (row, call): at(rows[row]) - calls[call].at_us
        for row, call in _near(calls, rows, cluster, at, rules.tolerance_us)
        if fits(rows[row], calls[call], rules.codes)
    }
    choices: dict[tuple[bool, int], int] = {}
    for row, call in fitting:
        for key in ((True, row), (False, call)):
            choices[key] = choices.get(key, 0) + 1
    small = len(cluster.calls) * len(cluster.rows) <= MOST_CELLS
    chosen = _most(cluster, fitting) if small else _nearest(fitting)
    for row, call in chosen:
        ambiguous = choices[True, row] > 1 or choices[False, call] > 1
        yield Pair(row, call, "numbers", fitting[row, call], ambiguous)


def _near(
    calls: Sequence[Ours], rows: Sequence[Row], cluster: _Cluster, at: Callable[[Row], int], tolerance_us: int
) -> Iterator[tuple[int, int]]:
    """Every row and call whose times lie within the tolerance; of a crowd, the nearest on either side."""
    times = [calls[one].at_us for one in cluster.calls]
    for row in cluster.rows:
        middle = bisect_left(times, at(rows[row]))
        for place in range(max(0, middle - MOST_NEAR), min(len(times), middle + MOST_NEAR)):
            if abs(times[place] - at(rows[row])) <= tolerance_us:
                yield row, cluster.calls[place]


def fits(row: Row, call: Ours, codes: frozenset[str]) -> bool:
    """True when no number of a row and a call differs, and one at least is the same."""
    from_ = _agree(row.caller, (call.caller,) if call.caller else (), codes)
    to = _agree(row.called, call.called, codes)
    return from_ >= 0 and to >= 0 and from_ + to > 0


def _agree(theirs: str, ours: tuple[str, ...], codes: frozenset[str]) -> int:
    """1 when a number is one of ours, 0 when either side does not say, −1 when it is another."""
    if not theirs or not ours:
        return 0
    return 1 if any(_same(theirs, one, codes) for one in ours) else -1


def _same(one: str, other: str, codes: frozenset[str]) -> bool:
    if one == other:
        return True
    return tail(one) == tail(other) and bool(forms(one, codes) & forms(other, codes))


def _most(cluster: _Cluster, fitting: Mapping[tuple[int, int], int]) -> list[tuple[int, int]]:
    """As many pairs as can be in the order of time, and of those choices the one that lies nearest together."""
    rows, calls = cluster.rows, cluster.calls
    best = [[(0, 0)] * (len(calls) + 1) for _ in range(len(rows) + 1)]
    for i, row in enumerate(rows, 1):
        for j, call in enumerate(calls, 1):
            best[i][j] = max(best[i - 1][j], best[i][j - 1])
            if (row, call) in fitting:
                many, cost = best[i - 1][j - 1]
                best[i][j] = max(best[i][j], (many + 1, cost - abs(fitting[row, call])))
    return _traced(rows, calls, best)


def _traced(
    rows: Sequence[int], calls: Sequence[int], best: Sequence[Sequence[tuple[int, int]]]
) -> list[tuple[int, int]]:
    """The pairs that led to the best of a table."""
    chosen: list[tuple[int, int]] = []
    i, j = len(rows), len(calls)
    while i and j:
        if best[i][j] == best[i - 1][j]:
            i -= 1
        elif best[i][j] == best[i][j - 1]:
            j -= 1
        else:
            i, j = i - 1, j - 1
            chosen.append((rows[i], calls[j]))
    return chosen


def _nearest(fitting: Mapping[tuple[int, int], int]) -> list[tuple[int, int]]:
    """Pairs, the nearest first, for a crowd too large for a table."""
    rows, calls, chosen = set[int](), set[int](), list[tuple[int, int]]()
    for row, call in sorted(fitting, key=lambda pair: (abs(fitting[pair]), pair)):
        if row not in rows and call not in calls:
            rows.add(row)
            calls.add(call)
            chosen.append((row, call))
    return chosen


# ------------------------------------------------------------------------------------------ clocks

FAR_US = (
    15 * 3600 * 1_000_000
)  # no two time zones are further apart than 26 h, and no two offices of one switch than this
LEAST_ALIKE = 3


def clock_hint(calls: Sequence[Ours], rows: Sequence[Row], pairs: Sequence[Pair]) -> int:
    """Return by how many seconds the rows that fit no call seem to be late (negative: early); 0 when nothing seems so.

    It seems so when as many as half of them, and three, have a call of the same caller at one distance, to ten seconds.
    """
    taken, matched = {one.call for one in pairs}, {one.row for one in pairs}
    times: dict[str, list[int]] = {}
    for place, call in enumerate(calls):
        if place not in taken and (key := tail(call.caller)):
            times.setdefault(key, []).append(call.at_us)
    for each in times.values():
        each.sort()
    left = [one for place, one in enumerate(rows) if place not in matched]
    apart = Counter(found for row in left if (found := _nearest_time(times.get(tail(row.caller), ()), row.started_us)))
    seconds, many = apart.most_common(1)[0] if apart else (0, 0)
    return seconds if many >= LEAST_ALIKE and 2 * many >= len(left) else 0


def _nearest_time(times: Sequence[int], at_us: int) -> int:
    """How much later a time is than the nearest of these, in tens of seconds; 0 for none near enough."""
    middle = bisect_left(times, at_us)
    near = [at_us - one for one in times[max(0, middle - 1) : middle + 1] if abs(at_us - one) <= FAR_US]
    return 10 * round(min(near, key=abs) / 10_000_000) if near else 0
