"""What is known of a number's place: addresses on file, and what its digits hint at (never certain, P3)."""

from __future__ import annotations

from collections.abc import Sequence

import phonenumbers
from phonenumbers import PhoneNumberType, geocoder

from overt.domain.identity import Number

FIXED = (PhoneNumberType.FIXED_LINE, PhoneNumberType.FIXED_LINE_OR_MOBILE, PhoneNumberType.MOBILE)
STATES = {
    "Alabama": "AL", "Alaska": "AK", "Arizona": "AZ", "Arkansas": "AR", "California": "CA", "Colorado": "CO",
    "Connecticut": "CT", "Delaware": "DE", "District of Columbia": "DC", "Washington D.C.": "DC", "Florida": "FL",
    "Georgia": "GA", "Hawaii": "HI", "Idaho": "ID", "Illinois": "IL", "Indiana": "IN", "Iowa": "IA", "Kansas": "KS",
    "Kentucky": "KY", "Louisiana": "LA", "Maine": "ME", "Maryland": "MD", "Massachusetts": "MA", "Michigan": "MI",
    "Minnesota": "MN", "Mississippi": "MS", "Missouri": "MO", "Montana": "MT", "Nebraska": "NE", "Nevada": "NV",
    "New Hampshire": "NH", "New Jersey": "NJ", "New Mexico": "NM", "New York": "NY", "North Carolina": "NC",
    "North Dakota": "ND", "Ohio": "OH", "Oklahoma": "OK", "Oregon": "OR", "Pennsylvania": "PA", "Rhode Island": "RI",
    "South Carolina": "SC", "South Dakota": "SD", "Tennessee": "TN", "Texas": "TX", "Utah": "UT", "Vermont": "VT",
    "Virginia": "VA", "Washington State": "WA", "Washington": "WA", "West Virginia": "WV", "Wisconsin": "WI",
    "Wyoming": "WY",
}  # fmt: skip


class AddressBook:
    """Implements ports.AddressBook over the settings' addresses and the frozen tables of phonenumbers."""

    def __init__(self, on_file: Sequence[tuple[str, str, str]]) -> None:
        """`on_file`: (number, place, source)."""
        self._on_file: dict[str, list[tuple[str, str]]] = {}
        for number, place, source in on_file:
            self._on_file.setdefault(_plain(number), []).append((place, source))

    def on_file(self, number: Number) -> Sequence[tuple[str, str]]:
        """See ports.AddressBook."""
        return () if number.withheld else self._on_file.get(_plain(number.text), ())

    def hinted(self, number: Number) -> Sequence[tuple[str, str]]:
        """See ports.AddressBook."""
        try:
            parsed = phonenumbers.parse(number.text, "US")
        except phonenumbers.NumberParseException:
            return ()
        if not phonenumbers.is_possible_number(parsed) or phonenumbers.number_type(parsed) not in FIXED:
            return ()
        country = phonenumbers.region_code_for_number(parsed) or ""
        if country != "US":
            return ((country, f"country code +{parsed.country_code}"),) if country else ()
        area = str(parsed.national_number)[:3]
        place = STATES.get(_state(parsed))
        return ((f"US-{place}", f"area code {area}"),) if place else ()


def _state(parsed: phonenumbers.PhoneNumber) -> str:
    """The state of a US number: by its area code, as the most general description that is known."""
    area = phonenumbers.PhoneNumber(country_code=1, national_number=int(str(parsed.national_number)[:3] + "5550100"))
    for number in (area, parsed):
        described = geocoder.description_for_number(number, "en")
        name = described.rpartition(", ")[2]
        if name in STATES:
            return name
        if name in _ABBREVIATED:
            return _ABBREVIATED[name]
    return ""


_ABBREVIATED = {code: name for name, code in STATES.items()}


def _plain(number: str) -> str:
    """A number's E.164 form where it has one, so that ways of writing it do not matter."""
    try:
        parsed = phonenumbers.parse(number, "US")
    except phonenumbers.NumberParseException:
        return number
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
