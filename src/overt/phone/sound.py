"""A phone's sound: RTP out every 20 ms, keys as RFC 4733 events, RTP in kept as it came."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections import deque
from dataclasses import dataclass

from overt.wire.rtp.dtmf import KeyReader, key_payloads
from overt.wire.rtp.g711 import ULAW_TO_ALAW
from overt.wire.rtp.packet import NotRtp, Packet
from overt.wire.sdp import Media

FRAME = 160
FRAME_S = 0.02
SILENCE = b"\xff" * FRAME


@dataclass(frozen=True, slots=True)
class Heard:
    """One packet as it came: sequence, RTP time, payload type, payload."""

    sequence: int
    rtp_time: int
    payload_type: int
    payload: bytes


class Sound:
    """One call's RTP. `speech` is µ-law; it is spoken once, from `speak`, silence is sent before and after."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        while True:
            self._socket.bind((address, 0))
            self.port = self._socket.getsockname()[1]
            if self.port % 2 == 0:
                break
            self._socket.close()
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._socket.setblocking(False)
        self.heard: list[Heard] = []
        self.sent: list[bytes] = []
        self.keys_heard = ""
        self.muted = False
        self._frames: deque[bytes] = deque()
        self._keys: deque[str] = deque()
        self._reader = KeyReader()
        self._sequence, self._time, self._ssrc = secrets.randbits(15), secrets.randbits(31), secrets.randbits(32)
        self._far: Media | None = None
        self._sending: asyncio.Task[None] | None = None

    def start(self, far: Media) -> None:
        """Send to a far end from now on, and listen."""
        first = self._far is None
        self._far = far
        if first:
            asyncio.get_running_loop().add_reader(self._socket.fileno(), self._read)
            self._sending = asyncio.create_task(self._send_forever())

    def speak(self, ulaw: bytes) -> None:
        """Speak µ-law sound, after what is being spoken."""
        filled = ulaw + b"\xff" * (-len(ulaw) % FRAME)
        self._frames.extend(filled[at : at + FRAME] for at in range(0, len(filled), FRAME))

    def press(self, digit: str) -> None:
        """Press a key."""
        self._keys.append(digit)

    async def _send_forever(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            if not self.muted:
                self._send_frame()
            due += FRAME_S
            await asyncio.sleep(max(0.0, due - loop.time()))

    def _send_frame(self) -> None:
        far = self._far
        assert far is not None
        if self._keys and far.event_type is not None:
            self._send_key(self._keys.popleft(), far.event_type)
        codec = far.codec or (0, "PCMU")
        frame = self._frames.popleft() if self._frames else SILENCE
        payload = frame.translate(ULAW_TO_ALAW) if codec[1] == "PCMA" else frame
        self.sent.append(payload)
        self._send(codec[0], payload, self._time)
        self._time = self._time + FRAME & 0xFFFFFFFF

    def _send_key(self, digit: str, payload_type: int) -> None:
        """A whole key at once would be unreal; its packets are sent back to back, which RFC 4733 allows a gateway."""
        for number, payload in enumerate(key_payloads(digit)):
            self._send(payload_type, payload, self._time, marker=number == 0)
        self._time = self._time + FRAME * 6 & 0xFFFFFFFF

    def _send(self, payload_type: int, payload: bytes, rtp_time: int, *, marker: bool = False) -> None:
        assert self._far is not None
        packet = Packet(payload_type, self._sequence, rtp_time, self._ssrc, payload, marker)
        self._sequence = self._sequence + 1 & 0xFFFF
        try:
            self._socket.sendto(bytes(packet), (self._far.address, self._far.port))
        except OSError:
            return

    def _read(self) -> None:
        try:
            packet = Packet.parse(self._socket.recv(2048))
        except (OSError, NotRtp):
            return
        if self._far is not None and packet.payload_type == self._far.event_type:
            self.keys_heard += self._reader.read(packet.payload, packet.rtp_time)
            return
        self.heard.append(Heard(packet.sequence, packet.rtp_time, packet.payload_type, packet.payload))

    def close(self) -> None:
        """Stop. Closing twice does nothing more."""
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()
