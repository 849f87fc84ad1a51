"""P2, P4, P5, P6: consent as a machine, over every order of events."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt.domain import consent
from overt.domain.consent import (
    GRANTING,
    NEGATIVE,
    Asked,
    Attested,
    ConsentState,
    Failed,
    Held,
    HungUp,
    Joined,
    NotTold,
    Open,
    PartyStanding,
    Pause,
    Permit,
    Pressed,
    Resume,
    Said,
    Stop,
    StrangerJoined,
    Told,
    Unheld,
    Waited,
    advance,
    begin,
    carry_over,
    changes,
    permit,
    permitted,
    refusal,
    settled,
)
from overt.domain.identity import AGENT, CALLER, SIDES, Side

sides = st.sampled_from(SIDES)
events = st.one_of(
    st.builds(Told, sides),
    st.builds(NotTold, sides, st.just("silent")),
    st.builds(Asked, sides),
    st.builds(Pressed, sides, st.sampled_from(["yes", "no", "stop", "unclear"])),
    st.builds(Waited, sides),
    st.builds(Attested, sides, st.just("by NN")),
    st.builds(Said, sides, st.booleans(), st.just("to a bot")),
    st.builds(Joined, sides),
    st.builds(StrangerJoined, st.just("a bot")),
    st.builds(Held, sides),
    st.builds(Unheld, sides),
    st.builds(HungUp, sides),
    st.builds(Failed, st.just("disk")),
)


def run(*happened: consent.Event, asks: bool = True) -> tuple[ConsentState, list[consent.Effect]]:
    """The state after events, and every effect on the way."""
    state, effects = begin(SIDES, asks=asks, purposes=("recording",)), []
    for event in happened:
        state, more = advance(state, event)
        effects += more
    return state, effects


ASKED = (Told(CALLER), Asked(CALLER))
AGREED = (*ASKED, Pressed(CALLER, "yes"), Told(AGENT), Joined(AGENT))


def test_a_yes_after_the_question_opens_once_the_agent_is_told_and_here() -> None:
    state, effects = run(*AGREED)
    assert permitted(state) and effects == [Open()]
    assert permit(state, tenant="main", call="c", episode="e", stop_keys="*") is not None


def test_informed_stays_and_opens_where_nobody_is_asked() -> None:
    state, effects = run(Told(CALLER), Told(AGENT), Joined(AGENT), asks=False)
    assert state.of(CALLER).standing == "informed" and effects == [Open()]


@pytest.mark.parametrize(
    ("happened", "standing", "reason"),
    [
        ((*ASKED, Pressed(CALLER, "no")), "refused", "pressed the no key"),
        ((*ASKED, Pressed(CALLER, "stop")), "refused", "pressed the stop key"),
        ((*ASKED, Pressed(CALLER, "unclear")), "refused", "pressed another key"),
        ((*ASKED, Waited(CALLER)), "refused", "no answer in time"),
        ((*ASKED, HungUp(CALLER)), "refused", "hung up"),
        ((*ASKED, Held(CALLER)), "refused", "put on hold while being told or asked"),
        ((Pressed(CALLER, "no"),), "refused", "pressed the no key"),
        ((HungUp(CALLER),), "refused", "hung up"),
        ((Held(CALLER),), "refused", "put on hold while being told or asked"),
        ((NotTold(CALLER, "leg silent"),), "refused", "leg silent"),
        ((Told(CALLER), Pressed(CALLER, "yes")), "told", ""),
        ((Pressed(CALLER, "yes"),), "untold", ""),
        ((*ASKED, Pressed(CALLER, "yes"), Pressed(CALLER, "no")), "withdrawn", "pressed the no key"),
        ((*ASKED, Pressed(CALLER, "no"), Pressed(CALLER, "yes")), "refused", "pressed the no key"),
    ],
)
def test_p2_what_each_answer_makes_of_the_caller(
    happened: tuple[consent.Event, ...], standing: str, reason: str
) -> None:
    state, effects = run(*happened)
    assert (state.of(CALLER).standing, state.of(CALLER).reason) == (standing, reason)
    assert Open() not in effects and not permitted(state)
    assert permit(state, tenant="main", call="c", episode="e", stop_keys="*") is None


# What an event makes of the caller, from each standing; a dot changes nothing. «no» and «stop» are never a dot but where a
# no was said already, or where nobody was asked (then the stop key ends it).
HAPPENED = {
    "told": Told(CALLER), "not told": NotTold(CALLER, "silent"), "asked": Asked(CALLER), "yes": Pressed(CALLER, "yes"),
    "no": Pressed(CALLER, "no"), "stop": Pressed(CALLER, "stop"), "unclear": Pressed(CALLER, "unclear"),
    "waited": Waited(CALLER), "hung up": HungUp(CALLER), "held": Held(CALLER), "attested": Attested(CALLER, "by NN"),
    "said yes": Said(CALLER, True, "to a bot"), "said no": Said(CALLER, False, "to a bot"),
}  # fmt: skip
BECOMES = """
             told not_told asked yes   no        stop      unclear waited  hung_up held    attested said_yes said_no
