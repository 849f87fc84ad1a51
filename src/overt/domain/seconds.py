"""What came for a leg in which seconds of a call: the rows of its account (P11).

A row is `[from_s, seconds, received, captured, dropped, lost, late, paused]`: from which second of the call on, for how
many seconds, and how many packets in all of them together. Seconds that are alike make one row. A leg has at most
MOST_ROWS; beyond, neighbours are joined on a grid of two, four, eight … seconds, which the row's `seconds` then say.
The sums over the rows stay what was counted.
"""

from __future__ import annotations

from array import array

MOST_ROWS = 2000
Totals = tuple[int, int, int, int, int]  # received, captured, dropped without permit, lost, late
_WIDTH = 7  # as kept: seconds, the counts, paused; a row begins where the one before ends


class Seconds:
    """The rows of one leg. `from_s`: the second of the call in which counting begins."""

    def __init__(self, from_s: int = 0) -> None:
        self._from = self._until = self._last_from = from_s
        self._kept = array("I")
        self._last: list[int] = []
        self._seen: Totals = (0, 0, 0, 0, 0)
        self._grid = 1
        self._paused = False

    def note(self, until_s: int, totals: Totals, paused: bool) -> None:
        """Note what was counted from the beginning until a second, which is not in it; `totals` in the order of a row.

        Within a second that was noted already nothing is written yet. A packet that comes late takes one from the
        totals of the lost; the row that said lost stays, and the one in which it came says late.
        """
        self._paused |= paused
        if until_s > self._until:
            self._write(until_s - self._until, totals)
            self._until = until_s

    def rows(self, until_s: int, totals: Totals, paused: bool) -> list[list[int]]:
        """All rows when counting is over, with what was counted last."""
        self.note(until_s if totals == self._seen else max(until_s, self._until + 1), totals, paused)
        made, at_s = [], self._from
        kept = self._kept + array("I", self._last)
        for at in range(0, len(kept), _WIDTH):
            row = kept[at : at + _WIDTH].tolist()
            made.append([at_s, *row])
            at_s += row[0]
        return made

    def _write(self, seconds: int, totals: Totals) -> None:
        one, two, three, four, five = totals
        first, second, third, fourth, fifth = self._seen
        lost, paused = max(four, fourth), int(self._paused)
        row = [seconds, one - first, two - second, three - third, lost - fourth, five - fifth, paused]
        self._seen, self._paused = (one, two, three, lost, five), False
        last = self._last
        if last and (self._neighbours(self._last_from, last[0] + seconds) or _alike(last, row)):
            self._last = _joined(last, row)
            return
        self._kept.extend(last)
        self._last, self._last_from = row, self._until
        while len(self._kept) >= MOST_ROWS * _WIDTH:
            self._grid *= 2
            self._coarsen()

    def _neighbours(self, from_s: int, seconds: int) -> bool:
        """True when so many seconds lie within one field of the grid."""
        return from_s // self._grid == (from_s + seconds - 1) // self._grid

    def _coarsen(self) -> None:
        old, self._kept = self._kept, array("I")
        last: list[int] = []
        at_s = last_from = self._from
        for at in range(0, len(old), _WIDTH):
            row = old[at : at + _WIDTH].tolist()
            if last and self._neighbours(last_from, last[0] + row[0]):
                last = _joined(last, row)
            else:
                self._kept.extend(last)
                last, last_from = row, at_s
            at_s += row[0]
        self._kept.extend(last)


def _alike(last: list[int], row: list[int]) -> bool:
    """True when both have as much a second, and both or none was paused."""
    long, short = last[0], row[0]
    return (
        row[1] * long == last[1] * short and row[2] * long == last[2] * short and row[3] * long == last[3] * short
        and row[4] * long == last[4] * short and row[5] * long == last[5] * short and row[6] == last[6]
    )  # fmt: skip


def _joined(last: list[int], row: list[int]) -> list[int]:
    return [
        last[0] + row[0], last[1] + row[1], last[2] + row[2], last[3] + row[3], last[4] + row[4], last[5] + row[5],
        last[6] | row[6],
    ]  # fmt: skip
