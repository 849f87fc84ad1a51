"""Where the parties may be: every candidate place of each, with the evidence for it (P3).

Evidence in the order of its strength; the first five may *settle* a place, the last never does:

    said      the party said it in this call
    on_file   an account or service address; it is found by the number, so a doubtful number settles nothing through it
    device    a network or device location
    trunk     the place that a trunk serves; settles for our own side only, since callers come in from anywhere
    site      a configured site
    number    what the digits hint at

Four rules, each of which may only add places, except where something becomes *known*:

1. Who is settled by nothing may be wherever the line serves (a signed setting); where that is not set, anywhere.
2. Pieces that settle and disagree all count, those of one strength and those of several: an address on file does not
   prove that a device elsewhere is wrong. The party is then not certain. A country and a part of it do not disagree:
   the part counts.
3. What a party says in the call sets aside what was presumed of them before (address, device, trunk, site): the law
   asks where they are, and they have told. Two different sayings both count.
4. What can never settle a place (a number, a caller's trunk) can never be set aside either: it always adds.

So a new piece of evidence takes places away in three cases only, all of them knowing: the first piece that settles ends
rule 1, a part takes the place of its country, and a saying that of what was presumed. What was set aside stays listed. A
doubt never takes a place away: it says why nothing is settled, and `SPOOFED` undoes what was found by the number.

A country whose parts have laws of their own (`PARTED`) settles less than a place: the party may be in any of its parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, cast

from overt.domain.facts import Json

EvidenceKind = Literal["said", "on_file", "device", "trunk", "site", "number"]
STRENGTH: tuple[EvidenceKind, ...] = ("said", "on_file", "device", "trunk", "site", "number")  # from strong to weak
SETTLES: tuple[EvidenceKind, ...] = STRENGTH[:-1]
MOST_APART = 24  # parties that have an entry of their own in the ledger: a conference of hundreds must fit in too
OWN_SIDE = frozenset({"agent", "recorder"})  # whose place a trunk settles
UNKNOWN = "unknown"
PARTED = frozenset({"US", "AU"})
SPOOFED = "the network could not confirm that the number is the caller's own (spoofed)"
_STATES = (
    "AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR "
    "PA RI SC SD TN TX UT VT VA WA WV WI WY"
)
US_PLACES: tuple[str, ...] = tuple(f"US-{code}" for code in _STATES.split())  # the 50 states and DC
CLARITY: dict[str, str] = {
    "said": "said in this call",
    "on_file": "address on file",
    "device": "network or device location",
    "trunk": "place that the trunk serves",
    "site": "configured site",
    "number": "hint of the number",
    "served": "served by the line",
    UNKNOWN: "nothing is known and no served places are set",
}


class Evidence(NamedTuple):
    """A hint at a party's place. `place` is an ISO 3166 code (`US-CA`, `DE`); `detail` says where it comes from."""

    party: str
    kind: EvidenceKind
    place: str
    detail: str


class Candidate(NamedTuple):
    """A place that a party may be in, and why it is a candidate."""

    place: str
    kind: str
    detail: str

    @property
    def why(self) -> str:
        """The kind of evidence in words, and where it comes from."""
        return f"{CLARITY[self.kind]} ({self.detail})"


class SetAside(NamedTuple):
    """A place that no longer counts, because something better is known: `by` says what."""

    candidate: Candidate
    by: str


