"""The machine as the System page shows it: our processes, who may call, what the doctor says."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from overt import __version__
from overt.compose.governing import books
from overt.config import Line, Settings, Trunk
from overt.faces.http.rooms import FindingShown, ProcessShown, SystemShown
from overt.ports import Unavailable

DOCTOR_S = 20.0
EXAMINED_FOR_S = 30.0
PAGE = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")
# process → what it holds, and what it may not (house.md, "Processes and keys")
HOLDS: Mapping[str, str] = {
    "signalling": "SIP, the consent of each call; may not open, may not sign",
    "engine": "the sound of calls, permits, sealing; may not open, may not decide",
    "notary": "the ledger and the key that signs it; nothing else",
    "opener": "the key that opens; has no network",
    "worker": "the archive and the catalogue; may not open",
    "web": "console and API; may not open, may not sign",
}
ORDER = tuple(HOLDS)


class Machine:
    """Looks at one data folder. The doctor's word is kept for half a minute."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self._folder, self._settings = folder, settings
        self._books = books(folder, settings, None)
        self._findings: Sequence[FindingShown] = ()
        self._examined_us, self._examined = 0, -EXAMINED_FOR_S
        self._asking = asyncio.Lock()

    async def shown(self) -> SystemShown:
        """What runs, who may call, what stands in the way."""
        async with self._asking:
            if time.monotonic() - self._examined > EXAMINED_FOR_S:
                self._findings = await self._ask_doctor()
                self._examined, self._examined_us = time.monotonic(), time.time_ns() // 1000
        processes = await asyncio.to_thread(read_processes, self._folder / "run")
        version = await self._version()
        return SystemShown(
            __version__, processes, [(one.name, _trunk(one)) for one in self._settings.trunks],
            [(one.name, _line(one, version)) for one in self._settings.lines],
            [_while_serving(one, processes) for one in self._findings], self._examined_us,
        )  # fmt: skip

    async def _version(self) -> int:
        """Which version of the policy book rules; 0 while none is published, or none can be read."""
        try:
            newest = await self._books.newest()
        except Unavailable:
            return 0
        return int(newest.body["version"]) if newest is not None else 0

    async def _ask_doctor(self) -> Sequence[FindingShown]:
        """Run `overt doctor` in a process of its own: it tries things that this process may not."""
        command = [sys.executable, "-m", "overt", "doctor", "--json", "--data", str(self._folder)]
        asked = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            said, _ = await asyncio.wait_for(asked.communicate(), DOCTOR_S)
            findings = json.loads(said)["findings"]
        except (TimeoutError, ValueError, KeyError):
            if asked.returncode is None:
                asked.kill()
            return ()
        return [FindingShown(one["name"], one["state"], one["found"], one["remedy"]) for one in findings]


def read_processes(run: Path) -> Sequence[ProcessShown]:
    """The processes whose numbers the supervisor wrote, in the house's order."""
    found = [_process(path.stem, path) for path in run.glob("*.pid")]
    return sorted((one for one in found if one is not None), key=lambda one: (ORDER.index(_kind(one.name)), one.name))


def _process(name: str, path: Path) -> ProcessShown | None:
    if _kind(name) not in HOLDS:
        return None
    try:
        pid = int(path.read_text())
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return ProcessShown(name, 0, False, 0, 0, HOLDS[_kind(name)])
    uptime_s = float(Path("/proc/uptime").read_text().split()[0])
    since_us = time.time_ns() // 1000 - int((uptime_s - int(fields[19]) / TICKS) * 1_000_000)
    return ProcessShown(name, pid, fields[0] != "Z", since_us, int(fields[21]) * PAGE, HOLDS[_kind(name)])


def _kind(name: str) -> str:
    return name.partition("-")[0]


def _while_serving(finding: FindingShown, processes: Sequence[ProcessShown]) -> FindingShown:
    """The doctor finds the SIP port taken; when our own signalling runs, that is as it should be."""
    serving = any(one.name == "signalling" and one.alive for one in processes)
    if finding.name == "SIP port" and finding.state == "look" and serving:
        return FindingShown(finding.name, "good", f"{finding.found.partition(': ')[0]} is ours", "")
    return finding


def _trunk(trunk: Trunk) -> str:
    return f"calls come from {', '.join(trunk.addresses)}"


def _line(line: Line, version: int) -> str:
    """What the settings say of a line; how it tells and keeps, they say only while no book is published."""
    belongs = [f"{name} {value}" for name, value in (("queue", line.queue), ("team", line.team)) if value]
    belongs += [f"agents in {line.agent_place}"] if line.agent_place else []
    more = "".join(f", {one}" for one in belongs)
    if version:
        return f"ruled by version {version} of the policy book{more}"
    telling = f"announces (chosen by {line.chosen_by})" if line.telling == "announce" else "asks"
    return f"{telling} in {', '.join(line.languages)}, for {line.purpose}{more}; kept {line.retention_days} days"
