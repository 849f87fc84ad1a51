"""Archiving over real folders: cut short anywhere and done again, nothing is lost, doubled or out of order."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overt.adapters.sealed_files import SealedFiles
from overt.adapters.spool_reader import SpoolFolder
from overt.ports import Unavailable
from overt.services.archiving import SpooledRecord, gather
from overt.vault.format import END, HEADER, Record, SealBroken, Torn

ONE = "0193568a-0000-7000-8000-000000000001"
TWO = "0193568a-0000-7000-8000-000000000002"
CARRY = 0x04


def records_of(recording: str, count: int, *, ended: bool = True) -> list[Record]:
    made = [Record("main", recording, HEADER, 0, 0, b"{}")]
    made += [Record("main", recording, 0, 1, index, b"%d " % index * 40) for index in range(1, count)]
    return made + ([Record("main", recording, END, 0, count, b"end")] if ended else [])


def encoded(records: Sequence[Record]) -> bytes:
    return b"".join(record.encoded for record in records)


def write(root: Path, name: str, records: Sequence[Record], *, extra: bytes = b"") -> Path:
    path = root / "spool" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(records) + extra)
    return path


def rooms(root: Path) -> tuple[SpoolFolder, SealedFiles]:
    return SpoolFolder(root / "spool"), SealedFiles(root / "recordings")


def test_two_recordings_leave_two_segments(tmp_path: Path) -> None:
    one, two = records_of(ONE, 4), records_of(TWO, 3)
    carried = Record("main", ONE, CARRY, 0, 2, b"head and header")
    write(tmp_path, "e1/00000001.spool", [one[0], two[0], one[1], two[1]])
    write(tmp_path, "e1/00000002.spool", [carried, *one[2:], *two[2:]])
    done = gather(*rooms(tmp_path))
    assert (done.records, done.segments, done.troubles) == (9, 2, [])
    folder = tmp_path / "recordings" / "main"
    assert (folder / f"{ONE}.overt").read_bytes() == encoded(one)
    assert (folder / f"{TWO}.overt").read_bytes() == encoded(two)
    assert sorted(path.name for path in (tmp_path / "spool" / "e1").iterdir()) == ["next"]
    assert (tmp_path / "spool" / "e1" / "next").read_text() == "3"
    assert (folder / f"{ONE}.overt").stat().st_mode & 0o777 == 0o600


def test_an_open_segment_is_followed_and_kept(tmp_path: Path) -> None:
    one = records_of(ONE, 3)
    path = write(tmp_path, "e1/00000007.open", one[:2], extra=one[2].encoded[:20])
    spool, store = rooms(tmp_path)
    assert gather(spool, store).records == 2
    assert (tmp_path / "recordings" / "main" / f"{ONE}.part").read_bytes() == encoded(one[:2])
    path.write_bytes(encoded(one))
    assert gather(spool, store).records == 2
    assert (tmp_path / "recordings" / "main" / f"{ONE}.overt").read_bytes() == encoded(one)
    assert path.exists()
    path.rename(path.with_suffix(".spool"))
    assert gather(spool, store).segments == 1
    assert not list((tmp_path / "spool" / "e1").glob("*.spool"))


class PowerLost(Exception):
    """Where the test cuts the archiver short."""


class Cut:
    """A store that stops after so many steps, before or after the step."""

    def __init__(self, store: SealedFiles, steps: int, *, after: bool) -> None:
        self._store, self._left, self._after = store, steps, after

    def _step(self) -> Iterator[None]:
        self._left -= 1
        if self._left == 0 and not self._after:
            raise PowerLost
        yield
        if self._left == 0:
            raise PowerLost

    def append(self, records: Sequence[SpooledRecord]) -> int:
        new = 0
        for _ in self._step():
            new = self._store.append(records)
        return new

    def make_durable(self, tenant: str, recording: str) -> None:
        for _ in self._step():
            self._store.make_durable(tenant, recording)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 7), st.booleans()), max_size=4),
    st.integers(0, 400),
    st.integers(1, 12),
)
def test_cut_short_anywhere_and_torn_nothing_is_lost(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[tuple[int, bool]], torn: int, split: int
) -> None:
    root = tmp_path_factory.mktemp("cut")
    one, two = records_of(ONE, 8), records_of(TWO, 6, ended=False)
    mixed = [record for index in range(9) for record in (*one[index : index + 1], *two[index : index + 1])]
    write(root, "e1/00000001.spool", mixed[:split])
    write(root, "e1/00000002.spool", mixed[split:])
    for steps, after in cuts:
        spool, store = rooms(root)
        try:
            gather(spool, Cut(store, steps, after=after))
        except PowerLost:
            for path in (root / "recordings").glob("*/*.part"):
                if list((root / "spool" / "e1").glob("*1.spool")):  # nothing was durable yet: tear what is there
                    path.write_bytes(path.read_bytes()[: -(torn % 90) or None])
    gather(*rooms(root))
    folder = root / "recordings" / "main"
    assert (folder / f"{ONE}.overt").read_bytes() == encoded(one)
    assert (folder / f"{TWO}.part").read_bytes() == encoded(two)
    assert not list((root / "spool" / "e1").glob("*.spool"))


def test_what_a_power_loss_left_is_written_anew(tmp_path: Path) -> None:
    one = records_of(ONE, 5)
    segment = write(tmp_path, "e1/00000001.open", one[:4])
    gather(*rooms(tmp_path))
    part = tmp_path / "recordings" / "main" / f"{ONE}.part"
    whole = part.read_bytes()
    part.write_bytes(whole[:-100] + b"\0" * 100)
    segment.write_bytes(encoded(one))
    segment.rename(segment.with_suffix(".spool"))
    gather(*rooms(tmp_path))
    assert part.with_suffix(".overt").read_bytes() == encoded(one)


def test_a_record_that_does_not_fit_keeps_its_segment(tmp_path: Path) -> None:
    one, two = records_of(ONE, 5), records_of(TWO, 2)
    write(tmp_path, "e1/00000001.spool", [one[0], one[2], *two])
    done = gather(*rooms(tmp_path))
    assert done.segments == 0
    assert "record 2 came where record 1 belongs" in done.troubles[0]
    assert (tmp_path / "spool" / "e1" / "00000001.broken").exists()
    assert (tmp_path / "recordings" / "main" / f"{ONE}.part").read_bytes() == one[0].encoded
    assert (tmp_path / "recordings" / "main" / f"{TWO}.overt").read_bytes() == encoded(two)


def test_a_contradicting_or_late_record_keeps_its_segment(tmp_path: Path) -> None:
    one = records_of(ONE, 3)
    write(tmp_path, "e1/00000001.spool", one)
    spool, store = rooms(tmp_path)
    gather(spool, store)
    other = Record("main", ONE, 0, 1, 1, b"another")
    write(tmp_path, "e1/00000002.spool", [other])
    write(tmp_path, "e1/00000003.spool", [Record("main", ONE, 0, 1, 4, b"late")])
    done = gather(spool, store)
    assert ["another record 1" in done.troubles[0], "after the end" in done.troubles[1]] == [True, True]
    assert (tmp_path / "recordings" / "main" / f"{ONE}.overt").read_bytes() == encoded(one)


def test_a_segment_that_cannot_be_read_to_its_end_is_kept(tmp_path: Path) -> None:
    one = records_of(ONE, 3)
    write(tmp_path, "e1/00000001.spool", one, extra=b"\0" * 50)
    write(tmp_path, "e2/00000001.spool", one[:0], extra=one[0].encoded[:-1])
    done = gather(*rooms(tmp_path))
    assert "no record of version 1" in done.troubles[0]
    assert "ends inside a record" in done.troubles[1]
    assert (tmp_path / "recordings" / "main" / f"{ONE}.overt").read_bytes() == encoded(one)
    assert len(list((tmp_path / "spool").glob("*/*.broken"))) == 2


def test_a_full_disk_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = records_of(ONE, 3)
    write(tmp_path, "e1/00000001.spool", one)
    spool, store = rooms(tmp_path)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("overt.adapters.sealed_files.os.pwrite", full)
        with pytest.raises(Unavailable, match="No space left"):
            gather(spool, store)
    assert gather(spool, store).segments == 1
    assert (tmp_path / "recordings" / "main" / f"{ONE}.overt").read_bytes() == encoded(one)


def test_stored_recordings_are_listed_and_read(tmp_path: Path) -> None:
    one, two = records_of(ONE, 3), records_of(TWO, 2, ended=False)
    write(tmp_path, "e1/00000001.spool", [*one, *two])
    spool, store = rooms(tmp_path)
    gather(spool, store)
    assert [(name, ended) for name, ended, _ in store.stored("main")] == [(ONE, True), (TWO, False)]
    assert list(store.records("main", ONE)) == one
    assert list(store.records("main", TWO)) == two
    for tenant, recording in (("main", TWO.replace("2", "3")), ("../x", ONE), ("main", "../../etc/passwd")):
        with pytest.raises(Unavailable):
            list(store.records(tenant, recording))


def test_a_cut_file_says_so(tmp_path: Path) -> None:
    write(tmp_path, "e1/00000001.spool", records_of(ONE, 3, ended=False))
    spool, store = rooms(tmp_path)
    gather(spool, store)
    part = tmp_path / "recordings" / "main" / f"{ONE}.part"
    part.write_bytes(part.read_bytes()[:-1])
    with pytest.raises(Torn):
        list(store.records("main", ONE))
    part.write_bytes(b"nothing of ours, and long enough to be read as a frame")
    with pytest.raises(SealBroken):
        list(store.records("main", ONE))


def test_nothing_is_discarded_or_named_whole_before_it_is_durable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "e1/00000001.spool", [*records_of(ONE, 3), *records_of(TWO, 2, ended=False)])
    story: list[str] = []
    real = {"fsync": os.fsync, "rename": Path.rename, "unlink": Path.unlink}

    def fsync(file: int) -> None:
        story.append(f"fsync {Path(os.readlink(f'/proc/self/fd/{file}')).suffix}")
        real["fsync"](file)

    def rename(path: Path, to: Path) -> Path:
        story.append(f"rename {path.suffix}")
        return Path(real["rename"](path, to))

    def unlink(path: Path, missing_ok: bool = False) -> None:
        story.append(f"unlink {path.suffix}")
        real["unlink"](path, missing_ok)

    monkeypatch.setattr("os.fsync", fsync)
    monkeypatch.setattr(Path, "rename", rename)
    monkeypatch.setattr(Path, "unlink", unlink)
    gather(*rooms(tmp_path))
    assert story == [
        "fsync .part",  # one: all of it, then its name, then its folder
        "rename .part",
        "fsync ",
        "fsync .part",  # two, which goes on
        "fsync ",
        "fsync .new",  # the number
        "fsync ",
        "unlink .spool",
    ]
