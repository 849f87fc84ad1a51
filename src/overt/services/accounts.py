"""Accounts of the console: who they are, and how they come to be, change and close.

An account that may reach anything stands in the ledger first: the opener believes an account's role from its entry
(`account.added`, `account.changed`), never from the database. Passwords and second factors stand in the database only.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from overt.domain.access import OWN, ROLES, Actor
from overt.domain.errors import Refused
from overt.domain.facts import Fact
from overt.ports import Clock, Ledger, Receipt, Unavailable

State = Literal["active", "closed"]
SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 256
NOT_ENTERED = -1  # the ledger_index of an account whose closing is not in the ledger yet
_TELLING_NAME = 3  # a name as long as this may not stand in its own password
_TRIES = 8
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


class AccountRefused(Refused):
    """An account cannot be made or changed like this; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may sign in. `password` is its Argon2 hash, `totp_secret` empty without a second factor.

    `totp_last_step` is the last thirty-second step whose code was taken, so that none counts twice; `ledger_index`
    the entry that states the role; `agent` the SIP address of somebody of the role *agent*.
    """

    tenant: str
    name: str
    role: str
    agent: str = ""
    password: str = field(default="", repr=False)
    totp_secret: str = field(default="", repr=False)
    totp_last_step: int = 0
    state: State = "active"
    must_change: bool = False
    created_us: int = 0
    ledger_index: int = -1

    @property
    def actor(self) -> Actor:
        """Who this is to `domain.access`."""
        return Actor(self.name, self.role, agent=self.agent)


class AccountRegister(Protocol):
    """Where accounts are kept. Every method may raise Unavailable."""

    def find(self, tenant: str, name: str) -> Account | None:
        """Return one, or None."""
        ...

    def all(self, tenant: str) -> Sequence[Account]:
        """Return all, by name."""
        ...

    def keep(self, account: Account) -> None:
        """Add the account, or put it in the place of what stood under its name."""
        ...

    def exchange(self, before: Account, after: Account) -> bool:
        """Put `after` in the place of `before`, at once; False, and nothing, when that is not what stands there."""
        ...

    def end_sessions(self, tenant: str, name: str, but: str = "") -> None:
        """End everything that an account is signed in with, save the session of the token hash `but`."""
        ...

    def forget_attempts(self, tenant: str, name: str) -> None:
        """Forget the failed attempts to sign in, which ends a lock."""
        ...


class Passwords(Protocol):
    """Password hashing, slow on purpose."""

    def hashed(self, password: str) -> str:
        """Return a fresh hash."""
        ...

    def matches(self, hashed: str, password: str) -> bool:
        """True when the password is the one hashed; an empty hash takes as long and matches nothing."""
        ...


@dataclass(frozen=True, slots=True)
class AccountRooms:
    """What keeping accounts needs at hand."""

    tenant: str
    ledger: Ledger
    clock: Clock
    register: AccountRegister
    passwords: Passwords


async def add_account(rooms: AccountRooms, name: str, role: str, password: str, *, agent: str, by: str) -> Account:
    """Make an account; its entry in the ledger comes first. The password must be changed at the first sign-in.

    Raises AccountRefused, NotDurable, Unavailable.
    """
    if not can_be_name(name):
        raise AccountRefused(
            "a name is 1 to 63 of a-z, 0-9, dot, dash and underscore, and begins with a letter or digit"
        )
    if rooms.register.find(rooms.tenant, name) is not None:
        raise AccountRefused(f"there is an account {name} already; a closed one keeps its name, for the ledger's sake")
    check_role(role, agent)
    check_password(password, name)
    made = Account(
        rooms.tenant, name, role, agent, rooms.passwords.hashed(prepared(password)), must_change=True,
        created_us=rooms.clock.now_us(),
    )  # fmt: skip
    receipt = await _entered(rooms, made, "account.added", by)
    kept = replace(made, ledger_index=receipt.index)
    rooms.register.keep(kept)
    return kept


async def change_account(rooms: AccountRooms, name: str, *, role: str, agent: str, by: str) -> Account:
    """Give an account another role or agent, once that is entered; what it is signed in with ends before and after.

    Raises as `add_account`. Without the ledger nothing changes: whoever must lose a right at once is closed.
    """
    account = found(rooms, name)
    check_role(role, agent)
    rooms.register.end_sessions(rooms.tenant, name)
    receipt = await _entered(rooms, replace(account, role=role, agent=agent), "account.changed", by)
    try:
        kept = _amended(rooms, name, lambda now: replace(now, role=role, agent=agent, ledger_index=receipt.index))
    except AccountRefused:
        closed = rooms.register.find(rooms.tenant, name)
        if closed is not None:
            await _closing_entered(rooms, closed, by)  # closed meanwhile, and the ledger's last word has to say so
        raise
    rooms.register.end_sessions(rooms.tenant, name)
    return kept


async def close_account(rooms: AccountRooms, name: str, *, by: str) -> Account:
    """Close an account: what closes happens first (promises.md, "One order rule"), then it is entered.

    Raises NotDurable when it is closed but not entered: then closing it once more enters it.
    """
    account = rooms.register.find(rooms.tenant, name)
    if account is None or account.state == "active" or account.ledger_index != NOT_ENTERED:
        account = _amended(rooms, name, lambda now: replace(now, state="closed", ledger_index=NOT_ENTERED))
    rooms.register.end_sessions(rooms.tenant, name)
    return await _closing_entered(rooms, account, by)


def set_password(rooms: AccountRooms, name: str, password: str, *, own: bool, but: str = "") -> Account:
    """Set a password. Unless it is the holder's own doing (`own`), it must be changed at the next sign-in."""
    found(rooms, name)
    check_password(password, name)
    hashed = rooms.passwords.hashed(prepared(password))
    account = _amended(rooms, name, lambda now: replace(now, password=hashed, must_change=not own))
    rooms.register.end_sessions(rooms.tenant, name, but)
    return account


