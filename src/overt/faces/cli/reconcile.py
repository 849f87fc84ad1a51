"""`overt calls account`: every call of a time in one class, with its reason, beside a switch's own list; or one call by the second.

Exit codes: 0 nothing is missing or extra, 1 something is, or an alarm, or the call is not known, 2 usage, 3 unavailable.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Column, Table

from overt.adapters.api_client import ServerRefused
from overt.compose.reconciling import (
    Wanted,
    account_at,
    account_call,
    map_text,
    reconcile_at,
    reconcile_calls,
    turned_away_here,
)
from overt.domain.reconciling import AS_THEY_SHOULD, CLASSES, GRAVE, KINDS, Class
from overt.domain.second_strips import SIGNS, STATES, bar, rows_of, strips
from overt.faces.cli.options import NEGATIVE, USAGE, AsJson, MaybeFolder, Server, end, folder_of, translated, wide
from overt.faces.cli.rehearse import When, span_of_words
from overt.services.reconciling import MOST_CALLS
from overt.services.reconciling import Progress as Told

SHOWN, SHOWN_BAD, BAR = 20, 5, 64
MOST_AT_ONCE = 100_000  # calls of a class that a server gives
WHAT = {"offered": "offered", "permitted_ms": "permitted", "received": "received", "captured": "kept", "lost": "lost",
        "late": "late", "dropped": "no permit", "paused_ms": "paused"}  # fmt: skip
Only = Annotated[
    list[str] | None, typer.Option("--only", metavar="CLASS", help=f"Show only these: {', '.join(get_args(Class))}.")
]
Columns = Annotated[
    str,
    typer.Option(
        "--columns", metavar="MAP", help="Its column map: a file MAP.toml, or asterisk, freeswitch, cisco, kamailio."
    ),
]


def account(
    call: Annotated[str, typer.Argument(help="One call's id: its account by the second.")] = "",
    data: MaybeFolder = None,
    server: Server = "",
    since: When = "24h",
    until: When = "",
    cdr: Annotated[
        Path | None, typer.Option(help="A switch's own list of calls, a CSV file.", exists=True, dir_okay=False)
    ] = None,
    columns: Columns = "",
    client: Annotated[str, typer.Option(help="Only calls that this trunk or recording client brought.")] = "",
    tolerance: Annotated[
        float, typer.Option(min=0, max=600, help="How many seconds apart the CDR may say that a call began.")
    ] = 5.0,
    only: Only = None,
    all_calls: Annotated[
        bool,
        typer.Option("--all", help=f"Show every call, not only {SHOWN} of each class that is not as it should be."),
    ] = False,
    as_json: AsJson = False,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show numbers in full.")] = False,
) -> None:
    """Account for every call: recorded as it should, not recorded as it should, with losses, missing, extra; each with why."""
    if server and reveal:
        end(USAGE, "a server shows no number in full; use --reveal with --data, on the machine itself")
    if call:
        _one(call, data, server, as_json=as_json, reveal=reveal)
        return
    chosen = _classes(only or [])
    if (cdr is None) != (not columns):
        end(USAGE, "--cdr and --columns go together: the file, and what its columns say")
    began = time.monotonic()
    span = span_of_words(since, until)
    with translated():
        wanted = Wanted(
            span.since_us,
            span.until_us,
            client,
            round(tolerance * 1_000_000),
            cdr,
            map_text(columns),
            MOST_CALLS if as_json or all_calls else SHOWN,
        )
        found = _asked(server, wanted, chosen) if server else _here(folder_of(data), wanted, chosen, reveal)
    if as_json:
        print(json.dumps({**found, "seconds": round(time.monotonic() - began, 1)}, ensure_ascii=False))
    else:
        _show(found, chosen, all_calls)
    if any(found["classes"][one] for one in GRAVE):
        raise typer.Exit(NEGATIVE)


def _classes(only: Sequence[str]) -> tuple[Class, ...]:
    given = [one.strip() for each in only for one in each.split(",")]
    for one in given:
        if one not in CLASSES:
            end(USAGE, f"there is no class {one[:30]}: one of {', '.join(CLASSES)}")
    return tuple(one for one in CLASSES if one in given)


def _here(folder: Path, wanted: Wanted, chosen: Sequence[Class], reveal: bool) -> Mapping[str, Any]:
    with _bar() as progress:
        done = reconcile_calls(folder, wanted, progress)
    return {**done.as_json(chosen, reveal=reveal), "turned_away": turned_away_here(folder).as_json()}


def _asked(server: str, wanted: Wanted, chosen: Sequence[Class]) -> Mapping[str, Any]:
    asked: dict[str, str | int] = {
        "since": str(wanted.since_us), "until": str(wanted.until_us), "client": wanted.client, "only": ",".join(chosen),
        "tolerance_ms": wanted.tolerance_us // 1000, "shown": min(wanted.most, MOST_AT_ONCE),
    }  # fmt: skip
    return reconcile_at(server, asked, wanted.cdr, wanted.columns)


@contextmanager
def _bar() -> Iterator[Told]:
    """A bar on standard error, for people only; gives what is to be told how far it is."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[many]}"),
        TimeRemainingColumn(),
    )  # fmt: skip
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as shown:
        tasks = {what: shown.add_task(what, total=None, many="", visible=False) for what in ("CDR", "ledger")}

        def told(what: str, done: int, total: int, many: int) -> None:
            amount = {"completed": done, "total": total} if total else {}
            shown.update(tasks[what], visible=True, **amount, **({"many": f"{many:,}"} if many else {}))  # type: ignore[arg-type]

        yield told


