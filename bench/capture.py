"""`make bench-capture`: calls recorded beside their way, by ours and by two others under the same load, one after the other.

Ours seals everything under permits; the asyncio recorder and the C loop write what they hear to files in the clear,
which Overt never does: they say what sealing and asking cost. Each is a process of its own, its processor time is the
kernel's count, and what it lost is what was sent less what it counted.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing as mp
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from overt.adapters import vault_keys
from rtp_load import Load

HERE = Path(__file__).parent
HZ = os.sysconf("SC_CLK_TCK")
SO_MEMINFO, SO_RCVBUFFORCE, MEMINFO_DROPS = 55, 33, 8
RECEIVE_BUFFER = 1 << 15  # doubled by the kernel: a leg may wait a second and a half
SETTLE_S = 0.6
Row = Mapping[str, object]


def cpu_seconds(pid: int) -> float:
    """Processor seconds of a process, user and system, its threads included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / HZ


def sockets(count: int) -> list[socket.socket]:
    """So many UDP sockets of this machine."""
    made = []
    for _ in range(count):
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            one.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
        except PermissionError:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        one.bind(("127.0.0.1", 0))
        one.setblocking(False)
        made.append(one)
    return made


def kernel_dropped(legs: Sequence[socket.socket]) -> int:
    """How many packets the kernel dropped at these sockets."""
    meminfo = [one.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, 36) for one in legs]
    return sum(struct.unpack("=9I", one)[MEMINFO_DROPS] for one in meminfo)


def send(ports: Sequence[int], seconds: float, answer: mp.connection.Connection) -> None:
    """The load's process."""
    answer.send(Load(ports).send(seconds))


def measure(name: str, command: Sequence[str], calls: int, seconds: float) -> Row:
    """Have a recorder hear so many calls, two legs each; what it cost and what it lost."""
    legs = sockets(2 * calls)
    descriptors = [one.fileno() for one in legs]
    with tempfile.TemporaryDirectory() as folder:
        vault_keys.generate(Path(folder))
        recorder = subprocess.Popen(
            [*command, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=descriptors, text=True
        )  # fmt: skip
        assert recorder.stdin is not None and recorder.stdout is not None
        recorder.stdin.write(" ".join(map(str, descriptors)) + "\n")
        recorder.stdin.close()
        if recorder.stdout.readline().strip() != "ready":
            raise SystemExit(f"{name} did not start")
        before = cpu_seconds(recorder.pid)
        ours, theirs = mp.Pipe()
        load = mp.Process(target=send, args=([one.getsockname()[1] for one in legs], seconds, theirs))
        load.start()
        sent, behind_s = ours.recv()
        load.join()
        time.sleep(SETTLE_S)
        spent = cpu_seconds(recorder.pid) - before
        recorder.send_signal(signal.SIGTERM)
        counted = json.loads(recorder.stdout.readline())
        recorder.wait()
        dropped = kernel_dropped(legs)
    for one in legs:
        one.close()
    if counted.get("wrong"):
        print(f"{name}, {calls} calls: {counted['wrong']}", file=sys.stderr)
    return {
        "recorder": name, "calls": calls, "sent": sent, "behind_s": round(behind_s, 2), "captured": counted["captured"],
        "lost_percent": round(100 * (sent - counted["captured"]) / sent, 2), "kernel_dropped": dropped,
        "cpu_s": round(spent, 2), "packets_per_cpu_s": round(counted["captured"] / spent) if spent else 0,
        "memory_mib": round(counted["memory_kib"] / 1024),
    }  # fmt: skip


def main() -> None:
    """Measure and print; `--write` puts table and pictures into docs/."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, nargs="+", default=[100, 500, 1000, 2000, 3500, 5000])
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--write", action="store_true")
    chosen = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    rows = []
    for calls in chosen.calls:
        rows.append(measure("ours, sealed", [sys.executable, str(HERE / "capture_ours.py")], calls, chosen.seconds))
        print(rows[-1], flush=True)


if __name__ == "__main__":
    main()
