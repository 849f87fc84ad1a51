"""One episode of a call: locate, decide, tell, ask, open, close.

This is the law's story, from the first room to the last. A fixed roster (the caller and the line's agent), one
decision, one permit, one recording. What happens meanwhile (keys, hang-ups, hold) goes to the machine in
`domain.call`; this story waits for the milestones that the machine reaches, and gives up when the call is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from overt.domain import consent
from overt.domain.call import Answered, HeardOut
from overt.domain.consent import Permit
from overt.domain.disclosure import MissingPrompts, plan
from overt.domain.identity import SIDES
from overt.domain.law.decide import Decision, decide
from overt.domain.location import Evidence, locate
from overt.ports import CaptureOrder, Unavailable
from overt.services.attended import Attended
from overt.services.house import House
from overt.services.telling import ask, tell

PURPOSE = "recording"


async def record(call: Attended) -> None:
    """Tell the caller, ask where that is due, and record the talk under a permit; whatever comes, the call goes on."""
    decision = decide_for(call)
    await call.happen(Answered(consent.begin(SIDES, asks=decision.will == "ask", purposes=(PURPOSE,))))
    announcement = plan(decision, call.line.policy, call.house.prompts)
    if isinstance(announcement, MissingPrompts):
        await call.broke(f"prompts are missing: {', '.join(announcement.prompts)}")
    else:
        call.announcement = announcement
        await tell(call, announcement)
        if announcement.asks:
            await ask(call, announcement)
    await call.happen(HeardOut())
    await keep_recording(call)


async def keep_recording(call: Attended) -> None:
    """★ Record while there is a permit; again after a lost engine, since the permit outlives it."""
    while (permit := await permitted(call)) is not None:
        if not await open_recording(call, permit):
            return
        await close_recording(call)


def decide_for(call: Attended) -> Decision:
    """Rooms 2 and 3: where everyone may be, and what that demands. Both are entered in the ledger."""
    house, policy = call.house, call.line.policy
    locations = locate(evidence(house, call), ("caller", "agent", "recorder"), house.served)
    call.note("call.located", parties=locations.as_json())
    decision = decide(
        house.law, locations, purpose=PURPOSE, on=house.clock.today(), profile=house.profile,
        telling=policy.telling, chosen_by=policy.chosen_by,
    )  # fmt: skip
    call.note("call.decided", **{**decision.as_json(), "purpose": f"{PURPOSE} for {policy.purpose}"})
    return decision


def evidence(house: House, call: Attended) -> Sequence[Evidence]:
    """What is known of the parties' places: the address book, the number's own hints, the configured sites."""
    number = call.control.offer.caller
    found = [Evidence("caller", "on_file", place, source) for place, source in house.addresses.on_file(number)]
    found += [Evidence("caller", "number", place, why) for place, why in house.addresses.hinted(number)]
    if call.line.policy.agent_place:
        found.append(Evidence("agent", "site", call.line.policy.agent_place, f"line {call.line.policy.name}"))
    if house.recorder_place:
        found.append(Evidence("recorder", "site", house.recorder_place, "where Overt runs"))
    return found


async def permitted(call: Attended) -> Permit | None:
    """★ Wait until the machine permits capture and return its permit; None when it never will."""
    while call.state.consent is not None:
        permit = consent.permit(
            call.state.consent, tenant=call.house.tenant, call=call.control.offer.id, episode=call.context.episode,
            stop_keys=call.house.keys.stop,
        )  # fmt: skip
        if permit is not None:
            return permit
        if consent.refusal(call.state.consent) or "over" in call.milestones():
            return None
        await call.changed()
    return None


async def open_recording(call: Attended, permit: Permit) -> bool:
    """Room 6: capture opens once its entry is durable, if it is still permitted then. False when it could not."""
    house, recording = call.house, call.house.clock.new_id()
    try:
        secret = await asyncio.to_thread(house.erasures.keep, house.tenant, recording)
        receipt = await call.enter(
            "recording.permitted", episode=permit.episode, recording=recording, roster=list(permit.roster),
            purposes=list(permit.purposes), tracks=list(permit.tracks), stop_keys=permit.stop_keys,
            told=[f"{one.side}: {one.prompt}" for one in call.context.prologue], told_purpose=call.line.policy.purpose,
            continues=call.context.recording, key_id=house.key_id,
        )  # fmt: skip
        if not call.permitted():
            return True  # withdrawn meanwhile: nothing was opened, the next look at the permit says so
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
