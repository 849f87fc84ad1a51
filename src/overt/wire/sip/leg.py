"""One side of a call as the user agent sees it, and what may happen to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from overt.wire import sdp
from overt.wire.sip.dialog import Dialog
from overt.wire.sip.machine import Key, Peer, Send
from overt.wire.sip.message import Request, Response
from overt.wire.sip.timer import Timer

SDP_TYPE = "application/sdp"


@dataclass(frozen=True, slots=True)
class Offering:
    """A request of ours within a call: a new offer, or a refresh that repeats what was agreed.

    `tries` counts how often it was tried. `method` is INVITE, or UPDATE for a refresh without a body.
    """

    body: bytes = field(repr=False)
    content_type: str = SDP_TYPE
    refresh: bool = False
    method: str = "INVITE"
    tries: int = 0


@dataclass(slots=True)
class Leg:
    """One side of a call as the agent sees it. `address` and `port` are our media's; `far` is their description.

    `deferred`: whoever was offered the leg answers offers by `Agent.accept` and `Agent.reject`; else the agent does, with
    G.711 at `address` and `port`. `features` follow our Contact within the call (`;+sip.srs`, RFC 7866 §6). `secrecy`: whether
    its sound may or must be encrypted, with keys made from `secret` (`sdp.srtp_of`).

    For the agent: `question` is their request that waits for `accept`, `asked` its transaction; `unacknowledged` are
    INVITEs of theirs that we answered; `owing` is that one whose ACK brings their answer; `sent` is a new offer or refresh
    of ours that is under way, `waiting` one that will be; `body` is our last description; `updates`: they take UPDATE.
    """

    id: str
    server: bool
    peer: Peer
    invite: Request = field(repr=False)
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
    provisional: bool = False
    deferred: bool = False
    features: str = ""
    question: Request | None = field(default=None, repr=False)
    asked: Key = ()
    unacknowledged: set[Key] = field(default_factory=set)
    owing: Key = ()
    sent: Offering | None = None
    waiting: Offering | None = None
    body: bytes = field(default=b"", repr=False)
    content_type: str = SDP_TYPE
    updates: bool = False
    timer: Timer | None = None
    secret: bytes = field(default=b"", repr=False)
    secrecy: sdp.Secrecy = "off"

    @property
    def audio(self) -> sdp.Media | None:
        """The m-line of theirs that we take up, None when there is none."""
        return self.far.audio_of(self.secrecy) if self.far is not None else None

    @property
    def offering(self) -> bool:
        """Whether a new offer or a refresh of ours is under way."""
        return self.sent is not None

    @property
    def keys(self) -> set[Key]:
        """The transactions that matter to it."""
        return {key for key in (self.key, self.asked, *self.unacknowledged) if key}

    def as_json(self) -> dict[str, Any]:
        """What a successor needs to go on with an established leg."""
        return {
            "id": self.id, "server": self.server, "state": self.state, "tag": self.tag, "address": self.address,
            "port": self.port, "session_id": self.session_id, "version": self.version,
            "dialog": self.dialog.as_json() if self.dialog is not None else None,
            "peer": [self.peer.host, self.peer.port, self.peer.transport, self.peer.connection],
            "deferred": self.deferred, "features": self.features, "updates": self.updates,
            "body": self.body.decode("latin-1"), "content_type": self.content_type,
            "timer": self.timer.as_json() if self.timer is not None else None,
            "secret": self.secret.hex(), "secrecy": self.secrecy,
        }  # fmt: skip

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Leg:
        """The inverse of `as_json`. Its session timer begins anew: a refresh may have been missed meanwhile."""
        timer = fields.get("timer")
        return cls(
            fields["id"], fields["server"], Peer(*fields["peer"]), Request((), b"", "INVITE", ""), (), fields["state"],
            Dialog.from_json(fields["dialog"]), None, fields["address"], fields["port"], fields["session_id"],
            fields["version"], fields["tag"], deferred=fields.get("deferred", False),
            features=fields.get("features", ""), updates=fields.get("updates", False),
            body=fields.get("body", "").encode("latin-1"), content_type=fields.get("content_type", SDP_TYPE),
            timer=Timer(**{**timer, "refresh_at": 0, "ends_at": 0}) if timer else None,
            secret=bytes.fromhex(fields.get("secret", "")), secrecy=fields.get("secrecy", "off"),
        )  # fmt: skip


class Legs(Mapping[str, Leg]):
    """Legs by their id, their dialog, their transactions, and the request that made them: each found at once."""

    def __init__(self) -> None:
        self._legs: dict[str, Leg] = {}
        self._keys: dict[Key, Leg] = {}
        self._dialogs: dict[tuple[str, str, str], Leg] = {}
        self._invites: dict[tuple[str, str, int], Leg] = {}
        self._entries: dict[str, tuple[set[Key], tuple[str, str, str] | None, tuple[str, str, int] | None]] = {}

    def keep(self, leg: Leg) -> None:
        """Take a leg in, or note that its dialog or its transactions changed."""
        keys, dialog, invite = self._entries.get(leg.id, (set[Key](), None, None))
        if leg.id not in self._legs and leg.server and leg.invite.headers:
            invite = _identity(leg.invite)
            self._invites[invite] = leg
        if dialog is None and leg.dialog is not None:
            dialog = leg.dialog.identity
            self._dialogs[dialog] = leg
        now = leg.keys
        for key in keys - now:
            self._keys.pop(key, None)
        self._keys.update((key, leg) for key in now)
        self._legs[leg.id], self._entries[leg.id] = leg, (now, dialog, invite)

    def remove(self, leg: Leg) -> None:
        """Let a leg go. Nothing when it is not there."""
        if self._legs.pop(leg.id, None) is None:
            return
        keys, dialog, invite = self._entries.pop(leg.id)
        for key in keys:
            self._keys.pop(key, None)
        if dialog is not None:
            self._dialogs.pop(dialog, None)
        if invite is not None:
            self._invites.pop(invite, None)

    def of_key(self, key: Key) -> Leg | None:
        """The leg of a transaction."""
        return self._keys.get(key)

    def of_request(self, request: Request) -> Leg | None:
        """The leg to whose dialog a request of theirs belongs (RFC 3261 §12.2.2)."""
        return self._dialogs.get((request.call_id, request.to.tag, request.from_.tag)) if request.to.tag else None

    def of_response(self, response: Response) -> Leg | None:
        """The leg to whose dialog a response to a request of ours belongs."""
        return self._dialogs.get((response.call_id, response.from_.tag, response.to.tag))

    def merged(self, invite: Request) -> bool:
        """Whether the same INVITE came by another way already (§8.2.2.2)."""
        return _identity(invite) in self._invites

    def __getitem__(self, leg_id: str) -> Leg:
        return self._legs[leg_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._legs)

    def __len__(self) -> int:
        return len(self._legs)


def _identity(invite: Request) -> tuple[str, str, int]:
    return invite.call_id, invite.from_.tag, invite.cseq.number


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
    """A leg is established: their ACK came to our 200, or their 200 to our INVITE. A late offer's answer is in `leg.far`."""

    leg: Leg


