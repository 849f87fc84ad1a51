"""The ladder: lanes, arrows, times; what comes again is folded; any messages in any order are drawn."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from overt.domain.ladder import MOST_ARROWS, Ladder, TracedMessage, as_text, draw

INVITE = "INVITE sip:‹abc›@h SIP/2.0\nCSeq: 7 INVITE\n\nv=0\n"
RINGING = "SIP/2.0 180 Ringing\nCSeq: 7 INVITE"
OK = "SIP/2.0 200 OK\nCSeq: 7 INVITE\n\nv=0"
GONE = "SIP/2.0 486 Busy Here"


def said(at: int, leg: str, outgoing: bool, text: str) -> TracedMessage:
    return TracedMessage(at, leg, outgoing, "192.0.2.7:5060/UDP", text)


CALL = [
    said(1_000_000, "caller", False, INVITE), said(1_500_000, "caller", False, INVITE), said(1_600_000, "agent", True, "BYE x SIP/2.0"),
    said(1_700_000, "agent", False, GONE), said(3_000_000, "caller", True, RINGING), said(3_250_000, "caller", True, OK),
]  # fmt: skip


def test_a_call_has_its_lanes_and_arrows() -> None:
    ladder = draw(reversed(CALL))
    assert ladder.lanes == ("caller", "Overt", "agent") and ladder.cut == 0
    assert [(one.origin, one.target, one.label, one.about, one.tone) for one in ladder.arrows] == [
        ("caller", "Overt", "INVITE", "#7 SDP", ""), ("Overt", "agent", "BYE", "", ""), ("agent", "Overt", "486 Busy Here", "", "bad"),
        ("Overt", "caller", "180 Ringing", "to INVITE", ""), ("Overt", "caller", "200 OK", "to INVITE SDP", "good"),
    ]  # fmt: skip
    assert [one.since_us for one in ladder.arrows] == [0, 600_000, 700_000, 2_000_000, 2_250_000]
    assert [one.after_us for one in ladder.arrows] == [0, 600_000, 100_000, 1_300_000, 250_000]
    assert [one.rightward for one in ladder.arrows] == [True, True, False, False, False]


def test_what_came_again_is_folded_with_its_times() -> None:
    first, *others = draw(CALL).arrows
    assert first.repeats_us == (500_000,) and not any(one.repeats_us for one in others)


def test_a_recording_client_stands_left_of_us() -> None:
    ladder = draw(
        [
            said(1, "client", False, "INVITE x SIP/2.0\n\n(application/rs-metadata+xml: 3 bytes, digest 0)"),
            said(2, "nobody", False, "x"),
            said(3, "Overt", True, ""),
        ]
    )
    assert ladder.lanes == ("client", "Overt") and [one.about for one in ladder.arrows] == ["metadata"]


def test_nothing_is_no_ladder_and_too_much_is_cut() -> None:
    assert draw([]) == Ladder((), ()) and as_text(draw([])) == ()
    many = draw(said(at, "caller", False, f"M{at} x SIP/2.0") for at in range(MOST_ARROWS + 5))
    assert len(many.arrows) == MOST_ARROWS and many.cut == 5


def test_a_terminal_shows_it_as_text() -> None:
    lines = as_text(draw(CALL))
    assert lines[0].split() == ["caller", "Overt", "agent"]
    assert (
        "INVITE ×2" in lines[1]
        and ">│" in lines[1]
        and lines[1].startswith("     0.000s")
        and lines[1].endswith("#7 SDP")
    )
    assert "│<" in lines[3] and "486 Busy Here" in lines[3]
    assert all("│" in one for one in lines[1:])


@given(
    st.lists(
        st.builds(
            TracedMessage,
            st.integers(0, 10**9),
            st.sampled_from(["caller", "agent", "client", "?"]),
            st.booleans(),
            st.text(max_size=5),
            st.text(max_size=30),
        ),
        max_size=12,
    )
)
def test_any_messages_are_drawn_and_none_is_lost(messages: list[TracedMessage]) -> None:
    ladder = draw(messages)
    assert sum(1 + len(one.repeats_us) for one in ladder.arrows) == sum(one.leg != "?" for one in messages)
    assert [one.at_us for one in ladder.arrows] == sorted(one.at_us for one in ladder.arrows)
    assert len(as_text(ladder)) in (0, 1 + len(ladder.arrows))