def reset_second_factor(rooms: AccountRooms, name: str) -> Account:
    """Take the second factor away; it is set up anew at the next sign-in. What is signed in ends."""
    account = _amended(rooms, name, lambda now: replace(now, totp_secret="", totp_last_step=0))
    rooms.register.end_sessions(rooms.tenant, name)
    return account


def unlock(rooms: AccountRooms, name: str) -> Account:
    """End the lock that wrong passwords brought."""
    account = found(rooms, name)
    rooms.register.forget_attempts(rooms.tenant, name)
    return account


def found(rooms: AccountRooms, name: str) -> Account:
    """The active account of a name. Raises AccountRefused."""
    account = rooms.register.find(rooms.tenant, name)
    if account is None or account.state == "closed":
        raise AccountRefused(f"there is no open account {name}; `overt accounts list` shows those there are")
    return account


def can_be_name(name: str) -> bool:
    """Whether an account may have this name."""
    return bool(_NAME.fullmatch(name))


def prepared(password: str) -> str:
    """A password as it is hashed: in the one form (NFC) that different keyboards agree on, and always to be encoded."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "replace").decode()


def check_role(role: str, agent: str) -> None:
    """Raise AccountRefused unless the role is one, and an agent comes with the address at which they are called."""
    if role not in ROLES:
        raise AccountRefused(f"there is no role {role}: one of {', '.join(ROLES)}")
    if (role in OWN) != bool(agent):
        raise AccountRefused("an account of the role agent, and no other, names the agent's SIP address (--agent)")


def check_password(password: str, name: str) -> None:
    """Raise AccountRefused for a password that is too short, too long, or the name."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise AccountRefused(f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters")
    holds_name = len(name) >= _TELLING_NAME and name in password.lower()
    if holds_name or len(set(password)) < 5:
        raise AccountRefused("a password does not hold the account's name, and has at least five different characters")


def _amended(rooms: AccountRooms, name: str, change: Callable[[Account], Account]) -> Account:
    """Change an open account from what it is at this moment, so that nobody's change meanwhile is undone."""
    for _ in range(_TRIES):
        now = found(rooms, name)
        then = change(now)
        if rooms.register.exchange(now, then):
            return then
    raise Unavailable("accounts", f"the account {name} is changed by others all the time")


async def _closing_entered(rooms: AccountRooms, closed: Account, by: str) -> Account:
    receipt = await _entered(rooms, closed, "account.changed", by)
    kept = replace(closed, ledger_index=receipt.index)
    rooms.register.keep(kept)
    return kept


async def _entered(rooms: AccountRooms, account: Account, kind: str, by: str) -> Receipt:
    body = {"account": account.name, "role": account.role, "agent": account.agent, "state": account.state, "by": by}
    return await rooms.ledger.enter(Fact(rooms.clock.new_id(), rooms.tenant, kind, rooms.clock.now_us(), "", body))
