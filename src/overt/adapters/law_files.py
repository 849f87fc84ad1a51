"""The law table: as the package ships it, or from a folder of the operator's. Read by tomli, which is compiled."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import tomli

from overt.domain.errors import LawUnreadable
from overt.domain.law.table import VERSION, Table, parse_table

ENDING = ".toml"


def load_table(folder: Path | None = None) -> Table:
    """Read the law as the package ships it. Files of a folder of the same shape take the place of ours of the same name.

    Raises LawUnreadable, also when the folder holds no file of a law.
    """
    shipped = dict(_found(files("overt.domain.law.data"), ""))
    if folder is None:
        return parse_table(shipped, read_toml=tomli.loads)
    own = _own(folder)
    return parse_table({**shipped, **own}, version=f"{VERSION}+own", read_toml=tomli.loads)


def _own(folder: Path) -> dict[str, str]:
    try:
        own = dict(_found(folder, ""))
    except OSError as error:
        raise LawUnreadable(f"{folder}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise LawUnreadable(f"{folder}: a file is not UTF-8 ({error.reason})") from error
    if not own:
        raise LawUnreadable(
            f"{folder} holds no file of a law: places/, duties/, bases/ with .toml files, or sources.toml"
        )
    return own


def _found(folder: Traversable | Path, before: str) -> Iterator[tuple[str, str]]:
    """Every file of the table as (name without ending, text): `places/US-CA`. Numbers are read elsewhere."""
    for one in folder.iterdir():
        if one.is_dir() and not before and one.name in ("places", "duties", "bases"):
            yield from _found(one, f"{one.name}/")
        elif one.name.endswith(ENDING) and (before or one.name == f"sources{ENDING}"):
            yield before + one.name.removesuffix(ENDING), one.read_text(encoding="utf-8")
