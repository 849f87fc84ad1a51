"""The four machines of RFC 3261 §17 (with the accepted states of RFC 6026) as a table, and what comes out of them.

Each row of `MACHINES` says what a state does on a timer and how long its timers run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from overt.wire.sip.message import Request, Response

MS = 1_000_000
T1, T2, T4 = 500 * MS, 4_000 * MS, 5_000 * MS
LIFETIME = 64 * T1
LARGE = 1_300  # bytes; longer requests go over a stream first (§18.1.1)
MAGIC = "z9hG4bK"

Kind = Literal["client invite", "client other", "server invite", "server other"]
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Peer:
    """Where a message goes to or came from. `connection` tells apart streams; 0 is the datagram socket."""

    host: str
    port: int
    transport: str = "UDP"
    connection: int = 0

    @property
    def reliable(self) -> bool:
        """True for every transport but UDP."""
        return self.transport != "UDP"


# ------------------------------------------------------------------------- what the layer hands up


@dataclass(frozen=True, slots=True)
class Send:
    """Put these bytes on the wire.

    A stream with connection 0 is one that the sender opens or has open. `key` is the client transaction of a request: when
    it cannot be sent, say so with `Agent.undelivered(send, now)`.
    """

    encoded: bytes
    to: Peer
    key: Key = ()


@dataclass(frozen=True, slots=True)
class Arrived:
    """A new request. `key` is its server transaction; an ACK for a 2xx has none and comes with an empty key."""

    request: Request
    key: Key
    source: Peer


@dataclass(frozen=True, slots=True)
class Answered:
    """A response to a request of ours; 2xx to INVITE may come more than once, each needs its ACK."""

    key: Key
    response: Response


@dataclass(frozen=True, slots=True)
class TimedOut:
    """No final response came to our request, or no ACK to our response."""

    key: Key


@dataclass(frozen=True, slots=True)
class TransportFailed:
    """A request of ours could not be sent (RFC 3261 §8.1.3.1: treated as if 503 had come)."""

    key: Key


Outcome = Send | Arrived | Answered | TimedOut | TransportFailed


# kind, state → name of the timer: (length, retransmit?, state after it; "" keeps the state, "gone" ends it)
MACHINES: Mapping[tuple[Kind, str], Mapping[str, tuple[int, bool, str]]] = {
    ("client invite", "calling"): {"A": (T1, True, ""), "B": (LIFETIME, False, "timeout")},
    ("client invite", "proceeding"): {},
    ("client invite", "cancelled"): {"end": (LIFETIME, False, "timeout")},
    ("client invite", "completed"): {"D": (LIFETIME, False, "gone")},
    ("client invite", "accepted"): {"M": (LIFETIME, False, "gone")},
    ("client other", "trying"): {"E": (T1, True, ""), "F": (LIFETIME, False, "timeout")},
    ("client other", "proceeding"): {"E": (T2, True, ""), "F": (LIFETIME, False, "timeout")},
    ("client other", "completed"): {"K": (T4, False, "gone")},
    ("server invite", "proceeding"): {},
    ("server invite", "completed"): {"G": (T1, True, ""), "H": (LIFETIME, False, "timeout")},
    ("server invite", "confirmed"): {"I": (T4, False, "gone")},
    ("server invite", "accepted"): {"2xx": (T1, True, ""), "L": (LIFETIME, False, "timeout")},
    ("server invite", "acknowledged"): {"L": (LIFETIME, False, "gone")},
    ("server other", "trying"): {},
    ("server other", "proceeding"): {},
    ("server other", "completed"): {"J": (LIFETIME, False, "gone")},
}
_ZERO_WHEN_RELIABLE = frozenset({"D", "I", "J", "K"})  # nothing can be retransmitted to them
_SILENT_WHEN_RELIABLE = frozenset(
    {"A", "E", "G"}
)  # the transport retransmits; a 2xx goes end to end and does not count


@dataclass(slots=True)
class Transaction:
    """One transaction. `deadlines`: timer → (when, current interval). `fallback`: where it goes when its peer cannot be reached."""

    kind: Kind
    key: Key
    request: Request
    peer: Peer
    state: str = ""
    last: bytes = b""
    deadlines: dict[str, tuple[int, int]] = field(default_factory=dict)
    fallback: Peer | None = None

    def enter(self, state: str, now: int) -> None:
        """Go to a state and start its timers. A timer that runs on (F) keeps its deadline."""
        self.state = state
        old, self.deadlines = self.deadlines, {}
        for name, (length, _, _) in MACHINES[self.kind, state].items():
            if self.peer.reliable and name in _SILENT_WHEN_RELIABLE:
                continue
            zero = self.peer.reliable and name in _ZERO_WHEN_RELIABLE
            kept = old.get(name) if name == "F" else None
            self.deadlines[name] = kept or (now if zero else now + length, length)
