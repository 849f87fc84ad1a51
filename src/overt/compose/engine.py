"""A media engine process. It holds the public wrapping key only, and stops capturing by itself when it must."""

from __future__ import annotations

import fcntl
import gc
import logging
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from overt.adapters.closed_process import close_memory
from overt.adapters.log_lines import set_up_logs
from overt.adapters.prompt_files import load_prompts
from overt.adapters.unix_frames import short_path
from overt.adapters.vault_keys import read_wrapping_key
from overt.adapters.vitals_files import VitalsWriter
from overt.engine.desk import Desk
from overt.engine.loop import Loop
from overt.engine.prompts import Library
from overt.engine.spool import Spool, recover
from overt.engine.tally import Tally
from overt.ports import Unavailable

PATIENCE_S, RETRY_S, SECOND_NS = 10.0, 0.1, 1_000_000_000
GC_THRESHOLD = (100_000, 50, 50)  # what lives, lives long; a collection must not stop the loop often
_log = logging.getLogger("overt.engine")


def main(data_folder: Path, name: str, start_key: bytes) -> int:
    """Serve the signaller on DATA/run/<name>.sock until SIGTERM. Return the exit code: 3 when something is missing."""
    set_up_logs(name)
    close_memory(keys=True)
    try:
        prompts, _ = load_prompts(data_folder / "prompts")
        wrapping = read_wrapping_key(data_folder / "keys")
        folder = data_folder / "spool" / name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        alone = _alone_in(folder)
        unended, number = recover(folder)
    except (Unavailable, OSError) as error:
        _log.error("the engine does not start: %s", error)
        return 3
    loop = Loop()
    library = Library({prompt: loaded.samples for prompt, loaded in prompts.items()})
    spool = Spool(folder, number)
    desk = Desk(loop, library, spool, wrapping, start_key, unended)
    desk.tally, vitals = Tally(spool, folder), VitalsWriter(data_folder, name)
    socket = data_folder / "run" / f"{name}.sock"
    socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    socket.unlink(missing_ok=True)
    with short_path(socket) as short:
        desk.listen(short)
    for signalled in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signalled, lambda *_: setattr(loop, "stopping", True))
    vitals.start()
    loop.every(SECOND_NS, lambda: vitals.say(desk.vitals()))
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLD)
    loop.run()
    desk.close()
    os.close(alone)
    return 0


def _alone_in(folder: Path) -> int:
    """Wait until no other engine writes this spool: what it writes must not be taken for what a dead one left.

    Return the lock's descriptor. Raises Unavailable when the other one stays.
    """
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    for _ in range(int(PATIENCE_S / RETRY_S)):
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        time.sleep(RETRY_S)
    raise Unavailable("engine", f"another engine writes {folder}", retry=False)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], bytes.fromhex(sys.stdin.readline().strip())))
