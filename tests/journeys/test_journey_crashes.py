"""P11, P12: kill -9 of each process in the middle of a recorded call. Calls go on, gaps are stated, all is provable."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import wave
from pathlib import Path

import pytest

from journeys.overt_house import OvertHouse, hearing

pytestmark = pytest.mark.journey


@pytest.mark.parametrize("name", ["notary", "opener", "worker"])
async def test_a_call_does_not_notice(tmp_path: Path, name: str) -> None:
    async with OvertHouse(tmp_path) as house:
        call = await house.recorded_call()
        await house.kill(name)
        assert await hearing(call, 1.0) > 40
        call.hang_up()
        (record,) = await house.ended()
        assert record.outcome == "recorded" and record.captured_ms > 1000 and not record.gaps
        assert house.verdict().verified
        await asyncio.sleep(1.5)
        with wave.open(str(house.export(record.recordings[0]))) as wav:
            assert wav.getnframes() > 8000


async def test_an_engines_successor_goes_on_with_the_call_and_a_second_recording(tmp_path: Path) -> None:
    async with OvertHouse(tmp_path) as house:
        call = await house.recorded_call()
        await asyncio.sleep(1.5)
        await house.kill("engine-0")
        await house.until(lambda: "failed: engine lost" in house.stages(), 10)
        await asyncio.sleep(0.5)
        assert await hearing(call, 1.0) > 40
        call.hang_up()
        (record,) = await house.ended()
        assert len(record.recordings) == 2 and house.verdict().verified
        await asyncio.sleep(1.5)
        lengths = []
        for recording in record.recordings:
            with wave.open(str(house.export(recording))) as wav:
                lengths.append(wav.getnframes() / 8000)
        assert min(lengths) > 0.4


async def test_a_signallers_successor_takes_the_call_up(tmp_path: Path) -> None:
    async with OvertHouse(tmp_path) as house:
        call = await house.recorded_call()
        agent = house.agent_calls[0]
        await house.kill("signalling")
        assert await hearing(call, 0.5) > 20  # the engine relays on, whoever directs it
        await house.until(lambda: "recording goes on" in house.stages(), 15)
        assert await hearing(call, 0.6) > 20
        call.sound.press("*")
        await house.until(lambda: house.calls()[0].consent == "withdrawn", 5)
        call.hang_up()
        await asyncio.wait_for(agent.ended, 5)
        (record,) = await house.ended()
        assert record.outcome == "recorded until withdrawn" and house.verdict().verified
        # a successor that is there within the lease's half second leaves no gap; a later one leaves a stated one
        assert all(gap["cause"] == "lease ran out" for gap in record.gaps)


async def test_a_signaller_killed_in_the_announcement_tells_again(tmp_path: Path) -> None:
    async with OvertHouse(tmp_path) as house:
        call = await house.call()
        await asyncio.sleep(0.15)
        await house.kill("signalling")
        await house.until(lambda: any("taken up by a successor" in one.stages for one in house.calls()), 15)
        await house.until(lambda: any("permitted, recording" in one.stages for one in house.calls()), 15)
        assert await hearing(call, 0.5) > 15
        call.hang_up()
        (record,) = await house.ended()
        assert record.outcome == "recorded" and house.verdict().verified


async def test_the_supervisor_killed_and_started_again_at_once(tmp_path: Path) -> None:
    async with OvertHouse(tmp_path) as house:
        call = await house.recorded_call()
        house.server.kill()
        house.server.wait()
        command = [sys.executable, "-m", "overt", "serve", "--data", str(house.folder)]
        house.server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert await asyncio.wait_for(call.ended, 15) == "hung up"  # its processes end calls in order
        await asyncio.sleep(0.5)
        await house.until(lambda: (house.folder / "run" / "ready").exists(), 30)
        again = await house.recorded_call()
        again.hang_up()
        first, second = await house.ended(2)
        assert first.outcome == second.outcome == "recorded" and house.verdict().verified


async def test_all_at_once_and_the_next_start_states_the_end(tmp_path: Path) -> None:
    async with OvertHouse(tmp_path) as house:
        await house.recorded_call()
        await asyncio.sleep(1.2)
        await asyncio.gather(*(house.kill(name) for name in ("engine-0", "notary", "signalling", "worker", "opener")))
        await house.until(lambda: (house.folder / "run" / "ready").exists(), 20)
        await house.until(lambda: _interrupted(house), 10)
        (record,) = await house.ended()
        assert record.outcome.startswith("lost") and record.recordings
        assert house.verdict().verified


def _interrupted(house: OvertHouse) -> bool:
    return b"recording.interrupted" in (house.folder / "ledger" / "main" / "entries.log").read_bytes()


async def test_a_call_whose_line_is_gone_when_a_successor_comes_is_accounted_for(tmp_path: Path) -> None:
    async with OvertHouse(tmp_path) as house:
        await house.recorded_call()
        settings = house.folder / "overt.toml"
        settings.write_text(settings.read_text().replace('name = "sales"', 'name = "another"'))
        await house.kill("signalling")
        (record,) = await house.ended()
        assert record.outcome.startswith("lost: signalling died, and its successor has no leg or line")
        assert record.recordings and house.verdict().verified
