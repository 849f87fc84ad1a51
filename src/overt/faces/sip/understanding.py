"""What a recording client has said until now, and what we make of it: who is on the call, on which line, in which codec.

Values only. Every message of the client makes another `Understanding` of the one before; nothing of what it sent wrong is
lost: it is a sentence among the remarks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from overt.domain.identity import Number, Side
from overt.domain.roster import Person, Seats, VoiceLine, seat
from overt.inbox import Described, LegMedia, Srtp
from overt.wire import sdp
from overt.wire.sip.errors import RemoteProtocolError
from overt.wire.sip.grammar import parse_parameters
from overt.wire.sip.message import Message
from overt.wire.sip.uri import Uri
from overt.wire.siprec.answering import Heard, OurLine, Storable, keys_of, storable
from overt.wire.siprec.metadata import parse
from overt.wire.siprec.multipart import Body, read_body
from overt.wire.siprec.placement import flowing, place
from overt.wire.siprec.snapshot import Participant, Snapshot, apply, present

ANONYMOUS = ("anonymous", "unknown", "restricted", "unavailable")
NO_METADATA = "it sent no recording metadata (application/rs-metadata+xml), so that nobody on the call is known"
NO_ADDRESS = (
    "a stream is offered without an address (c=), or with a name in its place; it is heard from where the session came"
)
MOST_KEPT = 48_000  # bytes of documents for a successor
TOO_MANY_UPDATES = "it sends update after update of its metadata and never all of it again: after a restart of ours only the latest are known"
_SCHEME = re.compile(r"^\s*(?:sips?|tel):", re.IGNORECASE)
IsAgent = Callable[[Person], bool]


@dataclass(frozen=True, slots=True)
class Means:
    """What we can do for a client: the codecs that can be decoded later, whether its sound may or must be encrypted."""

    decodable: AbstractSet[str]
    secrecy: sdp.Secrecy
    is_agent: IsAgent


@dataclass(frozen=True, slots=True)
class Understanding:
    """All that was said until now. `written` is the last offer as it was written; `documents` are the last complete metadata and the updates after it, as they came."""

    snapshot: Snapshot | None = None
    offer: sdp.Description | None = None
    storable: Mapping[int, Storable] = field(default_factory=dict)
    seats: Seats = Seats()
    documents: tuple[bytes, ...] = field(default=(), repr=False)
    unclear: tuple[str, ...] = ()
    written: bytes = field(default=b"", repr=False)
    begun: bool = False

    @property
    def hears(self) -> bool:
        """True when there is a line that we can hear; also while the client has not said which."""
        return self.offer is None or bool(self.seats.lines)

    @property
    def closed(self) -> bool:
        """True when every line of the client's is closed (port 0): some pause so."""
        return self.offer is not None and all(one.port == 0 for one in self.offer.media)

    def our_lines(
        self, address: str, ports: Mapping[Side, int], keys: Mapping[Side, bytes], heard: Heard
    ) -> tuple[OurLine, ...]:
        """Our side of every line that has a seat."""
        assert self.offer is not None
        return tuple(
            OurLine(index, address, ports[side], heard, self.storable[index].kept,
                    keys[side] if self.offer.media[index].secure else b"")
            for side, index in self.seats.lines
        )  # fmt: skip

    def media(self, side: Side, ours: OurLine, source: str) -> LegMedia | None:
        """What the engine must know of a seat's stream; None when it has none. `source` is where sound comes from that is
        offered without an address.
        """
        index = self.seats.line(side)
        if self.offer is None or index is None:
            return None
        media, kept = self.offer.media[index], self.storable[index]
        number, codec = kept.codecs[0]
        flows = flowing(media) == "sends"
        keys = keys_of(ours, self.offer)
        return LegMedia(
            media.address or source, media.port, media.rtcp_port, codec, number, kept.event_type, flows, flows,
            tuple(kept.codecs[1:]), Srtp(keys.suite, keys.receive, keys.send) if keys is not None else None,
        )  # fmt: skip


