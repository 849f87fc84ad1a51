"""What keeps accounts, sessions and attempts: the same of memory, SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace

import pytest
import sqlalchemy as sa

from overt.adapters import tables
from overt.adapters.memory_accounts import MemoryAccounts
from overt.adapters.sql_accounts import SqlAccounts
from overt.ports import Unavailable
from overt.services.accounts import Account
from overt.services.signing_in import WebSession

ADA = Account("main", "ada", "compliance", "", "a hash", "", 0, "active", True, 5, 7)
SESSION = WebSession("t1", "main", "ada", "code", "a csrf", 1, 2, 10**15, "192.0.2.1", "Firefox")
Register = MemoryAccounts | SqlAccounts


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def register(request: pytest.FixtureRequest) -> Iterator[Register]:
    """One of each, empty."""
    if request.param == "memory":
        yield MemoryAccounts()
        return
    engine: sa.Engine = request.getfixturevalue(f"{request.param}_database")
    with engine.begin() as rows:
        for table in (tables.sessions, tables.attempts, tables.accounts):
            rows.execute(sa.delete(table))
    yield SqlAccounts(engine)


def test_an_account_comes_back_as_it_was_kept(register: Register) -> None:
    assert register.find("main", "ada") is None and list(register.all("main")) == []
    for account in (ADA, replace(ADA, role="agent", agent="sip:ada@pbx", totp_secret="S" * 32, totp_last_step=10**9,
                                 state="closed", must_change=False, ledger_index=-1)):  # fmt: skip
        register.keep(account)
        assert register.find("main", "ada") == account
        assert list(register.all("main")) == [account]


def test_accounts_are_of_their_house_and_in_order(register: Register) -> None:
    for tenant, name in (("main", "zoe"), ("other", "ada"), ("main", "ben"), ("main", "a")):
        register.keep(replace(ADA, tenant=tenant, name=name))
    assert [one.name for one in register.all("main")] == ["a", "ben", "zoe"]
    assert register.find("main", "ada") is None and register.find("main", "BEN") is None


def test_an_account_is_exchanged_only_for_what_stands_there(register: Register) -> None:
    register.keep(ADA)
    then = replace(ADA, totp_secret="S" * 32, totp_last_step=9)
    assert register.exchange(ADA, then) and register.find("main", "ada") == then
    assert not register.exchange(ADA, replace(ADA, state="closed"))
    others = {"role": "agent", "agent": "x", "password": "x", "totp_secret": "", "totp_last_step": 1, "state": "closed",
              "must_change": False, "created_us": 1, "ledger_index": 1, "name": "ben", "tenant": "other"}  # fmt: skip
    assert set(others) == {one.name for one in fields(Account)}
    for name, other in others.items():
        assert not register.exchange(replace(then, **{name: other}), replace(then, role="supervisor"))
    assert register.find("main", "ada") == then
    assert register.exchange(then, then) and register.exchange(then, ADA)


def test_of_many_exchanges_at_once_one_holds(register: Register) -> None:
    register.keep(ADA)
    with ThreadPoolExecutor(6) as threads:
        held = list(threads.map(lambda n: register.exchange(ADA, replace(ADA, totp_last_step=n)), range(1, 13)))
    assert sum(held) == 1
    assert register.find("main", "ada") == replace(ADA, totp_last_step=1 + held.index(True))


def test_a_session_comes_back_until_it_is_ended(register: Register) -> None:
    assert register.find_session("t1") is None
    register.keep_session(SESSION)
    register.keep_session(replace(SESSION, token_sha256="t2"))
    assert register.find_session("t1") == SESSION
    register.end_session("t1")
    register.end_session("t1")
    assert register.find_session("t1") is None and register.find_session("t2") is not None


def test_a_session_is_exchanged_only_for_what_stands_there(register: Register) -> None:
    register.keep_session(SESSION)
    seen = replace(SESSION, seen_us=99)
    assert register.exchange_session(SESSION, seen) and register.find_session("t1") == seen
    assert not register.exchange_session(SESSION, replace(SESSION, stage="in"))
    assert not register.exchange_session(replace(seen, stage="enrol"), replace(seen, stage="in"))
    register.end_session("t1")
    assert not register.exchange_session(seen, replace(seen, stage="in")) and register.find_session("t1") is None


def test_sessions_are_ended_by_account_and_house_save_one(register: Register) -> None:
    for token, tenant, account in (("t1", "main", "ada"), ("t2", "main", "ada"), ("t3", "main", "ben"), ("t4", "other", "ada")):  # fmt: skip
        register.keep_session(replace(SESSION, token_sha256=token, tenant=tenant, account=account))
    register.end_sessions("main", "ada", "t2")
    assert [register.find_session(f"t{n}") is not None for n in (1, 2, 3, 4)] == [False, True, True, True]
    register.end_sessions("main", "ada")
    assert [register.find_session(f"t{n}") is not None for n in (1, 2, 3, 4)] == [False, False, True, True]


def test_failures_are_of_the_name_since_its_success_and_of_the_address(register: Register) -> None:
    for at, (name, address, ok) in enumerate(
        [("ada", "a1", False), ("ada", "a1", False), ("ada", "a2", True), ("ada", "a1", False), ("ben", "a1", False),
         ("ben", "a2", True)], 100,
    ):  # fmt: skip
        register.note_attempt("main", name, address, at, ok)
    register.note_attempt("other", "ada", "a1", 103, False)
    assert register.failures("main", "ada", "a1", 0) == (1, 4)
    assert register.failures("main", "ada", "a1", 103) == (1, 2)
    assert register.failures("main", "ada", "a2", 0) == (1, 0)
    assert register.failures("main", "ben", "a3", 0) == (0, 0)
    assert register.failures("main", "nobody", "a1", 104) == (0, 1)
    register.forget_attempts("main", "ada")
    assert register.failures("main", "ada", "a1", 0) == (0, 1)
    assert register.failures("other", "ada", "a1", 0) == (1, 1)


def test_a_name_of_any_length_is_counted(register: Register) -> None:
    for end in ("x", "y"):
        register.note_attempt("main", "n" * 5000 + end, "a1", 1, False)
    assert register.failures("main", "n" * 5000, "a1", 0) == (2, 2)


def test_wrong_tries_at_once_are_all_counted(register: Register) -> None:
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(lambda n: register.note_attempt("main", "ada", "a1", n, False), range(24)))
    assert register.failures("main", "ada", "a1", 0) == (24, 24)


def test_a_database_that_is_gone_is_unavailable() -> None:
    gone = SqlAccounts(sa.create_engine("sqlite:////nowhere/at/all.sqlite"))
    for ask in (lambda: gone.find("main", "ada"), lambda: gone.find_session("t"), lambda: gone.keep(ADA)):
        with pytest.raises(Unavailable):
            ask()
