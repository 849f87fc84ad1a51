"""The register of clients: who may bring calls is what the ledger says, and nothing else.

`client.added` and `client.removed` are its whole story, the newest of a name wins; what stands in overt.toml is entered
too when signalling starts. What a person signed for is *proven* by a test call in which somebody heard the telling.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Any, Protocol

from overt.domain.client_fields import client_of, fields_of, reason_of
from overt.domain.client_reach import clash
from overt.domain.clients import Client
from overt.domain.errors import ClientRefused
from overt.domain.facts import Fact, Json
from overt.ports import Clock, Ledger
from overt.services.auditing import Stated

ADDED, REMOVED, PROVEN = "client.added", "client.removed", "client.proven"
AGENTS = "agents"  # the personal value of `client.added`
FILE_SOURCE = "overt.toml"
PROOF_LASTS_DAYS = 30  # an attestation is proven anew at least so often


class NoSuchClient(ClientRefused):
    """No client of that name stands."""


class Registrations(Protocol):
    """What the ledger says of clients. Every method may raise Unavailable."""

    async def entries(self) -> Sequence[Stated]:
        """Return every entry about clients, proven where there is a notary to ask, oldest first."""
        ...

    def mentions(self, word: str) -> Sequence[Stated]:
        """Return every entry that has this string among its values, oldest first: an id's own story."""
        ...

    def alone(self) -> AbstractAsyncContextManager[None]:
        """Keep everybody else from changing the register meanwhile."""
        ...


class DigestSecrets(Protocol):
    """Where the secrets of digests are kept; only hashes of them. Every method may raise Unavailable."""

    def keep(self, username: str, password: str) -> str:
        """Keep a user name's secret, durably; return the fingerprint by which the ledger names it."""
        ...

    def fingerprint(self, username: str) -> str:
        """Return the fingerprint of the secret that is kept; empty when there is none."""
        ...

    def drop(self, username: str) -> None:
        """Forget a user name's secret."""
        ...


@dataclass(frozen=True, slots=True)
class Proven:
    """A test call in which the telling was heard on the recording."""

    at_us: int
    test_call: str
    by: str
    entry: int


@dataclass(frozen=True, slots=True)
class Registered:
    """A client as it stands: who signed for it and why, where that was said (`source`), by which account.

    `entry` −1: it stands in overt.toml, and is entered when signalling starts. `trouble` says why its entry cannot be
    read; then it brings no calls. `attested_entry` is the entry since which the same is attested of it.
    """

    client: Client
    by: str = ""
    why: str = ""
    source: str = FILE_SOURCE
    entered_by: str = ""
    at_us: int = 0
    entry: int = -1
    fingerprint: str = ""
    proven: Proven | None = None
    trouble: str = ""
    attested_entry: int = -1

    @property
    def from_file(self) -> bool:
        """True when overt.toml says it, and may change it."""
        return self.source == FILE_SOURCE

    def unproven(self, now_us: int) -> str:
        """Why what is attested of it must be proven (anew); empty when nothing is attested, or all is well."""
        if self.client.attestation is None:
            return ""
        if self.proven is None:
            return "what is attested was never proven by a test call"
        days = (now_us - self.proven.at_us) // 86_400_000_000
        return f"the last test call that proved it is {days} days old" if days >= PROOF_LASTS_DAYS else ""


@dataclass(frozen=True, slots=True)
class ClientRooms:
    """What keeping clients needs at hand. `file` is what overt.toml says, `lines` the lines' names."""

    tenant: str
    ledger: Ledger
    clock: Clock
    registrations: Registrations
    secrets: DigestSecrets
    file: Sequence[Registered] = ()
    lines: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Signed:
    """Who does something, and why: a named person, through the account `entered_by`, by command, console or API."""

    by: str
    why: str
    entered_by: str
    source: str


# ------------------------------------------------------------------------------------------- reading


def read_register(entries: Iterable[Stated]) -> dict[str, Registered]:
    """Return the clients that stand, by name, as the ledger's entries say, oldest first."""
    standing: dict[str, Registered] = {}
    for entry in entries:
        name = str(entry.body.get("client", ""))
        if entry.kind == ADDED:
            standing[name] = _registered(entry, standing.get(name))
        elif entry.kind == REMOVED:
            standing.pop(name, None)
        elif entry.kind == PROVEN and name in standing:
            body = entry.body
            proven = Proven(entry.at_us, str(body.get("test_call", "")), str(body.get("by", "")), entry.index)
            standing[name] = replace(standing[name], proven=proven)
    return standing


def _registered(entry: Stated, before: Registered | None) -> Registered:
    """A client as an entry adds or changes it. A proof holds on while what is attested stays the same."""
    body = entry.body
    name = str(body.get("client", ""))
    told = {key: body[key] for key in _FIELDS if key in body}
    agents = [one for one in entry.personal.get(AGENTS, "").splitlines() if one]
    try:
        client, trouble = client_of({"name": name, **told, "agents": agents}, since=str(body.get("since", ""))), ""
    except ClientRefused as refused:
        client, trouble = Client(name), f"entry {entry.index}, the client {name}, cannot be read: {refused}"
    same = before is not None and before.client.attestation == client.attestation
    by, why, source, entered_by, fingerprint = (
        str(body.get(key, "")) for key in ("by", "why", "source", "entered_by", "fingerprint")
    )
    made = Registered(
        client, by, why, source, entered_by, entry.at_us, entry.index, fingerprint, None, trouble, entry.index
    )
    return replace(made, proven=before.proven, attested_entry=before.attested_entry) if same and before else made


