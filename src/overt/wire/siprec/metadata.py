"""Recording metadata (RFC 7865) in the dialects that are met: XML to a Snapshot, what was wrong beside it.

| namespace | written by | how it differs |
|---|---|---|
| `urn:ietf:params:xml:ns:recording:1` | RFC 7865: Cisco, OpenSIPS, jambonz, NetSapiens, … | associations are elements of their own |
| `urn:ietf:params:xml:ns:recording` | drafts: Acme Packet (Oracle), AudioCodes SmartTAP | `id`, `session`; `send`, `recv` and times in the participant |
| `urn:ietf:params:xml:ns:siprec` | BroadWorks | root `recording_metadata`, `aor` an element, ids in `send/id` |

Every spelling is read everywhere: what a document says counts, not the namespace it claims.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from types import MappingProxyType

from overt.wire.siprec.errors import BrokenMetadata, Remark, quoted
from overt.wire.siprec.moment import Moment, read_moment
from overt.wire.siprec.snapshot import (
    Address,
    Attendance,
    CommunicationSession,
    Dialect,
    Flow,
    Group,
    Participant,
    Recorded,
    Snapshot,
    Stream,
    gather,
    newer,
    together,
    with_strangers,
)
from overt.wire.siprec.tree import Element, plain, read

DIALECTS: MappingProxyType[str, Dialect] = MappingProxyType({
    "urn:ietf:params:xml:ns:recording:1": "RFC 7865",
    "urn:ietf:params:xml:ns:recording": "draft",
    "urn:ietf:params:xml:ns:siprec": "BroadWorks",
})  # fmt: skip
_BRACKETED = re.compile(r"[^<>]*<([^<>]+)>")
ROOTS = ("recording", "recordingmetadata")
_BEGIN = ("associate-time", "start-time")
_END = ("disassociate-time", "dissociate-time", "stop-time", "end-time")
_TIMES = frozenset(plain(one) for one in (*_BEGIN, *_END))
# What each element holds that is read into a field; everything else in it is kept as an extension.
_READ = MappingProxyType({
    "recording": {"datamode", "group", "session", "participant", "stream", "sessionrecordingassoc",
                  "participantsessionassoc", "participantstreamassoc"},
    "group": _TIMES | {"initiator"},
    "session": _TIMES | {"groupref", "sipsessionid", "reason", "participant", "stream"},
    "participant": _TIMES | {"nameid", "aor", "name", "send", "recv", "receive"},
    "stream": _TIMES | {"label", "mode", "contenttype"},
})  # fmt: skip


def parse(original: bytes) -> Snapshot:
    """Read a document; apart from `remarks`, what it says is in the snapshot, and its bytes in `original`.

    Raises ForbiddenMetadata for attacks on XML readers and BrokenMetadata when there is nothing to read.
    """
    tree = read(original)
    root, remarks = tree.root, list(tree.remarks)
    if root.kind not in ROOTS:
        raise BrokenMetadata(f"The metadata's outermost element is {quoted(root.name)}, not «recording».")
    if root.namespace not in DIALECTS:
        said = f"The namespace {quoted(root.namespace)} is none that is known; it was read as RFC 7865's."
        remarks.append(Remark("unknown-namespace", said))
    people = _inside(root, "participant")
    snapshot = Snapshot(
        original,
        _complete(root, remarks),
        DIALECTS.get(root.namespace, "unknown"),
        gather((), (_group(one, at) for at, one in _numbered(root, "group")), newer),
        gather((), (_communication_session(one, at) for at, one in _numbered(root, "session")), newer),
        gather((), (_participant(one, at) for at, (one, _) in enumerate(people, 1)), newer),
        gather((), (_stream(one, inside, at) for at, (one, inside) in enumerate(_inside(root, "stream"), 1)), newer),
        gather((), _attendances(root, people), newer),
        gather((), _flows(root, people), together),
        gather((), (Recorded(_ref(o, "session"), _time(o, _BEGIN), _time(o, _END)) for o in root.all("sessionrecordingassoc")), newer),
        _rest(root, "recording"),
    )  # fmt: skip
    return _checked(snapshot, remarks)


def _complete(root: Element, remarks: list[Remark]) -> bool:
    said = root.said("datamode").lower()
    if said not in ("complete", "partial"):
        sentence = "The metadata does not say whether it is complete or partial (datamode); it was taken for complete."
        remarks.append(Remark("no-datamode", sentence))
    return said != "partial"


def _inside(root: Element, kind: str) -> list[tuple[Element, str]]:
    """The elements of a kind, with the session they stand in where a client nests them."""
    nested = [
        (one, _own(session, "session", at)) for at, session in _numbered(root, "session") for one in session.all(kind)
    ]
    return [(one, "") for one in root.all(kind)] + nested


def _numbered(root: Element, kind: str) -> Iterator[tuple[int, Element]]:
    return enumerate(root.all(kind), 1)


def _own(element: Element, kind: str, at: int) -> str:
    """An element's own id; its place where the client gave none."""
    return element.get(f"{kind}_id", "id", kind) or f"?{at}"


def _ref(element: Element, kind: str) -> str:
    """The id of another element, as an attribute."""
    return element.get(f"{kind}_id", kind)


def _time(element: Element, names: tuple[str, ...]) -> Moment:
    return read_moment(element.said(*names))


def _rest(element: Element, kind: str) -> tuple[Element, ...]:
    return tuple(one for one in element.children if one.kind not in _READ[kind])


def _group(one: Element, at: int) -> Group:
    return Group(
        _own(one, "group", at), _time(one, _BEGIN), _time(one, _END), one.said("initiator"), _rest(one, "group")
    )


