"""Sealing and opening: any flipped bit, dropped, swapped, doubled, foreign or missing chunk is found."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overt.vault.format import END, HEADER, LARGEST_BODY, Record, SealBroken, read_records
from overt.vault.header import Header, read_header
from overt.vault.keys import OpeningKey, WrongKey
from overt.vault.seal import FIRST_HEAD, Sealer
from overt.vault.unseal import AuthenticatedEnd, Unsealer, unseal, walk

RECORDING = "0193568a-0000-7000-8000-000000000001"
OTHER = "0193568a-0000-7000-8000-000000000002"
KEY = OpeningKey(bytes(range(96)))
ERASURE = b"e" * 32
HEAD = Header("main", RECORDING, "call", "episode", 1_790_000_000_000_000, 5_000_000_000, 12)


def sealer(header: Header = HEAD, file_secret: bytes = b"f" * 32) -> Sealer:
    return Sealer(header, KEY.public, file_secret, ERASURE)


def sealed(count: int = 4, *, ended: bool = True) -> tuple[list[Record], AuthenticatedEnd]:
    one = sealer()
    written = one.header_record + b"".join(one.seal(1 + n % 3, b"sound %d" % n) for n in range(count))
    written += one.finish({"packets": count}) if ended else b""
    return list(read_records(written)), AuthenticatedEnd(one.chunks, one.head.hex())


WHOLE, WHOLE_END = sealed()
CUT, CUT_END = sealed(ended=False)


def test_what_was_sealed_opens_in_order() -> None:
    opened = list(unseal(WHOLE, KEY, ERASURE))
    assert [(one.track, one.index, one.plaintext) for one in opened[:-1]] == [
        (1, 1, b"sound 0"),
        (2, 2, b"sound 1"),
        (3, 3, b"sound 2"),
        (1, 4, b"sound 3"),
    ]
    assert json.loads(opened[-1].plaintext) == {"packets": 4}
    assert [one.last for one in opened] == [False] * 4 + [True]
    assert list(unseal(WHOLE, KEY, ERASURE, WHOLE_END)) == opened


def test_nothing_sealed_shows() -> None:
    assert b"sound" not in b"".join(record.encoded for record in WHOLE)


def test_an_interrupted_recording_opens_to_the_end_that_the_ledger_states() -> None:
    assert len(list(unseal(CUT, KEY, ERASURE, CUT_END))) == 4
    beyond = [*CUT, replace(CUT[-1], index=5)]
    assert len(list(unseal(beyond, KEY, ERASURE, CUT_END))) == 4
    with pytest.raises(SealBroken, match="no authenticated end"):
        list(unseal(CUT, KEY, ERASURE))
    with pytest.raises(SealBroken, match="4 of 5 records are here"):
        list(unseal(CUT[:-1], KEY, ERASURE, CUT_END))
    with pytest.raises(SealBroken, match="does not end as the ledger states"):
        list(unseal(WHOLE, KEY, ERASURE, AuthenticatedEnd(CUT_END.chunks, "00" * 32)))


def test_the_wrong_keys_do_not_open() -> None:
    with pytest.raises(WrongKey, match="sealed to key"):
        list(unseal(WHOLE, OpeningKey.generate(), ERASURE))
    with pytest.raises(SealBroken, match="its erasure secret is another"):
        list(unseal(WHOLE, KEY, b"x" * 32))


def flipped(at: int, bit: int) -> list[Record]:
    stored = bytearray(b"".join(record.encoded for record in WHOLE))
    stored[at] ^= 1 << bit
    return list(read_records(bytes(stored)))


@settings(max_examples=300, deadline=None)
@given(st.integers(0, sum(len(one.encoded) for one in WHOLE) - 1), st.integers(0, 7))
def test_any_flipped_bit_is_found(at: int, bit: int) -> None:
    with pytest.raises((SealBroken, WrongKey)):
        list(unseal(flipped(at, bit), KEY, ERASURE))


@settings(deadline=None)
@given(st.lists(st.integers(0, len(WHOLE) - 1), max_size=8))
def test_any_other_order_or_choice_of_records_is_found(order: list[int]) -> None:
    chosen = [WHOLE[number] for number in order]
    if chosen == WHOLE:
        return
    for end in (None, WHOLE_END):
        if end is not None and chosen[: len(WHOLE)] == WHOLE:
            continue
        with pytest.raises(SealBroken):
            list(unseal(chosen, KEY, ERASURE, end))


def test_chunks_of_another_recording_are_found() -> None:
    other = sealer(replace(HEAD, recording=OTHER))
    foreign = list(read_records(other.header_record + other.seal(1, b"foreign")))
    with pytest.raises(SealBroken, match="does not belong"):
        list(unseal([WHOLE[0], foreign[1], *WHOLE[2:]], KEY, ERASURE))
    relabelled = replace(foreign[1], recording=RECORDING)
    with pytest.raises(SealBroken, match="it was altered"):
        list(unseal([WHOLE[0], relabelled, *WHOLE[2:]], KEY, ERASURE))


def test_something_after_the_end_is_found() -> None:
    with pytest.raises(SealBroken, match="after the end"):
        list(unseal([*WHOLE, replace(WHOLE[1], index=len(WHOLE))], KEY, ERASURE))


def test_the_chain_runs_over_every_record() -> None:
    heads = [head for _, head in walk(WHOLE, None)]
    assert heads[0] == FIRST_HEAD
    assert len(set(heads)) == len(WHOLE)
    assert WHOLE[-1].head_after(heads[-1]).hex() == WHOLE_END.head


def test_nothing_is_sealed_after_the_end_or_beyond_the_bound() -> None:
    one = sealer()
    with pytest.raises(SealBroken, match="too large"):
        one.seal(1, b"x" * LARGEST_BODY)
    one.finish({})
    with pytest.raises(SealBroken, match="it was finished"):
        one.seal(1, b"late")


def test_a_header_is_read_only_when_it_is_one() -> None:
    header, wrapped, key_id = read_header(WHOLE[0])
    assert (header, key_id) == (HEAD, KEY.public.key_id)
    assert KEY.unwrap(wrapped, "main", RECORDING) == b"f" * 32


HEADER_TEXT = json.loads(WHOLE[0].body)


@pytest.mark.parametrize(
    ("altered", "why"),
    [
        (replace(WHOLE[0], flags=0), "not the header"),
        (replace(WHOLE[0], flags=HEADER | END), "not the header"),
        (replace(WHOLE[0], index=1), "not the header"),
        (replace(WHOLE[0], body=b"{"), "cannot be read"),
        (replace(WHOLE[0], body=b"[]"), "cannot be read"),
        (replace(WHOLE[0], body=b"7"), "cannot be read"),
        (replace(WHOLE[0], body=b"[" * 200_000), "cannot be read"),
        (replace(WHOLE[0], body=json.dumps(HEADER_TEXT | {"more": 1}).encode()), "cannot be read"),
        (replace(WHOLE[0], body=json.dumps(HEADER_TEXT | {"suite": "none"}).encode()), "another suite"),
        (replace(WHOLE[0], body=json.dumps(HEADER_TEXT | {"started_us": "soon"}).encode()), "another type"),
        (
            replace(WHOLE[0], body=json.dumps(HEADER_TEXT | {"recording": OTHER}).encode()),
            "of another recording",
        ),
    ],
)
def test_a_header_that_is_none_is_named(altered: Record, why: str) -> None:
    with pytest.raises(SealBroken, match=why):
        read_header(altered)


def test_a_header_that_claims_to_be_the_end_is_no_empty_recording() -> None:
    with pytest.raises(SealBroken):
        list(unseal([replace(WHOLE[0], flags=HEADER | END)], KEY, ERASURE))
    with pytest.raises(SealBroken):
        list(unseal([], KEY, ERASURE))


@given(st.lists(st.integers(1, len(WHOLE) - 1), max_size=12))
@settings(max_examples=40)
def test_any_record_opens_by_itself_behind_its_head(order: list[int]) -> None:
    heads = [head for _, head in walk(WHOLE, WHOLE_END)]
    unsealer, whole = Unsealer(WHOLE[0], KEY, ERASURE), list(unseal(WHOLE, KEY, ERASURE))
    assert [unsealer.open(WHOLE[index], heads[index]) for index in order] == [whole[index - 1] for index in order]


def test_a_record_opens_behind_no_other_head_and_in_no_other_place() -> None:
    heads = [head for _, head in walk(WHOLE, WHOLE_END)]
    unsealer = Unsealer(WHOLE[0], KEY, ERASURE)
    flipped = replace(WHOLE[2], body=bytes([WHOLE[2].body[0] ^ 1]) + WHOLE[2].body[1:])
    wrongs = [(WHOLE[2], heads[1]), (WHOLE[3], heads[2]), (replace(WHOLE[2], index=3), heads[2]), (flipped, heads[2]),
              (replace(WHOLE[2], track=1), heads[2]), (replace(WHOLE[2], tenant="other"), heads[2])]  # fmt: skip
    for record, head in wrongs:
        with pytest.raises(SealBroken, match="it was altered"):
            unsealer.open(record, head)
    assert unsealer.open(WHOLE[2], heads[2]).plaintext == b"sound 1"


def test_an_unsealer_needs_the_right_keys() -> None:
    with pytest.raises(WrongKey):
        Unsealer(WHOLE[0], OpeningKey(bytes(96)), ERASURE)
    with pytest.raises(SealBroken, match="not the header"):
        Unsealer(WHOLE[1], KEY, ERASURE)
    heads = [head for _, head in walk(WHOLE, WHOLE_END)]
    with pytest.raises(SealBroken, match="erasure secret is another"):
        Unsealer(WHOLE[0], KEY, b"x" * 32).open(WHOLE[1], heads[1])
