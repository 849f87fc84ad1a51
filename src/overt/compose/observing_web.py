"""What the web shows of how Overt fares: from the files that the other processes write."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from overt.adapters.alarm_files import read_alarms
from overt.adapters.trace_files import read_trace
from overt.adapters.vitals_files import read_vitals
from overt.config import Settings
from overt.faces.http.observing import ObservingRooms
from overt.ports import Unavailable

TOKEN = "keys/metrics.token"


def observing_rooms(folder: Path, settings: Settings) -> ObservingRooms:
    """The rooms of observing. Raises Unavailable when the metrics' token can be neither read nor made."""
    token = metrics_token(folder) if settings.metrics == "token" else ""
    return ObservingRooms(
        settings.metrics, token, lambda: read_vitals(folder), lambda call: read_trace(folder, call),
        lambda: read_alarms(folder), settings.ladder_days,
    )  # fmt: skip


def metrics_token(folder: Path) -> str:
    """The token that lets a program read /metrics, and nothing else; made when there is none. Raises Unavailable."""
    path = folder / TOKEN
    try:
        if not path.exists():
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(32) + "\n")
        token = path.read_text().strip()
    except OSError as error:
        raise Unavailable("metrics", f"{path}: {error.strerror}", retry=False) from error
    if len(token) < 16:
        raise Unavailable("metrics", f"{path} is too short to be a secret; delete it, and it is made anew", retry=False)
    return token
