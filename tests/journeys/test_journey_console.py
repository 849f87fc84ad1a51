"""The console's process among the others: commands against it, its death, its absence, what it tells of real calls."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from databases import empty_postgresql
from journeys.overt_house import CONSOLE, PASSWORD, OvertHouse, hearing
from overt.compose.demo import ADDRESS, free_ports
from overt.phone.telephone import PhoneCall
from overt.services.searching import CallRow

pytestmark = pytest.mark.journey


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[OvertHouse]:
    """A house with a console, a compliance officer and a supervisor."""
    made = OvertHouse(tmp_path, more=CONSOLE)
    made.web_port = free_ports().web
    async with made:
        await made.account("carla", "compliance")
        await made.account("sam", "supervisor")
        yield made


class Commands:
    """`overt … --server` as somebody with a home folder of their own."""

    def __init__(self, house: OvertHouse) -> None:
        self._server = house.console
        self._world = {**os.environ, "XDG_CONFIG_HOME": str(house.folder.parent / "home"), "OVERT_SERVER": self._server}
        self._world.pop("OVERT_DATA", None)

    async def run(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """One command, as it ends."""
        command = [sys.executable, "-m", "overt", *words]
        return await asyncio.to_thread(
            subprocess.run, command, input=stdin, capture_output=True, text=True, env=self._world, check=False
        )

    async def json(self, *words: str) -> Any:
        """What a command says with --json."""
        done = await self.run(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    async def sign_in(self, name: str) -> None:
        """Sign in with the password that every account of these tests has."""
        done = await self.run("sign-in", "--name", name, "--password-from", "-", stdin=PASSWORD + "\n")
        assert done.returncode == 0, done.stderr


async def a_recorded_call(house: OvertHouse, seconds: float = 1.5) -> None:
    """A call that is recorded for so long, and accounted for."""
    before = len([one for one in house.calls() if one.ledger_index >= 0])
    call = await house.recorded_call()
    await asyncio.sleep(seconds)
    call.hang_up()
    await house.ended(before + 1)


async def in_catalogue(house: OvertHouse, client: httpx.AsyncClient) -> list[dict[str, Any]]:
    """The calls that the API finds, once all that the ledger has are ended there."""
    ended = len([one for one in house.calls() if one.ledger_index >= 0])
    async with asyncio.timeout(15):
        while True:
            found = (await client.get("/api/calls")).json()["calls"]
            if len([one for one in found if one["ledger_index"] >= 0]) >= ended:
                return list(found)
            await asyncio.sleep(0.1)


@asynccontextmanager
async def signed_in(house: OvertHouse, name: str = "carla") -> AsyncIterator[httpx.AsyncClient]:
    """A program that is signed in."""
    async with httpx.AsyncClient(base_url=house.console, timeout=20) as client, asyncio.timeout(60):
        while True:
            try:
                opened = await client.post("/api/sessions", json={"name": name, "password": PASSWORD})
                break
            except httpx.TransportError:
                await asyncio.sleep(0.1)
        assert opened.status_code == 201, opened.text
        client.headers["authorization"] = f"Bearer {opened.json()['token']}"
        yield client


async def begun(client: httpx.AsyncClient, call: dict[str, Any]) -> dict[str, Any]:
    """A playing of a call's recording, begun as soon as the opener lets it."""
    asked, wish = f"/api/recordings/{call['recordings'][0]}/playings", {"purpose": "quality", "document": ""}
    async with asyncio.timeout(10):
        while (answer := await client.post(asked, json=wish)).status_code != 201:
            assert answer.status_code in (409, 503), answer.text
            print(answer.text)
            await asyncio.sleep(0.2)
    return dict(answer.json())


