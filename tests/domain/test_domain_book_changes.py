"""What differs between two books, in words."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from overt.domain.book import (
    Ask,
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
from overt.domain.book_changes import differences
from policy_books import books

A, B, C = Policy("A", "Dana"), Policy("B", "Dana"), Policy("C", "Dana")
BOOK = PolicyBook("Ours", policy=(A, B, C))


def unordered(book: PolicyBook) -> PolicyBook:
    """The book with its lists of numbers and places in one order: theirs means nothing."""
    listed = ("never_record", "relax", "stricter")
    return replace(book, **{name: tuple(sorted(getattr(book, name), key=repr)) for name in listed})


@given(books, books)
def test_only_books_that_say_the_same_do_not_differ(one: PolicyBook, other: PolicyBook) -> None:
    assert differences(one, one) == ()
    assert differences(one, other) or unordered(one) == unordered(other)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (BOOK, replace(BOOK, title="Theirs", timezone="Europe/Berlin"), ("title: «Ours» → «Theirs»", "timezone: «UTC» → «Europe/Berlin»")),
        (replace(BOOK, title=""), BOOK, ("title: none → «Ours»",)),
        (BOOK, replace(BOOK, policy=(A, C)), ("policy «B»: taken out (it was no. 2)",)),
        (replace(BOOK, policy=(A, C)), BOOK, ("policy «B»: put in as no. 2",)),
        (replace(BOOK, policy=(A,)), replace(BOOK, policy=(A, replace(B, enabled=False))), ("policy «B»: put in as no. 2, not enabled",)),
        (BOOK, replace(BOOK, policy=(C, A, B)), ("policy «C»: moved from no. 3 to no. 1",)),
        (BOOK, replace(BOOK, policy=(A, B, replace(C, name="D"))), ("policy «C»: taken out (it was no. 3)", "policy «D»: put in as no. 3")),
        (BOOK, replace(BOOK, policy=(replace(A, enabled=False), B, C)), ("policy «A»: no longer enabled",)),
        (replace(BOOK, policy=(replace(A, enabled=False), B, C)), BOOK, ("policy «A»: enabled",)),
        (BOOK, replace(BOOK, policy=(replace(A, responsible="Robin", locks=("days",)), B, C)),
         ("policy «A»: responsible: «Dana» → «Robin»", "policy «A»: locks: none → days")),
        (BOOK, replace(BOOK, policy=(replace(A, when=When(days=("mon", "tue"), from_="08:00")), B, C)),
         ("policy «A»: when.days: none → mon, tue", "policy «A»: when.from: none → «08:00»")),
        (BOOK, replace(BOOK, policy=(replace(A, tell=Tell("standard", ("en",), "quality"), ask=Ask("announce", "Robin")), B, C)),
         ("policy «A»: tell.script: none → «standard»", "policy «A»: tell.languages: none → en", "policy «A»: tell.purpose: none → «quality»",
          "policy «A»: ask.telling: «ask» → «announce»", "policy «A»: ask.chosen_by: none → «Robin»")),
        (BOOK, replace(BOOK, policy=(replace(A, keep=Keep(30), capture=replace(A.capture, record=False)), B, C)),
         ("policy «A»: capture.record: yes → no", "policy «A»: keep.days: 90 → 30")),
        (BOOK, replace(BOOK, policy=(replace(A, law=Stated(("cards",), ChosenBasis("MUST", "licence 7", "Dana"))), B, C)),
         ("policy «A»: law.circumstances: none → cards", "policy «A»: law.basis: none → MUST (document «licence 7», «Dana»)")),
        (BOOK, replace(BOOK, never_record=(NeverRecord("+1800*", "the works doctor"),)),
         ("never_record +1800*: put in (reason «the works doctor»)",)),
        (replace(BOOK, never_record=(NeverRecord("+1800*", "a"), NeverRecord("+1800*", "b"))), replace(BOOK, never_record=(NeverRecord("+1800*", "c"),)),
         ("never_record +1800*: taken out", "never_record +1800*: reason: «a» → «c»")),
        (replace(BOOK, relax=(Relaxed("US-MI", "Dana", "counsel"),)), replace(BOOK, stricter=(Stricter("US-MI", "express_opt_in", "Dana", "board"),)),
         ("relax US-MI: taken out", "stricter US-MI: put in (form «express_opt_in», by «Dana», reason «board»)")),
        (replace(BOOK, stricter=(Stricter("US-MI", "none", "Dana", "board"),)),
         replace(BOOK, stricter=(Stricter("US-MI", "express_opt_in", "Dana", "board"),)),
         ("stricter US-MI: form: «none» → «express_opt_in»",)),
    ],
)  # fmt: skip
def test_every_difference_is_said(old: PolicyBook, new: PolicyBook, said: tuple[str, ...]) -> None:
    assert differences(old, new) == said


def test_a_book_that_was_never_checked_differs_in_words_too() -> None:
    assert differences(PolicyBook(policy=(A, A)), PolicyBook(policy=(A,))) == ("policy «A»: taken out (it was no. 2)",)
