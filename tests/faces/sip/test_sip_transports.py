"""Every listener over real sockets: UDP, TCP, TLS, IPv4, IPv6; certificates; keep-alives; and every bound."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import nullcontext
from pathlib import Path

import pytest

from faces.sip.sip_doors import HERE, SDP, Authority, Calls, Datagrams, port, request, serving, until
from overt.config_listeners import Listener
from overt.domain.clients import Client
from overt.faces.sip import datagrams
from overt.faces.sip.connection import Door
from overt.faces.sip.connections import Bounds, _elsewhere
from overt.faces.sip.scanners import source_of
from overt.faces.sip.transports import _local_address_towards, is_address
from overt.wire.sip.message import parse
from overt.wire.sip.transaction import Peer, Send

UDP, TCP = Listener("udp", "127.0.0.1", 0), Listener("tcp", "127.0.0.1", 0)


async def read_message(reader: asyncio.StreamReader) -> bytes:
    """The next message of a stream; none of ours has a body here unless it says so."""
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 4)
    length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
    return head + await reader.readexactly(int(length.split(b":")[1]))


async def ended(reader: asyncio.StreamReader) -> bool:
    """Whether the other side closes within four seconds."""
    try:
        return await asyncio.wait_for(reader.read(), 4) == b""
    except ConnectionError:
        return True


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_each_listener_answers_by_its_own_transport_and_address(address: str) -> None:
    async with serving([Listener("udp", address, 0), Listener("tcp", address, 0)]) as gateway:
        peer = await Datagrams.bound(address)
        answer = parse(await peer.ask(request(), (address, port(gateway))))
        host = f"[{address}]" if ":" in address else address
        assert answer.get("Contact").startswith(f"<sip:{host}:{port(gateway)}>")
        peer.transport.close()
        reader, writer = await asyncio.open_connection(address, port(gateway, 1))
        writer.write(request(via=f"TCP {host}:9", branch="2"))
        answer = parse(await read_message(reader))
        assert answer.get("Contact").startswith(f"<sip:{host}:{port(gateway, 1)};transport=tcp>")
        writer.close()


async def test_a_listener_behind_nat_says_what_it_was_told_to_say() -> None:
    listener = Listener("udp", "0.0.0.0", 0, advertised_address="192.0.2.9", advertised_port=5999)
    async with serving([listener]) as gateway:
        peer = await Datagrams.bound()
        answer = parse(await peer.ask(request(), ("127.0.0.1", port(gateway))))
        assert answer.get("Contact").startswith("<sip:192.0.2.9:5999>")
        peer.transport.close()


async def test_two_udp_listeners_answer_each_from_its_own_socket() -> None:
    async with serving([UDP, UDP]) as gateway:
        peer = await Datagrams.bound()
        for number in (1, 0):
            answer = parse(await peer.ask(request(branch=str(number)), ("127.0.0.1", port(gateway, number))))
            assert f":{port(gateway, number)}>" in answer.get("Contact")
        peer.transport.close()


def tls(folder: Path, authority: Authority, *, wish: str = "none") -> Listener:
    certificate, key, _ = authority.issue("overt.example", address="127.0.0.1", file="server")
    ca = str(authority.path) if wish != "none" else ""
    return Listener("tls", "127.0.0.1", 0, certificate, key, ca, wish)  # type: ignore[arg-type]


async def over_tls(port_: int, context: ssl.SSLContext) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", port_, ssl=context, server_hostname="overt.example")


async def test_tls_serves_and_takes_nothing_older_than_1_2(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with serving([tls(tmp_path, authority)]) as gateway:
        reader, writer = await over_tls(port(gateway), authority.client())
        writer.write(request(via="TLS 127.0.0.1:9"))
        assert ";transport=tls>" in parse(await read_message(reader)).get("Contact")
        writer.close()
        old = authority.client()
        with pytest.deprecated_call():
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        old.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await over_tls(port(gateway), old)
        await until(lambda: gateway.agent.counters.get("TLS: a handshake failed"))


async def test_a_client_is_known_by_the_certificate_that_it_shows(tmp_path: Path) -> None:
    authority, stranger = Authority(tmp_path), Authority(tmp_path, "other")
    named, pinned = authority.issue("sbc.example"), authority.issue("unnamed.example")
    clients = [Client("by-name", certificate="sbc.example"), Client("by-print", certificate=pinned[2])]
    calls = Calls()
    async with serving([tls(tmp_path, authority, wish="optional")], clients, story=calls) as gateway:
        for certificate, key, _ in (named, pinned):
            reader, writer = await over_tls(port(gateway), authority.client(certificate, key))
            writer.write(request("INVITE", via="TLS 127.0.0.1:9", call=key, branch=str(len(calls.controls)), body=SDP))
            assert b"100 Trying" in await read_message(reader)
            writer.close()
        await until(lambda: len(calls.controls) == 2)
        assert [one.offer.trunk for one in calls.controls] == ["by-name", "by-print"]
        unknown = authority.issue("else.example")
        for number, context in enumerate((authority.client(), authority.client(unknown[0], unknown[1]))):
            reader, writer = await over_tls(port(gateway), context)
            writer.write(request("INVITE", via="TLS 127.0.0.1:9", branch=f"s{number}", body=SDP))
            with pytest.raises(TimeoutError) if number else nullcontext():  # one answer for a source, then silence
                assert b"403 Forbidden" in await asyncio.wait_for(read_message(reader), 0.2)
            writer.close()
        forged = stranger.issue("sbc.example", file="forged")
        context = authority.client(forged[0], forged[1])
        with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
            reader, _ = await over_tls(port(gateway), context)
            await reader.readexactly(1)
        assert len(calls.controls) == 2


async def test_a_listener_that_demands_certificates_takes_nobody_without(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with serving([tls(tmp_path, authority, wish="required")]) as gateway:
        with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
            reader, writer = await over_tls(port(gateway), authority.client())
            writer.write(request(via="TLS 127.0.0.1:9"))
            await reader.readexactly(1)
        certificate, key, _ = authority.issue("sbc.example")
        reader, writer = await over_tls(port(gateway), authority.client(certificate, key))
        writer.write(request(via="TLS 127.0.0.1:9"))
        assert b"200 OK" in await read_message(reader)
        writer.close()


async def test_a_new_certificate_is_shown_to_new_connections_and_old_ones_go_on(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with serving([tls(tmp_path, authority)]) as gateway:
        reader, writer = await over_tls(port(gateway), authority.client())
        shown = [writer.get_extra_info("ssl_object").getpeercert(True)]
        authority.issue("overt.example", address="127.0.0.1", file="server")
        gateway.reload()
        for _ in range(2):
            _, other = await over_tls(port(gateway), authority.client())
            shown.append(other.get_extra_info("ssl_object").getpeercert(True))
            other.close()
            (tmp_path / "server.crt").write_text("no certificate")
            gateway.reload()
        assert shown[0] != shown[1] == shown[2]
        assert any("cannot be used" in one for one in gateway.agent.counters)
        writer.write(request(via="TLS 127.0.0.1:9"))
        assert b"200 OK" in await read_message(reader)
        writer.close()


async def test_keep_alives_of_others_are_answered() -> None:
    async with serving([TCP]) as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", port(gateway))
        writer.write(b"\r\n\r\n")
        assert await asyncio.wait_for(reader.readexactly(2), 2) == b"\r\n"
        writer.close()


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (b"OPTIONS sip:a", "a message that does not end"),
        (b"\r\n", "nobody whom we know"),
        (b"", "nobody whom we know"),
    ],
)
async def test_a_connection_that_gets_nowhere_is_closed(sent: bytes, why: str) -> None:
    bounds = Bounds(message_s=0.3, stranger_s=0.6)
    async with serving([TCP], bounds=bounds) as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", port(gateway))
        writer.write(sent)
        assert await ended(reader)
        assert gateway.agent.counters[f"TCP: closed, {why}"] == 1 and gateway.transports.connections.size == 0
        writer.close()


async def test_a_trusted_connection_stays_until_it_is_idle() -> None:
    async with serving([TCP], bounds=Bounds(stranger_s=0.1, message_s=0.4, idle_s=0.8)) as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", port(gateway))
        writer.write(request(via="TCP 127.0.0.1:9"))
        await read_message(reader)
        await asyncio.sleep(0.5)
        assert gateway.transports.connections.size == 1
        assert await ended(reader) and gateway.agent.counters["TCP: closed, idle"] == 1
        writer.close()


async def test_what_is_no_sip_closes_the_connection() -> None:
    async with serving([TCP]) as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", port(gateway))
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await ended(reader)
        writer.close()


async def test_connections_of_one_source_and_in_all_are_bounded() -> None:
    for clients, bounds in (([], Bounds(of_one_stranger=3)), ([HERE], Bounds(of_one_source=3)), ([HERE], Bounds(3))):
        async with serving([TCP], clients, bounds=bounds) as gateway:
            made = [await asyncio.open_connection("127.0.0.1", port(gateway)) for _ in range(5)]
            assert [await ended(reader) for reader, _ in made[3:]] == [True, True]
            assert gateway.transports.connections.size == 3
            assert gateway.agent.counters["TCP: a connection too many"] == 2
            for _, writer in made:
                writer.close()


async def test_a_peer_that_reads_nothing_is_dropped() -> None:
    async with serving([TCP], bounds=Bounds(unwritten=4096)) as gateway:
        made = socket.socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        made.setblocking(False)
        await asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", port(gateway)))
        _, writer = await asyncio.open_connection(sock=made, limit=16)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        for number in range(40_000):
            writer.write(request(via="TCP 127.0.0.1:9", branch=f"n{number}"))
            if number % 200 == 0:
                await asyncio.sleep(0)
                if gateway.agent.counters.get("TCP: closed, a peer that reads nothing"):
                    break
        assert gateway.agent.counters["TCP: closed, a peer that reads nothing"] == 1
        writer.transport.abort()


async def test_what_the_kernel_drops_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datagrams, "WISHED_BUFFER", 4096)
    async with serving([UDP]) as gateway:
        peer = await Datagrams.bound()
        for _ in range(200):
            peer.transport.sendto(b"\r\n\r\n" + b" " * 400, ("127.0.0.1", port(gateway)))
        await asyncio.sleep(0.1)
        await peer.ask(request(), ("127.0.0.1", port(gateway)))
        assert gateway.agent.counters["UDP: dropped by the kernel"] > 50
        peer.transport.close()


async def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    taken = await Datagrams.bound()
    with pytest.raises(OSError, match=rf"udp:127.0.0.1:{taken.port} cannot be served"):
        async with serving([Listener("udp", "127.0.0.1", taken.port)]):
            pass
    taken.transport.close()


async def test_a_name_that_a_peer_wrote_is_never_looked_up() -> None:
    calls = Calls()
    async with serving([UDP], [HERE], story=calls) as gateway:
        peer, where = await Datagrams.bound(), ("127.0.0.1", port(gateway))
        await peer.ask(request("INVITE", body=SDP, contact="999.999.1.1:9"), where)  # looks like an address to many
        answered = parse(await asyncio.wait_for(peer.got.get(), 2))
        peer.transport.sendto(request("ACK", to=f";tag={answered.to.tag}", branch="ack"), where)
        await until(lambda: gateway.agent.legs and next(iter(gateway.agent.legs.values())).state == "confirmed")
        await calls.controls[0].hang_up("caller")
        assert gateway.agent.counters["UDP: not sent, to a name"] == 1
        assert not is_address("gw.example") and not is_address("1.2.3") and is_address("fe80::1%eth0")
        assert _local_address_towards("999.999.1.1") == ""
        peer.transport.close()


async def test_strangers_together_leave_room_for_those_whom_we_know() -> None:
    bounds = Bounds(connections=6, of_strangers=3, of_one_stranger=2)
    async with serving([TCP], [Client("known", addresses=("127.0.0.2",))], bounds=bounds) as gateway:
        where, writers = ("127.0.0.1", port(gateway)), []
        for number in range(6):
            made = await asyncio.open_connection(*where, local_addr=(f"127.0.0.{3 + number // 2}", 0))
            writers.append(made[1])
        await until(lambda: gateway.agent.counters.get("TCP: a connection too many") == 3)
        assert gateway.transports.connections.size == 3
        _, known = await asyncio.open_connection(*where, local_addr=("127.0.0.2", 0))
        await until(lambda: gateway.transports.connections.size == 4)
        for one in (*writers, known):
            one.close()
        await until(lambda: not gateway.transports.connections.size)
        assert not gateway.transports.connections._came


async def test_one_machine_of_many_ipv6_addresses_is_one_source() -> None:
    async with serving([TCP], bounds=Bounds(of_one_stranger=2)) as gateway:
        taking = gateway.transports.connections
        door = Door("TCP", 1)
        for number in range(2):
            assert taking._room(f"2001:db8::{number}", door)
            taking._came[source_of(f"2001:db8::{number}")] += 1
        assert not taking._room("2001:db8::9", door) and taking._room("2001:db8:0:1::9", door)


@pytest.mark.parametrize(
    ("transport", "more", "uri", "where"),
    [
        ("TLS", [], "sip:x@192.0.2.9;transport=tls", ("192.0.2.9", 5061)), ("TCP", [], "sip:x@192.0.2.9", ("192.0.2.9", 5060)),
        ("TLS", ["Route: <sip:192.0.2.8;lr>, <sip:192.0.2.7;lr>"], "sip:x@192.0.2.9", ("192.0.2.8", 5061)),
        ("TLS", ["Route: <sip:192.0.2.8:5071;lr>"], "sip:x@192.0.2.9", ("192.0.2.8", 5071)),
    ],
)  # fmt: skip
def test_what_lost_its_connection_goes_to_the_default_port_of_its_transport(
    transport: str, more: list[str], uri: str, where: tuple[str, int]
) -> None:
    sent = Send(request("BYE", uri=uri, more=more), Peer("192.0.2.1", 40_000, transport, 7))
    assert _elsewhere(sent) == Peer(*where, transport)


async def test_a_stranger_may_come_and_go_only_so_often(monkeypatch: pytest.MonkeyPatch) -> None:
    bounds = Bounds(of_one_stranger_a_minute=3)
    async with serving([TCP], [Client("known", addresses=("127.0.0.2",))], bounds=bounds) as gateway:
        taken = 0
        for address in ("127.0.0.3",) * 5 + ("127.0.0.4",) + ("127.0.0.2",) * 5:
            reader, writer = await asyncio.open_connection("127.0.0.1", port(gateway), local_addr=(address, 0))
            writer.write(b"\r\n\r\n")
            taken += await asyncio.wait_for(reader.read(2), 4) == b"\r\n"
            writer.close()
        assert taken == 3 + 1 + 5
        later = asyncio.get_running_loop().time() + 60
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: later)
        assert not gateway.transports.connections._too_often("127.0.0.3")
        monkeypatch.undo()
        for number in range(5_000):
            gateway.transports.connections._too_often(f"10.0.{number >> 8}.{number & 255}")
        assert len(gateway.transports.connections._tried) <= 4096


async def test_a_connection_stands_for_one_port_of_its_peer_alone() -> None:
    async with serving([TCP]) as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", port(gateway))
        for number in range(5):
            writer.write(request(via=f"TCP 127.0.0.1:{6_000 + number};alias", branch=f"a{number}"))
            await read_message(reader)
        assert list(gateway.transports.connections._reached) == [("127.0.0.1", 6_000, "TCP", "")]
        writer.close()
