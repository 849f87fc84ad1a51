"""Which policy of a book rules a call, with which fields held by other policies, and why.

`rule` looks at a book as docs/policies.md says: the calls that are never recorded first, then the first enabled policy
that matches, then the locks of all that match. `effective` makes of it the policy by which a line treats this call.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from overt.domain.book import DAYS, LOCKABLE, WITHHELD, Edition, Policy, PolicyBook, When
from overt.domain.facts import Json
from overt.domain.policy import LinePolicy

DAY_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class Traits:
    """What a policy may ask of a call. Empty texts: there is none, or it is not known (a number: it was withheld).

    `caller` and `called` are numbers, in E.164 where the trunk gives them so; `weekday` 0 is Monday and `minute` the
    minute of the day, both by the clock of the book's time zone when the call was offered.
    """

    direction: Literal["inbound", "outbound"] = "inbound"
    line: str = ""
    queue: str = ""
    team: str = ""
    agent: str = ""
    caller: str = ""
    called: str = ""
    weekday: int = 0
    minute: int = 0

    @property
    def outside(self) -> str:
        """The number of the party outside."""
        return self.caller if self.direction == "inbound" else self.called


@dataclass(frozen=True, slots=True)
class Ruling:
    """The answer: the policy with the fields that others hold merged in, as (field, policy) in `locked_by`.

    `unrecorded_why` says why the call is not recorded; empty when it may be. `why` says in words why this policy.
    """

    policy: Policy
    locked_by: tuple[tuple[str, str], ...]
    unrecorded_why: str
    why: str


@dataclass(frozen=True, slots=True)
class Unruled:
    """No policy matches: the call is not recorded."""

    why: str

    @property
    def unrecorded_why(self) -> str:
        """Why the call is not recorded."""
        return self.why


def rule(book: PolicyBook, traits: Traits, chosen: int = 0) -> Ruling | Unruled:
    """Return the policy that rules a call. `chosen` is the call's `lot`, from 0 to 99: a share of n takes those below n."""
    matching = [one for one in book.policy if one.enabled and matches(one.when, traits)]
    if not matching:
        return Unruled(f"no policy of the book matches this call (of {_enabled(book)} enabled)")
    first = matching[0]
    policy, locked_by = merged(first, matching[1:])
    why = f"«{first.name}» is the first policy that matches: {_conditions(first.when)}"
    return Ruling(policy, locked_by, _unrecorded(book, traits, policy, dict(locked_by), chosen), why)


def lot(call: str) -> int:
    """Return a number from 0 to 99 for a call's id: always the same for it, and by no one's choice."""
    return int.from_bytes(hashlib.sha256(call.encode()).digest()[:8], "big") % 100


def matches(when: When, traits: Traits) -> bool:
    """True when a call fits every condition."""
    return (
        when.direction in ("any", traits.direction)
        and _named(when.lines, traits.line)
        and _named(when.queues, traits.queue)
        and _named(when.teams, traits.team)
        and _named(when.agents, traits.agent)
        and _numbered(when.numbers, traits.outside)
        and _timely(when, traits.weekday, traits.minute)
    )


def _named(patterns: Sequence[str], name: str) -> bool:
    return not patterns or (bool(name) and any(fits(one, name) for one in patterns))


def _numbered(patterns: Sequence[str], number: str) -> bool:
    return _named(patterns, number) or (not number and WITHHELD in patterns)


def fits(pattern: str, name: str) -> bool:
    """True when a name is the pattern, or begins with it up to the `*` at its end."""
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def hours(when: When) -> tuple[int, int]:
    """The minutes of the day at which a time begins and ends; whole days are 0 and 1440. Not after: over midnight."""
    return _minute(when.from_, 0), _minute(when.until, DAY_MINUTES)


def _minute(time: str, unset: int) -> int:
    return int(time[:2]) * 60 + int(time[3:]) if time else unset


def _timely(when: When, weekday: int, minute: int) -> bool:
    begins, ends = hours(when)
    if begins < ends:
        return begins <= minute < ends and _on(when, weekday)
    return (minute >= begins and _on(when, weekday)) or (minute < ends and _on(when, weekday - 1))


def _on(when: When, weekday: int) -> bool:
    return not when.days or DAYS[weekday] in when.days


