"""The law as shipped, and an operator's own files in the place of ours."""

from __future__ import annotations

from pathlib import Path

import pytest

import overt.domain.law.data as shipped
from overt.adapters.law_files import load_table
from overt.config import parse_settings
from overt.domain.errors import LawUnreadable
from overt.domain.law.table import VERSION

ROW = (Path(shipped.__file__).parent / "places" / "US-NV.toml").read_text()


def test_a_file_of_the_operators_own_takes_the_place_of_ours(tmp_path: Path) -> None:
    ours = load_table()
    (tmp_path / "places").mkdir()
    (tmp_path / "README.md").write_text("not a law")
    (tmp_path / "places/US-NV.toml").write_text(
        ROW.replace('notice_then_continue = "likely"', 'notice_then_continue = "no"')
    )
    own = load_table(tmp_path)
    assert own.rows["US-NV"][0].forms.notice_then_continue == "no" and own.rows["US-CA"] == ours.rows["US-CA"]
    assert (ours.version, own.version) == (VERSION, f"{VERSION}+own") and own.sha256 != ours.sha256


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        (None, "No such file"),
        ({}, "holds no file of a law"),
        ({"places/US-NV.toml": "x"}, "places/US-NV: "),
        ({"places/US-NV.toml": "\udcff"}, "not UTF-8"),
        ({"places/US-NV.toml": ROW.replace('"US-NV"', '"US-XX"')}, "the row's code is US-XX"),
    ],
)
def test_what_is_no_law_is_refused(tmp_path: Path, written: dict[str, str] | None, complaint: str) -> None:
    folder = tmp_path / "law"
    for name, text in (written or {}).items():
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_bytes(text.encode(errors="surrogateescape"))
    if written == {}:
        folder.mkdir()
    with pytest.raises(LawUnreadable, match=complaint):
        load_table(folder)


def test_the_settings_say_where_it_lies(tmp_path: Path) -> None:
    assert parse_settings('failure = "end-call"').law_folder(tmp_path) is None
    assert parse_settings('failure = "end-call"\nlaw = "law"').law_folder(tmp_path) == tmp_path / "law"
    assert parse_settings('failure = "end-call"\nlaw = "/etc/law"').law_folder(tmp_path) == Path("/etc/law")
