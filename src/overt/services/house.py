"""What every call needs at hand: the ports, who governs, the lines, the prompts and the settings that bind a call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from overt.domain.call import AfterNo, Keys
from overt.domain.facts import Json
from overt.domain.law.reckoning import Law, Reckoning
from overt.domain.policy import LinePolicy
from overt.ports import AddressBook, Clock, ErasureRegister, Ledger, MediaEngine, Offer
from overt.services.underway import UnderWay

OnFailure = Literal["end-call", "stop-and-tell", "stop-and-flag"]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the business: its policy, where its agents are rung (a SIP URI), the queue and team that it belongs to."""

    policy: LinePolicy
    agent: str
    queue: str = ""
    team: str = ""


@dataclass(frozen=True, slots=True)
class Ruled:
    """How a call is ruled, for as long as it lasts: its line with the policy that rules it, the law as that policy reads
    it, what becomes of the call after a no, and the body of its `call.ruled`."""

    line: Line
    law: Law
    after_no: AfterNo = AfterNo()
    body: Mapping[str, Json] = field(default_factory=dict)


class Governing(Protocol):
    """Which policy rules a call."""

    async def rule(self, offer: Offer, line: Line, others: Sequence[str] = ()) -> Ruled:
        """Return how a new call on a line is ruled. Never raises: what cannot be ruled is not recorded, and says why.

        `others` are the numbers of whoever else is on it: a number that is never recorded is not, wherever it sits.
        """
        ...

    def again(self, line: Line, policy: LinePolicy, reckoning: Reckoning) -> Ruled:
        """Return how a call is ruled that a predecessor ruled so: a call keeps what it began with."""
        ...


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
    governing: Governing
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
    trunk_places: Mapping[str, str] = field(default_factory=dict)
    under_way: UnderWay = field(default_factory=UnderWay)
    remark: Callable[[str, str], None] = lambda client, sentence: None

    def line(self, called: str) -> Line | None:
        """The line behind a called number or name, or None when there is none."""
        return self.lines.get(called)
