"""What the benches share: the machine they ran on, a table in Markdown, and its place in docs/performance.md.

In a table of latencies the first column says what was measured, and columns that end in `_ms` become bars in a picture.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

DOCS = Path(__file__).parent.parent / "docs"


def table(rows: Sequence[Mapping[str, object]]) -> str:
    """The rows as a Markdown table; the first row's keys are its head."""
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "| " + " | ".join("---:" for _ in names) + " |"]
    return "\n".join([*lines, *("| " + " | ".join(str(row[name]) for name in names) + " |" for row in rows)])


def write(name: str, text: str) -> None:
    """Put text between `<!-- name -->` and `<!-- end name -->` of docs/performance.md.

    Raises SystemExit when the page has no such place.
    """
    page = DOCS / "performance.md"
    head, begin, rest = page.read_text().partition(f"<!-- {name} -->\n")
    _, end, tail = rest.partition(f"<!-- end {name} -->\n")
    if not begin or not end:
        raise SystemExit(f"{page} has no place named {name}")
    page.write_text(f"{head}{begin}{text.rstrip()}\n{end}{tail}")


def read(name: str) -> list[dict[str, str]]:
    """The rows of the first table between `<!-- name -->` and `<!-- end name -->`; none when nothing was measured."""
    text = (DOCS / "performance.md").read_text().partition(f"<!-- {name} -->\n")[2].partition(f"<!-- end {name} -->")[0]
    lines = text[text.find("|") :].partition("\n\n")[0].splitlines() if "|" in text else []
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [dict(zip(cells[0], row, strict=True)) for row in cells[2:]]


def illustrate(name: str, words: str) -> None:
    """Show pictures/perf-<name>.svg before the place of that name, unless the page shows it already."""
    page, picture = DOCS / "performance.md", f"pictures/perf-{name}.svg"
    text = page.read_text()
    if picture not in text:
        page.write_text(text.replace(f"<!-- {name} -->\n", f"![{words}]({picture})\n\n<!-- {name} -->\n"))


def machine() -> str:
    """One line on the machine: processors, Python, kernel."""
    cpus = os.cpu_count() or 1
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    return f"{cpus} × {model}, Python {platform.python_version()}, Linux {platform.release().partition('-')[0]}"
