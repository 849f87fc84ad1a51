"""What a process gives up when it starts: core dumps, swap, other eyes, and for the opener the network.

Each step returns whether the system granted it; `overt doctor` and the process's first line say which did not.
"""

from __future__ import annotations

import ctypes
import os
import resource
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

_NEWUSER, _NEWNET = 0x10000000, 0x40000000
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38
_MCL_CURRENT, _MCL_FUTURE = 1, 2

SAYS: Mapping[str, str] = {
    "no core dumps": "RLIMIT_CORE is 0 and the process is not dumpable",
    "memory locked": "key memory cannot reach a swap page (needs RLIMIT_MEMLOCK, or CAP_IPC_LOCK)",
    "no network": "the process is alone in a network namespace (needs CAP_SYS_ADMIN or user namespaces)",
    "no inet sockets": "the interpreter refuses to make any socket but a Unix one",
}


class NetworkRefused(Exception):
    """This process tried to talk to a network, and may not."""


def probe() -> dict[str, bool]:
    """What an opener would be granted here (keys of `SAYS`), tried in a child: for `overt doctor`."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        held = [name for name, granted in (leave_network() | close_memory(keys=True)).items() if granted]
        os.write(writing, "\n".join(held).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        held = answer.read().split("\n")
    os.waitpid(child, 0)
    return {name: name in held for name in SAYS}


def close_memory(*, keys: bool) -> dict[str, bool]:
    """Umask 077, no core dumps, no new privileges; memory locked when the process holds `keys`.

    Return what was granted (keys of `SAYS`).
    """
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    dumpable = libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) == 0
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return {"no core dumps": dumpable, "memory locked": keys and _lock_memory(libc)}


def _lock_memory(libc: ctypes.CDLL) -> bool:
    """Lock all memory, now and later; only without a limit, since under one later allocations would fail."""
    unlimited = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] == resource.RLIM_INFINITY
    if not unlimited and os.geteuid() != 0:
        return False
    return bool(libc.mlockall(_MCL_CURRENT | _MCL_FUTURE) == 0)


def leave_network() -> dict[str, bool]:
    """Leave every network for good: by a namespace where permitted, and by refusing inet sockets in any case."""
    left = _unshare(_NEWNET) or _unshare_as_user()
    sys.addaudithook(_refuse_inet)
    return {"no network": left, "no inet sockets": True}


def _unshare(what: int) -> bool:
    return bool(ctypes.CDLL(None, use_errno=True).unshare(what) == 0)


def _unshare_as_user() -> bool:
    """Take a user namespace along, in which we stay who we are; other accounts show as nobody, and get nothing.

    There is no way back from a namespace in which we are nobody too, so a child tries it first.
    """
    child = os.fork()
    if child == 0:
        os._exit(0 if _become_own_user() else 1)
    return os.waitpid(child, 0)[1] == 0 and _become_own_user()


def _become_own_user() -> bool:
    uid, gid = os.getuid(), os.getgid()
    if not _unshare(_NEWUSER | _NEWNET):
        return False
    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
    except OSError:
        return False
    return os.getuid() == uid


def _refuse_inet(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.__new__" and arguments[1] != socket.AF_UNIX:
        raise NetworkRefused("the opener talks to nobody but over its Unix socket")
