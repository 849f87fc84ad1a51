"""Telephone numbers: where their digits hint that somebody may be, and which numbers are never recorded.

A hint is never more than that (P3): people keep their numbers when they move, roam, forward and lie. So it may add places,
and says besides why it proves nothing. The tables are frozen and dated: `law/data/numbers/*.toml`. Reading numbers as
people write them, and telling mobile from fixed ones abroad, is left to the adapter `number_hints`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from overt.domain.errors import LawUnreadable
from overt.domain.location import SPOOFED

Reason = Literal[
    "withheld", "malformed", "short-code", "toll-free", "non-geographic", "mobile", "unassigned", "spoofed"
]
# Why a number does not say where its owner is.
REASONS: Mapping[Reason, str] = {
    "withheld": "the number is withheld",
    "malformed": "what was presented is no whole telephone number",
    "short-code": "a short code says no place",
    "toll-free": "a toll-free number says no place",
    "non-geographic": "a non-geographic number says no place",
    "mobile": "a mobile number says its country, not where the telephone is",
    "unassigned": "no such number is in use, so it is not the caller's own",
    "spoofed": SPOOFED,
}
AREA_CODES, CALLING_CODES, EMERGENCY = "area_codes", "calling_codes", "emergency"
NORTH_AMERICA = "1"
EVERYWHERE = "everywhere"
_WITH_CODE = re.compile(r"[1-9]\d{5,14}")  # a calling code and what follows; ITU-T E.164 sets the upper bound
_SIGNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("+", _WITH_CODE), ("011", _WITH_CODE), ("00", _WITH_CODE), ("", re.compile(r"[1-9]\d{10,14}")),
)  # fmt: skip
_TEN = re.compile(r"[2-9]\d{9}")  # area code, exchange, line
_SHORT = re.compile(r"\d{2,6}")
_SHORT_OR_X = re.compile(r"[\dx]{2,6}")
_AREA_CODE = re.compile(r"[2-9]\d\d")
_CODE = re.compile(r"[1-9]\d{0,2}")
_BEGINNING = re.compile(r"([1-9]\d{0,2}) \d+")
_COUNTRY = re.compile(r"[A-Z]{2}")
_PLACE = re.compile(r"[A-Z]{2}(-[A-Z]{2,3})?")
_DATE = re.compile(r"\d{4}(-\d\d(-\d\d)?)?")
_SEPARATORS = re.compile(r"[\s().\-/\u00a0]")
_SHORT_DIGITS = 6
_SOS = "urn:service:sos"  # RFC 5031


@dataclass(frozen=True, slots=True)
class AreaCodes:
    """Area code → the places it lies in; codes that lie nowhere → why; `since` → when a new code came into use."""

    as_of: str
    places: Mapping[str, tuple[str, ...]]
    nowhere: Mapping[str, Reason]
    since: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CallingCodes:
    """Calling code → countries, first digits → places that they say more exactly, and codes of no country."""

    as_of: str
    countries: Mapping[str, tuple[str, ...]]
    prefixes: Mapping[str, tuple[str, ...]]
    nowhere: frozenset[str]


@dataclass(frozen=True, slots=True)
class Unrecorded:
    """Numbers that are never recorded, and why: as they are dialled in a country, and behind its calling code.

    `codes` are the calling codes of each country.
    """

    as_of: str
    dialled: Mapping[str, Mapping[str, str]]
    dialled_behind_code: Mapping[str, str]
    codes: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Numbering:
    """All that is known of numbers."""

    areas: AreaCodes
    calling: CallingCodes
    unrecorded: Unrecorded


@dataclass(frozen=True, slots=True)
class Hint:
    """Places that the digits hint at, `why`, and a reason (of `REASONS`) not to believe it, empty for none."""

    places: tuple[str, ...]
    why: str
    doubt: Reason | Literal[""] = ""


@dataclass(frozen=True, slots=True)
class NoHint:
    """The digits hint at no place, and the reason, of `REASONS`."""

    reason: Reason


# ------------------------------------------------------------------------------------------ hints


def hint(number: str, numbering: Numbering, kind: Reason | Literal[""] = "") -> Hint | NoHint:
    """Return what a number's digits hint at.

    `number` is E.164 with its plus sign, or as it is dialled in North America. `kind` says what else is known of a number
    outside North America (mobile, toll-free, non-geographic, unassigned): its country counts all the same.
    """
    plain = _SEPARATORS.sub("", number)
    if not plain:
        return NoHint("withheld")
    digits = _international(plain)
    if not digits:
        return NoHint("short-code" if _SHORT.fullmatch(plain) else "malformed")
    if digits.startswith(NORTH_AMERICA):
        return _north_american(digits.removeprefix(NORTH_AMERICA), numbering.areas)
    return _abroad(digits, numbering.calling, kind)


def _international(plain: str) -> str:
    """The digits of a number with its calling code; empty where there are none."""
    for sign, pattern in _SIGNS:
        if plain.startswith(sign) and pattern.fullmatch(plain.removeprefix(sign)):
            return plain.removeprefix(sign)
    return NORTH_AMERICA + plain if _TEN.fullmatch(plain) else ""


def _north_american(national: str, areas: AreaCodes) -> Hint | NoHint:
    if not _TEN.fullmatch(national):
        return NoHint("malformed")
    area, exchange = national[:3], national[3:6]
    if area in areas.nowhere:
        return NoHint(areas.nowhere[area])
    if area not in areas.places or exchange[0] in "01" or exchange.endswith("11"):
        return NoHint("unassigned")
    return Hint(areas.places[area], f"area code {area}")


def _abroad(digits: str, calling: CallingCodes, kind: Reason | Literal[""]) -> Hint | NoHint:
    code = next((digits[:length] for length in (1, 2, 3) if digits[:length] in calling.countries), "")
    if not code:
        return NoHint("non-geographic" if digits[:3] in calling.nowhere else "unassigned")
    beginnings = (digits[:length] for length in range(len(digits), len(code), -1))
    longest = next((one for one in beginnings if one in calling.prefixes), "")
    if longest:
        return Hint(calling.prefixes[longest], f"number in +{code} {longest.removeprefix(code)}", kind)
    return Hint(calling.countries[code], f"country code +{code}", kind)


# ------------------------------------------------------------------------------------------ never recorded


def never_record(
    number: str, called: str, numbering: Numbering, own: Sequence[str] = (), countries: Iterable[str] = ()
) -> str:
    """Return why a call between a caller's `number` and a `called` number is never recorded; empty when it may be.

    `own` is the operator's list: numbers, or beginnings of numbers that end in `*`. `countries` are the places
    (ISO 3166) in which people dial here; without any, those of all countries count. A number counts whole, as it is
    dialled or behind its country's calling code; it never stands for a longer one.
    """
    if called.lower().startswith(_SOS):
        return "an emergency call"
    listed = numbering.unrecorded
    homes = sorted({one.partition("-")[0] for one in countries} & listed.dialled.keys()) or sorted(listed.dialled)
    codes = {code for home in homes for code in listed.codes[home]}
    for dialled in filter(None, (_dialled(called), _dialled(number))):
        why = _listed(dialled, listed, homes)
        if not why and _is_own(dialled, own, codes):
            why = "the number is on the house's own list of those that are never recorded"
        if why:
            return why
    return ""


def _listed(dialled: str, listed: Unrecorded, homes: Sequence[str]) -> str:
    """Why a number is never recorded: by the tables of these countries, or behind the calling code of another."""
    here: set[str] = set()
    for home in homes:
        for code in listed.codes[home]:
            here.add(f"+{code}")
            # in North America, the calling code is what is dialled before a distant number, too
            signs = (f"+{code}", code) if code == NORTH_AMERICA else (f"+{code}",)
            for form in (dialled, *(dialled.removeprefix(sign) for sign in signs)):
                if form in listed.dialled[home]:
                    return listed.dialled[home][form]
    return "" if dialled.startswith(tuple(here)) else listed.dialled_behind_code.get(dialled, "")


def _is_own(dialled: str, own: Sequence[str], codes: Iterable[str]) -> bool:
    among = frozenset(codes)
    whole, beginnings = _own_forms(tuple(own), among)
    forms = _forms(dialled, among)
    return bool(whole & forms) or any(form.startswith(beginnings) for form in forms)


@lru_cache(maxsize=16)
def _own_forms(own: tuple[str, ...], codes: frozenset[str]) -> tuple[frozenset[str], tuple[str, ...]]:
    """The operator's list in all its forms: the whole numbers, and the beginnings of numbers."""
    begin = [form for one in own if one.endswith("*") for form in _forms(_dialled(one.removesuffix("*")), codes)]
    whole = [form for one in own if not one.endswith("*") for form in _forms(_dialled(one), codes)]
    return frozenset(whole), tuple(begin)


