"""SRTP and SRTCP (RFC 3711; AES-GCM: RFC 7714): opening what arrives, sealing what is sent, with one key a direction.

A packet's index is 48 bits: the rollover counter and the sequence number. The counter is not in the packet; a process that
goes on with a stream must be told it (`rocs`), and tells it when it changes (`on_roll`). What was seen within 128 packets
is not taken twice, nor sent twice with another content: a key stream used twice gives both contents away.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

HEADER_BYTES = 12
RTCP_HEADER_BYTES = 8
_KEY_BYTES = {
    "AES_CM_128_HMAC_SHA1_80": 16, "AES_CM_128_HMAC_SHA1_32": 16, "AEAD_AES_128_GCM": 16, "AEAD_AES_256_GCM": 32,
}  # fmt: skip
_WINDOW = 128
_FULL = (1 << _WINDOW) - 1
_MOST_SOURCES = 1024
_ENCRYPTED = 1 << 31
_GCM_TAG = 16
_MAC_BLOCK = 64

Buffer = bytearray | memoryview


class _Transform(Protocol):
    """Encryption and authentication of one kind of packets with one session key. `begin`: where the content begins."""

    def open_rtp(self, packet: Buffer, size: int, begin: int, ssrc: int, index: int) -> bytes | None:
        """The content, None when it is not authentic."""
        ...

    def seal_rtp(self, packet: bytes | Buffer, begin: int, ssrc: int, index: int) -> bytes:
        """The whole packet, sealed."""
        ...

    def open_rtcp(self, packet: bytes) -> tuple[int, bytes] | None:
        """The index and the whole packet, opened; None when it is not authentic."""
        ...

    def seal_rtcp(self, packet: bytes, ssrc: int, index: int) -> bytes:
        """The whole packet, sealed."""
        ...


class _Counter:
    """AES in counter mode and HMAC-SHA1 (RFC 3711 §4.1.1, §4.2.1)."""

    def __init__(self, key: bytes, salt: bytes, mac_key: bytes, tag: int) -> None:
        self._cipher = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor()
        self._salt, self._tag = int.from_bytes(salt, "big") << 16, tag
        padded = mac_key.ljust(_MAC_BLOCK, b"\0")
        self._inner = hashlib.sha1(bytes(one ^ 0x36 for one in padded))  # HMAC by hand: half the time of `hmac`
        self._outer = hashlib.sha1(bytes(one ^ 0x5C for one in padded))

    def _streamed(self, content: bytes | Buffer, ssrc: int, index: int) -> bytes:
        self._cipher.reset_nonce((self._salt ^ ssrc << 64 ^ index << 16).to_bytes(16, "big"))
        return self._cipher.update(content)

    def _code(self, content: bytes | Buffer, rest: bytes) -> bytes:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(content)
        inner.update(rest)
        outer.update(inner.digest())
        return outer.digest()[: self._tag]

    def open_rtp(self, packet: Buffer, size: int, begin: int, ssrc: int, index: int) -> bytes | None:
        end = size - self._tag
        if end < begin:
            return None
        code = self._code(packet[:end], (index >> 16).to_bytes(4, "big"))
        if not hmac.compare_digest(code, packet[end:size]):
            return None
        return self._streamed(packet[begin:end], ssrc, index)

    def seal_rtp(self, packet: bytes | Buffer, begin: int, ssrc: int, index: int) -> bytes:
        sealed = bytes(packet[:begin]) + self._streamed(packet[begin:], ssrc, index)
        return sealed + self._code(sealed, (index >> 16).to_bytes(4, "big"))

    def open_rtcp(self, packet: bytes) -> tuple[int, bytes] | None:
        end = len(packet) - self._tag
        if end < RTCP_HEADER_BYTES + 4 or not hmac.compare_digest(self._code(packet[:end], b""), packet[end:]):
            return None
        word = int.from_bytes(packet[end - 4 : end], "big")
        if not word & _ENCRYPTED:
            return None
        index, ssrc = word ^ _ENCRYPTED, int.from_bytes(packet[4:8], "big")
        content = self._streamed(packet[RTCP_HEADER_BYTES : end - 4], ssrc, index)
        return index, packet[:RTCP_HEADER_BYTES] + content

    def seal_rtcp(self, packet: bytes, ssrc: int, index: int) -> bytes:
        content = self._streamed(packet[RTCP_HEADER_BYTES:], ssrc, index)
        sealed = packet[:RTCP_HEADER_BYTES] + content + (index | _ENCRYPTED).to_bytes(4, "big")
        return sealed + self._code(sealed, b"")


class _Gcm:
    """AES-GCM (RFC 7714 §8, §9)."""

    def __init__(self, key: bytes, salt: bytes) -> None:
        self._cipher, self._salt = AESGCM(key), int.from_bytes(salt, "big")

    def _nonce(self, ssrc: int, index: int) -> bytes:
        return (self._salt ^ ssrc << 48 ^ index).to_bytes(12, "big")

    def open_rtp(self, packet: Buffer, size: int, begin: int, ssrc: int, index: int) -> bytes | None:
        try:
            return self._cipher.decrypt(self._nonce(ssrc, index), packet[begin:size], packet[:begin])
        except InvalidTag:
            return None

    def seal_rtp(self, packet: bytes | Buffer, begin: int, ssrc: int, index: int) -> bytes:
        head = bytes(packet[:begin])
        return head + self._cipher.encrypt(self._nonce(ssrc, index), packet[begin:], head)

    def open_rtcp(self, packet: bytes) -> tuple[int, bytes] | None:
        head, sealed, word = packet[:RTCP_HEADER_BYTES], packet[RTCP_HEADER_BYTES:-4], packet[-4:]
        index = int.from_bytes(word, "big") ^ _ENCRYPTED
        if len(sealed) < _GCM_TAG or index & _ENCRYPTED:
            return None
        try:
            nonce = self._nonce(int.from_bytes(head[4:], "big"), index)
            return index, head + self._cipher.decrypt(nonce, sealed, head + word)
        except InvalidTag:
            return None

    def seal_rtcp(self, packet: bytes, ssrc: int, index: int) -> bytes:
        head, word = packet[:RTCP_HEADER_BYTES], (index | _ENCRYPTED).to_bytes(4, "big")
        return head + self._cipher.encrypt(self._nonce(ssrc, index), packet[RTCP_HEADER_BYTES:], head + word) + word


def transforms(suite: str, key: bytes) -> tuple[_Transform, _Transform]:
    """What seals RTP, and what seals RTCP, with keys derived from a master key and salt (RFC 3711 §4.3).

    Raises ValueError for a suite that is none of `sdes.SUITES`, and a key of another length.
    """
    size = _KEY_BYTES.get(suite)
    salt = 12 if suite.startswith("AEAD") else 14
    if size is None or len(key) != size + salt:
        raise ValueError(f"no suite {suite} with a key of {len(key)} bytes")
    parts = [derived(key[:size], key[size:], label, wanted) for label, wanted in enumerate((size, 20, salt) * 2)]
    if salt == 12:
        return _Gcm(parts[0], parts[2]), _Gcm(parts[3], parts[5])
    tag = 4 if suite.endswith("_32") else 10
    return _Counter(parts[0], parts[2], parts[1], tag), _Counter(parts[3], parts[5], parts[4], 10)


def derived(master: bytes, salt: bytes, label: int, size: int) -> bytes:
    """A session key (RFC 3711 §4.3.1 with a derivation rate of 0; RFC 7714 §11: a short salt is padded at its end)."""
    nonce = int.from_bytes(salt.ljust(14, b"\0"), "big") ^ label << 48
    return Cipher(algorithms.AES(master), modes.CTR((nonce << 16).to_bytes(16, "big"))).encryptor().update(bytes(size))


class _Seen:
    """Which indices of a source were seen: the highest, and a bit for each of the 128 up to it."""

    __slots__ = ("bits", "top")

    def __init__(self, top: int) -> None:
        self.top, self.bits = top, 0

    def near(self, sequence: int) -> int:
        """The index that a sequence number most probably has (RFC 3711 §3.3.1); below zero: before the first packet."""
        return self.top + ((sequence - self.top + 0x8000 & 0xFFFF) - 0x8000)

    def before(self, index: int) -> bool:
        """True for an index that was seen, or is too old to say."""
        behind = self.top - index
        return behind >= _WINDOW or (behind >= 0 and bool(self.bits >> behind & 1))

    def mark(self, index: int) -> None:
        """Note an index as seen."""
        ahead = index - self.top
        if ahead > 0:
            self.bits = (self.bits << ahead | 1) & _FULL if ahead < _WINDOW else 1
            self.top = index
        else:
            self.bits |= 1 << -ahead


def content_begin(packet: bytes | Buffer, size: int) -> int:
    """Where a packet's content begins, after header, sources and extension (RFC 3550 §5.1); 0: it is no RTP."""
    if size < HEADER_BYTES or packet[0] >> 6 != 2:
        return 0
    begin = HEADER_BYTES + 4 * (packet[0] & 15)
    if packet[0] & 0x10:
        if begin + 4 > size:
            return 0
        begin += 4 + 4 * int.from_bytes(packet[begin + 2 : begin + 4], "big")
    return begin if begin <= size else 0


