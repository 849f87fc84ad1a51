"""Requests and responses (RFC 3261 §7): bytes to values and back, bounded in every size."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

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
from overt.wire.sip.headers import SINGLE, CSeq, NameAddress, Via, canonical, checked_name
from overt.wire.sip.uri import KNOWN_SCHEMES, Uri

Headers = tuple[tuple[str, str], ...]
REASONS = {
    100: "Trying", 180: "Ringing", 183: "Session Progress", 200: "OK", 400: "Bad Request", 403: "Forbidden",
    404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout", 415: "Unsupported Media Type",
    416: "Unsupported URI Scheme", 420: "Bad Extension", 480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist", 482: "Loop Detected", 483: "Too Many Hops", 486: "Busy Here",
    487: "Request Terminated", 488: "Not Acceptable Here", 491: "Request Pending", 500: "Server Internal Error",
    501: "Not Implemented", 503: "Service Unavailable", 505: "Version Not Supported", 513: "Message Too Large",
    603: "Decline",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Message:
    headers: Headers
    body: bytes

    def get(self, name: str) -> str:
        """The first value of a header, empty when it is missing. Names match in any case and compact form."""
        wanted = canonical(name)
        return next((value for key, value in self.headers if canonical(key) == wanted), "")

    def all(self, name: str) -> list[str]:
        """All values of a header, comma-separated ones apart."""
        wanted = canonical(name)
        return [one for key, value in self.headers if canonical(key) == wanted for one in split_values(value)]

    @property
    def call_id(self) -> str:
        """Call-ID (§20.8)."""
        return self.get("Call-ID")

    @property
    def cseq(self) -> CSeq:
        """CSeq. Raises RemoteProtocolError."""
        return CSeq.parse(self.get("CSeq"))

    @property
    def via(self) -> Via:
        """The topmost Via. Raises RemoteProtocolError."""
        values = self.all("Via")
        if not values:
            raise RemoteProtocolError("no Via")
        return Via.parse(values[0])

    @property
    def from_(self) -> NameAddress:
        """From (§20.20)."""
        return NameAddress.parse(self.get("From"))

    @property
    def to(self) -> NameAddress:
        """To (§20.39)."""
        return NameAddress.parse(self.get("To"))

    @property
    def contact(self) -> NameAddress | None:
        """The first Contact, None when there is none."""
        values = self.all("Contact")
        return NameAddress.parse(values[0]) if values else None

    def _encoded(self, start: str) -> bytes:
        lines = [start, *(f"{name}: {value}" for name, value in self.headers if canonical(name) != "content-length")]
        return "\r\n".join([*lines, f"Content-Length: {len(self.body)}", "", ""]).encode() + self.body


@dataclass(frozen=True, slots=True)
class Request(_Message):
    """A request. `uri` is the Request-URI as text."""

    method: str = ""
    uri: str = ""

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
    start, headers, first = _read_head(head)
    message = _start(start, headers, _cut_body(first.get("content-length"), body))
    _check(message, first)
    return message


_FOLD = re.compile(r"[ \t]*\r\n[ \t]+")


def _read_head(head: bytes) -> tuple[str, Headers, dict[str, str]]:
    """The start line, the headers, and the first value of each by its canonical name."""
    breaks = head.count(b"\r\n")
    if head.count(b"\n") != breaks or head.count(b"\r") != breaks:
        raise RemoteProtocolError("a line that does not end with CR and LF")
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        raise RemoteProtocolError("headers are not UTF-8") from error
    if b"\r\n " in head or b"\r\n\t" in head:
        text = _FOLD.sub(" ", text)
    start, *lines = text.split("\r\n")
    if len(lines) > MOST_HEADERS or max(map(len, lines), default=0) > LARGEST_LINE or len(start) > LARGEST_LINE:
        raise RemoteProtocolError("too many headers, or one too long", 513)
    return start, *_read_headers(lines)


def _read_headers(lines: list[str]) -> tuple[Headers, dict[str, str]]:
    headers: list[tuple[str, str]] = []
    first: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        low = checked_name(name)
        if not colon or not low:
            raise RemoteProtocolError("malformed header")
        value = value.strip(" \t")
        if low in first:
            if low in SINGLE:
                raise RemoteProtocolError(f"{name.rstrip()} stands twice")
        else:
            first[low] = value
        headers.append((name.rstrip(), value))
    return tuple(headers), first


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
_ADDRESSES = frozenset({"contact", "record-route", "p-asserted-identity"})


def _check(message: Message, first: dict[str, str]) -> None:
    """The headers that every message must have, and those that we rely on, readable (§8.1.1)."""
    for low, name in _NEEDED:
        if not first.get(low):
            raise RemoteProtocolError(f"no {name}")
    cseq = CSeq.parse(first["cseq"])
    NameAddress.parse(first["from"])
    NameAddress.parse(first["to"])
    for value in message.all("Via"):
        Via.parse(value)
    for name in _ADDRESSES & first.keys():
        if first[name] != "*":  # a Contact that unregisters
            for value in message.all(name):
                NameAddress.parse(value)
    if isinstance(message, Request):
        _check_request(message, cseq, first.get("max-forwards"))


def _check_request(request: Request, cseq: CSeq, hops: str | None) -> None:
    if cseq.method != request.method:
        raise RemoteProtocolError("CSeq and request line differ in method")
    uri = Uri.parse(request.uri)
    if uri.scheme not in KNOWN_SCHEMES:
        raise RemoteProtocolError("unknown URI scheme", 416)
    if uri.headers:
        raise RemoteProtocolError("the Request-URI asks for headers")
    if hops is not None and whole_number(hops, 255) is None:
        raise RemoteProtocolError("malformed Max-Forwards")
