"""Checkpoints: the tree's size and root under a signature, as C2SP tlog-checkpoint and signed-note describe.

<origin>\\n<size>\\n<root, base64>\\n\\n— <key name> <base64(key hash || Ed25519 signature)>\\n
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_ED25519 = b"\x01"


class CheckpointBroken(Exception):
    """A checkpoint or a key that cannot be read, or a signature that does not hold."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree's size and root under its origin."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with its name; its text form is C2SP's vkey `name+hash+base64(0x01 || key)`."""

    name: str
    raw: bytes

    @property
    def key_hash(self) -> bytes:
        """The first four bytes of SHA-256(name || "\\n" || 0x01 || key)."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.raw).digest()[:4]

    @property
    def text(self) -> str:
        """The vkey."""
        return f"{self.name}+{self.key_hash.hex()}+{base64.b64encode(_ED25519 + self.raw).decode()}"

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Read a vkey. Raises CheckpointBroken."""
        try:
            name, key_hash, encoded = text.strip().split("+", 2)
            raw = base64.b64decode(encoded, validate=True)
        except (ValueError, binascii.Error) as error:
            raise CheckpointBroken("not a verifier key") from error
        key = cls(name, raw[1:])
        if raw[:1] != _ED25519 or len(key.raw) != 32 or key.key_hash.hex() != key_hash:
            raise CheckpointBroken("not an Ed25519 verifier key, or its hash does not fit")
        return key


def origin_of(tenant: str, public_key: bytes) -> str:
    """The log's origin: one for each tenant and key."""
    return f"overt.local/{tenant}/{hashlib.sha256(public_key).hexdigest()[:16]}"


def sign(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> str:
    """Return the signed note of a checkpoint. The key's name is the log's origin."""
    verifier = VerifierKey(checkpoint.origin, key.public_key().public_bytes_raw())
    signature = base64.b64encode(verifier.key_hash + key.sign(checkpoint.text.encode())).decode()
    return f"{checkpoint.text}\n— {verifier.name} {signature}\n"


def read_unverified(note: str) -> Checkpoint:
    """Read a checkpoint's text without looking at its signatures. Raises CheckpointBroken."""
    body, separator, _ = note.partition("\n\n")
    lines = body.split("\n")
    if not separator or len(lines) != 3 or not lines[1].isdecimal():
        raise CheckpointBroken("not a checkpoint")
    try:
        root = base64.b64decode(lines[2], validate=True)
    except binascii.Error as error:
        raise CheckpointBroken("the root is not base64") from error
    return Checkpoint(lines[0], int(lines[1]), root)


def verify(note: str, key: VerifierKey) -> Checkpoint:
    """Return the checkpoint of a signed note. Raises CheckpointBroken when no signature of the key holds."""
    checkpoint = read_unverified(note)
    for line in note.partition("\n\n")[2].split("\n"):
        mark, _, rest = line.partition(" ")
        name, _, encoded = rest.partition(" ")
        if mark != "—" or name != key.name:
            continue
        try:
            raw = base64.b64decode(encoded, validate=True)
            Ed25519PublicKey.from_public_bytes(key.raw).verify(raw[4:], checkpoint.text.encode())
        except (binascii.Error, InvalidSignature) as error:
            raise CheckpointBroken("the signature does not hold") from error
        if raw[:4] == key.key_hash and checkpoint.origin == key.name:
            return checkpoint
    raise CheckpointBroken(f"no signature of {key.name}")
