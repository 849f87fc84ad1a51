"""From a SIP URI to the addresses to try, in order (RFC 3263): NAPTR, SRV, AAAA and A, asked without holding up the loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

import dns.asyncresolver
import dns.exception
import dns.resolver

from overt.faces.sip.transports import is_address
from overt.wire.sip.uri import Uri

LOOKUP_S = 3.0
KEPT_S = (1.0, 3600.0)  # how long an answer is kept, whatever its TTL says
NEGATIVE_S = 10.0
UNANSWERED_S = 5.0
MOST_KEPT = 1024
MOST_TARGETS = 8
# NAPTR service (RFC 3263 §4.1) → transport
SERVICES = {"SIP+D2U": "UDP", "SIP+D2T": "TCP", "SIPS+D2T": "TLS"}
PREFIXES = {"UDP": "_sip._udp.", "TCP": "_sip._tcp.", "TLS": "_sips._tcp."}
Families = tuple[bool, bool]  # whether IPv4 can be reached, whether IPv6 can


class NoAddress(Exception):
    """A name leads nowhere that we can reach. The text says which."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where to send. `name` is what a TLS server there must prove, empty for an address."""

    host: str
    port: int
    transport: str
    name: str = ""


class Resolver:
    """Looks names up and keeps the answers for their time to live.

    `families` says which address families can be reached by a transport, `chance` draws a float in [0, 1) for the weights of
    RFC 2782. `nameservers` are addresses or `address:port`; none means those of this machine.
    """

    def __init__(
        self, families: Callable[[str], Families], chance: Callable[[], float], nameservers: Sequence[str] = (),
        clock: Callable[[], float] = monotonic,
    ) -> None:  # fmt: skip
        self._families, self._chance, self._clock = families, chance, clock
        self._asker = _asker(nameservers)
        self._own = bool(nameservers)
        self._kept: dict[tuple[str, str], tuple[float, tuple[Any, ...]]] = {}

    async def targets(self, uri: Uri) -> tuple[Target, ...]:
        """Where to send a request for a URI, best first. Raises NoAddress."""
        host = (uri.parameters.get("maddr") or uri.host).strip("[]")
        stated = uri.parameters.get("transport", "").upper()
        secure = uri.scheme == "sips" or stated == "TLS"
        transport = "TLS" if secure else stated if stated in PREFIXES else ""
        if is_address(host) or uri.port:
            transport = transport or "UDP"
            port = uri.port or (5061 if transport == "TLS" else 5060)
            found = await self._hosts(host, port, transport, host)
        else:
            found = await self._by_services(host, transport)
        if not found:
            raise NoAddress(f"{host} has no address that can be reached" + (f" over {stated}" if stated else ""))
        return tuple(found[:MOST_TARGETS])

    async def _by_services(self, host: str, transport: str) -> list[Target]:
        found: list[Target] = []
        if "." not in host and not self._own:  # a name of this machine's own, no domain
            return await self._hosts(host, 5061 if transport == "TLS" else 5060, transport or "UDP", host)
        for over, name in await self._services(host, transport):
            for record in await self._ordered(name):
                found += await self._hosts(str(record.target).rstrip("."), record.port, over, host)
            if len(found) >= MOST_TARGETS:
                break
        over = transport or "UDP"
        return found or await self._hosts(host, 5061 if over == "TLS" else 5060, over, host)

    async def _services(self, host: str, transport: str) -> list[tuple[str, str]]:
        """Transports and the SRV names to ask for each, best first: what NAPTR says, else all that we speak."""
        if transport:
            return [(transport, PREFIXES[transport] + host)]
        records = sorted(await self._ask(host, "NAPTR"), key=lambda one: (one.order, one.preference))
        said = [
            (SERVICES[one.service.decode().upper()], str(one.replacement).rstrip(".")) for one in records
            if one.flags.lower() == b"s" and one.service.decode(errors="replace").upper() in SERVICES
        ]  # fmt: skip
        return said or [(over, PREFIXES[over] + host) for over in ("UDP", "TCP", "TLS")]

    async def _ordered(self, name: str) -> list[Any]:
        """SRV records in the order in which to try them (RFC 2782); none where the service is said not to be."""
        records = [one for one in await self._ask(name, "SRV") if str(one.target) != "."]
        return order_services(records, self._chance)

    async def _hosts(self, host: str, port: int, transport: str, name: str) -> list[Target]:
        if is_address(host):
            addresses = [host]
        else:
            four, six = await asyncio.gather(self._ask(host, "A"), self._ask(host, "AAAA"))
            addresses = [str(one.address) for one in (*four, *six)]
        if not addresses and not self._own:
            addresses = await _local_names(host)
        named = "" if is_address(name) else name
        four_too, six_too = self._families(transport)
        return [Target(one, port, transport, named) for one in addresses if (six_too if ":" in one else four_too)]

    async def _ask(self, name: str, kind: str) -> tuple[Any, ...]:
        """The records of a name; none when there are none, or nobody answered."""
        kept = self._kept.get((name, kind))
        now = self._clock()
        if kept is not None and kept[0] > now:
            return kept[1]
        try:
            answer = await self._asker.resolve(name, kind, lifetime=LOOKUP_S, search=False)
            records, lasts = tuple(answer), float(answer.rrset.ttl if answer.rrset is not None else 0)
        except (dns.resolver.NoAnswer, dns.resolver.NXDOMAIN):
            records, lasts = (), NEGATIVE_S
        except (dns.exception.DNSException, OSError):
            # Nobody answered: what was known before is better than nothing, and is asked again soon.
            records, lasts = (kept[1] if kept is not None else ()), UNANSWERED_S
        if len(self._kept) >= MOST_KEPT:
            self._kept.pop(next(iter(self._kept)))
        self._kept[name, kind] = (now + min(max(lasts, KEPT_S[0]), KEPT_S[1]), records)
        return records


