"""The player: a purpose first; then exactly what was said; then the seconds in the ledger."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, Route

from console.conftest import Visits, World, until
from overt.wire.rtp.g711 import decode_ulaw

# Keeps the sound as it passes the player's graph: both parties before any volume, or what the ears hear.
TAP = """
(where) => {
  const graph = document.querySelector('[data-island=player]').overtGraph;
  const tap = graph.context.createScriptProcessor(2048, 2, 2);
  window.tapped = [[], []];
  tap.onaudioprocess = (event) => {
    if (graph.audio.paused) return;
    for (const side of [0, 1]) window.tapped[side].push(event.inputBuffer.getChannelData(side).slice());
  };
  if (where === 'output') graph.output.connect(tap);
  else {
    const merger = graph.context.createChannelMerger(2);
    graph.splitter.connect(merger, 0, 0);
    graph.splitter.connect(merger, 1, 1);
    merger.connect(tap);
  }
  tap.connect(graph.context.destination);
}
"""
TAPPED = """
(side) => {
  const all = window.tapped[side].flatMap((one) => [...one]);
  return all.map((sample) => Math.round(sample * 32768));
}
"""


def listen(page: Page, purpose: str = "quality", document: str = "") -> None:
    """Say the purpose and wait for the player."""
    page.get_by_label("What for?").select_option(purpose)
    if document:
        page.get_by_label("Which paper?").fill(document)
    page.get_by_role("button", name="Listen", exact=True).click()
    page.locator("[data-player=stage]").wait_for()


def at(page: Page) -> float:
    """The position, seconds."""
    return float(page.evaluate("document.querySelector('[data-island=player]').overtGraph.audio.currentTime"))


def likeness(part: np.ndarray, whole: np.ndarray) -> float:
    """The best correlation of a part anywhere in the whole, 0 to 1."""
    part = part - part.mean()
    size = len(whole) + len(part)
    found = np.fft.irfft(np.fft.rfft(whole, size) * np.conj(np.fft.rfft(part, size)), size)[: len(whole) - len(part)]
    square = np.concatenate(([0.0], np.cumsum(whole**2)))
    energy = np.sqrt(np.maximum(square[len(part) :] - square[: -len(part)], 1e-9))[: len(found)]
    return float(np.max(found / (energy * np.linalg.norm(part))))


def heard(page: Page, side: int, speech: np.ndarray, samples: int = 8_000) -> float:
    """How like a speech the likest second is of those that were tapped on a channel while somebody spoke."""
    tapped = np.array(page.evaluate(TAPPED, side), dtype=float)[8_000:]  # what we played to them is over by then
    seconds = [tapped[at : at + samples] for at in range(0, len(tapped) - samples, samples // 4)]
    spoken = [one for one in seconds if np.abs(one).mean() > 200]
    assert spoken, "nobody is heard"
    return max(likeness(one, speech) for one in spoken)


def said(world: World, name: str) -> np.ndarray:
    """What a party said on the recorded call, decoded."""
    return np.frombuffer(decode_ulaw(world.spoken[name]), dtype="<i2").astype(float)


def test_no_purpose_no_sound(visit: Visits) -> None:
    visitor = visit("ada")
    page = visitor.call("recorded")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "playings" in request.url else None)
    page.get_by_role("button", name="Listen", exact=True).click()
    assert page.evaluate("document.querySelector('[name=purpose]').matches(':invalid')")
    assert not page.locator("[data-player=stage]").is_visible() and asked == []
    page.get_by_label("What for?").select_option("order")
    paper = page.get_by_label("Which paper?")
    assert paper.is_visible() and paper.evaluate("field => field.required")
    page.get_by_role("button", name="Listen", exact=True).click()
    assert asked == []
    visitor.accessible()
    page.get_by_label("What for?").select_option("quality")
    assert not paper.is_visible()


def test_what_is_heard_is_what_was_said_and_the_ledger_has_it(
    visit: Visits, world: World, picture: Callable[..., None]
) -> None:
    visitor = visit("ada")
    visitor.expect("ScriptProcessorNode is deprecated")  # ours, in TAP
    page = visitor.call("recorded")
    listen(page)
    until(page, "document.querySelector('[data-island=player]').overtGraph.context !== null")
    page.evaluate(TAP, "parties")
    assert re.fullmatch(
        r"Whole: \d+ chunks as sealed, up to the end the ledger states",
        page.locator("[data-player=badge]").inner_text(),
    )
    page.wait_for_timeout(4000)
    page.get_by_role("button", name="Pause", exact=True).click()
    page.get_by_label("Position").focus()
    visitor.accessible()
    picture(page, "call", 1120)
    for side, name in ((0, "caller"), (1, "agent")):
        assert heard(page, side, said(world, name)) > 0.999, name
    page.get_by_role("button", name="Stop listening").click()
    ended = page.get_by_text("were sent to you")
    ended.wait_for()
    seconds = float((re.search(r"([\d.]+) s", ended.inner_text()) or [0, "0"])[1])
    assert seconds > 3
    listed = page.locator("#who-listened li").first
    until(page, "document.querySelector('#who-listened li')?.dataset.ended === 'true'", seconds=12)
    assert "ada" in listed.inner_text() and "Played for quality" in listed.inner_text()
    assert f"{seconds:.1f} s sent" in listed.inner_text()
    visitor.accessible()


def test_the_bytes_that_a_range_gives_are_the_bytes_that_were_sealed(visit: Visits, world: World) -> None:
    page = visit("carl").call("recorded")
    with page.expect_response(re.compile("playings$")) as begun:
        listen(page)
    granted = begun.value.json()
    body = page.request.get(world.address + granted["sound"]).body()
    sound = np.frombuffer(body[44:], dtype="<i2").reshape(-1, 2)
    assert len(sound) // 8 == granted["length_ms"]
    said = np.frombuffer(decode_ulaw(world.spoken["caller"]), dtype="<i2")
    loudest = 160 * (
        int(np.argmax(np.abs(said[: len(said) - 800]).reshape(-1, 160).sum(axis=1))) if len(said) % 160 == 0 else 60
    )
    needle = said[loudest : loudest + 800].tobytes()
    assert needle in sound[:, 0].tobytes() and needle not in sound[:, 1].tobytes()
    peaks = np.array(granted["peaks"]["caller"])
    assert peaks.max() > 100 and len(peaks) == len(granted["peaks"]["agent"])


def test_seeking_by_keys_by_click_and_by_drag(visit: Visits) -> None:
    visitor = visit("ada")
    page = visitor.call("recorded")
    listen(page)
    page.get_by_role("button", name="Pause", exact=True).click()
    seek = page.get_by_label("Position")
    seek.focus()
    page.keyboard.press("Home")
    for key, place in (("ArrowRight", 5), ("ArrowLeft", 0), ("ArrowUp", 5)):
        page.keyboard.press(key)
        assert abs(at(page) - place) < 0.1, key
    length = float(seek.get_attribute("max") or 0) / 1000
    page.keyboard.press("End")
    assert abs(at(page) - length) < 0.2
    page.keyboard.press("Shift+ArrowLeft")
    assert at(page) < 0.1
    assert "of" in (seek.get_attribute("aria-valuetext") or "")
    wave = page.locator("canvas[data-side=caller]")
    box = wave.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 20)
    assert abs(at(page) - length / 2) < 0.2
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 20, steps=4)
    page.mouse.up()
    assert abs(at(page) - length / 4) < 0.2
    page.keyboard.press(" ")
    page.get_by_role("button", name="Pause", exact=True).wait_for()
    until(
        page, "from => document.querySelector('[data-island=player]').overtGraph.audio.currentTime > from", length / 4
    )
    page.keyboard.press(" ")
    page.get_by_role("button", name="Play", exact=True).wait_for()


def test_speed_volume_loop_and_silence(visit: Visits) -> None:
    page = visit("ada").call("recorded")
    listen(page)
    player = "document.querySelector('[data-island=player]').overtGraph"
    page.get_by_label("Speed").select_option("1.5")
    assert page.evaluate(f"[{player}.audio.playbackRate, {player}.audio.preservesPitch]") == [1.5, True]
    page.get_by_label("Caller volume").fill("150")
    page.get_by_label("Agent volume").fill("0")
    until(
        page,
        f"Math.abs({player}.gains.get('caller').gain.value - 1.5) < 0.01 && {player}.gains.get('agent').gain.value < 0.01",
    )
    box = page.locator("canvas[data-side=agent]").bounding_box()
    assert box is not None
    page.keyboard.down("Shift")
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 30, steps=5)
    page.mouse.up()
    page.keyboard.up("Shift")
    page.get_by_text("Repeats 0:0").wait_for()
    length = float(page.get_by_label("Position").get_attribute("max") or 0) / 1000
    page.wait_for_timeout(1800)
    assert length * 0.48 < at(page) < length * 0.66
    page.get_by_role("button", name="Go on past it").click()
    assert not page.get_by_text("Repeats 0:0").is_visible()


def test_silence_is_skipped_where_that_is_wished(visit: Visits) -> None:
    page = visit("ada").call("recorded")

    def quiet(route: Route) -> None:
        response = route.fetch()
        told = response.json()
        for peaks in told["peaks"].values():
            for at in range(len(peaks)):
                if 2 <= at * told["bucket_us"] / 1e6 < 8:
                    peaks[at] = 1
        route.fulfill(response=response, json=told)

    page.route("**/playings", quiet)
    listen(page)
    page.get_by_label("Skip silence").check()
    page.wait_for_timeout(3500)
    assert at(page) > 7.5, "from two seconds on nobody is heard for six"


@pytest.mark.parametrize(("party", "other"), [("Caller", "Agent"), ("Agent", "Caller")])
def test_a_party_that_is_turned_down_is_not_heard_in_either_ear(
    party: str, other: str, visit: Visits, world: World
) -> None:
    visitor = visit("ada")
    visitor.expect("ScriptProcessorNode is deprecated")  # ours, in TAP
    page = visitor.call("recorded")
    listen(page)
    page.get_by_label(f"{other} volume").fill("0")
    until(page, "document.querySelector('[data-island=player]').overtGraph.context !== null")
    page.wait_for_timeout(200)  # the volume glides down
    page.evaluate(TAP, "output")
    page.wait_for_timeout(3500)
    for ear in (0, 1):
        assert heard(page, ear, said(world, party.lower())) > 0.99
        assert heard(page, ear, said(world, other.lower())) < 0.6


def test_a_pause_is_drawn_named_and_reached(visit: Visits, picture: Callable[..., None]) -> None:
    visitor = visit("ada")
    visitor.expect("Multiple readback operations")  # ours, in _inked
    page = visitor.call("held")
    with page.expect_response(re.compile("playings$")) as begun:
        listen(page)
    page.get_by_role("button", name="Pause", exact=True).click()
    spans = begun.value.json()["spans"]
    (pause,) = (one for one in spans if one["kind"] in ("pause", "gap") and one["to_ms"] - one["from_ms"] > 1000)
    shown = page.locator(f".span-{pause['kind']}").first
    assert pause["words"] in shown.locator("xpath=..").inner_text()
    shown.click()
    assert abs(at(page) * 1000 - pause["from_ms"]) < 100
    length = begun.value.json()["length_ms"]
    inside = (pause["from_ms"] + pause["to_ms"]) / 2 / length
    assert _inked(page, inside) > 2 * _inked(page, pause["from_ms"] / length - 0.08, floor=True)
    visitor.accessible()


def _inked(page: Page, share: float, floor: bool = False) -> float:
    """How much of the top strip of the caller's canvas is drawn on, around a share of its width."""
    drawn: float = page.evaluate(
        """share => {
          const canvas = document.querySelector('canvas[data-side=caller]');
          const strip = canvas.getContext('2d').getImageData(Math.round(canvas.width * share) - 10, 0, 20, 12).data;
          return strip.filter((_, i) => i % 4 === 3 && strip[i] > 40).length;
        }""",
        share,
    )
    return max(drawn, 1.0) if floor else drawn


