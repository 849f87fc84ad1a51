"""The call, from its offer to its account: answer, let the episode tell and ask, ring the agent, join, end.

One task a call, with one supervisor: whatever breaks inside it closes recording, is entered, and ends in an account.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from overt.domain import consent
from overt.domain.call import Bridged, CallState, EndDemanded, HeardOut, NotReached
from overt.domain.facts import Json
from overt.domain.identity import AGENT, CALLER, SIDES
from overt.ports import CallControl, CallMedia, Offer, Unavailable
from overt.services.accounting import Account
from overt.services.attended import Attended
from overt.services.context import Context
from overt.services.entering import Scribe
from overt.services.house import House, Line, Ruled
from overt.services.recording import close_recording, keep_recording, record
from overt.services.telling import enter_telling, play_all

BUSY = {486: "busy", 600: "busy", 603: "declined", 408: "no answer", 480: "no answer", 487: "no answer"}
ENDING_S = 20.0


async def attend(house: House, control: CallControl, line: Line) -> None:
    """Attend a new call until it is over and accounted for."""
    ruled = await house.governing.rule(control.offer, line)
    context = Context(control.offer, ruled.line.policy, ruled.law.reckoning, episode=house.clock.new_id())
    call, inbox = begin(house, control, ruled, context)
    await supervise(call, _converse(call), inbox)


def begin(house: House, control: CallControl, ruled: Ruled, context: Context) -> tuple[Attended, asyncio.Task[None]]:
    """Begin to attend a new call: its offer is entered, its inbox attended by the task that is returned."""
    call = Attended(house, control, ruled, context)
    house.under_way.keep(call)
    _note_offer(call.scribe, control.offer, context.policy.name, ruled.line.agent)
    call.note("call.ruled", **ruled.body)
    control.listen(call.post)
    return call, asyncio.create_task(_attend_inbox(call))


async def take_up(house: House, control: CallControl, line: Line, context: Context, media: CallMedia) -> None:
    """Go on with a call that a dead predecessor left in the engine.

    A joined call goes on where it was, its capture resumed on a new entry; one that was not joined yet is told again,
    unless its caller said no: a no stays one. How the call is ruled stays what it was.
    """
    ruled = house.governing.again(line, context.policy, context.reckoning)
    call, inbox = restore(house, control, ruled, context, media)
    if call.state.phase == "bridged":
        await supervise(call, _converse_on(call), inbox)
        return
    await control.hang_up(AGENT)
    if call.state.consent is not None and consent.refusal(call.state.consent):
        await supervise(call, _connect_unrecorded(call), inbox)
        return
    call.state = CallState(keys=house.keys, after_no=call.state.after_no)
    call.context.prologue = ()
    await supervise(call, _tell_and_connect(call), inbox)


def restore(
    house: House, control: CallControl, ruled: Ruled, context: Context, media: CallMedia
) -> tuple[Attended, asyncio.Task[None]]:
    """Attend again what a predecessor attended: the call as it was, and the task that attends its inbox."""
    call = Attended(house, control, ruled, context)
    house.under_way.keep(call)
    call.media = media
    call.state = context.state
    call.account.disclosed_ms, call.account.answered_ns = context.disclosed_ms, context.answered_ns
    call.account.captures = context.captures
    call.account.why_not = context.state.consent.closed if context.state.consent is not None else ""
    lost_ms = (house.clock.monotonic_ns() - context.kept_ns) // 1_000_000
    call.note("call.resumed", phase=call.state.phase, lost_ms=lost_ms)
    control.listen(call.post)
    media.listen(call.post)
    return call, asyncio.create_task(_attend_inbox(call))


async def _attend_inbox(call: Attended) -> None:
    """Take what happens, for as long as the call lives. Where that fails nobody would hear a no any more: capture closes
    before anything else, and the call has its end and its account."""
    try:
        await call.attend_inbox()
    except Exception as error:  # noqa: BLE001 - audited, and recording closed first
        await call.media.close("internal fault")
        await _fault(call, error)


async def _fault(call: Attended, error: Exception) -> None:
    what = f"fault: {type(error).__name__}"
    call.account.why_not = what
    call.note("call.failed", what=what, setting=call.house.on_failure, consequence="call ended")
    call.house.report(call.control.offer.id, error)
    await call.happen(EndDemanded("internal fault"))


async def turn_away(house: House, control: CallControl) -> None:
    """Refuse a call to a number that is no line's; it has its record like every other (P9)."""
    scribe = Scribe(house.ledger, house.clock, control.offer.tenant, control.offer.id)
    _note_offer(scribe, control.offer, "", "")
    await control.refuse(404, "no such line")
    scribe.note("call.ended", Account(house.clock, why_not="no such line").body(CallState()))
    await scribe.drained()


def _note_offer(scribe: Scribe, offer: Offer, line: str, agent: str) -> None:
    personal = {"from": offer.caller.text or "withheld", "to": offer.called}
    if agent:
        personal["agent"] = agent
    if offer.caller_name:
        personal["name"] = offer.caller_name
    if offer.call_id:
        personal["call_id"] = offer.call_id
    if offer.sessions:
        personal["sessions"] = " ".join(offer.sessions)
    scribe.note("call.offered", {"line": line, "trunk": offer.trunk}, personal)


