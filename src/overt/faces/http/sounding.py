"""Sound over HTTP: byte ranges (RFC 9110 §14), and an answer that is streamed as its client takes it.

What is asked for in one range is given as 206, everything else whole. Several ranges in one request are refused (416):
to answer them whole would give more sound than was asked for, and each second counts.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing

from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from overt.domain.errors import Refused
from overt.faces.http.problems import RangeWrong
from overt.ports import Unavailable

_ONE = re.compile(r"bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*", re.ASCII | re.IGNORECASE)
_MANY = re.compile(r"bytes\s*=[\d\s,-]*,[\d\s,-]*", re.ASCII | re.IGNORECASE)
_MOST_DIGITS = 18


def asked_range(headers: Mapping[str, str], size: int, tag: str) -> tuple[int, int] | None:
    """The bytes that a request asks for, from and to before; None for all of them.

    A range in another unit, or malformed, does not count, and neither does one whose If-Range is not our `tag`.
    Raises RangeWrong for several ranges, and for one that begins beyond the end.
    """
    asked = headers.get("range", "").strip()
    if not asked or headers.get("if-range", tag).strip() != tag:
        return None
    if _MANY.fullmatch(asked):
        raise RangeWrong("One range at a time: several are not given.")
    found = _ONE.fullmatch(asked)
    if found is None or not (found[1] or found[2]) or max(map(len, found.groups())) > _MOST_DIGITS:
        return None
    if not found[1]:
        begin, end = max(size - int(found[2]), 0), size
    else:
        begin, end = int(found[1]), min(int(found[2]) + 1, size) if found[2] else size
        if found[2] and int(found[2]) < begin:
            return None
    if begin >= end:
        raise RangeWrong(f"There are {size} bytes.")
    return begin, end


class Sound(ASGIResponse):
    """An answer whose body comes piece by piece. The next piece is asked for once the one before was sent.

    Whatever goes wrong before the first piece is answered as any error; later the connection breaks off, so that
    nobody takes a part for the whole. `after` is called at the end with whether all of it was sent.
    """

    __slots__ = ("_after", "_sound")

    def __init__(
        self, sound: AsyncGenerator[bytes, None], status: int, headers: Mapping[str, str],
        after: Callable[[bool], Awaitable[None]] | None = None,
    ) -> None:  # fmt: skip
        self._sound, self._after = sound, after
        length = int(headers["content-length"]) if "content-length" in headers else None
        super().__init__(
            status_code=status, headers=dict(headers), media_type=headers["content-type"], content_length=length
        )

    _should_set_content_length = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until all is sent, or the client has gone. Raises what the first piece raises."""
        streaming = asyncio.create_task(self._stream(send))
        gone = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait({streaming, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            streaming.cancel()
            gone.cancel()
            outcome = (await asyncio.gather(streaming, gone, return_exceptions=True))[0]
            if self._after is not None:
                await self._after(outcome is True)
        if isinstance(outcome, Exception):
            raise outcome

    async def _stream(self, send: Send) -> bool:
        """Send all of it; return whether that went well."""
        async with aclosing(self._sound) as sound:
            piece = await anext(sound, b"")
            await self.start_response(send)
            try:
                while piece:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                    piece = await anext(sound, b"")
            except (Refused, Unavailable):
                return False  # it ends short of its length: the server closes the connection
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return True


async def _gone(receive: Receive) -> None:
    """Return once the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
