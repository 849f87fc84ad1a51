"""Which m-line of a recording session carries whom (RFC 7866 §7, 8), and what a new offer changed. Values only.

The label decides where offer and metadata agree on it. Where they do not, the order decides, and the basis says so; where
not even the order can, nobody is named.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from overt.wire.sdp import Description, Media
from overt.wire.siprec.errors import Remark, quoted
from overt.wire.siprec.snapshot import Flow, Participant, Snapshot, Stream, present

# How it is known which stream an m-line carries, and who sends a stream.
Basis = Literal["label", "order", "only one", "unknown"]
Source = Literal["send", "not receiving", "mixed", "everybody", "order", "unknown"]
Flowing = Literal["sends", "paused", "refused"]
Kind = Literal["added", "gone", "paused", "resumed", "refused", "reassigned"]
RECORD = ("on", "off", "paused")  # a=record (RFC 7866 §10.1): what a client tells its endpoints
PREFERENCES = ("on", "off", "pause", "nopreference")  # a=recordpref (§10.2): what an endpoint asks for


@dataclass(frozen=True, slots=True)
class Line:
    """One audio m-line: its place in the offer, its label, the metadata's stream, and who is heard in it.

    `senders` are participant ids: none when it is not known, several when their voices are mixed or the stream is shared.
    """

    index: int
    label: str
    flowing: Flowing
    stream: str = ""
    basis: Basis = "unknown"
    senders: tuple[str, ...] = ()
    source: Source = "unknown"

    @property
    def mixed(self) -> bool:
        """Whether more than one party is heard in it."""
        return len(self.senders) > 1


@dataclass(frozen=True, slots=True)
class Placement:
    """All audio m-lines of an offer; the streams that the metadata announces and the offer does not carry (yet)."""

    lines: tuple[Line, ...] = ()
    awaited: tuple[str, ...] = ()
    remarks: tuple[Remark, ...] = ()

    def unheard(self, snapshot: Snapshot) -> tuple[str, ...]:
        """Ids of participants on the call who are placed in no line."""
        heard = {one for line in self.lines for one in line.senders}
        return tuple(one.id for one in present(snapshot) if one.id not in heard)


def place(offer: Description, snapshot: Snapshot) -> Placement:
    """Put every audio m-line of an offer to its stream and its senders, with remarks where the client left it unclear."""
    audio = [(index, media) for index, media in enumerate(offer.media) if media.kind == "audio"]
    streams = [one for one in snapshot.streams if not one.ended]
    matched = _by_label(audio, streams)
    rest = [index for index, media in audio if index not in matched and flowing(media) != "refused"]
    left = [one for one in streams if one not in matched.values()]
    basis: dict[int, Basis] = dict.fromkeys(matched, "label")
    remarks = []
    if rest and len(rest) == len(left):
        matched |= dict(zip(rest, left, strict=True))
        basis |= dict.fromkeys(rest, "only one" if len(audio) == len(streams) == 1 else "order")
        remarks.append(_label_remark([offer.media[index].label for index in rest], [one.label for one in left]))
    elif rest and left:
        sentence = "Labels of the offer and of the metadata differ, and so do their numbers: some lines carry nobody knows whom."
        remarks.append(Remark("unplaced-line", sentence))
    people = present(snapshot)
    flows = {one.id: snapshot.flow(one.id) for one in people}
    ids = {one.id for one in snapshot.streams}
    called = {one.id: {one.id} | ({one.label} - ids - {""}) for one in streams}  # some name a stream by its label
    lines = tuple(
        _line(index, media, matched.get(index), basis.get(index, "unknown"), _senders(matched.get(index), called, flows))
        for index, media in audio
    )  # fmt: skip
    lines = lines if streams else _without_streams(lines, people)
    awaited = tuple(one.id for one in left if one not in matched.values())
    return Placement(lines, awaited, (*remarks, *_sender_remarks(lines)))


def _by_label(audio: list[tuple[int, Media]], streams: list[Stream]) -> dict[int, Stream]:
    """The streams whose label one m-line has, and no second one; a label that stands twice binds nothing."""
    labels = [media.label.strip() for _, media in audio]
    named = [one.label for one in streams]
    found: dict[int, Stream] = {}
    for index, media in audio:
        label = media.label.strip()
        if label and labels.count(label) == 1 and named.count(label) == 1:
            found[index] = streams[named.index(label)]
    return found


def _label_remark(offered: list[str], named: list[str]) -> Remark:
    written = " and ".join(", ".join(quoted(one) if one else "none" for one in labels) for labels in (offered, named))
    return Remark(
        "label-mismatch", f"The labels of offer and metadata differ ({written}); they were put together by their order."
    )


def _line(index: int, media: Media, stream: Stream | None, basis: Basis, by: tuple[tuple[str, ...], Source]) -> Line:
    return Line(index, media.label.strip(), flowing(media), stream.id if stream else "", basis, *by)


def flowing(media: Media) -> Flowing:
    """What a client's m-line does: it sends, it pauses (`inactive`, `recvonly`, `0.0.0.0`), or it is refused (port 0)."""
    if media.port == 0:
        return "refused"
    return "sends" if media.direction in ("sendonly", "sendrecv") else "paused"


