"""One episode of a call: locate, decide, tell, ask, open, close.

This is the law's story, from the first room to the last. A fixed roster (the caller and the line's agent), one
decision, one permit, one recording. What happens meanwhile (keys, hang-ups, hold) goes to the machine in
`domain.call`; this story waits for the milestones that the machine reaches, and gives up when the call is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from overt.domain import consent
from overt.domain.call import HeardOut
from overt.domain.consent import Permit
from overt.domain.disclosure import MissingPrompts, plan
from overt.domain.law.decide import Decision
from overt.ports import CaptureOrder, Unavailable
from overt.services.attended import Attended
from overt.services.deciding import begin_for, decide_for, locate_for
from overt.services.telling import ask, tell

Disclosing = Callable[[Attended, Decision], Awaitable[None]]


async def record(call: Attended, disclose: Disclosing | None = None) -> None:
    """Tell the caller, ask where that is due, and record the talk under a permit; whatever comes, the call goes on.

    `disclose` is how the parties are told and asked: by us, unless somebody else does it (services.attesting).
    """
    decision = decide_for(call, locate_for(call))
    await call.begin_episode(begin_for(call, decision))
    if decision.effect == "permit":
        await (disclose or tell_and_ask)(call, decision)
    else:
        call.stand_back(decision.why)
    await call.happen(HeardOut())
    await keep_recording(call)


async def tell_and_ask(call: Attended, decision: Decision) -> None:
    """Rooms 4 and 5: the caller is told, and asked where that is due. Without the prompts for it nothing is recorded."""
    announcement = plan(decision, call.line.policy, call.house.prompts)
    if isinstance(announcement, MissingPrompts):
        await call.broke(f"prompts are missing: {', '.join(announcement.prompts)}")
        return
    call.announcement = announcement
    await tell(call, announcement)
    if announcement.asks:
        await ask(call, announcement)


async def keep_recording(call: Attended) -> None:
    """★ Record while there is a permit; again after a lost engine, since the permit outlives it."""
    while (permit := await permitted(call)) is not None:
        if not await open_recording(call, permit):
            return
        await close_recording(call)


async def permitted(call: Attended) -> Permit | None:
    """★ Wait until the machine permits capture and return its permit; None when it never will."""
    while call.state.consent is not None:
        permit = consent.permit(
            call.state.consent, tenant=call.house.tenant, call=call.control.offer.id, episode=call.context.episode,
            stop_keys=call.stop_keys,
        )  # fmt: skip
        if permit is not None:
            return permit
        if consent.refusal(call.state.consent) or "over" in call.milestones():
            return None
        await call.changed()
    return None


async def open_recording(call: Attended, permit: Permit) -> bool:
    """Room 6: capture opens once its entry is durable, if it is still permitted then. False when it could not."""
    call.capture_awaited()
    house, policy, recording = call.house, call.line.policy, call.house.clock.new_id()
    try:
        secret = await asyncio.to_thread(house.erasures.keep, house.tenant, recording)
        receipt = await call.enter(
            "recording.permitted", episode=permit.episode, recording=recording, roster=list(permit.roster),
            purposes=list(permit.purposes), tracks=list(permit.tracks), stop_keys=permit.stop_keys,
            told=[*(f"{one.side}: {one.prompt}" for one in call.context.prologue), *call.told], told_purpose=policy.purpose,
            continues=call.context.recording, key_id=house.key_id, keep_days=call.context.keep_days,
            listeners=list(policy.listeners), policy=policy.policy, policy_version=policy.version,
        )  # fmt: skip
        if not call.permitted():
            return True  # withdrawn meanwhile: nothing was opened, the next look at the permit says so
        if call.before_open is not None:
            await call.before_open()
            if not call.permitted():
                return True
        call.capture_opened(recording)
        await call.media.open(
            CaptureOrder(house.tenant, permit.call, permit.episode, recording, permit.roster, permit.purposes,
                         permit.tracks, permit.stop_keys, receipt.index, secret, call.context.prologue)
        )  # fmt: skip
    except Unavailable as error:
        call.capture_failed()
        await call.broke(str(error))
        return False
    await call.keep_context()
    return True


async def close_recording(call: Attended) -> None:
    """Rooms 7 and 8: the recording has its end; its chunks, head and gaps go into the ledger."""
    account = await call.capture_ended()
    if account is None:
        return
    call.account.captures.append(account)
    if account.reason == "engine lost":
        return  # its end was entered when the engine's successor reported what had reached the disk
    call.note(
        "recording.closed", episode=call.context.episode, recording=account.recording, reason=account.reason,
        chunks=account.chunks, head=account.head, captured_ms=account.captured_ms,
        gaps=[f"{gap.from_ms}–{gap.to_ms} ms: {gap.cause}" for gap in account.gaps],
        started_us=account.started_us, ended_us=account.ended_us,
    )  # fmt: skip
