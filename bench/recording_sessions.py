"""`make bench-sessions`: recording sessions in one engine process, ordered through its desk as signalling orders them.

Each session is two legs that are only heard, 50 packets a second each, captured and sealed under a permit whose lease is
renewed; beside some of them the same engine relays calls in path, whose delay is measured from outside (`relay.py`).
"""

from __future__ import annotations

import argparse
import json
import multiprocessing as mp
import os
import resource
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import report
from capture import BURST, SETTLE_S, SINGLY, cpu_seconds, sockets
from overt import protocol
from overt.adapters import vault_keys
from relay import Signaller, load
from rtp_load import Load

LEASE_MS, RENEW_S, AIM, FILES_EACH = 500, 0.15, 5000, 4
LOADS = ((1000, 0), (3000, 0), (0, 50), (1000, 50))
Row = dict[str, object]


def send(ports: Sequence[int], burst: int, seconds: float, answer: Connection) -> None:
    """The load's process: begins when told to."""
    made = Load(ports, burst)
    answer.recv()
    answer.send(made.send(seconds))


def named(number: int, kind: str) -> str:
    """A UUID for a call of a kind."""
    return f"018f0000-0000-7000-{kind}000-{number:012x}"


class Sessions:
    """Recording sessions at an engine, and the signaller that keeps their leases."""

    def __init__(self, signaller: Signaller, key: bytes, count: int) -> None:
        self._signaller, self._key = signaller, key
        self.calls = [named(number, "8") for number in range(count)]
        self.ports: list[int] = []
        for call in self.calls:
            self._bring(call)

    def _bring(self, call: str) -> None:
        ours = sockets(4)
        fds = tuple(one.fileno() for one in ours)
        self._signaller.ask(protocol.Allocate(tenant="main", call=call, beside=True), fds)
        for side, at in (("caller", 0), ("agent", 2)):
            connect = protocol.Connect(
                call=call, side=side, address="127.0.0.1", port=9, rtcp_port=9, codec="PCMU", payload_type=0, event_type=101,
                others=((8, "PCMA"), (9, "G722")),
            )  # fmt: skip
            self._signaller.ask(connect)
            self.ports.append(ours[at].getsockname()[1])
        for one in ours:
            one.close()

    def open(self) -> None:
        """A permit for each."""
        for at, call in enumerate(self.calls):
            permit = protocol.OpenCapture(
                tenant="main", call=call, episode=call, recording=call, roster=("caller", "agent"), purposes=("recording",),
                tracks=("caller", "agent"), stop_keys="*", lease_ms=LEASE_MS, ledger_index=0, erasure_secret=b"e" * 32,
            )  # fmt: skip
            self._signaller.ask(protocol.signed(permit, self._key))
            if at % 100 == 0:
                self.renew()

    def renew(self) -> None:
        """All leases, in one frame."""
        order = protocol.Renew(episodes=tuple(self.calls), at_ns=time.monotonic_ns())
        self._signaller.tell(protocol.signed(order, self._key))

    def release(self) -> dict[str, int]:
        """End all; what they counted, added up, and how many recordings did not end whole."""
        totals: dict[str, int] = {}
        for at, call in enumerate(self.calls):
            if at % 100 == 0:
                self.renew()
            released = self._signaller.ask(protocol.Release(call=call))
            assert isinstance(released, protocol.Released)
            for leg in released.counters.values():
                for name, count in leg.items():
                    totals[name] = totals.get(name, 0) + count
        return totals


def measure(beside: int, in_path: int, seconds: float) -> Row:
    """One engine with so many sessions and so many calls in path."""
    key = secrets.token_bytes(32)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        vault_keys.generate(folder / "keys")
        (folder / "run").mkdir()
        command = [sys.executable, "-m", "overt.compose.engine", str(folder), "engine-0"]
        engine = subprocess.Popen(command, stdin=subprocess.PIPE, text=True)
        assert engine.stdin is not None
        engine.stdin.write(key.hex() + "\n")
        engine.stdin.close()
        path = folder / "run" / "engine-0.sock"
        while not path.exists():
            time.sleep(0.02)
        time.sleep(0.2)
        try:
            return _loaded(Signaller(path, key), key, engine.pid, folder, beside, in_path, seconds)
        finally:
            engine.terminate()
            engine.wait()


