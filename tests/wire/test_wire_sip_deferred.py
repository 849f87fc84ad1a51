"""Deferred legs: whoever was offered them answers each offer; what crosses is refused or tried again, and nothing is left."""

from __future__ import annotations

import pytest

from overt.wire import sdp
from overt.wire.sip.dialog import Dialog
from overt.wire.sip.leg import Changed, Confirmed, Ended, Leg, Offered, Reanswered, Reoffered, Withdrawn
from overt.wire.sip.message import Request, Response, parse, respond
from overt.wire.sip.transaction import LIFETIME, MS, T1, Peer, Send
from overt.wire.siprec.multipart import write_body
from wire.two_agents import A, B, Wire

SECOND = 1_000 * MS
METADATA = b'<?xml version="1.0"?><recording xmlns="urn:ietf:params:xml:ns:recording:1"/>'
OURS = sdp.offer("10.0.0.2", 6000, session_id=7)
THEIRS = sdp.offer("10.0.0.1", 4000, session_id=5)
HELD = THEIRS.replace(b"sendrecv", b"inactive")
BOTH = write_body([((("Content-Type", "application/sdp"),), HELD), ((("Content-Type", "application/rs-metadata+xml"),), METADATA)])  # fmt: skip
ONLY = write_body([((("Content-Type", "application/rs-metadata+xml"),), METADATA)])


def deferred(headers: tuple[tuple[str, str], ...] = ()) -> tuple[Wire, Leg, Leg]:
    """A call whose called side answers offers by hand."""
    wire = Wire()
    caller = wire.call(headers)
    wire.run(60 * MS)
    called = wire.offered()
    assert called is not None
    called.deferred, called.features = True, ";+sip.srs"
    wire.do("b", wire.b.accept(called, OURS, wire.now, headers=(("X-Mark", "1"),)))
    wire.run(100 * MS)
    assert wire.kinds("a") == wire.kinds("b")[1:] == ["Confirmed"]
    return wire, caller, called


def send(wire: Wire, leg: Leg, method: str, body: bytes = b"", kind: str = "application/sdp") -> list[Response]:
    """Send a request within the call from A, straight to B; return what B answers at once."""
    assert leg.dialog is not None
    leg.dialog = leg.dialog.next_number()
    headers = (("Contact", "<sip:10.0.0.1:5060>"), *((("Content-Type", kind),) if body else ()))
    via = f"SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK{method}{wire.now}{len(wire.sent)}"
    happened = wire.b.receive(bytes(leg.dialog.request(method, via, headers=headers, body=body)), Peer(*A), wire.now)
    wire.do("b", happened)
    return answers(happened)


def answers(happened: object) -> list[Response]:
    """The responses among what happened."""
    assert isinstance(happened, list)
    read = [parse(one.encoded) for one in happened if isinstance(one, Send)]
    return [one for one in read if isinstance(one, Response) and one.status != 100]


def ack(wire: Wire, leg: Leg, answer: Response, body: bytes = b"", kind: str = "application/sdp") -> None:
    """Acknowledge a 200 from A."""
    assert leg.dialog is not None
    headers = (("Content-Type", kind),) if body else ()
    via = f"SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKack{wire.now}{len(wire.sent)}"
    request = leg.dialog.request("ACK", via, number=answer.cseq.number, headers=headers, body=body)
    wire.do("b", wire.b.receive(bytes(request), Peer(*A), wire.now))


def test_a_call_is_accepted_with_a_description_and_features() -> None:
    wire, caller, called = deferred()
    answer = next(one for one in map(parse, wire.sent) if isinstance(one, Response) and one.status == 200)
    assert (
        answer.body == OURS and answer.get("X-Mark") == "1" and answer.get("Contact") == "<sip:10.0.0.2:5070>;+sip.srs"
    )
    assert answer.all("Supported") == ["siprec", "timer"] and "application/rs-metadata+xml" in answer.all("Accept")
    assert caller.far is not None and caller.far.session_id == 7 and called.body == OURS
    assert wire.b.accept(called, OURS, wire.now) == [] == wire.b.reject(called, 488, wire.now)  # nothing waits
    assert wire.b.refuse(called, 486, "", wire.now) == [] and wire.b.accept(caller, OURS, wire.now) == []