untold       told refused  .     .     refused   refused   .       .       refused refused attested .        refused
told         .    .        asked .     refused   refused   .       refused refused refused attested given    refused
asked        .    .        .     given refused   refused   refused refused refused refused .        given    refused
given        .    .        .     .     withdrawn withdrawn .       .       .       .       .        .        withdrawn
informed     .    .        .     .     withdrawn withdrawn .       .       .       .       .        .        withdrawn
refused      .    .        .     .     .         .         .       .       .       .       .        .        .
withdrawn    .    .        .     .     .         .         .       .       .       .       .        .        .
attested     .    .        .     .     withdrawn withdrawn .       .       .       .       .        .        withdrawn
not_required .    .        .     .     withdrawn withdrawn .       .       .       .       .        .        withdrawn
"""
ROWS = [line.split() for line in BECOMES.strip().split("\n")]


def standing(caller: consent.Standing, agent: consent.Standing = "informed") -> ConsentState:
    """Both are on the call and stand where we put them."""
    parties = PartyStanding(CALLER, caller, present=True), PartyStanding(AGENT, agent, present=True)
    return ConsentState(parties, True, ("recording",))


@pytest.mark.parametrize(
    ("before", "event", "after"),
    [
        (before, event.replace("_", " "), before if after == "." else after)
        for before, *row in ROWS[1:]
        for event, after in zip(ROWS[0], row, strict=True)
    ],
)
def test_what_every_event_makes_of_every_standing(before: consent.Standing, event: str, after: str) -> None:
    state, effects = advance(standing(before), HAPPENED[event])
    assert state.of(CALLER).standing == after and state.of(AGENT).standing == "informed"
    assert Open() not in effects or after in ("given", "attested")
    assert after == before or after in NEGATIVE or event not in ("attested", "said yes") or state.of(CALLER).reason
    if after in NEGATIVE and before not in NEGATIVE:
        why = {"not told": "silent", "held": "put on hold while being told or asked"}.get(
            event, state.of(CALLER).reason
        )
        assert effects == (Stop(f"caller {after}: {why}"),) and why


@pytest.mark.parametrize("event", ["no", "stop", "said no"])
@pytest.mark.parametrize("before", [row[0] for row in ROWS[1:]])
def test_p5_a_no_ends_it_wherever_one_stands(before: consent.Standing, event: str) -> None:
    state = advance(standing(before), HAPPENED[event])[0]
    assert refusal(state) and not permitted(state) and settled(state, CALLER)
    for later in HAPPENED.values():
        assert not permitted(advance(state, later)[0])


@pytest.mark.parametrize("caller", get_args(consent.Standing))
@pytest.mark.parametrize("agent", get_args(consent.Standing))
def test_p4_capture_is_permitted_where_both_grant_and_nowhere_else(
    caller: consent.Standing, agent: consent.Standing
) -> None:
    grant = {"given", "informed", "attested", "not_required"}
    state = standing(caller, agent)
    assert permitted(state) == ({caller, agent} <= grant)
    assert settled(state, CALLER) == (caller in {*grant, "refused", "withdrawn"})
    permission = permit(state, tenant="main", call="c", episode="e", stop_keys="*")
    assert permission == (
        Permit("main", "c", "e", (CALLER, AGENT), ("recording",), (CALLER, AGENT), "*")
        if {caller, agent} <= grant
        else None
    )


def test_what_was_attested_or_said_has_its_reason() -> None:
    assert run(Attested(CALLER, "by NN"))[0].of(CALLER).reason == "by NN"
    assert run(*ASKED, Said(CALLER, True, "to a bot"))[0].of(CALLER).reason == "to a bot"
    assert run(Said(AGENT, False, "to a bot"))[0].of(AGENT) == PartyStanding(AGENT, "refused", "to a bot")


@pytest.mark.parametrize("before", ["refused", "withdrawn"])
def test_p5_a_no_is_carried_into_the_next_episode_by_whoever_stayed(before: consent.Standing) -> None:
    old = advance(standing("asked"), HAPPENED["no"])[0] if before == "refused" else run(*AGREED, HAPPENED["no"])[0]
    fresh = begin(SIDES, asks=False, purposes=("recording",))
    after = carry_over(old, fresh, (CALLER,))
    assert after.of(CALLER) == PartyStanding(CALLER, "refused", "pressed the no key", present=True)
    assert after.of(AGENT) == fresh.of(AGENT) and refusal(after)
    assert carry_over(old, fresh, (AGENT,)) == carry_over(old, fresh, ()) == fresh


def test_an_episode_begins_with_the_caller_alone_and_nobody_told() -> None:
    state = begin(SIDES, asks=True, purposes=["recording", "analysis"])
    assert state == ConsentState(
        (PartyStanding(CALLER, "untold", "", True, False), PartyStanding(AGENT, "untold", "", False, False)), True,
        ("recording", "analysis"), "", False,
    )  # fmt: skip


def test_what_is_not_said_of_a_party_is_the_stricter() -> None:
    assert PartyStanding(AGENT) == PartyStanding(AGENT, "untold", "", False, False)
    assert ConsentState((), True, ()) == ConsentState((), True, (), "", False)


def test_whoever_grants_has_a_reason() -> None:
    assert run(*ASKED, Pressed(CALLER, "yes"))[0].of(CALLER).reason == "pressed the yes key"
    assert run(Told(CALLER), asks=False)[0].of(CALLER).reason == "told, offered a way out, stayed"
    assert run(Told(CALLER))[0].of(CALLER).reason == run(*ASKED)[0].of(CALLER).reason == ""


def test_p5_a_withdrawal_stops_for_good() -> None:
    state, effects = run(*AGREED, Pressed(CALLER, "stop"), Pressed(CALLER, "yes"))
    assert effects == [Open(), Stop("caller withdrawn: pressed the stop key")] and not permitted(state)


def test_an_agents_stop_key_withdraws_too() -> None:
    _, effects = run(*AGREED, Pressed(AGENT, "stop"))
    assert effects[-1] == Stop("agent withdrawn: pressed the stop key")


def test_hold_pauses_and_goes_on() -> None:
    state, effects = run(*AGREED, Held(AGENT), Held(CALLER), Unheld(AGENT), Unheld(CALLER))
    assert effects == [Open(), Pause("hold"), Resume()] and permitted(state)
    assert [one.held for one in state.parties] == [False, False]


@pytest.mark.parametrize("side", SIDES)
def test_whoever_hangs_up_ends_it_and_is_gone(side: Side) -> None:
    state, effects = run(*AGREED, HungUp(side), HungUp(side))
    assert effects == [Open(), Stop(f"{side} hung up")] and refusal(state) == f"{side} hung up"
    assert state.of(side).present is False and state.of(CALLER).standing == "given" and not permitted(state)
    assert run(*AGREED, Failed("disk full"), HungUp(side))[0].closed == "disk full"


def stopping(*happened: consent.Event) -> tuple[ConsentState, list[consent.Effect]]:
    """The same in an episode that hold ends."""
    state, effects = begin(SIDES, asks=True, purposes=("recording",), hold_closes=True), []
    for event in happened:
        state, more = advance(state, event)
        effects += more
    return state, effects


@pytest.mark.parametrize("side", SIDES)
def test_where_hold_closes_it_ends_capture_for_good(side: Side) -> None:
    state, effects = stopping(*AGREED, Held(side), Unheld(side))
    assert effects == [Open(), Stop(f"{side} on hold")] and refusal(state) == f"{side} on hold"
    assert state.of(CALLER).standing == "given" and not permitted(state)


def test_where_hold_closes_it_also_keeps_from_opening() -> None:
    state, effects = stopping(*ASKED, Pressed(CALLER, "yes"), Held(CALLER), Unheld(CALLER), Told(AGENT), Joined(AGENT))
    assert effects == [Stop("caller on hold")] and not permitted(state)


def test_a_no_by_hold_stays_the_reason_also_where_hold_closes() -> None:
    state, _ = stopping(*ASKED, Held(CALLER))
    assert state.closed == "" and refusal(state) == "caller refused: put on hold while being told or asked"
    again, effects = stopping(*AGREED, Pressed(CALLER, "stop"), Held(AGENT))
    assert again.closed == "" and effects[-1] == Stop("caller withdrawn: pressed the stop key")


def test_an_episode_that_is_closed_from_the_outset_never_opens() -> None:
    state = begin(SIDES, asks=False, purposes=("recording",), closed="no policy matches")
    for event in (Told(CALLER), Told(AGENT), Joined(AGENT)):
        state, effects = advance(state, event)
        assert not permitted(state) and effects == ()
    assert refusal(state) == "no policy matches" and state.of(CALLER).standing == "informed"
    assert permit(state, tenant="main", call="c", episode="e", stop_keys="*") is None


def test_the_first_reason_to_close_stays() -> None:
    first, second, third = Failed("disk full"), StrangerJoined("a bot"), HungUp(AGENT)
    for happened in ((first, second, third), (first, third, second), (first, Failed("another"))):
        assert run(*AGREED, *happened)[0].closed == "disk full"


@pytest.mark.parametrize("missing", range(len(AGREED)))
def test_p4_nothing_opens_while_a_step_is_missing(missing: int) -> None:
    state, effects = run(*(one for number, one in enumerate(AGREED) if number != missing))
    assert not permitted(state) and effects == []


def test_what_changes_nothing_has_no_effect() -> None:
    idle = (
        Pressed(CALLER, "unclear"),
        Pressed(CALLER, "yes"),
        Told(CALLER),
        Asked(CALLER),
        Waited(CALLER),
        Joined(AGENT),
        Unheld(AGENT),
    )
    assert run(*AGREED, *idle) == (run(*AGREED)[0], [Open()])


def test_p6_a_stranger_ends_the_episode() -> None:
    _, effects = run(*AGREED, StrangerJoined("a bot"), StrangerJoined("another"), Failed("x"))
    assert effects == [Open(), Stop("a bot joined")]


def test_a_failure_of_ours_stops() -> None:
    assert run(*AGREED, Failed("disk full"))[1][-1] == Stop("disk full")


@given(st.lists(events, max_size=14), st.booleans(), st.booleans())
def test_p4_no_order_of_events_captures_without_everyones_standing(
    happened: list[consent.Event], asks: bool, hold_closes: bool
) -> None:
    state = begin(SIDES, asks=asks, purposes=("recording",), hold_closes=hold_closes)
    open_now = False
    for event in happened:
        before = state
        state, effects = advance(state, event)
        for effect in effects:
            open_now = isinstance(effect, (Open, Resume))
            assert not (hold_closes and isinstance(effect, (Pause, Resume)))
        assert open_now == permitted(state)
        if permitted(state):
            assert all(one.present and not one.held and one.standing in GRANTING for one in state.parties)
            assert not asks or state.of(CALLER).standing == "given"
        for side in SIDES:
            if before.of(side).standing in NEGATIVE:
                assert state.of(side).standing == before.of(side).standing
        if refusal(before):
            assert refusal(state) and not effects


@given(st.lists(events, max_size=14))
def test_every_change_of_standing_is_told(happened: list[consent.Event]) -> None:
    state = begin(SIDES, asks=True, purposes=("recording",))
    for event in happened:
        before, state = state, advance(state, event)[0]
        told = {side for side, _, _ in changes(before, state)}
        assert told == {side for side in SIDES if before.of(side).standing != state.of(side).standing}
    assert {side for side, _, _ in changes(None, state)} == {
        side for side in SIDES if state.of(side).standing != "untold"
    }


def test_settled_is_known_once_the_answer_is() -> None:
    assert not settled(run(*ASKED)[0], CALLER)
    assert settled(run(*ASKED, Pressed(CALLER, "yes"))[0], CALLER)
    assert settled(run(Failed("x"))[0], CALLER)


@given(st.sets(sides, min_size=1), st.lists(events, max_size=12))
def test_p5_an_episode_in_which_somebody_said_no_before_never_permits(
    noes: set[Side], story: list[consent.Event]
) -> None:
    state = consent.remember(
        consent.begin((CALLER, AGENT), asks=False, purposes=("recording",)), dict.fromkeys(noes, "said so")
    )
    for event in story:
        state, _ = consent.advance(state, event)
        assert not consent.permitted(state) and consent.refusal(state)


def test_an_episode_in_which_somebody_else_said_no_before_is_closed() -> None:
    begun = consent.begin((CALLER, AGENT), asks=False, purposes=("recording",), closed="denied")
    assert consent.remember(begun, {}, "another").closed == "denied" and consent.remember(begun, {}) == begun
    assert consent.remember(consent.begin((CALLER,), asks=False, purposes=()), {}, "another").closed == "another"


def test_a_no_that_is_remembered_keeps_its_reason_and_closes_nothing_else() -> None:
    state = consent.remember(begin(SIDES, asks=False, purposes=("recording",)), {CALLER: "pressed the no key"})
    assert (state.of(CALLER).standing, state.of(CALLER).reason) == ("refused", "pressed the no key")
    assert state.closed == "" and state.of(AGENT).standing == "untold"
