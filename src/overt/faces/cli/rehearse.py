"""`overt policy rehearse`: how past calls would have gone under another book or another law, before anybody publishes it.

Exit codes: 0 rehearsed, 1 not permitted, 2 usage, or a book that could not be published, 3 the ledger cannot be read.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Column, Table

from overt.compose.rehearsing import Wanted, rehearse_book
from overt.domain.book_toml import LARGEST_BYTES
from overt.domain.errors import BookRefused
from overt.domain.foresight import APART
from overt.domain.hindsight import Course
from overt.domain.rehearsal import CHANGES, Changed
from overt.faces.cli.options import USAGE, AsJson, Folder, end, made, translated, wide
from overt.services.rehearsing import Rehearsed, Span

SHOWN = 20
UNITS = {"h": "hours", "d": "days", "w": "weeks"}
_AGO = re.compile(r"(\d{1,5})([hdw])")
WILLS = {"ask": "told and asked", "announce": "told without a question", "none": "told nothing"}
EXTENTS = {
    "whole": "recorded whole", "part": "recorded in part, up to a no or a hold", "no": "not recorded",
    "unknown": "cannot be known",
}  # fmt: skip
FATES = {"go-on": "went on after a no", "end": "ended after a no", "route": "routed after a no"}
When = Annotated[str, typer.Option(metavar="WHEN", help="How long ago (12h, 30d, 4w), or a day, UTC: 2026-11-24.")]


def rehearse(
    data: Folder,
    book: Annotated[
        Path | None, typer.Argument(help="The new policy book, - for standard input; without one, the book in force.")
    ] = None,
    since: When = "30d",
    until: When = "",
    law: Annotated[
        Path | None, typer.Option(help="A folder with another law table.", exists=True, file_okay=False)
    ] = None,
    on: Annotated[str, typer.Option(metavar="DAY", help="The day whose law is read; today when not given.")] = "",
    all_changes: Annotated[
        bool, typer.Option("--all-changes", help=f"Show every changed call, not only the first {SHOWN}.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show how past calls would have gone under a new policy book, another law, or both. Nothing is published or kept."""
    began = time.monotonic()
    if book is None and law is None and not on:
        end(
            USAGE,
            "nothing to rehearse: name a policy book, --law FOLDER for another law, or --on DAY for another day's",
        )
    wanted = Wanted(_text(book), span_of_words(since, until), law, _day(on, "--on").isoformat() if on else "")
    with translated():
        done = _rehearsed(made(data), wanted, as_json)
    seconds = round(time.monotonic() - began, 1)
    if as_json:
        print(json.dumps({**done.as_json(), "seconds": seconds}, ensure_ascii=False))
        return
    _show(done, all_changes)
    print(f"{done.calls} calls in {seconds} s. Nothing was published.", file=sys.stderr)


def _rehearsed(folder: Path, wanted: Wanted, as_json: bool) -> Rehearsed:
    """Rehearse with a bar; a book that could not be published ends the command with all that stops it."""
    try:
        with _bar() as progress:
            return rehearse_book(folder, wanted, progress)
    except BookRefused as refused:
        if as_json:
            print(json.dumps({"stops": [str(one) for one in refused.findings]}, ensure_ascii=False))
        end(
            USAGE, "\n".join(["this book could not be published, so it is not rehearsed:", *map(str, refused.findings)])
        )


