"""What we send: names by DNS, the next place when one is silent, TCP for what is large, connections used again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import dns.message
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faces.sip.sip_doors import HERE, SDP, Authority, Calls, Datagrams, port, request, serving, until
from overt.config_listeners import Listener
from overt.faces.sip import control as control_module
from overt.faces.sip.connections import Bounds
from overt.faces.sip.control import SipControl
from overt.faces.sip.gateway import Gateway
from overt.faces.sip.resolver import NoAddress, Resolver, Target, order_services
from overt.ports import Dialled
from overt.wire.sip.message import Request, parse, respond
from overt.wire.sip.transaction import Peer, Send
from overt.wire.sip.uri import Uri

UDP, TCP = Listener("udp", "127.0.0.1", 0), Listener("tcp", "127.0.0.1", 0)


class Names(asyncio.DatagramProtocol):
    """A name server that knows a table: (name, type) → records as text. It counts what it is asked."""

    def __init__(self, table: Mapping[tuple[str, str], list[str]], ttl: int) -> None:
        self._table, self._ttl, self.asked = table, ttl, 0
        self.port = 0
        self.silent = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's callback."""
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """asyncio's callback."""
        self.asked += 1
        if self.silent:
            return
        query = dns.message.from_wire(data)
        question = query.question[0]
        kind = dns.rdatatype.to_text(question.rdtype)
        answer = dns.message.make_response(query)
        records = self._table.get((question.name.to_text(True), kind), [])
        if records:
            answer.answer.append(dns.rrset.from_text_list(question.name, self._ttl, "IN", kind, records))
        self._transport.sendto(answer.to_wire(), addr)  # type: ignore[attr-defined]


@asynccontextmanager
async def names(table: Mapping[tuple[str, str], list[str]], ttl: int = 60) -> AsyncIterator[Names]:
    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Names(table, ttl), local_addr=("127.0.0.1", 0)
    )
    yield server
    transport.close()


def resolver(server: Names, *, six: bool = True) -> Resolver:
    return Resolver(lambda _: (True, six), lambda: 0.5, [f"127.0.0.1:{server.port}"])


ZONE = {
    ("pbx.example", "NAPTR"): [
        '20 50 "s" "SIP+D2U" "" _sip._udp.pbx.example.', '10 50 "s" "SIP+D2T" "" _sip._tcp.pbx.example.',
        '5 50 "s" "E2U+x" "" _x.pbx.example.', '5 50 "u" "SIP+D2U" "!x!y!" .',
    ],
    ("_sip._tcp.pbx.example", "SRV"): ["20 0 5070 b.pbx.example.", "10 0 5060 a.pbx.example."],
    ("_sip._udp.pbx.example", "SRV"): ["10 0 5080 a.pbx.example."],
    ("_sips._tcp.pbx.example", "SRV"): ["10 0 5061 a.pbx.example."],
    ("a.pbx.example", "A"): ["192.0.2.1"], ("a.pbx.example", "AAAA"): ["2001:db8::1"], ("b.pbx.example", "A"): ["192.0.2.2"],
    ("_sip._udp.srv.example", "SRV"): ["1 1 5090 a.pbx.example."], ("host.example", "A"): ["192.0.2.3"],
    ("_sip._udp.off.example", "SRV"): ["0 0 0 ."],
}  # fmt: skip


@pytest.mark.parametrize(
    ("uri", "found"),
    [
        ("sip:a@pbx.example", ["192.0.2.1:5060 TCP", "2001:db8::1:5060 TCP", "192.0.2.2:5070 TCP", "192.0.2.1:5080 UDP"]),
        ("sip:a@pbx.example;transport=udp", ["192.0.2.1:5080 UDP", "2001:db8::1:5080 UDP"]),
        ("sips:a@pbx.example", ["192.0.2.1:5061 TLS", "2001:db8::1:5061 TLS"]),
        ("sip:a@pbx.example;transport=tls", ["192.0.2.1:5061 TLS", "2001:db8::1:5061 TLS"]),
        ("sip:a@srv.example", ["192.0.2.1:5090 UDP", "2001:db8::1:5090 UDP"]),
        ("sip:a@host.example", ["192.0.2.3:5060 UDP"]),
        ("sip:a@host.example:5099;transport=tcp", ["192.0.2.3:5099 TCP"]),
        ("sip:a@x.example;maddr=192.0.2.9", ["192.0.2.9:5060 UDP"]),
        ("sip:a@192.0.2.8", ["192.0.2.8:5060 UDP"]), ("sips:a@192.0.2.8", ["192.0.2.8:5061 TLS"]),
        ("sip:a@[2001:db8::8]:5077", ["2001:db8::8:5077 UDP"]),
    ],
)  # fmt: skip
async def test_where_a_uri_leads(uri: str, found: list[str]) -> None:
    async with names(ZONE) as server:
        targets = await resolver(server).targets(Uri.parse(uri))
        assert [f"{one.host}:{one.port} {one.transport}" for one in targets][: len(found)] == found
        assert {one.name for one in targets} <= {Uri.parse(uri).host, ""}


