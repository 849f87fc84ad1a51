"""`overt sign-in` and `overt sign-out`: being somebody at a running server, for the commands that take --server."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from overt.compose.remote import sign_in_to, sign_out_of
from overt.faces.cli.options import USAGE, AsJson, end, translated

At = Annotated[str, typer.Option("--server", envvar="OVERT_SERVER", help="The server, as https://overt.example.")]


def sign_in(
    server: At,
    name: Annotated[str, typer.Option(help="The account's name; asked for when not given.")] = "",
    password_from: Annotated[
        str, typer.Option("--password-from", help="A file whose first line is the password; - for standard input.")
    ] = "",
    code: Annotated[str, typer.Option(help="The six digits; asked for when they are wanted.")] = "",
    as_json: AsJson = False,
) -> None:
    """Sign in to a running server; the token is kept in a file that only you can read."""
    if not server.startswith(("http://", "https://")):
        end(USAGE, "--server is an address such as https://overt.example")
    who = name or typer.prompt("Name", err=True)
    with translated():
        opened = sign_in_to(server, who, _password(password_from), lambda: code or typer.prompt("Code", err=True))
    if as_json:
        told = {
            "server": server,
            "account": opened["account"],
            "role": opened["role"],
            "expires_us": opened["expires_us"],
        }
        print(json.dumps(told))
        return
    until = datetime.fromtimestamp(opened["expires_us"] / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M UTC")
    print(f"Signed in to {server} as {opened['account']} ({opened['role']}), until {until} at the latest.")


def sign_out(server: At) -> None:
    """Sign out of a running server and forget its token."""
    with translated():
        sign_out_of(server)
    print(f"Signed out of {server}.")


def _password(source: str) -> str:
    if not source:
        return str(typer.prompt("Password", hide_input=True, err=True))
    if source == "-":
        return sys.stdin.readline().rstrip("\n")
    try:
        return Path(source).read_text().split("\n")[0]
    except OSError as error:
        end(USAGE, f"{source}: {error.strerror}")
