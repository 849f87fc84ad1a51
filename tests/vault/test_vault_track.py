"""The content of chunks: what was put in comes out, and nothing else is believed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt.vault.track import (
    Gap,
    Part,
    Run,
    Sent,
    TrackBroken,
    encode_gap,
    encode_run,
    encode_sent,
    read_parts,
)

times = st.integers(0, 2**64 - 1)
runs = st.builds(
    lambda size, count, **rest: Run(size=size, payload=b"\x55" * (size * count), **rest),
    size=st.integers(1, 200),
    count=st.integers(0, 5),
    payload_type=st.integers(0, 127),
    sequence=st.integers(0, 65535),
    rtp_time=st.integers(0, 2**32 - 1),
    arrival_ns=times,
    step=st.integers(0, 65535),
)
gaps = st.builds(Gap, times, times, st.sampled_from(["lease ran out", "pausé", ""]))
prompts = st.builds(
    Sent,
    st.integers(0, 255),
    times,
    st.sampled_from(["en/announce", "tone:ringback"]),
    st.binary(max_size=500),
)


def encoded(part: Part) -> bytes:
    if isinstance(part, Run):
        return encode_run(part)
    return encode_gap(part) if isinstance(part, Gap) else encode_sent(part)


@given(st.lists(st.one_of(runs, gaps, prompts), max_size=6))
def test_parts_come_back_in_order(parts: list[Part]) -> None:
    assert list(read_parts(b"".join(map(encoded, parts)))) == parts


@given(st.lists(st.one_of(runs, gaps, prompts), min_size=1, max_size=3), st.data())
def test_a_cut_chunk_is_a_typed_error(parts: list[Part], pick: st.DataObject) -> None:
    whole = b"".join(map(encoded, parts))
    boundaries = {len(b"".join(map(encoded, parts[:count]))) for count in range(len(parts) + 1)}
    cut = pick.draw(st.integers(0, len(whole)).filter(lambda at: at not in boundaries))
    with pytest.raises(TrackBroken):
        list(read_parts(whole[:cut]))


@given(st.binary(max_size=200))
def test_noise_is_a_typed_error_or_parts(noise: bytes) -> None:
    try:
        for part in read_parts(noise):
            assert isinstance(part, (Run, Gap, Sent))
    except TrackBroken:
        pass


def test_a_run_whose_size_does_not_fit_is_refused() -> None:
    for size in (0, 7):
        with pytest.raises(TrackBroken, match="do not make"):
            encode_run(Run(0, 1, 2, 3, size, 160, b"x" * 160))
