"""Requests and responses (RFC 3261 §7): bytes to values and back, bounded in every size."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from overt.wire.sip.errors import RemoteProtocolError
from overt.wire.sip.grammar import (
    LARGEST_BODY,
    LARGEST_LINE,
    LARGEST_MESSAGE,
    METHOD,
    MOST_HEADERS,
    REQUEST_LINE,
    STATUS_LINE,
    VERSION,
    split_values,
    whole_number,
)
from overt.wire.sip.headers import (
    SINGLE,
    CSeq,
    NameAddress,
    Via,
    both_names,
    canonical,
    media_type,
    option_tags,
    route,
    session_expires,
)
from overt.wire.sip.uri import KNOWN_SCHEMES, Uri

Headers = tuple[tuple[str, str], ...]
_Made = TypeVar("_Made")
REASONS = {
    100: "Trying", 180: "Ringing", 183: "Session Progress", 200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden",
    404: "Not Found", 405: "Method Not Allowed", 407: "Proxy Authentication Required", 408: "Request Timeout", 415: "Unsupported Media Type",
    416: "Unsupported URI Scheme", 420: "Bad Extension", 480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist", 482: "Loop Detected", 483: "Too Many Hops", 486: "Busy Here",
    487: "Request Terminated", 488: "Not Acceptable Here", 491: "Request Pending", 500: "Server Internal Error",
    501: "Not Implemented", 503: "Service Unavailable", 505: "Version Not Supported", 513: "Message Too Large",
    603: "Decline",
}  # fmt: skip


class _Read:
    """What was read of a message's headers: the values by canonical name, and what was made of them, made once."""

    __slots__ = ("made", "values")

    def __init__(self) -> None:
        self.values: dict[str, list[str]] = {}
        self.made: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class _Message:
    headers: Headers
    body: bytes
    _kept: _Read | None = field(default=None, init=False, repr=False, compare=False)

    def _read(self) -> _Read:
        if self._kept is not None:
            return self._kept
        kept = _Read()
        for name, value in self.headers:
            kept.values.setdefault(canonical(name), []).append(value)
        object.__setattr__(self, "_kept", kept)
        return kept

    def _once(self, name: str, make: Callable[[str], _Made]) -> _Made:
        """What `make` makes of the first value of a header, given by its canonical name; made once."""
        read = self._read()
        made: _Made | None = read.made.get(name)
        if made is None:
            made = read.made[name] = make(read.values[name][0] if name in read.values else "")
        return made

    def _each(self, name: str, make: Callable[[str], _Made]) -> tuple[_Made, ...]:
        """What `make` makes of each value of a header; made once."""
        read = self._read()
        made: tuple[_Made, ...] | None = read.made.get(name)
        if made is None:
            lines = read.values.get(name, ())
            if len(lines) == 1 and lines[0] and "," not in lines[0]:
                made = (make(lines[0]),)
            else:
                made = tuple([make(one) for line in lines for one in split_values(line)])
            read.made[name] = made
        return made

    def _joined(self, name: str) -> frozenset[str]:
        return option_tags(",".join(self._read().values.get(name, ())))

    def get(self, name: str) -> str:
        """The first value of a header, empty when it is missing. Names match in any case and compact form."""
        values = self._read().values.get(canonical(name))
        return values[0] if values else ""

    def all(self, name: str) -> list[str]:
        """All values of a header, comma-separated ones apart."""
        return [one for line in self._read().values.get(canonical(name), ()) for one in split_values(line)]

    @property
    def call_id(self) -> str:
        """Call-ID (§20.8)."""
        return self.get("Call-ID")

    @property
    def cseq(self) -> CSeq:
        """CSeq. Raises RemoteProtocolError."""
        return self._once("cseq", CSeq.parse)

    @property
    def vias(self) -> tuple[Via, ...]:
        """Every Via, the topmost first. Raises RemoteProtocolError."""
        return self._each("via", Via.parse)

    @property
    def via(self) -> Via:
        """The topmost Via. Raises RemoteProtocolError."""
        if not self.vias:
            raise RemoteProtocolError("no Via")
        return self.vias[0]

    @property
    def from_(self) -> NameAddress:
        """From (§20.20)."""
        return self._once("from", NameAddress.parse)

    @property
    def to(self) -> NameAddress:
        """To (§20.39)."""
        return self._once("to", NameAddress.parse)

    @property
    def contacts(self) -> tuple[NameAddress, ...]:
        """Every Contact; none for the `*` that unregisters (§20.10)."""
        return () if self.get("Contact") == "*" else self._each("contact", NameAddress.parse)

    @property
    def contact(self) -> NameAddress | None:
        """The first Contact, None when there is none."""
        return self.contacts[0] if self.contacts else None

    @property
    def record_routes(self) -> tuple[NameAddress, ...]:
        """Every Record-Route, as they stand (§20.30)."""
        return self._each("record-route", route)

    @property
    def routes(self) -> tuple[NameAddress, ...]:
        """Every Route, as they stand (§20.34)."""
        return self._each("route", route)

    @property
    def asserted(self) -> tuple[NameAddress, ...]:
        """Every P-Asserted-Identity (RFC 3325 §9.1)."""
        return self._each("p-asserted-identity", NameAddress.parse)

    @property
    def required(self) -> frozenset[str]:
        """The extensions that the sender requires, in lower case (§20.32). Raises RemoteProtocolError."""
        return self._joined("require")

    @property
    def supported(self) -> frozenset[str]:
        """The extensions that the sender supports, in lower case (§20.37). Raises RemoteProtocolError."""
        return self._joined("supported")

    @property
    def kind(self) -> str:
        """The media type of the body in lower case, without its parameters; empty where none is stated (§20.15)."""
        return self._once("content-type", media_type)

    def _encoded(self, start: str) -> bytes:
        lines = [start, *(f"{name}: {value}" for name, value in self.headers if canonical(name) != "content-length")]
        return "\r\n".join([*lines, f"Content-Length: {len(self.body)}", "", ""]).encode() + self.body


