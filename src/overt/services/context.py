"""What a signalling process leaves with the engine, so that its successor can go on with the call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from overt.domain.call import CallState
from overt.domain.clients import Client
from overt.domain.identity import SIDES, Side
from overt.domain.law.reckoning import Reckoning
from overt.domain.policy import LinePolicy
from overt.domain.roster import Refuser, Seats
from overt.ports import CaptureAccount, LegMedia, Offer, Prologue


@dataclass(slots=True)
class Context:
    """Everything about a call that is not in the engine already. Never sound, and no key but
    those of its encrypted legs, which the engine has anyway.

    `policy` and `reckoning` are how the call was ruled: it keeps that, whatever is published meanwhile. `client` is None in
    path; beside a call it is whose recording session it is, and `seats` who is on the call. `noes` are those who said no.
    `gathering` counts how often others were on the call than before, `begun_at` says at which the episode began, `stayed`
    on which sides it is the same person since. `capturing`: `recording` is open, paused or not. `deserted` are
    the seats whose people left, and nobody took their place. `ruled_for` are the numbers in the seats for which it was ruled.
    """

    offer: Offer
    policy: LinePolicy
    reckoning: Reckoning
    keep_days: int = 0
    state: CallState = field(default_factory=CallState)
    control: dict[str, Any] = field(default_factory=dict)
    legs: dict[Side, LegMedia] = field(default_factory=dict)
    episode: str = ""
    recording: str = ""
    prologue: tuple[Prologue, ...] = ()
    disclosed_ms: int = 0
    answered_ns: int = 0
    captures: list[CaptureAccount] = field(default_factory=list)
    kept_ns: int = 0
    client: Client | None = None
    seats: Seats = Seats()
    descriptions: int = 0
    noes: list[Refuser] = field(default_factory=list)
    gathering: int = 0
    begun_at: int = 0
    stayed: tuple[Side, ...] = SIDES
    capturing: bool = False
    deserted: tuple[Side, ...] = ()
    ruled_for: tuple[str, ...] = ("", "")

    def found(self, episode: str, recording: str) -> None:
        """Know what an engine says that it has open: a predecessor may have died before it left as much."""
        self.capturing = bool(recording) and episode == self.episode
        if self.capturing:
            self.recording = recording

    def encoded(self) -> bytes:
        """As bytes for the engine to keep."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def decoded(cls, kept: bytes) -> Context:
        """The inverse. Raises ValueError when another version wrote it."""
        return msgspec.msgpack.decode(kept, type=cls)
