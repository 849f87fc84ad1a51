"""The demo: a whole Overt on free ports, six real calls through it, and what the ledger says of each."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from overt.compose.auditing import calls, verdict
from overt.compose.calling import speech
from overt.compose.demo_console import ConsoleAccess, open_console
from overt.compose.init import Wishes, make_folder
from overt.ledger.entry import EntryBroken
from overt.ledger.verify import Verdict
from overt.phone.script import Script, place
from overt.phone.telephone import PhoneCall, Telephone
from overt.ports import Unavailable
from overt.services.auditing import CallRecord

ADDRESS = "127.0.0.1"
READY_S = 20.0
LOOK_S = 0.25
ENTERED_S = 10.0
SERVED = ("US",)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One call of the demo and how it must come out. Times in seconds after the answer, captures in milliseconds."""

    number: int
    title: str
    line: str
    caller: str
    keys: tuple[tuple[float, str], ...]
    seconds: float
    consent: str
    outcome: str
    connected: bool
    captured: tuple[int, int]

    def as_expected(self, record: CallRecord | None) -> bool:
        """True when the ledger says of the call what it must."""
        return (
            record is not None
            and record.consent == self.consent
            and record.outcome == self.outcome
            and self.captured[0] <= record.captured_ms <= self.captured[1]
            and ("agent joined" in record.stages) == self.connected
        )


SCENARIOS = (
    Scenario(1, "Texas address on file, line announces", "sales", "+12145550100", (), 22, "informed", "recorded",
             True, (3000, 12000)),
    Scenario(2, "California, presses 1", "support", "+14155550102", ((9.5, "1"),), 25, "given", "recorded",
             True, (3000, 12000)),
    Scenario(3, "California, presses 2", "support", "+14155550103", ((9.5, "2"),), 19, "refused",
             "not recorded: refused", True, (0, 0)),
    Scenario(4, "number withheld, presses nothing", "support", "", (), 23, "timeout", "not recorded: no answer",
             True, (0, 0)),
    Scenario(5, "consents, then presses star", "support", "+14155550105", ((9.5, "1"), (20.5, "*")), 26, "withdrawn",
             "recorded until withdrawn", True, (1000, 7000)),
    Scenario(6, "hangs up in the announcement", "support", "+14155550106", (), 4, "hang-up",
             "hung up in announcement", False, (0, 0)),
)  # fmt: skip
Show = Callable[[Mapping[int, CallRecord]], None]


@dataclass(frozen=True, slots=True)
class Ports:
    """Free ports for this run."""

    sip: int
    agent: int
    web: int

    @property
    def console(self) -> str:
        """The console's address."""
        return f"http://{ADDRESS}:{self.web}"


@dataclass(frozen=True, slots=True)
class Demonstrated:
    """What the demo ends with."""

    records: Mapping[int, CallRecord]
    ledger: Verdict

    @property
    def as_expected(self) -> bool:
        """True when all six came out as they must, and the ledger verifies."""
        return self.ledger.verified and all(one.as_expected(self.records.get(one.number)) for one in SCENARIOS)

    def as_json(self, access: ConsoleAccess) -> dict[str, Any]:
        """The demo's document."""
        rows = [_row(one, self.records[one.number]) for one in SCENARIOS if one.number in self.records]
        ledger = {"size": self.ledger.size, "verified": self.ledger.verified}
        account = {"name": access.account, "password": access.password}
        return {"console": access.address, "console_account": account, "calls": rows, "ledger": ledger}


def _row(scenario: Scenario, record: CallRecord) -> dict[str, Any]:
    return {
        "id": record.id, "scenario": scenario.number, "from": record.caller, "to": record.called,
        "places": record.places, "effect": record.effect, "rule": record.rule, "citation": record.citation,
        "disclosed_ms": record.disclosed_ms, "consent": record.consent, "captured_ms": record.captured_ms,
        "call_ms": record.call_ms, "outcome": record.outcome, "ledger_index": record.ledger_index,
    }  # fmt: skip


