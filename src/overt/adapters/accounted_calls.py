"""What the ledger says of past calls, for their accounts: see `ledger_walk` for how it is read, `domain.reconciling` for what of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from overt.adapters.ledger_walk import WINDOW, Offered, walk
from overt.domain.cdr import number_of
from overt.domain.identity import SIDES
from overt.domain.reconciling import CallFacts, Counters, End, Gap, Kept, Step, StepKind
from overt.ports import Unavailable
from overt.services.proving import Entry
from overt.services.reconciling import Read

PERSONAL = ("from", "to", "agent", "call_id", "sessions")


class _Decision(msgspec.Struct, gc=False):
    effect: str
    why: str = ""


class _Decided(msgspec.Struct, gc=False):
    call: str
    body: _Decision


class _Standing(msgspec.Struct, gc=False):
    side: str
    standing: str


class _Consent(msgspec.Struct, gc=False):
    call: str
    body: _Standing


class _Failure(msgspec.Struct, gc=False):
    what: str
    consequence: str = ""


class _Failed(msgspec.Struct, gc=False):
    call: str
    body: _Failure


class _Recording(msgspec.Struct, gc=False):
    recording: str
    paused: bool = False
    captured_ms: int = 0
    cause: str = ""


class _OfRecording(msgspec.Struct, gc=False):
    at_us: int
    call: str
    body: _Recording


class _Happened(msgspec.Struct, gc=False):
    at_us: int
    call: str


class _Gap(msgspec.Struct, gc=False):
    from_ms: int
    to_ms: int
    cause: str


class _Account(msgspec.Struct, gc=False):
    outcome: str
    reason: str = ""
    consent: str = ""
    call_ms: int = 0
    captured_ms: int = 0
    legs: dict[str, dict[str, int]] = {}
    gaps: tuple[_Gap, ...] = ()
    recordings: tuple[str, ...] = ()


class _Ended(msgspec.Struct, gc=False):
    at_us: int
    call: str
    body: _Account


class _Description(msgspec.Struct, gc=False):
    dialect: str = ""
    lines: tuple[str, ...] = ()


class _Described(msgspec.Struct, gc=False):
    call: str
    body: _Description


@dataclass(slots=True)
class Seen:
    """A call as far as it was read."""

    offered: Offered
    index: int
    decided: _Decision | None = None
    standings: dict[str, str] = field(default_factory=dict)
    joined_us: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    described: _Description | None = None
    ended: _Ended | None = None
    unreadable: bool = False

    def facts(self, personal: Mapping[str, str]) -> CallFacts:
        """The call as it is reconciled. `personal` are the values of its offer that are not erased."""
        decided, described = self.decided or _UNDECIDED, self.described
        lines = described.lines if described else SIDES
        heard = SIDES if lines is SIDES else tuple(side for side in SIDES if any(one.startswith(side) for one in lines))
        return CallFacts(
            self.offered.call, self.offered.at_us, self.offered.body.trunk, self.offered.body.line,
            number_of(personal.get("from", "")), number_of(personal.get("to", "")), number_of(personal.get("agent", "")),
            tuple(f"{personal.get('call_id', '')} {personal.get('sessions', '')}".split()),
            decided.effect, decided.why, self.standings, self.joined_us, tuple(self.failures), tuple(self.steps),
            tuple(self.kept), _end(self.ended) if self.ended else None, heard or SIDES,
            described is not None and not described.dialect, self.unreadable,
        )  # fmt: skip


_UNDECIDED = _Decision("")
_COUNTED = tuple(Counters.__dataclass_fields__)


def _end(ended: _Ended) -> End:
    body = ended.body
    legs = {side: Counters(*(one.get(name, 0) for name in _COUNTED)) for side, one in body.legs.items()}
    gaps = tuple(Gap(one.from_ms, one.to_ms, one.cause) for one in body.gaps)
    return End(ended.at_us, body.outcome, body.reason, body.consent, body.call_ms, body.captured_ms, legs, gaps,
               body.recordings)  # fmt: skip


class Assembly:
    """Implements ledger_walk.Assembly."""

    def __init__(self) -> None:
        self.seen: dict[str, Seen] = {}
        self.ended: list[Seen] = []
        self.readers: Mapping[bytes, Callable[[bytes], None]] = {
            b"call.decided": self._decided, b"call.consent": self._consent, b"call.joined": self._joined,
            b"call.failed": self._failed, b"session.described": self._described,
            b"recording.permitted": self._step("permitted"), b"recording.resumed": self._step("resumed"),
            b"recording.stopped": self._stopped, b"recording.closed": self._kept,
            b"recording.interrupted": self._kept, b"call.ended": self._ended,
        }  # fmt: skip

    def offer(self, offered: Offered, index: int) -> None:
        """See ledger_walk.Assembly."""
        self.seen[offered.call] = Seen(offered, index)

    def _decided(self, line: bytes) -> None:
        entry = _DECIDED.decode(line)
        if (seen := self.seen.get(entry.call)) is not None:
            seen.decided = entry.body

    def _consent(self, line: bytes) -> None:
        entry = _CONSENT.decode(line)
        if (seen := self.seen.get(entry.call)) is not None:
            seen.standings[entry.body.side] = entry.body.standing

    def _joined(self, line: bytes) -> None:
        entry = _HAPPENED.decode(line)
        if (seen := self.seen.get(entry.call)) is not None:
            seen.joined_us = entry.at_us

    def _failed(self, line: bytes) -> None:
        entry = _FAILED.decode(line)
        if (seen := self.seen.get(entry.call)) is not None:
            seen.failures.append((entry.body.what, entry.body.consequence))

    def _described(self, line: bytes) -> None:
        entry = _DESCRIBED.decode(line)
        if (seen := self.seen.get(entry.call)) is not None and (entry.body.dialect or seen.described is None):
            seen.described = entry.body

    def _step(self, kind: StepKind) -> Callable[[bytes], None]:
        def read(line: bytes) -> None:
            entry = _OF_RECORDING.decode(line)
            if (seen := self.seen.get(entry.call)) is not None:
                seen.steps.append(Step(entry.at_us, kind, entry.body.recording))

        return read

    def _stopped(self, line: bytes) -> None:
        entry = _OF_RECORDING.decode(line)
        if (seen := self.seen.get(entry.call)) is not None:
            seen.steps.append(Step(entry.at_us, "paused" if entry.body.paused else "stopped", entry.body.recording))

    def _kept(self, line: bytes) -> None:
        entry = _OF_RECORDING.decode(line)
        if (seen := self.seen.get(entry.call)) is not None:
            seen.steps.append(Step(entry.at_us, "ended", entry.body.recording))
            seen.kept.append(Kept(entry.body.recording, entry.body.captured_ms, entry.body.cause))

    def _ended(self, line: bytes) -> None:
        entry = _ENDED.decode(line)
        if (seen := self.seen.pop(entry.call, None)) is not None:
            seen.ended = entry
            self.ended.append(seen)


_DECIDED, _CONSENT = msgspec.json.Decoder(_Decided), msgspec.json.Decoder(_Consent)
_HAPPENED, _FAILED = msgspec.json.Decoder(_Happened), msgspec.json.Decoder(_Failed)
_DESCRIBED, _OF_RECORDING = msgspec.json.Decoder(_Described), msgspec.json.Decoder(_OfRecording)
_ENDED = msgspec.json.Decoder(_Ended)


class AccountedCalls:
    """Implements reconciling.AccountedCalls over `ledger/<tenant>/`."""

    def __init__(self, folder: Path, window: int = WINDOW) -> None:
        """`window`: how many bytes are read at a time."""
        self._folder, self._window = folder, window

    def read(self, since_us: int, until_us: int) -> Iterator[Read]:
        """See reconciling.AccountedCalls."""
        for one in walk(self._folder, Assembly(), PERSONAL, since_us, until_us, self._window):
            calls = [seen.facts(personal) for seen, personal in one.calls]
            yield Read(calls, one.done, one.total, one.broken, one.first_broken)


def facts_of(entries: Sequence[Entry]) -> CallFacts | None:
    """The facts of one call, of its own entries; None when they do not say that it was offered."""
    assembly, personal = Assembly(), dict[str, str]()
    try:
        for one in entries:
            line, kind = one.line.encode(), one.stated.kind.encode()
            if kind == b"call.offered":
                assembly.offer(_OFFERS.decode(line), one.stated.index)
                personal = dict(one.stated.personal)
            elif kind in assembly.readers:
                assembly.readers[kind](line)
    except msgspec.DecodeError:
        for seen in assembly.seen.values():
            seen.unreadable = True
    seen_ = next(iter((*assembly.ended, *assembly.seen.values())), None)
    return None if seen_ is None else seen_.facts(personal)


_OFFERS = msgspec.json.Decoder(Offered)


def indexes_of(folder: Path, call: str) -> list[int]:
    """The entries that speak of a call, by their index. Raises Unavailable."""
    wanted = f'"call":"{call}"'.encode()
    try:
        with (folder / "entries.log").open("rb") as file:
            return [index for index, line in enumerate(file) if wanted in line and line.endswith(b"\n")]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise Unavailable("ledger", f"{error.strerror}: {folder}") from error
