"""A row of the law table, typed and validated. The final format; `data/*.toml` holds one jurisdiction a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from overt.domain.errors import LawUnreadable

Rule = Literal["one-party", "all-party", "contested"]
FormValue = Literal["yes", "likely", "unclear", "no", "not_needed"]
Form = Literal["none", "notice_then_continue", "express_opt_in"]
RULES: tuple[str, ...] = ("one-party", "all-party")  # from loose to strict
FORMS: tuple[Form, ...] = ("none", "notice_then_continue", "express_opt_in")  # from loose to strict


@dataclass(frozen=True, slots=True)
class Contested:
    """Whether the law itself is unsettled, or only popular lists disagree."""

    law: bool
    lists: bool
    note: str


@dataclass(frozen=True, slots=True)
class Forms:
    """How consent may be shown, and how sure that is."""

    express_opt_in: FormValue
    notice_then_continue: FormValue
    recording_tone: FormValue


@dataclass(frozen=True, slots=True)
class Notice:
    """When notice must be given, and whether it must be on the recording. `tone_interval_s` 0: no tone named."""

    required: bool
    basis: str
    when: str
    announcement_must_be_recorded: str
    tone_interval_s: int


@dataclass(frozen=True, slots=True)
class OutOfStateRecorder:
    """Whether the law reaches a recorder elsewhere."""

    covered: str
    note: str


@dataclass(frozen=True, slots=True)
class Exposure:
    """What a breach may cost. `statutory_minimum` in whole units of `currency`, 0 where none is known."""

    criminal: str
    civil: str
    statutory_minimum: int
    currency: str


@dataclass(frozen=True, slots=True)
class Confidence:
    """How sure the row is of its rule and of its exposure: high, medium or low."""

    rule: str
    exposure: str


@dataclass(frozen=True, slots=True)
class Support:
    """What kind of source the row rests on, and the sources' short names."""

    level: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One jurisdiction. `rule` is the law as it stands, `effective_rule` what the join uses (the stricter in doubt)."""

    code: str
    name: str
    kind: str
    rule: Rule
    effective_rule: Rule
    criminal_rule: Rule
    civil_rule: Rule
    contested: Contested
    forms: Forms
    notice: Notice
    out_of_state_recorder: OutOfStateRecorder
    citations: tuple[str, ...]
    exposure: Exposure
    nuances: tuple[str, ...]
    minors: str
    employee_notice: str
    variants: tuple[str, ...]
    overlay: tuple[str, ...]
    confidence: Confidence
    support: Support
    in_force_from: str
    in_force_until: str
    source_speaks_as_of: str
    verified: str
    verify_before_release: tuple[str, ...]

    def in_force(self, on: str) -> bool:
        """True when the row is in force on an ISO date; empty bounds are open."""
        return self.in_force_from <= on and (not self.in_force_until or on <= self.in_force_until)


_PARTS: Mapping[str, type[Any]] = {
    "contested": Contested, "forms": Forms, "notice": Notice, "out_of_state_recorder": OutOfStateRecorder,
    "exposure": Exposure, "confidence": Confidence, "support": Support,
}  # fmt: skip
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "Row.rule": get_args(Rule), "Row.effective_rule": RULES, "Row.criminal_rule": get_args(Rule),
    "Row.civil_rule": get_args(Rule), "Forms.express_opt_in": get_args(FormValue),
    "Forms.notice_then_continue": get_args(FormValue), "Forms.recording_tone": get_args(FormValue),
    "Notice.announcement_must_be_recorded": ("yes", "best_practice", "no"),
}  # fmt: skip


def parse_row(name: str, fields: Mapping[str, Any]) -> Row:
    """Return the row that a parsed TOML file holds. Raises LawUnreadable naming the file and the field."""
    row: Row = _whole(Row, name, fields)
    if row.citations == ():
        raise LawUnreadable(f"{name}: a row without a citation decides nothing")
    return row


def _whole(kind: type[Any], name: str, fields: Mapping[str, Any]) -> Any:
    known = kind.__dataclass_fields__
    for strange in sorted(set(fields) - set(known)):
        raise LawUnreadable(f"{name}: unknown field {strange}")
    for missing in sorted(set(known) - set(fields)):
        raise LawUnreadable(f"{name}: field {missing} is missing")
    return kind(**{field: _value(kind, name, field, fields[field]) for field in known})


def _value(kind: type[Any], name: str, field: str, value: Any) -> Any:
    where, declared = f"{name}: {field}", str(kind.__dataclass_fields__[field].type)
    if kind is Row and field in _PARTS:
        if not isinstance(value, Mapping):
            raise LawUnreadable(f"{where} must be a table")
        return _whole(_PARTS[field], where, value)
    if declared.startswith("tuple"):
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise LawUnreadable(f"{where} must be a list of texts")
        return tuple(value)
    wanted = {"bool": bool, "int": int}.get(declared, str)
    if type(value) is not wanted:
        raise LawUnreadable(f"{where} must be {wanted.__name__}")
    choices = _CHOICES.get(f"{kind.__name__}.{field}")
    if choices is not None and value not in choices:
        raise LawUnreadable(f"{where} must be one of {', '.join(choices)}, not {value}")
    return value
