"""The demo's way into the console: an account of its own, with a password that is made here and shown once."""

from __future__ import annotations

import asyncio
import os
import secrets
import subprocess
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from overt.adapters.database import migrate, open_database
from overt.adapters.notary_client import NotaryClient
from overt.adapters.sign_in_proofs import Argon2Passwords
from overt.adapters.sql_accounts import SqlAccounts
from overt.adapters.system_clock import SystemClock
from overt.config import load_settings
from overt.ports import Unavailable
from overt.services.accounts import AccountRooms, add_account, set_password

NAME, ROLE = "dana", "administrator"
OPENS_WITHIN_S = 20.0


@dataclass(frozen=True, slots=True)
class ConsoleAccess:
    """Where the console is, and who may come in."""

    address: str
    account: str
    password: str = field(repr=False)


async def open_console(folder: Path, address: str, server: subprocess.Popen[bytes]) -> ConsoleAccess:
    """Make the account and wait until the console answers. Raises Unavailable when it does not."""
    password = "-".join(secrets.token_hex(2) for _ in range(4))
    await make_account(folder, NAME, ROLE, password, by="overt demo")
    await answers(address, lambda: server.poll() is None)
    return ConsoleAccess(address, NAME, password)


async def make_account(
    folder: Path, name: str, role: str, password: str, *, by: str, agent: str = "", must_change: bool = False
) -> None:
    """Make an account with the running notary; its holder has chosen the password, unless it `must_change`.

    Raises AccountRefused, NotDurable, Unavailable.
    """
    ledger = NotaryClient(folder / "run" / "notary.sock")
    engine = open_database(load_settings(folder), folder)
    try:
        await asyncio.to_thread(migrate, engine)
        rooms = AccountRooms("main", ledger, SystemClock(), SqlAccounts(engine), Argon2Passwords())
        await add_account(rooms, name, role, password, agent=agent, by=by)
        if not must_change:
            set_password(rooms, name, password, own=True)
    finally:
        ledger.close()
        engine.dispose()


async def answers(address: str, lives: Callable[[], bool]) -> None:
    """Return once a console answers. Raises Unavailable when its house does not live any more, or it takes too long."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + OPENS_WITHIN_S
    async with httpx.AsyncClient() as client:
        while True:
            try:
                if (await client.get(f"{address}/sign-in")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            if not lives() or loop.time() > deadline:
                raise Unavailable("console", f"{address} does not answer")
            await asyncio.sleep(0.1)


def show_in_browser(address: str) -> None:
    """Open the page where there is a desktop; a browser of the terminal would take the table's place."""
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(address)
