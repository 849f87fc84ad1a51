"""Playing over HTTP: begin for a purpose, take ranges of a WAV file or a stretch as Opus, end; or take all as an export.

A playing belongs to the session that began it: to everybody else it is over (410). What counts as sent is what the
connection has taken; a header is no sound.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from litestar import Router, delete, get, post
from litestar.params import FromPath, JSONBody
from litestar.response.base import ASGIResponse

from overt.domain.errors import NotPermitted
from overt.faces.http.asking import Asked, own_call, rooms_of, signed_of, whole
from overt.faces.http.problems import BadRequest, PlayingOver, RangeWrong, problem_of
from overt.faces.http.rooms import Pace, WebRooms
from overt.faces.http.sounding import Sound, asked_range
from overt.ports import Unavailable
from overt.services.encoding import HEADER_BYTES, encoded_sound, wav_header
from overt.services.heard import RATE, SAMPLES_A_MS
from overt.services.listening import (
    FRAME_BYTES,
    ListeningRooms,
    NoSuchRecording,
    Playing,
    Span,
    begin_playing,
    end_playing,
    sound_of,
    why_over,
)

MOST_PLAYINGS = 4  # of one account; who begins another ends the oldest
LONGEST_OPUS = 3600 * RATE
BYTES_A_SECOND = RATE * FRAME_BYTES
LONGEST_DOCUMENT, LONGEST_PURPOSE = 200, 20
LAST_MS = 24 * 3600 * 1000
_WAV, _OPUS = "audio/wav", "audio/ogg; codecs=opus"


@dataclass(frozen=True, slots=True)
class PurposeJson:
    """What a recording is wanted for, and the paper that compels it where one does."""

    purpose: str
    document: str = ""


@dataclass(frozen=True, slots=True)
class PlayingJson:
    """A playing: its number, which is the entry of the ledger that grants it, and what the recording looks like.

    `peaks` are 0 to 255, one a bucket of `bucket_us` microseconds; `sound` and `opus` are where its sound is.
    """

    playing: int
    entry: int
    recording: str
    length_ms: int
    intact: bool
    chunks: int
    peaks: Mapping[str, Sequence[int]]
    bucket_us: int
    spans: Sequence[Span]
    sound: str
    opus: str


@dataclass(frozen=True, slots=True)
class EndedJson:
    """What was sent, as the ledger has it: milliseconds of different sound, stretches as [from, to]."""

    milliseconds: int
    ranges: Sequence[Sequence[int]]


# ------------------------------------------------------------------------------------- beginning, ending


@post("/api/recordings/{recording:str}/playings", summary="Begin to listen")
async def begin(request: Asked, recording: FromPath[str], data: JSONBody[PurposeJson]) -> PlayingJson:
    """Enter who listens to what and why; check the whole recording; return its outline, and where its sound is."""
    playing = await _begun(request, recording, data, "play")
    outline = playing.outline
    return PlayingJson(
        playing.grant, playing.grant, recording, (outline.end - outline.first) // SAMPLES_A_MS, True, outline.chunks,
        {side: list(peaks) for side, peaks in outline.peaks.items()}, outline.bucket_us, outline.spans,
        f"/api/playings/{playing.grant}/sound.wav", f"/api/playings/{playing.grant}/sound.opus",
    )  # fmt: skip


@delete("/api/playings/{playing:int}", summary="Stop listening", status_code=200)
async def end(request: Asked, playing: FromPath[int]) -> EndedJson:
    """End a playing. What was really sent is entered, and answered."""
    rooms, ours = rooms_of(request), _own(request, playing)
    ended = await end_playing(rooms.listening, ours, "stopped")
    rooms.playings.pop(playing, None)
    return EndedJson(ended.milliseconds, ended.ranges)


async def _begun(request: Asked, recording: str, wish: PurposeJson, action: Literal["play", "export"]) -> Playing:
    """Begin a playing for whoever asks. Raises as begin_playing does, and NotFound for others' calls."""
    rooms, signed = rooms_of(request), signed_of(request)
    if len(wish.document) > LONGEST_DOCUMENT:
        raise BadRequest(f"The document's name has at most {LONGEST_DOCUMENT} characters.")
    if not wish.document.isprintable():
        raise BadRequest("The document's name holds characters that nobody can see.")
    if len(wish.purpose) > LONGEST_PURPOSE or not wish.purpose.replace("-", "").isalpha():
        raise BadRequest("A purpose is a word such as quality.")
    held = await asyncio.to_thread(rooms.listening.holdings.find, rooms.front.tenant, recording)
    if held is None:
        raise NoSuchRecording("There is no such recording.")
    row = await asyncio.to_thread(own_call, request, held.call)
    if signed.account.ledger_index < 0:
        raise NotPermitted("The ledger does not know this account yet.")
    playing = await begin_playing(
        rooms.listening, signed.account.actor, signed.account.ledger_index, row.agent, recording, wish.purpose,
        wish.document.strip(), owner=signed.session.token_sha256, action=action,
    )  # fmt: skip
    rooms.playings[playing.grant] = playing
    await _make_room(rooms, playing.actor.name)
    return playing


