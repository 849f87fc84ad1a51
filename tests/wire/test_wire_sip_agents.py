"""Two user agents over a network that loses, doubles and reorders: transactions, dialogs, calls. No socket, no clock."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overt.wire import sdp
from overt.wire.sip.agent import Agent
from overt.wire.sip.dialog import Dialog
from overt.wire.sip.errors import RemoteProtocolError
from overt.wire.sip.leg import Changed, Confirmed, Ended, Leg, Offered, Progressed, Reanswered
from overt.wire.sip.message import Request, Response, parse, respond
from overt.wire.sip.transaction import LIFETIME, MS, T1, Peer, Send, TransactionLayer, received_via
from wire.two_agents import A, B, Wire, established


def test_a_call_from_invite_to_bye() -> None:
    wire, caller, called = established()
    assert wire.kinds("a") == ["Progressed", "Confirmed"] and wire.kinds("b") == ["Offered", "Confirmed"]
    assert caller.far is not None and caller.far.audio is not None and caller.far.audio.port == 6000
    wire.do("a", wire.a.hang_up(caller, wire.now))
    wire.run(100 * MS)
    assert wire.kinds("b")[-1] == "Ended" and not wire.a.legs and not wire.b.legs
    assert wire.a.hang_up(caller, wire.now) == []
    wire.run(LIFETIME * 2)
    assert wire.a.layer.size == wire.b.layer.size == 0 and wire.a.layer.next_deadline() is None
    assert called.state == "ended"


def test_the_called_hangs_up_and_a_restored_leg_can_too() -> None:
    wire, caller, called = established()
    kept = called.as_json()
    wire.b = Agent(*B, lambda: f"n{len(wire.sent)}", "b2")
    restored = wire.b.restore(kept)
    assert restored is not None and wire.b.restore({**kept, "state": "early"}) is None
    wire.do("b", wire.b.hang_up(restored, wire.now))
    wire.run(100 * MS)
    assert wire.kinds("a")[-1] == "Ended" and caller.state == "ended"


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 10_000),
    st.sampled_from([0.0, 0.1, 0.25]),
    st.sampled_from([0.0, 0.3]),
    st.sampled_from(["answer", "refuse", "cancel"]),
)
def test_whatever_the_network_does_both_agree_and_nothing_is_left(
    seed: int, loss: float, double: float, story: str
) -> None:
    wire = Wire(loss, double, seed)
    caller = wire.call()
    done: list[str] = []

    def react() -> None:
        leg = wire.offered()
        if leg is None or done:
            return
        done.append(story)
        if story == "answer":
            wire.answer()
        elif story == "refuse":
            wire.do("b", wire.b.refuse(leg, 486, "", wire.now))
        else:
            wire.do("b", wire.b.ring(leg, wire.now))
            wire.do("a", wire.a.hang_up(caller, wire.now))

    wire.run(20_000 * MS, react)
    if story == "answer" and caller.state == "confirmed":
        wire.do("a", wire.a.hang_up(caller, wire.now))
    wire.run(LIFETIME * 3, react)
    assert not wire.a.legs and wire.a.layer.size == 0 and wire.b.layer.size == 0
    assert not wire.b.legs or loss, "a leg is left at the called side"
    if loss < 0.2 and story == "refuse":
        assert [one.status for one in wire.happened["a"] if isinstance(one, Ended)] == [486]


def test_cancel_before_and_after_a_provisional() -> None:
    wire = Wire()
    caller = wire.call()
    wire.do("a", wire.a.hang_up(caller, wire.now))  # nothing came yet: CANCEL waits for the 100
    wire.run(200 * MS)
    assert wire.kinds("b") == ["Offered", "Ended"]
    assert [one.status for one in wire.happened["a"] if isinstance(one, Ended)] == [487]


def test_an_answer_that_crosses_the_cancel_is_ended() -> None:
    wire = Wire()
    caller = wire.call()
    wire.run(60 * MS)
    caller.cancelled = True  # we gave up; the CANCEL is lost, the 200 comes
    wire.answer()
    wire.run(300 * MS)
    assert wire.kinds("a")[-1] == "Ended" and wire.kinds("b")[-1] == "Ended" and not wire.b.legs


def test_nobody_there_is_a_time_out() -> None:
    wire = Wire(loss=1.0)
    wire.call()
    wire.run(LIFETIME + T1)
    assert [(one.how, one.status) for one in wire.happened["a"] if isinstance(one, Ended)] == [("no response", 408)]
    assert len(wire.sent) == 7  # RFC 3261 §17.1.1.2: at 0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5 s


def test_an_answer_never_acknowledged_is_hung_up() -> None:
    wire = Wire()
    wire.call()
    wire.run(60 * MS)
    wire.loss = 1.0
    wire.answer()
    wire.run(LIFETIME + T1)
    assert [one.how for one in wire.happened["b"] if isinstance(one, Ended)] == ["never acknowledged our answer"]


def test_hold_and_back_and_glare() -> None:
    wire, caller, called = established()
    wire.do("a", wire.a.hold(caller, "sendonly", wire.now))
    wire.do("b", wire.b.hold(called, "sendonly", wire.now))
    wire.run(300 * MS)
    assert sum(one.startswith(b"SIP/2.0 491") for one in wire.sent) == 2  # glare: both are refused, the call goes on
    assert not caller.offering and not called.offering and caller.waiting and called.waiting
    wire.run(5_000 * MS)  # whoever did not make the Call-ID comes first (§14.1), and overtakes the other
    assert called.far is not None and caller.far is not None and caller.far.audio is not None
    assert caller.far.audio.direction == "sendonly" and not caller.waiting and not called.waiting
    assert [one.status for one in wire.happened["a"] if isinstance(one, Reanswered)] == [491]
    assert [one.status for one in wire.happened["b"] if isinstance(one, Reanswered)] == [200]
    wire.do("a", wire.a.hold(caller, "inactive", wire.now))
    wire.run(300 * MS)
    assert called.far is not None and called.far.audio is not None and called.far.audio.direction == "inactive"
    wire.do("a", wire.a.hold(caller, "sendrecv", wire.now))
    wire.run(300 * MS)
    assert called.far.audio is not None and called.far.audio.direction == "sendrecv"
    assert wire.kinds("b").count("Changed") >= 2 and caller.id in wire.a.legs


def ask(
    wire: Wire, leg: Leg, method: str, body: bytes = b"", kind: str = "application/sdp", **changed: str
) -> Response:
    """Send a request within a call from A, and return B's answer."""
    assert leg.dialog is not None
    leg.dialog = leg.dialog.next_number()
    headers = (("Contact", "<sip:10.0.0.1>"), *((("Content-Type", kind),) if body else ()))
    request = leg.dialog.request(
        method, f"SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK{method}{wire.now}{len(wire.sent)}", headers=headers, body=body
    )
    happened = wire.b.receive(bytes(request), Peer(*A), wire.now)
    wire.do("b", happened)
    answer = parse([one.encoded for one in happened if isinstance(one, Send)][-1])
    assert isinstance(answer, Response)
    return answer


