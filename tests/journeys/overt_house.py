"""A whole Overt for a journey: its own data folder, free ports, short prompts, our own phones, and ways to hurt it."""

from __future__ import annotations

import asyncio
import hashlib
import math
import os
import signal
import struct
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from overt.compose.auditing import calls, verdict
from overt.compose.demo import ADDRESS, free_ports
from overt.compose.demo_console import make_account
from overt.compose.init import Wishes, make_folder
from overt.ledger.verify import Verdict
from overt.phone.telephone import PhoneCall, Telephone
from overt.services.auditing import CallRecord

PROMPTS = ("announce", "announce-ask", "question", "yes-thanks", "no-thanks", "stopped", "unavailable", "cue-recorded",
           "cue-not-recorded", "recording-failed", "unrecorded-end", "unrecorded-route")  # fmt: skip
PROMPT_MS = 300
PASSWORD = "seven quiet herons"
CONSOLE = 'second_factor = "offered"\n'  # settings of a house whose console is tried with a password alone
RECORDED_FROM_S = 2.2  # after the answer: told, asked nothing, the agent rung and cued


def short_prompts(folder: Path) -> None:
    """An operator's own prompts: short tones, so that a call is told in a third of a second."""
    (folder / "en").mkdir(parents=True, exist_ok=True)
    rows = []
    for number, name in enumerate(PROMPTS):
        path = folder / "en" / f"{name}.wav"
        tone = [int(6000 * math.sin(2 * math.pi * (400 + 40 * number) * at / 8000)) for at in range(8 * PROMPT_MS)]
        with wave.open(str(path), "wb") as wav:
            wav.setnchannels(1)
            wav.setsampwidth(2)
            wav.setframerate(8000)
            wav.writeframes(struct.pack(f"<{len(tone)}h", *tone))
        path.with_suffix(".txt").write_text(f"a tone for {name}")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        rows.append(
            f'[[prompt]]\nid = "{name}"\nlanguage = "en"\nversion = "t"\nsha256 = "{digest}"\nduration_ms = {PROMPT_MS}\n'
        )
    (folder / "prompts.toml").write_text("\n".join(rows))


def noise(seed: int, frames: int) -> bytes:
    """µ-law that no one else sends: a known sound to look for."""
    out = bytearray()
    state = seed * 2654435761 % 2**32 or 1
    for _ in range(frames * 160):
        state = (state * 1103515245 + 12345) % 2**31
        out.append(state >> 16 & 0xFF)
    return bytes(out)


