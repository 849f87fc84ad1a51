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
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import report
from overt.adapters import vault_keys
from rtp_load import Load

HERE = Path(__file__).parent
HZ = os.sysconf("SC_CLK_TCK")
SO_MEMINFO, SO_RCVBUFFORCE, MEMINFO_DROPS = 55, 33, 8
RECEIVE_BUFFER = 1 << 15  # doubled by the kernel: a leg may wait a second and a half
SETTLE_S = 0.6
SINGLY, BURST = 1500, 5
GIVEN_UP_PERCENT, MADE_PERCENT, SPARE_FILES = 50, 90, 100
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


def send(ports: Sequence[int], burst: int, seconds: float, answer: Connection) -> None:
    """The load's process."""
    answer.send(Load(ports, burst).send(seconds))


def measure(name: str, command: Sequence[str], calls: int, seconds: float) -> Row:
    """Have a recorder hear so many calls, two legs each; what it cost and what it lost."""
    burst = BURST if calls > SINGLY else 1
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
        ports = [one.getsockname()[1] for one in legs]
        load = mp.Process(target=send, args=(ports, burst, seconds, theirs))
        load.start()
        sent, owed = ours.recv()
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
        "recorder": name, "calls": calls, "burst": burst, "of_load_percent": round(100 * sent / owed), "sent": sent,
        "captured": counted["captured"], "lost_percent": round(100 * max(sent - counted["captured"], 0) / sent, 2), "kernel_dropped": dropped,
        "cpu_s": round(spent, 2), "packets_per_cpu_s": round(counted["captured"] / spent) if spent else 0,
        "memory_mib": round(counted["memory_kib"] / 1024),
    }  # fmt: skip


def recorders(folder: Path) -> dict[str, list[str]]:
    """The command of each recorder; without a C compiler there is no C loop, and that is said."""
    found = {
        "ours, sealed": [sys.executable, str(HERE / "capture_ours.py")],
        "asyncio callbacks": [sys.executable, str(HERE / "capture_callbacks.py")],
    }
    compiler = shutil.which("cc")
    if compiler is None:
        print("NO C COMPILER: the C loop is not measured", file=sys.stderr)
        return found
    loop = str(folder / "capture_loop")
    subprocess.run([compiler, "-O2", "-o", loop, str(HERE / "capture_loop.c")], check=True)
    return {**found, "C loop, each 100 ms": [loop, "100"], "C loop, at once": [loop, "0"]}


def compare(loads: Sequence[int], seconds: float) -> list[Row]:
    """Every recorder under every load, one after the other; who lost more than half gets no larger load."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        left = recorders(Path(folder))
        for calls in loads:
            for name, command in list(left.items()):
                row = measure(name, command, calls, seconds)
                print(row, flush=True)
                rows.append(row)
                if float(str(row["lost_percent"])) > GIVEN_UP_PERCENT:
                    del left[name]
    return rows


def verdict(rows: Sequence[Row]) -> str:
    """How ours stands to its aims, by the largest load that could be made and that it captured whole."""
    ours = [row for row in rows if row["recorder"] == "ours, sealed" and row["lost_percent"] == 0]
    whole = [row for row in ours if int(str(row["of_load_percent"])) >= MADE_PERCENT]
    if not whole:
        return "Ours captured no load whole, or none could be made."
    best = whole[-1]
    rate = int(str(best["packets_per_cpu_s"]))
    words = f"At {best['calls']} calls ours sealed {rate / 1e6:.2f} million packets a processor second (aim: 0.4)"
    loops = [row for row in rows if row["recorder"] == "C loop, each 100 ms" and row["calls"] == best["calls"]]
    if not loops:
        return words + "."
    return words + f", {rate / int(str(loops[0]['packets_per_cpu_s'])):.2f} of the C loop's (aim: a third)."


def main() -> None:
    """Measure and print; `--write` puts the table into docs/performance.md."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, nargs="+", default=[100, 500, 1000, 1500, 3000, 5000])
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", action="store_true")
    chosen = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    rows = compare([one for one in chosen.calls if 2 * one + SPARE_FILES < hard], chosen.seconds)
    text = f"{report.table(rows)}\n\n{verdict(rows)} Measured on {report.machine()}."
    print(json.dumps(rows) if chosen.json else text)
    if chosen.write:
        report.write("capture", text)


if __name__ == "__main__":
    main()
