"""Capture: the only place where sound is kept, and only under a live permit (P4).

A capture has the permit's lease; unrenewed for its length it pauses by itself, with a gap. Payloads go from the
receive buffer into a run, from the run into a sealed chunk, from the chunk into the spool; nothing else sees them.
Where they come from is the loop's business: a packet at a time in path, many at once beside the call.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from overt import protocol
from overt.engine.spool import Spool, carry
from overt.protocol import Captured, Gap, OpenCapture
from overt.vault.format import read_record
from overt.vault.header import Header
from overt.vault.keys import SECRET_BYTES, WrappingKey
from overt.vault.seal import Sealer
from overt.vault.track import RUN, SENT_TRACK, TRACKS, Sent, encode_gap, encode_sent
from overt.vault.track import Gap as TrackGap
from overt.wire.rtp.codecs import BY_CODE

CHUNK_NS = 500_000_000
LARGEST_CHUNK = 64 * 1024
_RUN_KIND = 1


class Track:
    """One leg's sound: the run under way and the runs waiting for the chunk's end.

    `code` is that of the codec (wire.rtp.codecs) that is spoken now; `samples` are units of its RTP clock.
    """

    __slots__ = (
        "_arrival", "_clock", "_done", "_done_bytes", "_first_sequence", "_first_time", "_head_at", "_joined_bytes",
        "_ms", "_next_sequence", "_next_time", "_size", "_spoken", "_step", "code", "number", "on_full", "payload",
        "samples",
    )  # fmt: skip

    def __init__(self, number: int, code: int, on_full: Callable[[], None]) -> None:
        self.number, self.code, self.on_full = number, code, on_full
        self._clock = BY_CODE[code].clock
        self.payload = bytearray()
        self.samples = self._spoken = self._ms = self._done_bytes = self._joined_bytes = 0
        self._done: list[bytes | bytearray] = []
        self._size = self._step = self._next_sequence = self._next_time = -1
        self._first_sequence = self._first_time = self._arrival = self._head_at = 0

    @property
    def captured_ms(self) -> int:
        """How much sound it took, by the clocks of its codecs."""
        return self._ms + (self.samples - self._spoken) * 1000 // self._clock

    def take(self, sequence: int, rtp_time: int, arrival_ns: int, payload: memoryview) -> None:
        """Take a packet's payload (G.711). Continues the run when nothing is missing between; begins another else."""
        size = len(payload)
        if (
            sequence != self._next_sequence or rtp_time != self._next_time or size != self._size
            or len(self.payload) > LARGEST_CHUNK
        ):  # fmt: skip
            self._begin(sequence, rtp_time, arrival_ns, size, size)
        self.payload += payload
        self._next_sequence = sequence + 1 & 0xFFFF
        self._next_time = rtp_time + size & 0xFFFFFFFF
        self.samples += size

    def extend(
        self, sequence: int, rtp_time: int, arrival_ns: int, size: int, step: int, count: int, payloads: bytes
    ) -> None:  # fmt: skip
        """Take packets of one size, and one step in time, that follow each other without a hole; the first one's numbers."""
        if (
            sequence != self._next_sequence or rtp_time != self._next_time or size != self._size or step != self._step
            or self._joined_bytes > LARGEST_CHUNK
        ):  # fmt: skip
            self._begin(sequence, rtp_time, arrival_ns, size, step)
        self._done.append(payloads)
        self._joined_bytes += len(payloads)
        self._next_sequence = sequence + count & 0xFFFF
        self._next_time = rtp_time + step * count & 0xFFFFFFFF
        self.samples += step * count

    def _begin(self, sequence: int, rtp_time: int, arrival_ns: int, size: int, step: int) -> None:
        """Begin a run: its head, which is written at its end, then its payloads, added to one by one or joined."""
        self._end()
        if self._done_bytes > LARGEST_CHUNK:
            self.on_full()
        self._head_at = len(self._done)
        self.payload = bytearray()
        self._done += (b"", self.payload)
        self._first_sequence, self._first_time, self._arrival = sequence, rtp_time, arrival_ns
        self._size, self._step = size, step

    def _end(self) -> None:
        run_bytes = len(self.payload) + self._joined_bytes
        if run_bytes:
            count = run_bytes // self._size
            head = (self.code, self._first_sequence, self._first_time, self._arrival, self._size, self._step)
            self._done[self._head_at] = RUN.pack(_RUN_KIND, *head, count)
            self._done_bytes += RUN.size + run_bytes
            self.payload = bytearray()
            self._joined_bytes = 0

    def speak(self, code: int) -> None:
        """Take another codec from now on; a run holds one only."""
        if code != self.code:
            self._end()
            self._size = -1
            self._ms, self._spoken, self.code = self.captured_ms, self.samples, code
            self._clock = BY_CODE[code].clock

    def chunk(self) -> bytes:
        """Everything since the last chunk; the next packet begins a new run."""
        self._end()
        self._size = -1
        joined = b"".join(self._done)
        self._done.clear()
        self._done_bytes = 0
        return joined


