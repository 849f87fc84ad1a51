"""Half-open calls by the thousand: never acknowledged, cancelled, abandoned, refused, malformed. Nothing is left of any."""

from __future__ import annotations

import pytest

from overt.wire import sdp
from overt.wire.sip.agent import Agent
from overt.wire.sip.leg import Ended, Offered
from overt.wire.sip.transaction import LIFETIME, MS, Peer, Send

SOURCE = Peer("203.0.113.9", 5060)
SECOND = 1_000 * MS
OFFER = sdp.offer("203.0.113.9", 4000, session_id=1)
STORIES = ("never acknowledged", "cancelled", "abandoned", "refused", "malformed", "left early", "offered again")


def request(number: int, method: str, cseq: int = 1, branch: str = "", tag: str = "", body: bytes = b"") -> bytes:
    """A request of the caller with this number."""
    to = f";tag={tag}" if tag else ""
    head = (
        f"{method} sip:b@x.example SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.9:5060;branch=z9hG4bK{branch or number}\r\n"
        f"From: <sip:a@x.example>;tag=a{number}\r\nTo: <sip:b@x.example>{to}\r\nCall-ID: c{number}\r\n"
        f"CSeq: {cseq} {method}\r\nContact: <sip:a@203.0.113.9>\r\nContent-Type: application/sdp\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def tell(agent: Agent, number: int, story: str, now: int) -> int:
    """One half-open call by a story; how many legs were offered."""
    if story == "malformed":
        agent.receive(request(number, "INVITE", body=OFFER).replace(b"Call-ID", b"Call-Id-"), SOURCE, now)
        return 0
    offered = agent.receive(request(number, "INVITE", body=OFFER), SOURCE, now)[-1]
    assert isinstance(offered, Offered)
    leg = offered.leg
    if story == "cancelled":
        agent.ring(leg, now)
        agent.receive(request(number, "CANCEL"), SOURCE, now)
    elif story == "never acknowledged":
        agent.answer(leg, "203.0.113.1", 6000, now)
    elif story == "refused":
        agent.refuse(leg, 486, "", now)
    elif story == "left early":
        agent.receive(request(number, "BYE", 2, f"bye{number}", leg.tag), SOURCE, now)
    elif story == "offered again":
        leg.deferred = True
        agent.accept(leg, OFFER, now)
        agent.receive(request(number, "ACK", 1, f"ack{number}", leg.tag), SOURCE, now)
        agent.receive(request(number, "INVITE", 2, f"again{number}", leg.tag, OFFER), SOURCE, now)
        assert leg.question is not None
        agent.reoffer(leg, OFFER, now)  # never answered either
    return 1


@pytest.mark.parametrize("count", [10_000])
def test_of_half_open_calls_nothing_is_left(count: int) -> None:
    names = iter(f"n{number}" for number in range(10 * count))
    agent, now, offered = Agent("203.0.113.1", 5060, names.__next__, "o"), SECOND, 0
    for number in range(count):
        now += MS
        offered += tell(agent, number, STORIES[number % len(STORIES)], now)
        if number % 50 == 0:
            agent.advance(now)
    assert offered > count * 0.8 and agent.layer.size > 1_000 and len(agent.legs) > 1_000
    ended = 0
    for _ in range(40):
        now += 10 * SECOND
        ended += sum(isinstance(one, Ended) for one in agent.advance(now))
    assert ended > 2_000
    for leg in list(agent.legs.values()):  # those that were established and offered again: refused in time, still there
        assert leg.state == "confirmed" and leg.question is None and leg.waiting is None and leg.sent is None
        assert isinstance(agent.hang_up(leg, now)[0], Send)
    agent.advance(now + LIFETIME + SECOND)
    assert not agent.legs and agent.layer.size == 0 and agent.deadlines == 0 and agent.next_deadline() is None
    for index in (
        agent.legs._keys,
        agent.legs._dialogs,
        agent.legs._invites,
        agent.legs._entries,
        agent.layer._accepted,
    ):
        assert not index
    assert len(agent._due._heap) <= 64 and len(agent.layer._deadlines._heap) <= 64