def _forms(dialled: str, codes: Iterable[str]) -> frozenset[str]:
    """How else a number is written: with its country, where it may be one of these calling codes."""
    if not dialled.isdigit():
        return frozenset({dialled} - {""})
    behind = (f"+{code}{dialled.removeprefix('0')}" for code in codes)
    return frozenset({dialled, *behind, *(f"+{dialled}" for code in codes if dialled.startswith(code))})


def forms(number: str, codes: Iterable[str]) -> frozenset[str]:
    """Every way in which a number may be written where people dial behind these calling codes. Equal numbers share one."""
    return _forms(_dialled(number), codes)


def _dialled(number: str) -> str:
    """A number as it is compared: with a plus sign where its country is given; other text as it is, in small letters."""
    plain = _SEPARATORS.sub("", number).lower()
    for sign in ("011", "00"):
        if plain.startswith(sign) and len(plain) > _SHORT_DIGITS:
            return f"+{plain.removeprefix(sign)}"
    return plain


# ------------------------------------------------------------------------------------------ reading


def parse_numbering(files: Mapping[str, str]) -> Numbering:
    """Return what the files `area_codes`, `calling_codes` and `emergency` hold (TOML text by name).

    Raises LawUnreadable naming the file and what is wrong in it.
    """
    missing = sorted({AREA_CODES, CALLING_CODES, EMERGENCY} - files.keys())
    if missing:
        raise LawUnreadable(f"numbers/{missing[0]} is missing")
    areas, calling = parse_area_codes(files[AREA_CODES]), parse_calling_codes(files[CALLING_CODES])
    return Numbering(areas, calling, parse_unrecorded(files[EMERGENCY], areas, calling))


