"""Accounts, sessions and attempts to sign in, in memory; and passwords that are quick to check, for stories."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

from overt.ports import Unavailable
from overt.services.accounts import Account
from overt.services.signing_in import WebSession

_COUNTED_NAME = 64


@dataclass(frozen=True, slots=True)
class Attempt:
    """A try to sign in. `account` is the name that was given, whether or not there is such an account."""

    tenant: str
    account: str
    address: str
    at_us: int
    ok: bool


@dataclass(slots=True)
class MemoryAccounts:
    """Implements accounts.AccountRegister and signing_in.WebSessions; may be used from threads. `down`: Unavailable."""

    accounts: dict[tuple[str, str], Account] = field(default_factory=dict)
    sessions: dict[str, WebSession] = field(default_factory=dict)
    attempts: list[Attempt] = field(default_factory=list)
    down: bool = False
    _lock: Lock = field(default_factory=Lock, repr=False)

    @contextmanager
    def _work(self) -> Iterator[None]:
        if self.down:
            raise Unavailable("database", "it is down")
        with self._lock:
            yield

    def find(self, tenant: str, name: str) -> Account | None:
        """See accounts.AccountRegister."""
        with self._work():
            return self.accounts.get((tenant, name))

    def all(self, tenant: str) -> Sequence[Account]:
        """See accounts.AccountRegister."""
        with self._work():
            return sorted((one for one in self.accounts.values() if one.tenant == tenant), key=lambda one: one.name)

    def keep(self, account: Account) -> None:
        """See accounts.AccountRegister."""
        with self._work():
            self.accounts[account.tenant, account.name] = account

    def exchange(self, before: Account, after: Account) -> bool:
        """See accounts.AccountRegister."""
        with self._work():
            stands = self.accounts.get((before.tenant, before.name)) == before
            if stands:
                self.accounts[before.tenant, before.name] = after
            return stands

    def end_sessions(self, tenant: str, name: str, but: str = "") -> None:
        """See accounts.AccountRegister."""
        with self._work():
            for token, one in list(self.sessions.items()):
                if (one.tenant, one.account) == (tenant, name) and token != but:
                    del self.sessions[token]

    def forget_attempts(self, tenant: str, name: str) -> None:
        """See accounts.AccountRegister."""
        with self._work():
            self.attempts = [one for one in self.attempts if (one.tenant, one.account) != (tenant, name)]

    def find_session(self, token_sha256: str) -> WebSession | None:
        """See signing_in.WebSessions."""
        with self._work():
            return self.sessions.get(token_sha256)

    def keep_session(self, session: WebSession) -> None:
        """See signing_in.WebSessions."""
        with self._work():
            self.sessions[session.token_sha256] = session

    def exchange_session(self, before: WebSession, after: WebSession) -> bool:
        """See signing_in.WebSessions."""
        with self._work():
            stands = self.sessions.get(before.token_sha256) == before
            if stands:
                self.sessions[before.token_sha256] = after
            return stands

    def end_session(self, token_sha256: str) -> None:
        """See signing_in.WebSessions."""
        with self._work():
            self.sessions.pop(token_sha256, None)

    def note_attempt(self, tenant: str, account: str, address: str, at_us: int, ok: bool) -> None:
        """See signing_in.WebSessions."""
        with self._work():
            self.attempts.append(Attempt(tenant, account[:_COUNTED_NAME], address, at_us, ok))

    def failures(self, tenant: str, account: str, address: str, since_us: int) -> tuple[int, int]:
        """See signing_in.WebSessions."""
        with self._work():
            recent = [one for one in self.attempts if one.tenant == tenant and one.at_us >= since_us]
        by_name = 0
        for one in recent:
            if one.account == account[:_COUNTED_NAME]:
                by_name = 0 if one.ok else by_name + 1
        return by_name, sum(not one.ok and one.address == address for one in recent)


@dataclass(slots=True)
class QuickPasswords:
    """Implements accounts.Passwords with one round of salted SHA-256: for stories, never for people.

    `compared` holds what each comparison was made with: the hash that was given, empty for nobody's.
    """

    compared: list[str] = field(default_factory=list)

    def hashed(self, password: str) -> str:
        """See accounts.Passwords."""
        salt = secrets.token_hex(8)
        return f"{salt}${_digest(salt, password)}"

    def matches(self, hashed: str, password: str) -> bool:
        """See accounts.Passwords."""
        self.compared.append(hashed)
        salt, _, digest = (hashed or f"nobody${'0' * 64}").partition("$")
        return hmac.compare_digest(digest, _digest(salt, password)) and bool(hashed)


def _digest(salt: str, password: str) -> str:
    return hashlib.sha256(f"{salt}:{password}".encode()).hexdigest()
