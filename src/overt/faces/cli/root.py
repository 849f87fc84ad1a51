"""The root of the command line."""

from __future__ import annotations

import typer

from overt.faces.cli.accounts import accounts_app
from overt.faces.cli.alarms import alarms
from overt.faces.cli.call import call
from overt.faces.cli.calls import calls_app
from overt.faces.cli.catalogue import catalogue_app
from overt.faces.cli.clients import clients_app
from overt.faces.cli.demo import demo
from overt.faces.cli.doctor import doctor
from overt.faces.cli.init import init
from overt.faces.cli.ladder import show_ladder
from overt.faces.cli.law import law_app
from overt.faces.cli.ledger import ledger_app
from overt.faces.cli.policy import policy_app
from overt.faces.cli.recordings import recordings_app
from overt.faces.cli.serve import serve
from overt.faces.cli.signing import sign_in, sign_out

app = typer.Typer(
    help="Call recording that asks first.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
for command in (init, serve, call, demo, doctor, alarms):
    app.command()(command)
calls_app.command("ladder")(show_ladder)
app.command("sign-in")(sign_in)
app.command("sign-out")(sign_out)
app.add_typer(law_app, name="law")
app.add_typer(ledger_app, name="ledger")
app.add_typer(calls_app, name="calls")
app.add_typer(recordings_app, name="recordings")
app.add_typer(catalogue_app, name="catalogue")
app.add_typer(accounts_app, name="accounts")
app.add_typer(policy_app, name="policy")
app.add_typer(clients_app, name="clients")


def main() -> None:
    """Run the command line."""
    app()
