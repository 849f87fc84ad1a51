"""What the law table says of a book: what may be relaxed, what a legal basis needs, where a notice is not enough.

The table is read for one day, as for a call (`law.reckoning`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from overt.domain.book import Policy, PolicyBook
from overt.domain.book_policy_checks import Known, near, stops, warns
from overt.domain.errors import Finding
from overt.domain.law.duties import CIRCUMSTANCES, Basis, Duty
from overt.domain.law.model import Row
from overt.domain.law.reckoning import Law, Reckoning, reckon
from overt.domain.law.table import Table

SHOWN_PLACES = 12


@dataclass(frozen=True)
class Reading:
    """A book and the table, on a day, for the places that are known. `laws` keeps what was reckoned: most policies share one."""

    book: PolicyBook
    table: Table
    known: Known
    laws: dict[Reckoning, Law] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def on(self) -> str:
        """The day, as an ISO date."""
        return self.known.on or self.table.as_of

    @cached_property
    def places(self) -> tuple[str, ...]:
        """The known places; every place of the table, those that only hold parts left out, where none are known."""
        if self.known.places is not None:
            return self.known.places
        wholes = {row.within for rows in self.table.rows.values() for row in rows}
        return tuple(one for one in self.table.rows if one not in wholes and self.row(one))

    def row(self, place: str) -> Row | None:
        """The row that speaks for a place on the day."""
        return self.table.row(place, self.on)

    def law(self, policy: Policy) -> Law:
        """The table as it is read for a policy's calls; what cannot be read so is left out, since it is found elsewhere."""
        own = {place: self.table.own_row(place, self.on) for place, _ in self.book.stricter_forms}
        own |= {place: self.table.own_row(place, self.on) for place in self.book.relaxed_places}
        relaxed = frozenset(one for one in self.book.relaxed_places if (row := own[one]) and row.contested.relaxes_to)
        stricter = tuple((place, form) for place, form in self.book.stricter_forms if own[place])
        stated = frozenset(one for one in policy.law.circumstances if one in CIRCUMSTANCES)
        basis = policy.law.basis.code if policy.law.basis.code in self.table.bases else ""
        reckoning = Reckoning(self.on, self.known.profile, (), relaxed, stricter, stated, basis)
        if reckoning not in self.laws:
            self.laws[reckoning] = reckon(self.table, reckoning)
        return self.laws[reckoning]


# --------------------------------------------------------------------------------------- the book


def check_places(reading: Reading) -> Iterator[Finding]:
    """Yield what is wrong with the book's own readings of the law."""
    relaxed = [(one.place, one.by, one.reason) for one in reading.book.relax]
    stricter = [(one.place, one.by, one.reason) for one in reading.book.stricter]
    yield from _deviations(reading, "relax", relaxed, _relaxable)
    yield from _deviations(reading, "stricter", stricter, lambda _: ("", ""))
    for place in sorted(reading.book.relaxed_places & {one.place for one in reading.book.stricter}):
        yield Finding("warns", "", f"{place} is both relaxed and held stricter: the stricter holds")


def _deviations(
    reading: Reading, section: str, listed: list[tuple[str, str, str]], allowed: Callable[[Row], tuple[str, str]]
) -> Iterator[Finding]:
    """What is wrong with a list of (place, by, reason): unsigned, unknown, twice, not allowed."""
    for number, (place, by, reason) in enumerate(listed):
        missing = [name for name, value in (("by", by), ("reason", reason)) if not value.strip()]
        if missing:
            hint = "name the person who decided it, and why"
            yield Finding("stops", "", f"{section} {place}: {' and '.join(missing)} must not be empty", hint)
        row = reading.row(place)
        wrong, hint = _no_row(reading, place, row) if row is None or row.code != place else allowed(row)
        if wrong:
            yield Finding("stops", "", f"{section} {place}: {wrong}", hint)
        if place in [one[0] for one in listed[:number]]:
            yield Finding("stops", "", f"{section} {place}: it stands twice", "leave one of them out")


def _no_row(reading: Reading, place: str, row: Row | None) -> tuple[str, str]:
    if row is not None:
        return f"{place} has no row of its own; that of {row.code} speaks for it", f"write {row.code}"
    if place in reading.table.rows:
        return f"its row is not in force on {reading.on}", ""
    return "the law table has no row of it", "places are written as US-CA, GB or AU-VIC"


def _relaxable(row: Row) -> tuple[str, str]:
    if row.contested.relaxes_to:
        return "", ""
    return (
        f"its rule is not contested ({row.effective_rule}: {row.citations[0]})",
        "only a contested rule can be relaxed",
    )


# -------------------------------------------------------------------------------------- a policy


