"""Tracing: each message is told once, under its call, also the one that came before the call had a name and the last ones."""

from __future__ import annotations

from time import process_time

from overt.faces.sip.tracing import MOST_LOOSE, MOST_OF_NOBODY, SECOND, Tracing, named
from overt.wire.sip.transaction import LIFETIME, Peer, Send

PEER = Peer("192.0.2.7", 5060)


class Told:
    def __init__(self) -> None:
        self.notes: list[tuple[str, str, bool, str, bytes]] = []

    def note(self, call: str, leg: str, outgoing: bool, peer: str, message: bytes, at_us: int) -> None:
        self.notes.append((call, leg, outgoing, peer, message))


def message(call_id: str, start: str = "INVITE", header: str = "Call-ID") -> bytes:
    return f"{start} sip:x@y SIP/2.0\r\n{header}: {call_id}\r\nCSeq: 1 INVITE\r\n\r\n".encode()


def test_the_first_messages_of_a_call_are_told_when_it_has_its_name() -> None:
    told = Told()
    tracing = Tracing([told], lambda: 1)
    tracing.arrived(message("a"), PEER)
    tracing.sent(Send(message("a", "100"), PEER))
    tracing.arrived(message("other"), PEER)
    assert told.notes == []
    tracing.belongs("a", "call-1", "caller")
    tracing.arrived(message("a", "ACK", "i  "), PEER)
    tracing.settle(0)
    where = "192.0.2.7:5060/UDP"
    assert told.notes == [
        ("call-1", "caller", False, where, message("a")), ("call-1", "caller", True, where, message("a", "100")),
        ("call-1", "caller", False, where, message("a", "ACK", "i  ")), ("", "client", False, where, message("other")),
    ]  # fmt: skip


def test_a_calls_last_messages_are_its_own_until_transactions_have_died() -> None:
    told = Told()
    tracing = Tracing([told], lambda: 1)
    tracing.belongs("a", "call-1", "agent")
    tracing.over("a", 100)
    tracing.over("never", 100)
    for now in (100 + LIFETIME - 1, 100 + LIFETIME):
        tracing.settle(now)
        tracing.arrived(message("a", "BYE"), PEER)
    tracing.settle(100 + LIFETIME)
    assert [one[0] for one in told.notes] == ["call-1", ""]


def test_without_a_tracer_nothing_is_held_and_a_flood_of_strangers_is_bounded() -> None:
    quiet = Tracing([], lambda: 1)
    quiet.arrived(message("a"), PEER)
    quiet.sent(Send(message("a"), PEER))
    told = Told()
    tracing = Tracing([told], lambda: 1)
    for number in range(MOST_LOOSE + 5):
        tracing.arrived(b"\xff\xfe" + str(number).encode(), PEER)
    tracing.settle(0)
    assert len(told.notes) == MOST_LOOSE


def test_peers_are_named() -> None:
    assert named(Peer("2001:db8::1", 5061, "TLS", 3)) == "[2001:db8::1]:5061/TLS"


def test_whoever_tries_again_under_the_same_call_id_is_traced_to_the_end() -> None:
    told = Told()
    tracing = Tracing([told], lambda: 1)
    tracing.belongs("a", "refused", "caller")
    tracing.over("a", 0)
    tracing.belongs("a", "call-2", "caller")
    tracing.settle(2 * LIFETIME)
    tracing.arrived(message("a", "BYE"), PEER)
    assert [one[0] for one in told.notes] == ["call-2"]
    for _ in range(2):
        tracing.over("a", 2 * LIFETIME)
    tracing.settle(3 * LIFETIME)
    assert not tracing._calls and not tracing._over


def test_a_call_id_of_white_space_holds_nobody_up() -> None:
    told = Told()
    tracing = Tracing([told], lambda: 1)
    began = process_time()
    for _ in range(5):
        tracing.arrived(b"INVITE sip:x@y SIP/2.0\r\ni: a" + b" " * 8_000 + b"b\r\n\r\n", PEER)
    assert process_time() - began < 0.5
    tracing.belongs("a" + " " * 8_000 + "b", "call-1", "caller")
    assert {one[0] for one in told.notes} == {"call-1"}


def test_of_what_is_nobodys_so_much_a_second_is_told_and_of_calls_all() -> None:
    told = Told()
    tracing = Tracing([told], lambda: 1)
    tracing.belongs("a", "call-1", "caller")
    for second in range(2):
        for number in range(3 * MOST_OF_NOBODY):
            tracing.arrived(message(f"{number}"), PEER)
            tracing.arrived(message("a"), PEER)
            tracing.settle(second * SECOND + number)
    said = [one[0] for one in told.notes]
    assert (said.count(""), said.count("call-1")) == (2 * MOST_OF_NOBODY, 6 * MOST_OF_NOBODY)
