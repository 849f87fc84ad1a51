"""One side of a call as the user agent sees it, and what may happen to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from overt.wire import sdp
from overt.wire.sip.dialog import Dialog
from overt.wire.sip.message import Request
from overt.wire.sip.transaction import Key, Peer, Send


@dataclass(slots=True)
class Leg:
    """One side of a call as the agent sees it. `address` and `port` are our media's; `far` is their description."""

    id: str
    server: bool
    peer: Peer
    invite: Request
    key: Key
    state: str = "early"
    dialog: Dialog | None = None
    far: sdp.Description | None = None
    address: str = ""
    port: int = 0
    session_id: int = 0
    version: int = 0
    tag: str = ""
    cancelled: bool = False
    ack: bytes = b""
    pending: Key = ()
    provisional: bool = False
    offering: bool = False

    def as_json(self) -> dict[str, Any]:
        """What a successor needs to go on with an established leg."""
        return {
            "id": self.id, "server": self.server, "state": self.state, "tag": self.tag, "address": self.address,
            "port": self.port, "session_id": self.session_id, "version": self.version,
            "dialog": self.dialog.as_json() if self.dialog is not None else None,
            "peer": [self.peer.host, self.peer.port, self.peer.transport, self.peer.connection],
        }  # fmt: skip


# ---------------------------------------------------------------------------------- what happened


@dataclass(frozen=True, slots=True)
class Offered:
    """Somebody calls. `far` is None when the INVITE had no description: then our 200 makes the offer."""

    leg: Leg
    request: Request
    far: sdp.Description | None


@dataclass(frozen=True, slots=True)
class Progressed:
    """A provisional response to our INVITE."""

    leg: Leg
    status: int


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A leg is established: their ACK came to our 200, or their 200 to our INVITE."""

    leg: Leg


@dataclass(frozen=True, slots=True)
class Changed:
    """A new offer of theirs was answered."""

    leg: Leg


@dataclass(frozen=True, slots=True)
class Ended:
    """A leg is over and was not ended by us. `status` is the final one for an INVITE of ours, 0 else."""

    leg: Leg
    how: str
    status: int = 0


Happening = Send | Offered | Progressed | Confirmed | Changed | Ended