def _nothing(_ssrc: int, _roc: int) -> None:
    """Nobody wants to know of the counter."""


class Unprotector:
    """Opens what one end sends, whatever its sources. `rocs`: rollover counters of sources that were heard before.

    Raises ValueError for a key that does not fit the suite.
    """

    def __init__(
        self, suite: str, key: bytes, rocs: Mapping[int, int] | None = None,
        on_roll: Callable[[int, int], None] = _nothing,
    ) -> None:  # fmt: skip
        self._rtp, self._rtcp = transforms(suite, key)
        self._known = dict(rocs or {})
        self._on_roll = on_roll
        self._sources: dict[int, _Seen] = {}
        self._reports: dict[int, _Seen] = {}

    @property
    def rocs(self) -> dict[int, int]:
        """The rollover counter of each source."""
        return self._known | {ssrc: seen.top >> 16 for ssrc, seen in self._sources.items()}

    def rtp(self, packet: Buffer, size: int) -> int:
        """Open a packet in its place and return its new size; 0 when it is not authentic, or was seen."""
        begin = HEADER_BYTES if size >= HEADER_BYTES and packet[0] == 0x80 else content_begin(packet, size)
        if not begin:
            return 0
        sequence = packet[2] << 8 | packet[3]
        ssrc = int.from_bytes(packet[8:12], "big")
        seen = self._sources.get(ssrc)
        if seen is None:
            return self._first(packet, size, begin, sequence, ssrc)
        index = seen.near(sequence)
        if index < 0 or seen.before(index):
            return 0
        content = self._rtp.open_rtp(packet, size, begin, ssrc, index)
        if content is None:
            return 0
        rolled = index >> 16 > seen.top >> 16
        seen.mark(index)
        if rolled:
            self._on_roll(ssrc, index >> 16)
        return _put(packet, begin, content)

    def _first(self, packet: Buffer, size: int, begin: int, sequence: int, ssrc: int) -> int:
        """The first packet of a source: with the counter that is known, the next (it turned over unseen), or none."""
        known = self._known.get(ssrc, 0)
        for roc in dict.fromkeys((known, known + 1, 0)):
            content = self._rtp.open_rtp(packet, size, begin, ssrc, roc << 16 | sequence)
            if content is not None:
                seen = _take_in(self._sources, ssrc, roc << 16 | sequence)
                seen.mark(seen.top)
                if roc != known:
                    self._on_roll(ssrc, roc)
                return _put(packet, begin, content)
        return 0

    def rtcp(self, packet: bytes) -> bytes:
        """Open a compound packet; empty when it is not authentic, or was seen."""
        opened = self._rtcp.open_rtcp(packet)
        if opened is None:
            return b""
        index, plain = opened
        ssrc = int.from_bytes(plain[4:8], "big")
        seen = self._reports.get(ssrc) or _take_in(self._reports, ssrc, index)
        if seen.before(index):
            return b""
        seen.mark(index)
        return plain


