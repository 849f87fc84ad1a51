"""Header names and the structured ones: name-addr, Via, CSeq (RFC 3261 §20), and what passes between legs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from overt.wire.sip.errors import RemoteProtocolError
from overt.wire.sip.grammar import (
    PLAIN_PARAMETERS,
    TOKEN,
    parse_parameters,
    plain_parameters,
    quoted,
    unquoted,
    whole_number,
    write_parameters,
)
from overt.wire.sip.twin import quick
from overt.wire.sip.uri import PLAIN_URI, Uri, host_port, plain_sip

COMPACT = {
    "i": "Call-ID", "m": "Contact", "e": "Content-Encoding", "l": "Content-Length", "c": "Content-Type", "f": "From",
    "s": "Subject", "k": "Supported", "t": "To", "v": "Via", "o": "Event", "r": "Refer-To", "b": "Referred-By",
    "x": "Session-Expires", "u": "Allow-Events", "a": "Accept-Contact", "y": "Identity", "d": "Request-Disposition",
    "j": "Reject-Contact", "n": "Identity-Info",
}  # fmt: skip
# What a call brings that goes on to the other leg, as it came. Names ending in * stand for all that begin so.
PASSED_ON = (
    "Identity", "P-Asserted-Identity", "P-Preferred-Identity", "Privacy", "Diversion", "History-Info", "Geolocation",
    "Geolocation-Routing", "User-to-User", "Call-Info", "Alert-Info", "Subject", "Priority", "Reason", "X-*",
)  # fmt: skip
# Headers that may stand once only; a second one makes a message ambiguous.
SINGLE = frozenset({"call-id", "cseq", "from", "to", "content-length", "content-type", "max-forwards"})


@lru_cache(maxsize=512)
def canonical(name: str) -> str:
    """The long form of a header's name, in lower case, for looking it up."""
    return COMPACT.get(name.lower(), name).lower()


@lru_cache(maxsize=512)
def both_names(name: str) -> tuple[str, str]:
    """A name as it stands before the colon, without white space, and canonical: empty when it is no token (§7.3.1)."""
    name = name.rstrip(" \t")
    return name, canonical(name) if TOKEN.fullmatch(name) else ""


def checked_name(name: str) -> str:
    """The canonical form of a name as it stands before the colon; empty when it is no token (§7.3.1)."""
    return both_names(name)[1]


def passes(name: str) -> bool:
    """True for a header that goes from one leg to the other."""
    low = name.lower()
    return any(low.startswith(one[:-1].lower()) if one.endswith("*") else low == one.lower() for one in PASSED_ON)


_PLAIN_ADDRESS = re.compile(rf'(?:"([^"\\<]*)"[ \t]*)?<{PLAIN_URI}>({PLAIN_PARAMETERS})')


@dataclass(frozen=True, slots=True)
class NameAddress:
    """`"Display" <uri>;parameters`, as in From, To, Contact, Route (§20.10)."""

    uri: Uri
    display: str = ""
    parameters: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> NameAddress:
        """Read one. A display name that lacks its quotes is taken as if it had them. Raises RemoteProtocolError."""
        found = _PLAIN_ADDRESS.fullmatch(text)
        if found is not None:
            display, scheme, user, host, port, of_uri, tail = found.groups()
            uri = plain_sip(scheme, user, host, port, of_uri)
            return _quick_address(uri, display or "", plain_parameters(tail) if tail else {})
        text = text.strip()
        if "<" not in text:
            bare, _, tail = text.partition(";")
            if "?" in bare or "," in bare:
                raise RemoteProtocolError("a URI with ? or , outside angle brackets")
            return cls(Uri.parse(bare), "", parse_parameters(tail, strict=True) if tail else {})
        display, _, rest = _outside_quotes(text)
        inner, closing, tail = rest.partition(">")
        display, tail = display.strip(), tail.strip()
        if not closing or ('"' in display and not display.endswith('"')):
            raise RemoteProtocolError("unbalanced brackets or quotes")
        if tail[:1] not in ("", ";"):
            raise RemoteProtocolError("something stands between an address and its parameters")
        return cls(Uri.parse(inner), unquoted(display), parse_parameters(tail[1:], strict=True) if tail else {})

    def __str__(self) -> str:
        display = f"{quoted(self.display)} " if self.display else ""
        return f"{display}<{self.uri}>{write_parameters(self.parameters)}"

    @property
    def tag(self) -> str:
        """The tag parameter, empty where there is none."""
        return self.parameters.get("tag", "")

    def tagged(self, tag: str) -> NameAddress:
        """The same with a tag."""
        return NameAddress(self.uri, self.display, {**self.parameters, "tag": tag})


