"""Whether a recording was allowed, given exactly what was said and done: the law's answer, before Overt's own promises.

This is how worked cases and the examples of each row are judged. It asks less than Overt does (a call between one-party
places may be recorded with nobody told) and never more than the demand of the places: consent comes before the words that
are kept, a no ends it, an announcement counts when it is itself on the recording, and knowledge is not guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from overt.domain.law.demand import Demand

Given = Literal["none", "announcement", "tone", "before", "written", "employees_only"]
Response = Literal["unaware", "continues", "agrees", "refuses"]
Allowed = Literal["yes", "no"]


@dataclass(frozen=True, slots=True)
class Showing:
    """What was said and done. `at_start`: before any word that was kept; `captured`: the notice is on the recording.

    `tone_every_s` 0: not known. `barred` names what forbids to record whatever was said: a known child, say.
    """

    given: Given
    at_start: bool
    captured: bool
    response: Response
    tone_every_s: int = 0
    barred: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """Whether it might be recorded, and why."""

    may_record: bool
    why: str


def judge(demand: Demand, showing: Showing) -> Shown:
    """Return whether the demand was met by what was shown."""
    if showing.barred:
        return Shown(False, showing.barred)
    if showing.response == "refuses":
        return Shown(False, "somebody objected: that ends consent for everything after it")
    if showing.given == "employees_only":
        return Shown(False, "the agent's own consent reaches no further than the policy that they were told of")
    if demand.form == "none":
        return Shown(True, "one party's consent is enough in every place")
    failed = _failed(demand, showing)
    return Shown(not failed, failed or _met(showing))


def _failed(demand: Demand, showing: Showing) -> str:
    """What is missing where everybody's consent is needed; empty when nothing is."""
    if showing.response == "unaware":
        return "somebody did not know"
    if showing.given == "none":
        return "nobody gave notice: knowledge from elsewhere is not inferred"
    if showing.response == "agrees":
        return _agreement_failed(showing)
    if showing.given == "announcement":
        return _notice_failed(demand, showing)
    if showing.given == "tone":
        return _tone_failed(demand, showing)
    return "notice given outside the call is not relied on where everybody's consent is needed"


def _agreement_failed(showing: Showing) -> str:
    if not showing.at_start:
        return "consent must come before the words that are kept"
    if not showing.captured and showing.given != "written":
        return "the consent is not on the recording, so it cannot be shown"
    return ""


def _notice_failed(demand: Demand, showing: Showing) -> str:
    if not showing.at_start:
        return "the notice came after words that were kept"
    if not showing.captured:
        return "the announcement is not on the recording"
    if "notice_then_continue" not in demand.forms:
        return "to stay on the line after a notice is not consent in every place"
    return ""


def _tone_failed(demand: Demand, showing: Showing) -> str:
    if "recording_tone" not in demand.forms:
        return "a tone alone is not consent in every place"
    if demand.tone_at_most_s and showing.tone_every_s > demand.tone_at_most_s:
        return f"the tone must come at least every {demand.tone_at_most_s} seconds"
    return ""


def _met(showing: Showing) -> str:
    if showing.response == "agrees":
        return "everybody was told and agreed"
    return {"announcement": "everybody was told at the outset and stayed"}.get(
        showing.given, "the tone was heard, and everybody stayed"
    )
