"""What happens to a call: the events that its controls put into its inbox, and the values that they carry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from overt.domain.identity import Side
from overt.domain.roster import Seats


@dataclass(frozen=True, slots=True)
class Srtp:
    """The keys of an encrypted leg (RFC 4568): the suite as SDP names it, the key and salt of each direction."""

    suite: str
    receive: bytes = field(repr=False)
    send: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class LegMedia:
    """What the other end of a leg wants to receive, from its session description (RFC 8866, RFC 3264).

    `codec` is a name of `wire.rtp.codecs` (in path `PCMU` or `PCMA`); `event_type` the payload type of telephone-event
    (RFC 4733) or None; `sends` and `receives` are the *other end's* direction: a held leg has one of them false.
    `others` are further payload types, with their codecs, that may come on a leg that is heard beside the call; with
    `anywhere` its sound may come from another address than `address`, as it does through some address translators.
    """

    address: str
    port: int
    rtcp_port: int
    codec: str
    payload_type: int
    event_type: int | None
    sends: bool = True
    receives: bool = True
    others: tuple[tuple[int, str], ...] = ()
    srtp: Srtp | None = None
    anywhere: bool = False

    @property
    def held(self) -> bool:
        """True when sound does not flow both ways."""
        return not (self.sends and self.receives)


@dataclass(frozen=True, slots=True)
class CapturedGap:
    """Permitted time that is not in the recording: from, to (ms since its start) and the cause."""

    from_ms: int
    to_ms: int
    cause: str


@dataclass(frozen=True, slots=True)
class CaptureAccount:
    """What a recording holds when it ends. `head` is the hash at the end of its chunk chain, hexadecimal."""

    recording: str
    reason: str
    chunks: int
    head: str
    captured_ms: int
    gaps: tuple[CapturedGap, ...]
    started_us: int
    ended_us: int


@dataclass(frozen=True, slots=True)
class HungUp:
    """A party ended their leg (BYE), or the caller gave up before the answer (CANCEL)."""

    side: Side
    how: str


@dataclass(frozen=True, slots=True)
class LegChanged:
    """A party sent a new offer: another address, or hold on and off."""

    side: Side
    media: LegMedia


@dataclass(frozen=True, slots=True)
class Ringing:
    """The dialled party's phone rings (180 or 183)."""

    side: Side
    status: int


@dataclass(frozen=True, slots=True)
class Digit:
    """A party pressed a key (RFC 4733)."""

    side: Side
    digit: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class StopKey:
    """A party pressed a stop key; the engine had capture closed on every leg by `stopped_ns`, by itself."""

    side: Side
    digit: str
    at_ns: int
    stopped_ns: int


@dataclass(frozen=True, slots=True)
class CapturePaused:
    """The engine paused capture by itself (lease ran out)."""

    reason: str


@dataclass(frozen=True, slots=True)
class CaptureFailed:
    """The engine can no longer capture (spool full or broken); it has stopped by itself."""

    account: CaptureAccount | None
    why: str


@dataclass(frozen=True, slots=True)
class LegSilent:
    """Neither RTP nor RTCP came from a leg for the time-out."""

    side: Side


@dataclass(frozen=True, slots=True)
class EngineLost:
    """The engine of this call died; a new one has its sockets. `account` is the authenticated end of a recording."""

    account: CaptureAccount | None


@dataclass(frozen=True, slots=True)
class ConsentSaid:
    """Somebody outside says what a party answered (`POST /api/calls/{id}/consent`): `how` in words, `by` a named person
    or program. `told`: they also say that the party was told before."""

    side: Side
    granted: bool
    purposes: tuple[str, ...]
    how: str
    by: str
    told: bool = False


@dataclass(frozen=True, slots=True)
class Described:
    """What a recording client said of its call (RFC 7865 §6): the document as it came, how it was read, and who sits where.

    `remarks` are sentences on what was unclear or wrong in it. `dialect` empty: the client sent no metadata.
    """

    document: bytes = field(repr=False)
    dialect: str
    complete: bool
    remarks: tuple[str, ...]
    seats: Seats


@dataclass(frozen=True, slots=True)
class HeardElsewhere:
    """Sound for a side comes from another address than was agreed; it is counted, and not taken."""

    side: Side


@dataclass(frozen=True, slots=True)
class Reclaimed:
    """A recording client took its session up anew, in another dialog: it failed over (RFC 7245 §4)."""

    how: str


CallEvent = (
    HungUp
    | LegChanged
    | Ringing
    | Digit
    | StopKey
    | CapturePaused
    | CaptureFailed
    | LegSilent
    | EngineLost
    | ConsentSaid
    | Described
    | Reclaimed
    | HeardElsewhere
)
Listener = Callable[[CallEvent], None]