class Source(Protocol):
    """Where a track's sound comes from: a leg of either loop, with what it counted."""

    lost: int
    late: int

    @property
    def code(self) -> int:
        """The code of its codec (wire.rtp.codecs); of several, the one that is preferred."""
        ...

    def admit(self, track: Track) -> None:
        """Hand sound to a track from now on."""
        ...

    def shut(self) -> None:
        """Hand sound to nobody from now on."""
        ...


class Permits:
    """Which orders are authentic, of this start, and were not seen before. `refused` counts the others."""

    def __init__(self, start_key: bytes) -> None:
        self._key = start_key
        self.refused = self._renewed_ns = 0

    def authentic(self, order: OpenCapture | protocol.Renew | protocol.ResumeCapture) -> bool:
        """True when a signaller of this start signed the order."""
        if protocol.authentic(order, self._key):
            return True
        self.refused += 1
        return False

    def renews(self, order: protocol.Renew) -> bool:
        """True when the order is authentic, and newer than all before."""
        if not self.authentic(order):
            return False
        if order.at_ns <= self._renewed_ns:
            self.refused += 1
            return False
        self._renewed_ns = order.at_ns
        return True


def begin_sealing(permit: OpenCapture, wrapping: WrappingKey, now_us: int, now_ns: int) -> Sealer:
    """The sealer of a permit's recording, with a file secret of its own that is written down for the opener only."""
    header = Header(permit.tenant, permit.recording, permit.call, permit.episode, now_us, now_ns, permit.ledger_index)
    return Sealer(header, wrapping, secrets.token_bytes(SECRET_BYTES), permit.erasure_secret)


@dataclass(slots=True)
class Clockwork:
    """What a capture needs of the world: the wall clock, the loop's time, and the spool."""

    now_us: Callable[[], int]
    now_ns: Callable[[], int]
    spool: Spool


class Step(NamedTuple):
    """Where a recording stands after a record: the record's number in the spool, chunks, the chain's head, sound, time."""

    number: int
    chunks: int
    head: bytes
    captured_ms: int
    at_ms: int = 0


