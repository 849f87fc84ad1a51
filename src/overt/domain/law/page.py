"""A row, a duty and a legal basis as something to read: titled sections of plain sentences, with links.

The documents, the commands and the console show the same `Page`, each in its own clothes. A link is an address on the
web, or `place/CODE`, `duty/CODE`, `basis/CODE` for another page of the table.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from overt.domain.facts import Json
from overt.domain.law.duties import CIRCUMSTANCES, OBLIGATIONS, Basis, Duty
from overt.domain.law.model import FORMS, Example, Forms, Row, Verified
from overt.domain.law.table import Table
from overt.domain.law.words import (
    FORM_NAMES,
    FORM_WORDS,
    GIVEN,
    KINDS,
    NOTICE_BASES,
    NOTICE_TIMES,
    ON_RECORDING,
    REACHES,
    RELAXES,
    RESPONSES,
    RULE_WORDS,
    SUPPORTS,
    SURE_WORDS,
    WEIGHTS,
    capital,
    days,
)  # fmt: skip

NOT_ADVICE = "Researched, not verified; not legal advice."


@dataclass(frozen=True, slots=True)
class Item:
    """A line of a section: a sentence or a fact, its label where it has one, and where it leads."""

    text: str
    label: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """Lines under a title. Either all of them have labels, or none has."""

    title: str
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """Something to read: a title, the gist in a sentence or two, sections."""

    code: str
    title: str
    lead: str
    sections: tuple[Section, ...]

    def as_json(self) -> dict[str, Json]:
        """The same as plain JSON."""
        sections: list[Json] = [
            {"title": one.title, "items": [{"label": i.label, "text": i.text, "link": i.link} for i in one.items]}
            for one in self.sections
        ]
        return {"code": self.code, "title": self.title, "lead": self.lead, "sections": sections}


def describe_place(table: Table, row: Row) -> Page:
    """Return a jurisdiction's page. Sections without anything to say are left out."""
    sections = (
        Section("The rule", tuple(_rule(table, row))),
        Section("How consent may be shown", tuple(_forms(row.effective_rule, row.forms))),
        Section("Notice", tuple(_notice(row))),
        _sentences("What else to know", row.nuances),
        Section("Where more is asked", tuple(_more(row))),
        Section("People", tuple(_people(row))),
        Section("What else binds", tuple(_beside(table, row))),
        Section("What a breach may cost", tuple(_exposure(row))),
        _sentences("Held stricter than a source", row.held_stricter),
        Section("Worked examples", tuple(Item(_example(one), one.title) for one in row.example)),
        _sentences("Citations", row.citations),
        _sources(table, row.support.sources),
        Section("How sure, and as of when", tuple(_standing(row))),
    )
    return Page(row.code, f"{row.name} ({row.code})", gist(row), _said(sections))


def describe_duty(table: Table, duty: Duty) -> Page:
    """Return the page of a law that binds recordings besides consent."""
    where = (
        "everywhere" if duty.everywhere else ", ".join(_naming(table, duty.code)) or "no place of the table names it"
    )
    bound = (
        Item(duty.applies_to, "Whom it binds"),
        Item(where, "Where"),
        Item(CIRCUMSTANCES[duty.when], "When"),
        Item(", ".join(duty.purposes), "Purposes"),
        Item(capital(FORM_WORDS[duty.form]), "Consent that it asks for itself"),
        *_keeping(duty.keep_at_least_days, duty.keep_at_most_days),
        *(Item(table.bases[one].name, "Gives way to", f"basis/{one}") for one in duty.yields_to),
        Item(duty.exposure or "not known", "What a breach may cost"),
    )
    sections = (
        Section("What it binds", bound),
        _sentences("What it demands", tuple(capital(OBLIGATIONS[one]) for one in duty.obligations)),
        _sentences("In its own matter", duty.duties),
        _sentences("Citations", duty.citations),
        _sources(table, duty.sources),
        Section("How sure, and as of when", tuple(_law_standing(duty))),
    )
    return Page(duty.code, f"{duty.name} ({duty.code})", duty.applies_to, _said(sections))


