"""The ledger, checked by the browser: verified as it is, broken when a single bit is altered on the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route

from console.conftest import Visits, until
from overt.ledger.merkle import Tree, leaf_hash


def check(page: Page) -> list[str]:
    """Press the button, and return what each step said."""
    page.get_by_role("button", name="heck").click()
    until(page, "['verified', 'broken'].includes(document.querySelector('[data-island=ledger]').dataset.verdict)")
    return page.locator("[data-ledger=steps] li").all_inner_texts()


def states(page: Page) -> list[str]:
    """The state of each step."""
    return [one.get_attribute("data-state") or "" for one in page.locator("[data-ledger=steps] li").all()]


def test_the_browser_verifies_the_ledger_and_compares_with_what_it_saw(
    visit: Visits, picture: Callable[..., None]
) -> None:
    visitor = visit("sue")
    page = visitor.go("/ledger")
    said = check(page)
    assert said[-1] == "Verified."
    assert "Ed25519 signature holds" in said[1] and "exactly the root" in said[2] and "hash to their leaves" in said[3]
    assert "has not seen this ledger before" in said[4] and "Not proven" in said[5]
    assert set(states(page)) == {"good", "plain"}
    visitor.accessible()
    page.get_by_role("heading", level=1).scroll_into_view_if_needed()
    picture(page, "ledger-checked")
    again = check(page)
    assert "are all there, unchanged" in again[4] and again[-1] == "Verified."


def alter(change: Callable[[bytes], bytes]) -> Callable[[Route], None]:
    """A route that changes what the server gave."""

    def altered(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, body=change(response.body()))

    return altered


def _leaf(body: bytes) -> bytes:
    return body[:40] + bytes([body[40] ^ 1]) + body[41:]


def _line(body: bytes) -> bytes:
    told = json.loads(body)
    told["entries"][2]["line"] = told["entries"][2]["line"].replace(":", ": ", 1)
    return json.dumps(told).encode()


def _signature(body: bytes) -> bytes:
    told: dict[str, Any] = json.loads(body)
    origin, size, root, *rest = told["checkpoint"].split("\n")
    told["checkpoint"] = "\n".join([origin, str(int(size) - 1), root, *rest])
    return json.dumps(told).encode()


@pytest.mark.parametrize(
    ("where", "change", "words"),
    [("leaves**", _leaf, "another than the one that was signed"), ("entries**", _line, "whose hash stands in the tree"),
     ("", _signature, "The signature does not hold"), ("leaves**", lambda body: body[:-32], "Leaves are missing")],
)  # fmt: skip
def test_whatever_is_altered_on_the_way_is_found(
    where: str, change: Callable[[bytes], bytes], words: str, visit: Visits
) -> None:
    visitor = visit("sue")
    page = visitor.go("/ledger")
    page.route(f"**/api/ledger/{where}" if where else "**/api/ledger", alter(change))
    said = check(page)
    assert words in said[-2], said
    assert said[-1].startswith("Broken") and states(page)[-2:] == ["bad", "bad"]
    visitor.accessible()


@pytest.mark.parametrize(
    ("kept", "words"),
    [({"size": 2, "root": "00" * 32}, "History was written anew"), ({"size": 10**6, "root": "00" * 32}, "History was cut off")],
)  # fmt: skip
def test_a_history_that_is_not_the_one_seen_before_is_found(kept: dict[str, Any], words: str, visit: Visits) -> None:
    page = visit("sue").go("/ledger")
    check(page)
    page.evaluate(
        "kept => localStorage.setItem('overt.checkpoint', JSON.stringify({...JSON.parse(localStorage.getItem('overt.checkpoint')), ...kept}))",
        kept,
    )
    said = check(page)
    assert words in said[-2] and said[-1].startswith("Broken")


def test_a_page_that_shows_something_else_than_the_entry_is_found(visit: Visits) -> None:
    page = visit("sue").go("/ledger")
    page.evaluate("document.querySelector('tr[id^=entry-] code').textContent = 'call.ended.otherwise'")
    assert "says something else" in check(page)[-2]


def test_a_browser_without_ed25519_says_so_and_checks_the_rest(visit: Visits) -> None:
    visitor = visit("sue")
    visitor.page.add_init_script(
        "crypto.subtle.importKey = () => Promise.reject(new DOMException('no', 'NotSupportedError'))"
    )
    page = visitor.go("/ledger")
    said = check(page)
    assert "knows no Ed25519" in said[1] and states(page)[1] == "look" and said[-1] == "Verified."


def test_its_tree_is_that_of_rfc_9162_at_every_size_and_fast(visit: Visits) -> None:
    page = visit("sue").go("/ledger")
    tally = """
      async ([script, sizes, count]) => {
        const leaves = new Uint8Array(count * 32);
        new DataView(leaves.buffer);
        for (let i = 0; i < leaves.length; i += 1) leaves[i] = (i * 31 + (i >> 5)) & 255;
        const worker = new Worker(script);
        const begun = performance.now();
        const told = await new Promise((resolve) => {
          worker.onmessage = (event) => resolve(event.data);
          worker.postMessage({ wanted: sizes, leaves: leaves.buffer }, [leaves.buffer]);
        });
        worker.terminate();
        return [told, performance.now() - begun];
      }"""
    script = page.locator("[data-island=ledger]").get_attribute("data-worker")
    sizes = [*range(70), 1000]
    told, _ = page.evaluate(tally, [script, sizes, 1000])
    leaves = [bytes((at * 31 + (at >> 5)) & 255 for at in range(n * 32, n * 32 + 32)) for n in range(1000)]
    tree = Tree(leaves)
    assert told["roots"] == {str(size): tree.root(size).hex() for size in sizes}
    assert leaf_hash(b"")  # the tree above is the house's own
    _, milliseconds = page.evaluate(tally, [script, [100_000], 100_000])
    print(f"100,000 leaves in {milliseconds:.0f} ms")
    assert milliseconds < 5000


def test_an_entry_is_shown_among_its_neighbours(visit: Visits) -> None:
    visitor = visit("sue")
    page = visitor.go("/ledger/4")
    assert page.locator("tr.chosen pre").inner_text().startswith('{"')
    visitor.expect("404")
    visitor.go("/ledger/100000")
    assert "none of that number yet" in page.get_by_role("alert").inner_text()
