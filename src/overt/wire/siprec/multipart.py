"""Bodies in parts (RFC 2046, RFC 5621) as recording clients send them, and as we write them.

Read leniently and told apart strictly: every departure from the rules is a remark, and the bounds are errors.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from overt.wire.sip.errors import LocalProtocolError
from overt.wire.sip.grammar import TOKEN, parse_parameters
from overt.wire.siprec.errors import BrokenBody, Remark, quoted

LARGEST = 65_535
MOST_PARTS = 16
MOST_HEADERS = 32
LONGEST_HEADER = 4_096
LONGEST_BOUNDARY = 200  # RFC 2046 allows 70
DEEPEST = 3
SDP = "application/sdp"
METADATA = ("application/rs-metadata+xml", "application/rs-metadata")
_GUESSED = re.compile(rb"(?:[ \t]*\r?\n)*--([^\r\n]{1,200}?)[ \t]{0,80}\r?\n(?:[A-Za-z-]+[ \t]*:|\r?\n)")
_BLANK = re.compile(rb"\r?\n")
_ALLOWED = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")

Headers = tuple[tuple[str, str], ...]


def media_type(content_type: str) -> str:
    """`Application/SDP; charset=x` → `application/sdp`."""
    return "".join(content_type.partition(";")[0].lower().split())


@dataclass(frozen=True, slots=True)
class Part:
    """One part: its headers as they stood, its body decoded, and the parts in it when it is itself in parts."""

    headers: Headers
    body: bytes
    parts: tuple[Part, ...] = ()

    def get(self, name: str) -> str:
        """The first value of a header, empty when it is missing."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    @property
    def kind(self) -> str:
        """The media type in lower case; from the look of the body where no header says it."""
        stated = media_type(self.get("Content-Type"))
        if stated in ("", "text/plain"):
            head = self.body.lstrip()[:5]
            return SDP if head[:3] == b"v=0" else METADATA[0] if head == b"<?xml" else stated or "text/plain"
        return stated

    @property
    def disposition(self) -> str:
        """`recording-session`, `session`, `signal`, …, in lower case; empty when none is said."""
        return self.get("Content-Disposition").partition(";")[0].strip().lower()

    @property
    def required(self) -> bool:
        """Whether the sender wants the message refused by who cannot handle this part (RFC 3261 §20.11)."""
        return parse_parameters(self.get("Content-Disposition").partition(";")[2]).get("handling") != "optional"

    def leaves(self) -> Iterator[Part]:
        """This part, or all parts inside it that are not themselves in parts."""
        if not self.parts:
            yield self
        for part in self.parts:
            yield from part.leaves()


@dataclass(frozen=True, slots=True)
class Body:
    """The body of a message taken apart: all parts in their order, flat, and what was wrong with how they came."""

    parts: tuple[Part, ...] = ()
    remarks: tuple[Remark, ...] = ()

    @property
    def sdp(self) -> bytes | None:
        """The first session description, None when there is none."""
        return next((part.body for part in self.parts if part.kind == SDP), None)

    @property
    def metadata(self) -> bytes | None:
        """The recording metadata: by its media type, else XML whose disposition is `recording-session`."""
        named = (part.body for part in self.parts if part.kind in METADATA)
        disposed = (
            part.body for part in self.parts
            if part.disposition == "recording-session" and (part.kind.endswith("xml") or part.body.lstrip()[:1] == b"<")
        )  # fmt: skip
        return next(named, None) or next(disposed, None)

    @property
    def others(self) -> tuple[Part, ...]:
        """Parts that are neither, such as Cisco's `application/gtd`."""
        return tuple(part for part in self.parts if part.body not in (self.sdp, self.metadata))


@dataclass(slots=True)
class _Reading:
    """What reading has found so far."""

    remarks: list[Remark] = field(default_factory=list)
    count: int = 0

    def remark(self, code: str, sentence: str) -> None:
        if code not in {one.code for one in self.remarks}:
            self.remarks.append(Remark(code, sentence))


def read_body(content_type: str, body: bytes) -> Body:
    """Take a message's body apart, in parts or of one kind; an empty one has no parts. Raises BrokenBody."""
    if len(body) > LARGEST:
        raise BrokenBody(f"The body has {len(body)} bytes; at most {LARGEST} are read.", 513)
    if not body.strip():
        return Body()
    reading = _Reading()
    whole = _nested(Part((("Content-Type", content_type),), body), reading, 0)
    return Body(tuple(whole.leaves()), tuple(reading.remarks))


def _nested(part: Part, reading: _Reading, depth: int) -> Part:
    """The part with the parts in it, if it is in parts."""
    content_type = part.get("Content-Type")
    unnamed = not content_type.strip() and _GUESSED.match(part.body) is not None
    if not media_type(content_type).startswith("multipart/") and not unnamed:
        return part
    if depth == DEEPEST:
        raise BrokenBody(f"The body has parts within parts, deeper than {DEEPEST}.")
    delimiter = _delimiter(_boundary(content_type), part.body, reading)
    pieces, last = _cut(delimiter, part.body)
    if last < 0:
        reading.remark("no-final-boundary", "The body ends without its final boundary; its last part may be cut short.")
    if not pieces:
        raise BrokenBody("The body says that it has parts, and has none.")
    reading.count += len(pieces)
    if reading.count > MOST_PARTS:
        raise BrokenBody(f"The body has more than {MOST_PARTS} parts.", 513)
    return Part(part.headers, part.body, tuple(_nested(_part(p, reading), reading, depth + 1) for p in pieces))


def _boundary(content_type: str) -> str:
    """The stated boundary, quotes taken off, empty when none is stated."""
    return parse_parameters(content_type.partition(";")[2]).get("boundary", "").strip()


