"""`overt ledger`: checking what can be proven. Exit codes: 0 verified, 1 not, 2 usage, 3 unreadable."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from overt.compose.auditing import verdict
from overt.compose.remote import verdict_of
from overt.faces.cli.options import NEGATIVE, AsJson, MaybeFolder, Server, named, translated
from overt.ledger.checkpoint import VerifierKey
from overt.ledger.verify import Verdict

ledger_app = typer.Typer(help="What can be proven.", no_args_is_help=True)


@ledger_app.callback()
def ledger() -> None:
    """What can be proven."""


@ledger_app.command()
def verify(
    data: MaybeFolder = None,
    server: Server = "",
    against: Annotated[list[Path] | None, typer.Option(help="An older checkpoint that somebody kept.")] = None,
    vkey: Annotated[Path | None, typer.Option(help="The public key; that of the data folder when not given.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check the ledger offline: every entry, its order and completeness, the signature, the personal values.

    A server's ledger is fetched whole and checked here; give --vkey so as not to believe the server's word for its key.
    """
    with translated():
        found = _fetched(server, against or [], vkey) if server else verdict(named(data), against or [], vkey)
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


def _fetched(server: str, against: list[Path], vkey: Path | None) -> Verdict:
    key = VerifierKey.parse(vkey.read_text()) if vkey is not None else None
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("fetching entries", total=None)
        older = [path.read_text() for path in against]
        return verdict_of(server, older, key, lambda done, of: progress.update(task, completed=done, total=of))
