"""Keys: both halves are needed, each bound to its recording."""

from __future__ import annotations

import pytest

from overt.vault.keys import OpeningKey, WrappingKey, WrongKey, data_key

RECORDING = "0193568a-0000-7000-8000-000000000001"
OTHER = "0193568a-0000-7000-8000-000000000002"
KEY = OpeningKey(bytes(range(96)))


def test_a_file_secret_comes_back_only_for_its_own_recording() -> None:
    wrapped = KEY.public.wrap(b"f" * 32, "main", RECORDING)
    assert KEY.unwrap(wrapped, "main", RECORDING) == b"f" * 32
    for tenant, recording in (("main", OTHER), ("other", RECORDING)):
        with pytest.raises(WrongKey):
            KEY.unwrap(wrapped, tenant, recording)


def test_another_key_does_not_open() -> None:
    wrapped = KEY.public.wrap(b"f" * 32, "main", RECORDING)
    with pytest.raises(WrongKey, match="not sealed to key"):
        OpeningKey.generate().unwrap(wrapped, "main", RECORDING)


def test_bytes_that_are_no_key_are_named_so() -> None:
    with pytest.raises(WrongKey, match="no opening key"):
        _ = OpeningKey(b"short").public
    with pytest.raises(WrongKey, match="no public key"):
        WrappingKey(b"short").wrap(b"f" * 32, "main", RECORDING)


def test_the_data_key_depends_on_both_halves_and_the_recording() -> None:
    one = data_key(b"f" * 32, b"e" * 32, "main", RECORDING)
    others = [
        data_key(b"g" * 32, b"e" * 32, "main", RECORDING),
        data_key(b"f" * 32, b"x" * 32, "main", RECORDING),
        data_key(b"f" * 32, b"e" * 32, "other", RECORDING),
        data_key(b"f" * 32, b"e" * 32, "main", OTHER),
    ]
    assert len(one) == 32
    assert one not in others


def test_a_key_does_not_show_itself() -> None:
    assert repr(KEY) == "OpeningKey(…)"
    assert len(KEY.public.key_id) == 32
    assert "0102" not in repr(KEY)
