"""Vitals from whatever a file says: what is right is kept, what is not is left out, nothing raises."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt.domain.facts import Json
from overt.domain.vitals import FRESH_US, ClientVitals, Sentence, Stranger, Vitals, vitals_of

ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = ("process", "at_us", "pid", "counters", "gauges", "clients", "strangers")


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(KEYS, ANY)) | ANY)
def test_anything_is_vitals_or_none(written: Json) -> None:
    read = vitals_of(written)
    assert read is None or all(isinstance(one, int) for one in read.counters.values())


@pytest.mark.parametrize("written", [None, [], {"process": 1, "at_us": 1}, {"process": "a"}, {"process": "a", "at_us": True},
                                     {"process": "a", "at_us": 1, "pid": "x"}])  # fmt: skip
def test_what_says_not_who_and_when_is_none(written: Json) -> None:
    assert vitals_of(written) is None


def test_what_is_wrong_is_left_out_and_the_rest_kept() -> None:
    sentences: list[Json] = [{"at_us": n, "sentence": f"{n}.", "times": 2 if n % 2 else "x"} for n in range(30)]
    written: Json = {
        "process": "signalling", "at_us": 7, "counters": {"a": 1, "b": "x"}, "gauges": {"c": 1.5, "d": None},
        "clients": {"one": {"calls": 2, "refused": "x", "sentences": ["no", {"at_us": "x"}, *sentences]}, "two": 3},
    }  # fmt: skip
    assert vitals_of(written) == Vitals(
        "signalling", 7, 0, {"a": 1}, {"c": 1.5},
        {"one": ClientVitals(0, 2, 0, tuple(Sentence(n, f"{n}.", 1 + n % 2) for n in range(10, 30))), "two": ClientVitals()},
    )  # fmt: skip


def test_strangers_are_read_whole_or_left_out() -> None:
    whole: dict[str, Json] = {
        "address": "192.0.2.9",
        "transport": "UDP",
        "at_us": 5,
        "attempts": 2,
        "tried": ["INVITE", 7],
        "tool": "x",
    }
    broken: list[Json] = [whole | {key: None} for key in whole] + [7]
    written: Json = {"process": "signalling", "at_us": 7, "strangers": [whole, *broken]}
    read = vitals_of(written)
    assert read is not None and read.strangers == (Stranger("192.0.2.9", "UDP", 5, 2, ("INVITE",), "x"),)


def test_a_silent_process_is_not_fresh() -> None:
    assert Vitals("web", 10).fresh(10 + FRESH_US - 1) and not Vitals("web", 10).fresh(10 + FRESH_US)
