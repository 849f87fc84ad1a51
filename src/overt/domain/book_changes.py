"""What differs between two policy books, in plain words: for the history, the publishing page and the ledger.

Policies are known by their names; a renamed policy counts as one taken out and one put in. Because the first match wins, the
order is part of what a book says, and is told too.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from itertools import count
from typing import Any

from overt.domain.book import ChosenBasis, Policy, PolicyBook

_LISTS: Mapping[str, str] = {"never_record": "number", "relax": "place", "stricter": "place"}


def differences(old: PolicyBook, new: PolicyBook) -> tuple[str, ...]:
    """Return what `new` says otherwise than `old`, a sentence each; empty when they say the same.

    Numbers of `never_record` and conditions stand in clear, as they do in the book.
    """
    return (*_plain(old, new), *_entries(old, new), *_policies(old, new))


def _plain(old: PolicyBook, new: PolicyBook) -> Iterator[str]:
    for name in ("title", "timezone"):
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            yield f"{name}: {_said(before)} → {_said(after)}"


def _entries(old: PolicyBook, new: PolicyBook) -> Iterator[str]:
    """The lists of numbers and places, compared entry by entry under their key."""
    for section, key in _LISTS.items():
        before = _keyed(getattr(old, section), key)
        after = _keyed(getattr(new, section), key)
        for name in before:
            if name not in after:
                yield f"{section} {name[0]}: taken out"
        for name, one in after.items():
            if name not in before:
                yield f"{section} {name[0]}: put in{_because(one)}"
            else:
                yield from (f"{section} {name[0]}: {change}" for change in _fields(before[name], one))


def _because(one: Any) -> str:
    said = [f"{field.name} {_said(getattr(one, field.name))}" for field in fields(one)[1:]]
    return f" ({', '.join(said)})"


def _keyed(entries: Sequence[Any], key: str) -> dict[tuple[str, int], Any]:
    """Entries by key and, since a book that was never checked may hold a key twice, by how many stood before."""
    seen: dict[str, Iterator[int]] = {}
    return {(name, next(seen.setdefault(name, count()))): one for one in entries for name in [getattr(one, key)]}


def _policies(old: PolicyBook, new: PolicyBook) -> Iterator[str]:
    before, after = _keyed(old.policy, "name"), _keyed(new.policy, "name")
    for place, name in enumerate(before, 1):
        if name not in after:
            yield f"policy «{name[0]}»: taken out (it was no. {place})"
    moved = _moved([name for name in before if name in after], [name for name in after if name in before])
    for place, (name, policy) in enumerate(after.items(), 1):
        if name not in before:
            yield f"policy «{name[0]}»: put in as no. {place}{'' if policy.enabled else ', not enabled'}"
            continue
        if name in moved:
            yield f"policy «{name[0]}»: moved from no. {list(before).index(name) + 1} to no. {place}"
        yield from (f"policy «{name[0]}»: {change}" for change in _of_policy(before[name], policy))


def _moved(before: Sequence[tuple[str, int]], after: Sequence[tuple[str, int]]) -> set[tuple[str, int]]:
    """Those of the same names that do not stand in the longest run of kept order."""
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    kept = {after[block.b + step] for block in matcher.get_matching_blocks() for step in range(block.size)}
    return set(after) - kept


def _of_policy(old: Policy, new: Policy) -> Iterator[str]:
    for one in fields(Policy):
        before, after = getattr(old, one.name), getattr(new, one.name)
        if is_dataclass(before):
            yield from (f"{one.name}.{change}" for change in _fields(before, after))
        elif one.name == "enabled" and before != after:
            yield "enabled" if after else "no longer enabled"
        elif before != after:
            yield f"{one.name}: {_said(before)} → {_said(after)}"


def _fields(old: Any, new: Any) -> Iterator[str]:
    for one in fields(old):
        before, after = getattr(old, one.name), getattr(new, one.name)
        if before != after:
            yield f"{one.name.rstrip('_')}: {_said(before)} → {_said(after)}"


def _said(value: Any) -> str:
    """A value in words."""
    if isinstance(value, ChosenBasis):
        return f"{value.code} (document {_said(value.document)}, {_said(value.person)})" if value.code else "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    return f"«{value}»" if isinstance(value, str) and value else str(value) or "none"
