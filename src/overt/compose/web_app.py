"""The web's one application: console, API and built files behind the door. Values in, an ASGI application out."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, cast

import msgspec
from litestar import Litestar, Request, Response
from litestar.config.compression import CompressionConfig
from litestar.datastructures import State
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.types import ASGIApp

from overt.faces.api.account import ACCOUNT
from overt.faces.api.calls import CALLS
from overt.faces.api.clients import CLIENTS
from overt.faces.api.consent import CONSENT
from overt.faces.api.law import LAW_ROUTES
from overt.faces.api.ledger import LEDGER
from overt.faces.api.metrics import METRICS
from overt.faces.api.observing import OBSERVING
from overt.faces.api.policies import POLICIES
from overt.faces.api.signing import SIGNING
from overt.faces.api.system import SYSTEM
from overt.faces.console.accounting import ACCOUNTING_PAGES
from overt.faces.console.alarms import ALARM_PAGES
from overt.faces.console.assets import ASSETS, Asset
from overt.faces.console.book_editor import EDITOR
from overt.faces.console.clients import CLIENT_PAGES
from overt.faces.console.drawing import Drawing
from overt.faces.console.entrance import ENTRANCE
from overt.faces.console.law import LAW_PAGES
from overt.faces.console.pages import PAGES
from overt.faces.console.policies import POLICY_PAGES
from overt.faces.http.door import LARGEST_BODY, Door
from overt.faces.http.playing import PLAYING
from overt.faces.http.problems import Problem, problem_of
from overt.faces.http.rooms import WebRooms

_log = logging.getLogger("overt.web")
API_WORDS = (
    "Everything that the console shows, as JSON. Sign in at `POST /api/sessions`, then give the token as "
    "`Authorization: Bearer`. Errors are RFC 9457 problems. Times are UTC microseconds, lengths milliseconds. Numbers are masked."
)


def make_app(rooms: WebRooms, assets: Mapping[str, Asset]) -> ASGIApp:
    """Return the application. Whatever it cannot answer it answers with a problem, as a page or as JSON."""
    drawing = Drawing(rooms.names, assets)
    inner = Litestar(
        [*ENTRANCE, *PAGES, *LAW_PAGES, *POLICY_PAGES, *EDITOR, *ACCOUNTING_PAGES, *ASSETS, *SIGNING, *CALLS, *ACCOUNT, *PLAYING, *LEDGER, *LAW_ROUTES, *POLICIES, *SYSTEM, *CLIENT_PAGES, *CLIENTS, *CONSENT, *OBSERVING, *METRICS, *ALARM_PAGES],
        state=State({"rooms": rooms, "drawing": drawing, "assets": assets}),
        exception_handlers={Exception: _answer_error},
        compression_config=CompressionConfig(
            backend="gzip", minimum_size=1024, exclude=["/live/events", "/api/playings", "/api/recordings"]
        ),
        openapi_config=_openapi(rooms),
        request_max_body_size=LARGEST_BODY,
        logging_config=None,
    )  # fmt: skip
    return Door(cast(ASGIApp, inner), rooms.signing, rooms.front, drawing.stranger)


def _openapi(rooms: WebRooms) -> OpenAPIConfig:
    bearer = SecurityScheme(type="http", scheme="bearer", description="The token of POST /api/sessions.")
    return OpenAPIConfig(
        title="Overt", version=rooms.front.version, description=API_WORDS, path="/api",
        components=Components(security_schemes={"bearer": bearer}), security=[{"bearer": []}],
        render_plugins=[JsonRenderPlugin(path="/openapi.json")], use_handler_docstrings=True,
    )  # fmt: skip


def _answer_error(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """A page for people, RFC 9457 for programs. What nobody foresaw is logged, without content, and shown without itself."""
    problem = problem_of(error)
    if problem.status == 500:
        _log.error("%s %s failed", request.method, request.scope.get("path", ""), exc_info=error)
    if request.url.path.startswith("/api"):
        return Response(
            msgspec.json.encode(problem.as_json()), media_type="application/problem+json", status_code=problem.status
        )
    return _error_page(request, problem)


def _error_page(request: Request[Any, Any, Any], problem: Problem) -> Response[Any]:
    drawing: Drawing = request.app.state.drawing
    if request.scope.get("state", {}).get("signed") is None:
        return Response(drawing.stranger(problem), media_type="text/html", status_code=problem.status)
    return drawing.page(request, "error.html", problem.status, problem=problem)