def test_a_call_is_rejected() -> None:
    wire = Wire()
    wire.call()
    wire.run(60 * MS)
    leg = wire.offered()
    assert leg is not None
    wire.do("b", wire.b.reject(leg, 603, wire.now, "Not Here", (("Warning", "399 overt x"),)))
    wire.run(60 * MS)
    assert [(one.how, one.status) for one in wire.happened["a"] if isinstance(one, Ended)] == [("Not Here", 603)]
    assert not wire.b.legs and b"Warning: 399" in wire.sent[-2]


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(("body", "kind"), [(HELD, "application/sdp"), (BOTH[1], BOTH[0])])
def test_a_new_offer_waits_until_it_is_accepted(body: bytes, kind: str, late: bool) -> None:
    wire, caller, called = deferred()
    assert send(wire, caller, "INVITE", *(() if late else (body, kind))) == []
    told = wire.happened["b"][-1]
    assert isinstance(told, Reoffered) and told.leg is called and told.request.body == (b"" if late else body)
    assert (told.far is None) is late and called.far is not None and called.far.media[0].direction == "sendrecv"
    accepted = wire.b.accept(called, OURS, wire.now)
    (answer,) = answers(accepted)
    assert (answer.status, answer.body, answer.get("Content-Type")) == (200, OURS, "application/sdp")
    wire.do("b", accepted)
    ack(wire, caller, answer, *((body, kind) if late else ()))
    assert called.far.media[0].direction == "inactive" and not called.unacknowledged and not called.owing
    assert isinstance(wire.happened["b"][-1], Changed if late else Reoffered)
    wire.run(LIFETIME * 2)
    assert called.state == "confirmed" and wire.b.layer.size == 0


@pytest.mark.parametrize(("body", "kind"), [(HELD, "application/sdp"), (BOTH[1], BOTH[0])])
def test_an_update_waits_too(body: bytes, kind: str) -> None:
    wire, caller, called = deferred()
    assert send(wire, caller, "UPDATE", body, kind) == []
    (answer,) = answers(wire.b.accept(called, OURS, wire.now))
    assert answer.body == OURS and answer.cseq.method == "UPDATE" and not called.unacknowledged
    assert called.far is not None and called.far.media[0].direction == "inactive"


@pytest.mark.parametrize(("kind", "body"), [ONLY, ("application/rs-metadata+xml", METADATA)])
def test_an_update_of_metadata_only_is_accepted_without_a_description(kind: str, body: bytes) -> None:
    wire, caller, called = deferred()
    before = called.far
    assert send(wire, caller, "UPDATE", body, kind) == []
    told = wire.happened["b"][-1]
    assert isinstance(told, Reoffered) and told.far is None and told.request.body == body
    (answer,) = answers(wire.b.accept(called, OURS, wire.now))
    assert (answer.status, answer.body, called.far) == (200, b"", before)
    assert [one.status for one in send(wire, caller, "UPDATE")] == [200]  # a refresh is nobody's decision


def test_a_leg_that_is_not_deferred_answers_parts_by_itself() -> None:
    wire, caller, called = deferred()
    called.deferred, called.address, called.port = False, "10.0.0.2", 6000
    (answer,) = send(wire, caller, "INVITE", BOTH[1], BOTH[0])
    assert sdp.parse(answer.body).media[0].direction == "inactive" and isinstance(wire.happened["b"][-1], Changed)
    assert [one.status for one in send(wire, caller, "UPDATE", ONLY[1], ONLY[0])] == [200]
    assert [one.status for one in send(wire, caller, "UPDATE", b"--x", "multipart/mixed;boundary=y")] == [400]
    assert [one.status for one in send(wire, caller, "UPDATE", b"--x\r\n\r\n" + HELD + b"--x--", "")] == [200]


