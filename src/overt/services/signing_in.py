"""Signing in: a password, then a second factor, then a session that says who is there.

Every step says the same of a wrong name as of a wrong password, and takes as long. Wrong tries are counted by name,
whether or not there is such an account, and by address; too many lock for a quarter of an hour.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from overt.domain.errors import Refused
from overt.domain.facts import Fact, Json
from overt.services.accounts import Account, AccountRooms, set_password

Stage = Literal["code", "enrol", "password", "in"]
# stage → what has still to be done before anything is shown.
STAGES = {
    "code": "The code of the second factor is wanted.",
    "enrol": "A second factor has to be set up.",
    "password": "The password has to be changed.",
    "in": "Nothing: signed in.",
}
MOST_FAILURES, MOST_FROM_ADDRESS = 5, 30
LOCKED_US = 15 * 60 * 1_000_000
IDLE_US, LONGEST_US = 30 * 60 * 1_000_000, 12 * 3600 * 1_000_000
TOUCH_US = 15 * 1_000_000


class SignInRefused(Refused):
    """A name, a password or a code that does not fit."""


class TooManyTries(Refused):
    """Too many wrong tries for this name or from this address; `until_us` says when to try again."""

    def __init__(self, until_us: int) -> None:
        super().__init__(
            "Too many wrong tries. Wait a quarter of an hour, or ask an administrator to unlock the account."
        )
        self.until_us = until_us


@dataclass(frozen=True, slots=True)
class WebSession:
    """Somebody's way in, kept by the hash of its token. `csrf` must come back with whatever changes something."""

    token_sha256: str
    tenant: str
    account: str
    stage: Stage
    csrf: str = field(repr=False)
    created_us: int = 0
    seen_us: int = 0
    expires_us: int = 0
    address: str = ""
    agent: str = ""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session with the account that it belongs to."""

    session: WebSession
    account: Account


class WebSessions(Protocol):
    """Where sessions and attempts are kept. Every method may raise Unavailable."""

    def find_session(self, token_sha256: str) -> WebSession | None:
        """Return one, or None."""
        ...

    def keep_session(self, session: WebSession) -> None:
        """Add a session."""
        ...

    def exchange_session(self, before: WebSession, after: WebSession) -> bool:
        """Put `after` in the place of `before`, at once; False, and nothing, when that has changed or ended."""
        ...

    def end_session(self, token_sha256: str) -> None:
        """Forget one."""
        ...

    def note_attempt(self, tenant: str, account: str, address: str, at_us: int, ok: bool) -> None:
        """Remember an attempt to sign in."""
        ...

    def failures(self, tenant: str, account: str, address: str, since_us: int) -> tuple[int, int]:
        """Return the wrong tries since a moment: for the account since its last success, and from the address."""
        ...


class SecondFactor(Protocol):
    """Time-based one-time codes (RFC 6238)."""

    def new_secret(self) -> str:
        """A fresh secret, base 32."""
        ...

    def step(self, secret: str, code: str, now_us: int) -> int | None:
        """The thirty-second step whose code this is, now or one step aside; None for a wrong code."""
        ...


@dataclass(frozen=True, slots=True)
class SignInRooms:
    """What signing in needs. `new_token` gives 32 random bytes as text; `demanded`: a second factor must be set up."""

    accounts: AccountRooms
    sessions: WebSessions
    factor: SecondFactor
    new_token: Callable[[], str]
    demanded: bool


def token_hash(token: str) -> str:
    """How a session's token is kept: SHA-256, hexadecimal. A token is 256 random bits, so no salt is needed."""
    return hashlib.sha256(token.encode()).hexdigest()


def check_tries(rooms: SignInRooms, name: str, address: str) -> None:
    """Raise TooManyTries while the name or the address is locked."""
    now = rooms.accounts.clock.now_us()
    by_name, by_address = rooms.sessions.failures(rooms.accounts.tenant, name, address, now - LOCKED_US)
    if by_name >= MOST_FAILURES or by_address >= MOST_FROM_ADDRESS:
        raise TooManyTries(now + LOCKED_US)


async def sign_in(rooms: SignInRooms, name: str, password: str, address: str, agent: str) -> tuple[str, SignedIn]:
    """Return a fresh token and its session, at the stage that comes after the right password.

    Raises SignInRefused, TooManyTries (both counted), Unavailable.
    """
    check_tries(rooms, name, address)
    account = rooms.accounts.register.find(rooms.accounts.tenant, name)
    known = account if account is not None and account.state == "active" else None
    matches = rooms.accounts.passwords.matches(known.password if known is not None else "", password)
    if known is None or not matches:
        await _failed(rooms, name, address, known)
        raise SignInRefused("The name or the password is wrong.")
    if known.totp_secret:
        stage: Stage = "code"
    else:
        rooms.sessions.note_attempt(rooms.accounts.tenant, name, address, rooms.accounts.clock.now_us(), True)
        stage = next_stage(rooms, known)
    return _opened(rooms, known, stage, address, agent)


