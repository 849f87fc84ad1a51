"""A map of the law: a tile a place, the United States as they lie, the other places of the table below.

Every tile says its place and what consent is asked for, in words, so that nothing hangs on a colour. `tile_map` makes the
SVG; by itself it carries its style, for light and dark; without (`standalone=False`), a page's own style sheet dresses
the classes that docs/law/format.md names, and no inline style is needed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from overt.domain.law.reckoning import Law
from overt.domain.law.words import FORM_WORDS, SHORT_FORMS

# Column and row of each tile: roughly where the place lies.
STATES: Mapping[str, tuple[int, int]] = {
    f"US-{code}": (column, row)
    for row, line in enumerate((
        "AK .. .. .. .. .. .. .. .. .. .. ME",
        ".. .. .. .. .. .. .. .. .. .. VT NH",
        ".. WA ID MT ND MN IL WI MI NY RI MA",
        ".. OR NV WY SD IA IN OH PA NJ CT ..",
        ".. CA UT CO NE MO KY WV VA MD DE ..",
        ".. .. AZ NM KS AR TN NC SC DC .. ..",
        ".. .. .. .. OK LA MS AL GA .. .. ..",
        "HI GU .. .. TX .. .. .. .. FL PR VI",
    ))
    for column, code in enumerate(line.split())
    if code != ".."
}  # fmt: skip
ELSEWHERE: Mapping[str, tuple[str, ...]] = {
    "Europe": ("EU", "DE", "FR", "DK", "IE", "GB"),
    "Americas": ("CA", "MX", "BR"),
    "Asia, Pacific": ("IN", "JP", "SG", "PH", "NZ"),
    "Australia": ("AU", "AU-NSW", "AU-VIC", "AU-QLD", "AU-SA", "AU-WA", "AU-TAS", "AU-ACT", "AU-NT"),
}  # fmt: skip
OTHERS = "Others"
DRAWN_IN_PARTS = frozenset({"US"})
STEP, SIDE, MARGIN, HEAD = 62, 56, 20, 82
COLUMNS, ROWS = 12, 8
LABEL = 2 * STEP  # what a group's name takes before its tiles
# Class of a tile, what its key says.
KEY: tuple[tuple[str, str], ...] = (
    ("one-party", "one-party: one party's consent is enough"),
    ("all-party", "all-party: a notice at the outset will do, or a tone where the tile says so"),
    ("opt-in", "all-party: only an express yes will do"),
    ("contested", "contested, and held all-party"),
)
STYLE = """<style>
.map { font-family: system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; }
.ground { fill: #fbfaf7; stroke: #e2ded5; }
.title { font-size: 21px; font-weight: 650; fill: #1f2328; }
.subtitle, .group, .key text { font-size: 13.5px; fill: #57534b; }
.note { font-size: 12px; fill: #6b665c; }
.tile rect, .key rect { stroke-width: 1.25; }
.tile .code { font-size: 16px; font-weight: 650; text-anchor: middle; }
.tile .form { font-size: 10.5px; text-anchor: middle; }
.one-party rect { fill: #e9eef2; stroke: #b9c6d0; }
.one-party text { fill: #2f4252; }
.all-party rect { fill: #b4552d; stroke: #8f4020; }
.opt-in rect { fill: #6d2148; stroke: #501634; }
.all-party text, .opt-in text { fill: #fff; }
.contested rect { fill: #f6d9b8; stroke: #8f4020; stroke-width: 1.75; stroke-dasharray: 4 3; }
.contested text { fill: #5a2a10; }
.lit rect.edge { fill: none; stroke: #0b63ce; stroke-width: 3; stroke-dasharray: none; }
.dim { opacity: .38; }
@media (prefers-color-scheme: dark) {
.ground { fill: #1a1d21; stroke: #31363d; }
.title { fill: #f0ede6; }
.subtitle, .group, .key text { fill: #b3aea3; }
.note { fill: #979185; }
.one-party rect { fill: #2b343c; stroke: #46535e; }
.one-party text { fill: #c9d6e0; }
.all-party rect { fill: #c8683d; stroke: #e08a61; }
.all-party text { fill: #1c0d05; }
.opt-in rect { fill: #9c4a74; stroke: #c87fa3; }
.contested rect { fill: #4a3420; stroke: #e0a26b; }
.contested text { fill: #f6d9b8; }
.lit rect.edge { stroke: #6cb2ff; }
}
</style>"""


@dataclass(frozen=True, slots=True)
class Tile:
    """A place on the map. `kind` is one of the classes of `KEY`; `form` a code of FORMS; `contested` the rule's state."""

    code: str
    name: str
    kind: str
    form: str

    @property
    def label(self) -> str:
        """The code without its country, where the tile's group says it."""
        return self.code.partition("-")[2] or self.code

    @property
    def meaning(self) -> str:
        """What the tile says, in words."""
        rule = dict(KEY)[self.kind].partition(":")[0]
        return f"{self.name}: {rule}; it takes {FORM_WORDS[self.form]}"


def tiles(law: Law) -> tuple[Tile, ...]:
    """Return a tile for every place with a row in force, as the operator reads the law of recording.

    A place that is drawn in parts has none of its own.
    """
    found = []
    for code in sorted(law.table.rows):
        row = law.table.row(code, law.reckoning.on)
        if row is not None and code not in DRAWN_IN_PARTS:
            demand = law.demand("recording", code)
            found.append(Tile(code, row.name, _kind(row.rule, demand.rule, demand.form), demand.form))
    return tuple(found)


def _kind(rule: str, effective: str, form: str) -> str:
    if effective == "one-party":
        return "one-party"
    if rule == "contested":
        return "contested"
    return "opt-in" if form == "express_opt_in" else "all-party"


def pointed_out(law: Law, places: Collection[str]) -> frozenset[str]:
    """Return the codes to be lit for candidate places: each itself, its parts, and the bloc that speaks for it."""
    blocs = {law.table.stands_for.get(place, place) for place in places}
    return frozenset(code for code in law.table.rows if code in blocs or code.partition("-")[0] in blocs)


def tile_map(
    places: Sequence[Tile],
    title: str,
    subtitle: str,
    note: str,
    *,
    lit: Collection[str] = (),
    link: str = "",
    standalone: bool = True,
    name: str = "map",
) -> str:
    """Return the map as SVG text.

    `lit` are the codes of places to be pointed out: the others stand back. `link`, where given, holds `{code}` and makes
    every tile a link. `name` begins the identifiers, for pages with two maps. Places that the map does not know stand in a group of their own.
    """
    by_code = {one.code: one for one in places}
    groups = [(name, [by_code[code] for code in codes if code in by_code]) for name, codes in ELSEWHERE.items()]
    known = {*STATES, *(code for codes in ELSEWHERE.values() for code in codes)}
    groups.append((OTHERS, [one for one in places if one.code not in known]))
    placed = [_placed(by_code[code], *_at(*where), lit, link) for code, where in STATES.items() if code in by_code]
    drawn, bottom = _groups(groups, HEAD + ROWS * STEP + 14, lit, link)
    size = 2 * MARGIN + COLUMNS * STEP - (STEP - SIDE), bottom + 34
    foot = f'<text class="note" x="{MARGIN}" y="{bottom + 18}">{_escaped(note)}</text>'
    head = _frame(size, title, subtitle, standalone, name, "group" if link else "img")
    return "\n".join((*head, *_key(), *placed, *drawn, foot, "</svg>", ""))


def _frame(size: tuple[int, int], title: str, subtitle: str, standalone: bool, name: str, role: str) -> Iterable[str]:
    width, height = size
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="map" viewBox="0 0 {width} {height}" role="{role}" '
        f'aria-labelledby="{name}-title {name}-description">'
    )
    yield f'<title id="{name}-title">{_escaped(title)}</title>'
    yield f'<desc id="{name}-description">{_escaped(subtitle)}</desc>'
    if standalone:
        yield STYLE
    yield f'<rect class="ground" x=".5" y=".5" width="{width - 1}" height="{height - 1}" rx="10"/>'
    yield f'<text class="title" x="{MARGIN}" y="38">{_escaped(title)}</text>'
    yield f'<text class="subtitle" x="{MARGIN}" y="60">{_escaped(subtitle)}</text>'


def _at(column: int, row: int) -> tuple[int, int]:
    return MARGIN + column * STEP, HEAD + row * STEP


def _groups(
    groups: Iterable[tuple[str, list[Tile]]], top: int, lit: Collection[str], link: str
) -> tuple[list[str], int]:
    """The groups below the states, a row each or more, and where they end."""
    drawn: list[str] = []
    across = COLUMNS - LABEL // STEP
    for name, members in groups:
        for first in range(0, len(members), across):
            if not first:
                drawn.append(f'<text class="group" x="{MARGIN}" y="{top + SIDE // 2 + 5}">{_escaped(name)}</text>')
            for number, one in enumerate(members[first : first + across]):
                drawn.append(_placed(one, MARGIN + LABEL + number * STEP, top, lit, link))
            top += STEP
    return drawn, top


def _placed(tile: Tile, x: int, y: int, lit: Collection[str], link: str) -> str:
    stands = "" if not lit else " lit" if tile.code in lit else " dim"
    edge = f'<rect class="edge" x="{x}" y="{y}" width="{SIDE}" height="{SIDE}" rx="7"/>' if stands == " lit" else ""
    drawn = (
        f'<g class="tile {tile.kind}{stands}"><title>{_escaped(tile.meaning)}</title>'
        f'<rect x="{x}" y="{y}" width="{SIDE}" height="{SIDE}" rx="7"/>{edge}'
        f'<text class="code" x="{x + SIDE // 2}" y="{y + 27}">{_escaped(tile.label)}</text>'
        f'<text class="form" x="{x + SIDE // 2}" y="{y + 43}">{SHORT_FORMS[tile.form]}</text></g>'
    )
    return f'<a href="{_escaped(link.format(code=tile.code))}">{drawn}</a>' if link else drawn


def _key() -> Iterable[str]:
    """What the classes mean, in the empty corner between Alaska and Maine."""
    x = MARGIN + STEP + STEP // 4
    for number, (kind, meaning) in enumerate(KEY):
        y = HEAD + 8 + number * 26
        yield (
            f'<g class="key"><g class="{kind}"><rect x="{x}" y="{y}" width="18" height="18" rx="4"/></g>'
            f'<text x="{x + 28}" y="{y + 14}">{meaning}</text></g>'
        )


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
