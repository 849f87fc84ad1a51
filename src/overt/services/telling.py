"""Telling a party, and asking them: rooms 4 and 5 of an episode (P1, P2)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from overt.domain import consent
from overt.domain.disclosure import Announcement, untold
from overt.domain.identity import CALLER, Side
from overt.ports import Played, Prologue, Unavailable
from overt.services.attended import Attended


async def tell(call: Attended, announcement: Announcement) -> None:
    """Room 4: the caller hears who, why and how to say no. No key skips it; a no ends the asking, not the telling."""
    played = await play_all(call, CALLER, announcement.telling)
    call.account.disclosed_ms = sum(one.frames_sent for one in played) * 20
    await enter_telling(call, CALLER, played)


async def enter_telling(call: Attended, side: Side, played: Sequence[Played]) -> None:
    """Judge a telling (P1), enter it, and let the machine know."""
    reason = untold(played)
    call.note(
        "call.told", side=side, told=not reason, reason=reason,
        prompts=[f"{one.prompt} {call.house.prompts[one.prompt].sha256[:16]}" for one in played],
        milliseconds=sum(one.frames_sent for one in played) * 20, heard_before=all(one.heard_before for one in played),
        heard_after=all(one.heard_after for one in played),
        loss_percent=max((one.loss_percent or 0 for one in played), default=0),
    )  # fmt: skip
    await call.happen(consent.NotTold(side, reason) if reason else consent.Told(side))
    if not reason:
        call.context.prologue += tuple(_prologue(call, one) for one in played)


def _prologue(call: Attended, played: Played) -> Prologue:
    sha256 = call.house.prompts[played.prompt].sha256
    return Prologue(played.side, played.prompt, sha256, played.started_ns, played.frames_sent)


async def play_all(call: Attended, side: Side, prompts: Sequence[str]) -> list[Played]:
    """Play prompts one after the other; the first that fails ends the row."""
    played: list[Played] = []
    for prompt in prompts:
        try:
            one = await call.media.play(side, prompt)
        except Unavailable as error:
            one = Played(side, prompt, 1, 0, False, False, None, 0, 0, error.why)
        played.append(one)
        if one.reason:
            break
    return played


async def ask(call: Attended, announcement: Announcement) -> None:
    """Room 5: a key decides. Silence, a time-out and another key are no (P2)."""
    if "settled" not in call.milestones():
        await call.happen(consent.Asked(CALLER))
        await asyncio.wait(
            [asyncio.create_task(_question(call, announcement)), asyncio.create_task(call.reached("settled"))],
            return_when=asyncio.FIRST_COMPLETED,
        )  # fmt: skip
        await call.happen(consent.Waited(CALLER))
    await call.media.stop_playing(CALLER)
    if "over" not in call.milestones() and call.consent_of(CALLER).reason != "":
        granted = call.consent_of(CALLER).standing in consent.GRANTING
        call.note("call.answered_question", side=CALLER, answer="yes" if granted else "no",
                  how=call.consent_of(CALLER).reason)  # fmt: skip
        await call.say(CALLER, "yes-thanks" if granted else "no-thanks")


async def _question(call: Attended, announcement: Announcement) -> None:
    await play_all(call, CALLER, announcement.question)
    await asyncio.sleep(call.house.answer_s)
