"""The frozen tables of numbers, held against the tables of phonenumbers; numbers as people write them."""

from __future__ import annotations

import re

import phonenumbers
import pytest
from phonenumbers import PhoneMetadata, PhoneNumberFormat, PhoneNumberType

from overt.adapters.number_hints import KINDS, AddressBook, load_numbering
from overt.domain.identity import Number
from overt.domain.numbers import REASONS, Hint, NoHint, hint, never_record

NUMBERING = load_numbering()
TERRITORIES = ("PR", "GU", "VI", "AS", "MP")
NANP = phonenumbers.COUNTRY_CODE_TO_REGION_CODE[1]
FOREIGN = sorted(
    region for region in phonenumbers.SUPPORTED_REGIONS if phonenumbers.country_code_for_region(region) != 1
)
KIND_NAMES = sorted(set(PhoneNumberType.values()) - {PhoneNumberType.UNKNOWN})


def place_of(region: str) -> str:
    """How the law table names a territory of the United States."""
    return f"US-{region}" if region in TERRITORIES else region


def valid(region: str, national: str, *kinds: str) -> bool:
    """Whether phonenumbers takes a national number for one of these kinds in a region."""
    read = PhoneMetadata.metadata_for_region(region)
    patterns = [getattr(read, kind) for kind in kinds]
    return any(
        one and one.national_number_pattern and re.fullmatch(one.national_number_pattern, national) for one in patterns
    )


def in_use(area: int, region: str) -> bool:
    """Whether any number of an area code is in use in a region, at some exchange."""
    begins = PhoneMetadata.metadata_for_region(region).leading_digits
    if begins and not re.match(begins, f"{area}2340123"):
        return False
    return any(valid(region, f"{area}{exchange}0123", "fixed_line", "mobile") for exchange in range(200, 1000, 7))


def region_of(places: tuple[str, ...]) -> set[str]:
    """The regions, as phonenumbers names them, that places lie in."""
    own = {f"US-{one}": one for one in TERRITORIES}
    return {own.get(place, place.partition("-")[0]) for place in places}


def test_every_area_code_lies_where_phonenumbers_has_it() -> None:
    """A code that phonenumbers learns later, or that moves, fails here: then the frozen table is to be looked at."""
    areas, known = NUMBERING.areas, set()
    for area in range(200, 1000):
        regions = {region for region in NANP if in_use(area, region)}
        if regions:
            known.add(str(area))
            assert region_of(areas.places[str(area)]) == regions, area
    assert set(areas.places) - known <= set(areas.since), (
        "phonenumbers does not know them: say since when they are in use"
    )


def test_every_us_area_code_lies_in_the_state_where_phonenumbers_has_it() -> None:
    from phonenumbers import geocoder  # a hundred megabytes, which nothing but this test needs

    counted = 0
    for area, places in NUMBERING.areas.places.items():
        number = phonenumbers.PhoneNumber(country_code=1, national_number=int(f"{area}5550100"))
        described = geocoder.description_for_number(number, "en")
        state = STATES.get(described.rpartition(", ")[2], "")
        if region_of(places) == {"US"} and state:
            counted += 1
            assert places == (f"US-{state}",), area
    assert counted >= 359


def test_area_codes_of_no_place_are_no_places_for_phonenumbers_either() -> None:
    for area, reason in NUMBERING.areas.nowhere.items():
        national = f"{area}2340123"
        assert not any(valid(region, national, "fixed_line", "mobile") for region in NANP)
        if valid("US", national, "toll_free"):
            assert reason == "toll-free"


@pytest.mark.parametrize("region", FOREIGN)
def test_every_country_is_among_what_its_own_numbers_hint_at(region: str) -> None:
    for kind in KIND_NAMES:
        example = phonenumbers.example_number_for_type(region, kind)
        if example is None:
            continue
        e164 = phonenumbers.format_number(example, PhoneNumberFormat.E164)
        found = hint(e164, NUMBERING)
        assert isinstance(found, Hint) and phonenumbers.region_code_for_number(example) in region_of(found.places), e164


