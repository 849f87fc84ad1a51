"""What the web is handed to show how Overt fares: vitals, the messages of calls, alarms; and who may read the metrics."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from overt.domain.alarms import Alarm
from overt.domain.ladder import TracedMessage
from overt.domain.vitals import Vitals


def _no_vitals() -> Mapping[str, Vitals]:
    return {}


def _no_trace(call: str) -> Sequence[TracedMessage]:
    return ()


def _no_alarms() -> Sequence[Alarm]:
    return ()


@dataclass(frozen=True, slots=True)
class ObservingRooms:
    """`metrics` says who may read /metrics: whoever brings `token` or may see the machine; anybody on this machine; nobody."""

    metrics: Literal["token", "open", "off"] = "off"
    token: str = field(default="", repr=False)
    vitals: Callable[[], Mapping[str, Vitals]] = _no_vitals
    trace: Callable[[str], Sequence[TracedMessage]] = _no_trace
    alarms: Callable[[], Sequence[Alarm]] = _no_alarms
    ladder_days: int = 0

    def opens_to(self, bearer: str) -> bool:
        """True for whoever brings the token of the metrics."""
        return bool(self.token) and hmac.compare_digest(bearer.encode(), self.token.encode())
