"""`overt accounts`: who may sign in to the console. Exit codes: 0 done, 1 not permitted, 2 usage, 3 something is down."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from overt.compose import accounts
from overt.compose.accounts import Given
from overt.domain.access import ROLES
from overt.faces.cli.options import AsJson, Folder, made, translated, wide
from overt.faces.cli.passwords import read_password
from overt.services.accounts import LONGEST_PASSWORD, Account

accounts_app = typer.Typer(help="Who may sign in to the console.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The account's name.")]
Role = Annotated[str, typer.Option(help=f"One of: {', '.join(ROLES)}.")]
Agent = Annotated[str, typer.Option(help="The SIP address at which somebody of the role agent is called.")]
From = Annotated[
    str,
    typer.Option(
        "--password-from", help="A file whose first line is the password; - for standard input.", metavar="FILE"
    ),
]


@accounts_app.command("add")
def add(
    data: Folder, name: Name, role: Role, agent: Agent = "", password_from: From = "", as_json: AsJson = False
) -> None:
    """Make an account. Without a password one is made and shown once; either is changed at the first sign-in."""
    with translated():
        folder = made(data)
        _show_given(accounts.add(folder, name, role, agent, _password(password_from)), "is there", as_json)


@accounts_app.command("list")
def list_accounts(data: Folder, as_json: AsJson = False) -> None:
    """List every account, the closed ones too."""
    with translated():
        found = accounts.list_accounts(made(data))
    if as_json:
        print(json.dumps({"accounts": [_as_json(one) for one in found]}, ensure_ascii=False))
        return
    if not found:
        print("Nobody may sign in yet: `overt accounts add NAME --role administrator`.", file=sys.stderr)
        return
    table = Table("account", "role", "agent", "state", "second factor", "since (UTC)", "entry")
    for one in found:
        since = datetime.fromtimestamp(one.created_us / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M")
        factor = "set up" if one.totp_secret else "not yet"
        table.add_row(one.name, one.role, one.agent, one.state, factor, since, str(one.ledger_index))
    wide().print(table)


@accounts_app.command("change")
def change(data: Folder, name: Name, role: Role, agent: Agent = "", as_json: AsJson = False) -> None:
    """Give an account another role or agent. What it is signed in with ends."""
    with translated():
        _show(accounts.change(made(data), name, role, agent), f"is {role} now", as_json)


@accounts_app.command("close")
def close(data: Folder, name: Name, as_json: AsJson = False) -> None:
    """Close an account, at once and for good: its name stays in the ledger."""
    with translated():
        _show(accounts.close(made(data), name), "is closed", as_json)


@accounts_app.command("set-password")
def set_password(data: Folder, name: Name, password_from: From = "", as_json: AsJson = False) -> None:
    """Set a password, to be changed at the next sign-in. Without one, one is made and shown once."""
    with translated():
        folder = made(data)
        _show_given(accounts.give_password(folder, name, _password(password_from)), "has a new password", as_json)


@accounts_app.command("reset-second-factor")
def reset_second_factor(data: Folder, name: Name, as_json: AsJson = False) -> None:
    """Take the second factor from somebody who lost it; it is set up anew at the next sign-in."""
    with translated():
        _show(accounts.take_second_factor(made(data), name), "sets up a second factor at the next sign-in", as_json)


@accounts_app.command("unlock")
def unlock(data: Folder, name: Name, as_json: AsJson = False) -> None:
    """End the lock that wrong passwords brought."""
    with translated():
        _show(accounts.end_lock(made(data), name), "may try again", as_json)


def _password(source: str) -> str:
    """The password from where it was said to be; asked for on a terminal; empty when one is to be made."""
    if source:
        return read_password(source, LONGEST_PASSWORD, "overt accounts")
    if sys.stdin.isatty():
        asked = "Password (empty: one is made and shown)"
        return str(
            typer.prompt(asked, default="", show_default=False, hide_input=True, confirmation_prompt=True, err=True)
        )
    return ""


def _show_given(given: Given, what: str, as_json: bool) -> None:
    if as_json:
        made_one = {"password": given.password} if given.password else {}
        print(json.dumps({"account": _as_json(given.account), **made_one}, ensure_ascii=False))
        return
    _show(given.account, what, as_json)
    if given.password:
        print(f"Its password, shown this once: {given.password}")


def _show(account: Account, what: str, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"account": _as_json(account)}, ensure_ascii=False))
        return
    print(f"{account.name} {what}.")


def _as_json(account: Account) -> dict[str, Any]:
    return {
        "name": account.name, "role": account.role, "agent": account.agent, "state": account.state,
        "second_factor": bool(account.totp_secret), "must_change": account.must_change, "created_us": account.created_us,
        "ledger_index": account.ledger_index,
    }  # fmt: skip
