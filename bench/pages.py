"""`make bench-pages`: how long the console's pages and the API take, over a catalogue of a hundred thousand calls.

A real web process on loopback, one browser's worth of requests one after another, then eight at once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from random import Random

import report
from play import House, add_listener, running, signed_in, until

sys.path.append(str(Path(__file__).parent.parent / "tests"))
from adapters.written_calls import WrittenLedger, interleaved, make_call
from overt.compose.cataloguing import rebuild_catalogue
from overt.compose.demo import free_ports
from overt.compose.init import Wishes, make_folder
from overt.compose.listening import process

CALLS, EACH, AT_ONCE = 100_000, 60, 8
START_US, APART_US = 1_790_000_000_000_000, 20_000_000
WORDS = (
    f"{CALLS:,} calls in the catalogue (SQLite), their entries in the ledger. Each page {EACH} times one after another, whole with its "
    f"body, a connection each; then {AT_ONCE} browsers at once on the same two processors, which also run the browsers."
)


def fill(folder: Path) -> str:
    """Write a ledger of made-up calls; return the id of a call in the middle."""
    chance, ledger = Random(3), WrittenLedger(folder / "ledger" / "main")
    middle = ""
    for block in range(0, CALLS, 1000):
        calls = [make_call(chance, START_US + (block + number) * APART_US, agents=40) for number in range(1000)]
        for call, stated in interleaved(calls, chance):
            ledger.enter(call.id, call.started_us, stated)
        middle = calls[500].id if block == CALLS // 2 else middle
    ledger.close()
    return middle


def pages(call: str) -> dict[str, str]:
    """What is asked, by what it is."""
    return {
        "sign-in page": "/sign-in",
        "calls, newest": "/calls",
        "calls, one state": "/calls?state=refused",
        "calls, last four digits": "/calls?find=0042",
        "calls, words": "/calls?find=no+answer",
        "calls, a place and a line": "/calls?place=US-CA&line=sales",
        "one call": f"/calls/{call}",
        "live": "/live",
        "ledger, newest": "/ledger",
        "ledger, an old entry": "/ledger/1000",
        "API: 50 calls": "/api/calls",
        "API: 65,536 leaves": "/api/ledger/leaves?first=0&count=65536",
    }


def timed(house: House, path: str, who: dict[str, str], times: int = EACH) -> list[float]:
    """Milliseconds of each whole answer."""
    took = []
    for _ in range(times):
        begun = time.perf_counter()
        answer, _ = house.ask("GET", path, **who)
        answer.read()
        took.append((time.perf_counter() - begun) * 1000)
        if answer.status != 200:
            raise SystemExit(f"{path} answered {answer.status}")
    return took


def crowd(house: House, path: str, who: dict[str, str]) -> list[float]:
    """The same by several at once."""
    took: list[float] = []
    browsers = [
        threading.Thread(target=lambda: took.extend(timed(house, path, who, EACH // 4))) for _ in range(AT_ONCE)
    ]
    for browser in browsers:
        browser.start()
    for browser in browsers:
        browser.join()
    return took


def measure(house: House, call: str, who: dict[str, str]) -> list[dict[str, object]]:
    """A row a page."""
    rows: list[dict[str, object]] = []
    for name, path in pages(call).items():
        asks = {} if path == "/sign-in" else who
        timed(house, path, asks, 3)
        alone, many = timed(house, path, asks), crowd(house, path, asks)
        rows.append({
            "page": name, "p50_ms": round(statistics.median(alone), 1), "p99_ms": round(_high(alone), 1),
            "crowd_p50_ms": round(statistics.median(many), 1), "crowd_p99_ms": round(_high(many), 1),
        })  # fmt: skip
    return rows


def _high(took: list[float]) -> float:
    return sorted(took)[min(len(took) - 1, int(len(took) * 0.99))]


def main() -> None:
    """Measure and print; with --write, into docs/performance.md."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    options.add_argument("--json", action="store_true", help="print the rows as JSON")
    chosen = options.parse_args()
    with ExitStack() as stack:
        folder, port = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "data", free_ports().web
        make_folder(folder, Wishes("end-call", "ops", more=f'web_port = {port}\nsecond_factor = "offered"\n'))
        call = fill(folder)
        stack.enter_context(process(folder, "notary", folder / "run" / "notary.sock"))
        rebuild_catalogue(folder, lambda *_: None)  # after the notary signed what it found
        asyncio.run(add_listener(folder))
        stack.enter_context(running(folder, "web"))
        house = House(folder, port, {})
        until(lambda: house.ask("GET", "/sign-in")[0].status == 200)
        rows = measure(house, call, signed_in(house))
    print(json.dumps(rows, indent=1) if chosen.json else report.table(rows))
    if chosen.write:
        report.write("pages", f"{WORDS}\n\n{report.table(rows)}\n\n{report.machine()}.")


if __name__ == "__main__":
    main()
