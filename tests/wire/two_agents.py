"""Two user agents and a network between them that loses, doubles and reorders. No socket, no clock."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass, field
from random import Random

from overt.wire.sip.agent import Agent
from overt.wire.sip.headers import NameAddress
from overt.wire.sip.leg import Happening, Leg, Offered
from overt.wire.sip.message import Response, parse
from overt.wire.sip.transaction import MS, Peer, Send
from overt.wire.sip.uri import Uri

LATENCY = 10 * MS
A, B = ("10.0.0.1", 5060), ("10.0.0.2", 5070)


@dataclass
class Wire:
    """Two agents and what is under way between them."""

    loss: float = 0.0
    double: float = 0.0
    seed: int = 1
    now: int = 1_000 * MS
    happened: dict[str, list[Happening]] = field(default_factory=lambda: {"a": [], "b": []})

    def __post_init__(self) -> None:
        names = itertools.count()
        self.a = Agent(*A, lambda: f"a{next(names)}", "a")
        self.b = Agent(*B, lambda: f"b{next(names)}", "b")
        self._queue: list[tuple[int, int, tuple[str, int], tuple[str, int], bytes]] = []
        self._random, self._order = Random(self.seed), itertools.count()
        self.sent: list[bytes] = []
        self.sent_by: list[tuple[int, bytes]] = []

    def do(self, who: str, happened: list[Happening]) -> None:
        """Put on the wire what an agent sends; keep the rest."""
        source = A if who == "a" else B
        for one in happened:
            if not isinstance(one, Send):
                self.happened[who].append(one)
                continue
            self.sent.append(one.encoded)
            self.sent_by.append((source[1], one.encoded))
            for _ in range(1 + (self._random.random() < self.double)):
                if self._random.random() >= self.loss:
                    due = self.now + LATENCY + self._random.randrange(LATENCY)
                    heapq.heappush(
                        self._queue, (due, next(self._order), source, (one.to.host, one.to.port), one.encoded)
                    )

    def run(self, duration: int, react: object = None) -> None:
        """Let time pass."""
        ends = self.now + duration
        while self.now < ends:
            self.now = min(ends, max(self._next(), self.now + 1))
            while self._queue and self._queue[0][0] <= self.now:
                _, _, source, to, encoded = heapq.heappop(self._queue)
                name, agent = ("a", self.a) if to == A else ("b", self.b)
                self.do(name, agent.receive(encoded, Peer(*source), self.now))
            for name, agent in (("a", self.a), ("b", self.b)):
                self.do(name, agent.advance(self.now))
            if callable(react):
                react()

    def _next(self) -> int:
        """When something happens next; far away when nothing will."""
        dues = [self.a.next_deadline(), self.b.next_deadline(), self._queue[0][0] if self._queue else None]
        return min((due for due in dues if due is not None), default=1 << 62)

    def statuses(self, who: str, method: str) -> list[int]:
        """The statuses of an agent's answers to a method, in the order in which they were sent."""
        agent = self.a if who == "a" else self.b
        read = [parse(one) for at, one in self.sent_by if at == agent._port]
        return [one.status for one in read if isinstance(one, Response) and one.cseq.method == method]

    def call(self, headers: tuple[tuple[str, str], ...] = ()) -> Leg:
        """A calls B."""
        leg, happened = self.a.invite("sip:b@10.0.0.2:5070", Peer(*B), NameAddress(Uri("sip", "a", "x")), "10.0.0.1", 4000, self.now, headers=headers)  # fmt: skip
        self.do("a", happened)
        return leg

    def offered(self) -> Leg | None:
        """B's leg, once it was offered."""
        return next((one.leg for one in self.happened["b"] if isinstance(one, Offered)), None)

    def answer(self) -> Leg:
        """B rings and answers."""
        leg = self.offered()
        assert leg is not None
        self.do("b", self.b.ring(leg, self.now))
        self.do("b", self.b.answer(leg, "10.0.0.2", 6000, self.now))
        return leg

    def kinds(self, who: str) -> list[str]:
        """What happened at an agent, by name."""
        return [type(one).__name__ for one in self.happened[who]]


def established() -> tuple[Wire, Leg, Leg]:
    """A call between both."""
    wire = Wire()
    caller = wire.call()
    wire.run(100 * MS)
    called = wire.answer()
    wire.run(200 * MS)
    return wire, caller, called
