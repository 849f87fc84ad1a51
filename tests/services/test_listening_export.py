"""`overt recordings` over a real data folder and real processes, running or started for the moment."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
import wave
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from overt.adapters import key_files, vault_keys
from overt.adapters.ledger_files import read_lines
from overt.adapters.notary_client import NotaryClient
from overt.adapters.sqlite_erasures import SqliteErasures
from overt.adapters.system_clock import SystemClock
from overt.domain.facts import Fact, Json
from overt.vault.header import Header
from overt.vault.seal import Sealer
from overt.vault.track import Run, Sent, encode_run, encode_sent

pytest.importorskip("overt.compose.notary")
CLOCK = SystemClock()
CLI = "from overt.faces.cli.recordings import recordings_app; recordings_app()"


class Data:
    """A data folder as `overt init` and a few calls leave it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "overt.toml").write_text(
            f'failure = "end-call"\n[[account]]\nname = "ada"\nrole = "compliance"\nuid = {os.getuid()}\n'
        )
        (folder / "run").mkdir()
        self.public = vault_keys.generate(folder / "keys")
        key_files.generate(folder, "main")
        self.erasures = SqliteErasures(folder / "registers" / "erasures.sqlite")
        self.segments = 0

    def record(self, *, ended: bool = True, known: bool = True) -> str:
        """Record 40 ms with an announcement of one second before; leave it in the spool, and in the ledger."""
        recording, started = CLOCK.new_id(), 10_000_000_000
        header = Header("main", recording, "call", "episode", CLOCK.now_us(), started, 0)
        sealer = Sealer(header, self.public, os.urandom(32), self.erasures.keep("main", recording))
        content = sealer.header_record
        content += sealer.seal(3, encode_sent(Sent(1, started - 10**9, "en/announce", b"\x20" * 8000)))
        content += sealer.seal(1, encode_run(Run(0, 1, 0, started, 160, 160, b"\x10" * 320)))
        content += sealer.finish({"reason": "hung up"}) if ended else b""
        self.segments += 1
        spool = self.folder / "spool" / "engine-1"
        spool.mkdir(parents=True, exist_ok=True)
        (spool / f"{self.segments:08d}.spool").write_bytes(content)
        end: dict[str, Json] = {
            "recording": recording,
            "chunks": sealer.chunks,
            "head": sealer.head.hex(),
            "captured_ms": 40,
        }
        facts: list[tuple[str, dict[str, Json]]] = [
            ("recording.permitted", {"recording": recording, "told_purpose": "quality and training"})
        ]
        if known:
            facts.append(("recording.closed" if ended else "recording.interrupted", end))
        with self.running("notary"):
            asyncio.run(self._enter(facts))
        return recording

    async def _enter(self, facts: list[tuple[str, dict[str, Json]]]) -> None:
        ledger = NotaryClient(self.folder / "run" / "notary.sock")
        for kind, body in facts:
            await ledger.enter(Fact(CLOCK.new_id(), "main", kind, CLOCK.now_us(), "call", body))
        ledger.close()

    @contextmanager
    def running(self, *names: str) -> Iterator[None]:
        started = [
            subprocess.Popen([sys.executable, "-m", f"overt.compose.{name}", str(self.folder)]) for name in names
        ]
        deadline = time.monotonic() + 10
        awaited = [self.folder / "run" / f"{name}.sock" for name in names if name != "worker"]
        while not all(path.exists() for path in awaited) and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.1)
        try:
            yield
        finally:
            for process in started:
                process.terminate()
            for process in started:
                process.wait(timeout=10)

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", CLI, *arguments, "--data", str(self.folder)],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    def export(self, recording: str, *more: str, purpose: str = "quality") -> subprocess.CompletedProcess[str]:
        out = str(self.folder / "f.wav")
        return self.cli("export", recording, "--purpose", purpose, "--out", out, *more)

    def listened(self) -> list[str]:
        kinds = [json.loads(line)["kind"] for line in read_lines(self.folder / "ledger" / "main")]
        return [kind for kind in kinds if kind.startswith("listening.")]

    @property
    def wav(self) -> Path:
        return self.folder / "f.wav"


@pytest.fixture
def data(tmp_path: Path) -> Data:
    return Data(tmp_path)


