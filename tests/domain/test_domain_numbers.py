"""P3 and P12: digits only hint at places, and emergency numbers are never recorded, whatever else is decided."""

from __future__ import annotations

from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt.domain.errors import LawUnreadable
from overt.domain.location import US_PLACES, Evidence, locate
from overt.domain.numbers import REASONS, Hint, NoHint, hint, never_record, parse_numbering

FILES = {
    one.name.removesuffix(".toml"): one.read_text()
    for one in (files("overt.domain.law.data") / "numbers").iterdir()
    if one.name.endswith(".toml")
}
NUMBERING = parse_numbering(FILES)
ANYWHERE: list[str] = []


@pytest.mark.parametrize(
    ("number", "places", "why"),
    [
        ("+14155550100", ["US-CA"], "area code 415"),
        ("14155550100", ["US-CA"], "area code 415"),
        ("(415) 555-0100", ["US-CA"], "area code 415"),
        ("0014155550100", ["US-CA"], "area code 415"),
        ("+12065550100", ["US-WA"], "area code 206"),
        ("+12025550100", ["US-DC"], "area code 202"),
        ("+17875550100", ["US-PR"], "area code 787"),
        ("+14365550100", ["US-OH"], "area code 436"),
        ("+16135550100", ["CA"], "area code 613"),
        ("+18765550100", ["JM"], "area code 876"),
        ("+4930123456", ["DE"], "country code +49"),
        ("0114930123456", ["DE"], "country code +49"),
        ("442079460000", ["GB"], "number in +44 2"),
        ("+442079460000", ["GB"], "number in +44 2"),
        ("+443079460000", ["GB", "GG", "IM", "JE"], "country code +44"),
        ("+447781123456", ["GB", "GG"], "number in +44 7781"),
        ("+441534123456", ["JE"], "number in +44 1534"),
        ("+77011234567", ["KZ"], "number in +7 7"),
        ("+78001234567", ["RU", "KZ"], "country code +7"),
        ("+61291234567", ["AU-NSW", "AU-ACT", "AU-VIC"], "number in +61 2"),
        ("+61412345678", ["AU"], "number in +61 4"),
        ("+35361234567", ["IE"], "country code +353"),
    ],
)
def test_digits_hint_at_places(number: str, places: list[str], why: str) -> None:
    assert hint(number, NUMBERING) == Hint(tuple(places), why)


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        ("", "withheld"),
        (" - ", "withheld"),
        ("sales", "malformed"),
        ("+", "malformed"),
        ("5550100", "malformed"),
        ("+1415555010", "malformed"),
        ("+141555501000", "malformed"),
        ("+49301234567890123", "malformed"),
        ("+٤٩٣٠١٢٣٤٥٦", "malformed"),
        ("911", "short-code"),
        ("+18005550100", "toll-free"),
        ("8885550100", "toll-free"),
        ("+19005550100", "non-geographic"),
        ("+15215550100", "non-geographic"),
        ("+16005550100", "non-geographic"),
        ("+17105550100", "non-geographic"),
        ("+88212345678", "non-geographic"),
        ("+12115550100", "unassigned"),
        ("+13705550100", "unassigned"),
        ("+14151550100", "unassigned"),
        ("+14159110100", "unassigned"),
        ("+99912345678", "unassigned"),
    ],
)
def test_digits_that_hint_at_nothing_say_why(number: str, reason: str) -> None:
    assert hint(number, NUMBERING) == NoHint(reason)  # type: ignore[arg-type]
    assert REASONS[reason]  # type: ignore[index]


def test_a_number_abroad_that_says_no_place_says_its_country_all_the_same() -> None:
    assert hint("+491712345678", NUMBERING, "mobile") == Hint(("DE",), "country code +49", "mobile")
    assert hint("+448001234567", NUMBERING, "toll-free").doubt == "toll-free"  # type: ignore[union-attr]
    assert hint("+447781123456", NUMBERING, "unassigned") == Hint(("GB", "GG"), "number in +44 7781", "unassigned")


def test_the_tables_are_dated_and_whole() -> None:
    areas, calling, unrecorded = NUMBERING.areas, NUMBERING.calling, NUMBERING.unrecorded
    assert {areas.as_of, calling.as_of, unrecorded.as_of} == {"2026-11-24"}
    named = {place for places in areas.places.values() for place in places}
    assert set(US_PLACES) | {"US-PR", "US-GU", "US-VI", "US-AS", "US-MP", "CA"} <= named
    assert sum(1 for places in areas.places.values() if set(places) <= set(US_PLACES)) == 372
    assert areas.since["483"] == "2026-02-23" and len(areas.since) == 13
    assert unrecorded.codes["US"] == ("1",) and unrecorded.codes["DE"] == ("49",) and len(unrecorded.dialled) > 200


