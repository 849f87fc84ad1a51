"""What recordings there are, from the catalogue: one row, where the ledger would have to be read through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from overt.adapters.database import storable, work
from overt.adapters.tables import editions, recordings
from overt.services.listening import Held


class SqlHoldings:
    """Implements listening.Holdings over the current edition of the catalogue, which is a second behind the ledger."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def find(self, tenant: str, recording: str) -> Held | None:
        """Return one recording; see listening.Holdings."""
        with work(self._engine) as rows:
            row = rows.execute(_of(tenant).where(recordings.c.id == storable(recording))).mappings().first()
        return None if row is None else _held(row)

    def all(self, tenant: str) -> Sequence[Held]:
        """Return all recordings; see listening.Holdings."""
        with work(self._engine) as rows:
            return [_held(row) for row in rows.execute(_of(tenant).order_by(recordings.c.permitted)).mappings()]

    def stored(self, tenant: str) -> Mapping[str, tuple[int, bool]]:
        """The bytes of each recording's sealed file, and whether it has its end; those not looked at yet are left out."""
        with work(self._engine) as rows:
            known = _of(tenant).where(recordings.c.stored_bytes >= 0)
            return {row.id: (row.stored_bytes, row.whole) for row in rows.execute(known)}


def _of(tenant: str) -> sa.Select[tuple[object, ...]]:
    mine = sa.and_(editions.c.tenant == tenant, editions.c.current)
    edition = sa.select(editions.c.id).where(mine).scalar_subquery()
    return sa.select(recordings).where(recordings.c.edition == edition)


def _held(row: sa.RowMapping) -> Held:
    fields = {name: row["id" if name == "recording" else name] for name in Held.__slots__ if name != "listeners"}
    return Held(**fields, listeners=None if row["listeners"] is None else tuple(row["listeners"].split()))
