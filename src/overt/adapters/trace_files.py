"""ports.Tracer into files: DATA/traces/<day of the call>/<call>.jsonl, a line a masked message. What no call owns: `none.jsonl`.

A process of its own masks and writes, in batches. What finds a file at its bound is dropped and counted: a flood costs no
disk.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

import msgspec

from overt.adapters.message_queue import MessageQueue, Noted
from overt.domain.ladder import TracedMessage
from overt.domain.masking import Masker
from overt.domain.traced import traced

FOLDER, NOBODYS = "traces", "none"
MOST_OF_A_CALL, MOST_OF_NOBODY = 2 * 1024 * 1024, 5 * 1024 * 1024
END_S = 5.0
_CALL = re.compile(r"[0-9A-Za-z-]{1,64}")
_V7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


class TraceFiles(MessageQueue):
    """Hands the traces of one signalling process to a scribe of their own, which masks and writes them.

    Masking takes a processor's time that calls need: it is done in a child process, which may be had by nobody else, keeps
    nothing, and ends when this one does.
    """

    def __init__(self, data_folder: Path) -> None:
        self._folder, self._key = data_folder / FOLDER, secrets.token_bytes(32)
        self.written = 0
        self._child: subprocess.Popen[bytes] | None = None
        super().__init__("traces")

    def end(self) -> None:
        """See MessageQueue."""
        self._end_child()

    def take(self, batch: Sequence[Noted]) -> None:
        """See MessageQueue: have a batch masked and written; what a dying scribe did not write is dropped and counted."""
        try:
            child = self._child if self._child is not None and self._child.poll() is None else self._begin_child()
            assert child.stdin is not None and child.stdout is not None
            _send(child.stdin, batch)
            written, dropped = msgspec.msgpack.decode(_receive(child.stdout), type=tuple[int, int])
            self.written, self.dropped = self.written + written, self.dropped + dropped
        except (OSError, EOFError, msgspec.DecodeError):
            self.dropped += len(batch)
            self._end_child()

    def _begin_child(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "overt.adapters.trace_scribe", str(self._folder)]
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._child.stdin is not None
        _send(self._child.stdin, self._key)
        return self._child

    def _end_child(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        with suppress(OSError):
            child.communicate(timeout=END_S)
        with suppress(subprocess.TimeoutExpired):
            child.wait(END_S)
        child.kill()


class TraceWriter:
    """Masks messages and writes them, a file a call. Lives in the scribe."""

    def __init__(self, folder: Path, key: bytes) -> None:
        self._folder, self._key = folder, key
        self.dropped = self.written = 0

    def write(self, batch: Sequence[Noted]) -> None:
        """Write a batch; what cannot be, or finds a file at its bound, is counted as dropped."""
        by_file: dict[Path, list[str]] = defaultdict(list)
        maskers: dict[str, Masker] = {}
        for call, leg, outgoing, peer, message, at_us in batch:
            text = traced(message, maskers.setdefault(call, Masker(self._key, call)))
            line = {"at_us": at_us, "leg": leg, "out": outgoing, "peer": peer, "text": text}
            by_file[_path(self._folder, call, at_us)].append(json.dumps(line, ensure_ascii=False) + "\n")
        for path, lines in by_file.items():
            self._append(path, lines)

    def _append(self, path: Path, lines: Sequence[str]) -> None:
        encoded = "".join(lines).encode()
        most = MOST_OF_NOBODY if path.stem == NOBODYS else MOST_OF_A_CALL
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
            with os.fdopen(handle, "ab") as file:
                if file.tell() + len(encoded) > most:
                    self.dropped += len(lines)
                    return
                file.write(encoded)
            self.written += len(lines)
        except OSError:
            self.dropped += len(lines)


def scribble(folder: Path, orders: IO[bytes], answers: IO[bytes]) -> None:
    """Be the scribe: a key, then batches, each answered with how many were written and dropped; until the orders end."""
    writer = TraceWriter(folder, msgspec.msgpack.decode(_receive(orders), type=bytes))
    with suppress(EOFError):
        while True:
            writer.write(msgspec.msgpack.decode(_receive(orders), type=list[Noted]))
            _send(answers, (writer.written, writer.dropped))
            writer.written = writer.dropped = 0


def _send(to: IO[bytes], value: object) -> None:
    encoded = msgspec.msgpack.encode(value)
    to.write(len(encoded).to_bytes(4, "big") + encoded)
    to.flush()


def _receive(source: IO[bytes]) -> bytes:
    """The next value. Raises EOFError."""
    head = source.read(4)
    size = int.from_bytes(head, "big")
    encoded = source.read(size)
    if len(head) < 4 or len(encoded) < size:
        raise EOFError
    return encoded


def read_trace(data_folder: Path, call: str) -> Sequence[TracedMessage]:
    """The masked messages of a call as far as they are kept; a line that cannot be read is passed over."""
    found: list[TracedMessage] = []
    for path in _paths(data_folder / FOLDER, call):
        with suppress(OSError):
            found += [one for one in map(_message, path.read_bytes().split(b"\n")) if one is not None]
    return found


def erase_trace(data_folder: Path, call: str) -> bool:
    """Delete what is kept of a call's messages (P10). True when there was something. The call must be over for a second.

    Raises OSError when it cannot be deleted.
    """
    paths = _paths(data_folder / FOLDER, call)
    for path in paths:
        path.unlink(missing_ok=True)
    return bool(paths)


def sweep_traces(data_folder: Path, keep_days: int, now_us: int) -> int:
    """Delete the days that are older than `keep_days`, all when it is 0; return how many files went."""
    first = (datetime.fromtimestamp(now_us / 1e6, UTC) - timedelta(days=keep_days)).date().isoformat()
    gone = 0
    for day in sorted((data_folder / FOLDER).glob("????-??-??")):
        if keep_days and day.name >= first:
            break
        for path in day.iterdir():
            path.unlink(missing_ok=True)
            gone += 1
        with suppress(OSError):
            day.rmdir()
    return gone


def _message(line: bytes) -> TracedMessage | None:
    try:
        read = json.loads(line)
        return TracedMessage(
            int(read["at_us"]), str(read["leg"]), bool(read["out"]), str(read["peer"]), str(read["text"])
        )
    except (ValueError, KeyError, TypeError):
        return None


def _path(folder: Path, call: str, at_us: int) -> Path:
    """A call's file lies under the day on which it began, which a UUIDv7 says; any other under the message's."""
    name = call if _CALL.fullmatch(call) else NOBODYS
    began_ms = int(name.replace("-", "")[:12], 16) if _V7.fullmatch(name) else at_us // 1000
    return folder / datetime.fromtimestamp(min(began_ms / 1000, time.time()), UTC).date().isoformat() / f"{name}.jsonl"


def _paths(folder: Path, call: str) -> Sequence[Path]:
    if not _CALL.fullmatch(call) or call == NOBODYS:
        return ()
    paths: Iterable[Path] = [_path(folder, call, 0)] if _V7.fullmatch(call) else sorted(folder.glob(f"*/{call}.jsonl"))
    return [one for one in paths if one.exists()]