@contextmanager
def _bar() -> Iterator[Callable[[int, int, int], None]]:
    """A bar on standard error, for people only; gives what is to be told how far the ledger was read."""
    columns = (TextColumn("{task.fields[calls]} calls"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("calls", total=None, calls=0)
        yield lambda done, total, calls: bar.update(task, completed=done, total=total, calls=calls)


# ------------------------------------------------------------------------------------------ what is asked


def _text(book: Path | None) -> str | None:
    if book is None:
        return None
    try:
        read = sys.stdin.buffer.read(LARGEST_BYTES + 1) if str(book) == "-" else book.read_bytes()
        return read.decode()
    except OSError as error:
        end(USAGE, f"{book}: {error.strerror}")
    except UnicodeDecodeError:
        end(USAGE, f"{book} is no text in UTF-8")


def span_of_words(since: str, until: str) -> Span:
    """The time that `--since` and `--until` mean. Ends the command when they mean none."""
    now = datetime.now(UTC)
    span = Span(
        _micros(_moment(since, now, "--since")), _micros(_moment(until, now, "--until") if until else now), _micros(now)
    )
    if span.since_us >= span.until_us:
        end(USAGE, f"--since {since} is not before --until {until or 'now'}")
    return span


def _moment(text: str, now: datetime, option: str) -> datetime:
    ago = _AGO.fullmatch(text)
    if ago:
        return now - timedelta(**{UNITS[ago[2]]: int(ago[1])})
    day = _day(text, option)
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        ago = "" if option == "--on" else ", or a time ago such as 30d (h, d, w)"
        end(USAGE, f"{option} is a day such as 2026-11-24{ago}")


def _micros(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)


# ------------------------------------------------------------------------------------------ what is shown


def _show(done: Rehearsed, all_changes: bool) -> None:
    for finding in done.proposal.findings:
        print(f"warning: {finding}", file=sys.stderr)
    _show_proposal(done, all_changes)
    if not done.calls:
        print(
            f"Nothing to rehearse: no call was offered from {_time(done.span.since_us)} to {_time(done.span.until_us)}."
        )
        return
    _show_apart(done)
    if done.rehearsal.rehearsed:
        _show_counts(done)
        _show_changed(done, all_changes)


def _show_proposal(done: Rehearsed, all_changes: bool) -> None:
    proposal, table = done.proposal, done.proposal.table
    print(f"Under the law of {proposal.on} (table {table.version}, {table.sha256[:12]}):")
    changes = proposal.changes if all_changes else proposal.changes[:SHOWN]
    if changes:
        print(f"what the new book changes of version {proposal.instead_of}, which is in force:")
    for one in changes:
        print(f"  {one}")
    if len(changes) < len(proposal.changes):
        print(f"  and {len(proposal.changes) - len(changes)} more; --all-changes shows them")


def _show_apart(done: Rehearsed) -> None:
    for why, calls in done.rehearsal.apart.most_common():
        print(f"{calls} {'call is' if calls == 1 else 'calls are'} left out: {why} ({APART[why]}).")
    if done.broken:
        first = ", ".join(map(str, done.first_broken))
        print(f"{done.broken} entries of the ledger cannot be read (first: {first}); `overt ledger verify` says more.")


def _show_counts(done: Rehearsed) -> None:
    rehearsal = done.rehearsal
    was, would = rehearsal.was, rehearsal.would
    table = Table(
        "", Column("was", justify="right"), Column("would be", justify="right"), Column("change", justify="right")
    )

    def row(words: str, then: int, now: int) -> None:
        if then or now:
            table.add_row(words, str(then), str(now), f"{now - then:+d}" if now != then else "")

    row("calls", rehearsal.rehearsed, rehearsal.rehearsed)
    for will, words in WILLS.items():
        row(words, was.will[will], would.will[will])
    table.add_section()
    for extent, words in EXTENTS.items():
        row(words, was.recorded[extent], would.recorded[extent])
    table.add_section()
    for days in sorted({*was.kept, *would.kept}):
        row(f"kept {days} days", was.kept[days], would.kept[days])
    row("kept no longer, their time being over", was.over, would.over)
    table.add_section()
    for fate, words in FATES.items():
        row(words, was.after_no[fate], would.after_no[fate])
    wide().print(table)
    rules = Table("policy", Column("would rule", justify="right"))
    for policy, calls in rehearsal.ruled.items():
        rules.add_row(escape(policy) or "(none: not recorded)", str(calls))
    wide().print(rules)
    for why, calls in rehearsal.unrecorded.most_common():
        print(f"told nothing, and not recorded: {calls} ({why})")


def _show_changed(done: Rehearsed, all_changes: bool) -> None:
    rehearsal = done.rehearsal
    if not rehearsal.changed:
        print("Nothing would change.")
        return
    print(f"{rehearsal.changed} of {rehearsal.rehearsed} calls would have gone otherwise:")
    for name, calls in rehearsal.what.most_common():
        print(f"  {name}: {calls} ({CHANGES[name].meaning})")
    shown = rehearsal.shown if all_changes else rehearsal.shown[:SHOWN]
    table = Table(
        Column("call", no_wrap=True, min_width=36), "offered (UTC)", "line", "caller", "was", "would be", "why"
    )
    for one in shown:
        words = (one.line, one.caller, _words(one, one.was), _words(one, one.would), one.why)
        table.add_row(one.call, _time(one.offered_us), *map(escape, words))
    wide().print(table)
    if len(shown) < rehearsal.changed:
        rest = "--all-changes shows more" if len(shown) < len(rehearsal.shown) else "the rest is counted only"
        print(f"{len(shown)} of {rehearsal.changed} changed calls are shown; {rest}.")


def _words(changed: Changed, course: Course) -> str:
    """What a course says of that which would have changed, in a few words."""
    said = {
        "telling": WILLS[course.will],
        "words": f"{course.script or 'told'} in {' '.join(course.languages) or 'languages not known'} for {course.purpose}",
        "recorded": EXTENTS[course.recorded],
        "kept": f"kept {course.keep_days} days",
        "deleted": f"kept until {_time(course.keep_until_us)[:10]}",
        "listeners": f"heard by {', '.join(course.listeners or ('nobody',))}",
        "after a no": FATES.get(course.after_no, ""),
    }
    return "; ".join(said[name] for name in changed.what)


def _time(moment_us: int) -> str:
    return datetime.fromtimestamp(moment_us / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M")
