"""The opener's door: a grant has a recording checked from end to end, then any window of its sound is given.

A grant begins once (`opener_grants`). First the whole recording is walked and surveyed (`opener_survey`), so nothing is
given of one that is not as it was sealed. From then on the same process may ask for windows of what was granted, until
it ends, idles or twelve hours are over; each window opens only its own chunks. Keys never leave.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from overt.adapters.opener_grants import Granted, OpenerDesk
from overt.adapters.opener_survey import Survey
from overt.adapters.playback_placing import CHANNELS, RATE
from overt.adapters.sealed_files import SealedFiles
from overt.adapters.sqlite_erasures import SqliteErasures
from overt.adapters.unix_frames import Asker
from overt.ports import Unavailable
from overt.protocol import (
    AnyFrame,
    BeginOpening,
    Done,
    EndOpening,
    Failed,
    Frame,
    GoOnSurveying,
    OpenWindow,
    Surveyed,
    Window,
)
from overt.services.listening import NotOpened
from overt.vault.format import SealBroken
from overt.vault.keys import OpeningKey, WrongKey

MOST_AT_ONCE = 32
LARGEST_WINDOW = 5 * RATE
IDLE_US, LONGEST_US = 10 * 60 * 1_000_000, 12 * 3600 * 1_000_000
_STEP_S = 0.04  # a survey gives way to other requests after so long
_SPANS_A_FRAME = 100
_log = logging.getLogger("overt.opener")
Key = tuple[int, int, int]  # process, uid, the grant's entry


@dataclass(frozen=True, slots=True)
class Vault:
    """What the opener holds: its key, the register of erasure secrets, the sealed recordings."""

    key: OpeningKey
    erasures: SqliteErasures
    recordings: SealedFiles

    def survey(self, granted: Granted) -> Survey:
        """Begin a survey. Raises NotOpened, Unavailable."""
        secret = self.erasures.read(granted.tenant, granted.recording)
        if secret is None:
            raise NotOpened(f"recording {granted.recording} was erased: its erasure secret is gone")
        reader = self.recordings.reader(granted.tenant, granted.recording)
        return Survey(reader, self.key, secret, granted.end)

    def still_there(self, granted: Granted) -> None:
        """Raise NotOpened when the recording was erased meanwhile."""
        if self.erasures.read(granted.tenant, granted.recording) is None:
            raise NotOpened(f"recording {granted.recording} was erased: its erasure secret is gone")


@dataclass(slots=True)
class _Opening:
    """One grant under way. `steps` are left of its survey; None once it is ready for windows."""

    granted: Granted
    survey: Survey
    begun_us: int
    touched_us: int
    steps: Iterator[Surveyed] | None = None


class OpenerCounter:
    """Answers the requests of all connections (unix_frames.FrameServer)."""

    def __init__(self, vault: Vault, desk: OpenerDesk, now_us: Callable[[], int]) -> None:
        self._vault, self._desk, self._now_us = vault, desk, now_us
        self._openings: dict[Key, _Opening] = {}

    async def answer(self, request: AnyFrame, asker: Asker) -> Frame:
        """Return the reply to a request. Never raises for what was asked."""
        self._sweep()
        if not isinstance(request, BeginOpening | GoOnSurveying | OpenWindow | EndOpening):
            return Failed(why="the opener opens recordings, nothing else")
        grant = request.grant.index if isinstance(request, BeginOpening) else request.grant
        key = asker.pid, asker.uid, grant
        try:
            return self._answered(key, request)
        except NotOpened as refused:
            why = str(refused)
        except (SealBroken, WrongKey, Unavailable) as error:
            why = f"the recording cannot be opened: {error}"
        self._drop(key)
        _log.warning("not opened for uid %d: %s", asker.uid, why)
        return Failed(why=why)

    def _answered(self, key: Key, request: BeginOpening | GoOnSurveying | OpenWindow | EndOpening) -> Frame:
        match request:
            case BeginOpening():
                return self._begin(key, request)
            case GoOnSurveying():
                return self._go_on(self._opening(key))
            case OpenWindow():
                return self._window(self._opening(key), request)
            case EndOpening():
                self._drop(key)
                return Done()

    def _sweep(self) -> None:
        now = self._now_us()
        for key, one in list(self._openings.items()):
            if now - one.touched_us > IDLE_US or now - one.begun_us > LONGEST_US:
                self._drop(key)

    def _drop(self, key: Key) -> None:
        opening = self._openings.pop(key, None)
        if opening is not None:
            opening.survey.close()

    def _opening(self, key: Key) -> _Opening:
        opening = self._openings.get(key)
        if opening is None:
            raise NotOpened("nothing is open under this grant for this process, or not any more")
        opening.touched_us = self._now_us()
        return opening

    # -------------------------------------------------------------------------------------- the survey

    def _begin(self, key: Key, request: BeginOpening) -> Frame:
        if key in self._openings:
            return Failed(why=f"the grant at entry {key[2]} was used; ask for another")
        if len(self._openings) >= MOST_AT_ONCE:
            raise NotOpened("too many recordings are being opened; wait a little")
        granted = self._desk.decide(key[1], request)
        now = self._now_us()
        opening = self._openings[key] = _Opening(granted, self._vault.survey(granted), now, now)
        opening.steps = self._steps(opening, request.peaks)
        return self._go_on(opening)

    def _go_on(self, opening: _Opening) -> Surveyed:
        """Survey for a moment; then give way to others."""
        if opening.steps is None:
            raise NotOpened("the survey is over; ask for windows")
        deadline = time.perf_counter() + _STEP_S
        for step in opening.steps:
            if step.last:
                opening.steps = None
            if step.last or step.spans or time.perf_counter() > deadline:
                return step
        raise NotOpened("the survey broke off")

    def _steps(self, opening: _Opening, peaks: bool) -> Iterator[Surveyed]:
        granted, survey = opening.granted, opening.survey
        for _ in self._desk.stands(granted):
            yield Surveyed(permille=0)
        self._desk.entered(granted)
        for permille in survey.steps(granted.from_ms, granted.to_ms, peaks=peaks):
            yield Surveyed(permille=permille)
        spans = survey.spans()
        for at in range(0, len(spans), _SPANS_A_FRAME):
            yield Surveyed(permille=999, spans=tuple(spans[at : at + _SPANS_A_FRAME]))
        yield Surveyed(
            permille=1000, samples=survey.samples, first=survey.first, end=survey.last, chunks=survey.chunks,
            bucket=survey.bucket, peaks=tuple(survey.peaks[track] for track in CHANNELS if survey.peaks), last=True,
        )  # fmt: skip

    # ----------------------------------------------------------------------------------------- windows

    def _window(self, opening: _Opening, request: OpenWindow) -> Frame:
        survey, end = opening.survey, request.first + request.samples
        if opening.steps is not None:
            return Failed(why="the survey is not over")
        if not survey.first <= request.first < end <= survey.last or request.samples > LARGEST_WINDOW:
            return Failed(why="that is no window of what was granted")
        for _ in self._desk.stands(opening.granted):
            pass
        self._vault.still_there(opening.granted)
        before = survey.opened
        sound = survey.window(request.first, request.samples)
        return Window(sound=sound.astype("<i2", copy=False).tobytes(), opened=survey.opened - before)
