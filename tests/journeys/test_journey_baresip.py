"""baresip as agent and as caller: a softphone that we did not write, on both sides of a recorded call."""

from __future__ import annotations

import asyncio
import json
import subprocess
import wave
from pathlib import Path

import pytest

from conftest import needs_program
from journeys.overt_house import ADDRESS, OvertHouse, hearing
from overt.compose.demo import free_ports
from overt.wire.rtp.g711 import decode_ulaw, encode_ulaw

pytestmark = pytest.mark.journey

CONFIG = """poll_method epoll
sip_listen {address}:{port}
net_interface {address}
audio_source aufile,{sound}
audio_player aufile,{folder}/heard.wav
audio_alert aufile,{folder}/alert.wav
rtp_ports 40000-41000
module_path {modules}
module g711.so
module aufile.so
module_tmp uuid.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen {address}:{control}
"""


class Baresip:
    """A headless baresip of its own folder."""

    def __init__(self, folder: Path, sound: Path, *, secure: bool = False) -> None:
        self.folder = folder
        folder.mkdir()
        ports = free_ports()
        self.port, self.control = ports.sip, ports.agent
        modules = next(
            path
            for path in (Path("/usr/lib/baresip/modules"), Path("/usr/lib/x86_64-linux-gnu/baresip/modules"))
            if path.exists()
        )
        (folder / "config").write_text(CONFIG.format(
            address=ADDRESS, port=self.port, sound=sound, folder=folder, modules=modules, control=self.control
        ) + "module srtp.so\n" * secure)  # fmt: skip
        (folder / "contacts").write_text("")
        (folder / "accounts").write_text(
            f"<sip:+12145550100@{ADDRESS}:{self.port};transport=udp>;regint=0;answermode=auto;audio_codecs=PCMA/8000/1;ptime=20"
            + (";mediaenc=srtp-mand\n" if secure else "\n")
        )
        log = (folder / "log").open("wb")
        self.process = subprocess.Popen(
            ["baresip", "-f", str(folder)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )

    async def command(self, command: str, params: str = "") -> str:
        """Give a command over its control port (netstring JSON)."""
        for _ in range(50):
            try:
                reader, writer = await asyncio.open_connection(ADDRESS, self.control)
                break
            except OSError:
                await asyncio.sleep(0.1)
        else:
            raise AssertionError((self.folder / "log").read_text())
        text = json.dumps({"command": command, "params": params, "token": "t"})
        writer.write(f"{len(text)}:{text},".encode())
        answer = (await asyncio.wait_for(reader.read(4096), 5)).decode()
        writer.close()
        return answer

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()


def tone_file(path: Path) -> Path:
    """Twenty seconds of a sound with a structure that can be found again."""
    samples = decode_ulaw(bytes((0x80 + (at * 7 + at // 160) % 100) for at in range(8000 * 20)))
    with wave.open(str(path), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(8000)
        wav.writeframes(samples)
    assert encode_ulaw(samples)
    return path


async def test_baresip_as_agent_is_cued_bridged_and_recorded(tmp_path: Path) -> None:
    needs_program("baresip")
    phone = Baresip(tmp_path / "baresip", tone_file(tmp_path / "said.wav"))
    try:
        await phone.command("uastat")
        async with OvertHouse(tmp_path, agent=f"sip:+12145550100@{ADDRESS}:{phone.port}") as house:
            call = await house.recorded_call()
            assert await hearing(call, 1.5) > 55
            call.hang_up()
            (record,) = await house.ended()
            assert record.outcome == "recorded" and record.captured_ms > 1200
            assert record.legs["agent"]["captured"] > 50 and record.legs["agent"]["lost"] == 0
            await asyncio.sleep(1.5)
            with wave.open(str(house.export(record.recordings[0]))) as wav:
                frames = wav.readframes(wav.getnframes())
            agent_side = b"".join(frames[at + 2 : at + 4] for at in range(0, len(frames), 4))
            assert len(set(agent_side[-8000:])) > 20  # its tone, decoded from A-law
    finally:
        phone.stop()


async def test_baresip_as_caller_presses_and_is_recorded_then_withdraws(tmp_path: Path) -> None:
    needs_program("baresip")
    phone = Baresip(tmp_path / "baresip", tone_file(tmp_path / "said.wav"))
    try:
        async with OvertHouse(tmp_path) as house:
            await phone.command("dial", f"sip:support@{ADDRESS}:{house.ports.sip}")
            await house.until(lambda: any("caller told" in one.stages for one in house.calls()), 10)
            await asyncio.sleep(0.2)
            await phone.command("sndcode", "1")
            await house.until(lambda: "permitted, recording" in house.stages(), 10)
            await asyncio.sleep(1.5)
            await phone.command("sndcode", "*")
            await house.until(lambda: house.calls()[0].consent == "withdrawn", 5)
            await phone.command("hangup")
            (record,) = await house.ended()
            assert record.outcome == "recorded until withdrawn" and record.captured_ms > 800
            assert house.verdict().verified
    finally:
        phone.stop()


async def test_encrypted_sound_of_both_ends_is_recorded_and_outlives_the_engine(tmp_path: Path) -> None:
    """SRTP with keys in the descriptions (RFC 4568), which baresip demands on both sides."""
    needs_program("baresip")
    sound = tone_file(tmp_path / "said.wav")
    caller, agent = (Baresip(tmp_path / name, sound, secure=True) for name in ("caller", "agent"))
    try:
        await agent.command("uastat")
        uri = f"sip:+12145550100@{ADDRESS}:{agent.port}"
        async with OvertHouse(tmp_path, agent=uri, more='agent_srtp = "required"\n') as house:
            await caller.command("dial", f"sip:sales@{ADDRESS}:{house.ports.sip}")
            await house.until(lambda: "permitted, recording" in house.stages(), 15)
            await asyncio.sleep(1.5)
            await house.kill("engine-0")
            await house.until(lambda: "failed: engine lost" in house.stages(), 15)
            await asyncio.sleep(1.5)
            await caller.command("hangup")
            (record,) = await house.ended()
            for side in ("caller", "agent"):
                assert record.legs[side]["received"] > 40, "the new engine has the keys"
                assert record.legs[side]["unauthentic"] < 3, "baresip's first RTCP and its goodbye come in the clear"
            await asyncio.sleep(1.5)
            with wave.open(str(house.export(record.recordings[0]))) as wav:
                frames = wav.readframes(wav.getnframes())
            assert all(len(set(frames[side::4][-4000:])) > 20 for side in (1, 3)), "both tones, opened"
    finally:
        caller.stop()
        agent.stop()
