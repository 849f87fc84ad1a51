"""What the house itself enters of a call, rehearsed: the book that ruled it changes nothing, another is answered rightly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.written_calls import WrittenLedger
from changed import replace
from overt.adapters.past_calls import PastCalls
from overt.domain.book import Ask, Capture, Edition, Keep, Policy, PolicyBook, book_of_lines
from overt.domain.errors import PolicyRefused
from overt.domain.foresight import LineNow
from overt.domain.hindsight import PastCall
from overt.domain.law.duties import Basis
from overt.domain.policy import LinePolicy
from overt.ports import Unavailable
from overt.services.rehearsing import Known, Proposal, Read, Rehearsed, Span, law_reader, rehearse
from services.tales import TALES, entries, told
from services.test_call_stories import TABLE, World

EVER = Span(0, 2**60, 2**59)
# tale → what its caller did, as a rehearsal reads it; None: nothing was decided
DID = {
    "informed": "stayed", "consenting": "yes", "refusing": "no", "unclear": "another key", "unanswering": "silence",
    "stopping": "stayed, then no", "withdrawing": "yes, then no", "stopping early": "stayed, then no", "holding": "stayed",
    "failing": "stayed", "failing, and told": "stayed", "losing": "stayed", "untold": "not told", "hanging up": "hung up",
    "silent": "stayed", "busy": "stayed", "declined": "stayed", "unreachable": "stayed", "without a prompt": "never told", "portless": None,
    "turned away": None,
}  # fmt: skip


class Remembered:
    """Past calls in memory."""

    def __init__(self, *calls: PastCall) -> None:
        self.calls = calls

    def read(self, since_us: int, until_us: int) -> Iterator[Read]:
        """See rehearsing.PastCalls."""
        for number, call in enumerate(self.calls, 1):
            yield Read([call], number, len(self.calls))


def line_of(world: World) -> LinePolicy:
    return world.house.lines["sales"].policy


def rehearsed(past: PastCalls | Remembered, world: World, book: PolicyBook, version: int = 0) -> Rehearsed:
    """A book rehearsed by what a world knows."""
    known = Known(
        lambda version: None, {"sales": LineNow(line_of(world))}, lambda zone, at_us: (0, 600), lambda *numbers: ""
    )
    proposal = Proposal(Edition(book, version, "ab"), TABLE, world.house.clock.today(), "standard", ("US-CA",))
    return rehearse(past, proposal, known, EVER)


async def told_to(folder: Path, name: str) -> tuple[World, list[PastCall]]:
    """A tale's entries in a ledger's files, and the calls that are read from them."""
    world, stated = await told(name)
    ledger = WrittenLedger(folder)
    for one in stated:
        ledger.enter(one.call, one.at_us, (one.kind, one.body, one.personal))
    ledger.publish()
    ledger.close()
    return world, [call for read in PastCalls(folder).read(0, 2**60) for call in read.calls]


@pytest.mark.parametrize("name", sorted(TALES.keys() & DID.keys()))
async def test_what_the_house_did_is_what_it_would_do(name: str, tmp_path: Path) -> None:
    world, (call,) = await told_to(tmp_path, name)
    assert call.ended and (call.answer if call.will else None) == DID[name]
    found = rehearsed(PastCalls(tmp_path), world, book_of_lines([line_of(world)])).rehearsal
    assert found.changed == 0 and found.shown == []
    assert (found.rehearsed, found.apart.total()) == ((1, 0) if call.will else (0, 1))
    assert call.recorded == bool(world.ledger.bodies("call.ended")[0]["recordings"])


async def test_an_asking_book_over_calls_that_were_told_alone(tmp_path: Path) -> None:
    world, _ = await told_to(tmp_path, "informed")
    asking = replace(book_of_lines([line_of(world)]).policy[0], ask=Ask("ask"), keep=Keep(7))
    found = rehearsed(PastCalls(tmp_path), world, PolicyBook(policy=(asking,)), 1).rehearsal
    (changed,) = found.shown
    assert changed.what == ("telling", "recorded") and changed.would.recorded == "unknown"
    assert changed.caller == "+1214•••••00"


async def test_an_announcing_book_over_a_call_that_gave_no_answer(tmp_path: Path) -> None:
    world, _ = await told_to(tmp_path, "unanswering")
    announcing = replace(book_of_lines([line_of(world)]).policy[0], ask=Ask("announce", "Dana"))
    found = rehearsed(PastCalls(tmp_path), world, PolicyBook(policy=(announcing,)), 1).rehearsal
    assert found.shown[0].what == ("telling", "recorded") and found.shown[0].would.recorded == "whole"


async def test_hold_that_stops_would_have_cut_it_short(tmp_path: Path) -> None:
    world, (call,) = await told_to(tmp_path, "holding")
    assert call.held
    stopping = replace(book_of_lines([line_of(world)]).policy[0], capture=Capture(on_hold="stop"))
    found = rehearsed(PastCalls(tmp_path), world, PolicyBook(policy=(stopping,)), 1).rehearsal
    assert found.shown[0].what == ("recorded",) and found.shown[0].would.recorded == "part"


async def test_who_was_told_nothing_gave_no_answer_when_they_hung_up(tmp_path: Path) -> None:
    world = World("ask")
    world.control.offer = replace(world.control.offer, called="112")
    await world.start()
    await world.until(lambda: bool(world.engine.calls) and world.media.relayed)
    await world.over()
    ledger = WrittenLedger(tmp_path)
    for one in entries(world):
        ledger.enter(one.call, one.at_us, (one.kind, one.body, one.personal))
    ledger.publish()
    ((call,),) = [read.calls for read in PastCalls(tmp_path).read(0, 2**60)]
    assert (call.will, call.answer, call.recorded) == ("none", "never told", False)
    found = rehearsed(PastCalls(tmp_path), world, book_of_lines([line_of(world)])).rehearsal
    assert found.shown[0].would.recorded == "unknown"  # these made-up numbers know no emergencies
    found = rehearsed(PastCalls(tmp_path), world, PolicyBook()).rehearsal
    assert found.changed == 0


# ------------------------------------------------------------------------------------------ the story itself

CALL = PastCall(
    "c", 5, "sales", ruled=True, policy="sales", places=("US-CA",), will="ask", ended=True, answer="yes", joined=True
)
BOOK = PolicyBook(policy=(Policy("all", "Dana"), Policy("off", "Dana", enabled=False)))


def test_progress_is_told_and_may_stop_it() -> None:
    world, seen = World(), list[tuple[int, int, int]]()
    known = Known(lambda version: None, {}, lambda zone, at_us: (0, 0), lambda *numbers: "")
    proposal = Proposal(Edition(BOOK), TABLE, "2026-11-24", "standard", ())
    calls = Remembered(CALL, replace(CALL, ended=False), CALL)
    found = rehearse(calls, proposal, known, EVER, lambda done, total, many: seen.append((done, total, many)))
    assert seen == [(1, 3, 1), (2, 3, 2), (3, 3, 3)] and found.calls == 3 and found.rehearsal.ruled == {"all": 2}

    class Enough(Exception):
        pass

    def stop(done: int, total: int, many: int) -> None:
        raise Enough

    with pytest.raises(Enough):
        rehearse(calls, proposal, known, EVER, stop)
    assert rehearsed(Remembered(), world, BOOK).as_json()["calls_read"] == 0


def test_more_changed_calls_than_are_kept_are_counted() -> None:
    known = Known(lambda version: None, {}, lambda zone, at_us: (0, 0), lambda *numbers: "")
    proposal = Proposal(Edition(PolicyBook()), TABLE, "2026-11-24", "standard", ())
    found = rehearse(Remembered(*[CALL] * 5), proposal, known, EVER, most_shown=2)
    assert (len(found.rehearsal.shown), found.rehearsal.changed, found.as_json()["not_shown"]) == (2, 5, 3)


def test_the_law_is_read_as_the_book_reads_it_and_once_for_each_reading() -> None:
    proposal = Proposal(Edition(BOOK), TABLE, "2026-11-24", "strict", ("US-CA",))
    law_of = law_reader(proposal)
    plain = LinePolicy("a")
    assert law_of(plain) is law_of(LinePolicy("b")) is not law_of(replace(plain, circumstances=("cards",)))
    assert (law_of(plain).reckoning.profile, law_of(plain).reckoning.served) == ("strict", ("US-CA",))
    with pytest.raises(PolicyRefused):
        law_of(replace(plain, basis="NOWHERE", basis_document="x", basis_person="y"))


def test_whoever_must_be_recorded_is_not_served_unrecorded() -> None:
    code = next(code for code, one in TABLE.bases.items() if isinstance(one, Basis) and one.kind == "must_record")
    base = Policy("all", "Dana", ask=Ask("ask", on_refusal="end", on_no_answer="end"))
    bound = replace(
        base, law=replace(base.law, basis=replace(base.law.basis, code=code, document="paper", person="Dana"))
    )
    late = replace(CALL, answer="yes, then no", recorded=True)
    found = rehearsed(Remembered(late), World(), PolicyBook(policy=(bound,)), 1).rehearsal
    assert (
        found.would.after_no == {"end": 1}
        and rehearsed(Remembered(late), World(), BOOK, 1).rehearsal.would.after_no == {}
    )


def test_a_clock_that_does_not_know_the_zone_ends_it() -> None:
    def nowhere(zone: str, at_us: int) -> tuple[int, int]:
        raise Unavailable("time zones", zone)

    timed = Policy("day", "Dana", when=replace(Policy("x", "").when, days=("mon",)))
    known = Known(lambda version: None, {}, nowhere, lambda *numbers: "")
    proposal = Proposal(Edition(PolicyBook(timezone="Mars/Base", policy=(timed,))), TABLE, "2026-11-24", "standard", ())
    with pytest.raises(Unavailable, match="Mars/Base"):
        rehearse(Remembered(CALL), proposal, known, EVER)
