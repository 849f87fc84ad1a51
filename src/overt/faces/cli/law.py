"""`overt law`: read the law table, and ask it. Exit codes: 0 done, 1 a case came out otherwise, 2 wrong use."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from overt.compose.counselling import counsel
from overt.domain.law.model import RULES
from overt.domain.law.page import NOT_ADVICE, Page, Section
from overt.domain.law.reckoning import Reckoning, reckon
from overt.domain.law.words import SHORT_FORMS
from overt.faces.cli.law_cases import cases
from overt.faces.cli.law_decide import decide
from overt.faces.cli.law_options import LawFolder, OnDay, day, law_line
from overt.faces.cli.options import USAGE, AsJson, end, translated, wide
from overt.services.counsel import Counsel

law_app = typer.Typer(help="The law table: read it, ask it, hold cases against it.", no_args_is_help=True)
law_app.command("decide")(decide)
law_app.command("cases")(cases)


@law_app.command("show")
def show(
    place: Annotated[str, typer.Argument(help="The place's ISO 3166 code: US-CA, DE.")],
    date: OnDay = "",
    law: LawFolder = None,
    as_json: AsJson = False,
) -> None:
    """Show what the law table holds of a place."""
    with translated():
        on = day(date)
        asked = counsel(law)
        page = asked.page(place, on)
    if as_json:
        print(json.dumps({"law": law_json(asked, on), **place_json(asked, place, on)}, ensure_ascii=False))
        return
    draw(page, wide())
    print(law_line(asked.table, on))


@law_app.command("list")
def list_places(
    rule: Annotated[str, typer.Option(help="Only places with this rule: one-party, all-party, contested.")] = "",
    date: OnDay = "",
    law: LawFolder = None,
    as_json: AsJson = False,
) -> None:
    """List every place of the law table, with the rule that is used and what consent it takes."""
    if rule not in ("", *RULES, "contested"):
        end(USAGE, f"there is no rule {rule}: one-party, all-party or contested")
    with translated():
        on = day(date)
        asked = counsel(law)
        places = _listed(asked, on, rule)
    if as_json:
        print(json.dumps({"law": law_json(asked, on), "places": places}, ensure_ascii=False))
        return
    table = Table("place", "", "rule", "held as", "consent", "sure", "state")
    for one in places:
        table.add_row(
            one["code"], one["name"], one["rule"], one["effective_rule"], SHORT_FORMS[one["form"]], one["confidence"],
            one["verified"],
        )  # fmt: skip
    wide().print(table)
    print(f"{len(places)} places. {law_line(asked.table, on)}")


def _listed(asked: Counsel, on: str, rule: str) -> list[dict[str, str]]:
    demands = reckon(asked.table, Reckoning(on)).demands["recording"]
    return [
        {
            "code": row.code, "name": row.name, "kind": row.kind, "within": row.within, "rule": row.rule,
            "effective_rule": row.effective_rule, "form": demands[row.code].form, "confidence": row.confidence.rule,
            "verified": row.verified.state,
        }
        for row in asked.places(on, rule)
    ]  # fmt: skip


def law_json(asked: Counsel, on: str) -> dict[str, str]:
    """Which law was read, and for which day."""
    table = asked.table
    return {"version": table.version, "as_of": table.as_of, "sha256": table.sha256, "on": on}


def place_json(asked: Counsel, code: str, on: str) -> dict[str, object]:
    """A row with all its fields, as its file names them, and what it names: sources, duties, legal bases."""
    table, row = asked.table, asked.place(code, on)
    return {
        "place": asdict(row),
        "sources": {name: asdict(table.sources[name]) for name in row.support.sources},
        "duties": {one.code: asdict(one) for one in table.duties.values() if one.everywhere or one.code in row.duties},
        "bases": {one.code: asdict(one) for one in table.bases.values() if row.code in one.places},
    }


def draw(page: Page, console: Console) -> None:
    """Print a page of the law."""
    console.print(f"[bold]{escape(page.title)}[/]")
    console.print(escape(page.lead))
    for section in page.sections:
        console.print(f"\n[bold]{escape(section.title)}[/]")
        console.print(Padding(_facts(section), (0, 0, 0, 2)))
    console.print(f"\n{NOT_ADVICE}")


def _facts(section: Section) -> Table:
    """A section's lines: labels at the left, or a dash; addresses below what they belong to."""
    lines = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    lines.add_column(
        no_wrap=any(len(one.label) <= 40 for one in section.items), style="dim" if section.items[0].label else ""
    )
    lines.add_column(overflow="fold")
    for one in section.items:
        address = f"\n{one.link}" if one.link.startswith("http") else ""
        lines.add_row(escape(one.label or "–"), escape(one.text + address))
    return lines
