"""ports.Tracer to Homer: each SIP message as a HEP3 datagram to the server of the settings. Masked unless they say otherwise.

Masking and sending is done by one thread. What cannot be sent is dropped
and counted; nothing waits for the server.
"""

from __future__ import annotations

import ipaddress
import secrets
import socket
from collections.abc import Sequence

from overt.adapters.message_queue import MessageQueue, Noted
from overt.domain.masking import Masker
from overt.domain.traced import as_sent, traced
from overt.ports import Unavailable
from overt.wire.hep import Captured, encode

PORT = 9060


class HepExporter(MessageQueue):
    """Sends to one server. `ours` is the address on which SIP is served; `node` and `key` are how the server knows us.

    Raises Unavailable when the server's name is not known.
    """

    def __init__(self, server: str, ours: tuple[str, int], *, node: int, key: str, mask: bool) -> None:
        self._ours, self._node, self._key, self._mask = ours, node, key, mask
        self._secret = secrets.token_bytes(32)
        self._socket = _connected(server)
        self.sent = 0
        super().__init__("hep")

    def end(self) -> None:
        """See MessageQueue."""
        self._socket.close()

    def take(self, batch: Sequence[Noted]) -> None:
        """See MessageQueue: send what waits."""
        for call, _, outgoing, peer, message, at_us in batch:
            payload = as_sent(traced(message, Masker(self._secret, call))) if self._mask else message
            try:
                self._socket.send(self._packet(call, outgoing, peer, payload, at_us))
                self.sent += 1
            except (OSError, ValueError):
                self.dropped += 1

    def _packet(self, call: str, outgoing: bool, peer: str, payload: bytes, at_us: int) -> bytes:
        place, _, transport = peer.partition("/")
        host, _, port = place.rpartition(":")
        theirs = (ipaddress.ip_address(host.strip("[]")).packed, int(port))
        ours = (ipaddress.ip_address(self._ours[0]).packed, self._ours[1])
        source, target = (ours, theirs) if outgoing else (theirs, ours)
        one = Captured(*source, *target, transport, at_us, payload, call)
        return encode(one, node=self._node, key=self._key)


def _connected(server: str) -> socket.socket:
    host, _, port = server.rpartition(":") if server.rpartition(":")[2].isdecimal() else (server, "", str(PORT))
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_DGRAM)[0]
        one = socket.socket(family, kind, protocol)
        one.setblocking(False)
        one.connect(address)
    except OSError as error:
        raise Unavailable("HEP", f"hep_server {server}: {error.strerror or error}", retry=False) from error
    return one