def check_law(policy: Policy, reading: Reading) -> Iterator[Finding]:
    """Yield what the law table says of a policy."""
    for one in policy.law.circumstances:
        if not one or one not in CIRCUMSTANCES:
            known = [code for code in CIRCUMSTANCES if code]
            yield stops(policy, f"law.circumstances: there is no circumstance «{one}»", near(one, known))
    yield from _basis(policy, reading)
    yield from unkept(policy, reading)
    if policy.enabled and policy.capture.record:
        yield from _keeping(policy, reading)
        if policy.ask.telling == "announce":
            yield from _announcing(policy, reading)


def _basis(policy: Policy, reading: Reading) -> Iterator[Finding]:
    chosen = policy.law.basis
    basis = reading.table.bases.get(chosen.code)
    if basis is not None:
        yield from _basis_fits(policy, reading, basis)
    elif chosen.code:
        yield stops(
            policy, f"law.basis: there is no legal basis «{chosen.code}»", near(chosen.code, reading.table.bases)
        )
    elif chosen.document or chosen.person:
        yield stops(policy, "law.basis: code is missing", near("", reading.table.bases))
    missing = [name for name in ("document", "person") if not getattr(chosen, name).strip()]
    if chosen.code and missing:
        about = f"document: {basis.document}" if basis is not None else "document names the paper that shows it"
        yield stops(policy, f"law.basis {chosen.code}: {' and '.join(missing)} must not be empty", about)


def _basis_fits(policy: Policy, reading: Reading, basis: Basis) -> Iterator[Finding]:
    if not basis.in_force(reading.on):
        yield stops(policy, f"law.basis: {basis.code} is not in force on {reading.on}")
    rows = [row.code for place in reading.known.places or () if (row := reading.row(place))]
    told = reading.known.places is not None and not reading.known.unserved
    if told and not set(rows) & set(basis.places):
        text = f"law.basis: {basis.code} holds in {', '.join(basis.places)}, and no line of yours is there"
        yield warns(policy, text, "elsewhere Overt asks as if no basis were chosen")


def unkept(policy: Policy, reading: Reading) -> Iterator[Finding]:
    """Yield what a duty to record needs of the ways after a no: the call may not go on as if recorded (P5)."""
    basis = reading.table.bases.get(policy.law.basis.code)
    going_on = [name for name in ("on_refusal", "on_no_answer") if getattr(policy.ask, name) == "go-on"]
    if basis is None or basis.kind != "must_record" or not going_on or not policy.capture.record:
        return
    text = f"{basis.code} is a duty to record, and ask.{going_on[0]} lets the call go on unrecorded after a no"
    yield stops(policy, text, "a no closes capture all the same (P5): write route, with an address, or end")


def _keeping(policy: Policy, reading: Reading) -> Iterator[Finding]:
    """Where the time of keeping lies outside what a law says."""
    bounds = [
        (one.name, one.citations[0], one.keep_at_least_days, one.keep_at_most_days) for one in _duties(policy, reading)
    ]
    basis = reading.table.bases.get(policy.law.basis.code)
    if basis is not None:
        bounds.append((basis.name, basis.citations[0], basis.keep_at_least_days, 0))
    for name, citation, least, most in bounds:
        if policy.keep.days < least:
            yield warns(policy, f"keep.days = {policy.keep.days}: {name} demands at least {least} days ({citation})")
        if most and policy.keep.days > most:
            yield warns(policy, f"keep.days = {policy.keep.days}: {name} allows at most {most} days ({citation})")


def _duties(policy: Policy, reading: Reading) -> list[Duty]:
    """The duties that bind a policy's calls: those everywhere, those of the known places, those of its circumstances."""
    rows = [reading.row(place) for place in reading.places]
    named = {code for row in rows if row for code in (*row.duties, *_duties_around(row, reading))}
    stated = {""} if reading.known.places is not None else set()  # of what place it is, is not known: stated ones only
    return [
        one
        for one in reading.table.duties.values()
        if one.in_force(reading.on)
        and policy.law.basis.code not in one.yields_to
        and (one.everywhere or one.code in named)
        and one.when in {*policy.law.circumstances, *({""} if one.everywhere else stated)}
    ]


def _duties_around(row: Row, reading: Reading) -> tuple[str, ...]:
    """The duties of what a place lies within: of the United States, for a state."""
    around = reading.row(row.within) if row.within else None
    return around.duties if around is not None else ()


def _announcing(policy: Policy, reading: Reading) -> Iterator[Finding]:
    """Where an announcement and staying is not enough, so that Overt will ask."""
    if reading.known.unserved:
        yield warns(policy, "announces, but no places are set that the lines serve, so Overt will ask", "set served")
        return
    law = reading.law(policy)
    strict = [one for one in reading.places if "notice_then_continue" not in law.demand("recording", one).forms]
    if strict:
        shown = ", ".join(strict[:SHOWN_PLACES]) + (", …" if len(strict) > SHOWN_PLACES else "")
        text = f"announces, but in {len(strict)} of {len(reading.places)} places that is not enough ({shown})"
        yield warns(policy, text, "Overt will ask where somebody may be there")
