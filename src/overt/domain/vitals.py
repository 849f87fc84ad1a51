"""How our processes fare: what each says of itself once a second, for metrics, console, alarms and engineers.

Vitals are numbers, and sentences about what a client of ours does wrong. Nothing in them identifies a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from overt.domain.facts import Json

MOST_SENTENCES = 20
FRESH_US = 5_000_000  # a process that said nothing for so long does not answer


@dataclass(frozen=True, slots=True)
class Sentence:
    """What a client does wrong, in plain words for an engineer; when we last noticed, and how often."""

    at_us: int
    sentence: str
    times: int = 1


@dataclass(frozen=True, slots=True)
class ClientVitals:
    """What one client brought since the process began. `last_seen_us` is 0 while it brought nothing."""

    last_seen_us: int = 0
    calls: int = 0
    refused: int = 0
    sentences: tuple[Sentence, ...] = ()


@dataclass(frozen=True, slots=True)
class Stranger:
    """Somebody who is no client and came: how often, when last, what was tried, and what it calls itself, masked."""

    address: str
    transport: str
    at_us: int
    attempts: int
    tried: tuple[str, ...]
    tool: str


@dataclass(frozen=True, slots=True)
class Vitals:
    """What one process says of itself: counters that only grow, gauges as they stand, its clients by name, and the
    strangers of late."""

    process: str
    at_us: int
    pid: int = 0
    counters: Mapping[str, int] = field(default_factory=dict)
    gauges: Mapping[str, int | float] = field(default_factory=dict)
    clients: Mapping[str, ClientVitals] = field(default_factory=dict)
    strangers: tuple[Stranger, ...] = ()

    def fresh(self, now_us: int) -> bool:
        """True while the process is heard of."""
        return now_us - self.at_us < FRESH_US


def vitals_of(written: Json) -> Vitals | None:
    """Vitals from their JSON value; what cannot be read is left out. None when it is no vitals at all."""
    if not isinstance(written, dict):
        return None
    process, at_us, pid = written.get("process"), written.get("at_us"), written.get("pid", 0)
    if not isinstance(process, str) or not _whole(at_us) or not _whole(pid):
        return None
    clients = _table(written.get("clients"))
    return Vitals(
        process, int(str(at_us)), int(str(pid)),
        {name: one for name, one in _table(written.get("counters")).items() if isinstance(one, int)},
        {name: one for name, one in _table(written.get("gauges")).items() if isinstance(one, int | float)},
        {name: _client(_table(one)) for name, one in clients.items()},
        tuple(one for one in map(_stranger, _rows(written.get("strangers"))) if one is not None),
    )  # fmt: skip


def _stranger(row: Mapping[str, object]) -> Stranger | None:
    address, transport, tool = (row.get(name) for name in ("address", "transport", "tool"))
    at, attempts, tried = row.get("at_us"), row.get("attempts"), row.get("tried")
    if not (isinstance(address, str) and isinstance(transport, str) and isinstance(tool, str)):
        return None
    if not (isinstance(at, int) and isinstance(attempts, int) and isinstance(tried, list)):
        return None
    return Stranger(address, transport, at, attempts, tuple(one for one in tried if isinstance(one, str)), tool)


def _client(written: Mapping[str, object]) -> ClientVitals:
    seen, calls, refused = (
        one if isinstance(one, int) else 0
        for one in (written.get(name) for name in ("last_seen_us", "calls", "refused"))
    )
    rows = _rows(written.get("sentences"))
    kept = [
        Sentence(at, said, times if isinstance(times, int) else 1)
        for at, said, times in ((row.get("at_us"), row.get("sentence"), row.get("times")) for row in rows)
        if isinstance(at, int) and isinstance(said, str)
    ]
    return ClientVitals(seen, calls, refused, tuple(kept[-MOST_SENTENCES:]))


def _rows(value: object) -> list[Mapping[str, object]]:
    return [_table(one) for one in value] if isinstance(value, list) else []


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _table(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
