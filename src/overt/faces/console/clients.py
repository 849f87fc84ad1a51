"""The console's pages of clients: who may bring calls, one of them, adding and removing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect

from overt.domain.access import Resource
from overt.domain.client_fields import BEFORE, FIELDS, FORM_WORDS, LONGEST_WHY, SRTP, TELLING
from overt.domain.errors import Refused
from overt.domain.law.model import PURPOSES
from overt.faces.console.entrance import drawing_of
from overt.faces.http.asking import Asked, demand, rooms_of
from overt.faces.http.forms import Form, form_of
from overt.faces.http.problems import NotFound, problem_of
from overt.ports import NotDurable, Unavailable
from overt.services.client_proof import prove
from overt.services.client_shown import shown_agent, strangers_of
from overt.services.clients import ClientRooms, Registered, Signed, add, listed, remove

CLIENT = Resource("client")
CONSOLE = "console"
TEXTS = ("name", "mode", "certificate", "digest", "form", "before", "answer_s", "line", "place", "srtp")
LISTS = ("address", "agents")
BOXES = ("digits", "replays", "anywhere")
CHOICES: Mapping[str, Any] = {
    "modes": ("siprec", "gateway"), "attests": (TELLING, *PURPOSES), "forms": tuple(FORM_WORDS), "befores": BEFORE,
    "srtps": SRTP, "longest": LONGEST_WHY,
}  # fmt: skip
EMPTY: Mapping[str, Any] = {
    "mode": "siprec",
    "form": "",
    "before": "receive-and-drop",
    "srtp": "optional",
    "attest": (),
}


def quoted(name: str) -> str:
    """A client's name as a part of an address."""
    return quote(name, safe="")


@get("/clients")
async def show_clients(request: Asked) -> Response[str]:
    """Who may bring calls, and the form that adds one."""
    demand(request, "show", CLIENT)
    return await _list_page(request, EMPTY)


@post("/clients", status_code=200)
async def take_client(request: Asked) -> Response[Any]:
    """Add a client; what is wrong with it is said above the form, which keeps what was written."""
    actor, bringing = demand(request, "change", CLIENT), rooms_of(request).bringing
    form = await form_of(request)
    signed = Signed(form.text("by"), form.raw("why", LONGEST_WHY * 2), actor.name, CONSOLE)
    try:
        done = await add(bringing.clients, _fields(form), signed, form.text("password"))
    except (Refused, NotDurable, Unavailable) as error:
        return await _list_page(request, _written(form), error)
    return Redirect(f"/clients/{quoted(done.client.name)}?done=added", status_code=303)


async def _list_page(request: Asked, written: Mapping[str, Any], error: Exception | None = None) -> Response[str]:
    bringing = rooms_of(request).bringing
    known = [bringing.seen(one) for one in await listed(bringing.clients)]
    problem = problem_of(error) if error is not None else None
    return drawing_of(request).page(
        request, "clients.html", problem.status if problem else 200, clients=known, quoted=quoted, fields=FIELDS,
        written=written, strangers=strangers_of(bringing.vitals(), bringing.clients.clock.now_us()), lines=list(bringing.clients.lines), problem=problem.detail if problem else "", **CHOICES,
    )  # fmt: skip


def _fields(form: Form) -> dict[str, Any]:
    """What a form says of a client. `before`, `digits` and `replays` mean something for recording clients only."""
    fields: dict[str, Any] = {name: form.text(name) for name in TEXTS} | {name: form.listed(name) for name in LISTS}
    fields |= {name: form.ticked(name) for name in BOXES} | {"attest": form.many("attest")}
    if fields["mode"] != "siprec":
        fields |= {"before": "", "answer_s": 0, "digits": False, "replays": False, "anywhere": False}
    fields["answer_s"] = int(fields["answer_s"]) if str(fields["answer_s"]).isdecimal() else fields["answer_s"] or 0
    if not [one for one in fields["attest"] if one != TELLING]:
        fields["form"] = ""
    return fields


def _written(form: Form) -> Mapping[str, Any]:
    """The same as it was written, for the form that is shown again; without the password."""
    written: dict[str, Any] = {name: form.text(name) for name in (*TEXTS, *LISTS, "by")}
    written |= {name: form.ticked(name) for name in BOXES}
    return {**EMPTY, **written, "attest": form.many("attest"), "why": form.raw("why", LONGEST_WHY * 2)}


# ------------------------------------------------------------------------------------------- one client


@get("/clients/{name:str}")
async def show_client(request: Asked, name: FromPath[str]) -> Response[str]:
    """A client: what was said of it, who signed for it, how it fares, and what it does wrong."""
    demand(request, "show", CLIENT)
    return await _client_page(request, name)


@post("/clients/{name:str}/remove", status_code=200)
async def take_removal(request: Asked, name: FromPath[str]) -> Response[Any]:
    """Take a client away."""
    actor, form = demand(request, "change", CLIENT), await form_of(request)
    signed = Signed(form.text("by"), form.raw("why", LONGEST_WHY * 2), actor.name, CONSOLE)
    try:
        await remove(rooms_of(request).bringing.clients, name, signed)
    except (Refused, NotDurable, Unavailable) as error:
        return await _client_page(request, name, error)
    return Redirect("/clients", status_code=303)


@post("/clients/{name:str}/prove", status_code=200)
async def take_proof(request: Asked, name: FromPath[str]) -> Response[Any]:
    """Take a test call in which the announcement was heard on the recording."""
    actor, form = demand(request, "change", CLIENT), await form_of(request)
    try:
        await prove(rooms_of(request).bringing.clients, name, form.text("call"), form.text("by"), actor.name)
    except (Refused, NotDurable, Unavailable) as error:
        return await _client_page(request, name, error)
    return Redirect(f"/clients/{quoted(name)}?done=proven", status_code=303)


async def _client_page(request: Asked, name: str, error: Exception | None = None) -> Response[str]:
    bringing = rooms_of(request).bringing
    known = await _known(bringing.clients, name)
    problem = problem_of(error) if error is not None else None
    return drawing_of(request).page(
        request, "client.html", problem.status if problem else 200, one=bringing.seen(known), fields=FIELDS,
        agents=[shown_agent(agent) for agent in known.client.agents], quoted=quoted, longest=LONGEST_WHY,
        problem=problem.detail if problem else "", done=request.query_params.get("done", ""),
    )  # fmt: skip


async def _known(rooms: ClientRooms, name: str) -> Registered:
    """A client that stands. Raises NotFound."""
    found = next((one for one in await listed(rooms) if one.client.name == name), None)
    if found is None:
        raise NotFound("No client of that name may bring calls.")
    return found


CLIENT_PAGES: list[Any] = [show_clients, take_client, show_client, take_removal, take_proof]
