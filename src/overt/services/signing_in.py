"""Signing in: a password, then a second factor, then a session that says who is there.

Every step says the same of a wrong name as of a wrong password, and takes as long. Wrong tries are counted by name,
whether or not there is such an account, and by address; too many lock for a quarter of an hour.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from overt.domain.errors import Refused
from overt.services.accounts import LONGEST_PASSWORD, Account, AccountRooms, can_be_name, prepared, set_password
from overt.services.turnstile import Turnstile

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
STEP_US = 10 * 60 * 1_000_000  # how long whoever is not wholly signed in has for the next step
TOUCH_US = 15 * 1_000_000
_TRIES = 8
_ENDED = "The sign-in has ended meanwhile. Sign in again."


class SignInRefused(Refused):
    """A name, a password or a code that does not fit."""


class TooManyTries(Refused):
    """Too many wrong tries for this name or from this address; by `until_us` the lock is over at the latest."""

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
    """What signing in needs, one a process. `new_token` gives 32 random bytes as text; `demanded`: a second factor must
    be set up."""

    accounts: AccountRooms
    sessions: WebSessions
    factor: SecondFactor
    new_token: Callable[[], str]
    demanded: bool
    turnstile: Turnstile = field(default_factory=Turnstile)


def token_hash(token: str) -> str:
    """How a session's token is kept: SHA-256, hexadecimal. A token is 256 random bits, so no salt is needed."""
    return hashlib.sha256(token.encode()).hexdigest()


def check_tries(rooms: SignInRooms, name: str, address: str, others: tuple[int, int] = (0, 0)) -> None:
    """Raise TooManyTries while the name or the address is locked. `others` are under way, and may all be wrong."""
    now = rooms.accounts.clock.now_us()
    by_name, by_address = rooms.sessions.failures(rooms.accounts.tenant, name, address, now - LOCKED_US)
    if by_name + others[0] >= MOST_FAILURES or by_address + others[1] >= MOST_FROM_ADDRESS:
        raise TooManyTries(now + LOCKED_US)


async def sign_in(rooms: SignInRooms, name: str, password: str, address: str, agent: str) -> tuple[str, SignedIn]:
    """Return a fresh token and its session, at the stage that comes after the right password.

    Raises SignInRefused (counted), TooManyTries (not counted, so that a lock ends), Unavailable.
    """
    known = await _proven(rooms, name, password, address)
    if known is None:
        raise SignInRefused("The name or the password is wrong.")
    return await asyncio.to_thread(_after_password, rooms, known, address, agent)


async def give_code(rooms: SignInRooms, signed: SignedIn, code: str, address: str, agent: str) -> tuple[str, SignedIn]:
    """Take the second factor's code; the session gets a fresh token.

    Raises SignInRefused (counted, unless no code is wanted), TooManyTries, Unavailable.
    """
    name = signed.account.name
    if signed.session.stage != "code":
        raise SignInRefused("No code is wanted at this step.")
    async with rooms.turnstile.passing(name, address) as others:
        await asyncio.to_thread(check_tries, rooms, name, address, others)
        known = await asyncio.to_thread(_code_taken, rooms, name, code)
        if known is None:
            await _failed(rooms, name, address, signed.account)
            raise SignInRefused("That code is wrong, or was used already. Wait for the next one.")
        return await asyncio.to_thread(_after_code, rooms, signed, known, address, agent)


def enrol(rooms: SignInRooms, signed: SignedIn, secret: str, code: str) -> SignedIn:
    """Set up the second factor once a code of its secret was given; whatever else is signed in ends.

    Raises SignInRefused: a wrong code, a session that is not at this step, or an account that has a second factor.
    """
    account = rooms.accounts.register.find(signed.account.tenant, signed.account.name)
    if signed.session.stage not in ("enrol", "in") or account is None or account.state != "active":
        raise SignInRefused("No second factor is set up at this step.")
    if account.totp_secret:
        raise SignInRefused("There is a second factor already. An administrator can take it away.")
    step = rooms.factor.step(secret, code, rooms.accounts.clock.now_us())
    if step is None:
        raise SignInRefused(
            "That code does not belong to this secret. Scan it again, and check the clock of the phone."
        )
    known = replace(account, totp_secret=secret, totp_last_step=step)
    if not rooms.accounts.register.exchange(account, known):
        raise SignInRefused("The account was changed meanwhile. Try again.")
    rooms.accounts.register.end_sessions(known.tenant, known.name, signed.session.token_sha256)
    return _advanced(rooms, signed.session, known)


