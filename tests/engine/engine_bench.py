"""A real engine process for tests: a blocking signaller, and phones that are bare UDP sockets."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import TypeVar

import msgspec

from overt import protocol
from overt.adapters import vault_keys
from overt.adapters.unix_frames import short_path
from overt.ports import CaptureAccount
from overt.vault.format import Record, read_records
from overt.vault.track import Part, Run, read_parts
from overt.vault.unseal import AuthenticatedEnd, unseal
from overt.wire.rtp.packet import Packet

KEY = b"k" * 32
CALL = "018f0000-0000-7000-8000-000000000001"
RECORDING = "018f0000-0000-7000-8000-000000000002"
F = TypeVar("F", bound=protocol.Frame)


class Phone:
    """One end of a leg: RTP and RTCP sockets, its own numbers."""

    def __init__(self, address: str = "127.0.0.1", payload_type: int = 0) -> None:
        self.rtp, self.rtcp = bound(address), bound(address)
        self.address, self.payload_type, self.ssrc = address, payload_type, 0x1000
        self.to: tuple[str, int] = ("", 0)
        self.sequence, self.time = 65_530, 2**32 - 800  # so that both wrap early

    def speak(self, payload: bytes, payload_type: int | None = None) -> None:
        """Send one packet."""
        kind = self.payload_type if payload_type is None else payload_type
        self.rtp.sendto(bytes(Packet(kind, self.sequence, self.time, self.ssrc, payload)), self.to)
        self.sequence, self.time = self.sequence + 1 & 0xFFFF, self.time + 160 & 0xFFFFFFFF

    def event(self, payload: bytes, payload_type: int = 101) -> None:
        """Send one packet of a key; its RTP time stands still."""
        self.rtp.sendto(bytes(Packet(payload_type, self.sequence, self.time, self.ssrc, payload)), self.to)
        self.sequence = self.sequence + 1 & 0xFFFF

    def hear(self, wait_s: float = 1.0) -> Packet | None:
        """The next packet, None when none comes."""
        self.rtp.settimeout(wait_s)
        try:
            return Packet.parse(self.rtp.recv(2048))
        except TimeoutError:
            return None

    def hear_all(self, wait_s: float = 0.2) -> list[Packet]:
        """Everything that comes until nothing comes."""
        return list(iter(lambda: self.hear(wait_s), None))


def bound(address: str = "127.0.0.1") -> socket.socket:
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.bind((address, 0))
    return one


def media_socket() -> socket.socket:
    """A socket bound to a port by its number, as the pool binds them: only so it keeps the port when disconnected."""
    with bound() as free:
        address = free.getsockname()
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.bind(address)
    return one


class EngineProcess:
    """An engine in a data folder of its own, and its signaller."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not (folder / "keys").exists():
            vault_keys.generate(folder / "keys")
            (folder / "run").mkdir()
        self.start()

    def start(self) -> None:
        """Start the process; the one before is dead."""
        self.path = self.folder / "run" / "engine-0.sock"
        self.path.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "overt.compose.engine", str(self.folder), "engine-0"], stdin=subprocess.PIPE
        )
        assert self.process.stdin is not None
        self.process.stdin.write(KEY.hex().encode() + b"\n")
        self.process.stdin.close()
        self.signaller = Signaller(self.path)

    def kill(self) -> None:
        """kill -9."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """SIGTERM, and wait."""
        self.process.terminate()
        assert self.process.wait(10) == 0

    def spooled(self) -> bytes:
        """All bytes of its spool."""
        folder = self.folder / "spool" / "engine-0"
        return b"".join(path.read_bytes() for path in sorted(folder.glob("0*")))

    def records(self, recording: str = RECORDING) -> list[Record]:
        """A recording's records in the spool, without those that only tell of it."""
        return [one for one in read_records(self.spooled()) if one.recording == recording and not one.flags & 0x0C]


