"""The opener process: the only holder of the opening key, without any network, on its Unix socket alone."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

from overt.adapters.accounts_file import read_accounts
from overt.adapters.closed_process import SAYS, close_memory, leave_network
from overt.adapters.key_files import VERIFIER_KEY, load_verifier_key
from overt.adapters.log_lines import set_up_logs
from overt.adapters.opener_accounts import AccountEntries
from overt.adapters.opener_grants import Accounts, OpenerDesk
from overt.adapters.opener_server import OpenerCounter, Vault
from overt.adapters.sealed_files import SealedFiles
from overt.adapters.sqlite_erasures import SqliteErasures
from overt.adapters.system_clock import SystemClock
from overt.adapters.unix_frames import FrameServer
from overt.adapters.vault_keys import read_opening_key
from overt.compose.observing import pulse
from overt.ledger.checkpoint import CheckpointBroken
from overt.ports import Unavailable

SOCKET = "run/opener.sock"
TENANT = "main"
_log = logging.getLogger("overt.opener")


def main(data_folder: Path) -> int:
    """Open for those who may until SIGTERM or SIGINT. Return the exit code: 3 when something is missing."""
    set_up_logs("opener")
    granted = leave_network() | close_memory(keys=True)  # in this order: a namespace is entered while dumpable
    for protection, held in granted.items():
        _log.log(logging.INFO if held else logging.WARNING, "%s: %s (%s)", protection, held, SAYS[protection])
    try:
        asyncio.run(_serve(data_folder))
    except (Unavailable, CheckpointBroken, OSError) as error:
        _log.error("the opener does not start: %s", error)
        return 3
    return 0


async def _serve(data_folder: Path) -> None:
    clock = SystemClock()
    vault = Vault(
        read_opening_key(data_folder / "keys"),
        SqliteErasures(data_folder / "registers" / "erasures.sqlite"),
        SealedFiles(data_folder / "recordings"),
    )
    accounts = Accounts(
        read_accounts(data_folder / "overt.toml"),
        load_verifier_key(data_folder / VERIFIER_KEY),
        os.getuid(),
        AccountEntries(data_folder / "ledger" / TENANT / "entries.log"),
    )
    counter = OpenerCounter(vault, OpenerDesk(accounts, clock.now_us), clock.now_us)
    socket = data_folder / SOCKET
    socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    server = FrameServer(socket, counter.answer)
    await server.start()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with pulse(data_folder, "opener", dict):
        await stop.wait()
    await server.stop()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
