"""One call in the engine: two legs, what is being played to them, and its capture."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from functools import partial

from overt.domain.seconds import Seconds, Totals
from overt.engine.capture import Capture
from overt.engine.leg import FarEnd, Leg
from overt.engine.loop import Loop
from overt.engine.prompts import Library
from overt.engine.speaker import Speaker
from overt.engine.stream_leg import plain_address
from overt.engine.udp import kernel_drops
from overt.protocol import (
    Allocate,
    Captured,
    Connect,
    Finished,
    Frame,
    Play,
    Pressed,
    Released,
    Rolled,
    Silent,
    Stopped,
)
from overt.wire.rtp.g711 import ALAW_TO_ULAW

Tell = Callable[[Frame], None]
SIDES = ("caller", "agent")
SECOND_NS = 1_000_000_000


class Room:
    """A call. `tell` sends a frame to the signaller; it may be gone, and the call goes on."""

    def __init__(
        self, order: Allocate, sockets: Sequence[socket.socket], loop: Loop, entropy: Sequence[int], library: Library,
        tell: Tell,
    ) -> None:  # fmt: skip
        self.tenant, self.call, self.context = order.tenant, order.call, b""
        self._timeout_ns = order.rtp_timeout_ms * 1_000_000
        self._loop, self._library, self._tell = loop, library, tell
        self.sockets = list(sockets)
        self.legs = {
            side: Leg(side, sockets[2 * at], sockets[2 * at + 1], loop, entropy[2 * at], entropy[2 * at + 1] & 0x7FFF)
            for at, side in enumerate(SIDES)
        }
        for leg in self.legs.values():
            leg.on_key = self._key
            leg.on_roll = partial(self._rolled, leg.side)
        self._begun_ns = loop.now - order.from_s * SECOND_NS
        self._pause_seen = False
        self._seconds = {side: Seconds(order.from_s) for side in SIDES}
        self.stop_keys = ""
        self.capture: Capture | None = None
        self._speakers: dict[str, Speaker] = {}
        self._told_silent: set[str] = set()

    def connect(self, order: Connect) -> None:
        """Say where a leg's other end is; a held leg hears nothing, so a prompt to it ends as not heard.

        Raises ValueError for a key that does not fit its suite: then nothing has changed.
        """
        held = not (order.sends and order.receives)
        far = FarEnd(
            plain_address(order.address),
            order.port,
            order.rtcp_port,
            order.payload_type,
            order.event_type,
            order.codec == "PCMA",
            held,
        )
        self.legs[order.side].connect(far, order.srtp)
        for leg in self.legs.values():
            leg.begin_anew()
        if self.capture is not None:
            self.capture.laws_changed()
        self._told_silent.discard(order.side)
        if held and order.side in self._speakers:
            self._speakers[order.side].stop("held")

    def _rolled(self, side: str, ssrc: int, roc: int) -> None:
        self._tell(Rolled(call=self.call, side=side, ssrc=ssrc, roc=roc))

    @property
    def rocs(self) -> dict[str, dict[int, int]]:
        """The rollover counters of each encrypted leg."""
        return {side: leg.keyed.opener.rocs for side, leg in self.legs.items() if leg.keyed is not None}

    def play(self, order: Play) -> None:
        """Play a prompt to a leg; what was being played to it stops."""
        self.stop_playing(order.side)
        speaker = Speaker(self._loop, self.legs[order.side], order, self._library.find(order.prompt), self._played)
        if not speaker.over:
            self._speakers[order.side] = speaker

    def stop_playing(self, side: str) -> None:
        """Stop what is being played to a leg."""
        speaker = self._speakers.pop(side, None)
        if speaker is not None:
            speaker.stop("stopped")

    def _played(self, speaker: Speaker, finished: Finished) -> None:
        if self._speakers.get(speaker.side) is speaker:
            del self._speakers[speaker.side]
        leg = self.legs[speaker.side]
        if self.capture is not None and not self.capture.paused and speaker.started_ns:
            sent = speaker.sent
            ulaw = sent.translate(ALAW_TO_ULAW) if leg.far is not None and leg.far.alaw else sent
            self.capture.note_sent(speaker.side, speaker.prompt, speaker.started_ns, ulaw)
        self._tell(finished)

    def relay(self, stop_keys: str) -> None:
        """Join the legs: each one's sound goes to the other."""
        self.stop_keys = stop_keys
        self.legs["caller"].peer, self.legs["agent"].peer = self.legs["agent"], self.legs["caller"]

    def _key(self, leg: Leg, digit: str) -> bool:
        """Take a key. A stop key ends capture on every leg at once, by itself, and is swallowed (P5)."""
        stops = digit in self.stop_keys
        if stops and self.capture is not None and self.capture.account is None:
            self.capture.close("withdrawn", self._loop.now)
            self._tell(
                Stopped(call=self.call, side=leg.side, digit=digit, at_ns=leg.heard_ns, stopped_ns=self._loop.now)
            )
        else:
            self._tell(Pressed(call=self.call, side=leg.side, digit=digit, at_ns=leg.heard_ns))
        return stops

    def pause_capture(self, reason: str) -> None:
        """Stop capturing for now, on every leg."""
        if self.capture is not None:
            self.capture.pause(reason, self._loop.now)
            self._pause_seen = True

    def close_capture(self, reason: str) -> Captured | None:
        """End the recording; its account, or None when none was open."""
        if self.capture is None:
            return None
        account = self.capture.close(reason, self._loop.now)
        self.capture = None
        return account

    def watch_silence(self) -> None:
        """Report a leg from which nothing came for the time-out; a held one may be silent."""
        for side, leg in self.legs.items():
            if leg.far is None or leg.far.held or side in self._told_silent:
                continue
            if self._loop.now - max(leg.heard_ns, leg.connected_ns) > self._timeout_ns:
                self._told_silent.add(side)
                self._tell(Silent(call=self.call, side=side))

    @property
    def age_s(self) -> int:
        """How old the call is."""
        return (self._loop.now - self._begun_ns) // SECOND_NS

    def note_second(self) -> None:
        """Note what came, was lost, and was kept since this was last asked; what the kernel dropped is counted."""
        paused = self._was_paused()
        for side, leg in self.legs.items():
            leg.kernel_dropped = kernel_drops(leg.rtp)
            self._seconds[side].note(self.age_s, _totals(leg), paused)

    def _was_paused(self) -> bool:
        """True when the recording was paused at any time since this was last asked."""
        paused = self.capture is not None and self.capture.account is None and bool(self.capture.paused)
        seen, self._pause_seen = self._pause_seen or paused, paused
        return seen

    def leave(self) -> Released:
        """End the call here: capture, prompts, sockets; what each leg counted, in all and in which seconds."""
        for side in list(self._speakers):
            self.stop_playing(side)
        paused = self._was_paused()
        self.close_capture("call ended")
        until_s = self.age_s + 1  # the last second is hardly ever whole
        rows = {side: self._seconds[side].rows(until_s, _totals(leg), paused) for side, leg in self.legs.items()}
        counters = {side: leg.close() for side, leg in self.legs.items()}
        return Released(call=self.call, counters=counters, seconds=rows)


def _totals(leg: Leg) -> Totals:
    return leg.received, leg.captured, leg.dropped_without_permit, leg.lost, leg.late
