"""Calls as JSON: found, shown with their way through the rooms, counted, in progress."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from litestar import Router, get
from litestar.params import FromPath

from overt.domain.access import RECORDING, Resource
from overt.faces.api.described import asking, asks
from overt.faces.http.asking import Asked, demand, own_call, rooms_of, wanted
from overt.faces.http.problems import NotFound
from overt.services.auditing import read_calls
from overt.services.explaining import Listened, Room, explain, verdict, who_listened
from overt.services.listening import Held
from overt.services.searching import MOST_A_PAGE, STATES, CallRow, Wanted


@dataclass(frozen=True, slots=True)
class CallsJson:
    """A page of calls, newest first; `after` is what to ask for next, empty on the last page."""

    calls: Sequence[CallRow]
    after: str


@dataclass(frozen=True, slots=True)
class CountsJson:
    """Calls by state, and `gap`, counted up to a thousand each."""

    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class RecordingsJson:
    """Recordings as the ledger knows them, those of the newest calls first; `after` as for calls."""

    recordings: Sequence[Held]
    after: str


@dataclass(frozen=True, slots=True)
class CallJson:
    """A call with its verdict, its way through the rooms, its legs' counters, its gaps, and who listened."""

    call: CallRow
    verdict: str
    rooms: Sequence[Room]
    legs: Mapping[str, Any]
    gaps: Sequence[Any]
    recordings: Sequence[Held]
    listened: Sequence[Listened]


FILTERS = asking(
    asks("since", "The first day, UTC.", "2026-11-01"),
    asks("until", "The last day, UTC.", "2026-11-30"),
    asks("number", "A caller's number, whole or its last four digits.", "+14155550102"),
    asks("agent", "The agent's SIP address."),
    asks("line", "The line's name."),
    asks("state", f"One of: {', '.join(STATES)}."),
    asks("place", "A place of the call, ISO 3166.", "US-CA"),
    asks("text", "Words of the outcome or its reason."),
    asks("gap", "`1`: only calls with a gap."),
    asks("find", "A number or words, as the console's field takes them."),
    asks("after", "The `after` of the page before."),
    asks("limit", f"How many, 1 to {MOST_A_PAGE}; 50 when not given."),
)


@get("/api/calls", summary="Find calls", operation_class=FILTERS, sync_to_thread=True)
def find_calls(request: Asked) -> CallsJson:
    """Calls that fit all filters, newest first. An agent finds their own."""
    rooms, actor = rooms_of(request), demand(request, "list", Resource("call"))
    page = rooms.catalogue.search(rooms.front.tenant, wanted(request, actor))
    return CallsJson(page.rows, page.after)


@get("/api/calls/counts", summary="Count calls by state", operation_class=FILTERS, sync_to_thread=True)
def count_calls(request: Asked) -> CountsJson:
    """How many calls of each state fit the other filters."""
    rooms, actor = rooms_of(request), demand(request, "list", Resource("call"))
    return CountsJson(rooms.catalogue.counts(rooms.front.tenant, wanted(request, actor)))


@get("/api/calls/{call:str}", summary="Show a call", sync_to_thread=True)
def show_call(request: Asked, call: FromPath[str]) -> CallJson:
    """One call: why it came out as it did, with each ledger entry that says so."""
    rooms, row = rooms_of(request), own_call(request, call)
    entries = [one.stated for one in rooms.ledger.some(row.entries)]
    record = read_calls(entries).get(row.id)
    if record is None:
        raise NotFound("Its first entry is on its way to the ledger.")
    held = [rooms.listening.holdings.find(rooms.front.tenant, one) for one in row.recordings]
    return CallJson(
        row, verdict(record, rooms.names), explain(entries, rooms.names), record.legs, record.gaps,
        [one for one in held if one is not None], who_listened(entries),
    )  # fmt: skip


@get("/api/recordings", summary="Find recordings", operation_class=FILTERS, sync_to_thread=True)
def find_recordings(request: Asked) -> RecordingsJson:
    """The recordings of the calls that fit all filters, page by page as the calls are; a page may hold none."""
    rooms, actor = rooms_of(request), demand(request, "list", RECORDING)
    page = rooms.catalogue.search(rooms.front.tenant, wanted(request, actor))
    named = [one for row in page.rows for one in row.recordings]
    held = [rooms.listening.holdings.find(rooms.front.tenant, one) for one in named]
    return RecordingsJson([one for one in held if one is not None], page.after)


@get("/api/live", summary="Calls in progress", sync_to_thread=True)
def live_calls(request: Asked) -> CallsJson:
    """The calls that have not ended; `hears` says whether the recorder hears. The console's /live/events streams them."""
    rooms = rooms_of(request)
    demand(request, "watch", Resource("live"))
    page = rooms.catalogue.search(rooms.front.tenant, Wanted(state="in progress", limit=MOST_A_PAGE))
    return CallsJson(page.rows, page.after)


CALLS: list[Any] = [
    Router(path="/", route_handlers=[find_calls, count_calls, show_call, live_calls, find_recordings], tags=["calls"])
]
