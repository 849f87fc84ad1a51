"""The catalogue in the database, as it is written: editions that follow the ledger, kept with the place they reached."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from overt.adapters.database import storable, work
from overt.adapters.number_index import NumberIndex
from overt.adapters.tables import calls, editions, marks, recordings, words
from overt.ports import Unavailable
from overt.services.auditing import CallRecord
from overt.services.cataloguing import ERASED, MARK_EVERY, Changes, Known, Reached, Stretch, row_of

LONGEST_TEXT = 600  # characters: PostgreSQL indexes no text of more than 2,700 bytes
_AT_ONCE, _SWEPT = 500, 2_000
_UNKNOWN = -1
T = TypeVar("T")


class SqlEditions:
    """Implements cataloguing.Editions and cataloguing.Rebuilding. One thread at a time."""

    def __init__(self, engine: sa.Engine, numbers: NumberIndex) -> None:
        self._engine, self._numbers = engine, numbers
        self._words = _Words()

    # ------------------------------------------------------------------------------------- editions

    def reached(self, tenant: str) -> Reached | None:
        """See cataloguing.Editions. Raises Unavailable also when its numbers are under another key."""
        with work(self._engine) as rows:
            row = rows.execute(sa.select(editions).where(editions.c.tenant == tenant, editions.c.current)).first()
        if row is None:
            return None
        if row.number_key != self._numbers.id:
            why = "its numbers were hashed under another keys/catalogue.key; `overt catalogue rebuild` makes it anew"
            raise Unavailable("catalogue", why, retry=False)
        return Reached(row.id, row.origin, row.position, row.octets)

    def begin(self, tenant: str, origin: str, *, current: bool) -> Reached:
        """See cataloguing.Editions."""
        fields = {
            "tenant": tenant, "current": current, "origin": origin, "number_key": self._numbers.id, "position": 0,
            "octets": 0, "made_us": time.time_ns() // 1000,
        }  # fmt: skip
        with work(self._engine) as rows:
            made = rows.execute(sa.insert(editions).values(fields)).inserted_primary_key
        assert made is not None
        return Reached(int(made[0]), origin, 0, 0)

    def publish(self, tenant: str, edition: int) -> None:
        """See cataloguing.Rebuilding."""
        mine = sa.and_(editions.c.tenant == tenant, editions.c.current)
        with work(self._engine) as rows:
            rows.execute(sa.update(editions).where(mine).values(current=False))
            rows.execute(sa.update(editions).where(editions.c.id == edition).values(current=True))
            if rows.dialect.name == "postgresql":
                for table in (calls, words, recordings):
                    rows.execute(sa.text(f"ANALYZE {table.name}"))

    def extent(self, edition: int) -> tuple[int, int]:
        """See cataloguing.Rebuilding."""
        with work(self._engine) as rows:
            found = [
                rows.scalar(sa.select(sa.func.count()).where(one.c.edition == edition)) for one in (calls, recordings)
            ]
        return int(found[0] or 0), int(found[1] or 0)

    def sweep(self, tenant: str) -> bool:
        """See cataloguing.Rebuilding."""
        with work(self._engine) as rows:
            old = sa.select(editions.c.id).where(editions.c.tenant == tenant, ~editions.c.current).limit(1)
            edition = rows.scalar(old)
            if edition is None:
                return False
            for table, key in ((calls, "row"), (recordings, "id"), (words, "id"), (marks, "entry")):
                some = sa.select(table.c[key]).where(table.c.edition == edition).limit(_SWEPT)
                gone = rows.execute(sa.delete(table).where(table.c.edition == edition, table.c[key].in_(some)))
                if gone.rowcount:
                    return True
            rows.execute(sa.delete(editions).where(editions.c.id == edition))
            return True

    # -------------------------------------------------------------------------------------- reading

    def known(self, edition: int, calls_: Sequence[str]) -> Mapping[str, Known]:
        """See cataloguing.Editions."""
        found: dict[str, Known] = {}
        with work(self._engine) as rows:
            for some in _portions(calls_):
                asked = sa.select(calls.c.id, calls.c.entries, calls.c.caller)
                for row in rows.execute(asked.where(calls.c.edition == edition, calls.c.id.in_(some))):
                    found[row.id] = Known([int(one) for one in row.entries.split()], row.caller == ERASED)
        return found

    def marks(self, edition: int, indexes: Sequence[int]) -> Mapping[int, int]:
        """See cataloguing.Editions."""
        found: dict[int, int] = {}
        with work(self._engine) as rows:
            for some in _portions(sorted({index - index % MARK_EVERY for index in indexes})):
                asked = sa.select(marks.c.entry, marks.c.octets)
                for row in rows.execute(asked.where(marks.c.edition == edition, marks.c.entry.in_(some))):
                    found[row.entry] = row.octets
        return found

    # -------------------------------------------------------------------------------------- keeping

    def keep(self, tenant: str, before: Reached, changes: Changes, stretch: Stretch) -> bool:
        """See cataloguing.Editions. The place is moved first: that locks out whoever else would write the edition."""
        known, self._words = self._words, _Words()
        here = sa.and_(editions.c.id == before.edition, editions.c.position == before.position)
        there = {"position": stretch.position, "octets": stretch.octets}
        with work(self._engine) as rows:
            if not rows.execute(sa.update(editions).where(here).values(there)).rowcount:
                return False
            if known.stands != before:
                known = _Words.read(rows, before)
            self._keep_marks(rows, tenant, before.edition, stretch)
            self._keep_calls(rows, tenant, before.edition, changes, known)
            self._keep_recordings(rows, tenant, before.edition, changes)
            if changes.erased:
                _sweep_agents(rows, before.edition)
        if changes.erased:
            self._empty_log()
        else:
            known.stands = Reached(before.edition, before.origin, stretch.position, stretch.octets)
            self._words = known
        return True

    def _keep_marks(self, rows: sa.Connection, tenant: str, edition: int, stretch: Stretch) -> None:
        made = [
            {"edition": edition, "tenant": tenant, "entry": entry, "octets": octets}
            for entry, octets in stretch.marks.items()
        ]
        if made:
            rows.execute(sa.insert(marks), made)

    def _keep_calls(self, rows: sa.Connection, tenant: str, edition: int, changes: Changes, known: _Words) -> None:
        kept = [
            {**self._fields(record, known), "edition": edition, "tenant": tenant} for record in changes.records.values()
        ]
        fresh = [{**one, "edition": edition, "tenant": tenant} for one in known.take_fresh()]
        if fresh:
            rows.execute(sa.insert(words), fresh)
        if kept:
            insert = _insert(rows, calls)
            changed = {name: insert.excluded[name] for name in kept[0] if name not in ("edition", "id", "tenant")}
            rows.execute(insert.on_conflict_do_update(index_elements=["edition", "id"], set_=changed), kept)
        more = [{"call": call, "more": _joined(entries)} for call, entries in changes.more.items()]
        if more:
            longer = calls.c.entries + " " + sa.bindparam("more")
            mine = sa.and_(calls.c.edition == edition, calls.c.id == sa.bindparam("call"))
            rows.execute(sa.update(calls).where(mine).values(entries=longer), more)

    def _fields(self, record: CallRecord, known: _Words) -> dict[str, Any]:
        row, numbers = row_of(record), self._numbers
        fields: dict[str, Any] = {
            "id": row.id, "started_us": row.started_us, "state": row.state, "line": known.id("line", row.line),
            "agent": known.id("agent", numbers.shown(row.agent)), "places": known.id("places", " ".join(row.places)),
            "reason": known.id("reason", f"{row.outcome}\n{row.reason}"), "gap": row.gap, "caller": row.caller,
            "called": row.called, "caller_key": numbers.whole(record.caller), "caller_tail": numbers.tail(record.caller),
            "called_key": numbers.whole(record.called), "called_tail": numbers.tail(record.called),
            "effect": row.effect, "rule": row.rule, "citation": row.citation, "consent": row.consent, "told": row.told,
            "stage": row.stage, "hears": row.hears, "disclosed_ms": row.disclosed_ms, "captured_ms": row.captured_ms,
            "call_ms": row.call_ms, "recordings": _joined(row.recordings), "entries": _joined(row.entries),
            "ledger_index": row.ledger_index,
        }  # fmt: skip
        return {name: storable(one) if isinstance(one, str) else one for name, one in fields.items()}

    def _keep_recordings(self, rows: sa.Connection, tenant: str, edition: int, changes: Changes) -> None:
        begun = [
            {"edition": edition, "id": one.recording, "tenant": tenant, "call": one.call, "told": one.told,
             "permitted": one.permitted, "started_us": one.started_us, "ended": None, "how": "", "captured_ms": 0,
             "chunks": 0, "stored_bytes": _UNKNOWN, "whole": False, "policy": storable(one.policy),
             "listeners": None if one.listeners is None else storable(_joined(one.listeners))}
            for one in changes.permitted
        ]  # fmt: skip
        if begun:
            rows.execute(_insert(rows, recordings).on_conflict_do_nothing(), begun)
        ended = [
            {"of": one.recording, "entry": one.entry, "was": one.how, "ms": one.captured_ms, "records": one.chunks}
            for one in changes.ended
        ]
        if ended:
            mine = sa.and_(
                recordings.c.edition == edition, recordings.c.id == sa.bindparam("of"), recordings.c.ended.is_(None)
            )
            fields: Mapping[str, Any] = {"ended": sa.bindparam("entry"), "how": sa.bindparam("was"), "captured_ms": sa.bindparam("ms"),
                      "chunks": sa.bindparam("records")}  # fmt: skip
            rows.execute(sa.update(recordings).where(mine).values(fields), ended)

    def _empty_log(self) -> None:
        """Have SQLite's log not hold what was erased. While somebody reads, a later checkpoint of its own does it."""
        if self._engine.dialect.name == "sqlite":
            with self._engine.connect() as connection:
                connection.connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    # ----------------------------------------------------------------------------------- sealed files

    def unmeasured(self, edition: int, most: int) -> Mapping[str, str]:
        """See cataloguing.Rebuilding."""
        waiting = sa.and_(
            recordings.c.edition == edition, recordings.c.stored_bytes < 0, recordings.c.ended.is_not(None)
        )
        asked = sa.select(recordings.c.id, recordings.c.how).where(waiting)
        with work(self._engine) as rows:
            return {row.id: row.how for row in rows.execute(asked.order_by(recordings.c.permitted.desc()).limit(most))}

    def measure(self, edition: int, measured: Mapping[str, tuple[int, bool]]) -> None:
        """See cataloguing.Rebuilding."""
        mine = sa.and_(recordings.c.edition == edition, recordings.c.id == sa.bindparam("of"))
        fields: Mapping[str, Any] = {"stored_bytes": sa.bindparam("octets"), "whole": sa.bindparam("has_end")}
        found = [{"of": one, "octets": octets, "has_end": whole} for one, (octets, whole) in measured.items()]
        for some in _portions(found):
            with work(self._engine) as rows:
                rows.execute(sa.update(recordings).where(mine).values(fields), some)


