"""What is done to a running Overt to make it leak: half-open dialogs, floods, slow connections; and what it holds afterwards."""

from __future__ import annotations

import asyncio
import random
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from journeys.overt_house import ADDRESS, OvertHouse
from overt.adapters.vitals_files import read_vitals
from overt.wire.sip.message import Response, parse

STRANGER = "127.0.0.66"  # an address of no trunk
SDP = "v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
HEAD = (
    "{method} sip:{callee}@{here} SIP/2.0\r\nVia: SIP/2.0/{transport} {host}:{port};branch=z9hG4bK{branch};rport\r\n"
    "From: <sip:+12145550100@{host}>;tag={call}\r\nTo: <sip:{callee}@{here}>{tag}\r\nCall-ID: {call}\r\nCSeq: {number} {method}\r\n"
    "Contact: <sip:x@{host}:{port}>\r\nMax-Forwards: 70\r\n{more}Content-Length: {length}\r\n\r\n{body}"
)


@dataclass(frozen=True, slots=True)
class Standing:
    """What a house holds: open files and megabytes of all its processes, and what signalling says of itself."""

    files: int
    megabytes: float
    half_open: int
    transactions: int
    ports: int
    calls: int

    @classmethod
    def of(cls, house: OvertHouse) -> Standing:
        """Now; what signalling says is up to a second old."""
        pids = [int(path.read_text()) for path in (house.folder / "run").glob("*.pid")]
        gauges = read_vitals(house.folder)["signalling"].gauges
        return cls(
            sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in pids), sum(map(_resident, pids)),
            int(gauges["legs_half_open"]), int(gauges["sip_transactions"]), int(gauges["media_ports_open"]), int(gauges["calls"]),
        )  # fmt: skip

    @property
    def quiet(self) -> bool:
        """Whether no call goes on any more. Transactions are remembered for 32 s more (RFC 3261 §17.2.2)."""
        return not (self.half_open or self.ports or self.calls)


