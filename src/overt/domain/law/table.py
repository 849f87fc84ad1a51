"""The law table: rows by code, with a version, a date and a content hash that every decision carries."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass

from overt.domain.errors import LawUnreadable
from overt.domain.law.model import Row, parse_row

VERSION = "2026.11.23"
SPEAKS_AS_OF = "2026-11-23"


@dataclass(frozen=True, slots=True)
class Table:
    """All rows. `sha256` is over the files' bytes in the order of their codes."""

    rows: Mapping[str, Row]
    version: str
    as_of: str
    sha256: str


def parse_table(files: Mapping[str, str], *, version: str = VERSION, as_of: str = SPEAKS_AS_OF) -> Table:
    """Return the table that files (name without ending → TOML text) hold.

    Raises LawUnreadable when a file cannot be read, when its code is not its name, or when none is given.
    """
    if not files:
        raise LawUnreadable("the law table is empty: nothing can be decided")
    digest = hashlib.sha256()
    rows: dict[str, Row] = {}
    for name in sorted(files):
        digest.update(name.encode() + b"\0" + files[name].encode() + b"\0")
        try:
            row = parse_row(name, tomllib.loads(files[name]))
        except tomllib.TOMLDecodeError as error:
            raise LawUnreadable(f"{name}: {error}") from error
        if row.code != name:
            raise LawUnreadable(f"{name}: the row's code is {row.code}")
        rows[row.code] = row
    return Table(rows, version, as_of, digest.hexdigest())
