"""Governing: the policy book that was published last rules every call that comes.

The ledger alone says which book that is: the newest `policy.published`. A book that is in no ledger rules nothing (P9);
where the newest cannot be read, the last good one rules on, loudly, and where there is no such, calls pass unrecorded
(P12). Emergency calls are told apart before any book is looked at. While nothing was published, the settings' lines rule.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Protocol

from overt.domain.book import Edition, PolicyBook, book_of_lines
from overt.domain.book_toml import book_sha256, parse_book
from overt.domain.call import AfterNo
from overt.domain.errors import PolicyRefused, Refused
from overt.domain.law.duties import CIRCUMSTANCES
from overt.domain.law.reckoning import Law, Profile, Reckoning, reckon
from overt.domain.law.table import Table
from overt.domain.policy import LinePolicy
from overt.domain.ruling import Ruling, Traits, Unruled, effective, lot, rule, ruled_body
from overt.ports import Clock, Offer, Unavailable
from overt.services.auditing import Stated
from overt.services.house import Line, Ruled

KIND = "policy.published"
BOOK, CHANGES = "book", "changes"  # personal values of the entry
LOOK_S = 2.0  # a call waits no longer for a new book to be proven: then the last good one rules it
LocalTime = Callable[[str, int], tuple[int, int]]


class Publications(Protocol):
    """What was published, as the ledger has it. Every method may raise Unavailable."""

    async def newest(self) -> Stated | None:
        """Return the newest publication, proven to stand in the ledger; None before there is one."""
        ...

    def all(self) -> Sequence[Stated]:
        """Return all publications, oldest first."""
        ...

    def alone(self) -> AbstractAsyncContextManager[None]:
        """Keep everybody else from publishing meanwhile."""
        ...


@dataclass(frozen=True, slots=True)
class Publication:
    """A book as it was published: by whom, why, and what that changed, in words; `at_us` UTC microseconds.

    `entry` −1: nothing was published, and the book is what the settings say. `trouble` says why a published book cannot
    be read; then text and book are empty, and it rules nothing.
    """

    edition: Edition
    text: str
    entry: int = -1
    at_us: int = 0
    by: str = ""
    reason: str = ""
    law_version: str = ""
    law_sha256: str = ""
    changes: tuple[str, ...] = ()
    trouble: str = ""


def read_publication(entry: Stated) -> Publication:
    """Return what a `policy.published` entry published; its `trouble` when that cannot be read."""
    body, number = entry.body, int(entry.body["version"])
    try:
        text, trouble = _text_of(entry), ""
        book = parse_book(text)
    except Refused as refused:
        text, book, trouble = "", PolicyBook(), f"version {number} of the policy book cannot be read: {refused}"
    return Publication(
        Edition(book, number, str(body["sha256"])), text, entry.index, entry.at_us, str(body["by"]), str(body["reason"]),
        str(body["law_version"]), str(body["law_sha256"]), tuple(entry.personal.get(CHANGES, "").splitlines()), trouble,
    )  # fmt: skip


def _text_of(entry: Stated) -> str:
    """The text of a published book. Raises PolicyRefused when it was erased, or is not the one that the entry names."""
    text = entry.personal.get(BOOK)
    if text is None:
        raise PolicyRefused(f"the text of entry {entry.index} was erased")
    if book_sha256(text) != entry.body["sha256"]:
        raise PolicyRefused(f"the text of entry {entry.index} is not the one that was published; somebody changed it")
    return text


@dataclass(frozen=True, slots=True)
class Premises:
    """What the settings say, and the world gives, besides the book.

    `settings` is the book that the settings' lines amount to, `settings_sha256` the hash of its text. `local_time` gives
    the weekday (0 Monday) and the minute of the day in a time zone, for UTC microseconds; it may raise Unavailable.
    `never_record` says why a call between two numbers is never recorded, whatever the policy; empty: it may be. Given a
    list of the operator's own, it looks in that too.
    """

    table: Table
    profile: Profile
    served: tuple[str, ...]
    settings: PolicyBook
    settings_sha256: str
    local_time: LocalTime
    never_record: Callable[[str, str, Sequence[str]], str]


class Governor:
    """Implements house.Governing. A call keeps the book that it began with; the next one looks whether there is another."""

    def __init__(
        self, premises: Premises, publications: Publications, clock: Clock, report: Callable[[Exception], None]
    ) -> None:
        self._premises, self._publications, self._clock, self._report = premises, publications, clock, report
        self._edition: Edition | None = None
        self._entry = -1
        self._trouble = ""
        self._laws: dict[Reckoning, Law] = {}
        self._looking = asyncio.Lock()

    @property
    def edition(self) -> Edition | None:
        """The book that rules; None where none can be read."""
        return self._edition

    async def look(self) -> None:
        """Have the newest book rule from now on. What is wrong with it is reported once, and the last good one rules on."""
        try:
            async with asyncio.timeout(LOOK_S), self._looking:
                self._take(await self._publications.newest())
        except (Unavailable, Refused, TimeoutError, KeyError, TypeError, ValueError) as error:
            trouble = str(error) or "the newest policy book could not be proven in time"
            if trouble != self._trouble:
                self._report(error)
            self._trouble = trouble
        else:
            self._trouble = ""

    def _take(self, newest: Stated | None) -> None:
        known = self._edition.version if self._edition is not None else -1
        if newest is None:
            if known > 0:
                raise PolicyRefused(f"version {known} of the policy book is gone from the ledger; it rules on")
            self._edition = Edition(self._premises.settings, 0, self._premises.settings_sha256)
        elif (newest.index, newest.body["sha256"]) != (self._entry, self._edition.sha256 if self._edition else ""):
            read = read_publication(newest)
            older = (read.edition.version, newest.index) <= (known, self._entry)
            if read.trouble or older:
                raise PolicyRefused(read.trouble or f"version {read.edition.version} of the policy book is an old one")
            self._check(read.edition.book)
            self._edition, self._entry = read.edition, newest.index

    def _check(self, book: PolicyBook) -> None:
        """Raise Refused when a book cannot be read with this law: what it relaxes may no longer be contested, say."""
        for policy in book.policy:
            law = policy.law
            self.law(self._reckoning(book, law.circumstances, law.basis.code))

    async def rule(self, offer: Offer, line: Line, others: Sequence[str] = ()) -> Ruled:
        """See house.Governing."""
        caller, called = offer.caller.text, offer.called
        traits = Traits("inbound", line.policy.name, line.queue, line.team, line.agent, caller, called)
        never = self._never(traits, others, ())
        if never:
            return self._unrecorded(line, traits, never)
        await self.look()
        if self._edition is None:
            return self._unrecorded(line, traits, f"no policy book can be read: {self._trouble}")
        try:
            weekday, minute = self._premises.local_time(self._edition.book.timezone, self._clock.now_us())
            return self._ruled(
                line, replace(traits, weekday=weekday, minute=minute), lot(offer.id), self._edition, others
            )
        except (Unavailable, Refused) as error:
            self._report(error)
            return self._unrecorded(line, traits, f"the policy book cannot be applied: {error}")

    def _never(self, traits: Traits, others: Sequence[str], own: Sequence[str]) -> str:
        """Why a call between these people is never recorded; empty when it may be."""
        found = (self._premises.never_record(traits.caller, one, own) for one in (traits.called, *others))
        return next(filter(None, found), "")

    def _ruled(self, line: Line, traits: Traits, chosen: int, edition: Edition, others: Sequence[str]) -> Ruled:
        book = edition.book if edition.version else book_of_lines([line.policy])
        ruling = rule(book, traits, chosen)
        own = self._never(traits, others, [one.number for one in book.never_record])
        if isinstance(ruling, Ruling) and own:
            ruling = replace(ruling, unrecorded_why=ruling.unrecorded_why or own)
        policy = effective(ruling, line.policy, edition)
        law = self.law(self._reckoning(book, policy.circumstances, policy.basis))
        return self._as_ruled(line, policy, law, ruling, traits, edition)

    def _unrecorded(self, line: Line, traits: Traits, why: str) -> Ruled:
        """A call that is not recorded whatever a policy would say."""
        edition = self._edition or Edition(PolicyBook())
        policy = effective(Unruled(why), line.policy, edition)
        return self._as_ruled(
            line, policy, self.law(self._reckoning(PolicyBook(), (), "")), Unruled(why), traits, edition
        )

    def _as_ruled(
        self, line: Line, policy: LinePolicy, law: Law, ruling: Ruling | Unruled, traits: Traits, edition: Edition
    ) -> Ruled:
        body = ruled_body(ruling, traits, edition)
        return Ruled(replace(line, policy=policy), law, _after_no(policy, law), body)

    def again(self, line: Line, policy: LinePolicy, reckoning: Reckoning) -> Ruled:
        """See house.Governing. Where the table changed meanwhile so that it cannot be read so, what loosened it is left out."""
        try:
            law = self.law(reckoning)
        except Refused as error:
            self._report(error)
            law = self.law(self._bare(reckoning))
        return Ruled(replace(line, policy=policy), law, _after_no(policy, law))

    def _bare(self, reckoning: Reckoning) -> Reckoning:
        """The same without what may loosen it, nor what this table knows no more; what holds it stricter stays."""
        table = self._premises.table
        stricter = tuple(one for one in reckoning.stricter if table.own_row(one[0], reckoning.on) is not None)
        circumstances = frozenset(reckoning.circumstances & CIRCUMSTANCES.keys())
        return replace(reckoning, relaxed=frozenset(), stricter=stricter, circumstances=circumstances, basis="")

    def _reckoning(self, book: PolicyBook, circumstances: Sequence[str], basis: str) -> Reckoning:
        return Reckoning(
            self._clock.today(), self._premises.profile, self._premises.served, book.relaxed_places,
            book.stricter_forms, frozenset(circumstances), basis,
        )  # fmt: skip

    def law(self, reckoning: Reckoning) -> Law:
        """The table as it is read so; reckoned once a day for each way of reading. Raises PolicyRefused."""
        if reckoning not in self._laws:
            self._laws = {known: law for known, law in self._laws.items() if known.on >= reckoning.on}
            self._laws[reckoning] = reckon(self._premises.table, reckoning)
        return self._laws[reckoning]


def _after_no(policy: LinePolicy, law: Law) -> AfterNo:
    """What becomes of the call after a no. On a line that must be recorded nobody is served unrecorded, but by `route`."""
    basis = law.table.bases.get(policy.basis)
    binding = policy.record and basis is not None and basis.kind == "must_record"
    return AfterNo(policy.on_refusal, policy.on_no_answer, binding)
