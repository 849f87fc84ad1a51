"""Opening: every record is checked against the chain before any of it is believed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from overt.vault.format import END, HEADER, Record, SealBroken
from overt.vault.keys import SUITE_NAME, OpeningKey, WrongKey, data_key
from overt.vault.seal import FIRST_HEAD, Header, nonce

_HEADER_TYPES: Mapping[str, type] = {
    "tenant": str, "recording": str, "call": str, "episode": str, "started_us": int, "started_ns": int, "ledger_index": int,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class AuthenticatedEnd:
    """The end that the ledger states: how many records there are and the chain's head after the last."""

    chunks: int
    head: str


@dataclass(frozen=True, slots=True)
class Opened:
    """One opened chunk. `last` on the manifest of a recording that was ended in order."""

    track: int
    index: int
    plaintext: bytes
    last: bool


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


def walk(records: Iterable[Record], end: AuthenticatedEnd | None) -> Iterator[tuple[Record, bytes]]:
    """Yield each record with the chain's head before it, and check order, completeness and end.

    With `end`, the records must reach exactly that head (whatever stands after it is not believed). Without, they
    must close with an END record. Raises SealBroken at the first record that does not fit.
    """
    head, expected, closed = FIRST_HEAD, 0, False
    belongs: tuple[str, str] | None = None
    for record in records:
        where = f"recording {record.recording}, record {expected}"
        if closed:
            raise SealBroken(where, "something stands after the end")
        if record.index != expected:
            raise SealBroken(where, f"record {record.index} stands in its place")
        belongs = belongs or (record.tenant, record.recording)
        if belongs != (record.tenant, record.recording):
            raise SealBroken(where, f"it does not belong to recording {belongs[1]}")
        yield record, head
        head, expected, closed = record.head_after(head), expected + 1, bool(record.flags & END)
        if end is not None and expected == end.chunks:
            break
    if end is None and not closed:
        raise SealBroken("end", "the recording has no authenticated end")
    if end is not None and (expected, head.hex()) != (end.chunks, end.head):
        raise SealBroken("end", "the recording does not end as the ledger states")


def unseal(
    records: Iterable[Record], key: OpeningKey, erasure_secret: bytes, end: AuthenticatedEnd | None = None
) -> Iterator[Opened]:
    """Open a recording, record by record. Raises WrongKey, or SealBroken as `walk` does and for altered bytes."""
    aead: AESGCM | None = None
    for record, head in walk(records, end):
        if aead is None:
            header, wrapped, key_id = read_header(record)
            if key_id != key.public.key_id:
                raise WrongKey(f"recording {record.recording} is sealed to key {key_id}")
            secret = key.unwrap(wrapped, header.tenant, header.recording)
            aead = AESGCM(data_key(secret, erasure_secret, header.tenant, header.recording))
            continue
        try:
            plaintext = aead.decrypt(nonce(record.index), record.body, head + record.prefix)
        except InvalidTag as error:
            raise SealBroken(
                f"recording {record.recording}, record {record.index}",
                "it was altered, or its erasure secret is another",
            ) from error
        yield Opened(record.track, record.index, plaintext, bool(record.flags & END))
