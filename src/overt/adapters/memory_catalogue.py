"""The catalogue in memory: calls are found by reading through all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from overt.services.auditing import CallRecord, masked, recorder_hears
from overt.services.searching import BadCursor, CallRow, Page, Wanted, state_of

_GAP = "gap"


def row_of(record: CallRecord) -> CallRow:
    """What a catalogue keeps of a call's record: its numbers masked."""
    return CallRow(
        record.id, record.started_us, state_of(record), record.line, record.agent, masked(record.caller),
        masked(record.called), tuple(record.places), record.effect, record.rule, record.citation, record.consent,
        record.told, record.outcome, record.reason, record.stages[-1] if record.stages else "",
        recorder_hears(record), bool(record.gaps), record.disclosed_ms, record.captured_ms, record.call_ms,
        tuple(record.recordings or record.permitted), tuple(record.entries), record.ledger_index,
    )  # fmt: skip


@dataclass(slots=True)
class MemoryCatalogue:
    """Implements searching.Catalogue. Filled by `take` (from a record) or `put` (a row, and its caller's number)."""

    rows: dict[tuple[str, str], CallRow] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict, repr=False)

    def take(self, tenant: str, record: CallRecord) -> CallRow:
        """Keep a call by its record; return its row."""
        return self.put(tenant, row_of(record), record.caller)

    def put(self, tenant: str, row: CallRow, number: str = "") -> CallRow:
        """Keep a row, in the place of the one with its id; `number` is what its call is found by."""
        self.rows[tenant, row.id] = row
        self.numbers[row.id] = number
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


def _is_number(number: str, wanted: str) -> bool:
    """Whether a number is the one asked for: the whole of it, or its last four digits."""
    digits = "".join(one for one in wanted if one.isdigit())
    known = "".join(one for one in number if one.isdigit())
    return not wanted or (bool(digits) and (known == digits or (len(digits) == 4 and known.endswith(digits))))


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
