"""Counsel: what may be done with a call, asked beforehand; the same answer for the command line, the API and the console.

Nothing is recorded, nothing is entered, no call is needed: somebody says what would be known of the parties, and hears
what the law would demand of them, what Overt would do, what would be spoken, and why.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from overt.domain.book import Edition, PolicyBook
from overt.domain.disclosure import Announcement, MissingPrompts, plan
from overt.domain.errors import Refused
from overt.domain.facts import Json
from overt.domain.identity import Number
from overt.domain.law.decide import Decision, Wish, decide
from overt.domain.law.duties import OBLIGATIONS
from overt.domain.law.model import PURPOSES, Form, Purpose, Row
from overt.domain.law.page import Page, describe_place
from overt.domain.law.reckoning import Profile, Reckoning, reckon
from overt.domain.law.table import Table
from overt.domain.location import Evidence, EvidenceKind, Locations, expand, locate
from overt.domain.policy import LinePolicy, Telling
from overt.domain.ruling import Ruling, Traits, Unruled, effective, rule
from overt.ports import AddressBook

Direction = Literal["inbound", "outbound"]
CERTAIN: tuple[EvidenceKind, ...] = ("said", "on_file", "device", "trunk", "site")
LIKELY = 0.66
ASKED = "as asked"


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What is known of where one party is: a number, and places (ISO 3166 codes) by the kind of evidence for them."""

    number: Number = field(default_factory=Number)
    withheld: bool = False
    said: tuple[str, ...] = ()
    on_file: tuple[str, ...] = ()
    device: tuple[str, ...] = ()
    trunk: tuple[str, ...] = ()
    site: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of law: who might be where, on which day, for which purposes, and what the line's policy would be.

    On an inbound call `caller` is somebody outside and `called` the line, so the agent; on an outbound one it is the
    other way round. `agent` are the agent's configured sites, `recorder` where Overt records, `others` where further
    parties certainly are, `served` the places that the line serves. `on` is an ISO date. `telling`, `chosen_by`,
    `keep_days`, `languages`, `told_purpose` and `agent_notice_on_file` mean what they mean in a line's policy. Where there
    is a `book`, what it says of a call with these `traits` stands in their place, and beside what is asked by hand.
    """

    on: str
    caller: Whereabouts = field(default_factory=Whereabouts)
    called: Whereabouts = field(default_factory=Whereabouts)
    direction: Direction = "inbound"
    agent: tuple[str, ...] = ()
    recorder: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    served: tuple[str, ...] = ()
    profile: Profile = "standard"
    purposes: tuple[Purpose, ...] = PURPOSES
    telling: Telling = "ask"
    chosen_by: str = ""
    keep_days: int = 90
    relaxed: tuple[str, ...] = ()
    stricter: tuple[tuple[str, Form], ...] = ()
    circumstances: tuple[str, ...] = ()
    basis: str = ""
    languages: tuple[str, ...] = ("en",)
    told_purpose: str = "quality and training"
    agent_notice_on_file: str = ""
    book: PolicyBook | None = None
    traits: Traits = field(default_factory=Traits)


@dataclass(frozen=True, slots=True)
class Spoken:
    """A sentence that would be spoken: to whom, when (`telling`, `question`, `cue`), in which language, as which prompt."""

    to: str
    when: Literal["telling", "question", "cue"]
    language: str
    prompt: str
    text: str

    def as_json(self) -> dict[str, Json]:
        """The same as plain JSON."""
        return {"to": self.to, "when": self.when, "language": self.language, "prompt": self.prompt, "text": self.text}


@dataclass(frozen=True, slots=True)
class Answer:
    """The decision for one purpose, what would be spoken for it, and the prompts that are missing for that."""

    decision: Decision
    spoken: tuple[Spoken, ...]
    missing_prompts: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Json]:
        """The same as plain JSON, every ground in it."""
        one = self.decision
        owed: list[Json] = [
            {"code": each.code, "meaning": OBLIGATIONS[each.code], "because": each.citation} for each in one.owed
        ]
        grounds: list[Json] = [
            {"place": g.place, "law": g.law, "rule": g.rule, "form": g.form, "citation": g.citation, "why": g.why}
            for g in one.grounds
        ]
        return {
            "purpose": one.purpose, "effect": one.effect, "will": one.will, "why": one.why, "rule": one.rule,
            "form": one.form, "law_allows": one.law_allows, "decisive": list(one.decisive), "obligations": owed,
            "grounds": grounds, "less_strict_if": list(one.less_strict_if), "tone_at_most_s": one.demand.tone_at_most_s,
            "keep_at_least_days": one.demand.keep_at_least_days, "keep_at_most_days": one.demand.keep_at_most_days,
            "keep_days": one.keep_days, "spoken": [each.as_json() for each in self.spoken],
            "missing_prompts": list(self.missing_prompts),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Opinion:
    """The answer to a question of law: where everyone may be, and the decision for each purpose that was asked of.

    `ruling` is the policy of the book that would rule such a call; None without a book.
    """

    asked: Asked
    locations: Locations
    answers: tuple[Answer, ...]
    reckoning: Reckoning
    ruling: Ruling | Unruled | None = None

    def as_json(self) -> dict[str, Json]:
        """The same as plain JSON; numbers are masked. docs/law/format.md describes it."""
        table, read = self.answers[0].decision.law.table, self.reckoning
        return {
            "law": {
                "version": table.version, "as_of": table.as_of, "sha256": table.sha256, "on": read.on,
                "profile": read.profile, "served": len(read.served), "relaxed": [*sorted(read.relaxed)],
                "stricter": [{"place": place, "form": form} for place, form in read.stricter],
                "circumstances": [*sorted(read.circumstances)], "basis": read.basis,
            },
            "asked": {
                "direction": self.asked.direction, "from": _masked(self.asked.caller), "to": _masked(self.asked.called),
            },
            "policy": None if self.ruling is None else _ruled(self.ruling),
            "located": self.locations.as_json(),
            "purposes": [one.as_json() for one in self.answers],
        }  # fmt: skip


class NoSuchPlace(Refused):
    """The table has no row for a place; `near` are codes that may have been meant."""

    def __init__(self, code: str, near: tuple[str, ...]) -> None:
        meant = f"; did you mean {' or '.join(near)}?" if near else ""
        super().__init__(f"the law table has no row for {code}{meant}")
        self.code, self.near = code, near


@dataclass(frozen=True, slots=True)
class Counsel:
    """Who answers questions of law. `texts` are the prompts' words by name (`language/id`).

    `unrecorded` says of a caller's number, a called one and the house's own list why such a call is never recorded (an
    emergency, say); empty when it may be.
    """

    table: Table
    addresses: AddressBook
    texts: Mapping[str, str]
    unrecorded: Callable[[str, str, Sequence[str]], str] = lambda caller, called, own: ""

    def decide(self, asked: Asked) -> Opinion:
        """Return the answer to a question of law. Raises PolicyRefused for what may not be chosen."""
        ruling = None if asked.book is None else rule(asked.book, asked.traits)
        policy = _policy(asked, ruling)
        reckoning = _reckoning(asked, policy)
        law = reckon(self.table, reckoning)
        evidence, doubts, parties = self._known(asked)
        locations = locate(evidence, parties, reckoning.served, doubts)
        barred = self._barred(asked) or policy.unrecorded_why
        wishes = (
            Wish(purpose, policy.telling, policy.chosen_by, policy.retention_days, barred)
            for purpose in asked.purposes or PURPOSES
        )
        outside = parties[0] if asked.direction == "inbound" else parties[1]
        answers = tuple(self._answer(decide(law, locations, wish), policy, outside) for wish in wishes)
        return Opinion(asked, locations, answers, reckoning, ruling)

    def _known(self, asked: Asked) -> tuple[list[Evidence], list[tuple[str, str]], list[str]]:
        """All evidence, what is doubtful of it, and the parties whom it is about."""
        sides = ("caller", "agent") if asked.direction == "inbound" else ("agent", "called")
        evidence: list[Evidence] = []
        doubts: list[tuple[str, str]] = []
        for party, known in zip(sides, (asked.caller, asked.called), strict=True):
            evidence += self._evidence(party, known)
            doubts += self._doubts(party, known)
        evidence += [Evidence("agent", "site", place, ASKED) for place in asked.agent]
        evidence += [Evidence("recorder", "site", place, ASKED) for place in asked.recorder]
        others = [f"party {number}" for number in range(3, 3 + len(asked.others))]
        evidence += [Evidence(party, "said", place, ASKED) for party, place in zip(others, asked.others, strict=True)]
        return evidence, doubts, [*sides, "recorder", *others]

    def _evidence(self, party: str, known: Whereabouts) -> Iterator[Evidence]:
        for kind in CERTAIN:
            yield from (Evidence(party, kind, place, ASKED) for place in getattr(known, kind))
        if not known.withheld and not known.number.withheld:
            yield from (Evidence(party, "on_file", place, why) for place, why in self.addresses.on_file(known.number))
            yield from (Evidence(party, "number", place, why) for place, why in self.addresses.hinted(known.number))

    def _doubts(self, party: str, known: Whereabouts) -> Iterator[tuple[str, str]]:
        """Why a number proves nothing, if there is one, or is known to be withheld."""
        if known.withheld or not known.number.withheld:
            why = self.addresses.doubt(Number() if known.withheld else known.number)
            yield from ((party, one) for one in (why,) if one)

    def _barred(self, asked: Asked) -> str:
        own = [one.number for one in asked.book.never_record] if asked.book is not None else []
        caller = "" if asked.caller.withheld else asked.caller.number.text
        return self.unrecorded(caller, asked.called.number.text, own)

    def _answer(self, decision: Decision, policy: LinePolicy, outside: str) -> Answer:
        """The decision with what would be spoken for it; where nothing is done, nothing is announced."""
        if decision.will == "none":
            return Answer(decision, ())
        planned = plan(decision, policy, self.texts)
        if isinstance(planned, MissingPrompts):
            return Answer(decision, (), planned.prompts)
        return Answer(decision, tuple(self._spoken(planned, outside)))

    def _spoken(self, planned: Announcement, outside: str) -> Iterator[Spoken]:
        rows: tuple[tuple[str, Literal["telling", "question", "cue"], tuple[str, ...]], ...] = (
            (outside, "telling", planned.telling), (outside, "question", planned.question),
            ("agent", "cue", planned.to_agent),
        )  # fmt: skip
        for to, when, prompts in rows:
            for prompt in prompts:
                yield Spoken(to, when, prompt.partition("/")[0], prompt, self.texts[prompt])

    def page(self, code: str, on: str) -> Page:
        """A place's page. Raises NoSuchPlace."""
        return describe_place(self.table, self.place(code, on))

    def place(self, code: str, on: str) -> Row:
        """The row that speaks for a place on an ISO date, its own or its bloc's. Raises NoSuchPlace."""
        row = self.table.row(code.upper(), on)
        if row is None:
            raise NoSuchPlace(code, near(self.table, code, on))
        return row

    def places(self, on: str, rule: str = "") -> tuple[Row, ...]:
        """Every row in force on an ISO date, by code; only those with this rule, or this effective rule, if one is given."""
        rows = (self.table.row(code, on) for code in sorted(self.table.rows))
        return tuple(row for row in rows if row is not None and rule in ("", row.rule, row.effective_rule))