# ------------------------------------------------------------------------------------------ what is shown


def _show(found: Mapping[str, Any], chosen: Sequence[Class], all_calls: bool) -> None:
    print(f"Calls offered from {_time(found['since_us'])} to {_time(found['until_us'])} UTC.")
    if found["cdr"]:
        _show_cdr(found["cdr"])
    if found["broken_entries"]:
        print(f"{found['broken_entries']} entries of the ledger cannot be read; `overt ledger verify` says more.")
    wrong = [one for one in CLASSES if all_calls or one not in AS_THEY_SHOULD]
    _show_calls(found, chosen or wrong)
    _show_legs(found["legs"])
    table = Table("class", "what it means", Column("calls", justify="right"), "by reason")
    for class_, many in found["classes"].items():
        if many:
            reasons = [f"{kind} {of_it:,}" for kind, of_it in found["kinds"].items() if KINDS[kind] == class_]
            table.add_row(class_, CLASSES[class_], f"{many:,}", ", ".join(reasons))
    if found["total"]:
        wide().print(table)
    _show_turned_away(found["turned_away"])
    print(found["summary"])


def _show_cdr(cdr: Mapping[str, Any]) -> None:
    print(
        f"The CDR has {cdr['rows']:,} rows, of {_time(cdr['from_us'])} to {_time(cdr['to_us'])} UTC"
        if cdr["to_us"]
        else f"The CDR has {cdr['rows']:,} rows, and none that can be used",
        end="",
    )
    words = (("outside", "of another time"), ("left_out", "left out by the map"), ("repeated", "more of one call"),
             ("bad", "that cannot be read"))  # fmt: skip
    rest = [f"{cdr[name]:,} {said}" for name, said in words if cdr[name]]
    print(f"; {', '.join(rest)}." if rest else ".")
    print(f"Matched: {cdr['by_id']:,} by SIP's id, {cdr['by_numbers']:,} by numbers and time", end="")
    print(f", of which {cdr['ambiguous']:,} could as well be another's." if cdr["ambiguous"] else ".")
    for one in cdr["first_bad"][:SHOWN_BAD]:
        print(f"line {one['line']}: {one['why']}")
    if cdr["bad"] > SHOWN_BAD:
        print(f"and {cdr['bad'] - SHOWN_BAD:,} more; --json lists the first {len(cdr['first_bad'])}")
    if cdr["late_s"]:
        late = "late" if cdr["late_s"] > 0 else "early"
        print(
            f"Its times seem {abs(cdr['late_s']):,} s {late}: is `timezone` in the column map right, and the switch's clock?"
        )


