"""sipp calls with every tenth message lost on its side: how many calls fail against us, and against sipp's own server.

python tests/journeys/sipp_lossy.py [--calls N] [--write]     (make lossy)
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "bench")]

from journeys.overt_house import ADDRESS, OvertHouse  # noqa: E402
from journeys.peers import Program, free_port  # noqa: E402
from journeys.test_journey_sipp import CALLER, SDP  # noqa: E402

LOST_PERCENT, CALLS, EACH_S, MOST_FAILED = 10, 500, 20, 5
# Without sound, which is not what is lost here; whoever is hung up on meanwhile has had his call.
SCENARIO = (
    CALLER.replace('  <nop><action><exec rtp_stream="{sound},-1,0,PCMU/8000"/></action></nop>\n', "")
    .replace("{milliseconds}", "200").replace("{sdp}", SDP.replace("[rtpstream_audio_port]", "[media_port]"))
)  # fmt: skip


async def failed(folder: Path, server: str, calls: int, more: Iterable[str] = ()) -> int:
    """How many of these calls fail. Raises AssertionError when sipp did not make them all."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "lossy.xml").write_text(SCENARIO)
    statistics = folder / "statistics.csv"
    command = ["sipp", "-sf", folder / "lossy.xml", "-i", ADDRESS, "-p", str(free_port(ADDRESS)), "-m", str(calls), "-r", str(EACH_S),
               "-lost", str(LOST_PERCENT), "-s", "sales", "-nostdin", "-trace_stat", "-stf", statistics, "-fd", "1",
               "-recv_timeout", "40000", "-timeout", str(120 + calls // EACH_S), *more, server]  # fmt: skip
    caller = Program(command, folder / "sipp.log")
    try:
        await caller.ended(180 + calls // EACH_S)
    finally:
        caller.stop()
    with statistics.open() as file:
        *_, last = csv.DictReader(file, delimiter=";")
    assert int(last["TotalCallCreated"]) == calls, last
    return int(last["FailedCall(C)"])


async def ours(folder: Path, calls: int) -> int:
    """Against a whole Overt, with an agent of ours who takes every call."""
    async with OvertHouse(folder) as house:
        return await failed(folder / "ours", f"{ADDRESS}:{house.ports.sip}", calls)


async def theirs(folder: Path, calls: int) -> int:
    """Against sipp's own server."""
    port = free_port(ADDRESS)
    (folder / "uas").mkdir(parents=True, exist_ok=True)
    server = Program(["sipp", "-sn", "uas", "-i", ADDRESS, "-p", str(port), "-nostdin"], folder / "uas" / "log")
    try:
        return await failed(folder / "theirs", f"{ADDRESS}:{port}", calls)
    finally:
        server.stop()


def main() -> None:
    """Measure both, print, and say whether we do no worse."""
    import report

    options = argparse.ArgumentParser(description="Calls with a tenth of all messages lost.")
    options.add_argument("--calls", type=int, default=CALLS)
    options.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            {"server": name, "calls": chosen.calls, "failed": asyncio.run(one(Path(folder), chosen.calls))}
            for name, one in (("Overt", ours), ("sipp's own", theirs))
        ]
    version = subprocess.run(["sipp", "-v"], capture_output=True, text=True).stdout.split()[1].rstrip(",.")
    text = "\n\n".join((
        f"sipp {version} with `-lost {LOST_PERCENT}`, {EACH_S} new calls a second over UDP on loopback: every tenth message that it sends or "
        "receives is lost. A call that RFC 3261 gives up by its own timers is a failed one.",
        report.table(rows), f"Aim: at most {MOST_FAILED} of {CALLS}. {report.machine()}.",
    ))  # fmt: skip
    print(text)
    if chosen.write:
        report.write("lossy", text)
    if int(str(rows[0]["failed"])) > MOST_FAILED * max(1.0, chosen.calls / CALLS):
        raise SystemExit("the aim was missed")


if __name__ == "__main__":
    main()
