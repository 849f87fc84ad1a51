"""Accounts as JSON: every call of a time in one class with its reason, beside a CDR where one is sent; one call by the second."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from litestar import Router, get, post
from litestar.params import FromPath, JSONBody

from overt.domain.reconciling import CLASSES
from overt.faces.api.described import asking, asks
from overt.faces.http.accounting import MOST_SHOWN, Asking, asking_of, one_account, reconciled
from overt.faces.http.asking import Asked, rooms_of
from overt.faces.http.door import LARGEST_CDR
from overt.faces.http.problems import BadRequest


@dataclass(frozen=True, slots=True)
class Reconciling:
    """A CDR as text, its column map as TOML or the name of a shipped one, and which calls. Times as for GET."""

    cdr: str
    columns: str
    since: str = "24h"
    until: str = ""
    client: str = ""
    only: str = ""
    tolerance_ms: int = 5000
    shown: int = 1000


ASKS = asking(
    asks("since", "A time ago (m, h, d, w), a day (UTC), or UTC microseconds; 24h when not given.", "24h"),
    asks("until", "The same; now when not given."),
    asks("client", "Only calls that this trunk or recording client brought."),
    asks("only", f"Show only these classes, divided by commas: {', '.join(CLASSES)}.", "missing,extra"),
    asks("shown", f"How many of each class are shown, up to {MOST_SHOWN}; 1000 when not given."),
)


@get("/api/account", summary="Account for every call of a time", operation_class=ASKS)
async def account_calls(request: Asked) -> dict[str, Any]:
    """Every call in one class, with its reason: recorded as it should, not recorded as it should, with loss, missing."""
    return await _answer(request, asking_of(request.query_params))


@post("/api/account", summary="Account beside a CDR", status_code=200, request_max_body_size=LARGEST_CDR)
async def account_beside(request: Asked, data: JSONBody[Reconciling]) -> dict[str, Any]:
    """The same, with a switch's own list: calls that never came to us, and calls that are not in it."""
    if min(data.tolerance_ms, data.shown) < 0:
        raise BadRequest("tolerance_ms and shown are whole numbers from 0 on.")
    asked = Asking(
        data.since, data.until, data.client, data.only, data.tolerance_ms, data.shown, data.columns, data.cdr.encode()
    )
    return await _answer(request, asked)


@get("/api/account/{call:str}", summary="The account of one call", sync_to_thread=True)
def account_call(request: Asked, call: FromPath[str]) -> dict[str, Any]:
    """One call: its class and why, its legs, and each leg by the second (`seconds`: rows of the named columns)."""
    return one_account(request, call).as_json()


async def _answer(request: Asked, asked: Asking) -> dict[str, Any]:
    only = asked.classes()
    done = await reconciled(request, asked)
    return {**done.as_json(only), "turned_away": rooms_of(request).accounting.turned_away().as_json()}


ACCOUNT: list[Any] = [Router(path="/", route_handlers=[account_calls, account_beside, account_call], tags=["account"])]
