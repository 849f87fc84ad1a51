"""What Overt states about a call. Each fact becomes one entry of the ledger.

`KINDS` is the whole vocabulary: what a fact of that kind means, whether the effect it names must wait until the
entry is durable (*opens*), and the fields of its body. Bodies are plain JSON without floats; what identifies a
person goes into `personal`, which the ledger keeps apart under a random salt so that it can be erased (P10).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

Json: TypeAlias = "None | bool | int | str | list[Json] | dict[str, Json]"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fact: its meaning, its order rule (promises.md, "One order rule") and the fields of its body."""

    meaning: str
    opens: bool
    fields: tuple[str, ...]


KINDS: Mapping[str, Kind] = {
    "system.started": Kind(
        "The signalling process began to serve.", False, ("settings_sha256", "law_version", "failure")
    ),
    "call.offered": Kind("A trunk offered a call.", False, ("line", "trunk")),
    "call.ruled": Kind(
        "Which policy of which published book rules a call, and what other policies hold; version 0 is the settings' lines.",
        False,
        (
            "policy",
            "version",
            "sha256",
            "locked",
            "why",
            "unrecorded_why",
            "direction",
            "line",
            "queue",
            "team",
        ),
    ),
    "call.located": Kind("The places each party may be in, with their evidence.", False, ("parties",)),
    "call.decided": Kind(
        "The joined law's answer for the purpose, and what Overt will do.",
        False,
        (
            "effect",
            "why",
            "rule",
            "form",
            "law_allows",
            "obligations",
            "grounds",
            "citation",
            "purpose",
            "decisive",
            "less_strict_if",
            "tone_at_most_s",
            "keep_at_least_days",
            "keep_at_most_days",
            "keep_days",
            "basis",
            "profile",
            "law_version",
            "law_as_of",
            "law_sha256",
        ),
    ),
    "call.told": Kind(
        "A party was told, or not told and why.",
        False,
        ("side", "told", "reason", "prompts", "milliseconds", "heard_before", "heard_after", "loss_percent"),
    ),
    "call.consent_said": Kind(
        "Somebody outside stated what a party answered.", False, ("side", "answer", "how", "by", "purposes", "told")
    ),
    "session.described": Kind(
        "What a recording client said of its call (RFC 7865): how it was read, and who is heard on which line.",
        False,
        (
            "number",
            "sha256",
            "bytes",
            "dialect",
            "complete",
            "remarks",
            "people",
            "lines",
            "mixed",
            "unheard",
        ),
    ),
    "session.reclaimed": Kind("A recording client took its session up anew, in another dialog.", False, ("how",)),
    "call.seconds": Kind(
        "What came, was lost and was kept in each second of a call, for each leg (docs/accounts.md).",
        False,
        ("caller", "agent"),
    ),
    "call.answered_question": Kind("What a party answered when asked.", False, ("side", "answer", "how")),
    "call.consent": Kind("Where a party stands.", False, ("side", "standing", "reason", "purposes")),
    "call.joined": Kind("A party came to the call.", False, ("side", "how")),
    "call.not_joined": Kind("A party could not be had.", False, ("side", "reason", "status")),
    "call.left": Kind("A party left the call.", False, ("side", "how")),
    "call.held": Kind("A party was put on hold, or taken off it.", False, ("side", "held")),
    "call.failed": Kind("Something of ours broke; what was done about it.", False, ("what", "setting", "consequence")),
    "call.ended": Kind(
        "The account of a call, recorded or not: its lawfulness record.",
        False,
        ("outcome", "reason", "call_ms", "disclosed_ms", "captured_ms", "consent", "legs", "gaps", "recordings"),
    ),
    "call.resumed": Kind("A successor of a signalling process took the call up again.", False, ("phase", "lost_ms")),
    "recording.permitted": Kind(
        "A permit exists and capture may open.",
        True,
        (
            "episode",
            "recording",
            "roster",
            "purposes",
            "tracks",
            "stop_keys",
            "told",
            "told_purpose",
            "continues",
            "key_id",
            "keep_days",
            "listeners",
            "policy",
            "policy_version",
        ),
    ),
    "recording.resumed": Kind(
        "Capture under a living permit may open again after a pause.", True, ("episode", "recording", "after")
    ),
    "recording.stopped": Kind(
        "Capture was stopped or paused.", False, ("episode", "recording", "reason", "by", "paused")
    ),
    "recording.closed": Kind(
        "A recording has its end: chunks, chain heads, gaps, counters.",
        False,
        ("episode", "recording", "reason", "chunks", "head", "captured_ms", "gaps", "started_us", "ended_us"),
    ),
    "recording.interrupted": Kind(
        "A recording lost its engine; the last authenticated chunk is its end.",
        False,
        ("recording", "chunks", "head", "captured_ms", "cause"),
    ),
    "listening.granted": Kind(
        "Somebody may open these seconds of a recording for a purpose.",
        True,
        ("recording", "action", "purpose", "actor", "role", "from_ms", "to_ms", "document"),
    ),
    "listening.refused": Kind(
        "Somebody asked to open a recording and may not.", False, ("recording", "action", "purpose", "actor", "reason")
    ),
    "listening.ended": Kind(
        "What was actually sent: how much, which stretches, and how the listening ended.",
        False,
        ("recording", "action", "actor", "grant", "milliseconds", "ranges", "how"),
    ),
    "policy.published": Kind(
        "A policy book rules calls from here on. Its text, and what changed, are personal values (`book`, `changes`): "
        "numbers stand in them.",
        True,
        ("version", "sha256", "by", "reason", "law_version", "law_sha256"),
    ),
    "client.added": Kind(
        "Somebody may bring calls from here on, or may so otherwise. Numbers by which its agents are told from callers are "
        "a personal value (`agents`, a line each); `fingerprint` is a salted hash of its digest's secret.",
        True,
        (
            "client",
            "mode",
            "address",
            "certificate",
            "digest",
            "fingerprint",
            "attest",
            "form",
            "since",
            "by",
            "why",
            "before",
            "digits",
            "answer_s",
            "replays",
            "anywhere",
            "line",
            "place",
            "srtp",
            "source",
            "entered_by",
        ),
    ),
    "client.removed": Kind("A client may bring no more calls.", False, ("client", "by", "why", "source", "entered_by")),
    "client.proven": Kind(
        "In a test call somebody heard, on the recording, what a client's operator attests that callers are told.",
        False,
        ("client", "test_call", "recording", "listening", "by", "entered_by"),
    ),
    "account.added": Kind("An account of the console was made.", False, ("account", "role", "agent", "state", "by")),
    "account.changed": Kind(
        "An account has another role, agent or state: active or closed.",
        False,
        ("account", "role", "agent", "state", "by"),
    ),
    "account.locked": Kind(
        "An account was locked for a while after wrong passwords or codes.", False, ("account", "failures", "until_us")
    ),
    "alarm.raised": Kind(
        "Something wants looking at; see docs/observing.md.", False, ("alarm", "about", "sentence", "since_us")
    ),
    "alarm.ended": Kind("It is as it should be again.", False, ("alarm", "about", "sentence", "since_us", "lasted_ms")),
    "personal.erased": Kind("Personal fields of earlier entries were erased.", False, ("entries", "reason")),
}


@dataclass(frozen=True, slots=True)
class Fact:
    """One statement. `call` is empty for facts about no call; `id` is a UUIDv7 that makes entering it idempotent.

    `body` holds the fields of its kind (integers, strings, lists, objects; never floats); `personal` maps a field
    name (`from`, `to`, `name`) to its value.
    """

    id: str
    tenant: str
    kind: str
    at_us: int
    call: str = ""
    body: Mapping[str, Json] = field(default_factory=dict)
    personal: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no such kind of fact: {self.kind}")
        strange = set(self.body) - set(KINDS[self.kind].fields)
        if strange:
            raise ValueError(f"{self.kind} has no field {', '.join(sorted(strange))}")

    @property
    def opens(self) -> bool:
        """True when the effect that this fact names must wait until its entry is durable."""
        return KINDS[self.kind].opens
