"""A batch in this process for tests: real sockets and a real spool, ticked by hand."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import msgspec

from overt import protocol
from overt.adapters import vault_keys
from overt.adapters.sealed_files import SealedFiles
from overt.adapters.spool_reader import SpoolFolder
from overt.engine.batch import Batch
from overt.engine.capture import Clockwork
from overt.engine.spool import Spool
from overt.engine.stream_leg import Agreed
from overt.services.archiving import gather
from overt.vault.track import Part, Run, read_parts
from overt.vault.unseal import AuthenticatedEnd, unseal
from overt.wire.rtp.packet import Packet, payload_bounds

KEY = b"k" * 32
SECRET = b"e" * 32
SIDES = ("caller", "agent")
Heard = tuple[int, int, int, bytes]  # payload type, sequence, RTP time, payload


def named(number: int, kind: str = "0") -> str:
    """A UUID for a call, or with another kind for something of that call."""
    return f"018f0000-0000-7000-8000-{kind}{number:011x}"


def socket_of(address: str = "127.0.0.1") -> socket.socket:
    """A bound UDP socket."""
    one = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    one.bind((address, 0))
    return one


class Caller:
    """The far end of a leg: sends RTP, and keeps what a recorder should make of it."""

    def __init__(self, port: int, address: str = "127.0.0.1") -> None:
        self.socket, self.to = socket_of(address), ("::1" if ":" in address else "127.0.0.1", port)
        self.sequence, self.time, self.kind, self.number = 65_530, 2**32 - 800, 0, 0
        self.said: list[Heard] = []

    def packet(self, size: int = 160, step: int | None = None, head: bytes = b"") -> bytes:
        """The next packet in order, with a payload like no other behind its head; it lasts a step of the clock."""
        self.number += 1
        payload = (self.number.to_bytes(4, "big") + self.to[1].to_bytes(2, "big")) * (size // 6 + 1)
        payload = (head + payload)[:size]
        made = bytes(Packet(self.kind, self.sequence, self.time, 0x1000 + self.to[1], payload))
        self.sequence, self.time = self.sequence + 1 & 0xFFFF, self.time + (size if step is None else step) & 0xFFFFFFFF
        return made

    def send(self, packet: bytes) -> None:
        """Send any bytes, which nobody should keep."""
        self.socket.sendto(packet, self.to)

    def say(self, packet: bytes) -> None:
        """Send a packet that should be kept, as it is."""
        self.send(packet)
        parsed = Packet.parse(packet)
        begin, end = payload_bounds(packet, len(packet))
        self.said.append((parsed.payload_type, parsed.sequence, parsed.rtp_time, packet[begin:end]))

    def talk(self, count: int = 5) -> None:
        """Say packets in order."""
        for _ in range(count):
            self.say(self.packet())

    def mutter(self, count: int = 5) -> None:
        """Send packets in order that nobody should keep."""
        for _ in range(count):
            self.send(self.packet())


class Bench:
    """A batch, its calls' far ends, and what it told."""

    def __init__(self, data: Path) -> None:
        self.data, self.folder = data, data / "spool" / "engine-0"
        self.folder.mkdir(parents=True)
        vault_keys.generate(data / "keys")
        self.spool = Spool(self.folder, 1)
        self.told: list[protocol.Frame] = []
        self.waiting: list[protocol.Renew] = []
        works = Clockwork(lambda: time.time_ns() // 1000, time.monotonic_ns, self.spool)
        wrapping = vault_keys.read_wrapping_key(data / "keys")
        self.batch = Batch(works, wrapping, KEY, self.told.append, self._orders)
        self.callers: dict[tuple[int, str], Caller] = {}

    def _orders(self) -> None:
        while self.waiting:
            self.batch.renew(self.waiting.pop(0))

    def add(
        self, number: int = 1, sides: tuple[str, ...] = SIDES, here: str = "127.0.0.1", there: str = "127.0.0.1", **agreed: object
    ) -> list[Caller]:  # fmt: skip
        """A call with these legs; their far ends."""
        made = []
        for side in sides:
            rtp = socket_of(here)
            self.callers[number, side] = Caller(rtp.getsockname()[1], there)
            made.append(self.callers[number, side])
            terms = {"address": "127.0.0.1", "codes": {0: 0}, "event_type": 101, **agreed}
            self.batch.add_leg("main", named(number), side, rtp, Agreed(**terms))
        return made

    def permit(self, number: int = 1, **other: object) -> protocol.OpenCapture:
        """A permit, signed."""
        frame = protocol.OpenCapture(
            tenant="main", call=named(number), episode=named(number, "e"), recording=named(number, "f"),
            roster=SIDES, purposes=("recording",), tracks=SIDES, stop_keys="*", lease_ms=60_000, ledger_index=3,
            erasure_secret=SECRET,
        )  # fmt: skip
        return protocol.signed(msgspec.structs.replace(frame, **other), KEY)

    def open(self, number: int = 1, **other: object) -> None:
        """Open a capture that must open."""
        assert self.batch.open(self.permit(number, **other)) == ""

    def renewal(self, *numbers: int) -> protocol.Renew:
        """A renewal of now, signed."""
        episodes = tuple(named(number, "e") for number in numbers)
        return protocol.signed(protocol.Renew(episodes=episodes, at_ns=time.monotonic_ns()), KEY)

    def resume(self, number: int = 1) -> str:
        """Resume as the signaller would; why not."""
        frame = protocol.ResumeCapture(call=named(number), episode=named(number, "e"), ledger_index=9)
        return self.batch.resume(protocol.signed(frame, KEY))

    def parts(self, number: int = 1, end: protocol.Captured | None = None) -> dict[int, list[Part]]:
        """The parts of a recording's tracks: out of the spool into its file, opened as the opener would."""
        self.spool.flush()
        store = SealedFiles(self.data / "recordings")
        assert not gather(SpoolFolder(self.data / "spool"), store).troubles
        key = vault_keys.read_opening_key(self.data / "keys")
        stated = AuthenticatedEnd(end.chunks, end.head) if end is not None else None
        found: dict[int, list[Part]] = {}
        for chunk in unseal(store.records("main", named(number, "f")), key, SECRET, stated):
            if not chunk.last:
                found.setdefault(chunk.track, []).extend(read_parts(chunk.plaintext))
        return found


def heard(parts: list[Part]) -> list[Heard]:
    """Each packet that the runs hold, in order."""
    return [
        (
            run.payload_type,
            run.sequence + at & 0xFFFF,
            run.rtp_time + at * run.step & 0xFFFFFFFF,
            run.payload[at * run.size : (at + 1) * run.size],
        )
        for run in parts
        if isinstance(run, Run)
        for at in range(len(run.payload) // run.size)
    ]
