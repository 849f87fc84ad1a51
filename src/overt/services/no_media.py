"""The media of a call for which no engine was found yet: nothing can be done with it, and everything may be asked of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from overt.domain.identity import SIDES, Side
from overt.inbox import CaptureAccount, LegMedia, Listener
from overt.ports import CaptureOrder, Played, Unavailable


class NoMedia:
    """Implements ports.CallMedia. What opens is unavailable; what closes has nothing to close."""

    def __init__(self) -> None:
        self.ports: Mapping[Side, int] = dict.fromkeys(SIDES, 0)
        self.address = ""
        self.seconds: Mapping[Side, Sequence[Sequence[int]]] = {}

    def listen(self, listener: Listener) -> None:
        """See ports.CallMedia."""

    async def connect(self, side: Side, media: LegMedia) -> None:
        """See ports.CallMedia."""
        raise _none()

    async def play(self, side: Side, prompt: str, *, loop: bool = False) -> Played:
        """See ports.CallMedia."""
        raise _none()

    async def stop_playing(self, side: Side) -> None:
        """See ports.CallMedia."""

    async def relay(self, *, stop_keys: str) -> None:
        """See ports.CallMedia."""
        raise _none()

    async def open(self, order: CaptureOrder) -> None:
        """See ports.CallMedia."""
        raise _none()

    async def pause(self, reason: str) -> None:
        """See ports.CallMedia."""

    async def resume(self, ledger_index: int) -> None:
        """See ports.CallMedia."""
        raise _none()

    async def close(self, reason: str) -> CaptureAccount | None:
        """See ports.CallMedia."""
        return None

    async def keep_context(self, context: bytes) -> None:
        """See ports.CallMedia."""

    async def release(self) -> Mapping[Side, Mapping[str, int]]:
        """See ports.CallMedia."""
        return {side: {} for side in SIDES}


def _none() -> Unavailable:
    return Unavailable("engine", "no engine has this call")
