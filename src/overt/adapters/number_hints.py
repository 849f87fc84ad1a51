"""What is known of a number's place: addresses on file, and what its digits hint at (never certain, P3).

Reading numbers as people write them, and telling mobile from fixed ones abroad, is what phonenumbers does well. The places
come from our own frozen tables (`domain/law/data/numbers`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Literal

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType

from overt.domain.identity import Number
from overt.domain.location import SPOOFED
from overt.domain.numbers import REASONS, Hint, NoHint, Numbering, Reason, hint, parse_numbering

HOME = "US"  # how a number without its country is read, as in number_index
NORTH_AMERICA = 1
ENDING = ".toml"
# What phonenumbers calls a kind of number → why such a number says no place. Of the others, it may say one.
KINDS: Mapping[int, Reason] = {
    PhoneNumberType.MOBILE: "mobile",
    PhoneNumberType.TOLL_FREE: "toll-free",
    PhoneNumberType.PREMIUM_RATE: "non-geographic",
    PhoneNumberType.SHARED_COST: "non-geographic",
    PhoneNumberType.VOIP: "non-geographic",
    PhoneNumberType.PERSONAL_NUMBER: "non-geographic",
    PhoneNumberType.PAGER: "non-geographic",
    PhoneNumberType.UAN: "non-geographic",
    PhoneNumberType.VOICEMAIL: "non-geographic",
    PhoneNumberType.UNKNOWN: "unassigned",
}


@lru_cache(maxsize=1)
def load_numbering() -> Numbering:
    """Read the tables of numbers as the package ships them. Raises LawUnreadable."""
    folder = files("overt.domain.law.data") / "numbers"
    found = (one for one in folder.iterdir() if one.name.endswith(ENDING))
    return parse_numbering({one.name.removesuffix(ENDING): one.read_text(encoding="utf-8") for one in found})


class AddressBook:
    """Implements ports.AddressBook over the settings' addresses and the frozen tables."""

    def __init__(self, on_file: Sequence[tuple[str, str, str]]) -> None:
        """`on_file`: (number, place, source)."""
        self._numbering = load_numbering()
        self._on_file: dict[str, list[tuple[str, str]]] = {}
        for number, place, source in on_file:
            self._on_file.setdefault(_plain(number), []).append((place, source))

    def on_file(self, number: Number) -> Sequence[tuple[str, str]]:
        """See ports.AddressBook."""
        return () if number.withheld else self._on_file.get(_plain(number.text), ())

    def hinted(self, number: Number) -> Sequence[tuple[str, str]]:
        """See ports.AddressBook."""
        found = self._hint(number.text)
        return tuple((place, found.why) for place in found.places) if isinstance(found, Hint) else ()

    def doubt(self, number: Number) -> str:
        """See ports.AddressBook."""
        if number.disputed and not number.withheld:
            return SPOOFED
        found = self._hint(number.text)
        reason = found.reason if isinstance(found, NoHint) else found.doubt
        return REASONS[reason] if reason else ""

    def _hint(self, text: str) -> Hint | NoHint:
        parsed = _parsed(text)
        if parsed is None or not phonenumbers.is_possible_number(parsed):
            return hint(text, self._numbering)
        north_american = parsed.country_code == NORTH_AMERICA  # of those, our own tables say all that is to be said
        kind: Reason | Literal[""] = "" if north_american else KINDS.get(phonenumbers.number_type(parsed), "")
        return hint(phonenumbers.format_number(parsed, PhoneNumberFormat.E164), self._numbering, kind)


def _parsed(text: str) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(text, HOME)
    except phonenumbers.NumberParseException:
        return None


def _plain(text: str) -> str:
    """A number's E.164 form where it has one, so that ways of writing it do not matter."""
    parsed = _parsed(text)
    return text if parsed is None else phonenumbers.format_number(parsed, PhoneNumberFormat.E164)