def understand(
    before: Understanding, body: Body, offer: sdp.Description | None, means: Means
) -> tuple[Understanding, Described | None, tuple[str, ...]]:
    """Return what is understood after a body of the client's, its description of the call if it has one, and remarks.

    `offer` is the session description in it, as the user agent read it. Of a first body without metadata the description
    says that there is none.
    """
    remarks = [one.sentence for one in body.remarks]
    document, first = body.metadata, not before.begun
    read, snapshot = _read(before, document, remarks)
    after = replace(before, snapshot=snapshot, offer=offer or before.offer, begun=True)
    if offer is not None:
        after = replace(after, written=body.sdp or before.written)
    if document is not None and read is not None:
        documents = (document,) if read.complete else (*before.documents, document)
        after = replace(after, documents=_newest(documents, remarks))
    after = _placed(after, means)
    remarks += [one for one in after.unclear if one not in before.unclear]
    if document is None and first:
        remarks.append(NO_METADATA)
    said = tuple(dict.fromkeys(remarks))
    if document is None and not first:
        return after, None, said
    dialect, complete = (read.dialect, read.complete) if read is not None else ("", False)
    return after, Described(document or b"", dialect, complete, said, after.seats), said


def without_offer(known: Understanding, before: Understanding, means: Means) -> Understanding:
    """What is known when an offer was refused: its lines are those that were agreed before, the people those of now."""
    return _placed(replace(known, offer=before.offer, written=before.written), means)


def _newest(documents: tuple[bytes, ...], remarks: list[str]) -> tuple[bytes, ...]:
    """The complete document and those updates after it that a successor can be given; each of all stands in the ledger."""
    kept = list(documents)
    while len(kept) > 1 and sum(map(len, kept)) > MOST_KEPT:
        del kept[1]
    if len(kept) < len(documents):
        remarks.append(TOO_MANY_UPDATES)
    return tuple(kept)


def _read(before: Understanding, document: bytes | None, remarks: list[str]) -> tuple[Snapshot | None, Snapshot | None]:
    """A document, and what is known after it. One that cannot be read changes nothing: what was known stands, and it is said."""
    if document is None:
        return None, before.snapshot
    try:
        read = parse(document)
        after = read if before.snapshot is None else apply(before.snapshot, read)
    except RemoteProtocolError as error:
        remarks.append(error.reason)
        return None, before.snapshot
    remarks += [one.sentence for one in read.remarks]
    return read, after


def _placed(known: Understanding, means: Means) -> Understanding:
    """The lines with their seats, and what was unclear about them."""
    snapshot = known.snapshot or Snapshot()
    people = [_person(one) for one in present(snapshot)]
    if known.offer is None:
        return replace(known, seats=seat(people, (), means.is_agent, known.seats))
    found = {index: storable(media, means.decodable, means.secrecy) for index, media in enumerate(known.offer.media)}
    placement = place(known.offer, snapshot)
    lines = [
        VoiceLine(line.index, line.label, line.senders if known.snapshot else (), f"{line.basis}, {line.source}")
        for line in placement.lines
        if found[line.index].codecs
    ]  # fmt: skip
    seats = seat(people, lines, means.is_agent, known.seats)
    unclear = [NO_ADDRESS] if any(one.port and not one.address for one in known.offer.media) else []
    unclear += [one for kept in found.values() for one in kept.refused]
    unclear += [one.sentence for one in placement.remarks] if known.snapshot else []
    unclear += [f"line {index} is not kept: two tracks are, and there is no seat for it" for index in seats.unheard]
    return replace(known, storable=found, seats=seats, unclear=tuple(unclear))


def _person(participant: Participant) -> Person:
    """A participant in the words of the domain: number, domain and name of the first address."""
    if not participant.addresses:
        return Person(participant.id)
    address = participant.addresses[0]
    user, domain = _parts(address.aor)
    number = Number() if user.lower() in ANONYMOUS else Number(user)
    return Person(participant.id, number, domain, address.name)


def _parts(aor: str) -> tuple[str, str]:
    """Number or name, and domain, of an address of record: a URI, or a bare number."""
    try:
        uri = Uri.parse(aor)
    except RemoteProtocolError:
        user, _, domain = _SCHEME.sub("", aor).partition("@")
        return user.partition(";")[0].strip(), domain.strip()
    return (uri.user or uri.opaque).partition(";")[0], uri.host


def is_recording_session(message: Message) -> bool:
    """True when an INVITE asks for a recording session: by its body first, since many clients say nothing else of it."""
    required = {one.strip().lower() for one in message.all("Require")}
    if "siprec" in required or "+sip.src" in parse_parameters(message.get("Contact").rpartition(">")[2]):
        return True
    try:
        return body_of(message).metadata is not None
    except RemoteProtocolError:
        return False


def body_of(message: Message) -> Body:
    """The body of a message, taken apart. Raises RemoteProtocolError when it cannot be."""
    return read_body(message.get("Content-Type"), message.body)
