"""Stored packets as sound: 16 bit, 8 kHz, one channel. G.711 by our own tables, the others by FFmpeg (the extra `codecs`).

What a decoder makes of a packet depends on those before; so the packets of a chunk are decoded after those of the chunk
before, whose sound is thrown away. A packet that cannot be decoded is silence of its own length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overt.services.heard import RATE
from overt.vault.track import Run
from overt.wire.rtp import amr
from overt.wire.rtp.codecs import BY_CODE, CODECS, Codec
from overt.wire.rtp.g711 import ALAW_LINEAR, ULAW_LINEAR

Samples = NDArray[np.int16]
TABLES = {0: np.array(ULAW_LINEAR, np.int16), 8: np.array(ALAW_LINEAR, np.int16)}
EXTRA = {
    "G722": "g722",
    "G729": "g729",
    "opus": "libopus",
    "AMR": "libopencore_amrnb",
    "AMR/oa": "libopencore_amrnb",
    "AMR-WB": "libopencore_amrwb",
    "AMR-WB/oa": "libopencore_amrwb",
}  # codec → FFmpeg's decoder
WHY_NOT = "{} cannot be decoded on this machine: install the extra `codecs`"
_G729_FRAME = 10
_TAPS_A_FACTOR = 16  # of the low-pass before samples are left out: 1 ms late, 50 dB down above 4.4 kHz


def decodable() -> frozenset[str]:
    """The names of `codecs.CODECS` that this machine decodes. Loads nothing."""
    return frozenset({"PCMU", "PCMA", *(EXTRA if find_spec("av") is not None else ())})


def plays(code: int) -> bool:
    """True when runs of a code are decoded here."""
    return code in TABLES or (code in BY_CODE and BY_CODE[code].name in decodable())


def samples_in(run: Run) -> int:
    """How long a run lasts, in samples of 8 kHz."""
    if run.payload_type in TABLES:
        return len(run.payload)
    return len(_packets(run)) * run.step * RATE // BY_CODE[run.payload_type].clock


def _packets(run: Run) -> list[bytes]:
    """The packets of a run, as many as make a minute: no chunk lasts longer, whatever its packets say of themselves."""
    most = 60 * BY_CODE[run.payload_type].clock // max(run.step, 1)
    end = min(len(run.payload), most * run.size)
    return [run.payload[at : at + run.size] for at in range(0, end, run.size)]


def table_sound(payload: bytes, code: int) -> Samples:
    """The samples of G.711; µ-law and A-law have one byte each."""
    table: Samples = TABLES[code]
    samples: Samples = table[np.frombuffer(payload, np.uint8)]
    return samples


class Decoding:
    """The runs of one track, one after the other. A new one begins with nothing known of what was before."""

    def __init__(self) -> None:
        self._streams: dict[int, _Stream] = {}

    def sound(self, run: Run) -> Samples:
        """The samples of a run, as many as `samples_in` says; silence where nothing here decodes it."""
        if run.payload_type in TABLES:
            return table_sound(run.payload, run.payload_type)
        if not plays(run.payload_type):
            return np.zeros(samples_in(run) if run.payload_type in BY_CODE else 0, np.int16)
        stream = self._streams.get(run.payload_type)
        if stream is None:
            stream = self._streams[run.payload_type] = _Stream(BY_CODE[run.payload_type])
        return stream.sound(run)

    def warm(self, runs: Iterable[Run]) -> None:
        """Decode what came before, for what comes next; G.711 needs none of it."""
        for run in runs:
            if run.payload_type not in TABLES:
                self.sound(run)


class _Stream:
    """One codec's decoder at work, and the last samples that the low-pass needs."""

    def __init__(self, codec: Codec) -> None:
        self._codec, self._decode = codec, _decoder(codec)
        self._factor = codec.rate // RATE
        self._taps = _low_pass(self._factor)
        self._tail: Samples = np.zeros(len(self._taps) - 1, np.int16)
        self._next_time = -1

    def sound(self, run: Run) -> Samples:
        length, packets = run.step * self._codec.rate // self._codec.clock, _packets(run)
        whole = np.concatenate([_fitted(self._decode(one), length) for one in packets])
        if run.rtp_time != self._next_time:
            self._tail = np.zeros_like(self._tail)
        self._next_time = run.rtp_time + run.step * len(packets) & 0xFFFFFFFF
        return _fitted(self._thinned(whole), samples_in(run)) if len(whole) else whole

    def _thinned(self, samples: Samples) -> Samples:
        """At 8 kHz: what lies above is filtered out first. Only what was before is looked at, so nothing depends on a window."""
        if self._factor == 1:
            return samples
        both: Samples = np.concatenate((self._tail, samples))
        self._tail = both[len(both) - len(self._tail) :]
        filtered = np.convolve(both.astype(np.float64), self._taps, "valid")[:: self._factor]
        return _whole(filtered)


def _low_pass(factor: int) -> NDArray[np.float64]:
    """The taps of a filter that lets pass what 8 kHz can carry of `factor` times as many samples a second."""
    size = _TAPS_A_FACTOR * factor + 1
    at = np.arange(size) - size // 2
    taps = np.sinc(at * 0.9 / factor) * np.blackman(size)
    return np.asarray(taps / taps.sum())


def _fitted(samples: Samples, length: int) -> Samples:
    """Samples as many as a packet's time says: cut, or filled up with silence."""
    return np.pad(samples[:length], (0, max(length - len(samples), 0)))


def _decoder(codec: Codec) -> Callable[[bytes], Samples]:
    """What decodes a packet of a codec, at the codec's own rate; silence for what is broken."""
    import av  # type: ignore[import-not-found, unused-ignore]

    context: Any = av.CodecContext.create(EXTRA[codec.name], "r")
    context.sample_rate, context.layout = codec.rate, "mono"
    if codec.name == "opus":
        context.format = "s16"
    context.open()

    def decode(payload: bytes) -> Samples:
        found: list[Samples] = []
        for one in _frames(codec, payload):
            try:
                found += [_plain(frame.to_ndarray()) for frame in context.decode(av.Packet(one))]
            except av.FFmpegError:
                found.append(np.zeros(codec.rate // 100 if codec.name == "G729" else codec.rate // 50, np.int16))
        return np.concatenate(found) if found else np.zeros(0, np.int16)

    return decode


def _frames(codec: Codec, payload: bytes) -> Iterator[bytes]:
    """What a decoder takes at once: a frame of AMR or G.729, a whole packet of others."""
    if codec.name.startswith("AMR"):
        yield from amr.frames(codec, payload)
    elif codec is CODECS["G729"]:
        for at in range(0, len(payload) - _G729_FRAME + 1, _G729_FRAME):
            yield payload[at : at + _G729_FRAME]
    else:
        yield payload


def _plain(frame: Any) -> Samples:
    """A decoded frame as 16-bit samples of one channel."""
    samples = np.asarray(frame).reshape(-1)
    return samples if samples.dtype == np.int16 else _whole(samples * 32767.0)


def _whole(samples: NDArray[np.float64]) -> Samples:
    return np.clip(np.rint(samples), -32768, 32767).astype(np.int16)
