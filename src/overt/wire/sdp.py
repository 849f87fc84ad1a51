"""Session descriptions (RFC 8866): reading them, and our offers and answers of G.711 with telephone events (RFC 3264).

Sound may be encrypted, with the keys in the description (RFC 4568). What is not RTP with keys that we can use, is refused.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Literal

from overt.wire import sdes
from overt.wire.rtp import codecs
from overt.wire.sdes import Crypto, SrtpKeys
from overt.wire.sip.errors import RemoteProtocolError

LARGEST = 32_768
MOST_LINES = 512
MOST_MEDIA = 16
Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]
MIRRORED: dict[Direction, Direction] = {
    "sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive",
}  # fmt: skip
STATIC = {0: "PCMU/8000", 8: "PCMA/8000"}
NAMED = {
    **{number: f"{codec.name}/{codec.clock}" for number, codec in codecs.BY_TYPE.items()},
    13: "CN/8000",
}  # payload types that need no rtpmap (RFC 3551 §6)
CODECS = ("PCMU/8000", "PCMA/8000")
EVENT = "TELEPHONE-EVENT/8000"
EVENT_TYPE = 101
PLAIN, SECURE = ("RTP/AVP", "RTP/AVPF"), ("RTP/SAVP", "RTP/SAVPF")
NOWHERE = ("0.0.0.0", "::")
Secrecy = Literal["off", "optional", "required"]


@dataclass(frozen=True, slots=True)
class Media:
    """One m-line. `formats` maps payload type to encoding name, clock rate and channels, in the order of preference.

    `address` is a literal, or empty. `crypto` are the keys that we can use; `record` what the other end says of recording
    (RFC 7866 §7.3.2).
    """

    kind: str
    port: int
    protocol: str
    formats: tuple[tuple[int, str], ...]
    address: str = ""
    rtcp_port: int = 0
    direction: Direction = "sendrecv"
    label: str = ""
    fmtp: tuple[tuple[int, str], ...] = ()
    crypto: tuple[Crypto, ...] = ()
    rtcp_mux: bool = False
    record: str = ""

    def types_of(self, encoding: str) -> list[int]:
        """The payload types of an encoding."""
        return [number for number, name in self.formats if name.upper() == encoding]

    def parameters_of(self, number: int) -> str:
        """The parameters of a format (fmtp)."""
        return next((parameters for one, parameters in self.fmtp if one == number), "")

    @property
    def codec(self) -> tuple[int, str] | None:
        """The first format that we relay, as (payload type, `PCMU` or `PCMA`)."""
        return next(((t, n.upper().partition("/")[0]) for t, n in self.formats if n.upper() in CODECS), None)

    @property
    def event_type(self) -> int | None:
        """The payload type of telephone-event at 8 kHz."""
        return next(iter(self.types_of(EVENT)), None)

    @property
    def secure(self) -> bool:
        """True when its sound is encrypted."""
        return self.protocol in SECURE

    @property
    def usable(self) -> bool:
        """True for sound over RTP that is not refused, from an address that we can read, with keys that we can use."""
        known = self.protocol in PLAIN or (self.secure and bool(self.crypto))
        return self.kind == "audio" and bool(self.port) and known and bool(self.address)


@dataclass(frozen=True, slots=True)
class Description:
    """A session description: origin's id and version, and its media."""

    media: tuple[Media, ...]
    session_id: int = 0
    version: int = 0
    address: str = ""

    @property
    def audio(self) -> Media | None:
        """The m-line that we take up, encrypted or not."""
        return self.audio_of("optional")

    def audio_of(self, secrecy: Secrecy) -> Media | None:
        """The m-line that we take up: the first that is usable, one with a codec that we relay before others."""
        unfit = {"off": True, "optional": None, "required": False}[secrecy]
        fit = [one for one in self.media if one.usable and one.secure is not unfit]
        return next((one for one in fit if one.codec is not None), fit[0] if fit else None)