async def test_names_without_an_address_or_of_another_family_lead_nowhere() -> None:
    async with names({("six.example", "AAAA"): ["2001:db8::1"]}) as server:
        for uri in ("sip:a@none.example", "sip:a@six.example"):
            with pytest.raises(NoAddress):
                await resolver(server, six=False).targets(Uri.parse(uri))


async def test_answers_are_kept_for_their_time_to_live_and_what_was_known_outlasts_a_dead_server() -> None:
    now = [0.0]
    async with names(ZONE, ttl=30) as server:
        asker = Resolver(lambda _: (True, True), lambda: 0.5, [f"127.0.0.1:{server.port}"], lambda: now[0])
        first = await asker.targets(Uri.parse("sip:a@host.example:5060"))
        asked = server.asked
        now[0] = 9.0
        assert await asker.targets(Uri.parse("sip:a@host.example:5060")) == first and server.asked == asked
        now[0] = 31.0
        await asker.targets(Uri.parse("sip:a@host.example:5060"))
        assert server.asked > asked


async def test_a_machines_own_names_are_known() -> None:
    asker = Resolver(lambda _: (True, False), lambda: 0.5)
    assert await asker.targets(Uri.parse("sip:a@localhost")) == (Target("127.0.0.1", 5060, "UDP", "localhost"),)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), max_size=12), st.floats(0, 1, exclude_max=True))
def test_services_are_ordered_by_priority_and_none_is_lost(rows: list[tuple[int, int]], chance: float) -> None:
    records = [SimpleNamespace(priority=one, weight=two) for one, two in rows]
    ordered = order_services(records, lambda: chance)
    assert [one.priority for one in ordered] == sorted(one.priority for one in records)
    assert {id(one) for one in ordered} == {id(one) for one in records} and len(ordered) == len(records)


def test_weights_draw_as_rfc_2782_says() -> None:
    heavy, light = SimpleNamespace(priority=1, weight=90), SimpleNamespace(priority=1, weight=10)
    first = [order_services([light, heavy], lambda at=at: at / 100)[0] for at in range(100)]  # type: ignore[misc]
    assert 88 <= first.count(heavy) <= 92


# ------------------------------------------------------------------------------------- what is sent


async def called(gateway: Gateway, story: Calls) -> tuple[SipControl, Datagrams]:
    """A call that came in and was answered: its control can dial."""
    caller = await Datagrams.bound()
    await caller.ask(request("INVITE", body=SDP), ("127.0.0.1", port(gateway)))
    await asyncio.wait_for(caller.got.get(), 2)
    return story.controls[0], caller


def large(control: SipControl) -> None:
    """Let what is sent for a call be more than a datagram should hold."""
    invite = control._caller.invite
    control._caller.invite = invite.with_headers(("X-Long", "x" * 1200))


def accepted(invite: bytes, contact: str) -> bytes:
    read = parse(invite)
    assert isinstance(read, Request)
    headers = (("Contact", contact), ("Content-Type", "application/sdp"))
    return bytes(respond(read, 200, tag="agent", headers=headers, body=SDP))


