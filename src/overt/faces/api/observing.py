"""What goes on, as JSON: the SIP ladder of a call, the alarms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from litestar import Router, get
from litestar.params import FromPath

from overt.domain.access import Resource
from overt.domain.alarms import ALARMS
from overt.domain.ladder import Arrow, draw
from overt.faces.http.asking import Asked, demand, own_call, rooms_of


@dataclass(frozen=True, slots=True)
class LadderJson:
    """The lanes, from left to right, and the messages between them, masked. `cut` messages too many are left out."""

    call: str
    lanes: Sequence[str]
    arrows: Sequence[Arrow]
    cut: int


@dataclass(frozen=True, slots=True)
class AlarmJson:
    """An alarm that is raised. `since_us` is when its condition was first seen; `remedy` says what to do."""

    kind: str
    about: str
    sentence: str
    meaning: str
    remedy: str
    since_us: int
    raised_us: int


@dataclass(frozen=True, slots=True)
class AlarmsJson:
    """The alarms that are raised, the newest first."""

    alarms: Sequence[AlarmJson]


@get("/api/calls/{call:str}/ladder", summary="The SIP messages of a call", sync_to_thread=True)
def show_ladder(request: Asked, call: FromPath[str]) -> LadderJson:
    """Who said what to whom, and when; numbers, names and keys are masked. Empty when none is kept."""
    row = own_call(request, call)
    ladder = draw(rooms_of(request).observing.trace(row.id))
    return LadderJson(row.id, ladder.lanes, ladder.arrows, ladder.cut)


@get("/api/alarms", summary="Alarms", sync_to_thread=True)
def show_alarms(request: Asked) -> AlarmsJson:
    """What an operator must look at now."""
    demand(request, "show", Resource("system"))
    return AlarmsJson([
        AlarmJson(one.kind, one.about, one.sentence, ALARMS[one.kind].meaning, ALARMS[one.kind].remedy, one.since_us, one.raised_us)
        for one in rooms_of(request).observing.alarms()
    ])  # fmt: skip


OBSERVING: list[Any] = [
    Router(path="/", route_handlers=[show_ladder], tags=["calls"]),
    Router(path="/", route_handlers=[show_alarms], tags=["system"]),
]