def describe_basis(table: Table, basis: Basis) -> Page:
    """Return the page of a legal basis other than consent."""
    must = basis.kind == "must_record"
    bound = (
        Item(basis.applies_to, "Who may choose it"),
        Item("such calls must be recorded" if must else "such calls may be recorded", "What it is"),
        Item(", ".join(_name(table, place) for place in basis.places), "Where"),
        Item(", ".join(basis.purposes), "Purposes"),
        Item(capital(FORM_WORDS[basis.accepts]), "What is still due"),
        Item(basis.document, "Document to be named"),
        Item(basis.refusal, "After a no"),
        *_keeping(basis.keep_at_least_days, 0),
    )
    sections = (
        Section("What it allows", bound),
        _sentences("What else to know", basis.notes),
        _sentences("Citations", basis.citations),
        _sources(table, basis.sources),
        Section("How sure, and as of when", tuple(_law_standing(basis))),
    )
    return Page(basis.code, f"{basis.name} ({basis.code})", basis.applies_to, _said(sections))


def gist(row: Row) -> str:
    """A row in a sentence or two."""
    if row.effective_rule == "one-party":
        return f"{row.name} is one-party: {RULE_WORDS['one-party']}."
    held = "contested, and held all-party" if row.rule == "contested" else "all-party"
    if row.forms.notice_then_continue in ("yes", "likely"):
        how = "Whoever is told at the outset and stays counts as consenting"
        how += (
            "."
            if row.forms.notice_then_continue == "yes"
            else "; that is practice, without an authority that was read."
        )
    else:
        how = "To be told and to stay is not enough: it takes an express yes."
    return f"{row.name} is {held}: {RULE_WORDS['all-party']}. {how}"


# ------------------------------------------------------------------------------------------ a row's sections


def _rule(table: Table, row: Row) -> Iterable[Item]:
    yield Item(f"{row.effective_rule} ({RULE_WORDS[row.effective_rule]})", "What decides")
    yield Item(f"{row.rule} ({RULE_WORDS[row.rule]})", "The law as it stands")
    yield Item(row.criminal_rule, "In criminal law")
    yield Item(row.civil_rule, "In civil and data-protection law")
    if row.contested.law:
        yield Item(row.contested.note or "the law itself is unsettled", "Why it is contested")
    elif row.contested.note:
        yield Item(row.contested.note, "Where others disagree")
    elif row.contested.lists:
        yield Item("popular lists of places disagree; the law does not", "Where others disagree")
    if row.contested.relaxes_to:
        yield Item(
            f'`[[relax]]` with `place = "{row.code}"` in a policy book, a named person and a reason, makes it '
            f"{RELAXES[row.contested.relaxes_to]}",
            "The setting that relaxes it",
        )
    if row.within:
        yield Item(f"{_name(table, row.within)}, whose law binds here too", "Lies within", f"place/{row.within}")
    if row.stands_for:
        yield Item(", ".join(row.stands_for), "Speaks also for")


def _forms(rule: str, forms: Forms) -> Iterable[Item]:
    if rule == "one-party":
        yield Item("one party consents, and that may be the agent; nothing need be shown by the others", "Any form")
        return
    for form in reversed(FORMS[1:]):
        yield Item(SURE_WORDS[getattr(forms, form)], FORM_NAMES[form])


def _notice(row: Row) -> Iterable[Item]:
    notice, reach = row.notice, row.out_of_state_recorder
    required = f"yes, by {NOTICE_BASES[notice.basis]}" if notice.required else "no"
    yield Item(required, "Required")
    if notice.required or notice.when != "not_required":
        yield Item(NOTICE_TIMES[notice.when], "When")
    yield Item(ON_RECORDING[notice.announcement_must_be_recorded], "Must it be on the recording")
    if notice.tone_interval_s:
        yield Item(f"every {notice.tone_interval_s} seconds", "A tone, where one is used")
    note = f": {reach.note}" if reach.note else ""
    yield Item(f"{REACHES[reach.covered]}{note}", "Reaches a recorder elsewhere")


