"""Calls as policies rule them, in memory: who is recorded, what a no leads to, what hold does; and that a call keeps its book."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import pytest

from overt.adapters.memory import MemoryControl, leg_media
from overt.domain.book import Ask, Capture, ChosenBasis, Keep, NeverRecord, Policy, PolicyBook, Stated, Tell, When
from overt.domain.book_policy_checks import Known
from overt.domain.book_toml import write_book
from overt.domain.identity import AGENT, CALLER, Number
from overt.ports import Digit, EngineLost, LegChanged, LegSilent, StopKey
from overt.services.attending import attend, take_up
from overt.services.context import Context
from overt.services.governing import Publication
from overt.services.publishing import PublishingRooms, publish
from services.test_call_stories import TABLE, World

ROUTE = "sip:front-desk@192.0.2.9"
ANNOUNCED = Policy(
    "Sales", "Dana", when=When(lines=("sales",)), tell=Tell("standard", ("en",), "quality and training"),
    ask=Ask("announce", "Dana"),
)  # fmt: skip
ASKED = replace(ANNOUNCED, ask=Ask("ask"))
MUST = Stated(basis=ChosenBasis("MIFID-16-7", "letter of 3 May", "Dana"))


def book(*policies: Policy, **more: object) -> PolicyBook:
    """A book of these policies."""
    return PolicyBook("A test", policy=policies, **more)  # type: ignore[arg-type]


async def published(world: World, what: PolicyBook) -> Publication:
    """Have a book rule in a world, published as anybody would."""
    rooms = PublishingRooms("main", world.ledger, world.house.clock, world.publications, TABLE, Known(),
                            world.house.prompts, PolicyBook())  # fmt: skip
    return await publish(rooms, write_book(what), by="dana", reason="a test")


async def ruled(what: PolicyBook) -> World:
    """A world whose calls that book rules, with no call yet."""
    world = World("ask")
    await published(world, what)
    return world


async def joined(world: World) -> None:
    """Let the call come to where both talk."""
    await world.start()
    await world.until(lambda: bool(world.engine.calls) and world.media.relayed)


async def pressed(world: World, key: str) -> None:
    """Let the caller be asked, and press a key."""
    world.house = replace(world.house, answer_s=2)
    await world.start()
    await world.until(lambda: bool(world.engine.calls) and (CALLER, "en/question") in world.media.played)
    world.media.listener(Digit(CALLER, key, 0))


def only(world: World, kind: str) -> Mapping[str, object]:
    """The body of the one fact of a kind."""
    (body,) = world.ledger.bodies(kind)
    return body


# ------------------------------------------------------------------------------------------ which policy


async def test_the_settings_rule_while_nothing_is_published() -> None:
    world = World()
    await world.recording()
    await world.over()
    body = only(world, "call.ruled")
    assert (body["policy"], body["version"], body["sha256"], body["line"]) == ("sales", 0, "ab" * 32, "sales")
    assert body["unrecorded_why"] == "" and world.kinds().index("call.ruled") == world.kinds().index("call.located") - 1


async def test_a_published_book_rules_and_the_permit_says_so() -> None:
    narrow = replace(ANNOUNCED, keep=Keep(30, ("compliance",)))
    world = await ruled(book(replace(ASKED, name="Elsewhere", when=When(queues=("other",))), narrow))
    await world.recording()
    account = await world.over()
    assert account["outcome"] == "recorded"
    body = only(world, "call.ruled")
    assert (body["policy"], body["version"]) == ("Sales", 1) and body["locked"] == []
    assert body["sha256"] == world.ledger.facts[0].body["sha256"]
    permit = only(world, "recording.permitted")
    assert (permit["keep_days"], permit["listeners"]) == (30, ["compliance"])
    assert (permit["policy"], permit["policy_version"]) == ("Sales", 1)
    assert only(world, "call.decided")["keep_days"] == 30


async def test_a_policy_takes_queue_and_team_of_the_line() -> None:
    world = await ruled(book(replace(ANNOUNCED, when=When(queues=("gold",), teams=("north",)))))
    line = replace(world.house.lines["sales"], queue="gold", team="north")
    world.house = replace(world.house, lines={"sales": line})
    await world.recording()
    await world.over()
    body = only(world, "call.ruled")
    assert (body["policy"], body["queue"], body["team"]) == ("Sales", "gold", "north")


UNRECORDED = {
    "no policy": (book(replace(ANNOUNCED, when=When(lines=("other",)))), "no policy of the book matches this call"),
    "not at this hour": (book(replace(ANNOUNCED, when=When(from_="11:00", until="12:00"))), "no policy of the book"),
    "record = false": (book(replace(ANNOUNCED, capture=Capture(record=False))), "«Sales» records no calls"),
    "not its share": (book(replace(ANNOUNCED, capture=Capture(share=0))), "«Sales» records 0 % of its calls"),
    "never this number": (book(ANNOUNCED, never_record=(NeverRecord("+1214555*", "a lawyer"),)), "a lawyer"),
}


@pytest.mark.parametrize("case", UNRECORDED)
async def test_what_no_policy_lets_record_is_not_told_of_recording_and_says_why(case: str) -> None:
    what, why = UNRECORDED[case]
    world = await ruled(what)
    await joined(world)
    account = await world.over()
    assert why in str(account["outcome"]) and str(account["outcome"]).startswith("not recorded: ")
    assert account["consent"] == "not asked" and account["disclosed_ms"] == 0 and not world.media.opened
    assert [one for _, one in world.media.played if one.startswith("en/")] == ["en/cue-not-recorded"]
    decided = only(world, "call.decided")
    assert decided["effect"] == "deny" and why in str(decided["why"]) and decided["rule"] in ("one-party", "all-party")
    assert why in str(only(world, "call.ruled")["unrecorded_why"])


async def test_p12_an_emergency_is_looked_at_before_any_book() -> None:
    world = World()
    world.publications.trouble = "the disk is gone"
    world.control.offer = replace(world.control.offer, called="112")
    await joined(world)
    account = await world.over()
    assert account["outcome"] == "not recorded: an emergency call" and not world.faults
    assert only(world, "call.ruled")["policy"] == ""


async def test_p12_where_no_book_can_be_read_calls_pass_unrecorded() -> None:
    world = World()
    world.publications.trouble = "the disk is gone"
    await joined(world)
    account = await world.over()
    assert "no policy book can be read: ledger: the disk is gone" in str(account["outcome"])
    assert len(world.faults) == 1 and not world.media.opened


async def test_a_key_pressed_where_nothing_is_recorded_changes_nothing() -> None:
    no_calls = replace(ASKED, ask=Ask("ask", on_refusal="end"), capture=Capture(record=False))
    world = await ruled(book(no_calls))
    await joined(world)
    world.media.listener(Digit(CALLER, "*", 0))
    await asyncio.sleep(0.02)
    assert not world.task.done()
    assert "records no calls" in str((await world.over())["outcome"])


async def test_laws_that_contradict_each_other_leave_it_to_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    from overt.domain.law.demand import Demand

    monkeypatch.setattr(Demand, "unkeepable", property(lambda demand: True))
    world = World()
    await joined(world)
    account = await world.over()
    assert (
        "a person must decide" in str(account["outcome"]) and only(world, "call.decided")["effect"] == "indeterminate"
    )
    assert "a person must decide" in str(world.faults[0]) and not world.media.opened


async def test_a_demand_that_cannot_be_met_here_keeps_recording_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("overt.services.deciding.UNMET", {"announce:caller": "it cannot be told"})
    world = World()
    await joined(world)
    assert (await world.over())["outcome"] == "not recorded: it cannot be told"
    assert only(world, "call.decided")["why"] == "it cannot be told"


# ------------------------------------------------------------------------------------------ after a no


async def test_a_refusal_may_end_the_call_politely() -> None:
    world = await ruled(book(replace(ASKED, ask=Ask("ask", on_refusal="end"))))
    await pressed(world, "2")
    await asyncio.wait_for(world.task, 5)
    account = only(world, "call.ended")
    assert account["outcome"] == "not recorded: refused" and account["reason"] == "nobody is served unrecorded here"
    assert world.media.played[-1] == (CALLER, "en/unrecorded-end") and CALLER in world.control.hung_up
    assert world.control.dialled == [] and not world.media.relayed


async def test_silence_may_end_the_call_and_a_refusal_not() -> None:
    policy = book(replace(ASKED, ask=Ask("ask", on_no_answer="end")))
    silent = await ruled(policy)
    await silent.start()
    await asyncio.wait_for(silent.task, 5)
    assert only(silent, "call.ended")["consent"] == "timeout" and silent.control.dialled == []
    refusing = await ruled(policy)
    await pressed(refusing, "2")
    await refusing.until(lambda: refusing.media.relayed)
    assert (await refusing.over())["consent"] == "refused"


async def test_a_refusal_may_lead_to_a_line_that_records_nothing() -> None:
    world = await ruled(book(replace(ASKED, ask=Ask("ask", on_refusal="route", route=ROUTE))))
    await pressed(world, "2")
    await world.until(lambda: world.media.relayed)
    account = await world.over()
    assert world.control.dialled == [ROUTE] and account["outcome"] == "not recorded: refused"
    assert (CALLER, "en/unrecorded-route") in world.media.played and (
        AGENT,
        "en/cue-not-recorded",
    ) in world.media.played
    assert only(world, "call.joined")["how"] == "answered, on a line that records nothing" and not world.media.opened


async def test_a_line_to_route_to_that_is_busy_ends_it() -> None:
    world = await ruled(book(replace(ASKED, ask=Ask("ask", on_refusal="route", route=ROUTE))))
    world.control.agent_status = 486
    await pressed(world, "2")
    await asyncio.wait_for(world.task, 5)
    assert only(world, "call.ended")["reason"] == "agent busy" and (CALLER, "en/unavailable") in world.media.played


def must(on_refusal: str, **more: object) -> PolicyBook:
    """A book with a line that must be recorded."""
    ask = Ask("announce", "Dana", on_refusal, "end", ROUTE if on_refusal == "route" else "")  # type: ignore[arg-type]
    return book(replace(ANNOUNCED, ask=ask, law=MUST, **more))  # type: ignore[arg-type]


async def test_p5_on_a_line_that_must_be_recorded_a_no_ends_capture_then_the_call() -> None:
    world = await ruled(must("end"))
    await world.recording()
    world.media.capturing = False
    world.media.listener(StopKey(CALLER, "*", 1, 2))
    await asyncio.wait_for(world.task, 5)
    account = only(world, "call.ended")
    assert account["outcome"] == "recorded until withdrawn" and account["reason"] == "nobody is served unrecorded here"
    assert (CALLER, "en/unrecorded-end") in world.media.played and (CALLER, "en/stopped") not in world.media.played
    kinds = world.kinds()
    assert kinds.index("recording.stopped") < kinds.index("call.ended") and len(world.media.opened) == 1


async def test_p5_on_a_line_that_must_be_recorded_a_no_may_lead_elsewhere() -> None:
    world = await ruled(must("route"))
    await world.recording()
    world.media.listener(StopKey(CALLER, "*", 1, 2))
    await world.until(lambda: world.control.dialled == ["sip:agent@192.0.2.2", ROUTE])
    await world.until(lambda: len(world.ledger.bodies("call.joined")) == 2)
    assert AGENT in world.control.hung_up and not world.media.capturing
    account = await world.over()
    assert account["outcome"] == "recorded until withdrawn" and len(world.media.opened) == 1
    assert world.ledger.bodies("recording.stopped")[0]["reason"] == "caller withdrawn: pressed the stop key"


async def test_the_silence_of_who_was_left_behind_does_not_end_a_call_that_is_sent_on() -> None:
    world = await ruled(must("route"))
    await world.recording()
    world.control.picked_up.clear()
    world.media.listener(StopKey(CALLER, "*", 1, 2))
    await world.until(lambda: world.control.dialled[-1] == ROUTE)
    world.media.listener(LegSilent(AGENT))
    await asyncio.sleep(0.02)
    assert not world.task.done()
    world.control.picked_up.set()
    await world.until(lambda: len(world.ledger.bodies("call.joined")) == 2)
    world.media.listener(LegSilent(AGENT))
    await asyncio.wait_for(world.task, 5)
    assert only(world, "call.ended")["reason"] == "agent silent"


async def test_a_no_while_the_agent_is_rung_leads_elsewhere_at_once() -> None:
    world = await ruled(must("route"))
    world.control.picked_up.clear()
    await world.start()
    await world.until(lambda: bool(world.control.dialled))
    world.media.listener(Digit(CALLER, "*", 0))
    await world.until(lambda: world.control.dialled[-1] == ROUTE)
    world.control.picked_up.set()
    await world.until(lambda: world.media.relayed)
    assert [one["how"] for one in world.ledger.bodies("call.joined")] == ["answered, on a line that records nothing"]
    await world.over()
    assert not world.media.opened


async def test_a_no_while_the_agent_is_cued_joins_nobody_to_the_wrong_one() -> None:
    world = await ruled(must("route"))
    await world.start()
    while not (world.engine.calls and (AGENT, "en/cue-recorded") in world.media.played):
        await asyncio.sleep(0)  # no later: a cue in memory is over in a millisecond
    world.media.listener(Digit(CALLER, "*", 0))
    await world.until(lambda: len(world.ledger.bodies("call.joined")) == 2)
    await world.over()
    assert world.control.dialled == ["sip:agent@192.0.2.2", ROUTE] and not world.media.opened


async def test_who_could_not_be_told_is_not_served_where_it_must_be_recorded() -> None:
    world = await ruled(must("end"))
    world.engine.silent = frozenset({CALLER})
    await world.start()
    await asyncio.wait_for(world.task, 5)
    assert only(world, "call.ended")["reason"] == "nobody is served unrecorded here" and world.control.dialled == []


# ------------------------------------------------------------------------------------------ hold


async def test_hold_may_end_the_recording() -> None:
    world = await ruled(book(replace(ANNOUNCED, capture=Capture(on_hold="stop"))))
    await world.recording()
    world.media.listener(LegChanged(CALLER, replace(leg_media(4000), sends=False)))
    await world.until(lambda: not world.media.capturing)
    world.media.listener(LegChanged(CALLER, leg_media(4000)))
    await asyncio.sleep(0.02)
    assert not world.media.capturing and not world.task.done()
    account = await world.over()
    assert account["outcome"] == "recorded until hold" and len(world.media.opened) == 1
    assert only(world, "recording.stopped")["reason"] == "caller on hold" and not world.ledger.bodies(
        "recording.resumed"
    )


# ------------------------------------------------------------------------------------------ while calls last


async def test_a_call_keeps_the_book_that_it_began_with() -> None:
    world = await ruled(book(replace(ANNOUNCED, keep=Keep(30))))
    await world.recording()
    await published(world, book(replace(ANNOUNCED, name="Later", capture=Capture(record=False))))
    world.media.listener(EngineLost(world.media.account("engine lost")))
    await world.until(lambda: len(world.media.opened) == 2)
    assert world.media.capturing
    await world.over()
    permits = world.ledger.bodies("recording.permitted")
    assert [(one["policy"], one["policy_version"], one["keep_days"]) for one in permits] == [("Sales", 1, 30)] * 2
    next_call = MemoryControl(replace(world.control.offer, id="018f0000-0000-7000-8000-00000000bbbb"))
    task = asyncio.create_task(attend(world.house, next_call, world.house.lines["sales"]))
    await world.until(lambda: len(world.engine.calls) == 2 and world.engine.calls[1].relayed)
    assert world.ledger.bodies("call.ruled")[-1]["version"] == 2 and not world.engine.calls[1].opened
    next_call.leave(CALLER)
    await asyncio.wait_for(task, 5)


async def test_a_successor_goes_on_with_the_book_that_the_call_began_with() -> None:
    world = await ruled(book(replace(ANNOUNCED, keep=Keep(30))))
    await world.recording()
    kept = Context.decoded(world.media.context)
    await published(world, book(replace(ANNOUNCED, name="Later", capture=Capture(record=False))))
    world.task.cancel()
    media = world.media
    media.opened.clear()
    world.task = asyncio.create_task(
        take_up(world.house, world.control, world.house.lines["sales"], Context.decoded(kept.encoded()), media)
    )
    await world.until(lambda: bool(world.ledger.bodies("recording.resumed")))
    assert media.capturing and kept.policy.version == 1 and kept.keep_days == 30
    world.control.leave(CALLER)
    await asyncio.wait_for(world.task, 5)


async def test_a_no_stays_a_no_when_a_successor_takes_the_call_up() -> None:
    world = await ruled(book(replace(ASKED, ask=Ask("ask", on_refusal="route", route=ROUTE))))
    world.control.picked_up.clear()
    await pressed(world, "2")
    await world.until(lambda: world.control.dialled == [ROUTE])
    kept = Context.decoded(world.media.context)
    assert kept.state.routed
    world.task.cancel()
    asked = world.media.played.count((CALLER, "en/question"))
    world.media.relayed = False
    world.control.picked_up.set()
    world.task = asyncio.create_task(take_up(world.house, world.control, world.house.lines["sales"], kept, world.media))
    await world.until(lambda: world.media.relayed)
    assert world.control.dialled == [ROUTE, ROUTE] and world.media.played.count((CALLER, "en/question")) == asked
    world.control.leave(CALLER)
    await asyncio.wait_for(world.task, 5)
    assert not world.media.opened


async def test_why_nothing_may_be_recorded_outlives_the_signalling_process() -> None:
    world = await ruled(UNRECORDED["record = false"][0])
    world.control.picked_up.clear()
    await world.start()
    await world.until(lambda: bool(world.control.dialled))
    kept = Context.decoded(world.media.context)
    world.task.cancel()
    world.control.picked_up.set()
    world.task = asyncio.create_task(take_up(world.house, world.control, world.house.lines["sales"], kept, world.media))
    await world.until(lambda: world.media.relayed)
    world.control.leave(CALLER)
    await asyncio.wait_for(world.task, 5)
    account = world.ledger.bodies("call.ended")[-1]
    assert account["outcome"] == "not recorded: «Sales» records no calls" and account["consent"] == "not asked"
    assert not world.media.opened and (CALLER, "en/announce") not in world.media.played


async def test_who_was_still_being_told_is_told_again_by_the_same_policy() -> None:
    world = await ruled(must("end"))
    await world.start()
    while not (world.engine.calls and world.media.played and world.media.context):
        await asyncio.sleep(0)
    kept = Context.decoded(world.media.context)
    world.task.cancel()
    world.task = asyncio.create_task(take_up(world.house, world.control, world.house.lines["sales"], kept, world.media))
    await world.until(lambda: bool(world.media.opened))
    world.media.listener(StopKey(CALLER, "*", 1, 2))
    await asyncio.wait_for(world.task, 5)
    assert world.ledger.bodies("call.ended")[-1]["reason"] == "nobody is served unrecorded here"


async def test_attending_a_withheld_number_is_ruled_like_any_other() -> None:
    world = await ruled(book(replace(ANNOUNCED, when=When(numbers=("withheld",)))))
    world.control.offer = replace(world.control.offer, caller=Number(""))
    world.task = asyncio.create_task(attend(world.house, world.control, world.house.lines["sales"]))
    await world.until(lambda: bool(world.engine.calls) and world.media.relayed)
    assert only(world, "call.ruled")["policy"] == "Sales"
    world.control.leave(CALLER)
    await asyncio.wait_for(world.task, 5)
