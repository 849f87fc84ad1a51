"""`overt law cases`: worked cases, held against the table; fails when one comes out otherwise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from overt.compose.counselling import try_cases
from overt.domain.law.cases import Tried
from overt.faces.cli.law_options import HowSure, LawFolder, OnDay, codes, day, profile_of
from overt.faces.cli.options import NEGATIVE, USAGE, AsJson, end, translated

NOWHERE = ("NONE",)
Anywhere = Annotated[
    list[str],
    typer.Option(
        "--served", metavar="PLACE",
        help="Where a party may be of whom a case says «unknown»: US for the 50 states and DC, the default; none for the strictest. Repeatable.",
    ),
]  # fmt: skip
MOST = 6  # grounds that are named; --json has all


def cases(
    file: Annotated[
        Path | None, typer.Argument(help="A file of worked cases, YAML or JSON; docs/law/format.md.")
    ] = None,
    own: Annotated[
        bool, typer.Option("--table", help="The worked examples of every row of the table instead.")
    ] = False,
    served: Anywhere = ("US",),  # type: ignore[assignment]
    profile: HowSure = "standard",
    date: OnDay = "",
    law: LawFolder = None,
    as_json: AsJson = False,
) -> None:
    """Try worked cases; exit 1 if a rule or whether it may be recorded comes out otherwise."""
    if (file is None) != own:
        end(USAGE, "name a file of cases, or --table for the table's own examples")
    with translated():
        places = codes(served)
        tries = try_cases(file, law, day(date), () if places == NOWHERE else places, profile_of(profile))
    if as_json:
        print(json.dumps(tries.as_json(), ensure_ascii=False))
    else:
        for one in tries.tried:
            print("\n".join(_lines(one)), end="\n\n")
        print(f"{tries.passed} passed, {tries.failed} failed")
    raise typer.Exit(NEGATIVE if tries.failed else 0)


def _lines(one: Tried) -> list[str]:
    """A case as it came out."""
    case, wanted = one.case, one.case.expected
    lines = [
        f"{'pass' if one.passed else 'FAIL'}  {case.id}: {case.title}",
        f"      authority    {case.authority or 'none named'}",
        f"      rule         {one.rule} (expected {wanted.rule})",
        f"      may record   {_yes(one.may_record)} (expected {_yes(wanted.may_record)}): {one.why}",
        f"      form         {one.form}" + (f" (the case says {wanted.form}; not compared)" if wanted.form else ""),
    ]
    if wanted.relaxed:
        found = f"{_yes(one.may_record_relaxed)} (expected {_yes(wanted.may_record_relaxed)})"
        lines.append(f"      relaxed      {wanted.relaxed}: {found}")
    if wanted.stricter_than_court:
        lines.append("      stricter     than the court was: it is held so on purpose")
    for number, ground in enumerate(one.grounds[:MOST]):
        label = "grounds" if not number else ""
        lines.append(
            f"      {label:12} {ground.place}: {ground.rule}, {ground.form} ({ground.citation}) — {ground.why}"
        )
    if len(one.grounds) > MOST:
        lines.append(f"      {'':12} and {len(one.grounds) - MOST} more")
    lines += [f"      remark       {remark}" for remark in case.remarks]
    return lines


def _yes(may: bool) -> str:
    return "yes" if may else "no"
