"""Real programs at the door: sipp over IPv6, UDP and TCP; openssl over mutual TLS; baresip over TLS."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from conftest import needs_program
from faces.sip.sip_doors import HERE, Authority, Calls, port, request, serving, until
from overt.config_listeners import Listener
from overt.domain.clients import Client


@pytest.mark.parametrize(("transport", "flag"), [("udp", "u1"), ("tcp", "t1")])
async def test_sipp_calls_over_ipv6(tmp_path: Path, transport: str, flag: str) -> None:
    needs_program("sipp")
    story = Calls()
    async with serving([Listener(transport, "::1", 0)], story=story) as gateway:  # type: ignore[arg-type]
        sipp = await asyncio.create_subprocess_exec(
            "sipp", "-sn", "uac", "-t", flag, "-i", "::1", "-m", "5", "-r", "20", "-d", "50", "-nostdin",
            f"[::1]:{port(gateway)}", cwd=tmp_path, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL, env={**os.environ, "TERM": "dumb"},
        )  # fmt: skip
        assert await asyncio.wait_for(sipp.wait(), 15) == 0
        assert len(story.controls) == 5 and not gateway.agent.legs


async def test_openssl_speaks_over_mutual_tls(tmp_path: Path) -> None:
    needs_program("openssl")
    authority = Authority(tmp_path)
    certificate, key, _ = authority.issue("overt.example", file="server")
    shown, secret, _ = authority.issue("sbc.example")
    listener = Listener("tls", "127.0.0.1", 0, certificate, key, str(authority.path), "required")
    async with serving([listener], [Client("sbc", certificate="sbc.example")]) as gateway:
        openssl = await asyncio.create_subprocess_exec(
            "openssl", "s_client", "-quiet", "-verify_return_error", "-CAfile", str(authority.path), "-cert", shown, "-key",
            secret, "-servername", "overt.example", "-connect", f"127.0.0.1:{port(gateway)}",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        assert openssl.stdin is not None and openssl.stdout is not None
        openssl.stdin.write(request(via="TLS 127.0.0.1:9"))
        assert b"200 OK" in await asyncio.wait_for(openssl.stdout.readuntil(b"\r\n\r\n"), 5)
        openssl.terminate()
        await openssl.wait()


BARESIP = """poll_method epoll
sip_listen 127.0.0.1:0
sip_cafile {ca}
sip_certificate {pair}
sip_verify_server yes
net_interface 127.0.0.1
audio_source aufile,{folder}/tone.wav
audio_player aufile,{folder}/none
module_path /usr/lib/baresip/modules
module g711.so
module_tmp uuid.so
module_tmp account.so
module_app menu.so
"""


async def test_baresip_calls_over_tls(tmp_path: Path) -> None:
    needs_program("baresip")
    authority, story = Authority(tmp_path), Calls()
    certificate, key, _ = authority.issue("127.0.0.1", address="127.0.0.1", file="server")
    shown, secret, _ = authority.issue("phone.example")
    pair = tmp_path / "pair.pem"
    pair.write_text(Path(shown).read_text() + Path(secret).read_text())
    (tmp_path / "config").write_text(BARESIP.format(ca=authority.path, pair=pair, folder=tmp_path))
    (tmp_path / "accounts").write_text("<sip:phone@127.0.0.1;transport=tls>;regint=0;audio_codecs=PCMU/8000/1\n")
    (tmp_path / "contacts").write_text("")
    listener = Listener("tls", "127.0.0.1", 0, certificate, key, str(authority.path), "optional")
    async with serving([listener], [HERE], story=story) as gateway:
        baresip = await asyncio.create_subprocess_exec(
            "baresip", "-f", str(tmp_path), "-e", f"/dial sip:sales@127.0.0.1:{port(gateway)};transport=tls", "-t", "12",
            stdin=asyncio.subprocess.DEVNULL, stdout=(tmp_path / "out").open("wb"), stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        try:
            await until(
                lambda: story.controls and story.controls[0]._answered and story.controls[0]._answered.done(), 8
            )
            leg = next(iter(gateway.agent.legs.values()))
            assert leg.state == "confirmed" and leg.peer.transport == "TLS"
            await story.controls[0].hang_up("caller")
            await until(lambda: not gateway.agent.legs)
        finally:
            baresip.terminate()
            await baresip.wait()
            print((tmp_path / "out").read_text(errors="replace"))
