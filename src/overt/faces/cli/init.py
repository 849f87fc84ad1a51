"""`overt init`."""

from __future__ import annotations

import getpass
import json
from typing import Annotated

import typer

from overt.compose.init import Wishes, make_folder
from overt.faces.cli.options import USAGE, AsJson, Folder, end, translated

CHOICES = """Say what happens to a call when recording fails, with --on-failure; there is no default:
  end-call        the call ends: for lines on which an unrecorded call may not be
  stop-and-tell   recording stops, both parties are told, the call goes on
  stop-and-flag   recording stops, the call goes on, the failure is in the ledger and in the alarm"""


def init(
    data: Folder,
    on_failure: Annotated[str, typer.Option(help="end-call, stop-and-tell or stop-and-flag. Demanded.")] = "",
    account: Annotated[str, typer.Option(help="The name of the account bound to this system user.")] = "",
    recorder_place: Annotated[str, typer.Option(help="Where this machine records, e.g. US-GA.")] = "",
    serve: Annotated[list[str] | None, typer.Option(help="A place that the lines serve; US for all states.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a data folder with fresh keys and commented settings."""
    if not on_failure:
        end(USAGE, CHOICES)
    wishes = Wishes(on_failure, account or getpass.getuser(), recorder_place, tuple(serve or ()))
    with translated():
        made = make_folder(data.absolute(), wishes)
    if as_json:
        print(json.dumps({"data": str(data.absolute()), "vkey": made.vkey, "key_id": made.key_id}))
        return
    print(f"Made {data.absolute()}.")
    print(f"The ledger's public key (give it to whoever shall check us): {made.vkey}")
    print(f"Recordings are sealed to the key {made.key_id}. Keep a copy of keys/opener.key in a safe place.")
    print(
        "Next: write your trunk or recording client (or `overt clients add`) and lines into overt.toml, run `overt doctor`, then `overt serve`."
    )
