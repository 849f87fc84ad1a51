"""Header names and the structured ones: name-addr, Via, CSeq (RFC 3261 §20), and what passes between legs."""

from __future__ import annotations

from dataclasses import dataclass, field

from overt.wire.sip.errors import RemoteProtocolError
from overt.wire.sip.grammar import TOKEN, parse_parameters, write_parameters
from overt.wire.sip.uri import Uri

COMPACT = {
    "i": "Call-ID", "m": "Contact", "e": "Content-Encoding", "l": "Content-Length", "c": "Content-Type", "f": "From",
    "s": "Subject", "k": "Supported", "t": "To", "v": "Via", "o": "Event", "r": "Refer-To", "b": "Referred-By",
    "x": "Session-Expires", "u": "Allow-Events", "a": "Accept-Contact", "y": "Identity", "d": "Request-Disposition",
}  # fmt: skip
# What a call brings that goes on to the other leg, as it came. Names ending in * stand for all that begin so.
PASSED_ON = (
    "Identity", "P-Asserted-Identity", "P-Preferred-Identity", "Privacy", "Diversion", "History-Info", "Geolocation",
    "Geolocation-Routing", "User-to-User", "Call-Info", "Alert-Info", "Subject", "Priority", "Reason", "X-*",
)  # fmt: skip
# Headers that may stand once only; a second one makes a message ambiguous.
SINGLE = frozenset({"call-id", "cseq", "from", "to", "content-length", "content-type", "max-forwards"})


def canonical(name: str) -> str:
    """The long form of a header's name, in lower case, for looking it up."""
    return COMPACT.get(name.lower(), name).lower()


def passes(name: str) -> bool:
    """True for a header that goes from one leg to the other."""
    low = name.lower()
    return any(low.startswith(one[:-1].lower()) if one.endswith("*") else low == one.lower() for one in PASSED_ON)


@dataclass(frozen=True, slots=True)
class NameAddress:
    """`"Display" <uri>;parameters`, as in From, To, Contact, Route (§20.10)."""

    uri: Uri
    display: str = ""
    parameters: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> NameAddress:
        """Read one. Raises RemoteProtocolError."""
        text = text.strip()
        if "<" not in text:
            bare, _, tail = text.partition(";")
            return cls(Uri.parse(bare), "", parse_parameters(tail))
        display, _, rest = _outside_quotes(text)
        inner, closing, tail = rest.partition(">")
        if not closing or ('"' in display and not display.strip().endswith('"')):
            raise RemoteProtocolError("unbalanced brackets or quotes")
        return cls(Uri.parse(inner), _unquote(display), parse_parameters(tail.lstrip().removeprefix(";")))

    def __str__(self) -> str:
        quoted = self.display.replace("\\", "\\\\").replace('"', '\\"')
        display = f'"{quoted}" ' if self.display else ""
        return f"{display}<{self.uri}>{write_parameters(self.parameters)}"

    @property
    def tag(self) -> str:
        """The tag parameter, empty where there is none."""
        return self.parameters.get("tag", "")

    def tagged(self, tag: str) -> NameAddress:
        """The same with a tag."""
        return NameAddress(self.uri, self.display, {**self.parameters, "tag": tag})


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


def _unquote(display: str) -> str:
    display = display.strip()
    if display.startswith('"') and display.endswith('"') and len(display) > 1:
        return display[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return display


@dataclass(frozen=True, slots=True)
class Via:
    """One Via value (§20.42)."""

    transport: str
    host: str
    port: int
    parameters: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Via:
        """Read one. Raises RemoteProtocolError."""
        protocol, _, rest = text.strip().partition(" ")
        parts = protocol.replace(" ", "").split("/")
        if len(parts) != 3:
            protocol, _, rest = _loose_via(text)
            parts = protocol.split("/")
        sent_by, _, tail = rest.strip().partition(";")
        if len(parts) != 3 or (parts[0].upper(), parts[1]) != ("SIP", "2.0") or not TOKEN.fullmatch(parts[2]):
            raise RemoteProtocolError("malformed Via")
        uri = Uri.parse(f"sip:{sent_by.replace(' ', '')}")
        return cls(parts[2].upper(), uri.host, uri.port, parse_parameters(tail))

    def __str__(self) -> str:
        port = f":{self.port}" if self.port else ""
        return f"SIP/2.0/{self.transport} {self.host}{port}{write_parameters(self.parameters)}"

    @property
    def branch(self) -> str:
        """The branch parameter."""
        return self.parameters.get("branch", "")


def _loose_via(text: str) -> tuple[str, str, str]:
    """White space around the slashes is allowed by the grammar, and met in torture tests."""
    parts = text.split("/", 2)
    if len(parts) != 3:
        raise RemoteProtocolError("malformed Via")
    transport, _, rest = parts[2].strip().partition(" ")
    return f"{parts[0].strip()}/{parts[1].strip()}/{transport}", " ", rest


@dataclass(frozen=True, slots=True)
class CSeq:
    """The sequence number and the method (§20.16)."""

    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> CSeq:
        """Read it. Raises RemoteProtocolError."""
        parts = text.split()
        if len(parts) != 2 or not parts[0].isdecimal() or int(parts[0]) >= 1 << 31:
            raise RemoteProtocolError("malformed CSeq")
        return cls(int(parts[0]), parts[1])

    def __str__(self) -> str:
        return f"{self.number} {self.method}"
