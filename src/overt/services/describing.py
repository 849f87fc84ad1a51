"""What a recording client says of its call, as evidence; and what another roster means for the episode (P6)."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from overt.domain import consent
from overt.domain.facts import Json
from overt.domain.identity import CALLER, SIDES
from overt.domain.roster import Seats, regroup
from overt.inbox import Described

if TYPE_CHECKING:
    from overt.services.attended import Attended


async def take_description(call: Attended, described: Described) -> None:
    """Keep the document as it came; where others are on the call than before, end the episode, and let the next begin."""
    _note(call, described)
    before, call.context.seats = call.context.seats, described.seats
    call.context.deserted = tuple(
        side for side in SIDES
        if described.seats.of(side) is None and (before.of(side) is not None or side in call.context.deserted)
    )  # fmt: skip
    change = regroup(before, described.seats)
    if not change.ends_episode:
        return
    for person in change.joined:
        call.note("call.joined", side=_side(described.seats, person.id), how="the recording client says so")
    for person in change.left:
        call.note("call.left", side=_side(before, person.id), how="the recording client says so")
    gone = next((side for side in SIDES if side not in change.stayed), CALLER)
    await call.happen(consent.StrangerJoined("another person") if change.joined else consent.HungUp(gone))
    call.gather(change.stayed)


def _side(seats: Seats, person: str) -> str:
    for side in SIDES:
        seated = seats.of(side)
        if seated is not None and seated.id == person:
            return side
    return "another"


def _note(call: Attended, described: Described) -> None:
    """Enter the document: its hash and how it was read for everybody, its text where what is personal is kept (P10)."""
    call.context.descriptions += 1
    seats = described.seats
    body: dict[str, Json] = {
        "number": call.context.descriptions, "sha256": hashlib.sha256(described.document).hexdigest(),
        "bytes": len(described.document), "dialect": described.dialect, "complete": described.complete,
        "remarks": list(described.remarks), "people": len(seats.people),
        "lines": [f"{side}: line {index}" for side, index in seats.lines], "mixed": seats.mixed,
        "unheard": list(seats.unheard),
    }  # fmt: skip
    call.scribe.note("session.described", body, {"document": _text(described.document)} if described.document else {})


def _text(document: bytes) -> str:
    """The document, from which its very bytes can be had again: as text where it is UTF-8, else in base 64."""
    try:
        return document.decode()
    except UnicodeDecodeError:
        return "base64:" + base64.b64encode(document).decode()
