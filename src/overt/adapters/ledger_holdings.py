"""What recordings there are, read from the ledger's own files: no catalogue of its own that could disagree with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from overt.adapters.ledger_files import read_lines
from overt.ledger.entry import Entry, EntryBroken, read_entry
from overt.ports import Unavailable
from overt.services.listening import Held, listeners_of

_ENDS: Mapping[str, str] = {"recording.closed": "closed", "recording.interrupted": "interrupted"}
_MARK = b'"kind":"recording.'  # canonical JSON has no spaces; a false hit costs only time


class LedgerHoldings:
    """Implements listening.Holdings over `ledger/<tenant>/`."""

    def __init__(self, ledger: Path) -> None:
        self._ledger = ledger

    def find(self, tenant: str, recording: str) -> Held | None:
        """Return one recording; see listening.Holdings."""
        return self._read(tenant, recording.encode()).get(recording)

    def all(self, tenant: str) -> Sequence[Held]:
        """Return all recordings; see listening.Holdings."""
        return list(self._read(tenant, b"").values())

    def _read(self, tenant: str, about: bytes) -> dict[str, Held]:
        try:
            lines = read_lines(self._ledger / tenant)
        except OSError as error:
            raise Unavailable("ledger", f"{error.strerror}: {self._ledger}") from error
        held: dict[str, Held] = {}
        for index, line in enumerate(lines):
            if _MARK in line and about in line:
                try:
                    _take(held, index, read_entry(line))
                except (EntryBroken, KeyError) as error:
                    why = f"entry {index} cannot be read ({error}); `overt ledger verify` says more"
                    raise Unavailable("ledger", why, retry=False) from error
        return held


def _take(held: dict[str, Held], index: int, entry: Entry) -> None:
    body: Mapping[str, Any] = entry.body
    recording = str(body.get("recording", ""))
    if entry.kind == "recording.permitted":
        held[recording] = Held(
            entry.tenant, recording, entry.call, str(body["told_purpose"]), index, entry.at_us,
            listeners=listeners_of(body), policy=str(body.get("policy", "")),
        )  # fmt: skip
    elif entry.kind in _ENDS and recording in held and held[recording].ended is None:
        captured = int(body["captured_ms"])
        held[recording] = replace(
            held[recording],
            ended=index,
            how=_ENDS[entry.kind],
            captured_ms=captured,
            chunks=int(body["chunks"]),
        )