@dataclass(frozen=True, slots=True)
class Changed:
    """What is agreed changed: a new offer of theirs was answered by the agent, or their ACK answered ours in a 200."""

    leg: Leg


@dataclass(frozen=True, slots=True)
class Reoffered:
    """A new offer of theirs within a deferred leg, which `Agent.accept` or `Agent.reject` answers.

    `far` is None for a re-INVITE without a description, whose 200 is to make the offer, and for an UPDATE that brings only
    metadata, whose 200 carries nothing.
    """

    leg: Leg
    request: Request
    far: sdp.Description | None


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """They took a new offer back before it was answered (CANCEL of a re-INVITE); it has its answer."""

    leg: Leg


@dataclass(frozen=True, slots=True)
class Reanswered:
    """What came to a new offer of ours: 200, or a refusal that changes nothing. `far` is their description, if any.

    491: they were offering too, more often than we tried, or their offer was agreed first. 408: nothing came.
    """

    leg: Leg
    status: int
    far: sdp.Description | None


@dataclass(frozen=True, slots=True)
class Ended:
    """A leg is over and was not ended by us. `status` is the final one for an INVITE of ours, 0 else."""

    leg: Leg
    how: str
    status: int = 0


Happening = Send | Offered | Progressed | Confirmed | Changed | Reoffered | Withdrawn | Reanswered | Ended