class _Words:
    """The texts of an edition that many calls share, by kind and text; the fresh ones are still to be kept."""

    def __init__(self) -> None:
        self.stands: Reached | None = None
        self._ids: dict[tuple[str, str], int] = {}
        self._fresh: list[dict[str, Any]] = []
        self._next = 1

    @classmethod
    def read(cls, rows: sa.Connection, reached: Reached) -> _Words:
        """Read those of an edition."""
        read = cls()
        asked = sa.select(words.c.id, words.c.kind, words.c.text).where(words.c.edition == reached.edition)
        read._ids = {(row.kind, row.text): row.id for row in rows.execute(asked)}
        read._next = max(read._ids.values(), default=0) + 1
        return read

    def id(self, kind: str, text: str) -> int:
        """The number of a text; a fresh one when it has none yet. Longer ones are cut off."""
        text = storable(text)
        clipped = text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"
        known = self._ids.get((kind, clipped))
        if known is None:
            known, self._next = self._next, self._next + 1
            self._ids[kind, clipped] = known
            self._fresh.append({"id": known, "kind": kind, "text": clipped, "folded": clipped.casefold()})
        return known

    def take_fresh(self) -> list[dict[str, Any]]:
        """Return the fresh ones, once."""
        fresh, self._fresh = self._fresh, []
        return fresh


def _sweep_agents(rows: sa.Connection, edition: int) -> None:
    """Forget the agents that no call names any more: their addresses were erased."""
    named = sa.select(calls.c.row).where(calls.c.edition == edition, calls.c.agent == words.c.id).exists()
    rows.execute(sa.delete(words).where(words.c.edition == edition, words.c.kind == "agent", ~named))


def _insert(rows: sa.Connection, table: sa.Table) -> Any:
    """An insert that knows of conflicts, which both databases spell alike."""
    return (postgresql if rows.dialect.name == "postgresql" else sqlite).insert(table)


def _joined(items: Iterable[object]) -> str:
    return " ".join(str(one) for one in items)


def _portions(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[at : at + _AT_ONCE] for at in range(0, len(items), _AT_ONCE))
