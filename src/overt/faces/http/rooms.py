"""What the web's faces are handed by `compose.web`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from overt.domain.cdr import BadRow, Row
from overt.domain.law.cases import Case
from overt.domain.law.reckoning import Profile
from overt.domain.reconciling import CallFacts
from overt.faces.http.bringing import BringingRooms
from overt.faces.http.observing import ObservingRooms
from overt.faces.http.rehearsals import Rehearsals
from overt.services.counsel import Counsel
from overt.services.listening import ListeningRooms, Playing
from overt.services.proving import Entry, LedgerView
from overt.services.reconciling import AccountedCalls, TurnedAway
from overt.services.rehearsing import RehearsingRooms
from overt.services.searching import Catalogue
from overt.services.signing_in import SignInRooms


@dataclass(frozen=True, slots=True)
class ProcessShown:
    """A process of ours: its name and number, whether it lives, since when (UTC µs), its memory in bytes."""

    name: str
    pid: int
    alive: bool
    since_us: int
    memory: int
    holds: str


@dataclass(frozen=True, slots=True)
class FindingShown:
    """One check of the doctor; see compose.doctor."""

    name: str
    state: str
    found: str
    remedy: str


@dataclass(frozen=True, slots=True)
class SystemShown:
    """What the System page shows. `trunks` and `lines` as (name, details) pairs; `counters` by name."""

    version: str
    processes: Sequence[ProcessShown]
    trunks: Sequence[tuple[str, str]]
    lines: Sequence[tuple[str, str]]
    findings: Sequence[FindingShown]
    examined_us: int


@dataclass(frozen=True, slots=True)
class Front:
    """How the web is reached: `origin` as browsers write it; `secure` when it is https."""

    origin: str
    secure: bool
    tenant: str
    version: str
    title: str = "Overt"


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast sound is given to a player: some seconds at once, then so many times as fast as it is heard."""

    ahead_s: float
    times: float


@dataclass(frozen=True, slots=True)
class LawRooms:
    """Who answers questions of law, and what the settings say where a question does not: places served, the recorder's, how sure.

    `read_cases` reads worked cases from a text; it raises LawUnreadable.
    """

    counsel: Counsel
    read_cases: Callable[[str], Sequence[Case]]
    served: tuple[str, ...] = ()
    recorder: tuple[str, ...] = ()
    profile: Profile = "standard"


@dataclass(slots=True)
class AccountingRooms:
    """What reconciling needs at hand. `facts` puts a call's own entries together; `rows` reads a CDR by a column map's text or
    the name of one of `maps`; `codes` are the calling codes behind which people dial here."""

    past: AccountedCalls
    facts: Callable[[Sequence[Entry]], CallFacts | None]
    rows: Callable[[BinaryIO, str], Iterator[Row | BadRow | None]]
    maps: Sequence[str]
    turned_away: Callable[[], TurnedAway]
    loss_percent: int = 1
    codes: frozenset[str] = frozenset()
    running: list[str] = field(default_factory=list)


@dataclass(slots=True)
class WebRooms:
    """Everything that the console and the API need at hand. `names` of places by code; `policies` are the books, and what is
    needed to rehearse one; `accounting` reconciles calls; `bringing` keeps clients and reaches calls under way; `playings` by grant; `rehearsals` under way; `serving` until the process is told to stop; without a `pace` a player is given sound as fast as it takes it."""

    front: Front
    signing: SignInRooms
    catalogue: Catalogue
    ledger: LedgerView
    listening: ListeningRooms
    system: Callable[[], Awaitable[SystemShown]]
    names: Mapping[str, str]
    verifier_key: str
    enrolment_address: Callable[[str, str], str]
    law: LawRooms
    policies: RehearsingRooms
    accounting: AccountingRooms
    bringing: BringingRooms
    playings: dict[int, Playing] = field(default_factory=dict)
    rehearsals: Rehearsals = field(default_factory=Rehearsals)
    serving: bool = True
    pace: Pace | None = None
    observing: ObservingRooms = field(default_factory=ObservingRooms)
