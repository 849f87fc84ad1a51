"""Alarms: what an operator must look at, found in vitals and settings. Signs in; raised, lasting and ended alarms out.

An alarm is raised when its condition has lasted `after_s`, and ends when the condition was gone for `clear_s` (hysteresis).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from overt.domain.expected_calls import Expected
from overt.domain.vitals import Vitals

SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US
CERTIFICATE_DAYS, LAW_DAYS = 14, 365
LEAST_FREE, ENOUGH_FREE, LEAST_FREE_BYTES = 0.10, 0.12, 1 << 30
MOST_BEHIND = 2_000


@dataclass(frozen=True, slots=True)
class AlarmKind:
    """One kind of alarm: what it means, what to do, and its hysteresis in seconds."""

    meaning: str
    remedy: str
    after_s: int = 0
    clear_s: int = 0


ALARMS: Mapping[str, AlarmKind] = {
    "calls.missing": AlarmKind(
        "A client that should bring calls brings none.", "Look at the client's own side, its route to us, and its sentences."
    ),
    "leg.silent": AlarmKind(
        "Nothing comes on legs that may be recorded.", "Look at firewalls and NAT between the client and the media ports.", 10, 30
    ),
    "disk.low": AlarmKind("A disk is nearly full.", "Make room, or move the data folder to a larger disk.", 10, 60),
    "spool.behind": AlarmKind("Sealed sound waits for the disk.", "Look at what else writes to this disk.", 5, 30),
    "process.restarted": AlarmKind("A process of ours died and was started again.", "Look at its last lines in the log."),
    "process.silent": AlarmKind("A process of ours does not answer.", "Look at the log; `overt doctor`.", 10, 10),
    "ledger.not-durable": AlarmKind("The ledger could not be made durable.", "Look at the disk of the data folder.", 0, 30),
    "recording.failed": AlarmKind("Recordings were stopped by a failure.", "Look at the spool's disk and at the engine's log."),
    "certificate.expiring": AlarmKind("A certificate is about to end.", "Put a new one in its place; it is read again."),
    "attestation.unproven": AlarmKind(
        "What a client's operator attests was never proven by a test call.", "Make one: `overt clients prove`."
    ),
    "law.old": AlarmKind("The law table is out of date.", "Install a newer Overt, or law files of your own."),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Signs:
    """What is known now. `certificates`: name → when it ends; `unproven`: clients; `law_us`: as of when the law table is."""

    now_us: int
    vitals: Mapping[str, Vitals]
    expected: Sequence[Expected] = ()
    certificates: Mapping[str, int] = field(default_factory=dict)
    unproven: Sequence[str] = ()
    law_us: int = 0


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm: of a kind, about something, in a sentence. `raised_us` is 0 while it only threatens; `seen_us` when last true."""

    kind: str
    about: str
    sentence: str
    since_us: int
    seen_us: int
    raised_us: int = 0

    @property
    def key(self) -> str:
        """What tells it from others."""
        return f"{self.kind}|{self.about}"


@dataclass(frozen=True, slots=True)
class Mark:
    """A counter as it was seen last, and when it last grew."""

    value: int
    grew_us: int


@dataclass(frozen=True, slots=True)
class Watch:
    """All that is remembered between two looks: alarms by key, counters by name. A first look takes counters as they are."""

    alarms: Mapping[str, Alarm] = field(default_factory=dict)
    marks: Mapping[str, Mark] = field(default_factory=dict)

    @property
    def raised(self) -> tuple[Alarm, ...]:
        """The alarms that are raised, the newest first."""
        return tuple(sorted((one for one in self.alarms.values() if one.raised_us), key=lambda one: -one.raised_us))


def advance(watch: Watch, signs: Signs) -> tuple[Watch, tuple[Alarm, ...], tuple[Alarm, ...]]:
    """Return what is remembered from here on, the alarms that are raised now, and those that ended now."""
    marks = _marked(watch.marks, signs)
    alarms, now = dict(watch.alarms), signs.now_us
    raised: list[Alarm] = []
    for kind, about, sentence in _conditions(signs, marks, watch.alarms):
        fresh = Alarm(kind, about, sentence, now, now)
        one = replace(alarms.get(fresh.key, fresh), sentence=sentence, seen_us=now)
        if not one.raised_us and now - one.since_us >= ALARMS[kind].after_s * SECOND_US:
            one = replace(one, raised_us=now)
            raised.append(one)
        alarms[one.key] = one
    gone = [
        one for one in alarms.values()
        if one.seen_us < now and (not one.raised_us or now - one.seen_us >= ALARMS[one.kind].clear_s * SECOND_US)
    ]  # fmt: skip
    for one in gone:
        del alarms[one.key]
    return Watch(alarms, marks), tuple(raised), tuple(one for one in gone if one.raised_us)