async def stream_peer(
    say: str = "accept",
) -> tuple[asyncio.Server, int, asyncio.Queue[bytes], list[asyncio.StreamWriter]]:
    """A TCP peer that takes calls: its port, what it got, its connections."""
    got: asyncio.Queue[bytes] = asyncio.Queue()
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        while received := await reader.read(65536):
            got.put_nowait(received)
            if received.startswith(b"INVITE") and say == "accept":
                here = ":".join(map(str, writer.get_extra_info("sockname")[:2]))
                writer.write(accepted(received, f"<sip:agent@{here};transport=tcp>"))
            elif received == b"\r\n\r\n" and say == "pong":
                writer.write(b"\r\n")

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1], got, writers


async def test_a_call_over_tcp_opens_one_connection_and_stays_on_it() -> None:
    story = Calls()
    server, at, got, writers = await stream_peer()
    async with serving([UDP, TCP], story=story) as gateway:
        control, caller = await called(gateway, story)
        for _ in range(2):
            dialled = await control.dial(f"sip:agent@127.0.0.1:{at};transport=tcp", "127.0.0.1", 40004, 5)
            assert dialled.status == 200
            invite = parse(await got.get())
            assert invite.get("Via").startswith(f"SIP/2.0/TCP 127.0.0.1:{port(gateway, 1)}")
            assert f":{port(gateway, 1)};transport=tcp" in invite.get("Contact")
            assert (await got.get()).startswith(b"ACK ")
            await control.hang_up("agent")
            assert (await asyncio.wait_for(got.get(), 2)).startswith(b"BYE ")
        assert len(writers) == 1
        caller.transport.close()
    server.close()


async def test_a_large_request_goes_over_tcp_and_over_udp_where_nobody_takes_it() -> None:
    story = Calls()
    server, at, got, _ = await stream_peer()
    async with serving([UDP, TCP], story=story) as gateway:
        control, caller = await called(gateway, story)
        large(control)
        dialled = await control.dial(f"sip:agent@127.0.0.1:{at}", "127.0.0.1", 40004, 5)
        assert dialled.status == 200 and b"SIP/2.0/TCP" in (await got.get()).split(b"\r\n")[1]
        await control.hang_up("agent")
        agent = await Datagrams.bound()
        dialling = asyncio.create_task(control.dial(f"sip:agent@127.0.0.1:{agent.port}", "127.0.0.1", 40004, 5))
        invite = await asyncio.wait_for(agent.got.get(), 2)
        assert b"SIP/2.0/UDP" in invite.split(b"\r\n")[1] and len(invite) > 1300
        agent.transport.sendto(accepted(invite, f"<sip:agent@127.0.0.1:{agent.port}>"), ("127.0.0.1", port(gateway)))
        assert (await dialling).status == 200
        agent.transport.close()
        caller.transport.close()
    server.close()


async def test_nobody_there_is_known_at_once_by_udp_and_by_tcp() -> None:
    story = Calls()
    gone = await Datagrams.bound()
    gone.transport.close()
    async with serving([UDP, TCP], story=story) as gateway:
        control, caller = await called(gateway, story)
        for transport in ("udp", "tcp", "tls"):
            async with asyncio.timeout(2):
                dialled = await control.dial(
                    f"sip:a@127.0.0.1:{gone.port};transport={transport}", "127.0.0.1", 40004, 5
                )
            assert dialled == Dialled(None, 503, "it cannot be reached"), transport
        assert gateway.agent.counters["UDP: ICMP errors"] == 1
        caller.transport.close()


async def test_the_next_place_is_called_when_one_is_gone_busy_for_all_or_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(control_module, "SILENT_S", 0.2)
    story = Calls()
    silent, good, full = (
        await Datagrams.bound("127.0.0.2"),
        await Datagrams.bound("127.0.0.3"),
        await Datagrams.bound("127.0.0.4"),
    )
    zone = {("_sip._udp.pbx.example", "SRV"): [
        f"1 0 {full.port} full.pbx.example.", f"2 0 {silent.port} silent.pbx.example.", "3 0 9 gone.pbx.example.",
        f"4 0 {good.port} good.pbx.example.",
    ], ("full.pbx.example", "A"): ["127.0.0.4"], ("silent.pbx.example", "A"): ["127.0.0.2"],
       ("gone.pbx.example", "A"): ["127.0.0.6"], ("good.pbx.example", "A"): ["127.0.0.3"]}  # fmt: skip
    async with names(zone) as server, serving([UDP], story=story, nameservers=[f"127.0.0.1:{server.port}"]) as gateway:
        control, caller = await called(gateway, story)
        where = ("127.0.0.1", port(gateway))
        dialling = asyncio.create_task(control.dial("sip:agent@pbx.example", "127.0.0.1", 40004, 5))
        first = parse(await asyncio.wait_for(full.got.get(), 2))
        assert isinstance(first, Request)
        full.transport.sendto(bytes(respond(first, 503, tag="full")), where)
        await asyncio.wait_for(silent.got.get(), 2)
        invite = await asyncio.wait_for(good.got.get(), 2)
        good.transport.sendto(accepted(invite, f"<sip:agent@127.0.0.3:{good.port}>"), where)
        assert (await dialling).status == 200
        for one in (silent, good, full, caller):
            one.transport.close()


