"""TCP and TLS under the user agent: connections that came to us and those that we open, bounded in every way.

A connection that came by is *trusted* once somebody whom we know spoke on it; until then it is closed soon, and few of one
source are taken. Requests go by the connection that stands to their address, or a new one is opened (RFC 3261 §18). Keep-
alives are answered and sent (RFC 5626 §3.5.1); who answered one and then falls silent is gone.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import socket
import ssl
from collections import Counter, OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from overt.faces.sip.connection import Connection, Door
from overt.faces.sip.scanners import source_of
from overt.wire.sip.errors import RemoteProtocolError
from overt.wire.sip.message import Response, parse
from overt.wire.sip.transaction import Peer, Send

Where = tuple[str, int, str, str]  # host, port, transport, and the name that a TLS server there has proven
MOST_NAMES = 4096


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much others may cost us. Times in seconds."""

    connections: int = 2000
    of_one_source: int = 500
    of_one_stranger: int = 8
    of_strangers: int = 1000  # of all together, until they are known: the rest is for those whom we know
    of_one_stranger_a_minute: int = 60  # each costs a TLS handshake, and leaves nothing behind that could be counted
    tarpits: int = 64
    tarpit_s: float = 20.0
    handshake_s: float = 8.0
    dial_s: float = 4.0
    message_s: float = 15.0  # from the first byte of a message to its last
    stranger_s: float = 30.0
    idle_s: float = 3600.0
    ping_s: tuple[float, float] = (25.0, 30.0)
    pong_s: float = 10.0
    stalled_s: float = 20.0  # how long a peer may read nothing
    unwritten: int = 256 << 10
    waiting: int = 64  # messages for one connection that is being opened


