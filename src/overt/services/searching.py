"""Searching: finding calls by what is known of them, page by page, without any number standing in clear.

The catalogue is a reading aid made from the ledger: whoever doubts it makes it anew (`overt catalogue rebuild`). A
call's *state* is the one word that the console shows for it; `STATES` is the table of the words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from overt.services.auditing import CallRecord

# state → what it says of a call, for people.
STATES: Mapping[str, str] = {
    "in progress": "The call has not ended.",
    "recorded": "Everybody was told, nobody said no, and what was said is kept sealed.",
    "withdrawn": "Somebody said no after recording had begun; the recorder stopped, the call went on.",
    "refused": "The caller said no; nothing was recorded.",
    "not told": "Somebody could not be told, or hung up before the end of it; nothing was recorded.",
    "not asked": "The call ended before the question, or a policy or the law keeps it unrecorded; nothing was recorded.",
    "no answer": "The caller was asked and gave no clear answer, which is a no; nothing was recorded.",
    "failed": "Something of ours broke; nothing was recorded, and the reason says what.",
}
MOST_A_PAGE = 200


def state_of(record: CallRecord) -> str:
    """The state of a call, one of `STATES`."""
    if record.ledger_index < 0:
        return "in progress"
    if record.captured_ms > 0 or record.recordings:
        return "withdrawn" if record.consent == "withdrawn" else "recorded"
    if record.consent == "withdrawn" or record.outcome == "not recorded: refused":
        return "refused"
    if record.consent in ("timeout", "unclear"):
        return "no answer"
    if record.failed or record.outcome.startswith("lost:"):
        return "failed"
    if record.consent == "hang-up" or record.told.startswith("not told"):
        return "not told"
    if record.consent == "refused":  # they were put on hold, say, before they had answered
        return "no answer"
    return "not asked"


@dataclass(frozen=True, slots=True)
class CallRow:
    """What the catalogue keeps of a call. Numbers are masked; milliseconds; `entries` are its ledger indexes.

    `stage` is the last thing that happened, `gap` whether permitted sound is missing, `reason` why it came out so.
    """

    id: str
    started_us: int
    state: str
    line: str = ""
    agent: str = ""
    caller: str = "withheld"
    called: str = ""
    places: tuple[str, ...] = ()
    effect: str = ""
    rule: str = ""
    citation: str = ""
    consent: str = ""
    told: str = ""
    outcome: str = ""
    reason: str = ""
    stage: str = ""
    hears: bool = False
    gap: bool = False
    disclosed_ms: int = 0
    captured_ms: int = 0
    call_ms: int = 0
    recordings: tuple[str, ...] = ()
    entries: tuple[int, ...] = ()
    ledger_index: int = -1


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for; an empty field asks nothing. Times are UTC microseconds, `until_us` is not included.

    `number` is a whole number, or the last four digits, of the caller or of what they called, however it is written;
    `text` words that all occur in the outcome or the reason, in large or small letters; `gap` only calls with a gap;
    `after` the cursor of the page before. `agent` is also how an agent is kept to their own calls.
    """

    since_us: int = 0
    until_us: int = 0
    number: str = ""
    agent: str = ""
    line: str = ""
    state: str = ""
    place: str = ""
    text: str = ""
    gap: bool = False
    after: str = ""
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Page:
    """Calls, newest first; `after` is the cursor of the next page, empty when this is the last."""

    rows: tuple[CallRow, ...]
    after: str = ""


class BadCursor(ValueError):
    """A cursor that no page gave."""


class Catalogue(Protocol):
    """Where calls are found. All times UTC microseconds. Every method may raise Unavailable."""

    def search(self, tenant: str, wanted: Wanted) -> Page:
        """Return a page of calls, newest first. Raises BadCursor."""
        ...

    def find(self, tenant: str, call: str) -> CallRow | None:
        """Return one call, or None."""
        ...

    def holding(self, tenant: str, recording: str) -> CallRow | None:
        """Return the call of a recording, or None."""
        ...

    def counts(self, tenant: str, wanted: Wanted, most: int = 1000) -> Mapping[str, int]:
        """Return how many calls of each state (and with a `gap`) there are, counting no further than `most` each.

        The state, gap, cursor and limit that are wanted do not matter to it; what does not occur is left out.
        """
        ...

    def choices(self, tenant: str) -> Mapping[str, Sequence[str]]:
        """Return the lines, agents and places that occur, by `line`, `agent`, `place`, sorted."""
        ...

    def position(self, tenant: str) -> int:
        """Return how many entries of the ledger it has read: the index of the next one."""
        ...
