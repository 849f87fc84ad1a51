"""Sealing: a recording's chunks, one after the other, each bound to all before it.

Record n is sealed with AES-256-GCM under the recording's own data key; its nonce is its index, its associated data
the chain's head before it and its own frame. So order, completeness and end are authenticated, and whoever seals
cannot open anything once it forgets the key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from overt.vault.format import END, HEADER, LARGEST_BODY, SealBroken, frame_prefix
from overt.vault.header import Header, header_body
from overt.vault.keys import WrappingKey, data_key

FIRST_HEAD = b"\0" * 32
TAG_BYTES = 16


def nonce(index: int) -> bytes:
    """The 12-byte nonce of a record: its index. A data key seals one recording only, so no nonce comes twice."""
    return index.to_bytes(12, "big")


class Sealer:
    """One recording being sealed. Holds the data key, and can only seal."""

    def __init__(self, header: Header, wrapping: WrappingKey, file_secret: bytes, erasure_secret: bytes) -> None:
        self._aead = AESGCM(data_key(file_secret, erasure_secret, header.tenant, header.recording))
        self._recording = header.recording
        self._names = header.tenant.encode(), bytes.fromhex(header.recording.replace("-", ""))
        self.head, self.chunks, self._ended = FIRST_HEAD, 0, False
        wrapped = wrapping.wrap(file_secret, header.tenant, header.recording)
        body = header_body(header, wrapping.key_id, wrapped)
        self.header_record = self._chained(frame_prefix(*self._names, HEADER, 0, 0, len(body)) + body)

    def _chained(self, record: bytes) -> bytes:
        self.head = hashlib.sha256(self.head + record).digest()
        self.chunks += 1
        return record

    def seal(self, track: int, plaintext: bytes, flags: int = 0) -> bytes:
        """Seal a chunk of a track and return its record. The chain's `head` and `chunks` move on.

        Raises SealBroken when the recording was finished, or the chunk is larger than any reader takes.
        """
        sealed_size = len(plaintext) + TAG_BYTES
        if self._ended or sealed_size > LARGEST_BODY:
            raise SealBroken(f"recording {self._recording}", "it was finished, or the chunk is too large")
        prefix = frame_prefix(*self._names, flags, track, self.chunks, sealed_size)
        sealed = self._aead.encrypt(nonce(self.chunks), plaintext, self.head + prefix)
        self._ended = bool(flags & END)
        return self._chained(prefix + sealed)

    def finish(self, manifest: Mapping[str, object]) -> bytes:
        """Seal the manifest as the END record. Nothing may be sealed after it."""
        return self.seal(0, json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode(), END)
