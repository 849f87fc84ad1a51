"""Each past call in one class, with its reason; what must be impossible raises an alarm."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt.domain.reconciling import (
    AS_THEY_SHOULD,
    CLASSES,
    GRAVE,
    KINDS,
    LONGEST_CALL_US,
    CallFacts,
    Counters,
    End,
    Gap,
    Kept,
    Step,
    classify,
    legs_of,
    stretches,
    times_of,
)

SECOND = 1_000_000
AT = 1_760_000_000 * SECOND
BOTH = {"caller": Counters(9000, 8500), "agent": Counters(9000, 8500)}


def step(second: float, kind: Any, recording: str = "r1") -> Step:
    return Step(AT + round(second * SECOND), kind, recording)


def ended(**other: Any) -> End:
    given_ = {"outcome": "recorded", "reason": "caller hung up", "consent": "given", "call_ms": 180_000, "captured_ms": 168_000,
              "legs": BOTH, "recordings": ("r1",)}  # fmt: skip
    return End(AT + 180 * SECOND, **(given_ | other))


def call(**other: Any) -> CallFacts:
    """A call of three minutes that was recorded as it should, or whatever is otherwise about it."""
    given_: dict[str, Any] = {
        "trunk": "sbc", "effect": "permit, ask", "standings": {"caller": "given", "agent": "told"}, "joined_us": AT + 10 * SECOND,
        "steps": (step(10, "permitted"), step(179, "ended")), "kept": (Kept("r1", 168_000),), "end": ended(),
    }  # fmt: skip
    return CallFacts("c", AT, **(given_ | other))


def silent(outcome: str = "not recorded: call ended first", **other: Any) -> CallFacts:
    """A call of which nothing was ever permitted."""
    consent = other.pop("consent", "not asked")
    end = ended(outcome=outcome, consent=consent, captured_ms=0, recordings=(), legs={})
    return call(**({"steps": (), "kept": (), "end": end, "joined_us": 0, "standings": {}} | other))


def unkept(*steps: Step, **other: Any) -> CallFacts:
    """A call that was permitted, and nothing was kept."""
    legs = other.pop("legs", {})
    return call(**({"steps": steps, "kept": (), "end": ended(captured_ms=0, legs=legs)} | other))


LONG = (step(0, "permitted"), step(180, "ended"))
SHORT = (step(0, "permitted"), step(1.5, "ended"))
ONE_LEG = {"caller": Counters(9000, 8500), "agent": Counters()}
FAILED = (("no engine", "call goes on"),)
CASES: dict[str, tuple[CallFacts, str, str]] = {
    "whole": (call(), "whole", "recorded: 2 min 48 s"),
    "until a no": (call(end=ended(outcome="recorded until withdrawn")), "until a no", "until withdrawn"),
    "until hold": (call(end=ended(outcome="recorded until hold")), "until hold", "until hold"),
    "paused on hold": (call(end=ended(captured_ms=60_000, gaps=(Gap(60_000, 169_000, "hold"),)), kept=()), "whole", "1 min"),
    "no legs known": (call(end=ended(legs={})), "whole", ""),
    "unreadable": (call(unreadable=True), "unreadable", "ledger verify"),
    "kept by nobody's permit": (call(kept=(Kept("r9", 10),)), "unpermitted", "r9"),
    "an end nobody permitted": (call(end=ended(recordings=("r1", "r8"))), "unpermitted", "r8"),
    "kept without any": (silent(end=ended(captured_ms=5, recordings=())), "unpermitted", "never was a permit"),
    "packets without any": (silent(end=ended(captured_ms=0, recordings=())), "unpermitted", "never was"),
    "on after a no": (call(steps=(step(1, "permitted"), step(2, "stopped"), step(3, "resumed"))), "resumed after a no", "r1"),
    "another recording after a no": (call(steps=(step(10, "permitted"), step(20, "stopped"), step(21, "permitted", "r2"),
                                                step(22, "paused", "r2"), step(23, "resumed", "r2"), step(179, "ended", "r2"))), "whole", ""),
    "under way": (call(end=None), "under way", "not ended"),
    "crash": (call(end=ended(outcome="lost: signalling died")), "crash", "signalling died; 2 min 48 s were saved"),
    "crash, nothing saved": (silent("lost: signalling died"), "crash", "lost: signalling died"),
    "no": (silent("not recorded: refused", consent="refused"), "no consent", "refused"),
    "a no before a failure": (silent("not recorded: refused", consent="refused", failures=FAILED), "no consent", "refused"),
    "failed": (silent(failures=FAILED), "failed", "no engine (call goes on)"),
    "barred": (silent("not recorded: x", effect="deny", why="999 is an emergency number"), "barred", "999"),
    "barred, no why": (silent("not recorded: no policy", effect="deny"), "barred", "no policy"),
    "no line": (silent("not recorded: no such line", effect=""), "barred", "no such line"),
    "no metadata": (silent("not recorded: nobody is named", undescribed=True), "unusable", "sent no metadata"),
    "codec": (silent("not recorded: no codec of ours"), "unusable", "codec"),
    "nobody there": (silent("not answered: agent busy", effect=""), "no answer", "busy"),
    "nobody attests": (silent("not recorded: nobody attests it"), "barred", "nobody attests"),
    "no permit made": (silent(joined_us=AT, standings={"caller": "given", "agent": "told"}), "no permit", "no permit was made"),
    "joined too late": (silent(joined_us=AT + 179 * SECOND, standings={"caller": "given"}), "barred", "call ended first"),
    "agent not told": (silent(joined_us=AT, standings={"caller": "given", "agent": "untold"}), "barred", ""),
    "nobody stands": (silent(joined_us=AT), "barred", ""),
    "short": (unkept(*SHORT), "too short", "1.5 s"),
    "nothing came": (unkept(*LONG), "no packet", "open 3 min and no packet came"),
    "something came": (unkept(*LONG, legs={"caller": Counters(5)}), "nothing kept", "caller's leg was kept"),
    "neither leg": (unkept(*LONG, legs={"caller": Counters(), "agent": Counters()}), "no packet", "came on either leg"),
    "kept, and not": (unkept(*LONG, legs={"caller": Counters(9, 9)}), "nothing kept", "nothing of what came"),
    "failed under a permit": (unkept(*LONG, failures=FAILED), "failed", "nothing was kept"),
    "one leg silent": (call(end=ended(legs=ONE_LEG)), "no packet", "open 2 min 49 s and no packet came on the agent's leg"),
    "only one leg heard": (call(end=ended(legs=ONE_LEG), heard=("caller",)), "whole", ""),
    "silent for a moment": (call(steps=SHORT, end=ended(legs=ONE_LEG, captured_ms=1400), kept=()), "whole", ""),
    "cut": (call(kept=(Kept("r1", 168_000, "engine lost"),)), "cut short", "engine lost"),
    "failed later": (call(failures=FAILED), "cut short", "no engine"),
    "a gap": (call(end=ended(gaps=(Gap(200_000, 201_250, "lease ran out"),))), "gaps", "a gap: 3:20–3:21.250 lease ran out"),
    "gaps": (call(end=ended(gaps=(Gap(0, 1000, "x"),) * 5)), "gaps", "and 2 more"),
    "loss": (call(end=ended(legs={"caller": Counters(950, 900, 30, 4, 0, 20)})), "lost packets", "50 of 1000 packets of the caller were lost (5.0 %, 4 came late)"),
    "loss, none late": (call(end=ended(legs={"caller": Counters(950, 900, 50)})), "lost packets", "(5.0 %)"),
    "a little loss": (call(end=ended(legs={"caller": Counters(990, 900, 10)})), "whole", ""),
    "less": (call(end=ended(captured_ms=60_000), kept=()), "less than permitted", "1 min were kept of 2 min 49 s"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_a_call_is(name: str) -> None:
    facts, kind, words = CASES[name]
    found = classify(facts, AT + 200 * SECOND, 1)
    assert found.kind == kind and words in found.why
    assert found.of == KINDS[kind] and found.of in CLASSES
    if not kind.startswith(("unreadable", "crash")):
        assert classify(replace(facts, unreadable=True), AT, 1).of == "alarm"


def test_a_call_that_never_ended_is_missing_after_a_day() -> None:
    open_call = call(end=None)
    assert classify(open_call, AT + LONGEST_CALL_US - 1, 1).kind == "under way"
    found = classify(open_call, AT + LONGEST_CALL_US, 1)
    assert (found.kind, found.why) == ("no end", "it has no account, a day after it came; 2 min 48 s were saved")


def test_every_kind_but_those_of_the_cdr_has_a_case() -> None:
    assert {kind for _, kind, _ in CASES.values()} == KINDS.keys() - {"no end", "not at us", "not in the CDR"}
    assert set(KINDS.values()) == set(CLASSES) and AS_THEY_SHOULD.isdisjoint(GRAVE)


def test_when_a_permit_was_open_and_when_it_was_paused() -> None:
    steps = (step(10, "permitted"), step(20, "paused"), step(50, "resumed"), step(60, "stopped"), step(60, "ended"))
    facts = call(steps=steps)
    assert [(one.from_us - AT, one.to_us - AT, one.paused) for one in stretches(facts, AT)] == [
        (10 * SECOND, 20 * SECOND, False), (20 * SECOND, 50 * SECOND, True), (50 * SECOND, 60 * SECOND, False),
    ]  # fmt: skip
    assert times_of(facts, 0) == (20_000, 30_000)
    assert times_of(call(steps=steps[:1], end=None), AT + 15 * SECOND) == (5_000, 0)
    assert times_of(call(steps=steps[:2], end=None), AT + 25 * SECOND) == (10_000, 5_000)
    assert stretches(call(steps=()), AT) == () and times_of(call(steps=()), AT) == (0, 0)


def test_the_account_of_each_leg() -> None:
    (caller,) = legs_of(call(end=ended(legs={"caller": Counters(90, 80, 5, 2, 10, 3)})), 0)
    assert (caller.side, caller.offered, caller.permitted_ms, caller.received, caller.captured) == (
        "caller",
        98,
        169_000,
        90,
        80,
    )
    assert (caller.lost, caller.late, caller.dropped, caller.paused_ms) == (5, 2, 10, 0)
    assert [one.side for one in legs_of(call(), 0)] == ["caller", "agent"]
    assert legs_of(call(end=None), 0) == () and Counters().loss_percent == 0


counters = st.builds(Counters, *[st.integers(0, 300)] * 6)
kinds = st.sampled_from(["permitted", "resumed", "paused", "stopped", "ended"])
any_steps = st.lists(st.tuples(st.integers(0, 180), kinds, st.sampled_from(["r1", "r2"])), max_size=6).map(
    lambda found: tuple(step(second, kind, name) for second, kind, name in sorted(found))
)
any_end = st.none() | st.builds(
    ended, outcome=st.sampled_from(["recorded", "not recorded: refused", "lost: x", "not answered: busy"]),
    consent=st.sampled_from(["given", "refused", ""]), captured_ms=st.integers(0, 200_000),
    legs=st.dictionaries(st.sampled_from(["caller", "agent"]), counters), recordings=st.sampled_from([(), ("r1",), ("r2",)]),
    gaps=st.sampled_from([(), (Gap(1, 2, "hold"),), (Gap(1, 2, "late"),)]),
)  # fmt: skip
any_call = st.builds(
    call, steps=any_steps, end=any_end, effect=st.sampled_from(["permit, ask", "deny", ""]), failures=st.sampled_from([(), FAILED]),
    kept=st.lists(st.builds(Kept, st.sampled_from(["r1", "r2"]), st.integers(0, 9000), st.sampled_from(["", "engine lost"])),
                  max_size=2).map(tuple),
    standings=st.dictionaries(st.sampled_from(["caller", "agent"]), st.sampled_from(["given", "refused", "told"])),
)  # fmt: skip


@given(any_call, st.integers(0, 10**12))
def test_every_call_is_in_one_class_and_sound_without_a_permit_is_always_an_alarm(facts: CallFacts, later: int) -> None:
    found = classify(facts, AT + later, 1)
    assert found.of in CLASSES and found.why
    if not facts.permitted and facts.captured_ms:
        assert found.of == "alarm"
    if found.of == "recorded":
        assert facts.permitted and facts.captured_ms and facts.end is not None
    spans = stretches(facts, AT + 180 * SECOND)
    assert all(one.from_us <= one.to_us for one in spans)
    assert all(one.to_us <= other.from_us for one, other in pairwise(spans))
