"""By what clients are told apart: addresses and networks, certificates, user names; no two may be known by the same."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from overt.domain.clients import Client
from overt.domain.errors import ClientRefused

Network = IPv4Network | IPv6Network
# A wider network by itself knows nobody: who stands in it could call on our account (toll fraud).
WIDEST_ALONE = {4: 16, 6: 32}


def network_of(written: str) -> Network:
    """Return the network, or the single address as one. An IPv4 address in IPv6 clothes is that IPv4 address.

    Raises ClientRefused.
    """
    try:
        network = ip_network(written.strip())
    except ValueError as error:
        raise ClientRefused(f"{written} is no address, and no network{_meant(written)}") from error
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    if mapped is not None and network.prefixlen >= 96:
        network = IPv4Network((mapped, network.prefixlen - 96))
    if network.is_multicast or (network.num_addresses == 1 and network.is_unspecified):
        raise ClientRefused(f"nobody sends from {written}")
    return network


def _meant(written: str) -> str:
    """The network that was probably meant: its address had more bits than its prefix."""
    try:
        return f"; did you mean {ip_network(written.strip(), strict=False)}?"
    except ValueError:
        return "; write it as 192.0.2.7, 192.0.2.0/24 or 2001:db8::/48"


def shown(network: Network) -> str:
    """A network as it is written: a single address without its prefix."""
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def too_wide(addresses: Iterable[str]) -> str:
    """The first network that is too wide to know a client by, alone; empty when there is none."""
    wide = (one for one in map(network_of, addresses) if one.prefixlen < WIDEST_ALONE[one.version])
    return next((shown(one) for one in wide), "")


def clash(client: Client, others: Iterable[Client]) -> str:
    """Why a client cannot be beside others, in a sentence; empty when it can.

    Names differ; addresses, certificates and user names belong to one client only: else nobody could say whose a call is.
    """
    for other in others:
        if client.name == other.name:
            return f"there is a client {client.name} already"
        for one, theirs in ((a, b) for a in client.addresses for b in other.addresses):
            if _overlap(network_of(one), network_of(theirs)):
                same = one if one == theirs else f"{one} (it overlaps {theirs})"
                return f"{same} belongs to the client {other.name}; an address belongs to one client only"
        if client.certificate and client.certificate == other.certificate:
            return f"the client {other.name} shows the certificate {client.certificate} already"
        if client.username and client.username == other.username:
            return f"the client {other.name} has the user name {client.username} already"
    return ""


def _overlap(one: Network, other: Network) -> bool:
    return one.version == other.version and one.overlaps(other)


def fits(client: Client, address: str, certificates: Collection[str] = (), username: str = "") -> bool:
    """Return whether somebody is this client: whatever of address, certificate and user name is set for it, fits.

    `certificates` are the DNS names of the certificate that was shown and proven, in lower case, and `sha256:` with its
    fingerprint; `username` the one whose digest was checked. An address that is none fits nobody.
    """
    known = bool(client.addresses or client.certificate or client.username)
    return (
        known
        and (not client.addresses or AddressTable((client,)).at(address) is not None)
        and (not client.certificate or client.certificate in certificates)
        and (not client.username or client.username == username)
    )


class AddressTable:
    """Finds the client that an address belongs to; of those that have any."""

    def __init__(self, clients: Sequence[Client]) -> None:
        reach = [(network_of(address), client) for client in clients for address in client.addresses]
        self._single = {one.network_address: client for one, client in reach if one.num_addresses == 1}
        self._wider = [(one, client) for one, client in reach if one.num_addresses > 1]

    def at(self, address: str) -> Client | None:
        """Return the client at an address as a socket names it; None for a stranger's, and for what is no address."""
        try:
            written: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
        except ValueError:
            return None
        if isinstance(written, IPv6Address):
            written = written.ipv4_mapped or written
        found = self._single.get(written)
        return found or next((client for network, client in self._wider if written in network), None)
