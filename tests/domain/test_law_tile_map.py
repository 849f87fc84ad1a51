"""The map: a tile a place, words on each, nothing that would end the picture early."""

from __future__ import annotations

from xml.etree import ElementTree

from domain.made_law import ON, one_party, place, table
from overt.domain.law.reckoning import Reckoning, reckon
from overt.domain.law.tile_map import ELSEWHERE, KEY, STATES, Tile, pointed_out, tile_map, tiles

SVG = "{http://www.w3.org/2000/svg}"
LAW = reckon(
    table(
        [
            one_party("US", kind="federal"), one_party("US-GA", kind="state", within="US"),
            place("US-CA", kind="state", within="US", notice="yes"),
            place("US-MI", kind="state", within="US", notice="yes", rule="contested", contested="true", relaxes_to="one-party"),
            place("EU", kind="bloc", stands_for='["AT"]'), place("CT", notice="yes", tone="yes"), one_party("OLD", until="2020-01-01"),
            place("AU", notice="yes"), place("AU-NSW", within="AU", kind="subdivision", notice="yes"),
        ]
    ),
    Reckoning(ON),
)  # fmt: skip


def drawn(svg: str) -> dict[str, ElementTree.Element]:
    """The tiles of a picture by what they mean."""
    root = ElementTree.fromstring(svg)
    found = {}
    for group in root.iter(f"{SVG}g"):
        if group.get("class", "").startswith("tile "):
            name = group.findtext(f"{SVG}title") or ""
            found[name.partition(":")[0]] = group
    return found


def test_every_place_in_force_has_a_tile_of_its_kind() -> None:
    kinds = {one.code: (one.kind, one.form) for one in tiles(LAW)}
    assert kinds == {
        "US-GA": ("one-party", "none"), "US-CA": ("all-party", "notice_then_continue"),
        "US-MI": ("contested", "notice_then_continue"), "EU": ("opt-in", "express_opt_in"), "CT": ("all-party", "recording_tone"),
        "AU": ("all-party", "notice_then_continue"), "AU-NSW": ("all-party", "notice_then_continue"),
    }  # fmt: skip
    relaxed = reckon(LAW.table, Reckoning(ON, relaxed=frozenset({"US-MI"})))
    assert {one.code: one.kind for one in tiles(relaxed)}["US-MI"] == "one-party"


def test_the_picture_says_every_tile_in_words_and_its_key() -> None:
    svg = tile_map(tiles(LAW), "Whose <consent> & how", "A subtitle", "A note")
    root = ElementTree.fromstring(svg)
    assert root.findtext(f"{SVG}title") == "Whose <consent> & how" and root.findtext(f"{SVG}desc") == "A subtitle"
    found = drawn(svg)
    assert len(found) == 7
    assert (
        found["Place US-CA"].findtext(f"{SVG}title")
        == "Place US-CA: all-party; it takes a notice at the outset, after which everybody stays"
    )
    assert [one.text for one in found["Place AU-NSW"].iter(f"{SVG}text")] == ["NSW", "notice"]
    texts = [one.text for one in root.iter(f"{SVG}text")]
    assert {"A note", "Others", "Europe", "Australia", *(meaning for _, meaning in KEY)} <= set(texts)
    assert "Americas" not in texts  # no place of it, no group
    assert "<style>" in svg and "<style>" not in tile_map(tiles(LAW), "t", "s", "n", standalone=False)
    assert "style=" not in svg  # an inline style would be refused by the console's policy
    assert tile_map(tiles(LAW), "t", "s", "n") == tile_map(tiles(LAW), "t", "s", "n")


def test_lit_places_stand_out_and_the_others_back() -> None:
    found = drawn(tile_map(tiles(LAW), "t", "s", "n", lit={"US-CA"}))
    assert (
        found["Place US-CA"].get("class") == "tile all-party lit"
        and found["Place US-GA"].get("class") == "tile one-party dim"
    )
    assert (
        len(list(found["Place US-CA"].iter(f"{SVG}rect"))) == 2
        and len(list(found["Place US-GA"].iter(f"{SVG}rect"))) == 1
    )


def test_a_country_lights_its_parts_and_a_member_its_bloc() -> None:
    assert pointed_out(LAW, ["US"]) == {"US", "US-GA", "US-CA", "US-MI"}
    assert pointed_out(LAW, ["AT", "US-GA", "unknown"]) == {"EU", "US-GA"}


def test_tiles_may_be_links() -> None:
    root = ElementTree.fromstring(tile_map(tiles(LAW), "t", "s", "n", link="/law/{code}?a=1&b=2"))
    assert [one.get("href") for one in root.iter(f"{SVG}a")][:2] == ["/law/US-MI?a=1&b=2", "/law/US-CA?a=1&b=2"]


def test_no_two_tiles_lie_on_one_another_and_long_groups_go_on_below() -> None:
    assert len(set(STATES.values())) == len(STATES) == 54
    many = [Tile(f"X{n}", f"X{n}", "one-party", "none") for n in range(12)]
    places = [
        (one[0].get("x"), one[0].get("y"))
        for one in ([*g.iter(f"{SVG}rect")] for g in drawn(tile_map(many, "t", "s", "n")).values())
    ]
    assert len(set(places)) == 12 and len({y for _, y in places}) == 2
    assert all(codes for codes in ELSEWHERE.values())
