"""The console's pages of the law: a question and its answer, the table, a page a place, a duty, a legal basis."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from markupsafe import Markup

from overt.domain.access import Resource
from overt.domain.errors import NotPermitted, Refused
from overt.domain.law.duties import CIRCUMSTANCES, OBLIGATIONS
from overt.domain.law.model import FORMS, PURPOSES, Row
from overt.domain.law.page import NOT_ADVICE, Page, describe_basis, describe_duty, describe_place
from overt.domain.law.reckoning import Law, Reckoning, reckon
from overt.domain.law.table import Table
from overt.domain.law.tile_map import pointed_out, tile_map, tiles
from overt.domain.law.words import EFFECT_WORDS, FORM_WORDS, PROFILES, RULE_WORDS, WILL_WORDS
from overt.faces.console.entrance import drawing_of
from overt.faces.http.asking import Asked, demand, rooms_of
from overt.faces.http.forms import Form, form_of
from overt.faces.http.problems import BadRequest, NotFound
from overt.faces.http.questions import EVIDENCE, Held, Party, Question, asked_of, ruled, today
from overt.faces.http.rooms import WebRooms
from overt.services.counsel import Opinion

LAW = Resource("law")
# rule as the filter has it → its words
RULES: Mapping[str, str] = {"one-party": "One-party", "all-party": "All-party", "contested": "Contested"}
PARTIES = (("caller", "The caller"), ("called", "The number called"))
KNOWN: Mapping[str, str] = {
    "said": "Said in the call", "on_file": "Address on file", "device": "Device or network", "trunk": "Place of the trunk",
    "site": "Configured site",
}  # fmt: skip
PURPOSE_WORDS: Mapping[str, str] = {
    "recording": "Recording", "monitoring": "Monitoring", "transcription": "Transcription", "analysis": "Analysis",
    "sharing": "Sharing",
}  # fmt: skip
MOST_SHOWN = 12  # grounds that are shown before the rest is folded away


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of the table: a place, whether its rule is settled, and what consent it takes as the settings read the law."""

    row: Row
    rule: str
    form: str


@get("/law")
async def show_law(request: Asked) -> Response[str]:
    """The question's form, empty, and the table of all places, filtered by the query."""
    demand(request, "show", LAW)
    return await asyncio.to_thread(_law_page, request, Form({}), None, "")


@post("/law", status_code=200)
async def take_question(request: Asked) -> Response[str]:
    """The same with the answer. A question comes by POST, so that no number stands in an address."""
    demand(request, "show", LAW)
    form, rooms = await form_of(request), rooms_of(request)
    opinion, problem = None, ""
    try:
        question = question_of(form)
        asked = asked_of(question, rooms)
        if question.line:
            demand(request, "show", Resource("policy"))
            asked = await ruled(asked, question.line, rooms)
        opinion = await asyncio.to_thread(rooms.law.counsel.decide, asked)
    except NotPermitted:
        raise
    except Refused as refused:  # a field that is wrong, or a rule that may not be relaxed
        problem = str(refused)
    return await asyncio.to_thread(_law_page, request, form, opinion, problem)


@get("/law/{place:str}", sync_to_thread=True)
def show_place(request: Asked, place: FromPath[str]) -> Response[str]:
    """A place of the table."""
    demand(request, "show", LAW)
    rooms = rooms_of(request)
    table, on = rooms.law.counsel.table, today(rooms)
    row = rooms.law.counsel.place(place, on)
    chips = [row.effective_rule, *(["contested"] if row.contested.law else [])]
    return _written(request, describe_place(table, row), row.verified.state, chips)


@get("/law/duties/{duty:str}", sync_to_thread=True)
def show_duty(request: Asked, duty: FromPath[str]) -> Response[str]:
    """A law that binds recordings besides consent."""
    demand(request, "show", LAW)
    table = rooms_of(request).law.counsel.table
    found = table.duties.get(duty)
    if found is None:
        raise NotFound("The law table has no such duty.")
    return _written(request, describe_duty(table, found), found.verified.state, [])


@get("/law/bases/{basis:str}", sync_to_thread=True)
def show_basis(request: Asked, basis: FromPath[str]) -> Response[str]:
    """A legal basis other than consent."""
    demand(request, "show", LAW)
    table = rooms_of(request).law.counsel.table
    found = table.bases.get(basis)
    if found is None:
        raise NotFound("The law table has no such legal basis.")
    return _written(request, describe_basis(table, found), found.verified.state, [])


def _written(request: Asked, page: Page, state: str, chips: Sequence[str]) -> Response[str]:
    table = rooms_of(request).law.counsel.table
    return drawing_of(request).page(
        request, "law_page.html", written=page, state=state, chips=chips, table=table, link=_link, not_advice=NOT_ADVICE
    )


def _link(address: str) -> str:
    """Where a link of a page leads: to another page of the table, or out to the web; empty for anything else."""
    for start, ours in (("place/", "/law/"), ("duty/", "/law/duties/"), ("basis/", "/law/bases/")):
        if address.startswith(start):
            return ours + address.removeprefix(start)
    return address if address.startswith(("https://", "http://")) else ""


# ------------------------------------------------------------------------------------------ the question


