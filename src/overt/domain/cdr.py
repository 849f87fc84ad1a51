"""A switch's own list of calls (CDR), as a table: which column says what, and rows read one by one.

A column map is a small TOML text; the shipped ones are in `domain/cdr_maps`. A row that cannot be read is said, with its line,
and never stops the rest.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from overt.domain.errors import Refused

Column = str | int
Moments = Callable[[str], tuple[int, int]]
TIMES: Mapping[str, int] = {"unix": 1_000_000, "unix-ms": 1000, "unix-us": 1}  # format → microseconds of one
LONGEST_FIELD = 512
MOST_SKIPPED = 1000
LONGEST_CALL_US = 7 * 86_400 * 1_000_000
_COLUMNS = ("caller", "called", "started", "ended", "duration", "id", "trunk")
_COUNTS = ("skip", "skip_after_header")
_TEXTS = ("timezone", "format", "delimiter", "encoding", "quote")
WORDS: Mapping[type, str] = {str: "a text", bool: "true or false", int: "a whole number"}
_NUMBER = re.compile(r"-?\d{1,18}(\.\d{1,9})?")
_SIP_USER = re.compile(r"(?:<|^)\s*(?:sips?|tel):([^@;>]*)", re.IGNORECASE)
NOBODY: frozenset[str] = frozenset(
    [
        "",
        "-",
        "anonymous",
        "withheld",
        "erased",
        "unknown",
        "unavailable",
        "private",
        "restricted",
        "null",
        "none",
        "<null>",
    ]
)


class MapRefused(Refused):
    """A column map that cannot be used."""


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """Which column says what: by its name in the header, or by its place from 0 on.

    `format` of times: `iso`, `unix`, `unix-ms`, `unix-us`, or as strptime has it; `timezone` (IANA) of those that name none.
    `only`: a row counts when each of these columns has one of the values.
    """

    started: Column
    caller: Column | None = None
    called: Column | None = None
    ended: Column | None = None
    duration: Column | None = None
    id: Column | None = None
    trunk: Column | None = None
    timezone: str = "UTC"
    format: str = "iso"
    delimiter: str = ""
    encoding: str = ""
    quote: str = '"'
    header: bool = True
    skip: int = 0
    skip_after_header: int = 0
    only: tuple[tuple[Column, frozenset[str]], ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """A call as a switch has it. `ended_us` is −1 where it does not say. `also_us`: the other reading of an hour that a clock
    put back shows twice, else 0. Times are UTC microseconds."""

    line: int
    started_us: int
    ended_us: int = -1
    caller: str = field(default="", repr=False)
    called: str = field(default="", repr=False)
    id: str = field(default="", repr=False)
    trunk: str = ""
    also_us: int = 0


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be read: its line, and why, without its content."""

    line: int
    why: str


def parse_map(text: str) -> ColumnMap:
    """Return the column map in a TOML text. Raises MapRefused, saying what is wrong."""
    try:
        read = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MapRefused(f"the column map is no TOML: {error}") from error
    strange = sorted(read.keys() - {*_COLUMNS, *_TEXTS, *_COUNTS, "header", "only"})
    if strange:
        raise MapRefused(f"the column map has an unknown field {strange[0]}")
    if "started" not in read:
        raise MapRefused("the column map needs `started`: the column with the time at which a call began")
    if not read.keys() & {"caller", "called", "id"}:
        raise MapRefused("the column map needs `caller`, `called` or `id`: else no call can be told from another")
    given: dict[str, Any] = {name: _column(name, read[name]) for name in _COLUMNS if name in read}
    given |= {name: _typed(name, read[name], str) for name in _TEXTS if name in read}
    given |= {name: _typed(name, read[name], int) for name in _COUNTS if name in read}
    given |= {"header": _typed("header", read["header"], bool)} if "header" in read else {}
    return _checked(ColumnMap(**given, only=_only(read.get("only", {}))))


def _column(name: str, value: Any) -> Column:
    if isinstance(value, str) and value:
        return value
    if type(value) is int and 0 <= value < 1000:
        return value
    raise MapRefused(f"{name} names a column by its header, or by its place from 0 on")


