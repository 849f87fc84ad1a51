"""What may be measured of Overt: every metric by name, with its kind, its meaning and what tells its values apart.

Vitals use the same names; `name|value` there is one value of the metric's label. What is not in the table is not shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from overt.domain.vitals import Vitals

Kind = Literal["counter", "gauge"]


@dataclass(frozen=True, slots=True)
class Measure:
    """One metric. `said_by` is the process that says it (`engine` for each engine); `label` tells values apart, if anything."""

    kind: Kind
    meaning: str
    said_by: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a metric, with its labels."""

    name: str
    labels: tuple[tuple[str, str], ...]
    value: int | float


MEASURES: Mapping[str, Measure] = {
    "calls": Measure("gauge", "Calls under way.", "signalling"),
    "calls_offered": Measure("counter", "Calls that clients offered.", "signalling"),
    "sip_refused": Measure("counter", "Requests and calls that were refused, by reason.", "signalling", "reason"),
    "sip_malformed": Measure("counter", "Messages that nobody can read, by reason.", "signalling", "reason"),
    "sip_noted": Measure("counter", "What else the SIP side counted, by its name.", "signalling", "what"),
    "sip_transactions": Measure("gauge", "SIP transactions held.", "signalling"),
    "legs_half_open": Measure("gauge", "Legs that are neither confirmed nor over.", "signalling"),
    "media_ports_open": Measure("gauge", "Media ports in use.", "signalling"),
    "trace_messages": Measure("counter", "SIP messages written for ladders.", "signalling"),
    "trace_dropped": Measure("counter", "SIP messages that no ladder has: too many at once, or the disk.", "signalling"),
    "hep_messages": Measure("counter", "SIP messages exported to Homer.", "signalling"),
    "hep_dropped": Measure("counter", "SIP messages that were not exported.", "signalling"),
    "legs": Measure("gauge", "Legs of an engine.", "engine"),
    "captures_open": Measure("gauge", "Recordings open.", "engine"),
    "captures_broken": Measure("counter", "Recordings that the spool broke off.", "engine"),
    "legs_silent": Measure("gauge", "Permitted legs from which nothing came for ten seconds.", "engine"),
    "leases_run_out": Measure("counter", "Captures stopped because their permit was not renewed.", "engine"),
    "packets_received": Measure("counter", "RTP packets received.", "engine"),
    "packets_captured": Measure("counter", "RTP packets captured under a permit.", "engine"),
    "packets_dropped": Measure("counter", "RTP packets counted and dropped: no permit.", "engine"),
    "packets_lost": Measure("counter", "RTP packets lost on their way to us.", "engine"),
    "packets_late": Measure("counter", "RTP packets that came late or twice.", "engine"),
    "packets_foreign": Measure("counter", "RTP packets from a stranger.", "engine"),
    "packets_kernel_dropped": Measure("counter", "RTP packets that the kernel dropped.", "engine"),
    "spool_behind": Measure("gauge", "Sealed records that wait to be durable.", "engine"),
    "spool_broken": Measure("gauge", "1 while the spool cannot be written.", "engine"),
    "spool_free_bytes": Measure("gauge", "Room left on the spool's disk.", "engine"),
    "spool_size_bytes": Measure("gauge", "Size of the spool's disk.", "engine"),
    "ledger_entries": Measure("gauge", "Entries of the ledger.", "notary"),
    "ledger_waiting": Measure("gauge", "Facts that wait to be entered.", "notary"),
    "ledger_commits": Measure("counter", "Commits of the ledger.", "notary"),
    "ledger_commit_failures": Measure("counter", "Commits that could not be made durable.", "notary"),
    "ledger_commit_microseconds": Measure("counter", "Time that all commits took.", "notary"),
    "ledger_commit_worst_seconds": Measure("gauge", "The slowest commit since the notary was asked last.", "notary"),
    "process_running": Measure("gauge", "1 while the supervisor has a process running.", "serve", "name"),
    "process_restarts": Measure("counter", "How often a process was started again.", "serve", "name"),
    "loop_lag_seconds": Measure("gauge", "How late the event loop was, at worst, within a second.", "each"),
    "disk_free_bytes": Measure("gauge", "Room left on the data folder's disk.", "worker"),
    "disk_size_bytes": Measure("gauge", "Size of the data folder's disk.", "worker"),
    "alarms": Measure("gauge", "Alarms that are raised.", "worker"),
    "client_calls": Measure("counter", "Calls that a client brought.", "signalling", "client"),
    "client_refused": Measure("counter", "Calls of a client that were refused.", "signalling", "client"),
    "client_last_seen_seconds": Measure("gauge", "When a client was seen last, in seconds since 1970; 0 for never.", "signalling", "client"),
    "vitals_age_seconds": Measure("gauge", "How long ago a process said how it fares.", "each"),
}  # fmt: skip


def full_name(name: str) -> str:
    """A metric's name as Prometheus shows it."""
    return f"overt_{name}_total" if MEASURES[name].kind == "counter" else f"overt_{name}"


def samples(said: Mapping[str, Vitals], now_us: int) -> Iterator[Sample]:
    """Yield every value that processes said, in the table's order; what is in no table, or of the wrong kind, is left out."""
    found: dict[str, list[Sample]] = {name: [] for name in MEASURES}
    for one in said.values():
        for kind, values in (("counter", one.counters), ("gauge", one.gauges)):
            for key, value in values.items():
                name, _, label = key.partition("|")
                measure = MEASURES.get(name)
                if measure is not None and measure.kind == kind and bool(measure.label) == ("|" in key):
                    found[name].append(Sample(name, _labels(one.process, measure, label), value))
        for client, brought in one.clients.items():
            for name, value in (
                ("client_calls", brought.calls), ("client_refused", brought.refused),
                ("client_last_seen_seconds", brought.last_seen_us / 1e6),
            ):  # fmt: skip
                found[name].append(Sample(name, _labels(one.process, MEASURES[name], client), value))
        age = max(0.0, (now_us - one.at_us) / 1e6)
        found["vitals_age_seconds"].append(Sample("vitals_age_seconds", (("process", one.process),), age))
    for rows in found.values():
        yield from rows


def _labels(process: str, measure: Measure, value: str) -> tuple[tuple[str, str], ...]:
    return (("process", process), *(((measure.label, value),) if measure.label else ()))
