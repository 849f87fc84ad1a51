"""Calls between two agents whose network loses, doubles and reorders at hypothesis' will, with time and people at its will too.

Both sides call, answer, refuse, offer anew (at the same time as well), accept, reject, hang up, or do nothing at all, with
session timers as short as they may be. Whatever happens: nothing is overdue, a leg is confirmed once and ends once, and nothing
is said of it after its end. Once the network works and people answer, both sides have the same calls and the same descriptions
of them, and when those are hung up nothing is left: no leg, no transaction, no deadline.
"""

from __future__ import annotations

import itertools

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from overt.wire import sdp
from overt.wire.sip.agent import Agent
from overt.wire.sip.headers import NameAddress
from overt.wire.sip.leg import Confirmed, Ended, Happening, Leg, Offered, Reanswered, Reoffered, Withdrawn
from overt.wire.sip.transaction import LIFETIME, MS, T4, Peer, Send
from overt.wire.sip.uri import Uri

HOSTS = {"a": "203.0.113.1", "b": "203.0.113.2"}
OTHER = {"a": "b", "b": "a"}
SECOND = 1_000 * MS
DIRECTIONS: tuple[sdp.Direction, ...] = ("sendrecv", "sendonly", "inactive")
pick = st.integers(0, 30)
sides = st.sampled_from(["a", "b"])


