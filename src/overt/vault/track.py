"""What stands inside a chunk: runs of packets, gaps, and what we ourselves sent.

A *run* is a stretch of packets of one codec and size without a hole: its first sequence number, RTP time and arrival,
then the payloads as they were received. Each chunk starts new runs, so arrival and RTP time are paired at least
twice a second. The *sent* track holds the prompts that parties heard, each with its own time.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

CALLER_TRACK, AGENT_TRACK, SENT_TRACK = 1, 2, 3
TRACKS = {"caller": CALLER_TRACK, "agent": AGENT_TRACK}
_RUN, _GAP, _PROMPT = 1, 2, 3
RUN = struct.Struct(">BBHIQHHI")
_GAP_HEAD = struct.Struct(">BQQH")
_PROMPT_HEAD = struct.Struct(">BBQIHI")


class TrackBroken(Exception):
    """A chunk's content cannot be read."""


@dataclass(frozen=True, slots=True)
class Run:
    """Packets of one codec without a hole. `payload_type` is the codec's number (0 PCMU, 8 PCMA; the table is in
    docs/formats/sealed-recording.md); `size` and `step` are bytes, and units of the RTP clock, a packet.
    """

    payload_type: int
    sequence: int
    rtp_time: int
    arrival_ns: int
    size: int
    step: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Gap:
    """Time in which nothing was captured although a recording was open, and why."""

    from_ns: int
    to_ns: int
    cause: str


@dataclass(frozen=True, slots=True)
class Sent:
    """A prompt that we sent to a side (1 caller, 2 agent), as PCMU frames, from its first frame's time."""

    track: int
    started_ns: int
    prompt: str
    payload: bytes


Part = Run | Gap | Sent


def encode_run(run: Run) -> bytes:
    """The bytes of a run. Raises TrackBroken when `size` does not divide the payload."""
    if not run.size or len(run.payload) % run.size:
        raise TrackBroken(f"packets of {run.size} bytes do not make {len(run.payload)}")
    count = len(run.payload) // run.size
    return (
        RUN.pack(_RUN, run.payload_type, run.sequence, run.rtp_time, run.arrival_ns, run.size, run.step, count)
        + run.payload
    )


def encode_gap(gap: Gap) -> bytes:
    """The bytes of a gap."""
    cause = gap.cause.encode()
    return _GAP_HEAD.pack(_GAP, gap.from_ns, gap.to_ns, len(cause)) + cause


def encode_sent(sent: Sent) -> bytes:
    """The bytes of a prompt that was sent."""
    name = sent.prompt.encode()
    frames = (len(sent.payload) + 159) // 160
    return (
        _PROMPT_HEAD.pack(_PROMPT, sent.track, sent.started_ns, frames, len(name), len(sent.payload))
        + name
        + sent.payload
    )


def read_parts(chunk: bytes) -> Iterator[Part]:
    """Yield the parts of an opened chunk in their order. Raises TrackBroken."""
    offset = 0
    try:
        while offset < len(chunk):
            part, offset = _READERS[chunk[offset]](chunk, offset)
            yield part
    except (struct.error, KeyError, UnicodeDecodeError) as error:
        raise TrackBroken(f"unreadable at byte {offset} of a chunk") from error


def _slice(chunk: bytes, begin: int, size: int) -> bytes:
    if begin + size > len(chunk):
        raise TrackBroken(f"a part at byte {begin} is longer than its chunk")
    return chunk[begin : begin + size]


def _read_run(chunk: bytes, offset: int) -> tuple[Part, int]:
    _, payload_type, sequence, rtp_time, arrival_ns, size, step, count = RUN.unpack_from(chunk, offset)
    payload = _slice(chunk, offset + RUN.size, size * count)
    return Run(payload_type, sequence, rtp_time, arrival_ns, size, step, payload), offset + RUN.size + len(payload)


def _read_gap(chunk: bytes, offset: int) -> tuple[Part, int]:
    _, from_ns, to_ns, size = _GAP_HEAD.unpack_from(chunk, offset)
    cause = _slice(chunk, offset + _GAP_HEAD.size, size)
    return Gap(from_ns, to_ns, cause.decode()), offset + _GAP_HEAD.size + size


def _read_sent(chunk: bytes, offset: int) -> tuple[Part, int]:
    _, track, started_ns, _, name_size, size = _PROMPT_HEAD.unpack_from(chunk, offset)
    begin = offset + _PROMPT_HEAD.size
    name, payload = _slice(chunk, begin, name_size), _slice(chunk, begin + name_size, size)
    return Sent(track, started_ns, name.decode(), payload), begin + name_size + size


_READERS = {_RUN: _read_run, _GAP: _read_gap, _PROMPT: _read_sent}
