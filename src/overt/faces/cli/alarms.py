"""`overt alarms`: what an operator must look at now."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from overt.adapters.alarm_files import read_alarms
from overt.compose.remote import alarms_of
from overt.domain.alarms import ALARMS
from overt.faces.cli.options import NEGATIVE, AsJson, MaybeFolder, Server, folder_of, translated


def alarms(data: MaybeFolder = None, server: Server = "", as_json: AsJson = False) -> None:
    """Show the alarms that are raised, and what to do about each. Ends with 1 when there is any."""
    with translated():
        found = alarms_of(server) if server else _read(folder_of(data))
    if as_json:
        print(json.dumps({"alarms": list(found)}, ensure_ascii=False))
    elif not found:
        print("No alarm is raised.")
    for one in [] if as_json else found:
        print(f"{one['kind']}: {one['sentence']}\n    {one['remedy']}")
    raise typer.Exit(NEGATIVE if found else 0)


def _read(folder: Path) -> Sequence[Mapping[str, Any]]:
    return [
        {
            "kind": one.kind, "about": one.about, "sentence": one.sentence, "meaning": ALARMS[one.kind].meaning,
            "remedy": ALARMS[one.kind].remedy, "since_us": one.since_us, "raised_us": one.raised_us,
        }
        for one in read_alarms(folder)
    ]  # fmt: skip