_quick_address = quick(NameAddress)


def _outside_quotes(text: str) -> tuple[str, str, str]:
    """Partition at the first `<` that is not inside a quoted display name."""
    if not text.startswith('"'):
        return text.partition("<")
    at = 1
    while at < len(text) and text[at] != '"':
        at += 2 if text[at] == "\\" else 1
    head, bracket, rest = text[at:].partition("<")
    if not bracket:
        raise RemoteProtocolError("unbalanced quotes")
    return text[:at] + head, bracket, rest


def route(text: str) -> NameAddress:
    """Read a value of Route or Record-Route. Those that name no user are few, stand in every message, and are read once."""
    return NameAddress.parse(text) if "@" in text else _route(text)


_route = lru_cache(maxsize=256)(NameAddress.parse)
_PLAIN_VIA = re.compile(
    rf"SIP/2\.0/([A-Z]+) ([A-Za-z0-9._\-]+)(?::([1-9][0-9]{{0,3}}|[1-5][0-9]{{4}}))?({PLAIN_PARAMETERS})"
)
_VIA = re.compile(
    rf"SIP[ \t]*/[ \t]*2\.0[ \t]*/[ \t]*({TOKEN.pattern})[ \t]+([^;]*)(?:;(.*))?", re.IGNORECASE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Via:
    """One Via value (§20.42)."""

    transport: str
    host: str
    port: int
    parameters: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Via:
        """Read one; white space may stand around its slashes and colon. Raises RemoteProtocolError."""
        plain = _PLAIN_VIA.fullmatch(text)
        if plain is not None:
            transport, host, stated, tail = plain.groups()
            return _quick_via(transport, host, int(stated) if stated else 0, plain_parameters(tail) if tail else {})
        found = _VIA.fullmatch(text.strip())
        if found is None:
            raise RemoteProtocolError("malformed Via")
        host, port = host_port(":".join(one.strip(" \t") for one in found[2].strip().split(":")))
        return cls(found[1].upper(), host, port, parse_parameters(found[3], strict=True) if found[3] else {})

    def __str__(self) -> str:
        port = f":{self.port}" if self.port else ""
        return f"SIP/2.0/{self.transport} {self.host}{port}{write_parameters(self.parameters)}"

    @property
    def branch(self) -> str:
        """The branch parameter."""
        return self.parameters.get("branch", "")


_quick_via = quick(Via)
_PLAIN_CSEQ = re.compile(r"([0-9]{1,9}) (\S+)")


@dataclass(frozen=True, slots=True)
class CSeq:
    """The sequence number and the method (§20.16)."""

    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> CSeq:
        """Read it. Raises RemoteProtocolError."""
        plain = _PLAIN_CSEQ.fullmatch(text)
        if plain is not None:
            return _quick_cseq(int(plain[1]), plain[2])
        parts = text.split()
        number = whole_number(parts[0], (1 << 31) - 1) if len(parts) == 2 else None
        if number is None:
            raise RemoteProtocolError("malformed CSeq")
        return cls(number, parts[1])

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


_quick_cseq = quick(CSeq)
_MEDIA_TYPE = re.compile(rf"({TOKEN.pattern})[ \t]*/[ \t]*({TOKEN.pattern})[ \t]*(?:;.*)?", re.DOTALL)


@lru_cache(maxsize=512)
def media_type(text: str) -> str:
    """`type/subtype` of a Content-Type in lower case; empty for an empty one (§20.15). Raises RemoteProtocolError."""
    if not text:
        return ""
    found = _MEDIA_TYPE.fullmatch(text)
    if found is None:
        raise RemoteProtocolError("malformed Content-Type")
    return f"{found[1]}/{found[2]}".lower()


@lru_cache(maxsize=512)
def option_tags(text: str) -> frozenset[str]:
    """The extensions named in Require, Supported and the like, in lower case (§20.32). Raises RemoteProtocolError."""
    tags = [one.strip().lower() for one in text.split(",") if one.strip()]
    if not all(map(TOKEN.fullmatch, tags)):
        raise RemoteProtocolError("an extension whose name is no token")
    return frozenset(tags)


@lru_cache(maxsize=512)
def session_expires(text: str) -> tuple[int, str]:
    """Seconds and refresher (`uac`, `uas`, else empty) of a Session-Expires (RFC 4028 §4). Raises RemoteProtocolError."""
    stated, _, tail = text.partition(";")
    seconds = whole_number(stated.strip(), 1 << 31)
    if not seconds:
        raise RemoteProtocolError("malformed Session-Expires")
    refresher = parse_parameters(tail).get("refresher", "").lower()
    return seconds, refresher if refresher in ("uac", "uas") else ""
