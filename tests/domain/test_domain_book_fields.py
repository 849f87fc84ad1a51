"""The table of fields: every field of the file is in it, with its kind, its preset, and a meaning."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_type_hints

from overt.domain.book import LOCKABLE, PolicyBook
from overt.domain.book_fields import MEANINGS, FieldRow, field_rows
from overt.domain.book_toml import parse_book
from overt.domain.errors import BookRefused

ROWS = {one.path: one for one in field_rows()}


def paths(kind: Any, path: str = "") -> set[str]:
    """The paths of every plain field below a section."""
    found = set()
    for one in fields(kind):
        declared = get_type_hints(kind)[one.name]
        below = f"{path}{one.name.rstrip('_')}"
        inner = (
            declared
            if is_dataclass(declared)
            else next((each for each in get_args(declared) if is_dataclass(each)), None)
        )
        found |= paths(inner, below + ".") if inner is not None else {below}
    return found


def test_every_field_has_its_row_and_no_row_has_no_field() -> None:
    assert set(ROWS) == paths(PolicyBook) | {"format", "policy.law.basis"} == set(MEANINGS) | {"format"}
    assert all(one.meaning.endswith(".") for one in ROWS.values())


def test_what_can_be_locked_is_said() -> None:
    assert {one.name for one in ROWS.values() if one.lockable} == set(LOCKABLE)
    assert ROWS["policy.keep.days"].lockable and not ROWS["policy.when.days"].lockable
    assert ROWS["policy.law.basis"].lockable and not ROWS["policy.law.basis.code"].lockable


def test_rows_say_kind_preset_and_section() -> None:
    assert ROWS["policy.when.from"] == FieldRow(
        "policy.when.from", "[policy.when]", "time as 08:30", '""', False, "When the time begins. Not set: at midnight."
    )
    kinds = {path: (one.section, one.kind, one.preset) for path, one in ROWS.items()}
    assert kinds["format"] == ("", "whole number", "")
    assert kinds["policy.name"] == ("[[policy]]", "text", "")
    assert kinds["policy.note"] == ("[[policy]]", "text of any lines", '""')
    assert kinds["policy.when.days"] == ("[policy.when]", "list of mon, tue, wed, thu, fri, sat, sun", "[]")
    assert kinds["policy.keep.listeners"] == (
        "[policy.keep]",
        "list of texts",
        '["administrator", "compliance", "supervisor"]',
    )
    assert kinds["policy.capture.record"] == ("[policy.capture]", "true or false", "true")
    assert kinds["policy.ask.telling"] == ("[policy.ask]", "one of ask, announce", '"ask"')
    assert kinds["policy.law.basis"] == ("[policy.law]", "table of code, document, person", "none")
    assert kinds["policy.law.basis.code"] == ("[policy.law]", "text", '""')


def test_a_field_that_must_be_written_is_missed() -> None:
    required = {one.path for one in ROWS.values() if not one.preset}
    assert "policy.responsible" in required and "never_record.reason" in required
    try:
        parse_book("[[policy]]\n[[never_record]]\n[[relax]]\n[[stricter]]")
    except BookRefused as refusal:
        missing = [one.text for one in refusal.findings]
    assert len(missing) == len(required) and all("is missing" in one for one in missing)
