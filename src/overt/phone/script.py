"""A call by script: who is called, what is said, which key when, when to hang up."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from overt.phone.telephone import CallFailed, PhoneCall, Telephone


class BadScript(Exception):
    """A script that cannot be read; the text says why."""


@dataclass(frozen=True, slots=True)
class Script:
    """What a caller does. `keys`: (seconds after the answer, key). `seconds`: when they hang up, after the answer."""

    uri: str
    number: str = ""
    keys: tuple[tuple[float, str], ...] = ()
    speech: bytes = b""
    speak_at: float = 0.0
    seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a scripted call went: answered or the status, its length, packets sent and heard, and how it ended."""

    answered: bool
    status: int
    seconds: float
    sent: int
    heard: int
    ended: str


def parse_key(text: str) -> tuple[float, str]:
    """Read `KEY@SECONDS`. Raises BadScript."""
    key, at, seconds = text.partition("@")
    try:
        if not at or key not in "0123456789*#" or len(key) != 1:
            raise ValueError
        return float(seconds), key
    except ValueError as error:
        raise BadScript(f"{text}: write KEY@SECONDS, as in 1@12.5") from error


async def place(phone: Telephone, script: Script) -> tuple[Outcome, PhoneCall]:
    """Place a call and do as the script says."""
    loop = asyncio.get_running_loop()
    call = await phone.call(script.uri, number=script.number)
    try:
        await call.answered
    except CallFailed as error:
        return Outcome(False, error.status, 0.0, 0, 0, error.reason), call
    begun = loop.time()
    acts = [asyncio.create_task(_press(call, at, key)) for at, key in script.keys]
    acts.append(asyncio.create_task(_speak(call, script.speak_at, script.speech)))
    await asyncio.wait([call.ended], timeout=script.seconds)
    for act in acts:
        act.cancel()
    if not call.ended.done():
        call.hang_up()
    seconds = round(loop.time() - begun, 3)
    return Outcome(True, 200, seconds, len(call.sound.sent), len(call.sound.heard), call.ended.result()), call


async def _press(call: PhoneCall, at: float, key: str) -> None:
    await asyncio.sleep(at)
    call.sound.press(key)


async def _speak(call: PhoneCall, at: float, speech: bytes) -> None:
    await asyncio.sleep(at)
    call.sound.speak(speech)