@dataclass(frozen=True, slots=True)
class Request(_Message):
    """A request. `uri` is the Request-URI as text."""

    method: str = ""
    uri: str = ""

    @property
    def target(self) -> Uri:
        """The Request-URI, read. Raises RemoteProtocolError."""
        made = self._read().made
        if "" not in made:
            made[""] = Uri.parse(self.uri)
        uri: Uri = made[""]
        return uri

    def __bytes__(self) -> bytes:
        return self._encoded(f"{self.method} {self.uri} SIP/2.0")

    def with_headers(self, *added: tuple[str, str]) -> Request:
        """The same with more headers at the end."""
        return replace(self, headers=(*self.headers, *added))


@dataclass(frozen=True, slots=True)
class Response(_Message):
    """A response."""

    status: int = 0
    reason: str = ""

    def __bytes__(self) -> bytes:
        return self._encoded(f"SIP/2.0 {self.status} {self.reason}")


Message = Request | Response


def respond(
    request: Request, status: int, *, reason: str = "", tag: str = "", headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
) -> Response:  # fmt: skip
    """Build a response (§8.2.6): Via, From, To (with our tag), Call-ID, CSeq, and Record-Route of the request."""
    copied = [(name, value) for name, value in request.headers if canonical(name) in _COPIED]
    if tag:
        copied = [(name, _tagged(value, tag)) if canonical(name) == "to" else (name, value) for name, value in copied]
    return Response((*copied, *headers), body, status, reason or REASONS.get(status, "Unknown"))


_COPIED = frozenset({"via", "from", "to", "call-id", "cseq", "record-route"})


def _tagged(to: str, tag: str) -> str:
    address = NameAddress.parse(to)
    return to if address.tag else str(address.tagged(tag))


def parse(datagram: bytes) -> Message:
    """Read a whole message, as a datagram holds it; what follows its body is passed over.

    Raises RemoteProtocolError: too large (513), wrong version (505), unknown scheme (416), malformed, ambiguous or
    incomplete (400).
    """
    if len(datagram) > LARGEST_MESSAGE:
        raise RemoteProtocolError("message too large", 513)
    head, separator, body = datagram.lstrip(b"\r\n").partition(b"\r\n\r\n")
    if not separator:
        raise RemoteProtocolError("no end of headers" if head.strip(b"\0") else "a keep-alive, no message")
    start, headers, read = _read_head(head)
    stated = read.values.get("content-length")
    message = _start(start, headers, _cut_body(stated[0] if stated else None, body))
    object.__setattr__(message, "_kept", read)
    _check(message, read.values)
    return message


_FOLDED = re.compile(r"\r\n[ \t]")
# The white space before a fold is looked at from where it begins: from each of its signs, a long run would cost its square.
_FOLD = re.compile(r"(?:(?<![ \t])[ \t]+)?\r\n[ \t]+")


