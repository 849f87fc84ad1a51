"""What a call should have left behind, and what it did (P11): each past call falls into one class, with its reason in words.

`classify` reads the facts of one call, as the ledger has them, and nothing else. `KINDS` is the whole vocabulary of reasons;
what an imported CDR adds to it is found in `cdr_matching`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from overt.domain.consent import GRANTING
from overt.domain.identity import SIDES, Side

Class = Literal["alarm", "missing", "never-came", "extra", "loss", "under-way", "recorded", "not-recorded"]
StepKind = Literal["permitted", "resumed", "paused", "stopped", "ended"]

# class → what it means, the gravest first.
CLASSES: Mapping[Class, str] = {
    "alarm": "what must be impossible: sound was kept without a permit, or the facts of a call are broken",
    "missing": "should have been recorded, and was not",
    "never-came": "in the CDR, but it never came to us",
    "extra": "it came to us, but is not in the CDR",
    "loss": "recorded, with gaps or loss",
    "under-way": "not over yet",
    "recorded": "recorded as it should be",
    "not-recorded": "not recorded, as it should be",
}
AS_THEY_SHOULD: frozenset[Class] = frozenset({"recorded", "not-recorded"})
GRAVE: frozenset[Class] = frozenset({"alarm", "missing", "never-came", "extra"})
# reason → its class.
KINDS: Mapping[str, Class] = {
    "unreadable": "alarm", "unpermitted": "alarm", "resumed after a no": "alarm",
    "crash": "missing", "no end": "missing", "failed": "missing", "unusable": "missing", "no permit": "missing",
    "no packet": "missing", "nothing kept": "missing",
    "not at us": "never-came", "not in the CDR": "extra",
    "gaps": "loss", "cut short": "loss", "lost packets": "loss", "less than permitted": "loss",
    "under way": "under-way",
    "whole": "recorded", "until a no": "recorded", "until hold": "recorded",
    "barred": "not-recorded", "no consent": "not-recorded", "no answer": "not-recorded", "too short": "not-recorded",
}  # fmt: skip

SHORT_US = 2_000_000  # a permit that was open for less may have met no packet
LONGEST_CALL_US = 86_400 * 1_000_000
PAUSES: frozenset[str] = frozenset({"hold", "withdrawn", "stopped"})  # causes of gaps that are somebody's doing
NOES: frozenset[str] = frozenset({"refused", "withdrawn", "timeout", "unclear", "hang-up"})
# Words of an outcome which say that something of ours, or of a client's, kept a call from being recorded.
UNUSABLE: tuple[str, ...] = (
    "metadata",
    "no packet",
    "codec",
    "spool",
    "disk",
    "engine",
    "fault",
    "not durable",
    "ledger",
)
NOT_RECORDED, LOST_CALL, UNTIL_NO, UNTIL_HOLD = (
    "not recorded: ",
    "lost: ",
    "recorded until withdrawn",
    "recorded until hold",
)


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a recording's permit: UTC microseconds; `closed` is the end of a recording, with what it holds."""

    at_us: int
    kind: StepKind
    recording: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time in which a permit was open, or paused. UTC microseconds."""

    from_us: int
    to_us: int
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """A recording's end, and what it holds; `cut` says what broke it off, empty when it was closed."""

    recording: str
    captured_ms: int
    cut: str = ""


@dataclass(frozen=True, slots=True)
class Gap:
    """Sound that a recording lacks, and why; milliseconds of the recording."""

    from_ms: int
    to_ms: int
    cause: str


@dataclass(frozen=True, slots=True)
class Counters:
    """Packets of a leg, as its account at the call's end has them."""

    received: int = 0
    captured: int = 0
    lost: int = 0
    late: int = 0
    dropped_without_permit: int = 0
    kernel_dropped: int = 0

    @property
    def offered(self) -> int:
        """What the other side sent, by its own sequence numbers, or by the kernel's count."""
        return self.received + self.lost + self.kernel_dropped

    @property
    def loss_percent(self) -> float:
        """How much of that did not reach us."""
        return 100 * (self.lost + self.kernel_dropped) / self.offered if self.offered else 0.0


