"""Why a decision came out as it did: its grounds in order, the places that made it so, and what would loosen it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import NamedTuple

from overt.domain.law.demand import Demand, Ground, join
from overt.domain.law.model import FORMS, RULES, Effective, Form, Purpose
from overt.domain.law.reckoning import Law
from overt.domain.location import Locations, PartyPlaces


class Because(NamedTuple):
    """A ground as it is shown: the place, the law that speaks there, what it demands, and why the place counts.

    `hinted` is False for a place that counts only because it cannot be ruled out: among equals it is named last.
    """

    place: str
    law: str
    rule: Effective
    form: Form
    citation: str
    why: str
    hinted: bool


def demanded(law: Law, locations: Locations, purpose: Purpose) -> Demand:
    """The join of what every candidate place of every party demands, each place asked once: the join is idempotent."""
    named = dict.fromkeys(one.place for party in locations.parties for one in party.candidates)
    groups = dict.fromkeys(party.served for party in locations.parties if party.served)
    demands = [law.demand(purpose, place) for place in named] + [law.together(purpose, group) for group in groups]
    return reduce(join, demands, law.bare[purpose])


def explain_grounds(demand: Demand, law: Law, locations: Locations) -> tuple[Because, ...]:
    """Every ground, the strictest first; of equals, what rests on evidence before what cannot be ruled out."""
    found = []
    for ground in demand.grounds:
        why, hinted = _why_counts(ground, law, locations)
        found.append(Because(*ground, why, hinted))
    return tuple(sorted(found, key=_precedence))


def _precedence(ground: Because) -> tuple[int, int, bool, str, str]:
    return -RULES.index(ground.rule), -FORMS.index(ground.form), not ground.hinted, ground.place, ground.law


def _why_counts(ground: Ground, law: Law, locations: Locations) -> tuple[str, bool]:
    """Why a place counts, and whether evidence names it."""
    place, bloc = ground.place, law.table.stands_for
    named = [
        f"{party.party}: {one.why}"
        for party in locations.parties
        for one in party.candidates
        if place in (one.place, bloc.get(one.place)) or place.startswith(f"{one.place}-")
    ]
    if named:
        return "; ".join(named), True
    parties = [party.party for party in locations.parties if place in party.served]
    if parties:
        return f"{', '.join(parties)}: it may be there, as far as is known", False
    return "binds there too", False


def find_decisive(grounds: Sequence[Because], demand: Demand) -> tuple[str, ...]:
    """The places that made it so: those that by themselves demand the rule and the form that came out.

    Where only several together demand that form, all that want everybody's consent.
    """
    same = [one.place for one in grounds if one.rule == demand.rule and one.form == demand.form]
    return tuple(dict.fromkeys(same or [one.place for one in grounds if one.rule == demand.rule]))


def find_looser(law: Law, locations: Locations, purpose: Purpose, decisive: Sequence[str]) -> tuple[str, ...]:
    """What would have to be known, or chosen, to make a decision less strict. Empty where nothing would."""
    demand = demanded(law, locations, purpose)
    if demand.form == "none":
        return ()
    return (*_helpful(law, locations, purpose, demand), *_relaxable(law, demand, decisive), *_sureness(law, decisive))


def _looser(one: Demand, other: Demand) -> bool:
    return (RULES.index(one.rule), FORMS.index(one.form)) < (RULES.index(other.rule), FORMS.index(other.form))


def _helpful(law: Law, locations: Locations, purpose: Purpose, demand: Demand) -> Iterable[str]:
    """The parties whose places, if they were known, could make it less strict: each alone, or else all together."""
    doubtful = [one for one in locations.parties if not one.certain]

    def helps(known: Sequence[PartyPlaces]) -> bool:
        others = Locations(tuple(one for one in locations.parties if one not in known))
        return _looser(demanded(law, others, purpose), demand)

    alone = [one for one in doubtful if helps([one])]
    for one in alone or (doubtful if helps(doubtful) else ()):
        doubts = f" ({'; '.join(one.doubts)})" if one.doubts else ""
        yield f"where the {one.party} is{doubts}"


def _relaxable(law: Law, demand: Demand, decisive: Sequence[str]) -> Iterable[str]:
    """The contested rules, where they alone made it so, and as far as a named person may choose a looser form."""
    rows = [law.table.row(place, law.reckoning.on) for place in decisive]
    contested = [row for row in rows if row is not None and _loosens(row.contested.relaxes_to, demand)]
    if len(contested) == len(rows):
        for row in contested:
            yield f"relaxing {row.code}, whose rule is contested, to {row.contested.relaxes_to} (a named person's choice)"


def _loosens(relaxed: str, demand: Demand) -> bool:
    """Whether what a row relaxes to (empty: nothing) asks for less than what is demanded."""
    return relaxed == "one-party" or relaxed in FORMS[: FORMS.index(demand.form)]


def _sureness(law: Law, decisive: Sequence[str]) -> Iterable[str]:
    """Whether the profile *standard* would accept what *strict* does not."""
    if law.reckoning.profile == "strict":
        rows = (law.table.row(place, law.reckoning.on) for place in decisive)
        likely = [row.code for row in rows if row is not None and row.forms.notice_then_continue == "likely"]
        if likely:
            yield f"the profile standard, for which a likely form is enough ({', '.join(likely)})"
