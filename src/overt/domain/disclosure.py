"""Telling: what is said to whom, and whether it was heard as P1 demands."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from overt.domain.law.decide import Decision
from overt.domain.policy import LinePolicy

HIGHEST_LOSS_PERCENT = 5
STANDARD = "standard"  # the script whose prompts come with Overt
_ANNOUNCE, _ANNOUNCE_ASK, _QUESTION = "announce", "announce-ask", "question"


@dataclass(frozen=True, slots=True)
class Announcement:
    """What will be played, as `language/prompt`: the telling, the question after it, the cue to the agent.

    An agent with an acknowledged notice on file hears the short cue; any other agent hears the whole telling (P6).
    """

    telling: tuple[str, ...]
    question: tuple[str, ...]
    to_agent: tuple[str, ...]

    @property
    def asks(self) -> bool:
        """True when a question follows the telling."""
        return bool(self.question)


@dataclass(frozen=True, slots=True)
class MissingPrompts:
    """Prompts that are needed and not there: recording stays off, loudly (P12)."""

    prompts: tuple[str, ...]


class PlayedFacts(Protocol):
    """What must be known of a prompt that was played (see ports.Played)."""

    @property
    def frames(self) -> int: ...
    @property
    def frames_sent(self) -> int: ...
    @property
    def heard_before(self) -> bool: ...
    @property
    def heard_after(self) -> bool: ...
    @property
    def loss_percent(self) -> int | None: ...
    @property
    def reason(self) -> str: ...


def plan(decision: Decision, policy: LinePolicy, available: Collection[str]) -> Announcement | MissingPrompts:
    """Return what must be played for a decision on a line, each language in turn, or which prompts are missing."""
    asks = decision.will == "ask"
    noticed = bool(policy.agent_notice_on_file)
    told = spoken(policy.script, _ANNOUNCE_ASK if asks else _ANNOUNCE)
    to_agent = "cue-recorded" if noticed else spoken(policy.script, _ANNOUNCE)
    announcement = Announcement(
        tuple(f"{language}/{told}" for language in policy.languages),
        tuple(f"{language}/{_QUESTION}" for language in policy.languages) if asks else (),
        tuple(f"{language}/{to_agent}" for language in policy.languages[:1]),
    )
    needed = {*announcement.telling, *announcement.question, *announcement.to_agent}
    missing = sorted(needed - set(available))
    return MissingPrompts(tuple(missing)) if missing else announcement


def spoken(script: str, prompt: str) -> str:
    """The id of the prompt that a script speaks for `announce` or `announce-ask`; that of a script of one's own begins
    with its name, as in `orders-announce`. What else is said is the same for all scripts."""
    return prompt if script == STANDARD else f"{script}-{prompt}"


def scripts_in(available: Collection[str]) -> Mapping[str, frozenset[str]]:
    """Return the scripts that prompts (`language/id`) amount to, each with the languages in which it is whole."""
    names = {one.partition("/")[0::2] for one in available}
    found: dict[str, frozenset[str]] = {}
    for script in sorted(
        {STANDARD, *(id_.removesuffix(f"-{_ANNOUNCE}") for _, id_ in names if id_.endswith(f"-{_ANNOUNCE}"))}
    ):
        needed = (spoken(script, _ANNOUNCE), spoken(script, _ANNOUNCE_ASK), _QUESTION)
        languages = frozenset(language for language, _ in names if all((language, id_) in names for id_ in needed))
        if languages:
            found[script] = languages
    return found


def untold(played: Sequence[PlayedFacts]) -> str:
    """Why a party does not count as told after these prompts; empty when they do (P1)."""
    for one in played:
        if one.reason:
            return one.reason
        if one.frames_sent < one.frames:
            return f"{one.frames - one.frames_sent} of {one.frames} frames were not sent"
        if not one.heard_before:
            return "the leg was silent before the announcement"
        if not one.heard_after:
            return "the leg was silent after the announcement"
        if one.loss_percent is not None and one.loss_percent > HIGHEST_LOSS_PERCENT:
            return f"the other end reported {one.loss_percent} % loss"
    return "" if played else "nothing was played"
