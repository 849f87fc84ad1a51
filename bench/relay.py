"""`make bench`: one engine relays and seals G.711 calls on loopback; packets, delay, losses, processor seconds.

The load process sends every call's two legs each 20 ms with sendmmsg-like bursts and reads what comes back; each packet
carries its sending time, so the delay that the engine adds is measured from outside. Nothing is timed by the engine.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing as mp
import os
import secrets
import select
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import report
from overt import protocol
from overt.adapters import vault_keys
from overt.adapters.unix_frames import short_path

FRAME = struct.Struct(">BBHIIQ")
PAYLOAD = 160
TICK_NS = 20_000_000
LEASE_MS = 60_000
HZ = os.sysconf("SC_CLK_TCK")


class Signaller:
    """A blocking client of the engine's frames."""

    def __init__(self, path: Path, key: bytes) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with short_path(path) as short:
            self._socket.connect(short)
        self._number = 0
        self._sink = _bound()
        self._key = key
        self.ask(protocol.Hello(proof=protocol.hello_proof(key)))

    def ask(self, frame: protocol.Frame, fds: tuple[int, ...] = ()) -> protocol.AnyFrame:
        """Send a request and wait for its reply."""
        self._number += 1
        numbered = protocol.msgspec.structs.replace(frame, n=self._number)
        socket.send_fds(self._socket, [protocol.encode(numbered)], list(fds))
        while True:
            reply = protocol.decode(self._socket.recv(protocol.LARGEST_FRAME))
            if reply.n == self._number:
                if isinstance(reply, protocol.Failed):
                    raise SystemExit(reply.why)
                return reply

    def tell(self, frame: protocol.Frame) -> None:
        """Send a frame that has no reply."""
        self._socket.send(protocol.encode(frame))

    def open_call(self, call: str, ports: tuple[int, int]) -> tuple[int, int]:
        """Bring a call with both legs connected, relayed and captured; return the engine's two RTP ports."""
        ours = [_bound() for _ in range(4)]
        self.ask(protocol.Allocate(tenant="main", call=call), tuple(one.fileno() for one in ours))
        for side, port in zip(("caller", "agent"), ports, strict=True):
            self.ask(
                protocol.Connect(
                    call=call,
                    side=side,
                    address="127.0.0.1",
                    port=port,
                    rtcp_port=self._sink.getsockname()[1],
                    codec="PCMU",
                    payload_type=0,
                )
            )
        self.ask(protocol.Relay(call=call, stop_keys="*"))
        order = protocol.OpenCapture(
            tenant="main", call=call, episode=call, recording=call, roster=("caller", "agent"), purposes=("recording",),
            tracks=("caller", "agent"), stop_keys="*", lease_ms=LEASE_MS, ledger_index=0, erasure_secret=b"e" * 32,
        )  # fmt: skip
        self.ask(protocol.signed(order, self._key))
        numbers = ours[0].getsockname()[1], ours[2].getsockname()[1]
        for one in ours:
            one.close()
        return numbers


def _bound() -> socket.socket:
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    one.bind(("127.0.0.1", 0))
    return one


