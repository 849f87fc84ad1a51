"""SIP messages: what is read, what is refused and how, and that nothing else can happen."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt.wire.sip.errors import RemoteProtocolError
from overt.wire.sip.grammar import LARGEST_BODY, MOST_HEADERS, parse_parameters, split_values, write_parameters
from overt.wire.sip.headers import CSeq, NameAddress, Via, canonical, passes
from overt.wire.sip.message import Request, Response, parse, respond
from overt.wire.sip.stream import PING, StreamReader
from overt.wire.sip.uri import Uri

SAMPLES = Path(__file__).parents[3] / "shared" / "samples" / "rfc4475"
INVITE = (
    b"INVITE sip:sales@example.net SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP client.example.org:5060;branch=z9hG4bKa1;rport, SIP/2.0/UDP far.example.org\r\n"
    b'f: "A \\"quoted\\" name" <sip:+14155550100@example.org;user=phone>;tag=f1\r\n'
    b"t: <sip:sales@example.net>\r\n"
    b"i: one@example.org\r\n"
    b"CSeq: 7 INVITE\r\n"
    b"m: <sip:me@192.0.2.1:5070;transport=udp>\r\n"
    b"Subject: folded\r\n over lines\r\n"
    b"Max-Forwards: 70\r\n"
    b"Content-Type: application/sdp\r\n"
    b"l: 4\r\n\r\nv=0\n"
)


def test_a_request_is_read_whole() -> None:
    request = parse(INVITE)
    assert isinstance(request, Request) and request.method == "INVITE" and request.body == b"v=0\n"
    assert request.from_.display == 'A "quoted" name' and request.from_.tag == "f1"
    assert request.call_id == "one@example.org" and request.cseq == CSeq(7, "INVITE")
    assert request.contact is not None and request.contact.uri.address == ("192.0.2.1", 5070)
    assert request.get("subject") == "folded over lines" and len(request.all("Via")) == 2
    assert request.via.branch == "z9hG4bKa1" and request.get("nothing") == ""
    again = parse(bytes(request.with_headers(("X-More", "1"))))
    assert again.get("X-More") == "1" and again.body == request.body


def test_a_response_carries_what_it_must() -> None:
    request = parse(INVITE)
    assert isinstance(request, Request)
    response = parse(bytes(respond(request, 486, tag="t1", headers=(("Retry-After", "5"),))))
    assert isinstance(response, Response) and (response.status, response.reason) == (486, "Busy Here")
    assert response.to.tag == "t1" and response.get("Via") == request.get("Via")
    assert respond(request, 299).reason == "Unknown"
    assert parse(bytes(respond(request, 200, tag="new")).replace(b"To: ", b"t: ")).to.tag == "new"
    tagged = parse(INVITE.replace(b"t: <sip:sales@example.net>", b"t: <sip:sales@example.net>;tag=known"))
    assert isinstance(tagged, Request) and respond(tagged, 200, tag="other").to.tag == "known"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda m: b"x" * 70000, 513),
        (lambda m: m.replace(b"\r\n\r\n", b"\r\n"), 400),
        (lambda m: m.replace(b"SIP/2.0\r\n", b"SIP/3.0\r\n", 1), 505),
        (lambda m: m.replace(b"INVITE sip", b"INV{ITE sip", 1), 400),
        (lambda m: m.replace(b"7 INVITE", b"7 BYE"), 400),
        (lambda m: m.replace(b"7 INVITE", b"99999999999 INVITE"), 400),
        (lambda m: m.replace(b"i: one", b"Nothing: one"), 400),
        (lambda m: m.replace(b"i: one", b"i: one\r\nCall-ID: two"), 400),
        (lambda m: m.replace(b"l: 4", b"l: 400"), 400),
        (lambda m: m.replace(b"l: 4", b"l: four"), 400),
        (lambda m: m.replace(b"Max-Forwards: 70", b"Max-Forwards: 700"), 400),
        (lambda m: m.replace(b"Max-Forwards: 70", b"no colon"), 400),
        (lambda m: m.replace(b"Max-Forwards: 70", b"bad name: x"), 400),
        (lambda m: m.replace(b"Subject: folded", b"Subject: " + b"x" * 9000), 513),
        (lambda m: m.replace(b"Subject", b"X: y\r\n" * (MOST_HEADERS + 1) + b"Subject"), 513),
        (lambda m: m.replace(b"l: 4", b"l: 33000") + b"x" * 33000, 513),
        (lambda m: m.replace(b"folded", b"\xff\xfe"), 400),
        (lambda m: m.replace(b"sip:sales@example.net SIP", b"http://x SIP"), 416),
        (lambda m: m.replace(b"SIP/2.0/UDP client", b"SIP/2.0 client"), 400),
        (lambda m: m.replace(b"SIP/2.0/UDP client", b"TIP/2.0/UDP client"), 400),
        (lambda m: b"SIP/2.0 999 Odd\r\n" + m.partition(b"\r\n")[2], 400),
    ],
)
def test_what_is_wrong_gets_a_typed_error_with_a_status(change: object, status: int) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        parse(change(INVITE))  # type: ignore[operator]
    assert caught.value.status == status


def test_a_datagram_without_content_length_ends_with_itself() -> None:
    bare = INVITE.replace(b"l: 4\r\n", b"")
    assert parse(bare + b"more").body == b"v=0\nmore" and len(parse(bare + b"x" * 40000).body) == LARGEST_BODY
    response = INVITE.replace(b"INVITE sip:sales@example.net SIP/2.0", b"SIP/2.0 200 OK")
    assert isinstance(parse(b"\r\n" + response), Response)


@given(
    st.binary(max_size=300)
    | st.builds(lambda a, b: INVITE[:a] + b + INVITE[a:], st.integers(0, 500), st.binary(max_size=12))
)
def test_no_bytes_raise_anything_else(noise: bytes) -> None:
    try:
        message = parse(noise)
        parse(bytes(message))
    except RemoteProtocolError:
        return


@pytest.mark.skipif(not SAMPLES.exists(), reason="the RFC 4475 samples are not beside this checkout")
def test_the_torture_messages_are_read_or_refused() -> None:
    found = sorted(SAMPLES.glob("*.dat"))
    assert found
    refused = set()
    for path in found:
        try:
            parse(path.read_bytes())
        except RemoteProtocolError:
            refused.add(path.stem)
    assert {"badvers", "ncl", "scalar02", "mismatch01", "insuf", "ltgtruri"} <= refused
    assert not refused & {"wsinv", "intmeth", "esc01", "longreq", "semiuri", "transports", "unreason", "noreason"}


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("sip:alice@example.org", ("example.org", 5060)),
        ("sips:alice@example.org", ("example.org", 5061)),
        ("sip:[2001:db8::1]:5070;lr", ("2001:db8::1", 5070)),
        ("sip:example.org", ("example.org", 5060)),
        ("tel:+14155550100;phone-context=x", ("", 5060)),
        ("sip:a%20b:secret@example.org?Subject=x", ("example.org", 5060)),
    ],
)
def test_uris(text: str, address: tuple[str, int]) -> None:
    uri = Uri.parse(text)
    assert uri.address == address and Uri.parse(str(uri)) == uri


@pytest.mark.parametrize("text", ["", "sip:", "sip:a b@c", "sip:x@h:99999", "sip:x@h:no", "sip:@:5060"])
def test_uris_that_are_none(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        Uri.parse(text)


def test_name_addresses_and_vias() -> None:
    plain = NameAddress.parse("sip:a@b;tag=x")
    assert plain.tag == "x" and plain.uri.parameters == {} and str(plain) == "<sip:a@b>;tag=x"
    assert NameAddress.parse('"<odd>" <sip:a@b>').display == "<odd>"
    assert NameAddress.parse(str(NameAddress(Uri("sip", "a", "b"), 'q"\\'))).display == 'q"\\'
    for broken in ('"open <sip:a@b>', "<sip:a@b", '"a" sip:a@b'):
        with pytest.raises(RemoteProtocolError):
            NameAddress.parse(broken)
    assert Via.parse("SIP / 2.0 / TCP  host : 5061 ;branch=b").port == 5061
    assert str(Via.parse("SIP/2.0/TLS host;received=1.2.3.4;rport")) == "SIP/2.0/TLS host;received=1.2.3.4;rport"
    for broken in ("nonsense", "SIP/2.0", "SIP/2.0/U(P host", "SIP / x"):
        with pytest.raises(RemoteProtocolError):
            Via.parse(broken)
    for broken in ("INVITE", "x INVITE", "1"):
        with pytest.raises(RemoteProtocolError):
            CSeq.parse(broken)


def test_values_and_parameters() -> None:
    assert split_values('"a, b" <sip:x,y@z>, <sip:c>,, "\\"," <sip:d>') == [
        '"a, b" <sip:x,y@z>',
        "<sip:c>",
        '"\\"," <sip:d>',
    ]
    assert parse_parameters('a=1;B;c="x;y";;=') == {"a": "1", "b": "", "c": "x;y"}
    assert write_parameters({"a": "1", "lr": ""}) == ";a=1;lr"
    assert canonical("V") == "via" and passes("X-Account") and passes("identity") and not passes("Contact")


def test_a_stream_is_cut_into_messages() -> None:
    reader = StreamReader()
    stream = b"\r\n" + INVITE + PING + INVITE
    found: list[bytes] = []
    for at in range(0, len(stream), 7):
        found += reader.feed(stream[at : at + 7])
    assert found == [INVITE, PING, INVITE]
    with pytest.raises(RemoteProtocolError):
        StreamReader().feed(INVITE.replace(b"l: 4\r\n", b""))
    with pytest.raises(RemoteProtocolError):
        StreamReader().feed(b"x" * 70000)
    with pytest.raises(RemoteProtocolError):
        StreamReader().feed(INVITE.replace(b"l: 4", b"l: 99999"))
