"""What a client is made of, field by field, as a person or a file writes it.

`client_of` takes the same fields from a command, a form, the API and overt.toml; it refuses with a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast, get_args

from overt.domain.client_reach import network_of, shown, too_wide
from overt.domain.clients import Attestation, Before, Client, Mode, Srtp
from overt.domain.errors import ClientRefused
from overt.domain.law.model import PURPOSES, Form

TELLING = "telling"  # attested: parties are told, and nothing is said of their consent
FORM_WORDS: Mapping[str, Form] = {"opt-in": "express_opt_in", "notice": "notice_then_continue"}
MODES: tuple[str, ...] = get_args(Mode)
BEFORE: tuple[str, ...] = get_args(Before)
SRTP: tuple[str, ...] = get_args(Srtp)
SHORTEST_ANSWER_S, ANSWER_S, LONGEST_ANSWER_S = 5, 60, 600
Kind = Literal["word", "words", "yes or no", "seconds"]
# What may be said of a client, by whoever adds it: field → its kind and what it means.
FIELDS: Mapping[str, tuple[Kind, str]] = {
    "name": ("word", "How it is called; unique among clients and trunks."),
    "mode": ("word", "siprec: it sends copies of its calls (RFC 7866). gateway: a trunk, in whose path we are."),
    "address": ("words", "The addresses or networks from which it sends."),
    "certificate": ("word", "The DNS name of the certificate that it shows, or sha256: and its fingerprint."),
    "digest": ("word", "The user name of its digest (RFC 8760)."),
    "attest": ("words", f"What its operator does before a call reaches us: {TELLING}, or consent to {', '.join(PURPOSES)}."),
    "form": ("word", "How that consent is obtained: opt-in (an express yes; the default) or notice."),
    "by": ("word", "The person who signs for it."),
    "why": ("word", "Why it may be trusted with that. It stands in the ledger for good."),
    "before": ("word", f"What becomes of sound before a permit: {' or '.join(BEFORE)}."),
    "digits": ("yes or no", "Callers answer the operator's question with our yes and no keys."),
    "answer_s": ("seconds", f"How many seconds they have for it, {SHORTEST_ANSWER_S} to {LONGEST_ANSWER_S}; 60 when not said."),
    "replays": ("yes or no", "It plays the announcement again once we record, where a law wants it on the recording."),
    "anywhere": ("yes or no", "Its sound may come from another address than its description says (NAT): believed, whoever sends it first."),
    "line": ("word", "The line of its calls that name none."),
    "agents": ("words", "Numbers or domains by which the agent is told from the caller."),
    "place": ("word", "Where the sites that it serves are, as US-GA or DE."),
    "srtp": ("word", f"Whether its sound is encrypted: {', '.join(SRTP)}."),
}  # fmt: skip
LONGEST_WHY = 2000
LONGEST_WORD = 300
MOST_WORDS = 64
_NAME = re.compile(
    r"[^\s/\x00-\x1f\x7f-\x9f\ud800-\udfff]([^/\x00-\x1f\x7f-\x9f\ud800-\udfff]{0,62}[^\s/\x00-\x1f\x7f-\x9f\ud800-\udfff])?"
)
_DNS = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_FINGERPRINT = re.compile(r"sha256:[0-9a-f]{64}")
_USERNAME = re.compile(r"[\w.@+!~=-]{1,64}", re.ASCII)  # no colon: it parts the fields of a digest's hash
_PLACE = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
_NUMBER = re.compile(r"\+?[0-9]{1,20}")
_UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def client_of(written: Mapping[str, Any], *, since: str = "") -> Client:
    """Return the client that the fields of `FIELDS` describe; those that are left out have their defaults.

    `since` is the ISO date from which an attestation holds. Raises ClientRefused with a sentence that says what is wrong
    and what to write instead.
    """
    said = _read(written)
    client = Client(
        name=_name(said["name"]),
        mode=cast(Mode, _one_of("mode", said["mode"] or "gateway", MODES)),
        addresses=tuple(dict.fromkeys(shown(network_of(one)) for one in said["address"])),
        certificate=_certificate(said["certificate"]),
        username=_fitting("digest", said["digest"], _USERNAME, "letters, digits and . _ @ + ! ~ = - make a user name"),
        place=_fitting("place", said["place"], _PLACE, "write a place as ISO 3166 does, as US-GA or DE"),
        line=said["line"],
        agents=tuple(dict.fromkeys(_agent(one) for one in said["agents"])),
        attestation=_attestation(said, since),
        before=cast(Before, _one_of("before", said["before"] or "receive-and-drop", BEFORE)),
        digits=said["digits"],
        answer_s=said["answer_s"] or ANSWER_S,
        replays=said["replays"],
        anywhere=said["anywhere"],
        srtp=cast(Srtp, _one_of("srtp", said["srtp"] or "optional", SRTP)),
    )
    _check_whole(client, said)
    return client


def reason_of(by: str, why: str) -> tuple[str, str]:
    """Return who signs and why, as they are kept. Raises ClientRefused when either is missing or cannot be kept."""
    by, why = " ".join(by.split()), why.strip()
    if not any(one.isalpha() for one in by):
        raise ClientRefused("say who signs for it (by): a person's name")
    if not any(one.isalnum() for one in why):
        raise ClientRefused("say why: it stands in the ledger for good")
    if len(by) > LONGEST_WORD or len(why) > LONGEST_WHY:
        raise ClientRefused(f"who and why are at most {LONGEST_WORD} and {LONGEST_WHY} characters")
    if _UNWRITABLE.search(by + why):
        raise ClientRefused("who or why holds a control character, or is no text in UTF-8; leave it out")
    return by, why


def _read(written: Mapping[str, Any]) -> dict[str, Any]:
    """Every field, of its kind. Raises ClientRefused for one that is unknown or of another kind."""
    strange = [one for one in written if one not in FIELDS]
    if strange:
        raise ClientRefused(f"a client has no field {strange[0]}; it has {', '.join(FIELDS)}")
    return {name: _value(name, kind, written.get(name)) for name, (kind, _) in FIELDS.items()}


def _value(name: str, kind: Kind, value: Any) -> Any:
    if kind == "yes or no":
        if value not in (None, True, False):
            raise ClientRefused(f"{name} is true or false")
        return bool(value)
    if kind == "seconds":
        whole = type(value) is int and (value == 0 or SHORTEST_ANSWER_S <= value <= LONGEST_ANSWER_S)
        if value is not None and not whole:
            raise ClientRefused(f"{name} is a whole number of seconds, {SHORTEST_ANSWER_S} to {LONGEST_ANSWER_S}")
        return value or 0
    if kind == "words":
        if value is not None and not isinstance(value, (list, tuple)):
            raise ClientRefused(f"{name} is a list, as [{value!r}]")
        if len(value or ()) > MOST_WORDS:
            raise ClientRefused(f"{name} has at most {MOST_WORDS} entries")
        return tuple(_word(name, one) for one in value or ())
    return _word(name, value) if value is not None else ""


def _word(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ClientRefused(f"{name} is text, not {value!r}")
    if len(value) > (LONGEST_WHY if name == "why" else LONGEST_WORD):
        raise ClientRefused(f"{name} is too long")
    return value.strip()


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ClientRefused("name: 1 to 64 characters, without a slash or a control character")
    return value


def _one_of(name: str, value: str, allowed: Sequence[str]) -> str:
    if value not in allowed:
        raise ClientRefused(f"{name}: one of {', '.join(allowed)}, not {value}")
    return value


def _fitting(name: str, value: str, pattern: re.Pattern[str], hint: str) -> str:
    if value and not pattern.fullmatch(value):
        raise ClientRefused(f"{name}: {value} will not do; {hint}")
    return value


def _certificate(value: str) -> str:
    """A certificate's name in lower case, or its fingerprint without colons, however they were written."""
    plain = value.lower().rstrip(".")
    if plain.startswith("sha256:"):
        plain = "sha256:" + plain.removeprefix("sha256:").replace(":", "")
        return _fitting("certificate", plain, _FINGERPRINT, "sha256: is followed by 64 hexadecimal digits")
    return _fitting(
        "certificate", plain, _DNS, "name the certificate as sbc.example.com, or sha256: and its fingerprint"
    )


