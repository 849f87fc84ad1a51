"""What `overt catalogue` does: makes the catalogue anew, and asks it."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa

from overt.adapters.database import migrate, open_database
from overt.adapters.ledger_follower import LedgerFollower
from overt.adapters.number_index import NumberIndex, number_index
from overt.adapters.sealed_files import SealedFiles
from overt.adapters.sql_catalogue import SqlCatalogue
from overt.adapters.sql_editions import SqlEditions
from overt.compose.listening import acting_account
from overt.config import Settings, load_settings
from overt.domain.access import OWN, Actor, Denied, Resource, may
from overt.domain.errors import NotPermitted, Refused
from overt.services.cataloguing import Progress, Rebuilt, rebuild
from overt.services.searching import Page, Wanted

LOCK = "registers/catalogue.lock"
NOBODY = "nobody"


class AnotherRebuilds(Refused):
    """Another process makes the catalogue anew."""


@contextmanager
def opened(data_folder: Path, settings: Settings) -> Iterator[tuple[sa.Engine, NumberIndex]]:
    """The database, brought up to date, and the index of numbers, made when there is none. Raises Unavailable."""
    engine = open_database(settings, data_folder)
    try:
        migrate(engine)
        yield engine, number_index(data_folder, make=True)
    finally:
        engine.dispose()


# ------------------------------------------------------------------------------------------ made anew


def rebuild_catalogue(data_folder: Path, progress: Progress) -> Rebuilt:
    """Make the catalogue anew, whether or not `overt serve` runs. Raises AnotherRebuilds, Unavailable, SettingsRefused."""
    settings = load_settings(data_folder)
    with _alone(data_folder), opened(data_folder, settings) as (engine, numbers):
        files = SealedFiles(data_folder / "recordings")
        return rebuild(
            settings.tenant, LedgerFollower(data_folder / "ledger" / settings.tenant), SqlEditions(engine, numbers),
            lambda: {one: (size, whole) for one, whole, size in files.stored(settings.tenant)}, progress,
        )  # fmt: skip


def ledger_size(data_folder: Path) -> int:
    """How many entries there are to be read. Raises Unavailable, SettingsRefused."""
    return LedgerFollower(data_folder / "ledger" / load_settings(data_folder).tenant).size()


@contextmanager
def _alone(data_folder: Path) -> Iterator[None]:
    path = data_folder / LOCK
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AnotherRebuilds("another `overt catalogue rebuild` is at work on this folder") from error
        yield


# ------------------------------------------------------------------------------------------ searched


def search_catalogue(data_folder: Path, wanted: Wanted) -> Page:
    """Return a page of calls, for the account bound to the operating-system user. Raises NotPermitted, BadCursor."""
    actor, settings = acting_account(data_folder), load_settings(data_folder)
    verdict = may(actor, "list", Resource("call"))
    if isinstance(verdict, Denied):
        raise NotPermitted(verdict.reason)
    with opened(data_folder, settings) as (engine, numbers):
        return SqlCatalogue(engine, numbers).search(settings.tenant, _own(actor, wanted))


def _own(actor: Actor, wanted: Wanted) -> Wanted:
    return replace(wanted, agent=actor.agent or NOBODY) if actor.role in OWN else wanted
