"""`overt clients` as a person meets it, on a folder on which nothing serves; and what the doctor says of clients."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from overt.compose.doctor import examine
from overt.faces.cli.root import app

RUN = CliRunner()
PASSWORD = "correct horse battery"
SIGNED = ("--by", "Dana Wu", "--why", "contract 7")
TOML = '[[client]]\nname = "filed"\naddress = ["198.51.100.1"]\nattest = ["telling"]\nby = "Ann"\nwhy = "heard it"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A fresh data folder; whoever runs the tests is its administrator."""
    made = RUN.invoke(app, ["init", "--data", str(tmp_path / "d"), "--on-failure", "end-call"])
    assert made.exit_code == 0 and "overt clients add" in made.output
    return tmp_path / "d"


def overt(folder: Path, *words: str, exits: int = 0, given: str = "") -> str:
    """Run a command on a folder; return what it said, and check how it ended."""
    done = RUN.invoke(app, ["clients", *words, "--data", str(folder)], input=given)
    assert done.exit_code == exits, done.output
    return done.stdout if not exits else done.stderr


def as_json(folder: Path, *words: str, given: str = "") -> Any:
    """The same, as JSON."""
    return json.loads(overt(folder, *words, "--json", given=given))


def said(folder: Path) -> list[tuple[str, str]]:
    """What the doctor says of clients."""
    return [(one.state, one.found) for one in examine(folder) if one.name == "clients"]


def test_clients_are_added_listed_shown_and_removed(folder: Path) -> None:
    assert said(folder) == [("stops", "nobody may bring calls")]
    assert as_json(folder, "list") == {"clients": [], "strangers": []}
    words = ("--mode", "siprec", "--address", "192.0.2.7", "--attest", "recording,analysis", "--agents", "+14045550100")
    added = overt(folder, "add", "sbc", *words, *SIGNED)
    assert added.startswith("sbc may bring calls.") and "never proven" in added
    given = ("add", "dig", "--mode", "gateway", "--digest", "u", "--password-file", "-", *SIGNED)
    secret = as_json(folder, *given, given=f"{PASSWORD}\n")["client"]
    assert secret["digest"] == "u" and secret["fingerprint"]
    kept = folder / "keys" / "digests.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert PASSWORD not in (kept.read_text() + (folder / "ledger" / "main" / "entries.log").read_text())
    listed = overt(folder, "list")
    assert "192.0.2.7" in listed and "recording, analysis (Dana Wu)" in listed and "never !" in listed
    shown = overt(folder, "show", "sbc")
    assert "+1404•••••00" in shown and "4045550100" not in shown and "Dana Wu: contract 7" in shown
    assert said(folder) == [("look", "sbc: what is attested was never proven by a test call")]
    kept.unlink()
    assert ("look", "dig: no password is kept for its digest") in said(folder)
    as_json(folder, "password", "dig", "--password-file", "-", given=f"{PASSWORD}!\n")
    assert len(said(folder)) == 1
    assert "there is no call x" in overt(folder, "prove", "sbc", "--call", "x", "--by", "Ann", exits=1)
    assert overt(folder, "remove", "sbc", *SIGNED) == "sbc may bring no more calls.\n"
    assert said(folder) == [("good", "1 may bring calls")]
    assert "there is no client sbc; there is dig" in overt(folder, "show", "sbc", exits=1)


@pytest.mark.parametrize(
    ("words", "exits", "sentence"),
    [
        (("add", "a", "--mode", "srs", "--address", "::1", *SIGNED), 1, "mode: one of gateway, siprec"),
        (("add", "a", "--mode", "siprec", *SIGNED), 1, "say by what the client is known"),
        (("add", "a", "--mode", "siprec", "--address", "0.0.0.0/0", *SIGNED), 1, "too wide"),
        (("add", "a", "--mode", "siprec", "--address", "::1", "--by", "D"), 2, "why"),
        (("add", "a", "--mode", "siprec", "--address", "::1", "--password-file", "x", *SIGNED), 2, "goes with --digest"),
        (("add", "a", "--mode", "siprec", "--digest", "u", *SIGNED), 2, "no terminal to ask on"),
        (("remove", "a", *SIGNED), 1, "there is no client a; there is none"),
    ],
)  # fmt: skip
def test_what_is_refused_says_why(folder: Path, words: tuple[str, ...], exits: int, sentence: str) -> None:
    assert sentence in overt(folder, *words, exits=exits)
    assert (
        not (folder / "ledger" / "main" / "entries.log").exists()
        or (folder / "ledger/main/entries.log").read_bytes() == b""
    )


def test_a_client_of_the_file_waits_for_the_next_start_and_its_address_is_taken(folder: Path) -> None:
    settings = folder / "overt.toml"
    settings.write_text(f"{settings.read_text()}\n{TOML}")
    (one,) = as_json(folder, "list")["clients"]
    assert (one["name"], one["state"], one["by"], one["attest"]) == ("filed", "waits", "Ann", ["telling"])
    words = ("add", "b", "--mode", "siprec", "--address", "198.51.100.0/24", *SIGNED)
    assert "belongs to the client filed" in overt(folder, *words, exits=1)
    settings.write_text(settings.read_text() + TOML.replace("filed", "twin"))
    refused = overt(folder, "list", exits=2)
    assert "[[client]] twin: 198.51.100.1 belongs to the client filed" in refused


def test_an_agent_may_neither_look_nor_change(folder: Path) -> None:
    settings = folder / "overt.toml"
    settings.write_text(settings.read_text().replace('role = "administrator"', 'role = "supervisor"'))
    assert as_json(folder, "list")["clients"] == []
    assert "may not change clients" in overt(folder, "remove", "a", *SIGNED, exits=1)
    settings.write_text(settings.read_text().replace('role = "supervisor"', 'role = "agent"'))
    assert "may not show clients" in overt(folder, "list", exits=1)