@dataclass(frozen=True, slots=True)
class End:
    """A call's own account (`call.ended`)."""

    at_us: int
    outcome: str
    reason: str
    consent: str
    call_ms: int
    captured_ms: int
    legs: Mapping[str, Counters] = field(default_factory=dict)
    gaps: tuple[Gap, ...] = ()
    recordings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What the ledger says of a call. `called` and `agent` are both whom it was for; `ids` are those by which a switch may know it.

    `effect` and `why` are the decision's; `standings` the parties' last; `failures` (what, consequence). Of a recording session:
    `heard`, the sides that have a line in it, and `undescribed`, when its client sent no metadata. `unreadable`: an entry of the
    call cannot be read.
    """

    id: str
    offered_us: int
    trunk: str = ""
    line: str = ""
    caller: str = field(default="", repr=False)
    called: str = field(default="", repr=False)
    agent: str = field(default="", repr=False)
    ids: tuple[str, ...] = field(default=(), repr=False)
    effect: str = ""
    why: str = ""
    standings: Mapping[str, str] = field(default_factory=dict)
    joined_us: int = 0
    failures: tuple[tuple[str, str], ...] = ()
    steps: tuple[Step, ...] = ()
    kept: tuple[Kept, ...] = ()
    end: End | None = None
    heard: tuple[Side, ...] = SIDES
    undescribed: bool = False
    unreadable: bool = False

    @property
    def permitted(self) -> frozenset[str]:
        """The recordings that a permit speaks of."""
        return frozenset(one.recording for one in self.steps if one.kind == "permitted")

    @property
    def captured_ms(self) -> int:
        """What all its recordings hold, by whichever fact says more."""
        return max(self.end.captured_ms if self.end else 0, sum(one.captured_ms for one in self.kept))


@dataclass(frozen=True, slots=True)
class Finding:
    """The class of a call, by one of `KINDS`, and the reason in a sentence without numbers of people."""

    kind: str
    why: str

    @property
    def of(self) -> Class:
        """The class."""
        return KINDS[self.kind]


@dataclass(frozen=True, slots=True)
class LegAccount:
    """What is known of a leg: packets offered to us, received, kept, lost, late, dropped without a permit; times in ms."""

    side: Side
    offered: int
    permitted_ms: int
    received: int
    captured: int
    lost: int
    late: int
    dropped: int
    paused_ms: int


def stretches(call: CallFacts, until_us: int) -> tuple[Stretch, ...]:
    """Return when a permit of the call was open or paused, in order; what has no end yet ends at `until_us`."""
    found: list[Stretch] = []
    open_since, paused_since = 0, 0
    for step in (*call.steps, Step(max(until_us, call.steps[-1].at_us if call.steps else 0), "ended", "")):
        if open_since:
            found.append(Stretch(open_since, step.at_us))
        elif paused_since:
            found.append(Stretch(paused_since, step.at_us, paused=True))
        open_since = step.at_us if step.kind in ("permitted", "resumed") else 0
        paused_since = step.at_us if step.kind == "paused" else 0
    return tuple(found)


def times_of(call: CallFacts, until_us: int) -> tuple[int, int]:
    """Return how long capture was permitted, and how long it was paused, in ms."""
    if not call.steps:
        return 0, 0
    spans = stretches(call, call.end.at_us if call.end else until_us)
    lasted = [sum(one.to_us - one.from_us for one in spans if one.paused == paused) // 1000 for paused in (False, True)]
    return lasted[0], lasted[1]


def legs_of(call: CallFacts, until_us: int) -> tuple[LegAccount, ...]:
    """Return the account of each leg that has counters."""
    permitted_ms, paused_ms = times_of(call, until_us)
    known = call.end.legs if call.end else {}
    return tuple(
        LegAccount(side, one.offered, permitted_ms, one.received, one.captured, one.lost, one.late,
                   one.dropped_without_permit, paused_ms)
        for side in SIDES if (one := known.get(side)) is not None
    )  # fmt: skip


# ------------------------------------------------------------------------------------------ classes


def classify(call: CallFacts, now_us: int, loss_percent: int) -> Finding:
    """Return the class of a call, with its reason. A leg may lose `loss_percent` of its packets before it counts."""
    wrong = _alarm(call)
    if wrong:
        return wrong
    if call.end is None:
        return _unended(call, now_us)
    if call.end.outcome.startswith(LOST_CALL):
        return Finding("crash", f"the call was lost: {call.end.outcome.removeprefix(LOST_CALL)}{_saved(call)}")
    if not call.permitted:
        return _never_permitted(call, call.end)
    permitted_ms, _ = times_of(call, now_us)
    if not call.captured_ms:
        return _nothing_kept(call, call.end, permitted_ms)
    return (
        _silent_leg(call, call.end, permitted_ms)
        or _lossy(call, call.end, permitted_ms, loss_percent)
        or _whole(call.end)
    )


def _alarm(call: CallFacts) -> Finding | None:
    if call.unreadable:
        return Finding("unreadable", "an entry of this call cannot be read; `overt ledger verify` says more")
    permitted, ended = call.permitted, call.end.recordings if call.end else ()
    strange = [one.recording for one in call.kept if one.captured_ms and one.recording not in permitted]
    strange += [one for one in ended if one not in permitted]
    if strange:
        return Finding("unpermitted", f"recording {strange[0]} was kept, and no permit speaks of it")
    kept = max((one.captured for one in call.end.legs.values()), default=0) if call.end else 0
    if not permitted and (call.captured_ms or kept):
        return Finding("unpermitted", "sound was kept, and there never was a permit")
    stopped: set[str] = set()
    for step in call.steps:
        if step.kind == "stopped":
            stopped.add(step.recording)
        elif step.kind == "resumed" and step.recording in stopped:
            return Finding("resumed after a no", f"recording {step.recording} was stopped for good, and went on")
    return None


def _saved(call: CallFacts) -> str:
    return f"; {_time(call.captured_ms)} were saved" if call.captured_ms else ""


def _unended(call: CallFacts, now_us: int) -> Finding:
    if now_us - call.offered_us < LONGEST_CALL_US:
        return Finding("under way", "it has not ended yet")
    return Finding("no end", f"it has no account, a day after it came{_saved(call)}")


def _never_permitted(call: CallFacts, end: End) -> Finding:
    said = end.outcome.removeprefix(NOT_RECORDED)
    if end.consent in NOES:
        return Finding("no consent", f"the caller did not consent: {said}")
    if call.failures:
        what, consequence = call.failures[-1]
        return Finding("failed", f"{what} ({consequence})")
    if call.effect and not call.effect.startswith("permit"):
        return Finding("barred", f"it must not be recorded: {call.why or said}")
    if call.undescribed:
        return Finding("unusable", f"the recording client sent no metadata: {said}")
    if any(word in said for word in UNUSABLE):
        return Finding("unusable", said)
    if _ready(call, end):
        return Finding("no permit", "parties had consented and were joined, and no permit was made")
    return Finding("no answer" if end.outcome.startswith("not answered") else "barred", said)


def _ready(call: CallFacts, end: End) -> bool:
    """Whether everything was there for a permit, for longer than it takes to make one."""
    stood = call.standings.values()
    joined = call.joined_us and end.at_us - call.joined_us > SHORT_US
    return bool(stood) and bool(joined) and all(one in GRANTING or one == "told" for one in stood)


def _nothing_kept(call: CallFacts, end: End, permitted_ms: int) -> Finding:
    if call.failures:
        what, consequence = call.failures[-1]
        return Finding("failed", f"{what} ({consequence}); nothing was kept")
    if permitted_ms * 1000 < SHORT_US:
        return Finding("too short", f"the permit was open for {_time(permitted_ms)}, and no sound came in that time")
    silent = _silent_leg(call, end, permitted_ms)
    came = any(one.received for one in end.legs.values())
    return silent or Finding(
        "nothing kept" if came else "no packet",
        f"the permit was open {_time(permitted_ms)} and {'nothing of what came was kept' if came else 'no packet came'}",
    )


def _silent_leg(call: CallFacts, end: End, permitted_ms: int) -> Finding | None:
    """A leg of which nothing was kept while the permit was open."""
    if permitted_ms * 1000 < SHORT_US:
        return None
    silent = [side for side in call.heard if side in end.legs and not end.legs[side].captured]
    if not silent:
        return None
    whose = f"the {silent[0]}'s leg" if len(silent) == 1 else "either leg"
    opened = f"the permit was open {_time(permitted_ms)} and"
    if not any(end.legs[side].received for side in silent):
        return Finding("no packet", f"{opened} no packet came on {whose}")
    return Finding("nothing kept", f"{opened} nothing of what came on {whose} was kept")


def _lossy(call: CallFacts, end: End, permitted_ms: int, loss_percent: int) -> Finding | None:
    cut = [one.cut for one in call.kept if one.cut]
    if cut:
        return Finding("cut short", f"the recording was cut short: {cut[0]}")
    if call.failures:
        what, consequence = call.failures[-1]
        return Finding("cut short", f"{what} ({consequence})")
    gaps = [one for one in end.gaps if one.cause not in PAUSES]
    if gaps:
        return Finding("gaps", _gaps(gaps))
    worst = max(end.legs, key=lambda side: end.legs[side].loss_percent, default="")
    if worst and end.legs[worst].loss_percent > loss_percent:
        one = end.legs[worst]
        late = f", {one.late} came late" if one.late else ""
        lost = one.lost + one.kernel_dropped
        return Finding(
            "lost packets", f"{lost} of {one.offered} packets of the {worst} were lost ({one.loss_percent:.1f} %{late})"
        )
    paused = sum(one.to_ms - one.from_ms for one in end.gaps)
    if 10 * (call.captured_ms + paused) < 9 * permitted_ms - SHORT_US // 100:
        return Finding(
            "less than permitted",
            f"{_time(call.captured_ms)} were kept of {_time(permitted_ms)} permitted; the rest was not sent to us",
        )
    return None


def _gaps(gaps: Sequence[Gap]) -> str:
    shown = [f"{_clock(one.from_ms)}–{_clock(one.to_ms)} {one.cause}" for one in gaps[:3]]
    more = f" and {len(gaps) - 3} more" if len(gaps) > 3 else ""
    return f"{'a gap' if len(gaps) == 1 else 'gaps'}: {', '.join(shown)}{more}"


def _whole(end: End) -> Finding:
    kind = {UNTIL_NO: "until a no", UNTIL_HOLD: "until hold"}.get(end.outcome, "whole")
    return Finding(kind, f"{end.outcome}: {_time(end.captured_ms)}")


def _time(ms: int) -> str:
    """A length in words: `2.4 s`, `3 min 20 s`."""
    if ms < 60_000:
        return f"{ms / 1000:.1f} s"
    minutes, rest = divmod(ms // 1000, 60)
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def _clock(ms: int) -> str:
    """A place in a recording: `3:20`, `3:20.250` where it is no whole second."""
    minutes, rest = divmod(ms, 60_000)
    return f"{minutes}:{rest // 1000:02d}" + (f".{rest % 1000:03d}" if rest % 1000 else "")
