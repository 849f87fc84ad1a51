"""The console's pages of the policy books: the one in force, those before, and publishing another. `book_editor` edits one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect

from overt.domain.access import Resource
from overt.domain.book import Policy, PolicyBook
from overt.domain.book_toml import LARGEST_BYTES
from overt.domain.book_words import Clause, describe_policy
from overt.domain.errors import BookRefused, Finding, Refused
from overt.faces.console.entrance import drawing_of
from overt.faces.http.asking import Asked, demand, rooms_of
from overt.faces.http.books import publishing_of
from overt.faces.http.door import LARGEST_BOOK_FORM
from overt.faces.http.forms import Form, form_of
from overt.faces.http.problems import problem_of
from overt.ports import NotDurable, Unavailable
from overt.services.governing import Publication
from overt.services.publishing import (
    LONGEST_REASON,
    Checked,
    checked,
    current,
    history,
    publish,
    version,
)

POLICY = Resource("policy")
TOML = "application/toml; charset=utf-8"
_LONGEST_VERSION = 15


@dataclass(frozen=True, slots=True)
class Shown:
    """A policy as it is shown: its number, what it says, what was found about it."""

    number: int
    policy: Policy
    clauses: tuple[Clause, ...]
    findings: tuple[Finding, ...]


def shown_policies(book: PolicyBook, findings: Sequence[Finding]) -> tuple[Shown, ...]:
    """Return every policy of a book, in words, with what was found about each."""
    return tuple(
        Shown(number, one, describe_policy(one), tuple(each for each in findings if each.policy == one.name))
        for number, one in enumerate(book.policy, 1)
    )


@get("/policies")
async def show_policies(request: Asked) -> Response[str]:
    """The book in force."""
    demand(request, "show", POLICY)
    rooms = publishing_of(rooms_of(request))
    publication = await current(rooms)
    return _book_page(request, publication, checked(rooms, publication.text, publication), in_force=True)


@get("/policies/{number:int}")
async def show_version(request: Asked, number: FromPath[int]) -> Response[str]:
    """A book that was published; 0 is what the settings say."""
    demand(request, "show", POLICY)
    rooms = publishing_of(rooms_of(request))
    publication, now = version(rooms, number), await current(rooms)
    in_force = publication.edition.version == now.edition.version
    return _book_page(request, publication, checked(rooms, publication.text, publication), in_force=in_force)


def _book_page(request: Asked, publication: Publication, found: Checked, *, in_force: bool) -> Response[str]:
    book = publication.edition.book
    return drawing_of(request).page(
        request, "policies.html", publication=publication, book=book, in_force=in_force,
        policies=shown_policies(book, found.findings) if not publication.trouble else (),
        about_book=[one for one in found.findings if not one.policy] if not publication.trouble else [],
        published=request.query_params.get("published", "") == str(publication.edition.version),
    )  # fmt: skip


@get("/policies/history")
async def show_history(request: Asked) -> Response[str]:
    """Every book that was published, the newest first, with what each changed."""
    demand(request, "show", POLICY)
    rooms = publishing_of(rooms_of(request))
    return drawing_of(request).page(request, "policies_history.html", publications=history(rooms))


@get("/policies/{number:int}/book.toml")
async def give_book(request: Asked, number: FromPath[int]) -> Response[str]:
    """The text of a version, as it was published."""
    demand(request, "show", POLICY)
    publication = version(publishing_of(rooms_of(request)), number)
    if publication.trouble:
        raise Refused(publication.trouble)
    return given(publication.text, f"policies-{number}.toml")


def given(text: str, name: str) -> Response[str]:
    """A text as a file."""
    return Response(text, media_type=TOML, headers={"content-disposition": f'attachment; filename="{name}"'})


# ------------------------------------------------------------------------------------------ publishing


@post("/policies/publish", status_code=200, request_max_body_size=LARGEST_BOOK_FORM)
async def take_publishing(request: Asked) -> Response[Any]:
    """Publish the text that was looked at; what is wrong is said on the page that asks for the reason."""
    actor = demand(request, "publish", POLICY)
    form, rooms = await form_of(request), publishing_of(rooms_of(request))
    text, reason = form.raw("text", LARGEST_BYTES * 2), form.raw("reason", LONGEST_REASON * 4).strip()
    try:
        done = await publish(rooms, text, by=actor.name, reason=reason, instead_of=instead_of(form))
    except (Refused, NotDurable, Unavailable) as error:
        return await confirm(request, text, instead_of(form), reason, error)
    return Redirect(f"/policies?published={done.edition.version}", status_code=303)


async def confirm(
    request: Asked, text: str, began_from: int, reason: str = "", error: Exception | None = None
) -> Response[str]:
    """The page that shows what would change, and asks why. `began_from` is the version that the draft began from."""
    rooms = publishing_of(rooms_of(request))
    before = await current(rooms)
    found = checked(rooms, text, before)
    problem = problem_of(error) if error is not None else None
    stops = error.findings if isinstance(error, BookRefused) else ()
    return drawing_of(request).page(
        request, "policies_publish.html", problem.status if problem else 200, text=text, before=before, found=found,
        reason=reason, began_from=began_from, longest=LONGEST_REASON,
        problem=problem.detail if problem and not stops else "", stops=stops,
    )  # fmt: skip


def instead_of(form: Form) -> int:
    """The version that the draft began from; the form carries it along."""
    given_ = form.text("instead_of")
    return int(given_) if given_.isascii() and given_.isdigit() and len(given_) < _LONGEST_VERSION else 0


POLICY_PAGES: list[Any] = [show_policies, show_version, show_history, give_book, take_publishing]
