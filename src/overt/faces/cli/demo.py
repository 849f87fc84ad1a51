"""`overt demo`: see it work, in one command."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from overt.compose.demo import (
    LOOK_S,
    SCENARIOS,
    Demonstrated,
    Ports,
    Scenario,
    calls_of,
    free_ports,
    running,
    six_calls,
)
from overt.compose.demo_console import ConsoleAccess, show_in_browser
from overt.faces.cli.options import NEGATIVE, PIPE_WIDTH, AsJson, translated
from overt.services.auditing import CallRecord, masked, recorder_hears

MOST_SHOWN = 12


def demo(
    data: Annotated[Path | None, typer.Option("--data", envvar="OVERT_DATA", help="Keep the data folder here.")] = None,
    once: Annotated[bool, typer.Option(help="Place the six calls and end.")] = False,
    phone: Annotated[bool, typer.Option(help="Wait for your own softphone instead.")] = False,
    as_json: AsJson = False,
) -> None:
    """Start a whole Overt on free ports, place six real calls through it, and show what became of each."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does: nothing is left behind
    with translated(), tempfile.TemporaryDirectory(prefix="overt-demo-") as temporary, suppress(KeyboardInterrupt):
        folder = (data or Path(temporary) / "data").absolute()
        code = asyncio.run(_run(folder, once=once or as_json, phone=phone, as_json=as_json))
        raise typer.Exit(code)


async def _run(folder: Path, *, once: bool, phone: bool, as_json: bool) -> int:
    ports = free_ports()
    console = Console(stderr=as_json)
    if not console.is_terminal:
        console = Console(stderr=as_json, width=PIPE_WIDTH)
    console.print(f"Data folder: {folder}")
    async with running(folder, ports) as access:
        _tell_console(console, access)
        if console.is_terminal:
            show_in_browser(access.address)
        if phone:
            return await _wait_for_phone(console, folder, ports)
        with Live(console=console, auto_refresh=False, vertical_overflow="visible") as live:
            done = await six_calls(folder, ports, lambda records: live.update(_picture(records), refresh=True))
        _tell_result(console, done)
        if as_json:
            print(json.dumps(done.as_json(access), ensure_ascii=False))
        if not once:
            await _stay(console, folder, ports, access)
    return 0 if done.as_expected else NEGATIVE


def _tell_console(console: Console, access: ConsoleAccess) -> None:
    console.print(f"Console:     [bold]{access.address}[/]", soft_wrap=True)
    console.print(
        f"Sign in as   [bold]{access.account}[/] with the password [bold]{access.password}[/] (shown only here)"
    )


async def _wait_for_phone(console: Console, folder: Path, ports: Ports) -> int:
    console.print(
        f"Call [bold]sip:support@127.0.0.1:{ports.sip}[/] from a softphone on this machine (PCMU or PCMA, UDP)."
    )
    console.print(
        "Press 1 to be recorded, 2 not to be, * to stop at any time, and watch the recorder go blind. Ctrl-C ends."
    )
    with Live(console=console, auto_refresh=False) as live, suppress(asyncio.CancelledError):
        while True:
            live.update(_watched(calls_of(folder)), refresh=True)
            await asyncio.sleep(LOOK_S)
    return 0


def _watched(records: Sequence[CallRecord]) -> Table:
    """The calls of a reader's own phone: where each stands, and whether the recorder hears."""
    table = Table(title="Your calls", expand=True)
    for column in ("from", "the rule that won", "answer", "recorder", "where it stands"):
        table.add_column(column)
    for record in records[-MOST_SHOWN:]:
        hears = recorder_hears(record)
        table.add_row(
            masked(record.caller), f"{record.rule}: {record.citation}", record.consent,
            Text("hears" if hears else "blind", "red" if hears else "green"),
            record.outcome if record.ledger_index >= 0 else record.stages[-1],
        )  # fmt: skip
    return table


async def _stay(console: Console, folder: Path, ports: Ports, access: ConsoleAccess) -> None:
    console.print(
        f"\nOvert goes on serving on 127.0.0.1:{ports.sip}. Open the console, press Listen on a recorded call, and"
    )
    console.print("read why it was lawful:")
    _tell_console(console, access)
    console.print("Or look around in another window:")
    for command in ("calls list", "recordings list", "ledger verify", "doctor"):
        console.print(f"  {sys.argv[0]} {command} --data {folder}", soft_wrap=True)
    console.print("Ctrl-C ends it.")
    with suppress(asyncio.CancelledError):
        await asyncio.Event().wait()


COLUMNS = (("call", 5), ("places, and why", 6), ("the rule that won", 5), ("told", 3), ("answer", 2), ("captured", 3),
           ("where it stands", 4))  # fmt: skip
SHORTER = (
    (": hint of the number (", ": "), (": address on file (", ": "), (": the line serves this place", " that the line serves"),
    (": configured site (", ": "), (")", ""),
)  # fmt: skip


def _why(because: Sequence[str]) -> str:
    """A call's places and why, in as few words as a table bears; `overt calls show` has them all."""
    lines = [one for one in because if not one.startswith("recorder")]
    for long, short in SHORTER:
        lines = [one.replace(long, short) for one in lines]
    return "\n".join(lines)


def _picture(records: Mapping[int, CallRecord]) -> Group:
    """The live table: each call's way, room by room."""
    table = Table(title="Six calls through Overt", expand=True, show_lines=True, padding=0)
    for column, ratio in COLUMNS:
        table.add_column(column, ratio=ratio)
    for scenario in SCENARIOS:
        table.add_row(*_cells(scenario, records.get(scenario.number)))
    return Group(table)


def _cells(scenario: Scenario, record: CallRecord | None) -> tuple[str | Text, ...]:
    head = f"{scenario.number}. {scenario.title}"
    if record is None:
        return (head, "", "", "", "", "", "…")
    rule = f"{record.rule}: {record.citation.partition(' (')[0]}\n{record.effect}" if record.rule else ""
    ended = record.ledger_index >= 0
    place = f"{record.outcome}\nledger entry {record.ledger_index}" if ended else record.stages[-1]
    style = "" if not ended else "green" if scenario.as_expected(record) else "red"
    return (
        f"{head}\n{masked(record.caller)} → {record.called}", _why(record.because), rule,
        f"{record.told}\n{record.disclosed_ms / 1000:.1f} s" if record.told else "", record.consent,
        f"{record.captured_ms / 1000:.1f} of {record.call_ms / 1000:.1f} s" if ended else "", Text(place, style),
    )  # fmt: skip


def _tell_result(console: Console, done: Demonstrated) -> None:
    wrong = [one.number for one in SCENARIOS if not one.as_expected(done.records.get(one.number))]
    ledger = "verified" if done.ledger.verified else f"NOT verified: {'; '.join(done.ledger.wrong)}"
    console.print(f"Ledger: {done.ledger.size} entries, {ledger}.")
    if wrong:
        console.print(f"[red]Not as it must be: call {', '.join(map(str, wrong))}.[/]")
    else:
        console.print("[green]All six came out as they must.[/]")