def test_a_new_offer_is_rejected_and_the_call_goes_on() -> None:
    wire, caller, called = deferred()
    send(wire, caller, "INVITE", HELD)
    rejected = answers(wire.b.reject(called, 488, wire.now, "no"))
    assert [(one.status, one.reason) for one in rejected] == [(488, "no")]
    assert called.state == "confirmed" and called.far is not None and called.far.media[0].direction == "sendrecv"
    assert send(wire, caller, "UPDATE", HELD) == [] and answers(wire.b.accept(called, OURS, wire.now))


def test_a_late_offer_is_answered_in_the_ack() -> None:
    wire = Wire()
    caller = wire.call()
    fixed = tuple(one for one in caller.invite.headers if one[0] not in ("Content-Type", "Via"))
    bare = Request((("Via", "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKlate"), *fixed), b"", "INVITE", caller.invite.uri)
    happened = wire.b.receive(bytes(bare), Peer(*A), wire.now)
    called = next(one.leg for one in happened if isinstance(one, Offered) and one.far is None)
    called.deferred = True
    (answer,) = answers(wire.b.accept(called, OURS, wire.now))
    assert answer.body == OURS and called.owing
    wire.do("a", wire.a.receive(bytes(answer), Peer(*B), wire.now))
    caller.dialog = Dialog.of_client(bare, answer)
    ack(wire, caller, answer, BOTH[1], BOTH[0])
    assert wire.happened["b"][-1] == Confirmed(called)
    assert called.far is not None and called.far.session_id == 5


@pytest.mark.parametrize("body", [b"", b"nonsense"])
def test_an_ack_without_the_answer_that_it_owes_is_remarked_on(body: bytes) -> None:
    wire, caller, called = deferred()
    send(wire, caller, "INVITE")
    happened = wire.b.accept(called, OURS, wire.now)
    before = len(wire.happened["b"])
    ack(wire, caller, answers(happened)[0], body)
    assert not called.owing and not called.unacknowledged and len(wire.happened["b"]) == before
    assert wire.b.remarks[-1] == (
        called.peer,
        "its ACK has no description that can be read, though our 200 made the offer",
    )
    assert len(wire.b.remarks) == (2 if body else 1)


# ---------------------------------------------------------------------------------- offers that cross


def test_a_storm_of_offers_gets_one_answer_each_and_leaves_nothing() -> None:
    wire, caller, called = deferred()
    assert send(wire, caller, "INVITE", HELD) == []
    for method in ("INVITE", "UPDATE", "INVITE"):
        wire.now += 2 * MS
        (refused,) = send(wire, caller, method, THEIRS)
        assert refused.status == 500 and 0 <= int(refused.get("Retry-After")) <= 10
    assert wire.b.remarks and wire.b.counters["crossed: their offers"] == 3
    wire.do("b", wire.b.accept(called, OURS, wire.now))
    for number in range(9):  # none of their ACKs has come yet; an answered offer stands in nobody's way, up to a bound
        wire.now += 2 * MS
        sent = send(wire, caller, "INVITE", HELD if number % 2 else THEIRS)
        assert [one.status for one in sent] == ([] if number < 7 else [500])
        wire.do("b", wire.b.accept(called, OURS, wire.now))
    wire.run(LIFETIME * 2)  # and none ever comes
    assert not wire.b.legs and wire.b.layer.size == wire.b.deadlines == 0
    assert [one.how for one in wire.happened["b"] if isinstance(one, Ended)] == ["never acknowledged our answer"]


