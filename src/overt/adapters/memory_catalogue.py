"""The catalogue in memory: calls are found by reading through all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from overt.services.auditing import CallRecord
from overt.services.cataloguing import row_of
from overt.services.searching import BadCursor, CallRow, Page, Wanted

_GAP, _LAST = "gap", 4


@dataclass(slots=True)
class MemoryCatalogue:
    """Implements searching.Catalogue. Filled by `take` (from a record) or `put` (a row, and its numbers)."""

    rows: dict[tuple[str, str], CallRow] = field(default_factory=dict)
    numbers: dict[str, tuple[str, ...]] = field(default_factory=dict, repr=False)

    def take(self, tenant: str, record: CallRecord) -> CallRow:
        """Keep a call by its record; return its row."""
        return self.put(tenant, row_of(record), record.caller, record.called)

    def put(self, tenant: str, row: CallRow, *numbers: str) -> CallRow:
        """Keep a row, in the place of the one with its id; `numbers` are what its call is found by."""
        self.rows[tenant, row.id] = row
        self.numbers[row.id] = numbers
        return row

    def search(self, tenant: str, wanted: Wanted) -> Page:
        """See searching.Catalogue."""
        before = _read_cursor(wanted.after)
        found = sorted(self._found(tenant, wanted), key=_place, reverse=True)
        rest = [one for one in found if before is None or _place(one) < before]
        rows = tuple(rest[: wanted.limit])
        return Page(rows, _cursor(rows[-1]) if len(rest) > len(rows) and rows else "")

    def find(self, tenant: str, call: str) -> CallRow | None:
        """See searching.Catalogue."""
        return self.rows.get((tenant, call))

    def holding(self, tenant: str, recording: str) -> CallRow | None:
        """See searching.Catalogue."""
        return next((one for one in self._of(tenant) if recording in one.recordings), None)

    def counts(self, tenant: str, wanted: Wanted, most: int = 1000) -> Mapping[str, int]:
        """See searching.Catalogue."""
        rows = list(self._found(tenant, wanted, every_state=True))
        counted = Counter(one.state for one in rows) + Counter({_GAP: sum(one.gap for one in rows)})
        return {state: min(count, most) for state, count in counted.items()}

    def choices(self, tenant: str) -> Mapping[str, Sequence[str]]:
        """See searching.Catalogue."""
        rows = list(self._of(tenant))
        return {
            "line": sorted({one.line for one in rows if one.line}),
            "agent": sorted({one.agent for one in rows if one.agent}),
            "place": sorted({place for one in rows for place in one.places}),
        }

    def position(self, tenant: str) -> int:
        """How many entries of the ledger it has read: one more than the last that any call names."""
        return 1 + max((index for one in self._of(tenant) for index in one.entries), default=-1)

    def _of(self, tenant: str) -> Iterator[CallRow]:
        return (row for (of, _), row in self.rows.items() if of == tenant)

    def _found(self, tenant: str, wanted: Wanted, *, every_state: bool = False) -> Iterator[CallRow]:
        for row in self._of(tenant):
            fits_state = every_state or (wanted.state in ("", row.state) and (row.gap or not wanted.gap))
            if fits_state and _fits(row, wanted) and _is_number(self.numbers[row.id], wanted.number):
                yield row


def _fits(row: CallRow, wanted: Wanted) -> bool:
    """Whether a row is wanted, its state and number apart."""
    exact = ((wanted.agent, row.agent), (wanted.line, row.line))
    words = f"{row.outcome}\n{row.reason}".casefold()
    return (
        row.started_us >= wanted.since_us
        and (not wanted.until_us or row.started_us < wanted.until_us)
        and all(asked in ("", known) for asked, known in exact)
        and (not wanted.place or wanted.place in row.places)
        and all(word in words for word in wanted.text.casefold().split())
    )


def _is_number(numbers: tuple[str, ...], wanted: str) -> bool:
    """Whether one of the numbers is the one asked for: the whole of it, or its last four digits."""
    digits = _digits(wanted)
    if not digits:
        return not wanted
    known = [_digits(one) for one in numbers]
    return any(one.endswith(digits) if len(digits) == _LAST else one == digits for one in known)


def _digits(text: str) -> str:
    return "".join(one for one in text if one.isdigit())


def _place(row: CallRow) -> tuple[int, str]:
    return row.started_us, row.id


def _cursor(row: CallRow) -> str:
    return f"{row.started_us}.{row.id}"


def _read_cursor(text: str) -> tuple[int, str] | None:
    if not text:
        return None
    started, dot, call = text.partition(".")
    if not dot or not call or not started.isascii() or not started.isdigit():
        raise BadCursor(f"no page gave the cursor {text[:40]}")
    return int(started), call
