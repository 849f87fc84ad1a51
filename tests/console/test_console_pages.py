"""Every page as somebody sees it: light and dark, wide and narrow, with axe finding nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from console.conftest import Visits, World, until

Picture = Callable[..., None]
# page → its path, and what must stand on it
PAGES = {
    "calls": ("/calls", "Calls"),
    "recorded": ("/calls/{recorded}", "Its way through the rooms"),
    "refused": ("/calls/{refused}", "Not recorded"),
    "withdrawn": ("/calls/{withdrawn}", "said no after all"),
    "hang-up": ("/calls/{hang-up}", "hung up first"),
    "held": ("/calls/{held}", "Hear it"),
    "live": ("/live", "Nobody is on the line"),
    "law": ("/law", "What else is known of where they are"),
    "place": ("/law/US-CA", "How consent may be shown"),
    "policies": ("/policies", "In this order"),
    "edit-policies": ("/policies/edit", "What it would change"),
    "accounting": ("/accounting", "as they should"),
    "account-of-a-call": ("/accounting/{recorded}", "Account of a call"),
    "ledger": ("/ledger", "The latest checkpoint"),
    "entry": ("/ledger/3", "The canonical line"),
    "alarms": ("/alarms", "What is watched"),
    "system": ("/system", "Doctor"),
    "account": ("/account", "Second factor"),
}


@pytest.mark.parametrize("name", PAGES)
def test_each_page_is_accessible_in_each_look(name: str, visit: Visits, world: World, picture: Picture) -> None:
    path, words = PAGES[name]
    visitor = visit("ada")
    page = visitor.go(path.format(**world.calls))
    page.get_by_text(words, exact=False).first.wait_for()
    if name in ("calls", "system"):
        picture(page, name)
    for details in page.locator("details").all()[:2]:
        details.locator("summary").click()
    visitor.accessible()
    page.emulate_media(color_scheme="dark")
    visitor.accessible()
    if name == "calls":
        picture(page, "calls-dark")
    page.set_viewport_size({"width": 360, "height": 860})
    visitor.accessible()


def test_zoomed_to_twice_its_size_nothing_is_cut_off(visit: Visits, world: World) -> None:
    visitor = visit("ada", width=640)  # 1280 at 200 %
    for path in ("/calls", f"/calls/{world.calls['recorded']}", "/ledger", "/system"):
        page = visitor.go(path)
        visitor.accessible()
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), path


def test_a_theme_is_kept_and_shown_before_anything_is_drawn(visit: Visits) -> None:
    visitor = visit("ada")
    page = visitor.go("/calls")
    light = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    page.get_by_role("button", name="Dark", exact=True).first.click()
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") != light
    page.reload(wait_until="commit")
    until(page, "document.documentElement?.dataset.theme === 'dark'")
    page.goto(visitor.world.address + "/account")
    assert page.locator("[aria-pressed=true]").all_inner_texts() == ["Dark", "Dark"]


def test_a_print_leaves_the_rail_and_the_player_out(visit: Visits) -> None:
    visitor = visit("ada")
    page = visitor.call("recorded")
    page.emulate_media(media="print")
    assert not page.locator(".rail").is_visible()
    assert not page.locator(".player").is_visible()
    assert page.locator(".verdict").is_visible()


def test_without_script_the_pages_still_tell(browser: Any, visit: Visits, world: World) -> None:
    visit("ada")
    context = browser.new_context(java_script_enabled=False, storage_state=visit._kept["ada"])
    page = context.new_page()
    page.goto(f"{world.address}/calls?state=refused")
    assert page.get_by_role("button", name="Find").is_visible()
    assert page.locator("tbody tr").count() == 1
    page.goto(f"{world.address}/calls/{world.calls['recorded']}")
    assert page.get_by_text("Hearing it here needs JavaScript").is_visible()
    assert not page.get_by_role("button", name="Listen").is_visible()
    context.close()


def test_what_a_role_may_not_see_is_not_in_its_menu_and_is_refused_in_words(visit: Visits) -> None:
    visitor = visit("abe")
    visitor.expect("403")
    page = visitor.go("/calls")
    assert page.get_by_role("navigation", name="Pages").get_by_role("link").all_inner_texts() == ["Calls", "Law"]
    for path in ("/live", "/policies", "/ledger", "/system"):
        visitor.go(path)
        assert page.get_by_role("heading", level=1).inner_text() == "You may not"
        assert page.get_by_role("link", name="To the calls").is_visible()
        visitor.accessible()


def test_what_is_not_there_is_said(visit: Visits) -> None:
    visitor = visit("ada")
    visitor.expect("404")
    page = visitor.go("/calls/nothing-of-that-name")
    assert "knows no such call" in page.get_by_role("alert").inner_text()
    visitor.accessible()


def test_files_are_kept_for_good_under_addresses_that_change_with_them(visit: Visits) -> None:
    visitor = visit()
    kept: dict[str, str] = {}
    visitor.page.on("response", lambda one: kept.update({one.url: one.headers.get("cache-control", "")}))
    visitor.go("/sign-in")
    visitor.page.wait_for_load_state("networkidle")
    files = {url: how for url, how in kept.items() if "/static/" in url}
    assert len(files) >= 5 and all("immutable" in how for how in files.values()), files
    assert all(url.startswith(visitor.world.address) for url in kept)
