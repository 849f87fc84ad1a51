"""What a party of a call under way answered elsewhere, as JSON: for bots that ask, and for agents' screens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from litestar import Router, post
from litestar.params import FromPath, JSONBody

from overt.domain.access import Resource
from overt.faces.http.asking import Asked, demand, rooms_of
from overt.faces.http.problems import CallOver, NotFound
from overt.services.consenting import NoCallUnderWay, Word, say_consent


class Saying(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which party answered what, to which purposes, and how; `told`: they were told before that the call is recorded.

    A no needs nothing but the party, and refuses every purpose. A yes names the purposes that were spoken of.
    """

    party: Literal["caller", "agent"]
    answer: Literal["yes", "no"]
    purposes: tuple[str, ...] = ()
    how: str = ""
    told: bool = False


@dataclass(frozen=True, slots=True)
class StandingJson:
    """Where the party stands since: given, informed, refused, withdrawn, attested, or still untold, told, asked."""

    call: str
    party: str
    standing: str


@post("/api/calls/{call:str}/consent", summary="Say what a party answered", status_code=202)
async def take_consent(request: Asked, call: FromPath[str], data: JSONBody[Saying]) -> StandingJson:
    """Tell a call under way what a party answered elsewhere. A no stops recording at once, on every leg.

    404: there is no such call; 409: it is over; 503: signalling cannot be reached. Who says so stands in the ledger.
    """
    actor, rooms = demand(request, "consent", Resource("call")), rooms_of(request)
    bringing = rooms.bringing
    word = Word(data.party, data.answer, data.how, data.purposes, data.told)
    try:
        now_ns = bringing.clients.clock.monotonic_ns()
        standing = await say_consent(bringing.door, bringing.pace, call, word, actor.name, now_ns)
    except NoCallUnderWay as gone:
        row = rooms.catalogue.find(rooms.front.tenant, call)
        if row is not None and row.state != "in progress":
            raise CallOver("That call is over.") from gone
        early = "It has not come so far yet that anybody could be asked; say it again." if row is not None else ""
        raise NotFound(early or "No such call is under way.") from gone
    return StandingJson(call, data.party, standing)


CONSENT: list[Any] = [Router(path="/", route_handlers=[take_consent], tags=["calls"])]
