"""Keeping the catalogue up with the ledger: what the worker does in a thread of its own."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import sqlalchemy as sa

from overt.adapters.database import migrate, open_database
from overt.adapters.ledger_follower import LedgerFollower
from overt.adapters.number_index import number_index
from overt.adapters.sealed_files import SealedFiles
from overt.adapters.sql_editions import SqlEditions
from overt.config import SettingsRefused, load_settings
from overt.ports import Unavailable
from overt.services.cataloguing import Follower

ROUND_S = 0.25
MEASURE_S, MEASURED = 1.0, 50
SETTLED_S = 60.0  # by then the worker has carried over what an engine that died left behind
_log = logging.getLogger("overt.worker")


def follow_ledger(data_folder: Path, stop: Event) -> None:
    """Keep the catalogue up with the ledger until told to stop, then once more. What does not work is tried again."""
    following = _Following(data_folder)
    try:
        while not stop.wait(ROUND_S):
            following.round(stop)
        following.round(stop)
    finally:
        following.close()


@dataclass(slots=True)
class _Following:
    """One catalogue that is kept up with its ledger. A trouble is logged when it comes and when it is gone."""

    data_folder: Path
    tenant: str = ""
    engine: sa.Engine | None = None
    follower: Follower | None = None
    editions: SqlEditions | None = None
    trouble: str = ""
    measured: float = 0.0
    waiting: dict[str, float] = field(default_factory=dict)

    def round(self, stop: Event) -> None:
        """Take what came; raises nothing that another try may mend."""
        try:
            follower, editions = self._ready()
            while follower.follow() and not stop.is_set():
                pass
            if time.monotonic() - self.measured > MEASURE_S:
                self._measure(editions)
        except (Unavailable, SettingsRefused) as error:
            trouble = error.port if isinstance(error, Unavailable) else "settings"
            if trouble != self.trouble:
                _log.error("the catalogue waits: %s", error)
            self.trouble = trouble
        else:
            if self.trouble:
                _log.info("the catalogue goes on")
            self.trouble = ""

    def close(self) -> None:
        """Let go of the database."""
        if self.engine is not None:
            self.engine.dispose()

    def _ready(self) -> tuple[Follower, SqlEditions]:
        if self.engine is None:
            settings = load_settings(self.data_folder)
            self.engine, self.tenant = open_database(settings, self.data_folder), settings.tenant
        if self.follower is None or self.editions is None:
            migrate(self.engine)
            self.editions = SqlEditions(self.engine, number_index(self.data_folder, make=True))
            ledger = LedgerFollower(self.data_folder / "ledger" / self.tenant)
            self.follower = Follower(self.tenant, ledger, self.editions)
        return self.follower, self.editions

    def _measure(self, editions: SqlEditions) -> None:
        """Look at the sealed files of recordings that ended; those without their end once they have settled."""
        self.measured = time.monotonic()
        reached = editions.reached(self.tenant)
        waiting = editions.unmeasured(reached.edition, MEASURED) if reached is not None else {}
        self.waiting = {one: self.waiting.get(one, self.measured) for one in waiting}
        files, found = SealedFiles(self.data_folder / "recordings"), {}
        for one, since in self.waiting.items():
            size = files.size(self.tenant, one)
            if size is not None and (size[1] or self.measured - since > SETTLED_S):
                found[one] = size
        if reached is not None and found:
            editions.measure(reached.edition, found)
