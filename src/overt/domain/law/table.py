"""The law table: rows by code, with a version, a date and a content hash that every decision carries."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TypeVar

from overt.domain.errors import LawUnreadable
from overt.domain.law.duties import CIRCUMSTANCES, Basis, Duty, parse_basis, parse_duty
from overt.domain.law.model import Row, parse_row
from overt.domain.law.reading import read_value

VERSION = "2026.11.24"
SPEAKS_AS_OF = "2026-11-24"
PLACES, DUTIES, BASES, SOURCES = "places/", "duties/", "bases/", "sources"
T = TypeVar("T", Duty, Basis)
Reader = Callable[[str], Mapping[str, Any]]  # of TOML


@dataclass(frozen=True, slots=True)
class Source:
    """Where something was read: its title, its address (empty for what is not on the web), and what it is good for."""

    title: str
    address: str
    weight: str


@dataclass(frozen=True, slots=True)
class Table:
    """All rows, each place's in the order of their dates, and what binds besides. `sha256` is over the files' bytes."""

    rows: Mapping[str, tuple[Row, ...]]
    version: str
    as_of: str
    sha256: str
    duties: Mapping[str, Duty] = field(default_factory=dict)
    bases: Mapping[str, Basis] = field(default_factory=dict)
    sources: Mapping[str, Source] = field(default_factory=dict)
    stands_for: Mapping[str, str] = field(default_factory=dict)

    def row(self, place: str, on: str) -> Row | None:
        """The row in force in a place on an ISO date, its own or that of the bloc that speaks for it; else None."""
        rows = self.rows.get(place) or self.rows.get(self.stands_for.get(place, ""), ())
        return next((row for row in rows if row.in_force(on)), None)

    def own_row(self, place: str, on: str) -> Row | None:
        """The row in force of a place itself; None where there is none, or a bloc speaks for it."""
        return next((row for row in self.rows.get(place, ()) if row.in_force(on)), None)


def parse_table(
    files: Mapping[str, str], *, version: str = VERSION, as_of: str = SPEAKS_AS_OF, read_toml: Reader = tomllib.loads
) -> Table:
    """Return the table that files hold: `places/US-CA`, `duties/GDPR`, `bases/…`, `sources`, without ending → TOML text.

    A place whose law changes has further files, `places/US-CA@2027-01-01`. Raises LawUnreadable when a file cannot be
    read, when its code is not its name, when something it names does not exist, or when no place is given.
    """
    digest = hashlib.sha256()
    read: dict[str, Mapping[str, Any]] = {}
    for name in sorted(files):
        digest.update(name.encode() + b"\0" + files[name].encode() + b"\0")
        read[name] = _parsed(name, files[name], read_toml)
    rows = _rows(read)
    if not rows:
        raise LawUnreadable("the law table is empty: nothing can be decided")
    sources = {name: read_value(Source, f"{SOURCES}: {name}", one) for name, one in read.get(SOURCES, {}).items()}
    table = Table(
        rows, version, as_of, digest.hexdigest(), _named(read, DUTIES, parse_duty), _named(read, BASES, parse_basis),
        sources, {code: row.code for each in rows.values() for row in each for code in row.stands_for},
    )  # fmt: skip
    for complaint in _dangling(table):
        raise LawUnreadable(complaint)
    return table


def _parsed(name: str, text: str, read_toml: Reader) -> Mapping[str, Any]:
    try:
        return read_toml(text)
    except ValueError as error:  # what every reader of TOML raises is one
        raise LawUnreadable(f"{name}: {error}") from error


def _rows(read: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[Row, ...]]:
    found: dict[str, list[Row]] = {}
    for name, written in read.items():
        if name.startswith(PLACES):
            row = parse_row(name, written)
            if row.code != name.removeprefix(PLACES).partition("@")[0]:
                raise LawUnreadable(f"{name}: the row's code is {row.code}")
            found.setdefault(row.code, []).append(row)
    for code, rows in found.items():
        rows.sort(key=lambda row: row.in_force_from)
        for earlier, later in pairwise(rows):
            if not earlier.in_force_until or earlier.in_force_until >= later.in_force_from:
                raise LawUnreadable(f"{code}: two rows are in force on {later.in_force_from or 'the same day'}")
    return {code: tuple(rows) for code, rows in found.items()}


def _named(
    read: Mapping[str, Mapping[str, Any]], folder: str, parse: Callable[[str, Mapping[str, Any]], T]
) -> dict[str, T]:
    found = {}
    for name, written in read.items():
        if name.startswith(folder):
            one = parse(name, written)
            if one.code != name.removeprefix(folder):
                raise LawUnreadable(f"{name}: its code is {one.code}")
            found[one.code] = one
    return found


def _dangling(table: Table) -> Iterable[str]:
    """What is named and is not there."""
    for code, rows in table.rows.items():
        for row in rows:
            if row.within and row.within not in table.rows:
                yield f"{code}: within names {row.within}, of which there is no row"
            if any(outer.within for outer in table.rows.get(row.within, ())):
                yield f"{code}: within names {row.within}, which lies within another itself: name the outermost"
            yield from (f"{code}: no such duty: {one}" for one in row.duties if one not in table.duties)
            yield from (
                f"{code}: no such circumstance: {one.when}" for one in row.variant if one.when not in CIRCUMSTANCES
            )
            yield from (f"{code}: no such source: {one}" for one in row.support.sources if one not in table.sources)
    for held in (table.duties, table.bases):
        for name, law in held.items():
            yield from (f"{name}: no such source: {one}" for one in law.sources if one not in table.sources)
    for name, duty in table.duties.items():
        yield from (f"{name}: no such legal basis: {one}" for one in duty.yields_to if one not in table.bases)
    for basis in table.bases.values():
        yield from (f"{basis.code}: no row of {one}" for one in basis.places if one not in table.rows)
