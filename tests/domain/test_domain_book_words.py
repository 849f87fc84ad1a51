"""A policy in plain words: every part of it, and nothing that it does not say."""

from __future__ import annotations

import pytest

from overt.domain.book import Ask, Capture, ChosenBasis, Keep, Policy, Stated, Tell, When
from overt.domain.book_words import describe_policy, describe_when
from overt.domain.law.duties import CIRCUMSTANCES

TOLD = Tell("standard", ("en", "es"), "quality")


def words(policy: Policy) -> dict[str, str]:
    """What a policy says, by what it is about."""
    return dict(describe_policy(policy))


@pytest.mark.parametrize(
    ("when", "said"),
    [
        (When(), "every call"),
        (When("inbound"), "every inbound call"),
        (When("outbound", numbers=("+49*",)), "outbound calls to +49*"),
        (When("inbound", numbers=("withheld", "+1")), "inbound calls from withheld or +1"),
        (When(numbers=("+1",)), "calls with +1"),
        (When(lines=("a",), queues=("b", "c"), teams=("d",)), "calls on the line a of the queues b or c of the team d"),
        (When(agents=("sip:a@b",)), "calls for the agent sip:a@b"),
        (When(agents=("x", "y", "z")), "calls for the agents x, y or z"),
        (When(days=("fri", "mon", "tue", "wed", "thu")), "calls on mon–fri"),
        (When(days=("sat", "sun")), "calls on sat and sun"),
        (When(days=("mon", "wed", "fri")), "calls on mon, wed and fri"),
        (When(days=("sun",)), "calls on sun"),
        (When(from_="08:00"), "calls from 08:00 to 24:00"),
        (When(until="06:30"), "calls from 00:00 to 06:30"),
    ],
)
def test_conditions(when: When, said: str) -> None:
    assert describe_when(when) == said


def test_a_policy_that_asks() -> None:
    assert words(Policy("a", "Dana", tell=TOLD)) == {
        "For": "every call", "Tells": "by the script standard, in en and es, for «quality»",
        "Asks": "always; silence is a no", "After a no": "the call goes on unrecorded",
        "Records": "every such call; hold pauses it",
        "Keeps": "90 days, to be heard by administrator, compliance and supervisor",
    }  # fmt: skip


def test_everything_that_one_can_say() -> None:
    said = words(Policy(
        "a", "Dana", locks=("days", "on_refusal"), tell=TOLD,
        ask=Ask("announce", "Dana", "route", "end", "sip:x@y"), capture=Capture(share=20, on_hold="stop"),
        keep=Keep(1, ()), law=Stated(("cards", "of my own"), ChosenBasis("MIFID", "paper 7", "Dana")),
    ))  # fmt: skip
    assert said["Asks"] == "only where the law wants more than staying on the line; chosen by Dana"
    assert said["After a no"] == "the call goes unrecorded to sip:x@y; after no answer it ends politely"
    assert said["Records"] == "20 of a hundred such calls; hold ends it for the rest of the call"
    assert said["Keeps"] == "1 day, to be heard by nobody"
    assert said["States"] == f"{CIRCUMSTANCES['cards']}; of my own"
    assert said["Legal basis"] == "MIFID, shown by paper 7, chosen by Dana"
    assert said["Locks"] == "days and on refusal, for every call that it matches"


def test_what_is_missing_is_said() -> None:
    said = words(Policy("a", "", ask=Ask("announce"), law=Stated(basis=ChosenBasis("MIFID"))))
    assert said["Tells"] == "nothing is set to be told, so nothing can be recorded"
    assert said["Asks"].endswith("staying on the line")
    assert said["Legal basis"] == "MIFID, shown by no document, chosen by nobody"


def test_what_is_not_recorded_is_neither_told_nor_kept() -> None:
    assert words(Policy("a", "Dana", capture=Capture(False))) == {"For": "every call", "Records": "none of these calls"}
