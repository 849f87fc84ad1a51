"""Counsel: what may be done with a call, asked beforehand; the same answer for the command line, the API and the console.

Nothing is recorded, nothing is entered, no call is needed: somebody says what would be known of the parties, and hears
what the law would demand of them, what Overt would do, what would be spoken, and why.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from overt.domain.facts import Json
from overt.domain.identity import Number
from overt.domain.law.decide import Decision
from overt.domain.law.model import PURPOSES, Form, Purpose, Row
from overt.domain.law.table import Table
from overt.domain.location import Locations
from overt.domain.policy import Telling
from overt.ports import AddressBook

Direction = Literal["inbound", "outbound"]
LIKELY = 0.5


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
    `keep_days`, `languages`, `told_purpose` and `agent_notice_on_file` mean what they mean in a line's policy.
    """

    on: str
    caller: Whereabouts = field(default_factory=Whereabouts)
    called: Whereabouts = field(default_factory=Whereabouts)
    direction: Direction = "inbound"
    agent: tuple[str, ...] = ()
    recorder: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    served: tuple[str, ...] = ()
    profile: Literal["standard", "strict"] = "standard"
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


@dataclass(frozen=True, slots=True)
class Opinion:
    """The answer to a question of law: where everyone may be, and the decision for each purpose that was asked of."""

    asked: Asked
    locations: Locations
    answers: tuple[Answer, ...]


class NoSuchPlace(Exception):
    """The table has no row for a place; `near` are codes that may have been meant."""

    def __init__(self, code: str, near: tuple[str, ...]) -> None:
        meant = f"; did you mean {' or '.join(near)}?" if near else ""
        super().__init__(f"the law table has no row for {code}{meant}")
        self.code, self.near = code, near


@dataclass(frozen=True, slots=True)
class Counsel:
    """Who answers questions of law. `texts` are the prompts' words by name (`language/id`)."""

    table: Table
    addresses: AddressBook
    texts: Mapping[str, str]

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
    """Codes of places that somebody may have meant: by code, by name, or by the last letters of a code. At most three."""
    said = text.strip().upper()
    rows = {code: row for code in sorted(table.rows) if (row := table.row(code, on)) is not None}
    by_end = [code for code in rows if code.endswith(f"-{said}")]
    by_name = {row.name.upper(): code for code, row in rows.items()}
    named = [by_name[name] for name in difflib.get_close_matches(said, by_name, 3, LIKELY)]
    by_code = difflib.get_close_matches(said, list(rows), 3, LIKELY)
    return tuple(dict.fromkeys([*by_end, *named, *by_code]))[:3]
