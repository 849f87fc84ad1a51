"""`make bench-play`: hearing a recording over HTTP, with the real notary, opener, worker and web process.

Recordings of a minute, ten minutes and an hour are sealed as an engine seals them, two parties speaking, and entered in
the ledger; then a signed-in client begins to listen, seeks, and takes all of it as WAV and as Opus. The client shares
the machine with what is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import report
from overt.adapters.accounts_file import read_accounts
from overt.adapters.ledger_holdings import LedgerHoldings
from overt.adapters.notary_client import NotaryClient
from overt.adapters.opener_client import ClientOpening, OpenerClient
from overt.adapters.sealed_files import SealedFiles
from overt.adapters.sqlite_erasures import SqliteErasures
from overt.adapters.system_clock import SystemClock
from overt.adapters.vault_keys import read_wrapping_key
from overt.compose.calling import speech
from overt.compose.demo import free_ports
from overt.compose.demo_console import make_account
from overt.compose.init import Wishes, make_folder
from overt.compose.moment import process
from overt.domain.facts import Fact, Json
from overt.services.archiving import SpooledRecord
from overt.services.listening import ListeningRooms, Playing, begin_playing, end_playing
from overt.vault.format import read_records
from overt.vault.header import Header
from overt.vault.seal import Sealer
from overt.vault.track import Run, Sent, encode_run, encode_sent

LENGTHS = {"1 min": 60, "10 min": 600, "1 h": 3600}
BEGINS, SEEKS, SEEK_BYTES = 5, 300, 64 * 1024
PASSWORD = "many quiet hills at dusk"
HALF = 4000  # samples of half a second, which is a chunk
CLOCK = SystemClock()
HEAD = 44


@dataclass(frozen=True)
class House:
    """A data folder with its processes, and a signed-in client's headers."""

    folder: Path
    port: int
    recordings: dict[str, str]

    def ask(
        self, method: str, path: str, body: object = None, **headers: str
    ) -> tuple[http.client.HTTPResponse, float]:
        """Ask, and return the answer once its head has come, with the seconds that it took. One connection an ask."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        given = {"content-type": "application/json", **headers}
        begun = time.perf_counter()
        connection.request(method, path, json.dumps(body) if body is not None else None, given)
        answer = connection.getresponse()
        return answer, time.perf_counter() - begun


def seal(folder: Path, seconds: int) -> tuple[str, dict[str, Json]]:
    """Seal a recording of two people speaking; return its id and the body of its end's entry."""
    recording, started = CLOCK.new_id(), 10_000_000_000
    erasures = SqliteErasures(folder / "registers" / "erasures.sqlite")
    header = Header("main", recording, "call", "episode", CLOCK.now_us(), started, 0)
    sealer = Sealer(header, read_wrapping_key(folder / "keys"), os.urandom(32), erasures.keep("main", recording))
    erasures.close()
    voices = {1: speech(None), 2: speech(None, "en/demo-agent")}
    written = [
        sealer.header_record,
        sealer.seal(3, encode_sent(Sent(1, started - 10**9, "en/announce", voices[2][:8000]))),
    ]
    for half in range(2 * seconds):
        for track, voice in voices.items():
            at = half * HALF % (len(voice) - HALF)
            run = Run(0, half * 25 & 0xFFFF, half * HALF, started + half * 500_000_000, 160, 160, voice[at : at + HALF])
            written.append(sealer.seal(track, encode_run(run)))
    written.append(sealer.finish({"reason": "hung up"}))
    SealedFiles(folder / "recordings").append(
        [
            SpooledRecord(one.tenant, one.recording, one.index, bool(one.flags & 2), one.encoded)
            for one in read_records(b"".join(written))
        ]
    )
    return recording, {
        "recording": recording, "episode": "e", "reason": "hung up", "chunks": sealer.chunks, "head": sealer.head.hex(),
        "captured_ms": seconds * 1000, "gaps": [], "started_us": 0, "ended_us": 0,
    }  # fmt: skip