def merged(first: Policy, others: Sequence[Policy]) -> tuple[Policy, tuple[tuple[str, str], ...]]:
    """Return the first policy with what the others lock and it does not, and which policy locks what, as (field, name)."""
    held = {LOCKABLE[field] for field in first.locks if field in LOCKABLE}
    locked_by: list[tuple[str, str]] = []
    for other in others:
        fresh = [field for field in other.locks if field in LOCKABLE and LOCKABLE[field] not in held]
        for field in fresh:
            first = _with(first, other, field)
            locked_by.append((field, other.name))
        held |= {LOCKABLE[field] for field in fresh}
    return first, tuple(locked_by)


def _with(policy: Policy, other: Policy, field: str) -> Policy:
    for section, name in LOCKABLE[field]:
        value = getattr(getattr(other, section), name)
        policy = replace(policy, **{section: replace(getattr(policy, section), **{name: value})})
    return policy


def _unrecorded(book: PolicyBook, traits: Traits, policy: Policy, locked: Mapping[str, str], chosen: int) -> str:
    for never in book.never_record:
        if any(number and fits(never.number, number) for number in (traits.caller, traits.called)):
            return f"a number of this call is never recorded: {never.reason}"
    if not policy.capture.record:
        return f"«{locked.get('record', policy.name)}» records no calls"
    if chosen >= policy.capture.share:
        return f"«{locked.get('share', policy.name)}» records {policy.capture.share} % of its calls, and not this one"
    return ""


def _enabled(book: PolicyBook) -> int:
    return sum(one.enabled for one in book.policy)


def _conditions(when: When) -> str:
    return ", ".join(_conditions_of(when)) or "it asks for nothing, so it matches every call"


def _conditions_of(when: When) -> Iterator[str]:
    """What is asked for, without the numbers and agents themselves: those are personal, and this goes into the ledger."""
    if when.direction != "any":
        yield when.direction
    for name, values in (("line", when.lines), ("queue", when.queues), ("team", when.teams)):
        if values:
            yield f"{name} {' or '.join(values)}"
    if when.agents:
        yield "the agent"
    if when.numbers:
        yield "the number outside"
    if when.days:
        yield " ".join(when.days)
    if when.from_ or when.until:
        yield f"{when.from_ or '00:00'}–{when.until or '24:00'}"


def effective(ruling: Ruling | Unruled, base: LinePolicy, edition: Edition) -> LinePolicy:
    """Return the policy by which a line treats this call: what the settings say of the line, and the book's ruling.

    Raises PolicyRefused when the merged policy may not be enabled; a book without findings that stop never does.
    """
    stamped = replace(base, version=edition.version, book_sha256=edition.sha256)
    if isinstance(ruling, Unruled):
        return replace(stamped, record=False, unrecorded_why=ruling.why, policy="", responsible="")
    return _ruled(ruling, stamped)


def _ruled(ruling: Ruling, base: LinePolicy) -> LinePolicy:
    policy = ruling.policy
    tell, ask, law = policy.tell, policy.ask, policy.law
    return replace(
        base,
        telling=ask.telling, chosen_by=ask.chosen_by, purpose=tell.purpose or base.purpose,
        languages=tell.languages or base.languages, script=tell.script or base.script,
        on_refusal=ask.on_refusal, on_no_answer=ask.on_no_answer, route=ask.route,
        record=not ruling.unrecorded_why, unrecorded_why=ruling.unrecorded_why, on_hold=policy.capture.on_hold,
        retention_days=policy.keep.days, listeners=policy.keep.listeners, circumstances=law.circumstances,
        basis=law.basis.code, basis_document=law.basis.document, basis_person=law.basis.person,
        responsible=policy.responsible, policy=policy.name,
    )  # fmt: skip


def ruled_body(ruling: Ruling | Unruled, traits: Traits, edition: Edition) -> dict[str, Json]:
    """The body of a `call.ruled` fact. Numbers and agents are personal and not in it."""
    policy, locked = (ruling.policy.name, ruling.locked_by) if isinstance(ruling, Ruling) else ("", ())
    return {
        "policy": policy, "version": edition.version, "sha256": edition.sha256,
        "locked": [f"{field}: {name}" for field, name in locked], "why": ruling.why,
        "unrecorded_why": ruling.unrecorded_why, "direction": traits.direction, "line": traits.line,
        "queue": traits.queue, "team": traits.team,
    }  # fmt: skip
