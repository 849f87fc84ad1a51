"""Where a SIP message begins and ends, in a datagram and in a stream, and the bounds within which it is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt.wire.sip.errors import RemoteProtocolError
from overt.wire.sip.grammar import (
    LARGEST_BODY,
    LARGEST_MESSAGE,
    parse_parameters,
    split_values,
    whole_number,
    write_parameters,
)
from overt.wire.sip.headers import CSeq, NameAddress, Via
from overt.wire.sip.message import Response, parse
from overt.wire.sip.stream import PING, PONG, StreamReader
from overt.wire.sip.uri import Uri

HEAD = (
    b"INVITE sip:desk@office.example SIP/2.0\r\n"
    b"Via: SIP/2.0/TCP 203.0.113.5;branch=z9hG4bKframe\r\n"
    b"From: <sip:a@office.example>;tag=1\r\nTo: <sip:desk@office.example>\r\n"
    b"Call-ID: framing@office.example\r\nCSeq: 1 INVITE\r\nContact: <sip:a@203.0.113.5>\r\n"
)


def framed(body: bytes, length: bytes | None = None) -> bytes:
    """A message with a stated length: the right one when none is given."""
    return HEAD + b"Content-Length: %b\r\n\r\n%b" % (length if length is not None else b"%d" % len(body), body)


def refusal(datagram: bytes) -> tuple[int, str]:
    """Status and reason with which a datagram is refused."""
    with pytest.raises(RemoteProtocolError) as caught:
        parse(datagram)
    return caught.value.status, caught.value.reason


# ------------------------------------------------------------------------------------------------ datagrams


def test_a_datagram_that_states_no_length_or_a_short_one() -> None:
    assert parse(HEAD + b"\r\nwhole").body == b"whole" and parse(framed(b"whole", b"3")).body == b"who"
    assert parse(framed(b"whole", b"00005")).body == b"whole" and parse(framed(b"whole", b"0")).body == b""
    assert parse(framed(b"x" * LARGEST_BODY)).body == b"x" * LARGEST_BODY


@pytest.mark.parametrize(
    ("length", "status", "reason"),
    [
        (b"6", 400, "the body is shorter than Content-Length"),
        (b"9" * 5000, 400, "the body is shorter than Content-Length"),
        (b"-1", 400, "malformed Content-Length"),
        (b"5, 5", 400, "malformed Content-Length"),
        (b"", 400, "malformed Content-Length"),
        ("٥".encode(), 400, "malformed Content-Length"),
    ],
)
def test_a_length_that_is_long_or_none(length: bytes, status: int, reason: str) -> None:
    assert refusal(framed(b"whole", length)) == (status, reason)


def test_a_length_within_the_datagram_and_beyond_our_bound() -> None:
    assert refusal(framed(b"x" * (LARGEST_BODY + 1))) == (513, "body too large")
    assert refusal(b"x" * (LARGEST_MESSAGE + 1)) == (513, "message too large")


def test_a_large_message_is_read_whole() -> None:
    lines = b"".join(b"X-Note-%d: %b\r\n" % (number, b"n" * 8000) for number in range(4))
    read = parse(HEAD + lines + b"Content-Length: 32000\r\n\r\n" + b"b" * 32000)
    assert len(read.body) == 32000 and read.get("X-Note-3") == "n" * 8000


def test_empty_lines_before_a_message_and_datagrams_of_nothing_else() -> None:
    assert parse(PING + b"\r\n" + framed(b"whole")).body == b"whole"
    for nothing in (PING, PONG, b"", b"\0\0\0\0"):
        assert refusal(nothing) == (400, "a keep-alive, no message")
    assert refusal(b"INVITE") == (400, "no end of headers")


@pytest.mark.parametrize("change", [(b"To: ", b"X: a\nTo: "), (b"To: ", b"X: a\rTo: "), (b"office", b"off\nice")])
def test_lines_end_with_both_signs(change: tuple[bytes, bytes]) -> None:
    """A line feed alone would be one line here and two for the next who reads what we pass on."""
    assert refusal(framed(b"").replace(*change)) == (400, "a line that does not end with CR and LF")


def test_headers_folded_and_headers_that_begin_with_a_fold() -> None:
    assert (
        parse(framed(b"").replace(b"To: ", b"X-Long:  one \r\n\t two\r\n  three\r\nTo:\r\n ")).get("X-Long")
        == "one two three"
    )
    assert refusal(framed(b"").replace(b"\r\nVia", b"\r\n Via", 1))[0] == 400


def test_a_stranger_to_sip_and_a_version_to_come() -> None:
    assert refusal(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") == (400, "malformed request line")
    assert refusal(framed(b"").replace(b"SIP/2.0\r\n", b"SIP/3.0\r\n", 1)) == (505, "version not supported")
    response = framed(b"").replace(b"INVITE sip:desk@office.example SIP/2.0", b"SIP/2.0 200", 1)
    read = parse(response)
    assert isinstance(read, Response) and (read.status, read.reason) == (200, "")
    assert refusal(response.replace(b"200", "٢٠٠".encode(), 1)) == (400, "malformed status line")


def test_numbers_are_ascii_digits_within_bounds() -> None:
    assert whole_number("0068", 255) == 68 and whole_number("255", 255) == 255
    for wrong in ("256", "", "-1", "+1", "1_0", "٧", "²", " 7", "9" * 5000):
        assert whole_number(wrong, 255) is None
    for text in ("9" * 5000 + " INVITE", "٧ INVITE"):
        with pytest.raises(RemoteProtocolError):
            CSeq.parse(text)
    assert (
        refusal(framed(b"").replace(b"To: ", b"Max-Forwards: " + b"9" * 5000 + b"\r\nTo: "))[1]
        == "malformed Max-Forwards"
    )


# ------------------------------------------------------------------------------------------------ streams


@given(
    st.lists(st.sampled_from([framed(b""), framed(b"a body\r\n\r\n"), PING]), max_size=6),
    st.lists(st.integers(1, 400), min_size=1),
)
def test_messages_and_keep_alives_are_cut_alike_however_the_bytes_come(sent: list[bytes], steps: list[int]) -> None:
    reader, stream, found, at = StreamReader(), b"".join(sent), [], 0
    for number in range(len(stream)):
        found += list(reader.feed(stream[at : at + steps[number % len(steps)]]))
        at += steps[number % len(steps)]
    assert found == sent


def test_who_opened_a_connection_hears_pongs() -> None:
    reader = StreamReader(opened=True)
    assert list(reader.feed(PONG)) == [PONG] and list(reader.feed(b"\r")) == []
    assert list(reader.feed(b"\n" + framed(b"x") + PONG)) == [PONG, framed(b"x"), PONG]


def test_a_lone_line_end_before_a_message_is_nobodys() -> None:
    reader = StreamReader()
    assert list(reader.feed(PONG)) == []
    assert list(reader.feed(framed(b"x") + PONG + framed(b"y") + PING)) == [framed(b"x"), framed(b"y"), PING]


def test_a_length_written_short_loose_or_folded() -> None:
    for written in (b"l:5", b"L  :  5", b"Content-length:\r\n 5", b"CONTENT-LENGTH: 000005 "):
        assert list(StreamReader().feed(HEAD + written + b"\r\n\r\nwhole more")) == [HEAD + written + b"\r\n\r\nwhole"]


@pytest.mark.parametrize(
    ("lines", "status", "reason"),
    [
        (b"", 400, "no Content-Length on a stream"),
        (b"l: 5\r\nContent-Length: 5\r\n", 400, "Content-Length stands twice on a stream"),
        (b"l: -5\r\n", 400, "malformed Content-Length on a stream"),
        (b"l: 5 5\r\n", 400, "malformed Content-Length on a stream"),
        (b"l: 65535\r\n", 513, "message too large"),
        (b"l: " + b"9" * 5000 + b"\r\n", 513, "message too large"),
    ],
)
def test_a_stream_that_cannot_be_cut(lines: bytes, status: int, reason: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        StreamReader().feed(HEAD + lines + b"\r\n")
    assert (caught.value.status, caught.value.reason) == (status, reason)


def test_what_came_whole_before_an_error_is_given_first() -> None:
    given_out = StreamReader().feed(framed(b"x") + HEAD + b"\r\n")
    assert next(given_out) == framed(b"x")
    with pytest.raises(RemoteProtocolError):
        next(given_out)


def test_headers_without_end_are_bounded_and_bytes_that_come_singly_searched_once() -> None:
    reader = StreamReader()
    for _ in range(LARGEST_MESSAGE):
        assert list(reader.feed(b"x")) == []
    with pytest.raises(RemoteProtocolError):
        reader.feed(b"x")


# ------------------------------------------------------------------------------------------------ parts of headers


@given(
    st.text(st.characters(blacklist_categories=["Cs"]), max_size=20),
    st.dictionaries(
        st.text("abc-", min_size=1, max_size=4),
        st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=12).map(str.strip),
        max_size=3,
    ),
)
def test_whatever_a_name_and_its_parameters_hold_is_read_back(display: str, parameters: dict[str, str]) -> None:
    address = NameAddress(Uri("sip", "a", "office.example"), display, parameters)
    assert NameAddress.parse(str(address)) == address


@given(
    st.text(st.characters(blacklist_categories=["Cs"]), max_size=12),
    st.dictionaries(
        st.text("abc%; =é", min_size=1, max_size=4),
        st.text(st.characters(blacklist_categories=["Cs"]), max_size=8),
        max_size=3,
    ),
)
def test_whatever_a_uri_holds_is_read_back(who: str, parameters: dict[str, str]) -> None:
    uri = Uri("sips", who, "office.example", 5070, parameters)
    assert Uri.parse(str(uri)) == uri
    assert split_values(f"<{uri}>") == [f"<{uri}>"]


def test_parameters_quoted_and_escaped() -> None:
    assert parse_parameters('a="x\\"y;z";b="\\\\";c="open') == {"a": 'x"y;z', "b": "\\", "c": '"open'}
    assert (
        write_parameters({"a": "x;y", "b": 'q"\\', "c": "z9hG4bK=a/b@c", "d": ""})
        == ';a="x;y";b="q\\"\\\\";c=z9hG4bK=a/b@c;d'
    )
    assert parse_parameters("a=1; ", strict=True) == {"a": "1"}
    for broken in (";", "a;;b", "a b=1", '"a"=1', "=1;b"):
        with pytest.raises(RemoteProtocolError):
            parse_parameters(broken, strict=True)


def test_values_apart_from_commas_in_quotes_and_brackets() -> None:
    assert split_values('a>, "b, \\", c" <sip:x,y>, d') == ["a>", '"b, \\", c" <sip:x,y>', "d"]
    assert split_values('"open, <sip:a>') == ['"open, <sip:a>'] and split_values("<sip:a, b") == ["<sip:a, b"]
    assert split_values(" ") == split_values(",,") == [] and split_values(" one ") == ["one"]


@pytest.mark.parametrize(
    "text",
    [
        "sip:a@b@c",
        "sip:a@[::1]5060",
        "sip:a@ho st",
        "sip:a@host:",
        "sip:a@host:0",
        "sip:a@hö.example",
        "sip:a\0@b",
        "1x:y",
        "urn:",
        "a b:c",
    ],
)
def test_more_uris_that_are_none(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        Uri.parse(text)


@pytest.mark.parametrize(
    "text",
    ["<sip:a@b> junk;tag=1", "<sip:a@b>, <sip:c@d>", "sip:a,b@c", "sip:a@b?x=y", "<sip:a@b>;;tag=1", '"a" b <sip:a@b>'],
)
def test_addresses_that_two_would_read_differently(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        NameAddress.parse(text)


@pytest.mark.parametrize("name", [b"Contact", b"m", b"Record-Route", b"P-Asserted-Identity"])
def test_every_address_that_a_call_relies_on_is_read_at_the_door(name: bytes) -> None:
    """An address that fails only when a call is told of it, or ended, would leave the call behind."""
    for value in (b"<sip:a@b", b"<sip:a@b>, <sip:c@d>;;x", b"<sip:a@>"):
        status, reason = refusal(framed(b"").replace(b"To: ", name + b": " + value + b"\r\nTo: "))
        assert status == 400 and reason
    assert parse(framed(b"").replace(b"Contact: <sip:a@203.0.113.5>", b"Contact: *")).get("Contact") == "*"


def test_uris_of_other_schemes_keep_what_they_say() -> None:
    uri = Uri.parse("URN:service:sos?x=y;z")
    assert (uri.scheme, uri.opaque, uri.user, uri.host, str(uri)) == (
        "urn",
        "service:sos?x=y;z",
        "",
        "",
        "urn:service:sos?x=y;z",
    )
    assert Uri.parse("sip:a@b;p=1?Subject=x&y").headers == "Subject=x&y" and str(Uri.parse("sip:a@b?x=y")) == "sip:a@b"
    assert Uri.parse("tel:+12025550143;ext=1%32") == Uri("tel", "+12025550143", "", 0, {"ext": "12"})


def test_vias_with_every_space_and_a_bare_end() -> None:
    assert (
        str(Via.parse("SIP\t/ 2.0 /\tUDP \t h.example\t:\t5062 ;branch = b;")) == "SIP/2.0/UDP h.example:5062;branch=b"
    )
    for broken in (
        "SIP/2.0/UDP",
        "SIP/2.0/UDP ;branch=b",
        "SIP/2.0/UDP h;;branch=b",
        "SIP/2.0/UDP h x",
        "SIP/3.0/UDP h",
    ):
        with pytest.raises(RemoteProtocolError):
            Via.parse(broken)


@pytest.mark.parametrize(
    ("received", "partial"),
    [
        (b"", False),
        (b"\r", False),
        (b"\r\n", False),
        (b"\r\n\r", False),
        (b"O", True),
        (b"\r\nO", True),
        (b"\r\rO", True),
    ],
)
def test_a_message_has_begun_when_more_than_line_ends_came(received: bytes, partial: bool) -> None:
    reader = StreamReader()
    assert list(reader.feed(received)) == [] and reader.partial == partial