# ------------------------------------------------------------------------------------------ never recorded


@pytest.mark.parametrize(
    ("called", "countries", "why"),
    [
        ("911", ["US-CA"], "911 is an emergency number (US)"),
        ("+1911", ["US-CA"], "911 is an emergency number (US)"),
        ("1911", ["US"], "911 is an emergency number (US)"),
        ("9-1-1", ["US"], "911 is an emergency number (US)"),
        ("933", ["US"], "933 is an emergency number (US)"),
        ("988", ["US"], "988 is a crisis line (US)"),
        ("112", ["US"], "112 is an emergency number (everywhere)"),
        ("112", ["AU-NSW"], "112 is an emergency number (everywhere)"),
        ("999", ["GB"], "999 is an emergency number (GB)"),
        ("999", ["IE"], "999 is an emergency number (IE)"),
        ("18000", ["GB"], "18000 is an emergency number (GB)"),
        ("116123", ["GB"], "116123 is a crisis line (GB)"),
        ("000", ["AU"], "000 is an emergency number (AU)"),
        ("106", ["AU"], "106 is an emergency number (AU)"),
        ("111", ["NZ"], "111 is an emergency number (NZ)"),
        ("119", ["JP"], "119 is an emergency number (JP)"),
        ("110", ["US", "DE"], "110 is an emergency number (DE)"),
        ("191", ["BR"], "191 is an emergency number (BR)"),
        ("108", ["IN"], "108 is an emergency number (IN)"),
        ("1355", ["GA"], "1355 is an emergency number (GA)"),
        ("+49110", ["US"], "110 is an emergency number (DE)"),
        ("+49110", [], "110 is an emergency number (DE)"),
        ("0049110", ["US"], "110 is an emergency number (DE)"),
        ("urn:service:sos.fire", ["US"], "an emergency call"),
        ("110", ["US"], ""),
        ("9111", ["US"], ""),
        ("91", ["US"], ""),
        ("0911", ["US"], ""),
        ("+1311", ["US"], ""),
        ("1311", ["US"], ""),
        ("49110", ["DE"], ""),
        ("+12125550911", ["US"], ""),
        ("sales", ["US"], ""),
    ],
)
def test_emergency_numbers_are_never_recorded(called: str, countries: list[str], why: str) -> None:
    assert never_record("+14155550100", called, NUMBERING, countries=countries) == why
    if not called.startswith("urn:"):
        assert never_record(called, "agents", NUMBERING, countries=countries) == why


def test_without_a_country_the_numbers_of_all_count() -> None:
    assert never_record("", "110", NUMBERING, countries=ANYWHERE) and never_record("", "000", NUMBERING)
    assert never_record("", "110", NUMBERING, countries=["unknown"])
    assert not never_record("+14155550100", "+12125550100", NUMBERING)


@pytest.mark.parametrize(
    ("own", "number", "hit"),
    [
        ("+12145550100", "+12145550100", True),
        ("+1 (214) 555-0100", "2145550100", True),
        ("2145550100", "+12145550100", True),
        ("12145550100", "(214) 555-0100", True),
        ("+12145550100", "0012145550100", True),
        ("+12145550100", "+121455501001", False),
        ("+12145550100", "+12145550101", False),
        ("+1900*", "9005550100", True),
        ("900*", "+19005550100", True),
        ("900*", "+905550100000", False),
        ("+1900*", "+19015550100", False),
        ("+442079460000", "020 7946 0000", True),
        ("02079460000", "+442079460000", True),
        ("Chaplain", "chaplain", True),
        ("chap*", "chaplain", True),
        ("chaplain", "chap", False),
    ],
)
def test_the_houses_own_list(own: str, number: str, hit: bool) -> None:
    why = "the number is on the house's own list of those that are never recorded"
    for caller, called in ((number, "100"), ("+15125550100", number), (number, "")):
        assert never_record(caller, called, NUMBERING, ["+33123456789", own], ["US-TX", "GB"]) == (why if hit else "")


def test_an_empty_entry_of_the_houses_own_list_is_no_number() -> None:
    assert never_record("", "sales", NUMBERING, [""], ["US"]) == ""
    assert never_record("", "sales", NUMBERING, ["*"], ["US"]) == ""


# ------------------------------------------------------------------------------------------ properties

numbers = st.one_of(
    st.from_regex(r"\+?[0-9]{0,15}", fullmatch=True),
    st.from_regex(r"\+1[2-9][0-9]{9}", fullmatch=True),
    st.from_regex(r"\+(44|61|49|7)[0-9]{9,10}", fullmatch=True),
    st.text(max_size=8),
)


