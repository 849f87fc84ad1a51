"""`overt accounts` and `overt catalogue` as a person meets them; and the worker that keeps the catalogue up."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from overt.adapters.database import FILE, open_database
from overt.adapters.ledger_files import read_lines
from overt.adapters.ledger_reader import read_stated
from overt.adapters.sign_in_proofs import Argon2Passwords
from overt.adapters.sql_accounts import SqlAccounts
from overt.adapters.system_clock import SystemClock
from overt.compose import moment
from overt.config import load_settings
from overt.domain.facts import Fact
from overt.faces.cli.root import app
from overt.services.accounts import Account, check_password

RUN = CliRunner()
CLOCK = SystemClock()
AGENT = "sip:+14045550123@192.0.2.20"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A fresh data folder; whoever runs the tests is its administrator."""
    made = RUN.invoke(app, ["init", "--data", str(tmp_path / "d"), "--on-failure", "end-call"])
    assert made.exit_code == 0
    return tmp_path / "d"


def role(folder: Path, name: str) -> None:
    """Give the account of whoever runs the tests another role."""
    text = (folder / "overt.toml").read_text()
    (folder / "overt.toml").write_text(text.replace('role = "administrator"', f'role = "{name}"'))


def overt(folder: Path, *words: str, exits: int = 0, given: str = "") -> str:
    """Run a command on a folder; return what it said, and check how it ended."""
    done = RUN.invoke(app, [*words, "--data", str(folder)], input=given)
    assert done.exit_code == exits, done.output
    return done.stdout if not exits else done.stderr


def account(folder: Path, name: str) -> Account:
    """An account as it is kept."""
    engine = open_database(load_settings(folder), folder)
    found = SqlAccounts(engine).find("main", name)
    engine.dispose()
    assert found is not None
    return found


def entered(folder: Path) -> list[tuple[str, str, str]]:
    """What the ledger says of accounts: kind, name and role or state."""
    return [(one.kind, one.body["account"], one.body["state"]) for one in read_stated(folder / "ledger" / "main")]


# ------------------------------------------------------------------------------------------ accounts


def test_an_account_is_made_with_a_password_that_is_shown_once(folder: Path) -> None:
    said = overt(folder, "accounts", "add", "ada", "--role", "supervisor")
    password = said.rpartition(": ")[2].strip()
    check_password(password, "ada")
    kept = account(folder, "ada")
    assert Argon2Passwords().matches(kept.password, password) and kept.must_change and kept.role == "supervisor"
    assert kept.ledger_index == 0 and entered(folder) == [("account.added", "ada", "active")]
    assert password.encode() not in b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    listed = json.loads(overt(folder, "accounts", "list", "--json"))["accounts"]
    assert [(one["name"], one["role"], one["second_factor"]) for one in listed] == [("ada", "supervisor", False)]
    assert "ada" in overt(folder, "accounts", "list") and "password" not in json.dumps(listed)


def test_a_password_may_come_from_a_file_or_standard_input(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "p").write_text("a good password of mine\nsecond line\n")
    told = overt(
        folder, "accounts", "add", "ada", "--role", "compliance", "--password-from", str(tmp_path / "p"), "--json"
    )
    assert "password" not in json.loads(told)
    assert Argon2Passwords().matches(account(folder, "ada").password, "a good password of mine")
    overt(folder, "accounts", "set-password", "ada", "--password-from", "-", given="another password of mine\n")
    assert Argon2Passwords().matches(account(folder, "ada").password, "another password of mine")
    short = overt(folder, "accounts", "set-password", "ada", "--password-from", "-", exits=2, given="short\n")
    assert "12 to 256" in short and Argon2Passwords().matches(
        account(folder, "ada").password, "another password of mine"
    )
    for source in (str(tmp_path / "nowhere"), str(tmp_path)):
        assert "cannot be read" in overt(folder, "accounts", "set-password", "ada", "--password-from", source, exits=2)
    overt(folder, "accounts", "set-password", "ada", "--password-from", "-", exits=2, given="\n")


def test_an_agents_number_stands_nowhere(folder: Path) -> None:
    told = json.loads(overt(folder, "accounts", "add", "bea", "--role", "agent", "--agent", AGENT, "--json"))
    shown = told["account"]["agent"]
    assert shown.startswith("sip:+1404•••••23~") and account(folder, "bea").agent == shown
    assert not [path for path in folder.rglob("*") if path.is_file() and b"4045550123" in path.read_bytes()]