def _delimiter(boundary: str, body: bytes, reading: _Reading) -> re.Pattern[bytes]:
    """What stands between parts: by the stated boundary, else by the one that the body visibly uses."""
    if len(boundary) > LONGEST_BOUNDARY:
        raise BrokenBody(f"The boundary of the body has {len(boundary)} characters; RFC 2046 allows 70.")
    stated = _pattern(boundary.encode("utf-8", "replace"))
    if boundary and stated.search(body):
        return stated
    guess = _GUESSED.match(body)
    if guess is None and not boundary:
        raise BrokenBody("The Content-Type says multipart and names no boundary, and the body does not show one.")
    if guess is None:
        raise BrokenBody(f"The boundary {quoted(boundary)} of the Content-Type does not stand in the body.")
    used = quoted(guess[1].decode("utf-8", "replace"))
    said = f"names the boundary {quoted(boundary)}" if boundary else "names no boundary"
    reading.remark("other-boundary", f"The Content-Type {said}; the body uses {used}, and was read by it.")
    return _pattern(guess[1])


def _pattern(boundary: bytes) -> re.Pattern[bytes]:
    """A line of two hyphens, the boundary, two more after the last part, and white space that does not count."""
    return re.compile(rb"(?:\A|\r?\n)--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\r?\n|\Z)")


def _cut(delimiter: re.Pattern[bytes], body: bytes) -> tuple[list[bytes], int]:
    """The pieces between delimiters, without preamble and epilogue, and where the final delimiter ends, or -1."""
    pieces: list[bytes] = []
    start = -1
    for found in delimiter.finditer(body):
        if start >= 0:
            pieces.append(body[start : found.start()])
        if found[1]:
            return pieces, found.end()
        start = found.end()
    return [*pieces, body[start:]] if body[start:].strip() else pieces, -1


def _part(piece: bytes, reading: _Reading) -> Part:
    """Read one part: headers, an empty line, the body."""
    at = _line_end(piece, 0)
    headers: list[tuple[str, str]] = []
    while at < len(piece):
        end = _BLANK.search(piece, at)
        line = piece[at : end.start() if end else len(piece)].decode("utf-8", "replace")
        if not line.strip(" \t"):
            at = end.end() if end else len(piece)
            break
        name, colon, value = line.partition(":")
        if line[0] in " \t" and headers:
            headers[-1] = (headers[-1][0], f"{headers[-1][1]} {line.strip()}")
        elif colon and TOKEN.fullmatch(name.rstrip()):
            headers.append((name.rstrip(), value.strip()))
        else:
            reading.remark("no-empty-line", "A part has no empty line between its headers and its body.")
            break
        if len(headers) > MOST_HEADERS or len(line) > LONGEST_HEADER or len(headers[-1][1]) > LONGEST_HEADER:
            raise BrokenBody("A part of the body has too many headers, or one too long.", 513)
        at = end.end() if end else len(piece)
    part = Part(tuple(headers), piece[at:])
    _check_length(part, reading)
    return Part(part.headers, _untransferred(part))


def _line_end(piece: bytes, at: int) -> int:
    found = _BLANK.match(piece, at)
    return found.end() if found else at


def _check_length(part: Part, reading: _Reading) -> None:
    """A part's own Content-Length never moves its end; one that contradicts the boundary is told."""
    stated = part.get("Content-Length")
    if stated and not (stated.isdecimal() and len(part.body.rstrip()) <= int(stated[:9]) <= len(part.body) + 2):
        said = f"The Content-Length of a part of kind {quoted(part.kind)} is not its length; the boundary was followed."
        reading.remark("part-length", said)


def _untransferred(part: Part) -> bytes:
    """The body without its Content-Transfer-Encoding."""
    encoding = part.get("Content-Transfer-Encoding").lower()
    if encoding == "quoted-printable":
        return binascii.a2b_qp(part.body)
    if encoding == "base64":
        try:
            return binascii.a2b_base64(part.body)
        except binascii.Error as error:
            raise BrokenBody("A part says that it is base64, and is not.") from error
    if encoding not in ("", "binary", "7bit", "8bit"):
        raise BrokenBody(f"A part has the transfer encoding {quoted(encoding)}, which nobody knows.", 415)
    return part.body


def write_body(parts: Iterable[tuple[Headers, bytes]], boundary: str = "") -> tuple[str, bytes]:
    """Write parts as `multipart/mixed`: the value of Content-Type, and the body.

    Without a boundary the first of `overt-1`, `overt-2`, … is taken that stands in no part. Raises LocalProtocolError for a
    boundary that RFC 2046 forbids or that stands in a part, for no parts, and for headers that hold a line end.
    """
    pieces = [_written(headers, body) for headers, body in parts]
    if not pieces:
        raise LocalProtocolError("a body in parts needs a part")
    number = 1
    chosen = boundary or "overt-1"
    while not boundary and any(f"--{chosen}".encode() in piece for piece in pieces):
        number += 1
        chosen = f"overt-{number}"
    if not _ALLOWED.fullmatch(chosen) or any(f"--{chosen}".encode() in piece for piece in pieces):
        raise LocalProtocolError("the boundary is not allowed, or stands in a part")
    joined = b"".join(b"--" + chosen.encode() + b"\r\n" + piece + b"\r\n" for piece in pieces)
    stated = chosen if TOKEN.fullmatch(chosen) else f'"{chosen}"'
    return f"multipart/mixed;boundary={stated}", joined + b"--" + chosen.encode() + b"--\r\n"


def _written(headers: Headers, body: bytes) -> bytes:
    lines = [f"{name}: {value}" for name, value in headers]
    if any("\r" in line or "\n" in line for line in lines):
        raise LocalProtocolError("a header holds a line end")
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" + body
