"""What is wrong with one policy of a book, looked at by itself.

Nothing here needs the law table; `domain.book_law_checks` does. Each check yields `Finding`s: *stops* keeps a book from
being published, *warns* is to be read. What would stop an enabled policy only warns of one that is not enabled.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from overt.domain.access import PURPOSES, offered_purposes
from overt.domain.book import LOCKABLE, WITHHELD, Policy, When
from overt.domain.errors import Finding
from overt.domain.law.reckoning import Profile
from overt.domain.policy import HEARERS
from overt.domain.ruling import fits, hours

LONGEST_DAYS = 36_500
_NUMBER = re.compile(r"\+?[0-9]{2,15}|\+?[0-9]{1,14}\*")
_ROUTE = re.compile(r"sips?:(?:[^\s@;?<>]+@)?[^\s@;?<>]+")


@dataclass(frozen=True, slots=True)
class Known:
    """What the house knows besides the book and the table; None is not known, and then not checked.

    `scripts`: of the prompts there are, with their languages (`disclosure.scripts_in`); `timezones`: IANA names; `lines`: of the settings; `places`: those
    that the lines serve, the agents' and the recorder's; `unserved`: the settings do not say which the lines serve, so that
    a caller may be anywhere. `on`: the ISO date for which the table is read; empty for the table's own.
    """

    scripts: Mapping[str, Collection[str]] | None = None
    timezones: Collection[str] | None = None
    lines: Collection[str] | None = None
    places: tuple[str, ...] | None = None
    unserved: bool = False
    profile: Profile = "standard"
    on: str = ""


def check_policy(policy: Policy, known: Known) -> Iterator[Finding]:
    """Yield what is wrong with a policy by itself."""
    found = [
        *_named(policy), *_conditioned(policy, known), *_told(policy, known), *_asking(policy), *_capturing(policy),
        *_kept(policy), *_locking(policy),
    ]  # fmt: skip
    return mild(policy, found)


def mild(policy: Policy, found: Iterable[Finding]) -> Iterator[Finding]:
    """Yield findings as they weigh: nothing stops a book for what is wrong with a policy that is not enabled."""
    for one in found:
        stopped = one.level == "stops" and not policy.enabled
        yield replace(one, level="warns", text=f"before it is enabled: {one.text}") if stopped else one


def stops(policy: Policy, text: str, hint: str = "") -> Finding:
    """A finding that keeps a book from being published."""
    return Finding("stops", policy.name, text, hint)


def warns(policy: Policy, text: str, hint: str = "") -> Finding:
    """A finding that is to be read."""
    return Finding("warns", policy.name, text, hint)


def near(strange: str, known: Collection[str]) -> str:
    """What was likely meant, or what there is."""
    found = difflib.get_close_matches(strange, sorted(known), 1)
    if found:
        return f"did you mean {found[0]}?"
    return f"there are: {', '.join(sorted(known))}" if known else "there are none"


def _named(policy: Policy) -> Iterator[Finding]:
    if not policy.name.strip():
        yield stops(policy, "a policy has no name", "name it: the ledger and the console call it so")
    elif policy.name != policy.name.strip():
        yield stops(policy, "its name begins or ends with a blank", "leave the blank out")
    if not policy.responsible.strip():
        yield stops(policy, "responsible is empty", "name the person who answers for this policy")


def _conditioned(policy: Policy, known: Known) -> Iterator[Finding]:
    when = policy.when
    for name in ("lines", "queues", "teams", "agents"):
        for one in getattr(when, name):
            if not one.strip() or "*" in one[:-1]:
                yield stops(policy, f"when.{name}: «{one}» is no name", "a * may stand at its end only")
    for one in when.numbers:
        if one != WITHHELD and not _NUMBER.fullmatch(one):
            yield stops(policy, f"when.numbers: «{one}» is no number", number_hint(one) + f", or {WITHHELD}")
    for one in when.lines:
        if known.lines is not None and not any(fits(one, line) for line in known.lines):
            yield warns(policy, f"when.lines: no line is called «{one}»", near(one, known.lines))
    if len(set(hours(when))) == 1:
        yield stops(policy, "when: from and until are the same", "leave both out for the whole day")


def is_number(text: str) -> bool:
    """True for a number, or the beginning of one with `*` at its end."""
    return bool(_NUMBER.fullmatch(text))


def number_hint(text: str) -> str:
    """How a number is to be written."""
    bare = re.sub(r"[\s()./-]", "", text)
    return f"write {bare}" if is_number(bare) else "write digits, as +14155550100, or a beginning, as +1415*"


def _told(policy: Policy, known: Known) -> Iterator[Finding]:
    yield from undisclosed(policy)
    tell = policy.tell
    if tell.script and known.scripts is not None:
        yield from _spoken(policy, known.scripts)
    if len(set(tell.languages)) < len(tell.languages):
        yield warns(policy, "tell.languages: a language stands twice, and callers would hear it twice")
    if tell.purpose and all(PURPOSES[one] == "compelled" for one in offered_purposes(tell.purpose)):
        said = ", ".join(one for one, kind in PURPOSES.items() if kind == "told")
        text = f"tell.purpose names none of the purposes for which one may listen without a paper ({said})"
        yield warns(policy, text, "whoever listens must name a purpose that the caller was told (P8)")


def _spoken(policy: Policy, scripts: Mapping[str, Collection[str]]) -> Iterator[Finding]:
    """What the prompts lack for a policy's script."""
    script = policy.tell.script
    if script not in scripts:
        yield stops(policy, f"tell.script: there is no script «{script}»", near(script, scripts))
        return
    for one in policy.tell.languages:
        if one not in scripts[script]:
            text = f"tell.languages: the script «{script}» has no prompts in «{one}»"
            yield stops(policy, text, near(one, scripts[script]))


