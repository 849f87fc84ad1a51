"""The process that masks and writes SIP messages for their ladders: it yields to whatever serves calls, and keeps nothing."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from overt.adapters.closed_process import close_memory
from overt.adapters.trace_files import scribble

NICE = 10

if __name__ == "__main__":
    os.nice(NICE)
    close_memory(keys=False)
    for stopping in (signal.SIGINT, signal.SIGTERM):  # whoever feeds it ends it, once all is written
        signal.signal(stopping, signal.SIG_IGN)
    scribble(Path(sys.argv[1]), sys.stdin.buffer, sys.stdout.buffer)
