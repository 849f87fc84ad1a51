"""What `overt calls` and `overt ledger verify` read: the ledger's files and the public key, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from overt.adapters.key_files import VERIFIER_KEY, load_verifier_key
from overt.adapters.ledger_files import read_checkpoint, read_leaves, read_lines, read_personal
from overt.adapters.ledger_reader import read_stated
from overt.ledger.verify import Verdict, first_difference, verify_ledger
from overt.services.auditing import CallRecord, read_calls

TENANT = "main"


def ledger_folder(data_folder: Path) -> Path:
    """Where the ledger's files are."""
    return data_folder / "ledger" / TENANT


def calls(data_folder: Path) -> dict[str, CallRecord]:
    """Every call in the ledger. Raises EntryBroken."""
    return read_calls(read_stated(ledger_folder(data_folder)))


def verdict(data_folder: Path, against: Sequence[Path], verifier: Path | None) -> Verdict:
    """Verify the ledger. Raises Unavailable or CheckpointBroken when the public key cannot be read, OSError."""
    folder = ledger_folder(data_folder)
    key = load_verifier_key(verifier or data_folder / VERIFIER_KEY)
    note = read_checkpoint(folder) or ""  # before the lines: a running notary may add some in between
    lines = read_lines(folder)
    found = verify_ledger(lines, note, key, read_personal(folder), [path.read_text() for path in against])
    changed = first_difference(lines, read_leaves(folder))
    if changed is None or found.verified:
        return found
    named = f"entry {changed} is the first that is not what was entered"
    return Verdict(found.size, found.root, (*found.wrong, named), found.not_proven)