def _show_calls(found: Mapping[str, Any], classes: Sequence[Class]) -> None:
    for class_ in classes:
        shown = [one for one in found["calls"] if one["class"] == class_]
        if not shown:
            continue
        table = Table("began (UTC)", Column("call", no_wrap=True, min_width=36), "client", "from", "to", "why",
                      title=f"{class_}: {CLASSES[class_]}", title_justify="left")  # fmt: skip
        for one in shown:
            said = one["why"] + _in_cdr(one["cdr"])
            words = (one["trunk"], one["from"] or "withheld", one["to"] or one["line"], said)
            table.add_row(_time(one["at_us"]), one["call"] or "–", *map(escape, words))
        wide().print(table)
        if len(shown) < found["classes"][class_]:
            print(f"{len(shown)} of {found['classes'][class_]:,} are shown; --all shows every one.")


def _in_cdr(row: Mapping[str, Any] | None) -> str:
    if row is None or not row["how"]:
        return ""
    doubt = ", or another" if row["ambiguous"] else ""
    return f" (line {row['line']} of the CDR{doubt}, {row['apart_ms'] / 1000:+.1f} s)"


def _show_legs(legs: Mapping[str, Mapping[str, int]]) -> None:
    """The sums of every leg; nothing where no call has counters."""
    table = Table("leg", *(Column(said, justify="right") for said in WHAT.values()))
    for side, sums in legs.items():
        if any(sums.values()):
            table.add_row(side, *(_amount(name, sums[name]) for name in WHAT))
    if table.row_count:
        wide().print(table)


def _show_turned_away(turned: Mapping[str, Mapping[str, int]]) -> None:
    named = [f"{many:,} of client {name}" for name, many in turned["clients"].items()]
    named += [f"{many:,} {name}" for name, many in turned["counters"].items()]
    if named:
        print(f"Turned away since the processes began, before they were calls: {'; '.join(named)}.")


def _amount(name: str, value: int) -> str:
    return f"{value / 1000:,.1f} s" if name.endswith("_ms") else f"{value:,}"


# ------------------------------------------------------------------------------------------ one call


def _one(call: str, data: Path | None, server: str, *, as_json: bool, reveal: bool) -> None:
    with translated():
        found = _known(call, data, server, reveal)
    if found is None:
        end(NEGATIVE, f"the ledger knows no call {call}; `overt calls list` shows those it knows")
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        _show_one(found)
    if found["class"] in GRAVE:
        raise typer.Exit(NEGATIVE)


def _known(call: str, data: Path | None, server: str, reveal: bool) -> Mapping[str, Any] | None:
    if not server:
        one = account_call(folder_of(data), call)
        return one.as_json(reveal=reveal) if one is not None else None
    try:
        return account_at(server, call)
    except ServerRefused as refused:
        if refused.status == 404:
            return None
        raise


def _show_one(found: Mapping[str, Any]) -> None:
    print(f"{found['class']}: {found['why']}")
    print(f"Offered {_time(found['at_us'])} UTC by {found['trunk'] or 'nobody known'}; {found['outcome']}.")
    _show_legs(found["legs"])
    for side, leg in found["seconds"].items():
        rows = rows_of(leg["rows"])
        print(f"{side}, by the second ({'; '.join(f'{SIGNS[one]} {said}' for one, said in STATES.items())}):")
        print(f"|{bar(strips(rows), BAR)}|")
        table = Table(*(Column(name, justify="right") for name in ("second", *leg["columns"][1:])))
        for row in rows:
            table.add_row(*map(str, row))
        wide().print(table)
    if not found["seconds"]:
        print("The ledger has no seconds of this call.")


def _time(moment_us: int) -> str:
    return datetime.fromtimestamp(moment_us / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S")
