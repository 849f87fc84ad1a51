"""Asking the law in a browser: two numbers, an answer in its place, nothing of it in an address; also without script."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from console.conftest import Visits, World, until


def test_two_numbers_get_the_rule_the_map_the_words_and_the_grounds(
    visit: Visits, picture: Callable[..., None]
) -> None:
    visitor = visit("abe")  # every role may ask
    page = visitor.go("/law")
    picture(page, "law", 1400)
    page.get_by_label("Number", exact=True).first.fill("+14155550100")
    page.get_by_label("Number", exact=True).last.fill("+14045550100")
    page.get_by_label("The agent's place").fill("US-GA")
    page.get_by_label("Places that the line serves").fill("US")
    page.get_by_role("button", name="Ask").click()
    page.get_by_role("heading", name="Everybody's consent is needed").wait_for()
    until(page, "document.activeElement?.id === 'verdict'")  # it is read out, and in view
    assert "4155550100" not in page.url
    assert page.get_by_text("Tell everybody, ask").is_visible()
    assert page.locator("blockquote[lang=en]").first.is_visible()
    assert page.locator(".map .lit").count() == 51
    assert page.locator(".grounds .decisive").first.is_visible()
    assert page.get_by_label("Number", exact=True).first.input_value() == "+14155550100"
    visitor.accessible()
    page.set_viewport_size({"width": 360, "height": 860})
    visitor.accessible()


def test_what_is_wrong_is_said_where_the_answer_would_be(visit: Visits) -> None:
    visitor = visit("sue")
    visitor.expect("400")
    page = visitor.go("/law")
    page.get_by_label("The agent's place").fill("Georgia")
    page.get_by_role("button", name="Ask").click()
    assert "is not the code of a place" in page.get_by_role("alert").inner_text()
    visitor.accessible()


def test_the_table_is_found_by_name_and_leads_to_a_page_a_place(visit: Visits) -> None:
    visitor = visit("sue")
    page = visitor.go("/law")
    page.get_by_label("Name or code").fill("california")
    until(page, "document.querySelectorAll('.places tbody tr').length === 1")
    page.locator(".places").get_by_role("link", name="California").click()
    page.get_by_role("heading", name="California (US-CA)").wait_for()
    page.get_by_role("link", name="Citations").click()
    assert page.url.endswith("#section-11") or "#section-" in page.url
    visitor.accessible()


def test_without_script_a_question_is_answered_too(browser: Any, visit: Visits, world: World) -> None:
    visit("ada")
    context = browser.new_context(java_script_enabled=False, storage_state=visit._kept["ada"])
    page = context.new_page()
    page.goto(f"{world.address}/law")
    page.get_by_label("The agent's place").fill("US-GA")
    page.get_by_label("The recorder's place").fill("US-GA")
    page.get_by_label("Places that the line serves").fill("US-GA")
    page.get_by_role("button", name="Ask").click()
    assert page.get_by_text("One party's consent is enough").first.is_visible()
    context.close()
