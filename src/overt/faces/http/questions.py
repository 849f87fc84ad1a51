"""A question of law as it comes in, from a program or from the console's form: checked, bounded, made into `counsel.Asked`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TypeVar, cast, get_args

import msgspec

from overt.domain.errors import Refused
from overt.domain.identity import Number
from overt.domain.law.duties import CIRCUMSTANCES
from overt.domain.law.model import FORMS, PURPOSES, Form, Purpose
from overt.domain.law.reckoning import Profile
from overt.domain.policy import Telling
from overt.domain.ruling import Traits
from overt.faces.http.books import publishing_of
from overt.faces.http.problems import BadRequest
from overt.faces.http.rooms import WebRooms
from overt.services.counsel import Asked, Direction, Whereabouts
from overt.services.publishing import current

MOST_IN_A_LIST = 100
LONGEST_NUMBER, LONGEST_NAME = 64, 120
MOST_DAYS = 36_525
EVIDENCE = ("said", "on_file", "device", "trunk", "site")  # kinds of which a place is named, from strong to weak
_CODE = re.compile(r"[A-Z]{2}(?:-[A-Z0-9]{1,3})?")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
_YEARS = range(1900, 2200)
T = TypeVar("T")


class Party(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of where a party is: its number, and places (ISO 3166 codes) by the kind of evidence for them."""

    number: str = ""
    withheld: bool = False
    said: Sequence[str] = ()
    on_file: Sequence[str] = ()
    device: Sequence[str] = ()
    trunk: Sequence[str] = ()
    site: Sequence[str] = ()

    def __repr__(self) -> str:
        return f"Party({Number(self.number).masked})"


