"""Reconciling for the web: what is asked, read and bounded; a few at once, in threads, none for long."""

from __future__ import annotations

import asyncio
import io
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from overt.domain.access import Resource
from overt.domain.cdr_matching import Rules
from overt.domain.errors import Refused
from overt.domain.reconciling import CLASSES, Class
from overt.faces.http.asking import Asked, demand, rooms_of
from overt.faces.http.problems import BadRequest, NotFound, TooManyReconciled
from overt.faces.http.rooms import AccountingRooms
from overt.services.reconciling import OneCall, Question, Reconciled, account_of, reconcile

LEDGER = Resource("ledger")
MOST_RUNNING = 2  # in this process: each takes a core while it lasts
LONGEST_S = 120.0
MOST_SHOWN = 100_000
SHOWN = 1000
MOST_DAYS = 92
DAY_US = 86_400_000_000
LONGEST_TEXT = 200
_UNITS: Mapping[str, int] = {"m": 60_000_000, "h": 3_600_000_000, "d": DAY_US, "w": 7 * DAY_US}
_AGO = re.compile(r"(\d{1,5})([mhdw])")
_MICROS = re.compile(r"\d{13,16}")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True, slots=True)
class Asking:
    """What is asked, as it comes: times are `24h`, a day, or UTC microseconds; classes divided by commas."""

    since: str = "24h"
    until: str = ""
    client: str = ""
    only: str = ""
    tolerance_ms: int = 5000
    shown: int = SHOWN
    columns: str = ""
    cdr: bytes | None = field(default=None, repr=False)

    def classes(self) -> tuple[Class, ...]:
        """The classes that are to be shown; none for all. Raises BadRequest."""
        given = [one.strip() for one in self.only.split(",") if one.strip()]
        for one in given:
            if one not in CLASSES:
                raise BadRequest(f"There is no class {one[:30]}: one of {', '.join(CLASSES)}.")
        return tuple(one for one in CLASSES if one in given)


def asking_of(query: Mapping[str, str]) -> Asking:
    """What a query asks. Raises BadRequest naming the field."""
    return Asking(
        query.get("since", "") or "24h", query.get("until", ""), query.get("client", "")[:LONGEST_TEXT],
        query.get("only", ""), _whole(query, "tolerance_ms", 5000), min(_whole(query, "shown", SHOWN), MOST_SHOWN),
    )  # fmt: skip


def _whole(query: Mapping[str, str], name: str, default: int) -> int:
    given = query.get(name, "")
    if not given:
        return default
    if not (given.isascii() and given.isdigit() and len(given) <= 9):
        raise BadRequest(f"{name} is a whole number.")
    return int(given)


async def reconciled(request: Asked, asking: Asking) -> Reconciled:
    """Reconcile for whoever asks. Raises NotPermitted, BadRequest, TooManyReconciled, Refused, Unavailable."""
    actor, rooms = demand(request, "show", LEDGER), rooms_of(request).accounting
    question = question_of(asking, rooms, rooms_of(request).signing.accounts.clock.now_us())
    if len(rooms.running) >= MOST_RUNNING or actor.name in rooms.running:
        raise TooManyReconciled("As many accounts as go at once are being reckoned just now. Try again in a moment.")
    rows = rooms.rows(io.BytesIO(asking.cdr), asking.columns) if asking.cdr is not None else None
    rooms.running.append(actor.name)
    work = asyncio.ensure_future(asyncio.to_thread(reconcile, rooms.past, question, rows, _deadline()))
    work.add_done_callback(lambda _: rooms.running.remove(actor.name))
    return await asyncio.shield(work)


def _deadline() -> Callable[[str, int, int, int], None]:
    """What ends a reckoning that takes too long."""
    until = time.monotonic() + LONGEST_S

    def look(what: str, done: int, total: int, many: int) -> None:
        if time.monotonic() > until:
            raise Refused("It took too long; ask for less time, or use `overt calls account`.")

    return look


def question_of(asking: Asking, rooms: AccountingRooms, now_us: int) -> Question:
    """What is asked, as the service wants it. Raises BadRequest."""
    since, until = _moment(asking.since, now_us, "since"), _moment(asking.until or "0m", now_us, "until")
    if not since < until:
        raise BadRequest("since is not before until.")
    if until - since > MOST_DAYS * DAY_US:
        raise BadRequest(f"At most {MOST_DAYS} days at once; `overt calls account` takes more.")
    if asking.tolerance_ms > 600_000:
        raise BadRequest("tolerance_ms is a whole number up to 600000.")
    rules = Rules(asking.tolerance_ms * 1000, rooms.codes)
    return Question(since, until, now_us, rooms.loss_percent, asking.client, min(asking.shown, MOST_SHOWN), rules)


def _moment(text: str, now_us: int, name: str) -> int:
    ago = _AGO.fullmatch(text)
    if ago:
        return max(0, now_us - int(ago[1]) * _UNITS[ago[2]])
    if _MICROS.fullmatch(text):
        return int(text)
    try:
        if _DAY.fullmatch(text):
            return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000
    except (ValueError, OverflowError):
        pass
    raise BadRequest(f"{name} is a time ago such as 24h (m, h, d, w), or a day such as 2026-11-24.")


def one_account(request: Asked, call: str) -> OneCall:
    """The account of one call, for whoever may see all. Raises NotPermitted, NotFound, Unavailable."""
    demand(request, "show", LEDGER)
    rooms = rooms_of(request)
    row = rooms.catalogue.find(rooms.front.tenant, call)
    entries = rooms.ledger.some(row.entries) if row is not None else ()
    facts = rooms.accounting.facts(entries)
    if facts is None:
        raise NotFound("The catalogue knows no such call. A call that has just come is there within a second.")
    question = Question(0, 0, rooms.signing.accounts.clock.now_us(), rooms.accounting.loss_percent)
    return account_of(facts, [one.stated for one in entries], question)
