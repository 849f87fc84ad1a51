"""What is read of each kind of entry for a rehearsal, and how a past call is put together from them.

Bodies are decoded into the few fields that matter. Fields that earlier releases did not write have their defaults here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

import msgspec

from overt.adapters.ledger_walk import OfCall, Offered
from overt.domain.hindsight import PastCall, answer_of
from overt.domain.identity import AGENT, CALLER
from overt.domain.law.decide import Will

PERSONAL: Mapping[str, str] = {"from": "caller", "to": "called", "agent": "agent"}
MOST_PLACES = 10_000
WILLS: Mapping[str, Will] = {"ask": "ask", "announce": "announce"}


class _Ruling(msgspec.Struct, gc=False):
    policy: str
    version: int
    locked: tuple[str, ...] = ()
    direction: Literal["inbound", "outbound"] = "inbound"
    queue: str = ""
    team: str = ""


class _Ruled(msgspec.Struct, gc=False):
    call: str
    body: _Ruling


class _Parties(msgspec.Struct, gc=False):
    parties: msgspec.Raw


class _Located(msgspec.Struct, gc=False):
    call: str
    body: _Parties


class _Party(msgspec.Struct, gc=False):
    places: tuple[str, ...]


class _Decision(msgspec.Struct, gc=False):
    effect: str
    rule: str
    form: str
    purpose: str = ""
    why: str = ""
    keep_days: int = 0


class _Decided(msgspec.Struct, gc=False):
    call: str
    body: _Decision


class _Telling(msgspec.Struct, gc=False):
    side: str
    told: bool
    prompts: tuple[str, ...] = ()


class _Told(msgspec.Struct, gc=False):
    call: str
    body: _Telling


class _Standing(msgspec.Struct, gc=False):
    side: str
    standing: str
    reason: str = ""


class _Consent(msgspec.Struct, gc=False):
    call: str
    body: _Standing


class _Side(msgspec.Struct, gc=False):
    side: str
    reason: str = ""
    held: bool = False


class _OfSide(msgspec.Struct, gc=False):
    call: str
    body: _Side


class _Permission(msgspec.Struct, gc=False):
    told_purpose: str = ""
    keep_days: int = 0
    listeners: tuple[str, ...] | None = None


class _Permitted(msgspec.Struct, gc=False):
    call: str
    body: _Permission


class _End(msgspec.Struct, gc=False):
    ended_us: int = 0


class _Closed(msgspec.Struct, gc=False):
    at_us: int
    call: str
    body: _End


class _Account(msgspec.Struct, gc=False):
    recordings: tuple[str, ...] = ()


class _Ended(msgspec.Struct, gc=False):
    at_us: int
    call: str
    body: _Account


@dataclass(slots=True)
class Seen:
    """A call as far as it was read."""

    offered: Offered
    index: int
    ruled: _Ruling | None = None
    places: tuple[str, ...] = ()
    decided: _Decision | None = None
    begun_to_tell: bool = False
    languages: tuple[str, ...] = ()
    standings: list[tuple[str, str]] = field(default_factory=list)
    agent_refused: str = ""
    agent_no: bool = False
    joined: bool = False
    not_joined: str = ""
    held: bool = False
    failed: bool = False
    permitted: _Permission | None = None
    kept_from_us: int = 0
    ended: _Ended | None = None
    unreadable: bool = False

    def past_call(self, personal: Mapping[str, str]) -> PastCall:
        """The call as a rehearsal wants it. `personal` are the values of its offer that are not erased.

        The last word of the effect that was entered (`permit, ask`) says what Overt set out to do; the purpose that was
        spoken of stands in the permit, or in the decision (`recording for quality and training`).
        """
        ruled, decided = self.ruled or _UNRULED, self.decided or _UNDECIDED
        permitted, ended = self.permitted or _UNPERMITTED, self.ended
        recorded = ended is not None and bool(ended.body.recordings)
        caller = personal.get("from", "")
        return PastCall(
            id=self.offered.call, offered_us=self.offered.at_us, line=self.offered.body.line, direction=ruled.direction,
            queue=ruled.queue, team=ruled.team, caller="" if caller == "withheld" else caller, called=personal.get("to", ""),
            agent=personal.get("agent", ""), erased=self._erased(personal), ruled=self.ruled is not None,
            policy=ruled.policy, version=ruled.version, locked=ruled.locked, places=self.places,
            will=WILLS.get(decided.effect.rpartition(", ")[2], "none") if self.decided else "", rule=decided.rule,
            form=decided.form, why=decided.why, languages=self.languages,
            purpose=permitted.told_purpose or decided.purpose.partition(" for ")[2],
            answer=answer_of(self.standings, told=self.begun_to_tell), joined=self.joined, hindered=self._hindered(),
            failed=self.failed and not recorded, held=self.held, agent_no=self.agent_no, recorded=recorded,
            kept_from_us=(self.kept_from_us or ended.at_us) if recorded and ended else 0,
            keep_days=permitted.keep_days or decided.keep_days, listeners=permitted.listeners, ended=ended is not None,
        )  # fmt: skip

    def _erased(self, personal: Mapping[str, str]) -> frozenset[str]:
        missing = self.offered.personal.keys() - personal.keys()
        return frozenset(PERSONAL[name] for name in missing if name in PERSONAL) if missing else _NOTHING

    def _hindered(self) -> str:
        if self.not_joined:
            return f"the agent was not reached ({self.not_joined})"
        return f"the agent was not told, or said no ({self.agent_refused})" if self.agent_refused else ""


_NOTHING: frozenset[str] = frozenset()
_UNRULED, _UNDECIDED, _UNPERMITTED = _Ruling("", 0), _Decision("", "", ""), _Permission()


@lru_cache(maxsize=256)
def _languages(prompts: tuple[str, ...]) -> tuple[str, ...]:
    """The languages of prompts (`en/announce-ask` and a hash), each once."""
    return tuple(dict.fromkeys(prompt.partition("/")[0] for prompt in prompts))


# Canonical JSON has no spaces, and within a text the quotes would be escaped. Of the agent little matters: not worth decoding.
_OF_AGENT, _REFUSED, _WITHDRAWN = b'"side":"agent"', b'"standing":"refused"', b'"standing":"withdrawn"'


class Assembly:
    """Puts calls together, entry by entry. `seen` are those that are under way."""

    def __init__(self) -> None:
        self.seen: dict[str, Seen] = {}
        self.ended: list[Seen] = []
        self._places: dict[bytes, tuple[str, ...]] = {}
        self.readers: Mapping[bytes, Callable[[bytes], None]] = {
            b"call.ruled": self._ruled, b"call.located": self._located, b"call.decided": self._decided,
            b"call.told": self._told, b"call.consent": self._consent, b"call.joined": self._joined,
            b"call.not_joined": self._not_joined, b"call.held": self._held, b"call.failed": self._failed,
            b"recording.permitted": self._permitted, b"recording.closed": self._closed,
            b"recording.interrupted": self._interrupted, b"call.ended": self._ended,
        }  # fmt: skip

    def offer(self, offered: Offered, index: int) -> None:
        """A call began."""
        self.seen[offered.call] = Seen(offered, index)

    def _ruled(self, line: bytes) -> None:
        entry = _RULED.decode(line)
        if (seen := self.seen.get(entry.call)) is not None:
            seen.ruled = entry.body

    def _located(self, line: bytes) -> None:
        entry = _LOCATED.decode(line)
        if (seen := self.seen.get(entry.call)) is not None:
            seen.places = self._placed(bytes(entry.body.parties))

    def _placed(self, parties: bytes) -> tuple[str, ...]:
        """Every place of every party, once, in their order by name. Many calls have the same."""
        places = self._places.get(parties)
        if places is None:
            if len(self._places) >= MOST_PLACES:
                self._places.clear()
            read = _PARTIES.decode(parties)
            places = self._places[parties] = tuple(sorted({place for party in read for place in party.places}))
        return places

    def _decided(self, line: bytes) -> None:
        entry = _DECIDED.decode(line)
        if (seen := self.seen.get(entry.call)) is not None:
            seen.decided = entry.body

    def _told(self, line: bytes) -> None:
        if _OF_AGENT in line:
            return
        entry = _TOLD.decode(line)
        if (seen := self.seen.get(entry.call)) is not None:
            seen.begun_to_tell = True
            seen.languages = _languages(entry.body.prompts) if entry.body.told else ()

    def _consent(self, line: bytes) -> None:
        if _OF_AGENT in line and _REFUSED not in line and _WITHDRAWN not in line:
            return
        entry = _CONSENT.decode(line)
        if (seen := self.seen.get(entry.call)) is None:
            return
        if entry.body.side == CALLER:
            seen.standings.append((entry.body.standing, entry.body.reason))
        elif entry.body.standing == "withdrawn":
            seen.agent_no = True
        else:
            seen.agent_refused = entry.body.reason or "refused"

    def _joined(self, line: bytes) -> None:
        entry = _OF_SIDE.decode(line)
        if entry.body.side == AGENT and (seen := self.seen.get(entry.call)) is not None:
            seen.joined = True

    def _not_joined(self, line: bytes) -> None:
        entry = _OF_SIDE.decode(line)
        if entry.body.side == AGENT and (seen := self.seen.get(entry.call)) is not None:
            seen.not_joined = entry.body.reason or "no answer"

    def _held(self, line: bytes) -> None:
        entry = _OF_SIDE.decode(line)
        if entry.body.held and (seen := self.seen.get(entry.call)) is not None:
            seen.held = True

    def _failed(self, line: bytes) -> None:
        if (seen := self.seen.get(_OF_CALL.decode(line).call)) is not None:
            seen.failed = True

    def _permitted(self, line: bytes) -> None:
        entry = _PERMITTED.decode(line)
        if (seen := self.seen.get(entry.call)) is not None:
            seen.permitted = entry.body

    def _closed(self, line: bytes) -> None:
        entry = _CLOSED.decode(line)
        if (seen := self.seen.get(entry.call)) is not None:
            seen.kept_from_us = max(seen.kept_from_us, entry.body.ended_us or entry.at_us)

    def _interrupted(self, line: bytes) -> None:
        entry = _CLOSED.decode(line)
        if (seen := self.seen.get(entry.call)) is not None:
            seen.kept_from_us = max(seen.kept_from_us, entry.at_us)

    def _ended(self, line: bytes) -> None:
        entry = _ENDED.decode(line)
        if (seen := self.seen.pop(entry.call, None)) is not None:
            seen.ended = entry
            self.ended.append(seen)


_RULED, _LOCATED, _DECIDED = (
    msgspec.json.Decoder(_Ruled),
    msgspec.json.Decoder(_Located),
    msgspec.json.Decoder(_Decided),
)
_PARTIES, _TOLD, _CONSENT = (
    msgspec.json.Decoder(list[_Party]),
    msgspec.json.Decoder(_Told),
    msgspec.json.Decoder(_Consent),
)
_OF_SIDE, _OF_CALL, _PERMITTED = (
    msgspec.json.Decoder(_OfSide),
    msgspec.json.Decoder(OfCall),
    msgspec.json.Decoder(_Permitted),
)
_CLOSED, _ENDED = msgspec.json.Decoder(_Closed), msgspec.json.Decoder(_Ended)
