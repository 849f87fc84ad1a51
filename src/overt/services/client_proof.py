"""Proving a client: a test call in which somebody heard, on the recording, what its operator attests that callers are told.

The ledger must have it all: that this client brought the call, that it was recorded, and that somebody listened.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from overt.domain.client_fields import reason_of
from overt.domain.errors import ClientRefused
from overt.domain.facts import Fact, Json
from overt.services.auditing import Stated
from overt.services.clients import PROVEN, ClientRooms, Proven, Registered, found


@dataclass(frozen=True, slots=True)
class _Heard:
    """By what a test call is known to be heard: its recording, and the entry that says somebody listened."""

    recording: str
    listening: int


async def prove(rooms: ClientRooms, name: str, test_call: str, by: str, entered_by: str) -> Registered:
    """Enter that `by` heard the announcement on the recording of a test call.

    Raises ClientRefused when the ledger does not bear it out, NotDurable, Unavailable.
    """
    by, _ = reason_of(by, "heard")
    async with rooms.registrations.alone():
        known = await found(rooms, name)
        if known.client.attestation is None:
            raise ClientRefused(f"nothing is attested of {name}; there is nothing to prove")
        if known.entry < 0:
            raise ClientRefused(f"{name} is not entered yet; it is when `overt serve` starts")
        heard = _heard(rooms, known, test_call)
        body: dict[str, Json] = {
            "client": name, "test_call": test_call, "recording": heard.recording, "listening": heard.listening,
            "by": by, "entered_by": entered_by,
        }  # fmt: skip
        now = rooms.clock.now_us()
        receipt = await rooms.ledger.enter(Fact(rooms.clock.new_id(), rooms.tenant, PROVEN, now, "", body))
        return replace(known, proven=Proven(now, test_call, by, receipt.index))


def _heard(rooms: ClientRooms, known: Registered, test_call: str) -> _Heard:
    story = [one for one in rooms.registrations.mentions(test_call) if one.call == test_call] if test_call else []
    offered = next((one for one in story if one.kind == "call.offered"), None)
    if offered is None:
        raise ClientRefused(f"there is no call {test_call}; `overt calls list` shows those there are")
    brought = str(offered.body.get("trunk", ""))
    if brought != known.client.name:
        raise ClientRefused(f"the client {brought} brought that call, not {known.client.name}")
    if offered.index < known.attested_entry:
        raise ClientRefused(f"that call came before what is attested of {known.client.name} now; make another")
    recordings = [str(one.body.get("recording", "")) for one in story if one.kind == "recording.permitted"]
    if not recordings:
        raise ClientRefused("that call was not recorded, so nobody can have heard the announcement on its recording")
    for recording in recordings:
        listened = _listened(rooms.registrations.mentions(recording), recording)
        if listened >= 0:
            return _Heard(recording, listened)
    raise ClientRefused(f"nobody has listened to the recording {recordings[-1]} yet: listen to it first")


def _listened(story: Sequence[Stated], recording: str) -> int:
    """The entry of a listening in which sound was sent; −1 when there is none."""
    ended = (one for one in story if one.kind == "listening.ended" and one.body.get("recording") == recording)
    return next((one.index for one in ended if int(one.body.get("milliseconds", 0)) > 0), -1)
