"""Surveying a sealed recording: where every chunk stands, so that any stretch of it can be opened later by itself.

Three passes, in small steps so that the opener stays at hand for others. The chain of all records is walked and must
end as the ledger says; every record is opened once, to see where its sound belongs; and, when peaks are wanted, the
sound is laid out window by window for its loudest samples. What is kept are numbers: never more than a window's sound.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from overt.adapters.playback_codecs import TABLES, WHY_NOT, Decoding, plays, samples_in, table_sound
from overt.adapters.playback_placing import CHANNELS, RATE, Places, Placing, Samples, lay, mix, samples_of
from overt.adapters.sealed_files import SealedReader
from overt.services.listening import NotOpened
from overt.vault.format import Record
from overt.vault.keys import OpeningKey
from overt.vault.track import SENT_TRACK, Gap, Run, Sent, TrackBroken, read_parts
from overt.vault.unseal import AuthenticatedEnd, Unsealer, walk
from overt.wire.rtp.codecs import BY_CODE

LONGEST_S = 24 * 3600
MOST_BUCKETS = 2000
LAID_AT_ONCE = 5 * RATE
LONGEST_WORDS = 200
_HEAD_BYTES = 32
_RECORDS_A_STEP = 64
_NOWHERE = np.iinfo(np.int64).max
_WALKED, _PLACED, _WHOLE = 200, 550, 1000  # permille of the work: after the first pass, the second, the last
Span = tuple[str, int, int, int, str]  # "prompt" or "gap", side (0 for none), from and to (samples), name or cause


@dataclass(slots=True)
class _Table:
    """Where each record stands in the file and on the sample clock. Record 0 is the header, which holds no sound."""

    ends: array[int] = field(default_factory=lambda: array("q"))
    heads: bytearray = field(default_factory=bytearray)
    first_runs: array[int] = field(default_factory=lambda: array("q"))
    before: array[int] = field(
        default_factory=lambda: array("q")
    )  # whose sound a record's decoder goes on from; 0: nobody's
    low: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    high: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    def place_of(self, index: int) -> tuple[int, int]:
        """Where a record begins and ends in the file."""
        return (self.ends[index - 1] if index else 0), self.ends[index]

    def head_of(self, index: int) -> bytes:
        """The chain's head before a record."""
        return bytes(self.heads[index * _HEAD_BYTES : (index + 1) * _HEAD_BYTES])


@dataclass(slots=True)
class _Track:
    """One track's placing under way: of each run its length and its record; the runs that stay silent, by codec.

    `decoded` is the last record with sound of a codec whose decoder remembers.
    """

    placing: Placing = field(default_factory=Placing)
    lengths: array[int] = field(default_factory=lambda: array("q"))
    records: array[int] = field(default_factory=lambda: array("q"))
    silent: dict[int, list[int]] = field(default_factory=dict)
    decoded: int = 0


