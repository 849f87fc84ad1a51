"""A client as people see it, in commands, the console and the API: its fields, who signed for it, and how it fares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from overt.domain.client_fields import fields_of
from overt.domain.identity import Number
from overt.domain.vitals import ClientVitals, Stranger, Vitals
from overt.services.clients import Registered

NEVER, SIGNALLING = ClientVitals(), "signalling"


@dataclass(frozen=True, slots=True)
class Seen:
    """A client, how it fares since signalling began (`fares`; None when signalling does not say), and what is to do."""

    known: Registered
    fares: ClientVitals | None
    unproven: str

    @property
    def state(self) -> str:
        """`stands`; `waits` for the next start of signalling, or `unreadable`."""
        if self.known.trouble:
            return "unreadable"
        return "stands" if self.known.entry >= 0 else "waits"


def seen(known: Registered, vitals: Mapping[str, Vitals], now_us: int) -> Seen:
    """Return a client with what the processes say of it. Vitals that are old say nothing."""
    fresh = [one for one in vitals.values() if one.fresh(now_us) and (one.clients or one.process == SIGNALLING)]
    said = [one.clients.get(known.client.name, NEVER) for one in fresh]
    return Seen(known, _joined(said) if said else None, known.unproven(now_us))


def _joined(said: Iterable[ClientVitals]) -> ClientVitals:
    rows = list(said)
    sentences = sorted((one for row in rows for one in row.sentences), key=lambda one: one.at_us)
    return ClientVitals(
        max(row.last_seen_us for row in rows), sum(row.calls for row in rows), sum(row.refused for row in rows),
        tuple(sentences),
    )  # fmt: skip


def strangers_of(vitals: Mapping[str, Vitals], now_us: int) -> tuple[Stranger, ...]:
    """Who is no client and came of late, as the processes say, the newest first."""
    found = [each for one in vitals.values() if one.fresh(now_us) for each in one.strangers]
    return tuple(sorted(found, key=lambda one: -one.at_us))


def shown_agent(agent: str) -> str:
    """A number masked, a domain as it is."""
    return Number(agent).masked if agent.lstrip("+").isdigit() else agent


def as_json(one: Seen) -> dict[str, Any]:
    """What commands and the API say of a client. Numbers of agents are masked; of secrets there is a fingerprint."""
    known, fares = one.known, one.fares
    fields = fields_of(known.client)
    attested = known.client.attestation
    proven = known.proven
    return fields | {
        "agents": [shown_agent(agent) for agent in known.client.agents], "by": known.by, "why": known.why,
        "since": attested.since if attested is not None else "", "state": one.state, "source": known.source,
        "entered_by": known.entered_by, "entered_us": known.at_us, "ledger_index": known.entry,
        "fingerprint": known.fingerprint, "trouble": known.trouble, "unproven": one.unproven,
        "proven": None if proven is None else {
            "at_us": proven.at_us, "call": proven.test_call, "by": proven.by, "ledger_index": proven.entry,
        },
        "seen": None if fares is None else {
            "last_seen_us": fares.last_seen_us, "calls": fares.calls, "refused": fares.refused,
            "sentences": [{"at_us": said.at_us, "sentence": said.sentence, "times": said.times} for said in fares.sentences],
        },
    }  # fmt: skip
