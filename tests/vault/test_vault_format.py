"""The frame: bounded reading, typed errors, nothing believed that was not written."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt.vault.format import LARGEST_BODY, Record, SealBroken, Torn, read_record, read_records

RECORDING = "0193568a-0000-7000-8000-000000000001"
records = st.builds(
    Record,
    tenant=st.text(max_size=20).filter(lambda text: len(text.encode(errors="ignore")) < 200),
    recording=st.uuids().map(str),
    flags=st.integers(0, 255),
    track=st.integers(0, 255),
    index=st.integers(0, 2**32 - 1),
    body=st.binary(max_size=300),
)


@given(st.lists(records, max_size=5))
def test_what_was_written_is_read(written: list[Record]) -> None:
    assert list(read_records(b"".join(record.encoded for record in written))) == written


@given(records, st.data())
def test_a_cut_record_is_torn(record: Record, pick: st.DataObject) -> None:
    cut = pick.draw(st.integers(0, len(record.encoded) - 1))
    with pytest.raises(Torn):
        read_record(record.encoded[:cut], 0)


@given(st.binary(max_size=400))
def test_any_bytes_give_records_or_a_typed_error(noise: bytes) -> None:
    for stored in (noise, b"OV\x01" + noise):
        with suppress(SealBroken):
            assert b"".join(record.encoded for record in read_records(stored)) == stored


def test_each_wrong_field_is_named() -> None:
    whole = Record("main", RECORDING, 0, 1, 7, b"x" * 40).encoded
    size_at = len(whole) - 40 - 4 - 4
    cases = {
        "no record of version 1": b"XX" + whole[2:],
        "no record of version": whole[:2] + b"\x02" + whole[3:],
        "larger than any": whole[:size_at] + (LARGEST_BODY + 1).to_bytes(4, "big") + whole[size_at + 4 :],
        "not text": whole[:-44] + b"\xff\xfe\xfd\xfc" + whole[-40:],
    }
    for why, altered in cases.items():
        with pytest.raises(SealBroken, match=why):
            read_record(altered, 0)
