"""HEP export: what a Homer would get, masked unless told otherwise; nothing waits for it."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from overt.adapters import message_queue
from overt.adapters.hep_exporter import HepExporter
from overt.ports import Unavailable
from overt.wire.sip.message import Request, parse

INVITE = (
    b"INVITE sip:+14155550102@gw SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKx\r\nFrom: Ada <sip:ada@h>;tag=1\r\n"
    b"To: <sip:+14155550102@gw>\r\nCall-ID: x@h\r\nCSeq: 1 INVITE\r\nContent-Type: application/sdp\r\nContent-Length: 30\r\n\r\n"
    b"v=0\r\no=ada 1 1 IN IP4 192.0.2.7"
)
PEER = "192.0.2.7:5070/TCP"


@pytest.fixture
def homer() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        one.settimeout(3)
        yield one


def exported(homer: socket.socket, mask: bool, *, outgoing: bool = False) -> bytes:
    exporter = HepExporter(f"127.0.0.1:{homer.getsockname()[1]}", ("192.0.2.1", 5060), node=7, key="k", mask=mask)
    exporter.note("call-1", "caller", outgoing, PEER, INVITE, 1_700_000_000_000_000)
    exporter.note("call-1", "caller", outgoing, "[2001:db8::1]:1/UDP", INVITE, 1)  # of another kind than ours
    exporter.close()
    assert (exporter.sent, exporter.dropped) == (1, 1)
    return homer.recv(65535)


def test_homer_gets_a_message_that_it_can_read_and_nobody_in_it(homer: socket.socket) -> None:
    packet = exported(homer, True)
    assert packet.startswith(b"HEP3") and b"4155550102" not in packet and b"ada" not in packet and b"Ada" not in packet
    message = parse(packet[packet.index(b"INVITE") :])
    assert (
        isinstance(message, Request)
        and message.body.startswith(b"v=0\r\no=xxx 1 1 IN IP4")
        and message.cseq.number == 1
    )
    assert packet.index(bytes([192, 0, 2, 7])) < packet.index(bytes([192, 0, 2, 1])) and b"call-1" in packet


def test_as_it_is_only_when_told_so(homer: socket.socket) -> None:
    packet = exported(homer, False, outgoing=True)
    assert packet.endswith(INVITE) and packet.index(bytes([192, 0, 2, 1])) < packet.index(bytes([192, 0, 2, 7]))


def test_a_full_queue_drops_and_counts(homer: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message_queue, "MOST_WAITING", 0)
    exporter = HepExporter(f"127.0.0.1:{homer.getsockname()[1]}", ("192.0.2.1", 5060), node=7, key="", mask=True)
    exporter.note("c", "caller", False, PEER, INVITE, 1)
    exporter.close()
    assert (exporter.sent, exporter.dropped) == (0, 1)


def test_a_server_that_nobody_knows_is_said() -> None:
    with pytest.raises(Unavailable, match="hep_server nowhere"):
        HepExporter("nowhere.invalid", ("192.0.2.1", 5060), node=7, key="", mask=True)
