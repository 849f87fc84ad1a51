"""The book that docs/policies.md shows is a right one, and rules calls as the page says."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from overt.adapters.law_files import load_table
from overt.domain.book import PolicyBook
from overt.domain.book_checks import check
from overt.domain.book_policy_checks import Known
from overt.domain.book_toml import parse_book, write_book
from overt.domain.location import US_PLACES
from overt.domain.ruling import Ruling, Traits, Unruled, rule

PAGE = Path(__file__).parents[2] / "docs" / "policies.md"
CALL = Traits(line="orders", caller="+14155550100", called="+14045550100", weekday=1, minute=600)
SALES = replace(CALL, line="sales-north")


@pytest.fixture(scope="module")
def book() -> PolicyBook:
    """The page's book."""
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return parse_book(text)


def ruled(book: PolicyBook, call: Traits, chosen: int = 0) -> Ruling:
    """A ruling that there must be."""
    found = rule(book, call, chosen)
    assert isinstance(found, Ruling)
    return found


def test_nothing_is_wrong_with_it_and_it_asks_where_the_page_says(book: PolicyBook) -> None:
    known = Known(scripts={"standard": {"en", "es"}}, lines=("orders", "sales-north", "service"), places=US_PLACES)
    assert check(book, load_table(), known) == ()
    (found,) = check(book, load_table(), replace(known, places=(*US_PLACES, "DE")))
    assert (found.level, found.policy) == ("warns", "Sales by day")
    assert found.text == "announces, but in 1 of 52 places that is not enough (DE)"
    assert parse_book(write_book(book)) == book


def test_it_rules_as_the_page_says(book: PolicyBook) -> None:
    order = ruled(book, CALL)
    assert (order.policy.name, order.locked_by) == ("Orders", (("on_hold", "Everybody else"),))
    assert (order.policy.capture.on_hold, order.policy.ask.on_refusal, order.policy.keep.days) == (
        "stop",
        "route",
        1827,
    )
    day = ruled(book, SALES, 19)
    assert (day.policy.name, day.policy.ask.telling, day.unrecorded_why) == ("Sales by day", "announce", "")
    assert "20 %" in ruled(book, SALES, 20).unrecorded_why
    evening = ruled(book, replace(SALES, minute=19 * 60))
    assert (evening.policy.name, evening.policy.ask.telling) == ("Everybody else", "ask")
    assert "records no calls" in ruled(book, replace(CALL, queue="health desk")).unrecorded_why
    assert isinstance(rule(book, replace(CALL, direction="outbound")), Unruled)
    assert "the works doctor" in ruled(book, replace(CALL, caller="+14045550199")).unrecorded_why
    assert "staff council" in ruled(book, replace(CALL, called="+14045550171")).unrecorded_why
