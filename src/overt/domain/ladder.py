"""The SIP ladder of a call: who said what to whom, and when. Masked messages in; lanes and arrows out.

A message that comes or goes again unchanged is a retransmission: it is folded into the first, which says how often.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from overt.domain.traced import header

OVERT = "Overt"
MOST_ARROWS = 1000
_STATUS = re.compile(r"SIP/\S+ (\d{3}) ?(.*)")


@dataclass(frozen=True, slots=True)
class TracedMessage:
    """A masked message of a call: `leg` is caller, agent or client; `peer` is where it came from or went to."""

    at_us: int
    leg: str
    outgoing: bool
    peer: str
    text: str


@dataclass(frozen=True, slots=True)
class Arrow:
    """One message on the ladder, from lane to lane. `since_us` is the time after the ladder's first message, `after_us` that
    after the arrow before; `repeats_us` the times, after the first message, at which it came or went again."""

    at_us: int
    since_us: int
    after_us: int
    origin: str
    target: str
    label: str
    about: str
    tone: str
    peer: str
    text: str
    repeats_us: tuple[int, ...] = ()

    @property
    def rightward(self) -> bool:
        """True when it goes to a lane on the right."""
        return LANES.index(self.origin) < LANES.index(self.target)


LANES = ("client", "caller", OVERT, "agent")  # from left to right


@dataclass(frozen=True, slots=True)
class Ladder:
    """The lanes that a call has, from left to right, and its arrows in order of time. `cut` messages too many are left out."""

    lanes: tuple[str, ...]
    arrows: tuple[Arrow, ...]
    cut: int = 0


def draw(messages: Iterable[TracedMessage]) -> Ladder:
    """Return the ladder of a call's messages, whatever their order. No messages, no lanes."""
    ordered = sorted((one for one in messages if one.leg in LANES and one.leg != OVERT), key=lambda one: one.at_us)
    if not ordered:
        return Ladder((), ())
    began, arrows, seen = ordered[0].at_us, list[Arrow](), dict[tuple[str, bool, str], int]()
    for one in ordered:
        key = (one.leg, one.outgoing, one.text)
        if key in seen:
            at = seen[key]
            arrows[at] = replace(arrows[at], repeats_us=(*arrows[at].repeats_us, one.at_us - began))
            continue
        seen[key] = len(arrows)
        arrows.append(_arrow(one, began, arrows[-1].at_us if arrows else began))
    used = {one.leg for one in ordered}
    return Ladder(
        tuple(lane for lane in LANES if lane == OVERT or lane in used),
        tuple(arrows[:MOST_ARROWS]),
        max(0, len(arrows) - MOST_ARROWS),
    )


def _arrow(one: TracedMessage, began: int, before: int) -> Arrow:
    label, about, tone = _said(one.text)
    origin, target = (OVERT, one.leg) if one.outgoing else (one.leg, OVERT)
    return Arrow(
        one.at_us, one.at_us - began, one.at_us - before, origin, target, label, about, tone, one.peer, one.text
    )


def _said(text: str) -> tuple[str, str, str]:
    """What an arrow says: method or status; what it answers or carries; and whether it is good, bad or neither."""
    start = text.partition("\n")[0]
    number, _, method = header(text, "cseq").partition(" ")
    answer = _STATUS.fullmatch(start)
    carries = [word for word, mark in (("SDP", "\nv=0"), ("metadata", "(application/rs-metadata")) if mark in text]
    if answer is None:
        return start.split(" ", 1)[0][:24] or "?", " ".join([f"#{number}" if number else "", *carries]).strip(), ""
    status = int(answer[1])
    tone = "good" if 200 <= status < 300 else "bad" if status >= 300 else ""
    return (
        f"{status} {answer[2]}".strip()[:40],
        " ".join([f"to {method.strip()}" if method else "", *carries]).strip(),
        tone,
    )


def as_text(ladder: Ladder, width: int = 26) -> Sequence[str]:
    """The ladder as lines of text, for a terminal: a column a lane, an arrow a line."""
    if not ladder.arrows:
        return ()
    lines = [" " * 12 + "".join(lane.center(width) for lane in ladder.lanes)]
    places = {lane: 12 + width * at + width // 2 for at, lane in enumerate(ladder.lanes)}
    for one in ladder.arrows:
        left, right = sorted((places[one.origin], places[one.target]))
        words = one.label + (f" ×{1 + len(one.repeats_us)}" if one.repeats_us else "")
        shaft = f" {words[: right - left - 5]} ".center(right - left - 1, "─")
        shaft = shaft[:-1] + ">" if one.rightward else "<" + shaft[1:]
        row = list(f"{one.since_us / 1e6:>10.3f}s ".ljust(12 + width * len(ladder.lanes)))
        for place in places.values():
            row[place] = "│"
        row[left + 1 : right] = shaft
        lines.append("".join(row).rstrip() + (f"  {one.about}" if one.about else ""))
    return lines
