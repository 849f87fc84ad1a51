"""The entrance: sign-in, its steps, sign-out, and one's own account."""

from __future__ import annotations

import asyncio
from typing import Any

import segno
from litestar import Request, Response, get, post
from litestar.datastructures import Cookie
from litestar.params import FromQuery, URLEncodedBody
from litestar.response import Redirect

from overt.faces.console.drawing import Drawing
from overt.faces.http.asking import Asked, address_of, agent_of, rooms_of, signed_of
from overt.faces.http.door import COOKIE, STAGE_PAGES
from overt.services.accounts import AccountRefused
from overt.services.signing_in import (
    LONGEST_US,
    SignedIn,
    SignInRefused,
    TooManyTries,
    change_own_password,
    enrol,
    give_code,
    sign_in,
    sign_out,
)

Form = URLEncodedBody[dict[str, str]]
HOME = "/calls"
NOT_THE_SAME = "The two new passwords are not the same."


def drawing_of(request: Request[Any, Any, Any]) -> Drawing:
    """What draws the pages."""
    drawing: Drawing = request.app.state.drawing
    return drawing


def safe_next(there: str) -> str:
    """Where to go after signing in: a page of ours, else the calls."""
    ours = there.startswith("/") and not there.startswith(("//", "/\\", "/sign-"))
    return there if ours and "\\" not in there and there.isprintable() else HOME


@get("/sign-in")
async def show_sign_in(request: Asked, next: FromQuery[str] = "") -> Response[Any]:
    """The sign-in page; whoever is signed in already goes on."""
    if request.state.signed is not None:
        return Redirect(STAGE_PAGES.get(request.state.signed.session.stage, safe_next(next)), status_code=303)
    return drawing_of(request).page(request, "sign_in.html", next=safe_next(next), name="", problem="")


@post("/sign-in")
async def take_sign_in(request: Asked, data: Form) -> Response[Any]:
    """Name and password."""
    there, name = safe_next(data.get("next", "")), data.get("name", "").strip().lower()
    try:
        token, signed = await sign_in(
            rooms_of(request).signing, name, data.get("password", ""), address_of(request), agent_of(request)
        )
    except (SignInRefused, TooManyTries) as refused:
        status = 429 if isinstance(refused, TooManyTries) else 403
        page = drawing_of(request).page
        return page(request, "sign_in.html", status, next=there, name=name[:64], problem=str(refused))
    return _in(request, token, signed, there)


@get("/sign-in/code")
async def show_code(request: Asked, next: FromQuery[str] = "") -> Response[Any]:
    """The second factor's page."""
    return drawing_of(request).page(request, "step_code.html", next=safe_next(next), problem="")


@post("/sign-in/code")
async def take_code(request: Asked, data: Form) -> Response[Any]:
    """The second factor's code."""
    there = safe_next(data.get("next", ""))
    try:
        token, signed = await give_code(
            rooms_of(request).signing, signed_of(request), data.get("code", ""), address_of(request), agent_of(request)
        )
    except (SignInRefused, TooManyTries) as refused:
        status = 429 if isinstance(refused, TooManyTries) else 403
        return drawing_of(request).page(request, "step_code.html", status, next=there, problem=str(refused))
    return _in(request, token, signed, there)


@get(["/sign-in/second-factor", "/account/second-factor"])
async def show_second_factor(request: Asked) -> Response[Any]:
    """A fresh secret, as a picture and as text."""
    if signed_of(request).account.totp_secret:
        return Redirect("/account", status_code=303)
    return _second_factor(request, rooms_of(request).signing.factor.new_secret(), "", 200)


@post(["/sign-in/second-factor", "/account/second-factor"])
async def take_second_factor(request: Asked, data: Form) -> Response[Any]:
    """The first code of the secret that was shown: only then is it asked for."""
    if signed_of(request).account.totp_secret:
        return Redirect("/account", status_code=303)
    secret = data.get("secret", "")
    try:
        if len(secret) != 32 or not secret.isalnum() or not secret.isascii():
            raise SignInRefused("That secret is not the one that was shown.")
        signed = await asyncio.to_thread(
            enrol, rooms_of(request).signing, signed_of(request), secret, data.get("code", "")
        )
    except SignInRefused as refused:
        return _second_factor(request, secret, str(refused), 403)
    return Redirect(STAGE_PAGES.get(signed.session.stage, HOME), status_code=303)


def _second_factor(request: Asked, secret: str, problem: str, status: int) -> Response[Any]:
    address = rooms_of(request).enrolment_address(secret, signed_of(request).account.name)
    picture = segno.make(address, error="m").svg_data_uri(scale=5, border=2)
    return drawing_of(request).page(
        request, "step_second_factor.html", status, secret=secret, picture=picture, problem=problem,
        action=request.url.path,
    )  # fmt: skip


@get("/sign-in/password")
async def show_new_password(request: Asked) -> Response[Any]:
    """The page for a password that must be changed."""
    return drawing_of(request).page(request, "step_password.html", problem="")


@post("/sign-in/password")
async def take_new_password(request: Asked, data: Form) -> Response[Any]:
    """One's own new password."""
    try:
        signed = await _changed(request, data)
    except (SignInRefused, TooManyTries, AccountRefused) as refused:
        return drawing_of(request).page(request, "step_password.html", 403, problem=_sentence(refused))
    return Redirect(STAGE_PAGES.get(signed.session.stage, HOME), status_code=303)


@get("/account")
async def show_account(request: Asked, changed: FromQuery[bool] = False) -> Response[Any]:
    """One's own account."""
    good = "The password was changed, and everything else that was signed in is not any more." if changed else ""
    return drawing_of(request).page(request, "account.html", problem="", good=good)


@post("/account")
async def take_account(request: Asked, data: Form) -> Response[Any]:
    """Another password."""
    try:
        await _changed(request, data)
    except (SignInRefused, TooManyTries, AccountRefused) as refused:
        return drawing_of(request).page(request, "account.html", 403, problem=_sentence(refused), good="")
    return Redirect("/account?changed=true", status_code=303)


@post("/sign-out")
async def take_sign_out(request: Asked) -> Response[Any]:
    """The way out."""
    await asyncio.to_thread(sign_out, rooms_of(request).signing, signed_of(request))
    response: Response[Any] = Redirect("/sign-in", status_code=303)
    response.delete_cookie(COOKIE)
    return response


async def _changed(request: Asked, data: Form) -> SignedIn:
    if data.get("new", "") != data.get("again", ""):
        raise SignInRefused(NOT_THE_SAME)
    return await change_own_password(
        rooms_of(request).signing, signed_of(request), data.get("current", ""), data.get("new", ""), address_of(request)
    )


def _sentence(refused: Exception) -> str:
    text = str(refused)
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _in(request: Asked, token: str, signed: SignedIn, there: str) -> Response[Any]:
    response: Response[Any] = Redirect(STAGE_PAGES.get(signed.session.stage, there), status_code=303)
    response.cookies = [
        Cookie(
            key=COOKIE, value=token, httponly=True, samesite="strict", secure=rooms_of(request).front.secure, path="/",
            max_age=LONGEST_US // 1_000_000,
        )
    ]  # fmt: skip
    return response


ENTRANCE = [
    show_sign_in, take_sign_in, show_code, take_code, show_second_factor, take_second_factor, show_new_password,
    take_new_password, show_account, take_account, take_sign_out,
]  # fmt: skip
