"""Transactions between two sides whose network loses, doubles and reorders at hypothesis' will, with time at its will too.

Whatever happens: a request is handed up once while its transaction lives, a client hears one end of each request and nothing
after it, nobody hears what was not said, nothing is overdue, and once the network works and all is answered nothing is left.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from overt.wire.sip.message import Request, Response, parse, respond
from overt.wire.sip.transaction import (
    LIFETIME,
    MAGIC,
    MS,
    T4,
    Answered,
    Arrived,
    Key,
    Outcome,
    Peer,
    Send,
    TimedOut,
    TransactionLayer,
)

CLIENT, SERVER = "203.0.113.1", "203.0.113.2"
SECOND = 1_000 * MS
pick = st.integers(0, 30)


@dataclass
class Asked:
    """A request of the client's: what came back of it, and what the server said to it."""

    request: Request
    since: int
    heard: list[int] = field(default_factory=list)
    said: list[int] = field(default_factory=list)
    ended: int = 0
    acknowledged: int = 0

    @property
    def finals(self) -> list[int]:
        """The final statuses that came."""
        return [status for status in self.heard if status >= 200]


class Transactions(RuleBasedStateMachine):
    """A client layer, a server layer, and a bag of what is under way between them."""

    @initialize(reliable=st.booleans())
    def begin(self, reliable: bool) -> None:
        self.reliable, transport = reliable, "TCP" if reliable else "UDP"
        self.now = SECOND
        self.client, self.server = TransactionLayer(), TransactionLayer()
        self.client_peer, self.server_peer = Peer(CLIENT, 5060, transport, 1), Peer(SERVER, 5060, transport, 1)
        self.under_way: list[tuple[int, str, bytes]] = []
        self.asked: dict[Key, Asked] = {}
        self.open: list[tuple[Key, Request]] = []
        self.cancels: set[str] = set()
        self.closed: dict[Key, int] = {}

    # ---- what both sides do

    @rule(method=st.sampled_from(["INVITE", "INVITE", "BYE", "OPTIONS"]))
    def ask(self, method: str) -> None:
        number = len(self.asked) + 1
        via = f"SIP/2.0/{self.client_peer.transport} {CLIENT};rport;branch={MAGIC}{number}"
        request = Request(
            (("Via", via), ("Max-Forwards", "70"), ("From", "<sip:a@x.example>;tag=a"), ("To", "<sip:b@x.example>"),
             ("Call-ID", f"call{number}"), ("CSeq", f"{number} {method}")), b"", method, "sip:b@x.example",
        )  # fmt: skip
        key, outcomes = self.client.request(request, self.server_peer, self.now)
        self.asked[key] = Asked(request, self.now)
        self.at_client(outcomes)

    @precondition(lambda self: self.open)
    @rule(which=pick, status=st.sampled_from([180, 183, 200, 200, 404, 486]))
    def answer(self, which: int, status: int) -> None:
        self.say(*self.open[which % len(self.open)], status)

    @precondition(lambda self: self.asked)
    @rule(which=pick)
    def cancel(self, which: int) -> None:
        key = list(self.asked)[which % len(self.asked)]
        if key[2] == "INVITE" and key[1] not in self.cancels:
            outcomes = self.client.cancel(key, self.now)
            if outcomes:
                self.cancels.add(key[1])
            self.at_client(outcomes)

    def say(self, key: Key, request: Request, status: int) -> None:
        before = len(self.under_way)
        self.at_server(self.server.respond(key, respond(request, status, tag="b"), self.now))
        if len(self.under_way) > before and request.method != "CANCEL":
            self.asked[self.client_key(request)].said.append(status)
        if status >= 200:
            self.closed[key] = self.now
            self.open = [one for one in self.open if one[0] != key]

    # ---- what the network does

    @precondition(lambda self: self.under_way)
    @rule(which=pick)
    def deliver(self, which: int) -> None:
        _, to, encoded = self.under_way.pop(0 if self.reliable else which % len(self.under_way))
        if to == SERVER:
            self.at_server(self.server.receive(parse(encoded), self.client_peer, self.now))
        else:
            self.at_client(self.client.receive(parse(encoded), self.server_peer, self.now))

    @precondition(lambda self: self.under_way)
    @rule()
    def deliver_all(self) -> None:
        for _ in range(len(self.under_way)):
            self.deliver(0)

    @precondition(lambda self: self.under_way and not self.reliable)
    @rule(which=pick)
    def lose(self, which: int) -> None:
        self.under_way.pop(which % len(self.under_way))

    @precondition(lambda self: self.asked and not self.reliable)
    @rule(seconds=st.sampled_from([2, 33]))
    def black_out(self, seconds: int) -> None:
        for _ in range(seconds):
            self.under_way.clear()
            self.let_time_pass(SECOND)
        self.under_way.clear()

    @precondition(lambda self: self.under_way and not self.reliable)
    @rule(which=pick)
    def double(self, which: int) -> None:
        self.under_way.append(self.under_way[which % len(self.under_way)])

    @rule(span=st.sampled_from([MS, 200 * MS, 500 * MS, 4 * SECOND, 33 * SECOND]))
    def let_time_pass(self, span: int) -> None:
        self.now += span
        if not self.reliable:  # the network forgets what is older than T4; that is what T4 means
            self.under_way = [one for one in self.under_way if self.now - one[0] <= T4]
        self.at_client(self.client.advance(self.now))
        self.at_server(self.server.advance(self.now))

    # ---- what comes of it

    def at_client(self, outcomes: list[Outcome]) -> None:
        for one in outcomes:
            match one:
                case Send(encoded, to):
                    assert to == self.server_peer
                    self.under_way.append((self.now, SERVER, encoded))
                case Answered(key, response):
                    self.hear(key, response)
                case TimedOut(key):
                    self.end(key)
                case _:
                    raise AssertionError(one)

    def hear(self, key: Key, response: Response) -> None:
        if key[2] == "CANCEL":
            return
        asked = self.asked[key]
        assert not asked.ended and response.call_id == asked.request.call_id and response.status in asked.said
        if response.status < 200 or asked.request.method != "INVITE" or response.status >= 300:
            assert not asked.finals
        asked.heard.append(response.status)
        if asked.request.method == "INVITE" and 200 <= response.status < 300:
            self.acknowledge(asked.request, response)

    def acknowledge(self, invite: Request, response: Response) -> None:
        via = f"{invite.get('Via')}ack"
        kept = tuple(one for one in invite.headers if one[0] in ("Max-Forwards", "From", "Call-ID"))
        cseq = ("CSeq", f"{invite.cseq.number} ACK")
        ack = Request((("Via", via), *kept, ("To", response.get("To")), cseq), b"", "ACK", invite.uri)
        self.under_way.append((self.now, SERVER, bytes(ack)))

    def end(self, key: Key) -> None:
        if key[2] != "CANCEL":
            asked = self.asked[key]
            assert not asked.ended and not asked.finals
            asked.ended += 1

    def at_server(self, outcomes: list[Outcome]) -> None:
        for one in outcomes:
            match one:
                case Send(encoded, to):
                    assert to == self.client_peer
                    if encoded.startswith(b"SIP/2.0 100"):
                        self.asked[self.client_key(parse(encoded))].said.append(100)
                    self.under_way.append((self.now, CLIENT, encoded))
                case Arrived(request, key, _):
                    self.arrived(request, key)
                case TimedOut(key):
                    assert key[-1] == "INVITE" and key not in [held for held, _ in self.open]
                case _:
                    raise AssertionError(one)

    def arrived(self, request: Request, key: Key) -> None:
        if request.method == "ACK":
            asked = self.asked[self.client_key(request, "INVITE")]
            asked.acknowledged += 1
            assert asked.said[-1] == 200 and asked.acknowledged <= asked.said.count(200)
            return
        assert key not in [held for held, _ in self.open], "handed up twice"
        if not self.reliable and request.method != "INVITE":  # remembered as long as it may be repeated (timer J)
            assert self.now >= self.closed.get(key, self.now - LIFETIME) + LIFETIME
        self.open.append((key, request))
        if request.method != "CANCEL":
            return
        invite = self.server.invite_of(request)
        self.say(key, request, 200 if invite else 481)
        if invite is not None:
            self.say(invite, next(one for held, one in self.open if held == invite), 487)

    def client_key(self, message: Request | Response, method: str = "") -> Key:
        """The request of the client's that a message belongs to: its number is in the Call-ID."""
        return ("client", f"{MAGIC}{message.call_id.removeprefix('call')}", method or message.cseq.method)

    # ---- what always holds

    @invariant()
    def nothing_is_overdue(self) -> None:
        for layer in (self.client, self.server):
            due = layer.next_deadline()
            assert due is None or due >= self.now
            assert layer.size <= 2 * len(self.asked)

    @invariant()
    def nobody_waits_longer_than_a_transaction_lives(self) -> None:
        for key, asked in self.asked.items():
            silent = key[2] != "INVITE" or (not asked.heard and key[1] not in self.cancels)
            if silent and self.now >= asked.since + LIFETIME:
                assert asked.finals or asked.ended

    @invariant()
    def who_heard_a_final_answer_heard_one(self) -> None:
        for asked in self.asked.values():
            assert len(set(asked.finals)) <= 1 and not (asked.finals and asked.ended)

    def teardown(self) -> None:
        """The network works again and everything is answered: all comes to its end, and nothing is left."""
        if not hasattr(self, "asked"):
            return
        for _ in range(400):
            while self.under_way:
                self.deliver(0)
            while self.open:
                self.say(*self.open[0], 200)
            for key, asked in self.asked.items():  # who never hears an answer gives up, as RFC 3261 §9.1 has it
                if key[2] == "INVITE" and asked.heard and not asked.finals and key[1] not in self.cancels:
                    self.cancels.add(key[1])
                    self.at_client(self.client.cancel(key, self.now))
            if self.under_way:
                continue
            due = min(
                (one for one in (self.client.next_deadline(), self.server.next_deadline()) if one is not None),
                default=None,
            )
            if due is None:
                break
            self.let_time_pass(max(0, due - self.now))
        assert self.client.size == self.server.size == 0
        assert all(asked.finals or asked.ended for asked in self.asked.values())


