"""Rehearsing: how long `overt policy rehearse` takes over a hundred thousand past calls, the command as a whole.

    python bench/rehearse.py [--calls 100000] [--write]

The ledger is written by `tests/adapters/ruled_calls.py`: ten thousand calls come before those that are rehearsed, so that
the place where they begin must be found. Each book is rehearsed in a process of its own, with the page cache warm.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random

import report

sys.path.append(str(Path(__file__).parent.parent / "tests"))
from adapters.ruled_calls import Told, law, some_call, write
from adapters.written_calls import WrittenLedger
from domain.made_law import place

AIM_S = 10.0
BEFORE = 10_000
APART_US = 20_000_000
A_STEP = 1000
SETTINGS = """
failure = "end-call"
served = ["US"]
recorder_place = "US-GA"
[[line]]
name = "support"
numbers = ["+14045550100"]
agent = "sip:agent1@192.0.2.20"
agent_place = "US-GA"
[[line]]
name = "sales"
numbers = ["+14045550101"]
agent = "sip:agent1@192.0.2.20"
agent_place = "US-TX"
telling = "announce"
chosen_by = "Dana Reyes"
languages = ["en", "es"]
"""
POLICY = """
[[policy]]
name = "{name}"
responsible = "Dana Reyes"
[policy.tell]
script = "standard"
languages = {languages}
purpose = "quality and training"
{more}
"""
ANNOUNCE = '[policy.ask]\ntelling = "announce"\nchosen_by = "Dana Reyes"\n'
SAME = "format = 1\n" + "".join((
    POLICY.format(name="support", languages='["en"]', more='[policy.when]\nlines = ["support"]'),
    POLICY.format(name="sales", languages='["en", "es"]', more=f'[policy.when]\nlines = ["sales"]\n{ANNOUNCE}'),
))  # fmt: skip
STRICT = "format = 1\n" + POLICY.format(name="everybody", languages='["en"]', more="[policy.keep]\ndays = 30")
MANY = 'format = 1\ntimezone = "America/New_York"\n[[never_record]]\nnumber = "+12125550*"\nreason = "a shelter"\n' + "".join((
    *(POLICY.format(name=f"area {area}", languages='["en", "es"]', more=f'[policy.when]\nnumbers = ["+1{area}*"]\n'
                    '[policy.capture]\nshare = 80') for area in range(415, 433)),
    POLICY.format(name="night", languages='["en"]', more='[policy.when]\nfrom = "20:00"\nuntil = "06:00"\n[policy.keep]\ndays = 7'),
    POLICY.format(name="weekend", languages='["en"]', more='[policy.when]\ndays = ["sat", "sun"]'),
    SAME.removeprefix("format = 1\n"),
))  # fmt: skip


def written(folder: Path, calls: int) -> tuple[str, int, int]:
    """A data folder with a ledger; the day from which `calls` calls are rehearsed, its entries and bytes."""
    run(folder, "init", "--on-failure", "end-call")
    settings = folder / "overt.toml"
    settings.write_text(SETTINGS + "[[account]]" + settings.read_text().partition("[[account]]")[2])
    ledger, chance, read = WrittenLedger(folder / "ledger" / "main"), Random(1), law()
    midnight = time.time_ns() // 1000 // 86_400_000_000 * 86_400_000_000
    first = (midnight - calls * APART_US) // 86_400_000_000 * 86_400_000_000
    for begin in range(-BEFORE, calls, A_STEP):
        some: list[tuple[int, Told]] = []
        for number in range(begin, min(begin + A_STEP, calls)):
            some.append((first + number * APART_US, some_call(chance)))
        write(ledger, some, read, seed=begin)
    ledger.publish()
    ledger.close()
    size = (folder / "ledger" / "main" / "entries.log").stat().st_size
    return time.strftime("%Y-%m-%d", time.gmtime(first / 1_000_000)), ledger.size, size


def run(folder: Path, *words: str) -> tuple[str, float, float, int]:
    """Run a command; what it said, seconds, processor seconds, the most memory it ever held (MiB)."""
    command = [sys.executable, "-m", "overt", *words, "--data", str(folder)]
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as said:
        child = subprocess.Popen(command, stdout=said, text=True)
        _, status, used = os.wait4(child.pid, 0)
        took = time.monotonic() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise SystemExit(f"{' '.join(command)} failed")
        said.seek(0)
        return said.read(), took, used.ru_utime + used.ru_stime, used.ru_maxrss // 1024


def rehearsed(folder: Path, since: str, what: str, *words: str) -> dict[str, object]:
    """A row of the table: one rehearsal."""
    said, took, used, memory = run(folder, "policy", "rehearse", *words, "--since", since, "--json")
    found = json.loads(said)
    return {
        "rehearsed": what, "calls": found["rehearsed"], "changed": found["changed"], "seconds": round(took, 1),
        "processor_s": round(used, 1), "calls_per_s": int(found["rehearsed"] / took), "memory_mib": memory,
    }  # fmt: skip


def measured(folder: Path, calls: int) -> tuple[list[dict[str, object]], str]:
    """Every book and law, rehearsed; and what the ledger was like."""
    data, own = folder / "data", folder / "law" / "places"
    since, entries, size = written(data, calls)
    own.mkdir(parents=True)
    (own / "US-TX.toml").write_text(place("US-TX"))
    books = {
        "the book in force, as a file": SAME,
        "ask everybody, keep 30 days": STRICT,
        "22 policies by number, time, share": MANY,
    }
    for number, text in enumerate(books.values()):
        (folder / f"{number}.toml").write_text(text)
    rows = [rehearsed(data, since, what, str(folder / f"{number}.toml")) for number, what in enumerate(books)]
    rows.append(rehearsed(data, since, "another law for Texas", "--law", str(own.parent)))
    last = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 2 * 86_400))
    rows.append(rehearsed(data, last, "the last two days only", str(folder / "1.toml")))
    return rows, f"{entries:,} entries, {size / 1e6:,.0f} MB"


def main() -> None:
    """Measure, print, and say whether the aim is met."""
    options = argparse.ArgumentParser(description="Measure rehearsing.")
    options.add_argument("--calls", type=int, default=100_000)
    options.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows, ledger = measured(Path(folder), chosen.calls)
    slowest = max(float(str(row["seconds"])) for row in rows)
    text = "\n\n".join((
        f"`overt policy rehearse --json` as a whole, from its start to its end, over a ledger of {ledger}, in which "
        f"{BEFORE:,} calls come before those of the time that is rehearsed.",
        report.table(rows), f"The slowest took {slowest} s (aim: under {AIM_S:.0f} for 100,000 calls). {report.machine()}.",
    ))  # fmt: skip
    print(text)
    if chosen.write:
        report.write("rehearse", text)
    if slowest >= AIM_S:
        raise SystemExit("the aim was missed")


if __name__ == "__main__":
    main()
