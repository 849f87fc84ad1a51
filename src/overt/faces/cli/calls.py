"""`overt calls`: what became of each call, from the ledger's files or from a running server."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from overt.adapters.api_client import ServerRefused
from overt.compose.auditing import calls
from overt.compose.remote import call_of, calls_of
from overt.faces.cli.consent import consent
from overt.faces.cli.options import (
    NEGATIVE,
    USAGE,
    AsJson,
    MaybeFolder,
    Server,
    end,
    folder_of,
    translated,
    wide,
)
from overt.faces.cli.reconcile import account
from overt.services.auditing import CallRecord, masked

calls_app = typer.Typer(help="What became of each call.", no_args_is_help=True)
calls_app.command("account")(account)
calls_app.command("consent")(consent)
Reveal = Annotated[bool, typer.Option("--reveal", help="Show numbers in full.")]


@calls_app.command("list")
def list_calls(data: MaybeFolder = None, server: Server = "", as_json: AsJson = False, reveal: Reveal = False) -> None:
    """List every call: from, to, rule, consent, outcome."""
    with translated():
        found = _listed(data, server, reveal)
    if as_json:
        print(json.dumps({"calls": found}, ensure_ascii=False))
        return
    if not found:
        print("No call has come yet.", file=sys.stderr)
        return
    table = Table("call", "began (UTC)", "from", "to", "rule", "consent", "recorded", "outcome")
    for one in found:
        table.add_row(
            one["id"], _time(one["started_us"]), one["from"], one["to"], one["rule"], one["consent"],
            f"{one['captured_ms'] / 1000:.1f} s", one["outcome"],
        )  # fmt: skip
    wide().print(table)


@calls_app.command("show")
def show_call(
    call: Annotated[str, typer.Argument(help="The call's id, as `overt calls list` shows it.")],
    data: MaybeFolder = None,
    server: Server = "",
    as_json: AsJson = False,
    reveal: Reveal = False,
) -> None:
    """Show one call's way through the rooms, with what each rests on."""
    with translated():
        found = _shown_call(data, server, call, reveal)
    if found is None:
        end(NEGATIVE, f"the ledger knows no call {call}; `overt calls list` shows those it knows")
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
        return
    table = Table(show_header=False, box=None)
    for name, value in found.items():
        table.add_row(name.replace("_", " "), _shown(value))
    wide().print(table)


def _listed(data: Path | None, server: str, reveal: bool) -> list[dict[str, Any]]:
    if server:
        _not_revealed(reveal)
        return [from_server(one) for one in calls_of(server)]
    return [as_json_object(one, reveal) for one in calls(folder_of(data)).values()]


def _shown_call(data: Path | None, server: str, call: str, reveal: bool) -> dict[str, Any] | None:
    if not server:
        found = calls(folder_of(data)).get(call)
        return None if found is None else as_json_object(found, reveal)
    _not_revealed(reveal)
    try:
        shown = dict(call_of(server, call))
    except ServerRefused as refused:
        if refused.status == 404:
            return None
        raise
    way = [f"{one['sentence']} (entry {one['entry']})" for room in shown["rooms"] for one in room["said"]]
    more = {"verdict": shown["verdict"], "way": way, "legs": shown["legs"], "gaps": shown["gaps"]}
    return from_server(shown["call"]) | more


def _not_revealed(reveal: bool) -> None:
    if reveal:
        end(USAGE, "a server shows no number in full; use --reveal with --data, on the machine itself")


def from_server(row: Mapping[str, Any]) -> dict[str, Any]:
    """A server's row under the names that this command uses."""
    fields = dict(row)
    return {"id": fields.pop("id"), "from": fields.pop("caller"), "to": fields.pop("called"), **fields}


def as_json_object(record: CallRecord, reveal: bool) -> dict[str, Any]:
    """A record as JSON, the number masked unless it is to be revealed."""
    fields = asdict(record)
    fields["from"] = record.caller if reveal else masked(record.caller)
    fields["to"] = fields.pop("called")
    del fields["caller"]
    return fields


def _shown(value: Any) -> str:
    return "\n".join(str(one) for one in value) if isinstance(value, list) else str(value)


def _time(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S")
