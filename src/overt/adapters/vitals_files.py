"""Vitals on disk: each process writes DATA/run/vitals-<process>.json once a second; the web and the worker read them all."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from overt.domain.vitals import Vitals, vitals_of

RUN = "run"
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
