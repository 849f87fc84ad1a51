"""Reading the ledger back: one record a call, and what it says at every step."""

from __future__ import annotations

import pytest

from overt.domain.facts import KINDS
from overt.services.auditing import INTERRUPTED, JOINED, CallRecord, Stated, masked, read_calls, recorder_hears
from services.tales import CALL, TALES, entries, record_of, told
from services.test_call_stories import World


@pytest.mark.parametrize("tale", TALES)
async def test_a_record_says_what_the_account_says(tale: str) -> None:
    world, all_of_it = await told(tale)
    record, (account,) = record_of(all_of_it), world.ledger.bodies("call.ended")
    assert record.id == CALL and record.started_us == all_of_it[0].at_us
    for name in (
        "outcome",
        "reason",
        "call_ms",
        "disclosed_ms",
        "captured_ms",
        "consent",
        "legs",
        "gaps",
        "recordings",
    ):
        assert getattr(record, name) == account[name]
    assert record.entries == [one.index for one in all_of_it]
    assert all_of_it[record.ledger_index].kind == "call.ended" and record.stages[-1] == "ended"
    assert not recorder_hears(record)
    assert record.permitted == [body["recording"] for body in world.ledger.bodies("recording.permitted")]


async def test_a_record_knows_parties_places_and_law() -> None:
    record = record_of((await told("informed"))[1])
    assert (record.caller, record.called, record.line, record.agent) == (
        "+12145550100", "sales", "sales", "sip:agent@192.0.2.2",
    )  # fmt: skip
    assert record.places == ["US-TX", "US-GA"] and record.because[0].startswith("caller US-TX: address on file")
    assert (record.effect, record.rule, record.form) == ("permit, announce", "one-party", "none")
    assert record.citation and record.grounds and record.law_allows
    assert record.told == "told" and record.disclosed_ms == 1000


@pytest.mark.parametrize(
    ("tale", "granted", "failed", "consequence"),
    [
        ("informed", "informed", "", ""),
        ("consenting", "given", "", ""),
        ("refusing", "", "", ""),
        ("stopping", "informed", "", ""),
        ("withdrawing", "given", "", ""),
        ("portless", "", "media ports: none is left", "call refused"),
        ("failing, and told", "informed", "capture failed: disk full", "parties told"),
        ("losing", "informed", "engine lost", "call goes on"),
    ],
)
async def test_a_record_remembers_how_consent_was_given_and_what_broke(
    tale: str, granted: str, failed: str, consequence: str
) -> None:
    record = record_of((await told(tale))[1])
    assert (record.granted, record.failed, record.consequence) == (granted, failed, consequence)


async def test_the_recorder_hears_between_its_opening_and_its_stopping_only() -> None:
    for tale in ("informed", "holding", "losing", "stopping", "failing"):
        _, all_of_it = await told(tale)
        hears, expected = [], []
        capturing = False
        for so_far, entry in enumerate(all_of_it, 1):
            if entry.kind in ("recording.permitted", "recording.resumed"):
                capturing = True
            elif entry.kind in ("recording.stopped", "call.failed", "call.ended"):
                capturing = False
            hears.append(recorder_hears(record_of(all_of_it[:so_far])))
            expected.append(capturing)
        assert hears == expected and any(hears), tale


async def test_records_are_read_on_from_where_they_stand() -> None:
    _, all_of_it = await told("holding")
    whole = read_calls(all_of_it)
    for cut in range(len(all_of_it) + 1):
        first = read_calls(all_of_it[:cut])
        assert read_calls(all_of_it[cut:], first) == whole


async def test_calls_are_told_apart_and_what_is_of_no_call_is_passed_over() -> None:
    _, one = await told("informed")
    other = [Stated(e.index + 100, e.kind, e.at_us, "other", e.body, e.personal) for e in (await told("refusing"))[1]]
    nobodys = Stated(50, "account.locked", 1, "", {}, {})
    mixed = [nobodys, *(entry for pair in zip(one, other, strict=False) for entry in pair), *one[len(other):], *other[len(one):]]  # fmt: skip
    assert read_calls(mixed) == {CALL: record_of(one), "other": record_of(other)}
    assert list(read_calls([*other, *one])) == ["other", CALL]


def test_an_interrupted_recording_counts_with_what_is_whole() -> None:
    body = {"recording": "r", "chunks": 3, "head": "ab", "captured_ms": 700, "cause": "engine lost"}
    record = record_of([Stated(0, "recording.interrupted", 1, "c", body, {})] * 2)
    assert record.captured_ms == 1400 and record.stages == [INTERRUPTED, INTERRUPTED]


def test_kinds_that_change_nothing_are_counted_all_the_same() -> None:
    record = record_of([Stated(7, "listening.granted", 1, "c", {}, {}), Stated(9, "call.held", 2, "c", {}, {})])
    assert record == CallRecord("c", 1, entries=[7, 9])


async def test_erased_and_withheld_numbers() -> None:
    world, all_of_it = await told("turned away")
    bare = [Stated(e.index, e.kind, e.at_us, e.call, e.body, {}) for e in all_of_it]
    record = record_of(bare)
    assert (record.caller, record.called, record.agent) == ("erased", "erased", "")
    assert record.stages[0] == "offered on no line" and record.outcome == "not recorded: no such line"
    assert world.control.refused == 404


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+14155550100", "+1415•••••00"),
        ("withheld", "withheld"),
        ("erased", "erased"),
        ("", "withheld"),
        ("123", "•••"),
    ],
)
def test_numbers_are_masked(number: str, shown: str) -> None:
    assert masked(number) == shown


async def test_stages_are_said_in_order() -> None:
    world = World()
    await world.recording()
    assert record_of(entries(world)).stages == [
        "offered on line sales", "ruled by «sales»", "located", "decided: permit, announce", "caller told", "caller informed", JOINED,
        "agent told", "agent informed", "permitted, recording",
    ]  # fmt: skip
    await world.over()


def test_every_reader_reads_a_kind_that_there_is() -> None:
    from overt.services.auditing import _READERS

    assert set(_READERS) < set(KINDS)
