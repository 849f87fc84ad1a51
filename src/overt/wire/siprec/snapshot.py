"""What a recording client has said of its calls (RFC 7865 §6), and how an update changes it.

Identifiers are opaque: compared, never taken apart. Where a client leaves one out, the element's place stands for it (`?2`).
Nobody disappears by being unknown: a participant that is only referred to is a participant without a name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields, replace
from typing import Literal, TypeVar

from overt.wire.siprec.errors import BrokenMetadata, Remark
from overt.wire.siprec.moment import Moment
from overt.wire.siprec.tree import Element

MOST_ENTRIES = 512  # of each kind, over all updates of a recording session
Dialect = Literal["RFC 7865", "draft", "BroadWorks", "unknown"]


@dataclass(frozen=True, slots=True)
class Group:
    """A communication session group: calls that belong together."""

    id: str
    started: Moment = Moment()
    ended: Moment = Moment()
    initiator: str = field(default="", repr=False)
    extensions: tuple[Element, ...] = ()

    @property
    def key(self) -> str:
        """By what updates find it."""
        return self.id


@dataclass(frozen=True, slots=True)
class CommunicationSession:
    """A call that the client takes part in. `sip_ids` are Session-IDs (RFC 7989) or Call-IDs, as the client likes."""

    id: str
    group: str = ""
    sip_ids: tuple[str, ...] = ()
    started: Moment = Moment()
    ended: Moment = Moment()
    reasons: tuple[str, ...] = ()
    extensions: tuple[Element, ...] = ()

    @property
    def key(self) -> str:
        """By what updates find it."""
        return self.id


@dataclass(frozen=True, slots=True)
class Address:
    """An address of record, as written (a URI, or a bare number), with the display name and its language.

    Neither is shown by `repr`: it may come into a log.
    """

    aor: str = field(repr=False)
    name: str = field(default="", repr=False)
    language: str = ""


@dataclass(frozen=True, slots=True)
class Participant:
    """Somebody on a call; without addresses when the client only referred to them."""

    id: str
    addresses: tuple[Address, ...] = ()
    extensions: tuple[Element, ...] = ()

    @property
    def key(self) -> str:
        """By what updates find it."""
        return self.id


@dataclass(frozen=True, slots=True)
class Stream:
    """A media stream; `label` binds it to an m-line; `mode` is `mixed`, `separate` or empty."""

    id: str
    communication_session: str = ""
    label: str = ""
    mode: str = ""
    started: Moment = Moment()
    ended: Moment = Moment()
    content_type: str = ""
    extensions: tuple[Element, ...] = ()

    @property
    def key(self) -> str:
        """By what updates find it."""
        return self.id


@dataclass(frozen=True, slots=True)
class Attendance:
    """That a participant is in a communication session, since when, and since when no more (participantsessionassoc)."""

    participant: str
    communication_session: str = ""
    joined: Moment = Moment()
    left: Moment = Moment()
    parameters: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """By what updates find it."""
        return self.participant, self.communication_session


@dataclass(frozen=True, slots=True)
class Flow:
    """Which streams a participant sends and receives (participantstreamassoc)."""

    participant: str
    sends: tuple[str, ...] = ()
    receives: tuple[str, ...] = ()
    since: Moment = Moment()
    until: Moment = Moment()

    @property
    def key(self) -> str:
        """By what updates find it."""
        return self.participant


@dataclass(frozen=True, slots=True)
class Recorded:
    """Since when a communication session is recorded by this recording session (sessionrecordingassoc)."""

    communication_session: str
    since: Moment = Moment()
    until: Moment = Moment()

    @property
    def key(self) -> str:
        """By what updates find it."""
        return self.communication_session


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The metadata of a recording session. `original` is the very document it was read from, or the last of several.

    Whoever applies updates keeps every `original` as evidence; here only the last one stands.
    """

    original: bytes = field(default=b"", repr=False)
    complete: bool = True
    dialect: Dialect = "RFC 7865"
    groups: tuple[Group, ...] = ()
    communication_sessions: tuple[CommunicationSession, ...] = ()
    participants: tuple[Participant, ...] = ()
    streams: tuple[Stream, ...] = ()
    attendances: tuple[Attendance, ...] = ()
    flows: tuple[Flow, ...] = ()
    recorded: tuple[Recorded, ...] = ()
    extensions: tuple[Element, ...] = ()
    remarks: tuple[Remark, ...] = ()

    def flow(self, participant: str) -> Flow:
        """What a participant sends and receives now; nothing when the client did not say, or said that it ended."""
        return next((one for one in self.flows if one.participant == participant and not one.until), Flow(participant))


Entry = TypeVar("Entry", Group, CommunicationSession, Participant, Stream, Attendance, Flow, Recorded)


