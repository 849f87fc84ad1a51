"""Reading the ledger back: one record a call, from its entries. Nothing here writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from overt.domain.consent import GRANTING
from overt.domain.identity import Number


@dataclass(frozen=True, slots=True)
class Stated:
    """An entry as read: its index, kind, time, body, and the personal values that are not erased."""

    index: int
    kind: str
    at_us: int
    call: str
    body: Mapping[str, Any]
    personal: Mapping[str, str]


@dataclass(slots=True)
class CallRecord:
    """What the ledger says of a call. Milliseconds; `ledger_index` is its `call.ended`. `stages` for people.

    `policy` of the policy book's `version` rules it; `why` says why nothing may be recorded, empty when it may.
    `form` is how consent may be shown by the strictest law; `granted` how the caller consented, also when that was withdrawn later; `failed` what of ours broke last, and
    `consequence` what was done about it.
    """

    id: str
    started_us: int
    caller: str = "withheld"
    called: str = ""
    line: str = ""
    agent: str = ""
    places: list[str] = field(default_factory=list)
    because: list[str] = field(default_factory=list)
    effect: str = ""
    rule: str = ""
    citation: str = ""
    grounds: list[str] = field(default_factory=list)
    law_allows: str = ""
    told: str = ""
    disclosed_ms: int = 0
    consent: str = ""
    captured_ms: int = 0
    call_ms: int = 0
    outcome: str = "in progress"
    reason: str = ""
    gaps: list[Any] = field(default_factory=list)
    recordings: list[str] = field(default_factory=list)
    permitted: list[str] = field(default_factory=list)
    legs: Mapping[str, Any] = field(default_factory=dict)
    entries: list[int] = field(default_factory=list)
    stages: list[str] = field(default_factory=list)
    ledger_index: int = -1
    form: str = ""
    granted: str = ""
    failed: str = ""
    consequence: str = ""
    policy: str = ""
    version: int = 0
    why: str = ""


def read_calls(entries: Iterable[Stated], calls: dict[str, CallRecord] | None = None) -> dict[str, CallRecord]:
    """Return every call that the entries speak of, by id, in the order of their offers.

    `calls` are those that earlier entries made, to be read on with; they are changed.
    """
    calls = {} if calls is None else calls
    for entry in entries:
        if not entry.call:
            continue
        record = calls.setdefault(entry.call, CallRecord(entry.call, entry.at_us))
        record.entries.append(entry.index)
        reader = _READERS.get(entry.kind)
        if reader is not None:
            reader(record, entry)
    return calls


def _offered(record: CallRecord, entry: Stated) -> None:
    record.caller = entry.personal.get("from", "erased")
    record.called = entry.personal.get("to", "erased")
    record.line = entry.body["line"]
    record.agent = entry.personal.get("agent", "")
    record.stages.append(f"offered on line {record.line}" if record.line else "offered on no line")


def _ruled(record: CallRecord, entry: Stated) -> None:
    record.policy, record.version = entry.body["policy"], entry.body["version"]
    record.stages.append(f"ruled by «{record.policy}»" if record.policy else "ruled by no policy")


def _located(record: CallRecord, entry: Stated) -> None:
    for party in entry.body["parties"]:
        record.places += [place for place in party["places"] if place not in record.places]
        record.because += [f"{party['party']} {reason}" for reason in party["because"]]
    record.stages.append("located")


def _decided(record: CallRecord, entry: Stated) -> None:
    body = entry.body
    record.effect, record.rule, record.citation, record.form = (
        body["effect"],
        body["rule"],
        body["citation"],
        body["form"],
    )
    record.grounds, record.law_allows, record.why = body["grounds"], body["law_allows"], body.get("why", "")
    record.stages.append(f"decided: {record.effect}")


def _told(record: CallRecord, entry: Stated) -> None:
    said = "told" if entry.body["told"] else f"not told ({entry.body['reason']})"
    if entry.body["side"] == "caller":
        record.told, record.disclosed_ms = said, entry.body["milliseconds"]
    record.stages.append(f"{entry.body['side']} {said}")


def _consent(record: CallRecord, entry: Stated) -> None:
    if entry.body["side"] == "caller":
        record.consent = entry.body["standing"]
        record.granted = record.consent if record.consent in GRANTING else record.granted
    if entry.body["standing"] not in ("told", "asked"):
        record.stages.append(f"{entry.body['side']} {entry.body['standing']}")


def _permitted(record: CallRecord, entry: Stated) -> None:
    record.permitted.append(entry.body["recording"])
    record.stages.append("permitted, recording")


def _stopped(record: CallRecord, entry: Stated) -> None:
    record.stages.append(f"{'paused' if entry.body['paused'] else 'stopped'}: {entry.body['reason']}")


def _closed(record: CallRecord, entry: Stated) -> None:
    record.captured_ms += entry.body["captured_ms"]
    record.stages.append(f"recording closed, {entry.body['captured_ms']} ms")


def _interrupted(record: CallRecord, entry: Stated) -> None:
    record.captured_ms += entry.body["captured_ms"]
    record.stages.append(INTERRUPTED)


def _failed(record: CallRecord, entry: Stated) -> None:
    record.failed, record.consequence = entry.body["what"], entry.body["consequence"]
    record.stages.append(f"failed: {record.failed}")


def _ended(record: CallRecord, entry: Stated) -> None:
    body = entry.body
    record.outcome, record.reason, record.call_ms = body["outcome"], body["reason"], body["call_ms"]
    record.disclosed_ms, record.captured_ms = body["disclosed_ms"], body["captured_ms"]
    record.consent, record.gaps, record.legs = body["consent"], body["gaps"], body["legs"]
    record.recordings = body["recordings"]
    record.ledger_index = entry.index
    record.stages.append("ended")


def _stage(name: str) -> Any:
    return lambda record, entry: record.stages.append(name)


INTERRUPTED, JOINED = "recording interrupted", "agent joined"
HEARS = ("permitted, recording", "recording goes on")
_READERS: Mapping[str, Any] = {
    "call.offered": _offered, "call.ruled": _ruled, "call.located": _located, "call.decided": _decided, "call.told": _told,
    "call.consent": _consent, "call.joined": _stage(JOINED), "call.not_joined": _stage("agent not reached"),
    "recording.permitted": _permitted, "recording.resumed": _stage("recording goes on"),
    "recording.stopped": _stopped, "recording.closed": _closed,
    "recording.interrupted": _interrupted, "call.resumed": _stage("taken up by a successor"), "call.failed": _failed, "call.ended": _ended,
}  # fmt: skip
TELLING = frozenset(_READERS)  # the kinds that change what a record says; the others are only counted among its entries


def recorder_hears(record: CallRecord) -> bool:
    """True while the last word about a call's recorder is that it captures."""
    words = [one for one in record.stages if one in HEARS or one.startswith(("stopped", "paused", "failed", "ended"))]
    return bool(words) and words[-1] in HEARS


def masked(number: str) -> str:
    """A number as it is shown unless somebody asks to see it."""
    return number if number in ("withheld", "erased") else Number(number).masked
