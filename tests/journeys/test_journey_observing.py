"""An observed house: one real call leaves its ladder, its packets to Homer, its numbers in the metrics, and nobody in the logs."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from journeys.overt_house import CONSOLE, PASSWORD, OvertHouse
from overt.adapters.ledger_reader import read_stated
from overt.adapters.trace_files import erase_trace
from overt.adapters.vitals_files import read_vitals
from overt.compose.demo import ADDRESS, free_ports
from overt.domain.measures import MEASURES

pytestmark = pytest.mark.journey
NUMBER = "2145550100"


async def said(house: OvertHouse, *words: str) -> subprocess.CompletedProcess[str]:
    """What a command says."""
    command = [sys.executable, "-m", "overt", *words, "--data", str(house.folder)]
    return await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)


async def metrics(house: OvertHouse) -> Mapping[tuple[str, ...], float]:
    """Every sample, by its name and its labels' values."""
    token = (house.folder / "keys" / "metrics.token").read_text().strip()
    async with httpx.AsyncClient() as browser:
        assert (await browser.get(f"{house.console}/metrics")).status_code == 401
        answer = await browser.get(f"{house.console}/metrics", headers={"authorization": f"Bearer {token}"})
    families = text_string_to_metric_families(answer.text)
    return {(one.name, *sorted(one.labels.values())): one.value for family in families for one in family.samples}


async def test_a_house_is_observed(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as homer:
        homer.bind((ADDRESS, 0))
        homer.setblocking(False)
        more = CONSOLE + f'log_format = "json"\nhep_server = "{ADDRESS}:{homer.getsockname()[1]}"\n'
        house = OvertHouse(tmp_path, more=more)
        house.web_port = free_ports().web
        async with house:
            await house.account("ada", "administrator")
            call = await house.recorded_call()
            call.hang_up()
            (record,) = await house.ended()
            await asyncio.sleep(2.2)  # traces and vitals are written by then
            await _ladder(house, record.id)
            _exported(homer, record.id)
            await _measured(house)
            await _alarmed(house, record.id)
        _logged(house)


async def _ladder(house: OvertHouse, call: str) -> None:
    shown = json.loads((await said(house, "calls", "ladder", call, "--json")).stdout)
    labels = [(one["origin"], one["target"], one["label"]) for one in shown["arrows"]]
    assert shown["lanes"] == ["caller", "Overt", "agent"]
    for wanted in (("caller", "Overt", "INVITE"), ("Overt", "caller", "200 OK"), ("Overt", "agent", "INVITE"), ("agent", "Overt", "200 OK"),
                   ("caller", "Overt", "BYE"), ("Overt", "agent", "BYE")):  # fmt: skip
        assert wanted in labels, wanted
    assert NUMBER not in json.dumps(shown)
    assert "INVITE" in (await said(house, "calls", "ladder", call)).stdout


def _exported(homer: socket.socket, call: str) -> None:
    packets = list[bytes]()
    while True:
        try:
            packets.append(homer.recv(65_535))
        except BlockingIOError:
            break
    assert len(packets) >= 10 and all(one.startswith(b"HEP3") and NUMBER.encode() not in one for one in packets)
    assert any(call.encode() in one for one in packets)


async def _measured(house: OvertHouse) -> None:
    found = await metrics(house)
    assert (
        found["overt_calls_offered_total", "signalling"] == 1
        and found["overt_client_calls_total", "signalling", "test"] == 1
    )
    captured = sum(value for key, value in found.items() if key[0] == "overt_packets_captured_total")
    assert (
        captured > 0
        and found["overt_ledger_entries", "notary"] > 5
        and found["overt_hep_messages_total", "signalling"] >= 10
    )
    assert {key[1] for key in found if key[0] == "overt_vitals_age_seconds"} >= {
        "signalling",
        "notary",
        "opener",
        "worker",
        "web",
        "serve",
    }
    for one in read_vitals(house.folder).values():
        unknown = {key.partition("|")[0] for key in (*one.counters, *one.gauges)} - set(MEASURES)
        assert not unknown, (one.process, unknown)


async def _alarmed(house: OvertHouse, call: str) -> None:
    quiet = await said(house, "alarms", "--json")
    assert (quiet.returncode == 0) == (
        json.loads(quiet.stdout)["alarms"] == []
    ) and "process.restarted" not in quiet.stdout
    await house.kill("engine-0")
    await house.until(lambda: "process.restarted" in (house.folder / "run" / "alarms.json").read_text(), 15)
    raised = await said(house, "alarms", "--json")
    assert raised.returncode == 1 and [one["kind"] for one in json.loads(raised.stdout)["alarms"]] == [
        "process.restarted"
    ]
    await house.until(
        lambda: any(one.kind == "alarm.raised" for one in read_stated(house.folder / "ledger" / "main")), 5
    )
    async with httpx.AsyncClient(base_url=house.console) as browser:
        session: dict[str, Any] = (
            await browser.post("/api/sessions", json={"name": "ada", "password": PASSWORD})
        ).json()
        browser.headers["authorization"] = f"Bearer {session['token']}"
        assert "engine-0" in [one["about"] for one in (await browser.get("/api/alarms")).json()["alarms"]]
        assert "engine-0" in (await browser.get("/alarms")).text.lower()
        page = (await browser.get(f"/calls/{call}")).text
        assert 'class="ladder-row' in page and NUMBER not in page
        assert len((await browser.get(f"/api/calls/{call}/ladder")).json()["arrows"]) >= 10
        assert erase_trace(house.folder, call)
        assert (await browser.get(f"/api/calls/{call}/ladder")).json()["arrows"] == []
    assert (await said(house, "calls", "ladder", call)).returncode == 1


def _logged(house: OvertHouse) -> None:
    lines = (house.folder / "serve.log").read_text().splitlines()
    assert NUMBER not in "\n".join(lines)
    read = [json.loads(line) for line in lines if line.startswith("{")]
    assert len(read) == len(lines), [line for line in lines if not line.startswith("{")]
    assert {"worker", "web", "serve"} <= {one["process"] for one in read}
    assert any(one.get("fields", {}).get("alarm") == "process.restarted" for one in read)
    assert os.stat(house.folder / "keys" / "metrics.token").st_mode & 0o077 == 0