class Capture:
    """One recording under one permit. `open` while its tracks take sound; `paused` says why they do not."""

    def __init__(
        self, permit: OpenCapture, sealer: Sealer, legs: Mapping[str, Source], works: Clockwork, now_ns: int
    ) -> None:
        self.permit, self._sealer, self._works = permit, sealer, works
        self._legs = {side: legs[side] for side in permit.tracks}
        self._tracks = {side: Track(TRACKS[side], leg.code, self.seal_tracks) for side, leg in self._legs.items()}
        self.started_ns, self.started_us = now_ns, works.now_us()
        self.lease_until_ns = now_ns + permit.lease_ms * 1_000_000
        self.paused = ""
        self.account: Captured | None = None
        self._paused_ns = 0
        self._gaps: list[Gap] = []
        self._header = sealer.header_record
        self._steps: deque[Step] = deque()
        self._spool(sealer.header_record)
        self._admit()

    def _admit(self) -> None:
        for side, leg in self._legs.items():
            self._tracks[side].speak(leg.code)
            leg.admit(self._tracks[side])

    def laws_changed(self) -> None:
        """A leg was connected anew, maybe with another codec."""
        for side, leg in self._legs.items():
            self._tracks[side].speak(leg.code)

    def expired(self, now_ns: int) -> bool:
        """True when sound is taken and the lease is over."""
        return not self.paused and now_ns > self.lease_until_ns

    def _shut(self) -> None:
        for leg in self._legs.values():
            leg.shut()

    def pause(self, reason: str, now_ns: int) -> None:
        """Stop taking sound on every leg, at once."""
        if self.paused or self.account is not None:
            return
        self._shut()
        self.paused, self._paused_ns = reason, now_ns
        self.seal_tracks()

    def resume(self, now_ns: int) -> None:
        """Take sound again, after a stated gap."""
        if not self.paused or self.account is not None:
            return
        self._close_gap(now_ns)
        self.lease_until_ns = now_ns + self.permit.lease_ms * 1_000_000
        self._admit()

    def _close_gap(self, now_ns: int) -> None:
        first = next(iter(self._tracks.values()))
        self._append(first.number, encode_gap(TrackGap(self._paused_ns, now_ns, self.paused)))
        self._gaps.append(Gap(self._ms(self._paused_ns), self._ms(now_ns), self.paused))
        self.paused = ""

    def _ms(self, moment_ns: int) -> int:
        return (moment_ns - self.started_ns) // 1_000_000

    def note_sent(self, side: str, prompt: str, started_ns: int, payload: bytes) -> None:
        """Write what we sent to a party into the sent track."""
        if self.account is None and payload:
            self._append(SENT_TRACK, encode_sent(Sent(TRACKS[side], started_ns, prompt, payload)))

    def seal_tracks(self) -> None:
        """Close the chunk of each track that has anything."""
        for track in self._tracks.values():
            chunk = track.chunk()
            if chunk:
                self._append(track.number, chunk)

    def _append(self, track: int, chunk: bytes) -> None:
        self._spool(self._sealer.seal(track, chunk))

    def _spool(self, record: bytes) -> None:
        """Queue a record, and remember where the recording stands with it, until it is on the disk."""
        spool = self._works.spool
        number = spool.append(record)
        at_ms = self._ms(self._works.now_ns())
        self._steps.append(Step(number, self._sealer.chunks, self._sealer.head, self._captured_ms(), at_ms))
        while len(self._steps) > 1 and self._steps[1].number <= spool.durable:
            self._steps.popleft()

    def _captured_ms(self) -> int:
        return max([track.captured_ms for track in self._tracks.values()], default=0)

    def break_off(self, reason: str, now_ns: int) -> Captured | None:
        """End without an end, because nothing can be written: the account says what is on the disk, and no more.

        None when nothing of it is.
        """
        self._shut()
        if self.paused:
            self._gaps.append(Gap(self._ms(self._paused_ns), self._ms(now_ns), self.paused))
        durable = [step for step in self._steps if step.number <= self._works.spool.durable]
        last = durable[-1] if durable else Step(0, 0, b"", 0)
        if last.captured_ms < self._captured_ms():
            self._gaps.append(Gap(last.at_ms, self._ms(now_ns), reason))
        self.account = self._account(reason, last, self._works.now_us())
        return self.account if durable else None

    def carry(self) -> bytes:
        """Where this recording stands, for the head of a new segment."""
        header = read_record(self._header, 0)[0].body
        return carry(self.permit.tenant, self.permit.recording, self._sealer.chunks, self._sealer.head, header)

    def close(self, reason: str, now_ns: int) -> Captured:
        """End the recording on every leg, at once, and return its account. Closing twice returns the first."""
        if self.account is not None:
            return self.account
        self._shut()
        self.seal_tracks()
        if self.paused:
            self._close_gap(now_ns)
        ended_us = self._works.now_us()
        captured = self._captured_ms()
        self._spool(self._sealer.finish(self._manifest(reason, captured, ended_us)))
        self.account = self._account(reason, Step(0, self._sealer.chunks, self._sealer.head, captured), ended_us)
        return self.account

    def _account(self, reason: str, step: Step, ended_us: int) -> Captured:
        return Captured(
            call=self.permit.call, episode=self.permit.episode, recording=self.permit.recording, reason=reason,
            chunks=step.chunks, head=step.head.hex(), captured_ms=step.captured_ms, gaps=tuple(self._gaps),
            started_us=self.started_us, ended_us=ended_us,
        )  # fmt: skip

    def _manifest(self, reason: str, captured_ms: int, ended_us: int) -> dict[str, object]:
        tracks = {
            side: {
                "track": self._tracks[side].number,
                "samples": self._tracks[side].samples,
                "lost": leg.lost,
                "late": leg.late,
            }
            for side, leg in self._legs.items()
        }
        gaps = [[gap.from_ms, gap.to_ms, gap.cause] for gap in self._gaps]
        return {"reason": reason, "captured_ms": captured_ms, "ended_us": ended_us, "tracks": tracks, "gaps": gaps}
