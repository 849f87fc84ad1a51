"""The complete in-memory world: every port of a call, for stories without sockets, disks or processes.

It obeys the ports' contracts (tests/adapters runs the same suites against it and the real ones). What happens to a
party is done through it as a person would: answer, press, hang up.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from overt.domain.facts import Fact, Json
from overt.domain.identity import AGENT, CALLER, Number, Side
from overt.domain.location import SPOOFED
from overt.domain.numbers import REASONS
from overt.ledger.entry import Entry, EntryBroken, write_entry
from overt.ledger.merkle import Tree, leaf_hash
from overt.ports import (
    CaptureAccount,
    CaptureOrder,
    Dialled,
    HungUp,
    LegMedia,
    Listener,
    NotDurable,
    Offer,
    Played,
    Receipt,
    Unavailable,
)
from overt.services.auditing import Stated
from overt.services.governing import KIND

START_US = 1_790_000_000_000_000
PLAY_S = 0.001


def leg_media(port: int) -> LegMedia:
    """A far end that speaks PCMU and has keys."""
    return LegMedia("192.0.2.1", port, port + 1, "PCMU", 0, 101)


@dataclass(slots=True)
class MemoryClock:
    """Implements ports.Clock: time moves a microsecond with every look at it."""

    now: int = START_US
    ids: int = 0

    def now_us(self) -> int:
        """See ports.Clock."""
        self.now += 1
        return self.now

    def monotonic_ns(self) -> int:
        """See ports.Clock."""
        return self.now_us() * 1000

    def new_id(self) -> str:
        """See ports.Clock."""
        self.ids += 1
        return f"018f0000-0000-7000-8000-{self.ids:012x}"

    def today(self) -> str:
        """See ports.Clock."""
        return "2026-11-23"


@dataclass(slots=True)
class MemoryLedger:
    """Implements ports.Ledger. While `down`, nothing becomes durable; `slow` holds everything back until it is set."""

    facts: list[Fact] = field(default_factory=list)
    down: bool = False
    slow: asyncio.Event | None = None
    lines: list[bytes] = field(default_factory=list)
    tree: Tree = field(default_factory=Tree)

    async def enter(self, fact: Fact) -> Receipt:
        """See ports.Ledger."""
        if self.slow is not None:
            await self.slow.wait()
        if self.down:
            raise NotDurable("the ledger is down")
        known = [one.id for one in self.facts]
        if fact.id not in known:
            self._append(fact)
            known.append(fact.id)
        index = known.index(fact.id)
        return Receipt(index, self.lines[index], self.tree.size, self.tree.inclusion(index), "")

    def _append(self, fact: Fact) -> None:
        commitments = {name: hashlib.sha256(value.encode()).hexdigest() for name, value in fact.personal.items()}
        entry = Entry(fact.id, fact.tenant, fact.kind, fact.at_us, fact.at_us, fact.call, fact.body, commitments)
        try:
            self.lines.append(write_entry(entry))
        except EntryBroken as error:
            raise NotDurable(str(error)) from error
        self.tree.append(leaf_hash(self.lines[-1]))
        self.facts.append(fact)

    def bodies(self, kind: str) -> list[Mapping[str, Json]]:
        """The bodies of all facts of a kind."""
        return [fact.body for fact in self.facts if fact.kind == kind]


@dataclass(slots=True)
class MemoryPublications:
    """Implements governing.Publications over a ledger in memory. `trouble`: they cannot be read now; `changed` are texts
    that somebody put in the place of others, by entry."""

    ledger: MemoryLedger
    trouble: str = ""
    changed: dict[int, str] = field(default_factory=dict)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def newest(self) -> Stated | None:
        """See governing.Publications."""
        return next(reversed(self.all()), None)

    def all(self) -> Sequence[Stated]:
        """See governing.Publications."""
        if self.trouble:
            raise Unavailable("ledger", self.trouble)
        found = []
        for index, fact in enumerate(self.ledger.facts):
            if fact.kind == KIND:
                personal = {**fact.personal, **({"book": self.changed[index]} if index in self.changed else {})}
                found.append(Stated(index, fact.kind, fact.at_us, fact.call, fact.body, personal))
        return found

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """See governing.Publications."""
        async with self.lock:
            yield


@dataclass(slots=True)
class MemoryErasures:
    """Implements ports.ErasureRegister."""

    kept: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def keep(self, tenant: str, recording: str) -> bytes:
        """See ports.ErasureRegister."""
        if (tenant, recording) in self.kept:
            raise Unavailable("erasures", "the recording has one already", retry=False)
        return self.kept.setdefault((tenant, recording), hashlib.sha256(recording.encode()).digest())


@dataclass(slots=True)
class MemoryAddresses:
    """Implements ports.AddressBook from three tables: number → place on file, place hinted at, doubt."""

    filed: Mapping[str, str] = field(default_factory=dict)
    hints: Mapping[str, str] = field(default_factory=dict)
    doubts: Mapping[str, str] = field(default_factory=dict)

    def on_file(self, number: Number) -> Sequence[tuple[str, str]]:
        """See ports.AddressBook."""
        return ((self.filed[number.text], "register"),) if number.text in self.filed else ()

    def hinted(self, number: Number) -> Sequence[tuple[str, str]]:
        """See ports.AddressBook."""
        return ((self.hints[number.text], "area code"),) if number.text in self.hints else ()

    def doubt(self, number: Number) -> str:
        """See ports.AddressBook."""
        if number.withheld:
            return REASONS["withheld"]
        return SPOOFED if number.disputed else self.doubts.get(number.text, "")


class MemoryMedia:
    """Implements ports.CallMedia. `capturing` says whether anything would be recorded now; `opened` every order."""

    def __init__(self, listener: Listener) -> None:
        self.ports: Mapping[Side, int] = {CALLER: 16384, AGENT: 16386}
        self.address = "127.0.0.1"
        self.seconds: Mapping[Side, Sequence[Sequence[int]]] = {}
        self.listener = listener
        self.played: list[tuple[Side, str]] = []
        self.silent: set[Side] = set()
        self.capturing = self.relayed = False
        self.opened: list[CaptureOrder] = []
        self.refuses_to_open = ""
        self.released = False
        self.context = b""
        self._stopped: dict[Side, asyncio.Event] = {}

    def listen(self, listener: Listener) -> None:
        """See ports.CallMedia."""
        self.listener = listener

    async def connect(self, side: Side, media: LegMedia) -> None:
        """See ports.CallMedia."""

    async def play(self, side: Side, prompt: str, *, loop: bool = False) -> Played:
        """See ports.CallMedia."""
        self.played.append((side, prompt))
        stopped = self._stopped[side] = asyncio.Event()
        if loop:
            await stopped.wait()
        await asyncio.sleep(PLAY_S)
        if side in self.silent:
            return Played(side, prompt, 50, 0, False, False, None, 0, 0, "leg silent")
        reason = "stopped" if stopped.is_set() else ""
        return Played(side, prompt, 50, 0 if reason else 50, True, not reason, None, 1, 2, reason)

    async def stop_playing(self, side: Side) -> None:
        """See ports.CallMedia."""
        if side in self._stopped:
            self._stopped[side].set()

    async def relay(self, *, stop_keys: str) -> None:
        """See ports.CallMedia."""
        self.relayed = True

    async def open(self, order: CaptureOrder) -> None:
        """See ports.CallMedia."""
        if self.refuses_to_open:
            raise Unavailable("engine", self.refuses_to_open)
        self.opened.append(order)
        self.capturing = True

    async def pause(self, reason: str) -> None:
        """See ports.CallMedia."""
        self.capturing = False

    async def resume(self, ledger_index: int) -> None:
        """See ports.CallMedia."""
        self.capturing = True

    async def close(self, reason: str) -> CaptureAccount | None:
        """See ports.CallMedia."""
        self.capturing = False
        return self.account(reason) if self.opened else None

    def account(self, reason: str) -> CaptureAccount:
        """The account of the last recording."""
        return CaptureAccount(self.opened[-1].recording, reason, 3, "00", 1000, (), 1, 2)

    async def keep_context(self, context: bytes) -> None:
        """See ports.CallMedia."""
        self.context = context

    async def release(self) -> Mapping[Side, Mapping[str, int]]:
        """See ports.CallMedia."""
        self.released = True
        return {CALLER: {}, AGENT: {}}


@dataclass(slots=True)
class MemoryEngine:
    """Implements ports.MediaEngine. `full` refuses every call; `silent` are the sides that never show life."""

    calls: list[MemoryMedia] = field(default_factory=list)
    silent: frozenset[Side] = frozenset()
    full: bool = False

    async def allocate(self, tenant: str, call: str, listener: Listener, *, beside: bool = False) -> MemoryMedia:
        """See ports.MediaEngine."""
        if self.full:
            raise Unavailable("media ports", "none is left")
        self.calls.append(MemoryMedia(listener))
        self.calls[-1].silent |= self.silent
        return self.calls[-1]


class MemoryControl:
    """Implements ports.CallControl: a caller, and an agent who answers with `agent_status`, at once or once `picked_up`.

    `dialled` are all who were rung, in order.
    """

    def __init__(self, offer: Offer, agent_status: int = 200) -> None:
        self.offer, self.agent_status = offer, agent_status
        self.refused = 0
        self.hung_up: list[Side] = []
        self.dialled: list[str] = []
        self.picked_up = asyncio.Event()
        self.picked_up.set()
        self._given_up = asyncio.Event()
        self._listener: Listener = lambda event: None

    def listen(self, listener: Listener) -> None:
        """See ports.CallControl."""
        self._listener = listener

    async def answer(self, address: str, port: int) -> LegMedia:
        """See ports.CallControl."""
        return leg_media(4000)

    async def refuse(self, status: int, reason: str) -> None:
        """See ports.CallControl."""
        self.refused = status

    async def dial(self, target: str, address: str, port: int, ring_s: int) -> Dialled:
        """See ports.CallControl."""
        self.dialled.append(target)
        self._given_up = asyncio.Event()
        await asyncio.sleep(PLAY_S)
        waits = [asyncio.create_task(one.wait()) for one in (self.picked_up, self._given_up)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for one in waits:
            one.cancel()
        if self._given_up.is_set():
            return Dialled(None, 487, "given up")
        return Dialled(leg_media(5000) if self.agent_status == 200 else None, self.agent_status, "")

    async def hang_up(self, side: Side) -> None:
        """See ports.CallControl."""
        if side == AGENT:
            self._given_up.set()
        if side not in self.hung_up:
            self.hung_up.append(side)

    def snapshot(self) -> dict[str, object]:
        """See ports.CallControl."""
        return {}

    def leave(self, side: Side) -> None:
        """A party hangs up."""
        self._listener(HungUp(side, "hung up"))
