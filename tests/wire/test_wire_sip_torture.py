"""Every trap of RFC 4475, in our own spelling: what is read of each message, or which error refuses it with which status.

A message is a file of `tests/corpus/rfc4475`, named as the RFC names its own. Where the RFC leaves a choice, the table says
what we chose: a message that two readers could take differently is refused, one that is merely untidy is read.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from overt.wire.sip.agent import Agent, described
from overt.wire.sip.errors import RemoteProtocolError
from overt.wire.sip.headers import CSeq, NameAddress, Via, canonical
from overt.wire.sip.message import Message, Request, Response, parse, respond
from overt.wire.sip.stream import StreamReader
from overt.wire.sip.transaction import Peer, Send, TransactionLayer, server_key
from overt.wire.sip.uri import Uri

CORPUS = Path(__file__).parents[1] / "corpus" / "rfc4475"
SOURCE = Peer("203.0.113.9", 5060)

# How to ask a message for what the table states.
ASK: dict[str, Callable[[Any], Any]] = {
    "start": lambda m: f"{m.method} {m.uri}" if isinstance(m, Request) else f"{m.status} {m.reason}",
    "user": lambda m: Uri.parse(m.uri).user,
    "uri": lambda m: Uri.parse(m.uri).parameters,
    "from": lambda m: (m.from_.display, str(m.from_.uri), m.from_.tag),
    "to": lambda m: (m.to.display, str(m.to.uri), m.to.tag),
    "from user": lambda m: m.from_.uri.user,
    "to user": lambda m: m.to.uri.user,
    "from parameters": lambda m: m.from_.parameters,
    "to port": lambda m: m.to.uri.port,
    "call": lambda m: m.call_id,
    "cseq": lambda m: str(m.cseq),
    "vias": lambda m: [str(Via.parse(one)) for one in m.all("Via")],
    "contacts": lambda m: [str(NameAddress.parse(one)) for one in m.all("Contact")],
    "contact users": lambda m: [NameAddress.parse(one).uri.user for one in m.all("Contact")],
    "contact headers": lambda m: [NameAddress.parse(one).uri.headers for one in m.all("Contact")],
    "hops": lambda m: m.get("Max-Forwards"),
    "kind": lambda m: m.get("Content-Type"),
    "body": lambda m: len(m.body),
    "last line": lambda m: m.body.split(b"\r\n")[-2],
    "sound": lambda m: described(m).audio.port,
    "key": lambda m: server_key(m)[1],
    **{name: (lambda m, name=name: m.all(name)) for name in ("Require", "Accept", "Record-Route", "Route")},
    **{name: (lambda m, name=name: m.get(name)) for name in ("Date", "Subject", "Authorization")},
    "Bellboy": lambda m: m.get("Bellboy"),
    "Odd-Commas": lambda m: m.get("Odd-Commas"),
    "beyond ASCII": lambda m: m.get("other.Header-%!*_+`'~"),
}  # fmt: skip

READ: dict[str, tuple[str, dict[str, Any]]] = {
    "wsinv": ("3.1.1.1 white space, folding and quoting wherever the grammar allows them", {
        "start": "INVITE sip:front-desk@hotel.example;lobby", "uri": {"lobby": ""},
        "to": ("", "sip:front-desk@hotel.example", "room12"),
        "from": ('Night \\ "Porter"', "sip:porter@annex.example", "p0rt3r"), "hops": "0042", "cseq": "17 INVITE",
        "vias": ["SIP/2.0/UDP 203.0.113.9;branch=oldfashioned", "SIP/2.0/TCP lift.hotel.example;branch=z9hG4bKlift",
                 "SIP/2.0/UDP 198.51.100.77;branch=z9hG4bKcellar"],
        "contacts": ['"\\"Desk\\", upper" <sip:porter@203.0.113.9>;shift=night;keyring;q=0.9'],
        "Route": ["<sip:edge.hotel.example;lr;floor=3;quiet>"], "Subject": "", "Bellboy": "first line second line",
        "Odd-Commas": ",;,,;;", "sound": 31000, "key": "white-space@annex.example",
    }),
    "intmeth": ("3.1.1.2 every sign that the grammar allows", {
        "start": "~Odd.Method*+9_`'!% sip:a1_-.!~*'(b)&c=d+e$f,g;h?i/j:p&w=x+y$z,k@quirks.example",
        "user": "a1_-.!~*'(b)&c=d+e$f,g;h?i/j", "cseq": "77001 ~Odd.Method*+9_`'!%",
        "to": ("Bell \a, null \0, del \x7f", "sip:a1_-.!~*'(b)&c=d+e$f,g;h?i/j@quirks.example", ""),
        "from": ("un` quo~ ted+ *%!", "sip:plain@quirks.example", ".-!%*_+'~x"),
        "from parameters": {"odd'~*+%_.!-": "κλήση", "tag": ".-!%*_+'~x"}, "hops": "255",
        "call": "q.%!*_+`'~)(<>:\\/\"][?}{@w", "vias": ["SIP/2.0/TCP q1.quirks.example;branch=z9hG4bK~'`_+%*!.-Q"],
        "beyond ASCII": "電話",
    }),
    "esc01": ("3.1.1.3 escapes in URIs: of a whole URI as user, of letters that need none, of a percent sign", {
        "start": "INVITE sip:sip%3Aclerk%40bank.example@gate.example", "user": "sip:clerk@bank.example",
        "to user": "clerk", "from": ("", "sip:Two%20Words@gate.example", "e1"), "from user": "Two Words",
        "contacts": ["<sip:teller@g.gate.example;lr;key=box%2520>"], "kind": "application/sdp", "sound": 31000,
    }),
    "escnull": ("3.1.1.4 escaped null bytes end no string", {
        "to user": "zero\0inside", "from": ("", "sip:zero%00inside@registry.example", "n0"),
        "contact users": ["\0", "\0\0\0"], "contacts": ["<sip:%00@h.registry.example>", "<sip:%00%00%00@h.registry.example>"],
    }),
    "esc02": ("3.1.1.5 percent signs where they escape nothing: method, header name, display name, branch", {
        "start": "IN%56ITE sip:registry.example", "cseq": "6 IN%56ITE", "to": ("%4%56", "sip:thing@registry.example", ""),
        "contact users": ["one", "three"], "vias": ["SIP/2.0/TCP h.registry.example;branch=z9hG4bK5%zz"],
    }),
    "lwsdisp": ("3.1.1.6 a display name without a space behind it", {"from": ("stall", "sip:stall@market.example", "glued")}),
    "longreq": ("3.1.1.7 long names, values and lists", {
        "start": "INVITE sip:far@archive.example", "to port": 6060, "call": "really" * 40 + ".id", "body": 114,
        "from user": "caller" * 25, "contact users": ["caller" * 25],
        "vias": [*(f"SIP/2.0/TCP hop{number}.archive.example" for number in range(33, 0, -1)),
                 "SIP/2.0/TCP desk.archive.example;received=203.0.113.5;branch=" + "branch" * 45],
        "from parameters": {"tag": "42" * 60, "hp" * 40: "hv" * 50, "alone" * 20: ""},
    }),
    "dblreq": ("3.1.1.8 one datagram with a second request behind the first: passed over", {
        "start": "REGISTER sip:registry.example", "call": "two-in-one-datagram@a", "body": 0,
    }),
    "semiuri": ("3.1.1.9 a semicolon within the user part is no parameter", {
        "user": "desk;ext=7@floor.example", "uri": {},
        "Accept": ["application/sdp", "text/plain", "multipart/mixed", "message/sipfrag"],
    }),
    "transports": ("3.1.1.10 transports that we do not speak, in the Vias of others", {
        "call": "many-transports@l",
        "vias": [f"SIP/2.0/{name} {name.lower()}.lines.example;branch=z9hG4bK{name}"
                 for name in ("UDP", "SCTP", "TLS", "CARRIERPIGEON", "TCP")],
    }),
    "mpart01": ("3.1.1.11 a body of several parts with every byte in it", {
        "start": "MESSAGE sip:ines@letters.example", "kind": "multipart/mixed;boundary=edge-of-part", "body": 429,
        "last line": b"--edge-of-part--",
    }),
    "unreason": ("3.1.1.12 a reason phrase beyond ASCII", {"start": "200 = 10**2 * 2; всё хорошо — 承知", "sound": 31000}),
    "noreason": ("3.1.1.13 no reason phrase", {"start": "100 ", "cseq": "36 INVITE"}),
    "baddate": ("3.1.2.12 a Date that is not GMT: nothing here hangs on it", {
        "Date": "Tue, 24 Nov 2026 09:00:00 CET", "sound": 31000,
    }),
    "badaspec": ("3.1.2.14 spaces within the angle brackets: read, and written without them", {
        "to": ("Lovelace, Ada", "sip:ada@office.example", ""), "from": ("Hopper, Grace", "sip:g@office.example", "ba"),
    }),
    "baddn": ("3.1.2.15 display names that lack their quotes: read as if they had them", {
        "to": ("Lovelace, Ada (boss)", "sip:ada@office.example", ""), "from": ("Hopper, Grace", "sip:g@office.example", "bd"),
    }),
    "badbranch": ("3.2.1 a branch of the magic cookie alone: matched by the rules of old", {
        "vias": ["SIP/2.0/UDP 203.0.113.93;branch=z9hG4bK"], "key": "cookie-alone@o",
    }),
    "unksm2": ("3.3.4 foreign schemes in From, To and Contact: kept as they came, with neither user nor host", {
        "to": ("", "urn:example:9783161484100", ""), "from": ("", "https://www.registry.example/a", "us"), "from user": "",
        "contacts": ["<pidgin:Jane_Smith>"],
    }),
    "bext01": ("3.3.5 extensions that nobody knows: the agent's 420", {"Require": ["telepathy", "clairvoyance"]}),
    "invut": ("3.3.6 a body that nobody knows: the agent's 415", {"kind": "application/x-tin-can", "body": 37}),
    "regaut01": ("3.3.7 an authorization that nobody knows", {"Authorization": "SecretHandshake grip=firm"}),
    "bcast": ("3.3.10 a response that came by a broadcast: no transaction takes it", {
        "start": "200 OK", "vias": ["SIP/2.0/UDP 203.0.113.99;branch=z9hG4bKmine", "SIP/2.0/UDP 255.255.255.255;branch=z9hG4bKall"],
    }),
    "zeromf": ("3.3.11 no hop left: for us, who are the last, no matter", {"hops": "0"}),
    "cparam01": ("3.3.12 without brackets a parameter is the header's", {
        "contacts": ["<sip:+12025550143@gate.registry.example>;mystery"],
    }),
    "cparam02": ("3.3.13 within brackets a parameter is the URI's", {
        "contacts": ["<sip:+12025550143@gate.registry.example;mystery>"],
    }),
    "regescrt": ("3.3.14 headers that a Contact asks for: read, never obeyed, never written", {
        "contact headers": ["Route=%3Csip:edge.registry.example%3E"], "contacts": ["<sip:who@registry.example>"],
    }),
    "sdp01": ("3.3.15 an Accept that leaves out SDP", {"Accept": ["text/x-unheard-of"], "sound": 31000}),
    "inv2543": ("3.4.1 a client from before 2002: no branch, no tag, no Content-Length, no Contact", {
        "vias": ["SIP/2.0/UDP gw.old.example"], "from": ("", "sip:+12025550101@old.example;user=phone", ""),
        "to": ("", "sip:+12025550102@px.old.example", ""), "Record-Route": ["<sip:UserB@old.example;maddr=px.old.example>"],
        "sound": 31000, "key": "from-before-2002@old.example",
    }),
}  # fmt: skip

ONE_SPACE = "the request line is not a method, a URI and a version with one space between each"
REFUSED: dict[str, tuple[str, int, str]] = {
    "badinv01": ("3.1.2.1 separators with nothing between them", 400, "an empty or malformed parameter"),
    "clerr": ("3.1.2.2 Content-Length beyond the datagram", 400, "the body is shorter than Content-Length"),
    "ncl": ("3.1.2.3 Content-Length below zero", 400, "malformed Content-Length"),
    "scalar02": ("3.1.2.4 numbers out of range in a request", 400, "malformed CSeq"),
    "scalarlg": ("3.1.2.5 numbers out of range in a response", 400, "malformed CSeq"),
    "quotbal": ("3.1.2.6 a quote that never closes", 400, "unbalanced quotes"),
    "ltgtruri": ("3.1.2.7 a Request-URI in angle brackets", 400, "malformed URI"),
    "lwsruri": ("3.1.2.8 white space within the Request-URI", 400, ONE_SPACE),
    "lwsstart": ("3.1.2.9 two spaces between the parts of the request line", 400, ONE_SPACE),
    "trws": ("3.1.2.10 spaces at the end of the request line", 400, ONE_SPACE),
    "escruri": ("3.1.2.11 headers in the Request-URI", 400, "the Request-URI asks for headers"),
    "regbadct": ("3.1.2.13 a question mark outside angle brackets", 400, "a URI with ? or , outside angle brackets"),
    "badvers": ("3.1.2.16 a version to come", 505, "version not supported"),
    "mismatch01": ("3.1.2.17 CSeq names another method", 400, "CSeq and request line differ in method"),
    "mismatch02": ("3.1.2.18 the same, and the method is unheard of", 400, "CSeq and request line differ in method"),
    "bigcode": ("3.1.2.19 a status beyond any number", 400, "malformed status line"),
    "insuf": ("3.3.1 neither Call-ID nor From nor To", 400, "no Call-ID"),
    "unkscm": ("3.3.2 a scheme unheard of in the Request-URI", 416, "unknown URI scheme"),
    "novelsc": ("3.3.3 a scheme that others speak in the Request-URI", 416, "unknown URI scheme"),
    "multi01": ("3.3.8 headers twice that may stand once", 400, "CSeq stands twice"),
    "mcl01": ("3.3.9 two Content-Lengths", 400, "Content-Length stands twice"),
}  # fmt: skip


def message(name: str) -> bytes:
    """A message of the corpus."""
    return (CORPUS / f"{name}.dat").read_bytes()


def readable(name: str) -> Message:
    """The same, read."""
    return parse(message(name))


def test_every_message_has_one_verdict() -> None:
    stored = {path.stem for path in CORPUS.glob("*.dat")}
    assert len(stored) == 49 and stored == READ.keys() | REFUSED.keys() and not READ.keys() & REFUSED.keys()


@pytest.mark.parametrize("name", READ)
def test_what_is_read_of_it(name: str) -> None:
    read = readable(name)
    expected = READ[name][1]
    assert {what: ASK[what](read) for what in expected} == expected


@pytest.mark.parametrize("name", READ)
def test_what_was_read_is_read_again_when_we_write_it(name: str) -> None:
    read = readable(name)
    again = parse(bytes(read))
    kept = [[one for one in which.headers if canonical(one[0]) != "content-length"] for which in (read, again)]
    assert kept[0] == kept[1] and again.get("Content-Length") == str(len(read.body))
    assert again.body == read.body and again.cseq == read.cseq and again.from_ == read.from_ and again.to == read.to
    for address in (read.from_, read.to, *map(NameAddress.parse, read.all("Contact"))):
        assert NameAddress.parse(str(address)) == address
    for via in map(Via.parse, read.all("Via")):
        assert Via.parse(str(via)) == via


@pytest.mark.parametrize("name", REFUSED)
def test_which_error_refuses_it(name: str) -> None:
    _, status, reason = REFUSED[name]
    with pytest.raises(RemoteProtocolError) as caught:
        readable(name)
    assert (caught.value.status, caught.value.reason) == (status, reason)


@pytest.mark.parametrize("name", sorted(READ.keys() | REFUSED.keys()))
def test_an_agent_survives_it(name: str) -> None:
    agent = Agent("203.0.113.1", 5060, iter(f"n{number}" for number in range(99)).__next__, "o")
    agent.receive(message(name), SOURCE, 0)
    assert (
        ("malformed: " + REFUSED[name][2] in agent.counters)
        if name in REFUSED
        else not any(one.startswith("malformed") for one in agent.counters)
    )


# Those of whom nobody can say how to answer: a response, or one of the headers that an answer copies cannot be read.
UNANSWERED = {"badinv01", "badvers", "bigcode", "insuf", "quotbal", "scalar02", "scalarlg"}


def test_an_agent_answers_what_it_refuses_where_it_can() -> None:
    unanswered = set()
    for name, (_, status, _) in REFUSED.items():
        agent = Agent("203.0.113.1", 5060, iter(f"n{number}" for number in range(99)).__next__, "o")
        happened = agent.receive(message(name), SOURCE, 0)
        assert len(agent.remarks) == 1 and len(happened) <= 1
        answers = [parse(one.encoded) for one in happened if isinstance(one, Send)]
        assert [one.status for one in answers if isinstance(one, Response)] == [status] * len(happened)
        unanswered |= set() if happened else {name}
    assert unanswered == UNANSWERED


@pytest.mark.parametrize("name", sorted(READ.keys() | REFUSED.keys()))
def test_cut_anywhere_or_with_a_bit_turned_it_is_read_or_refused_and_nothing_else(name: str) -> None:
    whole = message(name)
    for at in range(0, len(whole), max(1, len(whole) // 120)):
        for broken in (
            whole[:at],
            whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :],
            whole[:at] + whole[at + 1 :],
        ):
            try:
                read = parse(broken)
            except RemoteProtocolError:
                continue
            parse(bytes(read))


def test_the_broadcast_reply_is_a_stray_and_a_foreign_from_can_be_answered() -> None:
    layer = TransactionLayer()
    assert layer.receive(readable("bcast"), SOURCE, 0) == [] and layer.strays == 1
    request = readable("unksm2")
    assert isinstance(request, Request)
    answer = parse(bytes(respond(request, 404, tag="t")))
    assert isinstance(answer, Response) and str(answer.to) == "<urn:example:9783161484100>;tag=t"


def test_two_requests_in_one_stream_are_two_messages() -> None:
    first, second = [parse(one) for one in StreamReader().feed(message("dblreq"))]
    assert isinstance(second, Request) and (first.call_id, second.call_id) == ("two-in-one-datagram@a", "the-second@a")
    assert second.cseq == CSeq(9, "INVITE") and described(second) is not None
