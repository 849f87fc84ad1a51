"""Frames between our own processes: SOCK_SEQPACKET Unix sockets on asyncio, with descriptors passed along.

A path of a Unix socket is at most 107 bytes; the folder is opened first and the socket reached through its descriptor,
so that a data folder may stand as deep as it likes.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from overt.ports import Unavailable
from overt.protocol import LARGEST_FRAME, AnyFrame, Failed, Frame, ProtocolMismatch, decode, encode

MOST_WAITING = 20_000
BACKLOG = 64
_MOST_FDS = 8

OnFrame = Callable[[AnyFrame, list[int]], None]


@contextmanager
def short_path(path: Path) -> Iterator[str]:
    """A path to the same socket, short enough for the kernel."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


class Channel:
    """One connection. Sending never blocks: what the kernel does not take waits in order."""

    def __init__(self, peer: socket.socket, on_frame: OnFrame, on_lost: Callable[[], None]) -> None:
        peer.setblocking(False)
        self._peer, self._on_frame, self._on_lost = peer, on_frame, on_lost
        self._loop = asyncio.get_running_loop()
        self._waiting: list[tuple[bytes, Sequence[int]]] = []
        self.closed = False
        self._loop.add_reader(peer.fileno(), self._read)

    def send(self, frame: Frame, fds: Sequence[int] = ()) -> None:
        """Send a frame. Raises Unavailable when the other side is gone or takes nothing."""
        if self.closed or len(self._waiting) > MOST_WAITING:
            raise Unavailable("socket", "the other process is gone, or takes nothing")
        self._waiting.append((encode(frame), fds))
        if len(self._waiting) == 1:
            self._flush()

    def _flush(self) -> None:
        try:
            while self._waiting:
                encoded, fds = self._waiting[0]
                if fds:
                    socket.send_fds(self._peer, [encoded], list(fds))
                else:
                    self._peer.send(encoded)
                self._waiting.pop(0)
            self._loop.remove_writer(self._peer.fileno())
        except BlockingIOError:
            self._loop.add_writer(self._peer.fileno(), self._flush)
        except OSError:
            self.close()

    def _read(self) -> None:
        for _ in range(64):
            try:
                received, fds, _, _ = socket.recv_fds(self._peer, LARGEST_FRAME, _MOST_FDS)
            except BlockingIOError:
                return
            except OSError:
                received, fds = b"", []
            if not received:
                self.close()
                return
            try:
                frame = decode(received)
            except ProtocolMismatch:
                for fd in fds:
                    os.close(fd)
                self.close()
                return
            self._on_frame(frame, fds)
            if self.closed:
                return

    def close(self) -> None:
        """Close the connection; `on_lost` is called once."""
        if self.closed:
            return
        self.closed = True
        self._loop.remove_reader(self._peer.fileno())
        self._loop.remove_writer(self._peer.fileno())
        self._peer.close()
        self._on_lost()


class FrameClient:
    """The asking side: requests have a number, replies find their asker, other frames go to `on_frame`."""

    def __init__(self, on_frame: OnFrame | None = None, on_lost: Callable[[], None] | None = None) -> None:
        self._on_frame, self._lost = on_frame, on_lost
        self._asked: dict[int, asyncio.Future[AnyFrame]] = {}
        self._number = 0
        self._channel: Channel | None = None

    async def connect(self, path: Path) -> None:
        """Connect. Raises Unavailable."""
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with short_path(path) as short:
                peer.connect(short)
        except OSError as error:
            peer.close()
            raise Unavailable(path.stem, error.strerror or "cannot connect") from error
        self._channel = Channel(peer, self._frame, self._gone)

    @property
    def connected(self) -> bool:
        """True while the connection stands."""
        return self._channel is not None and not self._channel.closed

    def _frame(self, frame: AnyFrame, fds: list[int]) -> None:
        asked = self._asked.pop(frame.n, None) if frame.n else None
        if asked is not None:
            if not asked.done():
                asked.set_result(frame)
        elif self._on_frame is not None:
            self._on_frame(frame, fds)

    def _gone(self) -> None:
        for asked in self._asked.values():
            if not asked.done():
                asked.set_exception(Unavailable("socket", "the other process is gone"))
        self._asked.clear()
        if self._lost is not None:
            self._lost()

    def tell(self, frame: Frame, fds: Sequence[int] = ()) -> None:
        """Send a frame that nobody answers. Raises Unavailable."""
        if self._channel is None:
            raise Unavailable("socket", "not connected")
        self._channel.send(frame, fds)

    def ask(self, frame: Frame, fds: Sequence[int] = ()) -> asyncio.Future[AnyFrame]:
        """Send a request now and return its reply's future. Raises Unavailable at once when nobody is there."""
        self._number += 1
        future: asyncio.Future[AnyFrame] = asyncio.get_running_loop().create_future()
        self._asked[self._number] = future
        try:
            self.tell(msgspec.structs.replace(frame, n=self._number), fds)
        except Unavailable:
            self._asked.pop(self._number, None)
            raise
        return future

    async def answer(self, frame: Frame, fds: Sequence[int] = ()) -> AnyFrame:
        """Ask and wait. Raises Unavailable when the other side is gone or says that it failed."""
        reply = await self.ask(frame, fds)
        if isinstance(reply, Failed):
            raise Unavailable("process", reply.why, retry=reply.retry)
        return reply

    def close(self) -> None:
        """Close the connection."""
        if self._channel is not None:
            self._channel.close()


@dataclass(frozen=True, slots=True)
class Asker:
    """Who is at the other end, as the kernel says (SO_PEERCRED)."""

    pid: int
    uid: int


Handle = Callable[[AnyFrame, Asker], Awaitable[Frame | None]]


class FrameServer:
    """The answering side: one task a request, replies carry its number."""

    def __init__(self, path: Path, handle: Handle) -> None:
        self._path, self._handle = path, handle
        self._door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._channels: set[Channel] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen. A socket left by a dead process is replaced."""
        with suppress(FileNotFoundError):
            self._path.unlink()
        with short_path(self._path) as short:
            self._door.bind(short)
        self._path.chmod(0o600)
        self._door.listen(BACKLOG)
        self._door.setblocking(False)
        asyncio.get_running_loop().add_reader(self._door.fileno(), self._accept)

    def _accept(self) -> None:
        try:
            peer, _ = self._door.accept()
        except OSError:
            return
        pid, uid, _ = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        channel: Channel

        def on_frame(frame: AnyFrame, fds: list[int]) -> None:
            for fd in fds:
                os.close(fd)
            task = asyncio.create_task(self._answer(channel, frame, Asker(pid, uid)))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        channel = Channel(peer, on_frame, lambda: self._channels.discard(channel))
        self._channels.add(channel)

    async def _answer(self, channel: Channel, frame: AnyFrame, asker: Asker) -> None:
        reply = await self._handle(frame, asker)
        if reply is not None and not channel.closed:
            with suppress(Unavailable, ProtocolMismatch):
                channel.send(msgspec.structs.replace(reply, n=frame.n))

    async def stop(self) -> None:
        """Stop listening and close every connection."""
        asyncio.get_running_loop().remove_reader(self._door.fileno())
        self._door.close()
        for channel in list(self._channels):
            channel.close()
        with suppress(FileNotFoundError):
            self._path.unlink()