def parse(body: bytes) -> Description:
    """Read a description. Raises RemoteProtocolError 488 when malformed or out of bounds."""
    if len(body) > LARGEST:
        raise RemoteProtocolError("session description too large", 488)
    lines = body.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if len(lines) > MOST_LINES:
        raise RemoteProtocolError("session description with too many lines", 488)
    sections: list[list[str]] = [[]]
    for line in lines:
        if line.startswith("m="):
            sections.append([])
        sections[-1].append(line.rstrip())
    if len(sections) > MOST_MEDIA + 1 or not lines[0].startswith("v=0"):
        raise RemoteProtocolError("not a session description", 488)
    try:
        session_id, version = _origin(sections[0])
        address = _connection(sections[0], "")
        direction = _direction(sections[0], "sendrecv")
        media = tuple(_media(section, address, direction) for section in sections[1:])
    except (ValueError, IndexError) as error:
        raise RemoteProtocolError("malformed session description", 488) from error
    return Description(media, session_id, version, address)


def _origin(lines: list[str]) -> tuple[int, int]:
    origin = next((line[2:].split() for line in lines if line.startswith("o=")), ["-", "0", "0"])
    return int(origin[1]), int(origin[2])


def _connection(lines: list[str], default: str) -> str:
    found = next((line.split() for line in lines if line.startswith("c=")), None)
    return found[2].partition("/")[0] if found else default


def _direction(lines: list[str], default: Direction) -> Direction:
    return next((d for d in MIRRORED for line in lines if line == f"a={d}"), default)


def _media(lines: list[str], address: str, direction: Direction) -> Media:
    kind, port, protocol, *types = lines[0][2:].split()
    own_port = _port(port.partition("/")[0])
    attributes = [line[2:].partition(":")[::2] for line in lines[1:] if line.startswith("a=")]
    given = dict(reversed(attributes))
    named = [int(one) for one in types if one.isascii() and one.isdecimal() and len(one) <= 3 and int(one) < 128]
    spoken = protocol.upper()
    own = _connection(lines, address)
    way: Direction = "inactive" if own in NOWHERE else _direction(lines, direction)
    crypto = tuple(c for name, value in attributes if name == "crypto" and (c := sdes.read(value)) is not None)
    return Media(
        kind, own_port, spoken if spoken in PLAIN + SECURE else protocol, _formats(named, attributes), _literal(own),
        _port(given.get("rtcp", "0").split()[0]) or min(own_port + 1, 65535), way, given.get("label", ""),
        _parameters(named, attributes), crypto, "rtcp-mux" in given, given.get("record", ""),
    )  # fmt: skip


def _formats(named: list[int], attributes: list[tuple[str, str]]) -> tuple[tuple[int, str], ...]:
    names = {number: NAMED.get(number, "") for number in named}
    for name, value in attributes:
        if name == "rtpmap":
            number, encoding = value.split(None, 1)
            if int(number) in names:
                names[int(number)] = encoding.strip().removesuffix("/1")
    return tuple(names.items())


def _parameters(named: list[int], attributes: list[tuple[str, str]]) -> tuple[tuple[int, str], ...]:
    """The parameters of formats; what is malformed belongs to none."""
    values = {str(number): number for number in named}
    pairs = [value.split(None, 1) for name, value in attributes if name == "fmtp"]
    return tuple((values[one[0]], one[1].strip()) for one in pairs if len(one) == 2 and one[0] in values)


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port < 65536:
        raise ValueError(text)
    return port


def _literal(address: str) -> str:
    """An address as it stands, empty for a name: nothing here, or after us, looks a name up."""
    try:
        return address if "%" not in address and ipaddress.ip_address(address) else ""
    except ValueError:
        return ""


def write(
    address: str, port: int, *, session_id: int, version: int, formats: tuple[tuple[int, str], ...],
    direction: Direction = "sendrecv", refused: tuple[Media, ...] = (), audio_at: int = 0, protocol: str = "",
    crypto: tuple[Crypto, ...] = (),
) -> bytes:  # fmt: skip
    """An offer, or an answer whose refused m-lines keep their places around the audio line (RFC 3264 §6)."""
    blocks = [refusal(m) for m in refused]
    audio = [f"m=audio {port} {protocol or (SECURE if crypto else PLAIN)[0]} {' '.join(str(t) for t, _ in formats)}"]
    for number, name in formats:
        audio.append(f"a=rtpmap:{number} {name}")
        if name.upper() == EVENT:
            audio.append(f"a=fmtp:{number} 0-15")
    audio += [f"a={one}" for one in crypto]
    audio += ["a=ptime:20", f"a=rtcp:{port + 1}", f"a={direction}"]
    blocks.insert(audio_at, audio)
    return joined(address, blocks, session_id=session_id, version=version)


