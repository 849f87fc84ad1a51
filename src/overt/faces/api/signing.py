"""Signing in for programs: a token, given as `Authorization: Bearer`; the same accounts, locks and second factor."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from litestar import Router, delete, get, post
from litestar.params import JSONBody

from overt.faces.http.asking import Asked, address_of, agent_of, rooms_of, signed_of
from overt.services.signing_in import STAGES, SignedIn, give_code, sign_in, sign_out


@dataclass(frozen=True, slots=True)
class Credentials:
    """A name and a password."""

    name: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Code:
    """The six digits of the second factor."""

    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SessionJson:
    """A way in. `stage` is `in`, or what must be done first: `code` here, `enrol` and `password` in the console."""

    token: str
    account: str
    role: str
    stage: str
    next: str
    expires_us: int


@post("/api/sessions", summary="Sign in")
async def open_session(request: Asked, data: JSONBody[Credentials]) -> SessionJson:
    """Name and password; the token reaches nothing until `stage` is `in`."""
    token, signed = await sign_in(
        rooms_of(request).signing, data.name.strip().lower(), data.password, address_of(request), agent_of(request)
    )
    return _shown(token, signed)


@post("/api/sessions/code", summary="Give the second factor's code")
async def give_session_code(request: Asked, data: JSONBody[Code]) -> SessionJson:
    """The second factor; a fresh token comes back, the old one is over."""
    token, signed = await give_code(
        rooms_of(request).signing, signed_of(request), data.code, address_of(request), agent_of(request)
    )
    return _shown(token, signed)


@get("/api/sessions/current", summary="Who is signed in")
async def show_session(request: Asked) -> SessionJson:
    """Whose token this is. The token itself is not said again."""
    return _shown("", signed_of(request))


@delete("/api/sessions/current", summary="Sign out", status_code=204)
async def end_session(request: Asked) -> None:
    """The token is over."""
    await asyncio.to_thread(sign_out, rooms_of(request).signing, signed_of(request))


def _shown(token: str, signed: SignedIn) -> SessionJson:
    session, account = signed.session, signed.account
    return SessionJson(token, account.name, account.role, session.stage, STAGES[session.stage], session.expires_us)


SIGNING: list[Any] = [
    Router(path="/", route_handlers=[open_session, give_session_code, show_session, end_session], tags=["signing in"])
]