async def change_own_password(rooms: SignInRooms, signed: SignedIn, current: str, new: str, address: str) -> SignedIn:
    """Change one's own password; everything else that the account is signed in with ends.

    Raises SignInRefused for a wrong current one (counted), TooManyTries, AccountRefused for a new one that will not do.
    """
    name, kept = signed.account.name, signed.session.token_sha256
    if signed.session.stage not in ("password", "in"):
        raise SignInRefused("No password is changed at this step.")
    if await _proven(rooms, name, current, address) is None:
        raise SignInRefused("The present password is wrong.")
    if prepared(current) == prepared(new):
        raise SignInRefused("The new password is the old one.")
    known = await rooms.turnstile.hash(lambda: set_password(rooms.accounts, name, new, own=True, but=kept))
    return await asyncio.to_thread(_advanced, rooms, signed.session, known)


def recognise(rooms: SignInRooms, token: str) -> SignedIn | None:
    """Return who a token belongs to, or None: unknown, over, or its account closed. Being seen keeps it alive.

    What has to be done since (a second factor is demanded now, say) has to be done before anything is shown.
    """
    session = rooms.sessions.find_session(token_hash(token))
    if session is None:
        return None
    account = _living(rooms, session)
    if account is None:
        rooms.sessions.end_session(session.token_sha256)
        return None
    now = rooms.accounts.clock.now_us()
    if now - session.seen_us > TOUCH_US:
        seen = replace(session, seen_us=now)
        if not rooms.sessions.exchange_session(session, seen):  # it has changed at this moment, or ended
            seen_now = rooms.sessions.find_session(session.token_sha256)
            if seen_now is None:
                return None
            seen = seen_now
        session = seen
    stage = next_stage(rooms, account) if session.stage == "in" else session.stage
    return SignedIn(replace(session, stage=stage), account)


def recognise_again(rooms: SignInRooms, signed: SignedIn) -> bool:
    """True while a session that was recognised before still lets its account in, in the same role."""
    session = rooms.sessions.find_session(signed.session.token_sha256)
    account = _living(rooms, session) if session is not None else None
    return account is not None and account.actor == signed.account.actor


def _living(rooms: SignInRooms, session: WebSession) -> Account | None:
    """The account of a session that is neither over nor of another house; None when it lets nobody in."""
    now, tenant = rooms.accounts.clock.now_us(), rooms.accounts.tenant
    if session.tenant != tenant or now > session.expires_us or now - session.seen_us > IDLE_US:
        return None
    account = rooms.accounts.register.find(tenant, session.account)
    return account if account is not None and account.state == "active" else None


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


async def _proven(rooms: SignInRooms, name: str, password: str, address: str) -> Account | None:
    """The account whose password this is. A wrong try is counted. Raises TooManyTries, Unavailable.

    A name and a password that cannot be take as long as any other.
    """
    counted = name if can_be_name(name) else f"?{hashlib.sha256(prepared(name).encode()).hexdigest()[:32]}"
    async with rooms.turnstile.passing(counted, address) as others:
        await asyncio.to_thread(check_tries, rooms, counted, address, others)
        found = await asyncio.to_thread(rooms.accounts.register.find, rooms.accounts.tenant, counted)
        known = found if found is not None and found.state == "active" else None
        hashed, given = known.password if known is not None else "", prepared(password[: LONGEST_PASSWORD + 1])
        matches = await rooms.turnstile.hash(lambda: rooms.accounts.passwords.matches(hashed, given))
        if known is not None and matches:
            return known
        await _failed(rooms, counted, address, known)
        return None