def undisclosed(policy: Policy) -> Iterator[Finding]:
    """Yield what the disclosure of a recording policy lacks (P1)."""
    tell = policy.tell
    parts = (("script", tell.script.strip()), ("languages", tell.languages), ("purpose", tell.purpose.strip()))
    missing = [name for name, value in parts if not value]
    if policy.capture.record and missing:
        outbound = policy.when.direction != "inbound"
        text = f"{'an outbound' if outbound else 'a'} policy without a disclosure cannot be enabled (P1)"
        yield stops(policy, text, f"write {', '.join(missing)} in [policy.tell], or record = false in [policy.capture]")


def _asking(policy: Policy) -> Iterator[Finding]:
    ask = policy.ask
    if ask.telling == "announce" and not ask.chosen_by.strip():
        yield stops(policy, "ask.telling = announce needs chosen_by (P2)", "name the person who chose not to ask")
    routes = [name for name in ("on_refusal", "on_no_answer") if getattr(ask, name) == "route"]
    if routes and not ask.route:
        yield stops(policy, f"ask.{routes[0]} = route needs route", "write the address, as sip:front-desk@192.0.2.10")
    if ask.route and not _ROUTE.fullmatch(ask.route):
        yield stops(policy, f"ask.route: «{ask.route}» is no SIP address", "write it as sip:front-desk@192.0.2.10")
    if ask.route and not routes:
        yield warns(policy, "ask.route is never used", "on_refusal or on_no_answer must be route for that")


def _capturing(policy: Policy) -> Iterator[Finding]:
    share = policy.capture.share
    if not 0 <= share <= 100:
        yield stops(policy, f"capture.share: {share} is not of a hundred", "write 0 to 100")
    if policy.capture.record and share == 0:
        yield warns(policy, "capture.share = 0 records nothing", "record = false says so plainly")
    if policy.enabled and policy.capture.record and share == 100 and policy.when == When():
        text = "records 100 % of everything: it asks for nothing of a call and takes every one"
        yield warns(policy, text, "say in [policy.when] which calls need recording, or record a share of them")


def _kept(policy: Policy) -> Iterator[Finding]:
    keep = policy.keep
    if not 1 <= keep.days <= LONGEST_DAYS:
        yield stops(policy, f"keep.days: {keep.days} is no time of keeping", f"write 1 to {LONGEST_DAYS}")
    for one in keep.listeners:
        if one not in HEARERS:
            hint = f"the roles that may are {', '.join(HEARERS)}"
            yield stops(policy, f"keep.listeners: the role «{one}» may not listen to recordings", hint)
    if policy.capture.record and not keep.listeners:
        yield warns(policy, "keep.listeners is empty: nobody may listen to what is recorded")


def _locking(policy: Policy) -> Iterator[Finding]:
    for one in policy.locks:
        if one not in LOCKABLE:
            yield stops(policy, f"locks: there is no field «{one}» that can be locked", near(one, LOCKABLE))
