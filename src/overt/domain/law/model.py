"""A row of the law table, typed and validated; `data/places/*.toml` holds one jurisdiction a file.

`effective_rule` and `forms` decide; what else stands in a row binds as an obligation or explains. docs/law/format.md
says for lawyers what each field means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from overt.domain.errors import LawUnreadable
from overt.domain.law.reading import read_value

Rule = Literal["one-party", "all-party", "contested"]
Effective = Literal["one-party", "all-party"]
FormValue = Literal["yes", "likely", "unclear", "no", "not_needed"]
Form = Literal["none", "recording_tone", "notice_then_continue", "express_opt_in"]
Purpose = Literal["recording", "monitoring", "transcription", "analysis", "sharing"]
RULES: tuple[str, ...] = ("one-party", "all-party")  # from loose to strict
FORMS: tuple[Form, ...] = ("none", "recording_tone", "notice_then_continue", "express_opt_in")  # from loose to strict
PURPOSES: tuple[Purpose, ...] = ("recording", "monitoring", "transcription", "analysis", "sharing")


@dataclass(frozen=True, slots=True)
class Contested:
    """Whether the law itself is unsettled, or only popular lists disagree.

    `relaxes_to` is what an operator may choose instead of the strict reading, with a name and a reason; empty where the
    law is settled and nothing may be relaxed.
    """

    law: bool
    lists: bool
    note: str
    relaxes_to: Literal["", "one-party", "notice_then_continue"] = ""


@dataclass(frozen=True, slots=True)
class Forms:
    """How consent may be shown, and how sure that is. *yes*: by text or case; *likely*: practice without an authority."""

    express_opt_in: FormValue
    notice_then_continue: FormValue
    recording_tone: FormValue


@dataclass(frozen=True, slots=True)
class Notice:
    """When notice must be given, and whether it must be on the recording. `tone_interval_s` 0: no tone named."""

    required: bool
    basis: Literal["none", "law", "civil_or_data_protection_law", "overlay_or_federal_rule", "default_strict"]
    when: Literal["not_required", "before_or_at_start"]
    announcement_must_be_recorded: Literal["yes", "best_practice", "no"]
    tone_interval_s: int


@dataclass(frozen=True, slots=True)
class OutOfStateRecorder:
    """Whether the law reaches a recorder elsewhere."""

    covered: Literal["yes", "likely", "contested", "unclear", "no"]
    note: str


@dataclass(frozen=True, slots=True)
class Exposure:
    """What a breach may cost. `statutory_minimum` in whole units of `currency`, 0 where none is known."""

    criminal: str
    civil: str
    statutory_minimum: int
    currency: str


Sure = Literal["high", "medium", "low"]


@dataclass(frozen=True, slots=True)
class Confidence:
    """How sure the row is of its rule and of its exposure."""

    rule: Sure
    exposure: Sure


@dataclass(frozen=True, slots=True)
class Support:
    """What kind of source the row rests on, and the sources' short names (`data/sources.toml`)."""

    level: Literal["primary", "secondary", "list", "weak", "own"]
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verified:
    """Who held the row against the official text, when (ISO date), and against which text; empty until somebody did."""

    state: Literal["researched, not verified", "verified"]
    by: str
    on: str
    against: str


@dataclass(frozen=True, slots=True)
class Variant:
    """Another rule in a circumstance (`CIRCUMSTANCES`) that the operator states of a line."""

    when: str
    effective_rule: Effective
    forms: Forms
    note: str


@dataclass(frozen=True, slots=True)
class PurposeRule:
    """A purpose for which the place asks more than for recording: at least this form."""

    purpose: Purpose
    form: Form
    citation: str
    note: str


@dataclass(frozen=True, slots=True)
class Example:
    """A worked example, which tests hold against the engine. Parties as `role: PLACE`, the recorder among them.

    `notice` is what was said, `captured` whether it stands on the recording, `response` what the others did.
    """

    title: str
    parties: tuple[str, ...]
    notice: Literal["none", "announcement", "tone", "before"]
    captured: bool
    response: Literal["unaware", "continues", "agrees", "refuses"]
    rule: Effective
    may_record: bool
    why: str


@dataclass(frozen=True, slots=True)
class Row:
    """One jurisdiction. `rule` is the law as it stands, `effective_rule` what the join uses (the stricter in doubt).

    `within` names a row that binds here too (the United States for a state); `stands_for` the codes of places without
    a row of their own that this one speaks for (a bloc's members). `duties` are codes of `data/duties`.
    """

    code: str
    name: str
    kind: Literal["federal", "state", "district", "territory", "country", "subdivision", "bloc"]
    within: str
    rule: Rule
    effective_rule: Effective
    criminal_rule: Rule
    civil_rule: Rule
    citations: tuple[str, ...]
    nuances: tuple[str, ...]
    held_stricter: tuple[str, ...]
    minors: str
    employee_notice: str
    duties: tuple[str, ...]
    in_force_from: str
    in_force_until: str
    source_speaks_as_of: str
    verify_before_release: tuple[str, ...]
    contested: Contested
    forms: Forms
    notice: Notice
    out_of_state_recorder: OutOfStateRecorder
    exposure: Exposure
    confidence: Confidence
    support: Support
    verified: Verified
    stands_for: tuple[str, ...] = ()
    variant: tuple[Variant, ...] = ()
    purpose: tuple[PurposeRule, ...] = ()
    example: tuple[Example, ...] = ()

    def in_force(self, on: str) -> bool:
        """True when the row is in force on an ISO date; empty bounds are open."""
        return self.in_force_from <= on and (not self.in_force_until or on <= self.in_force_until)


def parse_row(name: str, written: Mapping[str, Any]) -> Row:
    """Return the row that a parsed TOML file holds. Raises LawUnreadable naming the file and the field."""
    row = read_value(Row, name, written)
    if not row.citations:
        raise LawUnreadable(f"{name}: a row without a citation decides nothing")
    for wrong, is_so in _wrong(row):
        if is_so:
            raise LawUnreadable(f"{name}: {wrong}")
    return row


def _wrong(row: Row) -> tuple[tuple[str, bool], ...]:
    """What may not be: a sentence, and whether it is so."""
    strict, forms = row.effective_rule == "all-party", row.forms
    return (
        ("a one-party row names not_needed for each form", not strict and set(_values(forms)) != {"not_needed"}),
        ("an all-party row says of each form how sure it is", strict and "not_needed" in _values(forms)),
        ("express_opt_in must be «yes»: no place forbids to ask", strict and forms.express_opt_in != "yes"),
        ("effective_rule may not be looser than rule", row.rule == "all-party" and not strict),
        ("a contested rule is held all-party; relaxes_to says what it may become", row.rule == "contested" and not strict),
        ("relaxes_to is for contested rows only", bool(row.contested.relaxes_to) and row.rule != "contested"),
        ("a verified row says by whom, when and against which text",
         row.verified.state == "verified" and not all((row.verified.by, row.verified.on, row.verified.against))),
        ("in_force_until lies before in_force_from", bool(row.in_force_until) and row.in_force_until < row.in_force_from),
        ("a tone's interval is 0 or more seconds", row.notice.tone_interval_s < 0),
    )  # fmt: skip


def _values(forms: Forms) -> tuple[str, str, str]:
    return forms.express_opt_in, forms.notice_then_continue, forms.recording_tone