def _read_head(head: bytes) -> tuple[str, Headers, _Read]:
    """The start line, the headers, and their values by canonical name."""
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        raise RemoteProtocolError("headers are not UTF-8") from error
    if _FOLDED.search(text):
        text = _FOLD.sub(" ", text)
    start, *lines = text.split("\r\n")
    joined = "".join((start, *lines))
    if "\n" in joined or "\r" in joined:
        raise RemoteProtocolError("a line that does not end with CR and LF")
    if len(lines) > MOST_HEADERS or (len(text) > LARGEST_LINE and max(map(len, (start, *lines))) > LARGEST_LINE):
        raise RemoteProtocolError("too many headers, or one too long", 513)
    return start, *_read_headers(lines)


def _read_headers(lines: list[str]) -> tuple[Headers, _Read]:
    headers: list[tuple[str, str]] = []
    read = _Read()
    values = read.values
    for line in lines:
        name, colon, value = line.partition(":")
        name, low = both_names(name)
        if not colon or not low:
            raise RemoteProtocolError("malformed header")
        value = value.strip(" \t")
        if low not in values:
            values[low] = [value]
        elif low in SINGLE:
            raise RemoteProtocolError(f"{name} stands twice")
        else:
            values[low].append(value)
        headers.append((name, value))
    return tuple(headers), read


def _cut_body(stated: str | None, body: bytes) -> bytes:
    if stated is None:
        return body[:LARGEST_BODY]
    if not (stated.isascii() and stated.isdecimal()):
        raise RemoteProtocolError("malformed Content-Length")
    length = whole_number(stated, len(body))
    if length is None:
        raise RemoteProtocolError("the body is shorter than Content-Length")
    if length > LARGEST_BODY:
        raise RemoteProtocolError("body too large", 513)
    return body[:length]


def _start(line: str, headers: Headers, body: bytes) -> Message:
    if line[:4].upper() == "SIP/":
        found = STATUS_LINE.fullmatch(line)
        if found is None:
            raise RemoteProtocolError("malformed status line")
        return Response(headers, body, int(found[1]), found[2] or "")
    found = REQUEST_LINE.fullmatch(line)
    if found is None:
        raise RemoteProtocolError("the request line is not a method, a URI and a version with one space between each")
    if not METHOD.fullmatch(found[1]) or not VERSION.fullmatch(found[3]):
        raise RemoteProtocolError("malformed request line")
    if found[3].upper() != "SIP/2.0":
        raise RemoteProtocolError("version not supported", 505)
    return Request(headers, body, found[1], found[2])


_NEEDED = (("call-id", "Call-ID"), ("from", "From"), ("to", "To"), ("cseq", "CSeq"), ("via", "Via"))


def _check(message: Message, values: dict[str, list[str]]) -> None:
    """The headers that every message must have, and those that we rely on, readable (§8.1.1). Each is read once."""
    for low, name in _NEEDED:
        if low not in values or not values[low][0]:
            raise RemoteProtocolError(f"no {name}")
    _ = message.vias, message.from_, message.to, message.contacts
    if "record-route" in values:
        _ = message.record_routes
    if "p-asserted-identity" in values:
        _ = message.asserted
    if isinstance(message, Request):
        _check_request(message, values)
    else:
        _ = message.cseq


def _check_request(request: Request, values: dict[str, list[str]]) -> None:
    if request.cseq.method != request.method:
        raise RemoteProtocolError("CSeq and request line differ in method")
    uri = request.target
    if uri.scheme not in KNOWN_SCHEMES:
        raise RemoteProtocolError("unknown URI scheme", 416)
    if uri.headers:
        raise RemoteProtocolError("the Request-URI asks for headers")
    if "max-forwards" in values and whole_number(values["max-forwards"][0], 255) is None:
        raise RemoteProtocolError("malformed Max-Forwards")
    for name, check in _CHECKED:
        if values.get(name, [""])[0]:
            check(request)


_CHECKED: tuple[tuple[str, Callable[[Request], object]], ...] = (
    ("route", lambda request: request.routes),
    ("require", lambda request: request.required),
    ("supported", lambda request: request.supported),
    ("content-type", lambda request: request.kind),
    ("session-expires", lambda request: session_expires(request.get("Session-Expires"))),
)
