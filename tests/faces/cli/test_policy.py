"""`overt policy` as a person meets it: shown, checked, published, exported and imported; who may, and what is refused."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner

from overt.adapters.ledger_reader import read_stated
from overt.compose.machine import Machine
from overt.config import load_settings
from overt.faces.cli.root import app

RUN = CliRunner()
LINE = """[[trunk]]
name = "t"
addresses = ["127.0.0.1"]
[[line]]
name = "orders"
numbers = ["+14045550100"]
agent = "sip:a@127.0.0.1"
queue = "gold"
"""
BOOK = """format = 1
title = "Calls of [bold]Example[/bold]"  # a comment, which stays

[[never_record]]
number = "+14045550199"
reason = "the works doctor"

[[policy]]
name = "Orders"
responsible = "Robin Lee"

[policy.when]
queues = ["gold"]

[policy.tell]
script = "standard"
languages = ["en", "es"]
purpose = "quality and training"

[policy.ask]
on_refusal = "end"
on_no_answer = "route"
route = "sip:paper@192.0.2.20"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A fresh data folder with a line; whoever runs the tests is its administrator."""
    made = RUN.invoke(app, ["init", "--data", str(tmp_path / "d"), "--on-failure", "end-call"])
    assert made.exit_code == 0
    with (tmp_path / "d" / "overt.toml").open("a") as file:
        file.write(LINE)
    return tmp_path / "d"


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A book's file."""
    path = tmp_path / "book.toml"
    path.write_text(BOOK)
    return path


def role(folder: Path, name: str) -> None:
    """Give the account of whoever runs the tests another role."""
    text = (folder / "overt.toml").read_text()
    (folder / "overt.toml").write_text(text.replace('role = "administrator"', f'role = "{name}"'))


def overt(folder: Path, *words: str, exits: int = 0, given: str = "") -> str:
    """Run a policy command on a folder; return what it said, and check how it ended."""
    done = RUN.invoke(app, ["policy", *words, "--data", str(folder)], input=given)
    assert done.exit_code == exits, done.output
    return done.stdout if not exits else done.output


def test_before_anything_is_published_the_settings_lines_are_shown(folder: Path) -> None:
    said = overt(folder, "show")
    assert "Version 0" in said and "each line of the settings rules its own calls" in said and "orders" in said
    shown = json.loads(overt(folder, "show", "--json"))
    assert (shown["version"], shown["ledger_index"], shown["by"]) == (0, -1, "") and "[[policy]]" in shown["book"]
    assert overt(folder, "history") == "" and json.loads(overt(folder, "history", "--json")) == {"versions": []}
    text = overt(folder, "export")
    assert text == shown["book"]
    settings = folder / "settings.toml"
    settings.write_text(text)
    assert "responsible is empty" in overt(folder, "check", str(settings), exits=1)  # nobody answers for it yet


def test_a_book_is_checked_published_shown_and_exported_as_it_was(folder: Path, book: Path, tmp_path: Path) -> None:
    assert "It can be published." in overt(folder, "check", str(book))
    checked = json.loads(overt(folder, "check", str(book), "--json"))
    assert checked["may_be_published"] and checked["changes"] and not list(read_stated(folder / "ledger" / "main"))
    done = overt(folder, "publish", str(book), "--reason", "we sell orders")
    assert "Version 1 «Calls of [bold]Example[/bold]»" in done and "we sell orders" in done
    assert "calls in progress keep what they began with" in done
    (entry,) = read_stated(folder / "ledger" / "main")
    assert entry.kind == "policy.published" and entry.personal["book"] == BOOK
    assert b"+14045550199" not in (folder / "ledger" / "main" / "entries.log").read_bytes()
    said = overt(folder, "show")
    assert "Orders, answered for by Robin Lee" in said and "works doctor" in said and "sip:paper@192.0.2.20" in said
    assert "[bold]" in said  # a name that looks like markup is shown as it is
    out = tmp_path / "out.toml"
    assert "version 1" in overt(folder, "export", "-o", str(out)) and out.read_text() == BOOK
    assert overt(folder, "export", "--version", "1") == BOOK
    assert json.loads(overt(folder, "export", "-o", str(out), "--json"))["version"] == 1
    assert "in force already" in overt(folder, "import", str(out), "--reason", "again", exits=1)
    out.write_text(BOOK.replace("# a comment", "# another comment"))
    again = json.loads(overt(folder, "import", str(out), "--reason", "again", "--instead-of", "1", "--json"))
    assert (again["version"], again["changes"]) == (2, [])
    history = overt(folder, "history")
    assert history.index("Version 2") < history.index("Version 1") and "we sell orders" in history
    assert [one["version"] for one in json.loads(overt(folder, "history", "--json"))["versions"]] == [2, 1]
    assert "says what is in force already" in overt(folder, "check", "-", given=BOOK)


