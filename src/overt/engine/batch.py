"""Capture beside the call: sound that is only received, never passed on, as a recording client sends it (SIPREC).

One tick each 100 ms reads what came for all legs in a few readings; numpy sorts it, and what is left to do for a leg in
Python is to take a piece or two. The rest is the engine's own: captures, leases, chunks, spool. Without a live permit a
packet is counted and dropped. A tick is made of *turns*, each of bounded work, so that whatever else the engine serves,
calls in path and orders to stop, is served between them.
"""

from __future__ import annotations

import gc
import itertools
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from overt.domain.seconds import Seconds
from overt.engine.arena import SLOTS
from overt.engine.capture import CHUNK_NS, Capture, Clockwork, Permits, begin_sealing
from overt.engine.loop import Loop
from overt.engine.spool import SEGMENT_NS
from overt.engine.stream_leg import Agreed, StreamLeg
from overt.engine.streams import Streams
from overt.protocol import (
    CaptureBroke,
    Captured,
    Elsewhere,
    Frame,
    HeldCall,
    OpenCapture,
    Paused,
    Pressed,
    Released,
    Renew,
    ResumeCapture,
    Rolled,
    Silent,
    Stopped,
)
from overt.vault.keys import WrappingKey
from overt.vault.track import TRACKS

TICK_NS, SECOND_NS = 100_000_000, 1_000_000_000
A_TURN = 64  # calls that are sealed, or looked at, in one turn
PATIENCE_NS = 30 * SECOND_NS


@dataclass(slots=True)
class _Call:
    tenant: str
    patience_ns: int
    look_at_ns: int
    begun_ns: int
    legs: dict[str, StreamLeg] = field(default_factory=dict)
    capture: Capture | None = None
    stop_keys: str = ""
    seal_at_ns: int = 0
    context: bytes = b""
    pause_seen: bool = False
    told: set[str] = field(default_factory=set)  # sides whose silence was told

    def age_s(self, now_ns: int) -> int:
        return (now_ns - self.begun_ns) // SECOND_NS

    def was_paused(self) -> bool:
        """True when the recording was paused at any time since this was last asked."""
        paused = self.capture is not None and self.capture.account is None and bool(self.capture.paused)
        seen, self.pause_seen = self.pause_seen or paused, paused
        return seen

    def sockets(self) -> list[socket.socket]:
        return [one for leg in self.legs.values() for one in (leg.rtp, leg.rtcp) if one is not None]


