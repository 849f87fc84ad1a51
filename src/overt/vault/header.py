"""The header of a recording: what stands in clear at its head. Whoever seals writes it; nothing in it opens anything."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from overt.vault.format import HEADER, Record, SealBroken
from overt.vault.keys import SUITE_NAME

_HEADER_TYPES: Mapping[str, type] = {
    "tenant": str, "recording": str, "call": str, "episode": str, "started_us": int, "started_ns": int, "ledger_index": int,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Header:
    """What stands in clear at the head of a recording: identities, times, the key's id; never a number or sound.

    `started_us` is UTC, `started_ns` the engine's monotonic clock at the same moment; `law` the hash of the table.
    """

    tenant: str
    recording: str
    call: str
    episode: str
    started_us: int
    started_ns: int
    ledger_index: int


def header_body(header: Header, key_id: str, wrapped: bytes) -> bytes:
    """The header's JSON."""
    fields = {
        "tenant": header.tenant, "recording": header.recording, "call": header.call, "episode": header.episode,
        "started_us": header.started_us, "started_ns": header.started_ns, "ledger_index": header.ledger_index,
        "suite": SUITE_NAME, "key_id": key_id, "file_secret": wrapped.hex(),
    }  # fmt: skip
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


def read_header(record: Record) -> tuple[Header, bytes, str]:
    """Return a recording's header, its wrapped file secret and its key id. Raises SealBroken."""
    where = f"recording {record.recording}"
    if record.flags != HEADER or record.index != 0:
        raise SealBroken(where, "the first record is not the header")
    try:
        fields = json.loads(record.body)
        wrapped, key_id = bytes.fromhex(fields.pop("file_secret")), str(fields.pop("key_id"))
        if fields.pop("suite") != SUITE_NAME:
            raise SealBroken(where, "it is sealed with another suite")
        header = Header(**fields)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise SealBroken(where, "the header cannot be read") from error
    if [type(getattr(header, name)) for name in _HEADER_TYPES] != list(_HEADER_TYPES.values()):
        raise SealBroken(where, "a field of the header is of another type")
    if (header.tenant, header.recording) != (record.tenant, record.recording):
        raise SealBroken(where, "the header speaks of another recording")
    return header, wrapped, key_id
