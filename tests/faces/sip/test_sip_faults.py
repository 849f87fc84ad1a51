"""A fault of ours in one call, or in one message, stops neither the gateway nor any other call."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from faces.sip.sip_doors import HERE, SDP, Calls, Datagrams, port, request, serving, until
from overt.config_listeners import Listener
from overt.faces.sip.control import SipControl
from overt.faces.sip.faults import Faults
from overt.wire.sip import leg as legs
from overt.wire.sip.message import parse

UDP, TCP = Listener("udp", "127.0.0.1", 0), Listener("tcp", "127.0.0.1", 0)


async def test_a_control_that_fails_ends_its_own_call_and_no_other() -> None:
    calls = Calls()
    async with serving([UDP], [HERE], story=calls) as gateway:
        peer, where = await Datagrams.bound(), ("127.0.0.1", port(gateway))
        tags = []
        for name in ("one", "two"):
            await peer.ask(request("INVITE", branch=name, call=name, body=SDP), where)
            tags.append(parse(await asyncio.wait_for(peer.got.get(), 2)).to.tag)
            peer.transport.sendto(request("ACK", branch=f"a{name}", call=name, to=f";tag={tags[-1]}"), where)
        await until(lambda: len(calls.controls) == 2 and len(gateway.agent.legs) == 2)

        def fails(happening: Any) -> None:
            raise KeyError("+14045550100")

        calls.controls[0].happen = fails  # type: ignore[method-assign]
        assert b" 200 " in await peer.ask(
            request("BYE", branch="b1", call="one", to=f";tag={tags[0]}", number=2), where
        )
        await until(lambda: len(gateway._calls) == 1)  # it ended all the same
        assert gateway.agent.counters["faults of ours: Ended was dealt with"] == 1
        assert b" 200 " in await peer.ask(
            request("BYE", branch="b2", call="two", to=f";tag={tags[1]}", number=2), where
        )
        await until(lambda: not gateway._calls and not gateway._controls)
        peer.transport.close()


async def test_an_offer_that_cannot_be_dealt_with_is_refused_and_its_connection_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving([TCP], [HERE]) as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", port(gateway))
        monkeypatch.setattr("overt.faces.sip.gateway.caller_of", lambda request: 1 // 0)
        writer.write(request("INVITE", via="TCP 127.0.0.1:9", body=SDP))
        assert b"500 Server Internal Error" in await _until_status(reader, b"500")
        writer.write(request("OPTIONS", via="TCP 127.0.0.1:9", branch="o", call="o"))
        assert b" 200 " in await _until_status(reader, b"200")
        assert not gateway.agent.legs and gateway.agent.counters["faults of ours: Offered was dealt with"] == 1
        writer.close()


async def test_time_goes_on_after_a_moment_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving([UDP], [HERE]) as gateway:
        monkeypatch.setattr(gateway.transports, "advance", lambda now: 1 // 0)
        await until(lambda: gateway.agent.counters.get("faults of ours: time passed", 0) > 2)
        monkeypatch.setattr(gateway.agent, "receive", lambda *_: 1 // 0)
        peer = await Datagrams.bound()
        peer.transport.sendto(request("OPTIONS"), ("127.0.0.1", port(gateway)))
        await until(lambda: gateway.agent.counters.get("faults of ours: a message was read"))
        monkeypatch.undo()
        peer.transport.sendto(request("OPTIONS", branch="again", call="again"), ("127.0.0.1", port(gateway)))
        assert b" 200 " in (await asyncio.wait_for(peer.got.get(), 2)).split(b"\r\n")[0]
        peer.transport.close()


async def test_a_call_that_nobody_attends_any_more_is_refused() -> None:
    class Fails(Calls):
        async def take(self, control: SipControl) -> None:
            raise KeyError("+14045550100")

    async with serving([UDP], [HERE], story=Fails()) as gateway:
        peer = await Datagrams.bound()
        assert b" 100 " in await peer.ask(request("INVITE", body=SDP), ("127.0.0.1", port(gateway)))
        assert b" 480 " in await asyncio.wait_for(peer.got.get(), 2)
        assert gateway.agent.counters["faults of ours: a call was attended"] == 1 and not gateway.agent.legs
        peer.transport.close()


async def test_a_new_offer_that_cannot_be_dealt_with_is_rejected_at_once() -> None:
    async with serving([UDP], [HERE]) as gateway:
        rejected: list[int] = []
        gateway.agent.reject = lambda leg, status, now: rejected.append(status) or []  # type: ignore[assignment, func-returns-value]
        one = legs.Reoffered(object(), object(), None)  # type: ignore[arg-type]
        gateway.perform([one, one])
        assert rejected == [500, 500]


def test_few_of_many_faults_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    counted: list[str] = []
    now = [0.0]
    faults = Faults(counted.append, lambda: now[0])
    for at in (0.0, 0.1, 0.9, 1.0):
        now[0] = at
        assert not faults.survives("a message was read", lambda: 1 // 0)
    assert len(counted) == 4 and len(caplog.records) == 2


async def _until_status(reader: asyncio.StreamReader, status: bytes) -> bytes:
    received = b""
    while status not in received:
        received += await asyncio.wait_for(reader.read(4096), 3)
    return received
