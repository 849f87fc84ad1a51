"""Policy books and calls, as hypothesis makes them up: small pools, so that policies and calls meet."""

from __future__ import annotations

from hypothesis import strategies as st

from overt.domain.book import (
    DAYS,
    LOCKABLE,
    WITHHELD,
    Ask,
    Capture,
    ChosenBasis,
    Keep,
    NeverRecord,
    Policy,
    PolicyBook,
    Relaxed,
    Stated,
    Stricter,
    Tell,
    When,
)
from overt.domain.law.model import FORMS
from overt.domain.policy import HEARERS
from overt.domain.ruling import Traits

# Any text that a book can hold: no control characters, no line breaks, no halves of surrogate pairs.
lines = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=12)
notes = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"), include_characters="\n\t"), max_size=30)
NAMES = ("sales", "sales-north", "service", "se", "")
PATTERNS = ("sales", "sales*", "service", "se*", "*")
NUMBERS = ("+14155550100", "+14045550100", "+498912345", "")
NUMBER_PATTERNS = ("+14155550100", "+1415*", "+1*", "+49*", WITHHELD)
times = st.sampled_from(["", "00:00", "06:00", "08:30", "18:00", "22:00", "23:59"])


def some(values: tuple[str, ...], most: int = 2) -> st.SearchStrategy[tuple[str, ...]]:
    """None or a few of these, each once."""
    return st.lists(st.sampled_from(values), max_size=most, unique=True).map(tuple)


def rarely(values: tuple[str, ...], most: int = 2) -> st.SearchStrategy[tuple[str, ...]]:
    """Mostly none of these, so that policies match calls often enough to be tested by it."""
    return st.one_of(st.just(()), st.just(()), st.just(()), some(values, most))


whens = st.builds(
    When, st.sampled_from(["any", "any", "inbound", "outbound"]), rarely(PATTERNS), rarely(PATTERNS), rarely(PATTERNS),
    rarely(PATTERNS), rarely(NUMBER_PATTERNS), rarely(DAYS, 5), times, times,
)  # fmt: skip
after_no = st.sampled_from(["go-on", "end", "route"])
bases = st.sampled_from([ChosenBasis(), ChosenBasis("MUST", "paper", "Dana"), ChosenBasis("MAY", "paper", "Dana")])
policies = st.builds(
    Policy,
    name=lines.filter(bool),
    responsible=st.sampled_from(["Dana", "Robin"]),
    enabled=st.sampled_from([True, True, False]),
    note=notes,
    locks=some(tuple(LOCKABLE), 3),
    when=whens,
    tell=st.builds(Tell, st.sampled_from(["", "standard"]), some(("en", "es")), st.one_of(st.just("quality"), lines)),
    ask=st.builds(Ask, st.sampled_from(["ask", "announce"]), st.sampled_from(["", "Dana"]), after_no, after_no,
                  st.sampled_from(["", "sip:desk@192.0.2.7"])),
    capture=st.builds(Capture, st.booleans(), st.integers(0, 100), st.sampled_from(["pause", "stop"])),
    keep=st.builds(Keep, st.integers(1, 4000), some(HEARERS, 3)),
    law=st.builds(Stated, some(("cards", "health")), bases),
)  # fmt: skip
books = st.builds(
    PolicyBook,
    title=lines,
    timezone=st.sampled_from(["UTC", "Europe/Berlin"]),
    never_record=st.lists(st.builds(NeverRecord, st.sampled_from(NUMBER_PATTERNS[:4]), lines), max_size=2).map(tuple),
    relax=st.lists(st.builds(Relaxed, lines, lines, lines), max_size=2).map(tuple),
    stricter=st.lists(st.builds(Stricter, lines, st.sampled_from(FORMS), lines, lines), max_size=2).map(tuple),
    policy=st.lists(policies, min_size=1, max_size=4).map(tuple),
)
calls = st.builds(
    Traits, st.sampled_from(["inbound", "outbound"]), st.sampled_from(NAMES), st.sampled_from(NAMES),
    st.sampled_from(NAMES), st.sampled_from(NAMES), st.sampled_from(NUMBERS), st.sampled_from(NUMBERS),
    st.integers(0, 6), st.integers(0, 1439),
)  # fmt: skip
