"""A whole Overt with several doors: a client by its certificate over TLS, one by its password, and a stranger who gets nowhere."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from faces.sip.sip_doors import SDP, Authority, request
from journeys.overt_house import ADDRESS, OvertHouse
from overt.compose.demo import free_ports
from overt.phone.telephone import CallFailed, Telephone
from overt.wire.sip.message import parse

PASSWORD = "three grey herons at noon"


async def overt(folder: Path, *words: str, said: str = "") -> str:
    """Run a command on the house's folder; return what it says."""
    command = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "overt", *words, "--data", str(folder), stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await asyncio.wait_for(command.communicate(said.encode()), 20)
    assert command.returncode == 0, out.decode()
    return out.decode()


async def over_tls(house: OvertHouse, port: int, authority: Authority, name: str) -> bytes:
    """An INVITE by somebody with a certificate: what comes back within three seconds."""
    certificate, key, _ = authority.issue(name)
    reader, writer = await asyncio.open_connection(
        ADDRESS, port, ssl=authority.client(certificate, key), local_addr=("127.0.0.6", 0)
    )
    common = {"uri": f"sip:sales@{ADDRESS}", "via": "TLS 127.0.0.6:9", "call": name}
    writer.write(request("INVITE", branch=name, body=SDP, **common))
    received = b""
    with suppress(TimeoutError):
        async with asyncio.timeout(3):
            while b"SIP/2.0 200 " not in received and b"SIP/2.0 403 " not in received:
                received += await reader.read(65536)
            tag = parse(received[received.index(b"SIP/2.0 200 ") :]).to.tag if b"SIP/2.0 200 " in received else ""
            if tag:
                writer.write(request("ACK", branch=f"{name}a", to=f";tag={tag}", **common))
                writer.write(request("BYE", branch=f"{name}b", to=f";tag={tag}", number=2, **common))
                await reader.readuntil(b"2 BYE")
    writer.close()
    return received


@pytest.mark.journey
async def test_clients_come_in_by_certificate_and_by_password_and_nobody_else(tmp_path: Path) -> None:
    authority, tls_port = Authority(tmp_path), free_ports().sip
    certificate, key, _ = authority.issue("overt.example", address=ADDRESS, file="server")
    house = OvertHouse(tmp_path)
    house._more = f"""
[[listener]]
transport = "udp"
address = "{ADDRESS}"
port = {house.ports.sip}
[[listener]]
transport = "tls"
address = "{ADDRESS}"
port = {tls_port}
certificate = "{certificate}"
key = "{key}"
client_ca = "{authority.path}"
client_certificate = "optional"
[[client]]
name = "sbc"
mode = "gateway"
certificate = "sbc.example"
"""
    async with house:
        words = ("--mode", "gateway", "--by", "Dana", "--why", "the branch's telephone", "--digest", "branch")
        await overt(house.folder, "clients", "add", "branch", *words, "--password-file", "-", said=PASSWORD + "\n")
        await asyncio.sleep(1.2)
        assert b"SIP/2.0 200 OK" in await over_tls(house, tls_port, authority, "sbc.example")
        assert b"SIP/2.0 200 OK" not in await over_tls(house, tls_port, authority, "else.example")
        for password, came_in in ((PASSWORD, True), ("another password", False)):
            phone = Telephone("127.0.0.4", username="branch", password=password)
            await phone.start()
            call = await phone.call(f"sip:sales@{ADDRESS}:{house.ports.sip}", number="+12145550100")
            if came_in:
                await asyncio.wait_for(call.answered, 4)
            else:
                with pytest.raises(CallFailed, match="401"):
                    await asyncio.wait_for(call.answered, 4)
            phone.close()
        records = await house.ended(2)
        assert len(records) == 2
    assert house.verdict().verified
