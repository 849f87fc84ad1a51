"""The call, as a machine: what happens to it, and what is to be done about it.

`advance` takes a state and an event and returns the next state with effects as values; nothing here does anything.
`PHASES` is the table of the phases. The story of consent is a machine of its own inside this one
(`domain.consent`); this one decides who is on the call, when it is over, and which keys mean what.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from overt.domain import consent
from overt.domain.consent import NEGATIVE, ConsentState
from overt.domain.identity import AGENT, CALLER, SIDES, Side
from overt.domain.policy import OnNo

Phase = Literal["offered", "telling", "ringing", "bridged", "ended"]


@dataclass(frozen=True, slots=True)
class Keys:
    """Which keys mean what on a line. Each is one or more digits of `0-9*#`."""

    yes: str = "1"
    no: str = "2"
    stop: str = "*"


@dataclass(frozen=True, slots=True)
class AfterNo:
    """What becomes of a call after a no. What becomes of the recording is no question: it is off (P5).

    `binding`: the line serves nobody unrecorded, since a law demands the recording. There a no of anybody counts as long
    as the call lasts, and whoever could not be told counts as having given no answer.
    """

    on_refusal: OnNo = "go-on"
    on_no_answer: OnNo = "go-on"
    binding: bool = False


@dataclass(frozen=True, slots=True)
class CallState:
    """Where a call stands. `ending` is empty while it lives.

    `routed`: after a no, the call goes to somebody with whom nothing is recorded.
    """

    phase: Phase = "offered"
    keys: Keys = Keys()
    consent: ConsentState | None = None
    ending: str = ""
    after_no: AfterNo = AfterNo()
    routed: bool = False


# ------------------------------------------------------------------------------------------- events


@dataclass(frozen=True, slots=True)
class Answered:
    """We answered the caller; an episode with its consent begins."""

    consent: ConsentState


@dataclass(frozen=True, slots=True)
class Regathered:
    """Others are on the call now: the episode is over, and the next one begins with a consent of its own (P6).

    `stayed` are the sides on which the same person is heard as before: their no stays a no.
    """

    consent: ConsentState
    stayed: tuple[Side, ...] = ()


@dataclass(frozen=True, slots=True)
class HeardOut:
    """Telling and asking are over, whatever came of them: the agent may be rung."""


@dataclass(frozen=True, slots=True)
class Bridged:
    """The agent answered, was cued, and both legs are joined."""


@dataclass(frozen=True, slots=True)
class NotReached:
    """The agent could not be had: busy, no answer, failed."""

    reason: str


@dataclass(frozen=True, slots=True)
class LegEnded:
    """A leg ended: its party hung up, or fell silent for the time-out."""

    side: Side
    how: str


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """A party pressed a key."""

    side: Side
    digit: str


@dataclass(frozen=True, slots=True)
class EndDemanded:
    """The failure setting demands that the call ends (P11)."""

    why: str


@dataclass(frozen=True, slots=True)
class Routed:
    """After a no, the policy sends the call to a line on which nothing is recorded. The machine says so itself."""


@dataclass(frozen=True, slots=True)
class Unserved:
    """After a no, the policy ends the call: nobody is served unrecorded here. The machine says so itself."""


CallEvent = (
    Answered
    | Regathered
    | HeardOut
    | Bridged
    | NotReached
    | LegEnded
    | KeyPressed
    | EndDemanded
    | Routed
    | Unserved
    | consent.Event
)


# ------------------------------------------------------------------------------------------ effects


@dataclass(frozen=True, slots=True)
class HangUp:
    """End a leg."""

    side: Side


@dataclass(frozen=True, slots=True)
class Apologise:
    """Tell the caller that nobody can take the call, then end it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Silence:
    """Stop what is being played to anybody."""


@dataclass(frozen=True, slots=True)
class PartWays:
    """Tell the caller that nobody is served unrecorded here, then end their leg."""


CallEffect = HangUp | Apologise | Silence | PartWays | consent.Effect

# A phase, what may happen in it, and the phase after that. An event that a phase does not list leaves it untouched.
PHASES: Mapping[Phase, Mapping[type, Phase]] = {
    "offered": {Answered: "telling", LegEnded: "ended", EndDemanded: "ended"},
    "telling": {HeardOut: "ringing", LegEnded: "ended", EndDemanded: "ended"},
    "ringing": {
        Bridged: "bridged", Routed: "ringing", Unserved: "ended", NotReached: "ended", LegEnded: "ended",
        EndDemanded: "ended",
    },
    "bridged": {Routed: "ringing", Unserved: "ended", LegEnded: "ended", EndDemanded: "ended"},
    "ended": {},
}  # fmt: skip
UNSERVED = "nobody is served unrecorded here"
CONSEQUENCES: Mapping[OnNo, Routed | Unserved] = {"route": Routed(), "end": Unserved()}
KEYED: frozenset[str] = frozenset(
    {consent.REASONS[key] for key in ("no", "stop", "unclear")}
)  # a no, and what counts as one
SILENT: frozenset[str] = frozenset({consent.REASONS[how] for how in ("waited", "held")})  # no answer at all


