"""Between the frames of an engine and the words of the ports."""

from __future__ import annotations

from collections.abc import Mapping

from overt import protocol
from overt.domain.identity import AGENT, CALLER, Side
from overt.ports import (
    CallEvent,
    CaptureAccount,
    CapturedGap,
    CaptureFailed,
    CapturePaused,
    Digit,
    LegMedia,
    LegSilent,
    Played,
    StopKey,
)


def connect_frame(call: str, side: Side, media: LegMedia, rocs: Mapping[int, int]) -> protocol.Connect:
    """Where a leg's other end is, as a frame; with the rollover counters that are known of an encrypted one."""
    srtp = media.srtp
    keys = protocol.Keys(srtp.suite, srtp.receive, srtp.send, dict(rocs)) if srtp is not None else None
    return protocol.Connect(
        call=call, side=side, address=media.address, port=media.port, rtcp_port=media.rtcp_port, codec=media.codec,
        payload_type=media.payload_type, event_type=-1 if media.event_type is None else media.event_type,
        sends=media.sends, receives=media.receives, others=media.others, anywhere=media.anywhere,
        srtp=keys,
    )  # fmt: skip


def played(frame: protocol.Finished) -> Played:
    """How a prompt went, from its frame."""
    return Played(
        _side(frame.side), frame.prompt, frame.frames, frame.frames_sent, frame.heard_before, frame.heard_after,
        None if frame.loss_percent < 0 else frame.loss_percent, frame.started_ns, frame.ended_ns, frame.reason,
    )  # fmt: skip


def account_of(frame: protocol.Captured) -> CaptureAccount:
    """A recording's account, from its frame."""
    gaps = tuple(CapturedGap(gap.from_ms, gap.to_ms, gap.cause) for gap in frame.gaps)
    return CaptureAccount(
        frame.recording,
        frame.reason,
        frame.chunks,
        frame.head,
        frame.captured_ms,
        gaps,
        frame.started_us,
        frame.ended_us,
    )


def interrupted_account(frame: protocol.Interrupted) -> CaptureAccount:
    """The account of a recording whose engine died: what had reached the disk."""
    started_us = frame.ended_us - frame.captured_ms * 1000
    return CaptureAccount(
        frame.recording, "engine lost", frame.chunks, frame.head, frame.captured_ms, (), started_us, frame.ended_us
    )


def event_of(frame: protocol.AnyFrame, account: CaptureAccount | None) -> CallEvent | None:
    """The event that a frame announces, None when it announces none."""
    match frame:
        case protocol.Pressed():
            return Digit(_side(frame.side), frame.digit, frame.at_ns)
        case protocol.Stopped():
            return StopKey(_side(frame.side), frame.digit, frame.at_ns, frame.stopped_ns)
        case protocol.Paused():
            return CapturePaused(frame.reason)
        case protocol.CaptureBroke():
            return CaptureFailed(account, frame.why)
        case protocol.Silent():
            return LegSilent(_side(frame.side))
        case _:
            return None


def _side(side: str) -> Side:
    return CALLER if side == CALLER else AGENT
