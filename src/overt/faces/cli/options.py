"""What every command shares: the data folder, `--json`, the exit codes and how errors end a command."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from overt.adapters.api_client import ServerRefused
from overt.config import SettingsRefused
from overt.domain.errors import NotPermitted, Refused
from overt.ledger.checkpoint import CheckpointBroken
from overt.ledger.entry import EntryBroken
from overt.ports import Unavailable

NEGATIVE, USAGE, UNAVAILABLE = 1, 2, 3
PIPE_WIDTH = 160

Folder = Annotated[Path, typer.Option("--data", envvar="OVERT_DATA", help="The data folder.", file_okay=False)]
MaybeFolder = Annotated[
    Path | None, typer.Option("--data", envvar="OVERT_DATA", help="The data folder.", file_okay=False)
]
Server = Annotated[
    str,
    typer.Option(
        "--server", envvar="OVERT_SERVER", help="Ask a running server instead, to which `overt sign-in` signed you in."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


def wide() -> Console:
    """A console for tables: the terminal's width, or a fixed one when output goes to a file or a pipe."""
    console = Console()
    return console if console.is_terminal else Console(width=PIPE_WIDTH)


def end(code: int, why: str) -> NoReturn:
    """Say why on standard error and end with an exit code."""
    print(why, file=sys.stderr)
    raise typer.Exit(code)


def made(data: Path) -> Path:
    """The data folder, which `overt init` must have made."""
    if not (data / "overt.toml").exists():
        end(USAGE, f"{data} is no data folder of Overt; make one with `overt init --data {data} --on-failure …`")
    return data.absolute()


def named(data: Path | None) -> Path:
    """The folder that a command names which could have asked a server instead."""
    if data is None:
        end(USAGE, "say where to look: --data DIR or OVERT_DATA for a data folder, --server URL for a running server")
    return data.absolute()


def folder_of(data: Path | None) -> Path:
    """The same, as a data folder that `overt init` must have made."""
    return made(named(data))


@contextmanager
def translated() -> Iterator[None]:
    """Translate what the inner rooms raise into exit codes: one table."""
    try:
        yield
    except (ServerRefused, NotPermitted) as refused:
        end(NEGATIVE, str(refused))
    except (SettingsRefused, Refused) as error:
        end(USAGE, str(error))
    except (EntryBroken, CheckpointBroken) as error:
        end(NEGATIVE, str(error))
    except (Unavailable, OSError) as error:
        end(UNAVAILABLE, str(error))
