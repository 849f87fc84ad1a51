"""What is understood of recording clients' messages: who is on the call, on which line, and what is unclear."""

from __future__ import annotations

from pathlib import Path

import pytest

from overt.domain.identity import AGENT, CALLER
from overt.domain.roster import Person
from overt.faces.sip.understanding import (
    MOST_KEPT,
    NO_ADDRESS,
    NO_METADATA,
    TOO_MANY_UPDATES,
    Means,
    Understanding,
    is_recording_session,
    understand,
)
from overt.inbox import Described
from overt.wire import sdp
from overt.wire.sip.message import Request, parse
from overt.wire.siprec.multipart import Body, Part, read_body

CORPUS = Path(__file__).parents[2] / "corpus" / "siprec"
MEANS = Means(frozenset({"PCMU", "PCMA"}), "optional", lambda person: False)
METADATA = "application/rs-metadata+xml"
OFFER = """v=0
o=- 1 1 IN IP4 192.0.2.20
s=-
c=IN IP4 192.0.2.20
t=0 0
m=audio 21000 RTP/AVP 0
a=label:1
a=sendonly
m=audio 21002 RTP/AVP 0
a=label:2
a=sendonly
"""


def corpus(name: str) -> Body:
    """The body of a client's message."""
    whole = (CORPUS / f"{name}.body").read_bytes()
    boundary = whole.split(b"--", 1)[1].split(None, 1)[0].decode()
    return read_body(f"multipart/mixed;boundary={boundary}", whole)


def body(offer: str = "", metadata: str = "") -> Body:
    """A body of our own."""
    parts = [Part((("Content-Type", "application/sdp"),), offer.encode())] if offer else []
    parts += [Part((("Content-Type", METADATA),), metadata.encode())] if metadata else []
    return Body(tuple(parts))


def taken(
    one: Body, before: Understanding = Understanding(), means: Means = MEANS  # noqa: B008 - it is frozen
) -> tuple[Understanding, Described | None, tuple[str, ...]]:  # fmt: skip
    """What is understood of a body."""
    return understand(before, one, sdp.parse(one.sdp) if one.sdp is not None else None, means)


def people(*ids: str, complete: bool = True, label: str = "") -> str:
    """Metadata that names people, each of whom sends the stream of their place."""
    mode = "complete" if complete else "partial"
    named = "".join(
        f'<participant participant_id="{one}"><nameID aor="sip:{one}@pbx.example"/></participant>'
        f'<stream stream_id="s{one}" session_id="c"><label>{at}</label></stream>'
        f'<participantstreamassoc participant_id="{one}"><send>s{one}</send></participantstreamassoc>'
        for at, one in enumerate(ids, 1)
    )
    return (
        f'<recording xmlns="urn:ietf:params:xml:ns:recording:1"><datamode>{mode}</datamode>{named}{label}</recording>'
    )


@pytest.mark.parametrize(
    ("name", "lines", "mixed", "others"),
    [
        ("acme", {CALLER: 0, AGENT: 1}, False, 0), ("broadworks-conference", {CALLER: 0, AGENT: 1}, True, 1),
        ("broadworks-mixed", {CALLER: 0}, True, 0), ("cisco", {CALLER: 0, AGENT: 1}, False, 0),
        ("cisco-paused", {CALLER: 0, AGENT: 1}, False, 0), ("connectel", {CALLER: 0, AGENT: 1}, False, 0),
        ("jambonz", {CALLER: 0, AGENT: 1}, False, 0), ("netsapiens", {CALLER: 0, AGENT: 1}, False, 0),
        ("opensips", {CALLER: 0, AGENT: 1}, False, 0), ("smarttap", {CALLER: 0, AGENT: 1}, False, 0),
        ("two-calls", {CALLER: 0, AGENT: 1}, False, 1),
    ],
)  # fmt: skip
def test_every_clients_message_is_understood(name: str, lines: dict[str, int], mixed: bool, others: int) -> None:
    known, described, remarks = taken(corpus(name))
    assert described is not None and described.dialect and described.document and described.remarks == remarks
    seats = described.seats
    assert (dict(seats.lines), seats.mixed, len(seats.others)) == (lines, mixed, others)
    assert known.hears and known.documents == (described.document,) and known.written
    keys = {CALLER: b"k" * 46, AGENT: b"l" * 46}
    ours = known.our_lines("192.0.2.1", {CALLER: 16384, AGENT: 16386}, keys, "recvonly")
    assert [(one.index, one.port, one.key) for one in ours] == [
        (index, 16384 if side == CALLER else 16386, b"") for side, index in lines.items()
    ]
    for line, side in zip(ours, lines, strict=True):
        media = known.media(side, line, "192.0.2.77")  # type: ignore[arg-type]
        assert (
            media is not None
            and media.codec in ("PCMU", "PCMA")
            and media.address
            and media.sends == (name != "cisco-paused")
        )


def test_a_stream_without_an_address_is_heard_from_where_the_session_came() -> None:
    known, _, remarks = taken(corpus("connectel"))
    (line, _) = known.our_lines("192.0.2.1", {CALLER: 1, AGENT: 3}, {}, "recvonly")
    media = known.media(CALLER, line, "192.0.2.77")
    assert media is not None and media.address == "192.0.2.77" and NO_ADDRESS in remarks


