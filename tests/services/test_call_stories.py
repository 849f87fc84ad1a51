"""The story of a call in the in-memory world: what opens waits, what closes does not, and every call has its account."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from overt.adapters.law_files import load_table
from overt.adapters.memory import (
    MemoryAddresses,
    MemoryClock,
    MemoryControl,
    MemoryEngine,
    MemoryErasures,
    MemoryLedger,
    MemoryMedia,
    MemoryPublications,
    leg_media,
)
from overt.domain.book import book_of_lines
from overt.domain.call import Keys
from overt.domain.identity import CALLER, Number
from overt.domain.location import SPOOFED
from overt.domain.policy import LinePolicy
from overt.ports import CaptureFailed, CapturePaused, Digit, EngineLost, LegChanged, LegSilent, Offer, StopKey
from overt.services.attending import attend
from overt.services.governing import Governor, Premises
from overt.services.house import House, Line, PromptFacts
from overt.services.recording import permitted

NAMES = ("announce", "announce-ask", "question", "yes-thanks", "no-thanks", "stopped", "unavailable", "cue-recorded",
         "cue-not-recorded", "recording-failed", "unrecorded-end", "unrecorded-route")  # fmt: skip
TABLE = load_table()


class World:
    """A house in memory with one call through it."""

    def __init__(
        self,
        telling: str = "announce",
        failure: str = "stop-and-flag",
        without: str = "",
        agent: int = 200,
        **ruled: object,
    ) -> None:
        self.ledger, self.engine, self.faults = MemoryLedger(), MemoryEngine(), []
        prompts = {f"en/{one}": PromptFacts("1", "ab" * 32, 1000) for one in NAMES if one != without}
        policy = LinePolicy("sales", telling, "Dana", agent_place="US-GA", agent_notice_on_file="2026-01-01")  # type: ignore[arg-type]
        policy = replace(policy, **ruled)  # type: ignore[arg-type]
        clock, self.publications = MemoryClock(), MemoryPublications(self.ledger)
        premises = Premises(TABLE, "standard", ("US-CA",), book_of_lines([policy]), "ab" * 32, lambda zone, now_us: (0, 600),
                            lambda caller, called, own: "an emergency call" if called == "112" else "")  # fmt: skip
        governor = Governor(premises, self.publications, clock, self.faults.append)
        self.house = House(
            tenant="main", ledger=self.ledger, clock=clock, erasures=MemoryErasures(), engine=self.engine,
            addresses=MemoryAddresses({"+12145550100": "US-TX"}), governing=governor, served=("US-CA",),
            recorder_place="US-GA", lines={"sales": Line(policy, "sip:agent@192.0.2.2")}, prompts=prompts, keys=Keys(),
            on_failure=failure, answer_s=0, ring_s=1, key_id="k", report=lambda call, error: self.faults.append(error),  # type: ignore[arg-type]
        )  # fmt: skip
        offer = Offer(
            "018f0000-0000-7000-8000-00000000aaaa", "main", "t", Number("+12145550100"), "A Name", "sales", 1, 1
        )
        self.control = MemoryControl(offer, agent)
        self.task: asyncio.Task[None]

    async def start(self) -> None:
        """Let the call begin."""
        self.task = asyncio.create_task(attend(self.house, self.control, self.house.lines["sales"]))

    async def until(self, reached: Callable[[], bool]) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(5):
            while not reached():
                await asyncio.sleep(0.002)

    @property
    def media(self) -> MemoryMedia:
        """The call's media."""
        return self.engine.calls[0]

    async def recording(self) -> None:
        """Wait until it is being recorded."""
        await self.start()
        await self.until(lambda: bool(self.engine.calls) and self.media.capturing)

    async def over(self) -> dict[str, object]:
        """The caller leaves; the account."""
        self.control.leave(CALLER)
        await asyncio.wait_for(self.task, 5)
        (body,) = self.ledger.bodies("call.ended")
        return dict(body)

    def kinds(self) -> list[str]:
        """The kinds of all facts, in order."""
        return [fact.kind for fact in self.ledger.facts]