@given(numbers, st.sampled_from(["", "mobile", "toll-free", "unassigned"]), st.sampled_from([(), ("US-NY", "DE")]))
def test_p3_whatever_a_number_is_it_only_adds(number: str, kind: str, served: tuple[str, ...]) -> None:
    found = hint(number, NUMBERING, kind)  # type: ignore[arg-type]
    places = found.places if isinstance(found, Hint) else ()
    evidence = [Evidence("caller", "number", place, "x") for place in places]
    before, after = locate([], ["caller"], served).parties[0], locate(evidence, ["caller"], served).parties[0]
    assert set(before.places) | set(places) == set(after.places) and not after.certain


@given(numbers, numbers)
def test_only_short_numbers_are_emergency_numbers(number: str, called: str) -> None:
    if never_record(number, called, NUMBERING, countries=["US", "DE", "AU"]):
        assert min(len(one) for one in (number, called) if one) <= len("+679116123")


# ------------------------------------------------------------------------------------------ reading


@pytest.mark.parametrize(
    ("name", "change", "complaint"),
    [
        ("area_codes", lambda t: t + "\n[[", "numbers/area_codes: "),
        ("area_codes", lambda t: t.replace('as_of = "2026-11-24"', ""), "as_of: missing"),
        ("area_codes", lambda t: t.replace('as_of = "2026-11-24"', "as_of = 2026"), "2026 is not what may stand"),
        ("area_codes", lambda t: t.replace("[since]", "[after]"), "since: missing"),
        ("area_codes", lambda t: t + "[more]\n", "more: unknown"),
        ("area_codes", lambda t: t.replace("US-WY = [307]", "US-WY = [37]"), "'37' is not"),
        ("area_codes", lambda t: t.replace("US-WY = [307]", "US-WY = 307"), "US-WY must be a list"),
        ("area_codes", lambda t: t.replace("US-WY = [307]", "Wyoming = [307]"), "'Wyoming' is not"),
        ("area_codes", lambda t: t.replace("US-WY = [307]", "US-WY = [800]"), "800: both somewhere and nowhere"),
        ("area_codes", lambda t: t.replace("toll-free =", "free ="), "free: no such reason"),
        ("area_codes", lambda t: t + '370 = "2026"\n', "370: since is for codes under places"),
        ("area_codes", lambda t: t.replace('"2026-06"', '"June 2026"'), "'June 2026' is not"),
        ("calling_codes", lambda t: t.replace('49 = ["DE"]', '049 = ["DE"]'), "'049' is not"),
        ("calling_codes", lambda t: t.replace('49 = ["DE"]', '49 = ["Germany"]'), "'Germany' is not"),
        ("calling_codes", lambda t: t.replace('"44 1" =', '"441" ='), "'441' is not"),
        ("calling_codes", lambda t: t.replace('"44 1" =', '"999 1" ='), "999: no such calling code"),
        ("calling_codes", lambda t: t.replace("[800,", "[49, 800,"), "49: both somewhere and nowhere"),
        ("calling_codes", lambda t: t.replace("[prefixes]", "[beginnings]"), "prefixes: missing"),
        ("emergency", lambda t: t.replace('US = ["911", "933"]', 'US = ["emergency"]'), "'emergency' is not"),
        ("emergency", lambda t: t.replace('US = ["911", "933"]', 'USA = ["911"]'), "USA: no such country"),
        (
            "emergency",
            lambda t: t.partition("[crisis]")[0].replace("[emergency]", 'crisis = "x"\n[emergency]'),
            "crisis: no table",
        ),
    ],
)
def test_a_table_of_numbers_that_is_not_whole_is_refused_by_name(name: str, change: object, complaint: str) -> None:
    changed = change(FILES[name])  # type: ignore[operator]
    assert changed != FILES[name]
    with pytest.raises(LawUnreadable) as refused:
        parse_numbering({**FILES, name: changed})
    assert str(refused.value).startswith(f"numbers/{name}: ") and complaint in str(refused.value)


def test_a_table_of_numbers_that_is_missing_is_named() -> None:
    with pytest.raises(LawUnreadable, match="numbers/emergency is missing"):
        parse_numbering({name: text for name, text in FILES.items() if name != "emergency"})


def test_a_code_may_lie_in_several_places() -> None:
    changed = FILES["area_codes"].replace("US-WY = [307]", "US-WY = [307, 303]")
    assert hint("+13035550100", parse_numbering({**FILES, "area_codes": changed})) == Hint(
        ("US-CO", "US-WY"), "area code 303"
    )
