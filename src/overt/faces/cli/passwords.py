"""A password from where it was said to be: the first line of a file, or of standard input."""

from __future__ import annotations

import sys
from pathlib import Path

from overt.faces.cli.options import USAGE, end


def read_password(source: str, longest: int, command: str) -> str:
    """The first line of a file (`-` for standard input). Ends `command` with a sentence when there is none to be had."""
    if source == "-":
        return _line(sys.stdin.readline(longest + 2), command)
    try:
        with Path(source).open() as file:
            return _line(file.readline(longest + 2), command)
    except (OSError, UnicodeDecodeError) as error:
        end(USAGE, f"{command}: {source} cannot be read: {error}")


def _line(text: str, command: str) -> str:
    line = text.rstrip("\r\n")
    if not line:
        end(USAGE, f"{command}: there is no password in the first line")
    return line