async def _make_room(rooms: WebRooms, account: str) -> None:
    """End the oldest playings of an account that has too many."""
    theirs = [one for one in rooms.playings.values() if one.actor.name == account and not one.over]
    for one in sorted(theirs, key=lambda one: one.grant)[:-MOST_PLAYINGS]:
        with suppress(Unavailable):  # the sweep tries again
            await _ended(rooms, one, "a newer listening began")


def _own(request: Asked, playing: int) -> Playing:
    """The playing of a number, when it goes on and is the asking session's. Raises PlayingOver."""
    ours = rooms_of(request).playings.get(playing)
    if ours is None or ours.over or ours.owner != signed_of(request).session.token_sha256:
        raise PlayingOver("It ended, or is not yours. Begin again to hear more.")
    return ours


async def _ended(rooms: WebRooms, playing: Playing, how: str) -> None:
    await end_playing(rooms.listening, playing, how)
    rooms.playings.pop(playing.grant, None)


async def sweep(rooms: WebRooms) -> None:
    """End what nobody listens to any more: idle, too long, or of a session that is over. Raises Unavailable."""
    now = rooms.listening.clock.now_us()
    for playing in list(rooms.playings.values()):
        why = why_over(playing, now) or await asyncio.to_thread(_signed_out, rooms, playing)
        if why:
            await _ended(rooms, playing, why)


def _signed_out(rooms: WebRooms, playing: Playing) -> str:
    return "" if rooms.signing.sessions.find_session(playing.owner) is not None else "signed out"


