"""Consent, as a machine: who stands where, and whether anything may be captured.

Each party of an episode's roster has a *standing*. What a standing becomes after an event is the table `STANDINGS`;
whether capture is permitted is the one function `permitted`; what is to be done is the difference that an event
makes to it. A no is absorbing: no event turns it back within the episode (P2, P5). Only `permit` makes a Permit (P4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from overt.domain.identity import AGENT, CALLER, Side

Standing = Literal["untold", "told", "asked", "given", "informed", "refused", "withdrawn", "attested", "not_required"]
GRANTING: frozenset[str] = frozenset({"given", "informed", "attested", "not_required"})
NEGATIVE: frozenset[str] = frozenset({"refused", "withdrawn"})


@dataclass(frozen=True, slots=True)
class PartyStanding:
    """Where one party stands and why; whether they are on the call, on hold."""

    side: Side
    standing: Standing = "untold"
    reason: str = ""
    present: bool = False
    held: bool = False


@dataclass(frozen=True, slots=True)
class ConsentState:
    """The consent of one episode. `asks`: the caller must answer a question, being told alone is not enough.

    `closed` says why nothing is captured whatever the parties say, empty while that is open; `hold_closes`: hold ends
    capture for the episode, where it else pauses it.
    """

    parties: tuple[PartyStanding, ...]
    asks: bool
    purposes: tuple[str, ...]
    closed: str = ""
    hold_closes: bool = False

    def of(self, side: Side) -> PartyStanding:
        """The standing of one side of the roster."""
        return next(party for party in self.parties if party.side == side)


# ------------------------------------------------------------------------------------------- events


@dataclass(frozen=True, slots=True)
class Told:
    """A party heard the whole telling (P1)."""

    side: Side


@dataclass(frozen=True, slots=True)
class NotTold:
    """A telling failed; the reason says how."""

    side: Side
    reason: str


@dataclass(frozen=True, slots=True)
class Asked:
    """The question was put to a party who had been told."""

    side: Side


@dataclass(frozen=True, slots=True)
class Pressed:
    """A party pressed a key that means something."""

    side: Side
    meaning: Literal["yes", "no", "stop", "unclear"]


@dataclass(frozen=True, slots=True)
class Attested:
    """The operator of the client that brings the call obtained a party's consent, as a named person signed for."""

    side: Side
    reason: str


@dataclass(frozen=True, slots=True)
class Said:
    """Somebody outside says what a party answered: a bot, an agent's screen. `reason` says who and how."""

    side: Side
    granted: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Waited:
    """The time for an answer is over."""

    side: Side


@dataclass(frozen=True, slots=True)
class Joined:
    """A party of the roster is on the call."""

    side: Side


@dataclass(frozen=True, slots=True)
class StrangerJoined:
    """Somebody outside the roster is on the call: the episode is over for capture (P6)."""

    who: str


@dataclass(frozen=True, slots=True)
class Held:
    """A party was put on hold."""

    side: Side


@dataclass(frozen=True, slots=True)
class Unheld:
    """A party was taken off hold."""

    side: Side


@dataclass(frozen=True, slots=True)
class HungUp:
    """A party left the call."""

    side: Side


@dataclass(frozen=True, slots=True)
class Failed:
    """Something of ours broke; capture is over for this episode."""

    what: str


Event = (
    Told
    | NotTold
    | Asked
    | Pressed
    | Attested
    | Said
    | Waited
    | Joined
    | StrangerJoined
    | Held
    | Unheld
    | HungUp
    | Failed
)


# ------------------------------------------------------------------------------------------ effects


@dataclass(frozen=True, slots=True)
class Open:
    """Capture may open, once its ledger entry is durable."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Capture must pause now, on every leg."""

    reason: str


@dataclass(frozen=True, slots=True)
class Resume:
    """Capture may go on, once its ledger entry is durable."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Capture must end now, on every leg, for good."""

    reason: str


