"""`overt call`."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from overt.compose.calling import NoSuchSound, place_call, speech, write_heard
from overt.faces.cli.options import NEGATIVE, USAGE, AsJson, end
from overt.phone.script import BadScript, Script, parse_key


def call(
    uri: Annotated[str, typer.Argument(help="The SIP address to call, as sip:+14045550100@127.0.0.1:5060.")],
    number: Annotated[str, typer.Option("--from", help="The number that we call from.")] = "+12145550100",
    withheld: Annotated[bool, typer.Option(help="Withhold the number.")] = False,
    press: Annotated[list[str] | None, typer.Option(help="KEY@SECONDS after the answer, as 1@12.5.")] = None,
    speak: Annotated[Path | None, typer.Option(help="What is said: a WAV file, 8 kHz mono.")] = None,
    speak_at: Annotated[float, typer.Option(help="When to speak, seconds after the answer.")] = 0.0,
    seconds: Annotated[float, typer.Option(help="When to hang up, seconds after the answer.")] = 30.0,
    record_heard: Annotated[Path | None, typer.Option(help="Write what was heard to a WAV file.")] = None,
    address: Annotated[str, typer.Option(help="The local address to call from.")] = "127.0.0.1",
    digest: Annotated[str, typer.Option(help="The user name for whoever asks for a password.", metavar="USER")] = "",
    password_file: Annotated[
        Path | None, typer.Option(help="A file whose first line is the password.", metavar="FILE")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Place a real call with our own phone: real SIP, real RTP, spoken sound, keys."""
    try:
        keys = tuple(parse_key(one) for one in press or ())
        script = Script(uri, "" if withheld else number, keys, speech(speak), speak_at, seconds)
    except (BadScript, NoSuchSound) as error:
        end(USAGE, str(error))
    if bool(digest) != bool(password_file):
        end(USAGE, "--digest and --password-file go together")
    placed = asyncio.run(place_call(address, script, digest, _first_line(password_file)))
    if record_heard is not None:
        write_heard(record_heard, placed.heard)
    outcome = placed.outcome
    if as_json:
        print(json.dumps(asdict(outcome)))
    elif outcome.answered:
        print(f"answered, {outcome.seconds:.1f} s, {outcome.sent} packets sent, {outcome.heard} heard: {outcome.ended}")
    else:
        print(f"not answered: {outcome.status} {outcome.ended}")
    raise typer.Exit(0 if outcome.answered else NEGATIVE)


def _first_line(path: Path | None) -> str:
    try:
        return path.read_text().partition("\n")[0] if path is not None else ""
    except OSError as error:
        end(USAGE, f"{path}: {error.strerror}")
