"""Who may come in: clients by address, certificate or digest; those whom we called; dialogs that stand. Nobody else.

Everybody is judged by what he sends before the user agent sees it, so that no stranger makes it keep or send anything.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from overt.domain.client_reach import AddressTable, fits
from overt.domain.clients import Client
from overt.faces.sip.certificates import Certificate
from overt.faces.sip.scanners import SECOND, Scanners
from overt.wire.sip.digest import ALGORITHMS, LIFETIME, Algorithm, Credentials, Nonces, challenges, verify
from overt.wire.sip.errors import RemoteProtocolError
from overt.wire.sip.headers import NameAddress
from overt.wire.sip.leg import Leg
from overt.wire.sip.message import Message, Request, Response
from overt.wire.sip.transaction import Peer
from overt.wire.sip.uri import Uri

MOST_REMEMBERED = 10_000
PROVEN = 3600 * SECOND
Secrets = Callable[[str], Mapping[Algorithm, str]]


@dataclass(frozen=True, slots=True)
class Admitted:
    """It may come in. `client` is None for somebody whom we called."""

    client: Client | None


@dataclass(frozen=True, slots=True)
class Challenged:
    """It gets 401 with these values of WWW-Authenticate. `wrong`: the client whose name stood there, with a wrong password."""

    values: tuple[str, ...]
    wrong: str = ""


@dataclass(frozen=True, slots=True)
class Forbidden:
    """It gets 403, once."""


@dataclass(frozen=True, slots=True)
class Silence:
    """It gets nothing. `slow`: what holds a connection of it may be held up. `why` is the counter's name."""

    why: str
    slow: bool = False


Verdict = Admitted | Challenged | Forbidden | Silence


