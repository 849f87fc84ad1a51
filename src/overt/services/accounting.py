"""The account that a call leaves behind: what was said, captured, lost, and how it came out (P11)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from overt.domain.call import CallState
from overt.domain.consent import NEGATIVE, ConsentState, PartyStanding
from overt.domain.facts import Json
from overt.domain.identity import CALLER, Side
from overt.ports import CaptureAccount, Clock

# What the caller's standing, and its reason, make of a call of which nothing was captured.
OUTCOMES: Mapping[str, str] = {
    "hung up": "hung up in announcement",
    "no answer in time": "not recorded: no answer",
    "pressed the no key": "not recorded: refused",
    "pressed the stop key": "not recorded: refused",
    "pressed another key": "not recorded: unclear answer",
}
# beside a call its parties are told elsewhere, and it is its session that ends
UNANSWERED = "not recorded: ended before an answer"
OUTCOMES_BESIDE: Mapping[str, str] = {"hung up": UNANSWERED}
SOUNDLESS = "no sound came for as long as recording was permitted"
UNSAID = frozenset({"hung up", "no answer in time", "put on hold while being told or asked"})  # a no that nobody said
CONSENTS: Mapping[str, str] = {
    "hung up": "hang-up",
    "no answer in time": "timeout",
    "pressed another key": "unclear",
}


@dataclass(slots=True)
class Account:
    """Collected while the call lives; `body` is the `call.ended` fact at its end. Times are monotonic nanoseconds."""

    clock: Clock
    answered_ns: int = 0
    disclosed_ms: int = 0
    captures: list[CaptureAccount] = field(default_factory=list)
    legs: Mapping[Side, Mapping[str, int]] = field(default_factory=dict)
    why_not: str = ""
    beside: bool = False

    def follow(self, before: CallState, after: CallState) -> None:
        """Take from the machine's step what belongs to the account."""
        if before.phase == "offered" and after.phase == "telling":
            self.answered_ns = self.clock.monotonic_ns()

    @property
    def captured_ms(self) -> int:
        """What all recordings of the call hold."""
        return sum(one.captured_ms for one in self.captures)

    def body(self, state: CallState) -> dict[str, Json]:
        """The body of the `call.ended` fact."""
        call_ms = (self.clock.monotonic_ns() - self.answered_ns) // 1_000_000 if self.answered_ns else 0
        gaps: list[Json] = [
            {"recording": one.recording, "from_ms": gap.from_ms, "to_ms": gap.to_ms, "cause": gap.cause}
            for one in self.captures
            for gap in one.gaps
        ]
        return {
            "outcome": self.outcome(state), "reason": state.ending, "call_ms": call_ms,
            "disclosed_ms": self.disclosed_ms, "captured_ms": self.captured_ms, "consent": self.consent(state),
            "legs": {side: dict(counters) for side, counters in self.legs.items()}, "gaps": gaps,
            "recordings": [one.recording for one in self.captures],
        }  # fmt: skip

    def consent(self, state: CallState) -> str:
        """Where the caller stood at the end, in one word."""
        if state.consent is None:
            return "not asked"
        party = state.consent.of(CALLER)
        if self.why_not and (party.standing == "untold" or (party.standing, party.reason) == ("refused", "hung up")):
            return "not asked"  # we did not tell them, and whether they hung up in the end is no answer
        if self._withdrawn(party):
            return "withdrawn"
        if self.beside and party.reason == "hung up":
            return "timeout"  # whether they hung up, or the session alone ended, we do not know: there was no answer
        return CONSENTS.get(party.reason, party.standing) if party.standing in NEGATIVE else party.standing

    def _withdrawn(self, party: PartyStanding) -> bool:
        """True when something was captured before they said no, also where a later episode begins with that no."""
        return bool(self.captures) and party.standing in NEGATIVE and party.reason not in UNSAID

    def outcome(self, state: CallState) -> str:
        """How the call came out, for people."""
        if state.consent is None:
            return f"not answered: {state.ending}" if not self.why_not else f"not recorded: {self.why_not}"
        party = state.consent.of(CALLER)
        if self._withdrawn(party):
            return "recorded until withdrawn"
        if self.captures and not self.captured_ms and not self.why_not:
            return f"not recorded: {SOUNDLESS}"
        if self.captures:
            return "recorded until hold" if state.consent.closed.endswith(" on hold") else "recorded"
        if self.why_not:
            return f"not recorded: {self.why_not}"
        if party.standing in NEGATIVE and not (party.reason in UNSAID and _somebody(state.consent)):
            outcomes = {**OUTCOMES, **OUTCOMES_BESIDE} if self.beside else OUTCOMES
            return outcomes.get(party.reason, f"not recorded: {party.reason}")
        why = _somebody(state.consent) or state.consent.closed or state.ending or "call ended first"
        return f"not recorded: {why}"


def _somebody(state: ConsentState) -> str:
    """Who but the caller said no, and how; empty when nobody did."""
    said = (
        one for one in state.parties if one.standing in NEGATIVE and one.reason not in UNSAID and one.side != CALLER
    )
    return next((f"{one.side} {one.standing}: {one.reason}" for one in said), "")
