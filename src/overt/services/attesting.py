"""How consent is learnt beside a call, where we cannot speak: rooms 4 and 5 of an episode of a recording session (P1, P2).

Telling is always attested: the client's operator tells, and a named person signed for that. Consent is attested too, or it
is learnt as it happens: from the caller's keys after the operator's question, or by the API. Nothing is ever assumed.
"""

from __future__ import annotations

import asyncio

from overt.domain import consent
from overt.domain.call import Bridged, HeardOut
from overt.domain.clients import Attestation, Client
from overt.domain.identity import AGENT, CALLER, SIDES, Side
from overt.domain.law.decide import Decision
from overt.services.attended import RECORDING, Attended


async def learn_consent(call: Attended, decision: Decision) -> None:
    """Everybody who is named is on the call; consent is attested, or waited for. Capture opens when it is complete."""
    client = call.context.client
    assert client is not None, "only beside a call is consent learnt from somebody else"
    await call.happen(consent.Joined(AGENT))
    attestation = client.attestation
    if attestation is None:
        await _nobody_attests(call, client)
        return
    call.told = (f"attested for {client.name} by {attestation.by}: {attestation.why}",)
    for side in SIDES:
        _enter_telling(call, side, client, attestation)
    if attestation.covers(RECORDING, decision.demand) and _answers(attestation, decision):
        for side in SIDES:
            await call.happen(consent.Attested(side, f"attested by {attestation.by}: {attestation.why}"))
    else:
        await _wait_for_answer(call, client, decision)
    await _begin_hearing(call)


def _answers(attestation: Attestation, decision: Decision) -> bool:
    """Where the line asks, a notice is no answer, though the law may accept one: nobody chose that for the line (P2)."""
    return decision.will != "ask" or attestation.form == "express_opt_in"


async def _nobody_attests(call: Attended, client: Client) -> None:
    why = f"nobody attests that the parties of {client.name}'s calls are told"
    call.stand_back(why)
    await call.happen(consent.Failed(why))


def _enter_telling(call: Attended, side: Side, client: Client, attestation: Attestation) -> None:
    call.note(
        "call.told", side=side, told=True, reason=f"attested for {client.name} by {attestation.by}: {attestation.why}",
        prompts=[], milliseconds=0, heard_before=False, heard_after=False, loss_percent=0,
    )  # fmt: skip


async def _wait_for_answer(call: Attended, client: Client, decision: Decision) -> None:
    """The caller was told, and where the law or the line asks, is asked: by the operator, whose question we do not hear.

    Where keys answer, they have their time; else the API may say what was answered, for as long as the call lasts.
    """
    for side in SIDES:
        await call.happen(consent.Told(side))
    if decision.will != "ask":
        return
    await call.happen(consent.Asked(CALLER))
    if client.digits:
        await _settled_within(call, client.answer_s)
        await call.happen(consent.Waited(CALLER))
    else:
        await call.reached("settled")
    standing = call.consent_of(CALLER)
    if "over" not in call.milestones() and standing.reason:
        granted = standing.standing in consent.GRANTING
        call.note("call.answered_question", side=CALLER, answer="yes" if granted else "no", how=standing.reason)


async def _settled_within(call: Attended, answer_s: int) -> None:
    settled = asyncio.create_task(call.reached("settled"))
    await asyncio.wait([settled], timeout=answer_s)
    settled.cancel()


async def _begin_hearing(call: Attended) -> None:
    """From now on the client's pauses are pauses of the recording; what it paused before is paused."""
    await call.happen(HeardOut())
    await call.happen(Bridged())
    for side, media in call.context.legs.items():
        if media.held and "over" not in call.milestones():
            await call.happen(consent.Held(side))
