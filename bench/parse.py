"""Reading SIP: INVITEs of 900 bytes, every header that we rely on checked; sipmessage reads the same beside it.

    python bench/parse.py [--write]

sipmessage stands in a Python of its own (`make bench-parse` makes it), never in the product. Both read the same messages, none
of them like another, turn by turn, so that what else the machine does troubles both; the best turn counts.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import report
from overt.wire.sip.message import Request, parse
from parse_made import invites

THEIRS = Path(__file__).parent.parent / ".stamps" / "bench" / "bin" / "python"
MESSAGES, TURNS = 4_000, 9
AIM, TIMES = 25_000, 1.3


def read(received: bytes) -> None:
    """A message and every header that the rest of Overt asks it for."""
    one = parse(received)
    assert isinstance(one, Request)
    _ = (one.via, one.from_, one.to, one.call_id, one.cseq, one.contact, one.get("Max-Forwards"), one.record_routes)
    _ = (one.routes, one.required, one.supported, one.kind, one.get("Session-Expires"), one.target, one.asserted)


def rate(way: Callable[[bytes], object], messages: list[bytes]) -> float:
    """Messages per second of processor time."""
    began = time.process_time()
    for one in messages:
        way(one)
    return len(messages) / (time.process_time() - began)


def turns() -> tuple[list[float], list[float]]:
    """The best of some turns: ours and theirs, parsed and read."""
    messages = invites(MESSAGES)
    ours, theirs = [0.0, 0.0], [0.0, 0.0]
    for _ in range(TURNS):
        ours = [max(best, rate(way, messages)) for best, way in zip(ours, (parse, read), strict=True)]
        told = subprocess.run(
            [THEIRS, Path(__file__).with_name("parse_theirs.py"), str(MESSAGES)],
            capture_output=True,
            text=True,
            check=True,
        )
        theirs = [max(best, float(one)) for best, one in zip(theirs, json.loads(told.stdout), strict=True)]
    return ours, theirs


def main() -> None:
    """Measure, print, and say whether the aims are met."""
    options = argparse.ArgumentParser(description="Measure how quickly SIP is read.")
    options.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    chosen = options.parse_args()
    (checked, whole), (split, theirs) = turns()
    rows = [
        {"reader": "Overt", "parsed_per_s": f"{checked:,.0f}", "every_header_read_per_s": f"{whole:,.0f}"},
        {"reader": "sipmessage", "parsed_per_s": f"{split:,.0f}", "every_header_read_per_s": f"{theirs:,.0f}"},
    ]
    size = sum(map(len, invites(MESSAGES))) / MESSAGES
    text = "\n\n".join((
        f"INVITEs of {size:.0f} bytes on average, none like another, per second of processor time on one core. *parsed*: Overt checks "
        "every header that it relies on (Request-URI, Via, Record-Route, Route, From, To, Call-ID, CSeq, Contact, Max-Forwards, "
        "P-Asserted-Identity, Require, Supported, Session-Expires, Content-Type and -Length); sipmessage only splits lines. *every header "
        "read*: the same headers asked for after that, which sipmessage parses then.",
        report.table(rows),
        f"{whole / theirs:.1f} times sipmessage (aim: {TIMES}); {checked:,.0f} checked a second (aim: {AIM:,}). {report.machine()}.",
    ))  # fmt: skip
    print(text)
    if chosen.write:
        report.write("parse", text)
    if checked < AIM or whole < TIMES * theirs:
        raise SystemExit("an aim was missed")


if __name__ == "__main__":
    main()