async def test_an_announced_call_goes_through_every_room_in_order() -> None:
    world = World()
    await world.recording()
    account = await world.over()
    assert account["outcome"] == "recorded" and account["consent"] == "informed"
    kinds = [one for one in world.kinds() if one != "call.consent"]
    assert kinds == ["call.offered", "call.ruled", "call.located", "call.decided", "call.told", "call.joined", "call.told",
                     "recording.permitted", "recording.stopped", "recording.closed", "call.ended"]  # fmt: skip
    order = world.media.opened[0]
    assert [one.prompt for one in order.prologue] == ["en/announce", "en/cue-recorded"] and order.stop_keys == "*"
    assert world.ledger.facts[order.ledger_index].kind == "recording.permitted"
    assert world.media.released and not world.media.capturing and not world.faults


async def test_where_everybody_may_be_is_entered_with_its_evidence_and_its_doubts() -> None:
    world = World()
    world.house = replace(
        world.house, trunk_places={"t": "US-FL"}, addresses=MemoryAddresses(hints={"+12145550100": "US-TX"})
    )
    await world.recording()
    await world.over()
    caller, agent, recorder = world.ledger.bodies("call.located")[0]["parties"]  # type: ignore[misc, union-attr]
    assert (caller["certain"], caller["places"]) == (False, ["US-FL", "US-TX", "US-CA"])
    assert caller["because"] == [
        "US-FL: place that the trunk serves (trunk t)", "US-TX: hint of the number (area code)", "1 place: served by the line",
    ]  # fmt: skip
    assert (agent["certain"], agent["places"]) == (False, ["US-FL", "US-GA"]) and "disagrees" in agent["doubts"][0]
    assert (recorder["certain"], recorder["places"]) == (True, ["US-GA"])


async def test_p3_a_disputed_number_settles_nothing() -> None:
    world = World()
    world.control.offer = replace(world.control.offer, caller=Number("+12145550100", disputed=True))
    await world.recording()
    await world.over()
    caller = world.ledger.bodies("call.located")[0]["parties"][0]  # type: ignore[index, call-overload]
    assert (caller["certain"], caller["places"], caller["doubts"]) == (False, ["US-TX", "US-CA"], [SPOOFED])


async def test_what_opens_waits_for_its_entry_and_a_no_meanwhile_wins() -> None:
    world = World()
    world.ledger.slow = asyncio.Event()
    await world.start()
    await world.until(lambda: bool(world.engine.calls) and world.media.relayed)
    await asyncio.sleep(0.02)
    assert not world.media.opened
    world.media.listener(Digit(CALLER, "*", 0))
    await asyncio.sleep(0.02)
    world.ledger.slow.set()
    account = await world.over()
    assert not world.media.opened and account["consent"] == "withdrawn" and account["captured_ms"] == 0


async def test_a_ledger_that_is_down_opens_nothing_and_the_call_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("overt.services.entering.RETRY_S", 0.01)
    monkeypatch.setattr("overt.services.entering.PATIENCE_S", 0.05)
    world = World(failure="stop-and-tell")
    world.ledger.down = True
    await world.start()
    await world.until(lambda: bool(world.engine.calls) and (CALLER, "en/recording-failed") in world.media.played)
    assert not world.media.opened and world.media.relayed
    world.ledger.down = False
    account = await world.over()
    assert str(account["outcome"]).startswith("not recorded: ledger")


@pytest.mark.parametrize(("failure", "ends"), [("end-call", True), ("stop-and-tell", False), ("stop-and-flag", False)])
async def test_p11_a_failing_capture_does_what_was_chosen(failure: str, ends: bool) -> None:
    world = World(failure=failure)
    await world.recording()
    world.media.listener(CaptureFailed(world.media.account("spool failed"), "disk full"))
    if ends:
        await asyncio.wait_for(world.task, 5)
        (body,) = world.ledger.bodies("call.ended")
    else:
        await world.until(lambda: bool(world.ledger.bodies("call.failed")))
        assert not world.task.done()
        body = await world.over()
    assert body["outcome"] == "recorded" and body["captured_ms"] == 1000
    assert ((CALLER, "en/recording-failed") in world.media.played) == (failure == "stop-and-tell")


async def test_p12_a_missing_prompt_keeps_recording_off() -> None:
    world = World(without="announce")
    await world.start()
    await world.until(lambda: bool(world.engine.calls) and world.media.relayed)
    account = await world.over()
    assert account["outcome"] == "not recorded: prompts are missing: en/announce" and account["consent"] == "not asked"
    assert not world.media.opened


