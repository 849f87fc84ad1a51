"""The ledger as JSON and as bytes: enough for a stranger's program to check it without believing this server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from litestar import Response, Router, get

from overt.domain.access import Resource
from overt.faces.api.described import asking, asks
from overt.faces.http.asking import Asked, demand, rooms_of, whole
from overt.ledger.checkpoint import CheckpointBroken, VerifierKey

MOST_LEAVES, MOST_ENTRIES, LAST = 65_536, 500, 2**53
OCTETS = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class LedgerJson:
    """The latest checkpoint (a C2SP signed note, empty before the first entry) and the key that signs it (a C2SP vkey)."""

    size: int
    origin: str
    checkpoint: str
    verifier_key: str


@dataclass(frozen=True, slots=True)
class EntryJson:
    """An entry. `line` is the canonical text whose RFC 9162 leaf hash is `leaf`; personal values are not among it."""

    index: int
    kind: str
    at_us: int
    call: str
    body: Mapping[str, Any]
    line: str
    leaf: str


@dataclass(frozen=True, slots=True)
class EntriesJson:
    """Entries, oldest first."""

    entries: Sequence[EntryJson]


WINDOW = asking(asks("first", "The first index; 0 when not given."), asks("count", "How many."))


@get("/api/ledger", summary="The checkpoint", sync_to_thread=True)
def show_checkpoint(request: Asked) -> LedgerJson:
    """The signed note of the whole ledger."""
    demand(request, "prove", Resource("ledger"))
    rooms = rooms_of(request)
    note = rooms.ledger.checkpoint()
    try:
        origin = VerifierKey.parse(rooms.verifier_key).name
    except CheckpointBroken:
        origin = ""
    return LedgerJson(rooms.ledger.size(), origin, note, rooms.verifier_key)


@get("/api/ledger/leaves", summary="Leaf hashes", operation_class=WINDOW, media_type=OCTETS, sync_to_thread=True)
def show_leaves(request: Asked) -> Response[bytes]:
    """The leaf hashes from `first` on, 32 bytes each, at most 65,536."""
    demand(request, "prove", Resource("ledger"))
    first, count = _window(request, MOST_LEAVES)
    ledger = rooms_of(request).ledger
    return Response(ledger.leaves(min(first, ledger.size()), count), media_type=OCTETS)


@get("/api/ledger/entries", summary="Entries", operation_class=WINDOW, sync_to_thread=True)
def show_entries(request: Asked) -> EntriesJson:
    """The entries from `first` on, at most 500."""
    demand(request, "show", Resource("ledger"))
    found = rooms_of(request).ledger.entries(*_window(request, MOST_ENTRIES))
    return EntriesJson([
        EntryJson(s.index, s.kind, s.at_us, s.call, s.body, one.line, one.leaf) for one in found for s in (one.stated,)
    ])  # fmt: skip


def _window(request: Asked, most: int) -> tuple[int, int]:
    query = request.query_params
    return whole(query, "first", 0, LAST), whole(query, "count", most, most)


LEDGER: list[Any] = [Router(path="/", route_handlers=[show_checkpoint, show_leaves, show_entries], tags=["ledger"])]