def _loaded(
    signaller: Signaller, key: bytes, pid: int, folder: Path, beside: int, in_path: int, seconds: float
) -> Row:  # fmt: skip
    sessions = Sessions(signaller, key, beside)
    relayed, calls = _in_path(signaller, in_path, seconds) if in_path else (None, [])
    ours, theirs = mp.Pipe()
    sender = mp.Process(target=send, args=(sessions.ports, BURST if beside > SINGLY else 1, seconds, theirs))
    sessions.open()
    if beside:
        sender.start()
        ours.send(None)
    before, begun = cpu_seconds(pid), time.monotonic()
    if relayed is not None:
        relayed.send(calls)
    while time.monotonic() < begun + seconds + SETTLE_S:
        sessions.renew()
        time.sleep(RENEW_S)
    spent = cpu_seconds(pid) - before
    sent = ours.recv()[0] if beside else 0
    if beside:
        sender.join()
    delays = relayed.recv()[2:] if relayed is not None else ()
    totals = sessions.release()
    bytes_sealed = sum(file.stat().st_size for file in (folder / "spool").rglob("*") if file.is_file())
    captured = totals.get("captured", 0)
    return {
        "sessions": beside, "calls_in_path": in_path, "sent": sent, "captured": captured, "lost": sent - captured,
        "kernel_dropped": totals.get("kernel_dropped", 0), "sealed_mib": bytes_sealed >> 20, "engine_cpu_s": round(spent, 2),
        "sessions_per_cpu_s": round(beside * seconds / spent) if beside and not in_path else "",
        **dict(zip(("p50_ms", "p99_ms", "worst_ms"), [round(one, 2) for one in delays] or ("", "", ""), strict=True)),
    }  # fmt: skip


def _in_path(signaller: Signaller, count: int, seconds: float) -> tuple[Connection, list[int]]:
    """Calls in path whose load waits; the load's pipe and the engine's ports that it wants to know."""
    ours, theirs = mp.Pipe()
    mp.Process(target=load, args=(count, seconds, theirs), daemon=True).start()
    ports = ours.recv()
    engine_ports: list[int] = []
    for number in range(count):
        engine_ports += signaller.open_call(named(number, "9"), (ports[2 * number], ports[2 * number + 1]))
    return ours, engine_ports


def verdict(rows: Sequence[Row]) -> str:
    """How the largest load without calls in path stands to the aim, and what sessions cost calls in path."""
    words = []
    alone = [row for row in rows if not row["calls_in_path"]]
    if alone:
        best = alone[-1]
        lost = "without loss" if best["lost"] == 0 else f"losing {best['lost']} packets"
        words.append(
            f"{best['sessions']} sessions were captured and sealed {lost}: {best['sessions_per_cpu_s']} sessions a processor second"
            f" (aim: {AIM})."
        )
    mixed = [row for row in rows if row["calls_in_path"]]
    if len(mixed) > 1:
        words.append(
            f"A call in path waited {mixed[0]['p99_ms']} ms (p99) without sessions, {mixed[-1]['p99_ms']} ms with {mixed[-1]['sessions']}."
        )
    return " ".join(words)


def main() -> None:
    """Measure and print; `--write` puts the table into docs/performance.md."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--loads", type=int, nargs="+", help="sessions and calls in path, in turn")
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", action="store_true")
    chosen = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    loads = list(zip(chosen.loads[::2], chosen.loads[1::2], strict=True)) if chosen.loads else LOADS
    rows = []
    for beside, in_path in loads:
        if FILES_EACH * (beside + in_path) + 100 > hard:
            print(f"{beside} sessions need more open files than {hard}", file=sys.stderr)
            continue
        rows.append(measure(beside, in_path, chosen.seconds))
        print(rows[-1], flush=True)
    text = f"{report.table(rows)}\n\n{verdict(rows)} Measured on {report.machine()}."
    print(json.dumps(rows) if chosen.json else text)
    if chosen.write:
        report.write("sessions", text)


if __name__ == "__main__":
    main()
