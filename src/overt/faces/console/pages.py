"""The console's pages: calls, a call, calls in progress, the ledger, the machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from litestar import Response, get
from litestar.params import FromPath
from litestar.response import Redirect, ServerSentEvent, ServerSentEventMessage

from overt.domain.access import OWN, Actor, Denied, Resource, may, offered_purposes
from overt.domain.ladder import draw
from overt.faces.console.entrance import drawing_of
from overt.faces.http.asking import Asked, demand, only_agent, own_call, rooms_of, signed_of, wanted, whole
from overt.faces.http.problems import BadRequest, NotFound
from overt.faces.http.rooms import WebRooms
from overt.ledger.checkpoint import CheckpointBroken, VerifierKey, read_unverified
from overt.services.auditing import read_calls
from overt.services.explaining import explain, verdict, who_listened
from overt.services.proving import Entry
from overt.services.searching import STATES, BadCursor, CallRow, Page, Wanted
from overt.services.signing_in import recognise_again

CHIPS = tuple(state for state in STATES if state != "in progress")
PURPOSE_WORDS: Mapping[str, str] = {
    "quality": "Quality: hearing how we did",
    "training": "Training of colleagues",
    "order": "An order of a court or authority",
    "claim": "A claim of, or against, somebody on the call",
    "subject-request": "Somebody on the call asked for it",
    "crime": "A crime against us or them",
}
# counter of a leg → what it means
COUNTERS = (
    ("received", "received"), ("captured", "sealed under a permit"), ("dropped_without_permit", "dropped: no permit"),
    ("lost", "lost on the way"), ("late", "late"), ("kernel_dropped", "dropped by the kernel"),
    ("malformed", "not RTP"), ("foreign", "from a stranger"), ("other_type", "of another type"), ("sent", "sent to them"),
    ("send_errors", "could not be sent"),
)  # fmt: skip
LIVE_S, BEAT_S, LOOK_AGAIN_S = 0.5, 15.0, 20.0
MOST_LIVE = 200
ENTRIES_A_PAGE = 50
NO_ENTRY = 10**12
USUALLY_BEHIND = 200


@dataclass(frozen=True, slots=True)
class Hearable:
    """A recording of a call as the player shows it: with the purposes offered, or why it is not to be heard."""

    recording: str
    started_us: int
    captured_ms: int
    told: str
    ended: int | None
    refused: str
    purposes: tuple[tuple[str, str], ...]


@get("/")
async def show_home() -> Redirect:
    """The calls are the front page."""
    return Redirect("/calls", status_code=303)


@get("/calls", sync_to_thread=True)
def show_calls(request: Asked) -> Response[str]:
    """Calls, newest first, filtered by the query."""
    rooms = rooms_of(request)
    actor = demand(request, "list", Resource("call"))
    problem, asked, page = "", Wanted(agent=only_agent(actor)), Page(())
    try:
        asked = wanted(request, actor)
        page = rooms.catalogue.search(rooms.front.tenant, asked)
    except (BadRequest, BadCursor) as refused:
        problem = str(refused) or "That page is not there any more."
    query = {name: request.query_params.get(name, "") for name in _FIELDS}

    def link(**changed: str) -> str:
        kept = {"after": ""} | {k: v for k, v in query.items() if k != "after"} | changed
        asks = {name: value for name, value in kept.items() if value}
        return "/calls" + (f"?{urlencode(asks)}" if asks else "")

    return drawing_of(request).page(
        request, "calls.html", 400 if problem else 200, asked=query, page=page, chips=CHIPS, link=link, problem=problem,
        counts=rooms.catalogue.counts(rooms.front.tenant, asked), choices=_choices(rooms, actor),
        narrowed=any(query.values()), behind=_behind(rooms),
    )  # fmt: skip


def _choices(rooms: WebRooms, actor: Actor) -> Mapping[str, Sequence[str]]:
    """What may be chosen among. Who sees only what is their own is not told who else there is."""
    choices = rooms.catalogue.choices(rooms.front.tenant)
    return {**choices, "agent": (actor.agent,) if actor.role in OWN else choices["agent"]}


def _behind(rooms: WebRooms) -> int:
    """How many entries the catalogue has still to read, 0 while it is only as late as it always is."""
    behind = rooms.ledger.size() - rooms.catalogue.position(rooms.front.tenant)
    return behind if behind > USUALLY_BEHIND else 0


_FIELDS = ("find", "line", "agent", "place", "since", "until", "state", "gap", "after")


@get("/calls/{call:str}", sync_to_thread=True)
def show_call(request: Asked, call: FromPath[str]) -> Response[str]:
    """One call: why, its way through the rooms, who listened, and the player."""
    rooms, row = rooms_of(request), own_call(request, call)
    entries = [one.stated for one in rooms.ledger.some(row.entries)]
    record = read_calls(entries).get(row.id)
    return drawing_of(request).page(
        request, "call.html", row=row, rooms=explain(entries, rooms.names), counters=COUNTERS,
        verdict=verdict(record, rooms.names) if record is not None else "The call has just come.",
        recordings=[_hearable(request, rooms, row, one) for one in row.recordings], listened=who_listened(entries),
        legs=dict(record.legs) if record is not None else {}, gaps=record.gaps if record is not None else [],
        test="test" in request.query_params, drawn=draw(rooms.observing.trace(row.id)), ladder_days=rooms.observing.ladder_days,
    )  # fmt: skip


def _hearable(request: Asked, rooms: WebRooms, row: CallRow, recording: str) -> Hearable:
    held = rooms.listening.holdings.find(rooms.front.tenant, recording)
    if held is None:
        return Hearable(recording, row.started_us, 0, "", None, "the ledger knows no permit of this recording", ())
    actor = signed_of(request).account.actor
    purposes = tuple((one, PURPOSE_WORDS[one]) for one in offered_purposes(held.told))
    verdict_ = may(actor, "play", held.resource(row.agent), purpose=purposes[0][0], document="any")
    refused = f"{verdict_.reason}; who may is in docs/console.md" if isinstance(verdict_, Denied) else ""
    return Hearable(recording, held.started_us, held.captured_ms, held.told, held.ended, refused, purposes)


# ------------------------------------------------------------------------------------------ live


@get("/live", sync_to_thread=True)
def show_live(request: Asked) -> Response[str]:
    """Calls in progress."""
    rooms = rooms_of(request)
    demand(request, "watch", Resource("live"))
    return drawing_of(request).page(request, "live.html", rows=_live(rooms), now_us=_now(rooms))


@get("/live/events")
async def live_events(request: Asked) -> ServerSentEvent:
    """The same, as server-sent events: `calls` with a fragment whenever something changed, `gone` at the end."""
    demand(request, "watch", Resource("live"))
    return ServerSentEvent(_changes(request))


async def _changes(request: Asked) -> AsyncIterator[ServerSentEventMessage]:
    rooms, drawing, before, quiet, looked = rooms_of(request), drawing_of(request), "", 0.0, 0.0
    while rooms.serving:
        rows = await asyncio.to_thread(_live, rooms)
        now = drawing.fragment("live_rows.html", rows=rows, now_us=_now(rooms))
        shape = repr(rows)
        if shape != before:
            before, quiet = shape, 0.0
            yield ServerSentEventMessage(event="calls", data=now)
        elif quiet >= BEAT_S:
            quiet = 0.0
            yield ServerSentEventMessage(comment="still here")
        await asyncio.sleep(LIVE_S)
        quiet, looked = quiet + LIVE_S, looked + LIVE_S
        if looked >= LOOK_AGAIN_S:
            looked = 0.0
            if not await asyncio.to_thread(recognise_again, rooms.signing, signed_of(request)):
                break
    yield ServerSentEventMessage(event="gone", data="signed out")


def _live(rooms: WebRooms) -> tuple[CallRow, ...]:
    return rooms.catalogue.search(rooms.front.tenant, Wanted(state="in progress", limit=MOST_LIVE)).rows


def _now(rooms: WebRooms) -> int:
    return rooms.signing.accounts.clock.now_us()


# ------------------------------------------------------------------------------------------ ledger


@get("/ledger", sync_to_thread=True)
def show_ledger(request: Asked) -> Response[str]:
    """The newest entries, or those before `before`."""
    demand(request, "show", Resource("ledger"))
    size = rooms_of(request).ledger.size()
    before = min(whole(request.query_params, "before", size, NO_ENTRY), size)
    return _ledger(request, before, size, -1)


@get("/ledger/{index:int}", sync_to_thread=True)
def show_entry(request: Asked, index: FromPath[int]) -> Response[str]:
    """An entry among its neighbours."""
    demand(request, "show", Resource("ledger"))
    size = rooms_of(request).ledger.size()
    if not 0 <= index < size:
        raise NotFound(f"The ledger has {size} entries; there is none of that number yet.")
    return _ledger(request, min(size, index + ENTRIES_A_PAGE // 2), size, index)


def _ledger(request: Asked, before: int, size: int, chosen: int) -> Response[str]:
    rooms = rooms_of(request)
    first = max(0, before - ENTRIES_A_PAGE)
    entries: list[Entry] = list(reversed(rooms.ledger.entries(first, before - first)))
    note = rooms.ledger.checkpoint()
    return drawing_of(request).page(
        request, "ledger.html", entries=entries, note=note, size=size, chosen=chosen, call="",
        older=first if first else None, newer=before < size, **_checkpoint(note, rooms.verifier_key),
    )  # fmt: skip


def _checkpoint(note: str, key: str) -> dict[str, Any]:
    try:
        checkpoint = read_unverified(note)
        return {
            "origin": checkpoint.origin, "root": checkpoint.root.hex(),
            "key": f"{VerifierKey.parse(key).key_hash.hex()} ({checkpoint.origin})",
        }  # fmt: skip
    except CheckpointBroken:
        return {"origin": "", "root": "", "key": ""}


# ------------------------------------------------------------------------------------------ system


@get("/system")
async def show_system(request: Asked) -> Response[str]:
    """Processes, trunks, lines and the doctor."""
    demand(request, "show", Resource("system"))
    system = await rooms_of(request).system()
    return drawing_of(request).page(
        request, "system.html", system=system,
        stops=[one for one in system.findings if one.state == "stops"],
        looks=[one for one in system.findings if one.state == "look"],
    )  # fmt: skip


PAGES: list[Any] = [
    show_home, show_calls, show_call, show_live, live_events, show_ledger, show_entry, show_system,
]  # fmt: skip
