"""The erasure register in SQLite: the half of each data key that can be destroyed (house.md, design point 6).

It lies apart from the recordings and is not part of their backups. A destroyed secret leaves a row in `erased`, so
that a register restored from a backup can be told what must die again before anything opens.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from overt.domain.identity import Secret
from overt.ports import Unavailable

_SCHEMA = """
CREATE TABLE IF NOT EXISTS secret (
    tenant TEXT NOT NULL, recording TEXT NOT NULL, secret BLOB NOT NULL CHECK (length(secret) = 32),
    PRIMARY KEY (tenant, recording)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS erased (
    tenant TEXT NOT NULL, recording TEXT NOT NULL, erased_us INTEGER NOT NULL,
    PRIMARY KEY (tenant, recording)
) STRICT, WITHOUT ROWID;
"""


class SqliteErasures:
    """Implements ports.ErasureRegister; read by the opener. Every method raises Unavailable when SQLite cannot.

    May be used from several threads.
    """

    def __init__(self, path: Path) -> None:
        """Open the register, and make it when it is not there (mode 0600)."""
        self._one_at_a_time = threading.Lock()
        with _named():
            try:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                path.touch(mode=0o600)
            except OSError as error:
                raise Unavailable("erasure register", f"{error.strerror}: {path}", retry=False) from error
            self._rows = sqlite3.connect(path, timeout=5, isolation_level=None, check_same_thread=False)
            for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON"):
                self._rows.execute(f"PRAGMA {pragma}")
            self._rows.executescript(_SCHEMA)

    def keep(self, tenant: str, recording: str) -> bytes:
        """Make, keep durably and return a new secret. Raises Unavailable, also when the recording has or had one."""
        made = secrets.token_bytes(32)
        with self._one_at_a_time, _named():
            if self._erased(tenant, recording):
                raise Unavailable("erasure register", f"recording {recording} was erased", retry=False)
            self._rows.execute("INSERT INTO secret VALUES (?, ?, ?)", (tenant, recording, made))
        return Secret(made)

    def read(self, tenant: str, recording: str) -> bytes | None:
        """Return the secret of a recording; None when it never had one, or has it no longer."""
        with self._one_at_a_time, _named():
            if self._erased(tenant, recording):
                return None
            row = self._rows.execute(
                "SELECT secret FROM secret WHERE tenant = ? AND recording = ?", (tenant, recording)
            ).fetchone()
        return Secret(row[0]) if row else None

    def destroy(self, tenant: str, recording: str, at_us: int) -> bool:
        """Destroy a secret for good, and leave the row that says so. Return whether there was one.

        The row in `erased` is durable before the secret goes, so a crash between the two still erases; the write-ahead
        log is emptied, so the secret does not linger in it.
        """
        with self._one_at_a_time, _named():
            self._rows.execute("INSERT OR IGNORE INTO erased VALUES (?, ?, ?)", (tenant, recording, at_us))
            gone = self._rows.execute(
                "DELETE FROM secret WHERE tenant = ? AND recording = ?", (tenant, recording)
            ).rowcount
            busy = self._rows.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if busy:
            raise Unavailable("erasure register", "another process reads it; destroy again to empty its log")
        return bool(gone)

    def close(self) -> None:
        """Close the register."""
        self._rows.close()

    def _erased(self, tenant: str, recording: str) -> bool:
        found = self._rows.execute(
            "SELECT 1 FROM erased WHERE tenant = ? AND recording = ?", (tenant, recording)
        ).fetchone()
        return found is not None


@contextmanager
def _named() -> Iterator[None]:
    """Wrap SQLite's errors, once."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise Unavailable("erasure register", "this recording has a secret already", retry=False) from error
    except sqlite3.Error as error:
        raise Unavailable("erasure register", str(error)) from error
