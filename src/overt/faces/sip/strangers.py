"""Who came that is no client, and what they tried: for the engineer whose new SBC is turned away. What is kept is bounded."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from overt.domain.masking import mask_text
from overt.faces.sip.scanners import source_of
from overt.wire.sip.message import Message, Request
from overt.wire.sip.transaction import Peer

MOST_STRANGERS, MOST_TRIED, LONGEST_TOOL = 50, 6, 60


@dataclass(slots=True)
class Stranger:
    """One source: what it tried, what it calls itself (masked), how often it came, and when last (UTC microseconds)."""

    transport: str
    at_us: int = 0
    attempts: int = 0
    tool: str = ""
    tried: dict[str, None] = field(default_factory=dict)


class Strangers:
    """The strangers of late, those that came last at the end."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, Stranger] = OrderedDict()

    def came(self, source: Peer, message: Message | None) -> None:
        """Somebody was turned away; `message` is None for what was not read, or is no SIP."""
        host = source_of(source.host)
        one = self._seen.setdefault(host, Stranger(source.transport))
        self._seen.move_to_end(host)
        one.transport, one.at_us, one.attempts = source.transport, time.time_ns() // 1000, one.attempts + 1
        if message is None:
            tried = "something that is no SIP" if not one.tried else ""
        else:
            tried = message.method[:20] if isinstance(message, Request) else "an answer"
            one.tool = _shown(message.get("User-Agent")) or one.tool
        if tried and len(one.tried) < MOST_TRIED:
            one.tried[_shown(tried)] = None
        if len(self._seen) > MOST_STRANGERS:
            self._seen.popitem(last=False)

    def as_json(self) -> list[dict[str, Any]]:
        """The strangers, the newest first."""
        return [
            {
                "address": host, "transport": one.transport, "at_us": one.at_us, "attempts": one.attempts,
                "tried": list(one.tried), "tool": one.tool,
            }
            for host, one in reversed(self._seen.items())
        ]  # fmt: skip


def _shown(text: str) -> str:
    """A stranger's words, of which nothing identifies a person or speaks to a terminal."""
    return mask_text("".join(one if one.isprintable() else " " for one in text[: 2 * LONGEST_TOOL]))[:LONGEST_TOOL]
