"""`overt law decide`: a question of law, put together from options."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, cast

import typer

from overt.compose.counselling import counsel, read_book
from overt.domain.book import DAYS
from overt.domain.identity import Number
from overt.domain.law.duties import CIRCUMSTANCES
from overt.domain.law.model import FORMS, PURPOSES, Purpose
from overt.domain.location import UNKNOWN
from overt.domain.policy import Telling
from overt.domain.ruling import Traits
from overt.faces.cli.law_opinion import draw
from overt.faces.cli.law_options import HowSure, LawFolder, OnDay, Served, codes, day, held, one_of, profile_of
from overt.faces.cli.options import USAGE, AsJson, end, translated, wide
from overt.services.counsel import Asked, Counsel, Direction, NoSuchPlace, Opinion, Whereabouts

MOMENT = re.compile(r"(?P<day>[a-z]{3}) (?P<hour>[01]\d|2[0-3]):(?P<minute>[0-5]\d)")
Typed = list[str] | None


def _places(meaning: str) -> object:
    """An option that names places, any number of times."""
    return typer.Option(metavar="PLACE", help=f"{meaning} Repeatable.")


From = Annotated[str, typer.Option("--from", metavar="NUMBER", help="The caller's number.")]
To = Annotated[str, typer.Option("--to", metavar="NUMBER", help="The called number.")]
Withheld = Annotated[bool, typer.Option(help="The caller's number is withheld.")]
Disputed = Annotated[
    bool, typer.Option("--disputed", help="The network could not confirm the caller's number (STIR/SHAKEN).")
]
Way = Annotated[str, typer.Option(help="inbound: the agent is called. outbound: the agent calls.")]
Agent = Annotated[Typed, _places("The agent's site.")]
Recorder = Annotated[Typed, _places("Where Overt records; unknown if left out.")]
Also = Annotated[Typed, _places("Where one more party certainly is.")]
FromSaid = Annotated[Typed, _places("What the caller said of where they are.")]
FromOnFile = Annotated[Typed, _places("The caller's address on file.")]
FromDevice = Annotated[Typed, _places("The location of the caller's device or network.")]
FromTrunk = Annotated[Typed, _places("The place that the caller's trunk serves.")]
ToSaid = Annotated[Typed, _places("What the called party said of where they are.")]
ToOnFile = Annotated[Typed, _places("The called party's address on file.")]
ToDevice = Annotated[Typed, _places("The location of the called party's device or network.")]
ToTrunk = Annotated[Typed, _places("The place that the called party's trunk serves.")]
For = Annotated[Typed, typer.Option(help=f"One of: {', '.join(PURPOSES)}; all if left out. Repeatable.")]
Tells = Annotated[str, typer.Option(help="ask, or announce: tell, and count staying as consent where the law does.")]
ChosenBy = Annotated[str, typer.Option(help="The named person who chose announce.")]
KeepDays = Annotated[int, typer.Option(help="How many days the line keeps it.", min=1)]
Language = Annotated[Typed, typer.Option(help="A language in which it is told; en if left out. Repeatable.")]
AgentNotice = Annotated[bool, typer.Option("--agent-notice", help="The agent's acknowledged notice is on file.")]
Relax = Annotated[Typed, _places("A contested place that is read the loose way.")]
Stricter = Annotated[
    Typed, typer.Option(metavar="PLACE=FORM", help=f"A place held to {', '.join(FORMS[1:])}. Repeatable.")
]
Circumstance = Annotated[Typed, typer.Option(help=f"{', '.join(filter(None, CIRCUMSTANCES))}. Repeatable.")]
Basis = Annotated[str, typer.Option(help="The code of a legal basis other than consent: docs/law/bases.md.")]
Book = Annotated[Path | None, typer.Option("--policy", help="A policy book that rules the call.", metavar="FILE")]
Line = Annotated[str, typer.Option(help="With --policy: the line that is called.")]
Queue = Annotated[str, typer.Option(help="With --policy: the line's queue.")]
Team = Annotated[str, typer.Option(help="With --policy: the line's team.")]
AgentName = Annotated[str, typer.Option(help="With --policy: the agent.")]
At = Annotated[str, typer.Option(help="With --policy: day and time by the book's clock, as «mon 09:30».")]


def decide(
    number_from: From = "", number_to: To = "", withheld: Withheld = False, disputed: Disputed = False, direction: Way = "inbound",
    agent: Agent = None, recorder: Recorder = None, also: Also = None,
    from_said: FromSaid = None, from_on_file: FromOnFile = None, from_device: FromDevice = None, from_trunk: FromTrunk = None,
    to_said: ToSaid = None, to_on_file: ToOnFile = None, to_device: ToDevice = None, to_trunk: ToTrunk = None,
    served: Served = None, date: OnDay = "", profile: HowSure = "standard", purpose: For = None,
    telling: Tells = "ask", chosen_by: ChosenBy = "", keep_days: KeepDays = 90, language: Language = None,
    agent_notice: AgentNotice = False, relax: Relax = None, stricter: Stricter = None, circumstance: Circumstance = None,
    basis: Basis = "", policy: Book = None, line: Line = "", queue: Queue = "", team: Team = "", agent_name: AgentName = "",
    at: At = "", law: LawFolder = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Decide a call that nobody has made: what the law demands, what Overt would do and say, and why."""
    if withheld and number_from:
        end(USAGE, "a number that is withheld is not known: leave --from or --withheld out")
    caller = Whereabouts(
        Number(number_from, disputed), withheld, *map(codes, (from_said, from_on_file, from_device, from_trunk))
    )
    called = Whereabouts(Number(number_to), False, *map(codes, (to_said, to_on_file, to_device, to_trunk)))
    traits = _traits(direction, line, queue, team, agent_name, number_from, number_to, at)
    with translated():
        asked = Asked(
            day(date), caller, called, traits.direction, codes(agent), codes(recorder), codes(also), codes(served),
            profile_of(profile), _purposes(purpose), cast(Telling, one_of("--telling", telling, ("ask", "announce"))), chosen_by,
            keep_days, codes(relax), held(stricter), tuple(circumstance or ()), basis, tuple(language or ("en",)),
            agent_notice_on_file=day(date) if agent_notice else "", book=read_book(policy) if policy else None, traits=traits,
        )  # fmt: skip
        _answer(counsel(law), asked, as_json)