def _marked(before: Mapping[str, Mark], signs: Signs) -> dict[str, Mark]:
    """Counters as they are now; one that is smaller than before began anew with its process."""
    marks = dict(before)
    for name, value in _counters(signs.vitals):
        old = marks.get(name, Mark(value, 0))
        grew = value > old.value or 0 < value < old.value
        marks[name] = Mark(value, signs.now_us if grew else old.grew_us)
    for one in signs.expected:
        marks.setdefault(f"calls|{one.client}", Mark(0, signs.now_us))
    return marks


def _counters(vitals: Mapping[str, Vitals]) -> Iterator[tuple[str, int]]:
    for one in vitals.values():
        yield from (
            (f"{one.process}|{name}", value)
            for name, value in one.counters.items()
            if name.partition("|")[0] in _WATCHED
        )
        yield from ((f"calls|{name}", client.calls) for name, client in one.clients.items())


_WATCHED = frozenset({"process_restarts", "captures_broken", "leases_run_out", "ledger_commit_failures"})
_Found = Iterator[tuple[str, str, str]]


def _conditions(signs: Signs, marks: Mapping[str, Mark], standing: Mapping[str, Alarm]) -> _Found:
    """Every condition that holds now, as (kind, about, sentence)."""
    yield from _missing(signs, marks)
    yield from _processes(signs, marks)
    for one in signs.vitals.values():
        yield from _engine(one)
        yield from _disks(one, standing)
    for name, ends_us in signs.certificates.items():
        left = (ends_us - signs.now_us) // DAY_US
        if left < CERTIFICATE_DAYS:
            yield (
                "certificate.expiring",
                name,
                f"The certificate {name} " + (f"ends in {left} days." if left >= 0 else "has ended."),
            )
    for name in signs.unproven:
        yield "attestation.unproven", name, f"No test call has proven what the operator of {name} attests."
    if signs.law_us and signs.now_us - signs.law_us > LAW_DAYS * DAY_US:
        yield "law.old", "law table", f"The law table is {(signs.now_us - signs.law_us) // DAY_US} days old."


def _missing(signs: Signs, marks: Mapping[str, Mark]) -> _Found:
    for one in signs.expected:
        last_us = marks[f"calls|{one.client}"].grew_us
        if one.missing(signs.now_us, last_us):
            yield (
                "calls.missing",
                one.client,
                f"{one.client} has brought no call for {one.within_s // 60} minutes; expected: {one}.",
            )


def _processes(signs: Signs, marks: Mapping[str, Mark]) -> _Found:
    for one in signs.vitals.values():
        if not one.fresh(signs.now_us):
            yield "process.silent", one.process, f"{one.process} does not say how it fares."
    for key, mark in marks.items():
        process, _, name = key.partition("|")
        ago_us = signs.now_us - mark.grew_us
        if name.startswith("process_restarts|") and ago_us < 600 * SECOND_US:
            about = name.partition("|")[2]
            yield (
                "process.restarted",
                about,
                f"{about} died and was started again; since Overt began, {mark.value} in all.",
            )
        elif name == "ledger_commit_failures" and ago_us < 120 * SECOND_US:
            yield "ledger.not-durable", "ledger", "Facts could not be made durable; nothing that opens happens on them."
        elif name in ("captures_broken", "leases_run_out") and ago_us < 900 * SECOND_US:
            why = "the spool failed" if name == "captures_broken" else "its permit was not renewed"
            yield (
                "recording.failed",
                f"{process}: {why}",
                f"A recording of {process} stopped within a quarter of an hour: {why}.",
            )


def _engine(one: Vitals) -> _Found:
    if silent := one.gauges.get("legs_silent", 0):
        yield "leg.silent", one.process, f"From {silent} permitted legs of {one.process} nothing came for ten seconds."
    if one.gauges.get("spool_broken", 0):
        yield (
            "recording.failed",
            f"{one.process}: the spool cannot be written",
            f"The spool of {one.process} cannot be written.",
        )
    if (behind := one.gauges.get("spool_behind", 0)) > MOST_BEHIND:
        yield "spool.behind", one.process, f"{behind} sealed records of {one.process} wait for the disk."


def _disks(one: Vitals, standing: Mapping[str, Alarm]) -> _Found:
    for disk, words in (("spool", f"spool of {one.process}"), ("disk", "data folder")):
        free, size = one.gauges.get(f"{disk}_free_bytes"), one.gauges.get(f"{disk}_size_bytes")
        if free is None or not size:
            continue
        least = ENOUGH_FREE if f"disk.low|{words}" in standing else LEAST_FREE
        if free / size < least or free < LEAST_FREE_BYTES:
            yield "disk.low", words, f"The disk of the {words} has {int(100 * free / size)} % left."
