"""HEP version 3, the packets by which Homer is told of SIP messages (github.com/sipcapture/HEP, draft "HEP3 Network Protocol").

A packet is `HEP3`, its whole length (16 bits), and chunks: vendor (16 bits, 0), type, length with these six bytes, value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MAGIC = b"HEP3"
SIP = 1
LARGEST = 65_535
FAMILIES = {4: 2, 16: 10}  # bytes of an address → AF_INET, AF_INET6
TRANSPORTS = {"UDP": 17, "TCP": 6, "TLS": 6}
(
    FAMILY, TRANSPORT, SOURCE_4, TARGET_4, SOURCE_6, TARGET_6, SOURCE_PORT, TARGET_PORT, SECONDS, MICROSECONDS, PROTOCOL, NODE,
) = range(1, 13)  # fmt: skip
KEY, PAYLOAD, CORRELATION = 14, 15, 17


@dataclass(frozen=True, slots=True)
class Captured:
    """A message as Homer is told of it. Addresses are packed, 4 or 16 bytes, both of one kind; `at_us` UTC microseconds;
    `correlation` joins the messages of one call."""

    source: bytes
    source_port: int
    target: bytes
    target_port: int
    transport: str
    at_us: int
    payload: bytes
    correlation: str = ""


def encode(one: Captured, *, node: int, key: str = "") -> bytes:
    """Return the packet. `node` is the capture agent's id (32 bits), `key` the password that the server asks for.

    Raises ValueError: addresses of different kinds, or more than a packet holds.
    """
    family = FAMILIES.get(len(one.source))
    if family is None or len(one.source) != len(one.target):
        raise ValueError("two addresses of one kind, of 4 or 16 bytes, are wanted")
    source, target = (SOURCE_4, TARGET_4) if family == FAMILIES[4] else (SOURCE_6, TARGET_6)
    seconds, micros = divmod(one.at_us, 1_000_000)
    chunks: Sequence[tuple[int, bytes]] = (
        (FAMILY, bytes([family])), (TRANSPORT, bytes([TRANSPORTS.get(one.transport, TRANSPORTS["UDP"])])),
        (source, one.source), (target, one.target),
        (SOURCE_PORT, one.source_port.to_bytes(2)), (TARGET_PORT, one.target_port.to_bytes(2)),
        (SECONDS, seconds.to_bytes(4)), (MICROSECONDS, micros.to_bytes(4)), (PROTOCOL, bytes([SIP])), (NODE, node.to_bytes(4)),
        *([(KEY, key.encode())] if key else []), *([(CORRELATION, one.correlation.encode())] if one.correlation else []),
        (PAYLOAD, one.payload),
    )  # fmt: skip
    body = b"".join(_chunk(kind, value) for kind, value in chunks)
    if len(body) + 6 > LARGEST:
        raise ValueError("more than a packet holds")
    return MAGIC + (len(body) + 6).to_bytes(2) + body


def _chunk(kind: int, value: bytes) -> bytes:
    if len(value) + 6 > LARGEST:
        raise ValueError("more than a chunk holds")
    return b"\0\0" + kind.to_bytes(2) + (len(value) + 6).to_bytes(2) + value
