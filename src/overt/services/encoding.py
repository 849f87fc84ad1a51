"""Sound on its way out in another form: a WAV file's frame around it, or encoded as it is taken."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncGenerator
from contextlib import aclosing

from overt.services.heard import RATE
from overt.services.listening import FRAME_BYTES, PIECE, Encoding, ListeningRooms, Playing, sending, windows

HEADER_BYTES = 44
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")


def wav_header(samples: int) -> bytes:
    """The 44 bytes before the sound of so many samples a channel."""
    size = samples * FRAME_BYTES
    return _HEADER.pack(
        b"RIFF", HEADER_BYTES - 8 + size, b"WAVE", b"fmt ", 16, 1, 2, RATE, RATE * FRAME_BYTES, FRAME_BYTES, 16,
        b"data", size,
    )  # fmt: skip


async def encoded_sound(
    rooms: ListeningRooms, playing: Playing, encoding: Encoding, first: int, samples: int
) -> AsyncGenerator[bytes, None]:
    """Yield a stretch of sound encoded, as it is taken. Sound counts as sent when what it was encoded into was.

    Raises as listening.sound_of does.
    """
    begin = at = first
    async with aclosing(windows(rooms, playing, first, samples)) as opened:
        async for at, sound in opened:
            for offset in range(0, len(sound), PIECE * FRAME_BYTES):
                piece = sound[offset : offset + PIECE * FRAME_BYTES]
                encoded = await asyncio.to_thread(encoding.take, piece)
                at += len(piece) // FRAME_BYTES
                if encoded:
                    with sending(playing, begin, at):
                        yield encoded
                    begin = at
    rest = await asyncio.to_thread(encoding.finish)
    with sending(playing, begin, at):
        yield rest