def _senders(
    stream: Stream | None, called: dict[str, set[str]], flows: dict[str, Flow]
) -> tuple[tuple[str, ...], Source]:
    """Who is heard in a stream, and how that is known.

    `called` has the names of every stream that lives, `flows` those of everybody on the call, both in their order.
    """
    if stream is None:
        return (), "unknown"
    names, people = called[stream.id], tuple(flows)
    sending = tuple(one for one in people if names & set(flows[one].sends))
    if sending:
        return sending, "send"
    others = tuple(one for one in people if not names & set(flows[one].receives))
    if len(others) == 1 < len(people):
        return others, "not receiving"
    if stream.mode == "mixed" and len(people) > 1:
        return people, "mixed"
    if any(one.sends for one in flows.values()):
        return (), "unknown"  # the client says who sends what, and of this stream it says nobody
    if len(called) == 1:
        return _everybody(people)
    if len(called) == len(people):
        return (people[list(called).index(stream.id)],), "order"
    return (), "unknown"


def _everybody(people: tuple[str, ...]) -> tuple[tuple[str, ...], Source]:
    """All voices are in one line, as far as anybody said; of one person it is theirs."""
    return people, "everybody" if len(people) > 1 else "order" if people else "unknown"


def _without_streams(lines: tuple[Line, ...], people: tuple[Participant, ...]) -> tuple[Line, ...]:
    """Metadata without any stream (older OpenSIPS): one line is everybody, as many lines as people go by order."""
    ids = tuple(one.id for one in people)
    live = [one.index for one in lines if one.flowing != "refused"]
    if len(live) == 1:
        senders, source = _everybody(ids)
        return tuple(
            replace(one, basis="only one", senders=senders, source=source) if one.index in live else one
            for one in lines
        )
    if len(live) == len(ids):
        whose = dict(zip(live, ids, strict=True))
        return tuple(
            replace(one, basis="order", senders=(whose[one.index],), source="order") if one.index in whose else one
            for one in lines
        )
    return lines


def _sender_remarks(lines: tuple[Line, ...]) -> Iterator[Remark]:
    if any(one.source == "order" for one in lines):
        yield Remark(
            "sender-by-order", "The metadata does not say who sends a stream; participants were taken in their order."
        )
    if any(one.source == "everybody" for one in lines):
        yield Remark(
            "sender-everybody", "The metadata does not say who sends the only stream; it was taken to carry everybody."
        )
    if any(one.source == "not receiving" for one in lines):
        yield Remark(
            "sender-by-exclusion",
            "The metadata says only who receives a stream; who does not was taken for its sender.",
        )
    if any(one.source == "unknown" and one.flowing != "refused" for one in lines):
        yield Remark("unknown-sender", "The metadata does not let anyone tell whose voice a line carries.")


@dataclass(frozen=True, slots=True)
class Change:
    """What a new offer did to one line; `index` is its place in the new offer, or in the old one for a line that is gone."""

    kind: Kind
    index: int
    label: str


def compare(before: Placement, after: Placement) -> tuple[Change, ...]:
    """What changed from offer to offer. Lines are found again by their label, for pauses come with other numbers of m-lines.

    A line that is no longer offered is `gone`, which closes as a pause does. Unlabelled lines go by their place.
    """
    old = {_mark(one, before): one for one in before.lines}
    new = {_mark(one, after): one for one in after.lines}
    changes = [Change("gone", one.index, one.label) for mark, one in old.items() if mark not in new]
    for mark, one in new.items():
        changes += [Change(kind, one.index, one.label) for kind in _kinds(old.get(mark), one)]
    return tuple(changes)


def _mark(line: Line, placement: Placement) -> str | int:
    """The label where it is the only one of its kind, else the place."""
    return line.label if [one.label for one in placement.lines].count(line.label) == 1 and line.label else line.index


def _kinds(old: Line | None, new: Line) -> Iterator[Kind]:
    if old is None:
        yield "added"
        return
    if old.flowing != new.flowing:
        turned: dict[Flowing, Kind] = {"sends": "resumed", "paused": "paused", "refused": "refused"}
        yield turned[new.flowing]
    if set(old.senders) != set(new.senders):
        yield "reassigned"


@dataclass(frozen=True, slots=True)
class Awareness:
    """What an m-line says of recording: `record` one of RECORD, `preference` one of PREFERENCES, empty when it does not."""

    record: str = ""
    preference: str = ""


def awareness(sdp: bytes) -> tuple[Awareness, ...]:
    """The `a=record` and `a=recordpref` of every m-line; one before the first m-line holds for all that have none."""
    sections: list[dict[str, str]] = [{}]
    for line in sdp.decode("utf-8", "replace").replace("\r\n", "\n").split("\n"):
        name, _, value = line.strip().partition(":")
        if line.startswith("m="):
            sections.append({})
        elif name in ("a=record", "a=recordpref"):
            sections[-1].setdefault(name, value.strip().lower())
    merged = [{**sections[0], **one} for one in sections[1:]]
    return tuple(
        Awareness(_known(one.get("a=record", ""), RECORD), _known(one.get("a=recordpref", ""), PREFERENCES))
        for one in merged
    )


def _known(value: str, values: tuple[str, ...]) -> str:
    return value if value in values else ""
