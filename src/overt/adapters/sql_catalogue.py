"""The catalogue in the database, as it is read.

Every question is answered in one of two ways. *Few*: some filter leaves few calls; its index gives their row numbers
and the rest is looked at in the rows. *Scan*: all filters leave many, so reading by time fills a page soon; the two wide
indexes hold all that filters need. Which it is, counting tells, no further than `FEW`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from overt.adapters.database import storable, work
from overt.adapters.number_index import NumberIndex
from overt.adapters.tables import calls, editions, recordings, words
from overt.services.searching import STATES, BadCursor, CallRow, Page, Wanted

FEW = 10_000
_GAP, _NONE = "gap", -1  # −1: no edition has that number
Condition = sa.ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class _Filter:
    """One thing that is wanted, and the indexes by which it is found: conditions joined by or, one an index."""

    ways: tuple[tuple[str, Condition], ...]

    @property
    def condition(self) -> Condition:
        return sa.or_(*(condition for _, condition in self.ways))


class SqlCatalogue:
    """Implements searching.Catalogue over the current edition of each tenant. May be used by many threads."""

    def __init__(self, engine: sa.Engine, numbers: NumberIndex) -> None:
        # One picture for all the statements of a question, also while an edition takes the place of another.
        still = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == "postgresql" else {}
        self._engine, self._numbers = engine.execution_options(**still), numbers

    def search(self, tenant: str, wanted: Wanted) -> Page:
        """See searching.Catalogue."""
        before = _read_cursor(wanted.after)
        with self._asking(tenant) as (rows, edition):
            filters = self._filters(rows, edition, wanted)
            if filters is None:
                return Page(())
            conditions = [*_period(wanted), *([_earlier(*before)] if before else [])]
            if wanted.state:
                filters = [*filters, _Filter((("ix_calls_state", calls.c.state == wanted.state),))]
            if wanted.gap:
                filters = [*filters, _Filter((("ix_calls_gap", calls.c.gap),))]
            found = self._newest(rows, edition, filters, conditions, wanted)
        page = found[: wanted.limit]
        return Page(tuple(page), _cursor(page[-1]) if len(found) > len(page) and page else "")

    def find(self, tenant: str, call: str) -> CallRow | None:
        """See searching.Catalogue."""
        with self._asking(tenant) as (rows, edition):
            row = (
                rows.execute(_SHOWN.where(calls.c.edition == edition, calls.c.id == storable(call))).mappings().first()
            )
        return None if row is None else _read(row)

    def holding(self, tenant: str, recording: str) -> CallRow | None:
        """See searching.Catalogue."""
        with self._asking(tenant) as (rows, edition):
            held = sa.select(recordings.c.call).where(
                recordings.c.edition == edition, recordings.c.id == storable(recording)
            )
            mine = sa.and_(calls.c.edition == edition, calls.c.id == held.scalar_subquery())
            row = rows.execute(_SHOWN.where(mine)).mappings().first()
        return None if row is None else _read(row)

    def counts(self, tenant: str, wanted: Wanted, most: int = 1000) -> Mapping[str, int]:
        """See searching.Catalogue."""
        with self._asking(tenant) as (rows, edition):
            filters = self._filters(rows, edition, wanted)
            if filters is None:
                return {}
            few = _few(rows, edition, filters)
            conditions = [calls.c.edition == edition, *_period(wanted), *(one.condition for one in filters)]
            if few is not None:
                asked = sa.select(calls.c.state, sa.func.count(), sa.func.sum(sa.cast(calls.c.gap, sa.Integer)))
                of_few = asked.where(_among(edition, few), *conditions).group_by(calls.c.state)
                found = [tuple(row) for row in rows.execute(_hinted(of_few, ""))]
                counted = {state: count for state, count, _ in found} | {_GAP: sum(gaps for _, _, gaps in found)}
            else:
                counted = dict(_counted(rows, conditions, most))
        return {state: min(count, most) for state, count in counted.items() if count}

    def choices(self, tenant: str) -> Mapping[str, Sequence[str]]:
        """See searching.Catalogue."""
        with self._asking(tenant) as (rows, edition):
            asked = sa.select(words.c.kind, words.c.text).where(words.c.edition == edition, words.c.kind != "reason")
            known = [tuple(row) for row in rows.execute(asked)]
        places = {place for kind, text in known if kind == "places" for place in text.split()}
        return {
            "line": sorted(text for kind, text in known if kind == "line" and text),
            "agent": sorted(text for kind, text in known if kind == "agent" and text),
            "place": sorted(places),
        }

    def position(self, tenant: str) -> int:
        """See searching.Catalogue."""
        with work(self._engine) as rows:
            mine = sa.and_(editions.c.tenant == tenant, editions.c.current)
            return int(rows.scalar(sa.select(editions.c.position).where(mine)) or 0)

    @contextmanager
    def _asking(self, tenant: str) -> Iterator[tuple[sa.Connection, int]]:
        with work(self._engine) as rows:
            mine = sa.and_(editions.c.tenant == tenant, editions.c.current)
            yield rows, rows.scalar(sa.select(editions.c.id).where(mine)) or _NONE

    def _filters(self, rows: sa.Connection, edition: int, wanted: Wanted) -> list[_Filter] | None:
        """What is wanted apart from time, state and gap; None when no call can have it."""
        filters: list[_Filter] = []
        if wanted.number:
            keys = self._keys(wanted.number)
            if not keys:
                return None
            filters.append(_Filter(tuple((f"ix_calls_{name}", calls.c[name].in_(some)) for name, some in keys)))
        shared = (
            ("line", words.c.text == storable(wanted.line), wanted.line),
            ("agent", words.c.text == storable(self._numbers.shown(wanted.agent)), wanted.agent),
            (
                "places",
                (" " + words.c.text + " ").contains(f" {storable(wanted.place)} ", autoescape=True),
                wanted.place,
            ),
            ("reason", sa.and_(sa.true(), *_worded(wanted.text)), wanted.text.split()),
        )
        for kind, condition, asked in shared:
            if asked:
                ids = rows.scalars(
                    sa.select(words.c.id).where(words.c.edition == edition, words.c.kind == kind, condition)
                ).all()
                if not ids:
                    return None
                filters.append(_Filter(((f"ix_calls_{kind}", calls.c[kind].in_(ids)),)))
        return filters

    def _keys(self, number: str) -> list[tuple[str, Sequence[bytes]]]:
        """The hashed columns in which a number is looked for, with the hashes."""
        digits = sum(one.isdigit() for one in number)
        tail = self._numbers.tail(number) if digits == 4 else None
        if tail is not None:
            return [("caller_tail", [tail]), ("called_tail", [tail])]
        whole = self._numbers.wholes(number)
        return [("caller_key", whole), ("called_key", whole)] if whole else []

    def _newest(
        self,
        rows: sa.Connection,
        edition: int,
        filters: Sequence[_Filter],
        conditions: Sequence[Condition],
        wanted: Wanted,
    ) -> list[CallRow]:
        few = _few(rows, edition, filters)
        narrowed = [calls.c.edition == edition, *conditions, *(one.condition for one in filters)]
        if few is not None:
            narrowed.append(_among(edition, few))
        index = (
            ""
            if few is not None
            else "ix_calls_gap"
            if wanted.gap
            else "ix_calls_state"
            if wanted.state
            else "ix_calls_time"
        )
        chosen = sa.select(calls.c.row).where(*narrowed).order_by(calls.c.started_us.desc(), calls.c.id.desc())
        ids = rows.scalars(_hinted(chosen.limit(wanted.limit + 1), index)).all()
        shown = _SHOWN.where(calls.c.row.in_(ids)).order_by(calls.c.started_us.desc(), calls.c.id.desc())
        return [_read(row) for row in rows.execute(shown).mappings()] if ids else []


# ------------------------------------------------------------------------------------------ few, or a scan


def _few(rows: sa.Connection, edition: int, filters: Sequence[_Filter]) -> _Filter | None:
    """The filter that leaves the fewest calls, when those are few."""
    fewest, least = None, FEW
    for one in filters:
        found = 0
        for index, condition in one.ways:
            some = _hinted(sa.select(sa.literal(1)).where(calls.c.edition == edition, condition), index).limit(FEW)
            found += rows.scalar(sa.select(sa.func.count()).select_from(some.subquery())) or 0
        if found < least:
            fewest, least = one, found
        if found < FEW // 10:
            break  # few enough: the others need not be counted
    return fewest


def _among(edition: int, few: _Filter) -> Condition:
    """The condition that a call is one of those that a filter leaves, by row number."""
    ways = [
        _hinted(sa.select(calls.c.row).where(calls.c.edition == edition, condition), index).correlate(None)
        for index, condition in few.ways
    ]
    return calls.c.row.in_(ways[0] if len(ways) == 1 else sa.union_all(*ways))


def _hinted(asked: sa.Select[Any], index: str) -> sa.Select[Any]:
    """Have SQLite use an index, or none but the row numbers. It keeps no statistics from which it could choose itself."""
    return asked.select_from(calls).with_hint(calls, f"INDEXED BY {index}" if index else "NOT INDEXED", "sqlite")


def _counted(rows: sa.Connection, conditions: Sequence[Condition], most: int) -> Mapping[str, int]:
    """Count by scanning, state by state, no further than is asked."""
    wide = {state: ("ix_calls_state", calls.c.state == state) for state in STATES} | {
        _GAP: ("ix_calls_gap", calls.c.gap)
    }
    counted: dict[str, int] = {}
    for state, (index, condition) in wide.items():
        some = _hinted(sa.select(sa.literal(1)).where(condition, *conditions), index).limit(most)
        counted[state] = rows.scalar(sa.select(sa.func.count()).select_from(some.subquery())) or 0
    return counted


def _period(wanted: Wanted) -> list[Condition]:
    since = [calls.c.started_us >= wanted.since_us] if wanted.since_us else []
    return since + ([calls.c.started_us < wanted.until_us] if wanted.until_us else [])


def _worded(text: str) -> list[Condition]:
    return [words.c.folded.contains(word, autoescape=True) for word in storable(text).casefold().split()]


# ------------------------------------------------------------------------------------------ cursors and rows


def _earlier(started_us: int, call: str) -> Condition:
    """The condition that a call comes after another one, newest first. The first half is what an index can use."""
    return sa.and_(calls.c.started_us <= started_us, sa.or_(calls.c.started_us < started_us, calls.c.id < call))


def _cursor(row: CallRow) -> str:
    return base64.urlsafe_b64encode(f"{row.started_us}.{row.id}".encode()).decode().rstrip("=")


def _read_cursor(text: str) -> tuple[int, str] | None:
    if not text:
        return None
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        started, dot, call = base64.b64decode(padded, altchars=b"-_", validate=True).decode().partition(".")
    except (UnicodeError, binascii.Error) as error:
        raise BadCursor("no page gave this cursor") from error
    if not dot or not call or not started.isascii() or not started.isdigit() or len(started) > _LONGEST_TIME:
        raise BadCursor("no page gave this cursor")
    return int(started), storable(call)


_LONGEST_TIME = 18  # digits that fit 64 bits
_NAMES = {name: words.alias(name) for name in ("line", "agent", "places", "reason")}
_COLUMNS = [
    *(column for column in calls.c if column.name not in ("row", "edition", "tenant", *_NAMES) and not column.name.endswith(("_key", "_tail"))),
    *(words_.c.text.label(name) for name, words_ in _NAMES.items()),
]  # fmt: skip


def _shown() -> sa.Select[Any]:
    """All that is shown of calls, the shared texts included."""
    joined: sa.FromClause = calls
    for name, words_ in _NAMES.items():
        joined = joined.join(words_, sa.and_(words_.c.edition == calls.c.edition, words_.c.id == calls.c[name]))
    return sa.select(*_COLUMNS).select_from(joined)


_SHOWN = _shown()


def _read(row: sa.RowMapping) -> CallRow:
    outcome, _, reason = row["reason"].partition("\n")
    shared = {
        "places": tuple(row["places"].split()), "outcome": outcome, "reason": reason,
        "recordings": tuple(row["recordings"].split()), "entries": tuple(int(one) for one in row["entries"].split()),
    }  # fmt: skip
    return CallRow(**{name: shared[name] if name in shared else row[name] for name in CallRow.__slots__})
