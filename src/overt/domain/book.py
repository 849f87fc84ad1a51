"""A policy book: for which calls what is announced, asked, recorded and kept, and who answers for that.

A book is an ordered list of policies. *The first enabled policy that matches a call rules it.* A policy's `locks` hold
fields for every call that it matches, whichever policy rules it: the first policy that matches and locks a field decides
that field. A call that no policy matches is not recorded. `domain.ruling` reads a book for a call, `domain.book_toml` its
file, `domain.book_checks` says what is wrong with it; docs/policies.md explains it to those who write one.

The classes are the sections of the file and their attributes its fields; `from_` is written `from`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from overt.domain.law.model import Form
from overt.domain.policy import HEARERS, LinePolicy, OnHold, OnNo, Telling

FORMAT = 1
Direction = Literal["any", "inbound", "outbound"]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WITHHELD = "withheld"  # in `numbers`: a call whose number was withheld
Time = Annotated[str, "HH:MM"]  # of the day, 00:00 to 23:59, in the book's time zone
Lines = Annotated[str, "may have line breaks"]


@dataclass(frozen=True, slots=True)
class When:
    """`[policy.when]`: which calls. Every field must fit; a list fits when one of its entries does; empty fits all.

    `lines`, `queues`, `teams` and `agents` are names, or beginnings of names that end in `*`. `numbers` are those of
    the party outside: the caller of an inbound call, the called of an outbound one. A time whose `until` is not after
    `from_` runs over midnight, and `days` are those on which it begins.
    """

    direction: Direction = "any"
    lines: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    days: tuple[Day, ...] = ()
    from_: Time = ""
    until: Time = ""


@dataclass(frozen=True, slots=True)
class Tell:
    """`[policy.tell]`: the disclosure. Nothing is preset: who tells nothing records nothing."""

    script: str = ""
    languages: tuple[str, ...] = ()
    purpose: str = ""


@dataclass(frozen=True, slots=True)
class Ask:
    """`[policy.ask]`: whether callers are asked, and what becomes of the call after a no."""

    telling: Telling = "ask"
    chosen_by: str = ""
    on_refusal: OnNo = "go-on"
    on_no_answer: OnNo = "go-on"
    route: str = ""


@dataclass(frozen=True, slots=True)
class Capture:
    """`[policy.capture]`: whether such calls are recorded at all, how many of a hundred, and what hold does."""

    record: bool = True
    share: int = 100
    on_hold: OnHold = "pause"


@dataclass(frozen=True, slots=True)
class Keep:
    """`[policy.keep]`: for how many days, and which roles may listen."""

    days: int = 90
    listeners: tuple[str, ...] = HEARERS


@dataclass(frozen=True, slots=True)
class ChosenBasis:
    """A legal basis other than consent: its code in the law table, the paper that shows it, the person who chose it."""

    code: str = ""
    document: str = ""
    person: str = ""


@dataclass(frozen=True, slots=True)
class Stated:
    """`[policy.law]`: what the operator states of these calls, on which the law's answer depends."""

    circumstances: tuple[str, ...] = ()
    basis: ChosenBasis = ChosenBasis()


@dataclass(frozen=True, slots=True)
class Policy:
    """`[[policy]]`: for which calls, and what for them. `responsible` is a named person."""

    name: str
    responsible: str
    enabled: bool = True
    note: Lines = ""
    locks: tuple[str, ...] = ()
    when: When = When()
    tell: Tell = Tell()
    ask: Ask = Ask()
    capture: Capture = Capture()
    keep: Keep = Keep()
    law: Stated = Stated()


@dataclass(frozen=True, slots=True)
class NeverRecord:
    """`[[never_record]]`: a number, or a beginning ending in `*`, whose calls are never recorded, either way."""

    number: str
    reason: str


@dataclass(frozen=True, slots=True)
class Relaxed:
    """`[[relax]]`: a place whose rule the law table calls contested, read the loose way; who decided that and why."""

    place: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Stricter:
    """`[[stricter]]`: a place in which at least this form of consent is demanded; who decided that and why."""

    place: str
    form: Form
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class PolicyBook:
    """All of it. `timezone` is an IANA name: the clock by which `days`, `from` and `until` are read."""

    title: str = ""
    timezone: str = "UTC"
    never_record: tuple[NeverRecord, ...] = ()
    relax: tuple[Relaxed, ...] = ()
    stricter: tuple[Stricter, ...] = ()
    policy: tuple[Policy, ...] = ()

    @property
    def relaxed_places(self) -> frozenset[str]:
        """The places read the loose way, as `law.reckoning.Reckoning.relaxed` takes them."""
        return frozenset(one.place for one in self.relax)

    @property
    def stricter_forms(self) -> tuple[tuple[str, Form], ...]:
        """The places held stricter, as `law.reckoning.Reckoning.stricter` takes them."""
        return tuple((one.place, one.form) for one in self.stricter)


@dataclass(frozen=True, slots=True)
class Edition:
    """A book as it was published: its version (from 1; 0 for what the settings say) and its text's SHA-256, in hex."""

    book: PolicyBook
    version: int = 0
    sha256: str = ""


# What goes together under one lock: field → all fields that are held with it, as (section, attribute).
Held = tuple[tuple[str, str], ...]
_TELLING: Held = (("ask", "telling"), ("ask", "chosen_by"))
_AFTER_NO: Held = (("ask", "on_refusal"), ("ask", "on_no_answer"), ("ask", "route"))
LOCKABLE: Mapping[str, Held] = {
    "script": (("tell", "script"),),
    "languages": (("tell", "languages"),),
    "purpose": (("tell", "purpose"),),
    "telling": _TELLING,
    "chosen_by": _TELLING,
    "on_refusal": _AFTER_NO,
    "on_no_answer": _AFTER_NO,
    "route": _AFTER_NO,
    "record": (("capture", "record"),),
    "share": (("capture", "share"),),
    "on_hold": (("capture", "on_hold"),),
    "days": (("keep", "days"),),
    "listeners": (("keep", "listeners"),),
    "circumstances": (("law", "circumstances"),),
    "basis": (("law", "basis"),),
}


def book_of_lines(lines: Sequence[LinePolicy], title: str = "What the settings say") -> PolicyBook:
    """Return the book that the settings' lines amount to while none is published: one policy a line, none asked for more."""
    return PolicyBook(title, policy=tuple(_policy_of(line) for line in lines))


def _policy_of(line: LinePolicy) -> Policy:
    return Policy(
        line.name,
        line.responsible or line.chosen_by,
        when=When(lines=(line.name,)),
        tell=Tell(line.script, line.languages, line.purpose),
        ask=Ask(line.telling, line.chosen_by, line.on_refusal, line.on_no_answer, line.route),
        capture=Capture(record=line.record, on_hold=line.on_hold),
        keep=Keep(line.retention_days, line.listeners),
        law=Stated(line.circumstances, ChosenBasis(line.basis, line.basis_document, line.basis_person)),
    )