def _agent(value: str) -> str:
    number = re.sub(r"[ ().-]", "", value)
    if _NUMBER.fullmatch(number):
        return number
    if not _DNS.fullmatch(value.lower()):
        raise ClientRefused(f"agents: {value} is no number and no domain")
    return value.lower()


def _attestation(said: Mapping[str, Any], since: str) -> Attestation | None:
    words: Sequence[str] = said["attest"]
    if not words:
        if said["form"]:
            raise ClientRefused("form says how attested consent is obtained; attest says to what")
        return None
    for word in words:
        _one_of("attest", word, (TELLING, *PURPOSES))
    purposes = tuple(one for one in PURPOSES if one in words)
    if said["form"] and not purposes:
        raise ClientRefused(f"form: attesting {TELLING} alone says nothing of consent")
    form = FORM_WORDS.get(said["form"] or "opt-in")
    if form is None:
        raise ClientRefused(f"form: one of {', '.join(FORM_WORDS)}, not {said['form']}")
    by, why = reason_of(said["by"], said["why"])
    return Attestation(by, why, purposes, form, since)


def _check_whole(client: Client, said: Mapping[str, Any]) -> None:
    """What only shows when all is read. Raises ClientRefused."""
    if not (client.addresses or client.certificate or client.username):
        raise ClientRefused("say by what the client is known: an address, a certificate or a digest's user name")
    wide = too_wide(client.addresses)
    if wide and not (client.certificate or client.username):
        raise ClientRefused(f"{wide} is too wide to know a client by; name its certificate or digest too")
    if said["answer_s"] and not said["digits"]:
        raise ClientRefused("answer_s says how long callers have for an answer in digits; say digits too")
    for name in ("digits", "replays", "anywhere", "before"):
        if said[name] and client.mode != "siprec":
            raise ClientRefused(
                f"{name} is for recording clients (mode siprec): in the path of a call we ask ourselves"
            )


def fields_of(client: Client) -> dict[str, Any]:
    """A client in the fields of `FIELDS`, as JSON values: what `client_of` makes that client of."""
    attested = client.attestation
    forms = {form: word for word, form in FORM_WORDS.items()}
    return {
        "name": client.name, "mode": client.mode, "address": list(client.addresses), "certificate": client.certificate,
        "digest": client.username, "attest": [] if attested is None else list(attested.purposes) or [TELLING],
        "form": forms[attested.form] if attested is not None and attested.purposes else "",
        "by": attested.by if attested is not None else "", "why": attested.why if attested is not None else "",
        "before": client.before if client.mode == "siprec" else "", "digits": client.digits,
        "answer_s": client.answer_s if client.digits else 0, "replays": client.replays, "anywhere": client.anywhere,
        "line": client.line, "agents": list(client.agents), "place": client.place, "srtp": client.srtp,
    }  # fmt: skip