def _typed(name: str, value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise MapRefused(f"{name} must be {WORDS[kind]}")
    return value


def _only(written: Any) -> tuple[tuple[Column, frozenset[str]], ...]:
    if not isinstance(written, dict):
        raise MapRefused("only is a table: a column, and the values that count")
    found: list[tuple[Column, frozenset[str]]] = []
    for name, values in written.items():
        if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
            raise MapRefused(f"only: {name} is a list of texts")
        found.append((int(name) if name.isdecimal() else name, frozenset(values)))
    return tuple(found)


def _checked(map_: ColumnMap) -> ColumnMap:
    if not all(0 <= one <= MOST_SKIPPED for one in (map_.skip, map_.skip_after_header)):
        raise MapRefused(f"skip and skip_after_header are whole numbers up to {MOST_SKIPPED}: lines that do not count")
    if len(map_.delimiter) > 1 or len(map_.quote) != 1:
        raise MapRefused("delimiter and quote are one character each")
    named = [one for one in (*_columns(map_), *(name for name, _ in map_.only)) if isinstance(one, str)]
    if not map_.header and named:
        raise MapRefused(f"without a header a column is named by its place, not as {named[0]!r}")
    return map_


def _columns(map_: ColumnMap) -> tuple[Column, ...]:
    columns = (map_.caller, map_.called, map_.started, map_.ended, map_.duration, map_.id, map_.trunk)
    return tuple(one for one in columns if one is not None)


class RowReader:
    """Reads the rows of one file.

    `moment` reads a time as the map's `format` and `timezone` have it: UTC microseconds, and the other reading of a time that a
    clock put back shows twice, else 0; it raises ValueError.
    """

    def __init__(self, map_: ColumnMap, moment: Moments, header: Sequence[str] = ()) -> None:
        """Raises MapRefused when the header lacks a column of the map."""
        self._map, self._moments = map_, moment
        places = {name.strip().lstrip("\ufeff"): place for place, name in enumerate(header)}
        self._at = {name: _place(one, places) for name in _COLUMNS if (one := getattr(map_, name)) is not None}
        self._only = tuple((_place(name, places), values) for name, values in map_.only)
        self._fields = 1 + max((*self._at.values(), *(place for place, _ in self._only)))

    def read(self, fields: Sequence[str], line: int) -> Row | BadRow | None:
        """Return a row, why it cannot be read, or None for one that the map leaves out."""
        if len(fields) < self._fields:
            return BadRow(line, f"it has {len(fields)} fields; the map needs {self._fields}")
        if any(fields[place].strip() not in values for place, values in self._only):
            return None
        if any(len(fields[place]) > LONGEST_FIELD for place in self._at.values()):
            return BadRow(line, f"a field has more than {LONGEST_FIELD} characters")
        try:
            return self._row(fields, line)
        except (ValueError, OverflowError):
            return BadRow(line, f"its times cannot be read as {self._map.format}")

    def _row(self, fields: Sequence[str], line: int) -> Row | BadRow:
        text = {name: fields[place].strip() for name, place in self._at.items()}
        started, also = self._moment(text["started"])
        ended = self._ended(text, started)
        if ended != -1 and not started <= ended <= started + LONGEST_CALL_US:
            return BadRow(line, "it ends before it begins, or lasts longer than a week")
        caller, called = number_of(text.get("caller", "")), number_of(text.get("called", ""))
        if not (caller or called or text.get("id")):
            return BadRow(line, "it has neither a number nor an id")
        return Row(line, started, ended, caller, called, text.get("id", ""), text.get("trunk", ""), also)

    def _ended(self, text: Mapping[str, str], started: int) -> int:
        if text.get("duration"):
            return started + _micros(text["duration"], 1_000_000)
        if not text.get("ended") or text["ended"] == "0":
            return -1
        first, second = self._moment(text["ended"])
        return second if first < started and second else first

    def _moment(self, text: str) -> tuple[int, int]:
        """A time as UTC microseconds, and its other reading where the clock was put back, else 0."""
        each = TIMES.get(self._map.format, 0)
        return (_micros(text, each), 0) if each else self._moments(text)


def _micros(text: str, each: int) -> int:
    """A number with a decimal point, times `each`. Raises ValueError."""
    if not _NUMBER.fullmatch(text):
        raise ValueError("no number")
    whole, _, rest = text.partition(".")
    part = int(rest) * each // 10 ** len(rest) if rest else 0
    return int(whole) * each + (-part if text.startswith("-") else part)


def _place(column: Column, places: Mapping[str, int]) -> int:
    if isinstance(column, int):
        return column
    if column not in places:
        known = [
            one for one in places if one and not any(sign.isdigit() for sign in one)
        ]  # else a row of numbers perhaps
        raise MapRefused(f"the file has no column {column!r}; its header has {', '.join(known[:40]) or 'no names'}")
    return places[column]


def number_of(text: str) -> str:
    """The number or name in what a switch wrote (`sip:+1404…@host`, `"Ann" <1001>`); empty for nobody's."""
    plain = text
    if ":" in text or "<" in text:
        found = _SIP_USER.search(text)
        inner = text[text.rindex("<") + 1 : -1] if text.endswith(">") and "<" in text else text
        plain = found[1] if found else inner
    plain = plain.strip()
    return "" if plain.lower() in NOBODY else plain
