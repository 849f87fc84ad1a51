"""Session timers (RFC 4028), both roles: what is agreed, who gives a sign of life, and what ends a call that gives none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt.wire.sip.agent import Agent
from overt.wire.sip.errors import RemoteProtocolError
from overt.wire.sip.leg import Ended, Leg, Reanswered
from overt.wire.sip.message import Request, Response, parse
from overt.wire.sip.timer import SECOND, Timer, agreed, answer_headers, confirmed, interval_of, least_of, too_small
from overt.wire.sip.transaction import LIFETIME, MS, Peer
from wire.two_agents import A, B, Wire, established


def asking(*headers: tuple[str, str]) -> Request:
    """A request with these headers."""
    return Request(headers, b"", "INVITE", "sip:b@x")


KNOWS = ("Supported", "timer")


@pytest.mark.parametrize(
    ("headers", "before", "expected"),
    [
        ((), None, None),
        ((KNOWS,), None, (1800, False)),
        ((KNOWS, ("Session-Expires", "600")), None, (600, False)),
        ((KNOWS, ("x", "600 ; refresher=uas")), None, (600, True)),
        ((("Require", "Timer"), ("Session-Expires", "600;refresher=UAC")), Timer(90, True), (600, False)),
        ((KNOWS, ("Session-Expires", "3600"), ("Min-SE", "100")), None, (1800, False)),
        ((KNOWS, ("Session-Expires", "7200"), ("Min-SE", "3600")), None, (3600, False)),
        ((KNOWS, ("Session-Expires", "600")), Timer(600, True), (600, True)),
        ((KNOWS,), Timer(600, True), (1800, True)),
        ((("Session-Expires", "600"),), None, (600, True)),  # a proxy asks, for a client that does not know timers
        ((("Session-Expires", "60;refresher=uac"),), None, (60, True)),
    ],
)
def test_what_our_answer_agrees(
    headers: tuple[tuple[str, str], ...], before: Timer | None, expected: tuple[int, bool] | None
) -> None:
    timer = agreed(asking(*headers), 1800, before)
    assert (timer and (timer.seconds, timer.ours)) == expected
    said = dict(answer_headers(timer))
    if timer is None:
        assert said == {}
    else:
        assert said["Session-Expires"] == f"{timer.seconds};refresher={'uas' if timer.ours else 'uac'}"
        assert ("Require" in said) is not timer.ours


@given(st.integers(1, 100_000), st.integers(0, 100_000), st.booleans(), st.sampled_from(["", "uac", "uas"]))
def test_no_interval_is_longer_than_asked_for_or_shorter_than_anybody_allows(
    asked: int, least: int, knows: bool, refresher: str
) -> None:
    named = f";refresher={refresher}" if refresher else ""
    headers = (("Session-Expires", f"{asked}{named}"), ("Min-SE", str(least)), *((KNOWS,) if knows else ()))
    request = asking(*headers)
    timer = agreed(request, 1800, None)
    assert timer is not None and timer.seconds <= asked
    assert timer.seconds >= min(asked, 90, max(least, 1)) and (knows or timer.ours)
    assert too_small(request) is (knows and asked < 90)
    begun = timer.begun(5)
    assert (
        begun.ends_at > 5 and (begun.refresh_at < begun.ends_at) and begun.next_at in (begun.refresh_at, begun.ends_at)
    )


def test_what_their_answer_agrees() -> None:
    def answer(*headers: tuple[str, str]) -> Response:
        return Response(headers, b"", 200, "OK")

    assert confirmed(answer(), None) is None and confirmed(answer(("Session-Expires", "soon")), None) is None
    assert confirmed(answer(("Session-Expires", "60")), None) == Timer(90, True)
    assert confirmed(answer(("Session-Expires", "600;refresher=uas")), Timer(1, True, 120)) == Timer(600, False, 120)
    assert least_of(answer(("Min-SE", "soon"))) == 90 and least_of(answer(("Min-SE", "120;x"))) == 120
    assert Timer(600, False, 120).headers == (("Session-Expires", "600;refresher=uas"), ("Min-SE", "120"))
    assert interval_of(asking()) is None
    for wrong in ("0", "x", "99999999999"):
        with pytest.raises(RemoteProtocolError):
            interval_of(asking(("Session-Expires", wrong)))


# ---------------------------------------------------------------------------------- in calls


def timed(interval: int = 1800, refresher: str = "", **fields: bool) -> tuple[Wire, Leg, Leg]:
    """A call from A to B with a session timer; `fields` are set at B's leg when it is offered."""
    wire = Wire()
    wire.a.session_s = interval
    caller = wire.call((("Session-Expires", f"{interval};refresher={refresher}"),) if refresher else ())
    if refresher:  # A says it once only
        kept = list(wire.a.legs[caller.id].invite.headers)
        kept.remove(("Session-Expires", str(interval)))
        wire._queue.clear()
        invite = Request(tuple(kept), caller.invite.body, "INVITE", caller.invite.uri)
        wire.do("b", wire.b.receive(bytes(invite), Peer(*A), wire.now))
    wire.run(60 * MS)
    called = wire.answer()
    for name, value in fields.items():
        setattr(called, name, value)
    wire.run(200 * MS)
    assert called.state == caller.state == "confirmed"
    return wire, caller, called


