"""Cataloguing: the ledger's entries become the rows that calls are found by. Nothing here touches the ledger or opens.

A catalogue is read on from where it stands, and what it took and how far it came are kept in one step, so that it may
be cut short anywhere. An *edition* is one whole catalogue: a rebuild fills a new one beside the one that is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Protocol

from overt.domain.identity import Number
from overt.ports import Unavailable
from overt.services.auditing import (
    INTERRUPTED,
    TELLING,
    CallRecord,
    Stated,
    masked,
    read_calls,
    recorder_hears,
)
from overt.services.listening import Held, listeners_of
from overt.services.searching import CallRow, state_of

A_STEP, A_LEAP = 2_000, 20_000  # entries kept at once: while calls come, and when a catalogue is made anew
NO_EDITION = -1
MARK_EVERY = 256  # entries
ERASED, ERASING = "erased", "personal.erased"
Progress = Callable[[int], None]
Measure = Callable[[], Mapping[str, tuple[int, bool]]]
_ENDS: Mapping[str, str] = {"recording.closed": "closed", "recording.interrupted": "interrupted"}
_ADDRESS = re.compile(r"(?P<before><?(?:sips?:|tel:)?)(?P<user>[^@;>]*)(?P<after>.*)", re.IGNORECASE | re.DOTALL)
_NUMBER = re.compile(r"\+?\(?[0-9][0-9 ().\-/]{5,}")
_SHORTEST_NUMBER = 7  # digits; shorter ones are extensions and names of lines


@dataclass(frozen=True, slots=True)
class Reached:
    """How far an edition has read its ledger: the entries before `position`, the bytes before `octets`."""

    edition: int
    origin: str
    position: int
    octets: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """Entries that follow one another, and where the next one begins. `marks`: entry → where its line begins."""

    entries: Sequence[Stated]
    position: int
    octets: int
    marks: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Known:
    """What an edition knows of a call: its entries, and whether its personal values were erased."""

    entries: Sequence[int]
    erased: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a recording: the entry that states it, how it ended, and what it holds."""

    recording: str
    entry: int
    how: str
    captured_ms: int
    chunks: int


@dataclass(slots=True)
class Changes:
    """What a stretch changes. Records stand in clear and never leave the process; `more`: entries to be added to a call's."""

    records: dict[str, CallRecord] = field(default_factory=dict)
    more: dict[str, list[int]] = field(default_factory=dict)
    permitted: list[Held] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    erased: bool = False


class LedgerRun(Protocol):
    """The ledger, read onwards. Every method may raise Unavailable."""

    def origin(self) -> str:
        """Which ledger it is; empty before its first entry."""
        ...

    def read(self, position: int, octets: int, most: int) -> Stretch:
        """Return at most so many durable entries from a place on. Raises Unavailable when they do not lie there."""
        ...

    def some(self, indexes: Sequence[int], marks: Mapping[int, int]) -> Sequence[Stated]:
        """Return these entries, in order. `marks` hold a place before each of them."""
        ...


class Editions(Protocol):
    """A catalogue as it is written. Every method may raise Unavailable."""

    def reached(self, tenant: str) -> Reached | None:
        """Return where the current edition stands; None before there is one."""
        ...

    def begin(self, tenant: str, origin: str, *, current: bool) -> Reached:
        """Make an empty edition: the one that is read, or one that nobody reads yet."""
        ...

    def known(self, edition: int, calls: Sequence[str]) -> Mapping[str, Known]:
        """Return what an edition knows of these calls, of those that it knows."""
        ...

    def marks(self, edition: int, indexes: Sequence[int]) -> Mapping[int, int]:
        """Return marks: one at or before each of these entries."""
        ...

    def keep(self, tenant: str, before: Reached, changes: Changes, stretch: Stretch) -> bool:
        """Keep changes and the new place at once; False, and nothing, when the edition stands elsewhere by now."""
        ...