def test_numbers_of_no_country_hint_at_none() -> None:
    for code in phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS:
        example = phonenumbers.example_number_for_non_geo_entity(code)
        assert hint(phonenumbers.format_number(example, PhoneNumberFormat.E164), NUMBERING) == NoHint("non-geographic")


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_SHORT_REGIONS))
def test_what_reaches_an_emergency_service_is_never_recorded(region: str) -> None:
    emergency = PhoneMetadata.short_metadata_for_region(region).emergency
    pattern = emergency.national_number_pattern if emergency else "112"
    for length in emergency.possible_length if emergency else (3,):
        for one in range(10**length):
            if re.fullmatch(pattern, f"{one:0{length}d}"):
                assert never_record("", f"{one:0{length}d}", NUMBERING, countries=[place_of(region)])


@pytest.mark.parametrize(
    ("number", "places", "doubt"),
    [
        ("+14155550100", ["US-CA"], ""),
        ("(214) 555-0100", ["US-TX"], ""),
        ("1-212-555-0100", ["US-NY"], ""),
        ("+1 436 555 0100", ["US-OH"], ""),
        ("+4930123456", ["DE"], ""),
        ("011 49 30 123456", ["DE"], ""),
        ("+16135550100", ["CA"], ""),
        ("+491712345678", ["DE"], "mobile"),
        ("+61412345678", ["AU"], "mobile"),
        ("+448001234567", ["GB", "GG", "IM", "JE"], "toll-free"),
        ("+445612345678", ["GB", "GG", "IM", "JE"], "non-geographic"),
        ("+4910123456", ["DE"], "unassigned"),
        ("+18005550100", [], "toll-free"),
        ("+15005550100", [], "non-geographic"),
        ("+12115550100", [], "unassigned"),
        ("911", [], "short-code"),
        ("5550100", [], "malformed"),
        ("sales", [], "malformed"),
        ("", [], "withheld"),
    ],
)
def test_numbers_as_people_write_them(number: str, places: list[str], doubt: str) -> None:
    book = AddressBook([("+12145550100", "US-TX", "crm")])
    assert [place for place, _ in book.hinted(Number(number))] == places
    assert book.doubt(Number(number)) == (REASONS[doubt] if doubt else "")  # type: ignore[index]
    assert list(book.on_file(Number(number))) == ([("US-TX", "crm")] if "214" in number else [])


def test_every_kind_that_phonenumbers_knows_has_its_reason() -> None:
    fixed = {PhoneNumberType.FIXED_LINE, PhoneNumberType.FIXED_LINE_OR_MOBILE}
    assert set(KINDS) == set(PhoneNumberType.values()) - fixed and set(KINDS.values()) <= set(REASONS)


STATES = {
    "Alabama": "AL", "Alaska": "AK", "Arizona": "AZ", "Arkansas": "AR", "California": "CA", "Colorado": "CO",
    "Connecticut": "CT", "Delaware": "DE", "Washington D.C.": "DC", "Florida": "FL", "Georgia": "GA", "Hawaii": "HI",
    "Idaho": "ID", "Illinois": "IL", "Indiana": "IN", "Iowa": "IA", "Kansas": "KS", "Kentucky": "KY", "Louisiana": "LA",
    "Maine": "ME", "Maryland": "MD", "Massachusetts": "MA", "Michigan": "MI", "Minnesota": "MN", "Mississippi": "MS",
    "Missouri": "MO", "Montana": "MT", "Nebraska": "NE", "Nevada": "NV", "New Hampshire": "NH", "New Jersey": "NJ",
    "New Mexico": "NM", "New York": "NY", "North Carolina": "NC", "North Dakota": "ND", "Ohio": "OH", "Oklahoma": "OK",
    "Oregon": "OR", "Pennsylvania": "PA", "Rhode Island": "RI", "South Carolina": "SC", "South Dakota": "SD",
    "Tennessee": "TN", "Texas": "TX", "Utah": "UT", "Vermont": "VT", "Virginia": "VA", "Washington State": "WA",
    "West Virginia": "WV", "Wisconsin": "WI", "Wyoming": "WY",
}  # fmt: skip
STATES |= {code: code for code in STATES.values()}
