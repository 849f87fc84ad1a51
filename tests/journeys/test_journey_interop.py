"""Recording sessions of clients that others wrote, each payload bit for bit on the channel of the party who said it."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import wave
from pathlib import Path

import pytest

from conftest import needs_program
from faces.sip.sip_doors import Authority
from journeys.overt_house import ADDRESS, OvertHouse, noise
from journeys.peers import MODULES, PYTHON, Kamailio, Program, Rtpengine, free_port, needs, node
from journeys.recording_client import RecordingClient, metadata
from journeys.test_journey_recording_sessions import channels, command, holds
from overt.services.auditing import CallRecord
from overt.wire.rtp.g711 import decode_ulaw

pytestmark = pytest.mark.journey
PEER, FRONT = "127.0.0.21", "127.0.0.22"
CALLER_SOUND, AGENT_SOUND = noise(21, 600), noise(22, 600)
TELLS = ("--attest", "recording", "--by", "Dana", "--why", "our IVR tells everybody")


async def recorded(house: OvertHouse, seconds: float = 10) -> CallRecord:
    """The record of the one session, once it is accounted for."""
    await house.until(lambda: any(one.ledger_index >= 0 for one in house.calls()), seconds)
    (record,) = house.calls()
    return record


async def on_the_right_channels(house: OvertHouse, record: CallRecord, frames: int, begin: int = 0) -> None:
    """The caller's sound on the left, the agent's on the right, and neither on the other."""
    left, right = channels(await asyncio.to_thread(house.export, record.recordings[0]))
    assert holds(left, CALLER_SOUND, begin, frames) and holds(right, AGENT_SOUND, begin, frames)
    assert not holds(left, AGENT_SOUND, begin, 5) and not holds(right, CALLER_SOUND, begin, 5)


def rendered(dialect: str, description: str) -> tuple[str, str, str]:
    """The body that jambonz renders around a description: its kind, itself, and the other headers of its INVITE."""
    done = subprocess.run(
        [node(), Path(__file__).parent / "node" / "render.js", needs(MODULES), "+12145550100", "sales"],
        input=description, capture_output=True, text=True, check=True, env={**os.environ, "JAMBONES_SIPREC_TYPE": dialect},
    )  # fmt: skip
    told = json.loads(done.stdout)
    headers = dict(told["headers"])
    kind = headers.pop("Content-Type")
    return kind, told["body"], "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value)


@pytest.mark.parametrize("dialect", ["", "SMART_TAP"])
async def test_the_bodies_of_jambonz_in_both_dialects(tmp_path: Path, dialect: str) -> None:
    needs(MODULES)
    async with OvertHouse(tmp_path) as house:
        await asyncio.to_thread(
            command, house, "clients", "add", "jambonz", "--address", PEER, "--mode", "siprec", *TELLS
        )
        await asyncio.sleep(1)
        client = RecordingClient(PEER, (ADDRESS, house.ports.sip), call_id="jambonz-1", tcp=True)
        await client.start()
        unlabelled = "".join(line for line in client.sdp().splitlines(keepends=True) if "a=label" not in line)
        kind, body, headers = await asyncio.to_thread(rendered, dialect, unlabelled)
        response = await client.ask("INVITE", body, kind, headers)
        assert response.startswith("SIP/2.0 200"), response
        await house.until(lambda: any("permitted, recording" in one.stages for one in house.calls()), 6)
        await asyncio.sleep(0.2)
        await client.talk(1.0, (CALLER_SOUND, AGENT_SOUND))
        await asyncio.sleep(0.2)
        await client.bye()
        record = await recorded(house)
        assert record.outcome == "recorded" and record.caller == "+12145550100" and record.gaps == []
        await on_the_right_channels(house, record, 50)
        client.close()


async def test_sipral_records_its_call_over_tcp_with_kamailio_in_front(tmp_path: Path) -> None:
    """sipral calls itself by way of a proxy, and has it recorded by the same way: this end is the stream labelled 1."""
    needs(PYTHON)
    needs_program("kamailio")
    for name, sound in (("this", CALLER_SOUND), ("far", AGENT_SOUND)):
        (tmp_path / f"{name}.pcm").write_bytes(decode_ulaw(sound))
    async with OvertHouse(tmp_path) as house:
        await asyncio.to_thread(
            command, house, "clients", "add", "sipral", "--address", FRONT, "--mode", "siprec", *TELLS
        )
        far = free_port(PEER)
        kamailio = Kamailio(tmp_path / "kamailio", FRONT, f"{ADDRESS}:{house.ports.sip}", f"{PEER}:{far}")
        try:
            await kamailio.ready()
            script, proxy = Path(__file__).with_name("sipral_client.py"), f"{FRONT}:{kamailio.port}"
            sipral = Program(
                [PYTHON, script, PEER, str(far), proxy, tmp_path / "this.pcm", tmp_path / "far.pcm", "4"],
                tmp_path / "sipral.log",
            )
            try:
                await sipral.says("recording", 15)
                await sipral.says("ended", 20)
                record = await recorded(house)
            finally:
                sipral.stop()
        finally:
            kamailio.stop()
        assert record.outcome == "recorded", (record, sipral.said)
        await on_the_right_channels(house, record, 20, begin=100)


async def test_the_forked_description_of_rtpengine(tmp_path: Path) -> None:
    """rtpengine relays a call, forks it, and Overt answers the description of the fork."""
    needs_program("rtpengine")
    names = {"call_id": "forked-1", "from_tag": "f", "to_tag": "t"}
    async with OvertHouse(tmp_path) as house:
        await asyncio.to_thread(
            command, house, "clients", "add", "rtpengine", "--address", PEER, "--mode", "siprec", *TELLS
        )
        rtpengine = Rtpengine(tmp_path / "rtpengine", FRONT)
        caller, agent = (RecordingClient(PEER, (ADDRESS, house.ports.sip), call_id=f"end-{one}") for one in "ab")
        client = RecordingClient(PEER, (ADDRESS, house.ports.sip), call_id="forked-1", tcp=True)
        await client.start()
        try:
            await rtpengine.ask("ping")
            for one in (caller, agent):
                one.lines, one.directions = 1, ["sendrecv"]
            offered = await rtpengine.ask("offer", **{**names, "sdp": caller.sdp(formats="0"), "ICE": "remove"})  # type: ignore[arg-type]
            answered = await rtpengine.ask("answer", **{**names, "sdp": agent.sdp(formats="0"), "ICE": "remove"})  # type: ignore[arg-type]
            agent.aim(str(offered["sdp"]))
            caller.aim(str(answered["sdp"]))
            forked = await rtpengine.ask("subscribe request", call_id="forked-1", flags=["all", "SIPREC"], ICE="remove")
            response = await client.invite(metadata("+12145550100", "sales"), str(forked["sdp"]))
            assert response.startswith("SIP/2.0 200"), response
            await rtpengine.ask(
                "subscribe answer", call_id="forked-1", to_tag=forked["to-tag"], sdp=response.partition("\r\n\r\n")[2]
            )
            await house.until(lambda: any("permitted, recording" in one.stages for one in house.calls()), 6)
            await asyncio.sleep(0.2)
            await asyncio.gather(caller.talk(2.0, (CALLER_SOUND, b"")), agent.talk(2.0, (AGENT_SOUND, b"")))
            await asyncio.sleep(0.2)
            await client.bye()
            record = await recorded(house)
        finally:
            rtpengine.stop()
            client.close()
        assert record.outcome == "recorded", (record, forked["sdp"])
        await on_the_right_channels(house, record, 40, begin=20)


async def test_pjsip_over_tls_with_srtp_through_the_gateway(tmp_path: Path) -> None:
    """PJSIP calls in path, its signalling in TLS and its sound in SRTP; the caller's channel is what it played."""
    needs(PYTHON)
    authority, tls_port = Authority(tmp_path), free_port(ADDRESS, socket.SOCK_STREAM)
    certificate, key, _ = authority.issue("overt.example", address=ADDRESS, file="server")
    with wave.open(str(tmp_path / "caller.wav"), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(8000)
        wav.writeframes(decode_ulaw(CALLER_SOUND))
    house = OvertHouse(tmp_path, trunks=f'[[trunk]]\nname = "pjsip"\naddresses = ["{PEER}"]\n')
    house._more = (
        f'[[listener]]\ntransport = "udp"\naddress = "{ADDRESS}"\nport = {house.ports.sip}\n'
        f'[[listener]]\ntransport = "tls"\naddress = "{ADDRESS}"\nport = {tls_port}\ncertificate = "{certificate}"\nkey = "{key}"\n'
    )
    async with house:
        uri = f"sip:sales@{ADDRESS}:{tls_port};transport=tls"
        pjsip = Program(
            [PYTHON, Path(__file__).with_name("pjsip_caller.py"), PEER, uri, tmp_path / "caller.wav", "8"],
            tmp_path / "pjsip.log",
        )
        try:
            await pjsip.says("ended", 30)
            record = await recorded(house)
        finally:
            pjsip.stop()
        assert record.outcome == "recorded", (record, pjsip.said[-4000:])
        left, right = channels(await asyncio.to_thread(house.export, record.recordings[0]))
        assert holds(left, CALLER_SOUND, 250, 40) and not holds(right, CALLER_SOUND, 250, 3)
        assert "RTP/SAVP" in pjsip.said
