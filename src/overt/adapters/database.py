"""The database: SQLite in the data folder, or PostgreSQL; opened, brought up to date, and its errors named once."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.exc import SQLAlchemyError

from overt.ports import Unavailable

FILE = "registers/overt.sqlite"
WAIT_S = 10
_ADVISORY = 0x0FE7  # any number, the same in every process of ours
_PRAGMAS = (
    "journal_mode = WAL", "synchronous = FULL", f"busy_timeout = {WAIT_S * 1000}", "foreign_keys = ON",
    "secure_delete = ON", "temp_store = MEMORY", "cache_size = -8192",
)  # fmt: skip


class Addressed(Protocol):
    """Settings that say where the database is: an address, empty for the file in the data folder."""

    @property
    def database(self) -> str:
        """The address."""
        ...


def open_database(settings: Addressed, data_folder: Path) -> sa.Engine:
    """Return an engine on the database of the settings. SQLite's file is made when it is not there (mode 0600).

    Nothing is migrated. Raises Unavailable when the address cannot be read, or the file not be made.
    """
    try:
        url = sa.make_url(settings.database or f"sqlite:///{data_folder / FILE}")
        if url.drivername == "postgresql":
            url = url.set(drivername="postgresql+psycopg")
        if url.get_backend_name() == "sqlite":
            return _open_sqlite(url)
        waits = {"connect_timeout": WAIT_S}
        return sa.create_engine(url, hide_parameters=True, pool_pre_ping=True, connect_args=waits)
    except (SQLAlchemyError, ValueError) as error:
        raise Unavailable("database", "the setting `database` is no address of one", retry=False) from error


def _open_sqlite(url: sa.URL) -> sa.Engine:
    path = Path(url.database or "")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.chmod(0o600)
    except OSError as error:
        raise Unavailable("database", f"{error.strerror}: {path}", retry=False) from error
    engine = sa.create_engine(url, hide_parameters=True, connect_args={"timeout": WAIT_S})
    engine.dialect.statement_compiler = _Hinting
    sa.event.listen(engine, "connect", _prepare)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, _: Any) -> None:
    """Set a fresh connection up. Transactions are begun by us: Python's own way would not put migrations into one."""
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN")


class _Hinting(SQLiteCompiler):
    """SQLite's compiler, which writes hints (`INDEXED BY`) where SQLite has them."""

    def get_from_hint_text(self, table: Any, text: str | None) -> str | None:
        """See sqlalchemy.sql.compiler.SQLCompiler."""
        return text


def migrate(engine: sa.Engine) -> None:
    """Bring the database up to date; several processes may do so at once. Raises Unavailable."""
    with _named(), _alone(engine), engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY)))
        command.upgrade(_steps(connection), "head")


def _steps(connection: sa.Connection) -> Config:
    steps = Config()
    steps.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    steps.attributes["connection"] = connection
    return steps


@contextmanager
def _alone(engine: sa.Engine) -> Iterator[None]:
    """Keep other processes from migrating the same SQLite file."""
    if engine.dialect.name != "sqlite":
        yield
        return
    try:
        with Path(f"{engine.url.database}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise Unavailable("database", f"{error.strerror}: {engine.url.database}.lock") from error


@contextmanager
def work(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction: committed at the end, undone when something is raised. Raises Unavailable."""
    with _named(), engine.begin() as connection:
        yield connection


def storable(text: str) -> str:
    """A text as both databases keep it: PostgreSQL has no NUL in one."""
    return text.replace("\0", "\ufffd")


@contextmanager
def _named() -> Iterator[None]:
    """Wrap the database's errors, once, saying neither a password nor what stands in a row."""
    try:
        yield
    except SQLAlchemyError as error:
        raise Unavailable("database", _why(error)) from error
    except CommandError as error:
        why = "its tables were made by another version of Overt; run the version that made them, or a later one"
        raise Unavailable("database", why, retry=False) from error


def _why(error: SQLAlchemyError) -> str:
    """What went wrong, in one line: PostgreSQL's primary message, which holds no row; SQLite's; else the kind of error."""
    cause = getattr(error, "orig", None)
    primary = getattr(getattr(cause, "diag", None), "message_primary", None)
    if primary:
        return str(primary)
    if cause is None:
        return type(error).__name__
    return str(cause).strip().partition("\n")[0]
