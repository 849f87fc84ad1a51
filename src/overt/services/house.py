"""What every call needs at hand: the ports, the law, the lines, the prompts and the settings that bind a call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from overt.domain.call import Keys
from overt.domain.law.table import Table
from overt.domain.policy import LinePolicy
from overt.ports import AddressBook, Clock, ErasureRegister, Ledger, MediaEngine

OnFailure = Literal["end-call", "stop-and-tell", "stop-and-flag"]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the business: its policy, and where its agents are rung (a SIP URI)."""

    policy: LinePolicy
    agent: str


@dataclass(frozen=True, slots=True)
class PromptFacts:
    """What the ledger says of a prompt: its version, the hash of its audio, its length in milliseconds."""

    version: str
    sha256: str
    duration_ms: int


@dataclass(frozen=True, slots=True)
class House:
    """The rooms and the settings. Made once by `compose.signalling`; read by every call, changed by none."""

    tenant: str
    ledger: Ledger
    clock: Clock
    erasures: ErasureRegister
    engine: MediaEngine
    addresses: AddressBook
    law: Table
    profile: Literal["standard", "strict"]
    served: tuple[str, ...]
    recorder_place: str
    lines: Mapping[str, Line]
    prompts: Mapping[str, PromptFacts]
    keys: Keys
    on_failure: OnFailure
    answer_s: int
    ring_s: int
    key_id: str
    report: Callable[[str, Exception], None]

    def line(self, called: str) -> Line | None:
        """The line behind a called number or name, or None when there is none."""
        return self.lines.get(called)
