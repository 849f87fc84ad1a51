"""Past calls read from the ledger's files: those of their time, with what is erased, older or broken said as such."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.ruled_calls import LINES, SALES, SETTINGS, SUPPORT, Told, law, some_call, write
from adapters.written_calls import WrittenLedger
from overt.adapters.ledger_times import begin_of, index_at
from overt.adapters.past_calls import LONGEST_CALL_US, MARGIN_US, PastCalls
from overt.domain.hindsight import PastCall
from overt.domain.location import US_PLACES
from overt.ledger.merkle import leaf_hash
from overt.ports import Unavailable
from overt.services.rehearsing import Read

BEGAN = 1_760_000_000_000_000
MINUTE = 60_000_000
EVER = 2**60
READ = law()


def ledger_of(folder: Path, *calls: Told, apart_us: int = MINUTE) -> tuple[WrittenLedger, list[str]]:
    """A ledger of calls, a minute from one to the next."""
    ledger = WrittenLedger(folder)
    ids = write(ledger, [(BEGAN + number * apart_us, one) for number, one in enumerate(calls)], READ)
    ledger.publish()
    return ledger, ids


def everything(folder: Path, since: int = 0, until: int = EVER, window: int = 1 << 22) -> tuple[list[PastCall], Read]:
    """All calls that are read, and the last stretch."""
    stretches = list(PastCalls(folder, window).read(since, until))
    return [call for one in stretches for call in one.calls], stretches[-1]


def test_a_call_with_all_that_happened(tmp_path: Path) -> None:
    _, (call,) = ledger_of(tmp_path, Told(seconds=100))
    (past,), read = everything(tmp_path)
    assert past == PastCall(
        call, BEGAN, "support", caller="+14155550123", called="+14045550100", agent="sip:agent1@192.0.2.20", ruled=True,
        policy="support", places=past.places, will="ask", rule="all-party", form=past.form, languages=("en",),
        purpose="quality and training", answer="yes", joined=True, recorded=True, kept_from_us=BEGAN + 100_000_000,
        keep_days=90, listeners=SUPPORT.listeners, ended=True,
    )  # fmt: skip
    assert past.places == tuple(sorted(US_PLACES))
    assert (read.done, read.total, read.unreadable, read.broken) == (
        read.total,
        os.path.getsize(tmp_path / "entries.log"),
        0,
        0,
    )


@pytest.mark.parametrize(
    ("told", "seen"),
    [
        (Told(did="no"), {"answer": "no", "recorded": False, "joined": True, "kept_from_us": 0}),
        (Told(did="silence"), {"answer": "silence"}),
        (Told(did="another key"), {"answer": "another key"}),
        (Told(did="held"), {"answer": "held", "languages": ()}),
        (Told(did="hung up"), {"answer": "hung up", "joined": False, "hindered": ""}),
        (Told(did="untold"), {"answer": "not told", "languages": ()}),
        (Told(did="withdrawn"), {"answer": "yes, then no", "recorded": True}),
        (Told("sales", on_file="DE"), {"will": "ask", "languages": ("en", "es"), "policy": "sales"}),
        (Told("sales", "+15125550100", on_file="US-TX"), {"will": "announce", "answer": "stayed"}),
        (Told("sales", "+15125550100", on_file="US-TX", did="withdrawn"), {"answer": "stayed, then no"}),
        (Told(did="busy"), {"hindered": "the agent was not reached (busy)", "joined": False, "answer": "yes"}),
        (Told(did="failed"), {"failed": True, "answer": "never told", "joined": True, "will": "ask"}),
        (Told(agent_did="untold"), {"hindered": "the agent was not told, or said no (the leg was silent before the announcement)"}),
        (Told(agent_did="no"), {"agent_no": True, "recorded": True}),
        (Told(did="turned away"), {"will": "", "places": (), "ended": True}),
        (Told(number=""), {"caller": "", "erased": frozenset()}),
        (Told(listeners=()), {"listeners": ()}),
        (Told(ruled=False), {"ruled": False, "policy": "", "keep_days": 0, "listeners": None, "will": "ask", "why": ""}),
    ],
)  # fmt: skip
def test_what_happened_is_told_apart(tmp_path: Path, told: Told, seen: dict[str, object]) -> None:
    ledger_of(tmp_path, told)
    (past,), _ = everything(tmp_path)
    assert {name: getattr(past, name) for name in seen} == seen


def test_a_hold_an_interruption_and_two_recordings(tmp_path: Path) -> None:
    ledger, _ = ledger_of(tmp_path)
    at = BEGAN
    for kind, body in (
        ("call.offered", {"line": "support", "trunk": "t"}),
        ("call.decided", {"effect": "deny", "rule": "one-party", "form": "none", "purpose": "recording", "why": "never recorded"}),
        ("call.held", {"side": "caller", "held": False}),
        ("call.held", {"side": "agent", "held": True}),
        ("call.joined", {"side": "caller", "how": "x"}),
        ("call.not_joined", {"side": "caller", "reason": "x", "status": 1}),
        ("call.told", {"side": "agent", "told": True, "prompts": ["de/announce 00"]}),
        ("call.failed", {"what": "engine lost", "setting": "", "consequence": ""}),
        ("recording.interrupted", {"recording": "a", "chunks": 1, "head": "", "captured_ms": 1, "cause": "engine lost"}),
        ("recording.closed", {"recording": "b", "reason": "", "chunks": 1, "started_us": 0, "ended_us": at + 5}),
        ("call.answered_question", {"side": "caller", "answer": "yes", "how": ""}),
        ("call.ended", {"recordings": ["a", "b"]}),
    ):  # fmt: skip
        at += 1_000_000
        ledger.enter("c", at, (kind, body, {}))
    ledger.publish()
    (past,), _ = everything(tmp_path)
    assert past.held and past.recorded and not past.failed and not past.joined and not past.hindered
    assert past.kept_from_us == BEGAN + 9_000_000 and past.will == "none" and past.why == "never recorded"
    assert past.languages == () and past.purpose == "" and past.erased == frozenset()


def test_recorded_without_an_end_is_kept_from_the_end_of_the_call(tmp_path: Path) -> None:
    ledger, _ = ledger_of(tmp_path)
    for at, kind, body in ((1, "call.offered", {"line": "", "trunk": "t"}), (2, "call.ended", {"recordings": ["a"]})):
        ledger.enter("c", at, (kind, body, {}))
    ledger.publish()
    (past,), _ = everything(tmp_path)
    assert past.kept_from_us == 2


def test_entries_of_calls_that_began_before_are_passed_over(tmp_path: Path) -> None:
    ledger, ids = ledger_of(
        tmp_path, Told(), Told(did="withdrawn"), Told(agent_did="no"), Told(did="busy"), Told(did="failed"), Told()
    )
    ledger.enter("gone", BEGAN + 6 * MINUTE, ("recording.interrupted", {"recording": "a", "cause": ""}, {}))
    ledger.enter("gone", BEGAN + 6 * MINUTE, ("call.held", {"side": "a", "held": True}, {}))
    ledger.publish()
    calls, _ = everything(tmp_path, since=BEGAN + 5 * MINUTE)
    assert [one.id for one in calls] == ids[5:]


def test_since_and_until_mean_the_offer_and_until_is_not_included(tmp_path: Path) -> None:
    _, ids = ledger_of(tmp_path, *[Told()] * 5)
    calls, _ = everything(tmp_path, since=BEGAN + MINUTE, until=BEGAN + 3 * MINUTE)
    assert [one.id for one in calls] == ids[1:3]
    assert all(one.ended and one.caller for one in calls)
    assert (
        everything(tmp_path, since=BEGAN + MINUTE + 1, until=BEGAN + 3 * MINUTE + 1)[0]
        == everything(tmp_path, BEGAN + 2 * MINUTE, BEGAN + 4 * MINUTE)[0]
    )


def test_only_the_calls_of_the_time_are_read_and_reading_ends_soon_after(tmp_path: Path) -> None:
    _, ids = ledger_of(tmp_path, *[Told()] * 60, apart_us=30 * MINUTE)
    size = os.path.getsize(tmp_path / "entries.log")
    stretches = list(PastCalls(tmp_path, 4096).read(BEGAN + 30 * 30 * MINUTE, BEGAN + 33 * 30 * MINUTE))
    assert [call.id for one in stretches for call in one.calls] == ids[30:33]
    assert stretches[-1].done == stretches[-1].total < size * 0.6
    assert len(stretches) < 5 * (size // 60) // 4096 + 6
    assert [one.done for one in stretches] == sorted(one.done for one in stretches)


def test_a_call_that_goes_on_past_the_time_is_read_to_its_end(tmp_path: Path) -> None:
    ledger, _ = ledger_of(tmp_path)
    ledger.enter("long", BEGAN, ("call.offered", {"line": "support", "trunk": "t"}, {"from": "+1415"}))
    for number in range(1, 41):
        ledger.enter(
            f"other {number}", BEGAN + number * MINUTE, ("call.offered", {"line": "support", "trunk": "t"}, {})
        )
    ledger.enter("long", BEGAN + 60 * MINUTE, ("call.ended", {"recordings": []}, {}))
    ledger.publish()
    (past,), read = everything(tmp_path, until=BEGAN + 1, window=512)
    assert past.id == "long" and past.ended and past.caller == "+1415" and read.done == read.total


def test_a_call_that_has_not_ended_comes_last(tmp_path: Path) -> None:
    ledger, _ = ledger_of(tmp_path, Told())
    ledger.enter("open", BEGAN + MINUTE, ("call.offered", {"line": "support", "trunk": "t"}, {}))
    ledger.publish()
    calls, _ = everything(tmp_path)
    assert [(one.id == "open", one.ended) for one in calls] == [(False, True), (True, False)]


def test_what_no_checkpoint_speaks_of_is_not_read(tmp_path: Path) -> None:
    ledger, ids = ledger_of(tmp_path, Told())
    write(ledger, [(BEGAN + MINUTE, Told())], READ, seed=2)
    ledger.close()
    assert [one.id for one in everything(tmp_path)[0]] == ids
    (tmp_path / "checkpoint").unlink()
    assert everything(tmp_path)[0] == []


def test_erased_values_are_named(tmp_path: Path) -> None:
    ledger, _ = ledger_of(tmp_path, Told(), Told())
    ledger.erase(0)
    calls, _ = everything(tmp_path)
    assert (calls[0].caller, calls[0].agent, calls[0].erased) == ("", "", {"caller", "called", "agent"})
    assert calls[1].caller and calls[1].erased == frozenset()
    with ledger._personal:
        ledger._personal.execute("DELETE FROM personal WHERE field = 'agent'")
    assert everything(tmp_path)[0][1].erased == {"agent"}
    (tmp_path / "personal.sqlite").unlink()
    assert all(one.erased == {"caller", "called", "agent"} for one in everything(tmp_path)[0])


def damage(folder: Path, number: int, change: bytes, by: bytes) -> None:
    """Change a line of the log."""
    lines = (folder / "entries.log").read_bytes().split(b"\n")
    assert change in lines[number]
    lines[number] = lines[number].replace(change, by, 1)
    (folder / "entries.log").write_bytes(b"\n".join(lines))


def test_a_broken_entry_is_counted_and_its_call_set_apart(tmp_path: Path) -> None:
    _, ids = ledger_of(tmp_path, *[Told()] * 3)
    entries_each = len((tmp_path / "entries.log").read_bytes().splitlines()) // 3
    damage(tmp_path, entries_each + 3, b'"rule":', b'"rule"')
    damage(tmp_path, entries_each + 4, b'"told":true', b'"told":1')
    calls, read = everything(tmp_path)
    assert [one.id for one in calls] == [ids[0], ids[2]]
    assert (read.unreadable, read.broken, read.first_broken) == (1, 2, (entries_each + 3, entries_each + 4))


def test_a_line_that_is_no_entry_at_all_is_counted(tmp_path: Path) -> None:
    _, ids = ledger_of(tmp_path, Told(), Told(did="busy"))
    lines = (tmp_path / "entries.log").read_bytes().split(b"\n")
    for number in range(4, 16):
        lines[number] = b"\xff not an entry"
    (tmp_path / "entries.log").write_bytes(b"\n".join(lines))
    calls, read = everything(tmp_path)
    assert read.broken == 12 and len(read.first_broken) == 10 and read.first_broken[0] == 4
    assert ids[0] in [one.id for one in calls]


def test_a_broken_offer_leaves_no_call(tmp_path: Path) -> None:
    _, ids = ledger_of(tmp_path, Told(), Told())
    damage(tmp_path, 0, b'"line":', b'"lines":')
    calls, read = everything(tmp_path)
    assert [one.id for one in calls] == ids[1:] and read.broken == 1 and read.unreadable == 0


def test_windows_smaller_than_a_line_read_the_same(tmp_path: Path) -> None:
    chance = Random(3)
    ledger_of(tmp_path, *[some_call(chance) for _ in range(30)])
    whole, _ = everything(tmp_path)
    small, read = everything(tmp_path, window=100)
    assert len(whole) == 30 and small == whole and read.done == read.total


def test_a_torn_end_is_left_alone(tmp_path: Path) -> None:
    ledger, ids = ledger_of(tmp_path, Told())
    ledger.size += 1
    ledger.publish()  # a checkpoint that speaks of more than there is
    with (tmp_path / "entries.log").open("ab") as log:
        log.write(b'{"at_us":1,"entered_us":%d,"body":{' % (BEGAN + MINUTE))
    calls, _ = everything(tmp_path)
    assert [one.id for one in calls] == ids


def test_places_are_read_again_where_there_are_too_many_to_remember(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("overt.adapters.past_entries.MOST_PLACES", 1)
    ledger_of(tmp_path, Told(), Told(number=""), Told(on_file="US-TX"), Told())
    calls, _ = everything(tmp_path)
    assert calls[0].places == calls[3].places == calls[1].places and calls[2].places == ("US-CA", "US-GA", "US-TX")


def test_no_ledger_no_calls(tmp_path: Path) -> None:
    assert list(PastCalls(tmp_path).read(0, EVER)) == []
    ledger_of(tmp_path)
    assert list(PastCalls(tmp_path).read(0, EVER)) == []


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    ledger_of(tmp_path, Told())
    (tmp_path / "checkpoint").write_text("no note")
    with pytest.raises(Unavailable, match="cannot be read"):
        everything(tmp_path)
    (tmp_path / "entries.log").unlink()
    (tmp_path / "entries.log").mkdir()
    with pytest.raises(Unavailable, match="Is a directory"):
        everything(tmp_path)


# ------------------------------------------------------------------------------------------ finding the place

stamps = st.lists(st.integers(0, 3), min_size=0, max_size=30)


@settings(max_examples=60, deadline=None)
@given(steps=stamps, at=st.integers(0, 40), seed=st.integers(0, 5))
def test_the_place_of_a_time_is_found(
    steps: list[int], at: int, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Property: all lines before it were entered before, and no line from it on that tells its time was."""
    chance, time, lines, times = Random(seed), 0, [], []
    for step in steps:
        time += step
        tells = chance.random() < 0.8
        lines.append(
            b'{"x":"%s","entered_us":%d,"id":"1"}\n' % (b"y" * chance.randrange(300), time) if tells else b"nothing\n"
        )
        times.append(time if tells else None)
    path = tmp_path_factory.mktemp("log") / "entries.log"
    path.write_bytes(b"".join(lines))
    with path.open("rb") as file:
        size = path.stat().st_size
        begin = begin_of(file.fileno(), size, at)
        begins = [sum(map(len, lines[:number])) for number in range(len(lines) + 1)]
        assert begin in begins
        first = begins.index(begin)
        assert all(one is None or one < at for one in times[:first])
        assert all(one is None or one >= at for one in times[first:])
        assert index_at(path.parent, file.fileno(), begin, size) == (first if begin < size else 0)


