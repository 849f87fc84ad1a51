"""The policy books as JSON: the one in force, those before, and checking, rehearsing and publishing another.

The shapes are those of `overt policy … --json`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from litestar import Router, get, post
from litestar.params import FromPath, JSONBody

from overt.domain.access import Resource
from overt.domain.errors import Finding, Refused
from overt.faces.http.asking import Asked, demand, rooms_of
from overt.faces.http.books import publishing_of
from overt.faces.http.door import LARGEST_BOOK_FORM
from overt.faces.http.problems import BadRequest
from overt.faces.http.rehearsals import MOST_SHOWN, span_of
from overt.services.governing import Publication
from overt.services.publishing import current, history, looked_at, publish, version

POLICY = Resource("policy")


@dataclass(frozen=True, slots=True)
class BookJson:
    """A policy book as it was published, by whom and why; version 0 is what the settings say.

    `trouble` says why it cannot be read. `ledger_index` −1: nothing was published. `published_us` UTC microseconds.
    """

    version: int
    sha256: str
    ledger_index: int
    published_us: int
    by: str
    reason: str
    law_version: str
    law_sha256: str
    changes: Sequence[str]
    trouble: str
    book: str


@dataclass(frozen=True, slots=True)
class VersionsJson:
    """Everything that was published, the newest first."""

    versions: Sequence[BookJson]


@dataclass(frozen=True, slots=True)
class CheckedJson:
    """What was found in a book, and what it would change of the one in force, in words."""

    may_be_published: bool
    changes: Sequence[str]
    findings: Sequence[Finding]


class Book(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A book's text (TOML; docs/formats/policy-book.md)."""

    book: str


class Rehearsing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A book's text, over how many past days it is rehearsed, and how many changed calls are answered, at most 1000."""

    book: str
    days: int = 30
    shown: int = 100


class Publishing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A book's text, why it is published, and the version that the publisher saw: it must still be the one in force."""

    book: str
    reason: str
    instead_of: int | None = None


@get("/api/policies", summary="The book in force")
async def show_book(request: Asked) -> BookJson:
    """The policy book that rules calls; version 0, what the settings say, while none was published."""
    demand(request, "show", POLICY)
    return _json(await current(publishing_of(rooms_of(request))))


@get("/api/policies/history", summary="Everything that was published")
async def show_versions(request: Asked) -> VersionsJson:
    """Every version, the newest first, with what it changed."""
    demand(request, "show", POLICY)
    return VersionsJson([_json(one) for one in history(publishing_of(rooms_of(request)))])


@get("/api/policies/{number:int}", summary="A version")
async def show_one_version(request: Asked, number: FromPath[int]) -> BookJson:
    """A book that was published; 0 is what the settings say now."""
    demand(request, "show", POLICY)
    return _json(version(publishing_of(rooms_of(request)), number))


@post("/api/policies/check", summary="Check a book", status_code=200, request_max_body_size=LARGEST_BOOK_FORM)
async def check_book(request: Asked, data: JSONBody[Book]) -> CheckedJson:
    """Everything that is wrong with a book, and what it would change. Nothing is published."""
    demand(request, "show", POLICY)
    found = await looked_at(publishing_of(rooms_of(request)), data.book)
    return CheckedJson(found.may_be_published, found.changes, found.findings)


@post("/api/policies/rehearse", summary="Rehearse a book", status_code=200, request_max_body_size=LARGEST_BOOK_FORM)
async def rehearse_book(request: Asked, data: JSONBody[Rehearsing]) -> dict[str, Any]:
    """How past calls would have gone under a book: counts, and the calls that would have gone otherwise.

    It is answered when it is done, within five minutes; one at a time for each account.
    """
    actor, rooms = demand(request, "rehearse", POLICY), rooms_of(request)
    if not 0 <= data.shown <= MOST_SHOWN:
        raise BadRequest(f"shown is a whole number from 0 to {MOST_SHOWN}.")
    span = span_of(data.days, rooms.policies.publishing.clock.now_us())
    running = await rooms.rehearsals.begin(rooms.policies, actor.name, data.book, span, data.shown)
    await rooms.rehearsals.wait(running)
    if running.came is None:
        raise Refused(running.problem)
    return running.came.as_json()


@post("/api/policies", summary="Publish a book", request_max_body_size=LARGEST_BOOK_FORM)
async def publish_book(request: Asked, data: JSONBody[Publishing]) -> BookJson:
    """Publish a book: it is checked whole, entered in the ledger, and rules from the next call on."""
    actor = demand(request, "publish", POLICY)
    rooms = publishing_of(rooms_of(request))
    done = await publish(rooms, data.book, by=actor.name, reason=data.reason, instead_of=data.instead_of)
    return _json(done)


def _json(found: Publication) -> BookJson:
    return BookJson(
        found.edition.version, found.edition.sha256, found.entry, found.at_us, found.by, found.reason,
        found.law_version, found.law_sha256, found.changes, found.trouble, found.text,
    )  # fmt: skip


POLICIES: list[Any] = [
    Router(
        path="/",
        route_handlers=[show_book, show_versions, show_one_version, check_book, rehearse_book, publish_book],
        tags=["policies"],
    )
]
