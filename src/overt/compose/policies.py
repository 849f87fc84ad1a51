"""What `overt policy` does: shows, checks and publishes policy books, with the running notary or one for the moment."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from overt.adapters.law_files import load_table
from overt.adapters.notary_client import NotaryClient
from overt.compose.governing import publishing_rooms
from overt.compose.listening import acting_account
from overt.compose.moment import NOTARY, notary
from overt.config import load_settings
from overt.domain.access import Denied, Resource, may
from overt.domain.errors import Finding, NotPermitted
from overt.services.governing import Publication
from overt.services.publishing import Checked, PublishingRooms, checked, current, history, looked_at, publish, version


def shown(data_folder: Path, wanted: int | None) -> Publication:
    """Return the book in force, or that of a version.

    Raises NotPermitted, NoSuchVersion, Refused, Unavailable, SettingsRefused.
    """
    with _reading(data_folder) as rooms:
        return asyncio.run(current(rooms)) if wanted is None else version(rooms, wanted)


def told_history(data_folder: Path) -> tuple[Publication, ...]:
    """Return everything that was published, the newest first. Raises as `shown`."""
    with _reading(data_folder) as rooms:
        return history(rooms)


def check_text(data_folder: Path, text: str) -> Checked:
    """Return what is wrong with a text, and what it would change. Raises as `shown`."""
    with _reading(data_folder) as rooms:
        return asyncio.run(looked_at(rooms, text))


def publish_text(
    data_folder: Path, text: str, reason: str, instead_of: int | None
) -> tuple[Publication, tuple[Finding, ...]]:
    """Publish a text; return what it became, and what is to be known of it. Raises as `shown`, and BookRefused, NotDurable."""
    by = allowed(data_folder, "publish")
    settings = load_settings(data_folder)
    table = load_table(settings.law_folder(data_folder))

    async def story() -> tuple[Publication, tuple[Finding, ...]]:
        ledger = NotaryClient(data_folder / NOTARY)
        try:
            rooms = publishing_rooms(data_folder, settings, ledger, table)
            done = await publish(rooms, text, by=by, reason=reason, instead_of=instead_of)
            return done, checked(rooms, text, done).findings
        finally:
            ledger.close()

    with notary(data_folder):
        return asyncio.run(story())


def allowed(data_folder: Path, action: str) -> str:
    """Return the name of whoever runs the command, if they may. Raises NotPermitted, Unavailable."""
    actor = acting_account(data_folder)
    verdict = may(actor, action, Resource("policy"))
    if isinstance(verdict, Denied):
        raise NotPermitted(verdict.reason)
    return actor.name


@contextmanager
def _reading(data_folder: Path) -> Iterator[PublishingRooms]:
    allowed(data_folder, "show")
    settings = load_settings(data_folder)
    table = load_table(settings.law_folder(data_folder))
    ledger = NotaryClient(data_folder / NOTARY)  # it connects to nobody before it is asked
    try:
        yield publishing_rooms(data_folder, settings, ledger, table, proven=False)
    finally:
        ledger.close()
