"""The calls under way in this process, by id: for what somebody outside says of one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from overt.inbox import ConsentSaid

if TYPE_CHECKING:
    from overt.services.attended import Attended

Take = Callable[[ConsentSaid], Awaitable[str]]


class UnderWay:
    """Every call from its offer to its account. A call that is over is not found any more."""

    def __init__(self) -> None:
        self._calls: WeakValueDictionary[str, Attended] = WeakValueDictionary()

    def __len__(self) -> int:
        return sum("over" not in call.milestones() for call in self._calls.values())

    def keep(self, call: Attended) -> None:
        """A call begins."""
        self._calls[call.control.offer.id] = call

    def find(self, call_id: str) -> Take | None:
        """The way to say what was answered in a call; None when it is not under way."""
        call = self._calls.get(call_id)
        if call is None or "over" in call.milestones():
            return None
        return call.take_word
