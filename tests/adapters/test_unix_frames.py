"""Frames over real Unix sockets."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest

from overt import protocol
from overt.adapters.unix_frames import Asker, FrameClient, FrameServer, short_path
from overt.ports import Unavailable


async def echo(frame: protocol.AnyFrame, asker: Asker) -> protocol.Frame | None:
    """Answers proofs; says nothing to the rest."""
    assert (asker.pid, asker.uid) == (os.getpid(), os.getuid())
    match frame:
        case protocol.Prove(index=0):
            return protocol.Failed(why="no such entry")
        case protocol.Prove(index=1):
            await asyncio.sleep(0.05)
    return frame if isinstance(frame, protocol.Prove) else None


async def test_replies_find_their_askers_in_any_order(tmp_path: Path) -> None:
    folder = tmp_path / ("deep" * 30)  # longer than the kernel's 108 bytes
    folder.mkdir()
    server, client = FrameServer(folder / "s.sock", echo), FrameClient()
    await server.start()
    assert (folder / "s.sock").stat().st_mode & 0o777 == 0o600
    await client.connect(folder / "s.sock")
    replies = await asyncio.gather(*(client.answer(protocol.Prove(index=number)) for number in range(1, 300)))
    assert [one.index for one in replies if isinstance(one, protocol.Prove)] == list(range(1, 300))
    with pytest.raises(Unavailable, match="no such entry"):
        await client.answer(protocol.Prove(index=0))
    client.close()
    await server.stop()
    assert not (folder / "s.sock").exists()


async def test_who_waits_is_told_when_the_other_side_dies(tmp_path: Path) -> None:
    lost: list[bool] = []
    server, client = FrameServer(tmp_path / "s.sock", echo), FrameClient(on_lost=lambda: lost.append(True))
    with pytest.raises(Unavailable):
        client.tell(protocol.Done())
    with pytest.raises(Unavailable):
        await client.connect(tmp_path / "s.sock")
    await server.start()
    await client.connect(tmp_path / "s.sock")
    waiting = client.ask(protocol.Done())  # never answered
    await asyncio.sleep(0.05)
    await server.stop()
    with pytest.raises(Unavailable):
        await waiting
    with pytest.raises(Unavailable):
        client.ask(protocol.Done())
    assert lost == [True] and not client.connected


async def test_noise_ends_its_connection_only(tmp_path: Path) -> None:
    server, client = FrameServer(tmp_path / "s.sock", echo), FrameClient()
    await server.start()
    await client.connect(tmp_path / "s.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stranger, short_path(tmp_path / "s.sock") as short:
        stranger.connect(short)
        stranger.setblocking(False)
        stranger.send(b"\x09" + b"noise")
        assert await asyncio.get_running_loop().sock_recv(stranger, 100) == b""
    assert await client.answer(protocol.Prove(index=5))
    client.close()
    await server.stop()


async def test_more_than_the_kernel_takes_waits_and_comes_in_order_with_its_descriptors(tmp_path: Path) -> None:
    door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with short_path(tmp_path / "s.sock") as short:
        door.bind(short)
    door.listen(1)
    client = FrameClient()
    await client.connect(tmp_path / "s.sock")
    peer, _ = door.accept()
    reading, writing = os.pipe()
    for number in range(2000):
        client.tell(protocol.Prove(index=number), (writing,) if number % 500 == 0 else ())
    seen, passed = [], 0
    peer.setblocking(False)
    while len(seen) < 2000:
        try:
            received, fds, _, _ = socket.recv_fds(peer, protocol.LARGEST_FRAME, 8)
        except BlockingIOError:
            await asyncio.sleep(0)
            continue
        frame = protocol.decode(received)
        assert isinstance(frame, protocol.Prove)
        seen.append(frame.index)
        passed += len(fds)
        for fd in (*fds,):
            os.close(fd)
    assert seen == list(range(2000)) and passed == 4
    client.close()
    for fd in (reading, writing):
        os.close(fd)
    peer.close()
    door.close()
