"""A recording session, from the client's INVITE to its account: we record beside a call in which we cannot speak (RFC 7866).

The call is the client's: it goes on whatever we do. Its session is one episode after another, each with a fixed roster,
as in path (services.recording); only telling and asking are somebody else's, who attests them (services.attesting).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from overt.domain.call import AfterNo, EndDemanded
from overt.domain.clients import Client
from overt.domain.policy import LinePolicy
from overt.domain.roster import Seats
from overt.ports import CallMedia, SessionControl, Unavailable
from overt.services.attended import Attended
from overt.services.attending import begin, restore, resume_recording, supervise
from overt.services.attesting import learn_consent
from overt.services.context import Context
from overt.services.house import House, Line, Ruled
from overt.services.recording import record


async def receive(house: House, control: SessionControl, line: Line) -> None:
    """Attend a new recording session until it is over and accounted for."""
    ruled = _beside(await house.governing.rule(control.offer, line, _others(control.seats)))
    context = Context(
        control.offer, ruled.line.policy, ruled.law.reckoning, episode=house.clock.new_id(), client=control.client,
        seats=control.seats,
    )  # fmt: skip
    context.ruled_for = _numbers(context)
    call, inbox = begin(house, control, ruled, context)
    _order_lines(call, control)
    await supervise(call, _accept_and_hear(call, control), inbox)


async def take_up_session(
    house: House, control: SessionControl, line: Line, context: Context, media: CallMedia
) -> None:  # fmt: skip
    """Go on with a recording session that a dead predecessor left in the engine; what it captured goes on after a gap."""
    ruled = _beside(house.governing.again(line, context.policy, context.reckoning))
    call, inbox = restore(house, control, ruled, context, media)
    _order_lines(call, control)
    await supervise(call, _hear_on(call, control), inbox)


def line_of(house: House, client: Client, seats: Seats, called: str) -> Line:
    """The line that a recorded call belongs to: its agent's number, else its caller's (who called out), else the number
    that was called; else the client's own line, the only one there is, or one of the client's name, which asks.
    """
    for person in (seats.agent, seats.caller):
        found = house.line(person.number.text) if person is not None else None
        if found is not None:
            return found
    named = next((one for one in house.lines.values() if one.policy.name == client.line), None)
    found = house.line(called) or named
    if found is not None:
        return found
    lines = {one.policy.name: one for one in house.lines.values()}
    return next(iter(lines.values())) if len(lines) == 1 else Line(LinePolicy(client.name), "")


def _beside(ruled: Ruled) -> Ruled:
    """How a call is ruled that is not ours to route or to end: after a no, it goes on."""
    return replace(ruled, after_no=AfterNo())


def _order_lines(call: Attended, control: SessionControl) -> None:
    """A client that is to send nothing before a permit is asked to, each time that capture is to open."""
    client = control.client
    if client.before == "inactive":

        async def let_flow() -> None:
            await control.let_flow(flowing=True)

        call.before_open = let_flow


async def _accept_and_hear(call: Attended, control: SessionControl) -> None:
    if not await call.allocate(beside=True):
        return
    try:
        flowing = control.client.before != "inactive"
        streams = control.place(call.media.address, call.media.ports, flowing=flowing)
        for side, media in streams.items():
            call.context.legs[side] = media
            await call.media.connect(side, media)
        await control.accept()
    except Unavailable as error:
        await call.happen(EndDemanded(error.why))
        return
    await _hear(call, control)


async def _hear(call: Attended, control: SessionControl) -> None:
    """One episode after another, until the session is over."""
    while True:
        seen = call.context.gathering
        await _rule_anew(call)
        await record(call, learn_consent)
        await _hush(call, control)
        if not await call.gathered_since(seen):
            return


async def _hush(call: Attended, control: SessionControl) -> None:
    """A client that is to send nothing without a permit is asked to send no more: until the next one it would be dropped."""
    if control.client.before == "inactive" and "over" not in call.milestones():
        with suppress(Unavailable):
            await control.let_flow(flowing=False)


async def _rule_anew(call: Attended) -> None:
    """Rule for whoever has the seats now: a call may be transferred to a line, or a number, that is never recorded (P6)."""
    context, numbers = call.context, _numbers(call.context)
    if numbers == context.ruled_for:
        return
    seats, offer, client = context.seats, context.offer, context.client
    assert client is not None, "only beside a call does a client say who is on it"
    caller = seats.caller.number if seats.caller is not None else offer.caller
    offer = replace(offer, caller=caller, called=numbers[1] or offer.called)
    line = line_of(call.house, client, seats, offer.called)
    ruled = _beside(await call.house.governing.rule(offer, line, _others(seats)))
    call.line, call.law, context.ruled_for = ruled.line, ruled.law, numbers
    context.policy, context.reckoning = ruled.line.policy, ruled.law.reckoning
    call.note("call.ruled", **ruled.body)


def _numbers(context: Context) -> tuple[str, ...]:
    """By whose numbers a call is ruled: the caller's, the agent's, and everybody else's."""
    seated = ((one.number.text if one is not None else "") for one in (context.seats.caller, context.seats.agent))
    return (*seated, *_others(context.seats))


def _others(seats: Seats) -> tuple[str, ...]:
    return tuple(one.number.text for one in seats.others)


async def _hear_on(call: Attended, control: SessionControl) -> None:
    """The open recording of a predecessor goes on; an episode that was not settled yet begins anew."""
    if call.state.phase == "bridged":
        await resume_recording(call)
        await _hush(call, control)
        if not await call.gathered_since(call.context.begun_at):
            return
    await _hear(call, control)
