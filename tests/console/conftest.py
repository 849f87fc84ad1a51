"""One real Overt for the whole folder, with calls that came out in each way, and a real browser in front of it."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import threading
import time
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, sync_playwright

from conftest import needs_program
from journeys.overt_house import ADDRESS, OvertHouse
from overt.compose.calling import speech
from overt.compose.demo import free_ports
from overt.compose.demo_console import answers, make_account
from overt.phone.telephone import PhoneCall

ROOT = Path(__file__).parents[2]
AXE = ROOT / "console" / "node_modules" / "axe-core" / "axe.min.js"
PICTURES = ROOT / "docs" / "pictures" if os.environ.get("OVERT_PICTURES") else None
PASSWORD = "many quiet hills at dusk"
# name → role, and whether the password must still be changed
ACCOUNTS = {
    "ada": ("administrator", False), "carl": ("compliance", False), "sue": ("supervisor", False), "abe": ("agent", False),
    "zoe": ("agent", False),    "otis": ("supervisor", False), "nell": ("supervisor", True),
}  # fmt: skip
SWITCHES = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--force-color-profile=srgb", "--font-render-hinting=none"]  # fmt: skip
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WATCH = """
addEventListener('securitypolicyviolation', (event) => console.error('CSP refused', event.violatedDirective, event.blockedURI));
"""
T = TypeVar("T")


class Loop:
    """An event loop in a thread of its own: the phones live there while the tests drive a browser."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, story: Coroutine[Any, Any, T]) -> T:
        """Await something there, from here."""
        return asyncio.run_coroutine_threadsafe(story, self.loop).result(60)

    def close(self) -> None:
        """Stop it."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5)
        self.loop.close()


@dataclass
class World:
    """What there is: the house, its address, the calls by how they came out, and what was said on the recorded one."""

    house: OvertHouse
    loop: Loop
    address: str
    calls: dict[str, str] = field(default_factory=dict)
    spoken: dict[str, bytes] = field(default_factory=dict)

    def wait(self, reached: Any, seconds: float = 10) -> Any:
        """Wait until something is so, and return it."""
        deadline = time.monotonic() + seconds
        while True:
            found = reached()
            if found or time.monotonic() > deadline:
                assert found
                return found
            time.sleep(0.05)


@pytest.fixture(scope="package")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Overt, serving, with five calls behind it and an account of each role."""
    needs_program("chromium")
    loop = Loop()
    house = OvertHouse(tmp_path_factory.mktemp("overt"), more='second_factor = "offered"\n')
    house.web_port = free_ports().web
    made = World(house, loop, f"http://{ADDRESS}:{house.web_port}")
    made.spoken = {"caller": speech(None), "agent": speech(None, "en/demo-agent")}
    house.on_agent = lambda call: call.sound.speak(made.spoken["agent"])
    loop.run(house.__aenter__())
    try:
        loop.run(_accounts(house))
        loop.run(answers(made.address, lambda: house.server.poll() is None))
        made.calls = loop.run(_calls(made))
        yield made
    finally:
        loop.run(house.__aexit__(None, None, None))
        log = (house.folder / "serve.log").read_text()
        loop.close()
        assert "Traceback" not in log, log


async def _accounts(house: OvertHouse) -> None:
    for name, (role, must_change) in ACCOUNTS.items():
        agent = f"sip:{'agent' if name == 'abe' else name}@{ADDRESS}:{house.ports.agent}" if role == "agent" else ""
        await make_account(house.folder, name, role, PASSWORD, by="the tests", agent=agent, must_change=must_change)


async def _calls(made: World) -> dict[str, str]:
    """Five calls at once, each with its way out."""
    house = made.house
    numbers = {"recorded": "+12145550100", "refused": "+14155550102", "withdrawn": "+14155550103",
               "hang-up": "+14155550104", "held": "+14155550105"}  # fmt: skip
    stories = (_recorded(made), _refused(house), _withdrawn(house), _hung_up(house), _held(made))
    await asyncio.gather(*stories)
    records = await house.ended(len(numbers))
    by_number = {record.caller: record.id for record in records}
    return {name: by_number[number] for name, number in numbers.items()}


async def _recording(house: OvertHouse, number: str) -> None:
    def recording() -> bool:
        return any(one.caller == number and "permitted, recording" in one.stages for one in house.calls())

    await house.until(recording, 15)


async def _recorded(made: World) -> None:
    call = await made.house.call("sales", "+12145550100")
    await _recording(made.house, "+12145550100")
    call.sound.speak(made.spoken["caller"])
    await asyncio.sleep(len(made.spoken["caller"]) / 8000 + 0.5)
    call.hang_up()


async def _asked(house: OvertHouse, number: str, key: str) -> PhoneCall:
    call = await house.call("support", number)
    await asyncio.sleep(1.2)
    call.sound.press(key)
    return call


async def _refused(house: OvertHouse) -> None:
    call = await _asked(house, "+14155550102", "2")
    await asyncio.sleep(3)
    call.hang_up()


async def _withdrawn(house: OvertHouse) -> None:
    call = await _asked(house, "+14155550103", "1")
    await _recording(house, "+14155550103")
    await asyncio.sleep(2)
    call.sound.press("*")
    await asyncio.sleep(1)
    call.hang_up()


async def _hung_up(house: OvertHouse) -> None:
    call = await house.call("support", "+14155550104")
    await asyncio.sleep(0.1)
    call.hang_up()


