"""The database: the same tables on both, made by the migrations, whoever makes them at once; errors that tell nothing."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from overt.adapters.database import FILE, _steps, migrate, open_database, work
from overt.adapters.sql_holdings import SqlHoldings
from overt.adapters.tables import accounts, editions, metadata
from overt.config import parse_settings
from overt.ports import Unavailable


def test_the_migrations_make_exactly_the_tables(database: sa.Engine) -> None:
    with database.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        connection.exec_driver_sql("DROP INDEX ix_calls_line")  # so that the comparison is known to look
        assert compare_metadata(MigrationContext.configure(connection), metadata) != []


def test_recordings_of_before_name_no_listeners(address: str, tmp_path: Path) -> None:
    engine = open_database(parse_settings(f'failure = "end-call"\ndatabase = "{address}"'), tmp_path)
    with engine.begin() as connection:
        command.upgrade(_steps(connection), "0001")
    with work(engine) as rows:
        rows.execute(sa.insert(editions).values(id=1, tenant="main", current=True, origin="o", number_key="k", position=1,
                                                octets=1, made_us=1))  # fmt: skip
        rows.execute(sa.text("INSERT INTO recordings VALUES (1, 'r', 'main', 'c', 'quality', 0, 5, NULL, '', 0, 0, -1, :no)"),
                     {"no": False})  # fmt: skip
    migrate(engine)
    (held,) = SqlHoldings(engine).all("main")
    assert (held.recording, held.listeners, held.policy) == ("r", None, "")
    with engine.begin() as connection:
        command.downgrade(_steps(connection), "0001")
        assert "listeners" not in {one["name"] for one in sa.inspect(connection).get_columns("recordings")}
    engine.dispose()


def test_many_may_migrate_at_once(address: str, tmp_path: Path) -> None:
    program = (
        "import sys, pathlib\nfrom overt.adapters.database import open_database, migrate\nfrom overt.config import parse_settings\n"
        "migrate(open_database(parse_settings(sys.argv[1]), pathlib.Path(sys.argv[2])))"
    )
    text = f'failure = "end-call"\ndatabase = "{address}"'
    running = [subprocess.Popen([sys.executable, "-c", program, text, str(tmp_path)]) for _ in range(3)]
    assert [one.wait(60) for one in running] == [0, 0, 0]
    engine = open_database(parse_settings(text), tmp_path)
    assert set(metadata.tables) <= set(sa.inspect(engine).get_table_names())
    engine.dispose()


def test_sqlite_is_durable_and_for_its_owner_only(tmp_path: Path) -> None:
    engine = open_database(parse_settings('failure = "end-call"'), tmp_path)
    migrate(engine)
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    with engine.connect() as connection:
        kept = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in _WANTED}
    assert kept == _WANTED
    engine.dispose()


_WANTED = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1, "busy_timeout": 10000}


def test_a_migration_that_breaks_leaves_nothing(database: sa.Engine) -> None:
    with pytest.raises(Unavailable, match="database: "), work(database) as rows:
        rows.execute(sa.text("CREATE TABLE half (id INTEGER)"))
        rows.execute(sa.text("INSERT INTO no_such_table VALUES (1)"))
    assert "half" not in sa.inspect(database).get_table_names()


def test_errors_hold_no_row(database: sa.Engine) -> None:
    row = {"tenant": "main", "name": "hidden-name", "role": "agent", "agent": "", "password": "hidden-hash", "state": "active",
           "totp_last_step": 0, "must_change": False, "created_us": 0, "ledger_index": 0}  # fmt: skip
    with pytest.raises(Unavailable) as caught, work(database) as rows:
        rows.execute(sa.insert(accounts).values(row))
        rows.execute(sa.insert(accounts).values(row))
    assert "hidden" not in str(caught.value)


def test_a_server_that_is_not_there_is_named_without_its_password(tmp_path: Path) -> None:
    text = 'failure = "end-call"\ndatabase = "postgresql://overt:hidden@127.0.0.1:1/overt"'
    with pytest.raises(Unavailable) as caught:
        migrate(open_database(parse_settings(text), tmp_path))
    assert "hidden" not in str(caught.value) and "127.0.0.1" in str(caught.value)
    broken = parse_settings('failure = "end-call"\ndatabase = "postgresql://over:hidden:x:y@[/z"')
    with pytest.raises(Unavailable) as caught:
        migrate(open_database(broken, tmp_path))
    assert "hidden" not in str(caught.value)


def test_a_database_of_a_later_version_is_left_alone(database: sa.Engine) -> None:
    with work(database) as rows:
        rows.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Unavailable, match="another version of Overt"):
        migrate(database)