async def test_the_commands_work_against_a_running_server(house: OvertHouse, tmp_path: Path) -> None:
    overt = Commands(house)
    nobody = await overt.run("calls", "list")
    assert nobody.returncode == 2 and "overt sign-in" in nobody.stderr
    wrong = await overt.run("sign-in", "--name", "carla", "--password-from", "-", stdin="not this one\n")
    assert wrong.returncode == 1 and "wrong" in wrong.stderr
    await a_recorded_call(house)
    await overt.sign_in("carla")
    async with signed_in(house) as client:
        await in_catalogue(house, client)
    (call,) = (await overt.json("calls", "list"))["calls"]
    assert call["outcome"] == "recorded" and call["from"].count("•") and "2145550100" not in str(call)
    shown = await overt.json("calls", "show", call["id"])
    assert "told" in shown["verdict"] and any("permit" in one for one in shown["way"])
    assert (await overt.run("calls", "show", "nothing")).returncode == 1
    assert (await overt.run("calls", "list", "--reveal")).returncode == 2
    (recording,) = (await overt.json("recordings", "list"))["recordings"]
    out = tmp_path / "far.wav"
    told = await overt.json("recordings", "export", recording["recording"], "--purpose", "quality", "--out", str(out))
    near = house.export(recording["recording"])
    assert out.read_bytes() == near.read_bytes() and told["milliseconds"] > 1000
    verified = await overt.json("ledger", "verify")
    assert verified["verified"] and any("personal" in one for one in verified["not_proven"])
    assert {"keys", "prompts"} <= {one["name"] for one in (await overt.json("doctor"))["findings"]}
    assert (await overt.run("sign-out")).returncode == 0
    assert (await overt.run("calls", "list")).returncode == 2


async def test_roles_bind_the_commands_too(house: OvertHouse, tmp_path: Path) -> None:
    overt = Commands(house)
    await a_recorded_call(house)
    await overt.sign_in("sam")
    async with signed_in(house, "sam") as client:
        await in_catalogue(house, client)
    (recording,) = (await overt.json("recordings", "list"))["recordings"]
    asked = ("recordings", "export", recording["recording"], "--purpose", "quality", "--out", str(tmp_path / "x.wav"))
    refused = await overt.run(*asked)
    assert (
        refused.returncode == 1 and "supervisor may not export" in refused.stderr and not (tmp_path / "x.wav").exists()
    )
    assert (await overt.run("doctor")).returncode == 1
    async with signed_in(house) as client:
        (call,) = (await client.get("/api/calls")).json()["calls"]
        async with asyncio.timeout(15):
            while True:
                listened = (await client.get(f"/api/calls/{call['id']}")).json()["listened"]
                if listened:
                    break
                await asyncio.sleep(0.2)
    assert listened[0]["actor"] == "sam" and "may not export" in listened[0]["refused"]


async def test_killing_the_web_harms_no_call_and_it_comes_back(house: OvertHouse) -> None:
    async with signed_in(house) as client:
        call = await house.recorded_call()
        await house.kill("web")
        assert await hearing(call, 1.0) > 40
        call.hang_up()
        (record,) = await house.ended()
        assert record.outcome == "recorded" and not record.gaps
        async with asyncio.timeout(15):
            while True:
                try:
                    found = await client.get("/api/calls")
                    break
                except httpx.TransportError:
                    await asyncio.sleep(0.1)
        assert found.status_code == 200  # who was signed in still is


async def test_a_console_that_cannot_start_stops_no_call(tmp_path: Path) -> None:
    house = OvertHouse(tmp_path, more=CONSOLE)
    with socket.socket() as taken:
        taken.bind((ADDRESS, 0))
        taken.listen()
        house.web_port = taken.getsockname()[1]
        async with house:
            await a_recorded_call(house)
            await asyncio.sleep(1)
            assert house.server.poll() is None
            assert "change web_port" in (house.folder / "serve.log").read_text()


