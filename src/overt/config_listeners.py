"""Where SIP is served: the sections `[[listener]]` of `overt.toml`, and the one that stands for them when there is none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

TRANSPORTS = ("udp", "tcp", "tls")
WISHES = ("none", "optional", "required")


@dataclass(frozen=True, slots=True)
class Listener:
    """A socket on which SIP is served, IPv4 or IPv6.

    `transport` is udp, tcp or tls. `certificate` (a chain) and `key` are PEM files, read again when they change;
    `client_certificate` says whether peers must show one (none, optional, required) that `client_ca` vouches for.
    `advertised_address` and `advertised_port` are what peers are told, behind NAT or when `address` is 0.0.0.0 or ::.
    """

    transport: Literal["udp", "tcp", "tls"]
    address: str
    port: int
    certificate: str = ""
    key: str = ""
    client_ca: str = ""
    client_certificate: Literal["none", "optional", "required"] = "none"
    advertised_address: str = ""
    advertised_port: int = 0

    @property
    def place(self) -> tuple[str, int]:
        """What peers are told: address and port."""
        return self.advertised_address or self.address, self.advertised_port or self.port

    def within(self, folder: Path) -> Listener:
        """The same with its files as they are seen from a folder."""
        return replace(
            self, certificate=_within(folder, self.certificate), key=_within(folder, self.key),
            client_ca=_within(folder, self.client_ca),
        )  # fmt: skip

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.transport}:{host}:{self.port}"


def _within(folder: Path, path: str) -> str:
    return str(folder / path) if path else ""


def default_listeners(address: str, port: int, tcp: bool) -> tuple[Listener, ...]:
    """The listeners of `sip_address`, `sip_port` and `sip_tcp`: UDP, and TCP on the same port."""
    return (Listener("udp", address, port), *([Listener("tcp", address, port)] if tcp else []))


def listener_problems(listeners: Sequence[Listener]) -> Iterator[str]:
    """What is wrong with these sections, each as a sentence that begins with the listener."""
    taken: set[tuple[str, str, int]] = set()
    for one in listeners:
        yield from (f"[[listener]] {one}: {problem}" for problem in _problems(one))
        socket = ("udp" if one.transport == "udp" else "tcp", one.address, one.port)
        if socket in taken:
            yield f"[[listener]] {one}: address and port stand twice"
        taken.add(socket)


def _problems(one: Listener) -> Iterator[str]:
    if one.transport not in TRANSPORTS:
        yield f"transport must be one of {', '.join(TRANSPORTS)}"
    for name, port in (("port", one.port or -1), ("advertised_port", one.advertised_port)):
        if type(port) is not int or not 0 <= port <= 65_535:
            yield f"{name} must be a port"
    try:
        everywhere = ip_address(one.address).is_unspecified
    except ValueError:
        yield "address must be an IPv4 or IPv6 address"
        return
    if everywhere and not one.advertised_address:
        yield "advertised_address must be set, since peers cannot be told to send to every address"
    yield from _certificate_problems(one)


def _certificate_problems(one: Listener) -> Iterator[str]:
    if (one.transport == "tls") != bool(one.certificate and one.key):
        yield "certificate and key belong to tls, and tls needs both"
    if one.client_certificate not in WISHES:
        yield f"client_certificate must be one of {', '.join(WISHES)}"
    if (one.client_certificate != "none") != bool(one.client_ca):
        yield "client_ca is needed to check the certificates of clients, and for nothing else"
