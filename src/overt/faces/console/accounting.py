"""The console's page of accounts: every call of a time in one class with its reason, beside a switch's own list; one by the second."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from litestar import Response, get, post
from litestar.params import FromPath

from overt.domain.accounted import COUNTED
from overt.domain.cdr import MapRefused
from overt.domain.errors import NotPermitted, Refused
from overt.domain.reconciling import AS_THEY_SHOULD, CLASSES, KINDS, Class
from overt.domain.second_strips import COLUMNS, STATES
from overt.faces.console.entrance import drawing_of
from overt.faces.http.accounting import LEDGER, Asking, asking_of, one_account, reconciled
from overt.faces.http.asking import Asked, demand, rooms_of
from overt.faces.http.door import LARGEST_CDR
from overt.faces.http.parts import parts_of
from overt.faces.http.problems import problem_of
from overt.ports import Unavailable
from overt.services.reconciling import Reconciled

SHOWN = 200
SPANS = {"1h": "the last hour", "24h": "the last 24 hours", "7d": "the last 7 days", "31d": "the last 31 days"}
COUNTER_WORDS = {
    "offered": "offered", "permitted_ms": "permitted", "received": "received", "captured": "kept", "lost": "lost",
    "late": "late", "dropped": "dropped: no permit", "paused_ms": "paused",
}  # fmt: skip
MOST_ROWS = 300


@get("/accounting")
async def show_accounting(request: Asked) -> Response[str]:
    """The calls of a time, as the query asks."""
    demand(request, "show", LEDGER)
    return await _page(request, {"since": "24h", "only": "", "client": "", "until": "", **_texts(request.query_params)})


@post("/accounting", status_code=200, request_max_body_size=LARGEST_CDR)
async def take_cdr(request: Asked) -> Response[str]:
    """The same, beside the CDR that the form brings. It is read in memory, and nothing of it is kept."""
    demand(request, "show", LEDGER)
    parts = await parts_of(request)
    texts = {name: parts.get(name, b"").decode("utf-8", "replace").strip() for name in ("since", "map", "columns")}
    asked = {"since": texts["since"] or "24h", "only": "", "client": "", "until": ""}
    return await _page(request, asked, texts["columns"] or texts["map"], parts.get("cdr", b""))


def _texts(query: Mapping[str, str]) -> dict[str, str]:
    return {name: query[name] for name in ("since", "until", "only", "client") if query.get(name)}


async def _page(request: Asked, asked: Mapping[str, str], columns: str = "", cdr: bytes | None = None) -> Response[str]:
    done: Reconciled | None = None
    problem, status = "", 200
    only: tuple[Class, ...] = ()
    try:
        asking = asking_of({**asked, "shown": str(SHOWN)})
        only = asking.classes()
        if cdr is not None and not (cdr and columns):
            raise MapRefused("Choose a file, and a column map for it.")
        done = await reconciled(request, _beside(asking, columns, cdr))
    except NotPermitted:
        raise
    except (Refused, Unavailable) as error:
        said = problem_of(error)
        problem, status = said.detail, said.status

    def link(only: str) -> str:
        kept = {name: value for name, value in {**asked, "only": only}.items() if value}
        return f"/accounting?{urlencode(kept)}"

    rooms = rooms_of(request).accounting
    return drawing_of(request).page(
        request, "accounting.html", status, done=done, problem=problem, asked=asked, spans=SPANS, classes=CLASSES,
        kinds=KINDS, right=AS_THEY_SHOULD, maps=rooms.maps, columns=columns, most=SHOWN, link=link,
        listed=done.tally.listed(only or [one for one in CLASSES if one not in AS_THEY_SHOULD]) if done else [],
        turned=rooms.turned_away(), counted=COUNTED, words=COUNTER_WORDS, chosen=only,
    )  # fmt: skip


def _beside(asking: Asking, columns: str, cdr: bytes | None) -> Asking:
    return Asking(
        asking.since, asking.until, asking.client, asking.only, asking.tolerance_ms, asking.shown, columns, cdr
    )


@get("/accounting/{call:str}", sync_to_thread=True)
def show_account(request: Asked, call: FromPath[str]) -> Response[str]:
    """The account of one call, by the second."""
    one = one_account(request, call)
    return drawing_of(request).page(
        request, "accounting_call.html", one=one, account=one.account, states=STATES, columns=COLUMNS[1:],
        counted=COUNTED, words=COUNTER_WORDS, classes=CLASSES, most=MOST_ROWS,
    )  # fmt: skip


ACCOUNTING_PAGES: list[Any] = [show_accounting, take_cdr, show_account]
