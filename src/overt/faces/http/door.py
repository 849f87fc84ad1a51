"""The door: every request is somebody's, or goes to the sign-in; whatever changes something comes from our own pages.

A session comes as a cookie (console) or as a bearer token (API). A cookie's request that changes something must come
from our own origin and bring the session's `csrf` back, as a header or a field of the form.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs, quote

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from overt.faces.http.problems import Forged, NotSignedIn, Problem, TooLarge, problem_of
from overt.faces.http.rooms import Front
from overt.ports import Unavailable
from overt.services.signing_in import SignedIn, SignInRooms, recognise

COOKIE = "overt_session"
CSRF_HEADER, CSRF_FIELD = b"x-overt-csrf", "csrf"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
LARGEST_BODY = 64 * 1024
LARGEST_BOOK_FORM = 512 * 1024  # a policy book, or its form, as a browser encodes it
LARGEST_CDR = 16 * 1024 * 1024  # a switch's own list of calls
BOOK_FOLDER, CDR_FORM = "/policies/", "/accounting"
_CSRF_PART, _CSRF_WITHIN = re.compile(rb'name="csrf"\r\n\r\n([\x20-\x7e]{1,200})\r\n'), 4096
# What nobody has to be signed in for.
OPEN_PATHS = frozenset({"/sign-in", "/api/sessions", "/metrics"})  # the last looks itself who reads it
OPEN_FOLDER = "/static/"
# stage → the only paths that a session at that stage reaches.
STAGE_PATHS = {
    "code": frozenset({"/sign-in/code", "/api/sessions/code", "/sign-out"}),
    "enrol": frozenset({"/sign-in/second-factor", "/sign-out"}),
    "password": frozenset({"/sign-in/password", "/sign-out"}),
}
STAGE_PAGES = {"code": "/sign-in/code", "enrol": "/sign-in/second-factor", "password": "/sign-in/password"}
_HEADERS = {
    b"content-security-policy": b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    b"connect-src 'self'; media-src 'self'; font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(), microphone=(), geolocation=(), autoplay=(self)",
    b"x-frame-options": b"DENY",
}
_log = logging.getLogger("overt.web")


class Door:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, signing: SignInRooms, front: Front, forbidden: Callable[[Problem], bytes]) -> None:
        self._app, self._signing, self._front, self._forbidden = app, signing, front, forbidden

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in with `state.signed` set, or answer it here."""
        if scope["type"] != ScopeType.HTTP:
            return  # a web socket is nothing of ours: nobody may open one
        guarded = _headed(send, self._front.secure, scope["path"])
        try:
            receive = await self._admit(scope, receive)
        except NotSignedIn as nobody:
            await self._show_in(scope, guarded, nobody)
        except (Forged, TooLarge, Unavailable) as error:
            await self._answer(scope, guarded, problem_of(error))
        except _Elsewhere as there:
            await _redirect(guarded, str(there))
        else:
            await self._app(scope, receive, guarded)

    async def _admit(self, scope: HTTPScope, receive: Receive) -> Receive:
        path, headers = scope["path"], _joined(scope["headers"])
        bearer = _bearer(headers.get(b"authorization", b"").decode("latin-1"))
        token = bearer or _cookie(headers.get(b"cookie", b"").decode("latin-1"))
        signed = await asyncio.to_thread(recognise, self._signing, token) if token else None
        scope.setdefault("state", {})["signed"] = signed
        open_here = path in OPEN_PATHS or (path.startswith(OPEN_FOLDER) and _is_plain(path))
        if not open_here:
            _staged(path, signed)
        if scope["method"] not in SAFE and not bearer:
            self._own_origin(headers)
            if signed is not None and not open_here:
                return await _with_csrf(scope, receive, headers, signed)
        return receive

    def _own_origin(self, headers: dict[bytes, bytes]) -> None:
        """Raise Forged for a request that another site's page made (a page of ours says so of itself)."""
        site = headers.get(b"sec-fetch-site", b"").decode("latin-1")
        origin = headers.get(b"origin", b"").decode("latin-1")
        host = headers.get(b"host", b"").decode("latin-1")
        ours = {self._front.origin, f"{'https' if self._front.secure else 'http'}://{host}"}
        if site and site not in ("same-origin", "none"):
            raise Forged("This request was made by another site's page.")
        if origin and origin not in ours:
            raise Forged("This request was made by another site's page.")

    async def _show_in(self, scope: HTTPScope, send: Send, nobody: NotSignedIn) -> None:
        wants_page = scope["method"] in ("GET", "HEAD") and not scope["path"].startswith("/api")
        if not wants_page or scope["path"].endswith("/events"):
            await self._answer(scope, send, problem_of(nobody))
            return
        query = scope["query_string"].decode("latin-1")
        there = scope["path"] + (f"?{query}" if query else "")
        await _redirect(send, "/sign-in" if there == "/" else f"/sign-in?next={quote(there, safe='')}")

    async def _answer(self, scope: HTTPScope, send: Send, problem: Problem) -> None:
        page = not scope["path"].startswith("/api")
        body = self._forbidden(problem) if page else _json(problem)
        kind = b"text/html; charset=utf-8" if page else b"application/problem+json"
        headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
        if problem.status == 401:
            headers.append((b"www-authenticate", b'Bearer realm="overt"'))
        await send({"type": "http.response.start", "status": problem.status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})


