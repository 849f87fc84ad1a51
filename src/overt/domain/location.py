"""Where the parties may be. Every candidate place, with the evidence for it (P3).

A place is certain only by strong evidence. A number never makes a place certain: it only adds candidates. A party
of whom nothing strong is known may be in every place that the line serves, and where that is not set, anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from overt.domain.facts import Json

EvidenceKind = Literal["said", "on_file", "device", "site", "number"]
STRONG: tuple[EvidenceKind, ...] = ("said", "on_file", "device", "site")
UNKNOWN = "unknown"
CLARITY: dict[str, str] = {
    "said": "said in this call",
    "on_file": "address on file",
    "device": "network or device location",
    "site": "configured site",
    "number": "hint of the number",
    "served": "the line serves this place",
    UNKNOWN: "nothing is known and no served places are set",
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """A hint at a party's place. `place` is an ISO 3166 code (`US-CA`, `DE`); `detail` says where it comes from."""

    party: str
    kind: EvidenceKind
    place: str
    detail: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A place that a party may be in, and why it is a candidate."""

    place: str
    kind: str
    detail: str


@dataclass(frozen=True, slots=True)
class PartyPlaces:
    """All candidates of one party; `certain` when strong evidence settles it."""

    party: str
    candidates: tuple[Candidate, ...]
    certain: bool

    def as_json(self) -> dict[str, Json]:
        """The party's places for the ledger: the served ones as a count, all others with their reasons."""
        served = [one.place for one in self.candidates if one.kind == "served"]
        named = [one for one in self.candidates if one.kind != "served"]
        because: list[Json] = [f"{one.place}: {CLARITY[one.kind]} ({one.detail})" for one in named]
        if served:
            because.append(f"{len(served)} places: {CLARITY['served']}")
        places: list[Json] = list(dict.fromkeys([one.place for one in named] + served))
        return {"party": self.party, "certain": self.certain, "places": places, "because": because}


@dataclass(frozen=True, slots=True)
class Locations:
    """The candidate places of every party of a call, the recorder among them."""

    parties: tuple[PartyPlaces, ...]

    @property
    def places(self) -> tuple[str, ...]:
        """Every candidate place once, in the order met."""
        return tuple(dict.fromkeys(one.place for party in self.parties for one in party.candidates))

    def as_json(self) -> list[Json]:
        """The body of a `call.located` fact."""
        return [party.as_json() for party in self.parties]


def locate(evidence: Sequence[Evidence], parties: Sequence[str], served: Sequence[str]) -> Locations:
    """Return every place each of `parties` may be in.

    `served` is the signed setting of the places that the line serves; empty means that it is not set, and then a
    party without strong evidence is in the place `unknown`, for which the strictest form is demanded.
    """
    return Locations(tuple(_places_of(party, evidence, served) for party in parties))


def _places_of(party: str, evidence: Sequence[Evidence], served: Sequence[str]) -> PartyPlaces:
    own = [one for one in evidence if one.party == party]
    strong = [one for one in own if one.kind in STRONG]
    best = min((STRONG.index(one.kind) for one in strong), default=None)
    chosen = [one for one in strong if best is None or STRONG.index(one.kind) == best]
    candidates = [Candidate(one.place, one.kind, one.detail) for one in chosen]
    candidates += [Candidate(one.place, one.kind, one.detail) for one in own if one.kind == "number"]
    if not strong:
        candidates += [Candidate(place, "served", "signed setting") for place in served]
        if not served:
            candidates.append(Candidate(UNKNOWN, UNKNOWN, "no evidence"))
    return PartyPlaces(party, tuple(candidates), bool(strong))