_FIELDS = ("mode", "address", "certificate", "digest", "attest", "form", "by", "why", "before", "digits", "answer_s", "replays", "anywhere",
           "line", "place", "srtp")  # fmt: skip


async def listed(rooms: ClientRooms) -> tuple[Registered, ...]:
    """Return every client by name: those of the ledger, and those of overt.toml that are not entered yet.

    Raises Unavailable.
    """
    return tuple(sorted((await _standing(rooms)).values(), key=lambda one: one.client.name))


async def found(rooms: ClientRooms, name: str) -> Registered:
    """Return a client. Raises NoSuchClient, Unavailable."""
    standing = await _standing(rooms)
    if name not in standing:
        names = ", ".join(sorted(standing)) or "none"
        raise NoSuchClient(f"there is no client {name}; there is {names}")
    return standing[name]


async def _standing(rooms: ClientRooms) -> dict[str, Registered]:
    entered = read_register(await rooms.registrations.entries())
    return {one.client.name: one for one in rooms.file} | entered


# ------------------------------------------------------------------------------------------- changing


async def add(rooms: ClientRooms, fields: Mapping[str, Any], signed: Signed, password: str = "") -> Registered:
    """Add a client of these fields (domain.client_fields.FIELDS); from now on it may bring calls.

    Raises ClientRefused, NotDurable, Unavailable.
    """
    by, why = reason_of(signed.by, signed.why)
    client = client_of({**fields, "by": by, "why": why}, since=rooms.clock.today())
    _check_line(rooms, client)
    async with rooms.registrations.alone():
        others = (await _standing(rooms)).values()
        refused = clash(client, [one.client for one in others])
        if refused:
            raise ClientRefused(refused)
        return await _entered(rooms, client, replace(signed, by=by, why=why), password)


async def _entered(rooms: ClientRooms, client: Client, signed: Signed, password: str) -> Registered:
    """Keep the secret, then enter the client: it opens, so nothing uses the secret before that stands."""
    if not client.username and password:
        raise ClientRefused("a password goes with a digest's user name (digest)")
    if client.username and not password:
        raise ClientRefused(f"the digest of {client.username} needs a password")
    fingerprint = rooms.secrets.keep(client.username, password) if client.username else ""
    entered = None
    try:
        entered = await enter_added(rooms, client, signed, fingerprint)
        return entered
    finally:
        if entered is None and client.username:
            rooms.secrets.drop(client.username)


async def enter_added(rooms: ClientRooms, client: Client, signed: Signed, fingerprint: str) -> Registered:
    """Enter a client that was checked. Raises NotDurable."""
    body: dict[str, Json] = {key: value for key, value in fields_of(client).items() if key in _FIELDS}
    body |= {
        "client": client.name, "by": signed.by, "why": signed.why, "fingerprint": fingerprint,
        "since": client.attestation.since if client.attestation is not None else "",
        "source": signed.source, "entered_by": signed.entered_by,
    }  # fmt: skip
    personal = {AGENTS: "\n".join(client.agents)} if client.agents else {}
    now = rooms.clock.now_us()
    receipt = await rooms.ledger.enter(Fact(rooms.clock.new_id(), rooms.tenant, ADDED, now, "", body, personal))
    return Registered(
        client, signed.by, signed.why, signed.source, signed.entered_by, now, receipt.index, fingerprint,
        attested_entry=receipt.index,
    )  # fmt: skip


async def set_password(rooms: ClientRooms, name: str, password: str, entered_by: str) -> Registered:
    """Give a client's digest another secret; who signed for the client, and for what, stays.

    Raises ClientRefused, NotDurable, Unavailable.
    """
    async with rooms.registrations.alone():
        known = await found(rooms, name)
        if not known.client.username:
            raise ClientRefused(f"{name} is not known by a digest; there is no password to set")
        fingerprint = rooms.secrets.keep(known.client.username, password)
        if known.entry < 0:
            return replace(known, fingerprint=fingerprint)  # signalling enters both when it starts
        signed = Signed(known.by, known.why, entered_by, known.source)
        return replace(await enter_added(rooms, known.client, signed, fingerprint), proven=known.proven)


async def remove(rooms: ClientRooms, name: str, signed: Signed) -> Registered:
    """Take a client away: its next call is a stranger's; calls under way go on. Raises ClientRefused, NotDurable, Unavailable."""
    by, why = reason_of(signed.by, signed.why)
    async with rooms.registrations.alone():
        known = await found(rooms, name)
        if any(one.client.name == name for one in rooms.file):
            raise ClientRefused(f"{name} stands in {FILE_SOURCE}: take it out there, and restart `overt serve`")
        await enter_removed(rooms, known, replace(signed, by=by, why=why))
        return known


async def enter_removed(rooms: ClientRooms, known: Registered, signed: Signed) -> None:
    """Enter that a client may bring no more calls, and forget its secret. Raises NotDurable, Unavailable."""
    body: dict[str, Json] = {
        "client": known.client.name, "by": signed.by, "why": signed.why, "source": signed.source,
        "entered_by": signed.entered_by,
    }  # fmt: skip
    await rooms.ledger.enter(Fact(rooms.clock.new_id(), rooms.tenant, REMOVED, rooms.clock.now_us(), "", body))
    if known.client.username:
        rooms.secrets.drop(known.client.username)


def _check_line(rooms: ClientRooms, client: Client) -> None:
    if client.line and client.line not in rooms.lines:
        raise ClientRefused(f"there is no line {client.line}; there is {', '.join(rooms.lines) or 'none'}")