async def test_playing_gives_nothing_without_its_entry_and_says_who_heard_what(house: OvertHouse) -> None:
    await a_recorded_call(house, 2.5)
    async with signed_in(house) as client:
        (call,) = await in_catalogue(house, client)
        row = CallRow(**{**call, "places": tuple(call["places"])})
        asked = f"/api/recordings/{row.recordings[0]}/playings"
        assert (await client.post(asked, json={"purpose": "curiosity", "document": ""})).status_code == 403
        assert (await client.post(asked, json={"purpose": "claim", "document": ""})).status_code == 403
        playing = await begun(client, call)
        whole = (await client.get(playing["sound"])).content
        assert (len(whole) - 44) // 32 == playing["length_ms"]
        part = await client.get(playing["sound"], headers={"range": "bytes=32044-64043"})
        assert part.status_code == 206 and part.content == whole[32044:64044]
        ended = (await client.delete(f"/api/playings/{playing['playing']}")).json()
        ((begin, end),) = ended["ranges"]
        assert begin == 0 and ended["milliseconds"] == end and 0 <= end - playing["length_ms"] <= 1
        assert (await client.get(playing["sound"])).status_code == 410
        await asyncio.sleep(1)
        listened = (await client.get(f"/api/calls/{row.id}")).json()["listened"]
    *early, heard = listened[
        2:
    ]  # a slow archive may have made `begun` ask more than once: entered too, with nothing sent
    assert [bool(one["refused"]) for one in listened] == [True, True, *(False for _ in early), False]
    assert all(one["how"].startswith("failed") and one["milliseconds"] == 0 for one in early)
    assert (heard["actor"], heard["milliseconds"]) == ("carla", end)
    assert house.verdict().verified


async def test_killing_the_opener_ends_a_playing_and_no_more(house: OvertHouse) -> None:
    await a_recorded_call(house)
    async with signed_in(house) as client:
        (call,) = await in_catalogue(house, client)
        playing = await begun(client, call)
        await house.kill("opener")
        await asyncio.sleep(0.5)
        gone = await client.get(playing["sound"])
        assert gone.status_code in (409, 410, 503), gone.text
        again = await begun(client, call)
        assert (await client.get(again["sound"])).status_code == 200


async def test_killing_the_web_leaves_no_listening_without_its_end(house: OvertHouse) -> None:
    await a_recorded_call(house)
    async with signed_in(house) as client:
        (call,) = await in_catalogue(house, client)
        await begun(client, call)
        await house.kill("web")
    async with signed_in(house) as client, asyncio.timeout(10):
        while not (await client.get(f"/api/calls/{call['id']}")).json()["listened"][-1]["how"]:
            await asyncio.sleep(0.2)
        listened = (await client.get(f"/api/calls/{call['id']}")).json()["listened"][-1]
        assert listened["milliseconds"] == -1 and "not known" in listened["how"]


async def test_a_closed_account_is_out_at_once(house: OvertHouse) -> None:
    async with signed_in(house, "sam") as client:
        assert (await client.get("/api/calls")).status_code == 200
        command = [sys.executable, "-m", "overt", "accounts", "close", "sam", "--data", str(house.folder)]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert (await client.get("/api/calls")).status_code == 401


async def test_a_house_on_postgresql_finds_and_plays(tmp_path: Path, postgresql: str) -> None:
    with empty_postgresql(postgresql) as address:
        house = OvertHouse(tmp_path, more=f'{CONSOLE}database = "{address}"\n')
        house.web_port = free_ports().web
        async with house:
            await house.account("carla", "compliance")
            await a_recorded_call(house)
            async with signed_in(house) as client:
                (call,) = await in_catalogue(house, client)
                found = await client.get("/api/calls", params={"number": "0100"})
                assert [one["id"] for one in found.json()["calls"]] == [call["id"]]
                playing = await begun(client, call)
                assert (await client.get(playing["sound"])).status_code == 200
            assert not (house.folder / "registers" / "overt.sqlite").exists()


async def test_a_call_is_live_while_it_lasts(house: OvertHouse) -> None:
    async with signed_in(house) as client:
        call: PhoneCall = await house.recorded_call()
        async with asyncio.timeout(15):
            while not any(one["hears"] for one in (await client.get("/api/live")).json()["calls"]):
                await asyncio.sleep(0.1)
        call.hang_up()
        async with asyncio.timeout(15):
            while (await client.get("/api/live")).json()["calls"]:
                await asyncio.sleep(0.1)
