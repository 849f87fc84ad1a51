"""An engine's vitals: live legs and those that are over, added up; counters never go back."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from overt.engine.spool import Spool
from overt.engine.tally import COUNTED, MANY, Tally
from overt.protocol import CaptureBroke, Paused, Released


def leg(**counts: int) -> SimpleNamespace:
    return SimpleNamespace(**{**dict.fromkeys(COUNTED, 0), **counts})


def test_what_is_live_and_what_is_over_is_added_up(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 1)
    tally = Tally(spool, tmp_path)
    assert tally.vitals([], 0)["counters"] == {
        **dict.fromkeys(COUNTED.values(), 0),
        "leases_run_out": 0,
        "captures_broken": 0,
    }
    tally.note(Released(call="c", counters={"caller": {"received": 5, "lost": 1, "sent": 9}, "agent": {"received": 2}}))
    tally.note(Paused(call="c", episode="e", reason="lease ran out"))
    tally.note(Paused(call="c", episode="e", reason="card entry"))
    tally.note(CaptureBroke(call="c", episode="e", why="disk"))
    vitals = tally.vitals([leg(received=10, captured=3), leg(late=2)], 1)
    spool.flush()
    counters, gauges = vitals["counters"], vitals["gauges"]
    assert (
        counters["packets_received"],
        counters["packets_captured"],
        counters["packets_lost"],
        counters["packets_late"],
    ) == (17, 3, 1, 2)
    assert (counters["leases_run_out"], counters["captures_broken"]) == (1, 1)
    assert (gauges["legs"], gauges["captures_open"], gauges["spool_behind"], gauges["spool_broken"]) == (2, 1, 0, 0)
    assert 0 < gauges["spool_free_bytes"] <= gauges["spool_size_bytes"]


def test_many_legs_are_added_up_seldom_and_no_counter_goes_back(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 1)
    tally, legs, before = Tally(spool, tmp_path), [leg(received=1) for _ in range(MANY + 1)], 0
    for _ in range(25):
        if len(legs) > MANY - 2:
            legs.pop()
            tally.note(Released(call="c", counters={"caller": {"received": 1}}))
        now = tally.vitals(legs, 0)["counters"]["packets_received"]
        assert now >= before
        before = int(now)
    spool.flush()
    assert before >= MANY + 1
