"""What tests of adapters share: a database of each kind, empty and migrated."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from databases import empty_postgresql
from overt.adapters.database import migrate, open_database
from overt.config import parse_settings

KINDS = ("sqlite", "postgresql")


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
    with empty_postgresql(request.getfixturevalue("postgresql")) as made:
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
        empty_postgresql(postgresql) as address,
        _migrated(address, tmp_path_factory.mktemp("postgresql")) as engine,
    ):
        yield engine
