"""Accounts: each bound to one user id, nobody to nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from overt.adapters.accounts_file import read_accounts
from overt.domain.access import Actor
from overt.ports import Unavailable

ADA = '[[account]]\nname = "ada"\nrole = "compliance"\nuid = 7\n'


def test_accounts_by_user_id(tmp_path: Path) -> None:
    settings = tmp_path / "overt.toml"
    settings.write_text(ADA + ADA.replace("ada", "bob").replace("7", "8"))
    assert read_accounts(settings) == {7: Actor("ada", "compliance", 7), 8: Actor("bob", "compliance", 8)}
    settings.write_text("")
    assert read_accounts(settings) == {}


@pytest.mark.parametrize(
    "text",
    [
        ADA + ADA,
        ADA.replace("compliance", "king"),
        ADA.replace("7", '"7"'),
        ADA.replace("7", "true"),
        ADA.replace("7", "65534"),
        ADA.replace('"ada"', '""'),
        "account = 5",
        "account = [5]",
        "[[account",
    ],
)
def test_what_is_no_account_is_refused(tmp_path: Path, text: str) -> None:
    settings = tmp_path / "overt.toml"
    settings.write_text(text)
    with pytest.raises(Unavailable):
        read_accounts(settings)
    with pytest.raises(Unavailable, match="overt init"):
        read_accounts(tmp_path / "missing.toml")
