"""Processes of ours for the moment: for commands on a folder on which `overt serve` does not run."""

from __future__ import annotations

import fcntl
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from overt.adapters.unix_frames import short_path
from overt.ports import Unavailable

NOTARY = "run/notary.sock"
STARTS_WITHIN_S = 10.0


@contextmanager
def notary(data_folder: Path) -> Iterator[None]:
    """Have a notary there: the running one, or one for the moment. Raises Unavailable."""
    with ExitStack() as running:
        if not answers(data_folder / NOTARY):
            running.enter_context(alone(data_folder))
            running.enter_context(process(data_folder, "notary", data_folder / NOTARY))
        yield


@contextmanager
def alone(data_folder: Path) -> Iterator[None]:
    """Wait until no other command has processes of its own, so that none loses them under its hands."""
    folder = data_folder / "run"
    folder.mkdir(mode=0o700, exist_ok=True)
    with (folder / "moment.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def process(data_folder: Path, name: str, path: Path) -> Iterator[None]:
    """Have one of our processes there: the running one, or one for the moment. Raises Unavailable, saying its why."""
    if answers(path):
        yield
        return
    started = subprocess.Popen(
        [sys.executable, "-m", f"overt.compose.{name}", str(data_folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,  # an interrupt from the keyboard is ours to handle: what was given is still entered
    )
    try:
        deadline = time.monotonic() + STARTS_WITHIN_S
        while not answers(path):
            if started.poll() is not None or time.monotonic() > deadline:
                raise Unavailable(name, f"it could not be started for the moment: {_last_words(started)}", retry=False)
            time.sleep(0.05)
        yield
    finally:
        _last_words(started)


def _last_words(process: subprocess.Popen[bytes]) -> str:
    """What a process said last, once it has ended; it is killed when it does not end."""
    process.terminate()
    try:
        said = process.communicate(timeout=5)[1]
    except subprocess.TimeoutExpired:
        process.kill()
        said = process.communicate()[1]
    return (said or b"").decode(errors="replace").strip().rpartition("\n")[2]


def answers(path: Path) -> bool:
    """True when a process of ours listens there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
        try:
            with short_path(path) as short:
                probe.connect(short)
        except OSError:
            return False
    return True
