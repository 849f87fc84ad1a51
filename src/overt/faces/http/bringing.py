"""What the web needs to keep clients and to reach calls under way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from overt.domain.vitals import Vitals
from overt.services.client_shown import Seen, as_json, seen
from overt.services.clients import ClientRooms, Registered
from overt.services.consenting import Pace, SideDoor


@dataclass(frozen=True, slots=True)
class BringingRooms:
    """The register of clients, how each fares (`vitals`: what each process says last), and the way to calls under way."""

    clients: ClientRooms
    vitals: Callable[[], Mapping[str, Vitals]]
    door: SideDoor
    pace: Pace = field(default_factory=Pace)

    def seen(self, known: Registered) -> Seen:
        """A client with how it fares now."""
        return seen(known, self.vitals(), self.clients.clock.now_us())


def shown(bringing: BringingRooms, known: Registered) -> Mapping[str, Any]:
    """A client as JSON."""
    return as_json(bringing.seen(known))
