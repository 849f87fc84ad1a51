"""`overt serve`."""

from __future__ import annotations

import logging

import typer

from overt.adapters.log_lines import set_up_logs
from overt.compose.supervisor import Supervisor
from overt.config import load_settings
from overt.faces.cli.options import Folder, made, translated


def serve(data: Folder) -> None:
    """Start every process, keep them running, stop them in order on Ctrl-C."""
    log = logging.getLogger("overt.serve")
    with translated():
        set_up_logs("serve", load_settings(made(data)).log_format)
        code = Supervisor(made(data), log.warning).run()
    raise typer.Exit(code)