def _resident(pid: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


async def settled(house: OvertHouse, seconds: float, *, forgotten: bool = False) -> Standing:
    """What is held once no call goes on any more, and with `forgotten` no transaction is remembered either.

    Raises TimeoutError, saying what goes on still.
    """
    ends = asyncio.get_running_loop().time() + seconds
    await house.until(lambda: "signalling" in read_vitals(house.folder), 10)
    await asyncio.sleep(1.1)  # what is said is up to a second old
    while True:
        now = Standing.of(house)
        if now.quiet and not (forgotten and now.transactions):
            return now
        if asyncio.get_running_loop().time() > ends:
            raise TimeoutError(f"still at it: {now}")
        await asyncio.sleep(0.5)


class Torturer(asyncio.DatagramProtocol):
    """A peer on an address of its own, with nobody behind it; answers are kept by their Call-ID."""

    def __init__(self, house: OvertHouse, host: str = ADDRESS, seed: int = 1) -> None:
        self.house, self.host, self.chance = house, host, random.Random(seed)
        self.answers: dict[str, list[Response]] = {}
        self.requests = 0

    async def __aenter__(self) -> Torturer:
        loop = asyncio.get_running_loop()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind((self.host, 0))
        self.port = int(self.socket.getsockname()[1])
        self.transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=self.socket)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.transport.close()

    def datagram_received(self, datagram: bytes, _source: object) -> None:
        """Keep a response, count a request; nothing is ever answered."""
        message = parse(datagram)
        if isinstance(message, Response):
            self.answers.setdefault(message.call_id, []).append(message)
        else:
            self.requests += 1

    def error_received(self, _error: Exception) -> None:
        """What ICMP says is no matter."""

    def send(self, message: bytes) -> None:
        """To the house's SIP port."""
        self.transport.sendto(message, (ADDRESS, self.house.ports.sip))

    def message(
        self,
        method: str,
        call: str,
        *,
        tag: str = "",
        number: int = 1,
        body: str = "",
        more: str = "",
        callee: str = "sales",
    ) -> bytes:
        """A request of a call."""
        more += "Content-Type: application/sdp\r\n" if body else ""
        return HEAD.format(
            method=method, callee=callee, here=f"{ADDRESS}:{self.house.ports.sip}", transport="UDP", host=self.host, port=self.port,
            branch=f"{call}{number}{'' if method in ('INVITE', 'CANCEL') else method}", call=call, tag=f";tag={tag}" if tag else "",
            number=number, more=more, length=len(body), body=body,
        ).encode()  # fmt: skip

    def name(self) -> str:
        """A new Call-ID."""
        return f"{self.chance.getrandbits(64):x}"

    def statuses(self) -> dict[int, int]:
        """How often each final status came."""
        found: dict[int, int] = {}
        for answers in self.answers.values():
            for status in {one.status for one in answers if one.status >= 200 and one.cseq.method == "INVITE"}:
                found[status] = found.get(status, 0) + 1
        return found

    # ---- ways to leave a dialog half open

    async def half_open(self, count: int, each_s: float, ways: Iterable[str]) -> None:
        """Begin so many calls, each left half open in one of these ways, in turn."""
        chosen = list(ways)
        for number in range(count):
            await getattr(self, f"_{chosen[number % len(chosen)]}")(self.name())
            await asyncio.sleep(each_s)

    def _invite(self, call: str, **options: str) -> bytes:
        return self.message("INVITE", call, body=SDP.format(host=self.host, port=40_000), **options)  # type: ignore[arg-type]

    async def _silent(self, call: str) -> None:
        """Never acknowledges the answer."""
        self.send(self._invite(call))

    async def _cancelled(self, call: str) -> None:
        """Gives up at once, and acknowledges nothing."""
        self.send(self._invite(call))
        self.send(self.message("CANCEL", call))

    async def _repeated(self, call: str) -> None:
        """Sends its INVITE many times, then goes."""
        for _ in range(5):
            self.send(self._invite(call))
        self.send(self.message("CANCEL", call))

    async def _gone(self, call: str) -> None:
        """Hangs up without having acknowledged."""
        self.send(self._invite(call))
        for _ in range(40):
            tag = next((one.to.tag for one in self.answers.get(call, ()) if one.status == 200), "")
            if tag:
                self.send(self.message("BYE", call, tag=tag, number=2))
                return
            await asyncio.sleep(0.05)

    async def _late(self, call: str) -> None:
        """Offers nothing, and gives up."""
        self.send(self.message("INVITE", call))
        self.send(self.message("CANCEL", call))

    async def _odd(self, call: str) -> None:
        """Requires what nobody has, and has a body that nobody can read."""
        self.send(self.message("INVITE", call, more="Require: telepathy\r\n"))
        self.send(self.message("INVITE", f"{call}b", body="v=0\r\nm=audio"))


def mutilated(messages: list[bytes], count: int, seed: int = 1) -> list[bytes]:
    """Messages with bytes turned, taken out, put in, or cut off."""
    chance, made = random.Random(seed), []
    for _ in range(count):
        one = bytearray(chance.choice(messages))
        for _ in range(chance.randrange(1, 6)):
            at = chance.randrange(len(one))
            match chance.randrange(4):
                case 0:
                    one[at] ^= 1 << chance.randrange(8)
                case 1:
                    del one[at : at + chance.randrange(1, 20)]
                case 2:
                    one[at:at] = chance.randbytes(chance.randrange(1, 20))
                case _:
                    del one[max(at, 20) :]
            one = one or bytearray(b"x")
        made.append(bytes(one))
    return made


async def flooded(torturer: Torturer, messages: list[bytes], at_once: int = 20) -> None:
    """Send them as quickly as the house takes them in."""
    for at in range(0, len(messages), at_once):
        for one in messages[at : at + at_once]:
            torturer.send(one)
        await asyncio.sleep(0.005)


async def connected(house: OvertHouse, host: str, pieces: Iterable[bytes]) -> int:
    """Open a connection a piece, send it, and leave: some in order, some by reset. Returns how many were let in."""
    let_in = 0
    for number, piece in enumerate(pieces):
        one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        one.setblocking(False)
        try:
            one.bind((host, 0))
            async with asyncio.timeout(2):
                await asyncio.get_running_loop().sock_connect(one, (ADDRESS, house.ports.sip))
                await asyncio.get_running_loop().sock_sendall(one, piece)
            let_in += 1
            if number % 3 == 0:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        except (OSError, TimeoutError):
            pass
        finally:
            one.close()
    return let_in