def test_our_offer_and_theirs_are_refused_both_ways_and_ours_is_tried_again() -> None:
    wire, caller, called = deferred()
    before = len(wire.sent)
    wire.do("b", wire.b.reoffer(called, OURS, wire.now))
    (refused,) = send(wire, caller, "INVITE", HELD)
    assert refused.status == 491 and called.offering
    caller.owing = ("theirs",)  # A waits for an answer of its own
    wire.run(100 * MS)
    assert not called.offering and called.waiting is not None and wire.statuses("a", "INVITE")[-1] == 491
    caller.owing = ()
    wire.run(2_100 * MS)  # B did not make the Call-ID: 0 to 2 s (§14.1)
    assert wire.happened["b"][-1] == Reanswered(called, 200, caller_description(wire))
    assert len([one for one in wire.sent[before:] if one.startswith(b"INVITE")]) == 2


def caller_description(wire: Wire) -> sdp.Description:
    """What A said last."""
    body = [one.body for one in map(parse, wire.sent) if isinstance(one, Response) and one.status == 200][-1]
    return sdp.parse(body)


def test_whoever_made_the_call_waits_longer() -> None:
    wire, caller, called = deferred()
    called.owing = ("ours",)
    begun = wire.now
    wire.do("a", wire.a.reoffer(caller, THEIRS, wire.now))
    wire.run(100 * MS)
    due = wire.a._due.next()
    assert caller.waiting is not None and due is not None and 2_000 * MS < due - begun <= 4_100 * MS
    wire.run(30 * SECOND)
    assert wire.happened["a"][-1] == Reanswered(caller, 491, None)  # given up after a few
    assert wire.statuses("b", "INVITE").count(491) == 4 and caller.id in wire.a.legs


def test_our_offer_waits_for_theirs_and_gives_way_when_theirs_is_agreed() -> None:
    wire, caller, called = deferred()
    send(wire, caller, "INVITE", HELD)
    assert wire.b.reoffer(called, OURS, wire.now) == [] and called.waiting is not None
    assert wire.b.reoffer(called, OURS, wire.now) == [Reanswered(called, 491, None)]  # a newer one takes its place
    accepted = wire.b.accept(called, OURS, wire.now)
    assert accepted[-1] == Reanswered(called, 491, None) and called.waiting is None
    ack(wire, caller, answers(accepted)[0])
    assert len(answers(wire.b.advance(wire.now + 10 * SECOND))) == 0 and not called.offering


def test_one_offer_of_ours_at_a_time() -> None:
    wire, _, called = deferred()
    wire.do("b", wire.b.reoffer(called, OURS, wire.now))
    assert wire.b.reoffer(called, OURS, wire.now) == [Reanswered(called, 491, None)]
    wire.run(100 * MS)
    assert isinstance(wire.happened["b"][-1], Reanswered) and not called.offering and called.body == OURS
    wire.do("b", wire.b.hang_up(called, wire.now))
    assert wire.b.reoffer(called, OURS, wire.now) == [Reanswered(called, 491, None)]


@pytest.mark.parametrize(
    ("status", "headers", "reported"),
    [
        (488, (), [488]),
        (500, (), [500]),
        (500, (("Retry-After", "1"),), [200]),
        (503, (("Retry-After", "9999"),), [503]),
    ],
)
def test_a_refusal_of_our_offer_is_reported_or_tried_again(
    status: int, headers: tuple[tuple[str, str], ...], reported: list[int]
) -> None:
    wire, caller, called = deferred()
    caller.deferred = True
    wire.do("b", wire.b.reoffer(called, OURS, wire.now))
    wire.run(100 * MS)
    wire.do("a", wire.a.reject(caller, status, wire.now, headers=headers))
    caller.deferred = False
    wire.run(5 * SECOND)
    assert [one.status for one in wire.happened["b"] if isinstance(one, Reanswered)] == reported
    assert called.state == "confirmed"


