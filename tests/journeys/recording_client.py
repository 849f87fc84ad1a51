"""A recording client of our own for journeys: SIP as text over UDP or TCP, two streams of RTP, nothing of Overt's in it."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import time
from collections.abc import Callable

NAMESPACE = "urn:ietf:params:xml:ns:recording:1"


def metadata(*people: str, session: str = "cs-1", mode: str = "complete", left: tuple[str, ...] = ()) -> str:
    """RFC 7865: people, each of whom sends the stream that is labelled with their place."""
    parts = [f'<recording xmlns="{NAMESPACE}"><datamode>{mode}</datamode><session session_id="{session}"/>']
    for place, person in enumerate(people, 1):
        parts.append(f'<participant participant_id="p-{person}"><nameID aor="sip:{person}@pbx.example"/></participant>')
        parts.append(f'<stream stream_id="s{place}" session_id="{session}"><label>{place}</label></stream>')
        parts.append(
            f'<participantsessionassoc participant_id="p-{person}" session_id="{session}">'
            "<associate-time>2026-12-01T10:00:00Z</associate-time>"
            + ("<disassociate-time>2026-12-01T10:01:00Z</disassociate-time>" if person in left else "")
            + "</participantsessionassoc>"
        )
        parts.append(
            f'<participantstreamassoc participant_id="p-{person}"><send>s{place}</send></participantstreamassoc>'
        )
    return "".join([*parts, "</recording>"])


class Stream:
    """One stream of RTP: PCMU, 20 ms a packet, from a socket of its own."""

    def __init__(self, address: str, ssrc: int) -> None:
        self.socket = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 0))
        self.ssrc, self.sequence, self.rtp_time = ssrc, 100, 8000
        self.sent = bytearray()
        self.to: tuple[str, int] = ("", 0)

    @property
    def port(self) -> int:
        """Where it sends from."""
        return int(self.socket.getsockname()[1])

    def send(self, payload: bytes, payload_type: int = 0) -> None:
        """One packet."""
        head = struct.pack(">BBHII", 0x80, payload_type, self.sequence & 0xFFFF, self.rtp_time & 0xFFFFFFFF, self.ssrc)
        self.socket.sendto(head + payload, self.to)
        self.sequence, self.rtp_time = self.sequence + 1, self.rtp_time + 160
        self.sent += payload

    def press(self, digit: str, payload_type: int = 101) -> None:
        """A key (RFC 4733): three packets, the last one three times."""
        code = "0123456789*#ABCD".index(digit)
        for at, (end, duration) in enumerate([(0, 160), (0, 320), (1, 480), (1, 480), (1, 480)]):
            marker = 0x80 if at == 0 else 0
            event = struct.pack(">BBH", code, (end << 7) | 10, duration)
            head = struct.pack(
                ">BBHII", 0x80, marker | payload_type, self.sequence & 0xFFFF, self.rtp_time & 0xFFFFFFFF, self.ssrc
            )
            self.socket.sendto(head + event, self.to)
            self.sequence += 1


class RecordingClient:
    """One recording session. `serve` is (address, port) of the recording server."""

    def __init__(self, address: str, serve: tuple[str, int], *, call_id: str = "rs-1", tcp: bool = False) -> None:
        self.address, self.serve, self.tcp = address, serve, tcp
        self.call_id, self.tag, self.their_tag, self.cseq, self.version = call_id, f"t{call_id}", "", 0, 0
        self.streams = (Stream(address, 0x11), Stream(address, 0x22))
        self.received: asyncio.Queue[str] = asyncio.Queue()
        self.requests: list[str] = []
        self.answer_ours: Callable[[str], str | None] = self._echo  # what is said to an offer of the server's
        self.directions = ["sendonly", "sendonly"]
        self.lines, self.contact = 2, ";+sip.src"
        self.via_port = 0

    async def start(self) -> None:
        """Open the signalling's socket."""
        loop = asyncio.get_running_loop()
        if self.tcp:
            reader, self.writer = await asyncio.open_connection(*self.serve, local_addr=(self.address, 0))
            self.via_port = self.writer.get_extra_info("sockname")[1]
            self.reading = asyncio.create_task(self._read(reader))
            return
        received = self

        class Datagrams(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
                received.take(data.decode("utf-8", "replace"))

        self.transport, _ = await loop.create_datagram_endpoint(Datagrams, local_addr=(self.address, 0))
        self.via_port = self.transport.get_extra_info("sockname")[1]

    async def _read(self, reader: asyncio.StreamReader) -> None:
        buffer = b""
        while received := await reader.read(65536):
            buffer += received
            while b"\r\n\r\n" in buffer:
                head, _, rest = buffer.partition(b"\r\n\r\n")
                length = int(re.search(rb"(?i)^content-length:\s*(\d+)", head, re.M)[1])  # type: ignore[index]
                if len(rest) < length:
                    break
                self.take((head + b"\r\n\r\n" + rest[:length]).decode())
                buffer = rest[length:]

    def take(self, message: str) -> None:
        """Something came: responses are waited for, requests are answered."""
        if message.startswith("SIP/2.0"):
            self.received.put_nowait(message)
            return
        self.requests.append(message)
        method = message.split(" ", 1)[0]
        if method == "ACK":
            return
        body = self.answer_ours(message) if method == "INVITE" else ""
        if body is None:
            return
        kept = "\r\n".join(
            line for line in message.split("\r\n\r\n")[0].split("\r\n")[1:]
            if line.split(":", 1)[0].lower() in ("via", "from", "to", "call-id", "cseq")
        )  # fmt: skip
        kind = "Content-Type: application/sdp\r\n" if body else ""
        status = "200 OK" if not body or body.startswith("v=") else body
        body = body if body.startswith("v=") else ""
        self.send(
            f"SIP/2.0 {status}\r\n{kept}\r\nContact: <sip:src@{self.here}>\r\n{kind}Content-Length: {len(body)}\r\n\r\n{body}"
        )

    def _echo(self, message: str) -> str:
        """Agree to an offer of the server's: its lines, sent."""
        self.aim(message)
        return self.sdp([{"recvonly": "sendonly", "inactive": "inactive"}[one] for one in self.heard(message)])

    def heard(self, message: str) -> list[str]:
        """The direction of each of the server's lines."""
        return re.findall(r"a=(recvonly|inactive|sendrecv|sendonly)", message)

    @property
    def here(self) -> str:
        """Where we are reached."""
        return f"[{self.address}]:{self.via_port}" if ":" in self.address else f"{self.address}:{self.via_port}"

    def send(self, message: str) -> None:
        """Send a message."""
        if self.tcp:
            self.writer.write(message.encode())
        else:
            self.transport.sendto(message.encode(), self.serve)

    def sdp(self, directions: list[str] | None = None, formats: str = "0 101") -> str:
        """Our description."""
        self.version += 1
        family = "IP6" if ":" in self.address else "IP4"
        lines = [
            f"v=0\r\no=src 7 {self.version} IN {family} {self.address}\r\ns=-\r\nc=IN {family} {self.address}\r\nt=0 0\r\n"
        ]
        ways = directions or self.directions
        for place, (stream, way) in enumerate(zip(self.streams[: self.lines], ways, strict=False), 1):
            lines.append(
                f"m=audio {stream.port} RTP/AVP {formats}\r\na=rtpmap:0 PCMU/8000\r\n"
                f"a=rtpmap:101 telephone-event/8000\r\na=label:{place}\r\na={way}\r\n"
            )
        return "".join(lines)

    def request(self, method: str, body: str = "", kind: str = "", cseq: int = 0, more: str = "") -> str:
        """A request of the session."""
        to = f";tag={self.their_tag}" if self.their_tag else ""
        transport = "TCP" if self.tcp else "UDP"
        return (
            f"{method} sip:srs@{self.serve[0]}:{self.serve[1]} SIP/2.0\r\n"
            f"Via: SIP/2.0/{transport} {self.here};branch=z9hG4bK{self.call_id}{cseq or self.cseq}{method}{time.monotonic_ns()}\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:src@{self.address}>;tag={self.tag}\r\nTo: <sip:srs@{self.serve[0]}>{to}\r\n"
            f"Call-ID: {self.call_id}\r\nCSeq: {cseq or self.cseq} {method}\r\nContact: <sip:src@{self.here}>{self.contact}\r\n{more}"
            + (f"Content-Type: {kind}\r\n" if body else "")
            + f"Content-Length: {len(body.encode())}\r\n\r\n{body}"
        )

    def body(self, document: str, description: str | None = None) -> tuple[str, str]:
        """SDP and metadata in one body, and its type."""
        said = description if description is not None else self.sdp()
        parts = [("application/sdp", said)] if said else []
        parts += [("application/rs-metadata+xml", document)] if document else []
        joined = "".join(
            f"--foo\r\nContent-Type: {kind}\r\n"
            + ("Content-Disposition: recording-session\r\n" if "xml" in kind else "")
            + f"\r\n{text}\r\n"
            for kind, text in parts
        )
        return "multipart/mixed;boundary=foo", f"{joined}--foo--\r\n"

    async def invite(self, document: str, description: str | None = None, more: str = "Require: siprec\r\n") -> str:
        """INVITE, within the session or to begin it; the final response, acknowledged."""
        kind, body = self.body(document, description)
        return await self.ask("INVITE", body, kind, more)

    async def ask(self, method: str, body: str = "", kind: str = "", more: str = "", ack: str = "") -> str:
        """A request and its final response. `ack`: a description for the ACK."""
        self.cseq += 1
        cseq = self.cseq
        self.send(self.request(method, body, kind, more=more))
        async with asyncio.timeout(10):
            while True:
                response = await self.received.get()
                if f"CSeq: {cseq} {method}" in response and not response.startswith("SIP/2.0 1"):
                    break
        found = re.search(r"(?im)^to:.*;tag=([^;\r\n]+)", response)
        if response.startswith("SIP/2.0 2") and found:
            self.their_tag = found[1]
        if method == "INVITE":
            self.send(self.request("ACK", ack, "application/sdp" if ack else "", cseq=cseq))
        if response.startswith("SIP/2.0 2"):
            self.aim(response)
        return response

    def aim(self, message: str) -> None:
        """Send each stream to where the server hears it."""
        ports = [int(one) for one in re.findall(r"(?m)^m=audio (\d+)", message)]
        address = re.search(r"(?m)^c=IN IP[46] (\S+)", message)
        for stream, port in zip(self.streams, ports, strict=False):
            if port and address:
                stream.to = (address[1], port)

    async def talk(self, seconds: float, sounds: tuple[bytes, bytes], at: int = 0) -> int:
        """Send both streams in real time; the frame at which to go on."""
        begun = time.monotonic()
        for number in range(int(seconds * 50)):
            for stream, sound in zip(self.streams[: self.lines], sounds, strict=False):
                frame = sound[(at + number) * 160 : (at + number + 1) * 160]
                if stream.to[1] and frame:
                    stream.send(frame)
            await asyncio.sleep(max(0.0, begun + (number + 1) * 0.02 - time.monotonic()))
        return at + int(seconds * 50)

    async def bye(self) -> str:
        """End the session."""
        return await self.ask("BYE")

    def close(self) -> None:
        """Close every socket, without a word."""
        for stream in self.streams:
            stream.socket.close()
        if self.tcp:
            self.reading.cancel()
            self.writer.close()
        else:
            self.transport.close()