def test_requests_within_a_call() -> None:
    wire, caller, called = established()
    assert ask(wire, caller, "INFO").status == 200 and ask(wire, caller, "OPTIONS").status == 200
    assert ask(wire, caller, "MESSAGE").status == 405
    assert ask(wire, caller, "UPDATE").status == 200
    held = sdp.offer("10.0.0.1", 4000, session_id=1).replace(b"sendrecv", b"sendonly")
    assert sdp.parse(ask(wire, caller, "UPDATE", held).body).media[0].direction == "recvonly"
    assert ask(wire, caller, "UPDATE", b"x", "text/plain").status == 415
    offered = ask(wire, caller, "INVITE")
    assert sdp.parse(offered.body).audio is not None and called.owing
    assert ask(wire, caller, "INVITE", held).status == 491
    assert caller.dialog is not None
    ack = caller.dialog.request("ACK", "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKack", number=offered.cseq.number, headers=(("Content-Type", "application/sdp"),), body=held)  # fmt: skip
    wire.do("b", wire.b.receive(bytes(ack), Peer(*A), wire.now))
    assert not called.owing and wire.kinds("b")[-1] == "Changed"
    caller.dialog = Dialog.from_json({**caller.dialog.as_json(), "local_number": 0})
    assert ask(wire, caller, "INFO").status == 500