def requests(wire: Wire, method: str) -> list[Request]:
    """The different requests of a method that were sent."""
    found = {one: parse(one) for one in wire.sent if one.startswith(method.encode() + b" ")}
    return [one for one in found.values() if isinstance(one, Request)]


@pytest.mark.parametrize(("refresher", "ours"), [("", "a"), ("uac", "a"), ("uas", "b")])
def test_whoever_refreshes_does_so_by_update_at_half_the_interval(refresher: str, ours: str) -> None:
    wire, caller, called = timed(600, refresher)
    assert caller.timer is not None and called.timer is not None
    assert (caller.timer.ours, called.timer.ours) == (ours == "a", ours == "b")
    wire.run(3_000 * SECOND)
    refreshes = requests(wire, "UPDATE")
    assert 9 <= len(refreshes) <= 10 and all(not one.body for one in refreshes)
    assert refreshes[0].get("Session-Expires") == "600;refresher=uac" and not requests(wire, "INVITE")[1:]
    assert {one.to.tag == called.tag for one in refreshes} == {ours == "a"}
    assert caller.state == called.state == "confirmed" and wire.a.deadlines == wire.b.deadlines == 1


def test_a_refresh_is_a_re_invite_where_update_is_not_taken_and_changes_nothing() -> None:
    wire, caller, called = timed(600)
    caller.updates = False
    happened = (len(wire.happened["a"]), len(wire.happened["b"]))
    wire.run(310 * SECOND)
    _, refresh = requests(wire, "INVITE")
    assert refresh.body == caller.body and not requests(wire, "UPDATE")
    assert len(wire.happened["a"]) == happened[0]
    assert wire.kinds("b")[happened[1] :] == ["Changed"]  # B's agent answered an offer; the same one
    called.deferred, caller.updates = True, False
    wire.run(350 * SECOND)
    assert (
        "Withdrawn" in wire.kinds("b") and len(requests(wire, "INVITE")) > 3
    )  # nobody accepts it: refused, tried again


def test_an_update_that_is_refused_makes_it_a_re_invite(monkeypatch: pytest.MonkeyPatch) -> None:
    wire, caller, _ = timed(600)
    reoffered = wire.b._reoffered

    def refuse(leg: Leg, request: Request, key: tuple[str, ...], now: int) -> object:
        if request.method == "UPDATE":
            return wire.b._reply(key, request, 405, now, leg=leg, headers=(("Allow", "INVITE, ACK, BYE"),))
        return reoffered(leg, request, key, now)

    monkeypatch.setattr(wire.b, "_reoffered", refuse)
    wire.run(310 * SECOND)
    assert len(requests(wire, "UPDATE")) == 1 and len(requests(wire, "INVITE")) == 2
    assert caller.timer is not None and caller.timer.refresh_at > wire.now


@pytest.mark.parametrize("gone", ["a", "b"])
def test_a_call_whose_other_side_vanished_is_ended(gone: str) -> None:
    wire, caller, called = timed(600)
    dead, left = (caller, "b") if gone == "a" else (called, "a")
    getattr(wire, gone).legs.remove(dead)
    wire.loss = 1.0
    wire.run(601 * SECOND + LIFETIME)
    ended = [one for one in wire.happened[left] if isinstance(one, Ended)]
    assert [one.how for one in ended] == ["session timer ran out"] and requests(wire, "BYE")
    wire.run(LIFETIME)
    assert not getattr(wire, left).legs and getattr(wire, left).layer.size == getattr(wire, left).deadlines == 0


def test_a_refresh_that_is_always_refused_ends_the_call_in_time() -> None:
    wire, caller, called = timed(600)
    called.question = caller.invite  # B is busy with an offer for ever
    called.asked = ("busy",)
    caller.updates = False
    wire.b._keep_time(called, None)  # nor does B end it
    wire.run(590 * SECOND)
    assert caller.state == "confirmed" and 1 < len(requests(wire, "INVITE")) < 100
    wire.run(20 * SECOND)
    assert isinstance(wire.happened["a"][-1], Ended) and wire.a.counters["session timer ran out"] == 1


@pytest.mark.parametrize(("status", "again_s"), [(491, 5), (486, 12)])
def test_a_refresh_that_is_refused_once_is_tried_again(status: int, again_s: int) -> None:
    wire, caller, called = timed(600)
    caller.updates, called.deferred = False, True
    wire.run(300 * SECOND)
    wire.run(1 * SECOND)
    wire.do("b", wire.b.reject(called, status, wire.now))
    wire.run(again_s * SECOND)
    wire.do("b", wire.b.accept(called, called.body, wire.now))
    wire.run(1 * SECOND)
    assert caller.timer is not None and caller.timer.refresh_at > wire.now + 280 * SECOND
    assert not [one for one in wire.happened["a"] if isinstance(one, Reanswered)]


