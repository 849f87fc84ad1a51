"""Tokens of servers that somebody is signed in to: one file below the home folder, readable by its owner alone."""

from __future__ import annotations

import json
import os
from pathlib import Path

from overt.ports import Unavailable


def token_path() -> Path:
    """`$XDG_CONFIG_HOME/overt/tokens.json`, else below `~/.config`."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "overt" / "tokens.json"


def read_token(server: str) -> str:
    """The token kept for a server, empty when there is none. Raises Unavailable."""
    return _read().get(server.rstrip("/"), "")


def keep_token(server: str, token: str) -> None:
    """Keep a token, or forget it when it is empty. Raises Unavailable."""
    tokens = {**_read(), server.rstrip("/"): token}
    path = token_path()
    writing = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(writing, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "w") as file:
            json.dump({known: kept for known, kept in tokens.items() if kept}, file)
        writing.replace(path)
    except OSError as error:
        raise Unavailable("tokens", f"{error.strerror}: {path}", retry=False) from error
    finally:
        writing.unlink(missing_ok=True)


def _read() -> dict[str, str]:
    try:
        tokens = json.loads(token_path().read_text())
        return {str(server): str(token) for server, token in tokens.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError) as error:
        raise Unavailable(
            "tokens", f"{token_path()} cannot be read; remove it and sign in again", retry=False
        ) from error
