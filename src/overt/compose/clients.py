"""What `overt clients` does: keeps the register of clients, with the running notary or one for the moment."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from overt.adapters.notary_client import NotaryClient
from overt.adapters.system_clock import SystemClock
from overt.adapters.vitals_files import read_vitals
from overt.compose.listening import acting_account
from overt.compose.moment import NOTARY, notary
from overt.compose.registering import client_rooms
from overt.config import load_settings
from overt.domain.access import Denied, Resource, may
from overt.domain.errors import NotPermitted
from overt.domain.vitals import Stranger
from overt.services.client_proof import prove
from overt.services.client_shown import Seen, seen, strangers_of
from overt.services.clients import (
    ClientRooms,
    Registered,
    Signed,
    add,
    found,
    listed,
    remove,
    set_password,
)

COMMAND = "command"
T = TypeVar("T")


# ------------------------------------------------------------------------------------------- the commands


def list_clients(data_folder: Path) -> Sequence[Seen]:
    """Return every client, by name. Raises NotPermitted, Unavailable, SettingsRefused."""
    allowed(data_folder, "show")

    async def story(rooms: ClientRooms) -> Sequence[Registered]:
        return await listed(rooms)

    return [_seen(data_folder, one) for one in _told(data_folder, story, proven=False)]


def list_strangers(data_folder: Path) -> Sequence[Stranger]:
    """Return who came of late and is no client, as a running signaller says. Raises NotPermitted, Unavailable."""
    allowed(data_folder, "show")
    return strangers_of(read_vitals(data_folder), SystemClock().now_us())


def show_client(data_folder: Path, name: str) -> Seen:
    """Return a client. Raises as `list_clients`, and ClientRefused."""
    allowed(data_folder, "show")
    return _seen(data_folder, _told(data_folder, lambda rooms: found(rooms, name), proven=False))


def add_client(data_folder: Path, fields: Mapping[str, Any], by: str, why: str, password: str) -> Seen:
    """Add a client. Raises as `show_client`, and NotDurable."""
    signed = Signed(by, why, allowed(data_folder, "change"), COMMAND)
    return _changed(data_folder, lambda rooms: add(rooms, fields, signed, password))


def remove_client(data_folder: Path, name: str, by: str, why: str) -> Seen:
    """Take a client away. Raises as `add_client`."""
    signed = Signed(by, why, allowed(data_folder, "change"), COMMAND)
    return _changed(data_folder, lambda rooms: remove(rooms, name, signed))


def prove_client(data_folder: Path, name: str, test_call: str, by: str) -> Seen:
    """Enter that a test call proved what is attested of a client. Raises as `add_client`."""
    account = allowed(data_folder, "change")
    return _changed(data_folder, lambda rooms: prove(rooms, name, test_call, by, account))


def give_password(data_folder: Path, name: str, password: str) -> Seen:
    """Set the secret of a client's digest. Raises as `add_client`."""
    account = allowed(data_folder, "change")
    return _changed(data_folder, lambda rooms: set_password(rooms, name, password, account))


def allowed(data_folder: Path, action: str) -> str:
    """Return the name of whoever runs the command, if they may. Raises NotPermitted, Unavailable."""
    actor = acting_account(data_folder)
    verdict = may(actor, action, Resource("client"))
    if isinstance(verdict, Denied):
        raise NotPermitted(verdict.reason)
    return actor.name


def _seen(data_folder: Path, known: Registered) -> Seen:
    return seen(known, read_vitals(data_folder), SystemClock().now_us())


def _changed(data_folder: Path, story: Callable[[ClientRooms], Awaitable[Registered]]) -> Seen:
    with notary(data_folder):
        return _seen(data_folder, _told(data_folder, story, proven=True))


def _told(data_folder: Path, story: Callable[[ClientRooms], Awaitable[T]], *, proven: bool) -> T:
    settings = load_settings(data_folder)

    async def told() -> T:
        ledger = NotaryClient(data_folder / NOTARY)  # it connects to nobody before it is asked
        try:
            return await story(client_rooms(data_folder, settings, ledger, proven=proven))
        finally:
            ledger.close()

    return asyncio.run(told())
