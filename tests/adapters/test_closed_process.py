"""What the opener gives up, tried in processes of their own."""

from __future__ import annotations

import socket
import subprocess
import sys

from overt.adapters.closed_process import SAYS, probe

PROBE = """
import os, resource, socket
from overt.adapters.closed_process import NetworkRefused, SAYS, close_memory, leave_network
uid = os.getuid()
granted = leave_network() | close_memory(keys={keys})
assert set(granted) == set(SAYS), granted
assert os.getuid() == uid
for family in (socket.AF_INET, socket.AF_INET6):
    try:
        socket.socket(family, socket.SOCK_DGRAM)
        raise SystemExit("a socket was made")
    except NetworkRefused:
        pass
one, two = socket.socketpair()
one.send(b"x")
assert two.recv(1) == b"x"
if granted["no network"]:
    interfaces = [line.split(":")[0].strip() for line in open("/proc/self/net/dev") if ":" in line]
    assert interfaces == ["lo"], interfaces
assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)
assert granted["memory locked"] <= {keys}
print("closed")
"""


def test_the_opener_reaches_no_network() -> None:
    for keys in (True, False):
        done = subprocess.run(
            [sys.executable, "-c", PROBE.format(keys=keys)],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.stdout == "closed\n", done.stderr


def test_what_would_be_granted_is_tried_in_a_child() -> None:
    granted = probe()
    assert set(granted) == set(SAYS)
    assert granted["no inet sockets"]
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()