def test_the_index_is_found_by_the_leaf_and_counted_without(tmp_path: Path) -> None:
    ledger_of(tmp_path, *[Told()] * 20)
    lines = (tmp_path / "entries.log").read_bytes().splitlines()
    begin = sum(len(line) + 1 for line in lines[:57])
    size = os.path.getsize(tmp_path / "entries.log")
    with (tmp_path / "entries.log").open("rb") as file:
        assert index_at(tmp_path, file.fileno(), begin, size) == 57
        (tmp_path / "leaves").write_bytes(b"".join(hashlib.sha256(bytes([number])).digest() for number in range(57)))
        assert index_at(tmp_path, file.fileno(), begin, size) == 57  # not among the leaves: counted
        leaf = leaf_hash(lines[57])
        (tmp_path / "leaves").write_bytes(
            b"\0" * 16 + leaf + b"\0" * 16 + b"".join(leaf_hash(line) for line in lines[2:])
        )
        assert index_at(tmp_path, file.fileno(), begin, size) == 57  # found at its own place, not across two
        (tmp_path / "leaves").write_bytes(b"")
        assert index_at(tmp_path, file.fileno(), begin, size) == 57


def test_the_margins_hold_a_call_that_was_entered_late(tmp_path: Path) -> None:
    ledger, _ = ledger_of(tmp_path)
    ledger.enter("c", BEGAN - MARGIN_US, ("call.offered", {"line": "support", "trunk": "t"}, {}))
    ledger.enter("d", BEGAN + MARGIN_US - 1, ("call.offered", {"line": "support", "trunk": "t"}, {}))
    ledger.publish()
    assert LONGEST_CALL_US > MARGIN_US > 0
    assert [one.id for one in everything(tmp_path, BEGAN, BEGAN + MARGIN_US)[0]] == ["d"]


def test_the_made_up_calls_follow_their_lines() -> None:
    assert set(LINES) == {one.name for one in SETTINGS.book.policy} and SALES.telling == "announce"
