"""SIP, SIPS and tel URIs (RFC 3261 §19.1, RFC 3966); others are kept as they came."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote

from overt.wire.sip.errors import RemoteProtocolError
from overt.wire.sip.grammar import parse_parameters, plain_parameters, whole_number
from overt.wire.sip.twin import quick

KNOWN_SCHEMES = frozenset({"sip", "sips", "tel"})
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*")
_NEVER = re.compile(r'[\x00-\x20"<>\x7f]')
_HOST_PORT = re.compile(r"([A-Za-z0-9._\-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?")
# What nearly everybody writes: nothing escaped, no password, no headers. Read in one step; `Uri.parse` reads the rest.
PLAIN_URI = (
    r"(sips?):(?:([A-Za-z0-9\-_.!~*'()&=+$,;?/]+)@)?([A-Za-z0-9._\-]+)(?::([1-9][0-9]{0,3}|[1-5][0-9]{4}))?"
    r"((?:;[A-Za-z0-9\-_.!~*'()\[\]/:&+$]+(?:=[A-Za-z0-9\-_.!~*'()\[\]/:&+$]*)?)*)"
)
PLAIN_SIP = re.compile(PLAIN_URI)
_USER_SIGNS = re.compile(r"[A-Za-z0-9\-_.!~*'()&=+$,;?/]*")
_PARAMETER_SIGNS = re.compile(r"[A-Za-z0-9\-_.!~*'()\[\]/:&+$]*")


@dataclass(frozen=True, slots=True)
class Uri:
    """A URI. `host` is empty for tel; `port` 0 where none is written; `user` and `parameters` unescaped.

    `headers` are those that a URI asks to put into a request (`?Subject=x`), escaped as they came: nobody obeys them here,
    and they are not written. `opaque` is what follows the scheme of a URI that is neither SIP nor tel; its user and host
    are empty.
    """

    scheme: str
    user: str
    host: str
    port: int = 0
    parameters: dict[str, str] = field(default_factory=dict)
    headers: str = field(default="", compare=False)
    opaque: str = ""

    @classmethod
    def parse(cls, text: str) -> Uri:
        """Read a URI. Raises RemoteProtocolError when malformed."""
        found = PLAIN_SIP.fullmatch(text)
        if found is not None:
            return plain_sip(*found.groups())
        scheme, colon, rest = text.strip().partition(":")
        scheme = scheme.lower()
        if not colon or _NEVER.search(rest):
            raise RemoteProtocolError("malformed URI")
        if scheme in ("sip", "sips"):
            return cls._of_sip(scheme, rest)
        if scheme == "tel":
            number, _, tail = rest.partition(";")
            return cls("tel", number, "", 0, _parameters(tail))
        if not _SCHEME.fullmatch(scheme) or not rest:
            raise RemoteProtocolError("malformed URI")
        return cls(scheme, "", "", opaque=rest)

    @classmethod
    def _of_sip(cls, scheme: str, rest: str) -> Uri:
        user_part, at, host_part = rest.rpartition("@")
        if "@" in user_part:
            raise RemoteProtocolError("more than one @ in a URI")
        host_part, _, headers = host_part.partition("?")
        where, _, tail = host_part.partition(";")
        host, port = host_port(where)
        user = user_part.partition(":")[0] if at else ""
        if "%" in user:
            user = unquote(user)
        return cls(scheme, user, host, port, _parameters(tail) if tail else {}, headers)

    def __str__(self) -> str:
        if self.opaque:
            return f"{self.scheme}:{self.opaque}"
        tail = "".join(
            f";{_escape(name, _PARAMETER_SIGNS)}" + (f"={_escape(value, _PARAMETER_SIGNS)}" if value else "")
            for name, value in self.parameters.items()
        )
        if self.scheme == "tel":
            return f"tel:{self.user}{tail}"
        user = f"{_escape(self.user, _USER_SIGNS)}@" if self.user else ""
        port = f":{self.port}" if self.port else ""
        return f"{self.scheme}:{user}{self.host}{port}{tail}"

    @property
    def address(self) -> tuple[str, int]:
        """Where it points: host without brackets, port or the scheme's default (5060, 5061)."""
        return self.host.strip("[]"), self.port or (5061 if self.scheme == "sips" else 5060)


_quick = quick(Uri)


def plain_sip(scheme: str, user: str | None, host: str, port: str | None, tail: str) -> Uri:
    """The URI whose parts `PLAIN_URI` found."""
    return _quick(scheme, user or "", host, int(port) if port else 0, plain_parameters(tail) if tail else {})


def host_port(text: str) -> tuple[str, int]:
    """Read `host`, `host:port` or `[v6]:port`; the port is 0 where none is written. Raises RemoteProtocolError."""
    found = _HOST_PORT.fullmatch(text)
    port = whole_number(found[2], 65_535) if found and found[2] else 0
    if found is None or port is None or (found[2] and not port):
        raise RemoteProtocolError("malformed host or port")
    return found[1], port


def _parameters(tail: str) -> dict[str, str]:
    found = parse_parameters(tail)
    if "%" not in tail:
        return found
    return {unquote(name).lower(): unquote(value) for name, value in found.items()}


def _escape(text: str, plain: re.Pattern[str]) -> str:
    if plain.fullmatch(text):
        return text
    return "".join(
        char if plain.fullmatch(char) else "".join(f"%{byte:02X}" for byte in char.encode()) for char in text
    )
