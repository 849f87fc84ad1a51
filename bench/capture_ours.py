"""The recorder that `bench/capture.py` measures: our pure capture, sealing into a spool, under leases it renews itself.

Sockets come as descriptors, numbered on the first line of the input; SIGTERM ends it, and it prints what it counted.
"""

from __future__ import annotations

import json
import resource
import signal
import socket
import sys
import time
from pathlib import Path

from overt import protocol
from overt.adapters import vault_keys
from overt.engine.batch import Batch
from overt.engine.capture import Clockwork
from overt.engine.loop import Loop
from overt.engine.spool import Spool
from overt.engine.stream_leg import Agreed

KEY = b"k" * 32
LEASE_MS, RENEW_NS = 500, 150_000_000


def permit(call: str) -> protocol.OpenCapture:
    """A permit for both legs of a call."""
    return protocol.OpenCapture(
        tenant="main", call=call, episode=call, recording=call, roster=("caller", "agent"), purposes=("recording",),
        tracks=("caller", "agent"), stop_keys="*", lease_ms=LEASE_MS, ledger_index=0, erasure_secret=b"e" * 32,
    )  # fmt: skip


def main() -> None:
    """Capture all sockets, two a call, until SIGTERM."""
    folder = Path(sys.argv[1])
    descriptors = [int(one) for one in sys.stdin.readline().split()]
    calls = [f"018f0000-0000-7000-8000-{number:012x}" for number in range(len(descriptors) // 2)]
    spool, loop = Spool(folder, 1), Loop()
    works = Clockwork(lambda: time.time_ns() // 1000, time.monotonic_ns, spool)
    told: list[protocol.Frame] = []
    renewed_ns = 0

    def renew() -> None:
        """The signaller's renewals, which a real one sends from elsewhere."""
        nonlocal renewed_ns
        now_ns = time.monotonic_ns()
        if now_ns - renewed_ns > RENEW_NS:
            renewed_ns = now_ns
            batch.renew(protocol.signed(protocol.Renew(episodes=tuple(calls), at_ns=now_ns), KEY))

    batch = Batch(works, vault_keys.read_wrapping_key(folder), KEY, told.append, renew)

    for at, call in enumerate(calls):
        for side, descriptor in zip(("caller", "agent"), descriptors[2 * at : 2 * at + 2], strict=True):
            batch.add_leg("main", call, side, socket.socket(fileno=descriptor), Agreed("127.0.0.1", {0: 0}))
    for call in calls:
        wrong = batch.open(protocol.signed(permit(call), KEY))
        if wrong:
            raise SystemExit(wrong)
        renew()
    signal.signal(signal.SIGTERM, lambda *_: setattr(loop, "stopping", True))
    print("ready", flush=True)
    loop.now = time.monotonic_ns()
    batch.run(loop)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    counters = []
    for call in calls:
        renew()
        counters += batch.release(call).counters.values()
    spool.flush()
    wrong = spool.broken or ", ".join(str(one) for one in told if not isinstance(one, protocol.Captured))[:200]
    totals = {name: sum(one[name] for one in counters) for name in counters[0]}
    print(json.dumps({**totals, "memory_kib": memory, "wrong": wrong}))


if __name__ == "__main__":
    main()
