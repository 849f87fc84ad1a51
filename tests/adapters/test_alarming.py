"""Alarms as the worker watches them: raised and ended enter the ledger, also when it is away meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest

from overt.adapters.alarm_files import read_alarms
from overt.adapters.vitals_files import read_vitals, write_vitals
from overt.compose import alarming
from overt.compose.init import Wishes, make_folder
from overt.config import load_settings
from overt.domain.facts import Fact
from overt.ports import NotDurable, Receipt

CLIENT = (
    '[[client]]\nname = "sbc"\nmode = "siprec"\naddress = ["192.0.2.9"]\nby = "Dana Reyes"\nwhy = "told by the IVR"\n'
    'attest = ["recording"]\n'
)


class Notary:
    """Stands for the notary: away at first."""

    def __init__(self) -> None:
        self.away, self.facts = True, list[Fact]()

    async def enter(self, fact: Fact) -> Receipt:
        if self.away:
            raise NotDurable("away")
        self.facts.append(fact)
        return Receipt(0, b"", 1, (), "")

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_folder(
        tmp_path / "data", Wishes("end-call", "t", "US-GA", (), 'expect_calls = ["pbx Mo-Su 00:00-24:00 30m"]\n')
    )
    (tmp_path / "data" / "run").mkdir(exist_ok=True)
    return tmp_path / "data"


async def until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not reached():
            await asyncio.sleep(0.02)


async def test_what_is_raised_is_entered_once_the_ledger_is_back(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alarming, "LOOK_S", 0.05)
    monkeypatch.setattr(alarming, "EACH_S", 0.05)
    notary, stop, restarts = Notary(), Event(), "process_restarts|engine-0"
    monkeypatch.setattr(alarming, "NotaryClient", lambda *_, **__: notary)
    write_vitals(folder, "serve", {"counters": {restarts: 0}})
    watching = asyncio.create_task(alarming._Watching(folder).run(stop))
    await until(lambda: "worker" in read_vitals(folder))
    await asyncio.sleep(0.15)
    write_vitals(folder, "serve", {"counters": {restarts: 1}})
    await until(lambda: [one.kind for one in read_alarms(folder)] == ["process.restarted"])
    assert notary.facts == []
    notary.away = False
    await until(lambda: bool(notary.facts))
    (fact,) = notary.facts
    assert (
        fact.kind == "alarm.raised" and fact.body["about"] == "engine-0" and fact.tenant == load_settings(folder).tenant
    )
    assert read_vitals(folder)["worker"].gauges["disk_free_bytes"] > 0
    stop.set()
    await watching


async def test_clients_of_which_nothing_is_proven_are_found(folder: Path) -> None:
    assert await alarming.unproven(folder, load_settings(folder)) == []
    with (folder / "overt.toml").open("a") as file:
        file.write(CLIENT)
    assert await alarming.unproven(folder, load_settings(folder)) == ["sbc"]
