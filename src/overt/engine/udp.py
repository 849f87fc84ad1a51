"""What Python's sockets cannot say of UDP."""

from __future__ import annotations

import ctypes
import socket
import struct

_SO_MEMINFO, _MEMINFO_DROPS = 55, 8


def kernel_drops(rtp: socket.socket) -> int:
    """How many packets the kernel dropped because nobody read them in time."""
    counts = struct.unpack_from(f"={_MEMINFO_DROPS + 1}I", rtp.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 36))
    return int(counts[_MEMINFO_DROPS])


def disconnect(rtp: socket.socket) -> None:
    """Undo connect() on a UDP socket: connect to AF_UNSPEC, which Python's connect cannot express."""
    libc = ctypes.CDLL(None, use_errno=True)
    unspecified = (ctypes.c_char * 16)()
    libc.connect(rtp.fileno(), unspecified, 16)