@pytest.mark.parametrize("provisional", [False, True])
def test_a_recording_client_that_answers_no_offer_keeps_its_call(provisional: bool) -> None:
    wire, caller, called = deferred()
    caller.deferred = True  # A takes the offer, and nobody there answers it
    wire.loss = 0.0 if provisional else 1.0
    wire.do("b", wire.b.reoffer(called, OURS, wire.now))
    wire.run(100 * MS)
    wire.loss = 1.0
    wire.run(LIFETIME * 3)
    assert wire.happened["b"][-1] == Reanswered(called, 408, None) and called.state == "confirmed"
    assert wire.b.layer.size == 0 and (called.peer, "it did not answer our re-INVITE") in wire.b.remarks


def test_an_offer_that_nobody_answers_ends_a_call_in_path() -> None:
    wire, _, called = deferred()
    called.deferred, wire.loss = False, 1.0
    wire.do("b", wire.b.reoffer(called, OURS, wire.now))
    wire.run(LIFETIME + T1)
    assert wire.happened["b"][-1] == Ended(called, "no response", 408)
    wire.run(LIFETIME)
    assert not wire.b.legs and wire.b.layer.size == 0


@pytest.mark.parametrize(("status", "happens"), [(408, Reanswered), (481, Ended)])
def test_a_final_408_and_481(status: int, happens: type) -> None:
    wire, caller, called = deferred()
    caller.deferred = True
    wire.do("b", wire.b.reoffer(called, OURS, wire.now))
    wire.run(100 * MS)
    wire.do("a", wire.a.reject(caller, status, wire.now))
    wire.run(100 * MS)
    assert isinstance(wire.happened["b"][-1], happens)


# ---------------------------------------------------------------------------------- offers taken back, calls that end


def test_they_take_a_new_offer_back() -> None:
    wire, caller, called = deferred()
    wire.do("a", wire.a.reoffer(caller, HELD, wire.now))
    wire.run(50 * MS)
    assert isinstance(wire.happened["b"][-1], Reoffered)
    wire.do("a", [*wire.a.layer.cancel(caller.key, wire.now)])
    wire.run(100 * MS)
    assert wire.happened["b"][-1] == Withdrawn(called) and wire.b.accept(called, OURS, wire.now) == []
    assert wire.happened["a"][-1] == Reanswered(caller, 487, None) and called.state == caller.state == "confirmed"


def test_a_new_offer_that_nobody_here_answers_is_refused_in_time() -> None:
    wire, caller, called = deferred()
    send(wire, caller, "UPDATE", HELD)
    wire.run(26 * SECOND)
    assert wire.happened["b"][-1] == Withdrawn(called) and wire.statuses("b", "UPDATE") == [500]


def test_a_call_that_nobody_here_answers_is_refused_in_time() -> None:
    wire = Wire()
    wire.call((("Expires", "20"),))
    wire.run(21 * SECOND)
    assert wire.happened["b"][-1] == Ended(wire.happened["b"][0].leg, "nobody answered in time")  # type: ignore[union-attr]
    assert [one.status for one in wire.happened["a"] if isinstance(one, Ended)] == [487]


@pytest.mark.parametrize("theirs", [True, False])
def test_an_end_answers_what_waits_and_takes_back_what_was_asked(theirs: bool) -> None:
    wire, caller, called = deferred()
    caller.deferred = True
    if theirs:
        wire.do("a", wire.a.reoffer(caller, HELD, wire.now))
        wire.run(50 * MS)
        wire.do("a", wire.a.hang_up(caller, wire.now))
    else:
        wire.do("b", wire.b.reoffer(called, OURS, wire.now))
        wire.run(50 * MS)
        wire.do("b", wire.b.hang_up(called, wire.now))
    wire.run(100 * MS)
    assert 487 in wire.statuses("b" if theirs else "a", "INVITE") and not wire.a.legs and not wire.b.legs
    wire.run(LIFETIME * 2)
    assert wire.a.layer.size == wire.b.layer.size == wire.a.deadlines == wire.b.deadlines == 0


