"""What `overt calls consent` does: tells a call under way what a party answered, at signalling's side door or through a server."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from overt.adapters.signalling_client import SignallingClient
from overt.adapters.signalling_server import SOCKET
from overt.adapters.system_clock import SystemClock
from overt.compose.listening import acting_account
from overt.compose.remote import connected
from overt.domain.access import Denied, Resource, may
from overt.domain.errors import NotPermitted
from overt.services.consenting import Pace, Word, say_consent


def said_here(data_folder: Path, call: str, word: Word) -> str:
    """Return where the party stands since. Raises NotPermitted, ConsentRefused, NoCallUnderWay, Unavailable."""
    actor = acting_account(data_folder)
    verdict = may(actor, "consent", Resource("call"))
    if isinstance(verdict, Denied):
        raise NotPermitted(verdict.reason)

    async def story() -> str:
        door = SignallingClient(data_folder / SOCKET)
        try:
            return await say_consent(door, Pace(), call, word, actor.name, SystemClock().monotonic_ns())
        finally:
            door.close()

    return asyncio.run(story())


def said_there(server: str, call: str, word: Word) -> str:
    """The same, through a server to which somebody is signed in. Raises ServerRefused, Refused, Unavailable."""
    body: Mapping[str, Any] = {
        "party": word.party, "answer": word.answer, "purposes": list(word.purposes), "how": word.how, "told": word.told,
    }  # fmt: skip
    with connected(server) as client:
        return str(client.post(f"/api/calls/{call}/consent", body)["standing"])