Effect = Open | Pause | Resume | Stop

# What a standing becomes: (standing, what happened) → standing. What is not listed changes nothing.
# `told*` and `asked*` stand for a telling heard, a question put, in an episode that asks or that does not.
STANDINGS: Mapping[tuple[Standing, str], Standing] = {
    ("untold", "told, asks"): "told",
    ("untold", "told, does not ask"): "informed",
    ("untold", "not told"): "refused",
    ("untold", "attested"): "attested",
    ("untold", "no"): "refused",
    ("untold", "said no"): "refused",
    ("untold", "stop"): "refused",
    ("untold", "hung up"): "refused",
    ("untold", "held"): "refused",
    ("told", "asked"): "asked",
    ("told", "attested"): "attested",
    ("told", "said yes"): "given",
    ("told", "said no"): "refused",
    ("told", "no"): "refused",
    ("told", "stop"): "refused",
    ("told", "hung up"): "refused",
    ("told", "held"): "refused",
    ("told", "waited"): "refused",
    ("asked", "yes"): "given",
    ("asked", "said yes"): "given",
    ("asked", "said no"): "refused",
    ("asked", "no"): "refused",
    ("asked", "stop"): "refused",
    ("asked", "unclear"): "refused",
    ("asked", "waited"): "refused",
    ("asked", "hung up"): "refused",
    ("asked", "held"): "refused",
    ("given", "no"): "withdrawn",
    ("given", "said no"): "withdrawn",
    ("given", "stop"): "withdrawn",
    ("informed", "no"): "withdrawn",
    ("informed", "said no"): "withdrawn",
    ("informed", "stop"): "withdrawn",
    ("attested", "no"): "withdrawn",
    ("attested", "said no"): "withdrawn",
    ("attested", "stop"): "withdrawn",
    ("not_required", "no"): "withdrawn",
    ("not_required", "said no"): "withdrawn",
    ("not_required", "stop"): "withdrawn",
}
REASONS: Mapping[str, str] = {
    "told, does not ask": "told, offered a way out, stayed",
    "yes": "pressed the yes key",
    "no": "pressed the no key",
    "stop": "pressed the stop key",
    "unclear": "pressed another key",
    "waited": "no answer in time",
    "hung up": "hung up",
    "held": "put on hold while being told or asked",
}


def begin(
    roster: Sequence[Side], *, asks: bool, purposes: Sequence[str], hold_closes: bool = False, closed: str = ""
) -> ConsentState:
    """Return the state at the start of an episode: the caller present, nobody told.

    `closed` says why the episode may capture nothing from the outset: a call that no policy lets record, say.
    """
    parties = tuple(PartyStanding(side, present=side == CALLER) for side in roster)
    return ConsentState(parties, asks, tuple(purposes), closed, hold_closes)


def carry_over(before: ConsentState, after: ConsentState, stayed: Sequence[Side]) -> ConsentState:
    """The next episode's state, in which whoever said no and stayed on the call has still said no (P5)."""
    for side in stayed:
        party = before.of(side)
        if party.standing in NEGATIVE:
            after = _changed(after, replace(after.of(side), standing="refused", reason=party.reason))
    return after


def remember(state: ConsentState, noes: Mapping[Side, str], closed: str = "") -> ConsentState:
    """The beginning of an episode in which these parties have said no before: their reasons. `closed`: somebody else has."""
    for side, reason in noes.items():
        state = _changed(state, replace(state.of(side), standing="refused", reason=reason))
    return replace(state, closed=state.closed or closed)


def advance(state: ConsentState, event: Event) -> tuple[ConsentState, tuple[Effect, ...]]:
    """Return the state after an event, and the effects that the difference demands."""
    after = _after(state, event)
    return after, _difference(state, after)


