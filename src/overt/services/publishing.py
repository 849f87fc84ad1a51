"""Publishing a policy book: checked whole, entered in the ledger, and in force with that; what was published before.

Nothing else happens, so nothing can be left half done: signalling finds the newest entry with the next call.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from overt.domain.book import Edition, PolicyBook
from overt.domain.book_changes import differences
from overt.domain.book_checks import check, may_publish
from overt.domain.book_policy_checks import Known
from overt.domain.book_toml import book_sha256, parse_book, write_book
from overt.domain.errors import BookRefused, Finding, PolicyRefused
from overt.domain.facts import Fact, Json
from overt.domain.law.table import Table
from overt.ports import Clock, Ledger
from overt.services.governing import BOOK, CHANGES, KIND, Publication, Publications, read_publication

SAID_AFTER_NO = {"end": "unrecorded-end", "route": "unrecorded-route"}
LONGEST_REASON = 2000
# What would speak to a terminal that shows the ledger, or cannot be written at all: everything but tabs and line breaks.
_UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
MOST_CHANGES, LONGEST_CHANGES = 200, 20_000  # lines and characters that the entry keeps


class NoSuchVersion(PolicyRefused):
    """No book of that version was published."""


@dataclass(frozen=True, slots=True)
class PublishingRooms:
    """What publishing needs at hand. `known` is what a book is checked against, `prompts` the names of those there are
    (`language/id`), `settings` the book that the settings' lines amount to."""

    tenant: str
    ledger: Ledger
    clock: Clock
    publications: Publications
    table: Table
    known: Known
    prompts: Collection[str]
    settings: PolicyBook


@dataclass(frozen=True, slots=True)
class Checked:
    """A text that was looked at: its book, what was found, and what it would change of the one in force, in words.

    `book` is None where the text cannot be read; the findings say why.
    """

    book: PolicyBook | None
    findings: tuple[Finding, ...]
    changes: tuple[str, ...] = ()

    @property
    def may_be_published(self) -> bool:
        """True when nothing stops it."""
        return self.book is not None and may_publish(self.findings)


async def current(rooms: PublishingRooms) -> Publication:
    """Return the book in force; the settings' own, version 0, while none was published. Raises Unavailable."""
    newest = await rooms.publications.newest()
    return read_publication(newest) if newest is not None else of_settings(rooms)


def of_settings(rooms: PublishingRooms) -> Publication:
    """Return what rules while nothing is published."""
    text = write_book(rooms.settings)
    return Publication(Edition(rooms.settings, 0, book_sha256(text)), text)


def history(rooms: PublishingRooms) -> tuple[Publication, ...]:
    """Return everything that was published, the newest first. Raises Unavailable."""
    return tuple(read_publication(one) for one in reversed(rooms.publications.all()))


def version(rooms: PublishingRooms, wanted: int) -> Publication:
    """Return the book of a version, 0 for the settings'. Raises NoSuchVersion, Unavailable."""
    if wanted == 0:
        return of_settings(rooms)
    entries = rooms.publications.all()
    found = next((one for one in entries if one.body.get("version") == wanted), None)
    if found is None:
        raise NoSuchVersion(f"version {wanted} was never published; there are versions 0 to {len(entries)}")
    return read_publication(found)


async def looked_at(rooms: PublishingRooms, text: str) -> Checked:
    """Check a text as it would be for publishing. Raises Unavailable."""
    return checked(rooms, text, await current(rooms))


def checked(rooms: PublishingRooms, text: str, before: Publication) -> Checked:
    """The same, held against a book that is known."""
    try:
        book = parse_book(text)
    except BookRefused as refused:
        return Checked(None, refused.findings)
    findings = (*check(book, rooms.table, rooms.known), *_unsaid(book, rooms.prompts))
    return Checked(book, findings, differences(before.edition.book, book))


def _unsaid(book: PolicyBook, prompts: Collection[str]) -> Iterator[Finding]:
    """What callers would have to be told after a no, and there is no prompt for."""
    for policy in book.policy:
        for name in ("on_refusal", "on_no_answer"):
            said = SAID_AFTER_NO.get(getattr(policy.ask, name), "")
            missing = f"{policy.tell.languages[0]}/{said}" if said and policy.tell.languages else ""
            if missing and missing not in prompts:
                level = "stops" if policy.enabled else "warns"
                yield Finding(level, policy.name, f"ask.{name}: the prompt {missing} is missing",  # type: ignore[arg-type]
                              "put it into DATA/prompts with its table")  # fmt: skip


async def publish(
    rooms: PublishingRooms, text: str, *, by: str, reason: str, instead_of: int | None = None
) -> Publication:
    """Publish a book: from the next call on it rules. `by` is an account's name, `reason` stands in the ledger for good.

    `instead_of` is the version that the publisher saw: it must still be the one in force. Raises BookRefused with every
    finding when something stops the book, PolicyRefused when it may not be published so, NotDurable, Unavailable.
    """
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise PolicyRefused(f"say why it is published, in at most {LONGEST_REASON} characters: the ledger keeps it")
    if _UNWRITABLE.search(reason):
        raise PolicyRefused("the reason holds a control character, or is no text in UTF-8; leave it out")
    async with rooms.publications.alone():
        before = await current(rooms)
        if instead_of is not None and instead_of != before.edition.version:
            raise PolicyRefused(
                f"version {before.edition.version} was published meanwhile, by {before.by}; look at it, and publish again"
            )
        found = checked(rooms, text, before)
        if not found.may_be_published:
            raise BookRefused([one for one in found.findings if one.level == "stops"])
        if before.edition.version and before.text == text:
            raise PolicyRefused(f"this is version {before.edition.version}, which is in force already")
        return await _enter(rooms, text, before.edition.version + 1, by, reason.strip(), found.changes)


async def _enter(
    rooms: PublishingRooms, text: str, number: int, by: str, reason: str, changes: tuple[str, ...]
) -> Publication:
    """The entry: the text and the changes hold numbers of people, so they stand in it as personal values (P10)."""
    sha256, said = book_sha256(text), _shortened(changes)
    body: dict[str, Json] = {
        "version": number, "sha256": sha256, "by": by, "reason": reason, "law_version": rooms.table.version,
        "law_sha256": rooms.table.sha256,
    }  # fmt: skip
    now = rooms.clock.now_us()
    fact = Fact(rooms.clock.new_id(), rooms.tenant, KIND, now, "", body, {BOOK: text, CHANGES: "\n".join(said)})
    receipt = await rooms.ledger.enter(fact)
    edition = Edition(parse_book(text), number, sha256)
    return Publication(edition, text, receipt.index, now, by, reason, rooms.table.version, rooms.table.sha256, said)


def _shortened(changes: Sequence[str]) -> tuple[str, ...]:
    """The changes, a line each, as far as an entry keeps them."""
    said: list[str] = []
    for one in changes:
        if len(said) == MOST_CHANGES or sum(map(len, said)) + len(one) > LONGEST_CHANGES:
            return (*said, f"and {len(changes) - len(said)} more changes")
        said.append(" ".join(one.splitlines()))
    return tuple(said)
