"""What a recording looks like without its sound: its length, its loudness, and the stretches with something to say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from overt.services.heard import SAMPLES_A_MS

# prompt → what was played, in plain words; the side comes after it.
PROMPT_WORDS: Mapping[str, str] = {
    "announce": "The announcement",
    "announce-ask": "The announcement, before the question",
    "question": "The question for consent",
    "yes-thanks": "Thanks for the yes",
    "no-thanks": "Thanks for the no",
    "stopped": "That recording has stopped",
    "unavailable": "That nobody can be reached",
    "cue-recorded": "The cue that the call is recorded",
    "cue-not-recorded": "The cue that the call is not recorded",
    "recording-failed": "That recording has failed",
    "tone:ringback": "The ringing tone",
}
# cause → what happened, for the causes that are somebody's doing and no loss.
PAUSE_WORDS: Mapping[str, str] = {
    "hold": "Paused: somebody was on hold",
    "withdrawn": "Stopped: somebody said no",
    "stopped": "Stopped by the agent",
}
GAP_WORDS: Mapping[str, str] = {
    "lease ran out": "Missing: the permit was not renewed in time",
    "spool full": "Missing: the disk was full",
}


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch with something to say: a prompt that a side heard, a gap or a pause and its cause, in plain words."""

    kind: Literal["prompt", "gap", "pause"]
    side: Literal["caller", "agent", ""]
    from_ms: int
    to_ms: int
    words: str


@dataclass(frozen=True, slots=True)
class Outline:
    """What a recording looks like. Samples of 8 kHz, counted from the recording's first.

    The grant allows `first` to before `end`. `peaks` maps a side to a byte a bucket, the loudest sample of it from
    0 to 255; a bucket lasts `bucket_us` and the first begins at `first`. `chunks` counts the sealed records.
    """

    samples: int
    first: int
    end: int
    chunks: int
    bucket_us: int = 0
    peaks: Mapping[str, bytes] = field(default_factory=dict)
    spans: tuple[Span, ...] = ()


def span_of(kind: str, side: int, begin: int, end: int, words: str) -> Span:
    """A span in plain words: `kind` prompt or gap, `side` 1 caller, 2 agent; samples; a prompt's name or a cause."""
    from_ms, to_ms = begin // SAMPLES_A_MS, -(-end // SAMPLES_A_MS)
    if kind == "prompt":
        heard: Literal["caller", "agent"] = "agent" if side == 2 else "caller"
        name = words if words.startswith("tone:") else words.rpartition("/")[2]
        return Span("prompt", heard, from_ms, to_ms, f"{PROMPT_WORDS.get(name, words)}, to the {heard}")
    if words in PAUSE_WORDS:
        return Span("pause", "", from_ms, to_ms, PAUSE_WORDS[words])
    return Span("gap", "", from_ms, to_ms, GAP_WORDS.get(words, f"Missing: {words}"))
