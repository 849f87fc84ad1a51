"""A policy in plain words, for those who read a book without its file: the console, and whoever else shows one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from overt.domain.book import DAYS, Policy, When
from overt.domain.law.duties import CIRCUMSTANCES
from overt.domain.policy import OnNo

EVERY = 100
_WAYS = {"any": "", "inbound": "inbound ", "outbound": "outbound "}
_AFTER = {"go-on": "goes on unrecorded", "end": "ends politely", "route": "goes unrecorded to"}


class Clause(NamedTuple):
    """One thing that a policy says: what it is about, and the words."""

    about: str
    words: str


def describe_policy(policy: Policy) -> tuple[Clause, ...]:
    """Return what a policy says, clause by clause: for which calls, how it tells and asks, what it records and keeps."""
    return (
        Clause("For", describe_when(policy.when)),
        *((Clause("Tells", _telling(policy)), *_asking(policy)) if policy.capture.record else ()),
        Clause("Records", _recording(policy)),
        *((Clause("Keeps", _keeping(policy)),) if policy.capture.record else ()),
        *_stated(policy),
        *(
            (
                Clause(
                    "Locks", f"{_and([one.replace('_', ' ') for one in policy.locks])}, for every call that it matches"
                ),
            )
            if policy.locks
            else ()
        ),
    )


def describe_when(when: When) -> str:
    """Return for which calls a policy is, in words."""
    way, conditions = _WAYS[when.direction], tuple(_conditions(when))
    return " ".join((f"{way}calls", *conditions)) if conditions else f"every {way}call"


def _conditions(when: When) -> Iterator[str]:
    outside = "from" if when.direction == "inbound" else "to" if when.direction == "outbound" else "with"
    for word, names in (("on the line", when.lines), ("of the queue", when.queues), ("of the team", when.teams)):
        if names:
            yield f"{word}{'s' if len(names) > 1 else ''} {_or(names)}"
    if when.agents:
        yield f"for the agent{'s' if len(when.agents) > 1 else ''} {_or(when.agents)}"
    if when.numbers:
        yield f"{outside} {_or(when.numbers)}"
    if when.days:
        yield f"on {_days(when.days)}"
    if when.from_ or when.until:
        yield f"from {when.from_ or '00:00'} to {when.until or '24:00'}"


def _days(days: Sequence[str]) -> str:
    """Days in words: a run of three or more as first to last."""
    numbers = sorted({DAYS.index(one) for one in DAYS if one in days})
    if len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"{DAYS[numbers[0]]}–{DAYS[numbers[-1]]}"
    return _and([DAYS[one] for one in numbers])


def _telling(policy: Policy) -> str:
    tell = policy.tell
    if not (tell.script and tell.languages and tell.purpose):
        return "nothing is set to be told, so nothing can be recorded"
    return f"by the script {tell.script}, in {_and(tell.languages)}, for «{tell.purpose}»"


def _asking(policy: Policy) -> Iterator[Clause]:
    ask = policy.ask
    if ask.telling == "announce":
        chosen = f"; chosen by {ask.chosen_by}" if ask.chosen_by else ""
        yield Clause("Asks", f"only where the law wants more than staying on the line{chosen}")
    else:
        yield Clause("Asks", "always; silence is a no")
    after, silent = _after(ask.on_refusal, ask.route), _after(ask.on_no_answer, ask.route)
    same = f"the call {after}" if after == silent else f"the call {after}; after no answer it {silent}"
    yield Clause("After a no", same)


def _after(what: OnNo, route: str) -> str:
    return f"{_AFTER[what]} {route}" if what == "route" else _AFTER[what]


def _recording(policy: Policy) -> str:
    capture = policy.capture
    if not capture.record:
        return "none of these calls"
    share = "every such call" if capture.share == EVERY else f"{capture.share} of a hundred such calls"
    hold = "hold pauses it" if capture.on_hold == "pause" else "hold ends it for the rest of the call"
    return f"{share}; {hold}"


def _keeping(policy: Policy) -> str:
    days, listeners = policy.keep.days, policy.keep.listeners
    heard = f"to be heard by {_and(listeners)}" if listeners else "to be heard by nobody"
    return f"{days} {'day' if days == 1 else 'days'}, {heard}"


def _stated(policy: Policy) -> Iterator[Clause]:
    law = policy.law
    if law.circumstances:
        yield Clause("States", "; ".join(CIRCUMSTANCES.get(one, one) for one in law.circumstances))
    if law.basis.code:
        shown = f"shown by {law.basis.document or 'no document'}, chosen by {law.basis.person or 'nobody'}"
        yield Clause("Legal basis", f"{law.basis.code}, {shown}")


def _and(names: Sequence[str]) -> str:
    return _joined(names, "and")


def _or(names: Sequence[str]) -> str:
    return _joined(names, "or")


def _joined(names: Sequence[str], word: str) -> str:
    return f"{', '.join(names[:-1])} {word} {names[-1]}" if len(names) > 1 else "".join(names)