def near(table: Table, text: str, on: str) -> tuple[str, ...]:
    """Codes of places that somebody may have meant, the likeliest first: by code, or by name. At most three."""
    said = text.strip().upper()
    rows = [row for code in sorted(table.rows) if (row := table.row(code, on)) is not None]
    scored = [(-_likeness(said, row), not said.startswith(row.code), row.code) for row in rows]
    return tuple(code for likeness, _, code in sorted(scored)[:3] if -likeness >= LIKELY)


def _likeness(said: str, row: Row) -> float:
    """How like a place's code or name a text is; from 1 on when it begins the name, or is the code's last part."""
    name = row.name.upper()
    alike = max(difflib.SequenceMatcher(None, said, other).ratio() for other in (row.code, name))
    return alike + ((len(said) > 2 and name.startswith(said)) or row.code.endswith(f"-{said}"))


def _policy(asked: Asked, ruling: Ruling | Unruled | None) -> LinePolicy:
    """The line's policy: as it is asked, or as the book rules it. Raises PolicyRefused for what may not be enabled."""
    own = LinePolicy(
        ASKED, asked.telling, asked.chosen_by, asked.told_purpose, asked.languages, retention_days=asked.keep_days,
        agent_notice_on_file=asked.agent_notice_on_file,
    )  # fmt: skip
    return own if ruling is None else effective(ruling, own, Edition(asked.book or PolicyBook()))


def _reckoning(asked: Asked, policy: LinePolicy) -> Reckoning:
    """How the table is read: as asked, and as the book and its policy say besides."""
    served = tuple(dict.fromkeys(place for one in asked.served for place in expand(one)))
    own = Reckoning(
        asked.on,
        asked.profile,
        served,
        frozenset(asked.relaxed),
        asked.stricter,
        frozenset(asked.circumstances),
        asked.basis,
    )
    if asked.book is None:
        return own
    return replace(
        own, relaxed=own.relaxed | asked.book.relaxed_places, stricter=own.stricter + asked.book.stricter_forms,
        circumstances=own.circumstances | set(policy.circumstances), basis=own.basis or policy.basis,
    )  # fmt: skip


def _masked(known: Whereabouts) -> str:
    if known.withheld:
        return "withheld"
    return "" if known.number.withheld else known.number.masked


def _ruled(ruling: Ruling | Unruled) -> Json:
    name, locked = ("", ()) if isinstance(ruling, Unruled) else (ruling.policy.name, ruling.locked_by)
    return {
        "policy": name, "why": ruling.why, "unrecorded_why": ruling.unrecorded_why,
        "locked": [f"{field}: {by}" for field, by in locked],
    }  # fmt: skip
