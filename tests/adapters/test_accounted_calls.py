"""The facts of past calls for their accounts, read from a ledger's files."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

from adapters.written_calls import STORIES, Stated, WrittenLedger, interleaved, make_call
from overt.adapters.accounted_calls import AccountedCalls, facts_of, indexes_of
from overt.adapters.ledger_window import LedgerWindow
from overt.domain.identity import SIDES
from overt.domain.reconciling import CallFacts, Counters, Gap, Kept, Step, classify

AT = 1_760_000_000_000_000
CALL = "0193568a-0000-7000-8000-0000000000c1"


def full() -> list[Stated]:
    """A recording session of two permits, with all that is read."""
    body: dict[str, Any] = {"episode": 1, "recording": "r1"}
    described = {"number": 1, "dialect": "", "lines": []}
    return [
        ("call.offered", {"line": "sales", "trunk": "sbc"}, {"from": "+14155550102", "to": "sip:1001@pbx", "agent": "sip:ann@pbx", "call_id": "a@b", "sessions": "cs-1 9f8e"}),
        ("session.described", described, {}), ("session.described", described | {"dialect": "rfc", "lines": ["agent: line 2"]}, {}),
        ("call.decided", {"effect": "permit, ask", "why": "", "rule": "all-party", "form": "x"}, {}),
        ("call.consent", {"side": "caller", "standing": "asked"}, {}), ("call.consent", {"side": "caller", "standing": "given"}, {}),
        ("call.joined", {"side": "agent", "how": "answered"}, {}),
        ("recording.permitted", body, {}), ("recording.stopped", body | {"paused": True, "reason": "hold", "by": "consent"}, {}),
        ("recording.resumed", body | {"after": "hold"}, {}), ("recording.interrupted", {"recording": "r1", "captured_ms": 700, "cause": "engine lost"}, {}),
        ("call.failed", {"what": "engine lost", "setting": "x", "consequence": "call goes on"}, {}),
        ("recording.permitted", body | {"recording": "r2"}, {}), ("recording.stopped", body | {"recording": "r2", "paused": False}, {}),
        ("recording.closed", body | {"recording": "r2", "captured_ms": 900, "chunks": 1}, {}),
        ("call.ended", {"outcome": "recorded", "reason": "caller hung up", "call_ms": 9000, "disclosed_ms": 1, "captured_ms": 1600,
                        "consent": "given", "legs": {"caller": {"received": 9, "captured": 8, "lost": 1, "sent": 5}},
                        "gaps": [{"recording": "r1", "from_ms": 1, "to_ms": 2, "cause": "hold"}], "recordings": ["r1", "r2"]}, {}),
        ("call.seconds", {"caller": [[0, 1, 9, 8, 0, 1, 0, 0]], "agent": []}, {}),
    ]  # fmt: skip


def written(folder: Path, entries: list[Stated]) -> WrittenLedger:
    ledger = WrittenLedger(folder)
    for number, one in enumerate(entries):
        ledger.enter(CALL, AT + number, one)
    ledger.publish()
    return ledger


def read(folder: Path, since: int = 0, until: int = 2**60) -> list[CallFacts]:
    return [call for one in AccountedCalls(folder, 4096).read(since, until) for call in one.calls]


def test_a_call_with_all_that_is_read_of_it_by_the_time_and_by_itself(tmp_path: Path) -> None:
    written(tmp_path, full())
    (call,) = read(tmp_path)
    assert (call.id, call.offered_us, call.trunk, call.line) == (CALL, AT, "sbc", "sales")
    assert (call.caller, call.called, call.agent, call.ids) == ("+14155550102", "1001", "ann", ("a@b", "cs-1", "9f8e"))
    assert (call.effect, call.standings, call.joined_us) == ("permit, ask", {"caller": "given"}, AT + 6)
    assert call.failures == (("engine lost", "call goes on"),) and call.kept == (
        Kept("r1", 700, "engine lost"),
        Kept("r2", 900),
    )
    assert call.steps == tuple(
        Step(AT + at, kind, name)  # type: ignore[arg-type]
        for at, kind, name in ((7, "permitted", "r1"), (8, "paused", "r1"), (9, "resumed", "r1"), (10, "ended", "r1"),
                               (12, "permitted", "r2"), (13, "stopped", "r2"), (14, "ended", "r2"))
    )  # fmt: skip
    assert call.heard == ("agent",) and not call.undescribed and not call.unreadable
    assert (
        call.end is not None
        and call.end.legs == {"caller": Counters(9, 8, 1)}
        and call.end.gaps == (Gap(1, 2, "hold"),)
    )
    assert call.end.recordings == ("r1", "r2") and call.end.at_us == AT + 15
    window = LedgerWindow(tmp_path)
    assert indexes_of(tmp_path, CALL) == list(range(len(full())))
    assert facts_of(window.some(indexes_of(tmp_path, CALL))) == call
    assert indexes_of(tmp_path, "none") == indexes_of(tmp_path / "none", CALL) == [] and facts_of([]) is None


def test_a_call_of_which_little_is_known(tmp_path: Path) -> None:
    ledger = written(tmp_path, full()[:2])
    (call,) = read(tmp_path)
    assert call.end is None and call.undescribed and call.heard == SIDES and call.effect == ""
    ledger.erase(0)
    (call,) = read(tmp_path)
    assert (call.caller, call.called, call.agent, call.ids) == ("", "", "", ())
    assert read(tmp_path, AT + 1) == read(tmp_path, 0, AT) == read(tmp_path / "none") == []


def test_an_entry_that_cannot_be_read_marks_its_call(tmp_path: Path) -> None:
    written(tmp_path, full()).close()
    log = tmp_path / "entries.log"
    log.write_bytes(log.read_bytes().replace(b'"effect":"permit, ask"', b'"effect":12345678901'))
    (call,) = read(tmp_path)
    assert call.unreadable and classify(call, AT, 1).of == "alarm"
    last = list(AccountedCalls(tmp_path).read(0, 2**60))[-1]
    assert (last.broken, last.first_broken) == (1, (3,))
    one = facts_of(LedgerWindow(tmp_path).some(indexes_of(tmp_path, CALL)))
    assert one is not None and one.unreadable


def test_many_calls_that_mix_are_each_put_together(tmp_path: Path) -> None:
    chance = Random(3)
    calls = [make_call(chance, AT + number * 1_000_000) for number in range(60)]
    ledger = WrittenLedger(tmp_path)
    for call, stated in interleaved(calls, chance):
        ledger.enter(call.id, call.started_us, stated)
    ledger.publish()
    found = {one.id: one for one in read(tmp_path)}
    assert found.keys() == {one.id for one in calls}
    kinds = {"recorded": {"whole", "gaps"}, "refused": {"no consent"}, "timeout": {"no consent"}, "hang-up": {"no consent"},
             "withdrawn": {"until a no", "gaps"}, "lost": {"crash"}, "unanswered": {"no answer"}, "no line": {"no answer"}}  # fmt: skip
    assert kinds.keys() == set(STORIES)
    for one in calls:
        assert classify(found[one.id], AT, 1).kind in kinds[one.story], one.story
