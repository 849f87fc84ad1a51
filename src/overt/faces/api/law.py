"""The law as JSON: a question and its answer, the table, worked cases. The same shapes as `overt law … --json`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from litestar import Router, get, post
from litestar.params import FromPath, JSONBody

from overt.domain.access import Resource
from overt.domain.law.duties import Basis, Duty
from overt.domain.law.model import Row
from overt.domain.law.reckoning import Reckoning, reckon
from overt.domain.law.table import Source
from overt.faces.api.described import asking, asks, sending
from overt.faces.http.asking import Asked, demand, rooms_of
from overt.faces.http.problems import BadRequest
from overt.faces.http.questions import Question, asked_of, day_of, places_of, profile_of, ruled
from overt.faces.http.rooms import WebRooms
from overt.services.trying import try_all

LAW = Resource("law")
LARGEST_CASES = 256 * 1024
MOST_DAYS = 20  # the table is read anew for each day, and that takes a while
RULES = ("", "one-party", "all-party", "contested")


@dataclass(frozen=True, slots=True)
class LawJson:
    """Which law was read: the table's version, date and content hash; and for which day, how sure a form had to be."""

    version: str
    as_of: str
    sha256: str
    on: str
    profile: str


@dataclass(frozen=True, slots=True)
class PlaceJson:
    """A place: its rule as the law stands, the rule that is used, the form of consent that it takes, how sure that is."""

    code: str
    name: str
    kind: str
    within: str
    rule: str
    effective_rule: str
    form: str
    confidence: str
    verified: str


@dataclass(frozen=True, slots=True)
class PlacesJson:
    """Places, by code."""

    law: LawJson
    places: Sequence[PlaceJson]


@dataclass(frozen=True, slots=True)
class RowJson:
    """A row with all its fields, as its file names them, and what it names: sources, duties, legal bases."""

    law: LawJson
    place: Row
    sources: Mapping[str, Source]
    duties: Mapping[str, Duty]
    bases: Mapping[str, Basis]


WHICH = asking(
    asks("rule", "Only places with this rule: one-party, all-party or contested."),
    asks("on", "A day; today when not given.", "2026-11-24"),
    asks("profile", "How sure a form of consent must be: standard or strict."),
)
CASES = sending("Worked cases, as docs/law/format.md has them.", "application/yaml", "application/json")(
    asks("on", "A day, for cases that name none; today when not given.", "2026-11-24"),
    asks("profile", "How sure a form of consent must be: standard or strict."),
    asks("served", "Where an unknown party may be, codes with commas between; anywhere when not given.", "US"),
)


@post("/api/law/decide", summary="Ask what the law asks", status_code=200)
async def decide_law(request: Asked, data: JSONBody[Question]) -> dict[str, Any]:
    """Who may be where, whose consent that takes, what Overt would do and say, and why. Nothing of it is kept.

    What is left out is not known; `served`, `recorder` and `profile` are then as the settings say. With a `line`, the
    policy book in force rules what Overt would do (for those who may see policies). The answer is that of
    `overt law decide --json`; numbers in it are masked.
    """
    demand(request, "show", LAW)
    rooms = rooms_of(request)
    asked = asked_of(data, rooms)
    if data.line:
        demand(request, "show", Resource("policy"))
        asked = await ruled(asked, data.line, rooms)
    opinion = await asyncio.to_thread(rooms.law.counsel.decide, asked)
    return opinion.as_json()


@get("/api/law/places", summary="The law table", operation_class=WHICH, sync_to_thread=True)
def list_places(request: Asked) -> PlacesJson:
    """Every place of the table, with its rule and what consent it takes."""
    demand(request, "show", LAW)
    rooms, query = rooms_of(request), request.query_params
    rule = query.get("rule", "")
    if rule not in RULES:
        raise BadRequest(f"rule is one of {', '.join(RULES[1:])}.")
    law = _law(rooms, query)
    table = rooms.law.counsel.table
    demands = reckon(table, Reckoning(law.on, profile_of(law.profile))).demands["recording"]
    return PlacesJson(law, [
        PlaceJson(row.code, row.name, row.kind, row.within, row.rule, row.effective_rule, demands[row.code].form,
                  row.confidence.rule, row.verified.state)
        for row in rooms.law.counsel.places(law.on, rule)
    ])  # fmt: skip


@get("/api/law/places/{place:str}", summary="A place of the table", operation_class=WHICH, sync_to_thread=True)
def show_row(request: Asked, place: FromPath[str]) -> RowJson:
    """A jurisdiction: every field of its file, with the sources, duties and legal bases that it names."""
    demand(request, "show", LAW)
    rooms = rooms_of(request)
    law, table = _law(rooms, request.query_params), rooms.law.counsel.table
    row = rooms.law.counsel.place(place, law.on)
    return RowJson(
        law, row, {name: table.sources[name] for name in row.support.sources},
        {one.code: one for one in table.duties.values() if one.everywhere or one.code in row.duties},
        {one.code: one for one in table.bases.values() if row.code in one.places},
    )  # fmt: skip


@post(
    "/api/law/cases", summary="Try worked cases", operation_class=CASES, status_code=200,
    request_max_body_size=LARGEST_CASES,
)  # fmt: skip
async def try_law_cases(request: Asked) -> dict[str, Any]:
    """Hold worked cases against the table: each with its grounds, and how many came out as expected.

    The body is YAML or JSON, at most 256 KiB. The answer is that of `overt law cases --json`.
    """
    demand(request, "show", LAW)
    try:
        text = (await request.body()).decode()
    except UnicodeDecodeError as error:
        raise BadRequest("The cases are not UTF-8.") from error
    return await asyncio.to_thread(_tried, rooms_of(request), text, request.query_params)


def _tried(rooms: WebRooms, text: str, query: Mapping[str, str]) -> dict[str, Any]:
    law = _law(rooms, query)
    served = places_of("served", query.get("served", "").replace(",", " ").split())
    cases = rooms.law.read_cases(text)
    if len({one.on for one in cases}) > MOST_DAYS:
        raise BadRequest(f"The cases are of more than {MOST_DAYS} different days; send them in several requests.")
    return try_all(rooms.law.counsel.table, cases, law.on, served, profile_of(law.profile)).as_json()


def _law(rooms: WebRooms, query: Mapping[str, str]) -> LawJson:
    table = rooms.law.counsel.table
    profile = profile_of(query.get("profile", "") or rooms.law.profile)
    return LawJson(table.version, table.as_of, table.sha256, day_of(query.get("on", ""), rooms), profile)


LAW_ROUTES: list[Any] = [
    Router(path="/", route_handlers=[decide_law, list_places, show_row, try_law_cases], tags=["law"])
]