def _after(state: ConsentState, event: Event) -> ConsentState:
    match event:
        case StrangerJoined(who):
            return replace(state, closed=state.closed or f"{who} joined")
        case Failed(what):
            return replace(state, closed=state.closed or what)
        case Told(side):
            asks = state.asks and side == CALLER
            return _step(state, side, "told, asks" if asks else "told, does not ask", "")
        case NotTold(side, reason):
            return _step(state, side, "not told", reason)
        case Asked(side):
            return _step(state, side, "asked", "")
        case Waited(side):
            return _step(state, side, "waited", "")
        case Pressed(side, meaning):
            return _step(state, side, meaning, "")
        case Attested(side, reason):
            return _step(state, side, "attested", reason)
        case Said(side, granted, reason):
            return _step(state, side, "said yes" if granted else "said no", reason)
        case Joined(side):
            return _changed(state, replace(state.of(side), present=True))
        case Unheld(side):
            return _changed(state, replace(state.of(side), held=False))
        case Held(side):
            after = _step(state, side, "held", "")
            after = _changed(after, replace(after.of(side), held=True))
            return replace(after, closed=f"{side} on hold") if after.hold_closes and not refusal(after) else after
        case _:
            side = event.side
            after = _step(state, side, "hung up", "")
            after = _changed(after, replace(after.of(side), present=False))
            return replace(after, closed=after.closed or f"{side} hung up")


def _step(state: ConsentState, side: Side, what: str, reason: str) -> ConsentState:
    party = state.of(side)
    standing = STANDINGS.get((party.standing, what))
    if standing is None:
        return state
    return _changed(state, replace(party, standing=standing, reason=reason or REASONS.get(what, "")))


def _changed(state: ConsentState, party: PartyStanding) -> ConsentState:
    return replace(state, parties=tuple(party if one.side == party.side else one for one in state.parties))


def refusal(state: ConsentState) -> str:
    """Why capture is closed for good in this episode; empty while it is not."""
    for party in state.parties:
        if party.standing in NEGATIVE:
            return f"{party.side} {party.standing}: {party.reason}"
    return state.closed


def permitted(state: ConsentState) -> bool:
    """The one decision: every party is on the call, told and granting; nobody is held; nothing closed it."""
    everyone = all(one.present and not one.held and one.standing in GRANTING for one in state.parties)
    return everyone and not refusal(state)


def _difference(before: ConsentState, after: ConsentState) -> tuple[Effect, ...]:
    if refusal(after):
        return () if refusal(before) else (Stop(refusal(after)),)
    if permitted(before) and not permitted(after):
        return (Pause("hold"),)
    if permitted(after) and not permitted(before):
        return (Resume(),) if any(one.held for one in before.parties) else (Open(),)
    return ()


def settled(state: ConsentState, side: Side) -> bool:
    """True once a party's answer is known, whichever it is."""
    return state.of(side).standing in GRANTING | NEGATIVE or bool(state.closed)


def changes(before: ConsentState | None, after: ConsentState) -> tuple[tuple[Side, Standing, str], ...]:
    """The standings that differ, as (side, standing, reason)."""
    known = {} if before is None else {one.side: one.standing for one in before.parties}
    return tuple(
        (one.side, one.standing, one.reason) for one in after.parties if known.get(one.side, "untold") != one.standing
    )


@dataclass(frozen=True, slots=True)
class Permit:
    """The only key to the next room: who and what may be captured, and the keys that end it (P4)."""

    tenant: str
    call: str
    episode: str
    roster: tuple[Side, ...]
    purposes: tuple[str, ...]
    tracks: tuple[Side, ...]
    stop_keys: str


def permit(state: ConsentState, *, tenant: str, call: str, episode: str, stop_keys: str) -> Permit | None:
    """Return a permit when the state permits capture, else None. Nothing else makes one."""
    if not permitted(state):
        return None
    roster = tuple(one.side for one in state.parties)
    return Permit(tenant, call, episode, roster, state.purposes, (CALLER, AGENT), stop_keys)
