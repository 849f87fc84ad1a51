"""What the commands of `overt law` share: which law, which day, and codes of places as they are typed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, cast

import typer

from overt.compose.counselling import today
from overt.domain.law.model import FORMS, Form
from overt.domain.law.reckoning import Profile
from overt.domain.law.table import Table
from overt.domain.law.words import PROFILES
from overt.faces.cli.options import USAGE, end

LawFolder = Annotated[
    Path | None,
    typer.Option(
        "--law", help="A folder of law files (places/, duties/, …) that take the place of ours of the same name."
    ),
]
OnDay = Annotated[
    str, typer.Option("--date", help="The day for which the law is read; today (UTC) if left out.", metavar="DAY")
]
Served = Annotated[
    list[str] | None,
    typer.Option(
        "--served", metavar="PLACE", help="A place that the line serves; US for the 50 states and DC. Repeatable."
    ),
]
HowSure = Annotated[str, typer.Option("--profile", help=f"How sure a form must be: {', '.join(PROFILES)}.")]


def day(text: str) -> str:
    """The day that was named, or today."""
    try:
        return date.fromisoformat(text).isoformat() if text else today()
    except ValueError:
        end(USAGE, "--date is a day such as 2026-11-24")


def codes(typed: Sequence[str] | None) -> tuple[str, ...]:
    """Codes of places, in capitals."""
    return tuple(dict.fromkeys(one.strip().upper() for one in typed or () if one.strip()))


def profile_of(typed: str) -> Profile:
    """The profile that was named."""
    return cast(Profile, one_of("--profile", typed, tuple(PROFILES)))


def held(typed: Sequence[str] | None) -> tuple[tuple[str, Form], ...]:
    """Places held stricter, typed as CODE=form."""
    return tuple(_held(one) for one in typed or ())


def _held(typed: str) -> tuple[str, Form]:
    place, _, form = typed.partition("=")
    if form not in FORMS:
        example = "US-GA=notice_then_continue"
        end(USAGE, f"--stricter is a place and a form, such as {example}, not {typed}; forms: {', '.join(FORMS)}")
    return place.strip().upper(), form


def one_of(option: str, typed: str, known: Sequence[str]) -> str:
    """What was typed, if it is known."""
    if typed not in known:
        end(USAGE, f"{option} is one of {', '.join(known)}, not {typed}")
    return typed


def law_line(table: Table, on: str) -> str:
    """Which law was read: its version, date and hash."""
    return f"Law table {table.version} of {table.as_of}, read for {on}; SHA-256 {table.sha256[:16]}…"