def parse_area_codes(text: str) -> AreaCodes:
    """Return the area codes in a TOML text. Raises LawUnreadable."""
    read = _tables(AREA_CODES, text, {"places", "non_geographic", "since"})
    places: dict[str, tuple[str, ...]] = {}
    for place, codes in read["places"].items():
        for code in _texts(AREA_CODES, place, codes, _AREA_CODE):
            places[code] = (*places.get(code, ()), _matching(AREA_CODES, place, _PLACE))
    nowhere: dict[str, Reason] = {}
    for reason, codes in read["non_geographic"].items():
        for known in (one for one in REASONS if one == reason):
            nowhere.update(dict.fromkeys(_texts(AREA_CODES, reason, codes, _AREA_CODE), known))
    _refuse(AREA_CODES, "no such reason", read["non_geographic"].keys() - REASONS.keys())
    _refuse(AREA_CODES, "both somewhere and nowhere", places.keys() & nowhere.keys())
    _refuse(AREA_CODES, "since is for codes under places", read["since"].keys() - places.keys())
    since = {code: _matching(AREA_CODES, day, _DATE) for code, day in read["since"].items()}
    return AreaCodes(_matching(AREA_CODES, read["as_of"], _DATE), places, nowhere, since)


def parse_calling_codes(text: str) -> CallingCodes:
    """Return the calling codes in a TOML text. Raises LawUnreadable."""
    read = _tables(CALLING_CODES, text, {"countries", "prefixes", "non_geographic"})
    countries = {
        _matching(CALLING_CODES, code, _CODE): _texts(CALLING_CODES, code, places, _COUNTRY)
        for code, places in read["countries"].items()
    }
    prefixes = {
        _matching(CALLING_CODES, digits, _BEGINNING).replace(" ", ""): _texts(CALLING_CODES, digits, places, _PLACE)
        for digits, places in read["prefixes"].items()
    }
    _refuse(
        CALLING_CODES, "no such calling code", {one.partition(" ")[0] for one in read["prefixes"]} - countries.keys()
    )
    nowhere = frozenset(_texts(CALLING_CODES, "non_geographic", read["non_geographic"], _CODE))
    _refuse(CALLING_CODES, "both somewhere and nowhere", countries.keys() & nowhere)
    return CallingCodes(_matching(CALLING_CODES, read["as_of"], _DATE), countries, prefixes, nowhere)


