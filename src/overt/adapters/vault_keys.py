"""The opener's key pair in files: `keys/opener.key` for the opener alone, `keys/opener.pub` for those who seal.

Each file is one line, `<kind>+<key id>+<base64 of the raw key>`, so that a person can see which key it is, and a file
in the wrong place is refused.
"""

from __future__ import annotations

import base64
import binascii
import os
from pathlib import Path

from overt.ports import Unavailable
from overt.vault.keys import OpeningKey, WrappingKey, WrongKey

OPENING_FILE = "opener.key"
WRAPPING_FILE = "opener.pub"
_OPENING, _WRAPPING = "overt-opening", "overt-wrapping"


def generate(folder: Path) -> WrappingKey:
    """Make the opener's key pair in a folder and return the public half.

    Raises Unavailable when a key stands there already (it may be all that opens earlier recordings), or on a full or
    read-only disk.
    """
    key = OpeningKey.generate()
    public = key.public
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_new(folder / OPENING_FILE, _line(_OPENING, public.key_id, key.raw), 0o600)
        _write_new(folder / WRAPPING_FILE, _line(_WRAPPING, public.key_id, public.raw), 0o644)
    except FileExistsError as error:
        raise Unavailable(
            "vault keys", f"{error.filename} exists already; it is never overwritten", retry=False
        ) from error
    except OSError as error:
        raise Unavailable("vault keys", f"{error.strerror}: {error.filename}", retry=False) from error
    return public


def read_opening_key(folder: Path) -> OpeningKey:
    """Return the opener's private key. Raises Unavailable when it is missing, broken or readable by others."""
    path = folder / OPENING_FILE
    key_id, raw = _read(path, _OPENING)
    if path.stat().st_mode & 0o077:
        raise Unavailable("vault keys", f"{path} may be read by others: chmod 600 it, and ask who did", retry=False)
    key = OpeningKey(raw)
    try:
        found = key.public.key_id
    except WrongKey as error:
        raise Unavailable("vault keys", f"{path}: {error}", retry=False) from error
    if found != key_id:
        raise Unavailable("vault keys", f"{path} names the key {key_id} and holds {found}", retry=False)
    return key


def read_wrapping_key(folder: Path) -> WrappingKey:
    """Return the opener's public key. Raises Unavailable when it is missing or broken."""
    path = folder / WRAPPING_FILE
    key_id, raw = _read(path, _WRAPPING)
    key = WrappingKey(raw)
    if key.key_id != key_id:
        raise Unavailable("vault keys", f"{path} names the key {key_id} and holds {key.key_id}", retry=False)
    try:
        key.wrap(b"\0" * 32, "probe", "probe")
    except WrongKey as error:
        raise Unavailable("vault keys", f"{path}: {error}", retry=False) from error
    return key


def _line(kind: str, key_id: str, raw: bytes) -> str:
    return f"{kind}+{key_id}+{base64.b64encode(raw).decode()}\n"


def _write_new(path: Path, text: str, mode: int) -> None:
    """Write a file that must not exist yet, durably."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    try:
        os.write(file, text.encode())
        os.fsync(file)
    finally:
        os.close(file)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read(path: Path, kind: str) -> tuple[str, bytes]:
    try:
        found, key_id, encoded = path.read_text(encoding="ascii").strip().split("+", 2)
        raw = base64.b64decode(encoded, validate=True)
    except OSError as error:
        raise Unavailable(
            "vault keys", f"{error.strerror}: {path}; `overt init` makes the keys", retry=False
        ) from error
    except (ValueError, binascii.Error) as error:
        raise Unavailable("vault keys", f"{path} is no key file", retry=False) from error
    if found != kind:
        raise Unavailable("vault keys", f"{path} holds a key of the kind {found}, not {kind}", retry=False)
    return key_id, raw