class Batch:
    """All calls that are captured beside their way. `tell` takes what it reports by itself, as frames.

    `orders` is called between readings, so that an order to stop waits for no tick.
    """

    def __init__(
        self, works: Clockwork, wrapping: WrappingKey, start_key: bytes, tell: Callable[[Frame], None],
        orders: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self._works, self._wrapping, self._tell, self._orders = works, wrapping, tell, orders
        self.permits = Permits(start_key)
        self._streams = Streams(self._key, self._rolled, works.now_ns)
        self._calls: dict[str, _Call] = {}
        self._ticks = itertools.cycle(range(1, CHUNK_NS // TICK_NS + 1))
        self._looks = itertools.cycle(range(SECOND_NS // TICK_NS))

    def __contains__(self, call: str) -> bool:
        return call in self._calls

    # ---- calls and legs

    def add_leg(
        self, tenant: str, call: str, side: str, rtp: socket.socket, agreed: Agreed,
        rtcp: socket.socket | None = None, patience_ns: int = PATIENCE_NS, age_s: int = 0,
    ) -> None:  # fmt: skip
        """Hear a leg (`caller` or `agent`) on bound sockets, which are the batch's from now on.

        When nothing came for any leg of the call for `patience_ns`, that is told. `age_s`: how old the call is. Raises
        ValueError when the call has that leg already, or is another tenant's.
        """
        now_ns = self._works.now_ns()
        look_at_ns = now_ns + next(self._looks) * TICK_NS  # spread, as sealing is
        room = self._calls.get(call) or _Call(tenant, patience_ns, look_at_ns, now_ns - age_s * SECOND_NS)
        if side not in TRACKS or side in room.legs or room.tenant != tenant:
            raise ValueError(f"call {call} takes no such leg")
        self._calls[call] = room
        room.legs[side] = self._streams.add(call, side, rtp, rtcp, agreed)
        room.legs[side].seconds = Seconds(age_s)

    def agree(self, call: str, side: str, agreed: Agreed) -> None:
        """The leg's stream is agreed anew: its source may be another one, its codec too.

        Raises KeyError, and ValueError for a key that does not fit its suite: then nothing has changed.
        """
        room = self._calls[call]
        self._streams.agree(room.legs[side], agreed)
        room.told.discard(side)
        if room.capture is not None:
            room.capture.laws_changed()

    def keep_context(self, call: str, context: bytes) -> None:
        """Keep a call's opaque context for a successor of the signaller. Raises KeyError."""
        self._calls[call].context = context

    def held(self) -> Iterator[tuple[HeldCall, list[socket.socket]]]:
        """Every call, with its context and its sockets."""
        for call, room in self._calls.items():
            permit = room.capture.permit if room.capture is not None else None
            frame = HeldCall(
                tenant=room.tenant, call=call, context=room.context, episode=permit.episode if permit else "",
                recording=permit.recording if permit else "", paused=room.capture.paused if room.capture else "", beside=True,
                rocs={side: leg.keyed.opener.rocs for side, leg in room.legs.items() if leg.keyed is not None},
                age_s=room.age_s(self._works.now_ns()),
            )  # fmt: skip
            yield frame, room.sockets()

    def legs(self) -> Iterator[StreamLeg]:
        """Every leg that is heard."""
        return (leg for room in self._calls.values() for leg in room.legs.values())

    def silent(self, since_ns: int) -> int:
        """How many permitted legs were heard of before `since_ns` last; those of a paused recording do not count."""
        open_ = (
            room
            for room in self._calls.values()
            if room.capture is not None and room.capture.account is None and not room.capture.paused
        )
        return sum(
            leg.heard_ns < since_ns
            for room in open_
            for leg in room.legs.values()
            if leg.agreed.active and leg.agreed.codes
        )

    @property
    def captures(self) -> int:
        """How many recordings are open."""
        return sum(room.capture is not None and room.capture.account is None for room in self._calls.values())

    def release(self, call: str) -> Released:
        """The call is over: close its capture and sockets; what each leg counted, in all and in which seconds."""
        room = self._calls.get(call)
        if room is None:
            return Released(call=call, counters={})
        paused = room.was_paused()
        self._report(self.finish(call, "call ended"))
        self._streams.read_only(tuple(room.legs.values()))
        until_s = room.age_s(self._works.now_ns()) + 1  # the last second is hardly ever whole
        seconds = {side: leg.seconds.rows(until_s, leg.totals(), paused) for side, leg in room.legs.items()}
        del self._calls[call]
        for leg in room.legs.values():
            self._streams.drop(leg)
        return Released(call=call, counters={side: leg.counters() for side, leg in room.legs.items()}, seconds=seconds)

    # ---- captures

    def open(self, permit: OpenCapture) -> str:
        """Capture a call's legs under a permit. Return why not, or an empty text.

        What waited in the kernel for these legs came before the permit: it is counted and dropped.
        """
        room = self._calls.get(permit.call)
        wrong = self._why_not(room, permit)
        if room is None or wrong:
            return wrong
        self._streams.read_only(tuple(room.legs.values()))
        now_ns = self._works.now_ns()
        sealer = begin_sealing(permit, self._wrapping, self._works.now_us(), now_ns)
        room.stop_keys = permit.stop_keys
        room.capture = Capture(permit, sealer, room.legs, self._works, now_ns)
        room.seal_at_ns = now_ns + next(self._ticks) * TICK_NS - TICK_NS // 2  # spread, so that no tick seals all
        return ""

    def _why_not(self, room: _Call | None, permit: OpenCapture) -> str:
        if not self.permits.authentic(permit):
            return "the permit is not authentic"
        if room is None or room.tenant != permit.tenant:
            return f"no call {permit.call} here"
        if room.capture is not None and room.capture.account is None:
            return "a recording is open already"
        if self._works.spool.broken:
            return f"the spool is broken: {self._works.spool.broken}"
        if permit.ledger_index < 0 or not set(permit.tracks) <= set(room.legs) & set(permit.roster):
            return "the permit does not cover these tracks"
        return "nothing of ours is played beside a call" if permit.prologue else ""

    def renew(self, order: Renew) -> None:
        """Renew the leases of these episodes' permits, if the order is authentic and new."""
        if self.permits.renews(order):
            self.extend(order)

    def extend(self, order: Renew) -> None:
        """Renew leases by an order that was found authentic and new."""
        episodes = set(order.episodes)
        for _, _, capture in self._open_captures():
            if capture.permit.episode in episodes:
                capture.lease_until_ns = order.at_ns + capture.permit.lease_ms * 1_000_000

    def pause(self, call: str, reason: str) -> None:
        """Stop taking sound of a call, at once; the recording stays open with a gap."""
        room = self._calls.get(call)
        if room is not None and room.capture is not None:
            room.capture.pause(reason, self._works.now_ns())
            room.pause_seen = True

    def resume(self, order: ResumeCapture) -> str:
        """Take sound again, after a stated gap. Return why not, or an empty text."""
        room = self._calls.get(order.call)
        if not self.permits.authentic(order):
            return "the permit is not authentic"
        if room is None or room.capture is None or room.capture.permit.episode != order.episode:
            return "no recording of that episode is open"
        if room.capture.paused:
            self._streams.read_only(tuple(room.legs.values()))
            room.capture.resume(self._works.now_ns())
        return ""

    def close(self, call: str, reason: str) -> Captured | None:
        """End a recording at once: nothing is taken any more, not even what came before. None when there is none.

        A recording that a stop key ended gives the account that it ended with.
        """
        room = self._calls.get(call)
        if room is None or room.capture is None:
            return None
        account = room.capture.close(reason, self._works.now_ns())
        room.capture = None
        return account

    def finish(self, call: str, reason: str) -> Captured | None:
        """End a recording whose call ended: what came until now is taken first, while the lease lives."""
        room = self._calls.get(call)
        if room is None or room.capture is None:
            return None
        if room.capture.expired(self._works.now_ns()):
            self._lapse(call, room, room.capture)
        self._streams.read_only(tuple(room.legs.values()))
        return self.close(call, reason)

    # ---- the tick

    def run(self, loop: Loop) -> None:
        """Tick on a loop until it stops. Nothing is collected meanwhile: what lives, lives long, and nothing is cyclic."""
        loop.every(TICK_NS, self.tick)
        loop.every(SEGMENT_NS, self.rotate)
        gc.collect()
        gc.freeze()
        gc.disable()
        try:
            loop.run()
        finally:
            gc.enable()
            gc.unfreeze()

    def tick(self) -> None:
        """Look at the leases, read what came for every leg, seal what is due; orders are looked at between."""
        self._orders()
        broken = self.end_overdue()
        if broken:
            self._works.spool.retry()
        for _ in self.turns():
            self._orders()

    def turns(self, most: int = SLOTS) -> Iterator[None]:
        """A tick, once the leases were looked at, in turns; each reads about `most` packets, or attends to some calls."""
        start = 0
        while start < len(self._streams):
            start = self._streams.read(start, most)
            yield
        now_ns = self._works.now_ns()
        yield from self._seal(now_ns)
        yield from self._look(now_ns)

    def overdue(self) -> list[tuple[str, _Call, Capture]]:
        """Captures that must not go on: their lease ran out, or nothing can be written."""
        now_ns, broken = self._works.now_ns(), self._works.spool.broken
        return [one for one in self._open_captures() if broken or one[2].expired(now_ns)]

    def end_overdue(self) -> str:
        """Pause captures whose lease ran out; end all when nothing can be written, and return why not."""
        now_ns, broken = self._works.now_ns(), self._works.spool.broken
        for call, room, capture in self.overdue():
            if broken:
                self._report(capture.break_off(f"spool failed: {broken}", now_ns))
                room.capture = None
                self._tell(CaptureBroke(call=call, episode=capture.permit.episode, why=broken))
            else:
                self._lapse(call, room, capture)
        return broken

    def _lapse(self, call: str, room: _Call, capture: Capture) -> None:
        capture.pause("lease ran out", self._works.now_ns())
        room.pause_seen = True
        self._tell(Paused(call=call, episode=capture.permit.episode, reason="lease ran out"))

    def _open_captures(self) -> list[tuple[str, _Call, Capture]]:
        return [
            (call, room, room.capture)
            for call, room in self._calls.items()
            if room.capture is not None and room.capture.account is None
        ]

    def _seal(self, now_ns: int) -> Iterator[None]:
        due = [(room, one) for _, room, one in self._open_captures() if now_ns >= room.seal_at_ns]
        for at, (room, capture) in enumerate(due, 1):
            if capture.account is None:
                room.seal_at_ns = max(room.seal_at_ns + CHUNK_NS, now_ns)
                capture.seal_tracks()
            if at % A_TURN == 0:
                yield

    def _look(self, now_ns: int) -> Iterator[None]:
        """Once a second, each call at its own time: read its RTCP, note what came, see whether anybody is there."""
        due = [(call, room) for call, room in self._calls.items() if now_ns >= room.look_at_ns]
        for begin in range(0, len(due), A_TURN):
            some = [(call, room) for call, room in due[begin : begin + A_TURN] if self._calls.get(call) is room]
            self._streams.read_reports([leg for _, room in some for leg in room.legs.values()])
            for call, room in some:
                room.look_at_ns = max(room.look_at_ns + SECOND_NS, now_ns)
                self._watch(call, room, now_ns)
            yield

    def _watch(self, call: str, room: _Call, now_ns: int) -> None:
        """Note a second; tell when nothing comes for any leg that should bring something, and when it comes from elsewhere."""
        until_s, paused = room.age_s(now_ns), room.was_paused()
        for leg in room.legs.values():
            leg.seconds.note(until_s, leg.totals(), paused)
        expected = [leg for leg in room.legs.values() if leg.agreed.active and leg.agreed.codes]
        silent = expected and all(now_ns - leg.heard_ns > room.patience_ns for leg in expected)
        for leg in expected:
            if silent and leg.side not in room.told:
                room.told.add(leg.side)
                self._tell(Silent(call=call, side=leg.side))
            if leg.elsewhere and not leg.told_elsewhere:
                leg.told_elsewhere = True
                self._tell(Elsewhere(call=call, side=leg.side))
        if not silent:
            room.told.clear()

    def rotate(self) -> None:
        """Begin a new segment of the spool; it tells at its head where every open recording stands."""
        self._works.spool.rotate(self.carried())

    def carried(self) -> list[bytes]:
        """Where every open recording stands."""
        return [capture.carry() for _, _, capture in self._open_captures()]

    def end_all(self, reason: str) -> None:
        """End every recording in order, and tell their accounts."""
        for call, _, _ in self._open_captures():
            self._report(self.close(call, reason))

    def _key(self, leg: StreamLeg, digit: str, arrival_ns: int) -> None:
        """Tell of a key. A stop key ends capture on every leg at once, by itself (P5)."""
        room = self._calls[leg.call]
        now_ns = self._works.now_ns()
        if room.capture is None or room.capture.account is not None or digit not in room.stop_keys:
            self._tell(Pressed(call=leg.call, side=leg.side, digit=digit, at_ns=arrival_ns))
            return
        room.capture.close("withdrawn", now_ns)
        self._tell(Stopped(call=leg.call, side=leg.side, digit=digit, at_ns=arrival_ns, stopped_ns=now_ns))

    def _rolled(self, leg: StreamLeg, ssrc: int, roc: int) -> None:
        self._tell(Rolled(call=leg.call, side=leg.side, ssrc=ssrc, roc=roc))

    def _report(self, account: Captured | None) -> None:
        if account is not None:
            self._tell(account)
