"""Scripts: which prompts a policy speaks, and in which languages it could."""

from __future__ import annotations

import pytest

from overt.domain.disclosure import Announcement, MissingPrompts, plan, scripts_in, spoken
from overt.domain.policy import LinePolicy

PROMPTS = ("en/announce", "en/announce-ask", "en/question", "es/announce", "es/announce-ask", "es/question",
           "en/orders-announce", "en/orders-announce-ask", "es/orders-announce", "de/orders-announce",
           "de/orders-announce-ask", "en/cue-recorded", "xx/half-announce")  # fmt: skip


class Will:
    """As much of a decision as a plan looks at."""

    def __init__(self, will: str) -> None:
        self.will = will


def test_a_script_is_whole_where_it_can_tell_and_ask() -> None:
    assert scripts_in(PROMPTS) == {"standard": {"en", "es"}, "orders": {"en"}}
    assert scripts_in(()) == {} == scripts_in(["en/announce"])


@pytest.mark.parametrize(
    ("will", "notice", "expected"),
    [
        ("ask", "", Announcement(("en/orders-announce-ask",), ("en/question",), ("en/orders-announce",))),
        ("ask", "2026-01-01", Announcement(("en/orders-announce-ask",), ("en/question",), ("en/cue-recorded",))),
        ("announce", "2026-01-01", Announcement(("en/orders-announce",), (), ("en/cue-recorded",))),
    ],
)
def test_a_script_of_ones_own_speaks_its_own_telling(will: str, notice: str, expected: Announcement) -> None:
    policy = LinePolicy("orders", script="orders", agent_notice_on_file=notice)
    assert plan(Will(will), policy, PROMPTS) == expected  # type: ignore[arg-type]


def test_prompts_of_a_script_are_named_after_it() -> None:
    assert (spoken("standard", "announce"), spoken("orders", "announce-ask")) == ("announce", "orders-announce-ask")


def test_what_is_played_in_each_language_and_what_is_missing() -> None:
    noticed = LinePolicy("s", agent_notice_on_file="2026-01-01", languages=("en", "es"))
    found = plan(Will("ask"), noticed, PROMPTS)  # type: ignore[arg-type]
    assert found == Announcement(
        ("en/announce-ask", "es/announce-ask"), ("en/question", "es/question"), ("en/cue-recorded",)
    )
    assert found.asks
    unnoticed = plan(Will("ask"), LinePolicy("s"), PROMPTS)  # type: ignore[arg-type]
    assert isinstance(unnoticed, Announcement) and unnoticed.to_agent == ("en/announce",)
    quiet = plan(Will("announce"), noticed, PROMPTS)  # type: ignore[arg-type]
    assert isinstance(quiet, Announcement) and quiet.telling[0] == "en/announce" and not quiet.asks
    assert plan(Will("ask"), noticed, ["en/question"]) == MissingPrompts(  # type: ignore[arg-type]
        ("en/announce-ask", "en/cue-recorded", "es/announce-ask", "es/question")
    )
