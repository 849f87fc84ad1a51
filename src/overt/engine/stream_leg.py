"""A leg that is only heard: what was agreed for its stream, and what it makes of the pieces that come.

Sequence numbers tell what is lost, late or came twice (RFC 3550 appendix A.1): a packet that fills a hole is taken,
one that came before is not, and a stream that begins anew, or a single packet from far away, is no loss of thousands.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field

from overt.domain.seconds import Seconds, Totals
from overt.engine.capture import Track
from overt.engine.keyed import Keyed, OnRoll, keyed
from overt.protocol import Keys
from overt.wire.rtp.codecs import BY_CODE
from overt.wire.rtp.dtmf import KeyReader
from overt.wire.rtp.packet import sequence_distance
from overt.wire.rtp.rtcp import GOODBYE, NotRtcp, packet_types

COUNTERS = (
    "received", "captured", "dropped_without_permit", "lost", "late", "foreign", "elsewhere", "malformed", "other_type",
    "kernel_dropped", "reports", "goodbyes", "unauthentic",
)  # fmt: skip
MOST_BEHIND, MOST_AHEAD = 128, 3000
REPORTS = range(200, 205)  # the second byte of RTCP that shares the port of RTP (RFC 5761 §4)


@dataclass(frozen=True, slots=True)
class Agreed:
    """What a leg's stream was agreed to be: from which address, of which payload types, by which codecs.

    `codes` maps payload types to codes of wire.rtp.codecs, the preferred one first. `event_type` −1: no keys. Whoever
    sends an agreed type first from that address is the leg's source, until somebody sends from the agreed `port` of it; with
    `anywhere`, from any address. `active`:
    sound is to be expected. With `srtp` only what is encrypted by these keys is taken.
    """

    address: str = ""
    codes: Mapping[int, int] = field(default_factory=dict)
    event_type: int = -1
    anywhere: bool = False
    active: bool = True
    srtp: Keys | None = None
    port: int = 0

    def knows(self, kind: int) -> bool:
        """True for a payload type by which a source is known."""
        return kind in self.codes or kind == self.event_type >= 0

    def names(self, address: str) -> bool:
        """True for the address that was agreed, however it is written."""
        return address == self.address or address == plain_address(self.address)


def plain_address(address: str) -> str:
    """An IP address in its usual form; what is none stays as it is."""
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return address


class StreamLeg:
    """A leg that is only heard. It knows its place in the table of legs, and counts."""

    def __init__(self, call: str, side: str, rtp: socket.socket, rtcp: socket.socket | None, place: int) -> None:
        self.call, self.side, self.rtp, self.rtcp, self.place = call, side, rtp, rtcp, place
        self.agreed = Agreed()
        self.keys = KeyReader()
        self.seconds = Seconds()
        self.heard_ns, self.told_elsewhere = 0, False
        self.received = self.captured = self.dropped_without_permit = self.lost = self.late = 0
        self.foreign = self.elsewhere = self.malformed = self.other_type = self.kernel_dropped = 0
        self.reports = self.goodbyes = self.unauthentic = 0
        self.keyed: Keyed | None = None
        self._codes: Mapping[int, int] = {}
        self._track: Track | None = None
        self._expected = self._ssrc = self._restart = -1
        self._holes: set[int] = set()

    def agree(self, agreed: Agreed, now_ns: int, on_roll: OnRoll) -> None:
        """Another stream was agreed. From now on silence counts. Raises ValueError for a key that does not fit its suite."""
        self.keyed = keyed(self.keyed, agreed.srtp, on_roll, {})  # nothing is sent here, so nothing is sealed
        self.agreed, self._codes, self.heard_ns, self.told_elsewhere = agreed, agreed.codes, now_ns, False

    def begin_anew(self) -> None:
        """Another source sends: its numbers have nothing to do with those before, also where it has the same SSRC."""
        self._ssrc = -1
        self._holes.clear()

    def open(self, packet: memoryview, size: int) -> int:
        """Open an encrypted packet in its place; its size then, 0 when it is not authentic. A report is opened when heard."""
        if self.keyed is None or (size > 1 and packet[1] in REPORTS):
            return size
        opened = self.keyed.open(packet, size)
        self.unauthentic += not opened
        return opened

    @property
    def code(self) -> int:
        """The code of the codec that is preferred."""
        return next(iter(self._codes.values()), 0)

    def admit(self, track: Track) -> None:
        """Hand sound to a capture's track from now on."""
        self._track = track

    def shut(self) -> None:
        """Hand sound to no capture from now on."""
        self._track = None

    def take(
        self, kind: int, sequence: int, rtp_time: int, ssrc: int, arrival_ns: int, count: int, size: int, payloads: bytes
    ) -> None:  # fmt: skip
        """Take packets of a type and size that follow each other: to the track under a permit, else to nobody."""
        self.received += count
        if sequence == self._expected and ssrc == self._ssrc:
            self._expected = sequence + count & 0xFFFF
        elif count > 1 and ssrc == self._ssrc and -MOST_BEHIND <= sequence_distance(self._expected, sequence) < 0:
            self.received -= count
            for at in range(count):
                payload = payloads[at * size : (at + 1) * size]
                self.take(
                    kind, sequence + at & 0xFFFF, rtp_time + at * size & 0xFFFFFFFF, ssrc, arrival_ns, 1, size, payload
                )
            return
        elif not self._jump(sequence, ssrc, count):
            return
        self.heard_ns = arrival_ns
        code, track = self._codes.get(kind), self._track
        if code is None:
            self.other_type += count if kind != self.agreed.event_type else 0
        elif track is None:
            self.dropped_without_permit += count
        else:
            self.captured += count
            if code != track.code:
                track.speak(code)
            codec = BY_CODE[code]
            step = size if codec.bytewise else codec.units(payloads)
            track.extend(sequence, rtp_time, arrival_ns, size, step, count, payloads)

    def _jump(self, sequence: int, ssrc: int, count: int) -> bool:
        """Count what is missing, or came late. False for a packet that came before."""
        ahead = sequence_distance(self._expected, sequence)
        if ssrc != self._ssrc:
            self._ssrc = ssrc
            self._holes.clear()
        elif not -MOST_BEHIND <= ahead <= MOST_AHEAD:
            if count == 1 and sequence != self._restart:
                self._restart = sequence + 1 & 0xFFFF
                self.late += 1
                return True
            self._holes.clear()
        elif ahead < 0:
            self.late += 1
            if sequence not in self._holes:
                return False
            self._holes.remove(sequence)
            self.lost -= 1
            return True
        else:
            self.lost += ahead
            self._note_holes(sequence, ahead)
        self._expected = sequence + count & 0xFFFF
        return True

    def _note_holes(self, sequence: int, ahead: int) -> None:
        self._holes.update(sequence - back & 0xFFFF for back in range(1, min(ahead, MOST_BEHIND) + 1))
        if len(self._holes) > 2 * MOST_BEHIND:
            self._holes = {one for one in self._holes if 0 < sequence_distance(one, sequence) <= MOST_BEHIND}

    def hear_report(self, datagram: bytes, arrival_ns: int) -> None:
        """Take an RTCP datagram of this leg's far end: a sign of life; what it says of itself is counted."""
        if self.keyed is not None:
            datagram = self.keyed.open_report(datagram)
            if not datagram:
                self.unauthentic += 1
                return
        try:
            kinds = packet_types(datagram)
        except NotRtcp:
            self.malformed += 1
            return
        self.heard_ns = arrival_ns
        self.reports += 1
        self.goodbyes += GOODBYE in kinds

    def totals(self) -> Totals:
        """What is noted each second."""
        return self.received, self.captured, self.dropped_without_permit, self.lost, self.late

    def counters(self) -> dict[str, int]:
        """What it counted, by name."""
        return {name: int(getattr(self, name)) for name in COUNTERS}