async def give_code(rooms: SignInRooms, signed: SignedIn, code: str, address: str, agent: str) -> tuple[str, SignedIn]:
    """Take the second factor's code; the session gets a fresh token. Raises SignInRefused, TooManyTries."""
    account = signed.account
    check_tries(rooms, account.name, address)
    step = rooms.factor.step(account.totp_secret, code, rooms.accounts.clock.now_us())
    if step is None or step <= account.totp_last_step:
        await _failed(rooms, account.name, address, account)
        raise SignInRefused("That code is wrong, or was used already. Wait for the next one.")
    known = replace(account, totp_last_step=step)
    rooms.accounts.register.keep(known)
    rooms.sessions.note_attempt(account.tenant, account.name, address, rooms.accounts.clock.now_us(), True)
    rooms.sessions.end_session(signed.session.token_sha256)
    return _opened(rooms, known, next_stage(rooms, known), address, agent)


def enrol(rooms: SignInRooms, signed: SignedIn, secret: str, code: str) -> SignedIn:
    """Set up the second factor once a code of its secret was given. Raises SignInRefused."""
    step = rooms.factor.step(secret, code, rooms.accounts.clock.now_us())
    if step is None:
        raise SignInRefused(
            "That code does not belong to this secret. Scan it again, and check the clock of the phone."
        )
    known = replace(signed.account, totp_secret=secret, totp_last_step=step)
    rooms.accounts.register.keep(known)
    return _advanced(rooms, signed.session, known)


def change_own_password(rooms: SignInRooms, signed: SignedIn, current: str, new: str) -> SignedIn:
    """Change one's own password; everything else that the account is signed in with ends.

    Raises SignInRefused for a wrong current one, AccountRefused for a new one that will not do.
    """
    if not rooms.accounts.passwords.matches(signed.account.password, current):
        raise SignInRefused("The present password is wrong.")
    if current == new:
        raise SignInRefused("The new password is the old one.")
    known = set_password(rooms.accounts, signed.account.name, new, own=True, but=signed.session.token_sha256)
    return _advanced(rooms, signed.session, known)


def recognise(rooms: SignInRooms, token: str) -> SignedIn | None:
    """Return who a token belongs to, or None: unknown, over, or its account closed. Being seen keeps it alive."""
    session = rooms.sessions.find_session(token_hash(token))
    now = rooms.accounts.clock.now_us()
    if session is None:
        return None
    account = rooms.accounts.register.find(session.tenant, session.account)
    over = now > session.expires_us or now - session.seen_us > IDLE_US
    if over or account is None or account.state != "active":
        rooms.sessions.end_session(session.token_sha256)
        return None
    if now - session.seen_us > TOUCH_US:
        session = replace(session, seen_us=now)
        rooms.sessions.keep_session(session)
    return SignedIn(session, account)


def recognise_again(rooms: SignInRooms, signed: SignedIn) -> bool:
    """True while a session that was recognised before still lets its account in."""
    session = rooms.sessions.find_session(signed.session.token_sha256)
    account = rooms.accounts.register.find(signed.session.tenant, signed.session.account)
    in_time = session is not None and rooms.accounts.clock.now_us() <= session.expires_us
    return in_time and account is not None and account.state == "active"


def sign_out(rooms: SignInRooms, signed: SignedIn) -> None:
    """End a session."""
    rooms.sessions.end_session(signed.session.token_sha256)


def next_stage(rooms: SignInRooms, account: Account) -> Stage:
    """What an account has to do next, once its password (and code) were right."""
    if account.must_change:
        return "password"
    if rooms.demanded and not account.totp_secret:
        return "enrol"
    return "in"


def _opened(rooms: SignInRooms, account: Account, stage: Stage, address: str, agent: str) -> tuple[str, SignedIn]:
    token, now = rooms.new_token(), rooms.accounts.clock.now_us()
    session = WebSession(
        token_hash(token), account.tenant, account.name, stage, rooms.new_token(), now, now, now + LONGEST_US, address,
        agent[:200],
    )  # fmt: skip
    rooms.sessions.keep_session(session)
    return token, SignedIn(session, account)


def _advanced(rooms: SignInRooms, session: WebSession, account: Account) -> SignedIn:
    moved = replace(session, stage=next_stage(rooms, account))
    rooms.sessions.keep_session(moved)
    return SignedIn(moved, account)


async def _failed(rooms: SignInRooms, name: str, address: str, account: Account | None) -> None:
    """Count a wrong try; the one that locks an account is entered in the ledger."""
    now, tenant = rooms.accounts.clock.now_us(), rooms.accounts.tenant
    rooms.sessions.note_attempt(tenant, name, address, now, False)
    failures, _ = rooms.sessions.failures(tenant, name, address, now - LOCKED_US)
    if account is not None and failures == MOST_FAILURES:
        body: dict[str, Json] = {"account": account.name, "failures": failures, "until_us": now + LOCKED_US}
        await rooms.accounts.ledger.enter(Fact(rooms.accounts.clock.new_id(), tenant, "account.locked", now, "", body))