class _Elsewhere(Exception):
    """The request belongs to another page."""


def _staged(path: str, signed: SignedIn | None) -> None:
    """Raise unless somebody is wholly signed in, or this is the page of the step that they are at."""
    if signed is None:
        raise NotSignedIn("Sign in first: everything here is somebody's.")
    stage = signed.session.stage
    if stage != "in" and path not in STAGE_PATHS[stage]:
        if path.startswith("/api"):
            raise NotSignedIn("Signing in is not finished.")
        raise _Elsewhere(STAGE_PAGES[stage])


async def _with_csrf(scope: HTTPScope, receive: Receive, headers: dict[bytes, bytes], signed: SignedIn) -> Receive:
    """Check the session's csrf in the header, or in the form's field; the body that was read for it is given again."""
    csrf = signed.session.csrf.encode()
    if given := headers.get(CSRF_HEADER, b""):
        if not hmac.compare_digest(given, csrf):
            raise Forged("This page is of an older sign-in. Load it again.")
        return receive
    body = await _read(receive, _largest(scope["path"]))
    if not hmac.compare_digest(_csrf_in(body, headers.get(b"content-type", b"")), csrf):
        raise Forged("This page is of an older sign-in. Load it again.")
    return _again(body, receive)


def _largest(path: str) -> int:
    """How large a form may be, by where it is sent."""
    if path.startswith(BOOK_FOLDER):
        return LARGEST_BOOK_FORM
    return LARGEST_CDR if path == CDR_FORM else LARGEST_BODY


def _csrf_in(body: bytes, kind: bytes) -> bytes:
    """The field `csrf` of a form; of one with a file it comes first."""
    if kind.startswith(b"multipart/form-data"):
        found = _CSRF_PART.search(body, 0, _CSRF_WITHIN)
        return found[1] if found else b""
    return parse_qs(body.decode("utf-8", "replace")).get(CSRF_FIELD, [""])[0].encode("utf-8", "replace")


async def _read(receive: Receive, most: int) -> bytes:
    parts, size = [], 0
    while True:
        message: Any = await receive()
        if message["type"] != "http.request":
            raise Forged("The request was cut short.")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most:
            raise TooLarge(f"This form has at most {most // 1024} KiB.")
        if not message.get("more_body"):
            return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    given = False

    async def repeat() -> Any:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return repeat


def _joined(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Headers by name, in small letters; a second cookie header is one with the first (RFC 9113, 8.2.3)."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        key = name.lower()
        found[key] = found[key] + b"; " + value if key == b"cookie" and key in found else value
    return found


def _bearer(header: str) -> str:
    """The token of a bearer; another scheme (a proxy's Basic, say) is not for us."""
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _is_plain(path: str) -> bool:
    """Whether a path means what it says: nothing in it leads back out of its folder."""
    return "\\" not in path and not {"", ".", ".."} & set(path.removeprefix("/").split("/"))


def _cookie(header: str) -> str:
    for part in header.split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE:
            return value
    return ""


def _headed(send: Send, secure: bool, path: str) -> Send:
    """Send with our headers on every answer. Nothing that somebody may see is kept by anyone on the way."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            known = {name.lower() for name, _ in headers}
            extra = dict(_HEADERS)
            if not path.startswith(OPEN_FOLDER):
                extra[b"cache-control"] = b"no-store"
            if secure:
                extra[b"strict-transport-security"] = b"max-age=31536000"
            message["headers"] = [*headers, *((name, value) for name, value in extra.items() if name not in known)]
        await send(message)

    return sending


async def _redirect(send: Send, there: str) -> None:
    headers = [(b"location", there.encode("latin-1")), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _json(problem: Problem) -> bytes:
    return msgspec.json.encode(problem.as_json())
