"""A past call as the ledger tells of it, and how it went: the one half of a rehearsal.

`recall` says how a call went as a `Course`; `domain.foresight` says how it would have gone, as another. What the facts say
comes first; what they do not say (what the call's policy wanted besides) is looked up in the book that ruled it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from overt.domain.book import LOCKABLE, Edition, Policy
from overt.domain.consent import GRANTING, REASONS
from overt.domain.errors import PolicyRefused
from overt.domain.law.decide import Will
from overt.domain.policy import LinePolicy, OnNo
from overt.domain.ruling import Ruling, effective, merged

DAY_US = 86_400_000_000
Extent = Literal["whole", "part", "no", "unknown"]
Answer = Literal[
    "yes", "yes, then no", "no", "silence", "another key", "stayed", "stayed, then no", "held", "hung up", "not told",
    "never told",
]  # fmt: skip
# What a caller may have done when they were told or asked: held fixed by every rehearsal.
ANSWERS: Mapping[Answer, str] = {
    "yes": "was asked and said yes",
    "yes, then no": "was asked, said yes, and no later",
    "no": "said no",
    "silence": "was asked and gave no answer",
    "another key": "was asked and pressed a key that means nothing",
    "stayed": "was told without a question, and stayed",
    "stayed, then no": "was told without a question, stayed, and said no later",
    "held": "was put on hold while being told or asked",
    "hung up": "hung up while being told or asked",
    "not told": "could not be told: the line was silent, say",
    "never told": "was told nothing",
}
# What a caller did, where they were told or asked, that counts as a refusal, or as giving no answer.
REFUSALS: frozenset[tuple[Answer, Will]] = frozenset({("no", "ask"), ("no", "announce"), ("another key", "ask")})
NO_ANSWERS: frozenset[tuple[Answer, Will]] = frozenset({("held", "ask"), ("held", "announce"), ("silence", "ask")})
LATER_NO: frozenset[str] = frozenset({"yes, then no", "stayed, then no"})
_BY_REASON: Mapping[str, Answer] = {
    REASONS["no"]: "no", REASONS["stop"]: "no", REASONS["waited"]: "silence", REASONS["unclear"]: "another key",
    REASONS["hung up"]: "hung up", REASONS["held"]: "held",
}  # fmt: skip


class PastCall(NamedTuple):
    """What the ledger says of a call. Times are UTC microseconds.

    `caller`, `called` and `agent` are personal; `erased` names those that were erased. `ruled` is False for a call of a
    release that had no policy books: then the line's settings ruled it. `will` is empty when nothing was decided.
    `languages` are those of a telling that was heard whole. `joined`: the agent came; `hindered` says why nobody could be
    recorded with them; `failed` that something of ours broke, and nothing was recorded; `held` that somebody was put on hold in the talk; `agent_no` that the agent said no in it.
    `kept_from_us` is when its last recording ended; `keep_days` 0 and `listeners` None: the facts do not say.
    """

    id: str
    offered_us: int
    line: str = ""
    direction: Literal["inbound", "outbound"] = "inbound"
    queue: str = ""
    team: str = ""
    caller: str = ""
    called: str = ""
    agent: str = ""
    erased: frozenset[str] = frozenset()
    ruled: bool = False
    policy: str = ""
    version: int = 0
    locked: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    will: Will | Literal[""] = ""
    rule: str = ""
    form: str = ""
    why: str = ""
    languages: tuple[str, ...] = ()
    purpose: str = ""
    answer: Answer = "never told"
    joined: bool = False
    hindered: str = ""
    failed: bool = False
    held: bool = False
    agent_no: bool = False
    recorded: bool = False
    kept_from_us: int = 0
    keep_days: int = 0
    listeners: tuple[str, ...] | None = None
    ended: bool = False

    @property
    def said_no_later(self) -> bool:
        """True when the talk was recorded up to somebody's no."""
        return self.agent_no or self.answer in LATER_NO


class Course(NamedTuple):
    """How a call went, or would have gone. Empty texts, 0 and None stand for what is not known, or does not apply.

    `recorded`: the whole talk, a *part* of it (up to a no, or to a hold that stops), not at all, or not known.
    `keep_until_us` is 0 for what is not recorded; `after_no` what became of the call after a no, empty without one.
    """

    policy: str
    version: int
    will: Will
    rule: str = ""
    form: str = ""
    languages: tuple[str, ...] = ()
    script: str = ""
    purpose: str = ""
    recorded: Extent = "no"
    keep_days: int = 0
    keep_until_us: int = 0
    listeners: tuple[str, ...] | None = None
    after_no: OnNo | Literal[""] = ""
    why: str = ""


