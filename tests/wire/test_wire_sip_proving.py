"""A user agent that is asked for a password when it calls: answers once, gives up when it was wrong."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from overt.wire.sip import digest
from overt.wire.sip.agent import Agent
from overt.wire.sip.headers import NameAddress
from overt.wire.sip.leg import Ended, Happening, Leg
from overt.wire.sip.message import Headers, Request, parse, respond
from overt.wire.sip.transaction import Peer, Send

PEER = Peer("192.0.2.1", 5060)
ASKED = 'Digest realm="pbx", nonce="n%d", algorithm=MD5, qop="auth"'


def phone(password: str = "secret") -> Agent:
    numbers: Iterator[int] = count()
    agent = Agent("192.0.2.9", 5060, lambda: f"f{next(numbers)}", "phone")
    agent.prove = lambda asked, method, uri: digest.answers(asked, method, uri, "7", password, "c")
    return agent


def sent(happened: list[Happening]) -> list[Request]:
    messages = [parse(one.encoded) for one in happened if isinstance(one, Send)]
    return [one for one in messages if isinstance(one, Request)]


def called(agent: Agent) -> tuple[Leg, Request]:
    leg, happened = agent.invite("sip:1@pbx", PEER, NameAddress.parse("<sip:7@pbx>"), "192.0.2.9", 4000, 0)
    return leg, sent(happened)[0]


def refuse(agent: Agent, invite: Request, status: int, headers: Headers) -> list[Happening]:
    return agent.receive(bytes(respond(invite, status, tag="t", headers=headers)), PEER, 1)


@pytest.mark.parametrize(
    ("status", "asks", "answers"),
    [(401, "WWW-Authenticate", "Authorization"), (407, "Proxy-Authenticate", "Proxy-Authorization")],
)
def test_a_challenge_is_answered_within_the_same_call(status: int, asks: str, answers: str) -> None:
    agent = phone()
    leg, first = called(agent)
    ack, second = sent(refuse(agent, first, status, ((asks, ASKED % 1), (asks, ASKED % 2))))
    assert ack.method == "ACK" and second.method == "INVITE" and second.body == first.body
    assert second.call_id == first.call_id and second.from_.tag == first.from_.tag and second.cseq.number == 2
    assert second.via.branch != first.via.branch and len([1 for name, _ in second.headers if name == answers]) == 1
    given = digest.Credentials.parse(second.get(answers))
    assert given.expected(digest.ha1("MD5", "7", "pbx", "secret"), "INVITE") == given.response
    assert leg.state == "early" and leg.id in agent.legs


def test_a_wrong_password_ends_the_call_and_an_old_nonce_does_not() -> None:
    agent = phone()
    leg, first = called(agent)
    second = sent(refuse(agent, first, 401, (("WWW-Authenticate", ASKED % 1),)))[-1]
    third = sent(refuse(agent, second, 401, (("WWW-Authenticate", ASKED % 2 + ", stale=TRUE"),)))[-1]
    assert third.cseq.number == 3 and 'nonce="n2"' in third.get("Authorization")
    assert [name for name, _ in third.headers].count("Authorization") == 1
    happened = refuse(agent, third, 401, (("WWW-Authenticate", ASKED % 3),))
    assert Ended(leg, "Unauthorized", 401) in happened
    assert not agent.legs


def test_stale_for_ever_and_challenges_that_nobody_can_answer_end_the_call() -> None:
    agent = phone()
    _, invite = called(agent)
    for number in range(6):
        happened = refuse(agent, invite, 401, (("WWW-Authenticate", ASKED % number + ", stale=true"),))
        if any(isinstance(one, Ended) for one in happened):
            break
        invite = sent(happened)[-1]
    assert not agent.legs and number == 3
    _, invite = called(agent)
    assert any(isinstance(one, Ended) for one in refuse(agent, invite, 401, (("WWW-Authenticate", "Basic x"),)))
    plain = Agent("192.0.2.9", 5060, iter("abcdefghijk").__next__, "phone")
    _, invite = called(plain)
    assert any(isinstance(one, Ended) for one in refuse(plain, invite, 401, (("WWW-Authenticate", ASKED % 1),)))


def test_a_call_that_was_given_up_is_not_made_again() -> None:
    agent = phone()
    leg, invite = called(agent)
    agent.hang_up(leg, 0)
    happened = refuse(agent, invite, 401, (("WWW-Authenticate", ASKED % 1),))
    assert [one.method for one in sent(happened)] == ["ACK"] and not agent.legs
