"""The law table as the package ships it."""

from __future__ import annotations

from importlib.resources import files

from overt.domain.law.table import Table, parse_table


def load_table() -> Table:
    """Read and join every row of `overt/domain/law/data`. Raises LawUnreadable."""
    folder = files("overt.domain.law.data")
    found = {one.name.removesuffix(".toml"): one.read_text() for one in folder.iterdir() if one.name.endswith(".toml")}
    return parse_table(found)
