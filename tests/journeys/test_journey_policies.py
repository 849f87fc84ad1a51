"""Published policy books rule whole calls: which policy, what a no leads to, who may listen; and no other book does."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from journeys.overt_house import ADDRESS, OvertHouse, hearing
from overt.phone.telephone import Telephone
from overt.services.auditing import CallRecord

pytestmark = pytest.mark.journey
TOLD = """responsible = "Robin"
[policy.tell]
script = "standard"
languages = ["en"]
purpose = "quality and training"
"""
FIRST = f"""format = 1
timezone = "America/New_York"
[[never_record]]
number = "+14155550166"
reason = "the works doctor"
[[policy]]
name = "Help"
{TOLD}[policy.when]
queues = ["help"]
[policy.ask]
on_refusal = "end"
[[policy]]
name = "Texas"
{TOLD}[policy.when]
lines = ["sales"]
numbers = ["+1214*", "+1415*"]
[policy.ask]
telling = "announce"
chosen_by = "Dana"
[policy.keep]
days = 30
listeners = ["compliance"]
"""
SECOND = FIRST.replace('name = "Texas"', 'name = "Nothing"') + "[policy.capture]\nrecord = false\n"


def overt(house: OvertHouse, *words: str, given: str = "") -> subprocess.Popen[str]:
    """Begin a command on the house's folder."""
    command = [sys.executable, "-m", "overt", *words, "--data", str(house.folder)]
    running = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert running.stdin is not None
    running.stdin.write(given)
    running.stdin.close()
    running.stdin = None
    return running


async def said(house: OvertHouse, *words: str, given: str = "", exits: int = 0) -> str:
    """What a command says once it is done, with how it must end."""
    running = overt(house, *words, given=given)
    out, err = await asyncio.to_thread(running.communicate)
    assert running.returncode == exits, err
    return out if not exits else err


async def publish(house: OvertHouse, book: str) -> None:
    """Publish a book."""
    await said(house, "policy", "publish", "-", "--reason", "a journey", given=book)


def latest(house: OvertHouse) -> CallRecord:
    """The record of the call that came last."""
    return house.calls()[-1]


def joined(house: OvertHouse) -> int:
    """How many calls came to their agents."""
    return sum("agent joined" in one.stages for one in house.calls())


async def test_calls_are_ruled_by_the_book_that_was_published_last_and_by_no_other(tmp_path: Path) -> None:
    async with OvertHouse(tmp_path) as house:
        begun_before = await house.recorded_call()
        await publish(house, FIRST)

        refusing = await house.call("support", "+14155550101")
        await house.until(lambda: any(one.consent == "asked" for one in house.calls()), 5)
        refusing.sound.press("2")
        assert await asyncio.wait_for(refusing.ended, 5) == "hung up" and len(house.agent_calls) == 1
        await house.until(lambda: latest(house).ledger_index >= 0, 5)
        refused = latest(house)
        assert (refused.policy, refused.version, refused.outcome) == ("Help", 1, "not recorded: refused")
        assert refused.reason == "nobody is served unrecorded here"

        doctor = await house.call(number="+14155550166")
        await house.until(lambda: "agent joined" in latest(house).stages, 5)
        doctor.hang_up()

        assert house.calls()[0].version == 0 and await hearing(begun_before, 0.3) > 8
        texan = await house.recorded_call()
        assert (latest(house).policy, latest(house).version) == ("Texas", 1)
        begun_before.hang_up()

        await publish(house, SECOND)
        await house.kill("signalling")  # the call in progress goes on by the book that it began with
        await house.until(lambda: "recording goes on" in latest(house).stages, 15)
        unrecorded = await house.call()
        await house.until(lambda: "agent joined" in latest(house).stages, 8)
        for call in (texan, unrecorded):
            call.hang_up()
        first, _, never, texas, none = await house.ended(5)
        assert [one.outcome for one in (first, texas)] == ["recorded"] * 2 and (texas.policy, texas.version) == (
            "Texas",
            1,
        )
        assert never.outcome == "not recorded: a number of this call is never recorded: the works doctor"
        assert (none.policy, none.version, none.outcome) == ("Nothing", 2, "not recorded: «Nothing» records no calls")
        assert never.disclosed_ms == none.disclosed_ms == 0

        why = await said(house, "recordings", "export", texas.recordings[0], "--purpose", "quality", "--out",
                         str(tmp_path / "x.wav"), exits=1)  # fmt: skip
        assert "the policy «Texas» of this call lets only compliance hear it, not the role administrator" in why
        house.export(first.recordings[0])  # no policy of its own names anybody
        assert house.verdict().verified


