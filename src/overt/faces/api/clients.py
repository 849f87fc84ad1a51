"""Who may bring calls, as JSON: listed, shown, added, removed, proven. The shapes are those of `overt clients … --json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from litestar import Router, delete, get, post
from litestar.params import FromPath, JSONBody

from overt.domain.access import Resource
from overt.faces.api.described import asking, asks
from overt.faces.http.asking import Asked, demand, rooms_of
from overt.faces.http.bringing import shown
from overt.services.client_proof import prove
from overt.services.client_shown import strangers_of
from overt.services.clients import Signed, add, found, listed, remove, set_password

CLIENT = Resource("client")
API = "API"


class Adding(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A client, who signs for it and why; docs/clients.md says what each field means. `password` goes with `digest`."""

    name: str
    mode: Literal["siprec", "gateway"]
    by: str
    why: str
    address: tuple[str, ...] = ()
    certificate: str = ""
    digest: str = ""
    password: str = ""
    attest: tuple[str, ...] = ()
    form: str = ""
    before: str = ""
    digits: bool = False
    answer_s: int = 0
    replays: bool = False
    anywhere: bool = False
    line: str = ""
    agents: tuple[str, ...] = ()
    place: str = ""
    srtp: str = ""


class Proving(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A test call, and who heard the announcement on its recording."""

    call: str
    by: str


class Secret(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The password of a client's digest; only hashes of it are kept."""

    password: str


@get("/api/clients", summary="Who may bring calls")
async def list_clients(request: Asked) -> Mapping[str, Sequence[Any]]:
    """Every client by name, with who signed for it, when that was proven, and how it fares; and the strangers of late."""
    demand(request, "show", CLIENT)
    bringing = rooms_of(request).bringing
    return {"clients": [shown(bringing, one) for one in await listed(bringing.clients)],
            "strangers": strangers_of(bringing.vitals(), bringing.clients.clock.now_us())}  # fmt: skip


@get("/api/clients/{name:str}", summary="A client")
async def show_client(request: Asked, name: FromPath[str]) -> Mapping[str, Mapping[str, Any]]:
    """One client."""
    demand(request, "show", CLIENT)
    bringing = rooms_of(request).bringing
    return {"client": shown(bringing, await found(bringing.clients, name))}


@post("/api/clients", summary="Add a client")
async def add_client(request: Asked, data: JSONBody[Adding]) -> Mapping[str, Mapping[str, Any]]:
    """Add a client: within a second it may bring calls."""
    actor, bringing = demand(request, "change", CLIENT), rooms_of(request).bringing
    fields = msgspec.structs.asdict(data)
    signed = Signed(fields.pop("by"), fields.pop("why"), actor.name, API)
    password = fields.pop("password")
    return {"client": shown(bringing, await add(bringing.clients, fields, signed, password))}


GONE = asking(
    asks("by", "The person who signs for it.", "Dana Wu"), asks("why", "Why; the ledger keeps it.", "replaced")
)


@delete("/api/clients/{name:str}", summary="Remove a client", operation_class=GONE)
async def remove_client(request: Asked, name: FromPath[str]) -> None:
    """Take a client away: its next call is a stranger's. Calls under way go on."""
    actor, bringing = demand(request, "change", CLIENT), rooms_of(request).bringing
    query = request.query_params
    await remove(bringing.clients, name, Signed(query.get("by", ""), query.get("why", ""), actor.name, API))


@post("/api/clients/{name:str}/proofs", summary="Prove a client")
async def prove_client(request: Asked, name: FromPath[str], data: JSONBody[Proving]) -> Mapping[str, Mapping[str, Any]]:
    """Say that the announcement was heard on the recording of a test call; the ledger must bear it out."""
    actor, bringing = demand(request, "change", CLIENT), rooms_of(request).bringing
    return {"client": shown(bringing, await prove(bringing.clients, name, data.call, data.by, actor.name))}


@post("/api/clients/{name:str}/password", summary="Set a client's password", status_code=200)
async def give_password(request: Asked, name: FromPath[str], data: JSONBody[Secret]) -> Mapping[str, Mapping[str, Any]]:
    """Give a client's digest another password."""
    actor, bringing = demand(request, "change", CLIENT), rooms_of(request).bringing
    return {"client": shown(bringing, await set_password(bringing.clients, name, data.password, actor.name))}


CLIENTS: list[Any] = [
    Router(
        path="/",
        route_handlers=[list_clients, show_client, add_client, remove_client, prove_client, give_password],
        tags=["clients"],
    )
]
