"""Clients, from outside: a stranger is turned away until a command adds it, and again when a command removed it; a no that
somebody says elsewhere stops the recording of a call in path."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from journeys.overt_house import OvertHouse
from overt.compose.demo import ADDRESS
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
    """What a command answers as JSON; its last words when it is to fail."""
    command = [sys.executable, "-m", "overt", *words, "--data", str(house.folder), "--json"]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout) if code == 0 else done.stderr


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


async def test_a_client_comes_and_goes_by_commands_while_overt_serves(house: OvertHouse, stranger: Telephone) -> None:
    assert not await rings(house, stranger)
    added = await overt(house, "clients", "add", "desk", "--mode", "gateway", "--address", ELSEWHERE, *SIGNED)
    assert added["client"]["state"] == "stands"
    await asyncio.sleep(1)
    assert await rings(house, stranger)
    listed = await overt(house, "clients", "list")
    assert {one["name"]: one["source"] for one in listed["clients"]} == {"desk": "command", "test": "overt.toml"}
    await asyncio.sleep(1.2)  # vitals are written once a second
    shown = await overt(house, "clients", "show", "desk")
    assert shown["client"]["seen"]["calls"] == 1
    await overt(house, "clients", "remove", "desk", *SIGNED)
    await asyncio.sleep(1)
    assert not await rings(house, stranger)
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
