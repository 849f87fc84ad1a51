"""What every handler needs of a request: who asks, and what they may; and what is looked for, read from a query."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

from litestar import Request

from overt.domain.access import OWN, Actor, Denied, Resource, may
from overt.domain.errors import NotPermitted
from overt.faces.http.problems import BadRequest, NotFound
from overt.faces.http.rooms import WebRooms
from overt.services.searching import MOST_A_PAGE, STATES, CallRow, Wanted
from overt.services.signing_in import SignedIn

Asked = Request[Any, Any, Any]
_YEARS = range(1971, 9999)
_MOST_DIGITS = 18
_LONGEST_TEXT = 200  # each word is a condition of its own, and a database takes only so many


def rooms_of(request: Asked) -> WebRooms:
    """What the faces were handed."""
    return cast(WebRooms, request.app.state.rooms)


def signed_of(request: Asked) -> SignedIn:
    """Who asks. The door let nobody else in."""
    return cast(SignedIn, request.state.signed)


def address_of(request: Asked) -> str:
    """The address that the request came from."""
    return request.client.host if request.client else ""


def agent_of(request: Asked) -> str:
    """What the browser calls itself."""
    return request.headers.get("user-agent", "")


def demand(request: Asked, action: str, resource: Resource) -> Actor:
    """Return who asks, when they may. Raises NotPermitted."""
    actor = signed_of(request).account.actor
    verdict = may(actor, action, resource)
    if isinstance(verdict, Denied):
        raise NotPermitted(f"{verdict.reason[:1].upper()}{verdict.reason[1:]}.")
    return actor


def allowed(actor: Actor, kind: str, action: str) -> bool:
    """True when an actor may ever do that to something of a kind."""
    return not isinstance(may(actor, action, Resource(kind)), Denied)


def own_call(request: Asked, call: str) -> CallRow:
    """Return a call's row, when whoever asks may see it. Raises NotFound; an agent is told the same of others' calls."""
    rooms = rooms_of(request)
    row = rooms.catalogue.find(rooms.front.tenant, call)
    if row is None:
        raise NotFound("The catalogue knows no such call. A call that has just come is there within a second.")
    actor = signed_of(request).account.actor
    if isinstance(may(actor, "show", Resource("call", agent=row.agent)), Denied):
        if actor.role in OWN:
            raise NotFound("The catalogue knows no such call. A call that has just come is there within a second.")
        raise NotPermitted("You may not see this call.")
    return row


def wanted(request: Asked, actor: Actor) -> Wanted:
    """What a query asks for; an agent's is kept to their own calls. Raises BadRequest naming the field."""
    query: Mapping[str, str] = request.query_params
    if any("\x00" in value for value in query.values()):
        raise BadRequest("A query holds no NUL.")
    if any(len(query.get(name, "")) > _LONGEST_TEXT for name in ("find", "text")):
        raise BadRequest(f"What is looked for has at most {_LONGEST_TEXT} characters.")
    state = query.get("state", "")
    if state and state not in STATES:
        raise BadRequest(f"There is no state {state[:30]}: one of {', '.join(STATES)}.")
    number, text = _found(query.get("find", "").strip())
    until = _day(query.get("until", ""), "until")
    return Wanted(
        since_us=_micros(_day(query.get("since", ""), "since")),
        until_us=_micros(until + timedelta(days=1)) if until else 0,
        number=query.get("number", "").strip() or number,
        agent=only_agent(actor) or query.get("agent", ""),
        line=query.get("line", ""), state=state, place=query.get("place", ""), text=query.get("text", "").strip() or text,
        gap=query.get("gap", "") in ("1", "true"), after=query.get("after", ""), limit=_limit(query.get("limit", "50")),
    )  # fmt: skip


def only_agent(actor: Actor) -> str:
    """The agent whose calls alone somebody may find; empty for whoever may find all."""
    return (actor.agent or "nobody") if actor.role in OWN else ""


def whole(query: Mapping[str, str], name: str, default: int, most: int) -> int:
    """A whole number of a query between 0 and `most`. Raises BadRequest."""
    given = query.get(name, "")
    if not given:
        return default
    number = _number(given)
    if number is None or number > most:
        raise BadRequest(f"{name} is a whole number up to {most}.")
    return number


def _number(text: str) -> int | None:
    """The number that digits are; None for anything else, and for more digits than any number of ours has."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None


def _found(find: str) -> tuple[str, str]:
    """What stands in the one search field: a number (four digits or more), else words."""
    digits = "".join(one for one in find if one.isdigit())
    is_number = len(digits) >= 4 and not any(one.isalpha() for one in find)
    return (find, "") if is_number else ("", find)


def _day(text: str, name: str) -> date | None:
    try:
        day = date.fromisoformat(text) if text else None
    except ValueError as error:
        raise BadRequest(f"{name} is a date such as 2026-11-24.") from error
    if day is not None and day.year not in _YEARS:
        raise BadRequest(f"{name} is a date from {_YEARS.start} to {_YEARS.stop - 1}.")
    return day


def _micros(day: date | None) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000 if day else 0


def _limit(text: str) -> int:
    limit = _number(text)
    if limit is None or not 1 <= limit <= MOST_A_PAGE:
        raise BadRequest(f"limit is a whole number from 1 to {MOST_A_PAGE}.")
    return limit
