"""HEP3: read back by a decoder that knows nothing of the encoder."""

from __future__ import annotations

import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt.wire.hep import LARGEST, Captured, encode


def decoded(packet: bytes) -> dict[int, bytes]:
    magic, length = struct.unpack_from(">4sH", packet)
    assert magic == b"HEP3" and length == len(packet)
    chunks, at = dict[int, bytes](), 6
    while at < length:
        vendor, kind, size = struct.unpack_from(">HHH", packet, at)
        assert vendor == 0 and size >= 6 and kind not in chunks
        chunks[kind] = packet[at + 6 : at + size]
        at += size
    assert at == length
    return chunks


ADDRESSES = st.tuples(st.ip_addresses(v=4), st.ip_addresses(v=4)) | st.tuples(
    st.ip_addresses(v=6), st.ip_addresses(v=6)
)


@given(
    ADDRESSES,
    st.integers(0, 65535),
    st.integers(0, 65535),
    st.sampled_from(["UDP", "TCP", "TLS"]),
    st.integers(0, 2**32 * 10**6 - 1),
    st.binary(max_size=200),
    st.text(max_size=20),
    st.integers(0, 2**32 - 1),
    st.text(max_size=9),
)
def test_every_packet_says_what_it_was_given(
    addresses: tuple[ipaddress.IPv4Address, ipaddress.IPv4Address],
    source: int,
    target: int,
    transport: str,
    at_us: int,
    payload: bytes,
    call: str,
    node: int,
    key: str,
) -> None:
    one = Captured(addresses[0].packed, source, addresses[1].packed, target, transport, at_us, payload, call)
    chunks = decoded(encode(one, node=node, key=key))
    four = addresses[0].version == 4
    assert chunks[1] == (b"\x02" if four else b"\x0a") and chunks[2] == (b"\x11" if transport == "UDP" else b"\x06")
    assert (chunks[3 if four else 5], chunks[4 if four else 6]) == (addresses[0].packed, addresses[1].packed)
    assert struct.unpack(">HH", chunks[7] + chunks[8]) == (source, target)
    seconds, micros = struct.unpack(">II", chunks[9] + chunks[10])
    assert seconds * 1_000_000 + micros == at_us
    assert chunks[11] == b"\x01" and struct.unpack(">I", chunks[12]) == (node,) and chunks[15] == payload
    assert chunks.get(14, b"").decode() == key and chunks.get(17, b"").decode() == call


def test_a_known_packet() -> None:
    one = Captured(
        bytes([192, 0, 2, 1]), 5060, bytes([192, 0, 2, 2]), 5070, "UDP", 1_700_000_000_000_001, b"OPTIONS", "c"
    )
    assert encode(one, node=2001, key="k").hex() == (
        "484550330078" "000000010007" "02" "000000020007" "11" "00000003000a" "c0000201" "00000004000a" "c0000202"
        "000000070008" "13c4" "000000080008" "13ce" "00000009000a" "6553f100" "0000000a000a" "00000001" "0000000b0007" "01"
        "0000000c000a" "000007d1" "0000000e0007" "6b" "000000110007" "63" "0000000f000d" "4f5054494f4e53"
    )  # fmt: skip


@pytest.mark.parametrize("source", [b"", b"123", bytes(16)])
def test_addresses_are_of_one_kind(source: bytes) -> None:
    with pytest.raises(ValueError, match="one kind"):
        encode(Captured(source, 1, bytes(4), 1, "UDP", 0, b""), node=0)


@pytest.mark.parametrize("size", [LARGEST - 80, LARGEST])
def test_more_than_a_packet_holds_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="more than"):
        encode(Captured(bytes(4), 1, bytes(4), 1, "UDP", 0, bytes(size)), node=0)