def test_numbers_names_and_domains_are_read_from_every_spelling() -> None:
    for aor, number, domain in (
        ("sip:+14155550101@sbc.example;user=phone", "+14155550101", "sbc.example"), ("tel:+14155550101", "+14155550101", ""),
        ("sip:+14155550101", "+14155550101", ""), ("2040", "2040", ""), ("ann@pbx.example", "ann", "pbx.example"),
        ("sip:anonymous@anonymous.invalid", "", "anonymous.invalid"), ("urn:x:y", "x:y", ""),
    ):  # fmt: skip
        known, _, _ = taken(body(OFFER, people("ann").replace("sip:ann@pbx.example", aor)))
        caller = known.seats.caller
        assert caller is not None and (caller.number.text, caller.domain) == (number, domain)


def test_without_metadata_the_lines_go_by_their_order_and_it_is_said() -> None:
    known, described, remarks = taken(body(OFFER))
    assert dict(known.seats.lines) == {CALLER: 0, AGENT: 1} and known.seats.people == ()
    assert described is not None and (described.dialect, described.document) == ("", b"") and remarks == (NO_METADATA,)
    again, described, remarks = taken(body(OFFER), known)
    assert described is None and remarks == () and again.seats == known.seats


def test_an_update_changes_what_it_names_and_is_kept() -> None:
    first, _, _ = taken(body(OFFER, people("ann", "bo")))
    after, described, _ = taken(body("", people("cy", complete=False)), first)
    assert described is not None and not described.complete and len(after.documents) == 2
    assert [one.id for one in after.seats.people] == ["ann", "bo", "cy"]
    whole, described, _ = taken(body("", people("ann")), after)
    assert described is not None and described.complete and len(whole.documents) == 1 and whole.offer == first.offer


def test_updates_without_end_are_kept_within_bounds_and_it_is_said() -> None:
    known, _, _ = taken(body(OFFER, people("ann", "bo")))
    first, said = known.documents[0], set[str]()
    for number in range(400):
        known, _, remarks = taken(body("", people(f"p{number % 9}", complete=False)), known)
        said.update(remarks)
    assert sum(map(len, known.documents)) <= MOST_KEPT and known.documents[0] == first
    assert b"p3" in known.documents[-1] and TOO_MANY_UPDATES in said
    whole, _, remarks = taken(body("", people("ann")), known)
    assert len(whole.documents) == 1 and TOO_MANY_UPDATES not in remarks


def test_metadata_that_cannot_be_read_changes_nothing_and_is_kept_as_it_came() -> None:
    first, _, _ = taken(body(OFFER, people("ann", "bo")))
    after, described, remarks = taken(body("", "<!DOCTYPE x><recording/>"), first)
    assert after.snapshot is first.snapshot and remarks and after.documents == first.documents
    assert described is not None and described.document.startswith(b"<!DOCTYPE")
    fresh, described, remarks = taken(body(OFFER, "what?"))
    assert fresh.snapshot is None and described is not None and described.dialect == "" and remarks and fresh.hears


def test_what_cannot_be_kept_is_refused_and_it_is_said() -> None:
    video = OFFER.replace("m=audio 21002", "m=video 21002")
    known, _, remarks = taken(body(video))
    assert dict(known.seats.lines) == {CALLER: 0} and any("video" in one for one in remarks)
    none, _, remarks = taken(body(OFFER.replace("RTP/AVP 0", "RTP/AVP 3")))
    assert not none.hears and none.seats.lines == () and remarks
    late, _, _ = taken(body("", people("ann", "bo")))
    assert late.hears and late.offer is None and late.seats.caller is not None


def test_whom_we_know_for_an_agent_has_the_agents_seat() -> None:
    means = Means(frozenset({"PCMU"}), "optional", lambda person: person.number.text == "ann")
    known, _, _ = taken(body(OFFER, people("ann", "bo")), means=means)
    assert isinstance(known.seats.agent, Person) and known.seats.agent.id == "ann" and known.seats.line(AGENT) == 0


def test_an_encrypted_line_has_a_key_of_ours() -> None:
    crypto = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5"
    secure = OFFER.replace("RTP/AVP 0", "RTP/SAVP 0").replace("a=label:1", f"{crypto}\na=label:1")
    known, _, remarks = taken(body(secure))
    keys = {CALLER: b"k" * 46, AGENT: b"l" * 46}
    (line,) = known.our_lines("192.0.2.1", {CALLER: 1, AGENT: 3}, keys, "recvonly")
    media = known.media(CALLER, line, "")
    assert line.key == keys[CALLER] and media is not None and media.srtp is not None
    assert media.srtp.receive.startswith(b"0123456789") and any("encrypted" in one for one in remarks)


def request(headers: str, content: bytes = b"") -> Request:
    """An INVITE."""
    head = (
        "INVITE sip:srs@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKa\r\nFrom: <sip:src@x>;tag=a\r\n"
        f"To: <sip:srs@192.0.2.1>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n{headers}"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    found = parse(head.encode() + content)
    assert isinstance(found, Request)
    return found


def test_a_recording_session_is_known_by_its_body_and_also_by_what_it_says() -> None:
    xml = f"Contact: <sip:a@x>\r\nContent-Type: {METADATA}\r\n"
    assert is_recording_session(request(xml, people("ann").encode()))
    assert is_recording_session(request("Contact: <sip:a@x>;+sip.src\r\n"))
    assert is_recording_session(request("Contact: <sip:a@x>\r\nRequire: 100rel, SIPREC\r\n"))
    assert not is_recording_session(request("Contact: <sip:a@x>\r\nContent-Type: application/sdp\r\n", OFFER.encode()))
    assert not is_recording_session(request("Contact: <sip:a@x>\r\nContent-Type: multipart/mixed\r\n", b"x" * 70))
