"""Many RTP packets at once: a column a field, a row a packet, all headers read and all pieces found by numpy.

What counts as RTP is what `packet` says; the tests hold the two against each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overt.wire.rtp.packet import HEADER_BYTES

Bytes = NDArray[np.uint8]
Column = NDArray[Any]
_PLAIN = 0x80


@dataclass(frozen=True, slots=True)
class Headers:
    """One column a field, one row a packet; `begin` and `size` say where its payload is.

    A row that is not `valid` is no RTP packet of version 2; its other fields mean nothing.
    """

    valid: Column
    payload_type: Column
    sequence: Column
    rtp_time: Column
    ssrc: Column
    begin: Column
    size: Column


def read_headers(packets: Bytes, sizes: Column) -> Headers:
    """Read packets that stand one a row, each of so many bytes; a row has room for 80 bytes at least."""
    head = np.ascontiguousarray(packets[:, :HEADER_BYTES])
    words = head.view(">u4")
    valid = (head[:, 0] == _PLAIN) & (sizes >= HEADER_BYTES)
    begin = np.full(len(packets), HEADER_BYTES)
    size = sizes - HEADER_BYTES
    if not valid.all():
        rows = np.flatnonzero(~valid)
        valid[rows], begin[rows], size[rows] = _bounds(packets, rows, sizes[rows])
    return Headers(
        valid, head[:, 1] & 0x7F, head.view(">u2")[:, 1].astype(np.uint16), words[:, 1].astype(np.uint32),
        words[:, 2].astype(np.uint32), begin, size,
    )  # fmt: skip


def _bounds(packets: Bytes, rows: Column, sizes: Column) -> tuple[Column, Column, Column]:
    """Which of these rows are RTP, where their payloads begin and how long they are: `payload_bounds` of many."""
    first = packets[rows, 0].astype(np.int64)
    begin = HEADER_BYTES + 4 * (first & 0x0F)
    valid = (sizes >= HEADER_BYTES) & (first >> 6 == 2)
    extended = first & 0x10 != 0
    words = packets[rows, begin + 2].astype(np.int64) << 8 | packets[rows, begin + 3]
    begin = begin + np.where(extended, 4 + 4 * words, 0)
    padding = np.where(first & 0x20 != 0, packets[rows, np.maximum(sizes, 1) - 1], 0)
    size = sizes - padding - begin
    return valid & (size >= 0), begin, size  # a header that is cut begins its payload behind the end


def piece_beginnings(rows: Column, legs: Column, headers: Headers, alone: Column | None = None) -> Column:
    """Where pieces begin, as positions in `rows`: neighbouring rows of one leg and type, each following the one before.

    `rows` are the rows to look at, ascending and at least one; `legs` the leg of each of them. Packets follow each
    other when sequence number and time go on by one and by the payload's bytes: a byte is a unit of the clock (G.711,
    G.722). `alone` says which of all rows are of other codecs: each of these is a piece.
    """
    sequence, rtp_time, kind = headers.sequence[rows], headers.rtp_time[rows], headers.payload_type[rows]
    begin, size = headers.begin[rows], headers.size[rows]
    broken = (
        (legs[1:] != legs[:-1])
        | (rows[1:] != rows[:-1] + 1)
        | (sequence[1:] != sequence[:-1] + np.uint16(1))
        | (rtp_time[1:] != rtp_time[:-1] + size[:-1].astype(np.uint32))
        | (kind[1:] != kind[:-1])
        | (begin[1:] != begin[:-1])
        | (size[1:] != size[:-1])
    )
    if alone is not None:
        broken |= alone[rows[1:]]
    return np.concatenate(([0], np.flatnonzero(broken) + 1))