def test_what_cannot_be_is_refused_with_what_to_do(folder: Path) -> None:
    assert "no role king" in overt(folder, "accounts", "add", "ada", "--role", "king", exits=2)
    assert "--agent" in overt(folder, "accounts", "add", "ada", "--role", "agent", exits=2)
    assert "a-z" in overt(folder, "accounts", "add", "Ada!", "--role", "supervisor", exits=2)
    bound = load_settings(folder).accounts[0].name
    assert "[[account]]" in overt(folder, "accounts", "add", bound, "--role", "supervisor", exits=2)
    for command in (["change", "--role", "agent"], ["close"], ["set-password"], ["reset-second-factor"], ["unlock"]):
        assert "no open account" in overt(folder, "accounts", *command, "nobody", exits=2)
    assert entered(folder) == []
    overt(folder, "accounts", "add", "ada", "--role", "supervisor")
    assert "already" in overt(folder, "accounts", "add", "ada", "--role", "supervisor", exits=2)
    assert len(entered(folder)) == 1


def test_an_account_changes_and_closes_in_the_ledger(folder: Path) -> None:
    overt(folder, "accounts", "add", "ada", "--role", "supervisor")
    assert "compliance" in overt(folder, "accounts", "change", "ada", "--role", "compliance")
    assert account(folder, "ada").role == "compliance" and account(folder, "ada").ledger_index == 1
    engine = open_database(load_settings(folder), folder)
    store = SqlAccounts(engine)
    for _ in range(9):
        store.note_attempt("main", "ada", "192.0.2.1", CLOCK.now_us(), False)
    overt(folder, "accounts", "unlock", "ada")
    assert store.failures("main", "ada", "", 0) == (0, 0)
    engine.dispose()
    overt(folder, "accounts", "reset-second-factor", "ada")
    overt(folder, "accounts", "close", "ada")
    assert account(folder, "ada").state == "closed"
    assert [one[2] for one in entered(folder)] == ["active", "active", "closed"]
    assert "no open account" in overt(folder, "accounts", "close", "ada", exits=2)


@pytest.mark.parametrize("name", ["compliance", "supervisor", "agent"])
def test_only_an_administrator_keeps_accounts(folder: Path, name: str) -> None:
    overt(folder, "accounts", "add", "ada", "--role", "supervisor")
    before = account(folder, "ada")
    role(folder, name)
    for command in (
        ["add", "bea", "--role", "administrator"], ["change", "ada", "--role", "administrator"], ["close", "ada"],
        ["set-password", "ada"], ["reset-second-factor", "ada"], ["unlock", "ada"],
    ):  # fmt: skip
        assert "may not change accounts" in overt(folder, "accounts", *command, exits=1)
    assert account(folder, "ada") == before and len(entered(folder)) == 1
    overt(folder, "accounts", "list", exits=0 if name == "compliance" else 1)


def test_whoever_is_bound_to_no_account_keeps_none(folder: Path) -> None:
    text = (folder / "overt.toml").read_text()
    (folder / "overt.toml").write_text(text.replace(f"uid = {os.getuid()}", f"uid = {os.getuid() + 1}"))
    for command in (["accounts", "list"], ["accounts", "add", "ada", "--role", "supervisor"], ["catalogue", "search"]):
        assert "no account is bound" in overt(folder, *command, exits=1)


def test_a_notary_that_cannot_start_leaves_nothing_behind(folder: Path) -> None:
    (folder / "keys" / "notary.key").unlink()
    assert "notary" in overt(folder, "accounts", "add", "ada", "--role", "supervisor", exits=3)
    assert json.loads(overt(folder, "accounts", "list", "--json")) == {"accounts": []}


# ------------------------------------------------------------------------------------------ the catalogue