def _after_password(rooms: SignInRooms, known: Account, address: str, agent: str) -> tuple[str, SignedIn]:
    if known.totp_secret:
        return _opened(rooms, known, "code", address, agent)
    rooms.sessions.note_attempt(known.tenant, known.name, address, rooms.accounts.clock.now_us(), True)
    return _opened(rooms, known, next_stage(rooms, known), address, agent)


def _code_taken(rooms: SignInRooms, name: str, code: str) -> Account | None:
    """The account as it is after its code was used up; None for a wrong code, or one that somebody used just now."""
    account = rooms.accounts.register.find(rooms.accounts.tenant, name)
    if account is None or account.state != "active" or not account.totp_secret:
        return None
    step = rooms.factor.step(account.totp_secret, code, rooms.accounts.clock.now_us())
    if step is None or step <= account.totp_last_step:
        return None
    known = replace(account, totp_last_step=step)
    return known if rooms.accounts.register.exchange(account, known) else None


def _after_code(rooms: SignInRooms, signed: SignedIn, known: Account, address: str, agent: str) -> tuple[str, SignedIn]:
    if rooms.sessions.find_session(signed.session.token_sha256) is None:
        raise SignInRefused(_ENDED)
    rooms.sessions.note_attempt(known.tenant, known.name, address, rooms.accounts.clock.now_us(), True)
    rooms.sessions.end_session(signed.session.token_sha256)
    return _opened(rooms, known, next_stage(rooms, known), address, agent)


def _opened(rooms: SignInRooms, account: Account, stage: Stage, address: str, agent: str) -> tuple[str, SignedIn]:
    """A fresh session. An account that was changed since it was proven has ended its sessions before this one began."""
    token, now = rooms.new_token(), rooms.accounts.clock.now_us()
    session = WebSession(
        token_hash(token), account.tenant, account.name, stage, rooms.new_token(), now, now,
        now + (LONGEST_US if stage == "in" else STEP_US), address, agent[:200],
    )  # fmt: skip
    rooms.sessions.keep_session(session)
    fresh = rooms.accounts.register.find(account.tenant, account.name)
    if fresh is None or _proof(fresh) != _proof(account):
        rooms.sessions.end_session(session.token_sha256)
        raise SignInRefused(_ENDED)
    return token, SignedIn(session, fresh)


def _proof(account: Account) -> tuple[str, str, str, bool]:
    return account.state, account.password, account.totp_secret, account.must_change


def _advanced(rooms: SignInRooms, session: WebSession, account: Account) -> SignedIn:
    """The session at its next stage. Raises SignInRefused when it has ended meanwhile."""
    stage, now = next_stage(rooms, account), rooms.accounts.clock.now_us()
    expires = session.created_us + LONGEST_US if stage == "in" else now + STEP_US
    for _ in range(_TRIES):
        before = rooms.sessions.find_session(session.token_sha256)
        if before is None:
            break
        moved = replace(before, stage=stage, expires_us=expires)
        if rooms.sessions.exchange_session(before, moved):
            return SignedIn(moved, account)
    raise SignInRefused(_ENDED)


async def _failed(rooms: SignInRooms, name: str, address: str, account: Account | None) -> None:
    """Count a wrong try; the one that locks an account is entered in the ledger, behind the answer's back."""
    now, tenant = rooms.accounts.clock.now_us(), rooms.accounts.tenant
    async with rooms.turnstile.noting:
        await asyncio.to_thread(rooms.sessions.note_attempt, tenant, name, address, now, False)
        failures, _ = await asyncio.to_thread(rooms.sessions.failures, tenant, name, address, now - LOCKED_US)
    if account is not None and failures == MOST_FAILURES:
        rooms.turnstile.enter_later(
            rooms.accounts.ledger, rooms.accounts.clock, tenant, "account.locked",
            {"account": account.name, "failures": failures, "until_us": now + LOCKED_US},
        )  # fmt: skip
