"""A recording's sound as a WAV file: 8 kHz, 16 bit, the caller left, the agent right."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from overt.ports import Unavailable
from overt.services.encoding import wav_header


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
