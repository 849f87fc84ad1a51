"""What a place demands of a call, and how the demands of many places become one: the lattice of the law.

Every part of a `Demand` joins by its own rule, each of them associative, commutative and idempotent: the rule by the
stricter, the accepted forms by what every place accepts, obligations by union, a tone's interval and the longest keeping
by the shortest, the shortest keeping by the longest. So neither the order of the parties nor their number matters, and no
party, candidate or doubt can make a demand looser.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from overt.domain.law.model import FORMS, RULES, Effective, Form


class Owed(NamedTuple):
    """An obligation (a code of `duties.OBLIGATIONS`), and the citation that it rests on."""

    code: str
    citation: str


class Ground(NamedTuple):
    """A place, the law that speaks there, and what that law demands by itself."""

    place: str
    law: str
    rule: Effective
    form: Form
    citation: str


@dataclass(frozen=True, slots=True)
class Demand:
    """What is demanded. `forms` are all that would do; days and seconds of 0 mean that nothing is demanded of them."""

    rule: Effective
    forms: frozenset[Form]
    obligations: frozenset[Owed] = frozenset()
    tone_at_most_s: int = 0
    keep_at_least_days: int = 0
    keep_at_most_days: int = 0
    grounds: frozenset[Ground] = frozenset()

    @property
    def form(self) -> Form:
        """The loosest form that would do."""
        return next(form for form in FORMS if form in self.forms)

    @property
    def unkeepable(self) -> bool:
        """True when no time of keeping satisfies every law: one demands longer than another allows."""
        return 0 < self.keep_at_most_days < self.keep_at_least_days


NOTHING = Demand("one-party", frozenset(FORMS))
STRICTEST: Form = "express_opt_in"


def at_least(form: Form) -> frozenset[Form]:
    """Every form that is at least as strict."""
    return frozenset(FORMS[FORMS.index(form) :])


def join(left: Demand, right: Demand) -> Demand:
    """The least demand that is at least as strict as both: associative, commutative, idempotent; NOTHING is neutral."""
    return Demand(
        left.rule if RULES.index(left.rule) >= RULES.index(right.rule) else right.rule,
        left.forms & right.forms,
        left.obligations | right.obligations,
        _shortest(left.tone_at_most_s, right.tone_at_most_s),
        max(left.keep_at_least_days, right.keep_at_least_days),
        _shortest(left.keep_at_most_days, right.keep_at_most_days),
        left.grounds | right.grounds,
    )


def _shortest(one: int, other: int) -> int:
    """The shorter of two bounds, of which 0 is none."""
    return min(one, other) if one and other else one or other
