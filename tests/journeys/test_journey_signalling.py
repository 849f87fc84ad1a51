"""The signalling of whole calls: headers that pass, agents who do not answer, callers who give up, legs that fall silent."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from journeys.overt_house import ADDRESS, OvertHouse, hearing
from overt.phone.telephone import PhoneCall, Telephone

pytestmark = pytest.mark.journey


async def test_headers_pass_and_the_rest_does_not(tmp_path: Path) -> None:
    async with OvertHouse(tmp_path) as house:
        headers = (
            ("Identity", "abc;info=<https://x>"),
            ("User-to-User", "4142"),
            ("X-Account", "7"),
            ("Supported", "timer"),
        )
        call = await house.call(headers=headers)
        await house.until(lambda: bool(house.agent_calls), 10)
        invite = house.agent_calls[0].leg.invite
        assert (invite.get("Identity"), invite.get("User-to-User"), invite.get("X-Account")) == (
            "abc;info=<https://x>",
            "4142",
            "7",
        )
        assert invite.get("Supported") == "timer" and invite.from_.uri.user == "+12145550100"
        assert invite.get("Max-Forwards") == "69" and invite.call_id != call.leg.invite.call_id
        call.hang_up()
        await house.ended()


async def test_a_pcma_caller_and_a_pcmu_agent_hear_each_other(tmp_path: Path) -> None:
    async with OvertHouse(tmp_path) as house:
        call = await house.recorded_call(first="PCMA")
        assert await hearing(call, 0.6) > 20 and await hearing(house.agent_calls[0], 0.6) > 20
        call.hang_up()
        (record,) = await house.ended()
        assert record.outcome == "recorded"


async def test_an_agent_who_does_not_answer(tmp_path: Path) -> None:
    absent = Telephone(ADDRESS, lambda call: None, ring_s=60)
    port = await absent.start()
    async with OvertHouse(tmp_path, agent=f"sip:agent@{ADDRESS}:{port}", more="") as house:
        call = await house.call()
        assert await hearing(call, 2.5) > 60  # ringback
        assert await asyncio.wait_for(call.ended, 15) == "hung up"
        (record,) = await house.ended()
        assert record.reason == "agent no answer" and record.captured_ms == 0
        assert not absent.agent.legs
    absent.close()


async def test_a_caller_who_gives_up_while_the_agent_rings(tmp_path: Path) -> None:
    rung: list[PhoneCall] = []
    absent = Telephone(ADDRESS, rung.append, ring_s=60)
    port = await absent.start()
    async with OvertHouse(tmp_path, agent=f"sip:agent@{ADDRESS}:{port}") as house:
        call = await house.call()
        await house.until(lambda: bool(absent.agent.legs), 10)
        call.hang_up()
        await house.until(lambda: not absent.agent.legs, 5)
        (record,) = await house.ended()
        assert record.reason == "caller hung up" and record.captured_ms == 0 and not rung
    absent.close()


async def test_a_leg_that_falls_silent_is_ended(tmp_path: Path) -> None:
    async with OvertHouse(tmp_path, more="rtp_timeout_s = 2\n") as house:
        call = await house.recorded_call()
        agent = house.agent_calls[0]
        call.sound.muted = True
        assert await asyncio.wait_for(agent.ended, 10) == "hung up"
        (record,) = await house.ended()
        assert record.reason == "caller silent" and record.outcome == "recorded"


async def test_stopping_ends_calls_politely_and_accounts_for_them(tmp_path: Path) -> None:
    async with OvertHouse(tmp_path) as house:
        call = await house.recorded_call()
        agent = house.agent_calls[0]
        house.server.terminate()
        assert await asyncio.wait_for(call.ended, 10) == "hung up" == await asyncio.wait_for(agent.ended, 10)
        await asyncio.to_thread(house.server.wait, 20)
        (record,) = house.calls()
        assert record.outcome == "recorded" and record.reason == "agent left: Overt was stopped"
        assert house.verdict().verified and len(list((house.folder / "recordings").rglob("*.overt"))) == 1


async def test_many_at_once(tmp_path: Path) -> None:
    async with OvertHouse(tmp_path) as house:
        calls = await asyncio.gather(*(house.call(number=f"+1214555{number:04}") for number in range(12)))
        await house.until(lambda: sum("permitted, recording" in one.stages for one in house.calls()) == 12, 20)
        await asyncio.sleep(0.5)
        for call in calls:
            call.hang_up()
        records = await house.ended(12)
        assert {one.outcome for one in records} == {"recorded"} and house.verdict().verified
