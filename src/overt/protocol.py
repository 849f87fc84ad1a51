"""The frames that Overt's own processes exchange: msgspec structs, versioned, over local sockets.

A frame on the wire is one version byte followed by MessagePack. A request carries `n`; its reply carries the same
`n`; frames that announce something carry `n = 0`. Audio never crosses in the clear except from the opener, in
windows to whoever holds a durable receipt and a grant (P7, P8).
"""

from __future__ import annotations

import hashlib
import hmac

import msgspec

from overt.frames import Append as Append
from overt.frames import BeginOpening as BeginOpening
from overt.frames import ConsentTaken as ConsentTaken
from overt.frames import Done as Done
from overt.frames import EndOpening as EndOpening
from overt.frames import Entered as Entered
from overt.frames import Failed as Failed
from overt.frames import Frame as Frame
from overt.frames import GoOnSurveying as GoOnSurveying
from overt.frames import NotUnderWay as NotUnderWay
from overt.frames import OpenWindow as OpenWindow
from overt.frames import Prove as Prove
from overt.frames import SayConsent as SayConsent
from overt.frames import Surveyed as Surveyed
from overt.frames import Window as Window

VERSION = 1
LARGEST_FRAME = 192 * 1024  # below the default send buffer of a Unix socket
LARGEST_CONTEXT = 160 * 1024  # a successor gets it in a frame with what else is known of the call


class ProtocolMismatch(Exception):
    """A frame of another version, or one that cannot be read."""


# ------------------------------------------------------------------------------- signalling → engine


class Hello(Frame, tag="hello", kw_only=True, frozen=True):
    """First frame of a connection to an engine: the per-start key proves that both are of one start."""

    proof: bytes


class Allocate(Frame, tag="allocate", kw_only=True, frozen=True):
    """A call with its four sockets passed along: caller RTP, caller RTCP, agent RTP, agent RTCP.

    `beside`: its sound only comes in (SIPREC); nothing is played or relayed. `from_s`: how old the call is, in seconds,
    where another engine had it before.
    """

    tenant: str
    call: str
    rtp_timeout_ms: int = 30_000
    beside: bool = False
    from_s: int = 0


class Keys(msgspec.Struct, frozen=True):
    """The SRTP keys of a leg (RFC 4568), and the rollover counters of sources that were heard before. Its repr hides them."""

    suite: str
    receive: bytes
    send: bytes
    rocs: dict[int, int] = msgspec.field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Keys(suite={self.suite!r})"


class Connect(Frame, tag="connect", kw_only=True, frozen=True):
    """Where a leg's other end is, and how it speaks. `event_type` -1: no telephone-event.

    `others`, beside a call only: further payload types that may come, with their codecs (names of wire.rtp.codecs).
    `anywhere`, beside a call only: sound may come from another address than was agreed.
    """

    call: str
    side: str
    address: str
    port: int
    rtcp_port: int
    codec: str
    payload_type: int
    event_type: int = -1
    sends: bool = True
    receives: bool = True
    srtp: Keys | None = None
    others: tuple[tuple[int, str], ...] = ()
    anywhere: bool = False


class Play(Frame, tag="play", kw_only=True, frozen=True):
    """Play a prompt (`lang/id` or `tone:…`) to a leg. `Finished` with the same `play` tells how it went."""

    call: str
    side: str
    play: int
    prompt: str
    loop: bool = False


class StopPlaying(Frame, tag="stop-playing", kw_only=True, frozen=True):
    """Stop what is being played to a leg."""

    call: str
    side: str


class Relay(Frame, tag="relay", kw_only=True, frozen=True):
    """Join both legs of a call."""

    call: str
    stop_keys: str


class Head(msgspec.Struct, frozen=True):
    """One prompt sent before capture opened; it stands at the head of the sent track."""

    side: str
    prompt: str
    audio_sha256: str
    started_ns: int
    frames: int


