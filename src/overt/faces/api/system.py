"""The machine as JSON: processes, trunks, lines, the doctor."""

from __future__ import annotations

from typing import Any

from litestar import Router, get

from overt.domain.access import Resource
from overt.faces.http.asking import Asked, demand, rooms_of
from overt.faces.http.rooms import SystemShown


@get("/api/system", summary="Processes, trunks, lines, doctor")
async def show_system(request: Asked) -> SystemShown:
    """What runs, who may call, what stands in the way."""
    demand(request, "show", Resource("system"))
    return await rooms_of(request).system()


SYSTEM: list[Any] = [Router(path="/", route_handlers=[show_system], tags=["system"])]
