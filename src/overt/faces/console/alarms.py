"""The page of alarms."""

from __future__ import annotations

from typing import Any

from litestar import Response, get

from overt.domain.access import Resource
from overt.domain.alarms import ALARMS
from overt.faces.console.entrance import drawing_of
from overt.faces.http.asking import Asked, demand, rooms_of


@get("/alarms", sync_to_thread=True)
def show_alarms(request: Asked) -> Response[str]:
    """The alarms that are raised, and what to do about each."""
    demand(request, "show", Resource("system"))
    return drawing_of(request).page(request, "alarms.html", alarms=rooms_of(request).observing.alarms(), kinds=ALARMS)


ALARM_PAGES: list[Any] = [show_alarms]
