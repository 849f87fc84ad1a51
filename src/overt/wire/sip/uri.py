"""SIP, SIPS and tel URIs (RFC 3261 §19.1, RFC 3966)."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote

from overt.wire.sip.errors import RemoteProtocolError
from overt.wire.sip.grammar import parse_parameters, write_parameters


@dataclass(frozen=True, slots=True)
class Uri:
    """A URI. `host` is empty for tel; `port` 0 where none is written; `user` unescaped."""

    scheme: str
    user: str
    host: str
    port: int = 0
    parameters: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Uri:
        """Read a URI. Raises RemoteProtocolError: 416 for an unknown scheme, 400 when malformed."""
        scheme, colon, rest = text.strip().partition(":")
        scheme = scheme.lower()
        if not colon or any(char in rest for char in ' \t"<>'):
            raise RemoteProtocolError("malformed URI")
        if scheme == "tel":
            number, _, tail = rest.partition(";")
            return cls("tel", number, "", 0, parse_parameters(tail))
        if scheme not in ("sip", "sips"):
            raise RemoteProtocolError("unknown URI scheme", 416)
        user_part, at, host_part = rest.rpartition("@")
        host_part = host_part.partition("?")[0]
        host_port, _, tail = host_part.partition(";")
        host, port = _host_port(host_port)
        user = unquote(user_part.partition(":")[0]) if at else ""
        return cls(scheme, user, host, port, parse_parameters(tail))

    def __str__(self) -> str:
        tail = write_parameters(self.parameters)
        if self.scheme == "tel":
            return f"tel:{self.user}{tail}"
        user = f"{_escape(self.user)}@" if self.user else ""
        port = f":{self.port}" if self.port else ""
        return f"{self.scheme}:{user}{self.host}{port}{tail}"

    @property
    def address(self) -> tuple[str, int]:
        """Where it points: host without brackets, port or the scheme's default (5060, 5061)."""
        return self.host.strip("[]"), self.port or (5061 if self.scheme == "sips" else 5060)


def _host_port(text: str) -> tuple[str, int]:
    if text.startswith("["):
        host, bracket, rest = text.partition("]")
        host, port = host + bracket, rest.removeprefix(":")
    else:
        host, _, port = text.partition(":")
    if not host or (port and not (port.isdecimal() and 0 < int(port) < 65536)):
        raise RemoteProtocolError("malformed host or port")
    return host, int(port) if port else 0


_PLAIN = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.!~*'()&=+$,;?/")


def _escape(user: str) -> str:
    return "".join(char if char in _PLAIN else "".join(f"%{byte:02X}" for byte in char.encode()) for char in user)
