"""One contract for the catalogue: in memory, in SQLite, in PostgreSQL. The same calls are asked the same of all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import sqlalchemy as sa

from adapters.written_calls import ENDS, LINES, PLACES, Call, WrittenLedger, interleaved, make_call
from overt.adapters.ledger_follower import LedgerFollower
from overt.adapters.ledger_reader import read_stated
from overt.adapters.memory_catalogue import MemoryCatalogue
from overt.adapters.number_index import NumberIndex
from overt.adapters.sql_catalogue import SqlCatalogue
from overt.adapters.sql_editions import SqlEditions
from overt.domain.identity import Secret
from overt.services.auditing import CallRecord, read_calls
from overt.services.cataloguing import Follower
from overt.services.searching import STATES, BadCursor, CallRow, Catalogue, Wanted

NUMBERS = NumberIndex(Secret(b"k" * 32))
BEGAN_US, APART_US, CALLS = 1_790_000_000_000_000, 60_000_000, 240
Told = tuple[Path, list[Call]]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """A ledger of calls: two begin at the same moment each time, the last ones are still in progress."""
    chance = Random(11)
    calls = [make_call(chance, BEGAN_US + number // 2 * APART_US) for number in range(CALLS)]
    for call in calls[-3:]:
        call.stated = call.stated[:1]
        call.story = "in progress"
    folder = tmp_path_factory.mktemp("told")
    ledger = WrittenLedger(folder)
    for call, stated in interleaved(calls, chance):
        ledger.enter(call.id, call.started_us, stated)
    ledger.publish()
    ledger.close()
    return folder, calls


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def catalogue(request: pytest.FixtureRequest, told: Told) -> Catalogue:
    """A catalogue of these calls."""
    if request.param == "memory":
        return in_memory(told)
    return followed(request.getfixturevalue(f"{request.param}_database"), told)


@pytest.fixture(params=["sqlite", "postgresql"])
def in_sql(request: pytest.FixtureRequest, told: Told) -> Catalogue:
    """A catalogue of these calls in a database."""
    return followed(request.getfixturevalue(f"{request.param}_database"), told)


def in_memory(told: Told) -> MemoryCatalogue:
    """A catalogue in memory, which knows agents as the others do."""
    memory = MemoryCatalogue()
    for record in records(told).values():
        record.agent = NUMBERS.shown(record.agent)
        memory.take("main", record)
    return memory


def records(told: Told) -> dict[str, CallRecord]:
    """What the ledger says of the calls."""
    return read_calls(read_stated(told[0]))


def followed(engine: sa.Engine, told: Told) -> SqlCatalogue:
    """A catalogue in a database, in stretches that cut calls in the middle."""
    follower = Follower("main", LedgerFollower(told[0]), SqlEditions(engine, NUMBERS))
    while follower.follow(most=97):
        pass
    return SqlCatalogue(engine, NUMBERS)


def everything(catalogue: Catalogue, wanted: Wanted) -> list[CallRow]:
    """All pages of what is wanted, one after the other."""
    rows: list[CallRow] = []
    while True:
        page = catalogue.search("main", wanted)
        assert len(page.rows) <= wanted.limit
        rows += page.rows
        if not page.after:
            return rows
        assert len(page.rows) == wanted.limit
        wanted = replace(wanted, after=page.after)


def found(catalogue: Catalogue, **wanted: object) -> list[str]:
    """The ids of the calls that fit, in the order in which they come."""
    return [one.id for one in everything(catalogue, Wanted(**{"limit": 7, **wanted}))]  # type: ignore[arg-type]


def newest(told: Told, fits: Callable[[Call, CallRecord], bool]) -> list[str]:
    """The ids of the calls that fit, newest first."""
    known = records(told)
    return [
        one.id
        for one in sorted(told[1], key=lambda one: (one.started_us, one.id), reverse=True)
        if fits(one, known[one.id])
    ]


# ------------------------------------------------------------------------------------------ the contract


@pytest.mark.parametrize("limit", [1, 7, 200])
def test_pages_hold_every_call_once_newest_first(catalogue: Catalogue, told: Told, limit: int) -> None:
    assert found(catalogue, limit=limit) == newest(told, lambda *_: True)


def test_a_time_begins_with_and_ends_before(catalogue: Catalogue, told: Told) -> None:
    since, until = BEGAN_US + 5 * APART_US, BEGAN_US + 9 * APART_US
    inside = newest(told, lambda call, _: since <= call.started_us < until)
    assert len(inside) == 8
    assert found(catalogue, since_us=since, until_us=until, limit=3) == inside


@pytest.mark.parametrize("form", ["{0}{1}{2}{3}", " {0} ({1}) {2}-{3} ", "{0}.{1}.{2}.{3}"])
def test_numbers_are_found_however_they_are_written(catalogue: Catalogue, told: Told, form: str) -> None:
    caller = next(one.caller for one in told[1] if one.caller.startswith("+1"))
    wanted = form.format(caller[:2], caller[2:5], caller[5:8], caller[8:])
    asked = newest(told, lambda call, _: call.caller == caller)
    assert asked and found(catalogue, number=wanted) == asked
    assert found(catalogue, number=caller[-4:]) == newest(
        told, lambda _, record: record.caller.endswith(caller[-4:]) or record.called.endswith(caller[-4:])
    )
    assert found(catalogue, number=caller[-5:]) == []


def test_numbers_that_were_called_are_found_too(catalogue: Catalogue, told: Told) -> None:
    asked = newest(told, lambda _, record: record.called == "+14045550101")
    assert asked and found(catalogue, number="+14045550101") == asked


@pytest.mark.parametrize("number", ["+19995550100", "9999", "sales", "withheld", "erased", "•••", "+", "0", "00"])
def test_what_is_no_number_of_a_call_finds_none(catalogue: Catalogue, number: str) -> None:
    assert found(catalogue, number=number) == []


@pytest.mark.parametrize("line", [*LINES[:4], "nowhere", "SALES"])
def test_lines_are_found_by_their_whole_name(catalogue: Catalogue, told: Told, line: str) -> None:
    assert found(catalogue, line=line) == newest(told, lambda _, record: record.line == line)


def test_agents_are_found_by_what_is_shown_of_them(catalogue: Catalogue, told: Told) -> None:
    shown = catalogue.choices("main")["agent"]
    assert len(shown) == 6
    for agent in shown:
        asked = newest(told, lambda _, record, agent=agent: NUMBERS.shown(record.agent) == agent)  # type: ignore[misc]
        assert asked and found(catalogue, agent=agent) == asked


@pytest.mark.parametrize("place", [*PLACES, "US", "XX", "%", "US-%"])
def test_places_are_found_whole(catalogue: Catalogue, told: Told, place: str) -> None:
    assert found(catalogue, place=place) == newest(told, lambda _, record: place in record.places)


@pytest.mark.parametrize("state", STATES)
def test_states_are_found(catalogue: Catalogue, told: Told, state: str) -> None:
    assert found(catalogue, state=state) == [
        one.id for one in everything(catalogue, Wanted(limit=200)) if one.state == state
    ]


@pytest.mark.parametrize(
    ("text", "stories"),
    [
        ("hung up", ("recorded", "refused", "timeout", "hang-up", "withdrawn")),
        ("HUNG caller", ("recorded", "timeout", "hang-up", "withdrawn")),
        ("busy 100%_sure", ("unanswered",)), ("100%sure", ()), ("100__sure", ()), ("b_sy", ()), ("\\", ()), ("'", ()),
        ("no such line", ("no line",)), ("in progress", ("in progress",)), ("\0", ()),
    ],
)  # fmt: skip
def test_every_word_must_occur(catalogue: Catalogue, told: Told, text: str, stories: tuple[str, ...]) -> None:
    assert found(catalogue, text=text) == newest(told, lambda call, _: call.story in stories)


def test_gaps_are_found(catalogue: Catalogue, told: Told) -> None:
    asked = newest(told, lambda call, record: bool(record.gaps) or call.story == "lost")
    assert asked and found(catalogue, gap=True) == asked


@pytest.mark.parametrize("cursor", ["x", "====", "MTIz", "é", "MTIzLg", "LmFiYw", "9" * 400, "\0", "MTc5MDAwMDAw.abc%"])
def test_nonsense_is_no_cursor(in_sql: Catalogue, cursor: str) -> None:
    with pytest.raises(BadCursor):
        in_sql.search("main", Wanted(after=cursor))


def test_calls_and_recordings_are_found_by_id(catalogue: Catalogue, told: Told) -> None:
    known = records(told)
    for call in told[1][::17]:
        row = catalogue.find("main", call.id)
        assert row is not None and row.entries == tuple(known[call.id].entries)
        for recording in row.recordings:
            assert catalogue.holding("main", recording) == row
    assert catalogue.find("main", "nonsense\0") is None and catalogue.holding("main", "nonsense\0") is None


def test_counts_are_those_of_what_is_found(catalogue: Catalogue) -> None:
    for wanted in (Wanted(), Wanted(line="sales"), Wanted(place="DE"), Wanted(text="hung"), Wanted(number="0101")):
        rows = everything(catalogue, replace(wanted, limit=200))
        expected = Counter(one.state for one in rows) + Counter({"gap": sum(one.gap for one in rows)})
        assert catalogue.counts("main", wanted) == expected
        narrowed = replace(wanted, state="refused", gap=True, after="", limit=1)
        assert catalogue.counts("main", narrowed) == expected
        assert catalogue.counts("main", wanted, most=3) == {one: min(count, 3) for one, count in expected.items()}
    assert catalogue.counts("main", Wanted(line="nowhere")) == {}


def test_choices_are_what_occurs(catalogue: Catalogue, told: Told) -> None:
    known = records(told).values()
    choices = catalogue.choices("main")
    assert choices["line"] == sorted({one.line for one in known if one.line})
    assert choices["place"] == sorted({place for one in known for place in one.places})


def test_another_tenant_has_none_of_it(catalogue: Catalogue, told: Told) -> None:
    assert catalogue.search("other", Wanted()).rows == () and catalogue.counts("other", Wanted()) == {}
    assert catalogue.find("other", told[1][0].id) is None and catalogue.position("other") == 0
    assert not any(catalogue.choices("other").values())
    assert catalogue.position("main") == sum(len(call.stated) for call in told[1])


# ------------------------------------------------------------------------------------------ the same as in memory


def test_the_database_answers_as_memory_does(in_sql: Catalogue, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    memory, chance, filled = in_memory(told), Random(3), 0
    for _ in range(150):
        monkeypatch.setattr("overt.adapters.sql_catalogue.FEW", chance.choice((1, 20, 3000)))  # few, or a scan
        one = chance.choice(told[1])
        record = memory.rows["main", one.id]
        fitting: dict[str, object] = {
            "since_us": one.started_us, "until_us": one.started_us + chance.randrange(9) * APART_US, "number": one.caller[1:],
            "agent": record.agent, "line": record.line, "state": record.state, "place": chance.choice(record.places or ("DE",)),
            "text": chance.choice(("HUNG up", ENDS["lost"][2], record.outcome)), "gap": True,
        }  # fmt: skip
        some = {name: fitting[name] for name in chance.sample(sorted(fitting), chance.randint(0, 4))}
        wanted = Wanted(**some, limit=chance.choice((1, 5, 50)))  # type: ignore[arg-type]
        rows = everything(memory, wanted)
        assert everything(in_sql, wanted) == rows, wanted
        assert in_sql.counts("main", wanted, 9) == memory.counts("main", wanted, 9), wanted
        filled += len(rows) > 1
    assert filled > 40


def test_numbers_are_found_with_and_without_their_country(in_sql: Catalogue, told: Told) -> None:
    german = next(one.caller for one in told[1] if one.caller.startswith("+49"))
    ours = next(one.caller for one in told[1] if one.caller.startswith("+1"))
    for caller, ways in ((german, (german[1:], f"00{german[1:]}")), (ours, (ours[1:], ours[2:], f"001{ours[2:]}"))):
        asked = newest(told, lambda call, _, caller=caller: call.caller == caller)  # type: ignore[misc]
        for way in ways:
            assert found(in_sql, number=way) == asked, way
    assert found(in_sql, agent="sip:+1 404 777 0001@192.0.2.20") == []  # an address is one text
    assert found(in_sql, agent="sip:+14047770001@192.0.2.20") == found(
        in_sql, agent=NUMBERS.shown("sip:+14047770001@192.0.2.20")
    )
