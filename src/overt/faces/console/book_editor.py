"""The editor of a policy book: one draft, seen as a form or as a file. The browser holds the draft; each request brings all of
it along, and one parser, the file's, reads what is filled in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from litestar import Response, get, post
from litestar.params import FromPath

from overt.domain.book import NeverRecord, Policy, PolicyBook, Relaxed, Stricter, Tell
from overt.domain.book_toml import LARGEST_BYTES, parse_book, write_book
from overt.domain.book_words import describe_when
from overt.domain.errors import BookRefused, Finding
from overt.domain.foresight import APART
from overt.domain.rehearsal import CHANGES
from overt.faces.console.book_form import book_of, draw
from overt.faces.console.entrance import drawing_of
from overt.faces.console.policies import POLICY, confirm, given, instead_of
from overt.faces.http.asking import Asked, demand, rooms_of, whole
from overt.faces.http.books import publishing_of
from overt.faces.http.door import LARGEST_BOOK_FORM
from overt.faces.http.forms import Form, form_of
from overt.faces.http.problems import TooManyRehearsals
from overt.faces.http.rehearsals import MOST_DAYS, Running, span_of
from overt.services.publishing import Checked, PublishingRooms, checked, current, version

View = Literal["form", "file"]
VIEWS = ("form", "file")
MOST_TEXT = 2 * LARGEST_BYTES  # longer ones are read too, and told that they are too long
DAYS = (7, 30, 90, 365)
MOST_CHANGED = 200
_LONGEST_INDEX, _LONGEST_NUMBER = 6, 9
WILLS = {"ask": "told and asked", "announce": "told without a question", "none": "told nothing"}
EXTENTS = {"whole": "recorded whole", "part": "recorded in part", "no": "not recorded", "unknown": "cannot be known"}
AFTER = {"go-on": "went on after a no", "end": "ended after a no", "route": "went elsewhere after a no"}


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft: its text, the book that is drawn (None where the text cannot be read), in which view, and what was found."""

    text: str
    book: PolicyBook | None
    view: View
    found: Checked
    began_from: int
    problem: str = ""
    rehearsal: Running | None = None


@get("/policies/edit")
async def show_editor(request: Asked) -> Response[str]:
    """A draft that begins as the book in force, or as the version that `from` names."""
    demand(request, "show", POLICY)
    rooms = publishing_of(rooms_of(request))
    before = await current(rooms)
    wanted = whole(request.query_params, "from", before.edition.version, 10**9)
    begun = before if wanted == before.edition.version else version(rooms, wanted)
    book = begun.edition.book if not begun.trouble else None
    draft = Draft(
        begun.text, book, "form" if book else "file", checked(rooms, begun.text, before), before.edition.version
    )
    return _editor(request, draft, before.edition.version)


@post("/policies/edit", status_code=200, request_max_body_size=LARGEST_BOOK_FORM)
async def take_draft(request: Asked) -> Response[str]:
    """Look at the draft, and do with it what the button says that was pressed."""
    demand(request, "show", POLICY)
    form, rooms = await form_of(request), publishing_of(rooms_of(request))
    before = await current(rooms)
    act, (text, filled_in) = form.text("act"), _draft_of(form)
    if filled_in is not None:
        filled_in, text = _changed(act, filled_in, text)
    found = checked(rooms, text, before)
    if act == "rehearse":
        demand(request, "rehearse", POLICY)
    if act == "publish" and found.may_be_published:
        demand(request, "publish", POLICY)
        return await confirm(request, text, instead_of(form))
    wanted = act if act in VIEWS else form.text("view", "form")
    book = found.book or (filled_in if form.text("view") == "form" else None)
    view: View = "form" if wanted == "form" and book is not None else "file"
    draft = Draft(text, book, view, found, instead_of(form), _problem(act, found), _followed(request, form))
    return _editor(request, await _acted(request, form, act, draft), before.edition.version)


def _draft_of(form: Form) -> tuple[str, PolicyBook | None]:
    """The text of the draft, and the book to be drawn; of a file that cannot be read there is none."""
    if form.text("view") == "form":
        book = book_of(form)
        return write_book(book), book
    text = form.raw("text", MOST_TEXT)
    try:
        return text, parse_book(text)
    except BookRefused:
        return text, None


def _problem(act: str, found: Checked) -> str:
    if act == "publish":
        return "It cannot be published yet: what stops it is listed below."
    return (
        "The file cannot be read as it is, so it is not shown as a form."
        if act == "form" and found.book is None
        else ""
    )


def _followed(request: Asked, form: Form) -> Running | None:
    """The rehearsal that the page goes on showing."""
    number, rooms = form.text("rehearsal"), rooms_of(request)
    whole_number = number.isascii() and number.isdigit() and len(number) < _LONGEST_NUMBER
    found = rooms.rehearsals.kept.get(int(number)) if whole_number else None
    return found if found is not None and found.owner == _name(request) else None


async def _acted(request: Asked, form: Form, act: str, draft: Draft) -> Draft:
    """Begin or stop a rehearsal."""
    rooms = rooms_of(request)
    if act == "stop" and draft.rehearsal is not None:
        draft.rehearsal.stop = True
    if act != "rehearse":
        return draft
    now = rooms.policies.publishing.clock.now_us()
    try:
        span = span_of(whole({"days": form.text("days")}, "days", 30, MOST_DAYS), now)
        running = await rooms.rehearsals.begin(rooms.policies, _name(request), draft.text, span)
    except BookRefused:
        return replace(draft, problem="It cannot be rehearsed yet: what stops it is listed below.")
    except TooManyRehearsals as refused:
        return replace(draft, problem=str(refused))
    return replace(draft, rehearsal=running)


