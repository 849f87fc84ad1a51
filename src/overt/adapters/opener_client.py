"""The asking side of the opener: one grant, one connection, an outline, then windows of sound."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from overt.adapters.unix_frames import FrameClient
from overt.ports import Receipt, Unavailable
from overt.protocol import (
    AnyFrame,
    BeginOpening,
    EndOpening,
    Entered,
    Failed,
    Frame,
    GoOnSurveying,
    OpenWindow,
    Surveyed,
    Window,
)
from overt.services.heard import RATE
from overt.services.listening import NotOpened, Outline
from overt.services.outlines import span_of

SIDES = ("caller", "agent")
_US_A_SAMPLE = 1_000_000 // RATE
Spans = list[tuple[str, int, int, int, str]]


class OpenerClient:
    """Implements listening.Opener over the opener's socket."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def begin(
        self, tenant: str, recording: str, grant: Receipt, backing: Sequence[Receipt], *, peaks: bool
    ) -> ClientOpening:
        """Have a recording checked and held ready; see listening.Opener."""
        client = FrameClient()
        await client.connect(self._path)
        request = BeginOpening(
            tenant=tenant, recording=recording, grant=_as_frame(grant), backing=tuple(_as_frame(one) for one in backing),
            peaks=peaks,
        )  # fmt: skip
        begun = True
        try:
            outline = await _surveyed(client, request, grant.index)
            begun = False
        except NotOpened:
            begun = False  # the opener has forgotten it by itself, or never knew it under this request
            client.close()
            raise
        finally:
            if begun:  # broken off on the way
                await ClientOpening(client, grant.index, Outline(0, 0, 0, 0)).end()
        return ClientOpening(client, grant.index, outline)


async def _surveyed(client: FrameClient, request: Frame, grant: int) -> Outline:
    """Ask until the recording is surveyed."""
    spans: Spans = []
    while True:
        reply = await _asked(client, request)
        if not isinstance(reply, Surveyed):
            raise Unavailable("opener", "it answered something else")
        spans += reply.spans
        if reply.last:
            return _outline(reply, spans)
        request = GoOnSurveying(grant=grant)


async def _asked(client: FrameClient, request: Frame) -> AnyFrame:
    reply = await client.ask(request)
    if isinstance(reply, Failed):
        raise NotOpened(reply.why)
    return reply


def _outline(seen: Surveyed, spans: Spans) -> Outline:
    return Outline(
        seen.samples, seen.first, seen.end, seen.chunks, seen.bucket * _US_A_SAMPLE,
        dict(zip(SIDES, seen.peaks, strict=bool(seen.peaks))),
        tuple(span_of(kind, side, begin, end, words) for kind, side, begin, end, words in spans),
    )  # fmt: skip


class ClientOpening:
    """Implements listening.Opening. `opened` counts the chunks that its windows took."""

    def __init__(self, client: FrameClient, grant: int, outline: Outline) -> None:
        self._client, self._grant, self.outline = client, grant, outline
        self.opened = 0

    async def window(self, first: int, samples: int) -> bytes:
        """Return sound; see listening.Opening."""
        reply = await _asked(self._client, OpenWindow(grant=self._grant, first=first, samples=samples))
        if not isinstance(reply, Window):
            raise Unavailable("opener", "it answered something else")
        self.opened += reply.opened
        return reply.sound

    async def end(self) -> None:
        """Have the opener forget it; see listening.Opening."""
        with suppress(Unavailable):
            self._client.tell(EndOpening(grant=self._grant))
        self._client.close()


def _as_frame(receipt: Receipt) -> Entered:
    return Entered(
        index=receipt.index,
        entry=receipt.entry,
        size=receipt.size,
        proof=receipt.proof,
        checkpoint=receipt.checkpoint,
    )