class PartyPlaces(NamedTuple):
    """Where one party may be: `candidates`, each by its own evidence, and any of `served` when nothing settles it.

    `certain` when evidence settles one place. `served` are the places that the line serves, as they were given. `doubts`
    say why the party is not certain, and that its number is not believed; `set_aside` is listed and does not count.
    """

    party: str
    candidates: tuple[Candidate, ...]
    certain: bool
    served: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    set_aside: tuple[SetAside, ...] = ()

    @property
    def places(self) -> tuple[str, ...]:
        """Every place the party may be in, once: the candidates, then the served ones."""
        return tuple(dict.fromkeys((*(one.place for one in self.candidates), *self.served)))

    def as_json(self) -> dict[str, Json]:
        """The party's places for the ledger: the served ones as a count, all others with their reasons."""
        because = [f"{one.place}: {one.why}" for one in self.candidates]
        because += [
            f"{one.candidate.place} does not count: {one.candidate.why}, but {one.by}" for one in self.set_aside
        ]
        if self.served:
            count = len(self.served)
            because.append(f"{count} {'place' if count == 1 else 'places'}: {CLARITY['served']}")
        return {
            "party": self.party, "certain": self.certain, "places": list(self.places), "because": list(because),
            "served": len(self.served), "doubts": list(self.doubts),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Locations:
    """The candidate places of every party of a call, the recorder among them."""

    parties: tuple[PartyPlaces, ...]

    @property
    def places(self) -> tuple[str, ...]:
        """Every candidate place once, in the order met."""
        return tuple(dict.fromkeys(place for party in self.parties for place in party.places))

    def as_json(self) -> list[Json]:
        """The body of a `call.located` fact. Of a crowd all were located; what is known of the rest of it stands together."""
        said = [party.as_json() for party in self.parties[:MOST_APART]]
        rest = [party.as_json() for party in self.parties[MOST_APART:]]
        return [*said, _together(rest)] if rest else list(said)


def _together(said: Sequence[Mapping[str, Json]]) -> dict[str, Json]:
    """What was said of several parties as of one: every place, reason and doubt once."""

    def every(name: str) -> list[Json]:
        return list(dict.fromkeys(one for party in said for one in cast("list[str]", party[name])))

    return {
        "party": f"{len(said)} others", "certain": all(party["certain"] for party in said), "places": every("places"),
        "because": every("because"), "served": max(cast("int", party["served"]) for party in said), "doubts": every("doubts"),
    }  # fmt: skip


def expand(place: str) -> tuple[str, ...]:
    """The places that a served code stands for: every state and DC for `US`, itself for any other."""
    return US_PLACES if place == "US" else (place,)


def locate(
    evidence: Sequence[Evidence], parties: Sequence[str], served: Sequence[str], doubts: Sequence[tuple[str, str]] = ()
) -> Locations:
    """Return every place each of `parties` may be in.

    `served` is the signed setting of the places that the line serves; empty means that it is not set, and then a
    party settled by nothing is in the place `unknown`, for which the strictest form is demanded. `doubts` are
    (party, why the party's number says no place); where that is `SPOOFED`, an address found by it settles nothing either.
    """
    group = tuple(served)  # of a tuple the very same object: who joined its places beforehand knows it again
    found = []
    for party in parties:
        own = dict.fromkeys(one for one in evidence if one.party == party)
        why = tuple(dict.fromkeys(why for whom, why in doubts if whom == party))
        found.append(_places_of(party, sorted(own, key=_strength), group, why))
    return Locations(tuple(found))


def _strength(one: Evidence) -> int:
    return STRENGTH.index(one.kind)


def _may_settle(one: Evidence) -> bool:
    return one.kind in SETTLES and (one.kind != "trunk" or one.party in OWN_SIDE)


def _places_of(party: str, own: Sequence[Evidence], served: tuple[str, ...], doubts: tuple[str, ...]) -> PartyPlaces:
    spoofed = SPOOFED in doubts
    aside = _set_aside(own, spoofed)
    counted = [one for one in own if one not in aside]
    claims = [one for one in counted if _may_settle(one)]
    settled = any(not (spoofed and one.kind == "on_file") for one in claims)
    candidates = [_candidate(one) for one in counted]
    if not settled and not served:
        candidates.append(Candidate(UNKNOWN, UNKNOWN, "no evidence"))
    places = {one.place for one in claims}
    certain = settled and len(places) == 1 and not places & PARTED
    reasons = _reasons(claims, doubts) if settled else _unsettled(counted, doubts)
    set_aside = tuple(SetAside(_candidate(one), by) for one, by in aside.items())
    return PartyPlaces(party, tuple(candidates), certain, () if settled else served, tuple(reasons), set_aside)


def _set_aside(own: Sequence[Evidence], spoofed: bool) -> dict[Evidence, str]:
    """What no longer counts, and what is known instead (rules 2 and 3)."""
    presumed = [one for one in own if _may_settle(one) and one.kind != "said"]
    said = [one for one in own if one.kind == "said"]
    if said:
        places, settling = {one.place for one in said}, said
        found = dict.fromkeys((one for one in presumed if one.place not in places), "the party said where they are")
    else:
        found, settling = {}, [one for one in presumed if not (spoofed and one.kind == "on_file")]
    for one in settling:
        if any(other.place.startswith(f"{one.place}-") for other in settling):
            found[one] = "which part of it is known"
    return found


def _candidate(one: Evidence) -> Candidate:
    return Candidate(one.place, one.kind, one.detail)


def _unsettled(counted: Sequence[Evidence], doubts: Sequence[str]) -> Sequence[str]:
    """Why nothing settles where the party is."""
    hints = ", ".join(dict.fromkeys(CLARITY[one.kind] for one in counted))
    return doubts or [f"only this is known: {hints}" if hints else "nothing is known"]


def _reasons(claims: Sequence[Evidence], doubts: Sequence[str]) -> Sequence[str]:
    """Why a party of whom something settles a place is not certain all the same, and that its number is not believed."""
    places = dict.fromkeys(one.place for one in claims)
    found = [one for one in doubts if one == SPOOFED]
    found += [f"the country is known ({place}), not which part of it" for place in places if place in PARTED]
    if len(places) > 1:
        kinds = dict.fromkeys(f"{CLARITY[one.kind]}: {one.place}" for one in claims)
        found.append(f"the evidence disagrees ({'; '.join(kinds)})")
    return found