class Signaller:
    """A blocking client of the engine; what it is told without asking collects in `told`."""

    def __init__(self, path: Path, key: bytes = KEY, hello: bool = True) -> None:
        deadline = time.monotonic() + 15
        while True:
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            try:
                with short_path(path) as short:
                    self.socket.connect(short)
                break
            except OSError:
                self.socket.close()
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        self.numbers = itertools.count(1)
        self.told: list[protocol.AnyFrame] = []
        self.descriptors: list[list[int]] = []
        if hello:
            assert isinstance(self.ask(protocol.Hello(proof=protocol.hello_proof(key))), protocol.Done)

    def ask(self, frame: protocol.Frame, fds: tuple[int, ...] = ()) -> protocol.AnyFrame:
        """Send a request and return its reply."""
        number = next(self.numbers)
        socket.send_fds(self.socket, [protocol.encode(msgspec.structs.replace(frame, n=number))], list(fds))
        while True:
            reply = self._receive(10)
            if reply.n == number:
                return reply
            self.told.append(reply)

    def tell(self, frame: protocol.Frame) -> None:
        """Send a frame that has no reply."""
        self.socket.send(protocol.encode(frame))

    def _receive(self, wait_s: float) -> protocol.AnyFrame:
        self.socket.settimeout(wait_s)
        received, fds, _, _ = socket.recv_fds(self.socket, protocol.LARGEST_FRAME, 8)
        if not received:
            raise ConnectionResetError
        if fds:
            self.descriptors.append(list(fds))
        return protocol.decode(received)

    def wait(self, kind: type[F], wait_s: float = 5.0) -> F:
        """The next frame of a kind that the engine tells."""
        deadline = time.monotonic() + wait_s
        while True:
            for one in self.told:
                if isinstance(one, kind):
                    self.told.remove(one)
                    return one
            self.told.append(self._receive(max(deadline - time.monotonic(), 0.001)))

    def allocate(self, call: str = CALL, rtp_timeout_ms: int = 30_000, beside: bool = False) -> tuple[int, int]:
        """Bring a call; the engine's RTP ports of caller and agent."""
        ours = [media_socket() for _ in range(4)]
        frame = protocol.Allocate(tenant="main", call=call, rtp_timeout_ms=rtp_timeout_ms, beside=beside)
        assert isinstance(self.ask(frame, tuple(one.fileno() for one in ours)), protocol.Done)
        ports = ours[0].getsockname()[1], ours[2].getsockname()[1]
        for one in ours:
            one.close()
        return ports

    def connect(self, side: str, phone: Phone, call: str = CALL, **other: object) -> None:
        """Connect a leg to a phone."""
        frame = protocol.Connect(
            call=call, side=side, address=phone.address, port=phone.rtp.getsockname()[1],
            rtcp_port=phone.rtcp.getsockname()[1], codec="PCMA" if phone.payload_type == 8 else "PCMU",
            payload_type=phone.payload_type, event_type=101,
        )  # fmt: skip
        assert isinstance(self.ask(msgspec.structs.replace(frame, **other)), protocol.Done)

    def permit(self, call: str = CALL, recording: str = RECORDING, **other: object) -> protocol.OpenCapture:
        """A permit, not signed yet."""
        frame = protocol.OpenCapture(
            tenant="main", call=call, episode="018f0000-0000-7000-8000-0000000000ee", recording=recording,
            roster=("caller", "agent"), purposes=("recording",), tracks=("caller", "agent"), stop_keys="*",
            lease_ms=60_000, ledger_index=3, erasure_secret=b"e" * 32,
        )  # fmt: skip
        return msgspec.structs.replace(frame, **other)

    def open(self, **other: object) -> protocol.AnyFrame:
        """Open capture under an authentic permit."""
        return self.ask(protocol.signed(self.permit(**other), KEY))

    def bridge(self, caller: Phone, agent: Phone, call: str = CALL, **other: int) -> None:
        """A call with both legs connected and joined."""
        ports = self.allocate(call, **other)
        for side, phone, port in (("caller", caller, ports[0]), ("agent", agent, ports[1])):
            phone.to = ("127.0.0.1", port)
            self.connect(side, phone, call)
        assert isinstance(self.ask(protocol.Relay(call=call, stop_keys="*")), protocol.Done)

    def release(self, call: str = CALL) -> dict[str, dict[str, int]]:
        """End the call; its counters."""
        released = self.ask(protocol.Release(call=call))
        assert isinstance(released, protocol.Released)
        return released.counters


def tone(number: int) -> bytes:
    """A payload that is like no other."""
    return struct.pack(">I", 0xA5000000 + number) * 40


def limit_files(pid: int, size: int) -> None:
    """From now on no file of the process may grow beyond a size: as a full disk, but for one process."""
    import resource

    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def open_descriptors(pid: int) -> int:
    """How many descriptors a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def opened(
    engine: EngineProcess, end: protocol.Captured | protocol.Interrupted | CaptureAccount | None = None
) -> list[Part]:
    """The parts of a recording in the spool, opened as the opener would: to its END, or to the end that is stated."""
    key = vault_keys.read_opening_key(engine.folder / "keys")
    stated = AuthenticatedEnd(end.chunks, end.head) if end is not None else None
    chunks = unseal(engine.records(), key, b"e" * 32, stated)
    return [part for chunk in chunks if not chunk.last for part in read_parts(chunk.plaintext)]


def sound(parts: list[Part], payload_type: int = 0) -> bytes:
    """The payload bytes of every run of a law, in order."""
    return b"".join(one.payload for one in parts if isinstance(one, Run) and one.payload_type == payload_type)
