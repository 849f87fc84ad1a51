"""`overt doctor`."""

from __future__ import annotations

import json
from dataclasses import asdict

import typer
from rich.markup import escape
from rich.table import Table

from overt.compose.doctor import Finding, examine
from overt.compose.remote import system_of
from overt.faces.cli.options import NEGATIVE, AsJson, MaybeFolder, Server, folder_of, translated, wide

COLOURS = {"good": "green", "look": "yellow", "stops": "red"}


def doctor(data: MaybeFolder = None, server: Server = "", as_json: AsJson = False) -> None:
    """Check ports, clock, disk, keys, prompts, limits and separation, and say what to do."""
    with translated():
        findings = _asked(server) if server else examine(folder_of(data))
    if as_json:
        print(json.dumps({"findings": [asdict(one) for one in findings]}))
    else:
        table = Table("check", "", "found", "what to do")
        for one in findings:
            table.add_row(one.name, f"[{COLOURS[one.state]}]{one.state}[/]", escape(one.found), escape(one.remedy))
        wide().print(table)
    raise typer.Exit(NEGATIVE if any(one.state == "stops" for one in findings) else 0)


def _asked(server: str) -> list[Finding]:
    return [Finding(one["name"], one["state"], one["found"], one["remedy"]) for one in system_of(server)["findings"]]
