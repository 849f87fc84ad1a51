"""Sound as Ogg Opus (RFC 6716, RFC 7845) by libsndfile: stereo, encoded as it comes, a few seconds in memory at most."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import soundfile  # type: ignore[import-untyped]

from overt.adapters.playback_placing import CHANNELS, RATE
from overt.ports import Unavailable


class OpusEncoding:
    """Implements listening.Encoding."""

    def __init__(self) -> None:
        """Begin a file. Raises Unavailable when this libsndfile knows no Opus."""
        self._sink = _Sink()
        try:
            self._file = soundfile.SoundFile(
                self._sink, "w", samplerate=RATE, channels=len(CHANNELS), format="OGG", subtype="OPUS"
            )
        except (soundfile.LibsndfileError, ValueError) as error:
            raise Unavailable("opus", f"libsndfile cannot write it: {error}", retry=False) from error

    def take(self, sound: bytes) -> bytes:
        """Take sound and return the pages that are ready; see listening.Encoding."""
        try:
            self._file.write(np.frombuffer(sound, "<i2").reshape(-1, len(CHANNELS)))
        except soundfile.LibsndfileError as error:
            raise Unavailable("opus", str(error), retry=False) from error
        return self._sink.taken()

    def finish(self) -> bytes:
        """Return the last pages; see listening.Encoding."""
        self._file.close()
        return self._sink.taken()


class _Sink(io.RawIOBase):
    """What libsndfile writes to: a file that is only ever appended to."""

    def __init__(self) -> None:
        self._ready = bytearray()
        self._size = 0

    def write(self, written: Any) -> int:
        self._ready += written
        self._size += len(written)
        return len(written)

    def taken(self) -> bytes:
        """Everything since the last time."""
        ready = bytes(self._ready)
        self._ready.clear()
        return ready

    def seek(self, _offset: int, _whence: int = 0) -> int:
        return self._size

    def tell(self) -> int:
        return self._size

    def flush(self) -> None:
        pass