def test_the_system_page_says_what_rules_its_lines(folder: Path, book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def undisturbed(machine: Machine) -> tuple[()]:
        return ()

    monkeypatch.setattr(Machine, "_ask_doctor", undisturbed)
    machine = Machine(folder, load_settings(folder))
    lines = dict(asyncio.run(machine.shown()).lines)
    assert lines == {"orders": "asks in en, for quality and training, queue gold; kept 90 days"}
    overt(folder, "publish", str(book), "--reason", "r")
    assert dict(asyncio.run(machine.shown()).lines) == {"orders": "ruled by version 1 of the policy book, queue gold"}
    (folder / "ledger" / "main" / "checkpoint").write_text("nonsense")
    assert "asks in en" in dict(asyncio.run(machine.shown()).lines)["orders"]


def test_what_is_wrong_is_all_said_and_nothing_published(folder: Path, book: Path) -> None:
    book.write_text(
        BOOK.replace('responsible = "Robin Lee"', 'responsible = ""').replace('["en", "es"]', '["en", "xx"]')
    )
    for words in (("check", str(book)), ("publish", str(book), "--reason", "r")):
        said = overt(folder, *words, exits=1)
        assert "STOPS  policy «Orders»: responsible is empty" in said and "xx" in said
    told = json.loads(RUN.invoke(app, ["policy", "check", str(book), "--json", "--data", str(folder)]).stdout)
    assert not told["may_be_published"] and {one["level"] for one in told["findings"]} == {"stops"}
    book.write_text("format = 1\npolcy = 1\n")
    assert "did you mean" in overt(folder, "publish", str(book), "--reason", "r", exits=1)
    assert "say why" in overt(folder, "publish", "-", "--reason", " ", exits=1, given=BOOK)
    assert "meanwhile" in overt(folder, "publish", "-", "--reason", "r", "--instead-of", "4", exits=1, given=BOOK)
    assert not list(read_stated(folder / "ledger" / "main"))
    assert "cannot be read" in overt(folder, "check", str(folder / "nowhere"), exits=2)
    book.write_bytes(b"\xff")
    assert "UTF-8" in overt(folder, "check", str(book), exits=2)
    book.write_text("#" * 100_000)
    assert "bytes" in overt(folder, "check", str(book), exits=1)
    assert "was never published" in overt(folder, "show", "--version", "3", exits=1)
    assert "Missing option" in overt(folder, "publish", str(book), exits=2)


def test_who_may(folder: Path, book: Path) -> None:
    role(folder, "supervisor")
    assert "may not publish policies" in overt(folder, "publish", str(book), "--reason", "r", exits=1)
    overt(folder, "show")
    overt(folder, "check", str(book))
    (folder / "overt.toml").write_text((folder / "overt.toml").read_text().replace('"supervisor"', '"compliance"'))
    overt(folder, "publish", str(book), "--reason", "r")
    (folder / "overt.toml").write_text((folder / "overt.toml").read_text().replace('"compliance"', '"agent"'))
    for words in (("show",), ("history",), ("check", str(book)), ("export",)):
        assert "may not show policies" in overt(folder, *words, exits=1)


def test_a_book_whose_text_was_changed_is_not_shown_for_it(folder: Path, book: Path) -> None:
    overt(folder, "publish", str(book), "--reason", "r")
    with sqlite3.connect(folder / "ledger" / "main" / "personal.sqlite") as rows:
        rows.execute("UPDATE personal SET value = 'mine' WHERE field = 'book'")
    rows.close()
    assert "somebody changed it" in overt(folder, "show", exits=1)
    assert "somebody changed it" in overt(folder, "export", exits=1)
    assert "somebody changed it" in overt(folder, "history")
    doctor = RUN.invoke(app, ["doctor", "--json", "--data", str(folder)])
    (found,) = [one for one in json.loads(doctor.stdout)["findings"] if one["name"] == "policies"]
    assert found["state"] == "stops" and "somebody changed it" in found["found"]


def test_the_doctor_looks_at_the_book_in_force(folder: Path, book: Path) -> None:
    def said() -> tuple[str, str]:
        doctor = RUN.invoke(app, ["doctor", "--json", "--data", str(folder)])
        (found,) = [one for one in json.loads(doctor.stdout)["findings"] if one["name"] == "policies"]
        return found["state"], found["found"]

    assert said() == ("good", "no book is published: each line of the settings rules itself")
    overt(folder, "publish", str(book), "--reason", "r")
    by = json.loads(overt(folder, "show", "--json"))["by"]
    assert said() == ("good", f"version 1, published by {by}: 1 of 1 policies enabled")
    settings = (folder / "overt.toml").read_text()
    bound = BOOK + '[policy.law]\nbasis = { code = "MIFID-16-7", document = "letter", person = "Dana" }\n'
    overt(folder, "publish", "-", "--reason", "r", given=bound)
    assert said()[0] == "good"
    (folder / "overt.toml").write_text(settings.replace('"end-call"', '"stop-and-flag"'))
    assert said() == ("look", "Orders must be recorded, yet when recording fails calls go on (stop-and-flag)")
    prompts = folder / "prompts"
    prompts.joinpath("prompts.toml").write_text(
        '[[prompt]]\nid = "unrecorded-end"\nlanguage = "en"\nversion = "1"\nsha256 = "00"\nduration_ms = 1\n'
    )
    state, found = said()
    assert state == "stops" and "en/unrecorded-end is missing" in found