async def _held(made: World) -> None:
    call = await _asked(made.house, "+14155550105", "1")
    await _recording(made.house, "+14155550105")
    call.sound.speak(made.spoken["caller"])
    await asyncio.sleep(2)
    call.hold(True)
    await asyncio.sleep(1.5)
    call.hold(False)
    await asyncio.sleep(2.5)
    call.hang_up()


# ------------------------------------------------------------------------------------------ the browser


@pytest.fixture(scope="package")
def browser(world: World) -> Iterator[Browser]:
    """Debian's Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=SWITCHES)
        yield browser
        browser.close()


def until(page: Page, expression: str, argument: Any = None, *, seconds: float = 8) -> None:
    """Wait until an expression is true on the page. Playwright's own way wants `eval`, which our pages forbid."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if page.evaluate(expression, argument):
                return
        except Error as error:
            if "context was destroyed" not in str(error):  # the page is being loaded anew
                raise
        assert time.monotonic() < deadline, f"not within {seconds} s: {expression}"
        page.wait_for_timeout(50)


@dataclass
class Visitor:
    """Somebody at the console: a page of a browser of their own. Whatever it complains of fails the test."""

    page: Page
    world: World
    complaints: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def go(self, path: str) -> Page:
        """Open a page of the console."""
        self.page.goto(self.world.address + path)
        return self.page

    def expect(self, pattern: str) -> None:
        """A complaint that this test provokes on purpose, such as the browser's line on a 403."""
        self.expected.append(pattern)

    def call(self, name: str) -> Page:
        """Open a call's page."""
        return self.go(f"/calls/{self.world.calls[name]}?test")

    def accessible(self) -> None:
        """Assert that axe finds nothing on this page, in this state, and that nothing is wider than the window."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE.read_text())
        found = self.page.evaluate(
            "tags => axe.run(document, {runOnly: tags}).then(({violations}) => violations)", TAGS
        )
        told = [f"{one['id']}: {one['help']}: {node['html'][:160]}" for one in found for node in one["nodes"]]
        assert not told, "\n".join(told)
        wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert self.page.evaluate(wider) <= 0, "the page is wider than its window"

    def unforgiven(self) -> list[str]:
        """What it complained of that nobody expected."""
        return [one for one in self.complaints if not any(re.search(pattern, one) for pattern in self.expected)]


class Visits:
    """Makes visitors, each signed in once for the whole run."""

    def __init__(self, browser: Browser, world: World, kept: dict[str, Any]) -> None:
        self._browser, self._world, self._kept = browser, world, kept
        self._contexts: list[BrowserContext] = []
        self.visitors: list[Visitor] = []

    def __call__(self, name: str = "", *, dark: bool = False, narrow: bool = False, width: int = 0) -> Visitor:
        """Somebody of that account; nobody when it is empty."""
        state = self._signed_in(name) if name else None
        return self._open(state, dark=dark, width=width or (360 if narrow else 1280))

    def _open(self, state: Any, *, dark: bool = False, width: int = 1280) -> Visitor:
        context = self._browser.new_context(
            storage_state=state, viewport={"width": width, "height": 860}, color_scheme="dark" if dark else "light",
            timezone_id="America/Los_Angeles", locale="en-US", reduced_motion="reduce",
        )  # fmt: skip
        context.add_init_script(WATCH)
        context.set_default_timeout(8000)
        self._contexts.append(context)
        visitor = Visitor(context.new_page(), self._world)
        visitor.page.on(
            "console", lambda said: visitor.complaints.append(said.text) if said.type in ("error", "warning") else None
        )
        visitor.page.on("pageerror", lambda error: visitor.complaints.append(str(error)))
        self.visitors.append(visitor)
        return visitor

    def _signed_in(self, name: str) -> Any:
        if name not in self._kept:
            visitor = self._open(None)
            sign_in(visitor, name)
            self._kept[name] = visitor.page.context.storage_state()
        return self._kept[name]

    def close(self) -> None:
        """End all; assert that nothing complained."""
        for context in self._contexts:
            context.close()
        assert not [one for visitor in self.visitors for one in visitor.unforgiven()]


def sign_in(visitor: Visitor, name: str, password: str = PASSWORD) -> None:
    """Fill in the form."""
    page = visitor.go("/sign-in")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_load_state()


@pytest.fixture(scope="package")
def kept() -> dict[str, Any]:
    """The cookies of those who signed in already."""
    return {}


@pytest.fixture
def visit(browser: Browser, world: World, kept: dict[str, Any]) -> Iterator[Visits]:
    """Make visitors: `visit("ada", dark=True)`."""
    visits = Visits(browser, world, kept)
    yield visits
    visits.close()


@pytest.fixture
def picture() -> Any:
    """Take a picture for the documents, when they are being made (OVERT_PICTURES=1)."""

    def take(page: Page, name: str, height: int = 860) -> None:
        if PICTURES is None:
            return
        PICTURES.mkdir(parents=True, exist_ok=True)
        page.set_viewport_size({"width": 1280, "height": height})
        page.evaluate("document.fonts.ready")
        page.mouse.move(0, 0)
        page.evaluate("document.activeElement?.blur()")
        page.screenshot(path=str(PICTURES / f"{name}.png"), animations="disabled", caret="hide")

    return take
