"""Alarms on disk: DATA/run/alarms.json, written by the worker whenever they change, read by web and commands."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from overt.domain.alarms import ALARMS, Alarm, Mark, Watch

FILE = "run/alarms.json"


def write_watch(data_folder: Path, watch: Watch) -> None:
    """Write what is remembered, all of it or nothing. A disk that refuses is no reason to stop: it is an alarm of its own."""
    final = data_folder / FILE
    part = final.with_suffix(".part")
    written = {
        "alarms": [asdict(one) for one in watch.alarms.values()],
        "marks": {name: [one.value, one.grew_us] for name, one in watch.marks.items()},
    }
    with suppress(OSError):
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(written, file)
        part.replace(final)


def read_watch(data_folder: Path) -> Watch:
    """What was written last; an empty watch when there is none or it cannot be read."""
    try:
        read = json.loads((data_folder / FILE).read_bytes())
        alarms = [Alarm(**one) for one in read["alarms"]]
        marks = {str(name): Mark(int(value), int(grew)) for name, (value, grew) in read["marks"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Watch()
    return Watch({one.key: one for one in alarms if one.kind in ALARMS}, marks)


def read_alarms(data_folder: Path) -> Sequence[Alarm]:
    """The alarms that are raised, the newest first."""
    return read_watch(data_folder).raised
