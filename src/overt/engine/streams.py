"""Legs that are only heard, and what one reading of many sockets means for them.

numpy tells apart in columns whose a packet is, whether it is RTP and from the right source; Python then touches each
*piece*: packets of one leg that follow each other, which in a quiet tick is all that came for it.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from overt.engine.arena import NOBODY, SLOTS, Arena, Reading, Source, prepare, source_address, source_port
from overt.engine.stream_leg import Agreed, StreamLeg
from overt.engine.udp import kernel_drops
from overt.wire.rtp.codecs import BY_CODE
from overt.wire.rtp.columns import Bytes, Column, Headers, piece_beginnings, read_headers

ANOTHER_NS = 2_000_000_000  # a source that was silent for so long may be followed by another from its address
_TYPES = 128
_FIRST_REPORT, _REPORTS = 72, 5  # RTCP that shares the port of RTP (RFC 5761): types 200 to 204, less the marker bit
OnKey = Callable[[StreamLeg, str, int], None]  # leg, key, arrival
OnRoll = Callable[[StreamLeg, int, int], None]  # leg, source, rollover counter


class Streams:
    """The table of legs: each has a place, and the columns say what is agreed for it."""

    def __init__(self, on_key: OnKey, on_roll: OnRoll, now_ns: Callable[[], int]) -> None:
        self._arena, self._on_key, self._on_roll, self._now_ns = Arena(), on_key, on_roll, now_ns
        self._legs: list[StreamLeg] = []
        self._descriptors: list[int] = []
        self._free: list[int] = []
        self._sources: Column = np.zeros((64, len(NOBODY)), np.uint64)
        self._events: Column = np.zeros(64, np.int16)
        self._alone: Column = np.zeros((64, _TYPES), np.bool_)
        self._with_alone: set[int] = set()
        self._secret: Column = np.zeros(64, np.bool_)

    def __len__(self) -> int:
        return len(self._descriptors)

    def add(self, call: str, side: str, rtp: socket.socket, rtcp: socket.socket | None, agreed: Agreed) -> StreamLeg:
        """Hear a socket from now on, and its RTCP when asked to."""
        prepare(rtp)
        if rtcp is not None:
            prepare(rtcp)
        place = self._free.pop() if self._free else self._grow()
        leg = StreamLeg(call, side, rtp, rtcp, place)
        self._legs[place : place + 1], self._descriptors[place : place + 1] = [leg], [rtp.fileno()]
        self.agree(leg, agreed)
        return leg

    def _grow(self) -> int:
        place = len(self._legs)
        if place == len(self._sources):
            self._sources, self._events, self._alone, self._secret = (
                np.concatenate((column, np.zeros_like(column)))
                for column in (self._sources, self._events, self._alone, self._secret)
            )
        return place

    def agree(self, leg: StreamLeg, agreed: Agreed) -> None:
        """Another stream was agreed for the leg: its source is not known yet. Raises ValueError for a key that does not fit."""
        leg.agree(agreed, self._now_ns(), partial(self._on_roll, leg))
        self._secret[leg.place] = leg.keyed is not None
        self._sources[leg.place] = NOBODY
        self._events[leg.place] = agreed.event_type
        alone = [kind for kind, code in agreed.codes.items() if not BY_CODE[code].bytewise]
        self._alone[leg.place] = False
        self._alone[leg.place, alone] = True
        (self._with_alone.add if alone else self._with_alone.discard)(leg.place)

    def drop(self, leg: StreamLeg) -> None:
        """Hear a leg no more, and close its sockets."""
        leg.kernel_dropped = kernel_drops(leg.rtp)
        self._descriptors[leg.place] = -1
        self._with_alone.discard(leg.place)
        self._secret[leg.place] = False
        self._free.append(leg.place)
        leg.rtp.close()
        if leg.rtcp is not None:
            leg.rtcp.close()

    def read(self, start: int, most: int = SLOTS) -> int:
        """Read about `most` packets, from the leg at place `start` on; the place where to go on."""
        reading = self._arena.read(self._descriptors, start, most)
        after = start + len(reading.counts)
        self._hand_out(reading, self._legs[start:after], np.arange(start, after))
        return after

    def read_only(self, legs: Sequence[StreamLeg]) -> None:
        """Read what waits for these legs."""
        reading = self._arena.read([leg.rtp.fileno() for leg in legs])
        self._hand_out(reading, legs, np.array([leg.place for leg in legs]))

    def read_reports(self, legs: Sequence[StreamLeg]) -> None:
        """Read the RTCP that waits for these legs, those that have a socket for it."""
        hearing = [(leg, leg.rtcp.fileno()) for leg in legs if leg.rtcp is not None]
        reading = self._arena.read([descriptor for _, descriptor in hearing])
        row = 0
        for (leg, _), count in zip(hearing, reading.counts, strict=False):
            for _ in range(count):
                if leg.agreed.anywhere or leg.agreed.names(source_address(reading.source(row))):
                    self._hear_report(reading, row, leg)
                else:
                    leg.foreign += 1
                row += 1

    def _hear_report(self, reading: Reading, row: int, leg: StreamLeg) -> None:
        leg.hear_report(reading.packets[row, : reading.sizes[row]].tobytes(), int(reading.arrivals[row]))

    def _hand_out(self, reading: Reading, legs: Sequence[StreamLeg], places: Column) -> None:
        if not len(reading.sizes):
            return
        at = np.repeat(np.arange(len(legs)), reading.counts)
        for row, count in reading.dropped:
            legs[at[row]].kernel_dropped = count
        place = places[at]
        forged = _opened(reading, legs, at, np.flatnonzero(self._secret[place]))
        headers = read_headers(reading.packets, reading.sizes)
        taken = headers.valid & reading.come_from(self._sources, place)
        if not taken.all():
            odd = ~(taken | forged)
            taken = self._tell_apart(reading, headers, [legs[one] for one in at[odd].tolist()], odd) & ~forged
        reports = taken & (headers.payload_type - np.uint8(_FIRST_REPORT) < _REPORTS)
        for row in np.flatnonzero(reports).tolist():
            self._hear_report(reading, row, legs[at[row]])
            taken[row] = False
        keys = np.flatnonzero(taken & (headers.payload_type == self._events[place]))
        for row in keys.tolist():  # before any sound: a stop key stops what came with it
            self._read_key(reading, headers, row, legs[at[row]])
        rows = np.flatnonzero(taken)
        if len(rows):
            alone = self._alone[place, headers.payload_type] if self._with_alone else None
            _hand_pieces(reading, headers, rows, at[rows], legs, alone)

    def _tell_apart(self, reading: Reading, headers: Headers, legs: Sequence[StreamLeg], odd: Column) -> Column:
        """Look at rows that are malformed, or not from their leg's source, one by one; which rows are taken after all."""
        taken = ~odd
        rows = np.flatnonzero(odd)
        columns = (rows.tolist(), legs, headers.payload_type[rows].tolist(), headers.valid[rows].tolist())
        for row, leg, kind, is_rtp in zip(*columns, strict=True):
            arrival_ns = int(reading.arrivals[row])
            if not self._is_source(leg, reading.source(row), kind if is_rtp else -1, arrival_ns):
                leg.foreign += 1
            elif not is_rtp:
                leg.malformed += 1
            else:
                taken[row] = True
        return taken

    def _is_source(self, leg: StreamLeg, source: Source, kind: int, arrival_ns: int) -> bool:
        """True when a packet comes from the leg's source; the first of an agreed type from its address decides it."""
        known = tuple(self._sources[leg.place].tolist())
        if source == known:
            return True
        if not leg.agreed.knows(kind):
            return False
        lately = known != NOBODY and arrival_ns - leg.heard_ns < ANOTHER_NS
        if lately and (not _very(leg, source) or _very(leg, known)):
            return False  # but who sends from the very address and port that were agreed is it, whoever was taken for it before
        if not leg.agreed.anywhere and not leg.agreed.names(source_address(source)):
            leg.elsewhere += 1
            return False
        self._sources[leg.place] = source
        leg.begin_anew()
        return True

    def _read_key(self, reading: Reading, headers: Headers, row: int, leg: StreamLeg) -> None:
        begin, size = int(headers.begin[row]), int(headers.size[row])
        payload = reading.packets[row, begin : begin + size].tobytes()
        digit = leg.keys.read(payload, int(headers.rtp_time[row]), int(headers.ssrc[row]))
        if digit:
            self._on_key(leg, digit, int(reading.arrivals[row]))


def _very(leg: StreamLeg, source: Source) -> bool:
    """True for the address and the port that were agreed. The number of a port alone anybody can have."""
    return leg.agreed.port == source_port(source) and leg.agreed.names(source_address(source))


def _opened(reading: Reading, legs: Sequence[StreamLeg], at: Column, rows: Column) -> Column:
    """Open the encrypted ones of what was read, in their places; which of all rows are not authentic."""
    forged: Column = np.zeros(len(at), np.bool_)
    for row in rows.tolist():
        size = legs[at[row]].open(reading.packets[row].data, int(reading.sizes[row]))
        reading.sizes[row], forged[row] = size, not size
    return forged


def _hand_pieces(
    reading: Reading, headers: Headers, rows: Column, at: Column, legs: Sequence[StreamLeg], alone: Column | None
) -> None:  # fmt: skip
    """Hand each leg its pieces, in the order in which they came."""
    beginnings = piece_beginnings(rows, at, headers, alone)
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
