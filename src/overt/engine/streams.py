"""Legs that are only heard, and what one reading of many sockets means for them.

numpy tells apart in columns whose a packet is, whether it is RTP and from the right source; Python then touches each
*piece*: packets of one leg that follow each other, which in a quiet tick is all that came for it.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from overt.engine.arena import Arena, Reading, prepare, source_address
from overt.engine.capture import Track
from overt.engine.leg import kernel_drops
from overt.wire.rtp.columns import Bytes, Column, Headers, piece_beginnings, read_headers
from overt.wire.rtp.dtmf import KeyReader
from overt.wire.rtp.packet import sequence_distance

COUNTERS = (
    "received", "captured", "dropped_without_permit", "lost", "late", "foreign", "malformed", "other_type",
    "kernel_dropped",
)  # fmt: skip
_NOBODY = 0


@dataclass(frozen=True, slots=True)
class Agreed:
    """What a leg's stream was agreed to be: from which address (IPv4), of which payload types, by which law.

    `event_type` −1: no keys. Whoever sends the agreed types first from that address is the leg's source.
    """

    address: str
    payload_type: int
    alaw: bool
    event_type: int = -1

    @property
    def kinds(self) -> tuple[int, int]:
        """The payload types by which a source is known."""
        return (self.payload_type, max(self.event_type, self.payload_type))


class StreamLeg:
    """A leg that is only heard. It knows its place in the table of legs, and counts."""

    def __init__(self, call: str, side: str, rtp: socket.socket, place: int) -> None:
        self.call, self.side, self.rtp, self.place = call, side, rtp, place
        self.agreed = Agreed("", -1, False)
        self.keys = KeyReader()
        self.received = self.captured = self.dropped_without_permit = self.lost = self.late = 0
        self.foreign = self.malformed = self.other_type = self.kernel_dropped = 0
        self._track: Track | None = None
        self._expected, self._ssrc = -1, -1

    @property
    def alaw(self) -> bool:
        """True when the agreed sound is PCMA."""
        return self.agreed.alaw

    def admit(self, track: Track) -> None:
        """Hand sound to a capture's track from now on."""
        self._track = track

    def shut(self) -> None:
        """Hand sound to no capture from now on."""
        self._track = None

    def take(
        self, kind: int, sequence: int, rtp_time: int, ssrc: int, arrival_ns: int, count: int, size: int, payloads: bytes
    ) -> None:  # fmt: skip
        """Take packets of a type and size that follow each other: to the track under a permit, else to nobody."""
        self.received += count
        if sequence == self._expected and ssrc == self._ssrc:
            self._expected = sequence + count & 0xFFFF
        else:
            self._jump(sequence, ssrc, count)
        if kind != self.agreed.payload_type:
            self.other_type += count if kind != self.agreed.event_type else 0
        elif self._track is None:
            self.dropped_without_permit += count
        else:
            self.captured += count
            self._track.extend(sequence, rtp_time, arrival_ns, size, payloads)

    def _jump(self, sequence: int, ssrc: int, count: int) -> None:
        """Count what is missing, or came late. A new source begins anew."""
        after = sequence + count & 0xFFFF
        ahead = sequence_distance(self._expected, sequence)
        if ssrc != self._ssrc:
            self._ssrc, self._expected = ssrc, after
        elif ahead > 0:
            self.lost += ahead
            self._expected = after
        else:
            late = min(count, -ahead)
            self.late += late
            self.lost = max(self.lost - late, 0)
            if count > late:
                self._expected = after

    def counters(self) -> dict[str, int]:
        """What it counted, by name."""
        return {name: int(getattr(self, name)) for name in COUNTERS}


OnKey = Callable[[StreamLeg, str, int], None]  # leg, key, arrival


