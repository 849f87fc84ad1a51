"""`overt recordings`: what was recorded, and having it opened. Exit codes: 0 done, 1 refused or not found, 2 usage,
3 something does not run or cannot be reached."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.table import Column, Table

from overt.compose.listening import Listed, export_wav, listed
from overt.compose.remote import export_from, recordings_of
from overt.domain.access import PURPOSES
from overt.domain.errors import Refused
from overt.faces.cli.options import (
    NEGATIVE,
    UNAVAILABLE,
    USAGE,
    AsJson,
    MaybeFolder,
    Server,
    end,
    folder_of,
    wide,
)
from overt.ports import Unavailable

WAV_HEADER, WAV_BYTES_A_MS = 44, 32  # what comes is stereo, 16 bits, 8 kHz
recordings_app = typer.Typer(help="What was recorded, and having it opened.", no_args_is_help=True)


@recordings_app.command("list")
def list_recordings(data: MaybeFolder = None, server: Server = "", as_json: AsJson = False) -> None:
    """List every recording that the ledger knows."""
    with _translated():
        found = _asked(server) if server else [_as_json(one) for one in listed(folder_of(data))]
    if as_json:
        print(json.dumps({"recordings": found}, ensure_ascii=False))
        return
    if not found:
        print("Nothing was recorded.", file=sys.stderr)
        return
    table = Table(
        Column("recording", no_wrap=True, min_width=36),
        "began (UTC)",
        "recorded",
        "state",
        "told for",
        "stored",
    )
    for one in found:
        began = datetime.fromtimestamp(one["started_us"] / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S")
        stored = "" if one["stored_bytes"] is None else f"{one['stored_bytes'] / 1024:.0f} KiB"
        length = f"{one['captured_ms'] / 1000:.1f} s"
        table.add_row(one["recording"], began, length, one["state"], one["told"], stored)
    wide().print(table)


@recordings_app.command("export")
def export_recording(
    recording: Annotated[str, typer.Argument(help="The recording's id, as `overt recordings list` shows it.")],
    purpose: Annotated[str, typer.Option(help=f"What for: {', '.join(PURPOSES)}.")],
    out: Annotated[Path, typer.Option(help="Where the WAV file goes.", dir_okay=False)],
    data: MaybeFolder = None,
    server: Server = "",
    document: Annotated[str, typer.Option(help="The paper that compels it, for purposes that need one.")] = "",
    as_json: AsJson = False,
) -> None:
    """Export a recording as stereo WAV: caller left, agent right. Who and what for goes into the ledger first."""
    if purpose not in PURPOSES:
        _end(USAGE, f"unknown purpose {purpose}; known are: {', '.join(PURPOSES)}")
    if not os.access(out.absolute().parent, os.W_OK | os.X_OK):
        _end(USAGE, f"no file can be written in {out.absolute().parent}")
    with _translated():
        milliseconds, entry = _exported(data, server, recording, purpose, document, out)
    if as_json:
        told = {"recording": recording, "out": str(out), "milliseconds": milliseconds}
        print(json.dumps({**told, "purpose": purpose, "ledger_index": entry}, ensure_ascii=False))
        return
    print(f"{out}: {milliseconds / 1000:.1f} s of {recording}, granted by entry {entry} of the ledger")


def _exported(
    data: Path | None, server: str, recording: str, purpose: str, document: str, out: Path
) -> tuple[int, int]:
    """Milliseconds and the entry that granted them."""
    if server:
        headers = export_from(server, recording, purpose, document, out)
        return (out.stat().st_size - WAV_HEADER) // WAV_BYTES_A_MS, int(headers["x-overt-entry"])
    done = export_wav(folder_of(data), recording, purpose, document, out)
    return done.milliseconds, done.grant


def _asked(server: str) -> list[dict[str, Any]]:
    """A server's recordings; how large their files are it keeps to itself."""
    return [
        {
            "recording": one["recording"], "call": one["call"], "started_us": one["started_us"],
            "captured_ms": one["captured_ms"], "state": one["how"] or "open", "told": one["told"], "stored_bytes": None,
            "ledger_index": one["permitted"],
        }
        for one in recordings_of(server)
    ]  # fmt: skip


@contextmanager
def _translated() -> Iterator[None]:
    """Refusals and failures as exit codes, each with its reason on standard error."""
    try:
        yield
    except Refused as refused:
        _end(NEGATIVE, str(refused))
    except Unavailable as missing:
        _end(UNAVAILABLE, str(missing))


def _end(code: int, why: str) -> NoReturn:
    end(code, f"overt recordings: {why}")


def _state(one: Listed) -> str:
    return one.held.how or "open"


def _as_json(one: Listed) -> dict[str, Any]:
    held = one.held
    return {
        "recording": held.recording, "call": held.call, "started_us": held.started_us, "captured_ms": held.captured_ms,
        "state": _state(one), "told": held.told, "stored_bytes": one.stored_bytes, "ledger_index": held.permitted,
    }  # fmt: skip
