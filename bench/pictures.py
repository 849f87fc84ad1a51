"""`make bench-pictures`: draws docs/pictures/perf-*.svg from the tables of docs/performance.md, so that they agree."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import report

sys.path.insert(0, str(Path(__file__).parent.parent / "tools"))
from draw_bars import Group, draw

PICTURES = report.DOCS / "pictures"
Rows = Sequence[Mapping[str, str]]


def number(text: str) -> float | None:
    """A cell's number; None where it holds none."""
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return None


def capture(rows: Rows) -> None:
    """Packets a processor second by recorder, at the largest load that ours captured whole; loss by calls."""
    kinds = list(dict.fromkeys(row["recorder"] for row in rows))
    whole = [
        row["calls"] for row in rows
        if row["recorder"] == kinds[0] and number(row["lost_percent"]) == 0 and number(row["of_load_percent"]) == 100
    ]  # fmt: skip
    at = whole[-1] if whole else rows[0]["calls"]
    rates = [Group(row["recorder"], {"": number(row["packets_per_cpu_s"])}) for row in rows if row["calls"] == at]
    draw(
        PICTURES / "perf-capture.svg", "What a processor captures beside the call",
        f"packets a processor second, {at} calls of two legs", rates,
    )  # fmt: skip
    found = {(row["calls"], row["recorder"]): number(row["lost_percent"]) for row in rows}
    groups = [
        Group(f"{calls} calls", {kind: found.get((calls, kind)) for kind in kinds if kind != "C loop, at once"})
        for calls in dict.fromkeys(row["calls"] for row in rows)
    ]
    draw(PICTURES / "perf-loss.svg", "What is lost, by the number of calls", "percent of the packets sent", groups)


def latency(name: str, title: str) -> None:
    """Every row of a table, its columns of milliseconds as bars."""
    rows = report.read(name)
    columns = [one for one in (rows[0] if rows else {}) if one.endswith("_ms")]
    groups = [
        Group(
            next(iter(row.values())), {one.removesuffix("_ms").replace("_", " "): number(row[one]) for one in columns}
        )
        for row in rows
    ]
    if groups and columns:
        draw(PICTURES / f"perf-{name}.svg", title, "milliseconds", groups)
        report.illustrate(name, title)


def main() -> None:
    """Draw what there are tables of."""
    rows = report.read("capture")
    if rows:
        capture(rows)
    latency("search", "How long a search takes")
    latency("play", "How long until sound comes")
    latency("pages", "How long a page takes")


if __name__ == "__main__":
    main()
