"""The recorder as it is usually written: an asyncio DatagramProtocol a leg, a file a leg, in the clear, under no permit.

Sockets come as descriptors on the first line of the input; SIGTERM ends it, and it prints what it counted.
"""

from __future__ import annotations

import asyncio
import json
import resource
import signal
import socket
import sys
from pathlib import Path
from typing import BinaryIO


class Recorder(asyncio.DatagramProtocol):
    """Appends each packet's payload to its leg's file."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.captured = file, 0

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Take one packet."""
        if len(data) >= 12 and data[0] == 0x80:
            self.file.write(data[12:])
            self.captured += 1


async def record(folder: Path, descriptors: list[int]) -> None:
    """Record until SIGTERM."""
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    recorders = []
    for number, descriptor in enumerate(descriptors):
        recorder = Recorder((folder / f"{number}.payloads").open("wb"))
        transport, _ = await loop.create_datagram_endpoint(
            lambda one=recorder: one, sock=socket.socket(fileno=descriptor)
        )  # fmt: skip
        recorders.append((recorder, transport))
    print("ready", flush=True)
    await stopped.wait()
    for recorder, transport in recorders:
        transport.abort()
        recorder.file.close()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"captured": sum(one.captured for one, _ in recorders), "memory_kib": memory}))


if __name__ == "__main__":
    asyncio.run(record(Path(sys.argv[1]), [int(one) for one in sys.stdin.readline().split()]))