class Survey:
    """One recording, surveyed by `steps`; then `window` opens any stretch of it. Every method may raise NotOpened,
    SealBroken, WrongKey and Unavailable. `opened` counts the records that were opened since the survey.
    """

    def __init__(
        self, reader: SealedReader, key: OpeningKey, erasure_secret: bytes, end: AuthenticatedEnd | None
    ) -> None:
        self._reader, self._key, self._secret, self._end = reader, key, erasure_secret, end
        self._table = _Table()
        self._tracks = {track: _Track() for track in CHANNELS}
        self._places: dict[int, Places] = {}
        self._unsealer: Unsealer | None = None
        self._sent: list[tuple[int, int, int]] = []  # record, first and last sample
        self._spans: list[Span] = []
        self._zero = 0
        self.first = self.last = self.samples = self.opened = self.undecoded = 0
        self.peaks: dict[int, bytes] = {}
        self.bucket = 0

    @property
    def chunks(self) -> int:
        """How many records there are, header and end included."""
        return len(self._table.ends)

    def steps(self, from_ms: int, to_ms: int, *, peaks: bool) -> Iterator[int]:
        """Do the survey in small steps; yield how much is done, in permille. Peaks of the granted part alone."""
        yield from self._walk()
        yield from self._place()
        self.first, self.last = self._part(from_ms, to_ms)
        if peaks:
            yield from self._find_peaks()
        self.opened = 0

    def close(self) -> None:
        """Close the file and forget the key."""
        self._reader.close()
        self._unsealer = None

    # ----------------------------------------------------------------------------------- the three passes

    def _walk(self) -> Iterator[int]:
        """Check that all records are there and nothing else, down to the authenticated end."""
        whole = max(self._reader.size, 1)
        for record, head in walk(self._records(), self._end):
            if self._unsealer is None:
                self._unsealer = Unsealer(record, self._key, self._secret)
            self._table.heads += head
            if record.index % _RECORDS_A_STEP == 0:
                yield _WALKED * self._table.ends[-1] // whole
        if self._unsealer is None:
            raise NotOpened("it is empty")

    def _records(self) -> Iterator[Record]:
        for (_, end), record in self._reader.records():
            self._table.ends.append(end)
            yield record

    def _place(self) -> Iterator[int]:
        """Open every record once, and note where its sound belongs."""
        for index in range(self.chunks):
            self._table.first_runs.append(0)
            self._table.before.append(0)
            if index:
                self._note(index)
            if index % _RECORDS_A_STEP == 0:
                yield _WALKED + (_PLACED - _WALKED) * index // self.chunks
        self._settle()

    def _note(self, index: int) -> None:
        track, plaintext = self._open(index)
        known = self._tracks.get(track)
        if known is not None:
            self._table.first_runs[index], self._table.before[index] = len(known.placing), known.decoded
        elif track != SENT_TRACK:
            return
        try:
            for part in read_parts(plaintext):
                self._note_part(index, known, part)
        except (TrackBroken, KeyError) as error:
            raise NotOpened(f"chunk {index} cannot be read: {error}") from error

    def _note_part(self, index: int, known: _Track | None, part: Run | Gap | Sent) -> None:
        if isinstance(part, Gap):
            self._spans.append(("gap", 0, samples_of(part.from_ns), samples_of(part.to_ns), part.cause[:LONGEST_WORDS]))
        elif isinstance(part, Sent):
            begin = samples_of(part.started_ns)
            end = begin + len(part.payload)
            self._sent.append((index, begin, end))
            self._spans.append(("prompt", CHANNELS[part.track] + 1, begin, end, part.prompt[:LONGEST_WORDS]))
        elif part.payload_type not in BY_CODE:
            self.undecoded += len(part.payload) // max(part.size, 1)
        elif known is None:
            raise TrackBroken("a run stands among the prompts")
        elif part.payload:
            self._note_run(index, known, part)

    @staticmethod
    def _note_run(index: int, known: _Track, run: Run) -> None:
        if not plays(run.payload_type):
            known.silent.setdefault(run.payload_type, []).append(len(known.placing))
        elif run.payload_type not in TABLES:
            known.decoded = index
        known.placing.add(run)
        known.lengths.append(samples_in(run))
        known.records.append(index)

    def _settle(self) -> None:
        """Now all is known: the first and the last sample of each record, and of the whole."""
        table = self._table
        table.low, table.high = np.full(self.chunks, _NOWHERE), np.full(self.chunks, -_NOWHERE)
        for number, track in self._tracks.items():
            places = self._places[number] = track.placing.places()
            records, ends = np.array(track.records, np.int64), places + np.array(track.lengths, np.int64)
            np.minimum.at(table.low, records, places)
            np.maximum.at(table.high, records, ends)
            for code, runs in track.silent.items():
                why = WHY_NOT.format(BY_CODE[code].name)
                self._spans.append(("gap", 0, int(places[runs].min()), int(ends[runs].max()), why))
        self._tracks.clear()
        for index, begin, end in self._sent:
            table.low[index], table.high[index] = min(table.low[index], begin), max(table.high[index], end)
        self._sent.clear()
        self._zero = int(table.low.min())
        if self._zero == _NOWHERE:
            raise NotOpened("nothing was recorded")
        self.samples = int(table.high.max()) - self._zero
        if self.samples > LONGEST_S * RATE:
            raise NotOpened(f"its times span {self.samples // RATE} seconds; more than a day cannot be laid out")

    def _part(self, from_ms: int, to_ms: int) -> tuple[int, int]:
        """The granted part in samples. `to_ms` −1 is the end."""
        first = from_ms * RATE // 1000
        last = self.samples if to_ms < 0 else min(to_ms * RATE // 1000, self.samples)
        if not 0 <= first < last:
            raise NotOpened("the grant is for a part that the recording does not have")
        return first, last

    def _find_peaks(self) -> Iterator[int]:
        """The loudest sample of each bucket of the granted part, as the sound is given: prompts mixed in."""
        length = self.last - self.first
        self.bucket = -(-length // MOST_BUCKETS)
        at_once = max(LAID_AT_ONCE // self.bucket, 1) * self.bucket
        found: list[NDArray[np.int64]] = []
        for at in range(self.first, self.last, at_once):
            sound = self.window(at, min(at_once, self.last - at)).astype(np.int32)
            found.append(np.maximum.reduceat(np.abs(sound), np.arange(0, len(sound), self.bucket), axis=0))
            yield _PLACED + (_WHOLE - _PLACED) * (at - self.first) // length
        loudest = np.minimum(np.concatenate(found) * 255 // 32767, 255).astype(np.uint8)
        self.peaks = {track: loudest[:, channel].tobytes() for track, channel in CHANNELS.items()}

    # ------------------------------------------------------------------------------------------ after it

    def spans(self) -> list[Span]:
        """Prompts and gaps within the granted part, by time, counted from the recording's first sample."""
        placed = [(kind, side, a - self._zero, b - self._zero, words) for kind, side, a, b, words in self._spans]
        inside = [
            (kind, side, max(a, self.first), min(b, self.last), words)
            for kind, side, a, b, words in placed
            if a < self.last and b > self.first
        ]
        return sorted(inside, key=lambda span: span[2])

    def window(self, first: int, samples: int) -> Samples:
        """The sound from a sample on, shape (samples, 2): only the chunks that it needs are opened."""
        sound: Samples = np.zeros((samples, len(CHANNELS)), np.int16)
        begin = self._zero + first
        prompts: list[Sent] = []
        for index in np.flatnonzero((self._table.low < begin + samples) & (self._table.high > begin)):
            self._lay(int(index), sound, begin, prompts)
        for one in prompts:
            mix(sound[:, CHANNELS[one.track]], samples_of(one.started_ns) - begin, table_sound(one.payload, 0))
        return sound

    def _lay(self, index: int, sound: Samples, begin: int, prompts: list[Sent]) -> None:
        """Lay the runs of one record; prompts wait, since they are mixed over everything."""
        track, plaintext = self._open(index)
        self.opened += 1
        run, decoding = self._table.first_runs[index], self._decoding(index)
        for part in read_parts(plaintext):
            if isinstance(part, Sent):
                prompts.append(part)
            elif isinstance(part, Run) and part.payload_type in BY_CODE and part.payload:
                at = int(self._places[track][run]) - begin
                lay(sound[:, CHANNELS[track]], at, decoding.sound(part))
                run += 1

    def _decoding(self, index: int) -> Decoding:
        """What decodes a record: it has decoded the record before, where its codec's decoder remembers that."""
        decoding, before = Decoding(), self._table.before[index]
        if before:
            self.opened += 1
            decoding.warm(part for part in read_parts(self._open(before)[1]) if isinstance(part, Run))
        return decoding

    def _open(self, index: int) -> tuple[int, bytes]:
        """Open one record at its place, behind the head that the walk found there."""
        if self._unsealer is None:
            raise NotOpened("it was closed")
        record = self._reader.at(*self._table.place_of(index))
        opened = self._unsealer.open(record, self._table.head_of(index))
        return opened.track, opened.plaintext