async def enter(folder: Path, recording: str, end: dict[str, Json]) -> None:
    """Enter a call with this recording."""
    ledger, call = NotaryClient(folder / "run" / "notary.sock"), CLOCK.new_id()
    permit: dict[str, Json] = {
        "recording": recording, "episode": "e", "told_purpose": "quality and training", "roster": ["caller", "agent"],
        "purposes": ["recording"], "tracks": ["caller", "agent"], "stop_keys": "*", "told": [], "continues": "",
        "key_id": "",
    }  # fmt: skip
    offered = Fact(CLOCK.new_id(), "main", "call.offered", CLOCK.now_us(), call, {"line": "sales", "trunk": "bench"},
                   {"from": "+12145550100", "to": "sales", "agent": "sip:agent@192.0.2.1"})  # fmt: skip
    for fact in (offered, *(Fact(CLOCK.new_id(), "main", kind, CLOCK.now_us(), call, body)
                            for kind, body in (("recording.permitted", permit), ("recording.closed", end)))):  # fmt: skip
        await ledger.enter(fact)
    ledger.close()


async def add_listener(folder: Path) -> None:
    """An account that may hear."""
    await make_account(folder, "ada", "compliance", PASSWORD, by="bench")


@contextmanager
def running(folder: Path, name: str) -> Iterator[None]:
    """Have a process without a socket of its own."""
    started = subprocess.Popen([sys.executable, "-m", f"overt.compose.{name}", str(folder)])
    try:
        yield
    finally:
        started.terminate()
        started.wait(timeout=20)


