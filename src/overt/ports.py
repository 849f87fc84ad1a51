"""What the world must provide, in the words of the domain. Small Protocols; adapters and faces implement them.

A call's two controls are handed in per call: `CallControl` (the signalling of its legs, by the SIP face) and
`CallMedia` (the sound of its legs, by the media engine's client). Both put what happens into the call's inbox as
the event values at the end of this file. A port's failure is wrapped once, in the adapter, as `Unavailable`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from overt.domain.clients import Client
from overt.domain.facts import Fact
from overt.domain.identity import Number, Side
from overt.domain.roster import Seats
from overt.inbox import CallEvent as CallEvent
from overt.inbox import CaptureAccount as CaptureAccount
from overt.inbox import CapturedGap as CapturedGap
from overt.inbox import CaptureFailed as CaptureFailed
from overt.inbox import CapturePaused as CapturePaused
from overt.inbox import ConsentSaid as ConsentSaid
from overt.inbox import Described as Described
from overt.inbox import Digit as Digit
from overt.inbox import EngineLost as EngineLost
from overt.inbox import HeardElsewhere as HeardElsewhere
from overt.inbox import HungUp as HungUp
from overt.inbox import LegChanged as LegChanged
from overt.inbox import LegMedia as LegMedia
from overt.inbox import LegSilent as LegSilent
from overt.inbox import Listener as Listener
from overt.inbox import Reclaimed as Reclaimed
from overt.inbox import Ringing as Ringing
from overt.inbox import Srtp as Srtp
from overt.inbox import StopKey as StopKey


class Unavailable(Exception):
    """A port could not do its work now. `port` says which; `retry` whether asking again may help."""

    def __init__(self, port: str, why: str, *, retry: bool = True) -> None:
        super().__init__(f"{port}: {why}")
        self.port, self.why, self.retry = port, why, retry


class NotDurable(Unavailable):
    """A fact could not be made durable in the ledger in time; nothing that opens may happen on it."""

    def __init__(self, why: str) -> None:
        super().__init__("ledger", why)


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof that a fact is durable: its entry, its place, and the way to a signed checkpoint.

    `entry` is the exact canonical bytes; `proof` the RFC 9162 inclusion path in the tree of `size`;
    `checkpoint` the C2SP signed note of that size.
    """

    index: int
    entry: bytes
    size: int
    proof: tuple[bytes, ...]
    checkpoint: str


class Ledger(Protocol):
    """Where facts become durable."""

    async def enter(self, fact: Fact) -> Receipt:
        """Return once the fact's entry is durable. Entering the same `fact.id` again returns the first entry.

        Raises NotDurable when that did not happen in time.
        """
        ...


class Clock(Protocol):
    """Time and identity, given by the world."""

    def now_us(self) -> int:
        """UTC, microseconds."""
        ...

    def monotonic_ns(self) -> int:
        """A clock that never steps, nanoseconds; comparable between processes of one machine."""
        ...

    def new_id(self) -> str:
        """A fresh UUIDv7."""
        ...

    def today(self) -> str:
        """The date in UTC, ISO 8601."""
        ...


class ErasureRegister(Protocol):
    """The deletable half of each recording's data key (house.md, design point 6)."""

    def keep(self, tenant: str, recording: str) -> bytes:
        """Make, keep durably and return a new 32-byte erasure secret. Raises Unavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Offer:
    """A call as a client offered it. `called` is the user part that chooses the line; `call_id` the SIP Call-ID of its leg,
    `sessions` what the client calls the call: by these it is found again in other records.
    """

    id: str
    tenant: str
    trunk: str
    caller: Number
    caller_name: str
    called: str
    offered_us: int
    offered_ns: int
    call_id: str = field(default="", repr=False)
    sessions: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Dialled:
    """How an attempt to reach somebody ended: `media` when they answered, else the SIP status and why."""

    media: LegMedia | None
    status: int
    reason: str


class CallControl(Protocol):
    """The signalling of one call. Given to `services.attending` by the SIP face with each call."""

    offer: Offer

    def listen(self, listener: Listener) -> None:
        """Say where the events of both legs go."""
        ...

    async def answer(self, address: str, port: int) -> LegMedia:
        """Answer the caller with our media address; return the caller's media once the ACK is here.

        Raises Unavailable when the caller was gone first, or offers nothing that we can relay.
        """
        ...

    async def refuse(self, status: int, reason: str) -> None:
        """End an unanswered call with a final SIP status."""
        ...

    async def dial(self, target: str, address: str, port: int, ring_s: int) -> Dialled:
        """Ring a SIP address and return how it ended. Cancelled on timeout, or when the caller leaves."""
        ...

    async def hang_up(self, side: Side) -> None:
        """End one leg: BYE, CANCEL or nothing, as its state demands. Never raises."""
        ...

    def snapshot(self) -> dict[str, object]:
        """All that a successor process needs to go on with both dialogs; plain JSON values."""
        ...


@dataclass(frozen=True, slots=True)
class Played:
    """What is known of a prompt after it was played to a leg (P1). `reason` is empty when all of it was sent.

    `frames` counts the 20 ms frames of the whole prompt, `frames_sent` those sent. `heard_before` and
    `heard_after`: RTP or RTCP of that leg was seen before and after. `loss_percent` is the worst loss that the
    other end reported meanwhile, None when it reported nothing.
    """

    side: Side
    prompt: str
    frames: int
    frames_sent: int
    heard_before: bool
    heard_after: bool
    loss_percent: int | None
    started_ns: int
    ended_ns: int
    reason: str = ""


class SessionControl(CallControl, Protocol):
    """The signalling of one recording session (RFC 7866): a call whose parties talk elsewhere. Nobody can be dialled in it."""

    client: Client

    @property
    def seats(self) -> Seats:
        """Who is on the call, and on which line each is heard."""
        ...

    def place(self, address: str, ports: Mapping[Side, int], *, flowing: bool) -> Mapping[Side, LegMedia]:
        """Put each line to one of our ports; not `flowing`: the client is to send nothing yet. Return the streams that are
        known by then: they should be agreed with the engine before the client is told where to send.
        """
        ...

    async def accept(self) -> None:
        """Answer the client. What changes follows as `LegChanged`. Raises Unavailable when the client was gone first."""
        ...

    async def let_flow(self, *, flowing: bool) -> None:
        """Have the client send, or send no more, by a new offer of ours. Raises Unavailable when it does not agree."""
        ...


@dataclass(frozen=True, slots=True)
class Prologue:
    """A prompt that we sent before capture opened: it stands at the head of the *sent* track, from the prompt.

    `started_ns` is monotonic; the prompt's own audio is written, never received sound.
    """

    side: Side
    prompt: str
    audio_sha256: str
    started_ns: int
    frames: int


@dataclass(frozen=True, slots=True)
class CaptureOrder:
    """All that the engine needs to open capture: the permit's content and the sealing order."""

    tenant: str
    call: str
    episode: str
    recording: str
    roster: tuple[Side, ...]
    purposes: tuple[str, ...]
    tracks: tuple[Side, ...]
    stop_keys: str
    ledger_index: int
    erasure_secret: bytes = field(repr=False)
    prologue: tuple[Prologue, ...] = ()


