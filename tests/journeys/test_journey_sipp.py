"""sipp as caller and as agent: a program that we did not write, its packets bit-exact in the recording."""

from __future__ import annotations

import asyncio
import os
import subprocess
import wave
from pathlib import Path

import pytest

from conftest import needs_program
from journeys.overt_house import ADDRESS, OvertHouse, noise
from overt.adapters.system_clock import SystemClock
from overt.compose.demo import free_ports
from overt.wire.rtp.g711 import decode_ulaw

pytestmark = pytest.mark.journey
CLOCK = SystemClock()

SDP = """v=0
o=user1 53655765 2353687637 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [rtpstream_audio_port] RTP/AVP 0 96
a=rtpmap:0 PCMU/8000
a=rtpmap:96 telephone-event/8000
"""
CALLER = """<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="caller">
  <send retrans="500"><![CDATA[
INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:+12145550100@[local_ip]:[local_port]>;tag=[pid]SIPp[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:sipp@[local_ip]:[local_port]>
Max-Forwards: 70
User-to-User: 4142;encoding=hex
Content-Type: application/sdp
Content-Length: [len]

{sdp}]]></send>
  <recv response="100" optional="true"/>
  <recv response="180" optional="true"/>
  <recv response="200" rtd="true" rrs="true"/>
  <send><![CDATA[
ACK [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
[routes]
From: <sip:+12145550100@[local_ip]:[local_port]>;tag=[pid]SIPp[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

]]></send>
  <nop><action><exec rtp_stream="{sound},-1,0,PCMU/8000"/></action></nop>
  <pause milliseconds="{milliseconds}"/>
  <send retrans="500"><![CDATA[
BYE [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
[routes]
From: <sip:+12145550100@[local_ip]:[local_port]>;tag=[pid]SIPp[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
CSeq: 2 BYE
Max-Forwards: 70
Content-Length: 0

]]></send>
  <recv response="200"/>
</scenario>
"""
AGENT = """<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="agent">
  <recv request="INVITE" crlf="true"/>
  <send><![CDATA[
SIP/2.0 180 Ringing
[last_Via:]
[last_From:]
[last_To:];tag=[pid]SIPp[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port];transport=[transport]>
Content-Length: 0

]]></send>
  <send retrans="500"><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=[pid]SIPp[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port];transport=[transport]>
Content-Type: application/sdp
Content-Length: [len]

{sdp}]]></send>
  <recv request="ACK" crlf="true"/>
  <nop><action><exec rtp_stream="{sound},-1,0,PCMU/8000"/></action></nop>
  <recv request="BYE"/>
  <send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
</scenario>
"""


def sipp(
    folder: Path, name: str, scenario: str, port: int, media: int, target: str = "", transport: str = "u1"
) -> subprocess.Popen[bytes]:
    """Start sipp on loopback with one call."""
    path = folder / f"{name}.xml"
    path.write_text(scenario)
    command = ["sipp", "-sf", str(path), "-i", ADDRESS, "-p", str(port), "-mi", ADDRESS, "-mp", str(media), "-m", "1",
               "-nostdin", "-t", transport, "-timeout", "40", *(["-s", "sales", target] if target else [])]  # fmt: skip
    log = (folder / f"{name}.log").open("wb")
    return subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def stands_in(channel: bytes, sound: bytes, frames: int) -> bool:
    """True when so many consecutive frames of a sound (looped by sipp) stand in a channel, sample for sample."""
    linear = decode_ulaw(sound + sound)
    size = frames * 320
    return any(linear[at : at + size] in channel for at in range(0, len(linear) // 2, 320))


@pytest.mark.parametrize("transport", ["u1", "t1"])
async def test_sipp_calls_sipp_through_us_bit_exact(tmp_path: Path, transport: str) -> None:
    needs_program("sipp")
    ports, media = free_ports(), 10_000 + os.getpid() % 1000 * 6
    said = {name: noise(seed, 100) for seed, name in enumerate(("caller", "agent"), 1)}
    for name, sound in said.items():
        (tmp_path / f"{name}.ul").write_bytes(sound)
    agent_uri = f"sip:agent@{ADDRESS}:{ports.agent}"
    agent = sipp(tmp_path, "agent", AGENT.format(sdp=SDP, sound=tmp_path / "agent.ul"), ports.agent, media)
    try:
        while f":{ports.agent:04X} " not in Path("/proc/net/udp").read_text():
            assert agent.poll() is None, (tmp_path / "agent.log").read_text()[-2000:]
            await asyncio.sleep(0.02)
        async with OvertHouse(tmp_path, agent=agent_uri) as house:
            scenario = CALLER.format(sdp=SDP, sound=tmp_path / "caller.ul", milliseconds=6000)
            target = f"{ADDRESS}:{house.ports.sip}"
            caller = sipp(tmp_path, "caller", scenario, ports.sip, media + 4, target, transport)
            assert await asyncio.to_thread(caller.wait, 40) == 0, [
                (tmp_path / f"{name}.log").read_text()[-2000:] for name in ("caller", "agent")
            ] + [house.calls()]
            assert await asyncio.to_thread(agent.wait, 20) == 0
            (record,) = await house.ended()
            assert record.outcome == "recorded" and record.captured_ms > 2500, record
            await asyncio.sleep(1.5)
            with wave.open(str(house.export(record.recordings[0]))) as wav:
                frames = wav.readframes(wav.getnframes())
            left = b"".join(frames[at : at + 2] for at in range(0, len(frames), 4))
            right = b"".join(frames[at + 2 : at + 4] for at in range(0, len(frames), 4))
            assert stands_in(left, said["caller"], 50) and stands_in(right, said["agent"], 50)
            assert not stands_in(right, said["caller"], 3) and not stands_in(left, said["agent"], 3)
            for leg in record.legs.values():
                assert leg["lost"] == leg["late"] == leg["malformed"] == 0
            assert house.verdict().verified
    finally:
        agent.kill()
        agent.wait()
