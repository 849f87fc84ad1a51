"""What `overt clients` does: keeps the register of clients, with the running notary or one for the moment."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from overt.adapters.digest_secrets import FILE as DIGESTS
from overt.adapters.digest_secrets import DigestSecrets
from overt.adapters.key_files import VERIFIER_KEY, load_verifier_key
from overt.adapters.ledger_clients import LedgerClients
from overt.adapters.notary_client import NotaryClient
from overt.adapters.proven_entries import Proof
from overt.adapters.system_clock import SystemClock
from overt.adapters.vitals_files import read_vitals
from overt.compose.listening import acting_account
from overt.compose.moment import NOTARY, notary
from overt.config import Settings, load_settings
from overt.domain.access import Denied, Resource, may
from overt.domain.errors import NotPermitted
from overt.services.client_file import enter_file
from overt.services.client_proof import prove
from overt.services.client_register import ClientRegister
from overt.services.client_shown import Seen, seen
from overt.services.clients import (
    FILE_SOURCE,
    ClientRooms,
    Registered,
    Signed,
    add,
    found,
    listed,
    remove,
    set_password,
)
from overt.services.listening import ProvingLedger

LOCK = "run/clients.lock"
COMMAND = "command"
T = TypeVar("T")


def registrations(data_folder: Path, settings: Settings, ledger: ProvingLedger | None) -> LedgerClients:
    """What the ledger says of clients; proven where there is a notary to ask. Raises Unavailable."""
    proof = Proof(ledger, load_verifier_key(data_folder / VERIFIER_KEY)) if ledger is not None else None
    return LedgerClients(data_folder / "ledger" / settings.tenant, data_folder / LOCK, proof)


def digest_secrets(data_folder: Path, settings: Settings) -> DigestSecrets:
    """The secrets of clients that are known by digest."""
    return DigestSecrets(data_folder / DIGESTS, settings.sip_realm)


def client_rooms(data_folder: Path, settings: Settings, ledger: ProvingLedger, *, proven: bool = True) -> ClientRooms:
    """What keeping clients needs at hand, for commands, the web and signalling. Raises Unavailable.

    Not `proven`: the ledger's files are believed, as by every command that only reads; `overt ledger verify` checks them.
    """
    return ClientRooms(
        settings.tenant, ledger, SystemClock(), registrations(data_folder, settings, ledger if proven else None),
        digest_secrets(data_folder, settings), of_file(settings), [line.name for line in settings.lines],
    )  # fmt: skip


def of_file(settings: Settings) -> Sequence[Registered]:
    """The clients of overt.toml; who signs for what is attested of them is named there."""
    found_there = []
    for client in settings.bringing:
        attested = client.attestation
        by, why = (attested.by, attested.why) if attested is not None else (FILE_SOURCE, f"it stands in {FILE_SOURCE}")
        found_there.append(Registered(client, by, why, FILE_SOURCE, FILE_SOURCE))
    return tuple(found_there)


async def begin_register(
    data_folder: Path, settings: Settings, ledger: ProvingLedger, report: Callable[[Exception | str], None]
) -> ClientRegister:
    """Return the live register of a signalling process, with what overt.toml says entered and read.

    Its `follow` must be run as a task. What of the file may bring no calls is reported, in sentences. Raises NotDurable,
    Unavailable.
    """
    rooms = client_rooms(data_folder, settings, ledger)
    for trouble in await enter_file(rooms):
        report(trouble)
    register = ClientRegister(rooms.registrations, report)
    await register.look()
    return register


# ------------------------------------------------------------------------------------------- the commands


def list_clients(data_folder: Path) -> Sequence[Seen]:
    """Return every client, by name. Raises NotPermitted, Unavailable, SettingsRefused."""
    allowed(data_folder, "show")

    async def story(rooms: ClientRooms) -> Sequence[Registered]:
        return await listed(rooms)

    return [_seen(data_folder, one) for one in _told(data_folder, story, proven=False)]


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
