"""Calls in progress, as they pass."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from console.conftest import Visits, World, sign_in, until


def test_a_call_appears_is_heard_and_goes(visit: Visits, world: World, picture: Callable[..., None]) -> None:
    visitor = visit("sue")
    page = visitor.go("/live")
    page.get_by_text("Live: nobody is on the line").wait_for()

    async def ring() -> Any:
        return await world.house.call("sales", "+12145550100")

    call = world.loop.run(ring())
    row = page.locator(".live-call")
    row.wait_for()
    page.get_by_text("Live: 1 call in progress").wait_for()
    row.get_by_text("Recorder hears").wait_for(timeout=10_000)
    row.focus()
    before = row.locator(".clock").inner_text()
    until(page, "before => document.querySelector('.live-call .clock').textContent !== before", before)
    visitor.accessible()
    picture(page, "live", 520)

    async def hang_up() -> None:
        call.hang_up()
        await asyncio.sleep(0)

    world.loop.run(hang_up())
    page.get_by_text("Nobody is on the line", exact=True).wait_for(timeout=10_000)
    assert row.count() == 0


def test_focus_stays_where_it_was_when_rows_are_swapped(visit: Visits, world: World) -> None:
    page = visit("sue").go("/live")

    async def ring(line: str, number: str) -> Any:
        return await world.house.call(line, number)

    first = world.loop.run(ring("support", "+14155550171"))
    page.locator(".live-call").wait_for()
    page.locator(".live-call").focus()
    focused = page.evaluate("document.activeElement.id")
    second = world.loop.run(ring("support", "+14155550172"))
    until(page, "document.querySelectorAll('.live-call').length === 2")
    assert page.evaluate("document.activeElement.id") == focused != ""

    async def end() -> None:
        first.hang_up()
        second.hang_up()

    world.loop.run(end())
    until(page, "document.querySelectorAll('.live-call').length === 0", seconds=10)


def test_a_lost_connection_is_said_and_found_again(visit: Visits) -> None:
    visitor = visit("sue")
    visitor.expect("ERR_FAILED|Failed to load")
    page = visitor.page
    lost = [True]
    page.route("**/live/events", lambda route: route.abort() if lost[0] else route.continue_())
    visitor.go("/live")
    page.get_by_text("Connection lost; trying again…").wait_for()
    visitor.accessible()
    lost[0] = False
    page.get_by_text("Live: nobody is on the line").wait_for(timeout=10_000)


def test_who_is_signed_out_elsewhere_is_told(visit: Visits) -> None:
    visitor = visit()
    visitor.expect("401")
    sign_in(visitor, "carl")
    page = visitor.go("/live")
    page.get_by_text("Live:").first.wait_for()
    page.context.clear_cookies()
    page.route("**/live/events", lambda route: route.fulfill(status=401))
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    page.get_by_text("Signed out.").wait_for()
    assert page.get_by_role("link", name="Sign in again").get_attribute("href") == "/sign-in?next=%2Flive"