def test_requests_from_nowhere() -> None:
    wire, caller, _ = established()
    assert caller.dialog is not None
    stranger = Dialog.from_json({**caller.dialog.as_json(), "call_id": "else", "remote": "<sip:b@x>;tag=zz"})

    def status(request: Request) -> list[int]:
        happened = wire.b.receive(bytes(request), Peer(*A), wire.now)
        return [parse(one.encoded).status for one in happened if isinstance(one, Send)]  # type: ignore[union-attr]

    via = "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK"
    outside = Dialog.from_json({**stranger.as_json(), "remote": "<sip:b@x>"})
    assert status(stranger.request("BYE", via + "1")) == [481]
    assert status(outside.request("OPTIONS", via + "2")) == [200]
    assert status(outside.request("SUBSCRIBE", via + "3")) == [405]
    assert status(outside.request("CANCEL", via + "4")) == [481]
    assert status(stranger.request("ACK", via + "5")) == [] and wire.b.layer.strays == 1
    contact = ("Contact", "<sip:10.0.0.1>")
    assert status(outside.request("INVITE", via + "6")) == [100, 400]
    assert status(outside.request("INVITE", via + "7", headers=(contact, ("Require", "timer, Replaces")))) == [100, 420]
    hopless = outside.request("INVITE", via + "8", headers=(contact,))
    hopless = Request(
        tuple((n, "0" if n == "Max-Forwards" else v) for n, v in hopless.headers), b"", "INVITE", hopless.uri
    )
    assert status(hopless) == [100, 483]
    assert status(outside.request("INVITE", via + "9", headers=(contact,))) == [100]
    assert status(outside.request("INVITE", via + "10", headers=(contact,))) == [100, 482]
    assert wire.b.receive(b"rubbish", Peer(*A), wire.now) == [] and wire.b.counters
    assert wire.b.receive(bytes(Response(hopless.headers, b"", 200, "OK")), Peer(*A), wire.now) == []


def test_a_call_without_an_offer_gets_ours_and_answers_in_its_ack() -> None:
    wire = Wire()
    caller = wire.call()
    request = caller.invite
    bare = Request(tuple(h for h in request.headers if h[0] != "Content-Type"), b"", "INVITE", request.uri)
    happened = wire.b.receive(bytes(bare), Peer(*A), wire.now)
    leg = next(one.leg for one in happened if isinstance(one, Offered))
    sent = [one for one in wire.b.answer(leg, "10.0.0.2", 6000, wire.now) if isinstance(one, Send)]
    response = parse(sent[-1].encoded)
    assert isinstance(response, Response) and sdp.parse(response.body).audio is not None
    dialog = Dialog.of_client(bare, response)
    body = sdp.offer("10.0.0.1", 4000, session_id=5)
    ack = dialog.request(
        "ACK", "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKk", headers=(("Content-Type", "application/sdp"),), body=body
    )
    assert wire.b.receive(bytes(ack), Peer(*A), wire.now) == [Confirmed(leg)]
    assert leg.far is not None and wire.b.receive(bytes(ack), Peer(*A), wire.now) == []


@pytest.mark.parametrize("body", [b"", b"v=0\nm=audio 9 RTP/AVP 18\n", b"nonsense"])
def test_a_200_that_cannot_be_used_is_acknowledged_and_ended(body: bytes) -> None:
    wire = Wire()
    caller = wire.call()
    answer = respond(
        caller.invite,
        200,
        tag="t",
        headers=(("Contact", "<sip:10.0.0.2:5070>"), ("Content-Type", "application/sdp")),
        body=body,
    )
    happened = wire.a.receive(bytes(answer), Peer(*B), wire.now)
    methods = [parse(one.encoded).method for one in happened if isinstance(one, Send)]  # type: ignore[union-attr]
    assert methods == ["ACK", "BYE"] and isinstance(happened[-1], Ended) and happened[-1].status == 488


def test_a_second_200_is_acknowledged_again_and_a_fork_is_ended() -> None:
    wire, caller, _ = established()
    good = next(one for one in reversed(wire.sent) if one.startswith(b"SIP/2.0 200") and b"INVITE" in one)
    again = wire.a.receive(good, Peer(*B), wire.now)
    assert [parse(one.encoded).method for one in again if isinstance(one, Send)] == ["ACK"]  # type: ignore[union-attr]
    wire.do("a", wire.a.hang_up(caller, wire.now))
    fork = wire.a.receive(good, Peer(*B), wire.now)
    assert [parse(one.encoded).method for one in fork if isinstance(one, Send)] == ["ACK", "BYE"]  # type: ignore[union-attr]
    assert wire.a.receive(good.replace(b"Contact", b"X-Contact"), Peer(*B), wire.now) == []