class Calls(RuleBasedStateMachine):
    """Two agents, those who use them, and a bag of what is under way between them."""

    @initialize(reliable=st.booleans(), deferred=st.booleans())
    def begin(self, reliable: bool, deferred: bool) -> None:
        self.reliable, self.deferred, self.now = reliable, deferred, SECOND
        names = itertools.count()
        transport = "TCP" if reliable else "UDP"
        self.peers = {side: Peer(HOSTS[side], 5060, transport, int(reliable)) for side in "ab"}
        self.agents = {
            side: Agent(HOSTS[side], 5060, lambda: f"n{next(names)}", side, session_s=90) for side in "ab"
        }  # fmt: skip
        self.under_way: list[tuple[int, str, bytes]] = []
        self.asked: list[tuple[str, Leg]] = []
        self.confirmed: set[str] = set()
        self.over: set[str] = set()
        self.versions = itertools.count(2)
        self.calls = 0

    def legs(self, side: str = "") -> list[tuple[str, Leg]]:
        """All legs that stand."""
        return [(one, leg) for one in "ab" if side in ("", one) for leg in self.agents[one].legs.values()]

    def described(self, side: str, leg: Leg) -> bytes:
        """A new description, told from every other by its version."""
        number = next(self.versions)
        way = DIRECTIONS[number % 3]
        return sdp.offer(HOSTS[side], 4000, session_id=ord(side), version=number, direction=way)

    # ---- what people do

    @precondition(lambda self: self.calls < 4)
    @rule(side=sides)
    def call(self, side: str) -> None:
        self.calls += 1
        other = OTHER[side]
        leg, happened = self.agents[side].invite(
            f"sip:x@{HOSTS[other]}", self.peers[other], NameAddress(Uri("sip", "y", HOSTS[side])), HOSTS[side], 4000, self.now
        )  # fmt: skip
        leg.deferred = self.deferred
        self.happen(side, happened)

    @precondition(lambda self: self.calls < 4)
    @rule(side=sides)
    def talk(self, side: str) -> None:
        """A call that comes about at once."""
        self.call(side)
        self.attend()

    @rule()
    def attend(self) -> None:
        """For a moment the network works, and everybody accepts what they are asked."""
        while self.under_way or self.asked:
            while self.under_way:
                self.deliver(0)
            while self.asked:
                self.decide(0, "accept")

    @precondition(lambda self: self.asked)
    @rule(which=pick, answer=st.sampled_from(["accept", "accept", "accept", "ring", "refuse", "nothing"]))
    def decide(self, which: int, answer: str) -> None:
        side, leg = self.asked.pop(which % len(self.asked))
        agent = self.agents[side]
        if answer == "ring" and leg.state == "early":
            self.happen(side, agent.ring(leg, self.now))
            self.asked.append((side, leg))
        elif answer == "refuse":
            self.leave(leg, leg.state == "early")
            self.happen(side, agent.reject(leg, 488, self.now))
        elif answer == "accept" and (self.deferred or leg.state != "early"):
            self.happen(side, agent.accept(leg, self.described(side, leg), self.now))
        elif answer == "accept":
            self.happen(side, agent.answer(leg, HOSTS[side], 4000, self.now))

    @precondition(lambda self: self.legs())
    @rule(which=pick)
    def offer(self, which: int) -> None:
        legs = self.legs()
        side, leg = legs[which % len(legs)]
        if leg.state != "confirmed":
            return
        agent = self.agents[side]
        if self.deferred:
            self.happen(side, agent.reoffer(leg, self.described(side, leg), self.now))
        else:
            self.happen(side, agent.hold(leg, DIRECTIONS[which % 3], self.now))

    @precondition(lambda self: self.legs())
    @rule(which=pick)
    def both_offer(self, which: int) -> None:
        self.offer(which)
        self.offer(which + len(self.legs("a")))

    @precondition(lambda self: self.legs())
    @rule(which=pick)
    def hang_up(self, which: int) -> None:
        legs = self.legs()
        side, leg = legs[which % len(legs)]
        happened = self.agents[side].hang_up(leg, self.now)
        self.leave(leg, leg.state == "ended")
        self.happen(side, happened)

    def leave(self, leg: Leg, gone: bool) -> None:
        if gone:
            self.over.add(leg.id)

    # ---- what the network does

    @precondition(lambda self: self.under_way)
    @rule(which=pick)
    def deliver(self, which: int) -> None:
        _, to, encoded = self.under_way.pop(0 if self.reliable else which % len(self.under_way))
        self.happen(to, self.agents[to].receive(encoded, self.peers[OTHER[to]], self.now))

    @precondition(lambda self: self.under_way)
    @rule()
    def deliver_all(self) -> None:
        for _ in range(len(self.under_way)):
            self.deliver(0)

    @precondition(lambda self: self.under_way and not self.reliable)
    @rule(which=pick)
    def lose(self, which: int) -> None:
        self.under_way.pop(which % len(self.under_way))

    @precondition(lambda self: self.under_way and not self.reliable)
    @rule(which=pick)
    def double(self, which: int) -> None:
        self.under_way.append(self.under_way[which % len(self.under_way)])

    @precondition(lambda self: not self.reliable)
    @rule(seconds=st.sampled_from([2, 40]))
    def black_out(self, seconds: int) -> None:
        for _ in range(seconds):
            self.under_way.clear()
            self.let_time_pass(SECOND)

    @rule(span=st.sampled_from([MS, 20 * MS, 500 * MS, 3 * SECOND, 15 * SECOND, 31 * SECOND]))
    def let_time_pass(self, span: int) -> None:
        self.now += span
        if not self.reliable:  # the network forgets what is older than T4; that is what T4 means
            self.under_way = [one for one in self.under_way if self.now - one[0] <= T4]
        for side in "ab":
            self.happen(side, self.agents[side].advance(self.now))

    # ---- what comes of it

    def happen(self, side: str, happened: list[Happening]) -> None:
        for one in happened:
            if isinstance(one, Send):
                assert (one.to.host, one.to.port) == (HOSTS[OTHER[side]], 5060)
                self.under_way.append((self.now, OTHER[side], one.encoded))
                continue
            match one:
                case Reanswered():
                    continue  # may be told of a leg that is over: the offer is then settled too
                case Offered(leg, _, far):
                    assert far is not None
                    leg.deferred = self.deferred
                    self.asked.append((side, leg))
                case Reoffered(leg, _, _):
                    assert self.deferred and leg.state == "confirmed" and leg.sent is None
                    self.asked.append((side, leg))
                case Withdrawn(leg):
                    assert leg.question is None
                case Confirmed(leg):
                    assert leg.id not in self.confirmed and leg.far is not None
                    self.confirmed.add(leg.id)
                case Ended(leg):
                    assert leg.id not in self.over and leg.id not in self.agents[side].legs
                    self.over.add(leg.id)
                    continue
            assert one.leg.id not in self.over, "news of a leg that is over"

    @invariant()
    def nothing_is_overdue(self) -> None:
        if not hasattr(self, "agents"):
            return
        for agent in self.agents.values():
            due = agent.next_deadline()
            assert due is None or due >= self.now - 32 * SECOND  # moments are told when time passes
            assert agent.layer.size <= 200 and agent.deadlines <= 4 * len(agent.legs)
            assert not [leg for leg in agent.legs.values() if leg.state == "ended"]

    def settle(self, span: int) -> None:
        """The network works, people accept what they are asked, and time passes."""
        ends = self.now + span
        for _ in range(20_000):
            self.attend()
            dues = [due for due in (agent.next_deadline() for agent in self.agents.values()) if due is not None]
            if self.now >= ends or not dues:
                return
            self.let_time_pass(max(0, min(ends, *dues) - self.now))
        raise AssertionError("it never settles")

    def teardown(self) -> None:
        if not hasattr(self, "agents"):
            return
        self.settle(700 * SECOND)  # whoever answered nothing was given up by now, and every timer has been round
        theirs = {leg.dialog.identity: leg for _, leg in self.legs("b") if leg.dialog is not None}
        for _, ours in self.legs("a"):
            assert ours.state == "confirmed" and ours.dialog is not None
            call, local, remote = ours.dialog.identity
            other = theirs.pop((call, remote, local))
            assert other.state == "confirmed" and ours.far and other.far
            assert ours.far == sdp.parse(other.body) and other.far == sdp.parse(ours.body)
            assert not (ours.waiting or other.waiting or ours.sent or other.sent or ours.question or other.question)
        assert not theirs, "one side has a call that the other has not"
        for _, leg in self.legs("a"):
            self.over.add(leg.id)
            self.happen("a", self.agents["a"].hang_up(leg, self.now))
        self.settle(3 * LIFETIME)
        for agent in self.agents.values():
            assert not agent.legs and agent.layer.size == 0 and agent.deadlines == 0


Calls.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
test_calls = Calls.TestCase
