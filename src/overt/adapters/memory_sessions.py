"""A recording session in memory: ports.SessionControl for tests."""

from __future__ import annotations

from collections.abc import Mapping

from overt.adapters.memory import leg_media
from overt.domain.clients import Client
from overt.domain.identity import CALLER, SIDES, Side
from overt.domain.roster import Seats
from overt.inbox import Described, HungUp, LegMedia, Listener
from overt.ports import Dialled, Offer, Unavailable


class MemorySession:
    """Implements ports.SessionControl. `flows` is what the client was asked, in order; `unwilling` refuses new offers."""

    def __init__(self, offer: Offer, client: Client, seats: Seats) -> None:
        self.offer, self.client, self.seats = offer, client, seats
        self.flows: list[bool] = []
        self.hung_up: list[Side] = []
        self.refused = 0
        self.gone = self.unwilling = False
        self.listener: Listener = lambda event: None

    def listen(self, listener: Listener) -> None:
        """See ports.CallControl."""
        self.listener = listener
        listener(self.description(self.seats))

    def description(self, seats: Seats, document: bytes = b"<recording/>") -> Described:
        """What the client says when these are on the call."""
        return Described(document, "RFC 7865", True, (), seats)

    def place(self, address: str, ports: Mapping[Side, int], *, flowing: bool) -> Mapping[Side, LegMedia]:
        """See ports.SessionControl."""
        self.flows.append(flowing)
        return {side: leg_media(4000) for side in SIDES}

    async def accept(self) -> None:
        """See ports.SessionControl."""
        if self.gone:
            raise Unavailable("client", "gave up", retry=False)

    async def let_flow(self, *, flowing: bool) -> None:
        """See ports.SessionControl."""
        if self.unwilling:
            raise Unavailable("client", "it does not answer our offer")
        self.flows.append(flowing)

    async def answer(self, address: str, port: int) -> LegMedia:
        """See ports.CallControl: a recording session is accepted, not answered."""
        raise Unavailable("client", "a recording session has lines of its own", retry=False)

    async def refuse(self, status: int, reason: str) -> None:
        """See ports.CallControl."""
        self.refused = status

    async def dial(self, target: str, address: str, port: int, ring_s: int) -> Dialled:
        """See ports.CallControl: nobody is dialled beside a call."""
        return Dialled(None, 488, "nobody is dialled beside a call")

    async def hang_up(self, side: Side) -> None:
        """See ports.CallControl."""
        self.hung_up.append(side)

    def snapshot(self) -> dict[str, object]:
        """See ports.CallControl."""
        return {}

    def leave(self) -> None:
        """The client ends its session."""
        self.listener(HungUp(CALLER, "ended the recording session"))
