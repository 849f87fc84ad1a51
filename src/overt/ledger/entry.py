"""Entries: a fact as canonical JSON (RFC 8785), with its personal fields replaced by salted commitments.

The tree holds the hash of this text. A personal field's value and its 32-byte salt live outside the tree; when they
are erased the entry still verifies, and nobody can guess the value from the commitment (house.md, design point 7).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import rfc8785

VERSION = 1
SALT_BYTES = 32


class EntryBroken(Exception):
    """An entry that cannot be written or read."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as read back. `personal` maps a field to its commitment, hexadecimal."""

    id: str
    tenant: str
    kind: str
    at_us: int
    entered_us: int
    call: str
    body: Mapping[str, Any]
    personal: Mapping[str, str]


def commitment(salt: bytes, value: str) -> str:
    """SHA-256(salt || value), hexadecimal."""
    return hashlib.sha256(salt + value.encode()).hexdigest()


def write_entry(entry: Entry) -> bytes:
    """The canonical bytes of an entry, one line without its end. Raises EntryBroken for floats and other strangers."""
    fields: dict[str, Any] = {
        "v": VERSION, "id": entry.id, "tenant": entry.tenant, "kind": entry.kind, "at_us": entry.at_us,
        "entered_us": entry.entered_us, "call": entry.call, "body": dict(entry.body), "personal": dict(entry.personal),
    }  # fmt: skip
    if _has_float(fields):
        raise EntryBroken("an entry holds no floats")
    try:
        return rfc8785.dumps(fields)
    except rfc8785.CanonicalizationError as error:
        raise EntryBroken(str(error)) from error


def _has_float(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_has_float(one) for one in value.values())
    if isinstance(value, (list, tuple)):
        return any(_has_float(one) for one in value)
    return isinstance(value, float)


def read_entry(line: bytes) -> Entry:
    """Read an entry's bytes. Raises EntryBroken when they are not the canonical form of an entry."""
    try:
        fields = json.loads(line)
        if fields.pop("v") != VERSION:
            raise EntryBroken("an entry of another version")
        entry = Entry(**fields)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise EntryBroken("not an entry") from error
    if write_entry(entry) != line:
        raise EntryBroken("not in canonical form")
    return entry
