"""The frames that go to and from notary, opener and signalling's side door, and what all frames have in common; see `overt.protocol`."""

from __future__ import annotations

import msgspec


class Frame(msgspec.Struct, tag_field="t", kw_only=True, frozen=True, omit_defaults=True):
    """Base of all frames; `n` joins a reply to its request."""

    n: int = 0


# ------------------------------------------------------------------------------------------ replies


class Done(Frame, tag="done", kw_only=True, frozen=True):
    """The request was carried out."""


class Failed(Frame, tag="failed", kw_only=True, frozen=True):
    """The request was not carried out; `why` is for people, `retry` says whether asking again may help."""

    why: str
    retry: bool = False


# ------------------------------------------------------------------------------------------- notary


class Append(Frame, tag="append", kw_only=True, frozen=True):
    """A fact to enter (domain.facts.Fact); `body` and `personal` are JSON values."""

    id: str
    tenant: str
    kind: str
    at_us: int
    call: str
    body: dict[str, object]
    personal: dict[str, str]


class Entered(Frame, tag="entered", kw_only=True, frozen=True):
    """The durable entry; see ports.Receipt."""

    index: int
    entry: bytes
    size: int
    proof: tuple[bytes, ...]
    checkpoint: str


class Prove(Frame, tag="prove", kw_only=True, frozen=True):
    """Ask for the receipt of an entry that stands already."""

    index: int


# ------------------------------------------------------------------------------------------- opener


class BeginOpening(Frame, tag="begin-opening", kw_only=True, frozen=True):
    """Ask the opener to check a recording from end to end, with the receipt of a `listening.granted` entry.

    `backing` are receipts of the recording's own entries, `recording.permitted` (what the caller was told) and
    `recording.closed` or `recording.interrupted` (its authenticated end); and for an account of the console that of
    its newest entry. A grant is used once. Answered by `Surveyed`; until `last`, ask on with `GoOnSurveying`.
    """

    tenant: str
    recording: str
    grant: Entered
    backing: tuple[Entered, ...] = ()
    peaks: bool = True


class GoOnSurveying(Frame, tag="go-on-surveying", kw_only=True, frozen=True):
    """Ask for the next step of what `BeginOpening` began; `grant` is the entry's index."""

    grant: int


class Surveyed(Frame, tag="surveyed", kw_only=True, frozen=True):
    """How far the check is (`permille`); with `last`, what the recording looks like. Samples are of 8 kHz.

    `first` to before `end` is what the grant allows, of `samples` in all. `peaks` holds a byte a bucket of `bucket`
    samples, caller and agent. `spans` come in frames of their own before it: kind (prompt or gap), side (0 none, 1
    caller, 2 agent), first and last sample, name or cause.
    """

    permille: int
    spans: tuple[tuple[str, int, int, int, str], ...] = ()
    samples: int = 0
    first: int = 0
    end: int = 0
    chunks: int = 0
    bucket: int = 0
    peaks: tuple[bytes, ...] = ()
    last: bool = False


class OpenWindow(Frame, tag="open-window", kw_only=True, frozen=True):
    """Ask for the sound from sample `first` on, of a recording that was surveyed; answered by `Window`."""

    grant: int
    first: int
    samples: int


class Window(Frame, tag="window", kw_only=True, frozen=True):
    """Sound: 16 bits little-endian, the caller left, the agent right. `opened` counts the chunks it took."""

    sound: bytes
    opened: int


class EndOpening(Frame, tag="end-opening", kw_only=True, frozen=True):
    """Have the opener forget a recording; answered by `Done`."""

    grant: int


# -------------------------------------------------------------------------------------- signalling


class SayConsent(Frame, tag="say-consent", kw_only=True, frozen=True):
    """Tell signalling what a party of a call answered elsewhere (inbox.ConsentSaid). Answered by `ConsentTaken`, or
    `NotUnderWay` when no such call is under way."""

    call: str
    side: str
    granted: bool
    purposes: tuple[str, ...]
    how: str
    by: str
    told: bool = False


class ConsentTaken(Frame, tag="consent-taken", kw_only=True, frozen=True):
    """The call took it; where the party stands since (domain.consent.STANDINGS)."""

    standing: str


class NotUnderWay(Frame, tag="not-under-way", kw_only=True, frozen=True):
    """Signalling has no such call under way."""