async def test_p5_the_stop_key_ends_it_and_both_are_told() -> None:
    world = World()
    await world.recording()
    world.media.capturing = False
    world.media.listener(StopKey(CALLER, "*", 1, 2))
    await world.until(lambda: (CALLER, "en/stopped") in world.media.played)
    assert not world.task.done()
    account = await world.over()
    assert account["outcome"] == "recorded until withdrawn" and len(world.media.opened) == 1


async def test_hold_pauses_and_resumes_on_a_durable_entry() -> None:
    world = World()
    await world.recording()
    held = leg_media(4000)
    world.media.listener(
        LegChanged(CALLER, type(held)(**{**{name: getattr(held, name) for name in held.__slots__}, "sends": False}))
    )
    await world.until(lambda: not world.media.capturing)
    world.media.listener(LegChanged(CALLER, held))
    await world.until(lambda: world.media.capturing)
    world.media.listener(CapturePaused("lease ran out"))
    await world.until(lambda: len(world.ledger.bodies("recording.resumed")) == 2)
    assert [one["after"] for one in world.ledger.bodies("recording.resumed")] == ["unheld", "lease ran out"]
    await world.over()


async def test_a_lost_engine_is_followed_by_a_second_recording() -> None:
    world = World()
    await world.recording()
    world.media.listener(EngineLost(world.media.account("engine lost")))
    await world.until(lambda: len(world.media.opened) == 2)
    account = await world.over()
    assert len(account["recordings"]) == 2  # type: ignore[arg-type]
    assert world.ledger.bodies("recording.permitted")[1]["continues"] == world.media.opened[0].recording


async def test_an_engine_that_refuses_is_a_failure_not_a_fault() -> None:
    world = World()
    await world.start()
    await world.until(lambda: bool(world.engine.calls))
    world.media.refuses_to_open = "the permit is not authentic"
    await world.until(lambda: bool(world.ledger.bodies("call.failed")))
    account = await world.over()
    assert "not authentic" in str(account["outcome"]) and not world.faults


async def test_asked_and_silent_is_not_recorded() -> None:
    world = World("ask")
    await world.start()
    await world.until(lambda: bool(world.engine.calls) and world.media.relayed)
    account = await world.over()
    assert account["consent"] == "timeout" and not world.media.opened
    assert world.ledger.bodies("call.answered_question")[0]["answer"] == "no"
    assert (CALLER, "en/no-thanks") in world.media.played


async def test_a_caller_who_was_not_told_is_not_recorded() -> None:
    world = World()
    world.engine.silent = frozenset({CALLER})
    await world.start()
    await world.until(lambda: bool(world.engine.calls) and world.media.relayed)
    account = await world.over()
    assert account["outcome"] == "not recorded: leg silent" and not world.media.opened


async def test_nobody_to_ring_no_port_and_a_silent_leg() -> None:
    busy = World(agent=486)
    await busy.start()
    await asyncio.wait_for(busy.task, 5)
    assert busy.ledger.bodies("call.ended")[0]["reason"] == "agent busy"
    assert (CALLER, "en/unavailable") in busy.media.played
    full = World()
    full.engine.full = True
    await full.start()
    await asyncio.wait_for(full.task, 5)
    assert full.control.refused == 503 and "none is left" in str(full.ledger.bodies("call.ended")[0]["outcome"])
    silent = World()
    await silent.recording()
    silent.media.listener(LegSilent(CALLER))
    await asyncio.wait_for(silent.task, 5)
    assert set(silent.control.hung_up) == {"caller", "agent"}


async def test_a_fault_inside_is_audited_and_closes_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()

    async def broken(call: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("overt.services.attending._cue", broken)
    await world.start()
    await asyncio.wait_for(world.task, 5)
    (body,) = world.ledger.bodies("call.ended")
    assert body["outcome"] == "not recorded: fault: ZeroDivisionError" and isinstance(
        world.faults[0], ZeroDivisionError
    )
    assert world.media.released and set(world.control.hung_up) == {"caller", "agent"}


async def test_a_permit_is_not_waited_for_in_vain() -> None:
    class Settled:
        """A call that never began an episode."""

        class state:
            """No consent yet."""

            consent = None

    assert await permitted(Settled()) is None  # type: ignore[arg-type]
