"""`overt serve`: starts every process, watches them, starts again what died, and stops all in order."""

from __future__ import annotations

import ctypes
import fcntl
import logging
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from overt.adapters.log_lines import FORMAT_VARIABLE
from overt.adapters.vitals_files import EACH_S, forget_vitals, write_vitals
from overt.config import Settings, load_settings

WATCH_S = 0.05
STOP_S = 10.0
HEALTHY_S = 5.0
LONGEST_WAIT_S, LONGEST_WITHOUT_S = 3.0, 30.0
GIVE_UP_S = 15.0  # longer than the processes of a killed predecessor need to end in order
_PR_SET_PDEATHSIG = 1
START_KEY_BYTES = 32
ONE_THREAD = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # numpy's idle threads would hold memory, locked in the opener
_log = logging.getLogger("overt.serve")


def _end_with_parent() -> None:
    """Have a child end in order when the supervisor is killed: orphans would hold the ledger, the ports, the spool."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


@dataclass(slots=True)
class Child:
    """One process to be kept running. `argument` follows the data folder; `keyed` ones read the start key.

    Without a `vital` one nothing may be recorded, so one that cannot start ends the supervisor; any other is tried again.
    """

    name: str
    module: str
    argument: str = ""
    keyed: bool = False
    vital: bool = True
    process: subprocess.Popen[str] | None = None
    started: float = 0.0
    failures: int = 0
    restarts: int = 0
    not_before: float = 0.0
    failing_since: float = 0.0


def children(settings: Settings) -> list[Child]:
    """The processes, in the order in which they start; they stop in the opposite order."""
    engines = [Child(f"engine-{n}", "engine", f"engine-{n}", keyed=True) for n in range(settings.engine_count)]
    web = [Child("web", "web", vital=False)] if settings.web_port else []
    return [
        Child("notary", "notary"), Child("opener", "opener"), Child("worker", "worker"), *web, *engines,
        Child("signalling", "signalling", keyed=True),
    ]  # fmt: skip


class Supervisor:
    """Keeps the children running until told to stop."""

    def __init__(self, data_folder: Path, on_change: Callable[[str], None]) -> None:
        self._folder, self._on_change = data_folder, on_change
        settings = load_settings(data_folder)
        self._children = children(settings)
        self._origin = settings.origin if settings.web_port else ""
        self._environment = {**ONE_THREAD, FORMAT_VARIABLE: settings.log_format}
        self._start_key = secrets.token_bytes(START_KEY_BYTES)
        self._stopping, self._said = False, 0.0

    def run(self) -> int:
        """Run until SIGTERM or SIGINT. Return the exit code: 3 when a process cannot be started at all."""
        (self._folder / "run").mkdir(mode=0o700, exist_ok=True)
        lock = os.open(self._folder / "run" / "serve.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._on_change(
                f"another `overt serve` runs on {self._folder}; two would take each other's recordings for lost"
            )
            return 3
        (self._folder / "run" / "ready").unlink(missing_ok=True)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: setattr(self, "_stopping", True))
        forget_vitals(self._folder)
        for child in self._children:
            self._start(child)
        if self._origin:
            self._on_change(f"the console is at {self._origin}")
        refused = 0
        while not self._stopping and not refused:
            time.sleep(WATCH_S)
            for child in self._children:
                refused = refused or self._watch(child)
            self._say()
        self._stop_all()
        return refused

    def _say(self) -> None:
        """Say once a second which processes run, and how often each was started again."""
        if (now := time.monotonic()) - self._said < EACH_S:
            return
        self._said = now
        up = {f"process_running|{one.name}": int(one.process is not None) for one in self._children}
        again = {f"process_restarts|{one.name}": one.restarts for one in self._children}
        write_vitals(self._folder, "serve", {"counters": again, "gauges": up})

    def _start(self, child: Child) -> None:
        command = [sys.executable, "-m", f"overt.compose.{child.module}", str(self._folder)]
        if child.argument:
            command.append(child.argument)
        child.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=_end_with_parent,
            env=self._environment,
        )
        assert child.process.stdin is not None
        if child.keyed:
            child.process.stdin.write(self._start_key.hex() + "\n")
        child.process.stdin.close()
        child.started = time.monotonic()
        (self._folder / "run" / f"{child.name}.pid").write_text(str(child.process.pid))

    def _watch(self, child: Child) -> int:
        """Start a child again when it died. One that refuses to start (exit 3) for too long ends the supervisor."""
        now = time.monotonic()
        if child.process is None:
            if now >= child.not_before:
                self._start(child)
            return 0
        code = child.process.poll()
        if code is None:
            return 0
        if now - child.started > HEALTHY_S:
            child.failures = 0
        if not child.failures:
            child.failing_since = now
        child.failures += 1
        child.restarts += 1
        self._on_change(f"{child.name} ended with {code}; starting it again")
        if code == 3 and child.vital and now - child.failing_since > GIVE_UP_S:
            return 3
        child.process = None
        longest = LONGEST_WAIT_S if child.vital else LONGEST_WITHOUT_S
        child.not_before = now + min(0.05 * 2 ** (child.failures - 1), longest)
        return 0

    def _stop_all(self) -> None:
        for child in reversed(self._children):
            if child.process is None or child.process.poll() is not None:
                continue
            child.process.terminate()
            try:
                child.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
            (self._folder / "run" / f"{child.name}.pid").unlink(missing_ok=True)