def cpu_seconds(pid: int) -> float:
    """Processor seconds of a process, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / HZ


def load(calls: int, seconds: float, pipe: mp.connection.Connection) -> None:
    """The load process: a socket a leg, spread over the 20 ms tick; delays of what arrives."""
    legs = [_bound() for _ in range(2 * calls)]
    pipe.send([one.getsockname()[1] for one in legs])
    for leg, port in zip(legs, pipe.recv(), strict=True):
        leg.connect(("127.0.0.1", port))
        leg.setblocking(False)
    epoll = select.epoll()
    by_fd = {leg.fileno(): leg for leg in legs}
    for fd in by_fd:
        epoll.register(fd, select.EPOLLIN)
    delays: list[int] = []
    sent = frame = turn = 0
    body, buffer = b"\xd5" * (PAYLOAD - 8), bytearray(2048)
    begun = clock = time.monotonic_ns()
    ends = begun + int(seconds * 1e9)
    step = TICK_NS // len(legs)
    while clock < ends + 300_000_000:
        clock = time.monotonic_ns()
        while clock < ends and begun + frame * TICK_NS + turn * step <= clock:
            head = FRAME.pack(0x80, 0, frame & 0xFFFF, frame * PAYLOAD & 0xFFFFFFFF, 0x1000 + turn, time.monotonic_ns())
            legs[turn].send(head + body)
            sent += 1
            turn += 1
            if turn == len(legs):
                turn, frame = 0, frame + 1
        for fd, _ in epoll.poll(0.0005, 256):
            size = by_fd[fd].recv_into(buffer)
            if size == 172:
                delays.append(time.monotonic_ns() - FRAME.unpack_from(buffer)[5])
    delays.sort()
    pipe.send(
        (sent, len(delays), delays[len(delays) // 2] / 1e6, delays[int(len(delays) * 0.99)] / 1e6, delays[-1] / 1e6)
    )


def measure(calls: int, seconds: float) -> dict[str, float]:
    """Run one engine with so many calls, and return what was measured."""
    key = secrets.token_bytes(32)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        vault_keys.generate(folder / "keys")
        (folder / "run").mkdir()
        engine = subprocess.Popen(
            [sys.executable, "-m", "overt.compose.engine", str(folder), "engine-0"], stdin=subprocess.PIPE, text=True
        )
        assert engine.stdin is not None
        engine.stdin.write(key.hex() + "\n")
        engine.stdin.close()
        path = folder / "run" / "engine-0.sock"
        while not path.exists():
            time.sleep(0.02)
        time.sleep(0.2)
        try:
            return _loaded(Signaller(path, key), engine.pid, folder, calls, seconds)
        finally:
            engine.terminate()
            engine.wait()


def _loaded(signaller: Signaller, pid: int, folder: Path, calls: int, seconds: float) -> dict[str, float]:
    ours, theirs = mp.Pipe()
    process = mp.Process(target=load, args=(calls, seconds, theirs))
    process.start()
    ports = ours.recv()
    names = [f"018f0000-0000-7000-8000-{number:012x}" for number in range(calls)]
    engine_ports: list[int] = []
    for number, name in enumerate(names):
        engine_ports += signaller.open_call(name, (ports[2 * number], ports[2 * number + 1]))
    before = cpu_seconds(pid)
    ours.send(engine_ports)
    sent, back, p50, p99, worst = ours.recv()
    spent = cpu_seconds(pid) - before
    process.join()
    captured = kernel = 0
    for name in names:
        released = signaller.ask(protocol.Release(call=name))
        assert isinstance(released, protocol.Released)
        captured += sum(one["captured"] for one in released.counters.values())
        kernel += sum(one["kernel_dropped"] for one in released.counters.values())
    sealed = sum(file.stat().st_size for file in (folder / "spool").rglob("*") if file.is_file())
    return {
        "calls": calls, "packets": sent, "lost": sent - back, "captured": captured, "kernel_dropped": kernel,
        "p50_ms": round(p50, 2), "p99_ms": round(p99, 2), "worst_ms": round(worst, 1),
        "engine_cpu_s": round(spent, 2), "packets_per_cpu_s": round(sent / spent) if spent else 0, "sealed_bytes": sealed,
    }  # fmt: skip


def main() -> None:
    """Measure and print; `--write` puts the table into docs/performance.md."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, nargs="+", default=[100, 300, 500, 700])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", action="store_true")
    chosen = parser.parse_args()
    rows = [measure(calls, chosen.seconds) for calls in chosen.calls]
    if chosen.json:
        print(json.dumps(rows))
        return
    print(report.table(rows))
    if chosen.write:
        report.write("measured", report.table(rows))


if __name__ == "__main__":
    main()
