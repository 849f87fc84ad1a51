"""Clients for tests of the web: one that is attested, and a side door with one call behind it."""

from __future__ import annotations

from overt.adapters.memory import MemoryClock, MemoryLedger
from overt.adapters.memory_clients import MemoryRegistrations, MemorySecrets
from overt.domain.vitals import ClientVitals, Sentence, Vitals
from overt.faces.http.bringing import BringingRooms
from overt.inbox import ConsentSaid
from overt.ports import Unavailable
from overt.services.clients import ClientRooms, Signed, add
from overt.services.consenting import NoCallUnderWay

UNDER_WAY = "0193568a-0000-7000-8000-0000000000c2"
DANA = Signed("Dana Wu", "contract 7", "root", "command")


class OneCall:
    """Implements consenting.SideDoor: one call is under way."""

    def __init__(self) -> None:
        self.said: list[ConsentSaid] = []
        self.away = False

    async def say(self, call: str, word: ConsentSaid) -> str:
        """See consenting.SideDoor."""
        if self.away:
            raise Unavailable("signalling", "it cannot be reached")
        if call != UNDER_WAY:
            raise NoCallUnderWay("no such call is under way")
        self.said.append(word)
        return "given" if word.granted else "refused"


def bringing_rooms(ledger: MemoryLedger, clock: MemoryClock) -> BringingRooms:
    """Nobody may bring calls yet."""
    clients = ClientRooms("main", ledger, clock, MemoryRegistrations(ledger), MemorySecrets(), (), ["sales"])
    return BringingRooms(clients, dict, OneCall())


async def with_a_client(rooms: BringingRooms) -> None:
    """A recording client of which something is attested."""
    fields = {
        "name": "sbc 1",
        "mode": "siprec",
        "address": ["192.0.2.7"],
        "attest": ["recording"],
        "agents": ["+14045550100"],
    }
    await add(rooms.clients, fields, DANA)


def faring(rooms: BringingRooms) -> BringingRooms:
    """The same, where signalling says how the client fares."""

    def vitals() -> dict[str, Vitals]:
        now = rooms.clients.clock.now_us()
        said = ClientVitals(now, 12, 3, (Sentence(now, "it answers no re-INVITE"),))
        return {"signalling": Vitals("signalling", now, clients={"sbc 1": said})}

    return BringingRooms(rooms.clients, vitals, rooms.door, rooms.pace)