class OvertHouse:
    """`async with OvertHouse(tmp_path) as house`: serving, with an agent's phone."""

    def __init__(
        self, folder: Path, *, failure: str = "stop-and-flag", agent: str = "", more: str = "", trunks: str = ""
    ) -> None:
        self.folder = folder / "data"
        self._failure, self._agent_uri, self._more, self._trunks = failure, agent, more, trunks
        self.ports = free_ports()
        self.web_port = 0  # no console, unless a test wants one: then a free TCP port
        self.agent_calls: list[PhoneCall] = []
        self.on_agent: Callable[[PhoneCall], None] = lambda call: None
        self.agent = Telephone(ADDRESS, self._called, ring_s=0.1)
        self.caller = Telephone(ADDRESS)
        self.before_serving: Callable[[Path], None] = lambda folder: None

    def _called(self, call: PhoneCall) -> None:
        self.agent_calls.append(call)
        self.on_agent(call)

    def _settings(self) -> str:
        agent = self._agent_uri or f"sip:agent@{ADDRESS}:{self.ports.agent}"
        lines = "".join(
            f'[[line]]\nname = "{name}"\nnumbers = ["{name}"]\nagent = "{agent}"\nagent_place = "US-GA"\n'
            f'agent_notice_on_file = "2026-11-01"\ntelling = "{telling}"\nchosen_by = "Dana"\nqueue = "{queue}"\n'
            for name, telling, queue in (("sales", "announce", "front"), ("support", "ask", "help"))
        )
        trunk = f'[[trunk]]\nname = "test"\naddresses = ["{ADDRESS}"]\n{self._trunks}'
        files = '[[address_on_file]]\nnumber = "+12145550100"\nplace = "US-TX"\nsource = "crm"\n'
        return f"sip_port = {self.ports.sip}\nweb_port = {self.web_port}\nanswer_s = 1\nring_s = 5\n{self._more}{trunk}{files}{lines}"

    async def __aenter__(self) -> OvertHouse:
        make_folder(self.folder, Wishes(self._failure, "tester", "US-GA", ("US-CA", "US-TX"), self._settings()))
        short_prompts(self.folder / "prompts")
        self.before_serving(self.folder)
        log = (self.folder / "serve.log").open("wb")
        command = [sys.executable, "-m", "overt", "serve", "--data", str(self.folder)]
        self.server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        log.close()
        if not self._agent_uri:
            await self.agent.start(self.ports.agent)
        await self.caller.start()
        await self.until(lambda: (self.folder / "run" / "ready").exists(), 60)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.caller.close()
        if not self._agent_uri:
            self.agent.close()
        self.server.terminate()
        await asyncio.to_thread(self.server.wait, 30)
        if error is not None:
            print((self.folder / "serve.log").read_text())

    @property
    def console(self) -> str:
        """The console's address."""
        return f"http://{ADDRESS}:{self.web_port}"

    async def account(self, name: str, role: str, agent: str = "", password: str = PASSWORD) -> None:
        """An account of the console whose holder changed the password already."""
        await make_account(self.folder, name, role, password, by="tester", agent=agent)

    async def call(self, line: str = "sales", number: str = "+12145550100", **options: object) -> PhoneCall:
        """Call a line and wait for the answer."""
        call = await self.caller.call(f"sip:{line}@{ADDRESS}:{self.ports.sip}", number=number, **options)  # type: ignore[arg-type]
        await call.answered
        return call

    async def recorded_call(self, **options: object) -> PhoneCall:
        """A call that is being recorded."""
        before = len([one for one in self.calls() if "permitted, recording" in one.stages])
        call = await self.call(**options)  # type: ignore[arg-type]
        await self.until(lambda: len([one for one in self.calls() if "permitted, recording" in one.stages]) > before, 8)
        await asyncio.sleep(0.2)
        return call

    def pid(self, name: str) -> int:
        """The process id of a process of the house; 0 while it is being written."""
        return int((self.folder / "run" / f"{name}.pid").read_text() or 0)

    async def kill(self, name: str) -> None:
        """kill -9 a process, and wait until its successor runs."""
        pid = self.pid(name)
        os.kill(pid, signal.SIGKILL)
        await self.until(lambda: self.pid(name) not in (0, pid), 10)

    def calls(self) -> list[CallRecord]:
        """What the ledger says of every call."""
        return list(calls(self.folder).values())

    def stages(self) -> list[str]:
        """What the first call went through so far."""
        return next((one.stages for one in self.calls()), [])

    async def ended(self, count: int = 1) -> list[CallRecord]:
        """The records of the first calls, once they are accounted for."""
        await self.until(lambda: len([one for one in self.calls() if one.ledger_index >= 0]) >= count, 20)
        return self.calls()

    def verdict(self) -> Verdict:
        """Whether the ledger verifies."""
        return verdict(self.folder, [], None)

    async def until(self, reached: Callable[[], bool], seconds: float) -> None:
        """Wait until something is so. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while not reached():
                await asyncio.sleep(0.05)

    def export(self, recording: str) -> Path:
        """Export a recording with the command."""
        out = self.folder.parent / f"{recording}.wav"
        command = [sys.executable, "-m", "overt", "recordings", "export", recording, "--data", str(self.folder),
                   "--purpose", "quality", "--out", str(out)]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return out


async def hearing(call: PhoneCall, seconds: float) -> int:
    """How many packets a phone hears in so many seconds from now."""
    before = len(call.sound.heard)
    await asyncio.sleep(seconds)
    return len(call.sound.heard) - before
