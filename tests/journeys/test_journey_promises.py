"""The promises from outside: whole calls, and what is left of them on the disk."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from pathlib import Path

import pytest

from journeys.overt_house import ADDRESS, OvertHouse, hearing, noise
from overt.phone.telephone import CallFailed, Telephone
from overt.wire.rtp.g711 import decode_ulaw

pytestmark = pytest.mark.journey


def media_ports_open() -> int:
    """How many UDP sockets stand open in our media range."""
    lines = Path("/proc/net/udp").read_text().splitlines()[1:]
    ports = [int(line.split()[1].rpartition(":")[2], 16) for line in lines]
    return sum(16384 <= port <= 32767 for port in ports)


async def test_p7_the_sound_of_a_call_is_in_no_file_and_p4_no_port_stays_open(tmp_path: Path) -> None:
    async with OvertHouse(tmp_path, more="rtp_first = 21000\nrtp_last = 21100\n") as house:
        sound = noise(7, 200)
        house.on_agent = lambda call: call.sound.speak(noise(8, 200))
        call = await house.recorded_call()
        call.sound.speak(sound)
        await asyncio.sleep(2.5)
        call.hang_up()
        (record,) = await house.ended()
        assert record.captured_ms > 2000
        await asyncio.sleep(1.5)
        stored = {path: path.read_bytes() for path in house.folder.rglob("*") if path.is_file()}
        for path, content in stored.items():
            for one in (sound, noise(8, 200)):
                assert not any(one[at : at + 24] in content for at in range(0, 8000, 160)), path
                linear = decode_ulaw(one[:1600])
                assert linear[:48] not in content and linear[320:368] not in content, path
        assert any(path.suffix == ".overt" for path in stored)
        lines = Path("/proc/net/udp").read_text().splitlines()[1:]
        ports = [int(line.split()[1].rpartition(":")[2], 16) for line in lines]
        assert not [port for port in ports if 21000 <= port <= 21100]


async def test_p2_no_answer_no_and_a_withheld_number_are_not_recorded(tmp_path: Path) -> None:
    async with OvertHouse(tmp_path) as house:
        silent, refused, hasty = await asyncio.gather(
            house.call("support", ""), house.call("support", "+14155550101"), house.call("support", "+14155550102")
        )
        hasty.sound.press("1")  # before the question: a yes that does not count
        await asyncio.sleep(0.5)
        refused.sound.press("2")
        await house.until(lambda: sum("agent joined" in one.stages for one in house.calls()) == 3, 15)
        assert await hearing(silent, 0.8) > 8
        for call in (silent, refused, hasty):
            call.hang_up()
        records = {one.caller: one for one in await house.ended(3)}
        assert {one.captured_ms for one in records.values()} == {0}
        assert (records["withheld"].consent, records["+14155550101"].consent) == ("timeout", "refused")
        assert records["+14155550102"].consent == "timeout"
        assert not list((house.folder / "recordings").rglob("*.overt"))
        assert all(leg["captured"] == 0 for one in records.values() for leg in one.legs.values())


async def test_hold_pauses_with_a_gap_and_the_stop_key_is_swallowed(tmp_path: Path) -> None:
    async with OvertHouse(tmp_path) as house:
        call = await house.recorded_call()
        agent, begun = house.agent_calls[0], time.monotonic()
        call.hold(True)
        await house.until(lambda: any("paused" in stage for stage in house.stages()), 5)
        await asyncio.sleep(1.0)
        call.hold(False)
        await house.until(lambda: "recording goes on" in house.stages(), 5)
        call.sound.press("5")
        await asyncio.sleep(0.4)
        call.sound.press("*")
        open_ms = (time.monotonic() - begun) * 1000
        await house.until(lambda: house.calls()[0].consent == "withdrawn", 5)
        await asyncio.sleep(1.0)
        assert await hearing(call, 0.6) > 10
        call.hang_up()
        (record,) = await house.ended()
        assert record.outcome == "recorded until withdrawn" and record.gaps[0]["cause"] == "hold"
        assert agent.sound.keys_heard == "5"
        gap = record.gaps[0]
        for leg in record.legs.values():  # P4, P5: nothing was captured on hold, and nothing after the stop key
            assert leg["captured"] * 20 <= open_ms - (gap["to_ms"] - gap["from_ms"]) + 700
            assert leg["captured"] * 20 <= record.captured_ms + 100 and leg["dropped_without_permit"] > 100


async def test_a_silent_leg_is_not_told(tmp_path: Path) -> None:
    async with OvertHouse(tmp_path) as house:
        caller = await house.caller.call(f"sip:sales@{ADDRESS}:{house.ports.sip}", number="+12145550100")
        caller.sound.muted = True
        await caller.answered
        await house.until(lambda: "agent joined" in house.stages(), 10)
        caller.hang_up()
        (record,) = await house.ended()
        assert record.told == "not told (leg silent)" and record.captured_ms == 0


async def test_an_agent_who_is_busy_and_a_number_that_is_none(tmp_path: Path) -> None:
    busy = Telephone(ADDRESS, refuse=486)
    port = await busy.start()
    async with OvertHouse(tmp_path, agent=f"sip:agent@{ADDRESS}:{port}") as house:
        call = await house.call()
        assert await asyncio.wait_for(call.ended, 10) == "hung up"
        (record,) = await house.ended()
        assert record.reason == "agent busy" and record.captured_ms == 0
        with pytest.raises(CallFailed) as caught:
            await house.call("nobody")
        assert caught.value.status == 404
        records = await house.ended(2)
        assert (records[1].outcome, records[1].called) == ("not recorded: no such line", "nobody")
        stranger = Telephone("127.0.0.9")
        await stranger.start()
        with pytest.raises(CallFailed) as refused:
            await (await stranger.call(f"sip:sales@{ADDRESS}:{house.ports.sip}", number="+1")).answered
        assert refused.value.status == 403
        stranger.close()
    busy.close()


async def test_p12_a_missing_prompt_keeps_recording_off_and_the_call_goes_on(tmp_path: Path) -> None:
    house = OvertHouse(tmp_path)
    house.before_serving = lambda folder: (folder / "prompts" / "en" / "announce.wav").write_bytes(b"altered")
    async with house:
        call = await house.call()
        await house.until(lambda: "agent joined" in house.stages(), 15)
        assert await hearing(call, 0.8) > 8
        call.hang_up()
        (record,) = await house.ended()
        assert record.captured_ms == 0 and record.outcome == "not recorded: prompts are missing: en/announce"
        assert b"en/announce" in (house.folder / "serve.log").read_bytes()


async def test_p11_a_full_disk_stops_recording_and_not_the_call(tmp_path: Path) -> None:
    if os.geteuid():
        pytest.skip("mounting a small file system needs root")
    house = OvertHouse(tmp_path, failure="stop-and-tell")

    def small(folder: Path) -> None:
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder / "spool")], check=False)
        if done.returncode:
            pytest.skip("this machine does not let us mount a small file system")

    house.before_serving = small
    try:
        async with house:
            call = await house.recorded_call()
            await house.until(lambda: any("capture failed" in stage for stage in house.stages()), 20)
            assert await hearing(call, 1.0) > 30
            call.hang_up()
            (record,) = await house.ended()
            assert "No space left" in " ".join(record.stages) and house.verdict().verified
    finally:
        subprocess.run(["umount", "-l", str(house.folder / "spool")], check=False)
