"""The decision: a join over every place that a call may touch (P3).

Every candidate place of every party, the agent's and the recorder's among them, brings its demand; `demand.join` makes
one of them. What the *law allows* and what *Overt will do* are said apart: Overt tells everyone, even where the law asks
for nothing (P1), and no tone alone is consent for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from overt.domain.facts import Json
from overt.domain.law.because import Because, demanded, explain_grounds, find_decisive, find_looser
from overt.domain.law.demand import Demand, Owed
from overt.domain.law.model import Effective, Form, Purpose
from overt.domain.law.reckoning import Law
from overt.domain.location import Locations
from overt.domain.policy import Telling

Effect = Literal["permit", "deny", "indeterminate"]
Will = Literal["announce", "ask", "none"]
ALWAYS = frozenset({"announce:caller", "record_announcement", "stop_on_join", "stop_on_no", "tell:agent"})
SHOWN_GROUNDS = 8
ALLOWS: Mapping[Form, str] = {
    "none": "with one party's consent, without telling the other",
    "recording_tone": "while a tone is heard",
    "notice_then_continue": "after a notice to every party who stays",
    "express_opt_in": "after every party's express consent",
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What a line wants of a call, for one purpose.

    `telling` is *announce* (informed consent) or *ask*; `chosen_by` the named person who chose *announce* (P2).
    `keep_days` how long the line would keep it. `barred` says why nothing may be done at all, whatever the law says.
    """

    purpose: Purpose = "recording"
    telling: Telling = "ask"
    chosen_by: str = ""
    keep_days: int = 90
    barred: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer for one purpose: what is demanded, what the law would allow, and what Overt will do."""

    effect: Effect
    will: Will
    demand: Demand
    keep_days: int
    why: str
    wish: Wish
    locations: Locations
    law: Law

    @property
    def rule(self) -> Effective:
        """Whose consent the strictest law wants."""
        return self.demand.rule

    @property
    def form(self) -> Form:
        """The form of consent that satisfies every place, the loosest of them."""
        return self.demand.form

    @property
    def purpose(self) -> Purpose:
        """What was decided about."""
        return self.wish.purpose

    @property
    def law_allows(self) -> str:
        """In words, what the law alone would allow: without what the operator holds stricter, and before P1."""
        unaided = self.law.unaided
        demand = self.demand if unaided is None else demanded(unaided, self.locations, self.purpose)
        return f"{self.purpose} {ALLOWS[demand.form]}"

    @property
    def obligations(self) -> tuple[str, ...]:
        """Codes of `duties.OBLIGATIONS`: what Overt does everywhere, and what the places demand besides."""
        return tuple(sorted({one.code for one in self.owed}))

    @property
    def owed(self) -> tuple[Owed, ...]:
        """The obligations with what each rests on."""
        if self.effect == "deny":
            return ()
        own = [Owed(code, "Overt's own promise") for code in ALWAYS]
        own += [Owed("ask:caller", "Overt's own promise")] if self.will == "ask" else []
        own += [Owed("keep_within_bounds", self._bounds)] if self._bounds else []
        return tuple(sorted({*own, *self.demand.obligations}))

    @property
    def _bounds(self) -> str:
        least, most = self.demand.keep_at_least_days, self.demand.keep_at_most_days
        parts = ([f"at least {least} days"] if least else []) + ([f"at most {most} days"] if most else [])
        return " and ".join(parts)

    @property
    def grounds(self) -> tuple[Because, ...]:
        """Every ground, the strictest first."""
        return explain_grounds(self.demand, self.law, self.locations)

    @property
    def decisive(self) -> tuple[str, ...]:
        """The places that made it so."""
        return find_decisive(self.grounds, self.demand)

    @property
    def citation(self) -> str:
        """The citation of the winning ground."""
        grounds = self.grounds
        return grounds[0].citation if grounds else ""

    @property
    def less_strict_if(self) -> tuple[str, ...]:
        """What would have to be known, or chosen, to make it less strict. Empty where nothing would."""
        return find_looser(self.law, self.locations, self.purpose, self.decisive)

    def as_json(self) -> dict[str, Json]:
        """The body of a `call.decided` fact."""
        reckoning, grounds = self.law.reckoning, self.grounds
        decisive = find_decisive(grounds, self.demand)
        shown = [f"{g.place}: {g.rule} ({g.citation}) — {g.why}" for g in grounds[:SHOWN_GROUNDS]]
        if len(grounds) > SHOWN_GROUNDS:
            shown.append(f"and {len(grounds) - SHOWN_GROUNDS} more grounds")
        return {
            "effect": self.effect if self.will == "none" else f"{self.effect}, {self.will}", "why": self.why,
            "rule": self.rule, "form": self.form, "law_allows": self.law_allows, "obligations": list(self.obligations),
            "grounds": list(shown), "citation": grounds[0].citation if grounds else "", "purpose": self.purpose,
            "decisive": list(decisive[:SHOWN_GROUNDS]), "less_strict_if": list(find_looser(self.law, self.locations, self.purpose, decisive)),
            "tone_at_most_s": self.demand.tone_at_most_s, "keep_at_least_days": self.demand.keep_at_least_days,
            "keep_at_most_days": self.demand.keep_at_most_days, "keep_days": self.keep_days, "basis": reckoning.basis,
            "profile": reckoning.profile, "law_version": self.law.table.version, "law_as_of": self.law.table.as_of,
            "law_sha256": self.law.table.sha256,
        }  # fmt: skip


def decide(law: Law, locations: Locations, wish: Wish) -> Decision:
    """Return the decision for a purpose. Doubt never loosens it: what is not known is held strict.

    *deny* when the call is barred; *indeterminate* when one law demands to keep it longer than another allows, so that a
    person must decide; else *permit*, with obligations.
    """
    demand = demanded(law, locations, wish.purpose)
    if wish.barred:
        return Decision("deny", "none", demand, 0, wish.barred, wish, locations, law)
    if demand.unkeepable:
        why = (
            f"one law demands to keep it {demand.keep_at_least_days} days, another allows {demand.keep_at_most_days}: "
            "a person must decide"
        )
        return Decision("indeterminate", "none", demand, 0, why, wish, locations, law)
    informed = wish.telling == "announce" and bool(wish.chosen_by) and "notice_then_continue" in demand.forms
    will: Will = "announce" if informed else "ask"
    return Decision("permit", will, demand, _kept(wish.keep_days, demand), "", wish, locations, law)


def _kept(days: int, demand: Demand) -> int:
    """The line's days of keeping, within the bounds of the law."""
    most = demand.keep_at_most_days or max(days, demand.keep_at_least_days)
    return min(max(days, demand.keep_at_least_days), most)
