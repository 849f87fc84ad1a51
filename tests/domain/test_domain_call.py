"""The call's machine: phases, keys, who is hung up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt.domain import consent
from overt.domain.call import (
    PHASES,
    UNSERVED,
    AfterNo,
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
    PartWays,
    Regathered,
    Routed,
    Silence,
    Unserved,
    advance,
    milestones,
)
from overt.domain.identity import AGENT, CALLER, SIDES

BEGUN = Answered(consent.begin(SIDES, asks=True, purposes=("recording",)))
TOLD = (BEGUN, consent.Told(CALLER), consent.Asked(CALLER))
JOINED = (*TOLD, KeyPressed(CALLER, "1"), HeardOut(), consent.Told(AGENT), Bridged(), consent.Joined(AGENT))


ALIKE = "go-on", "end", "route"


def run(*events: object, after_no: AfterNo = AfterNo()) -> tuple[CallState, list[object]]:  # noqa: B008 - it is frozen
    """The state after events, and all effects."""
    state, effects = CallState(after_no=after_no), []
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


REFUSED = (*TOLD, KeyPressed(CALLER, "2"))
SILENT = (*TOLD, consent.Waited(CALLER))
UNTOLD = (BEGUN, consent.NotTold(CALLER, "leg silent"))


@pytest.mark.parametrize("on_refusal", ALIKE)
@pytest.mark.parametrize("on_no_answer", ALIKE)
@pytest.mark.parametrize("binding", [False, True])
def test_what_becomes_of_a_call_after_a_no(on_refusal: str, on_no_answer: str, binding: bool) -> None:
    after_no = AfterNo(on_refusal, on_no_answer, binding)  # type: ignore[arg-type]
    chosen = {
        REFUSED: on_refusal,
        (*TOLD, KeyPressed(CALLER, "7")): on_refusal,
        (*TOLD, KeyPressed(CALLER, "*")): on_refusal,
        (*TOLD, KeyPressed(CALLER, "1"), KeyPressed(CALLER, "*")): on_refusal,
        SILENT: on_no_answer,
        (*TOLD, consent.Held(CALLER)): on_no_answer,
        UNTOLD: on_no_answer if binding else "go-on",
        (*TOLD, KeyPressed(CALLER, "1")): "go-on",
    }
    for happened, consequence in chosen.items():
        before, _ = run(*happened, after_no=after_no)
        assert before.phase == "telling" and not before.routed  # first everything is heard out
        state, effects = run(*happened, HeardOut(), after_no=after_no)
        if consequence == "end":
            assert (state.phase, state.ending) == ("ended", UNSERVED)
            assert effects[-3:] == [Silence(), HangUp(AGENT), PartWays()]
        else:
            assert (state.phase, state.routed) == ("ringing", consequence == "route")
            assert "to be rung" in milestones(state) and PartWays() not in effects


def test_a_no_is_no_reason_to_end_what_could_not_be_recorded_anyway() -> None:
    after_no = AfterNo("end", "end", binding=True)
    barred = Answered(consent.begin(SIDES, asks=False, purposes=("recording",), closed="an emergency"))
    state, effects = run(barred, KeyPressed(CALLER, "2"), HeardOut(), after_no=after_no)
    assert state.phase == "ringing" and effects == []
    failed, _ = run(
        BEGUN, consent.Failed("prompts are missing"), KeyPressed(CALLER, "*"), HeardOut(), after_no=after_no
    )
    assert failed.phase == "ringing"


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("on_refusal", ALIKE)
@pytest.mark.parametrize("binding", [False, True])
def test_a_no_while_they_talk_has_consequences_where_the_line_binds(side: str, on_refusal: str, binding: bool) -> None:
    after_no = AfterNo(on_refusal, "go-on", binding)  # type: ignore[arg-type]
    state, effects = run(*JOINED, KeyPressed(side, "*"), after_no=after_no)  # type: ignore[arg-type]
    stopped = consent.Stop(f"{side} withdrawn: pressed the stop key")
    assert effects[:2] == [consent.Open(), stopped]  # whatever follows, capture ends first (P5)
    follows = {"end": [Silence(), HangUp(AGENT), PartWays()], "route": [HangUp(AGENT)], "go-on": []}
    assert effects[2:] == (follows[on_refusal] if binding else [])
    phases = {"end": "ended", "route": "ringing", "go-on": "bridged"}
    assert state.phase == (phases[on_refusal] if binding else "bridged")


def test_a_no_while_the_agent_is_rung_has_consequences_where_the_line_binds() -> None:
    ringing = (*TOLD, KeyPressed(CALLER, "1"), HeardOut(), KeyPressed(CALLER, "*"))
    state, effects = run(*ringing, after_no=AfterNo("route", "end", binding=True))
    assert (state.phase, state.routed) == ("ringing", True) and effects[-1] == HangUp(AGENT)
    assert run(*ringing, after_no=AfterNo("end"))[0].phase == "ringing"


def test_who_was_routed_stays_routed_and_is_not_sent_on_again() -> None:
    after_no = AfterNo("route", "route", binding=True)
    state, _ = run(*REFUSED, HeardOut(), consent.Told(AGENT), Bridged(), consent.Joined(AGENT), after_no=after_no)
    assert state.phase == "bridged" and state.routed
    for key in ("*", "2"):
        assert advance(state, KeyPressed(AGENT, key))[0].phase == "bridged"
    again, effects = run(*JOINED, KeyPressed(CALLER, "*"), KeyPressed(AGENT, "*"), after_no=after_no)
    assert again.phase == "ringing" and effects.count(HangUp(AGENT)) == 1


NEXT = consent.begin(SIDES, asks=True, purposes=("recording",))


def test_p6_others_on_the_call_begin_an_episode_of_their_own() -> None:
    closed, effects = run(*JOINED, consent.StrangerJoined("Bo"))
    assert effects[-1] == consent.Stop("Bo joined")
    state, effects = advance(closed, Regathered(NEXT, (CALLER,)))
    assert (state.phase, state.consent, effects) == ("telling", NEXT, ())
    agreed = [
        consent.Told(CALLER),
        consent.Asked(CALLER),
        KeyPressed(CALLER, "1"),
        consent.Told(AGENT),
        consent.Joined(AGENT),
    ]
    for event in agreed:
        state, effects = advance(state, event)
    assert effects == (consent.Open(),)


def test_p5_who_said_no_has_said_it_in_the_next_episode_too() -> None:
    closed, _ = run(*JOINED, KeyPressed(CALLER, "*"))
    state, _ = advance(closed, Regathered(NEXT, (CALLER,)))
    assert state.consent is not None and state.consent.of(CALLER).standing == "refused"


def test_an_open_episode_is_not_exchanged_and_none_begins_before_the_first_or_after_the_end() -> None:
    for events in (JOINED, (), (*JOINED, LegEnded(CALLER, "hung up"))):
        state, _ = run(*events)
        assert advance(state, Regathered(NEXT)) == (state, ())


def test_only_a_no_sends_a_call_on() -> None:
    state, _ = run(*TOLD)
    assert advance(state, Routed()) == (state, ()) and advance(state, Unserved()) == (state, ())


@given(
    st.lists(
        st.sampled_from(
            [*JOINED, HeardOut(), NotReached("x"), LegEnded(AGENT, "hung up"), LegEnded(CALLER, "silent"),
             EndDemanded("y"), consent.Held(CALLER), consent.Unheld(CALLER), KeyPressed(CALLER, "*"),
             KeyPressed(CALLER, "2"), consent.Waited(CALLER), Regathered(NEXT), consent.StrangerJoined("Bo"),
             consent.Attested(AGENT, "by NN"), consent.Said(CALLER, False, "to a bot")]
        ),
        max_size=20,
    ),
    st.builds(AfterNo, st.sampled_from(ALIKE), st.sampled_from(ALIKE), st.booleans()),
)  # fmt: skip
def test_any_order_keeps_to_the_table_and_never_captures_after_the_end(events: list[object], after_no: AfterNo) -> None:
    state, capturing = CallState(after_no=after_no), False
    for event in events:
        before = state
        state, effects = advance(state, event)  # type: ignore[arg-type]
        if state.phase != before.phase and not isinstance(event, Regathered):
            step = PHASES[before.phase].get(type(event), before.phase)
            led_on = {PHASES[step].get(Routed), PHASES[step].get(Unserved)} if after_no != AfterNo() else set()
            assert state.phase in {step} | led_on
        for effect in effects:
            if isinstance(effect, (consent.Open, consent.Resume)):
                capturing = True
            if isinstance(effect, (consent.Stop, consent.Pause)):
                capturing = False
        if state.phase == "ended":
            assert not capturing