class Streams:
    """The table of legs: each has a place, and the columns say what is agreed for it."""

    def __init__(self, on_key: OnKey) -> None:
        self._arena, self._on_key = Arena(), on_key
        self._legs: list[StreamLeg] = []
        self._descriptors: list[int] = []
        self._free: list[int] = []
        self._sources: Column = np.zeros(64, np.uint64)
        self._types: Column = np.zeros(64, np.int16)
        self._events: Column = np.zeros(64, np.int16)

    def __len__(self) -> int:
        return len(self._descriptors)

    def add(self, call: str, side: str, rtp: socket.socket, agreed: Agreed) -> StreamLeg:
        """Hear a socket from now on."""
        prepare(rtp)
        place = self._free.pop() if self._free else self._grow()
        leg = StreamLeg(call, side, rtp, place)
        self._legs[place : place + 1], self._descriptors[place : place + 1] = [leg], [rtp.fileno()]
        self.agree(leg, agreed)
        return leg

    def _grow(self) -> int:
        place = len(self._legs)
        if place == len(self._sources):
            self._sources, self._types, self._events = (
                np.concatenate((column, np.zeros_like(column))) for column in (self._sources, self._types, self._events)
            )
        return place

    def agree(self, leg: StreamLeg, agreed: Agreed) -> None:
        """Another stream was agreed for the leg: its source is not known yet."""
        leg.agreed = agreed
        self._sources[leg.place] = _NOBODY
        self._types[leg.place], self._events[leg.place] = agreed.payload_type, agreed.event_type

    def drop(self, leg: StreamLeg) -> None:
        """Hear a leg no more, and close its socket."""
        leg.kernel_dropped = kernel_drops(leg.rtp)
        self._descriptors[leg.place] = -1
        self._free.append(leg.place)
        leg.rtp.close()

    def read(self, start: int) -> int:
        """Read once, from the leg at place `start` on; the place where to go on."""
        reading = self._arena.read(self._descriptors, start)
        after = start + len(reading.counts)
        self._hand_out(reading, self._legs[start:after], np.arange(start, after))
        return after

    def read_only(self, legs: Sequence[StreamLeg]) -> None:
        """Read what waits for these legs."""
        reading = self._arena.read([leg.rtp.fileno() for leg in legs])
        self._hand_out(reading, legs, np.array([leg.place for leg in legs]))

    def _hand_out(self, reading: Reading, legs: Sequence[StreamLeg], places: Column) -> None:
        if not len(reading.sizes):
            return
        at = np.repeat(np.arange(len(legs)), reading.counts)
        for row, count in reading.dropped:
            legs[at[row]].kernel_dropped = count
        headers = read_headers(reading.packets, reading.sizes)
        place = places[at]
        taken = headers.valid & (reading.sources == self._sources[place])
        if not taken.all():
            taken = self._tell_apart(reading, headers, [legs[one] for one in at[~taken].tolist()], ~taken)
        keys = np.flatnonzero(taken & (headers.payload_type == self._events[place]))
        for row in keys.tolist():  # before any sound: a stop key stops what came with it
            self._read_key(reading, headers, row, legs[at[row]])
        rows = np.flatnonzero(taken)
        if len(rows):
            _hand_pieces(reading, headers, rows, at[rows], legs)

    def _tell_apart(self, reading: Reading, headers: Headers, legs: Sequence[StreamLeg], odd: Column) -> Column:
        """Look at rows that are malformed, or not from their leg's source, one by one; which rows are taken after all."""
        taken = ~odd
        rows = np.flatnonzero(odd)
        sources, kinds, valid = reading.sources[rows], headers.payload_type[rows], headers.valid[rows]
        columns = (rows.tolist(), legs, sources.tolist(), kinds.tolist(), valid.tolist())
        for row, leg, source, kind, is_rtp in zip(*columns, strict=True):
            if not self._is_source(leg, source, kind if is_rtp else -1):
                leg.foreign += 1
            elif not is_rtp:
                leg.malformed += 1
            else:
                taken[row] = True
        return taken

    def _is_source(self, leg: StreamLeg, source: int, kind: int) -> bool:
        """True when a packet comes from the leg's source; the first of an agreed type from its address decides it."""
        known = int(self._sources[leg.place])
        if known == _NOBODY and source_address(source) == leg.agreed.address and kind in leg.agreed.kinds:
            self._sources[leg.place] = known = source
        return source == known

    def _read_key(self, reading: Reading, headers: Headers, row: int, leg: StreamLeg) -> None:
        begin, size = int(headers.begin[row]), int(headers.size[row])
        payload = reading.packets[row, begin : begin + size].tobytes()
        digit = leg.keys.read(payload, int(headers.rtp_time[row]), int(headers.ssrc[row]))
        if digit:
            self._on_key(leg, digit, int(reading.arrivals[row]))


def _hand_pieces(reading: Reading, headers: Headers, rows: Column, at: Column, legs: Sequence[StreamLeg]) -> None:
    """Hand each leg its pieces, in the order in which they came."""
    beginnings = piece_beginnings(rows, at, headers)
    first = rows[beginnings]
    counts = np.diff(beginnings, append=len(rows))
    begins, sizes = headers.begin[first], headers.size[first]
    columns = (
        at[beginnings], headers.payload_type[first], headers.sequence[first], headers.rtp_time[first],
        headers.ssrc[first], reading.arrivals[first], counts, sizes,
    )  # fmt: skip
    payloads = _payloads(reading.packets, first, counts, begins, sizes)
    for leg, kind, sequence, rtp_time, ssrc, arrival, count, size, joined in zip(
        *(column.tolist() for column in columns), payloads, strict=True
    ):
        legs[leg].take(kind, sequence, rtp_time, ssrc, arrival, count, size, joined)


def _payloads(packets: Bytes, first: Column, counts: Column, begins: Column, sizes: Column) -> list[bytes]:
    """The payloads of each piece, joined. Where all are of one shape, as they mostly are, copied out together."""
    begin, size, base = int(begins[0]), int(sizes[0]), int(first[0])
    if (begins == begin).all() and (sizes == size).all():
        block = packets[base : int(first[-1] + counts[-1]), begin : begin + size].tobytes()
        starts = (first - base) * size
        return [block[start:end] for start, end in zip(starts.tolist(), (starts + counts * size).tolist(), strict=True)]
    return [
        packets[row : row + count, begin : begin + size].tobytes()
        for row, count, begin, size in zip(*(one.tolist() for one in (first, counts, begins, sizes)), strict=True)
    ]
