"""DATA/keys/digests.json: the secrets by which clients are known by digest, as hashes only (HA1, RFC 7616 §3.4.2).

Each user name has a hash for each algorithm of RFC 8760, and a random salt: the ledger names a secret by the salted hash of it,
which nobody can try passwords against who has the ledger alone. Mode 0600; replaced whole, durably.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from overt.domain.errors import ClientRefused
from overt.ports import Unavailable

FILE = "keys/digests.json"
ALGORITHMS: Mapping[str, str] = {"SHA-512-256": "sha512_256", "SHA-256": "sha256", "MD5": "md5"}
_NAMED_BY = "SHA-256"
SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 256


@dataclass(frozen=True, slots=True)
class DigestSecret:
    """What is kept for a user name. `ha1` is H(username:realm:password), hexadecimal, by algorithm (`ALGORITHMS`)."""

    realm: str
    ha1: Mapping[str, str] = field(repr=False)
    salt: str = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """How the ledger names it."""
        return hmac.new(bytes.fromhex(self.salt), self.ha1[_NAMED_BY].encode(), "sha256").hexdigest()


class DigestSecrets:
    """Implements clients.DigestSecrets. A reader sees what others change: the file is read anew when it is another."""

    def __init__(self, path: Path, realm: str) -> None:
        self._path, self._realm = path, realm
        self._seen: tuple[int, int] = (-1, -1)
        self._known: Mapping[str, DigestSecret] = {}

    def find(self, username: str) -> DigestSecret | None:
        """Return the secret of a user name in this realm. Raises Unavailable."""
        known = self._read().get(username)
        return known if known is not None and known.realm == self._realm else None

    def keep(self, username: str, password: str) -> str:
        """See clients.DigestSecrets. Raises ClientRefused for a password that is too short, or too long."""
        if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
            raise ClientRefused(f"a client's password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters")
        said = f"{username}:{self._realm}:{password}".encode()
        hashes = {name: hashlib.new(one, said, usedforsecurity=False).hexdigest() for name, one in ALGORITHMS.items()}
        made = DigestSecret(self._realm, hashes, secrets.token_hex(16))
        with self._changing() as known:
            known[username] = made
        return made.fingerprint

    def fingerprint(self, username: str) -> str:
        """See clients.DigestSecrets."""
        known = self.find(username)
        return known.fingerprint if known is not None else ""

    def drop(self, username: str) -> None:
        """See clients.DigestSecrets."""
        with self._changing() as known:
            known.pop(username, None)

    @contextmanager
    def _changing(self) -> Iterator[dict[str, DigestSecret]]:
        try:
            with (self._path.parent / "digests.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                known = dict(self._read())
                yield known
                self._write(known)
        except OSError as error:
            raise Unavailable("digests", f"{self._path}: {error.strerror}") from error

    def _write(self, known: Mapping[str, DigestSecret]) -> None:
        new = self._path.with_suffix(".new")
        rows = {name: {"realm": one.realm, "ha1": dict(one.ha1), "salt": one.salt}
                for name, one in sorted(known.items())}  # fmt: skip
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "w") as file:
            os.fchmod(handle, 0o600)
            json.dump(rows, file, indent=1)
            file.flush()
            os.fsync(handle)
        new.rename(self._path)

    def _read(self) -> Mapping[str, DigestSecret]:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise Unavailable("digests", f"{self._path}: {error.strerror}") from error
        seen = (status.st_ino, status.st_mtime_ns)
        if seen != self._seen:
            self._known = _parsed(self._path)
            self._seen = seen
        return self._known


def _parsed(path: Path) -> Mapping[str, DigestSecret]:
    try:
        return {name: DigestSecret(**one) for name, one in json.loads(path.read_text()).items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        why = f"{path} is not as it was written; restore it, or set the passwords anew (`overt clients password`)"
        raise Unavailable("digests", why, retry=False) from error
