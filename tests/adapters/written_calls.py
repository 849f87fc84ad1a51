"""Ledgers of made-up calls, written straight into the ledger's files: quick, and the same for the same seed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from overt.adapters.ledger_files import open_personal
from overt.domain.facts import KINDS
from overt.domain.identity import uuid7
from overt.ledger.checkpoint import Checkpoint, origin_of, sign

LINES = ("support", "sales", "claims", "billing", "")
LINE_NUMBERS = ("+14045550100", "+14045550101", "sales", "1001")
PLACES = ("US-CA", "US-GA", "US-TX", "US-NY", "US-WA", "US-FL", "DE", "CA")
STORIES = (
    "recorded",
    "recorded",
    "recorded",
    "refused",
    "timeout",
    "hang-up",
    "withdrawn",
    "lost",
    "unanswered",
    "no line",
)
# story → standing, outcome, reason
ENDS: Mapping[str, tuple[str, str, str]] = {
    "recorded": ("given", "recorded", "caller hung up"), "refused": ("refused", "not recorded: refused", "agent hung up"),
    "timeout": ("timeout", "not recorded: no answer", "caller hung up"),
    "hang-up": ("hang-up", "hung up in announcement", "caller hung up"),
    "withdrawn": ("withdrawn", "recorded until withdrawn", "caller hung up"),
    "lost": ("given", "lost: signalling and engine died", "found at the next start"),
    "unanswered": ("not asked", "not answered: Busy Here 100%_sure", "agent busy"), "no line": ("not asked", "not answered: no such line", "turned away"),
}  # fmt: skip
# whom a policy lets listen, as a permit says it: nothing of it (an earlier release), nobody, some
LISTENED: tuple[Mapping[str, Any], ...] = (
    {}, {"listeners": [], "policy": "Closed", "policy_version": 2, "keep_days": 30},
    {"listeners": ["compliance", "administrator"], "policy": "Orders & more", "policy_version": 3, "keep_days": 90},
)  # fmt: skip
Stated = tuple[str, Mapping[str, Any], Mapping[str, str]]


@dataclass(slots=True)
class Call:
    """A made-up call: who, where, and what the ledger says of it, in order."""

    id: str
    started_us: int
    caller: str
    story: str
    recording: str
    stated: list[Stated] = field(default_factory=list)


def make_call(chance: Random, started_us: int, agents: int = 6) -> Call:
    """A call of a random story."""
    number = f"+1{chance.choice(('415', '404', '212', '206'))}555{chance.randrange(10_000):04d}"
    caller = chance.choice((number, number, number, "withheld", f"+4930{chance.randrange(10**6, 10**7)}"))
    call = Call(uuid7(started_us, chance.randbytes(10)), started_us, caller, chance.choice(STORIES),
                uuid7(started_us, chance.randbytes(10)))  # fmt: skip
    agent = chance.randrange(agents)
    sip = f"sip:+1404777{agent:04d}@192.0.2.20" if agent % 2 else f"sip:agent{agent}@192.0.2.20"
    call.stated = list(_story(chance, call, sip))
    return call


def _story(chance: Random, call: Call, agent: str) -> Iterator[Stated]:
    story, personal = call.story, {"from": call.caller, "to": chance.choice(LINE_NUMBERS)}
    if story == "no line":
        yield "call.offered", {"line": "", "trunk": "t"}, personal
        yield _ended(call, 0)
        return
    yield "call.offered", {"line": chance.choice(LINES[:4]), "trunk": "t"}, personal | {"agent": agent}
    places = sorted(chance.sample(PLACES, chance.randint(1, 3)))
    party = {"party": "caller", "places": places, "certain": False, "because": ["area code"]}
    yield "call.located", {"parties": [party]}, {}
    yield "call.decided", {
        "effect": "permit if consent", "rule": "all-party", "form": "express_opt_in", "law_allows": "with consent",
        "obligations": ["tell"], "grounds": ["US-CA: section"], "citation": "Cal. Penal Code § 632",
        "purpose": "quality", "law_version": "1", "law_sha256": "00",
    }, {}  # fmt: skip
    told = story != "hang-up"
    yield "call.told", {"side": "caller", "told": told, "reason": "" if told else "hung up", "prompts": ["en/announce"],
                        "milliseconds": 7000, "heard_before": True, "heard_after": True, "loss_percent": None}, {}  # fmt: skip
    yield "call.consent", {"side": "caller", "standing": ENDS[story][0], "reason": "key", "purposes": ["recording"]}, {}
    yield "call.joined", {"side": "agent", "how": "answered"}, {}
    captured = 0
    if story in ("recorded", "withdrawn", "lost"):
        captured = chance.randrange(1000, 300_000)
        yield "recording.permitted", {
            "episode": 1, "recording": call.recording, "roster": ["caller"], "purposes": ["recording"], "tracks": ["caller"],
            "stop_keys": "*", "told": [], "told_purpose": "quality and training", "continues": "", "key_id": "k",
            **LISTENED[sum(call.recording.encode()) % len(LISTENED)],
        }, {}  # fmt: skip
        if story == "lost":
            yield "recording.interrupted", {
                "recording": call.recording, "chunks": 7, "head": "00", "captured_ms": captured, "cause": "engine lost",
            }, {}  # fmt: skip
        else:
            yield "recording.closed", {
                "episode": 1, "recording": call.recording, "reason": "call ended", "chunks": 9, "head": "00",
                "captured_ms": captured, "gaps": [], "started_us": call.started_us, "ended_us": call.started_us,
            }, {}  # fmt: skip
    yield _ended(call, captured, gap=chance.random() < 0.05)


def _ended(call: Call, captured: int, gap: bool = False) -> Stated:
    standing, outcome, reason = ENDS[call.story]
    gaps = [{"recording": call.recording, "from_ms": 1, "to_ms": 2, "cause": "late"}] if gap and captured else []
    return "call.ended", {
        "outcome": outcome, "reason": reason, "call_ms": captured + 9000, "disclosed_ms": 7000, "captured_ms": captured,
        "consent": standing, "legs": {}, "gaps": gaps, "recordings": [call.recording] if captured else [],
    }, {}  # fmt: skip


def listened(recording: str, grant: int) -> Stated:
    """What is entered after somebody listened."""
    body = {
        "recording": recording,
        "action": "play",
        "actor": "ada",
        "grant": grant,
        "milliseconds": 5,
        "ranges": [],
        "how": "end",
    }
    return "listening.ended", body, {}


class WrittenLedger:
    """A ledger's files as a notary leaves them; its tree's root is made up, which nobody who only reads looks at.

    `key` signs: that of a data folder, when its own notary is to go on with the ledger.
    """

    def __init__(self, folder: Path, key: Ed25519PrivateKey | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.size = folder, 0
        self._key = key or Ed25519PrivateKey.generate()
        self.origin = origin_of("main", self._key.public_key().public_bytes_raw())
        self._personal = open_personal(folder)
        self._log = (folder / "entries.log").open("ab")

    def enter(self, call: str, at_us: int, stated: Stated) -> int:
        """Write an entry that no checkpoint speaks of yet; return its index."""
        kind, body, personal = stated
        assert set(body) <= set(KINDS[kind].fields), kind
        line = {"v": 1, "id": f"{self.size}", "tenant": "main", "kind": kind, "at_us": at_us, "entered_us": at_us,
                "call": call, "body": body, "personal": dict.fromkeys(personal, "00")}  # fmt: skip
        self._log.write(json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n")
        for name, value in personal.items():
            self._personal.execute("INSERT INTO personal VALUES (?, ?, ?, ?)", (self.size, name, b"", value))
        self.size += 1
        return self.size - 1

    def publish(self) -> None:
        """Have a checkpoint speak of all entries."""
        self._log.flush()
        self._personal.commit()
        note = sign(Checkpoint(self.origin, self.size, bytes(32)), self._key)
        (self.folder / "checkpoint").write_text(note)

    def erase(self, entry: int) -> None:
        """Take the personal values of an entry away."""
        with self._personal:
            self._personal.execute("DELETE FROM personal WHERE entry = ?", (entry,))

    def close(self) -> None:
        """Close the files. A notary that takes them up signs what no checkpoint speaks of yet."""
        self._log.close()
        self._personal.commit()
        self._personal.close()


def interleaved(calls: list[Call], chance: Random) -> Iterator[tuple[Call, Stated]]:
    """The entries of calls as they happen to mix, each call's in their order."""
    waiting = [(call, iter(call.stated)) for call in calls]
    while waiting:
        place = chance.randrange(min(len(waiting), 8))
        call, rest = waiting[place]
        stated = next(rest, None)
        if stated is None:
            waiting.pop(place)
        else:
            yield call, stated


def personal_values(folder: Path) -> set[str]:
    """All personal values of a ledger."""
    connection = sqlite3.connect(folder / "personal.sqlite")
    try:
        return {value for (value,) in connection.execute("SELECT value FROM personal")}
    finally:
        connection.close()