async def test_a_name_that_leads_nowhere_and_a_caller_who_leaves_meanwhile() -> None:
    story = Calls()
    async with names({}) as server, serving([UDP], story=story, nameservers=[f"127.0.0.1:{server.port}"]) as gateway:
        control, caller = await called(gateway, story)
        dialled = await control.dial("sip:agent@none.example", "127.0.0.1", 40004, 5)
        assert dialled.status == 503 and "none.example" in dialled.reason
        server.silent = True
        dialling = asyncio.create_task(control.dial("sip:agent@slow.example:5060", "127.0.0.1", 40004, 1))
        await asyncio.sleep(0.05)
        await control.hang_up("agent")
        async with asyncio.timeout(0.3):  # nobody waits for the name server
            assert (await dialling).status == 487 and len(gateway.agent.legs) == 1
        caller.transport.close()


async def test_requests_come_by_the_connection_that_a_peer_opened_and_offers() -> None:
    story = Calls()
    async with serving([TCP], story=story) as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", port(gateway))
        writer.write(request("OPTIONS", via="TCP 127.0.0.1:5999;alias"))
        writer.write(request("INVITE", via="TCP 127.0.0.1:5999;alias", branch="2", body=SDP))
        await until(lambda: story.controls and story.controls[0]._answered)
        dialling = asyncio.create_task(
            story.controls[0].dial("sip:a@127.0.0.1:5999;transport=tcp", "127.0.0.1", 40004, 2)
        )
        received = b""
        while b"INVITE sip:a@" not in received:
            received += await asyncio.wait_for(reader.read(65536), 2)
        assert gateway.transports.connections.size == 1 and b"INVITE sip:a@127.0.0.1:5999" in received
        dialling.cancel()
        writer.close()


@pytest.mark.parametrize("say", ["pong", "nothing"])
async def test_connections_of_ours_are_kept_alive_and_given_up_when_a_peer_stops_answering(say: str) -> None:
    story = Calls()
    server, at, got, writers = await stream_peer(say)
    async with serving([UDP, TCP], story=story, bounds=Bounds(ping_s=(0.2, 0.3), pong_s=0.4, message_s=0.2)) as gateway:
        control, caller = await called(gateway, story)
        dialling = asyncio.create_task(control.dial(f"sip:a@127.0.0.1:{at};transport=tcp", "127.0.0.1", 40004, 30))
        await asyncio.wait_for(got.get(), 2)
        assert await asyncio.wait_for(got.get(), 2) == b"\r\n\r\n"
        await asyncio.sleep(0.7)
        assert gateway.transports.connections.size == 1  # one that never answers may not know keep-alives
        if say == "pong":
            writers[0].transport.pause_reading()  # type: ignore[attr-defined]
            await until(lambda: gateway.agent.counters.get("TCP: closed, no answer to a keep-alive"))
        dialling.cancel()
        caller.transport.close()
    server.close()


