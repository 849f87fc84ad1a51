"""Session timers (RFC 4028) as values: how long a call lives without a sign of life, and who gives it.

Intervals are whole seconds, moments nanoseconds of the caller's clock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from overt.wire.sip.errors import RemoteProtocolError
from overt.wire.sip.grammar import parse_parameters, whole_number
from overt.wire.sip.message import Headers, Request, Response

SECOND = 1_000_000_000
SHORTEST_S = 90  # §4: no interval may be shorter
LONGEST_S = 1 << 31
USUAL_S = 1_800
AGAIN_S = 10  # after a refresh that was refused


@dataclass(frozen=True, slots=True)
class Interval:
    """What a Session-Expires says (§4). `refresher`: `uac`, `uas`, or empty when it says none."""

    seconds: int
    refresher: str = ""


@dataclass(frozen=True, slots=True)
class Timer:
    """The timer of a leg. `ours`: we refresh. `least`: what the other side will not go below (Min-SE).

    `refresh_at` is when we refresh (0 when it is theirs to do), `ends_at` when the call is over. Both 0: begin when time
    is next told, as after a restart.
    """

    seconds: int
    ours: bool
    least: int = SHORTEST_S
    refresh_at: int = 0
    ends_at: int = 0

    def as_json(self) -> dict[str, int | bool]:
        """What a successor needs of it, as plain values."""
        return {"seconds": self.seconds, "ours": self.ours, "least": self.least, "refresh_at": 0, "ends_at": 0}

    def begun(self, now: int) -> Timer:
        """The same from now on. Who does not refresh gives up a little early, so that its BYE still arrives (§10)."""
        whole = self.seconds * SECOND
        if self.ours:
            return replace(self, refresh_at=now + whole // 2, ends_at=now + whole)
        return replace(self, refresh_at=0, ends_at=now + whole - min(32 * SECOND, whole // 3))

    def later(self, now: int, seconds: int = AGAIN_S) -> Timer:
        """The same with our refresh put off."""
        return replace(self, refresh_at=now + seconds * SECOND)

    @property
    def next_at(self) -> int:
        """When there is something to do."""
        return min(self.refresh_at, self.ends_at) if self.refresh_at else self.ends_at

    @property
    def headers(self) -> Headers:
        """What a request of ours within the call says of it (§7.4)."""
        stated = ("Session-Expires", f"{self.seconds};refresher={'uac' if self.ours else 'uas'}")
        return (stated, *((("Min-SE", str(self.least)),) if self.least > SHORTEST_S else ()))


def interval_of(message: Request | Response) -> Interval | None:
    """The Session-Expires of a message, None where there is none. Raises RemoteProtocolError when malformed."""
    stated = message.get("Session-Expires")
    if not stated:
        return None
    number, _, tail = stated.partition(";")
    seconds = whole_number(number.strip(), LONGEST_S)
    if not seconds:
        raise RemoteProtocolError("malformed Session-Expires")
    refresher = parse_parameters(tail).get("refresher", "").lower()
    return Interval(seconds, refresher if refresher in ("uac", "uas") else "")


def least_of(message: Request | Response) -> int:
    """The Min-SE of a message, the shortest interval where there is none or nobody can read it."""
    number = whole_number(message.get("Min-SE").partition(";")[0].strip(), LONGEST_S)
    return max(number or 0, SHORTEST_S)


def supports(message: Request | Response, extension: str) -> bool:
    """Whether a message supports or requires an extension."""
    named = [*message.all("Supported"), *message.all("Require")]
    return extension in (one.strip().lower() for one in named)


def too_small(request: Request) -> bool:
    """Whether an interval is to be refused with 422: too small, from somebody who understands the refusal (§9)."""
    asked = interval_of(request)
    return asked is not None and asked.seconds < SHORTEST_S and supports(request, "timer")


def agreed(request: Request, ours_s: int, before: Timer | None) -> Timer | None:
    """The timer that our 2xx to a request agrees (§9, table 2), not begun; None when the other side wants none.

    Who refreshes: whom the request names; us when the other side does not know timers; who did before; else the other side,
    since it knows best when it is still there.
    """
    asked, known = interval_of(request), supports(request, "timer")
    if asked is None and not known:
        return None
    least = least_of(request)
    seconds = max(ours_s, least)
    if asked is not None:
        seconds = min(asked.seconds, seconds)  # never longer than asked for
    named = asked.refresher if asked else ""
    ours = not known or named == "uas" or (not named and before is not None and before.ours)
    return Timer(seconds, ours, least)


def answer_headers(timer: Timer | None) -> Headers:
    """What our 2xx says of it: seen from there we are the `uas`."""
    if timer is None:
        return ()
    stated = ("Session-Expires", f"{timer.seconds};refresher={'uas' if timer.ours else 'uac'}")
    return (stated,) if timer.ours else (stated, ("Require", "timer"))


def confirmed(response: Response, before: Timer | None) -> Timer | None:
    """The timer that their 2xx agrees (§7.2), not begun; None when it says nothing of one, or nothing that can be read."""
    try:
        said = interval_of(response)
    except RemoteProtocolError:
        return None
    if said is None:
        return None
    return Timer(max(said.seconds, SHORTEST_S), said.refresher != "uas", before.least if before else SHORTEST_S)
