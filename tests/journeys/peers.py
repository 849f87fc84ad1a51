"""Programs that others wrote, as peers of a journey: where they stand, and how one is started and stopped by its process id."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

STAMPS = Path(__file__).parents[2] / ".stamps" / "peers"
PYTHON = STAMPS / "bin" / "python"
MODULES = STAMPS / "node" / "node_modules"


def needs(path: Path) -> Path:
    """Skip loudly where `make test` has not put a peer; fail in CI, where it must be there."""
    if path.exists():
        return path
    message = f"needs {path.relative_to(STAMPS.parents[1])}, which `make test` puts there"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


def free_port(host: str, kind: int = socket.SOCK_DGRAM) -> int:
    """A port that nothing uses."""
    with socket.socket(socket.AF_INET, kind) as one:
        one.bind((host, 0))
        return int(one.getsockname()[1])


class Program:
    """A program that runs beside the test, its output in a file; stopped by its process id, and only that."""

    def __init__(self, command: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None) -> None:
        self.log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [str(one) for one in command], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                env={**os.environ, **(environment or {})},
            )  # fmt: skip

    @property
    def said(self) -> str:
        """All that it wrote so far."""
        return self.log.read_text(errors="replace")

    async def says(self, words: str, seconds: float) -> None:
        """Wait until it writes something. Raises AssertionError with all that it wrote."""
        ends = asyncio.get_running_loop().time() + seconds
        while words not in self.said:
            assert asyncio.get_running_loop().time() < ends, f"never said {words!r}:\n{self.said[-3000:]}"
            assert self.process.poll() is None or words in self.said, f"ended:\n{self.said[-3000:]}"
            await asyncio.sleep(0.05)

    async def ended(self, seconds: float) -> int:
        """Its exit code once it is over."""
        return await asyncio.wait_for(asyncio.to_thread(self.process.wait), seconds)

    def stop(self) -> None:
        """End it."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)


def node() -> str:
    """Node 20 or later: this machine's, else that of the wheel that the console is built with."""
    own = Path(__file__).parents[2] / ".stamps" / "node-venv" / "bin" / "node"
    found = shutil.which("node")
    if (
        found
        and int(subprocess.run([found, "--version"], capture_output=True, text=True).stdout[1:].split(".")[0]) >= 20
    ):
        return found
    return str(needs(own))


KAMAILIO = """#!KAMAILIO
debug=2
log_stderror=yes
fork=yes
children=1
tcp_children=2
disable_tcp=no
auto_aliases=no
tcp_source_ipv4={host}
listen=udp:{host}:{port}
listen=tcp:{host}:{port}
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "siputils.so"
loadmodule "textops.so"
modparam("rr", "enable_double_rr", 1)
request_route {{
    if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
    if (has_totag()) {{
        if (loose_route()) {{ t_relay(); exit; }}
        if (is_method("ACK") && !t_check_trans()) exit;
        t_relay();
        exit;
    }}
    if (is_method("INVITE")) record_route();
    if ($rU == "srs") $du = "sip:{serve};transport=tcp";
    else $du = "sip:{other}";
    t_relay();
}}
"""


class Kamailio(Program):
    """A proxy in front: what is for `srs` goes to `serve` over TCP, all else to `other`, and it stays in the path."""

    def __init__(self, folder: Path, host: str, serve: str, other: str) -> None:
        folder.mkdir()
        self.port = free_port(host, socket.SOCK_STREAM)
        config = folder / "kamailio.cfg"
        config.write_text(KAMAILIO.format(host=host, port=self.port, serve=serve, other=other))
        command = ["kamailio", "-DD", "-E", "-m", "64", "-M", "8", "-f", config, "-P", folder / "pid", "-Y", folder]
        super().__init__(command, folder / "log")
        self.host = host

    async def ready(self) -> None:
        """Wait until it takes connections."""
        for _ in range(100):
            try:
                _, writer = await asyncio.open_connection(self.host, self.port)
            except OSError:
                assert self.process.poll() is None, self.said
                await asyncio.sleep(0.1)
                continue
            writer.close()
            return
        raise AssertionError(self.said)


def bencoded(value: object) -> bytes:
    """What rtpengine's control protocol is written in."""
    match value:
        case bytes():
            return b"%d:%b" % (len(value), value)
        case str():
            return bencoded(value.encode())
        case int():
            return b"i%de" % value
        case list():
            return b"l" + b"".join(map(bencoded, value)) + b"e"
        case dict():
            return b"d" + b"".join(bencoded(name) + bencoded(one) for name, one in sorted(value.items())) + b"e"
    raise TypeError(type(value))


def bdecoded(text: bytes, at: int = 0) -> tuple[object, int]:
    """A value, and where the next begins; texts are texts."""
    match text[at : at + 1]:
        case b"i":
            end = text.index(b"e", at)
            return int(text[at + 1 : end]), end + 1
        case b"l" | b"d":
            found, kind, at = [], text[at : at + 1], at + 1
            while text[at : at + 1] != b"e":
                one, at = bdecoded(text, at)
                found.append(one)
            return (dict(zip(found[::2], found[1::2], strict=True)) if kind == b"d" else found), at + 1
    colon = text.index(b":", at)
    end = colon + 1 + int(text[at:colon])
    return text[colon + 1 : end].decode(), end


class Rtpengine(Program):
    """A relay of sound that forks what it relays, without its kernel module."""

    def __init__(self, folder: Path, host: str) -> None:
        folder.mkdir()
        self.control = (host, free_port(host))
        command = ["rtpengine", "--config-file=none", "--foreground", "--log-stderr", "--table=-1", f"--interface={host}",
                   f"--listen-ng={host}:{self.control[1]}", "--port-min=42000", "--port-max=42400", f"--pidfile={folder}/pid"]  # fmt: skip
        super().__init__(command, folder / "log")

    async def ask(self, command: str, **words: object) -> dict[str, object]:
        """A command and its answer; it is sent again while the program is not there yet."""
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.setblocking(False)
            one.bind((self.control[0], 0))
            # The first word tells a repetition from another question.
            asked = b"%d " % time.monotonic_ns() + bencoded(
                {"command": command, **{name.replace("_", "-"): value for name, value in words.items()}}
            )
            for _ in range(20):
                await loop.sock_sendto(one, asked, self.control)
                try:
                    answer = await asyncio.wait_for(loop.sock_recv(one, 65_535), 0.5)
                except (TimeoutError, OSError):
                    continue
                found, _ = bdecoded(answer.partition(b" ")[2])
                assert isinstance(found, dict) and found.get("result") in ("ok", "pong"), (found, self.said[-2000:])
                return found
        raise AssertionError(self.said[-2000:])