def gather(before: Iterable[Entry], after: Iterable[Entry], join: Callable[[Entry, Entry], Entry]) -> tuple[Entry, ...]:
    """Entries by their key in the order first met; `join` makes one of an older and a newer. Raises BrokenMetadata."""
    found: dict[str | tuple[str, str], Entry] = {one.key: one for one in before}
    for one in after:
        found[one.key] = join(found[one.key], one) if one.key in found else one
    if len(found) > MOST_ENTRIES:
        raise BrokenMetadata(f"The metadata names more than {MOST_ENTRIES} participants, streams or sessions.", 513)
    return tuple(found.values())


def newer(old: Entry, new: Entry) -> Entry:
    """What the newer one says, and of the rest what the older one said. Who is named again without an end has not left."""
    said = {one.name: getattr(new, one.name) for one in fields(new) if getattr(new, one.name)}
    if isinstance(new, Attendance):
        said["left"] = new.left
    if isinstance(new, Stream):
        said["ended"] = new.ended
    return replace(old, **said)


def together(old: Flow, new: Flow) -> Flow:
    """Two statements on one participant in one document are one."""
    streams = (*old.sends, *new.sends), (*old.receives, *new.receives)
    sends, receives = (tuple(dict.fromkeys(one)) for one in streams)
    return Flow(old.participant, sends, receives, new.since or old.since, new.until or old.until)


def apply(snapshot: Snapshot, update: Snapshot) -> Snapshot:
    """The state after an update: a complete one replaces all, a partial one what it names (RFC 7865 §6.1, §8).

    A partial statement on a participant's streams replaces the former one whole: what it does not name is no longer sent.
    Raises BrokenMetadata when updates have piled up beyond bounds.
    """
    if update.complete:
        return update
    attendances = tuple(one for said in update.attendances for one in _spread(said, snapshot.attendances))
    merged = Snapshot(
        update.original,
        snapshot.complete,
        update.dialect,
        gather(snapshot.groups, update.groups, newer),
        gather(snapshot.communication_sessions, update.communication_sessions, newer),
        gather(snapshot.participants, update.participants, newer),
        gather(snapshot.streams, update.streams, newer),
        gather(snapshot.attendances, attendances, newer),
        gather(snapshot.flows, update.flows, lambda _, new: new),
        gather(snapshot.recorded, update.recorded, newer),
        update.extensions or snapshot.extensions,
        update.remarks,
    )
    return with_strangers(merged)


def _spread(said: Attendance, known: tuple[Attendance, ...]) -> tuple[Attendance, ...]:
    """An attendance without a session is meant for every session that the participant is in."""
    own = tuple(one.communication_session for one in known if one.participant == said.participant)
    if said.communication_session or not own:
        return (said,)
    return tuple(replace(said, communication_session=one) for one in own)


def with_strangers(snapshot: Snapshot) -> Snapshot:
    """The same, with a nameless participant for each that is referred to and nowhere described."""
    referred = [one.participant for one in snapshot.attendances] + [one.participant for one in snapshot.flows]
    strangers = tuple(Participant(one) for one in referred)
    return replace(snapshot, participants=gather(snapshot.participants, strangers, newer))


def present(snapshot: Snapshot, communication_session: str = "") -> tuple[Participant, ...]:
    """Who is on the call, or on one of the calls: everybody but those of whom the client said that they left."""
    listed: set[str] = set()
    there: set[str] = set()
    for one in snapshot.attendances:
        listed.add(one.participant)
        if not one.left and (not communication_session or one.communication_session in ("", communication_session)):
            there.add(one.participant)
    return tuple(one for one in snapshot.participants if one.id in there or one.id not in listed)


@dataclass(frozen=True, slots=True)
class Roster:
    """Who came and who went between two states, as participant ids."""

    joined: tuple[str, ...] = ()
    left: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.joined or self.left)


def roster_change(before: Snapshot, after: Snapshot) -> Roster:
    """Who is on the call after and was not before, and the other way round."""
    old, new = ([one.id for one in present(state)] for state in (before, after))
    return Roster(tuple(one for one in new if one not in old), tuple(one for one in old if one not in new))


def same_call(one: Snapshot, other: Snapshot) -> bool:
    """Whether two recording sessions record the same call: a client that fails over sends its metadata again.

    They share the id of a communication session, or a SIP session's (RFC 7989: the same two halves, either way round).
    Ids that the client left out match nothing.
    """
    return bool(marks_of(one) & marks_of(other))


Mark = tuple[str, str | frozenset[str]]


def marks_of(snapshot: Snapshot) -> set[Mark]:
    """What a call is known by: the ids of its communication sessions, and of the SIP sessions behind them."""
    marks: set[tuple[str, str | frozenset[str]]] = set()
    for call in snapshot.communication_sessions:
        if not call.id.startswith("?"):
            marks.add(("id", call.id))
        for written in call.sip_ids:
            local, _, rest = written.partition(";")
            remote = rest.strip().removeprefix("remote=").partition(";")[0].strip()
            marks.add(("sip", frozenset({local.strip().lower(), remote.lower()} - {"", "0" * 32})))
    return marks - {("sip", frozenset())}