async def test_a_tls_server_must_prove_the_name_that_we_called(tmp_path: Path) -> None:
    authority, story = Authority(tmp_path), Calls()
    certificate, key, _ = authority.issue("pbx.example", file="pbx")
    own, own_key, _ = authority.issue("overt.example", address="127.0.0.1", file="overt")
    pbx = Listener("tls", "127.0.0.1", 0, certificate, key, str(authority.path), "required")
    zone = {("pbx.example", "A"): ["127.0.0.1"], ("else.example", "A"): ["127.0.0.1"]}
    ours = [UDP, Listener("tls", "127.0.0.1", 0, own, own_key)]
    async with names(zone) as server, serving([pbx], story=(agents := Calls())) as other:
        made = dict(nameservers=[f"127.0.0.1:{server.port}"], ca=str(authority.path))  # noqa: C408
        async with serving(ours, story=story, **made) as gateway:
            control, caller = await called(gateway, story)
            at = port(other)
            wrong = await control.dial(f"sip:a@else.example:{at};transport=tls", "127.0.0.1", 40004, 3)
            assert wrong.status == 503 and not agents.controls
            right = await control.dial(f"sip:a@pbx.example:{at};transport=tls", "127.0.0.1", 40004, 3)
            assert right.status == 200 and agents.controls[0].offer.trunk == HERE.name
            # The connection that proved one name does not serve for another; what belongs to the call still goes by it.
            wrong = await control.dial(f"sip:a@else.example:{at};transport=tls", "127.0.0.1", 40004, 3)
            assert wrong.status == 503 and len(agents.controls) == 1
            for leg in list(gateway.agent.legs.values()):
                gateway.perform(gateway.agent.hang_up(leg, time.monotonic_ns()))
            await until(lambda: not other.agent.legs)
            caller.transport.close()


@pytest.mark.parametrize("contact", ["address", "name"])
async def test_a_call_whose_connection_is_gone_ends_where_its_contact_says(contact: str) -> None:
    story = Calls()
    server, at, got, writers = await stream_peer()
    async with serving([TCP], story=story) as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", port(gateway))
        where = f"127.0.0.1:{at}" if contact == "address" else "pbx.example"
        writer.write(request("INVITE", via="TCP 127.0.0.1:9", contact=f"{where};transport=tcp", body=SDP))
        received = b""
        while b"SIP/2.0 200 " not in received:
            received += await asyncio.wait_for(reader.read(65536), 2)
        tag = parse(received[received.index(b"SIP/2.0 200 ") :]).to.tag
        writer.write(request("ACK", via="TCP 127.0.0.1:9", branch="2", to=f";tag={tag}"))
        await until(lambda: next(iter(gateway.agent.legs.values())).state == "confirmed")
        writer.transport.abort()
        await until(lambda: gateway.transports.connections.size == 0)
        await story.controls[0].hang_up("caller")
        if contact == "address":
            assert (await asyncio.wait_for(got.get(), 2)).startswith(b"BYE ") and len(writers) == 1
        else:  # nobody looks a name up for a request within a call: it is counted, and nothing waits for it
            assert gateway.agent.counters["TCP: not sent"] == 1 and gateway.agent.layer.size <= 2
    server.close()


async def test_what_waits_for_a_connection_is_bounded_and_all_of_it_is_told_of_when_none_comes() -> None:
    gone = await Datagrams.bound()
    gone.transport.close()
    async with serving([UDP, TCP], bounds=Bounds(waiting=3)) as gateway:
        undelivered: list[Send] = []
        gateway.transports.connections._on_undelivered = undelivered.append
        for number in range(5):
            gateway.transports.send(Send(b"OPTIONS %d" % number, Peer("127.0.0.1", gone.port, "TCP")))
        await until(lambda: len(undelivered) == 5)
        assert gateway.transports.connections.size == 0 and len({one.encoded for one in undelivered}) == 5
        gateway.transports._on_undelivered = undelivered.append
        gateway.transports.send(
            Send(b"x" * 70_000, Peer("127.0.0.1", gone.port), ("client", "1"))
        )  # no datagram is so long
        gateway.transports.send(Send(b"x", Peer("2001:db8::1", 5060)))  # and nothing here speaks IPv6
        assert len(undelivered) == 7 and gateway.agent.counters["UDP: not sent"] == 1


async def test_nobody_there_is_known_at_once_over_ipv6() -> None:
    story = Calls()
    gone = await Datagrams.bound("::1")
    gone.transport.close()
    async with serving([UDP, Listener("udp", "::1", 0)], story=story) as gateway:
        control, caller = await called(gateway, story)
        async with asyncio.timeout(2):
            dialled = await control.dial(f"sip:a@[::1]:{gone.port}", "127.0.0.1", 40004, 5)
        assert dialled.status == 503 and gateway.agent.counters["UDP: ICMP errors"] == 1
        caller.transport.close()