def _take_in(sources: dict[int, _Seen], ssrc: int, index: int) -> _Seen:
    """A new source; of very many, the one that was first is forgotten."""
    if len(sources) >= _MOST_SOURCES:
        sources.pop(next(iter(sources)))
    seen = sources[ssrc] = _Seen(index)
    return seen


def _put(packet: Buffer, begin: int, content: bytes) -> int:
    end = begin + len(content)
    packet[begin:end] = content
    return end


class Protector:
    """Seals what we send. The sequence numbers of a source begin below 32,768 (RFC 3711 §3.3.1), so that nobody misses a turn.

    Raises ValueError for a key that does not fit the suite.
    """

    def __init__(self, suite: str, key: bytes) -> None:
        self._rtp, self._rtcp = transforms(suite, key)
        self._sources: dict[int, _Seen] = {}
        self._reports = 0

    def follows(self, ssrc: int, sequence: int) -> bool:
        """False when a sequence number lies so far back that nothing could be sent with it."""
        seen = self._sources.get(ssrc)
        return seen is None or seen.top - seen.near(sequence) < _WINDOW

    def rtp(self, packet: bytes | Buffer) -> bytes:
        """A packet, sealed; empty when its index was used, or it is no RTP: then it must not be sent."""
        begin = content_begin(packet, len(packet))
        if not begin:
            return b""
        ssrc, sequence = int.from_bytes(packet[8:12], "big"), packet[2] << 8 | packet[3]
        seen = self._sources.get(ssrc) or _take_in(self._sources, ssrc, sequence)
        index = seen.near(sequence)
        if index < 0 or seen.before(index):
            return b""
        seen.mark(index)
        return self._rtp.seal_rtp(packet, begin, ssrc, index)

    def rtcp(self, packet: bytes) -> bytes:
        """A compound packet, sealed; each has the next index."""
        self._reports += 1
        return self._rtcp.seal_rtcp(packet, int.from_bytes(packet[4:8], "big"), self._reports & _ENCRYPTED - 1)