async def end_all(rooms: WebRooms, how: str) -> None:
    """End every playing. Raises Unavailable when one could not be entered; all have ended by then."""
    playings = list(rooms.playings.values())
    outcomes = await asyncio.gather(*(_ended(rooms, one, how) for one in playings), return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome


# ------------------------------------------------------------------------------------------------ sound


@get("/api/playings/{playing:int}/sound.wav", summary="Its sound as WAV", media_type=_WAV)
async def wav(request: Asked, playing: FromPath[int]) -> ASGIResponse:
    """Stereo, 16 bits, 8 kHz: the caller left, the agent right. One `Range` is honoured, to the byte."""
    rooms, ours = rooms_of(request), _own(request, playing)
    size, tag = _wav_size(ours), f'"{playing}"'
    try:
        asked = asked_range(request.headers, size, tag)
    except RangeWrong as wrong:
        return _out_of_range(wrong, size)
    begin, stop = asked or (0, size)
    headers = {
        "content-type": _WAV, "content-length": str(stop - begin), "accept-ranges": "bytes", "etag": tag,
    }  # fmt: skip
    if asked is not None:
        headers["content-range"] = f"bytes {begin}-{stop - 1}/{size}"
    sound = _paced(_wav_bytes(rooms.listening, ours, begin, stop), rooms.pace)
    return Sound(sound, 206 if asked else 200, headers)


@get("/api/playings/{playing:int}/sound.opus", summary="A stretch of it as Ogg Opus", media_type=_OPUS)
async def opus(request: Asked, playing: FromPath[int]) -> ASGIResponse:
    """The stretch from `from_ms` to `to_ms` (an hour at most) as Ogg Opus, stereo, encoded as it is taken."""
    rooms, ours = rooms_of(request), _own(request, playing)
    outline = ours.outline
    longest = (outline.end - outline.first) // SAMPLES_A_MS
    from_ms = whole(request.query_params, "from_ms", 0, LAST_MS)
    to_ms = min(whole(request.query_params, "to_ms", longest, LAST_MS), longest)
    samples = (to_ms - from_ms) * SAMPLES_A_MS
    if not 0 < samples <= LONGEST_OPUS:
        raise RangeWrong(f"A stretch begins before it ends, within {longest} ms, and is an hour long at most.")
    if rooms.listening.encode is None:
        raise Unavailable("opus", "there is no encoder here", retry=False)
    first = outline.first + from_ms * SAMPLES_A_MS
    encoded = encoded_sound(rooms.listening, ours, rooms.listening.encode(), first, samples)
    return Sound(encoded, 200, {"content-type": _OPUS})


@post("/api/recordings/{recording:str}/exports", summary="Export as WAV", media_type=_WAV, status_code=200)
async def export_recording(request: Asked, recording: FromPath[str], data: JSONBody[PurposeJson]) -> ASGIResponse:
    """The whole recording as a WAV file, for a purpose; the ledger has the grant before the first byte."""
    rooms = rooms_of(request)
    playing = await _begun(request, recording, data, "export")
    size = _wav_size(playing)
    headers = {
        "content-type": _WAV, "content-length": str(size), "x-overt-entry": str(playing.grant),
        "content-disposition": f'attachment; filename="overt-{playing.recording}.wav"',
    }  # fmt: skip

    async def after(complete: bool) -> None:
        with suppress(Unavailable):  # the sweep tries again
            await _ended(rooms, playing, "complete" if complete else "the connection broke off")

    return Sound(_wav_bytes(rooms.listening, playing, 0, size), 200, headers, after)


def _wav_size(playing: Playing) -> int:
    return HEADER_BYTES + (playing.outline.end - playing.outline.first) * FRAME_BYTES


async def _wav_bytes(rooms: ListeningRooms, playing: Playing, begin: int, stop: int) -> AsyncGenerator[bytes, None]:
    """Bytes of the WAV file, from and to before. A sample of which a byte is sent counts as sent.

    The header goes with the first sound, so that an opener which is gone is answered as such.
    """
    outline = playing.outline
    header = wav_header(outline.end - outline.first)[begin:stop] if begin < HEADER_BYTES else b""
    skip, left = divmod(max(begin - HEADER_BYTES, 0), FRAME_BYTES)[1], stop - max(begin, HEADER_BYTES)
    if left <= 0:
        yield header
        return
    first = max(begin - HEADER_BYTES, 0) // FRAME_BYTES
    samples = -(-(stop - HEADER_BYTES) // FRAME_BYTES) - first
    async with aclosing(sound_of(rooms, playing, outline.first + first, samples)) as sound:
        async for piece in sound:
            given = piece[skip : skip + left]
            skip, left = 0, left - len(given)
            yield header + given
            header = b""


async def _paced(sound: AsyncGenerator[bytes, None], pace: Pace | None) -> AsyncGenerator[bytes, None]:
    """Give sound no further ahead of its listener than a pace allows: what is sent counts as heard, so it had better be.

    The wait comes before a piece, never after it: whoever leaves meanwhile was not sent the piece that waits.
    """
    loop, given = asyncio.get_running_loop(), 0
    begun = loop.time()
    async with aclosing(sound):
        async for piece in sound:
            if pace is not None:
                wait = (given / BYTES_A_SECOND - pace.ahead_s) / pace.times - (loop.time() - begun)
                await asyncio.sleep(max(wait, 0))
            given += len(piece)
            yield piece


def _out_of_range(wrong: RangeWrong, size: int) -> ASGIResponse:
    problem = problem_of(wrong)
    return ASGIResponse(
        body=msgspec.json.encode(problem.as_json()), status_code=problem.status, media_type="application/problem+json",
        headers={"content-range": f"bytes */{size}"},
    )  # fmt: skip


PLAYING: list[Any] = [Router(path="/", route_handlers=[begin, end, wav, opus, export_recording], tags=["listening"])]
