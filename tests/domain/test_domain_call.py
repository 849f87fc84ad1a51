"""The call's machine: phases, keys, who is hung up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt.domain import consent
from overt.domain.call import (
    PHASES,
    Answered,
    Apologise,
    Bridged,
    CallState,
    EndDemanded,
    HangUp,
    HeardOut,
    KeyPressed,
    LegEnded,
    NotReached,
    Silence,
    advance,
    milestones,
)
from overt.domain.identity import AGENT, CALLER, SIDES

BEGUN = Answered(consent.begin(SIDES, asks=True, purposes=("recording",)))
TOLD = (BEGUN, consent.Told(CALLER), consent.Asked(CALLER))
JOINED = (*TOLD, KeyPressed(CALLER, "1"), HeardOut(), consent.Told(AGENT), Bridged(), consent.Joined(AGENT))


def run(*events: object) -> tuple[CallState, list[object]]:
    """The state after events, and all effects."""
    state, effects = CallState(), []
    for event in events:
        state, more = advance(state, event)  # type: ignore[arg-type]
        effects += more
    return state, effects


def test_a_whole_call() -> None:
    state, effects = run(*JOINED, LegEnded(CALLER, "hung up"))
    assert state.phase == "ended" and state.ending == "caller hung up"
    assert effects == [consent.Open(), consent.Stop("caller hung up"), Silence(), HangUp(AGENT)]


def test_a_silent_leg_ends_both() -> None:
    assert run(*JOINED, LegEnded(AGENT, "silent"))[1][-2:] == [HangUp(CALLER), HangUp(AGENT)]


def test_the_failure_setting_may_end_the_call_and_stops_capture_first() -> None:
    _, effects = run(*JOINED, EndDemanded("disk"))
    assert effects[1:] == [consent.Stop("disk"), Silence(), HangUp(AGENT), HangUp(CALLER)]


def test_an_agent_who_cannot_be_had_is_apologised_for() -> None:
    state, effects = run(*TOLD, HeardOut(), NotReached("busy"))
    assert effects == [consent.Stop("agent busy"), Apologise("busy")] and state.ending == "agent busy"


@pytest.mark.parametrize(
    ("phase", "side", "digit", "standing"),
    [
        ("asked", CALLER, "1", "given"),
        ("asked", CALLER, "2", "refused"),
        ("asked", CALLER, "7", "refused"),
        ("asked", CALLER, "*", "refused"),
        ("asked", AGENT, "1", "asked"),
        ("bridged", CALLER, "*", "withdrawn"),
        ("bridged", CALLER, "2", "given"),
        ("bridged", CALLER, "7", "given"),
    ],
)
def test_what_a_key_means_and_when(phase: str, side: str, digit: str, standing: str) -> None:
    state, _ = run(*(TOLD if phase == "asked" else JOINED), KeyPressed(side, digit))  # type: ignore[arg-type]
    assert state.consent is not None and state.consent.of(CALLER).standing == standing


def test_nothing_happens_before_an_episode_or_after_the_end() -> None:
    assert run(KeyPressed(CALLER, "*"))[0] == CallState()
    ended, _ = run(BEGUN, LegEnded(CALLER, "hung up"))
    assert advance(ended, HeardOut()) == (ended, ())
    state, _ = run(LegEnded(CALLER, "gave up"))
    assert state.phase == "ended" and milestones(state) == {"over"}


def test_milestones_are_reached_in_their_order() -> None:
    reached = [milestones(run(*JOINED[:count])[0]) for count in range(len(JOINED) + 1)]
    assert reached[0] == frozenset() and "answered" in reached[1]
    assert "settled" in reached[4] and "heard out" in reached[5] and "bridged" in reached[-1]
    assert "permitted" in reached[-1] or reached[-1] >= {"answered", "settled", "heard out", "bridged"}


@given(
    st.lists(
        st.sampled_from(
            [*JOINED, HeardOut(), NotReached("x"), LegEnded(AGENT, "hung up"), LegEnded(CALLER, "silent"),
             EndDemanded("y"), consent.Held(CALLER), consent.Unheld(CALLER), KeyPressed(CALLER, "*")]
        ),
        max_size=20,
    )
)  # fmt: skip
def test_any_order_keeps_to_the_table_and_never_captures_after_the_end(events: list[object]) -> None:
    state, capturing = CallState(), False
    for event in events:
        before = state
        state, effects = advance(state, event)  # type: ignore[arg-type]
        if state.phase != before.phase:
            assert PHASES[before.phase][type(event)] == state.phase
        for effect in effects:
            if isinstance(effect, (consent.Open, consent.Resume)):
                capturing = True
            if isinstance(effect, (consent.Stop, consent.Pause)):
                capturing = False
        if state.phase == "ended":
            assert not capturing