@post("/policies/draft.toml", status_code=200, request_max_body_size=LARGEST_BOOK_FORM)
async def give_draft(request: Asked) -> Response[str]:
    """The draft's text as a file."""
    demand(request, "show", POLICY)
    text, _ = _draft_of(await form_of(request))
    return given(text, "policies-draft.toml")


@get("/policies/rehearsals/{rehearsal:int}")
async def show_rehearsal(request: Asked, rehearsal: FromPath[int]) -> Response[str]:
    """How far somebody's own rehearsal is, or what came of it."""
    demand(request, "rehearse", POLICY)
    running = rooms_of(request).rehearsals.find(rehearsal, _name(request))
    return drawing_of(request).page(request, "policies_rehearsal.html", running=running, **_words())


@post("/policies/rehearsals/{rehearsal:int}/stop", status_code=200)
async def stop_rehearsal(request: Asked, rehearsal: FromPath[int]) -> Response[str]:
    """Stop one's own rehearsal."""
    demand(request, "rehearse", POLICY)
    running = rooms_of(request).rehearsals.find(rehearsal, _name(request))
    running.stop = True
    return drawing_of(request).page(request, "policies_rehearsal.html", running=running, **_words())


def _name(request: Asked) -> str:
    return demand(request, "show", POLICY).name


# ------------------------------------------------------------------------------------------ what buttons change


def _add(book: PolicyBook) -> PolicyBook:
    names = {one.name for one in book.policy}
    name = next(one for number in range(1, len(names) + 2) if (one := f"New policy {number}") not in names)
    fresh = Policy(name, "", enabled=False, tell=Tell("standard", ("en",), "quality and training"))
    return replace(book, policy=(*book.policy, fresh))


def _up(policies: list[Policy], at: int) -> None:
    policies.insert(max(0, at - 1), policies.pop(at))


def _down(policies: list[Policy], at: int) -> None:
    policies.insert(at + 1, policies.pop(at))


def _copy(policies: list[Policy], at: int) -> None:
    policies.insert(at + 1, replace(policies[at], name=f"{policies[at].name} (copy)", enabled=False))


def _remove(policies: list[Policy], at: int) -> None:
    del policies[at]


MOVES: Mapping[str, Callable[[list[Policy], int], None]] = {"up": _up, "down": _down, "copy": _copy, "remove": _remove}


def _changed(act: str, book: PolicyBook, text: str) -> tuple[PolicyBook, str]:
    """The book as a button changes it, and its text; both as they are for any other button."""
    name, _, index = act.partition(":")
    if act == "add":
        book = _add(book)
    elif (
        name in MOVES
        and index.isascii()
        and index.isdigit()
        and len(index) < _LONGEST_INDEX
        and int(index) < len(book.policy)
    ):
        policies = list(book.policy)
        MOVES[name](policies, int(index))
        book = replace(book, policy=tuple(policies))
    else:
        return book, text
    return book, write_book(book)


# ------------------------------------------------------------------------------------------ drawing


def _editor(request: Asked, draft: Draft, in_force: int) -> Response[str]:
    rooms = publishing_of(rooms_of(request))
    known, table = rooms.known, rooms.table
    return drawing_of(request).page(
        request, "policies_edit.html", draft=draft, in_force=in_force, drawn=_drawn(draft) if draft.view == "form" else None,
        days=DAYS, policies=_summaries(draft), scripts=sorted(known.scripts or ()),
        timezones=sorted(known.timezones or ()), contested=_contested(rooms), table=table, most_text=MOST_TEXT,
        running=draft.rehearsal, **_words(),
    )  # fmt: skip


def _words() -> dict[str, Any]:
    return {"wills": WILLS, "extents": EXTENTS, "after": AFTER, "changes_words": CHANGES, "apart": APART,
            "most_changed": MOST_CHANGED}  # fmt: skip


def _drawn(draft: Draft) -> dict[str, Any]:
    """The fields of the form: the book's own, its lists with an empty entry at the end of each, its policies."""
    book = draft.book or PolicyBook()
    lists = {
        "never_record": (*book.never_record, NeverRecord("", "")),
        "relax": (*book.relax, Relaxed("", "", "")),
        "stricter": (*book.stricter, Stricter("", "express_opt_in", "", "")),
    }
    return {
        "book": draw(book, "", ""),
        "lists": {
            name: [draw(one, f"{name}.{number}.", name) for number, one in enumerate(entries)]
            for name, entries in lists.items()
        },
        "policies": [draw(one, f"policy.{number}.", "policy") for number, one in enumerate(book.policy)],
    }


def _summaries(draft: Draft) -> list[tuple[str, str, tuple[Finding, ...]]]:
    """A line for each policy: its name, for which calls, what was found about it."""
    book, readable = draft.book, draft.found.book is not None
    return [
        (
            one.name, describe_when(one.when) if readable else "",
            tuple(each for each in draft.found.findings if each.policy == one.name),
        )
        for one in (book.policy if book is not None else ())
    ]  # fmt: skip


def _contested(rooms: PublishingRooms) -> list[str]:
    """The places whose rule may be relaxed."""
    rows = (rooms.table.row(code, rooms.known.on) for code in sorted(rooms.table.rows))
    return [row.code for row in rows if row is not None and row.contested.relaxes_to]


EDITOR: list[Any] = [show_editor, take_draft, give_draft, show_rehearsal, stop_rehearsal]
