"""A recording's sound as a WAV file: 8 kHz, 16 bit, the caller left, the agent right."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from overt.adapters.playback_placing import RATE
from overt.ports import Unavailable

FRAME_BYTES = 4
HEADER_BYTES = 44
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")


def wav_header(samples: int) -> bytes:
    """The 44 bytes before the sound of so many samples a channel."""
    size = samples * FRAME_BYTES
    return _HEADER.pack(
        b"RIFF", HEADER_BYTES - 8 + size, b"WAVE", b"fmt ", 16, 1, 2, RATE, RATE * FRAME_BYTES, FRAME_BYTES, 16,
        b"data", size,
    )  # fmt: skip


class WavExport:
    """Implements listening.Rendering: sound goes to a file beside its place (mode 0600), which appears whole, or not at all."""

    def __init__(self, out: Path) -> None:
        self._out, self._writing = out, out.with_name(f".{out.name}.{os.getpid()}")
        self._file: BinaryIO | None = None

    def begin(self, samples: int) -> None:
        """Open the file; see listening.Rendering."""
        with self._named():
            file = os.open(self._writing, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            self._file = os.fdopen(file, "wb")
            self._file.write(wav_header(samples))

    def take(self, sound: bytes) -> None:
        """Write sound; see listening.Rendering."""
        with self._named():
            self._begun().write(sound)

    def finish(self) -> None:
        """Make the file durable and put it in its place; see listening.Rendering."""
        with self._named():
            file = self._begun()
            file.flush()
            os.fsync(file.fileno())
            file.close()
            self._writing.replace(self._out)

    def leave(self) -> None:
        """Take away what is not finished; see listening.Rendering."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
                self._writing.unlink(missing_ok=True)

    def _begun(self) -> BinaryIO:
        if self._file is None:
            raise Unavailable("export", "nothing was begun", retry=False)
        return self._file

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Unavailable("export", f"{error.strerror}: {self._out}", retry=False) from error