class Rebuilding(Editions, Protocol):
    """What making a catalogue anew needs besides. Every method may raise Unavailable."""

    def publish(self, tenant: str, edition: int) -> None:
        """Have everybody read this edition from now on, or none that there is."""
        ...

    def extent(self, edition: int) -> tuple[int, int]:
        """Return how many calls and recordings an edition has."""
        ...

    def sweep(self, tenant: str) -> bool:
        """Forget a portion of the editions that nobody reads; False when there is nothing to forget."""
        ...

    def unmeasured(self, edition: int, most: int) -> Mapping[str, str]:
        """Return recordings that ended and whose sealed files were not looked at, the latest first, and how they ended."""
        ...

    def measure(self, edition: int, measured: Mapping[str, tuple[int, bool]]) -> None:
        """Keep of sealed files how many bytes they have, and whether their end."""
        ...


class Follower:
    """Reads one tenant's ledger into a catalogue, stretch by stretch. One thread; several processes may try at once."""

    def __init__(self, tenant: str, ledger: LedgerRun, editions: Editions) -> None:
        self._tenant, self._ledger, self._editions = tenant, ledger, editions
        self._records: dict[str, CallRecord] = {}  # of calls in progress, so that they need not be read again
        self._stands: Reached | None = None  # where those records stand

    def follow(self, reached: Reached | None = None, most: int = A_STEP) -> int:
        """Take the next stretch into an edition, the current one by default; return how many entries it held.

        Raises Unavailable; nothing of the stretch has been kept then, and it may be tried again.
        """
        reached = reached or self._current()
        if reached is None:
            return 0
        if reached != self._stands:
            self._records.clear()  # somebody else wrote meanwhile, or it is another edition
        self._stands = None
        stretch = self._ledger.read(reached.position, reached.octets, most)
        if stretch.position > reached.position:
            changes = self._changes(reached, stretch)
            if not self._editions.keep(self._tenant, reached, changes, stretch):
                return 0
            for call, record in changes.records.items():
                if record.ledger_index >= 0:
                    del self._records[call]
        self._stands = Reached(reached.edition, reached.origin, stretch.position, stretch.octets)
        return stretch.position - reached.position

    @property
    def stands(self) -> Reached | None:
        """Where the edition that was followed last stands, when all went well."""
        return self._stands

    def _current(self) -> Reached | None:
        origin = self._ledger.origin()
        if not origin:
            return None
        reached = self._editions.reached(self._tenant)
        if reached is None:
            return self._editions.begin(self._tenant, origin, current=True)
        if reached.origin != origin:
            why = "it was made from another ledger than the one here; `overt catalogue rebuild` makes it anew"
            raise Unavailable("catalogue", why, retry=False)
        return reached

    def _changes(self, reached: Reached, stretch: Stretch) -> Changes:
        erased = self._erased_calls(reached, stretch)
        telling = erased | {one.call for one in stretch.entries if one.kind in TELLING}
        spoken_of = erased | {one.call for one in stretch.entries if one.call}
        known = self._editions.known(reached.edition, sorted(spoken_of - set(self._records)))
        self._read_again(reached, {call: one for call, one in known.items() if call in telling})
        return fold(stretch.entries, self._records, known.keys() - telling, erased)

    def _erased_calls(self, reached: Reached, stretch: Stretch) -> set[str]:
        """The calls whose personal values the stretch says are erased."""
        within = {one.index: one for one in stretch.entries}
        named = {index for one in stretch.entries if one.kind == ERASING for index in one.body["entries"]}
        earlier = self._some(reached, sorted(named - within.keys()))
        return {one.call for one in (*earlier, *(within[index] for index in named & within.keys())) if one.call}

    def _read_again(self, reached: Reached, known: Mapping[str, Known]) -> None:
        """Have the records of calls that the edition knows and this process does not."""
        entries = self._some(reached, sorted(index for one in known.values() for index in one.entries))
        read_calls(entries, self._records)
        for call, one in known.items():
            if one.erased:
                erase(self._records[call])

    def _some(self, reached: Reached, indexes: Sequence[int]) -> Sequence[Stated]:
        return self._ledger.some(indexes, self._editions.marks(reached.edition, indexes)) if indexes else ()


