"""Keys of encrypted sound in session descriptions: the attribute `crypto` (RFC 4568; the AEAD suites are of RFC 7714).

A line that asks for what we have not got (other suites, key identifiers, several keys, parameters that change the
transform) is as if it were not there. A key is never part of a `repr`.
"""

from __future__ import annotations

import binascii
import hashlib
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field

SUITES = {
    "AEAD_AES_256_GCM": 44,
    "AEAD_AES_128_GCM": 28,
    "AES_CM_128_HMAC_SHA1_80": 30,
    "AES_CM_128_HMAC_SHA1_32": 30,
}  # name → bytes of key and salt, in the order in which we offer them
LEAST_KEY = 30
HARMLESS = ("WSH", "-")  # the size of a window is a hint; a leading minus says that a parameter may be ignored


@dataclass(frozen=True, slots=True)
class Crypto:
    """One line: its tag, suite, and key and salt (hidden from `repr`)."""

    tag: int
    suite: str
    key: bytes = field(repr=False)

    def __str__(self) -> str:
        """The attribute, as a description carries it."""
        return f"crypto:{self.tag} {self.suite} inline:{b64encode(self.key).decode()}"


@dataclass(frozen=True, slots=True)
class SrtpKeys:
    """What both ends agreed on: the suite, their key and salt, and ours."""

    suite: str
    receive: bytes = field(repr=False)
    send: bytes = field(repr=False)


def read(value: str) -> Crypto | None:
    """The line after `crypto:`; None when it is malformed or asks for what we have not got."""
    parts = value.split()
    if len(parts) < 3 or not parts[0].isascii() or not parts[0].isdecimal() or len(parts[0]) > 9:
        return None
    suite, (method, _, inline) = parts[1].upper(), parts[2].partition(":")
    key, *rest = inline.split("|")
    identified = any(":" in part for part in rest) or ";" in inline
    if suite not in SUITES or method.lower() != "inline" or identified:
        return None
    if not all(one.upper().startswith(HARMLESS) for one in parts[3:]):
        return None
    try:
        raw = b64decode(key + "=" * (-len(key) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return Crypto(int(parts[0]), suite, raw) if len(raw) == SUITES[suite] else None


def offered(key: bytes) -> tuple[Crypto, ...]:
    """The lines of our offer: every suite, each with its own key made from one random key of at least 30 bytes."""
    return tuple(Crypto(tag, suite, of_suite(key, suite)) for tag, suite in enumerate(SUITES, 1))


def chosen(theirs: Iterable[Crypto], key: bytes) -> Crypto | None:
    """Our answer to lines of an offer: the first that we have, under its own tag, with our key. None: there is none."""
    first = next(iter(theirs), None)
    return Crypto(first.tag, first.suite, of_suite(key, first.suite)) if first else None


def of_suite(key: bytes, suite: str) -> bytes:
    """Our key and salt for a suite, from random bytes: the same each time, so a new offer keeps the keys.

    Raises ValueError for a key of less than 30 bytes.
    """
    if len(key) < LEAST_KEY:
        raise ValueError(f"{len(key)} random bytes are too few for a key")
    return hashlib.shake_256(b"overt sdes " + suite.encode() + b"\0" + key).digest(SUITES[suite])
