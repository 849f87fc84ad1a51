"""`overt policy`: what calls are ruled by. Exit codes: 0 done, 1 refused or not permitted, 2 usage, 3 something is down."""

from __future__ import annotations

import typer

from overt.faces.cli.rehearse import rehearse

policy_app = typer.Typer(help="What calls are ruled by.", no_args_is_help=True)
policy_app.command("rehearse")(rehearse)


@policy_app.callback()
def policy() -> None:
    """What calls are ruled by."""