def test_exported_with_processes_of_its_own(data: Data) -> None:
    recording = data.record()
    listed = json.loads(data.cli("list", "--json").stdout)["recordings"]
    assert [(one["recording"], one["state"], one["captured_ms"]) for one in listed] == [(recording, "closed", 40)]
    done = data.export(recording, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["recording"], told["milliseconds"], told["purpose"]) == (recording, 1040, "quality")
    with wave.open(str(data.wav)) as file:
        assert (file.getnchannels(), file.getnframes()) == (2, 8320)
    assert data.wav.stat().st_mode & 0o777 == 0o600
    assert data.listened() == ["listening.granted", "listening.ended"]
    granted = json.loads(read_lines(data.folder / "ledger" / "main")[told["ledger_index"]])
    assert (granted["kind"], granted["body"]["actor"]) == ("listening.granted", "ada")
    assert recording in data.cli("list").stdout


def test_exported_with_the_running_processes(data: Data) -> None:
    recording = data.record()
    with data.running("notary", "opener", "worker"):
        done = data.export(recording)
        assert done.returncode == 0, done.stderr
        assert "1.0 s of" in done.stdout
        assert data.export(recording).returncode == 0
    assert data.listened() == ["listening.granted", "listening.ended"] * 2


def test_two_at_once_wait_for_each_other(data: Data) -> None:
    recording = data.record()
    with ThreadPoolExecutor(3) as threads:
        done = list(threads.map(lambda _: data.export(recording), range(3)))
    assert [one.returncode for one in done] == [0, 0, 0], [one.stderr for one in done]
    assert data.listened() == ["listening.granted", "listening.ended"] * 3


def test_an_interrupted_recording_is_exported_to_its_end(data: Data) -> None:
    recording = data.record(ended=False)
    done = data.export(recording)
    assert done.returncode == 0, done.stderr
    assert json.loads(data.cli("list", "--json").stdout)["recordings"][0]["state"] == "interrupted"


def test_refusals_say_why_and_leave_no_file(data: Data) -> None:
    recording, endless = data.record(), data.record(ended=False, known=False)
    cases = [
        (data.export("0193568a-0000-7000-8000-000000000009"), 1, "there is no recording"),
        (data.export("../../etc/passwd"), 1, "there is no recording"),
        (data.export(endless), 1, "has no end in the ledger"),
        (data.export(recording, purpose="curiosity"), 2, "known are: quality, training"),
        (data.export(recording, purpose="order"), 1, "needs --document"),
        (
            data.cli("export", recording, "--purpose", "quality", "--out", "/nowhere/f.wav"),
            2,
            "no file can be",
        ),
        (data.cli("export", recording, "--out", "f.wav"), 2, "--purpose"),
    ]
    for done, code, why in cases:
        assert (done.returncode, why in done.stderr) == (code, True), done.stderr
    assert not data.wav.exists()
    assert data.listened() == ["listening.refused"]


def test_what_is_not_as_it_was_sealed_is_not_exported(data: Data) -> None:
    recording, erased = data.record(), data.record()
    assert data.export(recording).returncode == 0
    data.wav.unlink()
    path = data.folder / "recordings" / "main" / f"{recording}.overt"
    whole = path.read_bytes()
    path.write_bytes(whole[:-30] + bytes([whole[-30] ^ 1]) + whole[-29:])
    done = data.export(recording)
    assert (done.returncode, "does not end as the ledger states" in done.stderr) == (1, True), done.stderr
    data.erasures.destroy("main", erased, CLOCK.now_us())
    done = data.export(erased)
    assert (done.returncode, "was erased" in done.stderr) == (1, True), done.stderr
    assert not data.wav.exists()
    assert data.listened() == ["listening.granted", "listening.ended"] * 3


def test_without_an_account_or_a_key_nothing_opens(data: Data) -> None:
    recording = data.record()
    settings = data.folder / "overt.toml"
    text = settings.read_text()
    settings.write_text(text.replace(f"uid = {os.getuid()}", "uid = 4242"))
    for done in (data.export(recording), data.cli("list")):
        assert (done.returncode, "no account is bound" in done.stderr) == (1, True)
    settings.write_text(text)
    (data.folder / "keys" / "opener.key").rename(data.folder / "keys" / "away")
    done = data.export(recording)
    assert (done.returncode, "overt init" in done.stderr) == (3, True), done.stderr
    assert data.listened() == []
