"""What may be shown of a text that came from outside, or may hold something that did: no numbers, names, keys or secrets.

`mask_text` is for log lines and tracebacks, where nothing need be told apart; `Masker` gives the same person the same mask
within one call, for its ladder. Both would rather mask too much: an id of ours (UUID, hash), an IP address and a time stay.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable

MASK = "•••"
MOST_REMEMBERED = 256
LEAST_DIGITS = 6  # a run of so many digits may be a telephone number
_KEPT = (
    r"\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b"  # an id of ours
    r"|(?<![\w.])(?=[0-9]*[a-f])(?:[0-9a-f]{64}|[0-9a-f]{40})\b"  # a hash
    r"|\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,6})?)?"  # a time
    r"|\bIP[46] [\da-fA-F.:]+|\bsha\d{3}\b|\bRTP/S?AVPF?(?: \d{1,3})+|\ba=(?:fmtp|rtpmap):\d+[ \d-]*"  # what a description says of itself
    r"|(?<![\d.])(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}(?![\d.])"  # an address
)
# Digits with what people write between them; `%2B` is the escaped plus of a URI.
_DIGITS = r"(?:%2[Bb]|\+)?\(?\d(?:[ ().\-/]{0,2}\d){5,}"  # LEAST_DIGITS of them
_NUMBERS = re.compile(
    rf"\b(?=[0-9a-fA-FIRs])(?P<kept>{_KEPT})|(?=[\d+%(])(?P<number>{_DIGITS})"
)  # what may begin so, first
# Whoever stands before an @, in any kind of address, and the password behind them. It begins where a word does: looked
# for at every letter, a long line without an @ would take a time that grows with its square.
_USERS = re.compile(r"(?<![^\s<>\"'@,\[\]{}|])(?P<user>[^\s<>\"'@,\[\]{}|]+)@(?=[\w.\[:%-])")
_SIP_USERS = re.compile(
    r"(?P<scheme>\bsips?\s*:\s*)(?P<user>[^\s<>\"@]{1,300})@", re.IGNORECASE
)  # , ' and ; may stand in them
_TEL = re.compile(
    r"(?=[a-z])(?P<scheme>\b(?:tel|fax|modem)\s*:|(?<=<)(?!sips?:|https?:|urn:)[a-z][a-z\d+.-]{0,30}:)(?P<user>[^\s<>\"',]+)",
    re.IGNORECASE,
)
_DISPLAYED = re.compile(
    r"\"(?:[^\"\\\r\n]|\\.)*\"(?=\s*<)|(?<=[:,])[ \t]*[^\s\"<>:;,=@][^\"<>:;=@\r\n\\]{0,200}(?=<\s*[a-z]+\s*:)"
    r"|(?<=>)[^<>]+(?=</name>)",
    re.IGNORECASE,
)
_HINTS = (
    "inline:", "bearer", "digest", "basic", "passw", "pwd", "secret", "token", "key", "response", "nonce", "opaque", "username",
    "ice-", "k=",
)  # fmt: skip
_SECRETS = re.compile(
    r"(?P<name>\binline:|\bBearer\s+|\bDigest\s+|\bBasic\s+"
    r"|\b(?:password|passwd|pwd|secret|token|api[_-]?key|hep_key|response|nonce|cnonce|opaque|username|ice-pwd|ice-ufrag)"
    r"[\"']?\s*[=:]\s*[\"']?|\bk=(?:clear|base64|uri|prompt):?)"
    r"(?P<value>[^\s\"'|,;&<>]+)",
    re.IGNORECASE,
)
# Lines of a description that name people (RFC 4566 §5.2–5.6), as they stand in a message or in the repr of one.
_DESCRIBED = re.compile(r"(?P<start>(?:^|\\n|\n)(?P<line>[osieup])=)(?P<value>[^\r\n\\]*)")


_LETTERS = str.maketrans("0123456789", "ghijklmnop")  # a mask of digits would look like a number
_IS_MASK = re.compile(f"‹[a-p]{{6}}›|{MASK}")
_SCHEME = re.compile(r".*(?:sips?|im|pres|mailto)\s*:", re.IGNORECASE)


def mask_text(text: str) -> str:
    """Return a text without numbers, user parts of addresses, display names, keys, passwords or tokens."""
    return _masked(text, lambda _: MASK)


class Masker:
    """Masks of one call: the same person gets the same one, whichever way the number is written.

    `key` is random and kept nowhere, so a mask can be neither reversed nor followed from call to call.
    """

    def __init__(self, key: bytes, call: str) -> None:
        self._key = hmac.digest(key, call.encode(), hashlib.sha256)
        self._masked: dict[str, str] = {}  # lines come again and again within a call

    def person(self, user: str) -> str:
        """The mask of a user part or number, such as `‹kbfoha›`; empty stays empty."""
        if _IS_MASK.fullmatch(user):
            return user
        plain = re.sub(r"[^\w]|^%2[Bb]", "", user.partition(";")[0].casefold())
        return (
            f"‹{hmac.digest(self._key, plain.encode(), hashlib.sha256).hex()[:6].translate(_LETTERS)}›"
            if plain
            else user and MASK
        )

    def digest(self, body: bytes) -> str:
        """What tells one body from another within this call, and nothing of what is in them."""
        return hmac.digest(self._key, b"body" + body, hashlib.sha256).hex()[:16]

    def text(self, text: str) -> str:
        """Return a text with each person masked in their own way, keys and secrets as in `mask_text`."""
        known = self._masked.get(text)
        if known is None:
            known = _masked(text, self.person)
            if len(self._masked) < MOST_REMEMBERED:
                self._masked[text] = known
        return known


def _masked(text: str, person: Callable[[str], str]) -> str:
    low = text.lower()
    if any(one in low for one in _HINTS):
        text = _SECRETS.sub(lambda found: found["name"] + MASK, text)
    text = _DESCRIBED.sub(lambda found: found["start"] + _described(found["line"], found["value"]), text)
    if "<" in text:
        text = _DISPLAYED.sub(lambda found: f'"{MASK}"' if found[0].startswith('"') else f" {MASK} ", text)
    if "<" in text or any(one in low for one in ("tel", "fax", "modem")):
        text = _TEL.sub(lambda found: found["scheme"] + person(found["user"]), text)
    if "@" in text:
        text = _SIP_USERS.sub(lambda found: found["scheme"] + person(found["user"]) + "@", text)
        text = _USERS.sub(lambda found: _user(found["user"], person) + "@", text)
    return _NUMBERS.sub(lambda found: found["kept"] or person(found["number"]), text)


def _user(user: str, person: Callable[[str], str]) -> str:
    """A user part, without its scheme and what stands before that where no space does: `uri=sip:…`, a repr's `\\r\\n`."""
    found = _SCHEME.match(user)
    start = found[0] if found else ""
    return start + person(user[len(start) :])


def _described(line: str, value: str) -> str:
    """An origin's first word is a user name; the other lines are free text, an address or a number."""
    return f"{MASK} {value.partition(' ')[2]}" if line == "o" and " " in value else MASK