async def test_p5_after_a_no_a_call_may_go_to_a_line_that_records_nothing(tmp_path: Path) -> None:
    desk = Telephone(ADDRESS, lambda call: None, ring_s=0.3)
    route = f"sip:desk@{ADDRESS}:{await desk.start()}"
    told = (
        FIRST.partition("[[policy]]")[0]
        + f"""
[[policy]]
name = "Help"
{TOLD}[policy.when]
queues = ["help"]
[policy.ask]
on_refusal = "route"
route = "{route}"
[[policy]]
name = "Orders"
{TOLD}[policy.ask]
telling = "announce"
chosen_by = "Dana"
on_refusal = "route"
on_no_answer = "end"
route = "{route}"
[policy.law]
basis = {{ code = "MIFID-16-7", document = "letter of 3 May", person = "Dana" }}
"""
    )
    async with OvertHouse(tmp_path) as house:
        await publish(house, told)
        refusing = await house.call("support", "+14155550101")
        await house.until(lambda: any(one.consent == "asked" for one in house.calls()), 8)
        refusing.sound.press("2")
        await house.until(lambda: joined(house) == 1, 8)
        await asyncio.sleep(0.8)  # the cue, then they are joined
        assert not house.agent_calls and await hearing(refusing, 0.5) > 15
        ordering = await house.recorded_call()
        (agent,) = house.agent_calls
        await asyncio.sleep(0.5)
        ordering.sound.press("*")
        assert await asyncio.wait_for(agent.ended, 5) == "hung up"
        await house.until(lambda: latest(house).stages.count("agent joined") == 2, 8)
        await asyncio.sleep(0.8)
        assert await hearing(ordering, 0.5) > 15 and len(desk.agent.legs) == 2
        for call in (refusing, ordering):
            call.hang_up()
        first, second = await house.ended(2)
        assert (first.outcome, second.outcome) == ("not recorded: refused", "recorded until withdrawn")
        assert len(second.recordings) == 1 and 300 < second.captured_ms < 3000 and house.verdict().verified
    desk.close()


async def test_kill_9_while_publishing_leaves_one_book_or_the_other_and_a_changed_book_rules_nothing(
    tmp_path: Path,
) -> None:
    async with OvertHouse(tmp_path) as house:
        await publish(house, FIRST)
        for seconds in (0.5, 0.9, 1.1):
            dying = overt(
                house,
                "policy",
                "publish",
                "-",
                "--reason",
                "dying",
                given=SECOND.replace("days = 30", f"days = {seconds * 10:.0f}"),
            )
            await asyncio.sleep(seconds)
            dying.kill()
            await asyncio.to_thread(dying.communicate)
        await asyncio.sleep(0.3)
        shown = json.loads(await said(house, "policy", "show", "--json"))
        history = json.loads(await said(house, "policy", "history", "--json"))["versions"]
        assert [one["version"] for one in history] == list(range(len(history), 0, -1)) and shown["trouble"] == ""
        call = await house.call()
        await house.until(lambda: joined(house) == 1, 8)
        call.hang_up()
        assert latest(house).version == shown["version"] == len(history)

        rows = sqlite3.connect(house.folder / "ledger" / "main" / "personal.sqlite")
        with rows:
            rows.execute("UPDATE personal SET value = replace(value, 'true', 'false') || '# mine' WHERE field = 'book'")
        rows.close()
        call = await house.call()  # read before it was changed: the good one rules on
        await house.until(lambda: joined(house) == 2, 8)
        call.hang_up()
        assert latest(house).version == shown["version"]
        await house.ended(2)
        await house.kill("signalling")
        await house.until(lambda: (house.folder / "run" / "ready").exists(), 15)
        call = await house.call()
        await house.until(lambda: joined(house) == 3, 8)
        call.hang_up()
        records = await house.ended(3)
        assert "no policy book can be read" in records[-1].outcome and "somebody changed it" in records[-1].outcome
        assert b"somebody changed it" in (house.folder / "serve.log").read_bytes()
