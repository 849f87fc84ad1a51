"""Verification: what anyone can check with the files and the public key, and what nobody can."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from overt.ledger.checkpoint import Checkpoint, CheckpointBroken, VerifierKey, verify
from overt.ledger.entry import Entry, EntryBroken, commitment, read_entry
from overt.ledger.merkle import Tree, leaf_hash

NOT_PROVEN = (
    "not proven: that every call passed here",
    "unwitnessed: nobody else holds a checkpoint of this ledger, so its owner could have written it anew",
)
NOT_LOOKED_AT = "not looked at: the personal values, which stay where they are"
Personal = Mapping[tuple[int, str], tuple[bytes, str]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result: how many entries, what is wrong (empty: nothing), and what was not proven."""

    size: int
    root: str
    wrong: tuple[str, ...]
    not_proven: tuple[str, ...]

    @property
    def verified(self) -> bool:
        """True when nothing is wrong."""
        return not self.wrong


def verify_ledger(
    lines: Sequence[bytes], note: str, key: VerifierKey, personal: Personal | None, against: Sequence[str] = ()
) -> Verdict:
    """Check a whole ledger: its lines, its latest checkpoint, its personal values (unless None), older checkpoints.

    Lines beyond the checkpoint's size are being written and are left alone. Each finding says what is wrong and,
    where that can be known, in which entry.
    """
    tree = Tree([leaf_hash(line) for line in lines])
    wrong: list[str] = []
    checkpoint = _latest(note, key, wrong)
    entries = [_entry(index, line, wrong) for index, line in enumerate(lines)]
    if checkpoint is not None:
        wrong += _against(tree, checkpoint, "the latest checkpoint")
    for older in against:
        wrong += _older(tree, older, key)
    size = checkpoint.size if checkpoint is not None else tree.size
    wrong += personal_wrongs(enumerate(entries[:size]), personal) if personal is not None else ()
    held = () if against else NOT_PROVEN[1:]
    unseen = () if personal is not None else (NOT_LOOKED_AT,)
    return Verdict(size, tree.root(min(size, tree.size)).hex(), tuple(wrong), (NOT_PROVEN[0], *held, *unseen))


def _latest(note: str, key: VerifierKey, wrong: list[str]) -> Checkpoint | None:
    try:
        return verify(note, key)
    except CheckpointBroken as error:
        wrong.append(f"latest checkpoint: {error}")
        return None


def _entry(index: int, line: bytes, wrong: list[str]) -> Entry | None:
    try:
        return read_entry(line)
    except EntryBroken as error:
        wrong.append(f"entry {index}: {error}")
        return None


def _against(tree: Tree, checkpoint: Checkpoint, name: str) -> list[str]:
    if tree.size < checkpoint.size:
        cut = checkpoint.size - tree.size
        return [f"{name} speaks of {checkpoint.size} entries, {cut} of them are missing"]
    if tree.root(checkpoint.size) != checkpoint.root:
        return [f"{name}: the first {checkpoint.size} entries are not those that it signed"]
    return []


def _older(tree: Tree, note: str, key: VerifierKey) -> list[str]:
    try:
        older = verify(note, key)
    except CheckpointBroken as error:
        return [f"older checkpoint: {error}"]
    wrong = _against(tree, older, f"the checkpoint of size {older.size}")
    return [f"history was rewritten: {one}" for one in wrong]


def personal_wrongs(entries: Iterable[tuple[int, Entry | None]], personal: Personal) -> list[str]:
    """Check every personal value against its commitment; one that is gone needs an erasure's entry."""
    wrong: list[str] = []
    numbered = [(index, entry) for index, entry in entries if entry is not None]
    erased = {number for _, one in numbered if one.kind == "personal.erased" for number in one.body.get("entries", ())}
    for index, entry in numbered:
        for field, committed in entry.personal.items():
            held = personal.get((index, field))
            if held is None:
                if index not in erased:
                    wrong.append(f"entry {index}: its personal field {field} is gone, and no erasure was entered")
            elif commitment(*held) != committed:
                wrong.append(f"entry {index}: its personal field {field} is not what was committed")
    return wrong


def first_difference(lines: Sequence[bytes], leaves: Sequence[bytes]) -> int | None:
    """The first entry whose hash is not the stored one; None when all agree. Names the entry that was changed."""
    for index, (line, leaf) in enumerate(zip(lines, leaves, strict=False)):
        if leaf_hash(line) != leaf:
            return index
    return None
