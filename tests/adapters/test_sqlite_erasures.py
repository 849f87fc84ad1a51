"""The erasure register: kept durably, read by another process, and gone for good when it is destroyed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from overt.adapters.sqlite_erasures import SqliteErasures
from overt.ports import Unavailable

ONE, TWO = "recording-1", "recording-2"


def everything_on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


def test_a_secret_is_kept_and_read_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "registers" / "erasures.sqlite"
    register = SqliteErasures(path)
    made = register.keep("main", ONE)
    assert len(made) == 32 and repr(made) == "Secret(32 bytes)"
    assert SqliteErasures(path).read("main", ONE) == made
    assert register.read("main", TWO) is None and register.read("other", ONE) is None
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(Unavailable, match="has a secret already"):
        register.keep("main", ONE)
    register.close()


def test_a_destroyed_secret_is_in_no_file(tmp_path: Path) -> None:
    path = tmp_path / "erasures.sqlite"
    register = SqliteErasures(path)
    gone, stays = register.keep("main", ONE), register.keep("main", TWO)
    assert bytes(gone) in everything_on_disk(tmp_path)
    assert register.destroy("main", ONE, 5)
    assert bytes(gone) not in everything_on_disk(tmp_path)
    assert bytes(stays) in everything_on_disk(tmp_path)
    assert register.read("main", ONE) is None
    assert register.read("main", TWO) == stays
    with pytest.raises(Unavailable, match="was erased"):
        register.keep("main", ONE)
    assert not register.destroy("main", ONE, 6)


def test_threads_may_share_it(tmp_path: Path) -> None:
    register = SqliteErasures(tmp_path / "erasures.sqlite")
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda number: register.keep("main", f"r{number}"), range(100)))
    assert len(set(made)) == 100
    assert [register.read("main", f"r{number}") for number in range(100)] == made


def test_what_sqlite_cannot_is_unavailable(tmp_path: Path) -> None:
    broken = tmp_path / "broken.sqlite"
    broken.write_bytes(b"not a database at all" * 100)
    with pytest.raises(Unavailable, match="not a database"):
        SqliteErasures(broken)
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="erasure register"):
        SqliteErasures(tmp_path / "file" / "erasures.sqlite")
