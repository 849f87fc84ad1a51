"""Encrypted sound: what each client may or must send, what agents are offered, and where the keys go."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from dataclasses import replace

import pytest

from faces.sip.sip_doors import HERE, SDP, Calls, Datagrams, port, request, serving, until
from overt.config_listeners import Listener
from overt.domain.clients import Srtp as Wish
from overt.faces.sip.control import SipControl
from overt.ports import LegMedia, Unavailable
from overt.wire import sdp
from overt.wire.sip.message import parse, respond
from overt.wire.sip.transaction import Peer

UDP = Listener("udp", "127.0.0.1", 0)
THEIRS = bytes(range(30))
SECURE = (
    SDP.replace(b"RTP/AVP", b"RTP/SAVP") + b"a=crypto:5 AES_CM_128_HMAC_SHA1_80 inline:" + b64encode(THEIRS) + b"\r\n"
)


class Answering(Calls):
    """Answers, and keeps what is known of the caller's sound."""

    def __init__(self) -> None:
        super().__init__()
        self.media: list[LegMedia] = []

    async def take(self, control: SipControl) -> None:
        self.controls.append(control)
        try:
            self.media.append(await control.answer("127.0.0.1", 40002))
        except Unavailable:
            return
        await asyncio.sleep(3600)


@pytest.mark.parametrize(
    ("wish", "offer", "status", "encrypted"),
    [
        ("optional", SDP, 200, False), ("optional", SECURE, 200, True), ("required", SECURE, 200, True),
        ("required", SDP, 488, False), ("off", SECURE, 488, False), ("off", SDP, 200, False),
    ],
)  # fmt: skip
async def test_what_is_set_for_a_client_decides(wish: Wish, offer: bytes, status: int, encrypted: bool) -> None:
    story, peer = Answering(), await Datagrams.bound()
    async with serving([UDP], [replace(HERE, srtp=wish)], story=story) as gateway:
        to = ("127.0.0.1", port(gateway))
        via = f"UDP 127.0.0.1:{peer.port}"
        reply = parse(await peer.ask(request("INVITE", via=via, body=offer), to))
        while reply.status < 200:
            reply = parse(await asyncio.wait_for(peer.got.get(), 3))
        assert reply.status == status
        if status != 200:
            assert "encrypt" in json.dumps(gateway.sightings.as_json()["here"])
            return
        peer.transport.sendto(request("ACK", via=via, branch="2", to=f";tag={reply.to.tag}"), to)
        await until(lambda: story.media)
        (media,) = story.media
        answered = sdp.parse(reply.body).audio
        assert answered is not None and answered.secure == encrypted == (media.srtp is not None)
        if media.srtp is not None:
            assert media.srtp.receive == THEIRS and media.srtp.send == answered.crypto[0].key
            assert answered.crypto[0].tag == 5 and str(THEIRS) not in repr(media)


@pytest.mark.parametrize(("wish", "encrypted"), [("tls", False), ("required", True), ("off", False)])
async def test_agents_are_offered_what_is_set(wish: str, encrypted: bool) -> None:
    story, peer, agent = Answering(), await Datagrams.bound(), await Datagrams.bound()
    async with serving([UDP], story=story, agent_srtp=wish) as gateway:
        to, via = ("127.0.0.1", port(gateway)), f"UDP 127.0.0.1:{peer.port}"
        reply = parse(await peer.ask(request("INVITE", via=via, body=SDP), to))
        peer.transport.sendto(request("ACK", via=via, branch="2", to=f";tag={reply.to.tag}"), to)
        await until(lambda: story.media)
        dialling = asyncio.ensure_future(
            story.controls[0].dial(f"sip:agent@127.0.0.1:{agent.port}", "127.0.0.1", 40004, 5)
        )
        invite = parse(await asyncio.wait_for(agent.got.get(), 3))
        offered = sdp.parse(invite.body)
        assert offered.audio is not None and offered.audio.secure == encrypted
        body = SECURE.replace(b"crypto:5", b"crypto:3") if encrypted else SDP
        said = (("Contact", f"<sip:agent@127.0.0.1:{agent.port}>"), ("Content-Type", "application/sdp"))
        agent.transport.sendto(bytes(respond(invite, 200, tag="b", headers=said, body=body)), to)
        dialled = await dialling
        assert dialled.media is not None and (dialled.media.srtp is not None) == encrypted
        if dialled.media.srtp is not None:
            (ours,) = [one for one in offered.audio.crypto if one.tag == 3]
            assert dialled.media.srtp.send == ours.key and dialled.media.srtp.receive == THEIRS
        assert gateway.encrypts_to(Peer("192.0.2.1", 5061, "TLS", 1)) == (wish != "off")
