"""What signalling says of itself, and who is told of its SIP messages."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from overt.adapters.hep_exporter import HepExporter
from overt.adapters.rtp_ports import PortPool
from overt.adapters.trace_files import TraceFiles
from overt.compose.observing import Said
from overt.config import Settings
from overt.domain.masking import mask_text
from overt.faces.sip.gateway import Gateway
from overt.faces.sip.tracing import Tracing
from overt.ports import Unavailable

MOST_REASONS, LONGEST_REASON = 60, 80
_log = logging.getLogger("overt.signalling")


class SignallingObserved:
    """The tracers of a signalling process, and its vitals."""

    def __init__(self, data_folder: Path, settings: Settings) -> None:
        self.files = TraceFiles(data_folder) if settings.ladder_days > 0 else None
        self.homer = _homer(settings)
        tracers = [one for one in (self.files, self.homer) if one is not None]
        self.tracing = Tracing(tracers, lambda: time.time_ns() // 1000)

    def said(self, gateway: Gateway, pool: PortPool) -> Said:
        """What signalling says of itself."""
        agent = gateway.agent
        counters = counted(agent.counters)
        if self.files is not None:
            counters |= {"trace_messages": self.files.written, "trace_dropped": self.files.dropped}
        if self.homer is not None:
            counters |= {"hep_messages": self.homer.sent, "hep_dropped": self.homer.dropped}
        half_open = sum(leg.state not in ("confirmed", "ended") for leg in agent.legs.values())
        calls, _ = agent.load() if agent.load is not None else (0, 0)
        clients = gateway.sightings.as_json()
        for one in clients.values():
            one["sentences"] = [{**said, "sentence": mask_text(said["sentence"])} for said in one["sentences"]]
        return {
            "counters": {**counters, "calls_offered": sum(one["calls"] for one in clients.values())},
            "gauges": {
                "calls": calls, "legs_half_open": half_open, "sip_transactions": agent.layer.size,
                "media_ports_open": 2 * pool.open_pairs,
            },
            "clients": clients,
            "strangers": gateway.strangers.as_json(),
        }  # fmt: skip

    def close(self) -> None:
        """Write and send what waits."""
        for one in (self.files, self.homer):
            if one is not None:
                one.close()


def _homer(settings: Settings) -> HepExporter | None:
    """The export to Homer. One that cannot begin stops nothing (P12), and is said."""
    if not settings.hep_server:
        return None
    ours = (settings.sip_address, settings.sip_port)
    try:
        return HepExporter(
            settings.hep_server, ours, node=settings.hep_id, key=settings.hep_key, mask=settings.hep_mask
        )
    except Unavailable as error:
        _log.error("nothing is exported to Homer: %s", error)
        return None


def counted(counters: Mapping[str, int]) -> dict[str, int]:
    """A user agent's counters as those of the vitals: `refused: why` becomes `sip_refused|why`.

    Reasons may hold words of strangers: they are masked, cut, and at most MOST_REASONS are told apart; the rest is `other`.
    """
    told: Counter[str] = Counter()
    for what, count in counters.items():
        kind, colon, why = what.partition(": ")
        name = f"sip_{kind}" if colon and kind in ("refused", "malformed") else "sip_noted"
        reason = "".join(one for one in mask_text(why if colon else what)[:LONGEST_REASON] if one.isprintable())
        key = f"{name}|{reason}"
        told[key if key in told or len(told) < MOST_REASONS else f"{name}|other"] += count
    return dict(told)
