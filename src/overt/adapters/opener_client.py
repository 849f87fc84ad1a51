"""The asking side of the opener: one grant, one connection, chunks in order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from overt.adapters.unix_frames import FrameClient
from overt.ports import Receipt, Unavailable
from overt.protocol import Chunks, Entered, Failed, OpenChunks
from overt.services.listening import NotOpened, OpenedChunk

AT_ONCE = 256


class OpenerClient:
    """Implements listening.Opener over the opener's socket."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def open(
        self, tenant: str, recording: str, grant: Receipt, backing: Sequence[Receipt]
    ) -> AsyncIterator[OpenedChunk]:
        """Yield the recording's chunks, whole; see listening.Opener."""
        client = FrameClient()
        await client.connect(self._path)
        try:
            request = OpenChunks(
                tenant=tenant, recording=recording, first=0, count=AT_ONCE, index=grant.index, entry=grant.entry,
                size=grant.size, proof=grant.proof, checkpoint=grant.checkpoint,
                backing=tuple(_as_frame(one) for one in backing),
            )  # fmt: skip
            async for chunk in _joined(client, request):
                yield chunk
        finally:
            client.close()


async def _joined(client: FrameClient, request: OpenChunks) -> AsyncIterator[OpenedChunk]:
    """Ask until nothing is left; pieces of one chunk are put together again."""
    waiting: OpenedChunk | None = None
    while True:
        reply = await client.ask(request)
        if isinstance(reply, Failed):
            raise NotOpened(reply.why)
        if not isinstance(reply, Chunks):
            raise Unavailable("opener", "it answered something else")
        for track, index, plaintext in reply.chunks:
            if waiting is not None and waiting.index == index:
                waiting = OpenedChunk(track, index, waiting.plaintext + plaintext)
                continue
            if waiting is not None:
                yield waiting
            waiting = OpenedChunk(track, index, plaintext)
        if reply.last:
            break
    if waiting is not None:
        yield waiting


def _as_frame(receipt: Receipt) -> Entered:
    return Entered(
        index=receipt.index,
        entry=receipt.entry,
        size=receipt.size,
        proof=receipt.proof,
        checkpoint=receipt.checkpoint,
    )
