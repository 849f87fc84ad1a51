"""Finding calls: filters, chips, the keyboard, the browser's history, and nothing found."""

from __future__ import annotations

import re

from console.conftest import Visits, World, until


def test_a_number_is_found_while_it_is_typed_and_the_address_says_so(visit: Visits, world: World) -> None:
    page = visit("ada").go("/calls")
    assert page.locator("#rows tr").count() == 5
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "find"
    page.keyboard.type("0102")
    page.wait_for_url("**/calls?find=0102")
    until(page, "document.querySelectorAll('#rows tr').length === 1")
    assert page.locator("#rows tr").get_attribute("id") == f"call-{world.calls['refused']}"
    assert page.evaluate("document.activeElement.id") == "find", "typing goes on where it was"
    until(page, "document.querySelector('[data-filters=said]').textContent === '1 call found'")
    title = page.locator("#rows time").get_attribute("title") or ""
    assert title.startswith("Here: ") and re.search("Pacific|PST|PDT|GMT-", title)


def test_filters_are_steps_of_the_history(visit: Visits) -> None:
    page = visit("ada").go("/calls")
    page.get_by_label("Line").select_option("support")
    page.wait_for_url("**/calls?line=support")
    until(page, "document.querySelectorAll('#rows tr').length === 4")
    page.get_by_label("Place").select_option("US-CA")
    page.wait_for_url("**/calls?line=support&place=US-CA")
    page.go_back()
    until(page, "document.querySelectorAll('#rows tr').length === 4")
    until(page, "document.querySelector('[name=place]').value === ''")
    assert page.get_by_label("Line").input_value() == "support"
    page.go_back()
    until(page, "document.querySelectorAll('#rows tr').length === 5")
    page.go_forward()
    until(page, "document.querySelectorAll('#rows tr').length === 4")


def test_chips_count_and_narrow_and_the_filters_stay(visit: Visits, world: World) -> None:
    visitor = visit("ada")
    page = visitor.go("/calls?line=support")
    states = page.get_by_role("navigation", name="States")
    assert states.get_by_role("link", name="refused").inner_text().split()[-1] == "1"
    states.get_by_role("link", name="withdrawn").click()
    page.wait_for_url("**/calls?line=support&state=withdrawn")
    assert page.locator("#rows tr").get_attribute("id") == f"call-{world.calls['withdrawn']}"
    assert states.get_by_role("link", name="withdrawn").get_attribute("aria-current") == "true"
    visitor.accessible()
    page.get_by_label("Place").select_option("US-TX")
    page.wait_for_url(re.compile("state=withdrawn"))


def test_rows_are_walked_by_keyboard_and_opened(visit: Visits) -> None:
    page = visit("ada").go("/calls")
    rows = [one.get_attribute("id") or "" for one in page.locator("#rows tr").all()]
    at = "document.activeElement.closest('tr')?.id ?? ''"
    for key, row in (("j", 0), ("j", 1), ("ArrowDown", 2), ("k", 1), ("ArrowUp", 0), ("k", 0)):
        page.keyboard.press(key)
        assert page.evaluate(at) == rows[row], key
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/calls/{rows[1].removeprefix('call-')}")
    page.go_back()
    page.locator("#rows tr").nth(2).locator("td").nth(1).click()
    page.wait_for_url(f"**/calls/{rows[2].removeprefix('call-')}")


def test_nothing_found_says_what_to_do_and_a_wrong_date_what_is_meant(visit: Visits) -> None:
    visitor = visit("ada")
    visitor.expect("400|does not conform")
    page = visitor.go("/calls?find=9999")
    assert page.get_by_text("No call fits").is_visible()
    visitor.accessible()
    page.get_by_role("link", name="Show all calls").click()
    page.wait_for_url("**/calls")
    visitor.go("/calls?since=yesterday")
    assert "since is a date" in page.get_by_role("alert").inner_text()
    visitor.accessible()


def test_an_agent_sees_the_calls_that_rang_at_their_phone(visit: Visits, world: World) -> None:
    page = visit("abe").go("/calls")
    found = {(one.get_attribute("id") or "").removeprefix("call-") for one in page.locator("#rows tr").all()}
    assert found >= set(world.calls.values())
    other = visit("zoe")
    page = other.go("/calls")
    assert page.get_by_text("No call has come yet").is_visible()
    other.accessible()
    other.expect("404")
    other.call("recorded")
    assert "knows no such call" in page.get_by_role("alert").inner_text()


def test_the_first_tab_skips_to_the_page(visit: Visits) -> None:
    page = visit("ada").go("/calls")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")
