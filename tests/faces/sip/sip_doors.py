"""A gateway in this process for tests: real sockets, real certificates, and a story that answers every call."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from overt.config_listeners import Listener
from overt.domain.clients import Client
from overt.faces.sip.control import SipControl
from overt.faces.sip.gateway import Doors, Gateway
from overt.ports import Unavailable

HERE = Client("here", addresses=("127.0.0.1", "::1"))
SDP = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"
    b"a=rtpmap:0 PCMU/8000\r\n"
)


class Calls:
    """Answers what comes, and keeps its control."""

    def __init__(self) -> None:
        self.controls: list[SipControl] = []
        self.answer = True

    async def take(self, control: SipControl) -> None:
        """One call: answered, and left as it is until the test ends it."""
        self.controls.append(control)
        ended = asyncio.Event()
        control.listen(lambda event: ended.set() if type(event).__name__ == "HungUp" else None)
        try:
            if self.answer:
                await control.answer("127.0.0.1", 40002)
            await ended.wait()
        except Unavailable:
            return


@asynccontextmanager
async def serving(
    listeners: Sequence[Listener], clients: Sequence[Client] = (HERE,), *, story: Calls | None = None, **doors: object
) -> AsyncIterator[Gateway]:
    """A gateway that serves; port 0 of a listener stands for a free one (`port`)."""
    taking = story or Calls()
    made = replace(Doors("main", tuple(listeners), lambda: clients), **doors)  # type: ignore[arg-type]
    gateway = Gateway(made, taking.take)
    await gateway.start()
    try:
        yield gateway
    finally:
        await gateway.stop()


def port(gateway: Gateway, number: int = 0) -> int:
    """The port on which a listener serves."""
    return gateway.transports.places[number][2]


def request(
    method: str = "OPTIONS", *, uri: str = "sip:+14045550100@127.0.0.1", via: str = "UDP 127.0.0.1:9", branch: str = "1",
    call: str = "c1", to: str = "", more: Sequence[str] = (), body: bytes = b"", number: int = 1, contact: str = "127.0.0.1:9",
) -> bytes:  # fmt: skip
    """A request as a peer would write it."""
    lines = [
        f"{method} {uri} SIP/2.0", f"Via: SIP/2.0/{via};rport;branch=z9hG4bK{branch}", "Max-Forwards: 70",
        "From: <sip:+12145550100@127.0.0.1>;tag=a", f"To: <sip:+14045550100@127.0.0.1>{to}", f"Call-ID: {call}",
        f"CSeq: {number} {method}", f"Contact: <sip:x@{contact}>", *more,
        *(["Content-Type: application/sdp"] if body else []), f"Content-Length: {len(body)}", "", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode() + body


async def until(true: Callable[[], object], seconds: float = 5.0) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.01)


class Datagrams(asyncio.DatagramProtocol):
    """A UDP peer: what it got, in order."""

    def __init__(self) -> None:
        self.got: asyncio.Queue[bytes] = asyncio.Queue()
        self.transport: asyncio.DatagramTransport
        self.port = 0

    @classmethod
    async def bound(cls, address: str = "127.0.0.1") -> Datagrams:
        """One on a free port."""
        loop = asyncio.get_running_loop()
        transport, made = await loop.create_datagram_endpoint(cls, local_addr=(address, 0))
        made.transport, made.port = transport, transport.get_extra_info("sockname")[1]
        return made

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """asyncio's callback."""
        self.got.put_nowait(data)

    async def ask(self, message: bytes, to: tuple[str, int]) -> bytes:
        """Send, and return the next that comes."""
        self.transport.sendto(message, to)
        return await asyncio.wait_for(self.got.get(), 3)

    async def silence(self, seconds: float = 0.15) -> bool:
        """Whether nothing comes."""
        try:
            await asyncio.wait_for(self.got.get(), seconds)
        except TimeoutError:
            return True
        return False


class Authority:
    """A certificate authority of a test's own."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = self._certificate(self._name, self._key, [], ca=True)
        self.path = folder / f"{name}.pem"
        self.path.write_bytes(made.public_bytes(serialization.Encoding.PEM))

    def _certificate(
        self, name: x509.Name, key: ec.EllipticCurvePrivateKey, names: Sequence[x509.GeneralName], *, ca: bool = False
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateBuilder(
            self._name, name, key.public_key(), x509.random_serial_number(), now - datetime.timedelta(hours=1),
            now + datetime.timedelta(days=1),
        ).add_extension(x509.BasicConstraints(ca, None), True)  # fmt: skip
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
        return builder.sign(self._key, hashes.SHA256())

    def issue(self, name: str, *, address: str = "", file: str = "") -> tuple[str, str, str]:
        """Certificate file, key file and fingerprint for a DNS name (and an address)."""
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [x509.DNSName(name)]
        if address:
            names.append(x509.IPAddress(ipaddress.ip_address(address)))
        made = self._certificate(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key, names)
        certificate, secret = self._folder / f"{file or name}.crt", self._folder / f"{file or name}.key"
        certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        secret.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return str(certificate), str(secret), f"sha256:{made.fingerprint(hashes.SHA256()).hex()}"

    def client(self, certificate: str = "", key: str = "") -> ssl.SSLContext:
        """A context that trusts this authority."""
        context = ssl.create_default_context(cafile=str(self.path))
        if certificate:
            context.load_cert_chain(certificate, key)
        return context
