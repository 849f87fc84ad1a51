"""Accounts: what opens stands in the ledger first, what closes happens first, and no change undoes another."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

import pytest

from overt.adapters.memory import MemoryClock, MemoryLedger
from overt.adapters.memory_accounts import MemoryAccounts, QuickPasswords
from overt.domain.access import ROLES
from overt.ports import NotDurable, Unavailable
from overt.services.accounts import (
    NOT_ENTERED,
    Account,
    AccountRefused,
    AccountRooms,
    add_account,
    change_account,
    check_password,
    close_account,
    found,
    reset_second_factor,
    set_password,
    unlock,
)
from overt.services.signing_in import WebSession

PASSWORD = "a long enough one"


@dataclass
class House:
    """Accounts in memory."""

    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    register: MemoryAccounts = field(default_factory=MemoryAccounts)
    passwords: QuickPasswords = field(default_factory=QuickPasswords)
    clock: MemoryClock = field(default_factory=MemoryClock)

    @property
    def rooms(self) -> AccountRooms:
        return AccountRooms("main", self.ledger, self.clock, self.register, self.passwords)

    async def add(self, name: str = "ada", role: str = "compliance", agent: str = "") -> Account:
        return await add_account(self.rooms, name, role, PASSWORD, agent=agent, by="root")

    def signed_in(self, name: str = "ada", token: str = "t1") -> str:
        self.register.keep_session(WebSession(token, "main", name, "in", "c", expires_us=10**18))
        return token

    def stands(self, name: str = "ada") -> Account:
        account = self.register.find("main", name)
        assert account is not None
        return account


@pytest.fixture
def house() -> House:
    return House()


class Meanwhile(MemoryLedger):
    """A ledger during whose writing something else happens."""

    then: Callable[[], Awaitable[object]] | None = None

    async def enter(self, fact):  # type: ignore[no-untyped-def]
        """Enter it, and let that happen."""
        receipt = await super().enter(fact)
        if self.then is not None:
            then, self.then = self.then, None
            await then()
        return receipt


# ------------------------------------------------------------------------------------------- adding


async def test_an_account_stands_in_the_ledger_with_its_role_and_without_its_secrets(house: House) -> None:
    made = await house.add()
    assert house.stands() == made and made.ledger_index == 0 and made.must_change and made.state == "active"
    (fact,) = house.ledger.facts
    assert fact.kind == "account.added" and fact.call == ""
    assert fact.body == {"account": "ada", "role": "compliance", "agent": "", "state": "active", "by": "root"}
    assert house.passwords.matches(made.password, PASSWORD) and PASSWORD not in repr(made)
    assert made.password not in repr(made)
    assert made.actor.name == "ada" and made.actor.role == "compliance"


async def test_what_opens_waits_for_its_entry(house: House) -> None:
    house.ledger.slow = asyncio.Event()
    adding = asyncio.create_task(house.add())
    await asyncio.sleep(0.01)
    assert house.register.find("main", "ada") is None
    house.ledger.slow.set()
    await adding
    assert house.stands().role == "compliance"


async def test_without_the_ledger_there_is_no_account(house: House) -> None:
    house.ledger.down = True
    with pytest.raises(NotDurable):
        await house.add()
    assert house.register.all("main") == []


@pytest.mark.parametrize(
    "name", ["", "Ada", "-ada", ".ada", "ada lovelace", "a" * 64, "ädä", "ada\n", "ada\x00", "../ada", "ada@host"]
)
async def test_names_that_cannot_be(house: House, name: str) -> None:
    with pytest.raises(AccountRefused, match="1 to 63"):
        await house.add(name)
    assert not house.ledger.facts


@pytest.mark.parametrize("name", ["a", "0", "a" * 63, "ada.b_c-d"])
async def test_names_that_can_be(house: House, name: str) -> None:
    assert (await house.add(name)).name == name


async def test_a_name_is_given_once_even_after_closing(house: House) -> None:
    await house.add()
    with pytest.raises(AccountRefused, match="already"):
        await house.add()
    await close_account(house.rooms, "ada", by="root")
    with pytest.raises(AccountRefused, match="keeps its name"):
        await house.add()


@pytest.mark.parametrize("role", ["", "root", "Administrator", "admin"])
async def test_roles_that_are_none(house: House, role: str) -> None:
    with pytest.raises(AccountRefused, match="there is no role"):
        await house.add(role=role)


@pytest.mark.parametrize("role", ROLES)
async def test_an_agent_and_nobody_else_has_an_address(house: House, role: str) -> None:
    agent, wrong = ("sip:ann@pbx", "") if role == "agent" else ("", "sip:ann@pbx")
    with pytest.raises(AccountRefused, match="no other"):
        await house.add(role=role, agent=wrong)
    assert (await house.add(role=role, agent=agent)).agent == agent


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("short", "12 to 256"),
        ("elevenchars", "12 to 256"),
        ("x" * 257, "12 to 256"),
        ("aaaaaaaaaaaa", "five different"),
        ("abcdabcdabcd", "five different"),
        ("hello ADA hello", "account's name"),
    ],
)
def test_passwords_that_will_not_do(password: str, why: str) -> None:
    with pytest.raises(AccountRefused, match=why):
        check_password(password, "ada")


@pytest.mark.parametrize("password", ["twelve chars", "abcdeabcdeab", "correct horse " * 18, "пароль длинный"])
def test_passwords_that_will_do(password: str) -> None:
    check_password(password, "ada")


def test_a_name_of_one_letter_forbids_no_letter() -> None:
    check_password("grand banana", "a")


async def test_a_password_may_be_typed_on_another_keyboard(house: House) -> None:
    made = await add_account(house.rooms, "ada", "compliance", "re\u0301sume\u0301 de nuit", agent="", by="root")
    assert house.passwords.matches(made.password, "r\u00e9sum\u00e9 de nuit")
    with_half = set_password(house.rooms, "ada", "half \ud800 a character", own=True)
    assert with_half.password


# ------------------------------------------------------------------------------------------- changing


async def test_another_role_counts_once_its_entry_is_durable(house: House) -> None:
    await house.add()
    house.ledger.slow = asyncio.Event()
    changing = asyncio.create_task(change_account(house.rooms, "ada", role="administrator", agent="", by="root"))
    await asyncio.sleep(0.01)
    assert house.stands().role == "compliance"
    late = house.signed_in()
    house.ledger.slow.set()
    changed = await changing
    assert house.stands() == changed and changed.role == "administrator" and changed.ledger_index == 1
    assert house.ledger.facts[1].body["role"] == "administrator"
    assert house.register.find_session(late) is None


async def test_a_change_without_the_ledger_is_none_but_ends_what_is_signed_in(house: House) -> None:
    await house.add()
    token, other = house.signed_in(), house.signed_in("ben", "t2")
    house.ledger.down = True
    with pytest.raises(NotDurable):
        await change_account(house.rooms, "ada", role="administrator", agent="", by="root")
    assert house.stands().role == "compliance"
    assert house.register.find_session(token) is None and house.register.find_session(other) is not None


async def test_a_change_checks_role_and_agent(house: House) -> None:
    await house.add()
    with pytest.raises(AccountRefused):
        await change_account(house.rooms, "ada", role="boss", agent="", by="root")
    with pytest.raises(AccountRefused):
        await change_account(house.rooms, "ada", role="agent", agent="", by="root")
    with pytest.raises(AccountRefused, match="no open account ben"):
        await change_account(house.rooms, "ben", role="agent", agent="sip:b@pbx", by="root")


async def test_closing_happens_before_its_entry(house: House) -> None:
    await house.add()
    token = house.signed_in()
    house.ledger.slow = asyncio.Event()
    closing = asyncio.create_task(close_account(house.rooms, "ada", by="root"))
    await asyncio.sleep(0.01)
    assert house.stands().state == "closed" and house.register.find_session(token) is None
    house.ledger.slow.set()
    closed = await closing
    assert house.stands() == closed and closed.ledger_index == 1
    assert house.ledger.facts[1].body["state"] == "closed"


async def test_closing_without_the_ledger_holds_and_is_entered_when_it_is_asked_for_again(house: House) -> None:
    await house.add()
    house.ledger.down = True
    with pytest.raises(NotDurable):
        await close_account(house.rooms, "ada", by="root")
    assert house.stands().state == "closed" and house.stands().ledger_index == NOT_ENTERED
    house.ledger.down = False
    assert (await close_account(house.rooms, "ada", by="root")).ledger_index == 1
    with pytest.raises(AccountRefused, match="no open account"):
        await close_account(house.rooms, "ada", by="root")
    assert len(house.ledger.facts) == 2


async def test_an_account_that_was_never_entered_closes_too(house: House) -> None:
    house.register.keep(Account("main", "old", "supervisor"))
    assert (await close_account(house.rooms, "old", by="root")).state == "closed"
    with pytest.raises(AccountRefused):
        await close_account(house.rooms, "nobody", by="root")


async def test_closing_wins_over_a_change_and_has_the_last_word(house: House) -> None:
    house.ledger = Meanwhile()
    await house.add()
    house.ledger.then = lambda: close_account(house.rooms, "ada", by="ben")
    with pytest.raises(AccountRefused, match="no open account"):
        await change_account(house.rooms, "ada", role="administrator", agent="", by="root")
    assert house.stands().state == "closed" and house.stands().role == "compliance"
    assert [fact.body["state"] for fact in house.ledger.facts] == ["active", "active", "closed", "closed"]
    assert house.stands().ledger_index == 3


# ------------------------------------------------------------------------------------------- passwords, factor, lock


async def test_a_password_set_by_another_must_be_changed_and_ends_everything(house: House) -> None:
    await house.add()
    tokens = [house.signed_in(token=f"t{n}") for n in range(3)]
    changed = set_password(house.rooms, "ada", "another long one", own=False)
    assert changed.must_change and house.passwords.matches(house.stands().password, "another long one")
    assert not any(house.register.find_session(token) for token in tokens)


async def test_ones_own_password_keeps_the_session_that_changed_it(house: House) -> None:
    await house.add()
    mine, other = house.signed_in(token="mine"), house.signed_in(token="other")
    assert not set_password(house.rooms, "ada", "another long one", own=True, but=mine).must_change
    assert house.register.find_session(mine) is not None and house.register.find_session(other) is None


@pytest.mark.parametrize("own", [True, False])
async def test_a_password_that_will_not_do_is_not_set(house: House, own: bool) -> None:
    before = await house.add()
    with pytest.raises(AccountRefused):
        set_password(house.rooms, "ada", "short", own=own)
    assert house.stands() == before
    with pytest.raises(AccountRefused, match="no open account"):
        set_password(house.rooms, "nobody", "another long one", own=own)


async def test_the_second_factor_is_taken_away_with_its_used_step(house: House) -> None:
    made = await house.add()
    house.register.keep(replace(made, totp_secret="S" * 32, totp_last_step=77))
    token = house.signed_in()
    reset = reset_second_factor(house.rooms, "ada")
    assert (reset.totp_secret, reset.totp_last_step) == ("", 0) and house.stands() == reset
    assert house.register.find_session(token) is None
    with pytest.raises(AccountRefused):
        reset_second_factor(house.rooms, "nobody")


async def test_unlocking_forgets_the_tries_of_that_name_only(house: House) -> None:
    await house.add()
    for name in ("ada", "ben"):
        house.register.note_attempt("main", name, "192.0.2.1", 5, False)
    assert unlock(house.rooms, "ada").name == "ada"
    assert house.register.failures("main", "ada", "", 0)[0] == 0
    assert house.register.failures("main", "ben", "", 0)[0] == 1
    with pytest.raises(AccountRefused):
        unlock(house.rooms, "nobody")


async def test_closing_while_a_password_is_hashed_is_not_undone(house: House) -> None:
    await house.add()

    class Slow(QuickPasswords):
        """Passwords during whose hashing the account is closed."""

        def hashed(self, password: str) -> str:
            house.register.keep(replace(house.stands(), state="closed"))
            return super().hashed(password)

    house.passwords = Slow()
    with pytest.raises(AccountRefused, match="no open account"):
        set_password(house.rooms, "ada", "another long one", own=True)
    assert house.stands().state == "closed"


async def test_a_change_by_another_at_the_same_moment_is_kept(house: House) -> None:
    await house.add()

    class Contended(MemoryAccounts):
        """A register in which somebody is quicker, so many times."""

        quicker = 1

        def exchange(self, before: Account, after: Account) -> bool:
            if self.quicker:
                self.quicker -= 1
                self.keep(replace(house.stands(), role="supervisor", totp_last_step=self.quicker))
            return super().exchange(before, after)

    house.register = Contended(house.register.accounts)
    changed = set_password(house.rooms, "ada", "another long one", own=True)
    assert changed.role == "supervisor" and house.stands() == changed
    house.register.quicker = 100
    with pytest.raises(Unavailable, match="all the time"):
        set_password(house.rooms, "ada", "one more long one", own=True)


async def test_the_register_may_be_down(house: House) -> None:
    await house.add()
    house.register.down = True
    for attempt in (lambda: found(house.rooms, "ada"), lambda: unlock(house.rooms, "ada")):
        with pytest.raises(Unavailable):
            attempt()
    with pytest.raises(Unavailable):
        await house.add("ben")
    assert len(house.ledger.facts) == 1
