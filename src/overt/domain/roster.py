"""Who is heard beside a call's way: the people that a recording client names, seated as caller and agent.

A recording has two tracks, so two people have a seat of their own and the lines that carry their voices. Where one line
carries everybody, it goes to the caller's seat and is said to be mixed. Whoever has no seat is still on the call: they
are located, and their coming ends the episode like any other's (P6).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from overt.domain.identity import CALLER, SIDES, Number, Side


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody on the call: the client's own id for them (opaque), their number, the domain of their address, a name."""

    id: str
    number: Number = Number()
    domain: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class VoiceLine:
    """An m-line of the client's offer: whose voices it carries (ids), as far as is known; how that is known, in words."""

    index: int
    label: str = ""
    senders: tuple[str, ...] = ()
    basis: str = ""


@dataclass(frozen=True, slots=True)
class Seats:
    """Who has the caller's seat and who the agent's; `others` have none. `lines` is the m-line of each seat that has one.

    `mixed`: one line carries more than one voice. `unheard` are lines for which there is no seat. `labels` are those of the
    seats' lines, also of one that is left out at the moment.
    """

    caller: Person | None = None
    agent: Person | None = None
    others: tuple[Person, ...] = ()
    lines: tuple[tuple[Side, int], ...] = ()
    mixed: bool = False
    unheard: tuple[int, ...] = ()
    labels: tuple[tuple[Side, str], ...] = ()

    @property
    def people(self) -> tuple[Person, ...]:
        """Everybody on the call."""
        return (*(one for one in (self.caller, self.agent) if one is not None), *self.others)

    def of(self, side: Side) -> Person | None:
        """Who has a seat."""
        return self.caller if side == CALLER else self.agent

    def line(self, side: Side) -> int | None:
        """The m-line of a seat; None while it has none."""
        return dict(self.lines).get(side)


def seat(
    people: Sequence[Person], lines: Sequence[VoiceLine], is_agent: Callable[[Person], bool], before: Seats | None = None
) -> Seats:  # fmt: skip
    """Seat everybody. Who had a seat keeps it; else the agent is whom `is_agent` knows, the caller the first of the rest."""
    before = before or Seats()
    here = {one.id: one for one in people}
    agent = _still(before.agent, here)
    caller = _still(before.caller, here)
    free = [one for one in people if one not in (caller, agent)]
    if agent is None:
        first = 0 if caller is not None else 1  # the first who is named called, as a rule
        known = (one for one in free if is_agent(one))
        agent = next(known, free[first] if len(free) > first else None)
    free = [one for one in free if one != agent]
    if caller is None and free:
        caller = free[0]
    others = tuple(one for one in free if one != caller)
    return _lined(Seats(caller, agent, others), lines, before)


def _still(person: Person | None, here: dict[str, Person]) -> Person | None:
    return here.get(person.id) if person is not None else None


def _lined(seats: Seats, lines: Sequence[VoiceLine], before: Seats) -> Seats:
    """Give each seat the line that carries its voice; a line of nobody known goes to the seat that has none, in order."""
    found: dict[Side, int] = {}
    rest = []
    for line in lines:
        side = _side_of(line, seats)
        if side is not None and side not in found:
            found[side] = line.index
        else:
            rest.append(line)
    unheard = []
    for line in rest:
        free = [side for side in _preferred(line, before) if side not in found]
        if line.senders or not free:
            unheard.append(
                line.index
            )  # a voice that has no seat, or its track already; one line more than there are seats
        else:
            found[free[0]] = line.index
    mixed = any(len(line.senders) > 1 for line in lines if line.index in found.values())
    given = tuple((side, found[side]) for side in SIDES if side in found)
    named = {line.index: line.label for line in lines if line.label}
    labels = {**dict(before.labels), **{side: named[index] for side, index in found.items() if index in named}}
    return Seats(seats.caller, seats.agent, seats.others, given, mixed, tuple(unheard), tuple(labels.items()))


def _side_of(line: VoiceLine, seats: Seats) -> Side | None:
    """The seat of a line's sender; of several who are mixed in it, the first that has one, the caller's before the agent's."""
    return next((side for side in SIDES if (one := seats.of(side)) is not None and one.id in line.senders), None)


def _preferred(line: VoiceLine, before: Seats) -> tuple[Side, ...]:
    """The seats in which a line of nobody known may be, the one that it had first: by its label, else by its place."""
    had = [side for side, label in before.labels if label == line.label]
    had += [side for side, index in before.lines if index == line.index]
    return tuple(dict.fromkeys((*had, *SIDES)))


@dataclass(frozen=True, slots=True)
class Regrouping:
    """What another roster means: who came, who went, and on which sides the same person is heard as before."""

    joined: tuple[Person, ...] = ()
    left: tuple[Person, ...] = ()
    stayed: tuple[Side, ...] = ()

    @property
    def ends_episode(self) -> bool:
        """True when somebody came, or somebody who has a seat went."""
        return bool(self.joined) or len(self.stayed) < len(SIDES)


def regroup(before: Seats, after: Seats) -> Regrouping:
    """Compare two rosters. People are the same whose id the client gave is the same."""
    old, new = ({one.id for one in seats.people} for seats in (before, after))
    return Regrouping(
        tuple(one for one in after.people if one.id not in old),
        tuple(one for one in before.people if one.id not in new),
        tuple(side for side in SIDES if _id(before.of(side)) == _id(after.of(side))),
    )


def is_same(one: Person, other: Person) -> bool:
    """True for somebody who may be the same: by the client's id, or by their number, which outlives ids."""
    return one.id == other.id or (one.number.text != "" and one.number.text == other.number.text)


def are_the_same(one: Seats, other: Seats) -> bool:
    """True when two rosters are of the same people: by their numbers where the client gave any, else by its ids."""
    numbers, others = ({person.number.text for person in seats.people} - {""} for seats in (one, other))
    if numbers or others:
        return numbers == others
    return {person.id for person in one.people} == {person.id for person in other.people}


@dataclass(frozen=True, slots=True)
class Refuser:
    """Somebody who said no: where they sat, who they were (None: the client did not say), and how they said it."""

    side: Side
    person: Person | None
    reason: str

    def sits(self, side: Side, seats: Seats) -> bool:
        """True when they may sit there now. Of a no of nobody known, whoever has the seat is taken to have said it."""
        now = seats.of(side)
        if self.person is None:
            return side == self.side
        return now is not None and is_same(self.person, now)

    def stands_by(self, seats: Seats) -> bool:
        """True when they are on the call without a seat of their own."""
        return self.person is not None and any(is_same(self.person, one) for one in seats.others)


def _id(person: Person | None) -> str | None:
    return person.id if person is not None else None


def belongs(person: Person, agents: Sequence[str]) -> bool:
    """True when a person's number or domain is among those of the agents; a number may be given without its `+`."""
    number = person.number.text
    return any(one and one in (number, number.lstrip("+"), person.domain) for one in agents)
