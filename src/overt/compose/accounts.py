"""What `overt accounts` does: keeps the accounts of the console, with the running notary or one for the moment."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from overt.adapters.accounts_file import read_accounts
from overt.adapters.notary_client import NotaryClient
from overt.adapters.number_index import NumberIndex
from overt.adapters.sign_in_proofs import Argon2Passwords
from overt.adapters.sql_accounts import SqlAccounts
from overt.adapters.system_clock import SystemClock
from overt.compose.cataloguing import opened
from overt.compose.listening import acting_account
from overt.compose.moment import NOTARY, notary
from overt.config import FILE, load_settings
from overt.domain.access import Denied, Resource, may
from overt.domain.errors import NotPermitted
from overt.domain.facts import Fact
from overt.ports import Ledger, Receipt, Unavailable
from overt.services.accounts import (
    Account,
    AccountRefused,
    AccountRooms,
    add_account,
    change_account,
    check_password,
    close_account,
    reset_second_factor,
    set_password,
    unlock,
)

KEEPER = "administrator"
_GROUPS = 5  # of four hexadecimal digits: 80 random bits
Story = Callable[[AccountRooms, str], Awaitable[Account]]


@dataclass(frozen=True, slots=True)
class Given:
    """An account as it is now, and the password that was made for it; empty when somebody chose one."""

    account: Account
    password: str = field(default="", repr=False)


def list_accounts(data_folder: Path) -> Sequence[Account]:
    """Return all accounts, the closed ones too. Raises NotPermitted, Unavailable, SettingsRefused."""
    verdict = may(acting_account(data_folder), "show", Resource("system"))
    if isinstance(verdict, Denied):
        raise NotPermitted(verdict.reason)
    with _opened(data_folder) as (engine, _, tenant):
        return SqlAccounts(engine).all(tenant)


def add(data_folder: Path, name: str, role: str, agent: str, password: str) -> Given:
    """Make an account; its password must be changed at the first sign-in. One is made when none is given.

    Raises NotPermitted, AccountRefused, NotDurable, Unavailable, SettingsRefused.
    """
    by = _keeper(data_folder)
    if any(one.name == name for one in read_accounts(data_folder / FILE).values()):
        raise AccountRefused(
            f"{name} is an account of the commands already ([[account]] in {FILE}); choose another name"
        )
    chosen = password or make_password(name)

    async def story(rooms: AccountRooms, shown: str) -> Account:
        return await add_account(rooms, name, role, chosen, agent=shown, by=by)

    return Given(_told(data_folder, story, agent), "" if password else chosen)


def change(data_folder: Path, name: str, role: str, agent: str) -> Account:
    """Give an account another role or agent; what it is signed in with ends. Raises as `add`."""
    by = _keeper(data_folder)

    async def story(rooms: AccountRooms, shown: str) -> Account:
        return await change_account(rooms, name, role=role, agent=shown, by=by)

    return _told(data_folder, story, agent)


def close(data_folder: Path, name: str) -> Account:
    """Close an account, at once. Raises as `add`."""
    by = _keeper(data_folder)

    async def story(rooms: AccountRooms, _: str) -> Account:
        return await close_account(rooms, name, by=by)

    return _told(data_folder, story, "")


def give_password(data_folder: Path, name: str, password: str) -> Given:
    """Set a password, to be changed at the next sign-in. One is made when none is given. Raises as `add`."""
    chosen = password or make_password(name)
    done = _kept(data_folder, lambda rooms: set_password(rooms, name, chosen, own=False))
    return Given(done, "" if password else chosen)


def take_second_factor(data_folder: Path, name: str) -> Account:
    """Take the second factor away, for somebody who lost it. Raises as `add`."""
    return _kept(data_folder, lambda rooms: reset_second_factor(rooms, name))


def end_lock(data_folder: Path, name: str) -> Account:
    """End the lock that wrong passwords brought. Raises as `add`."""
    return _kept(data_folder, lambda rooms: unlock(rooms, name))


def make_password(name: str) -> str:
    """A password that nobody chose."""
    while True:
        made = "-".join(secrets.token_hex(2) for _ in range(_GROUPS))
        try:
            check_password(made, name)
        except AccountRefused:
            continue
        return made


def _keeper(data_folder: Path) -> str:
    """The name of whoever runs the command, who must be an administrator. Raises NotPermitted, Unavailable."""
    actor = acting_account(data_folder)
    if actor.role != KEEPER:
        raise NotPermitted(f"the role {actor.role} may not change accounts; an {KEEPER} may")
    return actor.name


@contextmanager
def _opened(data_folder: Path) -> Iterator[tuple[sa.Engine, NumberIndex, str]]:
    settings = load_settings(data_folder)
    with opened(data_folder, settings) as (engine, numbers):
        yield engine, numbers, settings.tenant


def _told(data_folder: Path, story: Story, agent: str) -> Account:
    """Do what is entered in the ledger. An agent's address with a number in it is kept as the catalogue shows it."""
    with _opened(data_folder) as (engine, numbers, tenant), notary(data_folder):

        async def telling() -> Account:
            ledger = NotaryClient(data_folder / NOTARY)
            try:
                return await story(_rooms(engine, tenant, ledger), numbers.shown(agent))
            finally:
                ledger.close()

        return asyncio.run(telling())


def _kept(data_folder: Path, change_: Callable[[AccountRooms], Account]) -> Account:
    """Do what stands in the database only."""
    _keeper(data_folder)
    with _opened(data_folder) as (engine, _, tenant):
        return change_(_rooms(engine, tenant, _NoLedger()))


def _rooms(engine: sa.Engine, tenant: str, ledger: Ledger) -> AccountRooms:
    return AccountRooms(tenant, ledger, SystemClock(), SqlAccounts(engine), Argon2Passwords())


class _NoLedger:
    """Implements ports.Ledger where nothing is entered."""

    async def enter(self, fact: Fact) -> Receipt:
        """See ports.Ledger."""
        raise Unavailable("ledger", f"{fact.kind} is not entered by this command", retry=False)