class OpenCapture(Frame, tag="open", kw_only=True, frozen=True):
    """A permit as it crosses to the engine, with the sealing order. `mac` is over everything else but `n`."""

    tenant: str
    call: str
    episode: str
    recording: str
    roster: tuple[str, ...]
    purposes: tuple[str, ...]
    tracks: tuple[str, ...]
    stop_keys: str
    lease_ms: int
    ledger_index: int
    erasure_secret: bytes
    prologue: tuple[Head, ...] = ()
    mac: bytes = b""


class Renew(Frame, tag="renew", kw_only=True, frozen=True):
    """Renew the leases of these episodes' permits. `mac` is over `at_ns` and the episodes."""

    episodes: tuple[str, ...]
    at_ns: int
    mac: bytes = b""


class PauseCapture(Frame, tag="pause", kw_only=True, frozen=True):
    """Stop capturing on every leg; the recording stays open with a gap."""

    call: str
    reason: str


class ResumeCapture(Frame, tag="resume", kw_only=True, frozen=True):
    """Capture again under the same permit; a resuming entry of the ledger stands at `ledger_index`."""

    call: str
    episode: str
    ledger_index: int
    mac: bytes = b""


class CloseCapture(Frame, tag="close", kw_only=True, frozen=True):
    """End the recording; answered by `Captured`, or `Done` when none was open."""

    call: str
    reason: str


class KeepContext(Frame, tag="context", kw_only=True, frozen=True):
    """The opaque context of a call, for a successor of the signalling process."""

    call: str
    context: bytes


class Release(Frame, tag="release", kw_only=True, frozen=True):
    """End a call in the engine; answered by `Released`."""

    call: str


class ReadContexts(Frame, tag="read-contexts", kw_only=True, frozen=True):
    """Ask for every call that the engine holds: one `HeldCall` each with its four sockets, then `Done`."""


# ------------------------------------------------------------------------------- engine → signalling


class Finished(Frame, tag="finished", kw_only=True, frozen=True):
    """How playing a prompt went; see ports.Played. `loss_percent` -1: nothing reported."""

    call: str
    side: str
    play: int
    prompt: str
    frames: int
    frames_sent: int
    heard_before: bool
    heard_after: bool
    loss_percent: int
    started_ns: int
    ended_ns: int
    reason: str = ""


class Pressed(Frame, tag="pressed", kw_only=True, frozen=True):
    """A key of a leg (RFC 4733), reported once an event."""

    call: str
    side: str
    digit: str
    at_ns: int


class Stopped(Frame, tag="stopped", kw_only=True, frozen=True):
    """A stop key: capture was closed on every leg by `stopped_ns`, by the engine itself."""

    call: str
    side: str
    digit: str
    at_ns: int
    stopped_ns: int


class Gap(msgspec.Struct, frozen=True):
    """Milliseconds since the recording's start, and the cause."""

    from_ms: int
    to_ms: int
    cause: str


class Captured(Frame, tag="captured", kw_only=True, frozen=True):
    """The account of a recording at its end; see ports.CaptureAccount."""

    call: str
    episode: str
    recording: str
    reason: str
    chunks: int
    head: str
    captured_ms: int
    gaps: tuple[Gap, ...]
    started_us: int
    ended_us: int


class Paused(Frame, tag="paused", kw_only=True, frozen=True):
    """The engine paused capture by itself."""

    call: str
    episode: str
    reason: str


class CaptureBroke(Frame, tag="broke", kw_only=True, frozen=True):
    """The engine cannot capture any more; a `Captured` went before if anything had been captured."""

    call: str
    episode: str
    why: str


class Silent(Frame, tag="silent", kw_only=True, frozen=True):
    """Neither RTP nor RTCP from a leg for the time-out."""

    call: str
    side: str


class Elsewhere(Frame, tag="elsewhere", kw_only=True, frozen=True):
    """Sound for a leg comes from another address than was agreed, and is not taken (beside a call)."""

    call: str
    side: str


