"""The register of clients in a process: what the ledger says of them, their secrets, and what overt.toml brings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from overt.adapters.digest_secrets import FILE as DIGESTS
from overt.adapters.digest_secrets import DigestSecrets
from overt.adapters.key_files import VERIFIER_KEY, load_verifier_key
from overt.adapters.ledger_clients import LedgerClients
from overt.adapters.proven_entries import Proof
from overt.adapters.system_clock import SystemClock
from overt.config import Settings
from overt.services.client_file import enter_file
from overt.services.client_register import ClientRegister
from overt.services.clients import FILE_SOURCE, ClientRooms, Registered
from overt.services.listening import ProvingLedger

LOCK = "run/clients.lock"


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
