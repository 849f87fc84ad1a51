"""The keys of a recording.

The data key is derived from two halves: a *file secret*, sealed by HPKE (RFC 9180) to the opener's public key and
kept in the recording's header, and an *erasure secret*, kept apart in a register whose rows can be destroyed (P10).
The KEM is ML-KEM-768 with X25519, so that what is stored today stays closed to tomorrow's machines.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SUITE_NAME = "hpke mlkem768-x25519 hkdf-sha256 aes-256-gcm"
SECRET_BYTES = 32
_MLKEM_PUBLIC = 1184
_MLKEM_SEED = 64
_SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class WrongKey(Exception):
    """This key, or this erasure secret, does not open that recording."""


@dataclass(frozen=True, slots=True)
class WrappingKey:
    """The opener's public key: ML-KEM-768 public key (1184 bytes), then X25519 public key (32 bytes)."""

    raw: bytes

    @property
    def key_id(self) -> str:
        """The first 16 bytes of the SHA-256 of the raw public key, hexadecimal."""
        return hashlib.sha256(self.raw).hexdigest()[:32]

    def wrap(self, file_secret: bytes, tenant: str, recording: str) -> bytes:
        """Seal a file secret for one recording (HPKE base mode; `info` binds tenant, recording and key id).

        Raises WrongKey when these bytes are no public key.
        """
        try:
            key = MLKEM768X25519PublicKey(
                MLKEM768PublicKey.from_public_bytes(self.raw[:_MLKEM_PUBLIC]),
                X25519PublicKey.from_public_bytes(self.raw[_MLKEM_PUBLIC:]),
            )
        except ValueError as error:
            raise WrongKey("these bytes are no public key of the opener") from error
        return _SUITE.encrypt(file_secret, key, info=_info(tenant, recording, self.key_id))


@dataclass(frozen=True, slots=True, repr=False)
class OpeningKey:
    """The opener's private key: ML-KEM-768 seed (64 bytes), then X25519 private key (32 bytes)."""

    raw: bytes

    @classmethod
    def generate(cls) -> OpeningKey:
        """Make a new key pair."""
        return cls(MLKEM768PrivateKey.generate().private_bytes_raw() + X25519PrivateKey.generate().private_bytes_raw())

    def _halves(self) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
        try:
            return (
                MLKEM768PrivateKey.from_seed_bytes(self.raw[:_MLKEM_SEED]),
                X25519PrivateKey.from_private_bytes(self.raw[_MLKEM_SEED:]),
            )
        except ValueError as error:
            raise WrongKey("these bytes are no opening key") from error

    @property
    def public(self) -> WrappingKey:
        """The public half. Raises WrongKey when these bytes are no opening key."""
        mlkem, x25519 = self._halves()
        return WrappingKey(mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw())

    def unwrap(self, wrapped: bytes, tenant: str, recording: str) -> bytes:
        """Open a wrapped file secret. Raises WrongKey when it was sealed to another key, tenant or recording."""
        private, key_id = MLKEM768X25519PrivateKey(*self._halves()), self.public.key_id
        try:
            return _SUITE.decrypt(wrapped, private, info=_info(tenant, recording, key_id))
        except InvalidTag as error:
            raise WrongKey(f"recording {recording} is not sealed to key {key_id}") from error

    def __repr__(self) -> str:
        return "OpeningKey(…)"


def _info(tenant: str, recording: str, key_id: str) -> bytes:
    return b"overt file secret v1\0" + "\0".join((tenant, recording, key_id)).encode()


def data_key(file_secret: bytes, erasure_secret: bytes, tenant: str, recording: str) -> bytes:
    """Derive the 32-byte AES-256-GCM key of a recording from its two halves (HKDF-SHA256, RFC 5869)."""
    info = b"overt data key v1\0" + "\0".join((tenant, recording)).encode()
    return HKDF(hashes.SHA256(), SECRET_BYTES, salt=erasure_secret, info=info).derive(file_secret)
