"""Numbers as they are found without standing anywhere: hashes under a key that lies beside the database, not in it.

DATA/keys/catalogue.key   32 random bytes, mode 0600; whoever has it and the database can try numbers, so keep them apart.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import phonenumbers

from overt.adapters.tables import KEY_BYTES
from overt.domain.identity import Secret
from overt.ports import Unavailable
from overt.services.cataloguing import masked_address, number_in, user_of

KEY = "keys/catalogue.key"
_RAW_BYTES = 32
_LAST = 4
_HOME = "US"  # how a number without its country is read, as in number_hints
_NORTH_AMERICAN = 12  # characters of such a number in E.164
_SHOWN_KEY = 12  # hexadecimal digits that tell agents with like numbers apart


def number_index(data_folder: Path, *, make: bool = False) -> NumberIndex:
    """Return the index under the data folder's key; `make` it when there is none. Raises Unavailable."""
    path = data_folder / KEY
    try:
        if make and not path.exists():
            _make(path)
        raw = path.read_bytes()
    except OSError as error:
        raise Unavailable("keys", f"{path}: {error.strerror}; the worker of `overt serve` makes it") from error
    if len(raw) != _RAW_BYTES:
        raise Unavailable("keys", f"{path} is not a key of {_RAW_BYTES} bytes", retry=False)
    return NumberIndex(Secret(raw))


def _make(path: Path) -> None:
    """Make the key, whole or not at all; of several that try at once the first one's stands."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, made = tempfile.mkstemp(prefix=".catalogue-", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(_RAW_BYTES))
            file.flush()
            os.fsync(file.fileno())
        os.link(made, path)
    except FileExistsError:
        return
    finally:
        Path(made).unlink()


class NumberIndex:
    """Keyed hashes of numbers, the first 16 bytes of HMAC-SHA256. `id` tells keys apart, and tells nothing of them."""

    def __init__(self, key: Secret) -> None:
        self._key = key
        self.id = self._hash("key", "").hex()

    def whole(self, address: str) -> bytes | None:
        """The hash of a number, in its E.164 form where it has one; None when there is no number."""
        digits = _digits(address)
        return self._hash("whole", _normal(digits)) if digits else None

    def tail(self, address: str) -> bytes | None:
        """The hash of the last four digits; None when there are not as many."""
        digits = _bare(address)
        return self._hash("tail", digits[-_LAST:]) if len(digits) >= _LAST else None

    def wholes(self, wanted: str) -> Sequence[bytes]:
        """The hashes of all numbers that somebody may mean, with or without its country or its plus sign."""
        digits = _digits(wanted)
        meant = (_normal(digits), _normal(f"+{digits.lstrip('+')}"), digits) if digits else ()
        return [self._hash("whole", one) for one in dict.fromkeys(meant)]

    def shown(self, address: str) -> str:
        """An agent's address as it is kept and shown: a number in it masked, with a mark that is its own."""
        number = number_in(address)
        if not number:
            return address
        mark = self._hash("agent", _normal(_digits(number))).hex()[:_SHOWN_KEY]
        return masked_address(address, f"~{mark}")

    def _hash(self, use: str, text: str) -> bytes:
        return hmac.digest(self._key, f"{use}\0{text}".encode(), hashlib.sha256)[:KEY_BYTES]


def _bare(address: str) -> str:
    """The digits of a number; empty when it is none."""
    user = user_of(address)
    if any(one.isalpha() for one in user):
        return ""
    return "".join(one for one in user if one.isascii() and one.isdigit())


def _digits(address: str) -> str:
    """The digits of a number, with a plus sign when it has one or the 00 that stands for it."""
    digits = _bare(address)
    if digits.startswith("00"):
        return f"+{digits[2:]}"
    return f"+{digits}" if digits and user_of(address).lstrip(" (").startswith("+") else digits


@lru_cache(maxsize=65536)
def _normal(digits: str) -> str:
    """A number's E.164 form. Without its country it is read as at home, when it can be one there, else as it stands."""
    if digits.startswith("+1") and len(digits) == _NORTH_AMERICAN:
        return digits  # already in that form, and by far the most; parsing takes 50 µs
    for text, region in ((digits, None),) if digits.startswith("+") else ((digits, _HOME), (f"+{digits}", None)):
        try:
            parsed = phonenumbers.parse(text, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_possible_number(parsed) and (region is None or phonenumbers.is_valid_number(parsed)):
            return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return digits
