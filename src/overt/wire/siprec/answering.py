"""Our side of a recording session's description (RFC 7866 §7, §8): which streams we hear, and which codecs we can keep.

We never send sound: each line of ours is `recvonly`, or `inactive` while nothing may be heard. The answer keeps every
format that can be stored, telephone-event and comfort noise with them: there are clients that hang up when one is missing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Literal

from overt.wire import sdes, sdp
from overt.wire.rtp import codecs
from overt.wire.sdes import SrtpKeys
from overt.wire.sdp import Description, Media

Heard = Literal["recvonly", "inactive"]
_TOKEN = re.compile(r"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]{1,64}")
_BESIDE = re.compile(r"(telephone-event|CN)/[0-9]{4,6}", re.IGNORECASE)
_SAFE = re.compile(r"[\x20-\x7e]{1,400}")
OURS = (
    *((number, f"{one.name}/{one.clock}", "") for number, one in codecs.BY_TYPE.items()),
    (96, "opus/48000/2", ""), (97, "AMR/8000", ""), (98, "AMR/8000", "octet-align=1"), (99, "AMR-WB/16000", ""),
    (100, "AMR-WB/16000", "octet-align=1"), (101, "telephone-event/8000", "0-15"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class OurLine:
    """What we say to their m-line number `index` (0 is the first): our address, and the payload types that we keep.

    `key`: at least 30 random bytes when the line is encrypted; the same ones keep its keys in what follows.
    """

    index: int
    address: str
    port: int
    direction: Heard
    formats: tuple[int, ...]
    key: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Storable:
    """What can be kept of an m-line: its payload types (`kept`, in their order), those with sound by the name of their
    codec, the type of telephone-event at the clock of the first of them, and a sentence for each thing that cannot.
    """

    kept: tuple[int, ...]
    codecs: tuple[tuple[int, str], ...]
    event_type: int | None
    refused: tuple[str, ...]


def storable(media: Media, decodable: AbstractSet[str], secrecy: sdp.Secrecy = "optional") -> Storable:
    """What of an m-line can be stored, and decoded later: `decodable` are names of `codecs.CODECS`.

    Nothing is kept when the line is refused, is no sound over RTP, or has no codec that can be stored.
    """
    why = _unfit(media, secrecy)
    if why:
        return Storable((), (), None, (why,) if media.port else ())
    sound: list[tuple[int, str]] = []
    beside: list[int] = []
    refused: list[str] = []
    for number, encoding in media.formats:
        codec = codecs.of_format(encoding, media.parameters_of(number))
        if _BESIDE.fullmatch(encoding):
            beside.append(number)
        elif codec is None:
            refused.append(_unknown(number, encoding, media.parameters_of(number)))
        elif codec.name not in decodable:
            refused.append(
                f"{codec.name} (payload type {number}) cannot be decoded on this machine: install the extra `codecs`"
            )
        else:
            sound.append((number, codec.name))
    if not sound:
        return Storable((), (), None, (*refused, "none of the codecs of this stream can be stored"))
    kept = tuple(number for number, _ in media.formats if number in beside or number in dict(sound))
    return Storable(kept, tuple(sound), _events(media, sound[0][1]), tuple(refused))


def _unfit(media: Media, secrecy: sdp.Secrecy) -> str:
    """Why an m-line is nothing that we can hear; empty when it is."""
    if media.kind != "audio":
        return f"a stream of {media.kind} is not stored: only sound is"
    if media.protocol not in sdp.PLAIN + sdp.SECURE:
        return f"sound over {media.protocol} is not heard: only RTP/AVP and RTP/SAVP are"
    if media.secure and secrecy == "off":
        return "an encrypted stream is offered, and encryption is off for this client"
    if media.secure and not media.crypto:
        return f"an encrypted stream is offered with no suite that we have ({', '.join(sdes.SUITES)})"
    if not media.secure and secrecy == "required":
        return "a stream in the clear is offered, and this client must encrypt (RTP/SAVP with a=crypto)"
    return "" if media.port else "the stream is closed (port 0)"


def _unknown(number: int, encoding: str, parameters: str) -> str:
    if not encoding:
        return f"payload type {number} is offered without a name (a=rtpmap)"
    if encoding.partition("/")[0].upper() in ("AMR", "AMR-WB"):
        return f"{encoding} with these parameters cannot be stored: {parameters or 'none'}"
    return f"{encoding} cannot be stored"


def _events(media: Media, first: str) -> int | None:
    """The type of telephone-event: at the clock of the first codec where it is offered, at any else."""
    clock = codecs.CODECS[first].clock
    exact = media.types_of(f"TELEPHONE-EVENT/{clock}")
    others = [number for number, name in media.formats if name.upper().startswith("TELEPHONE-EVENT/")]
    return next(iter(exact or others), None)


def answer(offer: Description, lines: Sequence[OurLine], *, session_id: int, version: int) -> bytes:
    """Our answer to a recording client's offer. An m-line without a line of ours is refused with port 0.

    What they do not send (`inactive`, `recvonly`) is `inactive` from us too (RFC 3264 §6.1).
    """
    mine = {line.index: line for line in lines}
    blocks = [_spoken(media, mine.get(index), answers=True) for index, media in enumerate(offer.media)]
    return sdp.joined(_address(lines), blocks, session_id=session_id, version=version)


def offer(theirs: Description, lines: Sequence[OurLine], *, session_id: int, version: int) -> bytes:
    """Our offer within a recording session: the same lines, opened or closed; `theirs` is their last description.

    A line of theirs that we do not name stays refused. Its keys are ours for the suite that they use.
    """
    mine = {line.index: line for line in lines}
    blocks = [_spoken(media, mine.get(index), answers=False) for index, media in enumerate(theirs.media)]
    return sdp.joined(_address(lines), blocks, session_id=session_id, version=version)


def first_offer(lines: Sequence[OurLine], decodable: AbstractSet[str], *, session_id: int, version: int) -> bytes:
    """Our offer to a client that made none: all that can be stored, in the clear unless a line has a key."""
    blocks = []
    for line in sorted(lines, key=lambda one: one.index):
        formats = [one for one in OURS if _kept(one, decodable)]
        media = Media(
            "audio", line.port, (sdp.SECURE if line.key else sdp.PLAIN)[0], tuple(one[:2] for one in formats),
            fmtp=tuple((number, parameters) for number, _, parameters in formats if parameters),
        )  # fmt: skip
        ours = replace(line, formats=tuple(number for number, _, _ in formats))
        blocks.append(_lines(media, ours, line.direction, sdes.offered(line.key) if line.key else ()))
    return sdp.joined(_address(lines), blocks, session_id=session_id, version=version)


def _kept(one: tuple[int, str, str], decodable: AbstractSet[str]) -> bool:
    codec = codecs.of_format(one[1], one[2])
    return codec is None or codec.name in decodable


def _spoken(media: Media, line: OurLine | None, *, answers: bool) -> list[str]:
    """What we say to one of their lines: it is heard as our line says, and refused when there is none."""
    if line is None or _unfit(media, "optional") or (media.secure and not line.key):
        return sdp.refusal(media)
    sent = media.direction in ("sendonly", "sendrecv")
    ours = sdes.chosen(media.crypto, line.key) if media.secure else None
    return _lines(media, line, line.direction if sent or not answers else "inactive", (ours,) if ours else ())


def _lines(media: Media, line: OurLine, heard: Heard, crypto: tuple[sdes.Crypto, ...]) -> list[str]:
    formats = [(number, name) for number, name in media.formats if number in line.formats]
    if not formats:
        return sdp.refusal(media)
    written = [
        f"m=audio {line.port} {media.protocol} {' '.join(str(number) for number, _ in formats)}",
        f"c=IN {sdp.family(line.address)} {line.address}",
    ]
    for number, name in formats:
        written.append(f"a=rtpmap:{number} {name}")
        parameters = media.parameters_of(number)
        if _SAFE.fullmatch(parameters):
            written.append(f"a=fmtp:{number} {parameters}")
    if _TOKEN.fullmatch(media.label):
        written.append(f"a=label:{media.label}")
    return [*written, *(f"a={one}" for one in crypto), f"a=rtcp:{line.port + 1}", f"a={heard}"]


def _address(lines: Sequence[OurLine]) -> str:
    """The address of the description as a whole; that of nobody when every line is refused."""
    return lines[0].address if lines else "0.0.0.0"


def keys_of(line: OurLine, theirs: Description) -> SrtpKeys | None:
    """The keys of a line, by their last description; None when it is in the clear, or there is no such line."""
    media = theirs.media[line.index] if line.index < len(theirs.media) else None
    if media is None or not media.secure or not media.crypto or not line.key:
        return None
    first = media.crypto[0]
    return SrtpKeys(first.suite, receive=first.key, send=sdes.of_suite(line.key, first.suite))
