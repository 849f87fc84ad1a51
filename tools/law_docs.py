"""docs/law/, written from the law table: a page a place, the duties, the legal bases, the sources, an index and a map.

`make docs` (tools/check_docs.py) calls `write`. What it writes depends on the table alone, so that nothing changes unless
the table did. Pages that nothing stands behind any more are removed; what people wrote there by hand is left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from overt.adapters.law_files import load_table
from overt.domain.law.model import Row
from overt.domain.law.page import Item, Page, describe_basis, describe_duty, describe_place
from overt.domain.law.reckoning import Reckoning, reckon
from overt.domain.law.table import Table
from overt.domain.law.tile_map import tile_map, tiles
from overt.domain.law.words import FORM_WORDS, RULE_WORDS, WEIGHTS, capital

FILES = "../../src/overt/domain/law/data"
MARK = "<!-- Generated from the law table by `make docs`; do not edit. -->"
TITLE = "May a call be recorded without telling?"
SUBTITLE = "What the law asks of somebody who takes part in a telephone call and records it"
# Heading of a list, the state of the rule that it lists.
LISTS: tuple[tuple[str, str], ...] = (
    ("All-party", "all-party"), ("Contested, and held all-party", "contested"), ("One-party", "one-party"),
)  # fmt: skip


def write(folder: Path) -> list[str]:
    """Bring a folder up to date with the table; return the names of the files that this changed."""
    folder.mkdir(exist_ok=True)
    wanted = documents(load_table())
    changed = [name for name, text in wanted.items() if _differs(folder / name, text)]
    for name in changed:
        (folder / name).write_text(wanted[name], encoding="utf-8")
    stale = [
        path for path in sorted(folder.glob("*.md")) if path.name not in wanted and path.read_text().startswith(MARK)
    ]
    for path in stale:
        path.unlink()
    return changed + [path.name for path in stale]


def _differs(path: Path, text: str) -> bool:
    return not path.exists() or path.read_text(encoding="utf-8") != text


def documents(table: Table) -> dict[str, str]:
    """Every generated file by name."""
    pages = {f"{code}.md": _place(table, code, rows) for code, rows in sorted(table.rows.items())}
    return pages | {
        "index.md": _index(table),
        "duties.md": _laws(table, "What binds recordings besides consent", "duties", [describe_duty(table, one) for one in table.duties.values()]),
        "bases.md": _laws(table, "Legal bases other than consent", "bases", [describe_basis(table, one) for one in table.bases.values()]),
        "sources.md": _sources(table),
        "map.svg": _map(table),
    }  # fmt: skip


# ------------------------------------------------------------------------------------------ pages


def _place(table: Table, code: str, rows: Sequence[Row]) -> str:
    """A jurisdiction's page; where its law changes, one part for each time."""
    pages = [describe_place(table, row) for row in rows]
    lines = [MARK, "", f"# {_plain(pages[0].title)}", "", _stamp(table)]
    for row, page in zip(rows, pages, strict=True):
        if len(rows) > 1:
            lines += ["", f"# From {row.in_force_from or 'ever'} until {row.in_force_until or 'further notice'}"]
        lines += ["", f"**{_plain(page.lead)}**", *_sections(page, "##")]
    names = sorted(_file(row, len(rows)) for row in rows)
    files = " · ".join(f"[{name}.toml]({FILES}/places/{name}.toml)" for name in names)
    lines += [
        "",
        "---",
        "",
        f"[All places](index.md) · [What each line means, and how to disagree](format.md) · the data: {files}",
    ]
    return "\n".join(lines) + "\n"


def _file(row: Row, count: int) -> str:
    return f"{row.code}@{row.in_force_from}" if count > 1 and row.in_force_from else row.code


def _sections(page: Page, level: str) -> Iterable[str]:
    for section in page.sections:
        yield from ("", f"{level} {section.title}", "")
        yield from (f"- {_item(one)}" for one in section.items)


def _item(one: Item) -> str:
    """A line; an address on the web makes its text a link, a page of the table its label."""
    text, label = _plain(one.text), _plain(one.label)
    if one.link.startswith("http"):
        text = f"[{text}]({one.link.replace('(', '%28').replace(')', '%29').replace(' ', '%20')})"
    elif one.link:
        label = f"[{label}]({_target(one.link)})"
    return f"**{label}**: {text}" if label else text


def _target(link: str) -> str:
    kind, _, code = link.partition("/")
    return f"{code}.md" if kind == "place" else f"{'duties' if kind == 'duty' else 'bases'}.md#{code.lower()}"


def _laws(table: Table, title: str, folder: str, pages: Sequence[Page]) -> str:
    lines = [MARK, "", f"# {title}", "", _stamp(table), ""]
    lines += [f"- [{page.code}](#{page.code.lower()}): {_plain(page.title.rpartition(' (')[0])}" for page in pages]
    for page in pages:
        name = f"{FILES}/{folder}/{page.code}.toml"
        lines += [
            "",
            f'<a id="{page.code.lower()}"></a>',
            "",
            f"## {_plain(page.title)}",
            "",
            f"The data: [{page.code}.toml]({name})",
        ]
        lines += _sections(page, "###")
    return "\n".join(lines) + "\n"


