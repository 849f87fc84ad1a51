"""All sockets of the user agent: every listener over UDP, TCP and TLS, and what goes out by which of them."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache

from overt.config_listeners import Listener
from overt.faces.sip.certificates import Certificate, ServerContext, client_context
from overt.faces.sip.connection import Door
from overt.faces.sip.connections import Bounds, Connections
from overt.faces.sip.datagrams import DatagramDoor
from overt.wire.sip.transaction import Peer, Send

Place = tuple[str, int]
MOST_REMEMBERED = 4096
ROUTES_S = 60.0  # how long it is remembered which listener suits a host: routes change


class Transports:
    """Listeners and connections. `on_undelivered` is given what could not be sent; `known` says whether an address is a client's.

    The connection number of a UDP peer is that of the listener that it came by; 0 stands for the one that suits it.
    """

    def __init__(
        self, listeners: Sequence[Listener], on_message: Callable[[bytes, Peer], None],
        on_undelivered: Callable[[Send], None], count: Callable[..., None], known: Callable[[str], bool], *,
        ca: str = "", bounds: Bounds | None = None,
    ) -> None:  # fmt: skip
        self._listeners, self._on_message, self._count, self._ca = tuple(listeners), on_message, count, ca
        self._on_undelivered = on_undelivered
        self.connections = Connections(on_message, on_undelivered, count, known, bounds)
        self.connections.context, self.connections.local_address = self._client_context, self._local_address
        self._datagrams: dict[int, DatagramDoor] = {}
        self._doors: list[Door] = []
        self._ports: dict[int, int] = {}  # number of a listener → its port
        self._suiting: dict[tuple[str, str], int] = {}
        self._learnt = 0.0
        self._contexts: list[ServerContext] = []
        self._calling: ssl.SSLContext | None = None
        self._requests: dict[tuple[str, int], Send] = {}  # the last request to each UDP address, for ICMP to be told

    async def open(self) -> None:
        """Bind every listener. Raises OSError, saying which."""
        for number, one in enumerate(self._listeners, 1):
            try:
                self._ports[number] = await self._bind(number, one)
            except OSError as error:
                raise OSError(error.errno, f"{one} cannot be served: {error.strerror}") from error

    async def _bind(self, number: int, one: Listener) -> int:
        if one.transport == "udp":
            door = DatagramDoor(number, self._on_message, self._unreachable, self._count)
            self._datagrams[number] = door
            return door.open(one.address, one.port)
        context = ServerContext(one, self._count) if one.transport == "tls" else None
        if context is not None:
            self._contexts.append(context)
        made = Door(one.transport.upper(), number, context.current if context is not None else None)
        self._doors.append(made)
        return await self.connections.listen(made, one.address, one.port)

    # ---- what goes out

    def send(self, send: Send, *, dial: bool = True) -> None:
        """Send; what cannot be sent comes back by `on_undelivered`. `dial`: whether a connection may be opened for it.

        To addresses only: a name that a peer wrote (Contact, Record-Route) would be looked up by the kernel's callers, and
        everything would wait for that.
        """
        if not is_address(send.to.host):
            self._count(f"{send.to.transport}: not sent, to a name")
            self._on_undelivered(send)
            return
        if send.to.reliable:
            self.connections.send(send, dial=dial)
            return
        to = send.to
        door = self._datagrams.get(to.connection) or self._datagrams.get(self._suits("udp", to.host))
        if send.key:
            self._remember(send)
        if door is None or not door.send(send.encoded, to.host, to.port):
            self._on_undelivered(send)

    def _remember(self, send: Send) -> None:
        self._requests[send.to.host, send.to.port] = send
        if len(self._requests) > MOST_REMEMBERED:
            self._requests.pop(next(iter(self._requests)))

    def _unreachable(self, host: str, port: int) -> None:
        send = self._requests.pop((host, port), None)
        if send is not None:
            self._on_undelivered(send)

    def place(self, peer: Peer) -> Place:
        """Where a peer reaches us: the listener by which it came, else the one that suits it; for Via and Contact."""
        number = peer.connection if peer.connection in self._datagrams else 0
        connection = self.connections.of(peer)
        if connection is not None and connection.door is not None:
            number = connection.door.number
        number = number or self._suits(peer.transport.lower(), peer.host) or self._suits("", peer.host) or 1
        one = self._listeners[number - 1]
        address, port = one.place
        return address, port or self._ports.get(number, 0)

    def _suits(self, transport: str, host: str) -> int:
        """The number of the listener for what goes to a host: of its family, on the interface that leads there; 0 for none."""
        found = self._suiting.get((transport, host))
        if found is None:
            candidates = [number for number, one in self._fitting(transport, host)]
            found = candidates[0] if candidates else 0
            if len(candidates) > 1:
                local = _local_address_towards(host)
                found = next((one for one in candidates if self._listeners[one - 1].address == local), found)
            if len(self._suiting) >= MOST_REMEMBERED:
                self._suiting.clear()
            self._suiting[transport, host] = found
        return found

    def _fitting(self, transport: str, host: str) -> Iterator[tuple[int, Listener]]:
        for number, one in enumerate(self._listeners, 1):
            if one.transport == (transport or one.transport) and (":" in one.address) == (":" in host):
                yield number, one

    def families(self, transport: str) -> tuple[bool, bool]:
        """Whether we can send over IPv4 and over IPv6 by a transport (`UDP`, `TCP`, `TLS`): we serve it on that family.

        Streams may be opened from a family on which anything is served.
        """
        same = [one for one in self._listeners if transport != "UDP" or one.transport == "udp"]
        return any(":" not in one.address for one in same), any(":" in one.address for one in same)

    def _local_address(self, peer: Peer) -> str:
        """The address from which a connection is opened: peers know us by it."""
        number = self._suits(peer.transport.lower(), peer.host) or self._suits("", peer.host)
        address = self._listeners[number - 1].address if number else ""
        return "" if not address or ipaddress.ip_address(address).is_unspecified else address

    def _client_context(self, peer: Peer) -> ssl.SSLContext:
        if self._calling is None:
            shown = next((one for one in self._listeners if one.transport == "tls"), None)
            self._calling = client_context(self._ca, shown)
        return self._calling

    # ---- who is there

    def certificate(self, peer: Peer) -> Certificate | None:
        """What the peer showed on its connection, proven; None when it showed none."""
        connection = self.connections.of(peer)
        return connection.certificate if connection is not None else None

    def reload(self) -> None:
        """Read certificates anew (SIGHUP). Connections that stand go on."""
        for one in self._contexts:
            one.look()
        self._calling = None

    @property
    def places(self) -> tuple[tuple[str, str, int], ...]:
        """Transport, address and port of every listener, as bound."""
        return tuple((one.transport, one.address, self._ports[at]) for at, one in enumerate(self._listeners, 1))

    def advance(self, now: float) -> None:
        """Ping and close connections that are due; `now` is the loop's time."""
        self.connections.advance(now)
        if now - self._learnt > ROUTES_S:
            self._learnt = now
            self._suiting.clear()

    async def close(self) -> None:
        """Close every socket."""
        await self.connections.close()  # first whoever takes connections, then what they are taken from
        for datagrams in self._datagrams.values():
            datagrams.close()
        for door in self._doors:
            taken, door.socket = door.socket, None
            if taken is not None:
                taken.close()


@lru_cache(maxsize=MOST_REMEMBERED)
def is_address(host: str) -> bool:
    """Whether a host is an address, which nobody needs to look up; one with a zone (`fe80::1%eth0`) is one too."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _local_address_towards(host: str) -> str:
    """The address that this machine uses towards a host, as its routes say; empty when there is no way."""
    if not is_address(host):
        return ""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as asked:
        asked.connect((host, 9))  # sends nothing
        return str(asked.getsockname()[0])
    return ""
