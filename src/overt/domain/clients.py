"""Who may bring calls: trunks in whose path we are, and recording clients beside whom we record (SIPREC).

A client is known by address, certificate or digest. What its operator does before a call reaches us (telling, asking) is
*attested*: for one client, by a named person, with a reason, proven by test calls; never assumed (P1, P2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from overt.domain.law.demand import Demand
from overt.domain.law.model import Form, Purpose

Mode = Literal["gateway", "siprec"]
Before = Literal["receive-and-drop", "inactive"]
Srtp = Literal["off", "optional", "required"]


@dataclass(frozen=True, slots=True)
class Attestation:
    """What a client's operator does, as a named person signed for. `form` is the strongest form of consent they obtain.

    `purposes` empty: parties are told, and nothing is said of their consent. `since` is an ISO date.
    """

    by: str
    why: str
    purposes: tuple[Purpose, ...] = ()
    form: Form = "express_opt_in"
    since: str = ""

    def covers(self, purpose: Purpose, demand: Demand) -> bool:
        """True when what is attested is consent to a purpose, in a form that every place accepts."""
        return purpose in self.purposes and self.form in demand.forms


@dataclass(frozen=True, slots=True)
class Client:
    """Somebody who may bring calls.

    `addresses` are IP addresses or networks; `certificate` a DNS name of the certificate that they show, or `sha256:` and
    its fingerprint; `username` that of their digest. Any one of them that is set must fit; at least one is.
    `before` says what becomes of sound before a permit: received, counted and dropped, or not even sent to us.
    `digits`: the caller answers the operator's question with our yes and no keys, within
    `answer_s` seconds of its being put. `replays`: the client plays the
    announcement again once capture is open, where a law wants it on the recording. `line` is the line of calls that name
    none; `agents` are the numbers or domains by which the agent is told from the caller. `anywhere`: sound is
    taken also from an address that the client's description does not name.
    """

    name: str
    mode: Mode = "gateway"
    addresses: tuple[str, ...] = ()
    certificate: str = ""
    username: str = ""
    place: str = ""
    line: str = ""
    agents: tuple[str, ...] = ()
    attestation: Attestation | None = None
    before: Before = "receive-and-drop"
    digits: bool = False
    answer_s: int = 60
    replays: bool = False
    srtp: Srtp = "optional"
    anywhere: bool = False
