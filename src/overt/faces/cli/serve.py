"""`overt serve`."""

from __future__ import annotations

import logging
import sys

import typer

from overt.compose.supervisor import Supervisor
from overt.faces.cli.options import Folder, made, translated


def serve(data: Folder) -> None:
    """Start every process, keep them running, stop them in order on Ctrl-C."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    log = logging.getLogger("overt.serve")
    with translated():
        code = Supervisor(made(data), log.warning).run()
    raise typer.Exit(code)
