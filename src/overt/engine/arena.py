"""One piece of memory that the packets of many sockets are received into: recvmmsg through ctypes.

It holds as many packets as one reading takes; what does not fit stays in the kernel, which counts what it drops.
Each packet comes with its source, the time at which the kernel had it, and the socket's count of drops.
"""

from __future__ import annotations

import ctypes
import ipaddress
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from overt.wire.rtp.columns import Bytes, Column
from overt.wire.rtp.packet import LARGEST_PACKET

SLOTS = 4096
MOST_A_LEG = 64
STRIDE = LARGEST_PACKET + 64  # no power of two: else every header would want the same lines of the cache
MOST_WAIT_NS = 1_000_000_000  # the kernel stamps by the wall clock: when that is set anew, no arrival is off by more
SO_RXQ_OVFL, SO_TIMESTAMPNS, MSG_TRUNC = 40, 35, 0x20
_CONTROL_BYTES, _NAME_BYTES = 64, 32
_STAMP_KIND = socket.SOL_SOCKET | SO_TIMESTAMPNS << 32
_STAMP_ONLY = 32
_HEADER = np.dtype({
    "names": ["name", "name_size", "vectors", "vectors_count", "control", "control_size", "flags", "size"],
    "formats": ["u8", "u4", "u8", "u8", "u8", "u8", "i4", "u4"],
    "offsets": [0, 8, 16, 24, 32, 40, 48, 56],
    "itemsize": 64,
})  # fmt: skip


def prepare(rtp: socket.socket) -> None:
    """Have the kernel stamp this socket's packets and count what it drops of them."""
    rtp.setblocking(False)
    rtp.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    rtp.setsockopt(socket.SOL_SOCKET, SO_RXQ_OVFL, 1)


Source = tuple[int, int, int]  # three words of a socket's address: family, port, address (IPv6: the second and third)
NOBODY: Source = (0, 0, 0)


def source_address(source: Source) -> str:
    """The address of a source; one of IPv4 that came over a socket of both is written as IPv4."""
    first, *rest = (word.to_bytes(8, sys.byteorder) for word in source)
    if source[0] & 0xFFFF != socket.AF_INET6:
        return socket.inet_ntoa(first[4:])
    address = ipaddress.IPv6Address(b"".join(rest))
    return str(address.ipv4_mapped or address)


def source_port(source: Source) -> int:
    """The port of a source."""
    return int.from_bytes(source[0].to_bytes(8, sys.byteorder)[2:4], "big")


@dataclass(frozen=True, slots=True)
class Reading:
    """What one reading brought, one row a packet, in the order of the sockets: valid until the next reading.

    `counts` says how many packets each socket gave. `sizes` is 0 where a packet was longer than its row. `arrivals`
    is monotonic nanoseconds. `dropped` has (row, count) where a socket told how many the kernel ever dropped.
    `names` has the words of each source; `sixth` says which are of IPv6, None when none is.
    """

    counts: list[int]
    packets: Bytes
    sizes: Column
    names: Column
    sixth: Column | None
    arrivals: Column
    dropped: list[tuple[int, int]]

    def come_from(self, known: Column, place: Column) -> Column:
        """Which rows come from the source that is known for their place: a row of three words a place."""
        same: Column = self.names[:, 0] == known[place, 0]
        if self.sixth is not None:
            same &= ~self.sixth | (self.names[:, 1:3] == known[place, 1:]).all(axis=1)
        return same

    def source(self, row: int) -> Source:
        """Where a row comes from."""
        first, second, third, _ = self.names[row].tolist()
        return (first, second, third) if first & 0xFFFF == socket.AF_INET6 else (first, 0, 0)


class Arena:
    """Room for `slots` packets, and the vectors that tell the kernel so."""

    def __init__(self, slots: int = SLOTS) -> None:
        self._slots = slots
        self._packets = np.zeros((slots, STRIDE), np.uint8)
        self._names = np.zeros((slots, _NAME_BYTES // 8), np.uint64)
        self._families = self._names.view(np.uint16)[:, 0]
        self._control = np.zeros((slots, _CONTROL_BYTES // 8), np.int64)
        self._vectors = np.empty((slots, 2), np.uint64)
        self._headers = np.zeros(slots, _HEADER)
        rows = np.arange(slots, dtype=np.uint64)
        self._vectors[:, 0] = self._packets.ctypes.data + rows * STRIDE
        self._vectors[:, 1] = LARGEST_PACKET
        self._headers["name"] = self._names.ctypes.data + rows * _NAME_BYTES
        self._headers["vectors"] = self._vectors.ctypes.data + rows * 16
        self._headers["vectors_count"] = 1
        self._headers["control"] = self._control.ctypes.data + rows * _CONTROL_BYTES
        self._offer(slots)
        self._places = [ctypes.c_void_p(self._headers.ctypes.data + at * _HEADER.itemsize) for at in range(slots)]
        # PyDLL keeps the interpreter's lock: the call never waits, and handing the lock about costs more than it
        self._recvmmsg = ctypes.PyDLL(None).recvmmsg

    def _offer(self, count: int) -> None:
        """Say again how much room there is: the kernel overwrote it with what it used."""
        self._headers["name_size"][:count] = _NAME_BYTES
        self._headers["control_size"][:count] = _CONTROL_BYTES

    def read(self, descriptors: Sequence[int], start: int = 0, most: int = SLOTS) -> Reading:
        """Read what waits in sockets, from `start` on, until all were asked, `most` of them, or about `most` packets came.

        No socket gives more than MOST_A_LEG, so that a flood of one takes nothing from the others.
        """
        begun_ns = time.monotonic_ns()
        most = min(most, self._slots)
        counts, filled = self._receive(descriptors[start : start + most], max(most - MOST_A_LEG, 0))
        ended_ns = time.monotonic_ns()
        headers = self._headers[:filled]
        stamps = self._control[:filled]
        offset = time.time_ns() - time.monotonic_ns()
        stamped = stamps[:, 2] * 1_000_000_000 + stamps[:, 3] - offset
        arrivals = np.where(stamps[:, 1] == _STAMP_KIND, stamped, ended_ns)
        np.clip(arrivals, begun_ns - MOST_WAIT_NS, ended_ns, out=arrivals)
        sizes = np.where(headers["flags"] & MSG_TRUNC, 0, headers["size"]).astype(np.int64)
        dropped = np.flatnonzero(headers["control_size"] > _STAMP_ONLY)
        told = list(zip(dropped.tolist(), (stamps[dropped, 6] & 0xFFFFFFFF).tolist(), strict=True))
        self._offer(filled)
        sixth: Column = self._families[:filled] == socket.AF_INET6
        return Reading(
            counts, self._packets[:filled], sizes, self._names[:filled], sixth if sixth.any() else None, arrivals, told
        )  # fmt: skip

    def _receive(self, descriptors: Sequence[int], brim: int) -> tuple[list[int], int]:
        receive, places = self._recvmmsg, self._places
        wait_not, filled = socket.MSG_DONTWAIT, 0
        counts: list[int] = []
        for descriptor in descriptors:
            got = receive(descriptor, places[filled], MOST_A_LEG, wait_not, None)
            if got > 0:
                filled += got
                counts.append(got)
                if filled > brim:
                    break
            else:
                counts.append(0)
        return counts, filled
