"""The call: one task, one inbox.

Every event goes first to the pure machine (`domain.call.advance`); what it answers is done here, closing effects
first and waiting for nobody. The story of the law runs beside it as `services.recording`, which waits for the
milestones that the machine reaches.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from overt.domain import call as calls
from overt.domain import consent
from overt.domain.call import CallState, EndDemanded, KeyPressed, LegEnded
from overt.domain.facts import Json
from overt.domain.identity import AGENT, CALLER, Side
from overt.ports import (
    CallControl,
    CallEvent,
    CallMedia,
    CaptureAccount,
    CaptureFailed,
    CapturePaused,
    Digit,
    EngineLost,
    HungUp,
    LegChanged,
    LegSilent,
    NotDurable,
    StopKey,
    Unavailable,
)
from overt.services.accounting import Account
from overt.services.context import Context
from overt.services.entering import Scribe
from overt.services.house import House, Line


class CallOver(Exception):
    """The call ended while a story was waiting for something else."""


class Attended:
    """A call under way: its state, its inbox, its media, and the account that it will leave behind."""

    def __init__(self, house: House, control: CallControl, line: Line) -> None:
        self.house, self.control, self.line = house, control, line
        self.scribe = Scribe(house.ledger, house.clock, control.offer.tenant, control.offer.id)
        self.account = Account(house.clock)
        self.state = CallState(keys=house.keys)
        self.context = Context(offer=control.offer)
        self.media: CallMedia
        self._inbox: asyncio.Queue[CallEvent] = asyncio.Queue()
        self._changed = asyncio.Event()
        self._capture_ended: asyncio.Future[CaptureAccount | None] | None = None
        self._later: set[asyncio.Task[None]] = set()

    # ---- what happens

    def post(self, event: CallEvent) -> None:
        """Put an event into the call's inbox. Called by the face and by the engine's client."""
        self._inbox.put_nowait(event)

    async def attend_inbox(self) -> None:
        """Take events one by one, for as long as the call lives."""
        while True:
            await self._take(await self._inbox.get())

    async def _take(self, event: CallEvent) -> None:
        match event:
            case HungUp(side, how):
                await self.happen(LegEnded(side, how))
            case LegSilent(side):
                await self.happen(LegEnded(side, "silent"))
            case Digit(side, digit):
                await self.happen(KeyPressed(side, digit))
            case StopKey(side, digit, at_ns, stopped_ns):
                self.account.stopped_within(stopped_ns - at_ns)
                await self.happen(KeyPressed(side, digit))
            case LegChanged(side, media):
                await self._leg_changed(side, media)
            case CapturePaused(reason):
                self.note("recording.stopped", episode=self.context.episode, recording=self.context.recording,
                          reason=reason, by="engine", paused=True)  # fmt: skip
                self._do_later(self._resume(reason))
            case CaptureFailed(account, why):
                self._end_capture(account)
                await self.broke(f"capture failed: {why}")
            case EngineLost(account):
                self._engine_lost(account)

    async def happen(self, event: calls.CallEvent) -> None:
        """Give the machine an event; do what it answers, in its order; wake whoever waits for a milestone."""
        before = self.state
        self.state, effects = calls.advance(self.state, event)
        self.account.follow(before, self.state)
        self._enter_standings(before, self.state)
        for effect in effects:
            await self._perform(effect)
        if self.state != before:
            self._changed.set()
            self._changed = asyncio.Event()
            await self.keep_context()

    def _enter_standings(self, before: CallState, after: CallState) -> None:
        if after.consent is None:
            return
        for side, standing, reason in consent.changes(before.consent, after.consent):
            self.note("call.consent", side=side, standing=standing, reason=reason,
                      purposes=list(after.consent.purposes))  # fmt: skip

    async def _perform(self, effect: calls.CallEffect) -> None:
        match effect:
            case consent.Stop(reason):
                await self._stop(reason)
            case consent.Pause(reason):
                await self._pause(reason)
            case consent.Resume():
                self._do_later(self._resume("unheld"))
            case consent.Open():
                pass  # the episode opens, after its ledger entry is durable: services.recording
            case calls.HangUp(side):
                await self.control.hang_up(side)
            case calls.Apologise():
                self._do_later(self._apologise())

    async def _leg_changed(self, side: Side, media: object) -> None:
        assert isinstance(media, type(self.context.legs.get(side))) or self.context.legs.get(side) is None
        known = self.context.legs.get(side)
        self.context.legs[side] = media  # type: ignore[assignment]
        leg = self.context.legs[side]
        if known is not None and known.held != leg.held:
            await self.happen(consent.Held(side) if leg.held else consent.Unheld(side))
            self.note("call.held", side=side, held=leg.held)
        with suppress(Unavailable):
            await self.media.connect(side, leg)

    # ---- capture: closing at once, opening only on a durable entry

    def capture_opened(self) -> None:
        """Say that an episode opened capture: `capture_ended` now waits for its end."""
        self._capture_ended = asyncio.get_running_loop().create_future()

    async def capture_ended(self) -> CaptureAccount | None:
        """Wait for the end of the recording that `capture_opened` announced, and return its account."""
        assert self._capture_ended is not None
        return await self._capture_ended

    def _end_capture(self, account: CaptureAccount | None) -> None:
        if self._capture_ended is not None and not self._capture_ended.done():
            self._capture_ended.set_result(account)

    async def _stop(self, reason: str) -> None:
        account = await self.media.close(reason)
        if self._capture_ended is None or self._capture_ended.done():
            return
        self.note("recording.stopped", episode=self.context.episode, recording=self.context.recording,
                  reason=reason, by="consent", paused=False)  # fmt: skip
        self._end_capture(account)
        if self.state.phase == "bridged":
            self._do_later(self._tell_stopped())

    async def _pause(self, reason: str) -> None:
        await self.media.pause(reason)
        self.note("recording.stopped", episode=self.context.episode, recording=self.context.recording,
                  reason=reason, by="consent", paused=True)  # fmt: skip

    async def _resume(self, after: str) -> None:
        if not self._capturing():
            return
        try:
            receipt = await self.enter(
                "recording.resumed", episode=self.context.episode, recording=self.context.recording, after=after
            )
            if self._capturing() and self.permitted():
                await self.media.resume(receipt.index)
        except Unavailable as error:
            await self.broke(str(error))

    def _capturing(self) -> bool:
        return self._capture_ended is not None and not self._capture_ended.done()

    def permitted(self) -> bool:
        """True while the consent machine permits capture."""
        return self.state.consent is not None and consent.permitted(self.state.consent)

    def _engine_lost(self, account: CaptureAccount | None) -> None:
        self.note("call.failed", what="engine lost", setting=self.house.on_failure, consequence="call goes on")
        self._end_capture(account)

    async def broke(self, what: str) -> None:
        """Recording cannot work: do what the failure setting says (P11). The choice was made at `init`."""
        setting = self.house.on_failure
        consequence = {"end-call": "call ended", "stop-and-tell": "parties told", "stop-and-flag": "call goes on"}
        self.note("call.failed", what=what, setting=setting, consequence=consequence[setting])
        await self.happen(consent.Failed(what))
        if setting == "end-call":
            await self.happen(EndDemanded(what))
        elif setting == "stop-and-tell":
            self._do_later(self._say_to_both("recording-failed"))

    # ---- what is said to the parties

    def spoken(self, prompt: str) -> str:
        """The name of a prompt in the line's first language."""
        return f"{self.line.policy.languages[0]}/{prompt}"

    async def say(self, side: Side, prompt: str) -> None:
        """Play a status prompt to a leg; one that cannot be played is passed over."""
        with suppress(Unavailable):
            await self.media.play(side, self.spoken(prompt))

    async def _say_to_both(self, prompt: str) -> None:
        await asyncio.gather(self.say(CALLER, prompt), self.say(AGENT, prompt))

    async def _tell_stopped(self) -> None:
        await asyncio.gather(self.say(CALLER, "stopped"), self.say(AGENT, "cue-not-recorded"))

    async def _apologise(self) -> None:
        await self.say(CALLER, "unavailable")
        await self.control.hang_up(CALLER)

    # ---- waiting, writing, remembering

    async def reached(self, milestone: str) -> bool:
        """Wait for a milestone of `domain.call.milestones`; False when the call ended before it."""
        while True:
            now = calls.milestones(self.state)
            if milestone in now:
                return True
            if "over" in now:
                return False
            await self._changed.wait()

    def note(self, kind: str, /, **body: Json) -> None:
        """Enter a fact without waiting for it: for what closes, and for what merely happened."""
        self.scribe.note(kind, body)

    async def enter(self, kind: str, /, **body: Json):  # type: ignore[no-untyped-def]
        """Enter a fact and wait until it is durable: for what opens. Raises NotDurable."""
        return await self.scribe.enter(kind, body)

    async def keep_context(self) -> None:
        """Leave all that a successor needs with the engine."""
        self.context.remember(self.state, self.control.snapshot(), self.account)
        with suppress(Unavailable):
            await self.media.keep_context(self.context.encoded())

    def _do_later(self, story) -> None:  # type: ignore[no-untyped-def]
        task = asyncio.create_task(story)
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def settle(self) -> None:
        """Finish what was begun: prompts are cut, notes are entered."""
        if self._later:
            await asyncio.wait(self._later, timeout=10)
        for task in list(self._later):
            task.cancel()
        await self.scribe.drained()

    def evidence_of_legs(self) -> Mapping[Side, Mapping[str, int]]:
        """The counters of each leg as last released."""
        return self.account.legs


__all__ = ["Attended", "CallOver", "NotDurable"]