def test_a_refresh_waits_for_an_offer_and_an_offer_for_a_refresh() -> None:
    wire, caller, _ = timed(600)
    caller.updates = False
    wire.run(299 * SECOND)
    wire.do("a", wire.a.hold(caller, "sendonly", wire.now))
    wire.loss = 1.0
    wire.run(2 * SECOND)
    assert len(requests(wire, "INVITE")) == 2 and caller.timer is not None and caller.timer.refresh_at > wire.now
    wire.loss = 0.0
    wire.run(5 * SECOND)
    assert [one.status for one in wire.happened["a"] if isinstance(one, Reanswered)] == [200]
    wire.run(295 * SECOND)
    wire.loss = 1.0
    wire.run(5 * SECOND)
    assert caller.sent is not None and caller.sent.refresh
    assert wire.a.hold(caller, "sendrecv", wire.now) == [] and caller.waiting is not None
    wire.loss = 0.0
    wire.run(20 * SECOND)
    assert [one.status for one in wire.happened["a"] if isinstance(one, Reanswered)] == [200, 200]


def test_too_small_an_interval_is_refused_and_a_longer_one_asked_for() -> None:
    wire = Wire()
    wire.a.session_s = 60
    caller = wire.call()
    wire.run(100 * MS)
    first, second = requests(wire, "INVITE")
    assert wire.statuses("b", "INVITE")[:2] == [100, 422] and second.get("Min-SE") == "90"
    assert (second.get("Session-Expires"), second.cseq.number, second.call_id) == ("90", 2, first.call_id)
    wire.answer()
    wire.run(100 * MS)
    assert caller.state == "confirmed" and caller.dialog is not None and caller.dialog.local_number == 2
    assert caller.timer is not None and caller.timer.seconds == 90
    short = caller.dialog.next_number().request(
        "UPDATE", "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKs", headers=(("Supported", "timer"), ("Session-Expires", "30"))
    )
    (answer,) = wire.b.receive(bytes(short), Peer(*A), wire.now)
    assert answer.encoded.startswith(b"SIP/2.0 422")  # type: ignore[union-attr]


@pytest.mark.parametrize("wanted", [["90"], ["2000", "2000"], ["2000", "3000", "4000", "5000"], ["100000000"]])
def test_a_422_that_wants_nothing_new_or_too_much_ends_the_call(wanted: list[str]) -> None:
    wire = Wire()
    caller = wire.call()
    for least in wanted:
        refused = Response(
            (*(one for one in caller.invite.headers if one[0] in ("Via", "From", "Call-ID", "CSeq")), ("To", "<sip:b@x>;tag=t"), ("Min-SE", least)), b"", 422, "Too Small",
        )  # fmt: skip
        assert caller.state == "early"
        wire.do("a", wire.a.receive(bytes(refused), Peer(*B), wire.now))
    assert [(one.how, one.status) for one in wire.happened["a"] if isinstance(one, Ended)] == [("Too Small", 422)]


def test_a_refresh_of_ours_that_is_too_short_grows() -> None:
    wire, caller, _ = timed(600)
    assert caller.timer is not None
    wire.loss = 1.0
    wire.run(301 * SECOND)
    refresh = requests(wire, "UPDATE")[-1]
    headers = tuple(one for one in refresh.headers if one[0] in ("Via", "From", "To", "Call-ID", "CSeq"))
    wire.do("a", wire.a.receive(bytes(Response((*headers, ("Min-SE", "900")), b"", 422, "x")), Peer(*B), wire.now))
    wire.loss = 0.0
    wire.run(1 * SECOND)
    assert requests(wire, "UPDATE")[-1].get("Session-Expires") == "900;refresher=uac"
    assert caller.timer.seconds == 900 and requests(wire, "UPDATE")[-1].get("Min-SE") == "900"


@pytest.mark.parametrize("ours", [True, False])
def test_a_successor_goes_on_with_the_timer(ours: bool) -> None:
    wire, caller, called = timed(600, "uas" if ours else "")
    kept, now = called.as_json(), wire.now
    wire.b = Agent(*B, lambda: f"n{len(wire.sent)}", "b2")
    restored = wire.b.restore(kept)
    assert restored is not None and restored.timer is not None and restored.timer.ours is ours
    wire.run(12 * SECOND)
    assert len(requests(wire, "UPDATE")) == ours  # it may have missed its turn
    wire.run(1_000 * SECOND)
    assert caller.state == restored.state == "confirmed" and wire.now > now
    wire.a.legs.remove(caller)
    wire.loss = 1.0
    wire.run(700 * SECOND)
    assert restored.state == "ended"


def test_no_timer_is_kept_where_nobody_asks_for_one() -> None:
    wire, caller, called = established()
    assert caller.dialog is not None and called.timer is not None
    update = caller.dialog.next_number().request("UPDATE", "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKq")
    wire.do("b", wire.b.receive(bytes(update), Peer(*A), wire.now))
    assert called.timer is None and wire.b.deadlines == 0
    wire.b.legs.remove(called)
    wire.b.legs.remove(called)  # once more changes nothing
    assert wire.b.restore(called.as_json()) is not None and wire.b.deadlines == 0 and len(wire.b.legs) == 1