def order_services(records: Sequence[Any], chance: Callable[[], float]) -> list[Any]:
    """Order SRV records: by priority; within one, drawn by weight (RFC 2782)."""
    ordered: list[Any] = []
    for priority in sorted({one.priority for one in records}):
        left = sorted((one for one in records if one.priority == priority), key=lambda one: one.weight != 0)
        while left:
            drawn = chance() * sum(one.weight for one in left)
            at = 0
            while drawn > left[at].weight and at < len(left) - 1:
                drawn -= left[at].weight
                at += 1
            ordered.append(left.pop(at))
    return ordered


def _asker(nameservers: Sequence[str]) -> dns.asyncresolver.Resolver:
    """The resolver of this machine, or one that asks others. A machine without /etc/resolv.conf asks nobody."""
    try:
        made = dns.asyncresolver.Resolver(configure=not nameservers)
    except dns.resolver.NoResolverConfiguration:
        made = dns.asyncresolver.Resolver(configure=False)
    if nameservers:
        made.nameservers = [_split(one)[0] for one in nameservers]
        made.nameserver_ports = {_split(one)[0]: _split(one)[1] for one in nameservers}
    made.cache = None
    return made


def _split(nameserver: str) -> tuple[str, int]:
    """Address and port of `192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1`, `[2001:db8::1]:5353`."""
    if nameserver.startswith("["):
        address, _, port = nameserver[1:].partition("]")
        return address, int(port.lstrip(":") or 53)
    address, colon, port = nameserver.partition(":")
    return (address, int(port)) if colon and port.isdecimal() else (nameserver, 53)


async def _local_names(host: str) -> list[str]:
    """What this machine itself knows of a name (/etc/hosts), asked in a thread."""
    try:
        found = await asyncio.wait_for(
            asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_DGRAM), LOOKUP_S
        )
    except (OSError, TimeoutError, UnicodeError):
        return []
    return list(dict.fromkeys(str(one[4][0]) for one in found))