def _answer(asker: Counsel, asked: Asked, as_json: bool) -> None:
    opinion = asker.decide(asked)
    for warning in _unknown(asker, opinion):
        print(warning, file=sys.stderr)
    if as_json:
        print(json.dumps(opinion.as_json(), ensure_ascii=False))
    else:
        draw(opinion, wide())


def _unknown(asker: Counsel, opinion: Opinion) -> Sequence[str]:
    """What to say of places that the table does not know: they are held strict, and may have been mistyped."""
    found = []
    for place in opinion.locations.places:
        try:
            asker.place(place, opinion.asked.on)
        except NoSuchPlace as error:
            if place != UNKNOWN:
                found.append(f"{error}; it is held to an express yes")
    return found


def _purposes(typed: Typed) -> tuple[Purpose, ...]:
    wanted = {one_of("--purpose", one, PURPOSES) for one in typed or PURPOSES}
    return tuple(one for one in PURPOSES if one in wanted)


def _traits(direction: str, line: str, queue: str, team: str, agent: str, caller: str, called: str, at: str) -> Traits:
    """What a policy may ask of the call. The first minute of Monday, where no time is named."""
    way = cast(Direction, one_of("--direction", direction, ("inbound", "outbound")))
    moment = MOMENT.fullmatch(at or "mon 00:00")
    if moment is None or moment["day"] not in DAYS:
        end(USAGE, "--at is a day and a time by the book's clock, such as «mon 09:30»")
    weekday = [str(one) for one in DAYS].index(moment["day"])
    return Traits(
        way, line, queue, team, agent, caller, called, weekday, int(moment["hour"]) * 60 + int(moment["minute"])
    )
