"""Past calls as the house enters them, true to its own bodies: located, decided and ruled by the domain itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random
from typing import Any

from adapters.written_calls import Stated, WrittenLedger
from overt.adapters.law_files import load_table
from overt.domain.book import Edition, book_of_lines
from overt.domain.consent import REASONS
from overt.domain.identity import uuid7
from overt.domain.law.decide import Decision, Wish, decide
from overt.domain.law.reckoning import Law, Reckoning, reckon
from overt.domain.location import US_PLACES, Evidence, locate
from overt.domain.policy import LinePolicy
from overt.domain.ruling import Traits, effective, lot, rule, ruled_body

ON = "2026-11-24"
TRAITS = ("yes", "withdrawn", "no", "silence", "another key", "hung up", "held", "untold", "stayed", "busy", "failed")
SUPPORT = LinePolicy("support", agent_place="US-GA", languages=("en",))
SALES = LinePolicy("sales", "announce", "Dana Reyes", agent_place="US-TX", languages=("en", "es"))
LINES: Mapping[str, LinePolicy] = {"support": SUPPORT, "sales": SALES}
SETTINGS = Edition(book_of_lines(tuple(LINES.values())), 0, "00")
AREAS = {"415": "US-CA", "404": "US-GA", "212": "US-NY", "206": "US-WA", "512": "US-TX", "305": "US-FL"}


@lru_cache
def law(served: tuple[str, ...] = US_PLACES, on: str = ON) -> Law:
    """The shipped table, as the settings read it."""
    return reckon(load_table(), Reckoning(on, served=served))


@dataclass(frozen=True, slots=True)
class Told:
    """A call to be written. `did` is what the caller did; places are evidence; `edition` and its lines rule it.

    `weekday` and `minute` are those of the offer, by the clock of the book that rules.
    """

    line: str = "support"
    number: str = "+14155550123"
    agent: str = "sip:agent1@192.0.2.20"
    did: str = "yes"
    on_file: str = ""
    seconds: int = 120
    edition: Edition = SETTINGS
    weekday: int = 0
    minute: int = 600
    agent_did: str = "joined"
    ruled: bool = True
    listeners: tuple[str, ...] | None = None


def policy_of(told: Told, call: str) -> tuple[LinePolicy, dict[str, Any]]:
    """The policy that rules the call, and the body of `call.ruled`."""
    traits = Traits("inbound", told.line, "", "", told.agent, told.number, "", told.weekday, told.minute)
    ruling = rule(told.edition.book, traits, lot(call))
    return effective(ruling, LINES[told.line], told.edition), ruled_body(ruling, traits, told.edition)


@dataclass(frozen=True, slots=True)
class Read:
    """A law as something that many calls share."""

    law: Law

    def __hash__(self) -> int:
        return id(self.law)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Read) and other.law is self.law


@lru_cache(maxsize=1000)
def decided(area: str, on_file: str, policy: LinePolicy, law: Read) -> tuple[Decision, list[Any], dict[str, Any]]:
    """What is decided of a call, and the bodies of its `call.located` and `call.decided`."""
    read, place = law.law, AREAS.get(area, "")
    found = [Evidence("caller", "number", place, f"area code {area}")] if place else []
    found += [Evidence("caller", "on_file", on_file, "customer file")] if on_file else []
    found.append(Evidence("agent", "site", policy.agent_place, f"line {policy.name}"))
    found.append(Evidence("recorder", "site", "US-GA", "where Overt runs"))
    wish = Wish("recording", policy.telling, policy.chosen_by, policy.retention_days, policy.unrecorded_why)
    decision = decide(read, locate(found, ("caller", "agent", "recorder"), read.reckoning.served), wish)
    return decision, decision.locations.as_json(), decision.as_json()


def entries(told: Told, call: str, recording: str, at_us: int, read: Law) -> Iterator[Stated]:
    """What is entered of the call, in order."""
    policy, ruled = policy_of(told, call)
    decision, parties, body = decided(told.number[2:5], told.on_file, policy, Read(read))
    personal = {"from": told.number or "withheld", "to": "+14045550100", "agent": told.agent}
    yield "call.offered", {"line": told.line, "trunk": "carrier"}, personal
    if told.did == "turned away":
        yield "call.ended", _account(told, "", []), {}
        return
    if told.ruled:
        yield "call.ruled", ruled, {}
    yield "call.located", {"parties": parties}, {}
    body = {**body, "purpose": f"recording for {policy.purpose}"}
    if not told.ruled:
        body = {name: body[name] for name in ("effect", "rule", "form", "law_allows", "grounds", "purpose", "citation")}
    yield "call.decided", body, {}
    recorded = False
    if decision.will != "none" and told.did != "failed":
        yield from _telling(told, policy, decision.will == "ask")
        recorded = told.did in ("yes", "stayed", "withdrawn") and told.agent_did in ("joined", "no")
    if told.did == "failed":
        yield "call.failed", {"what": "no engine", "setting": "stop-and-flag", "consequence": "call goes on"}, {}
    yield from _talk(told, policy, decision, recording, at_us, recorded)
    yield "call.ended", _account(told, recording, [recording] if recorded else []), {}


def _telling(told: Told, policy: LinePolicy, asks: bool) -> Iterator[Stated]:
    whole = told.did not in ("hung up", "untold", "held")
    prompts = [f"{one}/{'announce-ask' if asks else 'announce'} 0123456789abcdef" for one in policy.languages]
    yield "call.told", {
        "side": "caller", "told": whole, "reason": "" if whole else "cut short", "prompts": prompts if whole else prompts[:1],
        "milliseconds": 9000, "heard_before": True, "heard_after": True, "loss_percent": 0,
    }, {}  # fmt: skip
    for standing, reason in _standings(told.did, asks):
        yield _consent("caller", standing, reason)


def _standings(did: str, asks: bool) -> list[tuple[str, str]]:
    refused = {
        "hung up": REASONS["hung up"], "held": REASONS["held"], "untold": "the leg was silent after the announcement",
        "no": REASONS["no"], "silence": REASONS["waited"], "another key": REASONS["unclear"],
    }  # fmt: skip
    if did in ("hung up", "held", "untold") or (did == "no" and not asks):
        return [("refused", refused[did])]
    if not asks:
        return [("informed", REASONS["told, does not ask"])] + (
            [("withdrawn", REASONS["stop"])] if did == "withdrawn" else []
        )
    answered = [("refused", refused[did])] if did in refused else [("given", REASONS["yes"])]
    later = [("withdrawn", REASONS["stop"])] if did == "withdrawn" else []
    return [("told", ""), ("asked", ""), *answered, *later]


def _consent(side: str, standing: str, reason: str) -> Stated:
    return "call.consent", {"side": side, "standing": standing, "reason": reason, "purposes": ["recording"]}, {}


def _talk(
    told: Told, policy: LinePolicy, decision: Decision, recording: str, at_us: int, recorded: bool
) -> Iterator[Stated]:  # fmt: skip
    if told.did == "busy":
        yield "call.not_joined", {"side": "agent", "reason": "busy", "status": 486}, {}
        return
    if told.did in ("hung up", "ended early"):
        return
    yield "call.joined", {"side": "agent", "how": "answered"}, {}
    if told.agent_did == "untold":
        yield _consent("agent", "refused", "the leg was silent before the announcement")
    if not recorded:
        return
    yield _consent("agent", "informed", REASONS["told, does not ask"])
    ends = at_us + told.seconds * 1_000_000
    permitted = {
        "episode": "e", "recording": recording, "roster": ["caller", "agent"], "purposes": ["recording"],
        "tracks": ["caller", "agent"], "stop_keys": "*", "told": [], "told_purpose": policy.purpose, "continues": "", "key_id": "k",
    }  # fmt: skip
    if told.ruled:
        permitted |= {"keep_days": decision.keep_days, "policy": policy.policy, "policy_version": policy.version,
                      "listeners": list(policy.listeners if told.listeners is None else told.listeners)}  # fmt: skip
    yield "recording.permitted", permitted, {}
    if told.agent_did == "no":
        yield _consent("agent", "withdrawn", REASONS["stop"])
    yield "recording.closed", {
        "episode": "e", "recording": recording, "reason": "call ended", "chunks": 240, "head": "ab" * 32,
        "captured_ms": told.seconds * 1000, "gaps": [], "started_us": at_us, "ended_us": ends,
    }, {}  # fmt: skip


def _account(told: Told, recording: str, recordings: list[str]) -> dict[str, Any]:
    legs = {
        side: {"packets": 6000, "lost": 0, "late": 0, "dropped": 0, "captured": 6000} for side in ("caller", "agent")
    }
    return {
        "outcome": "recorded" if recordings else "not recorded", "reason": "caller hung up", "call_ms": told.seconds * 1000,
        "disclosed_ms": 9000, "captured_ms": told.seconds * 1000 if recordings else 0, "consent": told.did, "legs": legs,
        "gaps": [], "recordings": recordings,
    }  # fmt: skip


def write(ledger: WrittenLedger, calls: Sequence[tuple[int, Told]], read: Law, seed: int = 1) -> list[str]:
    """Write calls, each (offered at, call), one after the other and a second an entry; return their ids."""
    chance, ids = Random(seed), []
    for at_us, told in calls:
        call, recording = uuid7(at_us, chance.randbytes(10)), uuid7(at_us + 1000, chance.randbytes(10))
        for number, stated in enumerate(entries(told, call, recording, at_us, read)):
            ledger.enter(call, at_us + number * 1_000_000, stated)
        ids.append(call)
    return ids


def some_call(chance: Random, edition: Edition = SETTINGS) -> Told:
    """A call of a random kind."""
    line = chance.choice(tuple(LINES))
    number = f"+1{chance.choice(tuple(AREAS))}555{chance.randrange(10_000):04d}" if chance.random() < 0.9 else ""
    did = chance.choices(TRAITS, (60, 4, 8, 8, 1, 5, 1, 1, 6, 5, 1))[0]
    if line == "sales" and did in ("silence", "another key"):
        did = "stayed"
    return replace(
        Told(line, number, f"sip:agent{chance.randrange(300)}@192.0.2.20", did, seconds=chance.randrange(20, 900)),
        on_file=chance.choice(("", "", "", "US-TX", "US-GA")), edition=edition,
    )  # fmt: skip
