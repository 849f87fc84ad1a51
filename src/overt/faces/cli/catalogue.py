"""`overt catalogue`: made anew from what is certain, and searched."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table

from overt.compose.cataloguing import ledger_size, rebuild_catalogue, search_catalogue
from overt.faces.cli.options import USAGE, AsJson, Folder, end, made, translated, wide
from overt.services.searching import MOST_A_PAGE, STATES, BadCursor, CallRow, Page, Wanted

catalogue_app = typer.Typer(help="Calls as they are found: made anew, and searched.", no_args_is_help=True)
Day = Annotated[str, typer.Option(help="A day, UTC: 2026-11-24.", metavar="DAY")]


@catalogue_app.command("rebuild")
def rebuild(data: Folder, as_json: AsJson = False) -> None:
    """Make the catalogue anew from ledger, sealed files and keys. `overt serve` may run; it shows the old one until then."""
    began = time.monotonic()
    with _translated():
        folder = made(data)
        with _progress(ledger_size(folder)) as read:
            done = rebuild_catalogue(folder, read)
    seconds = round(time.monotonic() - began, 1)
    if as_json:
        print(json.dumps({**asdict(done), "seconds": seconds}))
        return
    print(f"{done.calls} calls and {done.recordings} recordings, from {done.entries} entries, in {seconds:.1f} s")


@catalogue_app.command("search")
def search(
    data: Folder,
    since: Day = "",
    until: Day = "",
    number: Annotated[str, typer.Option(help="A number, or its last four digits.")] = "",
    agent: Annotated[str, typer.Option(help="The agent's SIP address.")] = "",
    line: Annotated[str, typer.Option(help="The line's name.")] = "",
    state: Annotated[str, typer.Option(help=f"One of: {', '.join(STATES)}.")] = "",
    place: Annotated[str, typer.Option(help="A place of the call, ISO 3166: US-CA.")] = "",
    text: Annotated[str, typer.Option(help="Words of the outcome or its reason.")] = "",
    gap: Annotated[bool, typer.Option("--gap", help="Only calls with a gap.")] = False,
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=MOST_A_PAGE)] = 50,
    after: Annotated[str, typer.Option(help="The cursor that the page before gave.")] = "",
    as_json: AsJson = False,
) -> None:
    """Find calls, newest first. Whatever is not said is not asked."""
    if state and state not in STATES:
        end(USAGE, f"there is no state {state}: one of {', '.join(STATES)}")
    last = _day(until, "--until")
    wanted = Wanted(
        _micros(_day(since, "--since")), _micros(last + timedelta(days=1)) if last else 0, number, agent, line, state, place,
        text, gap, after, limit,
    )  # fmt: skip
    with _translated():
        page = search_catalogue(made(data), wanted)
    if as_json:
        print(json.dumps({"calls": [asdict(one) for one in page.rows], "after": page.after}, ensure_ascii=False))
        return
    _show(page)


@contextmanager
def _progress(size: int) -> Iterator[Callable[[int], None]]:
    """A bar on standard error, for people only; gives what is to be told how many entries were read."""
    columns = (TextColumn("entries"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("entries", total=size)
        yield lambda read: bar.update(task, completed=read)


def _show(page: Page) -> None:
    if not page.rows:
        print("No call fits.", file=sys.stderr)
        return
    table = Table(
        Column("call", no_wrap=True, min_width=36), "began (UTC)", "from", "line", "agent", "state", "outcome"
    )
    for one in page.rows:
        table.add_row(one.id, _time(one), one.caller, one.line, one.agent, one.state, one.outcome)
    wide().print(table)
    if page.after:
        print(f"There are more: --after {page.after}", file=sys.stderr)


@contextmanager
def _translated() -> Iterator[None]:
    """A cursor that no page gave is wrong usage; the rest as everywhere."""
    with translated():
        try:
            yield
        except BadCursor as error:
            end(USAGE, f"overt catalogue: {error}; give --after what the page before said")


def _time(row: CallRow) -> str:
    return datetime.fromtimestamp(row.started_us / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _day(text: str, option: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        end(USAGE, f"{option} is a day such as 2026-11-24")


def _micros(day: date | None) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000 if day else 0
