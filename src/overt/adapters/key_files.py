"""The notary's signing key and its public key, as files of the data folder."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from overt.ledger.checkpoint import VerifierKey, origin_of
from overt.ports import Unavailable

SIGNING_KEY = "keys/notary.key"
VERIFIER_KEY = "keys/notary.vkey"
_RAW_BYTES = 32


def generate(folder: Path, tenant: str) -> VerifierKey:
    """Make the signing key (mode 0600, 32 raw bytes) and its verifier key's text. Refuses to overwrite."""
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    verifier = VerifierKey(origin_of(tenant, public), public)
    _write_new(folder / SIGNING_KEY, key.private_bytes_raw(), 0o600)
    _write_new(folder / VERIFIER_KEY, verifier.text.encode() + b"\n", 0o644)
    return verifier


def _write_new(path: Path, content: bytes, mode: int) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def load_signing_key(folder: Path) -> Ed25519PrivateKey:
    """Read the signing key. Raises Unavailable, saying what to do."""
    path = folder / SIGNING_KEY
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise Unavailable("keys", f"{path}: {error.strerror}; run `overt init`", retry=False) from error
    if len(raw) != _RAW_BYTES:
        raise Unavailable("keys", f"{path} is not an Ed25519 key of 32 bytes", retry=False)
    return Ed25519PrivateKey.from_private_bytes(raw)


def load_verifier_key(path: Path) -> VerifierKey:
    """Read a verifier key (C2SP vkey). Raises Unavailable, or CheckpointBroken when it is none."""
    try:
        return VerifierKey.parse(path.read_text())
    except OSError as error:
        raise Unavailable("keys", f"{path}: {error.strerror}", retry=False) from error
