"""Recordings as engines seal them, made to measure: for the tests and the bench of playing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

from overt.adapters.sealed_files import SealedFiles
from overt.adapters.sqlite_erasures import SqliteErasures
from overt.services.archiving import SpooledRecord
from overt.vault.format import read_records
from overt.vault.header import Header
from overt.vault.keys import OpeningKey
from overt.vault.seal import Sealer
from overt.vault.track import Gap, Run, Sent, encode_gap, encode_run, encode_sent
from overt.vault.unseal import AuthenticatedEnd

KEY = OpeningKey(bytes(range(96)))
START_NS = 7_000_000_000
FRAME_NS, FRAME = 20_000_000, 160
Content = tuple[int, bytes]  # track, plaintext


def a_call(seconds: float, *, seed: int = 1, loss: float = 0.02) -> list[Content]:
    """Two parties talking: an announcement before, loss and jitter, late packets, a pause, a prompt over the talk."""
    chance = Random(seed)
    content = [(3, encode_sent(Sent(1, START_NS - 2_000_000_000, "en/announce", chance.randbytes(16_000))))]
    legs = {1: (0, 65_000, 2**32 - 400, 0), 2: (8, 17, 900, 7)}
    halves = int(seconds * 2)
    pause = range(halves // 3, halves // 3 + 2) if halves > 8 else range(0)
    for half in range(halves):
        at_ns = START_NS + half * 25 * FRAME_NS
        if half in pause:
            if half == pause[0]:
                content.append((1, encode_gap(Gap(at_ns, at_ns + len(pause) * 25 * FRAME_NS, "hold"))))
            continue
        for track, (law, sequence, rtp_time, shift) in legs.items():
            frames = [half * 25 + frame + shift for frame in range(25) if chance.random() >= loss]
            if chance.random() < 0.1 and len(frames) > 3:
                frames[1], frames[2] = frames[2], frames[1]  # a late packet
            runs = _runs(frames, law, sequence, rtp_time, chance)
            content.append((track, b"".join(encode_run(run) for run in runs)))
        if half == halves // 2:
            content.append((3, encode_sent(Sent(2, at_ns, "en/stopped", chance.randbytes(4_000)))))
    return content


def _runs(frames: list[int], law: int, sequence: int, rtp_time: int, chance: Random) -> Iterator[Run]:
    begin = 0
    for at in range(1, len(frames) + 1):
        if at < len(frames) and frames[at] == frames[at - 1] + 1:
            continue
        first, count = frames[begin], at - begin
        arrival = START_NS + first * FRAME_NS + chance.randrange(8_000_000)
        yield Run(law, sequence + first & 0xFFFF, rtp_time + first * FRAME & 0xFFFFFFFF, arrival, FRAME, FRAME,
                  chance.randbytes(count * FRAME))  # fmt: skip
        begin = at


def sealed(
    folder: Path, recording: str, contents: list[Content], *, ended: bool = True, key: OpeningKey = KEY
) -> AuthenticatedEnd:
    """Seal a recording into `folder/recordings`, its secret into `folder/erasures.sqlite`; return its end."""
    erasures = SqliteErasures(folder / "erasures.sqlite")
    secret = erasures.keep("main", recording)
    erasures.close()
    header = Header("main", recording, "call", "episode", 1_790_000_000_000_000, START_NS, 0)
    sealer = Sealer(header, key.public, b"f" * 32, secret)
    stored = [sealer.header_record, *(sealer.seal(track, plain) for track, plain in contents)]
    if ended:
        stored.append(sealer.finish({"reason": "hung up"}))
    files = SealedFiles(folder / "recordings")
    files.append(
        [
            SpooledRecord(one.tenant, one.recording, one.index, bool(one.flags & 2), one.encoded)
            for one in read_records(b"".join(stored))
        ]
    )
    return AuthenticatedEnd(sealer.chunks, sealer.head.hex())
