"""Listenings whose end nobody entered, because the process that gave the sound died: its successor says so."""

from __future__ import annotations

from collections.abc import Sequence

from overt.domain.facts import Fact
from overt.services.auditing import Stated
from overt.services.listening import ListeningRooms

UNKNOWN = -1
HOW = "the console died meanwhile; how much was sent is not known"


async def end_unended(rooms: ListeningRooms, grants: Sequence[Stated]) -> int:
    """Enter an end for each of these grants, and return how many there were. Raises NotDurable."""
    for grant in grants:
        body = {
            "recording": grant.body["recording"], "action": grant.body["action"], "actor": grant.body["actor"],
            "grant": grant.index, "milliseconds": UNKNOWN, "ranges": [], "how": HOW,
        }  # fmt: skip
        fact = Fact(rooms.clock.new_id(), rooms.tenant, "listening.ended", rooms.clock.now_us(), grant.call, body)
        await rooms.ledger.enter(fact)
    return len(grants)