def test_the_waves_are_redrawn_in_the_other_colours(visit: Visits) -> None:
    page = visit("ada").call("recorded")
    listen(page)
    page.get_by_role("button", name="Pause", exact=True).click()
    pixels = "document.querySelector('canvas[data-side=caller]').toDataURL()"
    light = page.evaluate(pixels)
    page.get_by_role("button", name="Dark", exact=True).first.click()
    assert page.evaluate(pixels) != light


def test_a_refused_purpose_is_said_in_words(visit: Visits) -> None:
    visitor = visit("ada")
    visitor.expect("403|503")
    page = visitor.call("recorded")
    page.evaluate("document.querySelector('[name=purpose]').append(new Option('x', 'curiosity'))")
    page.get_by_label("What for?").select_option("curiosity")
    page.get_by_role("button", name="Listen", exact=True).click()
    page.locator("[data-player=status]").get_by_text("You may not").wait_for()
    assert not page.locator("[data-player=stage]").is_visible()
    visitor.accessible()
    page.route("**/playings", lambda route: route.fulfill(
        status=503, content_type="application/problem+json", body='{"title": "The ledger cannot be written", "status": 503, "detail": "full"}'
    ))  # fmt: skip
    page.get_by_label("What for?").select_option("quality")
    page.get_by_role("button", name="Listen", exact=True).click()
    page.get_by_text("Nothing was opened; `overt doctor` says more.").wait_for()


