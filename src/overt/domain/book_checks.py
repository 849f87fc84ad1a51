"""What is wrong with a policy book, looked at as a whole: before it is published, and while it is written.

*Stops* keeps it from being published; *warns* is to be read by whoever publishes it. `book_toml.parse_book` has checked
its shape before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from overt.domain.book import LOCKABLE, Policy, PolicyBook
from overt.domain.book_law_checks import Reading, check_law, check_places, unkept
from overt.domain.book_overlap import covers, meets
from overt.domain.book_policy_checks import (
    Known,
    check_policy,
    is_number,
    mild,
    near,
    number_hint,
    stops,
    undisclosed,
    warns,
)
from overt.domain.errors import Finding
from overt.domain.law.table import Table
from overt.domain.ruling import merged

NOTHING_KNOWN = Known()
MOST_POLICIES = 300  # each is held against each other one
_FEWER = "one policy may name many lines, or their beginning, as sales-*"


def check(book: PolicyBook, table: Table, known: Known = NOTHING_KNOWN) -> tuple[Finding, ...]:
    """Return everything that is wrong with a book: of the book first, then policy by policy in its order."""
    if len(book.policy) > MOST_POLICIES:
        return (Finding("stops", "", f"has {len(book.policy)} policies; {MOST_POLICIES} are the most", _FEWER),)
    reading = Reading(book, table, known)
    found = [*_whole(book, known), *_never(book), *check_places(reading), *_twice(book.policy)]
    enabled = [one for one in book.policy if one.enabled]
    for policy in book.policy:
        found += check_policy(policy, known)
        found += mild(policy, check_law(policy, reading))
        found += _among(policy, enabled, reading)
    return tuple(dict.fromkeys(found))


def may_publish(findings: Sequence[Finding]) -> bool:
    """True when nothing stops a book."""
    return all(one.level != "stops" for one in findings)


def _whole(book: PolicyBook, known: Known) -> Iterator[Finding]:
    if known.timezones is not None and book.timezone not in known.timezones:
        yield Finding("stops", "", f"timezone: «{book.timezone}» is no time zone", _zone_hint(book.timezone, known))
    if not any(one.enabled for one in book.policy):
        yield Finding("warns", "", "no policy is enabled, so no call is recorded")


def _zone_hint(zone: str, known: Known) -> str:
    hint = near(zone, known.timezones or ())
    return hint if hint.startswith("did") else "write it as America/New_York or Europe/Berlin"


def _never(book: PolicyBook) -> Iterator[Finding]:
    for one in book.never_record:
        if not is_number(one.number):
            yield Finding("stops", "", f"never_record: «{one.number}» is no number", number_hint(one.number))
        if not one.reason.strip():
            yield Finding(
                "stops", "", f"never_record {one.number}: reason must not be empty", "it stands in the account"
            )


def _twice(policies: Sequence[Policy]) -> Iterator[Finding]:
    seen: set[str] = set()
    for one in policies:
        name = one.name.strip().casefold()
        if name and name in seen:
            yield stops(one, "another policy has this name", "names must differ by more than upper and lower case")
        seen.add(name)


# ----------------------------------------------------------------------------- a policy among others


def _among(policy: Policy, enabled: Sequence[Policy], reading: Reading) -> Iterator[Finding]:
    """What is wrong with a policy beside the enabled ones before and after it."""
    if not policy.enabled:
        return
    place = next(number for number, one in enumerate(enabled) if one is policy)
    shadow = next((one for one in enabled[:place] if covers(one.when, policy.when)), None)
    if shadow is not None and not policy.locks:
        hint = f"put it before «{shadow.name}», or change its conditions"
        yield warns(policy, f"never rules a call: «{shadow.name}», before it, matches all of its calls", hint)
    for later in enabled[place + 1 :]:
        if later.locks and meets(policy.when, later.when):
            yield from _held(policy, later, reading)


def _held(policy: Policy, later: Policy, reading: Reading) -> Iterator[Finding]:
    """What comes of it that a later policy locks fields of this one's calls."""
    together, locked = merged(policy, [later])
    before = {one.text for one in _jointly(policy, reading)} | {one.text for one in _jointly(later, reading)}
    for one in _jointly(together, reading):
        if one.text not in before:
            fields = ", ".join(field for field, _ in locked)
            yield stops(policy, f"with what «{later.name}» locks ({fields}): {one.text}", one.hint)
    for field in _both_lock(policy, later):
        text = f"«{later.name}» locks {field} too, to something else; for calls that both match, this one decides"
        yield warns(policy, text, "lock it in one of them")


def _jointly(policy: Policy, reading: Reading) -> Iterator[Finding]:
    """What fields can only be wrong about together: this, and not single fields, is what locks can bring about."""
    yield from undisclosed(policy)
    yield from unkept(policy, reading)


def _both_lock(one: Policy, other: Policy) -> list[str]:
    """The fields that two policies hold to different values."""
    shared = [field for field in one.locks if field in LOCKABLE and _locks(other, field)]
    return [field for field in shared if any(_value(one, *held) != _value(other, *held) for held in LOCKABLE[field])]


def _locks(policy: Policy, field: str) -> bool:
    return any(LOCKABLE.get(one) == LOCKABLE[field] for one in policy.locks)


def _value(policy: Policy, section: str, name: str) -> object:
    return getattr(getattr(policy, section), name)
