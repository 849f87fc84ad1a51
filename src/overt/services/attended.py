"""A call under way: its state, its inbox, its media. Effects of the machine are done here, closing ones first.

Every event goes to the pure machine (`domain.call.advance`). What opens waits for its ledger entry; what closes is
done at once and entered afterwards (promises.md, "One order rule").
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress

from overt.domain import call as calls
from overt.domain import consent
from overt.domain.call import Answered, CallState, EndDemanded, KeyPressed, LegEnded, Regathered
from overt.domain.consent import ConsentState, PartyStanding
from overt.domain.disclosure import Announcement
from overt.domain.facts import Json
from overt.domain.identity import AGENT, CALLER, SIDES, Side
from overt.domain.law.model import Purpose
from overt.ports import (
    CallControl,
    CallEvent,
    CallMedia,
    CaptureAccount,
    CaptureFailed,
    CapturePaused,
    ConsentSaid,
    Described,
    Digit,
    EngineLost,
    HeardElsewhere,
    HungUp,
    LegChanged,
    LegMedia,
    LegSilent,
    NotDurable,
    Receipt,
    Reclaimed,
    StopKey,
    Unavailable,
)
from overt.services.accounting import Account
from overt.services.context import Context
from overt.services.describing import take_description
from overt.services.entering import Scribe
from overt.services.house import House, Ruled
from overt.services.no_media import NoMedia
from overt.services.refusing import note_change, note_no, still_refused

RECORDING: Purpose = "recording"
CONSEQUENCES = {"end-call": "call ended", "stop-and-tell": "parties told", "stop-and-flag": "call goes on"}


class Attended:
    """One call. Given its `media` as soon as an engine has taken it (`allocate`)."""

    def __init__(self, house: House, control: CallControl, ruled: Ruled, context: Context) -> None:
        self.house, self.control, self.context = house, control, context
        self.line, self.law = ruled.line, ruled.law
        self.scribe = Scribe(house.ledger, house.clock, control.offer.tenant, control.offer.id)
        self.account = Account(house.clock, beside=context.client is not None)
        self.state = CallState(keys=house.keys, after_no=ruled.after_no)
        self.announcement: Announcement | None = None
        self.media: CallMedia = NoMedia()
        self.told: tuple[str, ...] = ()  # what was told elsewhere, as is attested
        self.before_open: Callable[[], Awaitable[None]] | None = None  # what capture waits for, once it is permitted
        self._inbox: asyncio.Queue[CallEvent] = asyncio.Queue()
        self._changed = asyncio.Event()
        self._capture: asyncio.Future[CaptureAccount | None] | None = None
        self._later: set[asyncio.Task[None]] = set()
        self._context_due = False

    # ---- what happens

    def post(self, event: CallEvent) -> None:
        """Put an event into the inbox. Called by the face and by the engine's client."""
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
                if side in self.context.legs:  # else nobody is there any more: the call is routed elsewhere
                    await self.happen(LegEnded(side, "silent"))
            case Digit(side, digit, _):
                if self.keys_count:
                    await self.happen(KeyPressed(side, digit))
            case StopKey(side, digit):  # the engine has closed capture already, by itself
                await self.happen(KeyPressed(side, digit))
            case LegChanged(side, media):
                await self._leg_changed(side, media)
            case CapturePaused(reason):
                self._note_stop(reason, by="engine", paused=True)
                self.do_later(self.resume_capture(reason))
            case CaptureFailed(account, why):
                self._end_capture(account)
                await self.broke(f"capture failed: {why}")
            case ConsentSaid():
                await self.take_word(event)
            case Described():
                await take_description(self, event)
            case HeardElsewhere(side):
                self.house.remark(
                    self.control.offer.trunk,
                    f"sound for the {side} comes from another address than its description says, and is not taken",
                )
            case Reclaimed(how):
                await self._reclaimed(how)
            case EngineLost(account):
                self.note("call.failed", what="engine lost", setting=self.house.on_failure, consequence="call goes on")
                self._end_capture(account)

    async def happen(self, event: calls.CallEvent) -> None:
        """Give the machine an event; do what it answers, in its order; wake whoever waits for a milestone."""
        before = self.state
        self.state, effects = calls.advance(before, event)
        self.account.follow(before, self.state)
        for effect in effects:
            await self._perform(effect)
        if self.state.consent is not None:
            for side, standing, reason in consent.changes(before.consent, self.state.consent):
                self.note("call.consent", side=side, standing=standing, reason=reason,
                          purposes=list(self.state.consent.purposes))  # fmt: skip
                note_change(self.context, side, standing, reason)
        if self.state != before:
            self._wake()
            await self.keep_context()

    async def take_word(self, word: ConsentSaid) -> str:
        """Take what somebody outside says that a party answered. Return where the party stands then.

        A no counts for every purpose, also before anybody is asked; a yes only where recording was among those spoken of.
        """
        how = f"said so, as {word.by} states: {word.how}"
        self.note("call.consent_said", side=word.side, answer="yes" if word.granted else "no", how=word.how, by=word.by,
                  purposes=list(word.purposes), told=word.told)  # fmt: skip
        if not word.granted:
            note_no(self.context, word.side, how)
        if not word.granted or RECORDING in word.purposes:
            await self.happen(consent.Said(word.side, word.granted, how))
        standing = self.consent_of(word.side).standing
        return standing if word.granted or standing in consent.NEGATIVE else "refused"

    async def begin_episode(self, begun: ConsentState) -> None:
        """Begin the call's first episode, or the next one with others on the call. Who said no before has still said it."""
        begun = still_refused(self.context, begun)
        if self.state.consent is None:
            await self.happen(Answered(begun))
        else:
            self.context.episode = self.house.clock.new_id()
            await self.happen(Regathered(begun, self.context.stayed))
        self.context.begun_at, self.context.stayed = self.context.gathering, SIDES

    def gather(self, stayed: tuple[Side, ...]) -> None:
        """Others are on the call now; `stayed` are the sides on which it is the same person."""
        self.context.gathering += 1
        self.context.stayed = tuple(side for side in self.context.stayed if side in stayed)
        self._wake()

    @property
    def keys_count(self) -> bool:
        """Whether keys mean anything to us: beside a call only where its client says so."""
        return self.context.client is None or self.context.client.digits

    @property
    def stop_keys(self) -> str:
        """The keys that stop capture at once."""
        return self.house.keys.stop if self.keys_count else ""

    async def _reclaimed(self, how: str) -> None:
        """The client failed over: what came before and what comes after are one recording, with a stated gap."""
        self.note("session.reclaimed", how=how)
        if self.capturing:
            await self.media.pause(how)
            self._note_stop(how, by="client", paused=True)
            self.do_later(self.resume_capture(how))

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _perform(self, effect: calls.CallEffect) -> None:
        match effect:
            case consent.Stop(reason):
                await self._stop(reason)
            case consent.Pause(reason):
                await self.media.pause(reason)
                self._note_stop(reason, by="consent", paused=True)
            case consent.Resume():
                self.do_later(self.resume_capture("unheld"))
            case consent.Open():
                pass  # the episode opens, once its entry is durable: services.recording
            case calls.Silence():
                await asyncio.gather(self.media.stop_playing(CALLER), self.media.stop_playing(AGENT))
            case calls.HangUp(side):
                self.context.legs.pop(side, None)
                await self.control.hang_up(side)
            case calls.Apologise():
                self.do_later(self._part("unavailable"))
            case calls.PartWays():
                self.do_later(self._part("unrecorded-end"))

    async def _leg_changed(self, side: Side, media: LegMedia) -> None:
        known = self.context.legs.get(side)
        self.context.legs[side] = media
        if known is not None and known.held != media.held:
            if self.context.client is None or self.state.phase == "bridged":  # a client may pause before all is settled
                await self.happen(consent.Held(side) if media.held else consent.Unheld(side))
            self.note("call.held", side=side, held=media.held)
        with suppress(Unavailable):
            await self.media.connect(side, media)

    # ---- capture: closing at once, opening only on a durable entry

    def capture_awaited(self) -> None:
        """Say that another recording may begin: the end of the one before is told already."""
        self._capture = None

    def capture_opened(self, recording: str) -> None:
        """Say that capture opens under a recording's id: `capture_ended` waits for its end."""
        self.context.recording = recording
        self._capture = asyncio.get_running_loop().create_future()

    def capture_failed(self) -> None:
        """Say that it did not open after all."""
        self._end_capture(None)

    async def capture_ended(self) -> CaptureAccount | None:
        """Wait for the end of the recording and return its account."""
        return await self._capture if self._capture is not None else None

    @property
    def capturing(self) -> bool:
        """True while a recording is open, paused or not."""
        return self._capture is not None and not self._capture.done()

    def _end_capture(self, account: CaptureAccount | None) -> None:
        if self._capture is not None and not self._capture.done():
            self._capture.set_result(account)

    def _note_stop(self, reason: str, *, by: str, paused: bool) -> None:
        self.note("recording.stopped", episode=self.context.episode, recording=self.context.recording,
                  reason=reason, by=by, paused=paused)  # fmt: skip

    async def _stop(self, reason: str) -> None:
        if not self.capturing:
            return
        account = await self.media.close(reason)
        self._note_stop(reason, by="consent", paused=False)
        self._end_capture(account)
        if self.state.phase == "bridged":
            self.do_later(self._tell_stopped())

    async def resume_capture(self, after: str) -> None:
        """Capture again after a pause, on a durable entry, if it is still permitted then."""
        if not (self.capturing and self.permitted()):
            return
        try:
            receipt = await self.enter(
                "recording.resumed", episode=self.context.episode, recording=self.context.recording, after=after
            )
            if self.capturing and self.permitted():
                await self.media.resume(receipt.index)
        except Unavailable as error:
            await self.broke(str(error))

    def permitted(self) -> bool:
        """True while the consent machine permits capture."""
        return self.state.consent is not None and consent.permitted(self.state.consent)

    def consent_of(self, side: Side) -> PartyStanding:
        """Where a party stands."""
        return self.state.consent.of(side) if self.state.consent is not None else PartyStanding(side)

    def stand_back(self, why: str) -> None:
        """Nothing may be recorded: the call goes on, its account says why."""
        self.account.why_not = why

    async def broke(self, what: str) -> None:
        """Recording cannot work: do what the failure setting, chosen at `init`, says (P11)."""
        setting = self.house.on_failure
        self.account.why_not = what
        self.note("call.failed", what=what, setting=setting, consequence=CONSEQUENCES[setting])
        await self.happen(consent.Failed(what))
        if setting == "end-call":
            await self.happen(EndDemanded(what))
        elif setting == "stop-and-tell" and self.state.phase == "bridged":
            self.do_later(self._say_to_both("recording-failed"))

    # ---- what is said to the parties

    async def say(self, side: Side, prompt: str) -> None:
        """Play a status prompt to a leg in the line's first language; one that cannot be played is passed over."""
        with suppress(Unavailable):
            await self.media.play(side, f"{self.line.policy.languages[0]}/{prompt}")

    async def _say_to_both(self, prompt: str) -> None:
        await asyncio.gather(self.say(CALLER, prompt), self.say(AGENT, prompt))

    async def _tell_stopped(self) -> None:
        await asyncio.gather(self.say(CALLER, "stopped"), self.say(AGENT, "cue-not-recorded"))

    async def _part(self, prompt: str) -> None:
        """Say a last word to the caller and end their leg."""
        await self.say(CALLER, prompt)
        await self.control.hang_up(CALLER)

    # ---- waiting, writing, remembering

    def milestones(self) -> frozenset[str]:
        """What has been reached by now (`domain.call.milestones`)."""
        return calls.milestones(self.state)

    async def reached(self, milestone: str) -> bool:
        """Wait for a milestone; False when the call ended before it."""
        while True:
            now = self.milestones()
            if milestone in now:
                return True
            if "over" in now:
                return False
            await self.changed()

    async def gathered_since(self, seen: int) -> bool:
        """Wait until others are on the call than at the `seen` gathering; False when it ended before that."""
        while self.context.gathering == seen and "over" not in self.milestones():
            await self.changed()
        return "over" not in self.milestones()

    async def changed(self) -> None:
        """Wait until the call's state changes."""
        await self._changed.wait()

    def note(self, kind: str, /, **body: Json) -> None:
        """Enter a fact without waiting for it: for what closes, and for what merely happened."""
        self.scribe.note(kind, body)

    async def enter(self, kind: str, /, **body: Json) -> Receipt:
        """Enter a fact and wait until it is durable: for what opens. Raises NotDurable."""
        return await self.scribe.enter(kind, body)

    async def keep_context(self) -> None:
        """Leave all that a successor needs with the engine: once for all that happens in one turn of the loop."""
        if not self._context_due:
            self._context_due = True
            self.do_later(self._leave_context())

    async def _leave_context(self) -> None:
        self._context_due = False
        context = self.context
        context.state, context.control = self.state, dict(self.control.snapshot())
        context.capturing = self.capturing
        context.disclosed_ms, context.answered_ns = self.account.disclosed_ms, self.account.answered_ns
        context.captures, context.kept_ns = self.account.captures, self.house.clock.monotonic_ns()
        with suppress(Unavailable):
            await self.media.keep_context(context.encoded())

    def do_later(self, story: Coroutine[None, None, None]) -> None:
        """Run a story beside the inbox."""
        task = asyncio.create_task(story)
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def allocate(self, *, beside: bool = False) -> bool:
        """Have an engine take the call. False where none can: the call is refused, and its account says why."""
        try:
            self.media = await self.house.engine.allocate(
                self.house.tenant, self.control.offer.id, self.post, beside=beside
            )
        except Unavailable as error:
            self.account.why_not = str(error)
            self.note("call.failed", what=str(error), setting=self.house.on_failure, consequence="call refused")
            await self.control.refuse(503, "no media")
            return False
        return True

    async def enter_account(self) -> None:
        """The lawfulness record: entered last, after everything that it sums up, and tried until it stands."""
        self.note("call.ended", **self.account.body(self.state))
        with suppress(NotDurable):
            await self.scribe.drained()

    async def settle(self) -> None:
        """Let what was begun come to its end, within reason."""
        if self._later:
            await asyncio.wait(self._later, timeout=15)
        for task in list(self._later):
            task.cancel()