def test_a_listening_that_has_ended_asks_for_the_purpose_again_and_goes_on_from_there(visit: Visits) -> None:
    visitor = visit("ada")
    visitor.expect("410|Failed to load")
    page = visitor.call("recorded")
    with page.expect_response(re.compile("playings$")) as begun:
        listen(page)
    page.get_by_role("button", name="Pause", exact=True).click()
    page.get_by_label("Position").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.evaluate(
        "playing => fetch(`/api/playings/${playing}`, {method: 'DELETE', headers: {'x-overt-csrf': document.querySelector('meta[name=csrf]').content}})",
        begun.value.json()["playing"],
    )
    page.evaluate("document.querySelector('[data-island=player]').overtGraph.audio.dispatchEvent(new Event('error'))")
    page.get_by_text("Say the purpose again to go on from where you were.").wait_for()
    listen(page)
    until(page, "document.querySelector('[data-island=player]').overtGraph.audio.currentTime >= 4.9")


def test_a_broken_connection_is_taken_up_again_under_the_same_purpose(visit: Visits) -> None:
    visitor = visit("ada")
    page = visitor.call("recorded")
    begun: list[str] = []
    page.on("request", lambda request: begun.append(request.url) if request.url.endswith("/playings") else None)
    listen(page)
    page.get_by_role("button", name="Pause", exact=True).click()
    page.get_by_label("Position").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    fail = "document.querySelector('[data-island=player]').overtGraph.audio.dispatchEvent(new Event('error'))"
    page.evaluate(fail)
    until(page, "document.querySelector('[data-island=player]').overtGraph.audio.currentTime >= 4.9")
    assert page.locator("[data-player=stage]").is_visible() and len(begun) == 1
    page.evaluate(fail)
    page.get_by_text("Say the purpose again to go on from here.").wait_for()
    until(page, "document.querySelector('#who-listened li')?.dataset.ended === 'true'", seconds=12)


def test_leaving_the_page_ends_the_listening(visit: Visits, world: World) -> None:
    page = visit("carl").call("withdrawn")
    listen(page)
    page.wait_for_timeout(400)
    page.goto(world.address + "/calls")

    def ended() -> Any:
        page.goto(f"{world.address}/calls/{world.calls['withdrawn']}")
        return page.locator("#who-listened li[data-ended=true]").count() == 1

    world.wait(ended)
    assert "not ended" not in page.locator("#who-listened").inner_text()


def test_who_may_not_hear_is_told_why(visit: Visits) -> None:
    visitor = visit("abe")
    page = visitor.call("recorded")
    assert "the role agent may not play recordings" in page.locator(".player .note").inner_text()
    assert not page.get_by_role("button", name="Listen").is_visible()
    visitor.accessible()


def test_a_call_that_was_not_recorded_has_no_player_and_says_why(visit: Visits) -> None:
    visitor = visit("sue")
    page = visitor.call("refused")
    assert page.locator(".player").count() == 0
    assert "There is nothing to listen to" in page.locator("#who-listened").inner_text()
    assert page.get_by_role("heading", level=2).first.inner_text().startswith("Not recorded: the caller said no")