def question_of(form: Form) -> Question:
    """Return the question that the form asks. Raises BadRequest naming what is too long or not a number."""
    return Question(
        caller=_party(form, "caller"), called=_party(form, "called"), direction=form.text("direction", "inbound"),
        agent=form.listed("agent"), recorder=form.listed("recorder") if "recorder" in form.fields else None,
        others=form.listed("others"), served=form.listed("served") if "served" in form.fields else None,
        on=form.text("on"), profile=form.text("profile"), telling=form.text("telling", "ask"),
        chosen_by=form.text("chosen_by"), keep_days=_whole(form.text("keep_days", "90") or "90"),
        relaxed=form.many("relaxed"), stricter=tuple(_held(one) for one in form.listed("stricter")),
        circumstances=form.many("circumstances"), basis=form.text("basis"), languages=form.many("languages") or ("en",),
        line=form.text("line"),
    )  # fmt: skip


def _party(form: Form, name: str) -> Party:
    known = {kind: form.listed(f"{name}_{kind}") for kind in EVIDENCE}
    return Party(number=form.text(name), withheld=form.ticked(f"{name}_withheld"), **known)


def _held(text: str) -> Held:
    place, equals, how = text.partition("=")
    if not equals:
        raise BadRequest(f"stricter: {text[:40]} is not written as US-TX=express_opt_in is.")
    return Held(place=place, form=how)


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 9):
        raise BadRequest("Days of keeping are a whole number.")
    return int(text)


# ------------------------------------------------------------------------------------------ the page


def _law_page(request: Asked, form: Form, opinion: Opinion | None, problem: str) -> Response[str]:
    rooms = rooms_of(request)
    law = as_settings_read(rooms)
    rule, name = request.query_params.get("rule", ""), request.query_params.get("name", "").strip()[:80]
    return drawing_of(request).page(
        request, "law.html", 400 if problem else 200, form=form, problem=problem, opinion=opinion,
        chosen=_chosen(form, opinion), law=law, table=law.table, not_advice=NOT_ADVICE, parties=PARTIES, known=KNOWN,
        places=_listed(law, rule, name), all_places=_listed(law, "", ""), rule=rule if rule in RULES else "", name=name,
        rules=RULES, forms=FORMS, purposes=PURPOSE_WORDS, circumstances=_stated(), rule_words=RULE_WORDS,
        form_words=FORM_WORDS, will_words=WILL_WORDS, effect_words=EFFECT_WORDS, profiles=PROFILES,
        obligations=OBLIGATIONS, most_shown=MOST_SHOWN, defaults=rooms.law, today=law.reckoning.on,
        lines=sorted(rooms.policies.lines), languages=sorted({one.partition("/")[0] for one in rooms.law.counsel.texts}),
        map=_map(law), lit_map=_lit(opinion) if opinion is not None else "",
    )  # fmt: skip


def as_settings_read(rooms: WebRooms) -> Law:
    """The table as the settings read it today."""
    return reckon(rooms.law.counsel.table, Reckoning(today(rooms), rooms.law.profile, rooms.law.served))


def _chosen(form: Form, opinion: Opinion | None) -> Any:
    """The answer that is shown whole: that for the purpose which was chosen."""
    if opinion is None:
        return None
    wanted = form.text("purpose", PURPOSES[0])
    return next((one for one in opinion.answers if one.decision.purpose == wanted), opinion.answers[0])


def _stated() -> Mapping[str, str]:
    return {code: words for code, words in CIRCUMSTANCES.items() if code}


def _listed(law: Law, rule: str, name: str) -> list[Listed]:
    """The places of the table that fit a filter, the states of the US by name, then the others."""
    table, found = law.table, []
    for code in sorted(table.rows, key=lambda one: (not one.startswith("US"), table.rows[one][-1].name)):
        row = table.row(code, law.reckoning.on)
        if row is None or not _fits(row, rule, name):
            continue
        demanded = law.demand("recording", code)
        found.append(Listed(row, demanded.rule, demanded.form))
    return found


def _fits(row: Row, rule: str, name: str) -> bool:
    kind = "contested" if row.contested.law else row.effective_rule
    return (rule not in RULES or rule == kind) and name.lower() in f"{row.name} {row.code}".lower()


def _map(law: Law) -> Markup:
    drawn = tile_map(
        tiles(law),
        "Whose consent a recording takes",
        _subtitle(law.table, law),
        "",
        link="/law/{code}",
        standalone=False,
    )
    return Markup(drawn)


def _lit(opinion: Opinion) -> Markup:
    """The map with every place that counts for this call lit."""
    law = opinion.answers[0].decision.law
    lit = pointed_out(law, opinion.locations.places)
    drawn = tile_map(
        tiles(law), "The places that this call may touch", _subtitle(law.table, law), "", lit=lit, link="/law/{code}",
        standalone=False, name="lit-map",
    )  # fmt: skip
    return Markup(drawn)


def _subtitle(table: Table, law: Law) -> str:
    return f"Law table {table.version}, profile {law.reckoning.profile}, on {law.reckoning.on}. {NOT_ADVICE}"


LAW_PAGES: list[Any] = [show_law, take_question, show_place, show_duty, show_basis]