@contextmanager
def notary(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A notary that runs as under `overt serve`."""
    with process("notary", folder) as started:
        deadline = time.monotonic() + 10
        while not moment.answers(folder / moment.NOTARY) and time.monotonic() < deadline:
            time.sleep(0.02)
        yield started


@contextmanager
def process(name: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """One of our processes, ended in order afterwards."""
    started = subprocess.Popen([sys.executable, "-m", f"overt.compose.{name}", str(folder)], stderr=subprocess.PIPE)
    try:
        yield started
    finally:
        if started.poll() is None:
            started.send_signal(signal.SIGTERM)
        started.communicate(timeout=20)


async def enter(folder: Path, call: str, number: str = "+14155550102") -> None:
    """Enter a call that was turned away."""
    from overt.adapters.notary_client import NotaryClient

    ledger = NotaryClient(folder / moment.NOTARY)
    ended = {"outcome": "not answered: no such line", "reason": "turned away", "call_ms": 0, "disclosed_ms": 0, "captured_ms": 0,
             "consent": "not asked", "legs": {}, "gaps": [], "recordings": []}  # fmt: skip
    for kind, body, personal in (
        ("call.offered", {"line": "", "trunk": "t"}, {"from": number, "to": "+14045550100"}),
        ("call.ended", ended, {}),
    ):
        await ledger.enter(Fact(CLOCK.new_id(), "main", kind, CLOCK.now_us(), call, body, personal))  # type: ignore[arg-type]
    ledger.close()


def searched(folder: Path, *options: str) -> list[str]:
    """The ids that a search finds."""
    return [one["id"] for one in json.loads(overt(folder, "catalogue", "search", "--json", *options))["calls"]]


def within(seconds: float, folder: Path, *options: str) -> list[str]:
    """The ids that a search finds, as soon as it finds any."""
    deadline = time.monotonic() + seconds
    while not (found := searched(folder, *options)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


async def test_a_call_is_found_soon_and_by_its_number(folder: Path) -> None:
    with notary(folder), process("worker", folder):
        await enter(folder, "warm")
        assert within(15, folder) == ["warm"]
        await enter(folder, "c", "+12065550777")
        assert within(10, folder, "--number", "(206) 555-0777") == ["c"] == searched(folder, "--number", "0777")
        assert searched(folder, "--text", "turned LINE", "--state", "not asked", "--limit", "1") == ["c"]
        assert searched(folder, "--until", "2020-01-01") == [] == searched(folder, "--gap")
        page = json.loads(overt(folder, "catalogue", "search", "--limit", "1", "--json"))
        assert searched(folder, "--after", page["after"]) == ["warm"]
        first = json.loads(overt(folder, "catalogue", "rebuild", "--json"))  # while the worker follows
        assert (first["calls"], first["recordings"], first["entries"]) == (2, 0, 4)
        await enter(folder, "later", "+12065550888")
        assert within(10, folder, "--number", "0888") == ["later"]
    assert "+1206•••••77" in overt(folder, "catalogue", "search") and "entries, in" in overt(
        folder, "catalogue", "rebuild"
    )
    assert "No call fits" in RUN.invoke(app, ["catalogue", "search", "--data", str(folder), "--line", "x"]).stderr


async def test_a_database_that_is_down_is_said_once_and_not_waited_for(folder: Path) -> None:
    with (folder / "overt.toml").open("r+") as file:
        text = file.read()
        file.seek(0)
        file.write('database = "postgresql://overt:hidden@127.0.0.1:9/overt"\n' + text)
    with notary(folder), process("worker", folder) as worker:
        await enter(folder, "c")
        time.sleep(3)
        assert worker.poll() is None
        worker.send_signal(signal.SIGTERM)
        said = worker.communicate(timeout=20)[1].decode()
    assert said.count("the catalogue waits") == 1 and "hidden" not in said and worker.returncode == 0
    assert len(read_lines(folder / "ledger" / "main")) == 2


def test_the_worker_makes_what_it_needs(folder: Path) -> None:
    with process("worker", folder):
        deadline = time.monotonic() + 15
        while not (folder / "keys" / "catalogue.key").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
    assert (folder / FILE).stat().st_mode & 0o777 == 0o600
    assert (folder / "keys" / "catalogue.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--state", "odd"], "no state odd"), (["--since", "yesterday"], "--since is a day"), (["--until", "24.11."], "--until is a day"),
        (["--after", "nonsense"], "no page gave this cursor"), (["--limit", "0"], "limit"), (["--limit", "201"], "limit"),
    ],
)  # fmt: skip
def test_a_search_that_cannot_be_is_said(folder: Path, options: list[str], says: str) -> None:
    assert says in overt(folder, "catalogue", "search", *options, exits=2)


def test_two_rebuilds_at_once_are_refused(folder: Path) -> None:
    import fcntl

    (folder / "registers").mkdir(exist_ok=True)
    with (folder / "registers" / "catalogue.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "at work" in overt(folder, "catalogue", "rebuild", exits=2)
    assert json.loads(overt(folder, "catalogue", "rebuild", "--json"))["calls"] == 0


def test_an_agent_finds_no_calls_of_others(folder: Path) -> None:
    role(folder, "agent")
    assert searched(folder) == []