async def _converse(call: Attended) -> None:
    """The call's own way: answer, then tell and connect."""
    if not await call.allocate():
        return
    try:
        media = await call.control.answer(call.media.address, call.media.ports[CALLER])
        call.context.legs[CALLER] = media
        await call.media.connect(CALLER, media)
    except Unavailable as error:
        await call.happen(EndDemanded(error.why))
        return
    await _tell_and_connect(call)


async def _tell_and_connect(call: Attended) -> None:
    episode = asyncio.create_task(record(call))
    try:
        await _connect(call)
        await asyncio.wait_for(episode, ENDING_S)
    finally:
        episode.cancel()


async def _connect_unrecorded(call: Attended) -> None:
    """A caller who said no to a predecessor: what was chosen for that follows now."""
    await call.happen(HeardOut())
    await _connect(call)


async def _connect(call: Attended) -> None:
    """Ring whoever is to be rung, until the call is over: the agent, and after a no perhaps somebody else instead."""
    while await call.reached("to be rung"):
        await _ring(call, routed=call.state.routed)


async def _converse_on(call: Attended) -> None:
    """A joined call of a predecessor: its open recording, if there is one, goes on after a stated gap."""
    episode = asyncio.create_task(resume_recording(call))
    try:
        await _connect(call)
        await asyncio.wait_for(episode, ENDING_S)
    finally:
        episode.cancel()


async def resume_recording(call: Attended) -> None:
    """An open recording of a predecessor goes on, and what may follow it."""
    if call.context.capturing and call.permitted():
        call.capture_opened(call.context.recording)
        await call.resume_capture("signalling restarted")
        await close_recording(call)
    await keep_recording(call)


def _rings(call: Attended, routed: bool) -> bool:
    """Whether the one who is being rung is still the one to be rung."""
    return "to be rung" in call.milestones() and call.state.routed == routed


async def _ring(call: Attended, *, routed: bool) -> None:
    """Ring the agent with ringback to the caller; cue them; join both legs. `routed`: ring the line that records nothing."""
    if routed:
        await call.say(CALLER, "unrecorded-route")
    offer_side = call.media.address, call.media.ports[AGENT]
    ringback = asyncio.create_task(_ringback(call))
    target = call.line.policy.route if routed else call.line.agent
    dialled = await call.control.dial(target, *offer_side, call.house.ring_s)
    await call.media.stop_playing(CALLER)
    ringback.cancel()
    if not _rings(call, routed):
        return
    if dialled.media is None:
        reason = BUSY.get(dialled.status, f"failed ({dialled.status} {dialled.reason})")
        call.note("call.not_joined", side=AGENT, reason=reason, status=dialled.status)
        await call.happen(NotReached(reason))
        return
    call.context.legs[AGENT] = dialled.media
    call.note("call.joined", side=AGENT, how="answered, on a line that records nothing" if routed else "answered")
    with suppress(Unavailable):  # a lost engine's successor is told all of this anew
        await call.media.connect(AGENT, dialled.media)
    await _cue(call)
    if not _rings(call, routed):
        return
    with suppress(Unavailable):
        await call.media.relay(stop_keys=call.house.keys.stop)
    await call.happen(Bridged())
    await call.happen(consent.Joined(AGENT))


async def _ringback(call: Attended) -> None:
    with suppress(Unavailable):
        await call.media.play(CALLER, "tone:ringback", loop=True)


async def _cue(call: Attended) -> None:
    """Tell the agent whether the call is recorded: the cue counts as their telling (P6)."""
    granted = call.consent_of(CALLER).standing in consent.GRANTING and not call.account.why_not
    if granted and call.announcement is not None:
        await enter_telling(call, AGENT, await play_all(call, AGENT, call.announcement.to_agent))
    else:
        await call.say(AGENT, "cue-not-recorded")


async def supervise(call: Attended, story: object, inbox: asyncio.Task[None]) -> None:
    """Run a call's story; whatever it raises closes recording, is entered, and the account is written."""
    assert asyncio.iscoroutine(story)
    try:
        await story
    except asyncio.CancelledError:
        raise
    except Exception as error:  # noqa: BLE001 - the per-call supervisor: audited, and recording closed below
        await _fault(call, error)
    finally:
        inbox.cancel()
    await _close(call)


async def _close(call: Attended) -> None:
    """End both legs, close capture, free the sockets, and write the account."""
    await call.settle()
    for side in (AGENT, CALLER):
        await call.control.hang_up(side)
    account = await call.media.close("call ended")
    if account is not None and account.recording not in [one.recording for one in call.account.captures]:
        call.account.captures.append(account)
    call.account.legs = await call.media.release()
    _note_seconds(call)
    await call.enter_account()


def _note_seconds(call: Attended) -> None:
    """What came in each second (P11), where anything was counted."""
    rows = {side: call.media.seconds.get(side, ()) for side in SIDES}
    if any(rows.values()):
        body: dict[str, Json] = {side: [[*row] for row in found] for side, found in rows.items()}
        call.note("call.seconds", **body)
