"""`overt calls ladder`: the SIP messages of a call, as a ladder of text."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Annotated, Any

import typer

from overt.adapters.trace_files import read_trace
from overt.compose.remote import ladder_of
from overt.domain.ladder import Arrow, Ladder, as_text, draw
from overt.faces.cli.options import NEGATIVE, AsJson, MaybeFolder, Server, end, folder_of, translated


def show_ladder(
    call: Annotated[str, typer.Argument(help="The call's id, as `overt calls list` shows it.")],
    data: MaybeFolder = None,
    server: Server = "",
    full: Annotated[bool, typer.Option("--full", help="Show each message, masked, below its arrow.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show who said what to whom on the wire. Numbers, names and keys are masked."""
    with translated():
        ladder = _of_server(ladder_of(server, call)) if server else draw(read_trace(folder_of(data), call))
    if as_json:
        print(json.dumps({"call": call, **asdict(ladder)}, ensure_ascii=False))
        return
    if not ladder.arrows:
        end(NEGATIVE, f"no SIP message of {call} is kept; the setting ladder_days says for how long they are")
    head, *lines = as_text(ladder)
    print(head)
    for line, arrow in zip(lines, ladder.arrows, strict=True):
        print(line)
        if full:
            print("\n".join(f"    {one}" for one in arrow.text.split("\n")))
    if ladder.cut:
        print(f"{ladder.cut} further messages are left out", file=sys.stderr)


def _of_server(shown: dict[str, Any]) -> Ladder:
    arrows = tuple(Arrow(**{**one, "repeats_us": tuple(one["repeats_us"])}) for one in shown["arrows"])
    return Ladder(tuple(shown["lanes"]), arrows, shown["cut"])