@contextmanager
def a_house(lengths: dict[str, int]) -> Iterator[House]:
    """A folder with recordings, served."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "data"
        port = free_ports().web
        make_folder(folder, Wishes("end-call", "ops", more=f'web_port = {port}\nsecond_factor = "offered"\n'))
        for name in ("notary", "opener"):
            stack.enter_context(process(folder, name, folder / "run" / f"{name}.sock"))
        recordings = {}
        for name, seconds in lengths.items():
            recordings[name], end = seal(folder, seconds)
            asyncio.run(enter(folder, recordings[name], end))
        asyncio.run(add_listener(folder))
        for name in ("worker", "web"):
            stack.enter_context(running(folder, name))
        house = House(folder, port, recordings)
        until(lambda: house.ask("GET", "/sign-in")[0].status == 200)
        yield house


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds. Raises SystemExit after half a minute."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if holds():
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise SystemExit("the console does not answer as it should")


def signed_in(house: House) -> dict[str, str]:
    """The headers of somebody who is signed in."""
    answer, _ = house.ask("POST", "/api/sessions", {"name": "ada", "password": PASSWORD})
    return {"authorization": f"Bearer {json.loads(answer.read())['token']}"}


def begin(house: House, recording: str, who: dict[str, str]) -> tuple[dict[str, object], float]:
    """Begin to listen; what was answered, and the seconds until all of it was there."""
    begun = time.perf_counter()
    answer, _ = house.ask("POST", f"/api/recordings/{recording}/playings", {"purpose": "quality"}, **who)
    told = json.loads(answer.read())
    if answer.status != 201:
        raise SystemExit(f"not begun: {told}")
    return told, time.perf_counter() - begun


def take(house: House, path: str, who: dict[str, str], wish: object = None) -> tuple[float, int]:
    """Take all of it; the seconds that it took, and the bytes."""
    begun, size = time.perf_counter(), 0
    answer, _ = house.ask("POST" if wish else "GET", path, wish, **who)
    if answer.status != 200:
        raise SystemExit(f"{path} was not given: {answer.read()!r}")
    while piece := answer.read(1 << 16):
        size += len(piece)
    return time.perf_counter() - begun, size


def measure(house: House, name: str, who: dict[str, str]) -> dict[str, object]:
    """One row of the table."""
    recording, seconds = house.recordings[name], LENGTHS[name]
    begins, told = [], {}
    for _ in range(BEGINS):
        told, took = begin(house, recording, who)
        begins.append(took)
    sound, chance = str(told["sound"]), random.Random(1)
    size = HEAD + int(seconds + 1) * 32_000
    first = time.perf_counter()
    house.ask("GET", sound, **who)[0].read(HEAD + 4)
    first = time.perf_counter() - first
    seeks = []
    for _ in range(SEEKS):
        at = chance.randrange(HEAD, size - SEEK_BYTES)
        begun = time.perf_counter()
        house.ask("GET", sound, range=f"bytes={at}-{at + SEEK_BYTES - 1}", **who)[0].read()
        seeks.append(time.perf_counter() - begun)
    wish = {"purpose": "quality", "document": ""}
    wav_s, taken = take(house, f"/api/recordings/{recording}/exports", who, wish)
    if taken != size:
        raise SystemExit(f"{taken} bytes came, {size} were to come")
    opus_s, opus_bytes = take(house, f"{told['opus']}?to_ms={seconds * 1000}", who)
    house.ask("DELETE", f"/api/playings/{told['playing']}", **who)[0].read()
    ordered = sorted(seeks)
    return {
        "recording": name, "begin_ms": round(statistics.median(begins) * 1000), "first_sound_ms": round(first * 1000, 1),
        "seek_p50_ms": round(ordered[len(ordered) // 2] * 1000, 1), "seek_p99_ms": round(ordered[-len(ordered) // 100] * 1000, 1),
        "chunks": told["chunks"], "chunks_a_seek": round(asyncio.run(opened_a_seek(house, recording)), 1),
        "wav_x_realtime": round(seconds / wav_s), "opus_x_realtime": round(seconds / opus_s),
        "opus_kbit_s": round(opus_bytes * 8 / 1000 / seconds),
    }  # fmt: skip


async def opened_a_seek(house: House, recording: str) -> float:
    """How many chunks the opener opens for two seconds somewhere, by its own count."""
    actor = read_accounts(house.folder / "overt.toml")[os.getuid()]
    ledger = NotaryClient(house.folder / "run" / "notary.sock")
    rooms = ListeningRooms(
        "main",
        ledger,
        CLOCK,
        LedgerHoldings(house.folder / "ledger"),
        OpenerClient(house.folder / "run" / "opener.sock"),
    )
    playing: Playing = await begin_playing(rooms, actor, -1, "", recording, "quality", "")
    opening, chance = playing.opening, random.Random(2)
    assert isinstance(opening, ClientOpening)
    for _ in range(100):
        await opening.window(chance.randrange(playing.outline.samples - 16_000), 16_000)
    await end_playing(rooms, playing, "stopped")
    ledger.close()
    return opening.opened / 100


def main() -> None:
    """Measure and print; with --write, into docs/performance.md."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    options.add_argument("--json", action="store_true", help="print the rows as JSON")
    chosen = options.parse_args()
    with a_house(LENGTHS) as house:
        who = signed_in(house)
        until(lambda: begin_works(house, who))
        rows = [measure(house, name, who) for name in LENGTHS]
    print(json.dumps(rows, indent=1) if chosen.json else report.table(rows))
    if chosen.write:
        report.write("play", f"{WORDS}\n\n{report.table(rows)}\n\n{report.machine()}.")


def begin_works(house: House, who: dict[str, str]) -> bool:
    """True once the catalogue has all recordings."""
    answers = [house.ask("GET", "/api/calls", **who)[0].read()]
    return all(recording.encode() in answers[0] for recording in house.recordings.values())


WORDS = (
    "Two parties, G.711, over HTTP on loopback. *begin*: from the request until the outline is there, the whole recording walked, "
    "checked against the ledger's end and looked at for peaks. *first sound*: the first sample of the file. *seek*: two seconds from a "
    "random place, a connection each. *chunks a seek*: opened, of *chunks*. *× realtime*: all of it, as fast as it is taken, the WAV exported (a player is given ten seconds at once, then 2.5 × realtime)."
)

if __name__ == "__main__":
    main()