def _sources(table: Table) -> str:
    """Every source, by what it is good for, and the places that rest on it."""
    used = _used(table)
    lines = [
        MARK, "", "# Sources", "", _stamp(table), "",
        "Where the facts of the table were read: stored copies and excerpts, not the live pages. What a source is good for:",
    ]  # fmt: skip
    weights = dict.fromkeys([*WEIGHTS, *sorted({one.weight for one in table.sources.values()})])
    for weight in weights:
        named = [(name, one) for name, one in table.sources.items() if one.weight == weight]
        if named:
            lines += ["", f"## {capital(WEIGHTS.get(weight, weight))}", ""]
        for name, one in named:
            title = _item(Item(one.title, link=one.address))
            places = ", ".join(used.get(name, ())) or "nothing any more"
            lines.append(f"- `{name}`: {title}. For: {places}.")
    return "\n".join(lines) + "\n"


def _used(table: Table) -> Mapping[str, list[str]]:
    used: dict[str, list[str]] = {}
    for code, rows in sorted(table.rows.items()):
        for name in dict.fromkeys(name for row in rows for name in row.support.sources):
            used.setdefault(name, []).append(f"[{code}]({code}.md)")
    for file, laws in (("duties", table.duties), ("bases", table.bases)):
        for code, law in sorted(laws.items()):
            for name in law.sources:
                used.setdefault(name, []).append(f"[{code}]({file}.md#{code.lower()})")
    return used


# ------------------------------------------------------------------------------------------ index and map


def _index(table: Table) -> str:
    found = (table.row(code, table.as_of) for code in table.rows)
    rows = sorted((row for row in found if row is not None), key=lambda row: row.name)
    states = [row for row in rows if row.within == "US"]
    world = [row for row in rows if row.within != "US"]
    lines = [
        MARK, "", "# The law", "", _stamp(table), "",
        f"What {len(rows)} places demand of somebody who takes part in a telephone call and records it: {len(states)} parts of the "
        f"United States and {len(world)} others. A call is held to the strictest of all places that anybody on it may be in, the "
        "recorder's and the agent's among them. A place without a row is held to an express yes.", "",
        f"![{TITLE} A map of the United States by rule, and the other places of the table; the lists below say the same.](map.svg)", "",
        "[What every field means, and how to disagree](format.md) · [how places are found](locating.md) · "
        "[what binds besides consent](duties.md) · [legal bases other than consent](bases.md) · [sources](sources.md) · "
        "[worked cases](cases.yaml)", "",
        "    overt law show US-CA", "    overt law decide --from +14155550100 --to +14045550100 --agent US-GA", "    overt law cases docs/law/cases.yaml",
    ]  # fmt: skip
    lines += ["", "## The United States", *_lists(table, states), "", "## The world", *_lists(table, world)]
    return "\n".join(lines) + "\n"


def _lists(table: Table, rows: Sequence[Row]) -> Iterable[str]:
    demands = reckon(table, Reckoning(table.as_of)).demands["recording"]
    for heading, rule in LISTS:
        named = [row for row in rows if rule == ("contested" if row.rule == "contested" else row.effective_rule)]
        if not named:
            continue
        yield from ("", f"### {heading}: {RULE_WORDS[rule]} ({len(named)})", "")
        yield from ("| place | it takes | sure of the rule | law |", "| --- | --- | --- | --- |")
        for row in named:
            form = FORM_WORDS[demands[row.code].form] if row.code != "US" else FORM_WORDS["none"]
            yield f"| [{row.name}]({row.code}.md) `{row.code}` | {form} | {row.confidence.rule} | {_cell(row.citations[0])} |"


def _map(table: Table) -> str:
    note = f"Law table {table.version}: researched, not verified; not legal advice"
    return tile_map(tiles(reckon(table, Reckoning(table.as_of))), TITLE, SUBTITLE, note)


# ------------------------------------------------------------------------------------------ words


def _stamp(table: Table) -> str:
    return f"*Law table {table.version} of {table.as_of}, SHA-256 `{table.sha256[:16]}…`. Researched, not verified; not legal advice.*"


def _plain(text: str) -> str:
    """Text in which nothing is a sign of Markdown but what stands between backticks."""
    parts = text.split("`")
    for number in range(0, len(parts), 2):
        for sign, safe in (("<", "&lt;"), ("*", "\\*"), ("_", "\\_"), ("[", "\\["), ("]", "\\]")):
            parts[number] = parts[number].replace(sign, safe)
    return "`".join(parts)


def _cell(text: str) -> str:
    return _plain(text).replace("|", "\\|")
