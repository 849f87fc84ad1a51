"""A load of RTP: one G.711 packet each 20 ms to each of many ports of this machine, sent by the hundred with sendmmsg.

What is sent is made with numpy in one block of memory, so that the load takes as little of the machine as it can.
With a `burst`, a leg's packets of so many frames leave together, as one send that the kernel cuts up on their way
(UDP_SEGMENT): packet by packet, loopback costs the sender more than it costs any recorder to capture them.
"""

from __future__ import annotations

import ctypes
import os
import socket
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

PAYLOAD = 160
PACKET = 12 + PAYLOAD
FRAME_S = 0.02
SLICE_S = 0.001
MOST_BEHIND_S = 1.0
UDP_SEGMENT = 103
_MSGHDR = np.dtype(
    {
        "names": ["name", "name_size", "vectors", "vectors_count"],
        "formats": ["u8", "u4", "u8", "u8"],
        "offsets": [0, 8, 16, 24],
        "itemsize": 64,
    }
)


class Load:
    """Packets to these ports of 127.0.0.1, `burst` of a leg at once."""

    def __init__(self, ports: Sequence[int], burst: int = 1) -> None:
        self._count, self._burst, self._size = len(ports), burst, burst * PACKET
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
        if burst > 1:
            self._socket.setsockopt(socket.SOL_UDP, UDP_SEGMENT, PACKET)
        whole = bytearray(os.urandom(self._count * self._size))
        self._packets = np.frombuffer(whole, np.uint8).reshape(-1, burst, PACKET)
        self._packets[:, :, 0], self._packets[:, :, 1] = 0x80, 0
        self._frame = 0
        self._headers = self._vector(ports)
        self._sendmmsg = ctypes.CDLL(None, use_errno=True).sendmmsg
        self._sendmmsg.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int)

    def _vector(self, ports: Sequence[int]) -> NDArray[np.void]:
        rows = np.arange(self._count, dtype=np.uint64)
        self._names = np.zeros((self._count, 16), np.uint8)
        self._names[:, 0] = socket.AF_INET
        self._names[:, 2:4] = np.asarray(ports, ">u2").view(np.uint8).reshape(-1, 2)
        self._names[:, 4:8] = (127, 0, 0, 1)
        self._vectors = np.empty((self._count, 2), np.uint64)
        self._vectors[:, 0] = self._packets.ctypes.data + rows * self._size
        self._vectors[:, 1] = self._size
        headers = np.zeros(self._count, _MSGHDR)
        headers["name"] = self._names.ctypes.data + rows * 16
        headers["name_size"] = 16
        headers["vectors"] = self._vectors.ctypes.data + rows * 16
        headers["vectors_count"] = 1
        return headers

    def send(self, seconds: float) -> tuple[int, int]:
        """Send for so long. Return how many packets went, and how many were owed.

        When it is a second behind it leaves out what it owes: the machine cannot make this load.
        """
        begun, sent, slices = time.monotonic(), 0, round(self._burst * FRAME_S / SLICE_S)
        begun_at, turn = begun, 0
        edges = [self._count * at // slices for at in range(slices + 1)]
        while (due := begun + turn * SLICE_S) < begun_at + seconds:
            wait = due - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            if wait < -MOST_BEHIND_S:
                begun += -wait
            at = turn % slices
            if at == 0:
                self._stamp()
            sent += self._burst * self._slice(edges[at], edges[at + 1])
            turn += 1
        return sent, round(seconds / FRAME_S) * self._count

    def _stamp(self) -> None:
        for at in range(self._burst):
            sequence, rtp_time = self._frame & 0xFFFF, self._frame * PAYLOAD & 0xFFFFFFFF
            self._packets[:, at, 2:4] = np.frombuffer(sequence.to_bytes(2, "big"), np.uint8)
            self._packets[:, at, 4:8] = np.frombuffer(rtp_time.to_bytes(4, "big"), np.uint8)
            self._frame += 1

    def _slice(self, begin: int, end: int) -> int:
        base, sent = self._headers.ctypes.data, 0
        while begin < end:
            went = self._sendmmsg(self._socket.fileno(), base + begin * 64, min(end - begin, 1024), 0)
            if went <= 0:
                raise OSError(ctypes.get_errno(), "sendmmsg")
            begin, sent = begin + went, sent + went
        return sent
