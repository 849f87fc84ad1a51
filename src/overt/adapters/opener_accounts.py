"""What the opener knows of the console's accounts: the newest entry of each, read from the ledger's log as it grows.

Nothing here believes the log by itself: the entries that matter come with receipts. The log tells whether a later one
exists, and it must hold the grant itself at its place, so that an old copy of it, or one with lines taken out, is noticed.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from overt.ledger.entry import EntryBroken, read_entry
from overt.services.listening import NotOpened

ACCOUNT_KINDS = ("account.added", "account.changed")
_ACCOUNT, _GRANT = b'"kind":"account.', b'"kind":"listening.granted"'
_BLOCK = 4 << 20
_MOST_GRANTS = 4096


class AccountEntries:
    """Follows one `entries.log`. Every method may raise NotOpened when the log cannot be read."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._forget()

    def _forget(self) -> None:
        self._offset = self._lines = 0
        self._file_number = -1
        self._newest: dict[str, tuple[int, bytes]] = {}
        self._grants: OrderedDict[int, bytes] = OrderedDict()

    def newest(self, name: str) -> tuple[int, bytes] | None:
        """The newest entry of an account: its index and its line. None when there is none."""
        return self._newest.get(name)

    def granted(self, index: int) -> bytes | None:
        """The line of a grant, of the last few thousand."""
        return self._grants.get(index)

    def catch_up(self) -> Iterator[None]:
        """Read what is new, in steps."""
        try:
            with self._log.open("rb") as file:
                status = os.fstat(file.fileno())
                if status.st_ino != self._file_number or status.st_size < self._offset:
                    self._forget()
                    self._file_number = status.st_ino
                while self._read(file):
                    yield
        except OSError as error:
            raise NotOpened(f"the ledger's entries cannot be read: {error.strerror}: {self._log}") from error

    def _read(self, file: BinaryIO) -> bool:
        """Read one block's whole lines. Return whether there may be more."""
        file.seek(self._offset)
        block = file.read(_BLOCK)
        whole = block[: block.rfind(b"\n") + 1]
        if _ACCOUNT in whole or _GRANT in whole:
            for index, line in enumerate(whole.split(b"\n")[:-1], self._lines):
                self._take(index, line)
        self._lines += whole.count(b"\n")
        self._offset += len(whole)
        return bool(whole) and len(block) == _BLOCK

    def _take(self, index: int, line: bytes) -> None:
        if _GRANT in line:
            self._grants[index] = line
            if len(self._grants) > _MOST_GRANTS:
                self._grants.popitem(last=False)
        if _ACCOUNT not in line:
            return
        try:
            entry = read_entry(line)
        except EntryBroken as error:
            raise NotOpened(f"entry {index} of the ledger cannot be read; `overt ledger verify` says more") from error
        if entry.kind in ACCOUNT_KINDS:
            self._newest[str(entry.body.get("account"))] = index, line
