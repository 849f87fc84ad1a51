"""The pool of media ports: pairs of an even RTP port and the odd RTCP port above it (RFC 3550 §11).

A pair that was freed is used again last, and not before it has rested, so that late packets of an old call never
reach a new one.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from overt.ports import Unavailable

REST_NS = 60 * 1_000_000_000


@dataclass(frozen=True, slots=True)
class Pair:
    """Two bound sockets. `port` is the RTP port."""

    port: int
    rtp: socket.socket
    rtcp: socket.socket

    @property
    def fds(self) -> tuple[int, int]:
        """Both descriptors, RTP first."""
        return self.rtp.fileno(), self.rtcp.fileno()


class PortPool:
    """Binds and frees pairs on one address."""

    def __init__(self, address: str, first: int, last: int, monotonic_ns: Callable[[], int]) -> None:
        self._address, self._now = address, monotonic_ns
        self._free: deque[tuple[int, int]] = deque((port, 0) for port in range(first + first % 2, last, 2))
        self._open: dict[int, Pair] = {}

    @property
    def open_pairs(self) -> int:
        """How many pairs are bound now."""
        return len(self._open)

    def take(self) -> Pair:
        """Bind the pair that has rested longest. Raises Unavailable when none is left."""
        for _ in range(len(self._free)):
            port, rested = self._free[0]
            if rested > self._now():
                break
            self._free.popleft()
            try:
                pair = Pair(port, _bound(self._address, port), _bound(self._address, port + 1))
            except OSError:
                self._free.append((port, self._now() + REST_NS))
                continue
            self._open[port] = pair
            return pair
        raise Unavailable("media ports", "every port of the range is in use or resting; widen rtp_first … rtp_last")

    def adopt(self, rtp: socket.socket, rtcp: socket.socket) -> Pair:
        """Take over a pair that another process bound."""
        pair = Pair(rtp.getsockname()[1], rtp, rtcp)
        self._free = deque(one for one in self._free if one[0] != pair.port)
        self._open[pair.port] = pair
        return pair

    def free(self, pair: Pair) -> None:
        """Close a pair; it rests before it is used again."""
        if self._open.pop(pair.port, None) is None:
            return
        pair.rtp.close()
        pair.rtcp.close()
        self._free.append((pair.port, self._now() + REST_NS))


def _bound(address: str, port: int) -> socket.socket:
    one = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        one.bind((address, port))
    except OSError:
        one.close()
        raise
    one.setblocking(False)
    return one