class Gatekeeper:
    """Judges messages. `clients` gives those who may come now; `secrets` what is kept of a user name's password.

    `leg_of` finds the leg of a request within a call; `held` says whether a request is one that is being dealt with, sent again.
    """

    def __init__(
        self, clients: Callable[[], Sequence[Client]], secrets: Secrets, realm: str, key: bytes,
        fresh: Callable[[], str], leg_of: Callable[[Request], Leg | None], held: Callable[[Request], bool],
    ) -> None:  # fmt: skip
        self._clients, self._secrets, self._realm, self._fresh, self._leg_of = clients, secrets, realm, fresh, leg_of
        self._held = held
        self._nonces = Nonces(key)
        # Apart, since anybody can send datagrams in another's name: they must not shut out who comes by a connection.
        self._scanners = {False: Scanners(), True: Scanners()}
        self._read: Sequence[Client] | None = None
        self._by_address = AddressTable(())
        self._by_certificate: tuple[Client, ...] = ()
        self._by_digest: tuple[Client, ...] = ()
        self._at: dict[str, Client | None] = {}
        self._called: OrderedDict[str, None] = OrderedDict()  # hosts to which we sent requests
        self._proven: OrderedDict[Peer, tuple[Client, int]] = OrderedDict()
        self._proven_hosts: OrderedDict[str, int] = OrderedDict()
        self._guessed: OrderedDict[str, int] = OrderedDict()  # nonces to which a wrong answer came

    def _look(self) -> None:
        """Take the clients as they are now."""
        clients = self._clients()
        if clients is self._read or clients == self._read:
            return
        self._read = clients
        plain = [one for one in clients if not one.username and not one.certificate]
        self._by_address, self._at = AddressTable(plain), {}
        self._by_certificate = tuple(one for one in clients if one.certificate and not one.username)
        self._by_digest = tuple(one for one in clients if one.username)

    def scanners(self, source: Peer) -> Scanners:
        """Those that come by the same kind of transport as a source."""
        return self._scanners[source.reliable]

    # ---- who somebody is

    def known(self, source: Peer, certificate: Certificate | None) -> Client | None:
        """The client that somebody is by address or certificate alone."""
        self._look()
        found = self._address(source.host)
        if found is not None or certificate is None:
            return found
        return next((one for one in self._by_certificate if fits(one, source.host, certificate.known_by)), None)

    def _address(self, host: str) -> Client | None:
        if host not in self._at:
            if len(self._at) >= MOST_REMEMBERED:
                self._at.clear()
            self._at[host] = self._by_address.at(host)
        return self._at[host]

    def welcome(self, host: str) -> bool:
        """Whether connections from an address are likely a client's, or of somebody whom we called."""
        self._look()
        return self._address(host) is not None or host in self._called

    def client_of(self, source: Peer, certificate: Certificate | None, now: int) -> Client | None:
        """The client that somebody is, a digest that was proven lately included."""
        known = self.known(source, certificate)
        proven = self._proven.get(source)
        return known or (proven[0] if proven is not None and now - proven[1] < PROVEN else None)

    def calling(self, host: str) -> None:
        """We send a request to a host: what it answers may come in."""
        self._called[host] = None
        self._called.move_to_end(host)
        if len(self._called) > MOST_REMEMBERED:
            self._called.popitem(last=False)

    def barred(self, source: Peer, now: int) -> bool:
        """Whether nothing of a source needs to be read: a scanner, and nobody whom we called or who proved himself."""
        host = source.host
        return self.scanners(source).held(host, now) and host not in self._called and not self._proved_lately(host, now)

    def may_prove(self, message: Message, now: int) -> bool:
        """Whether an INVITE answers a challenge of ours, which a scanner may do once for each: a client that sends many
        calls at once is taken for one before its first answer has come.
        """
        nonces = [one.nonce for one in self._given(message)] if isinstance(message, Request) else []
        return any(
            one not in self._guessed and now - (self._nonces.made_at(one) or -LIFETIME) < LIFETIME for one in nonces
        )

    # ---- what may come in

    def admit(self, message: Message, source: Peer, certificate: Certificate | None, now: int) -> Verdict:
        """Judge a message. What comes from a known client needs no more than `known`; this is for all others."""
        client = self.known(source, certificate)
        if client is not None:
            return Admitted(client)
        if isinstance(message, Response):
            return Admitted(None) if source.host in self._called else Silence("refused: a response of a stranger")
        if message.to.tag or message.method in ("CANCEL", "ACK"):
            return self._within(message, source, now)
        candidates = self._candidates(source, certificate)
        if candidates:
            return self._by_password(message, source, candidates, now)
        return self._stranger(message, source, now)

    def _within(self, request: Request, source: Peer, now: int) -> Verdict:
        """A request of a dialog passes when the dialog is known and it comes from the dialog's other side; a CANCEL when
        its INVITE passed.
        """
        proven = self._proven.get(source)
        if proven is not None and now - proven[1] < PROVEN:
            return Admitted(proven[0])
        leg = self._leg_of(request) if request.to.tag else None
        if leg is not None and source.host in self._hosts(leg):
            return Admitted(None)
        if request.method == "ACK":
            return Silence("refused: stranger")  # of our own 401 or 403, most likely
        verdict = self._stranger(request, source, now)
        return Silence("refused: a stranger within a call") if leg is not None else verdict

    def _hosts(self, leg: Leg) -> set[str]:
        """From where requests of a leg may come: whence it came, and the addresses that its other side named."""
        hosts = {leg.peer.host}
        if leg.dialog is not None:
            uris = [NameAddress.parse(one).uri for one in leg.dialog.routes] + [Uri.parse(leg.dialog.target)]
            hosts.update(one.address[0] for one in uris)
        return hosts

    def _candidates(self, source: Peer, certificate: Certificate | None) -> list[Client]:
        """Those who this may be, if it knows their password."""
        shown = certificate.known_by if certificate is not None else ()
        return [one for one in self._by_digest if fits(one, source.host, shown, one.username)]

    def _by_password(self, request: Request, source: Peer, candidates: list[Client], now: int) -> Verdict:
        proven = self._proven.get(source)
        if proven is not None and now - proven[1] < PROVEN and request.method == "OPTIONS":
            return Admitted(proven[0])
        if proven is not None and self._held(request):
            return Admitted(proven[0])  # sent again: its count was used the first time
        if request.method != "INVITE":
            return self._stranger(request, source, now)
        verdict, client = self._verified(request, candidates, now)
        if verdict == "good" and client is not None:
            self._prove(source, client, now)
            return Admitted(client)
        counts = verdict == "wrong" or not source.reliable  # by a connection nobody is answered in another's name
        if counts and not self._proved_lately(source.host, now) and self.scanners(source).failed(source.host, now):
            return Silence("refused: too many tries without a password", slow=True)
        nonce = self._nonces.fresh(self._fresh(), now)
        algorithms: list[Algorithm] = [
            one for one in ALGORITHMS if any(one in self._secrets(c.username) for c in candidates)
        ]
        values = challenges(
            self._realm, nonce, algorithms or ["SHA-256", "MD5"], stale=verdict in ("stale", "replayed")
        )
        return Challenged(tuple(values), client.name if verdict == "wrong" and client is not None else "")

    def _verified(self, request: Request, candidates: list[Client], now: int) -> tuple[str, Client | None]:
        """What the credentials prove, and whose they say that they are."""
        for given in self._given(request):
            client = next((one for one in candidates if one.username == given.username), None)
            secrets: Mapping[Algorithm, str] = self._secrets(given.username) if client is not None else {}
            verdict = verify(given, request.method, request.uri, self._realm, secrets, self._nonces, now)
            if verdict == "wrong":
                _keep(self._guessed, given.nonce, now)
            return verdict, client
        return "", None

    def _given(self, request: Request) -> Iterator[Credentials]:
        """The credentials for our realm."""
        for name, value in request.headers:
            if name.lower() == "authorization":
                with suppress(RemoteProtocolError):
                    given = Credentials.parse(value)
                    if given.realm == self._realm:
                        yield given

    def _prove(self, source: Peer, client: Client, now: int) -> None:
        self.scanners(source).forgive(source.host)
        _keep(self._proven, source, (client, now))
        _keep(self._proven_hosts, source.host, now)

    def _proved_lately(self, host: str, now: int) -> bool:
        """Whether somebody at a host proved himself: forged datagrams in his name must not shut him out."""
        return now - self._proven_hosts.get(host, -PROVEN) < PROVEN

    def _stranger(self, request: Request, source: Peer, now: int) -> Verdict:
        tool = request.get("User-Agent") or request.from_.display
        match self.scanners(source).judge(source.host, request.method, tool, now):
            case "refuse":
                return Forbidden()
            case "silence":
                return Silence("refused: stranger")
            case _:
                return Silence("refused: scanner", slow=True)


def _keep(kept: OrderedDict[Any, Any], key: Any, value: Any) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > MOST_REMEMBERED:
        kept.popitem(last=False)
