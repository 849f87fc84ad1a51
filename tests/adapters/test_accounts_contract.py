"""One contract for accounts, sessions and attempts: in memory, in SQLite, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Barrier, Thread

import pytest
import sqlalchemy as sa

from overt.adapters.database import FILE, migrate, open_database
from overt.adapters.memory_accounts import MemoryAccounts
from overt.adapters.sql_accounts import SqlAccounts
from overt.config import parse_settings
from overt.ports import Unavailable
from overt.services.accounts import Account
from overt.services.signing_in import WebSession

ADA = Account("main", "ada", "administrator", password="hash", created_us=5, ledger_index=0)
BEA = Account("main", "bea", "agent", "sip:bea@192.0.2.20", "hash", "SECRET", 7, "active", True, 6, 1)
KEPT_US = 30 * 24 * 3600 * 1_000_000
Store = MemoryAccounts | SqlAccounts


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """An empty register."""
    if request.param == "memory":
        yield MemoryAccounts()
        return
    engine: sa.Engine = request.getfixturevalue(f"{request.param}_database")
    with engine.begin() as connection:
        for name in ("accounts", "sessions", "attempts"):
            connection.exec_driver_sql(f"DELETE FROM {name}")
    yield SqlAccounts(engine)


def session(token: str, account: str = "ada", **changed: object) -> WebSession:
    """A session that began at 100."""
    fields = {"created_us": 100, "seen_us": 100, "expires_us": 10**18, "address": "192.0.2.1", "agent": "browser"}
    return WebSession(token, "main", account, "in", "csrf", **{**fields, **changed})  # type: ignore[arg-type]


def test_accounts_are_kept_whole_and_replaced(store: Store) -> None:
    assert store.find("main", "ada") is None and list(store.all("main")) == []
    store.keep(BEA)
    store.keep(ADA)
    assert list(store.all("main")) == [ADA, BEA] and store.find("main", "bea") == BEA
    store.keep(replace(BEA, totp_secret="", state="closed"))
    assert store.find("main", "bea") == replace(BEA, totp_secret="", state="closed")


def test_tenants_are_apart(store: Store) -> None:
    store.keep(ADA)
    store.keep(replace(ADA, tenant="other", role="agent"))
    assert store.find("main", "ada") == ADA and len(store.all("other")) == 1 and store.find("third", "ada") is None


def test_a_name_that_cannot_be_is_nobodys(store: Store) -> None:
    assert [store.find("main", name) for name in ("", "\0", "a\0da", "ADA", "é" * 300)] == [None] * 5


@pytest.mark.parametrize(
    "changed", [{"role": "agent"}, {"totp_secret": "NEW"}, {"totp_last_step": 9}, {"password": "new"}]
)
def test_an_account_is_exchanged_only_for_what_stands(store: Store, changed: dict[str, object]) -> None:
    store.keep(ADA)
    meanwhile = replace(ADA, **changed)  # type: ignore[arg-type]
    assert not store.exchange(meanwhile, BEA) and store.find("main", "ada") == ADA
    assert store.exchange(ADA, meanwhile) and store.find("main", "ada") == meanwhile
    assert not store.exchange(ADA, meanwhile)
    assert store.exchange(meanwhile, ADA) and not store.exchange(BEA, BEA)


def test_of_many_exchanges_at_once_one_succeeds(store: Store) -> None:
    store.keep(ADA)
    together, done = Barrier(4), []

    def change(step: int) -> None:
        together.wait()
        done.append(store.exchange(ADA, replace(ADA, totp_last_step=step)))

    threads = [Thread(target=change, args=(step,)) for step in range(1, 5)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(done) == [False, False, False, True]


def test_sessions_are_kept_exchanged_and_ended(store: Store) -> None:
    first, second, other = session("a"), session("b"), session("c", "bea")
    for one in (first, second, other):
        store.keep_session(one)
    assert store.find_session("a") == first and store.find_session("x") is None
    later = replace(first, seen_us=200, stage="code")
    assert store.exchange_session(first, later) and not store.exchange_session(first, later)
    assert store.find_session("a") == later
    store.end_sessions("main", "ada", but="b")
    assert [store.find_session(token) for token in "abc"] == [None, second, other]
    assert not store.exchange_session(later, first) and store.find_session("a") is None
    store.end_session("c")
    store.end_session("c")
    assert store.find_session("c") is None
    store.end_sessions("main", "ada")
    assert store.find_session("b") is None


def test_wrong_tries_are_counted_by_name_since_the_last_success_and_by_address(store: Store) -> None:
    tries = [
        ("ada", "1", 10, False),
        ("ada", "2", 20, False),
        ("bea", "1", 30, False),
        ("ada", "1", 40, True),
        ("ada", "1", 50, False),
    ]
    for name, address, at, ok in tries:
        store.note_attempt("main", name, address, at, ok)
    assert store.failures("main", "ada", "1", 0) == (1, 3)
    assert store.failures("main", "ada", "2", 0) == (1, 1) and store.failures("main", "bea", "3", 0) == (1, 0)
    assert store.failures("main", "ada", "1", 30) == (1, 2) and store.failures("main", "ada", "1", 51) == (0, 0)
    assert store.failures("other", "ada", "1", 0) == (0, 0)
    store.forget_attempts("main", "ada")
    assert store.failures("main", "ada", "1", 0) == (0, 1)


def test_long_names_are_counted_too(store: Store) -> None:
    for _ in range(3):
        store.note_attempt("main", "x" * 5000, "1", 10, False)
    assert store.failures("main", "x" * 5000, "1", 0) == (3, 3)


def test_what_is_long_over_is_swept_away(sqlite_database: sa.Engine) -> None:
    kept = SqlAccounts(sqlite_database)
    kept.note_attempt("swept", "ada", "1", 10, False)
    kept.keep_session(session("old", expires_us=150))
    kept.note_attempt("swept", "ada", "1", 11 + KEPT_US, False)
    kept.keep_session(session("new", seen_us=200))
    assert kept.failures("swept", "ada", "1", 0) == (1, 1) and kept.find_session("old") is None


def test_a_broken_database_is_unavailable_and_says_nothing_of_anybody(tmp_path: Path) -> None:
    engine = open_database(parse_settings('failure = "end-call"'), tmp_path)
    migrate(engine)
    kept = SqlAccounts(engine)
    kept.keep(replace(ADA, name="hidden-name"))
    engine.dispose()
    (tmp_path / FILE).write_bytes(b"no database at all" * 1000)
    with pytest.raises(Unavailable, match="database: ") as caught:
        kept.find("main", "hidden-name")
    assert "hidden" not in str(caught.value)
    engine.dispose()
