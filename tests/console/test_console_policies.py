"""Editing, rehearsing and publishing a policy book in a browser."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from console.conftest import Visits, World, until
from overt.domain.book_toml import parse_book

Picture = Callable[..., None]


@pytest.fixture
def edited(visit: Visits) -> Iterator[Any]:
    """The editor, as an officer of compliance sees it."""
    visitor = visit("carl")
    visitor.go("/policies/edit")
    yield visitor


def opened(page: Page, index: int = 0) -> None:
    """Open a policy's form."""
    page.locator(".policy-edit summary").nth(index).click()


def test_a_change_is_looked_at_as_it_is_made(edited: Any, picture: Picture) -> None:
    page = edited.page
    opened(page)
    page.locator("[name='policy.0.responsible']").fill("Dana Reyes")
    page.locator("[name='policy.0.keep.days']").fill("a month")
    page.locator("[name='policy.0.keep.days']").blur()
    page.get_by_text("must be a whole number").first.wait_for()
    assert page.locator(".policy-edit").first.get_attribute("open") is not None
    page.locator("[name='policy.0.keep.days']").fill("30")
    page.locator("[name='policy.0.keep.days']").blur()
    page.get_by_text("keep.days: 90 → 30").wait_for()
    edited.accessible()
    page.evaluate("scrollTo(0, 0)")
    picture(page, "policies-edit", 1100)
    page.set_viewport_size({"width": 360, "height": 860})
    edited.accessible()


def test_policies_are_moved_by_keyboard_and_stay_open(edited: Any) -> None:
    page = edited.page
    opened(page)
    name = page.locator("[name='policy.0.name']").input_value()
    page.locator("#down-0").focus()
    page.keyboard.press("Enter")
    until(page, "name => document.querySelector('[name=\"policy.1.name\"]').value === name", name)
    assert page.locator("#edit-1").get_attribute("open") is not None
    page.get_by_role("button", name="Add a policy").click()
    until(page, "[...document.querySelectorAll('.policy-name')].at(-1).textContent === 'New policy 1'")
    assert page.locator(".policy-edit").last.get_attribute("open") is not None  # a new one is there to be filled in
    edited.accessible()


def test_form_and_file_are_one_draft_and_files_come_and_go(edited: Any, tmp_path: Path) -> None:
    page = edited.page
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    text = Path(download.value.path()).read_text()
    before = parse_book(text)
    page.get_by_role("button", name="File", exact=True).click()
    page.locator("#text").wait_for()
    assert parse_book(page.locator("#text").input_value()) == before
    edited.accessible()
    other = tmp_path / "other.toml"
    other.write_text(text.replace("format = 1", 'format = 1\ntitle = "From elsewhere"', 1).replace('title = "What the settings say"\n', ""))  # fmt: skip
    page.locator("[data-editor=import]").set_input_files(other)
    page.get_by_text("«From elsewhere»").first.wait_for()
    assert page.locator("[name=title]").input_value() == "From elsewhere"
    other.write_text("format = 1\n[[policy")
    page.locator("[data-editor=import]").set_input_files(other)
    page.get_by_text("is not TOML").wait_for()
    assert page.locator("#text").input_value() == "format = 1\n[[policy"


def test_a_draft_is_rehearsed_over_the_calls_that_came(edited: Any, picture: Picture) -> None:
    page = edited.page
    for index in range(page.locator(".policy-edit").count()):
        opened(page, index)
        page.locator(f"[name='policy.{index}.responsible']").fill("Dana Reyes")
        page.locator(f"[name='policy.{index}.capture.record']").uncheck()
    page.get_by_role("button", name="Rehearse").click()
    page.locator(".rehearsed-gist").wait_for(timeout=15_000)
    assert re.match(r"\d+ of \d+ calls would have gone otherwise", page.locator(".rehearsed-gist").inner_text())
    page.locator(".changed tbody tr").first.wait_for()
    edited.accessible()
    page.evaluate("scrollTo(0, 700)")
    with page.expect_response("**/policies/edit"):
        page.get_by_role("button", name="Check").click()
    page.wait_for_timeout(200)
    assert page.locator(".rehearsed-gist").is_visible()  # it stays while the draft is worked on
    assert abs(page.evaluate("scrollY") - 700) < 60  # and so does one's place
    page.evaluate("document.querySelector('#rehearsal').scrollIntoView()")
    picture(page, "policies-rehearsal", 800)


def test_publishing_shows_what_changes_asks_why_and_links_to_the_ledger(visit: Visits) -> None:
    visitor = visit("carl")
    page = visitor.go("/policies/edit")
    for index in range(page.locator(".policy-edit").count()):
        opened(page, index)
        page.locator(f"[name='policy.{index}.responsible']").fill("Dana Reyes")
    page.get_by_role("button", name="Publish…").click()
    page.get_by_role("heading", name="Publish version").wait_for()
    visitor.accessible()
    page.get_by_label("Why is it published?").fill("So that somebody answers for it.")
    page.get_by_role("button", name="Publish version").click()
    page.get_by_text("is published. It rules from the next call on").wait_for()
    visitor.accessible()
    page.get_by_role("link", name=re.compile(r"^#\d+$")).click()
    page.get_by_text("policy.published").first.wait_for()
    visitor.go("/policies/history").get_by_text("So that somebody answers for it.").wait_for()
    visitor.accessible()


def test_who_may_not_publish_may_look(visit: Visits) -> None:
    page = visit("sue").go("/policies/edit")
    assert page.get_by_role("button", name="Check").is_visible()
    assert page.get_by_role("button", name="Rehearse").count() == 0
    assert page.get_by_role("button", name="Publish…").count() == 0


def test_without_script_a_draft_can_be_edited_and_checked(browser: Any, visit: Visits, world: World) -> None:
    visit("ada")
    context = browser.new_context(java_script_enabled=False, storage_state=visit._kept["ada"])
    page = context.new_page()
    page.goto(f"{world.address}/policies/edit")
    opened(page)
    page.locator("[name='policy.0.note']").fill("Looked at.")
    page.get_by_role("button", name="Check").click()
    page.get_by_text("Looked at.").first.wait_for(state="attached")
    page.get_by_role("button", name="File", exact=True).click()
    assert "Looked at." in page.locator("#text").input_value()
    context.close()