def free_ports() -> Ports:
    """Ports that nothing uses."""
    with ExitStack() as held:
        kinds = (socket.SOCK_DGRAM, socket.SOCK_DGRAM, socket.SOCK_STREAM)
        doors = [held.enter_context(socket.socket(socket.AF_INET, kind)) for kind in kinds]
        for door in doors:
            door.bind((ADDRESS, 0))
        return Ports(*(int(door.getsockname()[1]) for door in doors))


def demo_settings(ports: Ports) -> str:
    """The demo's trunk, lines and address book."""
    line = f"""
[[line]]
name = "{{name}}"
numbers = ["{{name}}"]
agent = "sip:agent@{ADDRESS}:{ports.agent}"
agent_place = "US-GA"
agent_notice_on_file = "2026-11-01"
telling = "{{telling}}"
chosen_by = "{{chosen_by}}"
"""
    return f"""sip_port = {ports.sip}
answer_s = 3
web_port = {ports.web}
second_factor = "offered"
[[trunk]]
name = "demo"
addresses = ["{ADDRESS}"]
[[address_on_file]]
number = "+12145550100"
place = "US-TX"
source = "customer register"
{line.format(name="sales", telling="announce", chosen_by="Dana Reyes, compliance")}
{line.format(name="support", telling="ask", chosen_by="")}
"""


@asynccontextmanager
async def running(folder: Path, ports: Ports) -> AsyncIterator[ConsoleAccess]:
    """A data folder, `overt serve` on it, the agent's phone, and the way into the console.

    Raises Unavailable when it does not come up.
    """
    make_folder(folder, Wishes("stop-and-tell", "demo", "US-GA", SERVED, demo_settings(ports)))
    with (folder / "serve.log").open("wb") as log:
        command = [sys.executable, "-m", "overt", "serve", "--data", str(folder)]
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    agent = Telephone(ADDRESS, _answer)
    try:
        await agent.start(ports.agent)
        await _ready(folder, server)
        yield await open_console(folder, ports.console, server)
    finally:
        agent.close()
        server.terminate()
        await asyncio.to_thread(server.wait)


def _answer(call: PhoneCall) -> None:
    call.sound.speak(speech(None, "en/demo-agent"))


async def _ready(folder: Path, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_S
    while not (folder / "run" / "ready").exists():
        if server.poll() is not None or time.monotonic() > deadline:
            raise Unavailable("demo", f"`overt serve` does not come up; see {folder / 'serve.log'}")
        await asyncio.sleep(0.05)


async def six_calls(folder: Path, ports: Ports, show: Show) -> Demonstrated:
    """Place the six calls side by side and show, until each has its record."""
    phone = Telephone(ADDRESS)
    await phone.start()
    said = speech(None)
    callers = [asyncio.create_task(place(phone, _script(one, ports, said))) for one in SCENARIOS]
    watching = asyncio.gather(*callers)
    try:
        while not watching.done():
            show(_by_scenario(folder))
            await asyncio.sleep(LOOK_S)
        await watching
        records = await _all_entered(folder, show)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)  # of calls cut short nobody asks any more
        phone.close()
    return Demonstrated(records, verdict(folder, [], None))


def _script(scenario: Scenario, ports: Ports, said: bytes) -> Script:
    uri = f"sip:{scenario.line}@{ADDRESS}:{ports.sip}"
    return Script(uri, scenario.caller, scenario.keys, said, 16.0 if scenario.seconds > 20 else 14.0, scenario.seconds)


async def _all_entered(folder: Path, show: Show) -> Mapping[int, CallRecord]:
    deadline = time.monotonic() + ENTERED_S
    while True:
        records = _by_scenario(folder)
        show(records)
        entered = [record for record in records.values() if record.ledger_index >= 0]
        if len(entered) == len(SCENARIOS) or time.monotonic() > deadline:
            return records
        await asyncio.sleep(LOOK_S)


def calls_of(folder: Path) -> list[CallRecord]:
    """The calls in the ledger, none while it is being written for the first time."""
    try:
        return list(calls(folder).values())
    except EntryBroken:
        return []


def _by_scenario(folder: Path) -> dict[int, CallRecord]:
    """The calls in the ledger by scenario: each scenario calls from a number of its own."""
    found = calls_of(folder)
    numbers = {one.caller or "withheld": one.number for one in SCENARIOS}
    return {numbers[record.caller]: record for record in found if record.caller in numbers}
