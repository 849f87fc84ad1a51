"""`overt doctor`."""

from __future__ import annotations

import json
from dataclasses import asdict

import typer
from rich.table import Table

from overt.compose.doctor import examine
from overt.faces.cli.options import NEGATIVE, AsJson, Folder, made, wide

COLOURS = {"good": "green", "look": "yellow", "stops": "red"}


def doctor(data: Folder, as_json: AsJson = False) -> None:
    """Check ports, clock, disk, keys, prompts, limits and separation, and say what to do."""
    findings = examine(made(data))
    if as_json:
        print(json.dumps({"findings": [asdict(one) for one in findings]}))
    else:
        table = Table("check", "", "found", "what to do")
        for one in findings:
            table.add_row(one.name, f"[{COLOURS[one.state]}]{one.state}[/]", one.found, one.remedy)
        wide().print(table)
    raise typer.Exit(NEGATIVE if any(one.state == "stops" for one in findings) else 0)
