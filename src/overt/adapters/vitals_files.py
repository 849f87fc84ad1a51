"""Vitals on disk: each process writes DATA/run/vitals-<process>.json once a second; the web and the worker read them all."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

from overt.domain.vitals import Vitals, vitals_of

RUN, EACH_S = "run", 1.0
_NAMED = re.compile(r"[a-z0-9-]{1,40}")


def write_vitals(data_folder: Path, process: str, vitals: Mapping[str, Any]) -> None:
    """Write what a process says of itself, all of it or nothing, readable for its own account only.

    `vitals` has `counters` {name: int}, `gauges` {name: number} and `clients` {name: {last_seen_us, calls, refused,
    sentences: [{at_us, sentence}]}}, each optional. Nothing in it may identify a person. The time (`at_us`) and the process
    id are added here. Never raises for a full or missing disk: vitals are no reason to stop.
    """
    if not _NAMED.fullmatch(process):
        raise ValueError(f"no name of a process: {process}")
    written = {"process": process, "at_us": time.time_ns() // 1000, "pid": os.getpid(), **vitals}
    final = data_folder / RUN / f"vitals-{process}.json"
    part = final.with_suffix(f".{os.getpid()}.part")
    try:
        final.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(written, file, separators=(",", ":"))
        part.replace(final)
    except OSError:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def read_vitals(data_folder: Path) -> dict[str, Vitals]:
    """What every process said last, by its name, in order. A file that cannot be read is passed over."""
    found: dict[str, Vitals] = {}
    for path in sorted((data_folder / RUN).glob("vitals-*.json")):
        try:
            vitals = vitals_of(json.loads(path.read_bytes()))
        except (OSError, ValueError):
            continue
        if vitals is not None and path.name == f"vitals-{vitals.process}.json":
            found[vitals.process] = vitals
    return found


def forget_vitals(data_folder: Path) -> None:
    """Delete what an earlier start left: a process that is gone must not look as if it had only fallen silent."""
    for path in (data_folder / RUN).glob("vitals-*"):
        path.unlink(missing_ok=True)


class VitalsWriter:
    """Writes what a process last said of itself, once a second, by a thread of its own: no disk holds up whoever says it."""

    def __init__(self, data_folder: Path, process: str) -> None:
        self._folder, self._process = data_folder, process
        self._said: Mapping[str, Any] = {}
        self._stop = Event()
        self._thread = Thread(target=self._work, name="vitals", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def say(self, vitals: Mapping[str, Any]) -> None:
        """Take the vitals of now; the mapping is not changed afterwards."""
        self._said = vitals

    def close(self) -> None:
        """Write once more, and end."""
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        stopping = False
        while not stopping:
            stopping = self._stop.wait(EACH_S)
            write_vitals(self._folder, self._process, self._said)
