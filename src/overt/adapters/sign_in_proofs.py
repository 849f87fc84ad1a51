"""Passwords by Argon2id (RFC 9106) and one-time codes by TOTP (RFC 6238)."""

from __future__ import annotations

import hmac

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

STEP_S = 30
_CODE_DIGITS = 6


class Argon2Passwords:
    """Implements accounts.Passwords with the second recommended parameters of RFC 9106 (64 MiB, three passes)."""

    def __init__(self, memory_kib: int = 64 * 1024) -> None:
        self._hasher = PasswordHasher(memory_cost=memory_kib)
        self._nobody = self._hasher.hash("nobody has this password")

    def hashed(self, password: str) -> str:
        """Return a fresh hash."""
        return self._hasher.hash(password)

    def matches(self, hashed: str, password: str) -> bool:
        """True when the password is the one hashed; see accounts.Passwords."""
        try:
            return self._hasher.verify(hashed or self._nobody, password) and bool(hashed)
        except (VerificationError, InvalidHashError):
            return False


class TimedCodes:
    """Implements signing_in.SecondFactor: six digits each thirty seconds, one step early or late is taken."""

    def new_secret(self) -> str:
        """A fresh secret of 160 bits, base 32."""
        return pyotp.random_base32()

    def step(self, secret: str, code: str, now_us: int) -> int | None:
        """The step whose code this is; see signing_in.SecondFactor."""
        given = "".join(code.split())
        if len(given) != _CODE_DIGITS or not given.isascii():
            return None
        now, found = now_us // (STEP_S * 1_000_000), None
        try:
            for step in (now - 1, now, now + 1):
                if hmac.compare_digest(pyotp.TOTP(secret).at(step * STEP_S), given):
                    found = step
        except ValueError:  # not base 32, or too short: nobody's secret
            return None
        return found


def enrolment_address(secret: str, account: str, issuer: str) -> str:
    """The `otpauth:` address that an authenticator reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=issuer)