class CallMedia(Protocol):
    """The sound of one call: two legs in one engine. Events reach the `listener` given to `allocate`.

    `seconds` is known once it is released: for each leg, rows of what came in which seconds (`domain.seconds`).
    """

    ports: Mapping[Side, int]
    address: str
    seconds: Mapping[Side, Sequence[Sequence[int]]]

    def listen(self, listener: Listener) -> None:
        """Say where this call's events go."""
        ...

    async def connect(self, side: Side, media: LegMedia) -> None:
        """Tell the engine where a leg's other end is; again after each new offer and answer."""
        ...

    async def play(self, side: Side, prompt: str, *, loop: bool = False) -> Played:
        """Play a prompt (`lang/id`, or `tone:ringback`) to a leg; return when it ended or was stopped."""
        ...

    async def stop_playing(self, side: Side) -> None:
        """Stop what is being played to a leg."""
        ...

    async def relay(self, *, stop_keys: str) -> None:
        """Join both legs; the stop keys are swallowed and end capture in the engine itself."""
        ...

    async def open(self, order: CaptureOrder) -> None:
        """Open capture under a permit, whose lease this port renews until `close` or `pause`. Raises Unavailable."""
        ...

    async def pause(self, reason: str) -> None:
        """Stop capturing, now, on every leg; the recording stays open with a gap. Never raises."""
        ...

    async def resume(self, ledger_index: int) -> None:
        """Capture again under the same permit, after its entry is durable. Raises Unavailable."""
        ...

    async def close(self, reason: str) -> CaptureAccount | None:
        """End the recording and return its account; None when none was open."""
        ...

    async def keep_context(self, context: bytes) -> None:
        """Leave the call's opaque context with the engine for a successor of this process."""
        ...

    async def release(self) -> Mapping[Side, Mapping[str, int]]:
        """Close both legs' sockets and return their counters. Never raises."""
        ...


class MediaEngine(Protocol):
    """The engines, behind one door."""

    async def allocate(self, tenant: str, call: str, listener: Listener, *, beside: bool = False) -> CallMedia:
        """Bind four ports for a call and hand them to an engine. Raises Unavailable when none is left.

        `beside`: sound only comes in (SIPREC); nothing is ever played or relayed there.
        """
        ...


class AddressBook(Protocol):
    """Addresses on file and what numbers hint at."""

    def on_file(self, number: Number) -> Sequence[tuple[str, str]]:
        """Places on file for a number, as (place code, source)."""
        ...

    def hinted(self, number: Number) -> Sequence[tuple[str, str]]:
        """Places that a number's own digits hint at, as (place code, why). Never certain (P3)."""
        ...

    def doubt(self, number: Number) -> str:
        """Why a number says no place, or is not to be believed (`location.SPOOFED`); empty when it is like any other."""
        ...


class Tracer(Protocol):
    """Who is told of each SIP message of a call: the ladder's files, an export to Homer. Never blocks, never raises."""

    def note(self, call: str, leg: str, outgoing: bool, peer: str, message: bytes, at_us: int) -> None:
        """A message of a leg of a call went out or came in, retransmissions included; `call` is empty for one of no call.

        `leg` is the side, caller or agent, or the client of a recording session; `peer` is `host:port/TRANSPORT`; `at_us`
        UTC microseconds. Masking is the implementation's business: `message` is what was on the wire.
        """
        ...
