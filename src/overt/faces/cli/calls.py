"""`overt calls`: what became of each call, from the ledger's files."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from overt.compose.auditing import calls
from overt.faces.cli.options import NEGATIVE, AsJson, Folder, end, made, translated, wide
from overt.services.auditing import CallRecord, masked

calls_app = typer.Typer(help="What became of each call.", no_args_is_help=True)
Reveal = Annotated[bool, typer.Option("--reveal", help="Show numbers in full.")]


@calls_app.command("list")
def list_calls(data: Folder, as_json: AsJson = False, reveal: Reveal = False) -> None:
    """List every call: from, to, rule, consent, outcome."""
    with translated():
        found = list(calls(made(data)).values())
    if as_json:
        print(json.dumps({"calls": [as_json_object(one, reveal) for one in found]}, ensure_ascii=False))
        return
    if not found:
        print("No call has come yet.", file=sys.stderr)
        return
    table = Table("call", "began (UTC)", "from", "to", "rule", "consent", "recorded", "outcome")
    for one in found:
        table.add_row(
            one.id, _time(one.started_us), one.caller if reveal else masked(one.caller), one.called, one.rule, one.consent,
            f"{one.captured_ms / 1000:.1f} s", one.outcome,
        )  # fmt: skip
    wide().print(table)


@calls_app.command("show")
def show_call(
    data: Folder,
    call: Annotated[str, typer.Argument(help="The call's id, as `overt calls list` shows it.")],
    as_json: AsJson = False,
    reveal: Reveal = False,
) -> None:
    """Show one call's way through the rooms, with what each rests on."""
    with translated():
        found = calls(made(data)).get(call)
    if found is None:
        end(NEGATIVE, f"the ledger knows no call {call}; `overt calls list` shows those it knows")
    if as_json:
        print(json.dumps(as_json_object(found, reveal), ensure_ascii=False))
        return
    table = Table(show_header=False, box=None)
    for name, value in as_json_object(found, reveal).items():
        table.add_row(name.replace("_", " "), _shown(value))
    wide().print(table)


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
