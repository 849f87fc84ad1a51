"""The clients of overt.toml: they are entered in the ledger when signalling starts, as far as it does not say them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from overt.domain.client_reach import clash
from overt.domain.clients import Client
from overt.services.clients import (
    FILE_SOURCE,
    ClientRooms,
    DigestSecrets,
    Registered,
    Signed,
    enter_added,
    enter_removed,
    read_register,
)

_GONE = Signed(FILE_SOURCE, f"it stands in {FILE_SOURCE} no more", FILE_SOURCE, FILE_SOURCE)


async def enter_file(rooms: ClientRooms) -> tuple[str, ...]:
    """Enter what overt.toml says of clients and the ledger does not; return what could not be, and why, in sentences.

    A client that stood there and does no more is removed. Raises NotDurable, Unavailable.
    """
    troubles = []
    async with rooms.registrations.alone():
        standing = read_register(await rooms.registrations.entries())
        named = {one.client.name for one in rooms.file}
        for gone in [one for one in standing.values() if one.from_file and one.client.name not in named]:
            await enter_removed(rooms, gone, _GONE)
        for one in rooms.file:
            known = standing.get(one.client.name)
            trouble = file_trouble(one, standing)
            if trouble:
                troubles.append(trouble)
            elif known is None or not _says_the_same(one, known, rooms.secrets):
                await _enter(rooms, one, known)
    return tuple(troubles)


def file_trouble(one: Registered, standing: Mapping[str, Registered]) -> str:
    """Why a client of overt.toml may bring no calls beside those that commands added; empty when it may."""
    known = standing.get(one.client.name)
    if known is not None and not known.from_file:
        return f"{FILE_SOURCE}: the client {one.client.name} was added by {known.by} already; take one of the two away"
    refused = clash(one.client, [other.client for other in standing.values() if not other.from_file])
    return f"{FILE_SOURCE}: {one.client.name} may bring no calls: {refused}" if refused else ""


def _says_the_same(one: Registered, known: Registered, secrets: DigestSecrets) -> bool:
    kept = secrets.fingerprint(one.client.username) if one.client.username else ""
    client = _since(one.client, known, "")
    return (client, one.by, one.why, kept, "") == (known.client, known.by, known.why, known.fingerprint, known.trouble)


async def _enter(rooms: ClientRooms, one: Registered, known: Registered | None) -> None:
    client = _since(one.client, known, rooms.clock.today())
    kept = rooms.secrets.fingerprint(client.username) if client.username else ""
    await enter_added(rooms, client, Signed(one.by, one.why, FILE_SOURCE, FILE_SOURCE), kept)


def _since(client: Client, known: Registered | None, today: str) -> Client:
    """A client of the file, whose attestation holds since it was first entered so: then a proof of it holds on, too."""
    attested, held = client.attestation, known.client.attestation if known is not None else None
    if attested is None:
        return client
    same = held is not None and replace(held, since="") == replace(attested, since="")
    return replace(client, attestation=replace(attested, since=held.since if same and held is not None else today))
