"""Bars as SVG, for docs/performance.md: lying bars in groups, light and dark, with a title and words for who cannot see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

WIDTH, LABELS, VALUES, BAR, GAP, TOP = 760, 210, 110, 18, 14, 64
STYLE = """
text { font: 14px system-ui, sans-serif; fill: #1d2733 } .title { font-size: 17px; font-weight: 600 }
.quiet { fill: #5a6672; font-size: 13px } line { stroke: #c9d1d9 }
.s0 { fill: #1f6f8b } .s1 { fill: #d08a2e } .s2 { fill: #7a6fae } .s3 { fill: #6b8f47 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .quiet { fill: #9aa7b4 } line { stroke: #3a444e }
.s0 { fill: #58b4d1 } .s1 { fill: #e5ac5e } .s2 { fill: #a99fda } .s3 { fill: #9cc174 } }
"""


@dataclass(frozen=True, slots=True)
class Group:
    """Bars that belong together: a label, and a value a series; None where nothing was tried."""

    label: str
    values: Mapping[str, float | None]


def spelled(value: float) -> str:
    """A number as people read it: thousands apart, small ones with a decimal or two."""
    if value >= 100:
        return f"{value:,.0f}".replace(",", "\u202f")
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}".rstrip("0").rstrip(".")


def bars(title: str, unit: str, groups: Sequence[Group]) -> str:
    """The drawing as SVG text. Every series has one colour; with one series there is no legend."""
    series = list(dict.fromkeys(name for group in groups for name in group.values))
    longest = max([value for group in groups for value in group.values.values() if value is not None], default=0) or 1
    scale = (WIDTH - LABELS - VALUES) / longest
    top = y = TOP + (26 if len(series) > 1 else 0)
    drawn = []
    for group in groups:
        rows = [(series.index(name), value) for name, value in group.values.items()]
        middle = y + len(rows) * BAR / 2 + 5
        drawn.append(f'<text x="{LABELS - 12}" y="{middle:.0f}" text-anchor="end">{escape(group.label)}</text>')
        for at, value in rows:
            drawn.append(_bar(y, at, value, scale))
            y += BAR
        y += GAP
    described = "; ".join(_words(group) for group in groups)
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}" role="img" '
        'aria-labelledby="t d">',
        f'<title id="t">{escape(title)}</title>',
        f'<desc id="d">{escape(f"{unit}. {described}.")}</desc>',
        f"<style>{STYLE}</style>",
        f'<text class="title" x="12" y="26">{escape(title)}</text>',
        f'<text class="quiet" x="12" y="48">{escape(unit)}</text>',
        *(_legend(series) if len(series) > 1 else []),
        f'<line x1="{LABELS}" y1="{top}" x2="{LABELS}" y2="{y - GAP}"/>',
        *drawn,
        "</svg>",
        "",
    ])  # fmt: skip


def _bar(y: int, series: int, value: float | None, scale: float) -> str:
    if value is None:
        return f'<text class="quiet" x="{LABELS + 8}" y="{y + 13}">not tried</text>'
    length = value * scale
    return (
        f'<rect class="s{series % 4}" x="{LABELS}" y="{y + 1}" width="{length:.1f}" height="{BAR - 3}" rx="2"/>'
        f'<text class="quiet" x="{LABELS + length + 8:.0f}" y="{y + 13}">{spelled(value)}</text>'
    )


def _legend(series: Sequence[str]) -> list[str]:
    drawn, x = [], 12
    for at, name in enumerate(series):
        drawn.append(f'<rect class="s{at % 4}" x="{x}" y="{TOP}" width="12" height="12" rx="2"/>')
        drawn.append(f'<text class="quiet" x="{x + 18}" y="{TOP + 11}">{escape(name)}</text>')
        x += 40 + 7 * len(name)
    return drawn


def _words(group: Group) -> str:
    each = [f"{name} {'not tried' if one is None else spelled(one)}" for name, one in group.values.items()]
    return f"{group.label}: {', '.join(each)}"


def draw(path: Path, title: str, unit: str, groups: Sequence[Group]) -> None:
    """Write the drawing to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(bars(title, unit, groups))
