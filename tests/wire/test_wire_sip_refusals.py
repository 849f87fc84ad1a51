"""What an agent refuses, and how it says so: malformed requests, unknown extensions, too many calls, too large requests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt.wire.sip.agent import Agent
from overt.wire.sip.deadlines import Deadlines
from overt.wire.sip.errors import RemoteProtocolError
from overt.wire.sip.headers import NameAddress
from overt.wire.sip.leg import Confirmed, Ended, Offered, Reanswered
from overt.wire.sip.machine import LARGE
from overt.wire.sip.message import Request, Response, parse
from overt.wire.sip.remark import salvage, sentence
from overt.wire.sip.station import LONGEST_REASON, MOST_REASONS
from overt.wire.sip.transaction import LIFETIME, MS, Peer, Send
from overt.wire.sip.uri import Uri
from wire.two_agents import B, Wire, established

SOURCE = Peer("203.0.113.9", 5999)
GOOD = (
    b"INVITE sip:b@x.example SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.9:5060;rport;branch=z9hG4bK1\r\n"
    b"v: SIP/2.0/UDP 203.0.113.1;branch=z9hG4bK0\r\nFrom: <sip:a@x.example>;tag=a\r\nTo: <sip:b@x.example>\r\n"
    b"Call-ID: c1\r\nCSeq: 1 INVITE\r\nContact: <sip:a@203.0.113.9>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)


def agent() -> Agent:
    """An agent that nobody has called."""
    names = iter(f"n{number}" for number in range(100_000))
    return Agent("203.0.113.1", 5060, names.__next__, "o")


def answers(happened: object) -> list[Response]:
    """The final responses among what happened."""
    assert isinstance(happened, list)
    read = [parse(one.encoded) for one in happened if isinstance(one, Send)]
    return [one for one in read if isinstance(one, Response) and one.status != 100]


def with_header(name: str, value: str, method: str = "INVITE") -> bytes:
    """A good request with one more header."""
    return GOOD.replace(b"INVITE", method.encode()).replace(
        b"Max-Forwards", f"{name}: {value}\r\nMax-Forwards".encode()
    )


# ---------------------------------------------------------------------------------- what cannot be read


@pytest.mark.parametrize(
    ("broken", "status", "told"),
    [
        (GOOD.replace(b"SIP/2.0\r\nVia", b"SIP/7.0\r\nVia"), 505, "its INVITE is not SIP/2.0"),
        (GOOD.replace(b"1 INVITE", b"1 BYE"), 400, "its INVITE names one method in its first line and another in its CSeq"),
        (GOOD.replace(b"Length: 0", b"Length: 9"), 400, "says a longer Content-Length than its body has"),
        (GOOD.replace(b"Length: 0", b"Length: many"), 400, "its INVITE has a Content-Length that is no number"),
        (GOOD.replace(b"sip:b@x.example SIP", b"mailto:b@x.example SIP"), 416, "none of sip, sips and tel"),
        (GOOD.replace(b"Max-Forwards: 70", b"Max-Forwards: lots"), 400, "its INVITE cannot be taken: malformed Max-Forwards"),
        (GOOD.replace(b"\r\n\r\n", b"\r\n"), 400, "its INVITE has no empty line after its headers"),
        (GOOD.replace(b"Contact: <", b"Contact: \""), 400, "its INVITE "),
        (GOOD.replace(b"\r\nContact", b"\nContact"), 400, "its INVITE has a line that does not end with CR and LF"),
        (GOOD.replace(b"70", b"70\r\nX: \xff"), 400, "its INVITE has headers that are not UTF-8"),
    ],
)  # fmt: skip
def test_a_request_that_cannot_be_read_is_answered_and_told_of(broken: bytes, status: int, told: str) -> None:
    one = agent()
    happened = one.receive(broken, SOURCE, 0)
    (sent,) = happened
    assert isinstance(sent, Send) and sent.to == SOURCE
    (answer,) = answers(happened)
    assert (answer.status, answer.call_id, answer.from_.tag) == (status, "c1", "a") and answer.to.tag
    assert answer.via.branch == "z9hG4bK1" and answer.via.parameters["rport"] == "5999"
    assert one.receive(broken, SOURCE, 0) == happened, "the same answer to the same request"
    assert [who for who, _ in one.remarks] == [SOURCE] * 2 and told in one.remarks[0][1]
    assert sum(one.counters.values()) == 2 and not one.layer.size and not one.legs


@pytest.mark.parametrize(
    "hopeless",
    [
        GOOD.replace(b"INVITE", b"ACK").replace(b"70", b"lots"),
        GOOD.replace(b"Via", b"Vie").replace(b"v:", b"w:"),
        GOOD.replace(b"Via: SIP/2.0/UDP ", b"Via: nonsense "),
        GOOD.replace(b"Call-ID: c1", b"Call-ID: "),
        GOOD.replace(b"From: <", b'From: "'),
        GOOD.replace(b"To: <sip:b@x.example>", b"To: nobody"),
        GOOD.replace(b"CSeq: 1", b"CSeq: one"),
        b"SIP/2.0 999 What\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
        b"rubbish",
    ],
)
def test_what_nobody_can_answer_is_counted_and_told_of(hopeless: bytes) -> None:
    one = agent()
    assert one.receive(hopeless, SOURCE, 0) == [] and len(one.remarks) == 1 and sum(one.counters.values()) == 1
    assert one.receive(b"\r\n\r\n", SOURCE, 0) == one.receive(b"\0", SOURCE, 0) == [] and len(one.remarks) == 1


@given(st.binary(max_size=400), st.integers(0, 400))
def test_whatever_comes_no_more_than_one_answer_goes_and_it_can_be_read(noise: bytes, at: int) -> None:
    one = agent()
    for broken in (noise, GOOD[:at] + noise, GOOD[:at] + noise + GOOD[at + len(noise) :]):
        for sent in one.receive(broken, SOURCE, 0):
            if isinstance(sent, Send):
                parse(sent.encoded)
    salvaged = salvage(GOOD[:at] + noise)
    assert salvaged is None or (salvaged.method != "ACK" and salvaged.via.host)


def test_sentences_name_no_content() -> None:
    assert sentence("", RemoteProtocolError("malformed URI")) == "one of its messages has a URI that cannot be read"
    assert sentence("X" * 17, RemoteProtocolError("odd")) == "one of its messages cannot be taken: odd"
    one = agent()
    one.receive(GOOD.replace(b"Contact", b"X-Contact"), SOURCE, 0)
    assert one.remarks[0][1] == "its INVITE has no Contact, so that nothing can be sent to it within the call"
    for _ in range(2_000):
        one.remark(SOURCE, "x")
    assert len(one.remarks) == 1_000


# ---------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("required", "unknown"),
    [("siprec", ""), ("100rel,siprec", ""), ("Timer", ""), ("replaces, timer", "replaces"), ("a,b", "a, b")],
)
def test_only_what_is_really_unknown_is_refused(required: str, unknown: str) -> None:
    one = agent()
    happened = one.receive(with_header("Require", required), SOURCE, 0)
    if not unknown:
        assert isinstance(happened[-1], Offered)
        return
    (answer,) = answers(happened)
    assert (answer.status, answer.get("Unsupported")) == (420, unknown) and not one.legs
    (answer,) = answers(one.receive(with_header("Require", unknown, "OPTIONS"), SOURCE, 0))
    assert (answer.status, answer.get("Unsupported")) == (420, unknown)  # RFC 4475 §3.3.5


def test_who_wants_provisional_answers_reliably_gets_none() -> None:
    one = agent()
    happened = one.receive(with_header("Require", "100rel"), SOURCE, 0)
    assert isinstance(happened[-1], Offered) and one.ring(happened[-1].leg, 0) == []


def test_options_say_what_is_understood_and_how_busy_we_are() -> None:
    one = agent()
    (answer,) = answers(one.receive(GOOD.replace(b"INVITE", b"OPTIONS"), SOURCE, 0))
    assert answer.status == 200 and not answer.get("Overt-Load")
    assert answer.all("Accept") == ["application/sdp", "application/rs-metadata+xml", "multipart/mixed"]
    assert {"INVITE", "UPDATE", "BYE"} <= set(answer.all("Allow")) and answer.all("Supported") == ["siprec", "timer"]
    load = [3, 4]
    one.load = lambda: (load[0], load[1])
    (answer,) = answers(one.receive(GOOD.replace(b"INVITE", b"OPTIONS").replace(b"K1", b"K2"), SOURCE, 0))
    assert (answer.status, answer.get("Overt-Load")) == (200, "calls=3;most=4") and not one.full
    load[0] = 4
    (answer,) = answers(one.receive(GOOD.replace(b"INVITE", b"OPTIONS").replace(b"K1", b"K3"), SOURCE, 0))
    assert (answer.status, answer.get("Overt-Load")) == (503, "calls=4;most=4") and 5 <= int(
        answer.get("Retry-After")
    ) < 11
    (answer,) = answers(one.receive(GOOD, SOURCE, 0))
    assert answer.status == 503 and answer.get("Retry-After") and one.counters == {"refused: full": 1} and not one.legs
    load[1] = 0  # any number
    assert not one.full and isinstance(one.receive(GOOD.replace(b"K1", b"K4"), SOURCE, 0)[-1], Offered)


def test_a_body_of_another_kind_is_refused_with_what_we_take() -> None:
    wrong = GOOD.replace(b"Content-Length: 0\r\n\r\n", b"Content-Type: text/plain\r\nContent-Length: 1\r\n\r\nx")
    one = agent()
    (answer,) = answers(one.receive(wrong, SOURCE, 0))
    assert answer.status == 415 and "application/sdp" in answer.all("Accept") and not one.legs
    assert one.remarks[0][1] == "its INVITE cannot be taken: a body of type text/plain"


def test_we_say_where_each_peer_reaches_us() -> None:
    one = agent()
    one.here = lambda peer: ("2001:db8::1", 5061) if peer.transport == "TLS" else ("203.0.113.1", 5060)
    assert one.contact(Peer("h", 1, "TCP")) == "<sip:203.0.113.1:5060;transport=tcp>"
    assert one.contact(Peer("h", 1, "TLS"), ";+sip.srs") == "<sip:[2001:db8::1]:5061;transport=tls>;+sip.srs"
    (answer,) = answers(one.receive(GOOD.replace(b"INVITE", b"OPTIONS"), Peer("203.0.113.9", 1, "TLS", 4), 0))
    assert answer.get("Contact") == "<sip:[2001:db8::1]:5061;transport=tls>"


def test_lots_are_drawn_within_their_bounds() -> None:
    one = agent()
    drawn = [one._lot(7) for _ in range(500)]
    assert set(drawn) == set(range(7))
    other = Agent("h", 1, lambda: "x", "o", lot=lambda count: count - 1)
    assert other._lot(11) == 10


# ---------------------------------------------------------------------------------- what is large, or cannot be sent


def large(wire: Wire) -> tuple[object, list[object]]:
    """A call from A whose INVITE is larger than a datagram should be."""
    leg, happened = wire.a.invite(
        "sip:b@10.0.0.2:5070", Peer(*B), NameAddress(Uri("sip", "a", "x")), "10.0.0.1", 4000, wire.now,
        headers=(("X-Long", "x" * LARGE),),
    )  # fmt: skip
    return leg, [*happened]


def test_a_large_request_goes_over_a_stream_first_and_back_when_none_comes_about() -> None:
    wire = Wire()
    _, happened = large(wire)
    (sent,) = happened
    assert isinstance(sent, Send) and sent.to == Peer(*B), "nobody can open streams here"
    wire.a.layer.streams = True
    _, happened = large(wire)
    (sent,) = happened
    assert (
        isinstance(sent, Send) and sent.to == Peer(*B, "TCP", 0) and b"Via: SIP/2.0/TCP 10.0.0.1:5060" in sent.encoded
    )
    assert wire.a.undelivered(Send(sent.encoded, Peer("other", 1), sent.key), wire.now) == []
    (again,) = wire.a.undelivered(sent, wire.now)
    assert isinstance(again, Send) and again.to == Peer(*B) and b"Via: SIP/2.0/UDP 10.0.0.1:5060" in again.encoded
    assert wire.a.undelivered(sent, wire.now) == []
    wire.do("a", [again])
    wire.run(100 * MS)
    called = wire.offered()
    assert called is not None and len(called.invite.get("X-Long")) == LARGE
    small = wire.call()
    assert b"SIP/2.0/UDP" in bytes(small.invite)


def test_a_large_request_that_a_stream_takes_is_sent_once_and_cancelled_there() -> None:
    wire = Wire()
    wire.a.layer.streams = True
    leg, (sent,) = large(wire)
    assert isinstance(sent, Send) and wire.a.advance(wire.now + 5_000 * MS) == []
    ringing = parse(sent.encoded)
    assert isinstance(ringing, Request)
    answer = Response((*(one for one in ringing.headers if one[0] in ("Via", "From", "Call-ID", "CSeq")), ("To", "<sip:b@x>;tag=t")), b"", 180, "R")  # fmt: skip
    wire.a.receive(bytes(answer), Peer(*B, "TCP", 7), wire.now)
    (cancel,) = wire.a.hang_up(leg, wire.now)  # type: ignore[arg-type]
    assert isinstance(cancel, Send) and cancel.encoded.startswith(b"CANCEL") and cancel.to == sent.to


def test_what_cannot_be_sent_ends_as_if_503_had_come() -> None:
    wire = Wire()
    leg = wire.call()
    sent = Send(b"", Peer(*B), leg.key)
    (ended,) = wire.a.undelivered(sent, wire.now)
    assert ended == Ended(leg, "it cannot be reached", 503) and not wire.a.legs and wire.a.layer.size == 0
    assert wire.a.undelivered(sent, wire.now) == [] == wire.a.undelivered(Send(b"", Peer(*B)), wire.now)
    wire, caller, _ = established()
    wire.a.hold(caller, "sendonly", wire.now)
    assert wire.a.undelivered(Send(b"", Peer(*B), caller.key), wire.now) == [Reanswered(caller, 503, None)]
    assert caller.state == "confirmed" and not caller.offering
    wire.a.hang_up(caller, wire.now)
    bye = next(key for key in wire.a.layer._all if key[-1] == "BYE")
    assert wire.a.undelivered(Send(b"", Peer(*B), bye), wire.now) == []


def test_a_call_of_ours_that_is_never_answered_is_given_up() -> None:
    wire = Wire()
    caller = wire.call()
    wire.run(60 * MS)
    called = wire.offered()
    assert called is not None
    wire.b._due.drop((called.id, "patience"))
    wire.run(601_000 * MS)
    assert caller.cancelled and isinstance(wire.happened["a"][-1], Ended) and not wire.a.legs and not wire.b.legs


def test_sound_is_encrypted_where_both_can() -> None:
    wire = Wire()
    keys = iter(bytes([number]) * 46 for number in range(1, 9))
    wire.a._fresh_key = wire.b._fresh_key = keys.__next__
    caller, happened = wire.a.invite("sip:b@10.0.0.2:5070", Peer(*B), NameAddress(Uri("sip", "a", "x")), "10.0.0.1", 4000, wire.now, secure=True)  # fmt: skip
    wire.do("a", happened)
    wire.run(60 * MS)
    called = wire.answer()
    wire.run(100 * MS)
    assert wire.happened["b"][-1] == Confirmed(called) and called.secret != caller.secret
    for leg in (caller, called):
        assert leg.audio is not None and leg.audio.secure and leg.audio.crypto
    wire.do("b", wire.b.hold(called, "sendonly", wire.now))
    wire.run(100 * MS)
    assert caller.audio is not None and caller.audio.secure and caller.audio.direction == "sendonly"
    restored = wire.b.restore(called.as_json())
    assert restored is not None and (restored.secret, restored.secrecy) == (called.secret, "optional")
    assert restored.audio is None


# ---------------------------------------------------------------------------------- deadlines


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 50), st.sampled_from(["set", "set", "drop", "due"]))))
def test_deadlines_are_those_that_were_set_last(acts: list[tuple[int, int, str]]) -> None:
    deadlines: Deadlines[int] = Deadlines()
    expected: dict[int, int] = {}
    for key, when, act in acts * 5:
        if act == "set":
            deadlines.set(key, when)
            expected[key] = when
        elif act == "drop":
            deadlines.drop(key)
            expected.pop(key, None)
        else:
            due = deadlines.due(when)
            assert sorted(due) == sorted(one for one, at in expected.items() if at <= when)
            moments = [expected.pop(one) for one in due]
            assert moments == sorted(moments)
        assert len(deadlines) == len(expected) and deadlines.next() == min(expected.values(), default=None)


def test_deadlines_keep_no_more_than_they_must() -> None:
    deadlines: Deadlines[str] = Deadlines()
    for when in range(10_000):
        deadlines.set("x", when)
    assert len(deadlines) == 1 and len(deadlines._heap) < 200 and deadlines.due(LIFETIME) == ["x"]


def test_who_makes_up_methods_and_types_makes_up_no_counters() -> None:
    one = agent()
    for number in range(3 * MOST_REASONS):
        made_up = with_header("X", "1", f"M{number}").replace(b"bK1", b"bK%d" % number)
        one.receive(made_up, SOURCE, 0)
        invite = with_header("Content-Type", f"a/{'b' * 300}{number}").replace(b"bK1", b"bKi%d" % number)
        one.receive(invite.replace(b"c1", b"c%d" % number).replace(b"Length: 0", b"Length: 1") + b"x", SOURCE, 0)
    assert len(one.counters) <= MOST_REASONS + 1 and one.counters["refused: other"] > MOST_REASONS
    assert max(map(len, one.counters)) < LONGEST_REASON + 20
    one.receive(with_header("X", "1", "M1").replace(b"bK1", b"bKagain"), SOURCE, 0)
    assert one.counters["refused: M1"] == 2  # what is told apart stays so
    one.counters["refused: stranger"] = 1
    one.count_why("refused", "stranger")
    assert one.counters["refused: stranger"] == 2


def test_a_request_is_held_while_its_transaction_lives() -> None:
    one, invite = agent(), parse(GOOD)
    assert isinstance(invite, Request) and not one.layer.holds(invite)
    one.receive(GOOD, SOURCE, 0)
    assert one.layer.holds(invite)
    other = parse(GOOD.replace(b"203.0.113.9:5060", b"203.0.113.8:5060"))
    assert isinstance(other, Request) and not one.layer.holds(other)


def test_a_cancel_that_comes_after_the_answer_is_too_late_and_no_error() -> None:
    one = agent()
    (offered,) = [each for each in one.receive(GOOD, SOURCE, 0) if isinstance(each, Offered)]
    one.refuse(offered.leg, 486, "", 0)
    cancel = GOOD.replace(b"INVITE", b"CANCEL")
    assert [each.status for each in answers(one.receive(cancel, SOURCE, 0))] == [200]
    unknown = cancel.replace(b"bK1", b"bK9")
    assert [each.status for each in answers(one.receive(unknown, SOURCE, 0))] == [481]