class Held(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A place in which at least this form of consent is demanded."""

    place: str
    form: str


class Question(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A question of law. What is left out is not known; `served`, `recorder` and `profile` are then as the settings say.

    On an inbound call the caller is somebody outside and the called the line; on an outbound one the other way round.
    With a `line` of the settings, the policy book in force says what would be told, asked, recorded and kept, as of now.
    """

    caller: Party = Party()
    called: Party = Party()
    direction: str = "inbound"
    agent: Sequence[str] = ()
    recorder: Sequence[str] | None = None
    others: Sequence[str] = ()
    served: Sequence[str] | None = None
    on: str = ""
    profile: str = ""
    purposes: Sequence[str] = PURPOSES
    telling: str = "ask"
    chosen_by: str = ""
    keep_days: int = 90
    relaxed: Sequence[str] = ()
    stricter: Sequence[Held] = ()
    circumstances: Sequence[str] = ()
    basis: str = ""
    languages: Sequence[str] = ("en",)
    told_purpose: str = "quality and training"
    agent_notice_on_file: str = ""
    line: str = ""


def today(rooms: WebRooms) -> str:
    """The day, UTC, as an ISO date."""
    return datetime.fromtimestamp(rooms.signing.accounts.clock.now_us() / 1_000_000, UTC).date().isoformat()


def day_of(text: str, rooms: WebRooms) -> str:
    """An ISO date as it was given; today when it was not. Raises BadRequest."""
    return _day("on", text) or today(rooms)


def profile_of(text: str) -> Profile:
    """How sure a form of consent must be. Raises BadRequest."""
    return cast(Profile, _one_of("profile", text, get_args(Profile)))


def asked_of(question: Question, rooms: WebRooms) -> Asked:
    """Return the question as counsel takes it. Raises BadRequest naming the field that is wrong."""
    law = rooms.law
    return Asked(
        on=day_of(question.on, rooms),
        caller=_whereabouts("caller", question.caller),
        called=_whereabouts("called", question.called),
        direction=cast(Direction, _one_of("direction", question.direction, ("inbound", "outbound"))),
        agent=places_of("agent", question.agent),
        recorder=places_of("recorder", question.recorder) if question.recorder is not None else law.recorder,
        others=places_of("others", question.others),
        served=places_of("served", question.served) if question.served is not None else law.served,
        profile=profile_of(question.profile or law.profile),
        purposes=cast("tuple[Purpose, ...]", _some_of("purposes", question.purposes or PURPOSES, PURPOSES)),
        telling=cast(Telling, _one_of("telling", question.telling, get_args(Telling))),
        chosen_by=_text("chosen_by", question.chosen_by),
        keep_days=_days(question.keep_days),
        relaxed=places_of("relaxed", question.relaxed),
        stricter=tuple(_held(one) for one in _few("stricter", question.stricter)),
        circumstances=_some_of("circumstances", question.circumstances, [one for one in CIRCUMSTANCES if one]),
        basis=_text("basis", question.basis),
        languages=_languages(question.languages),
        told_purpose=_text("told_purpose", question.told_purpose),
        agent_notice_on_file=_day("agent_notice_on_file", question.agent_notice_on_file),
    )


async def ruled(asked: Asked, line: str, rooms: WebRooms) -> Asked:
    """The question as the policy book in force rules a call of a line just now. Raises BadRequest, Refused, Unavailable."""
    known = rooms.policies.lines.get(line)
    if known is None:
        raise BadRequest(
            f"line is one of {', '.join(sorted(rooms.policies.lines)) or 'none: the settings have no line'}."
        )
    publication = await current(publishing_of(rooms))
    if publication.trouble:
        raise Refused(publication.trouble)
    book, policy = publication.edition.book, known.policy
    weekday, minute = rooms.policies.local_time(book.timezone, rooms.signing.accounts.clock.now_us())
    traits = Traits(
        asked.direction, line, known.queue, known.team, "", asked.caller.number.text, asked.called.number.text, weekday,
        minute,
    )  # fmt: skip
    agent = asked.agent or ((policy.agent_place,) if policy.agent_place else ())
    noticed = asked.agent_notice_on_file or policy.agent_notice_on_file
    return replace(asked, book=book, traits=traits, agent=agent, agent_notice_on_file=noticed)


def _whereabouts(name: str, party: Party) -> Whereabouts:
    number = party.number.strip()
    if len(number) > LONGEST_NUMBER:
        raise BadRequest(f"{name}: a number has at most {LONGEST_NUMBER} characters.")
    if number and party.withheld:
        raise BadRequest(f"{name}: a number that is withheld is not known; leave one of the two out.")
    known = {kind: places_of(f"{name}, {kind}", getattr(party, kind)) for kind in EVIDENCE}
    return Whereabouts(Number(number), party.withheld, **known)


def places_of(name: str, codes: Sequence[str]) -> tuple[str, ...]:
    """Codes of places, in capitals, each once. Raises BadRequest naming the field."""
    found = dict.fromkeys(one.strip().upper() for one in _few(name, codes))
    for code in found:
        if _CODE.fullmatch(code) is None:
            raise BadRequest(f"{name}: {code[:24]} is not the code of a place, such as US-CA or DE.")
    return tuple(found)


def _few(name: str, given: Sequence[T]) -> Sequence[T]:
    if len(given) > MOST_IN_A_LIST:
        raise BadRequest(f"{name}: at most {MOST_IN_A_LIST} are taken.")
    return given


def _held(one: Held) -> tuple[str, Form]:
    (place,) = places_of("stricter", [one.place])
    return place, cast(Form, _one_of("stricter", one.form, FORMS))


def _one_of(name: str, given: str, known: Sequence[str]) -> str:
    if given not in known:
        raise BadRequest(f"{name} is one of {', '.join(known)}, not «{given[:30]}».")
    return given


def _some_of(name: str, given: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    return tuple(one for one in known if one in {_one_of(name, each, known) for each in _few(name, given)})


def _text(name: str, given: str) -> str:
    if len(given) > LONGEST_NAME:
        raise BadRequest(f"{name} has at most {LONGEST_NAME} characters.")
    return given.strip()


def _languages(given: Sequence[str]) -> tuple[str, ...]:
    found = tuple(one.strip() for one in _few("languages", given))
    if not found or any(_LANGUAGE.fullmatch(one) is None for one in found):
        raise BadRequest("languages are codes such as en and es; at least one is needed to tell anybody anything.")
    return found


def _days(given: int) -> int:
    if not 1 <= given <= MOST_DAYS:
        raise BadRequest(f"keep_days is a whole number from 1 to {MOST_DAYS}.")
    return given


def _day(name: str, given: str) -> str:
    try:
        day = date.fromisoformat(given) if given else None
    except ValueError as error:
        raise BadRequest(f"{name} is a date such as 2026-11-24.") from error
    if day is not None and day.year not in _YEARS:
        raise BadRequest(f"{name} is a date from {_YEARS.start} to {_YEARS.stop - 1}.")
    return day.isoformat() if day is not None else ""
