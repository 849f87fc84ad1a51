"""`overt ledger`: checking what can be proven. Exit codes: 0 verified, 1 not, 2 usage, 3 unreadable."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from overt.compose.auditing import verdict
from overt.faces.cli.options import NEGATIVE, AsJson, Folder, translated

ledger_app = typer.Typer(help="What can be proven.", no_args_is_help=True)


@ledger_app.callback()
def ledger() -> None:
    """What can be proven."""


@ledger_app.command()
def verify(
    data: Folder,
    against: Annotated[list[Path] | None, typer.Option(help="An older checkpoint that somebody kept.")] = None,
    vkey: Annotated[Path | None, typer.Option(help="The public key; that of the data folder when not given.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check the ledger offline: every entry, its order and completeness, the signature, the personal values."""
    with translated():
        found = verdict(data, against or [], vkey)
    if as_json:
        print(json.dumps({
            "verified": found.verified, "size": found.size, "root": found.root, "wrong": list(found.wrong),
            "not_proven": list(found.not_proven),
        }))  # fmt: skip
    else:
        for one in found.wrong:
            print(f"WRONG  {one}")
        print(f"{'verified' if found.verified else 'NOT verified'}: {found.size} entries, root {found.root}")
        for one in found.not_proven:
            print(f"       {one}")
    raise typer.Exit(0 if found.verified else NEGATIVE)