def fold(entries: Sequence[Stated], records: dict[str, CallRecord], counted: Set[str], erased: Set[str]) -> Changes:
    """Return what entries change. `records` are read on with; of the calls `counted` only the entries are noted."""
    told = [one for one in entries if one.call and one.call not in counted]
    read_calls(told, records)
    touched = dict.fromkeys(one.call for one in told) | dict.fromkeys(sorted(erased & records.keys()))
    changes = Changes({call: records[call] for call in touched}, erased=bool(erased))
    for call in erased & records.keys():
        erase(records[call])
    for one in entries:
        if one.call in counted:
            changes.more.setdefault(one.call, []).append(one.index)
        if one.kind == "recording.permitted":
            changes.permitted.append(_held(one))
        elif one.kind in _ENDS:
            body = one.body
            changes.ended.append(
                Ended(body["recording"], one.index, _ENDS[one.kind], body["captured_ms"], body["chunks"])
            )
    return changes


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a catalogue that was made anew holds."""

    calls: int
    recordings: int
    entries: int


def rebuild(tenant: str, ledger: LedgerRun, editions: Rebuilding, measure: Measure, progress: Progress) -> Rebuilt:
    """Make a catalogue anew, and have it read once it is whole. Until then the old one is read, and followed.

    `measure` looks at all sealed files: bytes, and whether they have their end. `progress` is told how many entries
    have been read. One at a time. Raises Unavailable; then the old one stays.
    """
    while editions.sweep(tenant):
        pass  # what an earlier one left that was cut short
    origin = ledger.origin()
    if not origin:
        editions.publish(tenant, NO_EDITION)
        return Rebuilt(0, 0, 0)
    follower, reached = Follower(tenant, ledger, editions), editions.begin(tenant, origin, current=False)
    while follower.follow(reached, A_LEAP):
        reached = follower.stands or reached
        progress(reached.position)
    editions.measure(reached.edition, measure())
    calls, recordings = editions.extent(reached.edition)
    editions.publish(tenant, reached.edition)
    while editions.sweep(tenant):
        pass
    return Rebuilt(calls, recordings, reached.position)


def _held(entry: Stated) -> Held:
    body = entry.body
    return Held(
        "", body["recording"], entry.call, body["told_purpose"], entry.index, entry.at_us,
        listeners=listeners_of(body), policy=body.get("policy", ""),
    )  # fmt: skip


def erase(record: CallRecord) -> None:
    """Take the personal values out of a record, as they are once they are gone from the ledger."""
    record.caller = record.called = ERASED
    record.agent = ERASED if record.agent else ""


# ------------------------------------------------------------------------------------------ rows


def row_of(record: CallRecord) -> CallRow:
    """What a catalogue keeps of a call's record: its numbers masked; the agent's address as it stands."""
    return CallRow(
        record.id, record.started_us, state_of(record), record.line, record.agent, masked(record.caller),
        masked_address(record.called), tuple(record.places), record.effect, record.rule, record.citation, record.consent,
        record.told, record.outcome, record.reason, record.stages[-1] if record.stages else "",
        recorder_hears(record), bool(record.gaps) or INTERRUPTED in record.stages, record.disclosed_ms,
        record.captured_ms, record.call_ms, tuple(record.recordings or record.permitted), tuple(record.entries),
        record.ledger_index,
    )  # fmt: skip


def number_in(address: str) -> str:
    """The telephone number in a number, a SIP or a tel address; empty when it names somebody instead."""
    user = _parts(address)[1]
    digits = sum(one.isdigit() for one in user)
    return user if _NUMBER.fullmatch(user) and digits >= _SHORTEST_NUMBER else ""


def user_of(address: str) -> str:
    """The user of an address; what is no address, as it stands."""
    return _parts(address)[1]


def masked_address(address: str, more: str = "") -> str:
    """An address with the telephone number in it masked, and `more` after that; one without a number as it stands."""
    before, user, after = _parts(address)
    return f"{before}{Number(user).masked}{more}{after}" if number_in(address) else address


def _parts(address: str) -> tuple[str, str, str]:
    """What comes before the user of an address, the user, and the rest. A SIP address without one names a machine."""
    found = _ADDRESS.fullmatch(address)
    assert found is not None  # the expression takes every text
    before, user, after = found["before"], found["user"], found["after"]
    if before.lower().endswith(("sip:", "sips:")) and not after.startswith("@"):
        return address, "", ""
    return before, user, after
