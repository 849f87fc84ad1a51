"""Digest authentication (RFC 3261 §22, RFC 7616, with the algorithms of RFC 8760), both roles; only `qop=auth`.

The side that asks keeps no password, but H(user:realm:password) for each algorithm (`ha1`). Its nonces carry their time
and a MAC under a key of its own, so that nothing is kept for those who never answer; of those that did prove
themselves, which counts were used is kept, bounded, so that nobody replays them.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

from overt.wire.sip.errors import RemoteProtocolError
from overt.wire.sip.grammar import quoted, split_values, unquoted
from overt.wire.sip.uri import Uri

Algorithm = Literal["SHA-512-256", "SHA-256", "MD5"]
Verdict = Literal["good", "stale", "replayed", "wrong"]
ALGORITHMS: Mapping[Algorithm, str] = {
    "SHA-512-256": "sha512_256",
    "SHA-256": "sha256",
    "MD5": "md5",
}  # strongest first
LIFETIME = 300_000_000_000  # ns that a nonce may be used
WINDOW = 64  # how far behind the highest a count may come, requests of one peer overtaking one another
MOST_SPENT = 10_000


def ha1(algorithm: Algorithm, username: str, realm: str, password: str) -> str:
    """What is kept instead of a password: H(username:realm:password), in hexadecimal (RFC 7616 §3.4.2)."""
    return _hash(algorithm, f"{username}:{realm}:{password}")


def _hash(algorithm: Algorithm, text: str) -> str:
    return hashlib.new(ALGORITHMS[algorithm], text.encode(), usedforsecurity=False).hexdigest()


def _known(token: str) -> Algorithm | None:
    """The algorithm that a token names, in any case; none named is MD5 (RFC 7616 §3.3)."""
    return next((one for one in ALGORITHMS if one.lower() == (token or "MD5").lower()), None)


@dataclass(frozen=True, slots=True)
class Challenge:
    """The value of WWW-Authenticate or Proxy-Authenticate. `qop` is empty for servers of before RFC 2617."""

    realm: str
    nonce: str
    algorithm: Algorithm = "MD5"
    qop: Literal["auth", ""] = "auth"
    opaque: str = ""
    stale: bool = False

    @classmethod
    def parse(cls, text: str) -> Challenge | None:
        """Read one; None for a scheme, an algorithm or a protection that we do not know. Raises RemoteProtocolError."""
        fields = _fields(text)
        algorithm = _known(fields.get("algorithm", ""))
        offered = [one.strip().lower() for one in fields.get("qop", "").split(",") if one.strip()]
        if not fields or algorithm is None or (offered and "auth" not in offered):
            return None
        if not fields.get("nonce"):
            raise RemoteProtocolError("a challenge without a nonce")
        return cls(
            fields.get("realm", ""), fields["nonce"], algorithm, "auth" if offered else "", fields.get("opaque", ""),
            fields.get("stale", "").lower() == "true",
        )  # fmt: skip

    def __str__(self) -> str:
        parts = [f"realm={quoted(self.realm)}", f"nonce={quoted(self.nonce)}", f"algorithm={self.algorithm}"]
        parts += [f'qop="{self.qop}"'] if self.qop else []
        parts += [f"opaque={quoted(self.opaque)}"] if self.opaque else []
        return f"Digest {', '.join(parts)}" + (", stale=true" if self.stale else "")


@dataclass(frozen=True, slots=True)
class Credentials:
    """The value of Authorization or Proxy-Authorization. `response` is hexadecimal; `count` the nonce count (nc)."""

    username: str
    realm: str
    nonce: str
    uri: str
    response: str
    algorithm: Algorithm = "MD5"
    qop: Literal["auth", ""] = "auth"
    cnonce: str = ""
    count: int = 1
    opaque: str = ""

    @classmethod
    def parse(cls, text: str) -> Credentials:
        """Read them. Raises RemoteProtocolError for another scheme, algorithm or protection, and for what is malformed."""
        fields = _fields(text)
        algorithm = _known(fields.get("algorithm", ""))
        qop = fields.get("qop", "").lower()
        missing = [one for one in ("username", "realm", "nonce", "uri", "response") if not fields.get(one)]
        if missing or algorithm is None or qop not in ("auth", ""):
            raise RemoteProtocolError("credentials that we cannot read")
        try:
            count = int(fields.get("nc", "1")[:8], 16)
        except ValueError as error:
            raise RemoteProtocolError("a malformed nonce count") from error
        return cls(
            fields["username"], fields["realm"], fields["nonce"], fields["uri"], fields["response"].lower(), algorithm,
            "auth" if qop else "", fields.get("cnonce", ""), count, fields.get("opaque", ""),
        )  # fmt: skip

    def __str__(self) -> str:
        named = (
            ("username", self.username), ("realm", self.realm), ("nonce", self.nonce), ("uri", self.uri),
            ("response", self.response), ("opaque", self.opaque),
        )  # fmt: skip
        parts = [f"{name}={quoted(value)}" for name, value in named if value or name != "opaque"]
        parts.append(f"algorithm={self.algorithm}")
        parts += [f"qop=auth, nc={self.count:08x}, cnonce={quoted(self.cnonce)}"] if self.qop else []
        return f"Digest {', '.join(parts)}"

    def expected(self, ha1: str, method: str) -> str:
        """The response that somebody who knows `ha1` gives (RFC 7616 §3.4.1)."""
        ha2 = _hash(self.algorithm, f"{method}:{self.uri}")
        counted = f"{self.count:08x}:{self.cnonce}:auth:" if self.qop else ""
        return _hash(self.algorithm, f"{ha1}:{self.nonce}:{counted}{ha2}")


def _fields(text: str) -> dict[str, str]:
    """The fields of a Digest value by their names in lower case; none for another scheme."""
    scheme, _, rest = text.strip().partition(" ")
    if scheme.lower() != "digest":
        return {}
    pairs = [one.partition("=") for one in split_values(rest)]
    if len({name.strip().lower() for name, _, _ in pairs}) != len(pairs):
        raise RemoteProtocolError("a field of a Digest stands twice")
    return {name.strip().lower(): unquoted(value.strip()) for name, _, value in pairs}


# ------------------------------------------------------------------------------ the side that asks


class Nonces:
    """Makes nonces under a key, and knows which counts of those that proved somebody were used."""

    def __init__(self, key: bytes, lifetime: int = LIFETIME) -> None:
        self._key, self._lifetime = key, lifetime
        self._spent: dict[str, tuple[int, int]] = {}  # nonce → highest count, the counts behind it as bits
        self._forgotten = -1  # nonces made until then may have been spent: nobody knows any more

    def fresh(self, salt: str, now: int) -> str:
        """A nonce made at `now` (ns). `salt` is random and tells apart those of one moment."""
        body = f"{now:x}-{salt}"
        return f"{body}-{self._mac(body)}"

    def _mac(self, body: str) -> str:
        return hmac.new(self._key, body.encode(), "sha256").hexdigest()[:32]

    def made_at(self, nonce: str) -> int | None:
        """When we made a nonce; None when we did not."""
        body, _, mac = nonce.rpartition("-")
        if not hmac.compare_digest(self._mac(body).encode(), mac.encode()):
            return None
        return int(body.partition("-")[0], 16)

    def spend(self, nonce: str, count: int, now: int) -> Verdict:
        """Use a count of a nonce, once: good; stale for one that is old or not ours; replayed for a count used before."""
        made = self.made_at(nonce)
        if made is None or not 0 <= now - made <= self._lifetime or made <= self._forgotten:
            return "stale"
        highest, bits = self._spent.get(nonce, (0, 0))
        behind = highest - count
        if behind < 0:
            highest, bits = count, (bits << -behind if -behind < WINDOW else 0) | 1
        elif behind >= WINDOW or bits >> behind & 1:
            return "replayed"
        else:
            bits |= 1 << behind
        self._spent[nonce] = (highest, bits & ((1 << WINDOW) - 1))
        self._bound(now)
        return "good"

    def _bound(self, now: int) -> None:
        """Forget the older half when too many are kept: what was made until then counts as stale."""
        if len(self._spent) <= MOST_SPENT:
            return
        times = sorted(self.made_at(nonce) or 0 for nonce in self._spent)
        self._forgotten = max(times[len(times) // 2], now - self._lifetime)
        self._spent = {
            nonce: kept for nonce, kept in self._spent.items() if (self.made_at(nonce) or 0) > self._forgotten
        }


def challenges(realm: str, nonce: str, algorithms: Sequence[Algorithm], *, stale: bool = False) -> list[str]:
    """The values of WWW-Authenticate, one for each algorithm, strongest first (RFC 8760 §2.4)."""
    return [str(Challenge(realm, nonce, one, stale=stale)) for one in ALGORITHMS if one in algorithms]


def verify(
    credentials: Credentials, method: str, uri: str, realm: str, secrets: Mapping[Algorithm, str], nonces: Nonces, now: int,
) -> Verdict:  # fmt: skip
    """Say whether credentials prove who has `secrets` (algorithm → ha1), for this method and Request-URI, now.

    A good answer to a nonce that is stale, or whose count was used, deserves a new challenge (`stale=true`). Credentials
    for another user part than the one that is called, or without qop, prove nothing here.
    """
    secret = secrets.get(credentials.algorithm)
    known = secret if secret is not None else "0" * 64  # as long a way for those whom nobody knows
    right = hmac.compare_digest(credentials.expected(known, method).encode(), credentials.response.encode())
    if secret is None or not right or credentials.qop != "auth" or credentials.realm != realm:
        return "wrong"
    if not _same(credentials.uri, uri):
        return "wrong"
    return nonces.spend(credentials.nonce, credentials.count, now)


def _same(stated: str, called: str) -> bool:
    """The same call: equal, or of the same user, since proxies rewrite host and parameters (RFC 3261 §22.4 item 5)."""
    if stated == called:
        return True
    try:
        return Uri.parse(stated).user == Uri.parse(called).user != ""
    except RemoteProtocolError:
        return False


# --------------------------------------------------------------------------- the side that is asked


def answers(
    asked: Sequence[str], method: str, uri: str, username: str, password: str, cnonce: str, count: int = 1
) -> tuple[str, ...]:
    """Answer challenges: for each realm the first that we know (RFC 8760 §2.4). Empty when there is none.

    `asked` are whole header values; `cnonce` is random. What is malformed is passed over.
    """
    chosen: dict[str, Challenge] = {}
    for challenge in _readable(asked):
        chosen.setdefault(challenge.realm, challenge)
    return tuple(_answer(one, method, uri, username, password, cnonce, count) for one in chosen.values())


def renewed(asked: Sequence[str]) -> bool:
    """Whether challenges say that an answer was right, but to a nonce that is old (`stale`)."""
    return any(one.stale for one in _readable(asked))


def _readable(asked: Sequence[str]) -> Iterator[Challenge]:
    for value in asked:
        with suppress(RemoteProtocolError):
            challenge = Challenge.parse(value)
            if challenge is not None:
                yield challenge


def _answer(one: Challenge, method: str, uri: str, username: str, password: str, cnonce: str, count: int) -> str:
    unsigned = Credentials(
        username, one.realm, one.nonce, uri, "", one.algorithm, one.qop, cnonce if one.qop else "", count, one.opaque
    )
    secret = ha1(one.algorithm, username, one.realm, password)
    return str(replace(unsigned, response=unsigned.expected(secret, method)))
