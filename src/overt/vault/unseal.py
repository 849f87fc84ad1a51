"""Opening: every record is checked against the chain before any of it is believed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from overt.vault.format import END, Record, SealBroken
from overt.vault.header import read_header
from overt.vault.keys import OpeningKey, WrongKey, data_key
from overt.vault.seal import FIRST_HEAD, nonce


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
    if end is not None and expected < end.chunks:
        few = f"{expected} of {end.chunks} records are here: it is still being archived, or a part is missing"
        raise SealBroken("end", few)
    if end is not None and head.hex() != end.head:
        raise SealBroken("end", "the recording does not end as the ledger states")


class Unsealer:
    """Opens the records of one recording, one by one and in any order, each behind the head before it.

    Believe nothing before `walk` has come to the end: it tells whether all records are there.
    """

    def __init__(self, header: Record, key: OpeningKey, erasure_secret: bytes) -> None:
        """Make the data key from a recording's first record. Raises SealBroken, WrongKey."""
        told, wrapped, key_id = read_header(header)
        if key_id != key.public.key_id:
            raise WrongKey(f"recording {header.recording} is sealed to key {key_id}")
        secret = key.unwrap(wrapped, told.tenant, told.recording)
        self._aead = AESGCM(data_key(secret, erasure_secret, told.tenant, told.recording))

    def open(self, record: Record, head: bytes) -> Opened:
        """Open a record, given the chain's head before it. Raises SealBroken when either is not as it was sealed."""
        try:
            plaintext = self._aead.decrypt(nonce(record.index), record.body, head + record.prefix)
        except InvalidTag as error:
            raise SealBroken(
                f"recording {record.recording}, record {record.index}",
                "it was altered, or its erasure secret is another",
            ) from error
        return Opened(record.track, record.index, plaintext, bool(record.flags & END))


def unseal(
    records: Iterable[Record], key: OpeningKey, erasure_secret: bytes, end: AuthenticatedEnd | None = None
) -> Iterator[Opened]:
    """Open a recording, record by record. Raises WrongKey, or SealBroken as `walk` does and for altered bytes."""
    unsealer: Unsealer | None = None
    for record, head in walk(records, end):
        if unsealer is None:
            unsealer = Unsealer(record, key, erasure_secret)
        else:
            yield unsealer.open(record, head)
