"""Who may bring calls, as `overt.toml` says: the sections `[[trunk]]` and `[[client]]`, and the clients they amount to."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from overt.domain.client_fields import client_of
from overt.domain.client_reach import clash
from overt.domain.clients import Client
from overt.domain.errors import ClientRefused


@dataclass(frozen=True, slots=True)
class Trunk:
    """Who may call: a name and the addresses from which it sends.

    `place`, where the sites that this trunk serves are (ISO 3166), is evidence of where the agents are; of its callers, it
    is one more place that they may be in. Empty: it says nothing.
    """

    name: str
    addresses: tuple[str, ...]
    place: str = ""


@dataclass(frozen=True, slots=True)
class FileClient:
    """Somebody else who may bring calls, a recording client (SIPREC) above all: docs/clients.md says what each field means.

    `overt clients password NAME` sets the secret of its `digest`. When something is attested of it (`attest`), the person who
    signs for that (`by`) and why must stand here.
    """

    name: str
    mode: str = "siprec"
    address: tuple[str, ...] = ()
    certificate: str = ""
    digest: str = ""
    attest: tuple[str, ...] = ()
    form: str = ""
    by: str = ""
    why: str = ""
    before: str = ""
    digits: bool = False
    answer_s: int = 0
    replays: bool = False
    anywhere: bool = False
    line: str = ""
    agents: tuple[str, ...] = field(default=(), repr=False)
    place: str = ""
    srtp: str = ""


def bringing(trunks: Sequence[Trunk], clients: Sequence[FileClient], lines: Collection[str]) -> tuple[Client, ...]:
    """Return the clients that the sections amount to; trunks without an address bring nothing and are not among them.

    `lines` are the lines' names. Raises ClientRefused, naming the section.
    """
    rows: list[tuple[str, Mapping[str, Any]]] = [
        ("trunk", {"name": one.name, "address": one.addresses, "place": one.place}) for one in trunks if one.addresses
    ]
    rows += [("client", asdict(one)) for one in clients]
    found: list[Client] = []
    for section, fields in rows:
        where = f"[[{section}]] {fields['name']}"
        try:
            client = client_of(fields)
        except ClientRefused as refused:
            raise ClientRefused(f"{where}: {refused}") from refused
        wrong = clash(client, found)
        if not wrong and client.line and client.line not in lines:
            wrong = f"there is no [[line]] {client.line}"
        if wrong:
            raise ClientRefused(f"{where}: {wrong}")
        found.append(client)
    return tuple(found)