class Connections:
    """All connections of the gateway."""

    def __init__(
        self, on_message: Callable[[bytes, Peer], None], on_undelivered: Callable[[Send], None],
        count: Callable[..., None], known: Callable[[str], bool], bounds: Bounds | None = None,
    ) -> None:  # fmt: skip
        self.on_message, self._on_undelivered, self.count, self._known = on_message, on_undelivered, count, known
        self.bounds = bounds or Bounds()
        # A successor must not take the number of a connection that its predecessor's calls name for one of its own.
        self._number = secrets.randbelow(1 << 40) + 1_000_000
        self._all: dict[int, Connection] = {}
        self._came: Counter[str] = Counter()  # how many of each source
        self._tried: OrderedDict[str, tuple[float, int]] = OrderedDict()  # strangers: since when, how many
        self._reached: dict[Where, Connection] = {}
        self._dialling: dict[Where, list[Send]] = {}
        self._names: dict[tuple[str, int], str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._checked = 0.0
        self.context: Callable[[Peer], ssl.SSLContext] | None = None
        self.local_address: Callable[[Peer], str] = lambda peer: ""

    # ---- who comes

    async def listen(self, door: Door, address: str, port: int) -> int:
        """Take connections at an address; return the port. Raises OSError."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        made = socket.create_server((address, port), family=family, backlog=256)
        made.setblocking(False)
        door.socket = made
        self._spawn(self._accept(door))
        return int(made.getsockname()[1])

    def _spawn(self, story: object) -> None:
        assert asyncio.iscoroutine(story)
        task = asyncio.ensure_future(story)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, door: Door) -> None:
        loop = asyncio.get_running_loop()
        while door.socket is not None:
            try:
                made, source = await loop.sock_accept(door.socket)
            except OSError:
                self.count(f"{door.transport}: a connection could not be taken")  # out of files, most likely
                await asyncio.sleep(0.1)
                continue
            if self._room(source[0], door):
                peer = Peer(source[0], source[1], door.transport, self._next())
                connection = self._all[peer.connection] = Connection(self, peer, door=door)
                self._came[source_of(peer.host)] += 1
                self._spawn(self._greet(made, connection, door))
            else:
                made.close()

    def _room(self, host: str, door: Door) -> bool:
        known, ours = self._known(host), self._came[source_of(host)]
        bound = self.bounds.of_one_source if known else self.bounds.of_one_stranger
        crowded = not known and (self._too_often(host) or self._strangers() >= self.bounds.of_strangers)
        if len(self._all) >= self.bounds.connections or ours >= bound or crowded:
            self.count(f"{door.transport}: a connection too many")
            return False
        return True

    def _too_often(self, host: str) -> bool:
        source, now = source_of(host), asyncio.get_running_loop().time()
        since, count = self._tried.pop(source, (now, 0))
        if now - since >= 60:
            since, count = now, 0
        self._tried[source] = since, count + 1
        if len(self._tried) > MOST_NAMES:
            self._tried.popitem(last=False)
        return count >= self.bounds.of_one_stranger_a_minute

    def _strangers(self) -> int:
        if len(self._all) < self.bounds.of_strangers:
            return len(self._all)
        return sum(1 for one in self._all.values() if not one.trusted and not self._known(one.peer.host))

    def _next(self) -> int:
        self._number += 1
        return self._number

    async def _greet(self, made: socket.socket, connection: Connection, door: Door) -> None:
        _keep_alive(made)
        context = door.context() if door.context is not None else None
        wait = self.bounds.handshake_s if context is not None else None
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: connection, made, ssl=context, ssl_handshake_timeout=wait
            )
        except (OSError, TimeoutError):
            self.count(f"{door.transport}: a handshake failed")
            self.gone(connection)
            made.close()

    # ---- where messages go

    def send(self, send: Send, *, dial: bool = True) -> None:
        """Send on the connection that stands to the peer, or on a new one; else it is undelivered."""
        connection = self._standing(send.to)
        if connection is not None and connection.write(send.encoded):
            return
        to = _elsewhere(send) if send.to.connection else send.to
        again = (self._standing(to) or self._within(to, send)) if to is not None else None
        if again is not None and again is not connection and again.write(send.encoded):
            return
        if to is None or not dial:
            self._undelivered(send)
        else:
            self._dial(to, send)

    def _standing(self, to: Peer) -> Connection | None:
        if to.connection:
            one = self._all.get(to.connection)
            return one if one is not None and one.peer.host == to.host else None
        where = self._where(to)
        one, nameless = self._reached.get(where), self._reached.get((*where[:3], ""))
        if one is None and nameless is not None and nameless.certificate is not None:
            return nameless if where[3] in nameless.certificate.names else None
        return one

    def _where(self, to: Peer) -> Where:
        name = self._names.get((to.host, to.port), "") if to.transport == "TLS" else ""
        return to.host, to.port, to.transport, name

    def _within(self, to: Peer, send: Send) -> Connection | None:
        """Any connection to a peer, for what belongs to a call: its server was proven when it was called, maybe by another name."""
        found = [one for where, one in self._reached.items() if where[:3] == (to.host, to.port, to.transport)]
        return found[0] if found and not _begins(send) else None

    def _undelivered(self, send: Send) -> None:
        self.count(f"{send.to.transport}: not sent")
        self._on_undelivered(send)

    def _dial(self, to: Peer, send: Send) -> None:
        where = self._where(to)
        waiting = self._dialling.get(where)
        if waiting is not None:
            if len(waiting) < self.bounds.waiting:
                waiting.append(send)
            else:
                self._undelivered(send)
            return
        if len(self._all) >= self.bounds.connections:
            self._undelivered(send)
            return
        self._dialling[where] = [send]
        self._spawn(self._open(where, to))

    async def _open(self, where: Where, to: Peer) -> None:
        connection = Connection(self, replace(to, connection=self._next()), name=where[3])
        self._all[connection.peer.connection] = connection
        try:
            await asyncio.wait_for(self._connect(connection), self.bounds.dial_s)
            self._reached[where] = connection
        except (OSError, TimeoutError, ValueError):  # ssl.SSLError is an OSError; a name that no certificate can have
            self.count(f"{to.transport}: a connection could not be opened")
            self.gone(connection)
        for send in self._dialling.pop(where):
            if not connection.write(send.encoded):
                self._undelivered(send)

    async def _connect(self, connection: Connection) -> None:
        to = connection.peer
        context = self.context(to) if to.transport == "TLS" and self.context is not None else None
        local = self.local_address(to)
        transport, _ = await asyncio.get_running_loop().create_connection(
            lambda: connection, to.host, to.port, ssl=context, local_addr=(local, 0) if local else None,
            server_hostname=(connection.name or to.host) if context is not None else None,
        )  # fmt: skip
        _keep_alive(transport.get_extra_info("socket"))

    def name(self, host: str, port: int, name: str) -> None:
        """Say which name led to an address: a TLS server there must prove it (RFC 5922 §7.2)."""
        if len(self._names) >= MOST_NAMES:
            self._names.pop(next(iter(self._names)))
        self._names[host, port] = name

    def reuse(self, peer: Peer, port: int) -> None:
        """Let requests to this port of the peer's host go by the connection that it opened (RFC 5923), one port each."""
        one = self._all.get(peer.connection)
        if one is not None and not one.reused:
            one.reused = True
            self._reached.setdefault((peer.host, port, peer.transport, ""), one)

    def trust(self, peer: Peer) -> None:
        """Somebody whom we know spoke on a connection."""
        one = self._all.get(peer.connection)
        if one is not None:
            one.trusted = True

    def of(self, peer: Peer) -> Connection | None:
        """The connection by which a peer came; None over UDP, and when it is gone."""
        return self._all.get(peer.connection) if peer.reliable else None

    # ---- their ends

    def tarpit(self, peer: Peer) -> None:
        """Read no more of a scanner's connection, and close it late; a bounded number of them, the rest at once."""
        one = self._all.get(peer.connection)
        if one is None or one.opened:
            return
        held = sum(1 for other in self._all.values() if other.stuck_until)
        self.count("scanners: connections held" if held < self.bounds.tarpits else "scanners: connections closed")
        if held < self.bounds.tarpits:
            one.hold(self.bounds.tarpit_s)
        else:
            one.abort()

    def gone(self, connection: Connection) -> None:
        """A connection is closed."""
        if self._all.pop(connection.peer.connection, None) is None:
            return
        if not connection.opened:
            source = source_of(connection.peer.host)
            self._came[source] -= 1
            if not self._came[source]:
                del self._came[source]
        for where in [where for where, one in self._reached.items() if one is connection]:
            del self._reached[where]

    def advance(self, now: float) -> None:
        """Ping what is to be pinged, close what is due; `now` is the loop's time. Twice a second is enough."""
        if now - self._checked < min(0.5, self.bounds.message_s / 4):
            return
        self._checked = now
        for one in list(self._all.values()):
            one.check(now)

    def ping_after(self) -> float:
        """When to ping next: not all at once (RFC 5626 §4.4.1)."""
        return random.uniform(*self.bounds.ping_s)

    @property
    def size(self) -> int:
        """How many connections stand."""
        return len(self._all)

    async def close(self) -> None:
        """Close every connection and forget what was being opened."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        for one in list(self._all.values()):
            one.close()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)


def _keep_alive(made: socket.socket) -> None:
    """Let the kernel find out when a peer's machine is gone."""
    with suppress(OSError):
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _begins(send: Send) -> bool:
    """Whether a message begins a call."""
    if not send.encoded.startswith(b"INVITE "):
        return False
    return not parse(send.encoded).to.tag


def _elsewhere(send: Send) -> Peer | None:
    """Where a message can go whose connection is gone: a response to the Via's port (RFC 3261 §18.2.2), a request to the
    address that its route or its target names; None when that is a name, which only a new request looks up.
    """
    try:
        message, default = parse(send.encoded), 5061 if send.to.transport == "TLS" else 5060
        if isinstance(message, Response):
            return replace(send.to, port=message.via.port or default, connection=0)
        uri = message.routes[0].uri if message.routes else message.target
        host, port = uri.address[0], uri.port or default
    except RemoteProtocolError:
        return None
    literal = ":" in host or host.replace(".", "").isdecimal()
    return replace(send.to, host=host, port=port, connection=0) if literal else None
