"""TLS at the SIP door: contexts that follow their files, and what a peer's certificate says of it (RFC 5922)."""

from __future__ import annotations

import hashlib
import logging
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from overt.config_listeners import Listener

LOOK_NS = 1_000_000_000  # files are looked at this often at most
_log = logging.getLogger("overt.signalling")
WISHES = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a peer showed, vouched for by the CA that we trust: its names in lower case, `sha256:` and its fingerprint."""

    names: tuple[str, ...]
    fingerprint: str

    @property
    def known_by(self) -> tuple[str, ...]:
        """All that a client may be known by."""
        return (*self.names, self.fingerprint)


def shown_by(transport: Any) -> Certificate | None:
    """The certificate that the peer of an asyncio transport showed, None without TLS or when it showed none."""
    secured = transport.get_extra_info("ssl_object")
    encoded = secured.getpeercert(binary_form=True) if secured is not None else None
    if not encoded:
        return None
    return Certificate(certificate_names(secured.getpeercert() or {}), f"sha256:{hashlib.sha256(encoded).hexdigest()}")


def certificate_names(stated: Mapping[str, Any]) -> tuple[str, ...]:
    """The DNS names and SIP domains of a certificate; its common name only where it has none (RFC 5922 §7.1)."""
    names = [value for kind, value in stated.get("subjectAltName", ()) if kind == "DNS"]
    names += [
        value[4:] for kind, value in stated.get("subjectAltName", ())
        if kind == "URI" and value.startswith("sip:") and "@" not in value
    ]  # fmt: skip
    if not stated.get("subjectAltName"):
        names = [value for row in stated.get("subject", ()) for name, value in row if name == "commonName"]
    return tuple(dict.fromkeys(name.lower() for name in names))


class ServerContext:
    """The context of a TLS listener. Files that changed are read for the next connection; those that stand go on.

    `report` is told when new files cannot be used: the old ones serve until they can.
    """

    def __init__(self, listener: Listener, report: Callable[[str], None]) -> None:
        self._listener, self._report = listener, report
        self._seen = self._state()
        self._context = self._read()
        self._looked = time.monotonic_ns()

    def _state(self) -> tuple[tuple[int, int], ...]:
        files = [one for one in (self._listener.certificate, self._listener.key, self._listener.client_ca) if one]
        stats = [Path(one).stat() for one in files]
        return tuple((one.st_ino, one.st_mtime_ns) for one in stats)

    def _read(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self._listener.certificate, self._listener.key, password=_no_password)
        context.verify_mode = WISHES[self._listener.client_certificate]
        if self._listener.client_ca:
            context.load_verify_locations(self._listener.client_ca)
        return context

    def current(self) -> ssl.SSLContext:
        """The context for a new connection."""
        now = time.monotonic_ns()
        if now - self._looked >= LOOK_NS:
            self._looked = now
            self._look()
        return self._context

    def look(self) -> None:
        """Look at the files now (SIGHUP)."""
        self._looked = time.monotonic_ns()
        self._look()

    def _look(self) -> None:
        try:
            seen = self._state()
            if seen != self._seen:
                self._context, self._seen = self._read(), seen
        except OSError as error:  # ssl.SSLError is one
            _log.error("%s: certificate, key or CA cannot be used, the old ones go on: %s", self._listener, error)
            self._report(f"{self._listener}: certificate, key or CA cannot be used, the old ones go on")


def _no_password() -> str:
    return ""  # a key with a passphrase would ask the terminal for it, and nobody sits there


def client_context(ca: str, listener: Listener | None) -> ssl.SSLContext:
    """The context with which we call TLS servers: their names are checked; we show the certificate of a TLS listener.

    Raises OSError when a file cannot be read.
    """
    context = ssl.create_default_context(cafile=ca or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if listener is not None:
        context.load_cert_chain(listener.certificate, listener.key, password=_no_password)
    return context