def test_a_bye_before_the_answer_ends_the_call_and_its_invite() -> None:
    wire = Wire()
    caller = wire.call()
    wire.run(60 * MS)
    called = wire.offered()
    assert called is not None
    wire.do("b", wire.b.ring(called, wire.now))
    assert [one.status for one in early(wire, caller, called, "INVITE")] == [500]
    assert [one.status for one in early(wire, caller, called, "BYE", ("Require", "nobody-knows"))] == [200, 487]
    wire.run(LIFETIME * 2)
    assert not wire.b.legs and wire.b.layer.size == 0


def early(wire: Wire, caller: Leg, called: Leg, method: str, *headers: tuple[str, str]) -> list[Response]:
    """Send a request within the early dialog."""
    fixed = [one for one in caller.invite.headers if one[0] in ("From", "Call-ID", "Contact")]
    own = (("Via", f"SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK{method}"), ("To", f"<sip:b@x>;tag={called.tag}"), ("CSeq", f"2 {method}"))  # fmt: skip
    happened = wire.b.receive(bytes(Request((*own, *fixed, *headers), THEIRS, method, "sip:b@x")), Peer(*A), wire.now)
    wire.do("b", happened)
    return answers(happened)


def test_a_repeated_200_to_an_offer_before_the_latest_is_acknowledged_and_ends_nothing() -> None:
    wire, _, called = deferred()
    wire.do("b", wire.b.reoffer(called, OURS, wire.now))
    wire.run(100 * MS)
    first = next(one for one in reversed(wire.sent) if one.startswith(b"SIP/2.0 200"))
    wire.do("b", wire.b.reoffer(called, OURS, wire.now))
    wire.run(100 * MS)
    (again,) = wire.b.receive(first, Peer(*A), wire.now)
    assert isinstance(again, Send) and again.encoded.startswith(b"ACK") and called.id in wire.b.legs
    assert b"CSeq: 1 ACK" in again.encoded


def test_a_successor_goes_on_with_a_deferred_leg() -> None:
    wire, caller, called = deferred()
    kept = called.as_json()
    wire.b.legs.remove(called)
    restored = wire.b.restore(kept)
    assert restored is not None and restored.deferred and restored.features == ";+sip.srs" and restored.body == OURS
    assert send(wire, caller, "INVITE", HELD) == [] and isinstance(wire.happened["b"][-1], Reoffered)
    wire.do("b", wire.b.reject(restored, 488, wire.now))
    wire.do("b", wire.b.reoffer(restored, OURS, wire.now))
    wire.run(100 * MS)
    assert wire.kinds("b")[-1] == "Reanswered"


def test_an_offer_that_takes_the_place_of_a_waiting_one_leaves_no_second_try() -> None:
    wire, caller, called = deferred()
    called.owing = ("ours",)
    wire.do("a", wire.a.reoffer(caller, THEIRS, wire.now))
    wire.run(100 * MS)
    called.owing, called.deferred = (), True
    assert caller.waiting is not None
    wire.do("a", wire.a.reoffer(caller, HELD, wire.now))
    wire.run(50 * MS)
    wire.do("b", wire.b.accept(called, OURS, wire.now))
    wire.run(10 * SECOND)
    assert [one.status for one in wire.happened["a"] if isinstance(one, Reanswered)] == [491, 200]
    assert caller.body == HELD and caller.waiting is None and wire.statuses("b", "INVITE").count(200) == 2


def test_an_offer_whose_call_ended_waits_not_for_ever_when_a_100_comes_yet() -> None:
    wire, _, called = deferred()
    wire.do("b", wire.b.reoffer(called, OURS, wire.now))
    wire.loss = 1.0
    invite = parse(next(one for one in reversed(wire.sent) if one.startswith(b"INVITE")))
    assert isinstance(invite, Request)
    wire.do("b", wire.b.hang_up(called, wire.now))
    assert wire.b.receive(bytes(respond(invite, 100)), Peer(*A), wire.now) == []
    wire.run(LIFETIME + T1)
    assert wire.b.layer.size == wire.b.deadlines == 0
