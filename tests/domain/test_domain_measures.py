"""Metrics: what processes say is shown under its own name and labels; what is in no table is not."""

from __future__ import annotations

from overt.domain.measures import MEASURES, Sample, full_name, samples
from overt.domain.vitals import ClientVitals, Vitals


def test_what_is_said_is_shown_in_the_order_of_the_table() -> None:
    said = {
        "signalling": Vitals("signalling", 4_000_000, 1, {"sip_refused|no codec": 2, "calls_offered": 3, "unknown": 1, "sip_refused": 9, "calls": 9},
                             {"calls": 1, "calls_offered": 7}, {"pbx": ClientVitals(1_500_000, 3, 1)}),
    }  # fmt: skip
    process = ("process", "signalling")
    assert list(samples(said, 5_000_000)) == [
        Sample("calls", (process,), 1), Sample("calls_offered", (process,), 3), Sample("sip_refused", (process, ("reason", "no codec")), 2),
        Sample("client_calls", (process, ("client", "pbx")), 3), Sample("client_refused", (process, ("client", "pbx")), 1),
        Sample("client_last_seen_seconds", (process, ("client", "pbx")), 1.5), Sample("vitals_age_seconds", (process,), 1.0),
    ]  # fmt: skip


def test_counters_are_named_as_such() -> None:
    assert full_name("calls") == "overt_calls" and full_name("calls_offered") == "overt_calls_offered_total"
    assert all(one.meaning.endswith(".") for one in MEASURES.values())
