"""A SIP message as its ladder may show it: what an engineer needs to see, and nobody's number, name, key or words.

`SHOWN` is the whole table: a header that is not in it is shown by its length only, for nobody knows what an operator puts
there. Works on text, so that a message that no parser takes is shown as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from overt.domain.masking import MASK, Masker

How = Literal["text", "secret"]
LONGEST = 16_384
_TEXT = (
    "via", "max-forwards", "cseq", "call-id", "from", "to", "contact", "route", "record-route", "path", "service-route",
    "p-asserted-identity", "p-preferred-identity", "p-called-party-id", "remote-party-id", "diversion", "history-info",
    "refer-to", "referred-by", "replaces", "in-reply-to", "reply-to", "content-type", "content-length", "content-disposition",
    "content-encoding", "content-id", "mime-version", "allow", "allow-events", "supported", "require", "proxy-require",
    "unsupported", "accept", "accept-encoding", "accept-language", "user-agent", "server", "expires", "min-expires",
    "session-expires", "min-se", "retry-after", "reason", "warning", "privacy", "rack", "rseq", "event", "subscription-state",
    "date", "timestamp", "session-id",
)  # fmt: skip
_SECRET = (
    "authorization", "proxy-authorization", "www-authenticate", "proxy-authenticate", "authentication-info", "identity",
)  # fmt: skip
SHOWN: Mapping[str, How] = {**dict.fromkeys(_TEXT, "text"), **dict.fromkeys(_SECRET, "secret")}
COMPACT: Mapping[str, str] = {
    "i": "call-id", "m": "contact", "e": "content-encoding", "l": "content-length", "c": "content-type", "f": "from",
    "k": "supported", "t": "to", "v": "via", "r": "refer-to", "b": "referred-by", "o": "event", "u": "allow-events",
    "x": "session-expires", "y": "identity",
}  # fmt: skip
_FOLD = re.compile(r"\r?\n[ \t]+")
_LINES = re.compile(r"\r\n|\n|\r")
_BOUNDARY = re.compile(r"boundary\s*=\s*\"?([^\s\";]+)", re.IGNORECASE)


def traced(message: bytes, masker: Masker) -> str:
    """Return a message as it may be shown: lines ended by `\\n`, SDP masked, every other body by length and digest."""
    head, _, body = message.lstrip(b"\r\n").partition(b"\r\n\r\n")
    start, *lines = _LINES.split(_FOLD.sub(" ", head[:LONGEST].decode("utf-8", "replace")))
    shown = [masker.text(start), *(_header(line, masker) for line in lines if line)]
    kind = next((line.partition(":")[2].strip() for line in lines if _name(line) == "content-type"), "")
    return "\n".join([*shown, *([""] if body else []), *_body(kind, body, masker)])


def header(text: str, name: str) -> str:
    """The first value of a header in a text that `traced` returned, empty when it has none."""
    lines = text.partition("\n\n")[0].split("\n")[1:]
    return next((line.partition(":")[2].strip() for line in lines if _name(line) == name), "")


def _name(line: str) -> str:
    low = line.partition(":")[0].strip().lower()
    return COMPACT.get(low, low)


def _header(line: str, masker: Masker) -> str:
    name, colon, value = line.partition(":")
    how = SHOWN.get(_name(line)) if colon else None
    if how == "text":
        return f"{name}:{masker.text(':' + value)[1:]}"  # the colon tells a display name from other words
    if how == "secret":
        return f"{name}: {value.split()[0] if len(value.split()) > 1 else ''} {MASK}"
    named = name if colon and re.fullmatch(r"[A-Za-z-]{1,40}", name.strip()) else MASK
    return f"{named}: {MASK} ({len(value.strip())} characters)"


def _body(kind: str, body: bytes, masker: Masker) -> Iterator[str]:
    boundary = _BOUNDARY.search(kind)
    low = kind.partition(";")[0].strip().lower()
    if not body:
        return
    if low == "application/sdp":
        yield from _LINES.split(masker.text(body[:LONGEST].decode("utf-8", "replace")).rstrip())
    elif low.startswith("multipart/") and boundary is not None:
        for part in _parts(body, boundary[1].encode()):
            yield from ("", *_part(part, masker))
    else:
        yield f"({low or 'a body without a type'}: {len(body)} bytes, digest {masker.digest(body)})"


def _parts(body: bytes, boundary: bytes) -> Sequence[bytes]:
    return [one for one in body.split(b"--" + boundary)[1:] if not one.startswith(b"--")][:8]


def _part(part: bytes, masker: Masker) -> Iterator[str]:
    head, _, body = part.partition(b"\r\n\r\n")  # before the first line end is what is left of the boundary's line
    lines = _LINES.split(_FOLD.sub(" ", head[:LONGEST].decode("utf-8", "replace")))[1:]
    kind = next((line.partition(":")[2].strip() for line in lines if _name(line) == "content-type"), "")
    yield from (_header(line, masker) for line in lines if line)
    yield ""
    yield from _body("" if kind.lower().startswith("multipart/") else kind, body.removesuffix(b"\r\n"), masker)


def as_sent(text: str) -> bytes:
    """A text that `traced` returned as bytes that another program can read as SIP: masks in ASCII, line ends, true length."""
    plain = text.replace(MASK, "xxx").replace("‹", "m-").replace("›", "")
    head, _, body = plain.partition("\n\n")
    ended = "\r\n".join(body.split("\n")).encode() + (b"\r\n" if body else b"")
    lines = [one for one in head.split("\n") if _name(one) != "content-length"]
    return "\r\n".join([*lines, f"Content-Length: {len(ended)}", "", ""]).encode() + ended
