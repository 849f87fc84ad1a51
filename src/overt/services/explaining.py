"""Explaining: a call's way through the rooms in plain words, each with the entry of the ledger that it rests on.

`explain` reads the entries of one call and says what happened, room by room; `verdict` says in one breath why the
call was, or was not, recorded; `who_listened` who heard it. Nothing is said that an entry does not say: the sentences
are in `services.wording`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from overt.domain.call import UNSERVED
from overt.services.accounting import SOUNDLESS, UNANSWERED
from overt.services.auditing import JOINED, CallRecord, Stated, recorder_hears
from overt.services.wording import (
    WORDS,
    Evidence,
    Names,
    Tone,
    because,
    capital,
    count,
    law_asks,
    place,
    seconds,
    some,
    went_on,
)

__all__ = ["ROOMS", "Listened", "Room", "Said", "explain", "seconds", "verdict", "who_listened"]

ROOMS: Mapping[str, str] = {
    "arrival": "Arrival",
    "ruling": "Which policy rules",
    "place": "Where everybody was",
    "law": "What the law asks",
    "telling": "Telling",
    "asking": "Asking",
    "connecting": "Connecting",
    "permit": "The permit",
    "recording": "Recording",
    "sealing": "Sealing",
    "trouble": "Trouble",
    "account": "The account",
    "listening": "Listening",
}


@dataclass(frozen=True, slots=True)
class Said:
    """One sentence about one entry. `evidence` are names and values to look at; `at_us` UTC, microseconds."""

    room: str
    sentence: str
    tone: Tone
    evidence: Evidence
    entry: int
    at_us: int


@dataclass(frozen=True, slots=True)
class Room:
    """A room that the call went through, with what was said in it, in order."""

    key: str
    title: str
    said: tuple[Said, ...]

    @property
    def tone(self) -> Tone:
        """The strongest tone of what was said."""
        tones = [one.tone for one in self.said]
        return next((tone for tone in _STRONGEST if tone in tones), "plain")


_STRONGEST: tuple[Tone, ...] = ("bad", "no", "good")


def explain(entries: Iterable[Stated], names: Names) -> tuple[Room, ...]:
    """Return the rooms that a call went through, in the order in which it first came to each."""
    rooms: dict[str, list[Said]] = {}
    for entry in entries:
        known = WORDS.get(entry.kind)
        if known is None:
            continue
        room, word = known
        said = word(entry, names)
        if said is not None:
            sentence, tone, evidence = said
            rooms.setdefault(room, []).append(Said(room, sentence, tone, evidence, entry.index, entry.at_us))
    return tuple(Room(key, ROOMS[key], tuple(said)) for key, said in rooms.items())


# ------------------------------------------------------------------------------------------ the verdict


def verdict(record: CallRecord, names: Names) -> str:
    """Why a call was or was not recorded, in two or three short sentences."""
    if record.ledger_index < 0:
        return _in_progress(record)
    if record.captured_ms:
        return f"{_recorded(record)} {_law(record, names)}{_missing(record)}"
    return f"Not recorded: {_why_not(record)}."


def _in_progress(record: CallRecord) -> str:
    if recorder_hears(record):
        return "The call is in progress, and is being recorded: everybody on it was told, and nobody said no."
    last = f" Last entry: {record.stages[-1]}." if record.stages else ""
    return f"The call is in progress, and nothing is being recorded.{last}"


def _recorded(record: CallRecord) -> str:
    granted = _GRANTED.get(record.granted, f"the caller's consent is «{record.granted or record.consent}»")
    if record.outcome == HELD:
        return (
            f"Recorded for {seconds(record.captured_ms)}, because {granted}; then hold ended it, as the policy wants."
        )
    if record.consent != "withdrawn":
        return f"Recorded, because {granted}."
    return (
        f"Recorded for {seconds(record.captured_ms)}, because {granted}; then the caller said no, and the recorder "
        "stopped while the call went on."
    )


def _law(record: CallRecord, names: Names) -> str:
    places = some([place(one, names) for one in record.places])
    where = f"in the places of this call ({places})" if places else "for this call"
    return f"The strictest law {where} {law_asks(record.rule, record.form)} ({record.citation})."


def _missing(record: CallRecord) -> str:
    broke = (
        f" On the way something of ours broke: {record.failed}; {went_on(record.consequence)}." if record.failed else ""
    )
    gaps = f" {capital(count(len(record.gaps), 'gap'))} in it, shown below." if record.gaps else ""
    lost = f" The call was lost on the way: {record.outcome.removeprefix('lost: ')}." if _lost(record) else ""
    return gaps + broke + lost


def _lost(record: CallRecord) -> bool:
    return record.outcome.startswith("lost: ")


HELD = "recorded until hold"
_GRANTED: Mapping[str, str] = {
    "given": "the caller was told, was asked, and said yes",
    "informed": "the caller was told of it and of how to say no, and stayed",
    "attested": "it is attested that everybody was told",
    "not_required": "the caller had been told, and no consent was required",
}
_NOT: Mapping[str, str] = {
    "refused": "the caller said no",
    "withdrawn": "the caller said no before anything was kept",
    "timeout": "the caller was asked and did not answer in time, and silence is a no",
    "unclear": "the caller was asked and pressed a key that is neither yes nor no, which is a no",
    "hang-up": "the caller hung up before having been told and having answered",
}


def _why_not(record: CallRecord) -> str:
    outcome = record.outcome.removeprefix("not recorded: ")
    if _lost(record):
        return f"the call was lost ({outcome.removeprefix('lost: ')}), and nothing of it had been sealed"
    if record.why:
        return record.why + ("; the call went on all the same" if JOINED in record.stages else "")
    if record.failed and record.consent not in _NOT:
        return f"something of ours broke ({record.failed}); {went_on(record.consequence)}"
    if record.told.startswith("not told") and record.consent != "hang-up":
        return f"the caller was {record.told}, and whoever was not told is not recorded"
    if record.outcome.startswith("not answered: "):
        return f"the call was never answered ({because(outcome.removeprefix('not answered: '))})"
    if outcome == SOUNDLESS:
        return outcome
    if outcome.startswith(("agent refused: ", "agent withdrawn: ")):
        return f"the agent said no ({because(outcome.partition(': ')[2])})"
    if record.outcome == UNANSWERED:
        return "the recording session ended before the caller had answered"
    if record.consent in _NOT:
        if record.reason == UNSERVED:
            return f"{_NOT[record.consent]}; the call ended there, since nobody is served unrecorded on this line"
        joined = "; the call went on all the same" if JOINED in record.stages else ""
        return _NOT[record.consent] + joined
    return because(outcome) + (", before there was a conversation" if record.line else "")


# ------------------------------------------------------------------------------------------ who listened


@dataclass(frozen=True, slots=True)
class Listened:
    """A listening, or an attempt: who, as what, why, and what they were sent. `milliseconds` −1: not stated, yet or for good; `how`
    says how it ended, empty while it goes on."""

    at_us: int
    actor: str
    role: str
    action: str
    purpose: str
    document: str
    milliseconds: int
    refused: str
    entry: int
    how: str = ""


def who_listened(entries: Iterable[Stated]) -> tuple[Listened, ...]:
    """Return every listening to a call's recordings, in order, from the entries that speak of them."""
    found: dict[int, Listened] = {}
    for entry in entries:
        body: Mapping[str, Any] = entry.body
        if entry.kind == "listening.granted":
            found[entry.index] = _listening(entry, body, -1, "")
        elif entry.kind == "listening.refused":
            found[entry.index] = _listening(entry, body, 0, str(body["reason"]))
        elif entry.kind == "listening.ended" and body["grant"] in found:
            grant = found[body["grant"]]
            found[grant.entry] = replace(grant, milliseconds=int(body["milliseconds"]), how=str(body.get("how", "")))
    return tuple(found.values())


def _listening(entry: Stated, body: Mapping[str, Any], milliseconds: int, refused: str) -> Listened:
    return Listened(
        entry.at_us, str(body["actor"]), str(body.get("role", "")), str(body["action"]), str(body["purpose"]),
        str(body.get("document", "")), milliseconds, refused, entry.index,
    )  # fmt: skip
