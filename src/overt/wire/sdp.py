"""Session descriptions (RFC 8866), as offers and answers of G.711 with telephone events (RFC 3264)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from overt.wire.sip.errors import RemoteProtocolError

LARGEST = 32_768
MOST_LINES = 512
MOST_MEDIA = 16
Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]
MIRRORED: dict[Direction, Direction] = {
    "sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive",
}  # fmt: skip
STATIC = {0: "PCMU/8000", 8: "PCMA/8000"}
CODECS = ("PCMU/8000", "PCMA/8000")
EVENT = "TELEPHONE-EVENT/8000"
EVENT_TYPE = 101


@dataclass(frozen=True, slots=True)
class Media:
    """One m-line. `formats` maps payload type to encoding name and clock rate, in the order of preference."""

    kind: str
    port: int
    protocol: str
    formats: tuple[tuple[int, str], ...]
    address: str = ""
    rtcp_port: int = 0
    direction: Direction = "sendrecv"
    label: str = ""

    def types_of(self, encoding: str) -> list[int]:
        """The payload types of an encoding."""
        return [number for number, name in self.formats if name.upper() == encoding]

    @property
    def codec(self) -> tuple[int, str] | None:
        """The first format that we relay, as (payload type, `PCMU` or `PCMA`)."""
        return next(((t, n.upper().partition("/")[0]) for t, n in self.formats if n.upper() in CODECS), None)

    @property
    def event_type(self) -> int | None:
        """The payload type of telephone-event at 8 kHz."""
        return next(iter(self.types_of(EVENT)), None)


@dataclass(frozen=True, slots=True)
class Description:
    """A session description: origin's id and version, and its media."""

    media: tuple[Media, ...]
    session_id: int = 0
    version: int = 0
    address: str = ""

    @property
    def audio(self) -> Media | None:
        """The first audio m-line over RTP/AVP that is not refused."""
        return next((m for m in self.media if m.kind == "audio" and m.port and m.protocol == "RTP/AVP"), None)


def parse(body: bytes) -> Description:
    """Read a description. Raises RemoteProtocolError 488 when malformed or out of bounds."""
    if len(body) > LARGEST:
        raise RemoteProtocolError("session description too large", 488)
    lines = body.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
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
    names = {int(t): STATIC.get(int(t), "") for t in types if t.isdecimal()}
    rtcp_port, label = 0, ""
    for line in lines[1:]:
        name, _, value = line.removeprefix("a=").partition(":")
        if name == "rtpmap":
            number, encoding = value.split(None, 1)
            if int(number) in names:
                names[int(number)] = "/".join(encoding.strip().split("/")[:2])
        elif name == "rtcp":
            rtcp_port = int(value.split()[0])
        elif name == "label":
            label = value
    own_port = int(port.partition("/")[0])
    if not 0 <= own_port < 65536 or not 0 <= rtcp_port < 65536:
        raise ValueError(port)
    own = _connection(lines, address)
    way: Direction = "inactive" if own == "0.0.0.0" else _direction(lines, direction)
    return Media(kind, own_port, protocol, tuple(names.items()), own, rtcp_port or own_port + 1, way, label)


def write(
    address: str, port: int, *, session_id: int, version: int, formats: tuple[tuple[int, str], ...],
    direction: Direction = "sendrecv", refused: tuple[Media, ...] = (), audio_at: int = 0,
) -> bytes:  # fmt: skip
    """An offer, or an answer whose refused m-lines keep their places around the audio line (RFC 3264 §6)."""
    lines = [
        "v=0", f"o=overt {session_id} {version} IN {_family(address)} {address}", "s=overt",
        f"c=IN {_family(address)} {address}", "t=0 0",
    ]  # fmt: skip
    blocks = [[f"m={m.kind} 0 {m.protocol} {' '.join(str(t) for t, _ in m.formats) or '0'}"] for m in refused]
    audio = [f"m=audio {port} RTP/AVP {' '.join(str(t) for t, _ in formats)}"]
    for number, name in formats:
        audio.append(f"a=rtpmap:{number} {name}")
        if name.upper() == EVENT:
            audio.append(f"a=fmtp:{number} 0-15")
    audio += ["a=ptime:20", f"a=rtcp:{port + 1}", f"a={direction}"]
    blocks.insert(audio_at, audio)
    return ("\r\n".join(lines + [line for block in blocks for line in block]) + "\r\n").encode()


def _family(address: str) -> str:
    return "IP6" if ":" in address else "IP4"


def offer(address: str, port: int, *, session_id: int, version: int = 1, first: str = "PCMU") -> bytes:
    """Our offer: both laws of G.711, the preferred one first, with telephone events."""
    laws = sorted(STATIC.items(), key=lambda one: one[1] != f"{first}/8000")
    formats = (*laws, (EVENT_TYPE, "telephone-event/8000"))
    return write(address, port, session_id=session_id, version=version, formats=formats)


def answer(offered: Description, address: str, port: int, *, session_id: int, version: int) -> bytes:
    """Our answer to an offer: its first codec that we relay, its event type, its direction mirrored.

    Raises RemoteProtocolError 488 when it has no audio that we can relay.
    """
    audio = offered.audio
    if audio is None or audio.codec is None:
        raise RemoteProtocolError("no G.711 audio over RTP/AVP is offered", 488)
    number, name = audio.codec
    formats = [(number, f"{name}/8000")]
    if audio.event_type is not None:
        formats.append((audio.event_type, "telephone-event/8000"))
    others = tuple(m for m in offered.media if m is not audio)
    return write(
        address, port, session_id=session_id, version=version, formats=tuple(formats),
        direction=MIRRORED[audio.direction], refused=others, audio_at=offered.media.index(audio),
    )  # fmt: skip
