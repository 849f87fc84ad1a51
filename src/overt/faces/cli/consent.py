"""`overt calls consent`: what a party of a call under way answered elsewhere. Exit codes: 0 taken, 1 refused, 2 usage, 3 down."""

from __future__ import annotations

import json
from typing import Annotated
from urllib.parse import quote

import typer

from overt.compose.consenting import said_here, said_there
from overt.domain.law.model import PURPOSES
from overt.faces.cli.options import NEGATIVE, AsJson, MaybeFolder, Server, end, folder_of, translated
from overt.services.consenting import ConsentRefused, NoCallUnderWay, Word


def consent(
    call: Annotated[str, typer.Argument(help="The call's id.")],
    party: Annotated[str, typer.Option(help="Who answered.", metavar="caller|agent")],
    answer: Annotated[str, typer.Option(help="What they answered; an unclear answer is a no.", metavar="yes|no")],
    how: Annotated[str, typer.Option(help="How they answered, as «said yes to the bot's question».")],
    purposes: Annotated[
        str, typer.Option(help=f"What was spoken of, of {', '.join(PURPOSES)}; for a yes.")
    ] = "recording",
    told: Annotated[
        bool, typer.Option("--told", help="They were told before, that the call is recorded and what for.")
    ] = False,
    data: MaybeFolder = None,
    server: Server = "",
    as_json: AsJson = False,
) -> None:
    """Say what a party of a call under way answered elsewhere. A no stops recording at once, on every leg."""
    spoken_of = [one.strip() for one in purposes.split(",") if one.strip()]
    word = Word(party, answer, how, spoken_of if answer == "yes" else (), told)
    with translated():
        try:
            standing = (
                said_there(server, quote(call, safe=""), word) if server else said_here(folder_of(data), call, word)
            )
        except NoCallUnderWay:
            end(NEGATIVE, f"no call {call} is under way; `overt calls list` shows those that were")
        except ConsentRefused as refused:
            end(NEGATIVE, str(refused))
    if as_json:
        print(json.dumps({"call": call, "party": party, "standing": standing}))
        return
    print(f"The {party} stands as {standing}.")