def _communication_session(one: Element, at: int) -> CommunicationSession:
    return CommunicationSession(
        _own(one, "session", at),
        one.said("group-ref") or _ref(one, "group"),
        tuple(each.text for each in one.all("sipSessionID") if each.text),
        _time(one, ("start-time", "associate-time")),
        _time(one, _END),
        tuple(each.text for each in one.all("reason") if each.text),
        _rest(one, "session"),
    )


def _participant(one: Element, at: int) -> Participant:
    named = [_address(each) for each in one.all("nameID") if each.get("aor")]
    spoken = [Address(_bare(each.text), one.said("name")) for each in one.all("aor") if each.text]
    return Participant(_own(one, "participant", at), tuple(named + spoken), _rest(one, "participant"))


def _address(name_id: Element) -> Address:
    """`<nameID aor="…"><name xml:lang="en">…</name></nameID>`; Connectel writes `…;lang=en-US;id=22` into the name."""
    name = next(iter(name_id.all("name")), Element("name"))
    shown, _, language = name.text.partition(";lang=")
    return Address(_bare(name_id.get("aor")), shown.strip(), name.get("lang") or language.partition(";")[0].strip())


def _bare(aor: str) -> str:
    """The address without a display name and angle brackets around it; brackets within it are its own."""
    found = _BRACKETED.fullmatch(aor.strip())
    return found[1].strip() if found else aor.strip()


def _stream(one: Element, inside: str, at: int) -> Stream:
    return Stream(
        _own(one, "stream", at),
        _ref(one, "session") or inside,
        one.said("label") or one.get("label"),
        one.said("mode").lower(),
        _time(one, _BEGIN),
        _time(one, _END),
        one.said("content-type"),
        _rest(one, "stream"),
    )


def _attendances(root: Element, people: list[tuple[Element, str]]) -> Iterator[Attendance]:
    for at, (one, inside) in enumerate(people, 1):
        where = _ref(one, "session") or inside
        if where or _time(one, _END):
            yield Attendance(_own(one, "participant", at), where, _time(one, _BEGIN), _time(one, _END))
    for one in root.all("participantsessionassoc"):
        if _ref(one, "participant"):
            parameters = tuple(each.text for each in one.all("param") if each.text)
            yield Attendance(
                _ref(one, "participant"), _ref(one, "session"), _time(one, _BEGIN), _time(one, _END), parameters
            )


def _flows(root: Element, people: list[tuple[Element, str]]) -> Iterator[Flow]:
    for at, (one, _) in enumerate(people, 1):
        if one.all("send", "recv", "receive"):
            yield Flow(_own(one, "participant", at), _streams(one, "send"), _streams(one, "recv", "receive"))
    for one in root.all("participantstreamassoc"):
        if _ref(one, "participant"):
            sends, receives = _streams(one, "send"), _streams(one, "recv", "receive")
            yield Flow(_ref(one, "participant"), sends, receives, _time(one, _BEGIN), _time(one, _END))


def _streams(element: Element, *names: str) -> tuple[str, ...]:
    """The streams named in `send` or `recv`: as text, or each in an `id` element."""
    found = element.all(*names)
    spoken = [each.text for one in found for each in (one, *one.all("id"))]
    return tuple(dict.fromkeys(one for one in spoken if one))


def _checked(snapshot: Snapshot, remarks: list[Remark]) -> Snapshot:
    """The snapshot with remarks on what contradicts itself in it; of a complete one everybody must be described."""
    known = {one.id for one in snapshot.participants}
    whole = with_strangers(snapshot) if snapshot.complete else snapshot
    streams = {name for one in snapshot.streams for name in (one.id, one.label)}
    named = {name for one in snapshot.flows for name in (*one.sends, *one.receives)}
    labels = [one.label for one in snapshot.streams if one.label]
    calls = (one.id for one in snapshot.communication_sessions)
    ids = (*known, *calls, *(one.id for one in snapshot.groups), *(one.id for one in snapshot.streams))
    times, complete = tuple(_moments(snapshot)), snapshot.complete
    findings = (
        (complete and not known, "no-participants", "The metadata names no participant."),
        (any(one.startswith("?") for one in ids), "no-id", "An element has no id; its place in the document stands for it."),
        (complete and len(whole.participants) > len(known), "stranger", "The metadata refers to a participant that it does not describe."),
        (complete and bool(named - streams), "unknown-stream", "The metadata says that somebody sends or receives a stream that it does not describe."),
        (len(labels) != len(set(labels)), "same-label", "Two streams of the metadata have the same label."),
        (complete and any(not one.addresses for one in snapshot.participants), "no-address", "A participant has no address of record (aor)."),
        (any(one.at_us is None for one in times), "unreadable-time", "A time of the metadata cannot be read."),
        (any(one.at_us is not None and not one.zoned for one in times), "no-offset", "A time has no offset from UTC, and was read as UTC."),
    )  # fmt: skip
    found = tuple(Remark(code, sentence) for wrong, code, sentence in findings if wrong)
    return replace(whole, remarks=(*remarks, *found))


def _moments(snapshot: Snapshot) -> Iterator[Moment]:
    calls = [(one.started, one.ended) for one in snapshot.communication_sessions]
    groups = [(one.started, one.ended) for one in snapshot.groups]
    streams = [(one.started, one.ended) for one in snapshot.streams]
    stays = [(one.joined, one.left) for one in snapshot.attendances]
    flows = [(one.since, one.until) for one in snapshot.flows]
    recorded = [(one.since, one.until) for one in snapshot.recorded]
    spans = calls + groups + streams + stays + flows + recorded
    yield from (moment for span in spans for moment in span if moment)