def advance(state: CallState, event: CallEvent) -> tuple[CallState, tuple[CallEffect, ...]]:
    """Return the state after an event, and what is to be done.

    Closing effects come before all others. Events after the end change nothing.
    """
    after, effects = _advanced(state, event)
    consequence = _consequence(state, after)
    if consequence is None:
        return after, effects
    after, more = _moved(after, consequence)
    return after, (*effects, *more)


def _advanced(state: CallState, event: CallEvent) -> tuple[CallState, tuple[CallEffect, ...]]:
    """What an event makes of a call, before its policy's consequences of a no."""
    if state.phase == "ended":
        return state, ()
    if isinstance(event, Answered):
        begun = replace(state, phase="telling", consent=event.consent)
        return (begun if state.phase == "offered" else state), ()
    if isinstance(event, Regathered):
        return _regathered(state, event), ()
    if isinstance(event, KeyPressed):
        return _consenting(state, _meaning(state, event))
    if type(event) in PHASES[state.phase]:
        return _moved(state, event)
    if isinstance(event, (HeardOut, Bridged, NotReached, LegEnded, EndDemanded, Routed, Unserved)):
        return state, ()
    return _consenting(state, event)


def _regathered(state: CallState, event: Regathered) -> CallState:
    """The next episode. Only where the one before is closed: an open one must stop what it captures first."""
    if state.consent is None or not consent.refusal(state.consent):
        return state
    return replace(state, phase="telling", consent=consent.carry_over(state.consent, event.consent, event.stayed))


def _moved(state: CallState, event: CallEvent) -> tuple[CallState, tuple[CallEffect, ...]]:
    """Take the step that `PHASES` names, with the effects that belong to it."""
    after = replace(state, phase=PHASES[state.phase][type(event)])
    if isinstance(event, LegEnded):
        after, effects = _consenting(replace(after, ending=f"{event.side} {event.how}"), consent.HungUp(event.side))
        others = (HangUp(side) for side in SIDES if side != event.side or event.how == "silent")
        return after, (*effects, Silence(), *others)
    if isinstance(event, EndDemanded):
        after, effects = _consenting(replace(after, ending=event.why), consent.Failed(event.why))
        return after, (*effects, Silence(), HangUp(AGENT), HangUp(CALLER))
    if isinstance(event, NotReached):
        after, effects = _consenting(
            replace(after, ending=f"agent {event.reason}"), consent.Failed(f"agent {event.reason}")
        )
        return after, (*effects, Apologise(event.reason))
    if isinstance(event, Unserved):
        return replace(after, ending=UNSERVED), (Silence(), HangUp(AGENT), PartWays())
    if isinstance(event, Routed):
        return replace(after, routed=True), (HangUp(AGENT),)
    return after, ()


def _consequence(before: CallState, after: CallState) -> Routed | Unserved | None:
    """What a no leads to now: once telling and asking are over, and where the line binds also whenever one is said.

    Where nothing could be recorded anyway (`closed`), a no changes nothing: there the call goes on as it is.
    """
    if after.phase not in ("ringing", "bridged") or after.consent is None or after.consent.closed or after.routed:
        return None
    if before.phase == "telling" or (after.after_no.binding and not _noes(before.consent)):
        return CONSEQUENCES.get(_chosen(after.after_no, _noes(after.consent)))
    return None


def _noes(state: ConsentState | None) -> frozenset[str]:
    """The reasons of everybody whose answer is no, or counts as one."""
    return frozenset(one.reason for one in state.parties if one.standing in NEGATIVE) if state else frozenset()


def _chosen(after_no: AfterNo, noes: frozenset[str]) -> OnNo:
    """What the policy chose for the no that was said, or for the silence that counts as one."""
    if noes & KEYED:
        return after_no.on_refusal
    return after_no.on_no_answer if noes and (after_no.binding or noes & SILENT) else "go-on"


def _consenting(state: CallState, event: consent.Event | None) -> tuple[CallState, tuple[CallEffect, ...]]:
    if state.consent is None or event is None:
        return state, ()
    after, effects = consent.advance(state.consent, event)
    return replace(state, consent=after), effects


def _meaning(state: CallState, key: KeyPressed) -> consent.Pressed | None:
    """What a key means now. The stop key always stops; yes and no keys speak only before the agent is rung.

    Once bridged, other digits belong to the parties (a menu, an account number) and mean nothing to us.
    """
    if key.digit in state.keys.stop:
        return consent.Pressed(key.side, "stop")
    if state.phase != "telling" or key.side != CALLER:
        return None
    if key.digit in state.keys.yes:
        return consent.Pressed(key.side, "yes")
    if key.digit in state.keys.no:
        return consent.Pressed(key.side, "no")
    return consent.Pressed(key.side, "unclear")


def milestones(state: CallState) -> frozenset[str]:
    """What a story may wait for, as reached by this state: `answered`, `settled`, `heard out`, `to be rung`,
    `bridged`, `over`. Somebody is `to be rung` anew when a call is routed after a no."""
    reached = set()
    if state.phase not in ("offered",) and state.consent is not None:
        reached.add("answered")
        if consent.settled(state.consent, CALLER):
            reached.add("settled")
    if state.phase in ("ringing", "bridged"):
        reached.add("heard out")
    if state.phase == "ringing":
        reached.add("to be rung")
    if state.phase == "bridged":
        reached.add("bridged")
    if state.phase == "ended":
        reached.add("over")
    return frozenset(reached)
