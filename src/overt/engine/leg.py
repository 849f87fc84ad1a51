"""One leg of a call: two sockets, its own SSRC, sequence numbers, timestamps and RTCP; latching; counters.

What arrives is handed to the capture (under a live permit only) and to the other leg, its header rewritten once.
This is the hot path of the relay loop: one receive, one rewrite in place, one send a packet, no objects.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass

from overt.engine.capture import Track
from overt.engine.keyed import Keyed, Sealers, keyed
from overt.engine.loop import Loop
from overt.engine.udp import disconnect, kernel_drops
from overt.protocol import Keys
from overt.wire.rtp.dtmf import KeyReader
from overt.wire.rtp.g711 import ALAW_TO_ULAW, ULAW_TO_ALAW
from overt.wire.rtp.packet import HEADER, HEADER_BYTES, LARGEST_PACKET, NotRtp, payload_bounds
from overt.wire.rtp.rtcp import NotRtcp, Report, ReportBlock, build, goodbye, ntp_time, read_reports

FRAME_SAMPLES = 160
NS_PER_SAMPLE = 125_000
COUNTERS = (
    "received", "sent", "lost", "late", "foreign", "malformed", "other_type", "dropped_without_permit", "captured",
    "send_errors", "kernel_dropped", "unauthentic",
)  # fmt: skip

_unpack, _pack_into = HEADER.unpack_from, HEADER.pack_into

TakeSound = Callable[[int, int, int, memoryview], None]  # sequence, RTP time, arrival, payload


@dataclass(frozen=True, slots=True)
class FarEnd:
    """What the other end of a leg wants: where, and with which payload types. `event_type` −1: no keys."""

    address: str
    port: int
    rtcp_port: int
    payload_type: int
    event_type: int
    alaw: bool
    held: bool


class Leg:
    """One leg. `peer` is the leg that its sound goes to while relayed; `take` the capture's door, or None."""

    def __init__(
        self, side: str, rtp: socket.socket, rtcp: socket.socket, loop: Loop, ssrc: int, sequence: int
    ) -> None:
        self.side, self.loop, self.ssrc = side, loop, ssrc
        self.rtp, self.rtcp = rtp, rtcp
        self._receive_into, self._send_latched = rtp.recv_into, rtp.send
        self.far: FarEnd | None = None
        self.peer: Leg | None = None
        self.take: TakeSound | None = None
        self.on_key: Callable[[Leg, str], bool] = lambda leg, digit: False
        self.on_roll: Callable[[int, int], None] = lambda ssrc, roc: None
        self.keyed: Keyed | None = None
        self._sealers: Sealers = {}
        self.speaking = False
        self.latched = False
        self.heard_ns = 0
        self.connected_ns = 0
        self.reported_loss: int | None = None
        self.received = self.sent = self.lost = self.late = self.foreign = self.malformed = self.captured = 0
        self.other_type = self.dropped_without_permit = self.send_errors = self.kernel_dropped = self.unauthentic = 0
        self._octets = 0
        self._expected = -1
        self._keys = KeyReader()
        self._swallowed = self._event_of = (-1, -1)
        self._event_time = 0
        self._out_sequence, self._out_time, self._out_ns = sequence, 0, 0
        self._source = -1
        self._sequence_offset = self._time_offset = 0
        self._translate: bytes | None = None
        self._buffer = bytearray(LARGEST_PACKET)
        self._view = memoryview(self._buffer)
        self._remote_ssrc = 0
        self._report_seen = (0, 0)
        for one in (rtp, rtcp):
            one.setblocking(False)
        loop.watch(rtp.fileno(), self.on_rtp)
        loop.watch(rtcp.fileno(), self.on_rtcp)

    # ---- where the other end is

    def connect(self, far: FarEnd, keys: Keys | None = None) -> None:
        """Send to another far end from now on; accept only its address; latch anew. With `keys` all is encrypted.

        Raises ValueError when a key does not fit its suite.
        """
        self.keyed = keyed(self.keyed, keys, lambda ssrc, roc: self.on_roll(ssrc, roc), self._sealers)
        if self.latched and (self.far is None or (far.address, far.port) != (self.far.address, self.far.port)):
            disconnect(self.rtp)
            self.latched = False
        self.far = far
        self.connected_ns = self.loop.now

    @property
    def code(self) -> int:
        """The code of the agreed codec, as a sealed run carries it."""
        return 8 if self.far is not None and self.far.alaw else 0

    def admit(self, track: Track) -> None:
        """Hand sound to a capture's track from now on."""
        self.take = track.take

    def shut(self) -> None:
        """Hand sound to no capture from now on."""
        self.take = None

    def begin_anew(self) -> None:
        """One of the ends changed: choose the table between the laws again with the next packet."""
        self._source = -1

    def _latch(self, source: tuple[str, int]) -> None:
        self.rtp.connect(source)
        self.latched = True

    # ---- what arrives

    def on_rtp(self) -> None:
        """Take one packet. Called by the loop; level-triggered, so what remains is announced again."""
        buffer = self._buffer
        try:
            if self.latched:
                size = self._receive_into(buffer)
                if self.keyed is not None:
                    size = self._opened(size)
            else:
                size = self._first()
        except OSError:
            self.send_errors += 1
            return
        if size < HEADER_BYTES or buffer[0] != 0x80:
            size = self._plain(size) if size >= 0 else 0
            if not size:
                return
        _, second, sequence, rtp_time, ssrc = _unpack(buffer)
        now = self.loop.now
        self.received += 1
        self.heard_ns = now
        far = self.far
        assert far is not None
        payload_type = second & 0x7F
        if payload_type == far.event_type:
            self._event(sequence, rtp_time, ssrc, size)
            return
        if payload_type != far.payload_type:
            self.other_type += 1
            return
        if sequence != self._expected:
            self._jump(sequence, ssrc)
        self._expected = sequence + 1 & 0xFFFF
        take = self.take
        if take is not None:
            take(sequence, rtp_time, now, self._view[HEADER_BYTES:size])
            self.captured += 1
        else:
            self.dropped_without_permit += 1
        peer = self.peer
        if peer is not None and not peer.speaking:
            peer.forward(buffer, self._view, size, second & 0x80, sequence, rtp_time, ssrc)

    def _first(self) -> int:
        """Take a packet while no source is known, which then decides where we send; -1 when it is not the other end's."""
        size, source = self.rtp.recvfrom_into(self._buffer)
        if self.far is None or source[0] != self.far.address or not self._expected_type(size):
            self.foreign += 1
            return -1
        if self.keyed is not None:
            size = self._opened(size)
        if size > 0:
            self._latch(source)
        return size

    def _opened(self, size: int) -> int:
        """Open a packet of an encrypted leg in its place; -1 when it is not authentic: nothing in the clear is taken."""
        assert self.keyed is not None
        opened = self.keyed.open(self._buffer, size)
        if not opened:
            self.unauthentic += 1
            return -1
        return opened

    def _expected_type(self, size: int) -> bool:
        """True for RTP of a payload type that was agreed: nothing else may choose where we send."""
        far, second = self.far, self._buffer[1] & 0x7F
        return size >= HEADER_BYTES and far is not None and second in (far.payload_type, far.event_type)

    def _plain(self, size: int) -> int:
        """Bring a packet with extension, CSRC list or padding to plain form; 0 when it is malformed."""
        try:
            begin, end = payload_bounds(self._buffer, size)
        except NotRtp:
            self.malformed += 1
            return 0
        self._buffer[HEADER_BYTES : HEADER_BYTES + end - begin] = self._buffer[begin:end]
        return HEADER_BYTES + end - begin

    def _jump(self, sequence: int, ssrc: int) -> None:
        if self._expected >= 0 and ssrc == self._remote_ssrc:
            ahead = (sequence - self._expected + 0x8000 & 0xFFFF) - 0x8000
            if ahead > 0:
                self.lost += ahead
            else:
                self.late += 1
                self.lost = max(self.lost - 1, 0)
        self._remote_ssrc = ssrc

    def _event(self, sequence: int, rtp_time: int, ssrc: int, size: int) -> None:
        """Read a key; pass it on to the other leg unless it was swallowed. Keys are never captured."""
        digit = self._keys.read(bytes(self._buffer[HEADER_BYTES:size]), rtp_time, ssrc)
        if sequence == self._expected:
            self._expected = sequence + 1 & 0xFFFF
        event = (ssrc, rtp_time)
        if digit and self.on_key(self, digit):
            self._swallowed = event
        peer = self.peer
        if event == self._swallowed or peer is None or peer.speaking:
            return
        peer.forward_event(self._buffer, self._view[:size], sequence, event)

    # ---- what is sent

    def forward(
        self, buffer: bytearray, view: memoryview, size: int, marker: int, sequence: int, rtp_time: int, ssrc: int
    ) -> None:  # fmt: skip
        """Send the other leg's packet with this leg's own header, rewritten in place."""
        far = self.far
        if far is None or far.held:
            return
        sealing = self.keyed
        if ssrc != self._source or (
            sealing is not None and not sealing.follows(self.ssrc, sequence + self._sequence_offset & 0xFFFF)
        ):
            self._rebase(sequence, rtp_time, ssrc)
            marker = 0x80
        sequence = sequence + self._sequence_offset & 0xFFFF
        rtp_time = rtp_time + self._time_offset & 0xFFFFFFFF
        self._out_sequence, self._out_time, self._out_ns = sequence, rtp_time, self.loop.now
        if self._translate is not None:
            buffer[HEADER_BYTES:size] = buffer[HEADER_BYTES:size].translate(self._translate)
        _pack_into(buffer, 0, 0x80, far.payload_type | marker, sequence, rtp_time, self.ssrc)
        if sealing is not None or not self.latched:
            self._send(view[:size])
            return
        try:
            self._send_latched(view[:size])
        except OSError:
            self.send_errors += 1
            return
        self.sent += 1
        self._octets += size - HEADER_BYTES

    def forward_event(self, buffer: bytearray, packet: memoryview, sequence: int, event: tuple[int, int]) -> None:
        """Send a packet of the other leg's key. All packets of a key keep one RTP time, whoever's SSRC they had."""
        far = self.far
        if far is None or far.held or far.event_type < 0:
            return
        ssrc, rtp_time = event
        if ssrc == self._source:
            sequence += self._sequence_offset
        else:
            sequence = self._out_sequence + 1
            self._sequence_offset += 1  # a stranger's packet between the sound's: what follows moves up by one
        marker = 0
        if event != self._event_of:
            marker, self._event_of = 0x80, event
            mapped = rtp_time + self._time_offset if ssrc == self._source else self._next_time()
            self._event_time = mapped & 0xFFFFFFFF
        self._out_sequence = sequence & 0xFFFF
        HEADER.pack_into(buffer, 0, 0x80, far.event_type | marker, self._out_sequence, self._event_time, self.ssrc)
        self._send(packet)

    def _rebase(self, sequence: int, rtp_time: int, ssrc: int) -> None:
        """Go on from what was sent last, for a new source; time moves on by the clock."""
        self._source = ssrc
        self._sequence_offset = self._out_sequence + 1 - sequence
        self._time_offset = self._next_time() - rtp_time
        other = self.peer.far if self.peer is not None else None
        self._translate = None
        if other is not None and self.far is not None and other.alaw != self.far.alaw:
            self._translate = ALAW_TO_ULAW if other.alaw else ULAW_TO_ALAW

    def _next_time(self) -> int:
        elapsed = (self.loop.now - self._out_ns) // NS_PER_SAMPLE if self._out_ns else 0
        return self._out_time + max(elapsed, FRAME_SAMPLES)

    def begin_own(self) -> None:
        """Begin to send sound of our own: what the other leg sends is not passed on meanwhile."""
        self.speaking = True
        self._out_time = self._next_time() - FRAME_SAMPLES & 0xFFFFFFFF

    def send_own(self, payload: bytes, first: bool) -> None:
        """Send one 20 ms frame of our own."""
        assert self.far is not None
        self._out_sequence = self._out_sequence + 1 & 0xFFFF
        self._out_time = self._out_time + FRAME_SAMPLES & 0xFFFFFFFF
        self._out_ns = self.loop.now
        second = self.far.payload_type | (0x80 if first else 0)
        self._send(HEADER.pack(0x80, second, self._out_sequence, self._out_time, self.ssrc) + payload)

    def end_own(self) -> None:
        """Let the other leg's sound through again, from where ours ended."""
        self.speaking = False
        self._source = -1

    def _send(self, packet: bytes | memoryview) -> None:
        far = self.far
        assert far is not None
        octets = len(packet) - HEADER_BYTES
        if self.keyed is not None:
            packet = self.keyed.seal(packet)
            if not packet:
                return  # sent already, or too late to be sent: RFC 3711 §9.1
        try:
            if self.latched:
                self.rtp.send(packet)
            else:
                self.rtp.sendto(packet, (far.address, far.port))
        except OSError:
            self.send_errors += 1
            return
        self.sent += 1
        self._octets += octets

    # ---- RTCP

    def on_rtcp(self) -> None:
        """Take one RTCP datagram: a sign of life, and what the other end says of our sound."""
        try:
            datagram, source = self.rtcp.recvfrom(LARGEST_PACKET)
        except OSError:
            self.send_errors += 1
            return
        if self.far is None or source[0] != self.far.address:
            self.foreign += 1
            return
        if self.keyed is not None:
            datagram = self.keyed.open_report(datagram)
            if not datagram:
                self.unauthentic += 1
                return
        try:
            for report in read_reports(datagram):
                for block in report.blocks:
                    if block.ssrc == self.ssrc:
                        self.reported_loss = max(self.reported_loss or 0, block.fraction_lost * 100 // 256)
        except NotRtcp:
            self.malformed += 1
            return
        self.heard_ns = self.loop.now

    def report(self, now_us: int) -> None:
        """Send a sender report (a receiver report before anything was sent)."""
        if self.far is None or not self.connected_ns:
            return
        blocks: tuple[ReportBlock, ...] = ()
        if self.received:
            got, lost = self.received - self._report_seen[0], self.lost - self._report_seen[1]
            fraction = min(255, lost * 256 // (got + lost)) if lost > 0 else 0
            blocks = (ReportBlock(self._remote_ssrc, fraction, self.lost, max(self._expected - 1, 0)),)
            self._report_seen = (self.received, self.lost)
        report = Report(self.ssrc, blocks, ntp_time(now_us), self._out_time, self.sent, self._octets & 0xFFFFFFFF)
        self._send_rtcp(build(report, f"overt-{self.side}"))

    def _send_rtcp(self, packet: bytes) -> None:
        assert self.far is not None
        if self.keyed is not None:
            packet = self.keyed.seal_report(packet)
        try:
            self.rtcp.sendto(packet, (self.far.address, self.far.rtcp_port))
        except OSError:
            self.send_errors += 1

    def close(self) -> dict[str, int]:
        """Say goodbye, close the sockets, return the counters."""
        if self.far is not None:
            self._send_rtcp(goodbye(self.ssrc))
        self.kernel_dropped = kernel_drops(self.rtp)
        for one in (self.rtp, self.rtcp):
            self.loop.forget(one.fileno())
            one.close()
        return {name: int(getattr(self, name)) for name in COUNTERS}
