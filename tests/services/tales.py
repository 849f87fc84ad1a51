"""Calls that were told from end to end in the in-memory world, and the entries that each left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from overt.adapters.law_files import load_table
from overt.adapters.memory import leg_media
from overt.domain.identity import CALLER
from overt.ports import CaptureFailed, Digit, EngineLost, LegChanged, LegSilent, StopKey
from overt.services.attending import turn_away
from overt.services.auditing import CallRecord, Stated, read_calls
from services.test_call_stories import World

NAMES = {code: rows[0].name for code, rows in load_table().rows.items()}
CALL = "018f0000-0000-7000-8000-00000000aaaa"


async def _relayed(world: World) -> None:
    await world.start()
    await world.until(lambda: bool(world.engine.calls) and world.media.relayed)


async def _asked(world: World, key: str) -> None:
    world.house = replace(world.house, answer_s=2)
    await world.start()
    await world.until(lambda: bool(world.engine.calls) and (CALLER, "en/question") in world.media.played)
    world.media.listener(Digit(CALLER, key, 0))
    await world.until(lambda: world.media.relayed)
    await world.until(lambda: world.media.capturing == (key == "1"))


async def informed(world: World) -> None:
    """The caller was told, stayed, and was recorded."""
    await world.recording()
    await world.over()


async def consenting(world: World) -> None:
    """The caller pressed the yes key."""
    await _asked(world, "1")
    await world.over()


async def refusing(world: World) -> None:
    """The caller pressed the no key."""
    await _asked(world, "2")
    await world.over()


async def unclear(world: World) -> None:
    """The caller pressed another key."""
    await _asked(world, "7")
    await world.over()


async def unanswering(world: World) -> None:
    """The caller was asked and said nothing."""
    await _relayed(world)
    await world.over()


async def stopping(world: World) -> None:
    """The caller pressed the stop key while being recorded."""
    await world.recording()
    world.media.capturing = False
    world.media.listener(StopKey(CALLER, "*", 1, 2))
    await world.until(lambda: (CALLER, "en/stopped") in world.media.played)
    await world.over()


async def withdrawing(world: World) -> None:
    """The caller said yes, and no later."""
    await _asked(world, "1")
    world.media.listener(StopKey(CALLER, "*", 1, 2))
    await world.until(lambda: (CALLER, "en/stopped") in world.media.played)
    await world.over()


async def stopping_early(world: World) -> None:
    """The caller pressed the stop key before anything was opened."""
    world.ledger.slow = asyncio.Event()
    await world.start()
    await world.until(lambda: bool(world.engine.calls) and world.media.relayed)
    world.media.listener(Digit(CALLER, "*", 0))
    await asyncio.sleep(0.02)
    world.ledger.slow.set()
    await world.over()


async def holding(world: World) -> None:
    """The caller went on hold and came off it."""
    await world.recording()
    world.media.listener(LegChanged(CALLER, replace(leg_media(4000), sends=False)))
    await world.until(lambda: not world.media.capturing)
    world.media.listener(LegChanged(CALLER, leg_media(4000)))
    await world.until(lambda: world.media.capturing)
    await world.over()


async def held_for_good(world: World) -> None:
    """The caller went on hold, which ends the recording."""
    await world.recording()
    world.media.listener(LegChanged(CALLER, replace(leg_media(4000), sends=False)))
    await world.until(lambda: not world.media.capturing)
    await world.over()


async def refused_and_parted(world: World) -> None:
    """The caller said no where nobody is served unrecorded, or is sent elsewhere: and it ends there."""
    world.house = replace(world.house, answer_s=2)
    world.control.agent_status = 486
    await world.start()
    await world.until(lambda: bool(world.engine.calls) and (CALLER, "en/question") in world.media.played)
    world.media.listener(Digit(CALLER, "2", 0))
    await asyncio.wait_for(world.task, 5)


async def failing(world: World) -> None:
    """The disk was full in the middle of the call."""
    await world.recording()
    world.media.listener(CaptureFailed(world.media.account("spool failed"), "disk full"))
    await world.until(lambda: bool(world.ledger.bodies("call.failed")))
    await world.over()


async def losing(world: World) -> None:
    """The engine died, and another went on."""
    await world.recording()
    world.media.listener(EngineLost(world.media.account("engine lost")))
    await world.until(lambda: len(world.media.opened) == 2)
    await world.over()


async def untold(world: World) -> None:
    """The caller's line was dead while they were to be told."""
    world.engine.silent = frozenset({CALLER})
    await _relayed(world)
    await world.over()


async def hanging_up(world: World) -> None:
    """The caller hung up in the announcement."""
    await world.start()
    while not (world.engine.calls and world.media.played):
        await asyncio.sleep(0)  # no later: the announcement in memory is over in a millisecond
    await world.over()


async def silent(world: World) -> None:
    """The caller fell silent for good."""
    await world.recording()
    world.media.listener(LegSilent(CALLER))
    await asyncio.wait_for(world.task, 5)


async def ending(world: World) -> None:
    """The call ends by itself."""
    await world.start()
    await asyncio.wait_for(world.task, 5)


async def portless(world: World) -> None:
    """There was no port left."""
    world.engine.full = True
    await ending(world)


async def breaking(world: World) -> None:
    """Nothing that protects the caller was there to be played."""
    await _relayed(world)
    await world.over()


async def turned_away(world: World) -> None:
    """The number that was called is no line's."""
    await turn_away(world.house, world.control)


Tale = tuple[Callable[[], World], Callable[[World], Awaitable[None]]]
TALES: Mapping[str, Tale] = {
    "informed": (World, informed),
    "consenting": (lambda: World("ask"), consenting),
    "refusing": (lambda: World("ask"), refusing),
    "unclear": (lambda: World("ask"), unclear),
    "unanswering": (lambda: World("ask"), unanswering),
    "stopping": (World, stopping),
    "withdrawing": (lambda: World("ask"), withdrawing),
    "stopping early": (World, stopping_early),
    "holding": (World, holding),
    "holding for good": (lambda: World(on_hold="stop"), held_for_good),
    "unrecorded": (lambda: World(record=False, unrecorded_why="«sales» records no calls"), breaking),
    "ended after a no": (lambda: World("ask", on_refusal="end"), refused_and_parted),
    "sent on after a no": (lambda: World("ask", on_refusal="route", route="sip:a@192.0.2.7"), refused_and_parted),
    "failing": (World, failing),
    "failing, and told": (lambda: World(failure="stop-and-tell"), failing),
    "losing": (World, losing),
    "untold": (World, untold),
    "hanging up": (World, hanging_up),
    "silent": (World, silent),
    "busy": (lambda: World(agent=486), ending),
    "declined": (lambda: World(agent=603), ending),
    "unreachable": (lambda: World(agent=500), ending),
    "portless": (World, portless),
    "without a prompt": (lambda: World(without="announce"), breaking),
    "turned away": (World, turned_away),
}


async def told(name: str) -> tuple[World, list[Stated]]:
    """Tell a tale to its end; return its world and its entries."""
    made, tale = TALES[name]
    world = made()
    await tale(world)
    return world, entries(world)


def entries(world: World) -> list[Stated]:
    """The entries of a world's ledger."""
    facts = world.ledger.facts
    return [Stated(n, one.kind, one.at_us, one.call, one.body, one.personal) for n, one in enumerate(facts)]


def record_of(stated: list[Stated]) -> CallRecord:
    """The record of the one call."""
    (record,) = read_calls(stated).values()
    return record
