"""Tokens of servers: kept for each, for their owner's eyes only, forgotten on demand."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from overt.adapters.token_file import keep_token, read_token, token_path
from overt.ports import Unavailable


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder of its own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config"


def test_each_server_has_its_token_until_it_is_forgotten() -> None:
    assert read_token("https://one") == ""
    keep_token("https://one/", "a")
    keep_token("https://two", "b")
    assert (read_token("https://one"), read_token("https://two/")) == ("a", "b")
    keep_token("https://one", "")
    assert (read_token("https://one"), read_token("https://two")) == ("", "b")
    assert "one" not in token_path().read_text()


def test_only_its_owner_reads_it_and_nothing_is_left_beside_it(home: Path) -> None:
    keep_token("https://one", "a")
    assert stat.S_IMODE(token_path().stat().st_mode) == 0o600
    assert stat.S_IMODE(token_path().parent.stat().st_mode) == 0o700
    assert [one.name for one in token_path().parent.iterdir()] == ["tokens.json"]


@pytest.mark.parametrize("content", ["", "[]", "{", '"x"'])
def test_a_file_that_is_none_says_what_to_do(content: str) -> None:
    keep_token("https://one", "a")
    token_path().write_text(content)
    with pytest.raises(Unavailable, match="sign in again"):
        read_token("https://one")


def test_a_place_that_cannot_be_written_is_said(home: Path) -> None:
    home.write_text("a file where a folder should be")
    with pytest.raises(Unavailable):
        keep_token("https://one", "a")