def _more(row: Row) -> Iterable[Item]:
    for one in row.purpose:
        yield Item(f"{FORM_WORDS[one.form]} ({one.citation}). {one.note}".strip(), f"For {one.purpose}")
    for variant in row.variant:
        how = "; ".join(f"{one.label.lower()} {one.text}" for one in _forms(variant.effective_rule, variant.forms))
        yield Item(f"{variant.effective_rule}: {how}. {variant.note}".strip(), f"When {CIRCUMSTANCES[variant.when]}")


def _people(row: Row) -> Iterable[Item]:
    if row.employee_notice:
        yield Item(row.employee_notice, "Agents and employees")
    if row.minors:
        yield Item(row.minors, "Minors")


def _beside(table: Table, row: Row) -> Iterable[Item]:
    for duty in table.duties.values():
        if duty.everywhere or duty.code in row.duties:
            when = f" (when {CIRCUMSTANCES[duty.when]})" if duty.when else ""
            yield Item(f"{duty.name}{when}", duty.code, f"duty/{duty.code}")
    for basis in table.bases.values():
        if row.code in basis.places:
            yield Item(f"{basis.name}; a legal basis other than consent", basis.code, f"basis/{basis.code}")


def _exposure(row: Row) -> Iterable[Item]:
    exposure = row.exposure
    yield Item(exposure.criminal or "not known", "Criminal")
    yield Item(exposure.civil or "not known", "Civil")
    if exposure.statutory_minimum:
        yield Item(f"{exposure.statutory_minimum:,} {exposure.currency}", "Least amount, where known")


def _example(one: Example) -> str:
    kept = (
        "" if one.notice in ("none", "before") else (", on the recording" if one.captured else ", not on the recording")
    )
    said = f"{GIVEN[one.notice]}{kept}; {RESPONSES[one.response]}"
    outcome = "it may be recorded" if one.may_record else "it may not be recorded"
    return f"{capital(', '.join(one.parties))}. {capital(said)}. {capital(one.rule)}; {outcome}. {capital(one.why)}"


def _standing(row: Row) -> Iterable[Item]:
    yield Item(row.confidence.rule, "Confidence in the rule")
    yield Item(row.confidence.exposure, "Confidence in what a breach costs")
    yield Item(SUPPORTS[row.support.level], "It rests on")
    yield Item(_in_force(row.in_force_from, row.in_force_until), "In force")
    yield Item(row.source_speaks_as_of or "not known", "The sources speak as of")
    yield Item(_verified(row.verified), "State")
    yield Item(KINDS[row.kind], "Kind of place")
    for one in row.verify_before_release:
        yield Item(one, "To be verified")


# ------------------------------------------------------------------------------------------ what all pages share


def _law_standing(law: Duty | Basis) -> Iterable[Item]:
    yield Item(law.confidence, "Confidence")
    yield Item(_in_force(law.in_force_from, law.in_force_until), "In force")
    yield Item(law.source_speaks_as_of or "not known", "The sources speak as of")
    yield Item(_verified(law.verified), "State")
    for one in law.verify_before_release:
        yield Item(one, "To be verified")


def _keeping(least: int, most: int) -> Iterable[Item]:
    if least:
        yield Item(days(least), "Keep at least")
    if most:
        yield Item(days(most), "Keep at most")


def _in_force(since: str, until: str) -> str:
    if not since and not until:
        return "yes; since when was not noted"
    return " ".join(filter(None, (since and f"from {since}", until and f"until {until}")))


def _verified(verified: Verified) -> str:
    if verified.state == "verified":
        return f"verified by {verified.by} on {verified.on} against {verified.against}"
    return verified.state


def _naming(table: Table, duty: str) -> Iterable[str]:
    return (_name(table, code) for code, rows in table.rows.items() if any(duty in row.duties for row in rows))


def _name(table: Table, code: str) -> str:
    return f"{table.rows[code][-1].name} ({code})"


def _sentences(title: str, sentences: Iterable[str]) -> Section:
    return Section(title, tuple(Item(one) for one in sentences))


def _sources(table: Table, names: Iterable[str]) -> Section:
    found = (table.sources[name] for name in names)
    items = (Item(f"{one.title} ({WEIGHTS.get(one.weight, one.weight)})", link=one.address) for one in found)
    return Section("Sources", tuple(items))


def _said(sections: Iterable[Section]) -> tuple[Section, ...]:
    return tuple(one for one in sections if one.items)