def test_routes_strict_and_loose() -> None:
    request = Request((("Via", "SIP/2.0/UDP h;branch=z9hG4bKx"), ("From", "<sip:a@x>;tag=1"), ("To", "<sip:b@x>"), ("Call-ID", "c"),
                       ("CSeq", "1 INVITE"), ("Record-Route", "<sip:p1;lr>, <sip:p2>"), ("Contact", "<sip:a@h>")), b"", "INVITE", "sip:b@x")  # fmt: skip
    loose = Dialog.of_server(request, "t")
    assert loose.next_hop == ("p1", 5060) and loose.request("BYE", "SIP/2.0/UDP h").uri == "sip:a@h"
    response = respond(request, 200, tag="t")
    strict = Dialog.of_client(request, response)
    sent = strict.request("BYE", "SIP/2.0/UDP h")
    assert sent.uri == "sip:p2" and sent.all("Route")[-1] == "<sip:b@x>" and strict.target == "sip:b@x"
    with pytest.raises(RemoteProtocolError):
        Dialog.of_server(Request(request.headers[:-1], b"", "INVITE", "sip:b@x"), "t")


def test_old_clients_without_the_magic_cookie_and_reliable_transports() -> None:
    layer, peer = TransactionLayer(), Peer("h", 1, "TCP", 4)
    old = Request((("Via", "SIP/2.0/TCP h;branch=1;rport"), ("From", "<sip:a@x>;tag=1"), ("To", "<sip:b@x>"), ("Call-ID", "c"),
                   ("CSeq", "1 INVITE"), ("Via", "SIP/2.0/TCP second")), b"", "INVITE", "sip:b@x")  # fmt: skip
    marked = received_via(old, Peer("9.9.9.9", 99, "TCP"))
    assert marked.via.parameters["rport"] == "99" and len(marked.all("Via")) == 2
    arrived = layer.receive(old, peer, 0)[-1]
    key = arrived.key  # type: ignore[union-attr]
    layer.respond(key, respond(old, 404, tag="t"), 0)
    assert [type(one).__name__ for one in layer.receive(old, peer, 1)] == ["Send"]  # repeated, answered again
    assert layer.respond(key, respond(old, 200), 1) == []
    ack = Request(tuple((n, "1 ACK" if n == "CSeq" else v) for n, v in old.headers), b"", "ACK", old.uri)
    assert layer.receive(ack, peer, 2) == []
    layer.advance(3)
    assert layer.size == 0
    bye = Request(tuple((n, "2 BYE" if n == "CSeq" else v) for n, v in old.headers), b"", "BYE", old.uri)
    key, _ = layer.request(bye, peer, 5)
    assert layer.cancel(key, 6) == []
    assert layer.receive(respond(bye, 100), peer, 6) and layer.receive(respond(bye, 200), peer, 7)
    assert layer.receive(respond(bye, 200), peer, 7) == [] and layer.cancel(("none",), 8) == []


def test_progress_is_told() -> None:
    wire = Wire()
    wire.call((("X-Mark", "1"),))
    wire.run(60 * MS)
    leg = wire.offered()
    assert leg is not None and leg.invite.get("X-Mark") == "1"
    wire.do("b", wire.b.ring(leg, wire.now))
    wire.run(60 * MS)
    assert [one.status for one in wire.happened["a"] if isinstance(one, Progressed)] == [180]
    wire.do("b", wire.b.hang_up(leg, wire.now))
    wire.run(60 * MS)
    assert [one.status for one in wire.happened["a"] if isinstance(one, Ended)] == [480]
    assert not any(isinstance(one, Changed) for one in wire.happened["b"])


def test_a_new_offer_that_is_refused_leaves_the_call_and_one_into_nothing_ends_it() -> None:
    wire, caller, called = established()
    called.owing = ("busy",)
    wire.do("a", wire.a.hold(caller, "sendonly", wire.now))
    wire.run(100 * MS)
    assert caller.id in wire.a.legs and not caller.offering
    wire.b.legs.remove(called)
    wire.do("a", wire.a.hold(caller, "sendonly", wire.now))
    wire.run(100 * MS)
    assert caller.id not in wire.a.legs and wire.kinds("a")[-1] == "Ended"


