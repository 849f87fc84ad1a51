"""Files of worked cases: plain values only, and every refusal names the file and the place."""

from __future__ import annotations

from pathlib import Path

import pytest

from overt.adapters.case_files import LARGEST_BYTES, parse_case_text, read_cases
from overt.domain.errors import LawUnreadable

CASE = """cases:
- id: a
  parties:
  - {role: agent, location: US-GA}
  - {role: customer, location: NO, age: 12}
  recorder_at: null
  notice: {form: none, at: 3s, captured_on_recording: true, interval_s: 15}
  response: yes
  date: 2026-11-24
  expected: {effective_rule: all-party, may_record_default_policy: false}
"""


def test_a_file_is_read_with_norway_in_it() -> None:
    (case,) = parse_case_text(CASE, "f.yaml")
    assert [one.place for one in case.parties] == ["US-GA", "NO"] and case.on == "2026-11-24"
    assert case.showing.response == "agrees" and case.showing.captured and case.showing.tone_every_s == 15
    assert "under age" in case.showing.barred and case.expected.may_record is False


def test_json_is_read_too() -> None:
    text = (
        '{"cases": [{"id": "j", "parties": [{"role": "a", "location": "DE"}], "notice": {"form": "none"}, "response": "unaware",'
        ' "expected": {"effective_rule": "all-party", "may_record_default_policy": false}}]}'
    )
    assert parse_case_text(text, "f.json")[0].id == "j"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "has a list `cases`"),
        ("cases: []", "there is no case in it"),
        ("cases:\n- id: a\n  id: b", "line 3, column 3: the field id stands twice"),
        ("a: &x 1\ncases: [*x]", "line 2, column 9: references are not read"),
        ("cases: [", "line 1, column 9"),
        ("? [a]\n: 1", "line 1, column 3: the name of a field is a text"),
        ("a: 1\n---\nb: 2", "line 2, column 1"),
        ("\x00", "special characters are not allowed"),
        ("[" * 4000 + "]" * 4000, "nests too deeply"),
        ("cases: [1]", "case no. 1"),
        ("a: " + "9" * 5000, "has a list `cases`"),
        ("a: 2026-13-45", "has a list `cases`"),
        ("cases: !!python/object:os.system []", "there is no case in it"),
        ("#" * (LARGEST_BYTES + 1), "more than 1024 KiB"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text: str, why: str) -> None:
    with pytest.raises(LawUnreadable, match=r"^f\.yaml") as refused:
        parse_case_text(text, "f.yaml")
    assert why in str(refused.value) and "\n" not in str(refused.value)


def test_files_that_are_not_there_not_text_or_too_large(tmp_path: Path) -> None:
    with pytest.raises(LawUnreadable, match="No such file"):
        read_cases(tmp_path / "none.yaml")
    for name, content, why in (
        ("b", b"\xff", "not UTF-8, from byte 0"),
        ("l", b"#" * (LARGEST_BYTES + 1), "more than"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(LawUnreadable, match=why):
            read_cases(tmp_path / name)
    (tmp_path / "good.yaml").write_text(CASE)
    assert len(read_cases(tmp_path / "good.yaml")) == 1
