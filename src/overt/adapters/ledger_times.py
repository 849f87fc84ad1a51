"""Where in the ledger's log a time lies, without reading it from its beginning.

The notary stamps entries in their order (`entered_us`), so the log can be halved until the place is found; which entry
begins there is told by its hash among the stored leaves.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from overt.adapters.ledger_files import LEAF_BYTES
from overt.ledger.merkle import leaf_hash

_READ = 1 << 20
_STEP = 1 << 16
_ENTERED = re.compile(rb'"entered_us":(\d{1,19}),')


def begin_of(file: int, size: int, at_us: int) -> int:
    """Return where a line begins such that all lines before it were entered before a time, and none after the next one was.

    `file` is an open log of which the first `size` bytes count. Lines that tell no time are passed over. Raises OSError.
    """
    low, high = 0, size  # what begins before `low` was entered before; what begins at `high` or later was not
    while low < high:
        middle = (low + high) // 2
        end, entered = _timed(file, _line_at(file, middle, size) if middle > low else low, high, size)
        if 0 <= entered < at_us:
            low = end
        else:
            high = middle
    return min(low, size)


def entered_us(line: bytes) -> int:
    """When a line was entered, UTC microseconds; −1 when it does not tell."""
    found = _ENTERED.findall(line)
    return int(found[-1]) if found else -1


def _timed(file: int, begin: int, high: int, size: int) -> tuple[int, int]:
    """Where the first line that begins in [begin, high) and tells its time ends, and that time; −1 for none."""
    while begin < high:
        end = _line_at(file, begin + 1, size)
        entered = entered_us(os.pread(file, end - begin, begin))
        if entered >= 0:
            return end, entered
        begin = end
    return begin, -1


def _line_at(file: int, at: int, size: int) -> int:
    """Where the first line begins that begins at a place or after it; `size` when there is none."""
    at -= 1
    while at < size and (read := os.pread(file, _STEP, at)):
        found = read.find(b"\n")
        if found >= 0:
            return min(at + found + 1, size)
        at += len(read)
    return size


def index_at(folder: Path, file: int, begin: int, size: int) -> int:
    """Return the index of the entry whose line begins at a place of the log. Raises OSError."""
    if begin >= size:
        return 0  # nothing is read from there on
    line = os.pread(file, _line_at(file, begin + 1, size) - begin, begin).rstrip(b"\n")
    found = _among_leaves(folder, leaf_hash(line)) if begin else 0
    return found if found >= 0 else _counted(file, begin)


def _among_leaves(folder: Path, leaf: bytes) -> int:
    """The place of a hash among the stored leaves; −1 when it is not there."""
    path = folder / "leaves"
    if not path.exists():
        return -1
    with path.open("rb", buffering=0) as file:
        first = 0
        while read := file.read(_READ):  # not mapped into memory: a notary that repairs it may cut it short
            at = read.find(leaf)
            while at >= 0 and at % LEAF_BYTES:
                at = read.find(leaf, at + 1)
            if at >= 0:
                return (first + at) // LEAF_BYTES
            first += len(read)
    return -1


def _counted(file: int, begin: int) -> int:
    """How many lines end before a place."""
    at = lines = 0
    while at < begin and (read := os.pread(file, min(_READ, begin - at), at)):
        lines += read.count(b"\n")
        at += len(read)
    return lines
