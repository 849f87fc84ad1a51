"""Saying what a party of a call answered elsewhere: a bot that asked, an agent's screen, a program of the operator's.

A no waits for nothing, is never held back and refuses every purpose (P5). A yes names the purposes that were spoken of,
and the call's own machine decides what it is worth. Who says so stands in the ledger (`call.consent_said`).
"""

from __future__ import annotations

import re
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from overt.domain.errors import Refused
from overt.domain.identity import SIDES
from overt.domain.law.model import PURPOSES
from overt.inbox import ConsentSaid

LONGEST_HOW = 500
YES_EACH_S = 50  # how many yeses of an account are taken in a second
MOST_ACCOUNTS = 1000
ANSWERS = ("yes", "no")
_CALL = re.compile(r"[0-9a-zA-Z-]{1,64}")
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class ConsentRefused(Refused):
    """What was said cannot be taken: it is not whole, or is no answer."""


class NoCallUnderWay(Refused):
    """No such call is under way."""


class TooManyYeses(Refused):
    """An account says yes faster than callers can be asked."""


class SideDoor(Protocol):
    """The way to calls under way."""

    async def say(self, call: str, word: ConsentSaid) -> str:
        """Give a call a word; return where the party stands since. Raises NoCallUnderWay, Unavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Word:
    """What somebody says, as it came: the party (`caller` or `agent`), the answer (`yes` or `no`), the purposes spoken of,
    how it was answered, and whether the party was told before."""

    party: str
    answer: str
    how: str
    purposes: Sequence[str] = ()
    told: bool = False


@dataclass(slots=True)
class Pace:
    """How fast each account says yes. One a process; `now_ns` of a clock that only goes forward."""

    said: OrderedDict[str, deque[int]] = field(default_factory=OrderedDict)

    def take(self, account: str, now_ns: int) -> None:
        """Count a yes. Raises TooManyYeses."""
        times = self.said.setdefault(account, deque(maxlen=YES_EACH_S))
        self.said.move_to_end(account)
        if len(times) == YES_EACH_S and now_ns - times[0] < 1_000_000_000:
            raise TooManyYeses(f"more than {YES_EACH_S} yeses within a second; a no is never held back")
        times.append(now_ns)
        while len(self.said) > MOST_ACCOUNTS:
            self.said.popitem(last=False)


async def say_consent(door: SideDoor, pace: Pace, call: str, word: Word, by: str, now_ns: int) -> str:
    """Let a call under way know what a party answered; return where that party stands since.

    `by` is an account's name. Raises ConsentRefused, NoCallUnderWay, TooManyYeses, Unavailable.
    """
    said = _checked(call, word, by)
    if said.granted:
        pace.take(by, now_ns)
    return await door.say(call, said)


def _checked(call: str, word: Word, by: str) -> ConsentSaid:
    """The word as a call takes it. Of a no, only that it is one must be right: it is taken with whatever else is missing."""
    if not _CALL.fullmatch(call):
        raise NoCallUnderWay("no such call is under way")
    if word.party not in SIDES:
        raise ConsentRefused(f"party: one of {', '.join(SIDES)}")
    if word.answer not in ANSWERS:
        raise ConsentRefused(f"answer: one of {', '.join(ANSWERS)}; silence and unclear answers are a no")
    how = " ".join(_UNWRITABLE.sub(" ", word.how).split())[:LONGEST_HOW]
    if word.answer == "no":
        return ConsentSaid(word.party, False, (), how or "not said how", by, word.told)
    purposes = tuple(one for one in PURPOSES if one in word.purposes)
    if not purposes or len(purposes) != len(set(word.purposes)):
        raise ConsentRefused(f"purposes: what was spoken of, some of {', '.join(PURPOSES)}")
    if not any(one.isalnum() for one in how):
        raise ConsentRefused("how: say how they answered, as «said yes to the bot's question»")
    return ConsentSaid(word.party, True, purposes, how, by, word.told)
