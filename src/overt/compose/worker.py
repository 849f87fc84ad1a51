"""The worker process: carries sealed records from the spool into the recordings' files, and the ledger's entries into
the catalogue. It can open nothing."""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import TextIO

from overt.adapters.closed_process import close_memory
from overt.adapters.log_lines import set_up_logs
from overt.adapters.sealed_files import SealedFiles
from overt.adapters.spool_reader import SpoolFolder
from overt.compose.alarming import watch_alarms
from overt.compose.following import follow_ledger
from overt.ports import Unavailable
from overt.services.archiving import Gathered, gather

ROUND_S = 0.5
PATIENCE_S = 20.0
NICE = 5  # what is archived a moment later is archived; a call waits for nobody
_log = logging.getLogger("overt.worker")


class AnotherArchives(Exception):
    """Another process holds the archive."""


def main(data_folder: Path) -> int:
    """Archive and follow until SIGTERM or SIGINT, then once more. Return the exit code: 3 when another worker is at it."""
    set_up_logs("worker")
    close_memory(keys=False)
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        with _archive(data_folder, PATIENCE_S) as (spool, store), _followed(data_folder, stop) as alive:
            _log.info("archiving %s", data_folder)
            while alive() and not stop.wait(ROUND_S):
                _one_round(spool, store)
            died = not stop.is_set()
            _one_round(spool, store)
    except AnotherArchives as error:
        _log.error("%s", error)
        return 3
    return 1 if died else 0


@contextmanager
def _followed(data_folder: Path, stop: Event) -> Iterator[Callable[[], bool]]:
    """Have the catalogue follow the ledger and alarms be watched meanwhile, in threads of their own: none waits for another."""
    following = Thread(target=follow_ledger, args=(data_folder, stop), name="catalogue")
    watching = Thread(target=watch_alarms, args=(data_folder, stop), name="alarms")
    following.start()
    watching.start()
    try:
        yield lambda: following.is_alive() and watching.is_alive()
    finally:
        stop.set()
        following.join()
        watching.join()


def archive_once(data_folder: Path) -> Gathered:
    """Gather what there is, for a machine on which `overt serve` does not run.

    Raises AnotherArchives when a worker is at it (then there is nothing to be done), Unavailable.
    """
    with _archive(data_folder, 0) as (spool, store):
        return gather(spool, store)


@contextmanager
def _archive(data_folder: Path, patience_s: float) -> Iterator[tuple[SpoolFolder, SealedFiles]]:
    recordings = data_folder / "recordings"
    recordings.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (recordings / ".lock").open("w") as lock:
        _take(lock, time.monotonic() + patience_s)
        yield SpoolFolder(data_folder / "spool"), SealedFiles(recordings)


def _take(lock: TextIO, until: float) -> None:
    """Take the archive for ourselves. A command that archives once holds it for a moment only."""
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= until:
                raise AnotherArchives(f"another process archives: {lock.name}") from error
            time.sleep(0.1)
        else:
            return


def _one_round(spool: SpoolFolder, store: SealedFiles) -> None:
    try:
        done = gather(spool, store)
    except Unavailable as error:
        _log.error("the archive waits: %s", error)
        return
    for trouble in done.troubles:
        _log.error("a segment was set aside, look at it: %s", trouble)


if __name__ == "__main__":
    os.nice(NICE)
    sys.exit(main(Path(sys.argv[1])))
