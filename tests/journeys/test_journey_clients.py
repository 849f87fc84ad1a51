"""Clients, from outside: a stranger is turned away until a command adds it, and again when a command removed it; a no that
somebody says elsewhere stops the recording of a call in path."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from journeys.overt_house import OvertHouse
from overt.compose.demo import ADDRESS
from overt.faces.cli.root import app
from overt.phone.telephone import CallFailed, Telephone

SIGNED = ("--by", "Dana Wu", "--why", "contract 7")
ELSEWHERE = "127.0.0.9"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[OvertHouse]:
    """A house without a console."""
    async with OvertHouse(tmp_path) as made:
        yield made


@pytest.fixture
async def stranger() -> AsyncIterator[Telephone]:
    """A phone at an address that nobody knows."""
    phone = Telephone(ELSEWHERE)
    await phone.start()
    yield phone
    phone.close()


async def overt(house: OvertHouse, *words: str, code: int = 0) -> Any:
    """What a command answers as JSON; its last words when it is to fail. Run in this process: a new one takes seconds."""
    done = await asyncio.to_thread(CliRunner().invoke, app, [*words, "--data", str(house.folder), "--json"])
    assert done.exit_code == code, done.output
    return json.loads(done.output) if code == 0 else done.output


async def rings(house: OvertHouse, phone: Telephone) -> bool:
    """Whether a call of a phone is taken."""
    call = await phone.call(f"sip:sales@{ADDRESS}:{house.ports.sip}", number="+12145550100")
    try:
        async with asyncio.timeout(1.5):
            await call.answered
    except (CallFailed, TimeoutError):
        return False
    call.hang_up()
    return True


async def until(asked: Callable[[], Awaitable[bool]], seconds: float = 10) -> None:
    """Wait until something is so; a loaded machine takes longer. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not await asked():
            await asyncio.sleep(0.2)


async def test_a_client_comes_and_goes_by_commands_while_overt_serves(house: OvertHouse, stranger: Telephone) -> None:
    async def counted() -> bool:
        return (await overt(house, "clients", "show", "desk"))["client"]["seen"]["calls"] >= 1

    async def turned_away() -> bool:
        return not await rings(house, stranger)

    assert await turned_away()
    added = await overt(house, "clients", "add", "desk", "--mode", "gateway", "--address", ELSEWHERE, *SIGNED)
    assert added["client"]["state"] == "stands"
    await asyncio.sleep(1)
    await until(lambda: rings(house, stranger))
    await until(counted)
    listed = await overt(house, "clients", "list")
    assert {one["name"]: one["source"] for one in listed["clients"]} == {"desk": "command", "test": "overt.toml"}
    assert [(one["address"], one["tried"][0]) for one in listed["strangers"]] == [(ELSEWHERE, "INVITE")]
    await overt(house, "clients", "remove", "desk", *SIGNED)
    await asyncio.sleep(1)
    await until(turned_away)
    assert "stands in overt.toml" in await overt(house, "clients", "remove", "test", *SIGNED, code=1)
    assert house.verdict().verified


async def test_a_no_said_elsewhere_stops_a_recording_at_once(house: OvertHouse) -> None:
    await house.recorded_call()
    (record,) = house.calls()
    said = ("--party", "caller", "--how", "said no to the agent")
    told = await overt(house, "calls", "consent", record.id, *said, "--answer", "no")
    assert told["standing"] == "withdrawn"
    await house.until(lambda: house.calls()[0].consent == "withdrawn", 3)
    assert not house.calls()[0].outcome.startswith("ended")  # the call goes on
    await overt(house, "calls", "consent", record.id, *said, "--answer", "yes", code=0)
    assert house.calls()[0].consent == "withdrawn"  # a yes does not undo a no
    assert "no call none is under way" in await overt(
        house, "calls", "consent", "none", *said, "--answer", "no", code=1
    )