class Rolled(Frame, tag="rolled", kw_only=True, frozen=True):
    """The rollover counter of a source on an encrypted leg (RFC 3711 §3.3.1), for whoever goes on with the leg."""

    call: str
    side: str
    ssrc: int
    roc: int


class Released(Frame, tag="released", kw_only=True, frozen=True):
    """A call has left the engine; counters a leg, and what came in which seconds (domain.seconds)."""

    call: str
    counters: dict[str, dict[str, int]]
    seconds: dict[str, list[list[int]]] = msgspec.field(default_factory=dict)


class HeldCall(Frame, tag="held-call", kw_only=True, frozen=True):
    """A call that the engine holds, its context, its age, whether a recording is open. Its four sockets come along."""

    tenant: str
    call: str
    context: bytes
    episode: str = ""
    recording: str = ""
    paused: str = ""
    rocs: dict[str, dict[int, int]] = msgspec.field(default_factory=dict)
    beside: bool = False
    age_s: int = 0


class Interrupted(Frame, tag="interrupted", kw_only=True, frozen=True):
    """A recording that a dead engine left without an end, read back from the spool; answered by `Done` when entered."""

    tenant: str
    call: str
    recording: str
    chunks: int
    head: str
    captured_ms: int
    ended_us: int


AnyFrame = (
    Done | Failed | Hello | Allocate | Connect | Play | StopPlaying | Relay | OpenCapture | Renew | PauseCapture
    | ResumeCapture | CloseCapture | KeepContext | Release | ReadContexts | Finished | Pressed | Stopped | Captured
    | Paused | CaptureBroke | Silent | Rolled | Elsewhere | Released | HeldCall | Interrupted | Append | Entered | Prove | BeginOpening
    | GoOnSurveying | Surveyed | OpenWindow | Window | EndOpening
    | SayConsent | ConsentTaken | NotUnderWay
)  # fmt: skip

_ENCODER = msgspec.msgpack.Encoder()
_DECODER: msgspec.msgpack.Decoder[AnyFrame] = msgspec.msgpack.Decoder(AnyFrame)


def encode(frame: Frame) -> bytes:
    """Return a frame's bytes: the version byte, then MessagePack. Raises ProtocolMismatch when too large."""
    encoded = bytes((VERSION,)) + _ENCODER.encode(frame)
    if len(encoded) > LARGEST_FRAME:
        raise ProtocolMismatch(f"a frame of {len(encoded)} bytes is larger than {LARGEST_FRAME}")
    return encoded


def decode(received: bytes) -> AnyFrame:
    """Return the frame in `received`. Raises ProtocolMismatch for another version or a malformed frame."""
    if not received or received[0] != VERSION:
        raise ProtocolMismatch(f"frame version {received[0] if received else 'missing'}, ours is {VERSION}")
    try:
        return _DECODER.decode(received[1:])
    except msgspec.MsgspecError as error:
        raise ProtocolMismatch(str(error)) from error


def hello_proof(start_key: bytes) -> bytes:
    """The proof that opens a connection to an engine of the same start."""
    return hmac.digest(start_key, b"overt hello", "sha256")


def signed(frame: OpenCapture | Renew | ResumeCapture, start_key: bytes) -> OpenCapture | Renew | ResumeCapture:
    """Return the frame with its authentication code under the per-start key."""
    return msgspec.structs.replace(frame, mac=_mac(frame, start_key))


def authentic(frame: OpenCapture | Renew | ResumeCapture, start_key: bytes) -> bool:
    """True when the frame carries the code of a signaller of this start."""
    return hmac.compare_digest(frame.mac, _mac(frame, start_key))


def _mac(frame: OpenCapture | Renew | ResumeCapture, start_key: bytes) -> bytes:
    bare = msgspec.structs.replace(frame, mac=b"", n=0)
    return hmac.new(start_key, b"overt permit" + _ENCODER.encode(bare), hashlib.sha256).digest()