def test_strange_acks_cancels_and_responses_change_nothing() -> None:
    wire, caller, called = established()
    wire.b.legs.remove(called)
    assert wire.b._acknowledged(("none",), caller.invite) == []
    assert wire.b._failed(("none",), wire.now, 408) == []
    other = Wire()
    other.call()
    other.run(60 * MS)
    leg = other.offered()
    assert leg is not None
    other.b.legs.remove(leg)
    cancel = Request(
        tuple((n, "1 CANCEL" if n == "CSeq" else v) for n, v in leg.invite.headers), b"", "CANCEL", leg.invite.uri
    )
    answers = [
        parse(one.encoded).status
        for one in other.b.receive(bytes(cancel), Peer(*A), other.now)
        if isinstance(one, Send)
    ]  # type: ignore[union-attr]
    assert answers == [200]
    ended = Leg("x", False, Peer("h", 1), caller.invite, ("k",), state="answered")
    other.b.legs.keep(ended)
    assert other.b.hang_up(ended, other.now) == [] and "x" not in other.b.legs


def test_a_description_that_cannot_be_read_leaves_what_was_agreed() -> None:
    wire, caller, _ = established()
    wire.a.hold(caller, "sendonly", wire.now)
    agreed = caller.far
    answer = Response(
        (*tuple((n, v) for n, v in wire.a.layer._all[caller.key].request.headers if n in ("Via", "From", "To", "Call-ID", "CSeq")), ("Contact", "<sip:10.0.0.2:5070>")), b"nonsense", 200, "OK",
    )  # fmt: skip
    happened = wire.a.receive(bytes(Response(answer.headers, b"", 180, "Ringing")), Peer(*B), wire.now)
    assert happened == []
    happened = wire.a.receive(bytes(answer), Peer(*B), wire.now)
    assert [type(one).__name__ for one in happened] == ["Send", "Reanswered"] and caller.far == agreed
    assert [type(one).__name__ for one in wire.a.receive(bytes(answer), Peer(*B), wire.now)] == ["Send"]


def test_the_layer_is_bounded_and_keeps_to_its_states(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire()
    caller = wire.call()
    monkeypatch.setattr("overt.wire.sip.transaction.MOST_TRANSACTIONS", 0)
    (busy,) = wire.b.receive(bytes(caller.invite), Peer(*A), wire.now)
    assert isinstance(busy, Send) and busy.encoded.startswith(b"SIP/2.0 503")
    monkeypatch.undo()
    layer, peer = wire.a.layer, Peer(*B)
    ringing, busy_here = respond(caller.invite, 180, tag="t"), respond(caller.invite, 486, tag="t")
    assert layer.receive(busy_here, peer, wire.now) and len(layer.receive(busy_here, peer, wire.now)) == 1
    assert (
        layer.receive(ringing, peer, wire.now) == []
        and layer.receive(respond(caller.invite, 200, tag="t"), peer, wire.now) == []
    )
    second = Wire(seed=3)
    leg = second.call()
    second.a.layer.receive(respond(leg.invite, 200, tag="t"), peer, second.now)
    assert second.a.layer.receive(respond(leg.invite, 486, tag="t"), peer, second.now) == []
    assert second.a.layer._timer(second.a.layer._all[leg.key], "A", second.now) == []


def test_answers_go_to_the_via_where_no_rport_was_asked() -> None:
    request = Request((("Via", "SIP/2.0/UDP h:5099;branch=z9hG4bKx"), ("From", "<sip:a@x>;tag=1"), ("To", "<sip:b@x>"), ("Call-ID", "c"), ("CSeq", "1 OPTIONS")), b"", "OPTIONS", "sip:b@x")  # fmt: skip
    layer = TransactionLayer()
    (arrived,) = layer.receive(request, Peer("9.9.9.9", 1234), 0)
    (sent,) = layer.respond(arrived.key, respond(request, 200), 0)  # type: ignore[union-attr]
    assert isinstance(sent, Send) and sent.to == Peer("9.9.9.9", 5099)
    with pytest.raises(RemoteProtocolError):
        Request((), b"", "OPTIONS", "sip:b@x").via  # noqa: B018


def test_an_ack_after_the_end_and_a_hop_over_a_stream() -> None:
    wire, caller, called = established()
    assert wire.b._acknowledged(called.key, caller.invite) == []
    called.peer = Peer("h", 9, "TCP", 3)
    assert wire.b._hop(called) == called.peer
