"""Requests and responses (RFC 3261 §7): bytes to values and back, bounded in every size."""

from __future__ import annotations

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
    TOKEN,
    split_values,
)
from overt.wire.sip.headers import SINGLE, CSeq, NameAddress, Via, canonical
from overt.wire.sip.uri import Uri

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
    """Read a whole message, as a datagram holds it.

    Raises RemoteProtocolError: too large (513), wrong version (505), malformed, ambiguous or incomplete (400).
    """
    if len(datagram) > LARGEST_MESSAGE:
        raise RemoteProtocolError("message too large", 513)
    head, separator, body = datagram.partition(b"\r\n\r\n")
    if not separator:
        raise RemoteProtocolError("no end of headers")
    try:
        lines = head.lstrip(b"\r\n").decode().split("\r\n")
    except UnicodeDecodeError as error:
        raise RemoteProtocolError("headers are not UTF-8") from error
    headers = _read_headers(lines[1:])
    message = _start(lines[0], headers, _cut_body(headers, body))
    _check(message)
    return message


def _read_headers(lines: list[str]) -> Headers:
    unfolded: list[str] = []
    for line in lines:
        if line[:1] in (" ", "\t") and unfolded:
            unfolded[-1] += " " + line.strip()
        else:
            unfolded.append(line)
    if len(unfolded) > MOST_HEADERS or any(len(line) > LARGEST_LINE for line in unfolded):
        raise RemoteProtocolError("too many headers, or one too long", 513)
    headers, seen = [], set()
    for line in unfolded:
        name, colon, value = line.partition(":")
        name = name.rstrip()
        if not colon or not TOKEN.fullmatch(name):
            raise RemoteProtocolError("malformed header")
        low = canonical(name)
        if low in SINGLE and low in seen:
            raise RemoteProtocolError(f"{name} stands twice")
        seen.add(low)
        headers.append((name, value.strip()))
    return tuple(headers)


def _cut_body(headers: Headers, body: bytes) -> bytes:
    stated = next((value for name, value in headers if canonical(name) == "content-length"), None)
    if stated is None:
        return body[:LARGEST_BODY]
    if not stated.isdecimal():
        raise RemoteProtocolError("malformed Content-Length")
    if int(stated) > len(body):
        raise RemoteProtocolError("the body is shorter than Content-Length")
    if int(stated) > LARGEST_BODY:
        raise RemoteProtocolError("body too large", 513)
    return body[: int(stated)]


def _start(line: str, headers: Headers, body: bytes) -> Message:
    if line[:4].upper() == "SIP/":
        found = STATUS_LINE.fullmatch(line)
        if found is None:
            raise RemoteProtocolError("malformed status line")
        return Response(headers, body, int(found[1]), found[2])
    found = REQUEST_LINE.fullmatch(line)
    if found is None or not METHOD.fullmatch(found[1]):
        raise RemoteProtocolError("malformed request line")
    if found[3].upper() != "SIP/2.0":
        raise RemoteProtocolError("version not supported", 505)
    return Request(headers, body, found[1], found[2])


def _check(message: Message) -> None:
    """The headers that every message must have, readable (§8.1.1)."""
    for name in ("Call-ID", "From", "To", "CSeq", "Via"):
        if not message.get(name):
            raise RemoteProtocolError(f"no {name}")
    cseq, _ = message.cseq, message.via
    _, _ = message.from_, message.to
    if isinstance(message, Request):
        if cseq.method != message.method:
            raise RemoteProtocolError("CSeq and request line differ in method")
        Uri.parse(message.uri)
        hops = message.get("Max-Forwards")
        if hops and not (hops.isdecimal() and int(hops) <= 255):
            raise RemoteProtocolError("malformed Max-Forwards")
