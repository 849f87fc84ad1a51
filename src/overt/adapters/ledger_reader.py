"""The ledger's entries as a reader wants them: straight from the files, whether or not anything runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from overt.adapters.ledger_files import read_lines, read_personal
from overt.ledger.entry import read_entry
from overt.services.auditing import Stated


def read_stated(folder: Path, first: int = 0) -> Iterator[Stated]:
    """Yield the entries from `first` on, with the personal values that are not erased. Raises EntryBroken."""
    personal = read_personal(folder)
    for index, line in enumerate(read_lines(folder)[first:], first):
        entry = read_entry(line)
        values = {field: personal[index, field][1] for field in entry.personal if (index, field) in personal}
        yield Stated(index, entry.kind, entry.at_us, entry.call, entry.body, values)
