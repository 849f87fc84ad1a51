"""The policy books at the door: read, edited as a form or a file, checked, rehearsed, published; by whoever may."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from html import unescape
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faces.http.test_routes import FewCalls, House, house  # noqa: F401
from overt.domain.book import Policy, PolicyBook
from overt.domain.book_toml import LARGEST_BYTES, parse_book, write_book
from overt.faces.console.book_form import Drawn, book_of, draw
from overt.faces.http import rehearsals
from overt.faces.http.forms import Form
from overt.faces.http.problems import BadRequest, NotFound, TooManyRehearsals
from overt.faces.http.rehearsals import Rehearsals, span_of
from overt.services.rehearsing import Read, propose
from policy_books import books

BOOK = """format = 1
title = "Ours"

[[policy]]
name = "Sales"
responsible = "Dana Reyes"

[policy.when]
lines = ["sales"]

[policy.tell]
script = "standard"
languages = ["en"]
purpose = "quality and training"

[policy.keep]
days = 30
"""
SECOND = BOOK.replace('name = "Sales"', 'name = "Second"').partition("[[policy]]")[2]
TWO = f"{BOOK}\n[[policy]]{SECOND}"


def filled_in(book: PolicyBook) -> Form:
    """The form as a browser would send it back untouched."""
    sent: dict[str, list[str]] = {"view": ["form"]}
    for one in draw(book, "", ""):
        _send(one, sent)
    for name in ("never_record", "relax", "stricter"):
        for number, entry in enumerate(getattr(book, name)):
            for one in draw(entry, f"{name}.{number}.", name):
                _send(one, sent)
    for number, policy in enumerate(book.policy):
        sent[f"policy.{number}.there"] = ["1"]
        for one in draw(policy, f"policy.{number}.", "policy"):
            _send(one, sent)
    return Form(sent)


def _send(one: Drawn, sent: dict[str, list[str]]) -> None:
    if one.kind == "table":
        for part in one.parts:
            _send(part, sent)
    elif one.kind == "tick":
        if one.value:
            sent[one.name] = ["1"]
    elif one.kind == "ticks":
        sent[one.name] = [value for value, _ in one.choices if value in one.value]
    else:
        sent[one.name] = [str(one.value).replace("\n", "\r\n")]


@given(books)
def test_a_form_that_nobody_touched_says_the_same_book(book: PolicyBook) -> None:
    assert book_of(filled_in(book)) == without_empty_entries(book)


def without_empty_entries(book: PolicyBook) -> PolicyBook:
    """The book without the entries of which nothing is filled in: the form takes them for the one that waits to be."""
    lists = {name: getattr(book, name) for name in ("never_record", "relax", "stricter")}
    said = ("number", "reason", "place", "by")
    return replace(book, **{
        name: tuple(one for one in entries if any(getattr(one, field, "") for field in said))
        for name, entries in lists.items()
    })  # fmt: skip


def test_every_field_of_a_policy_is_in_the_form() -> None:
    drawn = {one.name for one in _flat(draw(Policy("x", ""), "policy.0.", "policy"))}
    assert drawn == {f"policy.0.{path}" for path in _paths(Policy("x", ""))}


def _flat(drawn: tuple[Drawn, ...]) -> Iterator[Drawn]:
    for one in drawn:
        yield from _flat(one.parts) if one.kind == "table" else [one]


def _paths(value: Any) -> Iterator[str]:
    for one in fields(value):
        below, name = getattr(value, one.name), one.name.rstrip("_")
        yield from (f"{name}.{path}" for path in _paths(below)) if is_dataclass(below) else [name]


@given(st.dictionaries(st.text(max_size=30), st.lists(st.text(max_size=20), min_size=1, max_size=3), max_size=8))
def test_whatever_is_sent_becomes_a_book_whose_text_the_parser_judges(sent: dict[str, list[str]]) -> None:
    fields_ = {f"policy.0.{name}": value for name, value in sent.items()}
    book = book_of(Form({**sent, **fields_, "policy.0.there": ["1"]}))
    assert len(book.policy) == 1 and write_book(book).startswith("format = 1")


def test_what_is_filled_in_wrong_is_kept_and_said() -> None:
    form = filled_in(parse_book(BOOK))
    wrong = Form({**form.fields, "policy.0.keep.days": ["a month"], "policy.0.when.from": ["8h"]})
    book = book_of(wrong)
    assert book.policy[0].keep.days == "a month" and book.policy[0].when.from_ == "8h"
    fresh = Form({**form.fields, "never_record.0.number": [""], "never_record.0.reason": [""],
                  "never_record.7.number": ["+1"], "never_record.x.number": ["+2"]})  # fmt: skip
    assert [one.number for one in book_of(fresh).never_record] == ["+1"]
    many = {f"never_record.{number}.number": ["+1"] for number in range(1001)}
    with pytest.raises(BadRequest, match="at most 1000"):
        book_of(Form(many))
    with pytest.raises(BadRequest, match="at most"):
        book_of(Form({"title": ["x" * (LARGEST_BYTES + 1)]}))


# ------------------------------------------------------------------------------------------ the pages


async def published(house: House, text: str = BOOK, reason: str = "A first book.") -> None:  # noqa: F811
    """Publish a book by the API."""
    async with await house.come("administrator") as boss:
        answer = await boss.post("/api/policies", json={"book": text, "reason": reason})
        assert answer.status_code == 201, answer.text


async def test_before_anything_is_published_the_settings_are_the_book(house: House) -> None:  # noqa: F811
    async with await house.come("supervisor") as client:
        page = (await client.get("/policies")).text
        assert (
            "No book was published yet" in page
            and "Start from these" in page
            and "calls on the line sales" in unescape(page).lower()
        )
        assert "Nothing was published yet" in (await client.get("/policies/history")).text
        edit = (await client.get("/policies/edit")).text
        assert 'name="policy.0.name" value="sales"' in edit and "Publish…" not in edit  # a supervisor may not
        book = (await client.get("/api/policies")).json()
        assert book["version"] == 0 and book["ledger_index"] == -1 and "sales" in book["book"]


async def test_a_draft_is_checked_published_with_a_reason_and_rules(house: House) -> None:  # noqa: F811
    async with await house.come("compliance") as client:
        draft = {"view": "file", "text": BOOK, "instead_of": "0"}
        page = unescape((await client.post("/policies/edit", data={**draft, "act": "check"})).text)
        assert "Nothing stands in its way" in page and "policy «Sales»: put in as no. 1" in page
        confirm = unescape((await client.post("/policies/edit", data={**draft, "act": "publish"})).text)
        assert "Publish version 1" in confirm and "Why is it published?" in confirm
        refused = await client.post("/policies/publish", data={**draft, "reason": " "})
        assert refused.status_code == 400 and "say why it is published" in refused.text.lower()
        done = await client.post("/policies/publish", data={**draft, "reason": "The first."})
        assert done.status_code == 303 and done.headers["location"] == "/policies?published=1"
        page = (await client.get("/policies?published=1")).text
        assert "Version 1 is published" in page and "The first." in page and "compliance" in page
        assert "Version 1" in (await client.get("/policies/history")).text
        late = {"text": TWO, "reason": "Begun from the settings.", "instead_of": "0"}
        again = await client.post("/policies/publish", data=late)
        assert again.status_code == 400 and "was published meanwhile" in again.text
        assert f'name="instead_of" value="1"' in again.text  # noqa: F541 - held against the newest from now on
        body = house.rooms.policies.publishing.ledger.bodies("policy.published")  # type: ignore[attr-defined]
        assert [one["by"] for one in body] == ["compliance"]


async def test_what_stops_a_book_keeps_it_from_being_published_and_rehearsed(house: House) -> None:  # noqa: F811
    stopped = BOOK.replace("Dana Reyes", "")
    async with await house.come("administrator") as client:
        for act, words in (("publish", "It cannot be published yet"), ("rehearse", "It cannot be rehearsed yet")):
            page = await client.post("/policies/edit", data={"view": "file", "text": stopped, "act": act})
            assert words in page.text and "found-stops" in page.text
        broken = await client.post("/policies/edit", data={"view": "file", "text": "format = 1\n[[", "act": "form"})
        assert "cannot be read as it is" in broken.text and "<textarea" in broken.text
        posted = await client.post("/policies/publish", data={"text": stopped, "reason": "x", "instead_of": "0"})
        assert posted.status_code == 400 and "It cannot be published:" in posted.text
        api = await client.post("/api/policies", json={"book": stopped, "reason": "x"})
        assert api.json()["type"].endswith("policy-book") and "responsible" in api.json()["detail"]
        found = (await client.post("/api/policies/check", json={"book": stopped})).json()
        assert not found["may_be_published"] and found["findings"][0]["level"] == "stops"


async def test_buttons_move_copy_add_and_take_out(house: House) -> None:  # noqa: F811
    def names(page: str) -> list[str]:
        text = unescape(page).partition('aria-label="The file">')[2].partition("</pre>")[0]
        return [one.name for one in parse_book(text).policy]

    async with await house.come("compliance") as client:
        for act, after in (
            ("up:1", ["Second", "Sales"]), ("down:0", ["Second", "Sales"]), ("up:0", ["Sales", "Second"]),
            ("down:1", ["Sales", "Second"]), ("remove:0", ["Second"]), ("copy:0", ["Sales", "Sales (copy)", "Second"]),
            ("add", ["Sales", "Second", "New policy 1"]), ("remove:9", ["Sales", "Second"]), ("up:x", ["Sales", "Second"]),
            ("unknown", ["Sales", "Second"]), ("", ["Sales", "Second"]),
        ):  # fmt: skip
            sent = {**filled_in(parse_book(TWO)).fields, "act": act}
            page = await client.post("/policies/edit", data=sent)
            assert page.status_code == 200 and names(page.text) == after, act


async def test_form_and_file_are_two_views_of_one_draft(house: House) -> None:  # noqa: F811
    async with await house.come("compliance") as client:
        form = (await client.post("/policies/edit", data={"view": "file", "text": TWO, "act": "form"})).text
        assert 'name="policy.1.name" value="Second"' in form and 'id="text"' not in form
        sent = {**filled_in(parse_book(TWO)).fields, "policy.1.keep.days": "7"}
        file = unescape((await client.post("/policies/edit", data={**sent, "act": "file"})).text)
        assert "days = 7" in file and 'id="text"' in file
        wrong = {**sent, "policy.1.keep.days": "a week"}
        page = unescape((await client.post("/policies/edit", data={**wrong, "act": "check"})).text)
        assert 'value="a week"' in page and "keep.days must be a whole number, not «a week»" in page
        got = await client.post("/policies/draft.toml", data=sent)
        assert parse_book(got.text) == parse_book(TWO.rpartition("days = 30")[0] + "days = 7\n")
        assert "attachment" in got.headers["content-disposition"]
        long = await client.post("/policies/edit", data={"view": "file", "text": "#" * (LARGEST_BYTES + 1)})
        assert "are the most" in long.text
        assert (await client.post("/policies/edit", data={"text": "#" * 600_000})).status_code == 413


async def test_an_earlier_version_can_be_read_exported_and_begun_from(house: House) -> None:  # noqa: F811
    await published(house)
    await published(house, TWO, "Another.")
    async with await house.come("compliance") as client:
        old = (await client.get("/policies/1")).text
        assert "A first book." in old and "Edit from this" in old
        exported = await client.get("/policies/1/book.toml")
        assert exported.text == BOOK and 'filename="policies-1.toml"' in exported.headers["content-disposition"]
        begun = (await client.get("/policies/edit", params={"from": "1"})).text
        assert "policy.1.name" not in begun and "taken out" in begun
        for path in ("/policies/9", "/policies/9/book.toml", "/api/policies/9"):
            assert (await client.get(path)).status_code == 404
        versions = (await client.get("/api/policies/history")).json()["versions"]
        assert [one["version"] for one in versions] == [2, 1]
        assert (await client.get("/api/policies/1")).json()["book"] == BOOK


async def test_a_book_that_was_changed_afterwards_is_not_shown_as_if_it_ruled(house: House) -> None:  # noqa: F811
    await published(house)
    publications: Any = house.rooms.policies.publishing.publications
    publications.changed[len(publications.ledger.facts) - 1] = BOOK.replace("30", "9999")
    async with await house.come("compliance") as client:
        page = (await client.get("/policies")).text
        assert "somebody changed it" in page and "9999" not in page
        assert (await client.get("/policies/1/book.toml")).status_code == 400
        assert "somebody changed it" in (await client.get("/policies/history")).text
        assert (await client.get("/policies/edit")).status_code == 200
    publications.trouble = "the disk is gone"
    async with await house.come("compliance") as client:
        assert (await client.get("/policies")).status_code == 503


async def test_a_ledger_that_cannot_be_written_keeps_the_draft_on_the_page(house: House) -> None:  # noqa: F811
    publishing = house.rooms.policies.publishing
    publishing.ledger.down = True  # type: ignore[attr-defined]
    async with await house.come("compliance") as client:
        page = await client.post("/policies/publish", data={"text": BOOK, "reason": "The first.", "instead_of": "0"})
        assert page.status_code == 503 and "The first." in page.text and "Dana Reyes" in page.text


# ------------------------------------------------------------------------------------------ rehearsing


async def test_a_rehearsal_shows_what_would_have_changed(house: House) -> None:  # noqa: F811
    quiet = BOOK.replace("[policy.keep]", "[policy.capture]\nrecord = false\n\n[policy.keep]")
    async with await house.come("compliance") as client:
        begun = await client.post(
            "/policies/edit", data={"view": "file", "text": quiet, "act": "rehearse", "days": "7"}
        )
        assert 'hx-get="/policies/rehearsals/1"' in begun.text or "would have gone otherwise" in begun.text
        await house.rooms.rehearsals.wait(house.rooms.rehearsals.kept[1])
        page = unescape((await client.get("/policies/rehearsals/1")).text)
        assert "3 of 3 calls would have gone otherwise" in page and "+1415•••••02" in page and "4155550102" not in page
        kept = await client.post(
            "/policies/edit", data={"view": "file", "text": quiet, "act": "check", "rehearsal": "1"}
        )
        assert "3 of 3 calls" in kept.text
        api = (await client.post("/api/policies/rehearse", json={"book": quiet, "days": 7, "shown": 1})).json()
        assert (api["rehearsed"], api["changed"], len(api["calls"]), api["not_shown"]) == (3, 3, 1, 2)
        for wrong in ({"days": 0}, {"days": 99999}, {"shown": 5000}):
            assert (await client.post("/api/policies/rehearse", json={"book": quiet, **wrong})).status_code == 400
        stopped = await client.post("/api/policies/rehearse", json={"book": quiet.replace("Dana Reyes", "")})
        assert stopped.json()["type"].endswith("policy-book")
    async with await house.come("administrator") as other:
        assert (await other.get("/policies/rehearsals/1")).status_code == 404  # somebody else's
        assert (
            "3 of 3"
            not in (await other.post("/policies/edit", data={"view": "file", "text": BOOK, "rehearsal": "1"})).text
        )


class SlowCalls(FewCalls):
    """Past calls whose reading waits until it is let go on."""

    def __init__(self) -> None:
        super().__init__(())
        self.go = threading.Event()

    def read(self, since_us: int, until_us: int) -> Iterator[Read]:
        """See rehearsing.PastCalls."""
        for done in range(1000):
            yield Read((), done, 1000)
            self.go.wait(0.01)


async def test_a_rehearsal_is_seen_on_its_way_stopped_and_replaced(house: House) -> None:  # noqa: F811
    slow = SlowCalls()
    house.rooms.policies = replace(house.rooms.policies, past=slow)
    asked = {"view": "file", "text": BOOK, "act": "rehearse", "days": "30"}
    async with await house.come("administrator") as client, await house.come("compliance") as other:
        page = (await client.post("/policies/edit", data=asked)).text
        assert "<progress" in page and 'name="rehearsal" value="1"' in page
        assert "<progress" in (await client.get("/policies/rehearsals/1")).text
        await client.post("/policies/edit", data=asked)  # one at a time: the first is stopped
        first, second = house.rooms.rehearsals.kept[1], house.rooms.rehearsals.kept[2]
        await house.rooms.rehearsals.wait(first)
        assert (first.state, first.problem) == ("stopped", "It was stopped.") and second.state == "running"
        span = span_of(1, house.rooms.policies.publishing.clock.now_us())
        third = await house.rooms.rehearsals.begin(house.rooms.policies, "eve", BOOK, span)
        assert "as many as go at once" in (await other.post("/policies/edit", data=asked)).text
        assert (await other.post("/api/policies/rehearse", json={"book": BOOK})).status_code == 429
        assert (await client.post("/policies/rehearsals/2/stop")).status_code == 200
        await house.rooms.rehearsals.wait(second)
        assert "It was stopped." in (await client.get("/policies/rehearsals/2")).text
        await other.post("/policies/edit", data=asked)
        await other.post("/policies/edit", data={**asked, "act": "stop", "rehearsal": "4"})
        await house.rooms.rehearsals.wait(house.rooms.rehearsals.kept[4])
        assert house.rooms.rehearsals.kept[4].state == "stopped" and third.state == "running"
        third.stop = True
        await house.rooms.rehearsals.wait(third)


async def test_rehearsals_end_in_time_and_are_kept_for_a_while(house: House, monkeypatch: Any) -> None:  # noqa: F811
    monkeypatch.setattr(rehearsals, "LONGEST_S", 0.05)
    slow, kept = replace(house.rooms.policies, past=SlowCalls()), Rehearsals()
    span = span_of(1, house.rooms.policies.publishing.clock.now_us())
    running = await kept.begin(slow, "ada", BOOK, span)
    await kept.wait(running)
    assert (running.state, running.problem) == ("stopped", "It took too long; take fewer days.")
    for number in range(2, 12):
        await kept.wait(await kept.begin(house.rooms.policies, "ada", BOOK, span))
        assert kept.find(number, "ada").state == "done"
    assert len(kept.kept) <= rehearsals.MOST_KEPT
    with pytest.raises(NotFound):
        kept.find(1, "ada")
    with pytest.raises(NotFound):
        kept.find(11, "bob")


async def test_whoever_stops_waiting_stops_the_rehearsal_and_an_end_stops_all(house: House) -> None:  # noqa: F811
    slow, kept = replace(house.rooms.policies, past=SlowCalls()), Rehearsals()
    span = span_of(1, house.rooms.policies.publishing.clock.now_us())
    running = await kept.begin(slow, "ada", BOOK, span)
    waiting = asyncio.create_task(kept.wait(running))
    await asyncio.sleep(0.02)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert running.stop
    other = await kept.begin(slow, "bob", BOOK, span)
    kept.stop_all()
    await kept.wait(other)
    assert other.state == "stopped"


async def test_no_more_rehearse_than_go_at_once_however_they_come(house: House, monkeypatch: Any) -> None:  # noqa: F811
    async def slowly(rooms: Any, text: str | None) -> Any:
        await asyncio.sleep(0.01)  # as while the newest book is being proven
        return await propose(rooms, text)

    monkeypatch.setattr(rehearsals, "propose", slowly)
    slow, kept = replace(house.rooms.policies, past=SlowCalls()), Rehearsals()
    span = span_of(1, house.rooms.policies.publishing.clock.now_us())
    came = await asyncio.gather(*(kept.begin(slow, f"{n}", BOOK, span) for n in range(6)), return_exceptions=True)
    assert sum(isinstance(one, TooManyRehearsals) for one in came) == 4
    kept.stop_all()
    await asyncio.gather(*(kept.wait(one) for one in kept.kept.values()))


async def test_who_begins_again_and_again_takes_no_more_threads_than_there_are(house: House) -> None:  # noqa: F811
    class Deaf(FewCalls):
        def read(self, since_us: int, until_us: int) -> Iterator[Read]:
            go.wait(20)  # a long stretch: it does not notice that it was stopped
            yield Read((), 1, 1)

    go, kept = threading.Event(), Rehearsals()
    deaf, span = replace(house.rooms.policies, past=Deaf(())), span_of(1, 10**15)
    for _ in range(4):
        await kept.begin(deaf, "ada", BOOK, span)
    with pytest.raises(TooManyRehearsals):
        await kept.begin(deaf, "ada", BOOK, span)
    go.set()
    await asyncio.gather(*(kept.wait(one) for one in kept.kept.values()))
    assert {one.state for one in kept.kept.values()} == {"stopped"}


async def test_a_fault_ends_a_rehearsal_and_says_so(house: House, caplog: Any) -> None:  # noqa: F811
    class Broken(FewCalls):
        def read(self, since_us: int, until_us: int) -> Iterator[Read]:
            raise RuntimeError("broken")

    kept, rooms = Rehearsals(), replace(house.rooms.policies, past=Broken(()))
    running = await kept.begin(rooms, "ada", BOOK, span_of(1, 10**15))
    with pytest.raises(RuntimeError):
        await kept.wait(running)
    await asyncio.sleep(0)
    assert running.state == "refused" and "A fault of ours" in running.problem
    assert "a rehearsal failed" in caplog.text


async def test_the_page_does_not_wait_for_a_rehearsal(house: House) -> None:  # noqa: F811
    house.rooms.policies = replace(house.rooms.policies, past=SlowCalls())
    async with await house.come("compliance") as client:
        await client.post("/policies/edit", data={"view": "file", "text": BOOK, "act": "rehearse", "days": "30"})
        before = time.monotonic()
        assert (await client.get("/calls")).status_code == 200
        assert time.monotonic() - before < 2
        house.rooms.rehearsals.stop_all()
