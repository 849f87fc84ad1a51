"""The notary process: the only holder of the ledger's signing key, on its Unix socket alone."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from pathlib import Path

from overt.adapters.closed_process import close_memory, leave_network
from overt.adapters.key_files import load_signing_key
from overt.adapters.ledger_files import LedgerFiles
from overt.adapters.log_lines import set_up_logs
from overt.adapters.notary_server import Notary
from overt.adapters.system_clock import SystemClock
from overt.adapters.unix_frames import FrameServer
from overt.compose.observing import pulse
from overt.ports import Unavailable

SOCKET = "run/notary.sock"
TENANT = "main"
PATIENCE_S, RETRY_S = 10.0, 0.1
_log = logging.getLogger("overt.notary")


def main(data_folder: Path) -> int:
    """Enter facts until SIGTERM or SIGINT. Return the exit code: 3 when something is missing or was tampered with."""
    set_up_logs("notary")
    leave_network()
    close_memory(keys=True)
    try:
        asyncio.run(_serve(data_folder))
    except (Unavailable, OSError) as error:
        _log.error("the notary does not start: %s", error)
        return 3
    return 0


async def _serve(data_folder: Path) -> None:
    files = await _open_files(data_folder / "ledger" / TENANT)
    notary = Notary(files, load_signing_key(data_folder), TENANT, SystemClock().now_us)
    socket = data_folder / SOCKET
    socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    server = FrameServer(socket, notary.handle)
    await server.start()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    committing = asyncio.create_task(notary.commit_forever())
    async with pulse(data_folder, "notary", notary.said):
        await stop.wait()
        await asyncio.sleep(0.05)
    committing.cancel()
    await server.stop()
    files.close()


async def _open_files(folder: Path) -> LedgerFiles:
    """Open the ledger; a notary that an export started for a moment may hold it a little longer."""
    for _ in range(int(PATIENCE_S / RETRY_S)):
        try:
            return LedgerFiles(folder)
        except Unavailable as error:
            if not error.retry:
                raise
        await asyncio.sleep(RETRY_S)
    return LedgerFiles(folder)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
