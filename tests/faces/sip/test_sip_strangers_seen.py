"""Strangers are remembered with what they tried, bounded, and with nothing of a person in it."""

from __future__ import annotations

from overt.faces.sip.strangers import LONGEST_TOOL, MOST_STRANGERS, MOST_TRIED, Strangers
from overt.wire.sip.message import Message, parse
from overt.wire.sip.transaction import Peer


def message(method: str = "INVITE", tool: str = "SBC 1") -> Message:
    """A request of somebody."""
    lines = [
        f"{method} sip:+14045550100@192.0.2.1 SIP/2.0", "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1", "Max-Forwards: 70",
        "From: <sip:+14155550102@192.0.2.9>;tag=a", "To: <sip:+14045550100@192.0.2.1>", "Call-ID: c", f"CSeq: 1 {method}",
        f"User-Agent: {tool}", "Content-Length: 0", "", "",
    ]  # fmt: skip
    return parse("\r\n".join(lines).encode())


def test_who_came_what_it_tried_and_how_often() -> None:
    strangers = Strangers()
    strangers.came(Peer("192.0.2.9", 5060), message("OPTIONS"))
    strangers.came(Peer("192.0.2.9", 5061), message())
    strangers.came(Peer("2001:db8::1", 5060), None)
    newest, older = strangers.as_json()
    assert (newest["address"], newest["tried"], newest["tool"]) == (
        "2001:0db8:0000:0000",
        ["something that is no SIP"],
        "",
    )
    assert (older["address"], older["tried"], older["attempts"], older["tool"]) == (
        "192.0.2.9", ["OPTIONS", "INVITE"], 2, "SBC 1",
    )  # fmt: skip
    assert older["at_us"] <= newest["at_us"]


def test_nothing_of_a_person_and_nothing_that_speaks_to_a_terminal_is_kept() -> None:
    strangers = Strangers()
    strangers.came(Peer("192.0.2.9", 5060), message(tool="call +14155550102 \x9b31m now " + "x" * 300))
    (one,) = strangers.as_json()
    assert "4155550102" not in str(strangers.as_json()) and one["tool"].isprintable()
    assert len(one["tool"]) <= LONGEST_TOOL


def test_a_flood_of_strangers_is_bounded() -> None:
    strangers = Strangers()
    for number in range(MOST_STRANGERS + 20):
        strangers.came(Peer(f"192.0.2.{number}", 5060), message())
    for number in range(MOST_TRIED + 5):
        strangers.came(Peer("192.0.2.69", 5060), message(f"M{number}"))
    shown = strangers.as_json()
    assert len(shown) == MOST_STRANGERS and shown[0]["address"] == "192.0.2.69"
    assert len(shown[0]["tried"]) == MOST_TRIED and shown[0]["attempts"] == MOST_TRIED + 6
