"""Playing a prompt to a leg: every 20 ms exactly, watched for whether anybody can have heard it (P1)."""

from __future__ import annotations

from collections.abc import Callable

from overt.engine.leg import Leg
from overt.engine.loop import Loop, Timer
from overt.engine.prompts import Frames
from overt.protocol import Finished, Play

FRAME_NS = 20_000_000
WAIT_BEFORE_NS = 2_000_000_000
WAIT_AFTER_NS = 1_000_000_000
RECENT_NS = 2_000_000_000
LOOK_NS = 20_000_000

OnFinished = Callable[["Speaker", Finished], None]


class Speaker:
    """One prompt being played. Waits until the leg shows life, sends each frame at its time, waits for life after."""

    def __init__(self, loop: Loop, leg: Leg, order: Play, frames: Frames | None, on_finished: OnFinished) -> None:
        self._loop, self._leg, self._order, self._on_finished = loop, leg, order, on_finished
        self._frames = frames.of(leg.far.alaw) if frames and leg.far else ()
        self._tone = order.prompt.startswith("tone:")
        self._begun_ns, self.started_ns, self._next = loop.now, 0, 0
        self._heard_before = self._over = False
        self._timer: Timer | None = None
        leg.reported_loss = None
        if not self._frames:
            self._finish("no such prompt" if frames is None else "the leg is not connected")
        elif leg.far is not None and leg.far.held:
            self._finish("held")
        else:
            self._wait_for_life()

    @property
    def sent(self) -> bytes:
        """The sound sent so far, in the leg's own law."""
        return b"".join(self._frames[: self._next])

    @property
    def over(self) -> bool:
        """True once it has ended, however it did."""
        return self._over

    @property
    def side(self) -> str:
        """Whom it is played to."""
        return self._order.side

    @property
    def prompt(self) -> str:
        """What is played."""
        return self._order.prompt

    def _wait_for_life(self) -> None:
        self._heard_before = self._leg.heard_ns > self._loop.now - RECENT_NS and self._leg.heard_ns > 0
        if self._heard_before or self._tone:
            self._begin()
        elif self._loop.now - self._begun_ns > WAIT_BEFORE_NS:
            self._finish("leg silent")
        else:
            self._timer = self._loop.at(self._loop.now + LOOK_NS, self._wait_for_life)

    def _begin(self) -> None:
        self.started_ns = self._loop.now
        self._leg.begin_own()
        self._send_next()

    def _send_next(self) -> None:
        if self._next == len(self._frames) and self._order.loop:
            self.started_ns += self._next * FRAME_NS
            self._next = 0
        if self._next == len(self._frames):
            self._leg.end_own()
            self._wait_for_life_after(self._loop.now)
            return
        self._leg.send_own(self._frames[self._next], self._next == 0)
        self._next += 1
        self._timer = self._loop.at(self.started_ns + self._next * FRAME_NS, self._send_next)

    def _wait_for_life_after(self, ended_ns: int) -> None:
        if self._leg.heard_ns > ended_ns - FRAME_NS or self._tone:
            self._finish("", ended_ns, heard_after=True)
        elif self._loop.now - ended_ns > WAIT_AFTER_NS:
            self._finish("", ended_ns)
        else:
            self._timer = self._loop.at(self._loop.now + LOOK_NS, lambda: self._wait_for_life_after(ended_ns))

    def stop(self, reason: str) -> None:
        """Stop playing now."""
        self._finish(reason)

    def _finish(self, reason: str, ended_ns: int = 0, *, heard_after: bool = False) -> None:
        if self._over:
            return
        self._over = True
        if self._timer is not None:
            self._timer.cancel()
        if self._leg.speaking:
            self._leg.end_own()
        loss = self._leg.reported_loss
        order = self._order
        self._on_finished(
            self,
            Finished(
                call=order.call, side=order.side, play=order.play, prompt=order.prompt, frames=len(self._frames),
                frames_sent=self._next, heard_before=self._heard_before, heard_after=heard_after,
                loss_percent=-1 if loss is None else loss, started_ns=self.started_ns,
                ended_ns=ended_ns or self._loop.now, reason=reason,
            ),
        )  # fmt: skip
