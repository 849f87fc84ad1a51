"""How messages are read: each header once, quickly where it is plain, and to the same as the thorough way."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass, field
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overt.wire.sip.errors import RemoteProtocolError
from overt.wire.sip.grammar import parse_parameters
from overt.wire.sip.headers import CSeq, NameAddress, Via, media_type, option_tags, route, session_expires
from overt.wire.sip.message import _FOLD, Request, Response, parse
from overt.wire.sip.twin import quick
from overt.wire.sip.uri import Uri

INVITE = (
    "INVITE sip:+14155550100@gw.example:5060;transport=udp SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK1;rport\r\nv: SIP/2.0/TCP far.example\r\n"
    "Record-Route: <sip:198.51.100.7;lr>, <sip:edge@far.example;lr>\r\nRoute: <sip:gw.example;lr>\r\n"
    'Max-Forwards: 69\r\nFrom: "Front desk" <sip:+12025550123@carrier.example>;tag=f\r\n'
    "To: <sip:+14155550100@gw.example>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n"
    "Contact: <sip:a@198.51.100.7:65000>\r\nP-Asserted-Identity: <sip:a@b.example>, <tel:+12025550123>\r\n"
    "Supported: timer, 100rel\r\nk: Path\r\nRequire: timer\r\nSession-Expires: 1800;refresher=UAC\r\n"
    "Content-Type: Application/SDP;charset=utf-8\r\nContent-Length: 0\r\n\r\n"
)
# What addresses, URIs, Vias and CSeqs are made of, part by part, plain and strange.
PARAMETERS = st.lists(
    st.sampled_from([";lr", ";tag=x", ";TAG=y", ";a==b", ";=", ";;", '; q="a;b"', ";é=1", ";x=é", ";"]), max_size=3
).map("".join)
HOST = st.sampled_from(
    ["host.example", "host.example", "HOST", "HOST", "192.0.2.1", "[2001:db8::1]", "", "ho st", "a@b"]
)
PORT = st.sampled_from(["", "", ":5060", ":0", ":05", ":59999", ":65535", ":65536", ":x"])
HEADERS = st.sampled_from(["", "", "?Subject=x"])
USER = st.sampled_from(
    ["", "", "a@", "a@", "a@", "alice@", "+1415@", "a;b=c@", "a%20b@", "a:pw@", "a,b@", "@", "a\u2003@"]
)
SCHEME = st.sampled_from(["sip:", "sip:", "sip:", "sips:", "SIP:", "tel:", "mailto:", ""])
BEFORE = st.sampled_from(["", "", "", '"A b" ', '"A"', "Bob ", '"a\\"b" ', '"<" ', '"open ', "\t"])
SENT_BY = st.sampled_from(
    [
        "SIP/2.0/TLS ",
        "SIP/2.0/TLS ",
        "SIP/2.0/UDP ",
        "SIP/2.0/udp ",
        "SIP / 2.0 / TCP ",
        "SIP/2.0/UDP\t",
        "SIP/3.0/UDP ",
    ]
)
URIS = st.tuples(SCHEME, USER, HOST, PORT, PARAMETERS, HEADERS).map("".join)
ADDRESSES = URIS | st.tuples(BEFORE, st.just("<"), URIS, st.just(">"), PARAMETERS).map("".join)
VIAS = st.tuples(SENT_BY, HOST, PORT, PARAMETERS).map("".join)
SEQUENCES = st.sampled_from(
    ["7 INVITE", "7  I", "007 a", "999999999 x", "2147483647 x", "2147483648 x", "7", "7 a b", "٧ a"]
)


def outcome(read: Callable[[], object]) -> object:
    """What reading comes to: a value, or a refusal in its words."""
    try:
        return read()
    except RemoteProtocolError as error:
        return (error.reason, error.status)


@settings(max_examples=300)
@given(ADDRESSES, VIAS, SEQUENCES, PARAMETERS)
def test_the_quick_way_and_the_thorough_way_come_to_the_same(address: str, via: str, sequence: str, tail: str) -> None:
    """A space before or behind it leads past what reads plain values, and means nothing."""
    for read, text in ((NameAddress.parse, address), (Uri.parse, address), (Via.parse, via), (CSeq.parse, sequence)):
        assert outcome(lambda read=read, text=text: read(text)) == outcome(
            lambda read=read, text=text: read(f" {text}")
        )
    assert parse_parameters(tail[1:]) == parse_parameters(f" {tail[1:]} ")
    for strict in (tail[1:], f"a{tail}"):
        assert outcome(lambda text=strict: parse_parameters(text, strict=True)) == outcome(
            lambda text=strict: parse_parameters(f" {text}", strict=True)
        )


@pytest.mark.parametrize(
    "text", ["<sip:a@h;x=1?y=z>", "<sip:a@h:65000>;tag=t", '"D" <sip:a;p@h;lr;lr=2>;TAG=t', "<sip:h>"]
)
def test_plain_addresses_are_written_as_they_were_read(text: str) -> None:
    assert NameAddress.parse(text) == NameAddress.parse(f" {text}")
    assert NameAddress.parse(str(NameAddress.parse(text))) == NameAddress.parse(text)


def test_every_header_that_we_rely_on_is_read_once() -> None:
    request = parse(INVITE.encode())
    assert isinstance(request, Request)
    assert request.target == Uri("sip", "+14155550100", "gw.example", 5060, {"transport": "udp"})
    assert [one.host for one in request.vias] == ["198.51.100.7", "far.example"] and request.via is request.vias[0]
    assert [str(one) for one in request.record_routes] == ["<sip:198.51.100.7;lr>", "<sip:edge@far.example;lr>"]
    assert [str(one) for one in request.routes] == ["<sip:gw.example;lr>"]
    assert [one.uri.user for one in request.asserted] == ["a", "+12025550123"]
    assert request.required == {"timer"} and request.supported == {"timer", "100rel", "path"}
    assert request.kind == "application/sdp" and session_expires(request.get("x")) == (1800, "uac")
    assert request.contact is not None and request.contact.uri.port == 65000 and request.contacts == (request.contact,)
    assert request.from_ is request.from_ and request.cseq is request.cseq and request.target is request.target


def test_what_we_make_is_read_as_what_arrives_and_equal_to_it() -> None:
    request = parse(INVITE.encode())
    assert isinstance(request, Request)
    made = Request(request.headers, b"", request.method, request.uri)
    assert made == request and made.vias == request.vias and made.all("supported") == ["timer", "100rel", "Path"]
    assert "_kept" not in repr(made)
    more = request.with_headers(("Via", "SIP/2.0/TLS third.example"), ("Require", "path"))
    assert len(more.vias) == 3 and more.required == {"timer", "path"} and len(request.vias) == 2
    assert Response((), b"").kind == "" and Response((), b"").contact is None and Response((), b"").required == set()
    with pytest.raises(RemoteProtocolError, match="no Via"):
        _ = Response((("Via", " , "),), b"").via


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("Require: timer", "Require: ti mer", "an extension whose name is no token"),
        ("Supported: timer", "Supported: (timer)", "an extension whose name is no token"),
        ("Session-Expires: 1800", "Session-Expires: soon", "malformed Session-Expires"),
        ("Session-Expires: 1800", "Session-Expires: 0", "malformed Session-Expires"),
        ("Session-Expires: 1800", "Session-Expires: 99999999999", "malformed Session-Expires"),
        ("Application/SDP;", "Application;", "malformed Content-Type"),
        ("Route: <sip:gw.example;lr>\r\nMax", "Route: <sip:gw.example\r\nMax", "unbalanced brackets or quotes"),
        ("Record-Route: <", "Record-Route: <<", "malformed URI"),
        ("Max-Forwards: 69", "Max-Forwards: -1", "malformed Max-Forwards"),
        ("tel:+1", "tel +1", "malformed URI"),
    ],
)
def test_each_of_them_is_refused_when_malformed(old: str, new: str, reason: str) -> None:
    assert INVITE.count(old) >= 1
    with pytest.raises(RemoteProtocolError) as caught:
        parse(INVITE.replace(old, new, 1).encode())
    assert (caught.value.reason, caught.value.status) == (reason, 400)


def test_untidy_but_clear_values_are_taken() -> None:
    assert option_tags(" Timer,, 100rel ,") == {"timer", "100rel"} and option_tags("") == frozenset()
    assert media_type("text / plain ; x") == "text/plain" and media_type("") == ""
    assert session_expires(" 90 ; refresher = nobody") == (90, "") and session_expires("90") == (90, "")
    for name in ("Session-Expires", "Content-Type", "Supported", "Require"):
        start, _, rest = INVITE.partition(f"{name}: ")
        empty = f"{start}{name}:\r\n{rest.partition(chr(10))[2]}"
        assert isinstance(parse(empty.encode()), Request)


def test_a_route_without_user_is_read_once_and_one_with_user_not_kept() -> None:
    assert route("<sip:gw.example;lr>") is route("<sip:gw.example;lr>")
    assert route("<sip:a@gw.example;lr>") is not route("<sip:a@gw.example;lr>")


@dataclass(frozen=True, slots=True)
class Plain:
    """A frozen value of the kind that `quick` makes."""

    one: int
    two: dict[str, str] = field(default_factory=dict)
    three: str = "3"


def test_a_value_made_quickly_is_as_frozen_as_any() -> None:
    make = quick(Plain)
    assert make(1) == Plain(1) and make(1, {"a": "b"}, "4") == Plain(1, {"a": "b"}, "4") and type(make(1)) is Plain
    assert make(1).two is not make(2).two
    with pytest.raises(FrozenInstanceError):
        make(1).one = 2  # type: ignore[misc]
    with pytest.raises(TypeError):
        make()


@pytest.mark.parametrize(
    "line",
    [
        "Subject: a\r\n b\r\nX-A: " + " " * 60_000 + "x",  # a fold somewhere, and a run of white space that is none
        f"Via: SIP/2.0/UDP h{' ' * 8_000}x;branch=z9hG4bKy",
    ],
)
def test_no_run_of_white_space_takes_a_time_that_grows_with_its_square(line: str) -> None:
    message = f"INVITE sip:a@b SIP/2.0\r\n{line}\r\n\r\n".encode()
    began = process_time()
    with pytest.raises(RemoteProtocolError):
        parse(message)
    with pytest.raises(RemoteProtocolError):
        Via.parse(f"SIP/2.0/UDP h{' ' * 60_000}x")
    assert process_time() - began < 0.5


@given(st.lists(st.sampled_from(["a", " ", "\t", "\r\n", ":"]), max_size=12).map("".join))
def test_folds_are_one_space_however_much_white_space_stands_around_them(text: str) -> None:
    assert _FOLD.sub(" ", text) == re.sub(r"[ \t]*\r\n[ \t]+", " ", text)