def parse_unrecorded(text: str, areas: AreaCodes, calling: CallingCodes) -> Unrecorded:
    """Return the numbers that are never recorded, of a TOML text. Raises LawUnreadable."""
    read = _tables(EMERGENCY, text, {"emergency", "crisis"})
    codes: dict[str, tuple[str, ...]] = {}
    for code, countries in {NORTH_AMERICA: _first_parts(areas), **calling.countries}.items():
        codes.update({country: (*codes.get(country, ()), code) for country in countries})
    dialled: dict[str, dict[str, str]] = {country: {} for country in codes}
    for table, what in (("crisis", "a crisis line"), ("emergency", "an emergency number")):
        _refuse(EMERGENCY, "no such country", read[table].keys() - codes.keys() - {EVERYWHERE})
        for country, numbers in read[table].items():
            for number in _whole(_texts(EMERGENCY, country, numbers, _SHORT_OR_X)):
                why = f"{number} is {what} ({country})"
                for one in codes if country == EVERYWHERE else (country,):
                    dialled[one][number] = why
    behind = {f"+{code}{number}": why for one in dialled for number, why in dialled[one].items() for code in codes[one]}
    return Unrecorded(_matching(EMERGENCY, read["as_of"], _DATE), dialled, behind, codes)


def _first_parts(areas: AreaCodes) -> Iterable[str]:
    return dict.fromkeys(place.partition("-")[0] for places in areas.places.values() for place in places)


def _whole(patterns: Iterable[str]) -> Iterable[str]:
    """Every number that the patterns stand for: an x is any digit."""
    for pattern in patterns:
        if "x" in pattern:
            yield from _whole(pattern.replace("x", str(digit), 1) for digit in range(10))
        else:
            yield pattern


def _tables(name: str, text: str, wanted: set[str]) -> Mapping[str, Any]:
    try:
        read = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise LawUnreadable(f"numbers/{name}: {error}") from error
    _refuse(name, "missing", (wanted | {"as_of"}) - read.keys())
    _refuse(name, "unknown", read.keys() - wanted - {"as_of"})
    _refuse(name, "no table", {one for one in wanted if not isinstance(read[one], (dict, list))})
    return read


def _texts(name: str, where: str, value: Any, pattern: re.Pattern[str]) -> tuple[str, ...]:
    """A list of whole numbers or texts, each of them as a text of this pattern."""
    if not isinstance(value, list):
        raise LawUnreadable(f"numbers/{name}: {where} must be a list")
    return tuple(_matching(name, str(one), pattern) for one in value)


def _matching(name: str, value: Any, pattern: re.Pattern[str]) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise LawUnreadable(f"numbers/{name}: {value!r} is not what may stand there")
    return value


def _refuse(name: str, what: str, found: Iterable[str]) -> None:
    for one in sorted(found):
        raise LawUnreadable(f"numbers/{name}: {one}: {what}")
