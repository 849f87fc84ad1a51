"""What `overt recordings` does: puts the listening story together, with the running processes or with its own.

When `overt serve` does not run, a notary and an opener are started for the moment, and what the engines left in the
spool is archived first.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from overt.adapters.accounts_file import read_accounts
from overt.adapters.ledger_holdings import LedgerHoldings
from overt.adapters.notary_client import NotaryClient
from overt.adapters.opener_client import OpenerClient
from overt.adapters.sealed_files import SealedFiles
from overt.adapters.system_clock import SystemClock
from overt.adapters.wav_export import WavExport
from overt.compose.moment import alone, answers, process
from overt.compose.opener import SOCKET as OPENER
from overt.compose.worker import AnotherArchives, archive_once
from overt.domain.access import ROLES, Actor
from overt.domain.errors import NotPermitted
from overt.ports import Unavailable
from overt.services.listening import Exported, Held, ListeningRooms, NoSuchRecording, export
from overt.vault.format import SealBroken

TENANT = "main"
NOTARY = "run/notary.sock"
ARCHIVED_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of `overt recordings list`."""

    held: Held
    stored_bytes: int


def acting_account(data_folder: Path) -> Actor:
    """The account bound to the operating-system user. Raises NotPermitted, Unavailable."""
    uid = os.getuid()
    actor = read_accounts(data_folder / "overt.toml").get(uid)
    if actor is None:
        raise NotPermitted(f"no account is bound to the user id {uid}; an administrator adds an [[account]] for it")
    return actor


def listed(data_folder: Path) -> Sequence[Listed]:
    """Return every recording that the ledger knows. Raises NotPermitted, Unavailable."""
    actor = acting_account(data_folder)
    if "list" not in ROLES[actor.role]:
        raise NotPermitted(f"the role {actor.role} may not list recordings")
    stored = {name: size for name, _, size in SealedFiles(data_folder / "recordings").stored(TENANT)}
    return [Listed(held, stored.get(held.recording, 0)) for held in LedgerHoldings(data_folder / "ledger").all(TENANT)]


def export_wav(data_folder: Path, recording: str, purpose: str, document: str, out: Path) -> Exported:
    """Export a recording as WAV. Raises as services.listening.export does; NotPermitted without an account."""
    actor = acting_account(data_folder)
    held = LedgerHoldings(data_folder / "ledger").find(TENANT, recording)
    if held is None:
        raise NoSuchRecording(f"there is no recording {recording}; `overt recordings list` shows those there are")
    _await_archive(data_folder, held)
    with _processes(data_folder):
        return asyncio.run(_export(data_folder, actor, recording, purpose, document, out))


async def _export(data_folder: Path, actor: Actor, recording: str, purpose: str, document: str, out: Path) -> Exported:
    ledger = NotaryClient(data_folder / NOTARY)
    try:
        rooms = ListeningRooms(
            TENANT,
            ledger,
            SystemClock(),
            LedgerHoldings(data_folder / "ledger"),
            OpenerClient(data_folder / OPENER),
        )
        return await export(rooms, actor, recording, purpose, document, WavExport(out))
    finally:
        ledger.close()


def _await_archive(data_folder: Path, held: Held) -> None:
    """Return once all of an ended recording is in its file, or nothing more is to be expected."""
    files = SealedFiles(data_folder / "recordings")
    deadline = time.monotonic() + ARCHIVED_WITHIN_S
    while not _archived(files, held) and time.monotonic() < deadline:
        try:
            archive_once(data_folder)
            return
        except AnotherArchives:
            time.sleep(0.2)


def _archived(files: SealedFiles, held: Held) -> bool:
    try:
        return sum(1 for _ in islice(files.records(held.tenant, held.recording), held.chunks)) == held.chunks
    except (Unavailable, SealBroken):
        return False


@contextmanager
def _processes(data_folder: Path) -> Iterator[None]:
    """Have notary and opener there: the running ones, or our own for the moment, one command at a time."""
    needed = {"notary": data_folder / NOTARY, "opener": data_folder / OPENER}
    with ExitStack() as running:
        if not all(answers(path) for path in needed.values()):
            running.enter_context(alone(data_folder))
            for name, path in needed.items():
                running.enter_context(process(data_folder, name, path))
        yield