Transactions.TestCase.settings = settings(max_examples=250, stateful_step_count=40, deadline=None)
test_transactions = Transactions.TestCase


def test_a_cancelled_invite_that_nobody_ends_is_given_up_in_time() -> None:
    layer, peer = TransactionLayer(), Peer(SERVER, 5060)
    headers = (("Via", f"SIP/2.0/UDP {CLIENT};branch={MAGIC}1"), ("From", "<sip:a@x.example>;tag=a"), ("To", "<sip:b@x.example>"), ("Call-ID", "c"), ("CSeq", "1 INVITE"))  # fmt: skip
    invite = Request(headers, b"", "INVITE", "sip:b@x.example")
    key, _ = layer.request(invite, peer, 0)
    layer.receive(respond(invite, 180, tag="b"), peer, SECOND)
    assert layer.next_deadline() is None and layer.size == 1
    (sent,) = layer.cancel(key, 2 * SECOND)
    assert isinstance(sent, Send) and sent.encoded.startswith(b"CANCEL") and layer.cancel(key, 2 * SECOND) == []
    assert layer.receive(respond(invite, 183, tag="b"), peer, 3 * SECOND) == []
    assert TimedOut(key) in layer.advance(2 * SECOND + LIFETIME) and layer.size == 0


def test_a_provisional_answer_prolongs_no_request_but_an_invite() -> None:
    layer, peer = TransactionLayer(), Peer(SERVER, 5060)
    headers = (("Via", f"SIP/2.0/UDP {CLIENT};branch={MAGIC}1"), ("From", "<sip:a@x.example>;tag=a"), ("To", "<sip:b@x.example>"), ("Call-ID", "c"), ("CSeq", "1 BYE"))  # fmt: skip
    bye = Request(headers, b"", "BYE", "sip:b@x.example")
    key, _ = layer.request(bye, peer, 0)
    layer.receive(respond(bye, 100, tag="b"), peer, 30 * SECOND)
    assert TimedOut(key) in layer.advance(LIFETIME) and layer.size == 0