def answer_of(standings: Sequence[tuple[str, str]], *, told: bool = True) -> Answer:
    """Return what a caller did, from where they stood one after the other, as (standing, reason).

    `told`: somebody began to tell them. Who was told nothing is said to have refused when they hang up in the end, or are
    put on hold; that is no answer.
    """
    granted: Answer = "never told"
    for standing, reason in standings:
        if standing in GRANTING:
            granted = "yes" if standing == "given" else "stayed"
        elif standing == "withdrawn":
            return "yes, then no" if granted == "yes" else "stayed, then no"
        elif standing == "refused":
            answer = _BY_REASON.get(reason, "not told")
            return answer if told or answer == "no" else "never told"
    return granted


def extent(policy: LinePolicy | None, past: PastCall) -> Extent:
    """How much of a talk that was recorded is recorded under a policy; None: a policy that nobody knows any more."""
    stops = policy is not None and policy.on_hold == "stop"
    return "part" if past.said_no_later or (past.held and stops) else "whole"


def fate(policy: LinePolicy, will: Will, past: PastCall, must_record: Collection[str]) -> OnNo | Literal[""]:
    """What becomes of a call after a no; empty when there is none, and for a no in the talk, after which it goes on.

    `must_record` are the legal bases on which nobody is served unrecorded: there any no counts as long as the call lasts,
    and whoever could not be told counts as having given no answer.
    """
    binding = policy.basis in must_record
    if will == "none":
        return ""
    if (past.answer, will) in REFUSALS or (binding and past.said_no_later):
        return policy.on_refusal
    if (past.answer, will) in NO_ANSWERS or (binding and past.answer == "not told"):
        return policy.on_no_answer
    return ""


@dataclass(slots=True)
class Hindsight:
    """How calls went.

    `edition` gives the book of a version, None when nobody has it any more; `lines`: what the settings say of each line;
    `must_record`: see `fate`.
    """

    edition: Callable[[int], Edition | None]
    lines: Mapping[str, LinePolicy]
    must_record: Collection[str] = ()
    _known: dict[tuple[str, int, str, tuple[str, ...]], LinePolicy | None] = field(default_factory=dict)

    def recall(self, past: PastCall) -> Course:
        """Return how a decided call went."""
        policy = self.policy_of(past)
        will: Will = past.will or "none"
        days = (past.keep_days or (policy.retention_days if policy else 0)) if past.recorded else 0
        return Course(
            policy=past.policy if past.ruled else past.line, version=past.version, will=will, rule=past.rule, form=past.form,
            languages=past.languages, script=policy.script if policy and will != "none" else "",
            purpose=past.purpose if will != "none" else "", recorded=extent(policy, past) if past.recorded else "no",
            keep_days=days, keep_until_us=past.kept_from_us + days * DAY_US if days else 0,
            listeners=self._listeners(past, policy), after_no=fate(policy, will, past, self.must_record) if policy else "",
            why=past.why or past.hindered or ANSWERS[past.answer],
        )  # fmt: skip

    def _listeners(self, past: PastCall, policy: LinePolicy | None) -> tuple[str, ...] | None:
        if not past.recorded:
            return None
        return past.listeners if past.listeners is not None or policy is None else policy.listeners

    def policy_of(self, past: PastCall) -> LinePolicy | None:
        """The policy that ruled a call, with what others locked in it; None when its book or line is not known."""
        key = (past.line, past.version, past.policy, past.locked)
        if key not in self._known:
            self._known[key] = self._found(past)
        return self._known[key]

    def _found(self, past: PastCall) -> LinePolicy | None:
        line = self.lines.get(past.line)
        if not past.version:
            return line
        edition = self.edition(past.version)
        named = {one.name: one for one in edition.book.policy} if edition else {}
        if edition is None or past.policy not in named:
            return None
        policy, locked = merged(named[past.policy], _holding(named, past.locked))
        base = line or LinePolicy(past.line)
        try:
            return effective(Ruling(policy, locked, "", ""), base, edition)
        except PolicyRefused:
            return None


def _holding(named: Mapping[str, Policy], locked: Sequence[str]) -> list[Policy]:
    """The policies that held fields of a call, as its fact says (`field: policy`), each with the locks that it used."""
    pairs = [one.partition(": ")[::2] for one in locked]
    return [replace(named[name], locks=(lock,)) for lock, name in pairs if lock in LOCKABLE and name in named]