def joined(address: str, blocks: list[list[str]], *, session_id: int, version: int) -> bytes:
    """A description of ours: its head, then the lines of each m-line."""
    lines = [
        "v=0", f"o=overt {session_id} {version} IN {family(address)} {address}", "s=overt",
        f"c=IN {family(address)} {address}", "t=0 0",
    ]  # fmt: skip
    return ("\r\n".join(lines + [line for block in blocks for line in block]) + "\r\n").encode()


def refusal(media: Media) -> list[str]:
    """The lines that refuse an m-line: port 0, its protocol and formats as they came (RFC 3264 §6)."""
    return [f"m={media.kind} 0 {media.protocol} {' '.join(str(t) for t, _ in media.formats) or '0'}"]


def family(address: str) -> str:
    """The type of an address, as c= and o= name it."""
    return "IP6" if ":" in address else "IP4"


def offer(
    address: str, port: int, *, session_id: int, version: int = 1, first: str = "PCMU",
    direction: Direction = "sendrecv", key: bytes = b"", secure: bool = False,
) -> bytes:  # fmt: skip
    """Our offer: both laws of G.711, the preferred one first, with telephone events.

    `secure`: encrypted, with keys made from `key`, at least 30 random bytes; the same ones keep the keys in a new offer.
    """
    laws = sorted(STATIC.items(), key=lambda one: one[1] != f"{first}/8000")
    formats = (*laws, (EVENT_TYPE, "telephone-event/8000"))
    crypto = sdes.offered(key) if secure else ()
    return write(
        address, port, session_id=session_id, version=version, formats=formats, direction=direction, crypto=crypto
    )


def answer(
    offered: Description, address: str, port: int, *, session_id: int, version: int, key: bytes = b"",
    secrecy: Secrecy = "optional",
) -> bytes:  # fmt: skip
    """Our answer to an offer: its first codec that we relay, its event type, its direction mirrored.

    Encrypted sound is answered with keys made from `key`; without one it is taken for `secrecy` off. Raises
    RemoteProtocolError 488 when it has no audio that we can relay.
    """
    wanted: Secrecy = secrecy if key or secrecy == "required" else "off"
    audio = offered.audio_of(wanted)
    if audio is None or audio.codec is None:
        raise RemoteProtocolError(unfit(offered, wanted), 488)
    number, name = audio.codec
    formats = [(number, f"{name}/8000")]
    if audio.event_type is not None:
        formats.append((audio.event_type, "telephone-event/8000"))
    ours = sdes.chosen(audio.crypto, key) if audio.secure else None
    others = tuple(m for m in offered.media if m is not audio)
    return write(
        address, port, session_id=session_id, version=version, formats=tuple(formats), protocol=audio.protocol,
        direction=MIRRORED[audio.direction], refused=others, audio_at=offered.media.index(audio),
        crypto=(ours,) if ours else (),
    )  # fmt: skip


def unfit(offered: Description, secrecy: Secrecy) -> str:
    """Why an offer has nothing that we can relay."""
    if secrecy == "required" and offered.audio_of("off") is not None:
        return "sound must be encrypted here (RTP/SAVP with a=crypto), and is offered in the clear"
    if secrecy == "off" and offered.audio_of("required") is not None:
        return "encrypted sound is offered, and encryption is off here"
    if any(m.secure and not m.crypto for m in offered.media):
        return f"encrypted sound is offered with no suite that we have ({', '.join(sdes.SUITES)})"
    if any(m.kind == "audio" and m.port and not m.address for m in offered.media):
        return "sound is offered without an address (c=), or with a name in its place"
    return "no G.711 audio over RTP/AVP is offered"


def srtp_of(key: bytes, theirs: Description, secrecy: Secrecy = "optional") -> SrtpKeys | None:
    """The keys of a leg, from the key that our side was written with and their offer or answer; None: in the clear."""
    audio = theirs.audio_of(secrecy)
    if audio is None or not audio.secure:
        return None
    first = audio.crypto[0]
    return SrtpKeys(first.suite, receive=first.key, send=sdes.of_suite(key, first.suite))
