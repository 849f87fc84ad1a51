"""The frame of a sealed record: the same in an engine's spool and in a recording's own file.

    "OV" | version 1 | flags | tenant length | recording UUID (16) | track | index (4) | body length (4) | tenant | body

All numbers are big-endian. The first record of a recording is its HEADER (clear JSON, no audio), the last its END;
the body of every other record is a sealed chunk. docs/formats/sealed-recording.md is the whole story.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass

MAGIC = b"OV"
VERSION = 1
HEADER = 0x01
END = 0x02
LARGEST_BODY = 1 << 20
_FRAME = struct.Struct(">2sBBB16sBII")


class SealBroken(Exception):
    """Sealed bytes are not what was sealed. `where` names the recording and the record, `why` what is wrong."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"{where}: {why}")
        self.where, self.why = where, why


class Torn(SealBroken):
    """The bytes end inside a record: a crash, or a cut."""


@dataclass(frozen=True, slots=True)
class Record:
    """One framed record. `recording` is the UUID's canonical text; `body` sealed, or the header's JSON."""

    tenant: str
    recording: str
    flags: int
    track: int
    index: int
    body: bytes

    @property
    def prefix(self) -> bytes:
        """Everything before the body; authenticated with it."""
        raw = bytes.fromhex(self.recording.replace("-", ""))
        return frame_prefix(self.tenant.encode(), raw, self.flags, self.track, self.index, len(self.body))

    @property
    def encoded(self) -> bytes:
        """The record's bytes."""
        return self.prefix + self.body

    def head_after(self, head: bytes) -> bytes:
        """The chain's next head: SHA-256 of the head before and this record."""
        return hashlib.sha256(head + self.encoded).digest()


def frame_prefix(tenant: bytes, recording: bytes, flags: int, track: int, index: int, size: int) -> bytes:
    """What stands before a body of so many bytes; `recording` is the UUID's 16 bytes."""
    return _FRAME.pack(MAGIC, VERSION, flags, len(tenant), recording, track, index, size) + tenant


def uuid_text(raw: bytes) -> str:
    """The canonical text of a UUID's 16 bytes."""
    digits = raw.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def read_record(sealed: bytes, offset: int) -> tuple[Record, int]:
    """Return the record at an offset and the offset after it.

    Raises Torn when the bytes end inside it, SealBroken when no record of this version stands there.
    """
    where = f"offset {offset}"
    if len(sealed) - offset < _FRAME.size:
        raise Torn(where, "the bytes end inside a record's frame")
    magic, version, flags, tenant_size, recording, track, index, size = _FRAME.unpack_from(sealed, offset)
    if magic != MAGIC or version != VERSION:
        raise SealBroken(where, "no record of version 1 stands here")
    if size > LARGEST_BODY:
        raise SealBroken(where, f"a body of {size} bytes is larger than any that is written")
    begin = offset + _FRAME.size + tenant_size
    if len(sealed) < begin + size:
        raise Torn(where, "the bytes end inside a record's body")
    try:
        tenant = sealed[offset + _FRAME.size : begin].decode()
    except UnicodeDecodeError as error:
        raise SealBroken(where, "the tenant is not text") from error
    return Record(tenant, uuid_text(recording), flags, track, index, bytes(sealed[begin : begin + size])), begin + size


def read_records(sealed: bytes) -> Iterator[Record]:
    """Yield the records of a spool segment or a recording's file. Raises as `read_record` does."""
    offset = 0
    while offset < len(sealed):
        record, offset = read_record(sealed, offset)
        yield record
