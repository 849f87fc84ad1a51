"""Reading a CDR: a CSV file row by row, however it is encoded and divided, and the times in it; the shipped column maps."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib.resources import files
from typing import BinaryIO
from zoneinfo import ZoneInfo

from overt.domain.cdr import BadRow, ColumnMap, MapRefused, Moments, Row, RowReader, parse_map

LARGEST_MAP = 64 * 1024
LOOKED_AT = 64 * 1024
LONGEST_LINE = 64 * 1024
DELIMITERS = ",;\t|"
ENDING = ".toml"
# What a file begins with → how it is encoded.
MARKS: tuple[tuple[bytes, str], ...] = (
    (b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"),
)  # fmt: skip
PLAIN_TIME = "%Y-%m-%d %H:%M:%S"
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


@lru_cache(maxsize=1)
def shipped_maps() -> dict[str, str]:
    """The shipped column maps, by name, as TOML."""
    found = sorted(files("overt.domain.cdr_maps").iterdir(), key=lambda one: one.name)
    return {
        one.name.removesuffix(ENDING): one.read_text(encoding="utf-8") for one in found if one.name.endswith(ENDING)
    }


def column_map(text: str) -> ColumnMap:
    """The map of a TOML text, or the shipped one of that name. Raises MapRefused."""
    return parse_map(shipped_maps().get(text.strip(), text))


def read_rows(
    file: BinaryIO, map_: ColumnMap, progress: Callable[[int], None] | None = None
) -> Iterator[Row | BadRow | None]:
    """Yield the rows of a CSV file; None for one that the map leaves out. `progress` is told how many bytes were read.

    The file is never held whole. Raises MapRefused when the file is not what the map speaks of, OSError.
    """
    moments = moments_of(map_)
    watched = io.BufferedReader(_Watched(file, progress or _unwatched), LOOKED_AT)
    encoding = map_.encoding or _encoding(watched.peek(LOOKED_AT))
    text = io.TextIOWrapper(watched, encoding=encoding, errors="replace", newline="")
    for _ in range(map_.skip):
        text.readline(LONGEST_LINE)
    first = text.readline(LONGEST_LINE)
    delimiter = map_.delimiter or _delimiter(first)
    lines = _whole(first, text)
    table = csv.reader(lines, delimiter=delimiter, quotechar=map_.quote)
    header: list[str] = []
    if map_.header:
        header = next(table, [])
    for _ in range(map_.skip_after_header):
        next(table, None)
    yield from _read(table, RowReader(map_, moments, header), map_.skip)


def _read(table: Iterator[list[str]], reader: RowReader, skipped: int) -> Iterator[Row | BadRow | None]:
    while True:
        line = skipped + table.line_num + 1  # type: ignore[attr-defined]  # the type of csv.reader has no name
        try:
            fields = next(table)
        except StopIteration:
            return
        except csv.Error as error:
            yield BadRow(line, f"it is no line of a CSV file ({error})")
            continue
        if fields:
            yield reader.read(fields, line)


def _whole(first: str, text: io.TextIOWrapper) -> Iterator[str]:
    """The lines, the first of which was looked at; what is longer than any line is cut, so that numbers of lines stay right."""
    line = first
    while line:
        if line.endswith("\n") or len(line) < LONGEST_LINE:
            yield line
        else:
            yield line + "\n"
            while line and not line.endswith("\n"):
                line = text.readline(LONGEST_LINE)
        line = text.readline(LONGEST_LINE)


def _encoding(begin: bytes) -> str:
    """How a file is encoded: as it says itself, UTF-8 if its beginning is such, else as Windows writes the West."""
    for mark, encoding in MARKS:
        if begin.startswith(mark):
            return encoding
    try:
        begin[: begin.rfind(b"\n") + 1].decode()
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _delimiter(line: str) -> str:
    """The sign that divides a line most often, outside quotes."""
    unquoted = "".join(line.split('"')[::2])
    return max(DELIMITERS, key=unquoted.count)


def moments_of(map_: ColumnMap) -> Moments:
    """Return what reads a time as a map has it. Raises MapRefused for a time zone that nobody knows, or an encoding."""
    try:
        zone = ZoneInfo(map_.timezone)
        "".encode(map_.encoding or "utf-8")
    except LookupError as error:
        raise MapRefused(f"{map_.encoding} is no encoding") from error
    except (OSError, ValueError) as error:
        raise MapRefused(f"{map_.timezone} is no time zone; write it as America/New_York") from error
    plain = map_.format in ("iso", PLAIN_TIME)

    def read(text: str) -> tuple[int, int]:
        moment = datetime.fromisoformat(text) if plain else datetime.strptime(text, map_.format)  # noqa: DTZ007
        if moment.tzinfo is not None:
            return _micros(moment), 0
        first, second = moment.replace(tzinfo=zone), moment.replace(tzinfo=zone, fold=1)
        twice = first.utcoffset() != second.utcoffset()
        return _micros(first), _micros(second) if twice else 0

    return read


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _unwatched(read: int) -> None:
    """Nobody watches."""


class _Watched(io.RawIOBase):
    """A file that tells how much of it was read."""

    def __init__(self, file: BinaryIO, progress: Callable[[int], None]) -> None:
        self._file, self._progress, self._read = file, progress, 0

    def readable(self) -> bool:
        """See io.RawIOBase."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """See io.RawIOBase."""
        read = self._file.read(len(buffer))
        buffer[: len(read)] = read
        self._read += len(read)
        self._progress(self._read)
        return len(read)
