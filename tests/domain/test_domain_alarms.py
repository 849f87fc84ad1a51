"""Alarms: each condition raises its own after its time, lasts, and ends when it has been gone for its time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt.domain.alarms import ALARMS, DAY_US, SECOND_US, Alarm, Signs, Watch, advance
from overt.domain.expected_calls import Expected, parse_expected
from overt.domain.vitals import ClientVitals, Vitals


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND_US


NOW = at("2026-12-01T10:00:00")  # a Tuesday


def vitals(process: str, now: int, counters: Mapping[str, int] | None = None, **gauges: float) -> dict[str, Vitals]:
    return {process: Vitals(process, now, 1, counters or {}, gauges)}


class Looking:
    """Looks again and again, as the worker does."""

    def __init__(self) -> None:
        self.watch = Watch()

    def look(self, signs: Signs) -> tuple[list[str], list[str]]:
        self.watch, raised, ended = advance(self.watch, signs)
        return [one.key for one in raised], [one.key for one in ended]


GAUGES = [
    ("leg.silent|engine-0", "engine-0", {"legs_silent": 2}, {"legs_silent": 0}),
    ("recording.failed|engine-0: the spool cannot be written", "engine-0", {"spool_broken": 1}, {}),
    ("spool.behind|engine-0", "engine-0", {"spool_behind": 2001}, {"spool_behind": 2000}),
    ("disk.low|spool of engine-0", "engine-0", {"spool_free_bytes": 9 << 30, "spool_size_bytes": 100 << 30},
     {"spool_free_bytes": 13 << 30, "spool_size_bytes": 100 << 30}),
    ("disk.low|data folder", "worker", {"disk_free_bytes": 1 << 29, "disk_size_bytes": 1 << 31}, {"disk_free_bytes": 0}),
]  # fmt: skip


@pytest.mark.parametrize(("key", "process", "bad", "good"), GAUGES)
def test_a_gauge_raises_after_its_time_and_ends_after_its_time(
    key: str, process: str, bad: dict[str, float], good: dict[str, float]
) -> None:
    looking, kind = Looking(), ALARMS[key.partition("|")[0]]
    moments = [NOW + second * SECOND_US for second in range(200)]
    raised_at = ended_at = -1
    for second, now in enumerate(moments):
        raised, ended = looking.look(Signs(now, vitals(process, now, **(bad if second <= 60 else good))))
        assert (raised, ended) in (([key], []), ([], [key]), ([], []))
        raised_at, ended_at = (second if raised else raised_at), (second if ended else ended_at)
    assert (raised_at, ended_at) == (kind.after_s, 60 + max(kind.clear_s, 1))


def test_a_condition_that_comes_and_goes_raises_nothing_and_one_that_is_raised_does_not_flap() -> None:
    looking = Looking()
    for second in range(40):
        now = NOW + second * SECOND_US
        assert looking.look(Signs(now, vitals("engine-0", now, legs_silent=second % 2))) == ([], [])
    for second in range(40, 100):
        now = NOW + second * SECOND_US
        looking.look(Signs(now, vitals("engine-0", now, legs_silent=int(second < 60 or second % 20 == 0))))
    assert [one.key for one in looking.watch.raised] == ["leg.silent|engine-0"]


def test_a_disk_must_have_more_room_to_end_its_alarm_than_to_raise_it() -> None:
    looking = Looking()
    for free, seconds in ((9, 20), (11, 200), (13, 61)):
        for _ in range(seconds):
            now = NOW + len(looking.watch.marks) + free * 1000 * SECOND_US + _ * SECOND_US
            looking.look(Signs(now, vitals("worker", now, disk_free_bytes=free << 30, disk_size_bytes=100 << 30)))
        assert bool(looking.watch.raised) == (free < 13)


COUNTERS = [
    ("process.restarted|engine-0", "serve", "process_restarts|engine-0", 600),
    ("recording.failed|engine-0: the spool failed", "engine-0", "captures_broken", 900),
    ("recording.failed|engine-0: its permit was not renewed", "engine-0", "leases_run_out", 900),
    ("ledger.not-durable|ledger", "notary", "ledger_commit_failures", 120),
]


@pytest.mark.parametrize(("key", "process", "counter", "lasts_s"), COUNTERS)
def test_a_counter_that_grows_raises_for_a_while(key: str, process: str, counter: str, lasts_s: int) -> None:
    looking, kind = Looking(), ALARMS[key.partition("|")[0]]
    values = [(0, 3, []), (5, 3, []), (10, 4, [key]), (15, 4, [])]
    for second, value, expected in values:
        now = NOW + second * SECOND_US
        assert looking.look(Signs(now, vitals(process, now, {counter: value, "other": second}))) == (expected, [])
    last = NOW + (10 + lasts_s) * SECOND_US
    looking.look(Signs(last - SECOND_US, vitals(process, last - SECOND_US, {counter: 4})))
    assert looking.watch.raised
    ends = last + kind.clear_s * SECOND_US
    assert looking.look(Signs(ends, vitals(process, ends, {counter: 4}))) == ([], [key])
    began_anew = ends + SECOND_US
    assert looking.look(Signs(began_anew, vitals(process, began_anew, {counter: 0}))) == ([], [])
    assert looking.look(Signs(began_anew + 1, vitals(process, began_anew + 1, {counter: 1}))) == ([key], [])


def test_a_process_that_falls_silent_is_said() -> None:
    looking = Looking()
    said = vitals("notary", NOW)
    assert looking.look(Signs(NOW + 5 * SECOND_US, said)) == ([], [])
    assert looking.look(Signs(NOW + 15 * SECOND_US, said)) == (["process.silent|notary"], [])
    back = NOW + 30 * SECOND_US
    assert looking.look(Signs(back, vitals("notary", back))) == ([], ["process.silent|notary"])


def test_settings_that_grow_old_are_said() -> None:
    looking = Looking()
    good = Signs(NOW, {}, certificates={"web": NOW + 14 * DAY_US}, law_us=NOW - 365 * DAY_US)
    assert looking.look(good) == ([], [])
    bad = Signs(NOW + SECOND_US, {}, (), {"web": NOW + 14 * DAY_US, "sip": NOW - 1}, ("pbx",), NOW - 365 * DAY_US)
    assert set(looking.look(bad)[0]) == {
        "certificate.expiring|web",
        "certificate.expiring|sip",
        "attestation.unproven|pbx",
        "law.old|law table",
    }
    assert {one.sentence for one in looking.watch.raised if one.kind == "certificate.expiring"} == {
        "The certificate web ends in 13 days.", "The certificate sip has ended.",
    }  # fmt: skip
    assert len(looking.look(Signs(NOW + 2 * SECOND_US, {}, law_us=NOW))[1]) == 4


def calls(now: int, count: int) -> dict[str, Vitals]:
    return {"signalling": Vitals("signalling", now, 1, clients={"pbx": ClientVitals(now, count)})}


def test_a_client_that_brings_no_call_in_hours_in_which_it_should_is_said() -> None:
    looking, expected, key = Looking(), [parse_expected("pbx Mo-Fr 09:00-17:00 30m")], "calls.missing|pbx"

    def look(moment: str, count: int) -> tuple[list[str], list[str]]:
        return looking.look(Signs(at(moment), calls(at(moment), count), expected))

    assert look("2026-12-01T08:00:00", 5) == ([], [])
    assert look("2026-12-01T09:29:59", 5) == ([], [])  # half an hour is counted from the hour on
    assert look("2026-12-01T09:30:00", 5) == ([key], [])
    assert look("2026-12-01T09:31:00", 6) == ([], [key])
    assert look("2026-12-01T10:01:00", 6) == ([key], [])
    assert look("2026-12-01T17:00:00", 6) == ([], [key])
    assert look("2026-12-05T10:00:00", 6) == ([], [])  # a Saturday
    assert looking.look(Signs(at("2026-12-07T09:40:00"), {}, expected)) == ([key], [])  # nobody knows of any call
    assert "brought no call for 30 minutes" in looking.watch.raised[0].sentence


@pytest.mark.parametrize("text", ["", "pbx", "pbx Mo-Fr 09:00-17:00", "pbx Mo-Fr 17:00-09:00 30m", "pbx Xx 09:00-17:00 30m", "pbx Fr-Mo 09:00-17:00 30m",
                                  "pbx Mo- 09:00-17:00 30m", "pbx Mo 09:00-25:00 30m", "pbx Mo 09:60-17:00 30m", "pbx Mo 09:00-17:00 0m"])  # fmt: skip
def test_what_is_written_otherwise_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write it as"):
        parse_expected(text)


@given(
    st.frozensets(st.integers(0, 6), min_size=1),
    st.integers(0, 1439),
    st.integers(1, 1440),
    st.integers(1, 9999),
    st.sampled_from("mh"),
)
def test_expectations_are_read_as_they_are_written(
    days: frozenset[int], first: int, last: int, length: int, unit: str
) -> None:
    names = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
    if first >= last:
        first, last = last - 1, first + 1
    text = f"a-b {','.join(names[one] for one in days)} {first // 60:02}:{first % 60:02}-{last // 60:02}:{last % 60:02} {length}{unit}"
    read = parse_expected(text)
    assert read == Expected("a-b", days, first, last, length * (60 if unit == "m" else 3600))
    assert str(read).startswith(",".join(names[one] for one in sorted(days)))


@given(st.lists(st.tuples(st.integers(1, 100), st.booleans()), max_size=40))
def test_raised_and_ended_alternate_whatever_happens(steps: list[tuple[int, bool]]) -> None:
    looking, now, open_ = Looking(), NOW, False
    for seconds, bad in steps:
        now += seconds * SECOND_US
        raised, ended = looking.look(Signs(now, vitals("engine-0", now, legs_silent=int(bad))))
        assert not (raised and ended) and bool(raised) <= (not open_) and bool(ended) <= open_
        open_ = (open_ or bool(raised)) and not ended
        assert open_ == bool(looking.watch.raised)


def test_the_newest_alarm_comes_first() -> None:
    watch = Watch({str(n): Alarm("law.old", str(n), "", n, n, n) for n in (0, 1, 3, 2)})
    assert [one.raised_us for one in watch.raised] == [3, 2, 1]
