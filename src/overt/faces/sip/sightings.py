"""What was seen of each client: when, how many calls, and in sentences what it does wrong. For the engineer, in the console."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

MOST_SENTENCES = 20
MOST_CLIENTS = 1000
LONGEST_SENTENCE = 400  # some name a word of the client's, which may be of any length


@dataclass(slots=True)
class Seen:
    """One client. Sentences are kept once each, the newest last; times are UTC microseconds."""

    last_seen_us: int = 0
    calls: int = 0
    refused: int = 0
    sentences: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=MOST_SENTENCES))


class Sightings:
    """All clients that were seen since this process began."""

    def __init__(self) -> None:
        self._seen: dict[str, Seen] = {}

    def _of(self, client: str) -> Seen:
        if client not in self._seen and len(self._seen) >= MOST_CLIENTS:
            self._seen.pop(next(iter(self._seen)))
        return self._seen.setdefault(client, Seen())

    def called(self, client: str, now_us: int) -> None:
        """A client brought a call."""
        seen = self._of(client)
        seen.last_seen_us, seen.calls = now_us, seen.calls + 1

    def refused(self, client: str, now_us: int) -> None:
        """A call of a client was refused."""
        seen = self._of(client)
        seen.last_seen_us, seen.refused = now_us, seen.refused + 1

    def remark(self, client: str, sentence: str, now_us: int) -> None:
        """A client did something wrong. The same sentence again is counted."""
        seen, sentence = self._of(client), sentence[:LONGEST_SENTENCE]
        known = next((one for one in seen.sentences if one["sentence"] == sentence), None)
        if known is not None:
            seen.sentences.remove(known)
        times = known["times"] + 1 if known is not None else 1
        seen.sentences.append({"at_us": now_us, "sentence": sentence, "times": times})
        seen.last_seen_us = now_us

    def as_json(self) -> dict[str, Any]:
        """What was seen, by client."""
        return {
            name: {
                "last_seen_us": one.last_seen_us, "calls": one.calls, "refused": one.refused,
                "sentences": list(one.sentences),
            }
            for name, one in self._seen.items()
        }  # fmt: skip
