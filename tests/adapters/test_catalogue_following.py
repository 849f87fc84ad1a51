"""Following the ledger into the catalogue: in any portions, cut short anywhere, erased, made anew beside itself."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.written_calls import Call, WrittenLedger, interleaved, listened, make_call, personal_values
from overt.adapters.database import FILE, migrate, open_database, work
from overt.adapters.ledger_follower import LedgerFollower
from overt.adapters.ledger_holdings import LedgerHoldings
from overt.adapters.number_index import KEY, NumberIndex, number_index
from overt.adapters.sql_catalogue import SqlCatalogue
from overt.adapters.sql_editions import SqlEditions
from overt.adapters.sql_holdings import SqlHoldings
from overt.adapters.tables import calls, editions, marks, metadata, recordings, words
from overt.config import parse_settings
from overt.domain.identity import Secret
from overt.ports import Unavailable
from overt.services.cataloguing import Follower, Reached, rebuild
from overt.services.listening import Held
from overt.services.searching import MOST_A_PAGE, CallRow, Wanted

NUMBERS = NumberIndex(Secret(b"k" * 32))
BEGAN_US = 1_790_000_000_000_000
PLAIN = parse_settings('failure = "end-call"')


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[WrittenLedger]:
    """An empty ledger."""
    written = WrittenLedger(tmp_path / "ledger" / "main")
    yield written
    written.close()


def story(seed: int, count: int) -> list[Call]:
    """Some calls; after some of them somebody listened."""
    chance = Random(seed)
    made = [make_call(chance, BEGAN_US + number * 1_000_000) for number in range(count)]
    for one in made[::4]:
        one.stated.append(listened(one.recording, 0))
    return made


def write(ledger: WrittenLedger, seed: int, count: int) -> list[Call]:
    """Write calls into a ledger."""
    made = story(seed, count)
    for call, stated in interleaved(made, Random(seed)):
        ledger.enter(call.id, call.started_us, stated)
    ledger.publish()
    return made


def follow(engine: sa.Engine, ledger: WrittenLedger, most: int = 2000) -> Follower:
    """Follow to the end."""
    follower = Follower("main", LedgerFollower(ledger.folder), SqlEditions(engine, NUMBERS))
    while follower.follow(most=most):
        pass
    return follower


def rows(engine: sa.Engine) -> list[CallRow]:
    """All rows of the current edition."""
    catalogue, found, after = SqlCatalogue(engine, NUMBERS), [], ""
    while True:
        page = catalogue.search("main", Wanted(after=after, limit=MOST_A_PAGE))
        found += page.rows
        after = page.after
        if not after:
            return found


def dump(engine: sa.Engine) -> list[object]:
    """Everything that the current edition holds, apart from its own numbers."""
    with work(engine) as connection:
        edition = connection.scalar(sa.select(editions.c.id).where(editions.c.current))
        asked = sa.select(words.c.id, words.c.text).where(words.c.edition == edition)
        texts = {row.id: row.text for row in connection.execute(asked)}
        held: list[object] = []
        for table in (calls, recordings, marks):
            asked = sa.select(table).where(table.c.edition == edition)
            for row in connection.execute(asked).mappings():
                shared = {name: texts[row[name]] for name in ("line", "agent", "places", "reason") if name in row}
                held.append({name: bytes(one) if isinstance(one, memoryview) else one for name, one in row.items()
                             if name not in ("row", "edition")} | shared)  # fmt: skip
        reached = connection.execute(sa.select(editions.c.position, editions.c.octets).where(editions.c.current)).one()
        return [*sorted(held, key=repr), tuple(reached)]


def rebuilt(engine: sa.Engine, ledger: WrittenLedger) -> list[object]:
    """Everything that a catalogue made anew holds."""
    rebuild("main", LedgerFollower(ledger.folder), SqlEditions(engine, NUMBERS), dict, lambda _: None)
    return dump(engine)


# ------------------------------------------------------------------------------------------ any portions


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(0, 10_000), st.lists(st.integers(1, 60), min_size=1, max_size=12), st.lists(st.booleans(), min_size=1)
)
def test_any_portions_and_restarts_give_what_a_rebuild_gives(
    sqlite_database: sa.Engine, seed: int, portions: list[int], restarts: list[bool]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        with work(sqlite_database) as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(sa.delete(table))
        written = WrittenLedger(Path(folder) / "ledger" / "main")
        come_and_be_followed(sqlite_database, written, seed, portions, restarts)
        followed = dump(sqlite_database)
        assert followed[-1] == (written.size, (written.folder / "entries.log").stat().st_size)
        assert rebuilt(sqlite_database, written) == followed
        written.close()


def come_and_be_followed(
    engine: sa.Engine, written: WrittenLedger, seed: int, portions: list[int], restarts: list[bool]
) -> None:
    """Let calls come, some be erased, and be followed in portions by followers that live on or not."""
    chance, step, offered = Random(seed), 0, [0]
    follower = Follower("main", LedgerFollower(written.folder), SqlEditions(engine, NUMBERS))
    for call, stated in interleaved(story(seed, 12), chance):
        entry = written.enter(call.id, call.started_us, stated)
        offered += [entry] if stated[0] == "call.offered" else []
        if chance.random() < 0.03:
            gone = chance.choice(offered)
            written.enter("", call.started_us, ("personal.erased", {"entries": [gone], "reason": "asked"}, {}))
            written.erase(gone)
        if chance.random() < 0.3:
            written.publish()
            if restarts[step % len(restarts)]:
                follower = Follower("main", LedgerFollower(written.folder), SqlEditions(engine, NUMBERS))
            follower.follow(most=portions[step % len(portions)])
            step += 1
    written.publish()
    follow(engine, written)


def test_both_databases_hold_the_same(database: sa.Engine, ledger: WrittenLedger, tmp_path: Path) -> None:
    write(ledger, 5, 60)
    follow(database, ledger, 41)
    other = open_database(PLAIN, tmp_path / "other")
    migrate(other)
    follow(other, ledger)
    assert dump(database) == dump(other) and len(rows(database)) == 60
    other.dispose()


def test_holdings_are_those_of_the_ledger(database: sa.Engine, ledger: WrittenLedger) -> None:
    write(ledger, 6, 80)
    follow(database, ledger, 33)
    ours, theirs = SqlHoldings(database), by_ledger(ledger)
    assert ours.all("main") == theirs and len(theirs) > 10
    assert {one.listeners for one in theirs} == {None, (), ("compliance", "administrator")}
    assert ours.find("main", theirs[3].recording) == theirs[3] and ours.find("main", "nonsense\0") is None
    assert ours.all("other") == [] and ours.stored("main") == {}


def by_ledger(ledger: WrittenLedger) -> list[Held]:
    """What the ledger itself says of recordings."""
    return list(LedgerHoldings(ledger.folder.parent).all("main"))


def test_only_what_a_checkpoint_speaks_of_is_taken(database: sa.Engine, ledger: WrittenLedger) -> None:
    first, second = story(1, 2)
    ledger.enter(first.id, 1, first.stated[0])
    ledger.publish()
    ledger.enter(second.id, 2, second.stated[0])
    follower = follow(database, ledger)
    assert [one.id for one in rows(database)] == [first.id]
    ledger.publish()
    assert follower.follow() == 1 and follower.follow() == 0 and len(rows(database)) == 2


def test_two_followers_take_every_entry_once(database: sa.Engine, ledger: WrittenLedger) -> None:
    write(ledger, 8, 30)
    two = [Follower("main", LedgerFollower(ledger.folder), SqlEditions(database, NUMBERS)) for _ in range(2)]
    while sum(one.follow(most=7) for one in two):
        pass
    assert dump(database) == rebuilt(database, ledger)
    stale = SqlEditions(database, NUMBERS)
    reached = stale.reached("main")
    assert reached is not None
    behind = Reached(reached.edition, reached.origin, 0, 0)
    assert follow(database, ledger).follow(behind) == 0 and len(rows(database)) == 30


# ------------------------------------------------------------------------------------------ numbers, and their end


def test_no_number_stands_in_clear(ledger: WrittenLedger, tmp_path: Path) -> None:
    made = write(ledger, 9, 300)
    engine = open_database(PLAIN, tmp_path)
    migrate(engine)
    numbers = number_index(tmp_path, make=True)
    follower = Follower("main", LedgerFollower(ledger.folder), SqlEditions(engine, numbers))
    while follower.follow():
        pass
    engine.dispose()
    kept = b"".join(path.read_bytes() for path in (tmp_path / FILE).parent.iterdir())
    personal = {re.sub(r"\D", "", value) for value in personal_values(ledger.folder)}
    numbers_ = [one for one in personal if len(one) >= 7]
    assert len(numbers_) > 100 and made[0].id.encode() in kept
    assert not [one for one in numbers_ if one.encode() in kept or one[-7:].encode() in kept]
    assert b"sip:agent2@192.0.2.20" in kept  # somebody with a name stays readable


def test_what_is_erased_is_gone_from_row_and_index(database: sa.Engine, ledger: WrittenLedger) -> None:
    made = write(ledger, 10, 40)
    follow(database, ledger)
    gone = next(one for one in made if one.caller.startswith("+1") and "agent" in one.stated[0][2])
    catalogue = SqlCatalogue(database, NUMBERS)
    before = catalogue.find("main", gone.id)
    assert before is not None and gone.id in [
        one.id for one in catalogue.search("main", Wanted(number=gone.caller)).rows
    ]
    offered = before.entries[0]
    # The order of the notary: stated first, and then done. The catalogue must not wait for it.
    ledger.enter("", 1, ("personal.erased", {"entries": [offered], "reason": "asked"}, {}))
    ledger.publish()
    follow(database, ledger)
    after = catalogue.find("main", gone.id)
    assert after is not None and (after.caller, after.called, after.agent) == ("erased", "erased", "erased")
    assert after.entries == before.entries and gone.id not in [
        one.id for one in catalogue.search("main", Wanted(number=gone.caller[-4:])).rows
    ]
    with work(database) as connection:
        keys = connection.execute(
            sa.select(calls.c.caller_key, calls.c.caller_tail, calls.c.called_key, calls.c.called_tail).where(
                calls.c.id == gone.id
            )
        ).one()
    assert tuple(keys) == (None, None, None, None)
    # A late word about that call does not bring it back, while the values still stand or when they are gone.
    ledger.enter(
        gone.id,
        2,
        ("recording.stopped", {"episode": 1, "recording": "r", "reason": "late", "by": "x", "paused": False}, {}),
    )
    ledger.publish()
    follow(database, ledger)
    late = catalogue.find("main", gone.id)
    assert late is not None and late.caller == "erased" and late.stage == "stopped: late"
    ledger.erase(offered)
    followed = dump(database)
    assert rebuilt(database, ledger) == followed


def test_an_agent_that_only_erased_calls_had_is_forgotten(database: sa.Engine, ledger: WrittenLedger) -> None:
    agent = "sip:lonely@192.0.2.20"
    entry = ledger.enter(
        "c", 1, ("call.offered", {"line": "sales", "trunk": "t"}, {"from": "withheld", "to": "s", "agent": agent})
    )
    ledger.publish()
    follow(database, ledger)
    assert SqlCatalogue(database, NUMBERS).choices("main")["agent"] == [agent]
    ledger.enter("", 2, ("personal.erased", {"entries": [entry], "reason": "asked"}, {}))
    ledger.publish()
    follow(database, ledger)
    assert agent not in SqlCatalogue(database, NUMBERS).choices("main")["agent"]
    with work(database) as connection:
        assert agent not in connection.scalars(sa.select(words.c.text)).all()


# ------------------------------------------------------------------------------------------ cut short, mismatched


FOLLOWING = """
import sys, pathlib
from overt.adapters.database import open_database
from overt.adapters.ledger_follower import LedgerFollower
from overt.adapters.number_index import NumberIndex
from overt.adapters.sql_editions import SqlEditions
from overt.config import parse_settings
from overt.domain.identity import Secret
from overt.services.cataloguing import Follower, rebuild
engine = open_database(parse_settings(sys.argv[1]), pathlib.Path(sys.argv[2]))
ledger, editions = LedgerFollower(pathlib.Path(sys.argv[3])), SqlEditions(engine, NumberIndex(Secret(b"k" * 32)))
if sys.argv[4] == "follow":
    follower = Follower("main", ledger, editions)
    print("on", flush=True)
    while follower.follow(most=3):
        pass
else:
    print("on", flush=True)
    while True:
        rebuild("main", ledger, editions, dict, lambda _: None)
"""


@pytest.mark.parametrize("what", ["follow", "rebuild"])
def test_killed_anywhere_it_stays_whole(address: str, ledger: WrittenLedger, tmp_path: Path, what: str) -> None:
    write(ledger, 12, 400)
    text = f'failure = "end-call"\ndatabase = "{address}"'
    engine = open_database(parse_settings(text), tmp_path)
    migrate(engine)
    if what == "rebuild":
        follow(engine, ledger)
    chance, whole = Random(1), rows(engine)
    for _ in range(4):
        argv = [sys.executable, "-c", FOLLOWING, text, str(tmp_path), str(ledger.folder), what]
        process = subprocess.Popen(argv, stdout=subprocess.PIPE)
        assert process.stdout is not None and process.stdout.readline()
        time.sleep(chance.random() * 0.5)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        if what == "rebuild":
            assert rows(engine) == whole  # who reads never sees one that is half made
    follow(engine, ledger)
    assert dump(engine) == rebuilt(engine, ledger) and len(rows(engine)) == 400
    with work(engine) as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(editions)) == 1  # leftovers were swept away
    engine.dispose()


def test_a_rebuild_takes_what_comes_meanwhile_and_the_follower_goes_on(
    database: sa.Engine, ledger: WrittenLedger
) -> None:
    write(ledger, 13, 50)
    follower = follow(database, ledger)
    late = story(14, 3)
    seen: list[int] = []

    def come(_: int) -> None:
        if not seen:
            for one in late:
                for stated in one.stated:
                    ledger.enter(one.id, one.started_us, stated)
            ledger.publish()
            follower.follow()  # the old one is followed on while the new one is made
            seen.append(len(rows(database)))

    done = rebuild("main", LedgerFollower(ledger.folder), SqlEditions(database, NUMBERS), dict, come)
    assert seen == [53] and done.calls == 53 and done.entries == ledger.size
    more = story(15, 1)[0]
    for stated in more.stated:
        ledger.enter(more.id, more.started_us, stated)
    ledger.publish()
    while follower.follow():
        pass
    assert len(rows(database)) == 54 and dump(database) == rebuilt(database, ledger)


def test_the_sizes_of_sealed_files_are_kept(database: sa.Engine, ledger: WrittenLedger) -> None:
    write(ledger, 16, 40)
    follow(database, ledger)
    kept = SqlEditions(database, NUMBERS)
    reached = kept.reached("main")
    assert reached is not None
    held = SqlHoldings(database).all("main")
    waiting = kept.unmeasured(reached.edition, 5)
    assert list(waiting) == [one.recording for one in held[:-6:-1]]
    kept.measure(
        reached.edition, {held[0].recording: (4711, True), held[1].recording: (5, False), "unknown": (1, True)}
    )
    assert SqlHoldings(database).stored("main") == {held[0].recording: (4711, True), held[1].recording: (5, False)}
    assert len(kept.unmeasured(reached.edition, 1000)) == len(held) - 2


def test_another_ledger_and_another_key_are_said(database: sa.Engine, ledger: WrittenLedger, tmp_path: Path) -> None:
    write(ledger, 17, 5)
    follow(database, ledger)
    other = WrittenLedger(tmp_path / "other")
    write(other, 18, 5)
    with pytest.raises(Unavailable, match=r"another ledger.*catalogue rebuild"):
        follow(database, other)
    rekeyed = SqlEditions(database, NumberIndex(Secret(b"x" * 32)))
    with pytest.raises(Unavailable, match=r"another keys/catalogue.key.*catalogue rebuild"):
        Follower("main", LedgerFollower(ledger.folder), rekeyed).follow()
    rebuild("main", LedgerFollower(other.folder), rekeyed, dict, lambda _: None)
    assert Follower("main", LedgerFollower(other.folder), rekeyed).follow() == 0
    other.close()


def test_a_ledger_that_lost_entries_is_said(database: sa.Engine, ledger: WrittenLedger) -> None:
    made = write(ledger, 19, 5)
    follow(database, ledger)
    ledger.size = 3
    ledger.publish()
    with pytest.raises(Unavailable, match=r"3 entries.*catalogue rebuild"):
        follow(database, ledger)
    ledger.size = 500
    ledger.publish()
    with pytest.raises(Unavailable, match=r"missing.*ledger verify"):
        follow(database, ledger)
    assert len(rows(database)) == len(made)


def test_before_the_first_entry_there_is_nothing(database: sa.Engine, ledger: WrittenLedger) -> None:
    assert follow(database, ledger).follow() == 0 and rows(database) == []
    done = rebuild("main", LedgerFollower(ledger.folder), SqlEditions(database, NUMBERS), dict, lambda _: None)
    assert (done.calls, done.recordings, done.entries) == (0, 0, 0)
    write(ledger, 20, 2)
    follow(database, ledger)
    assert len(rows(database)) == 2


def test_an_entry_that_cannot_be_read_is_named(database: sa.Engine, ledger: WrittenLedger) -> None:
    write(ledger, 21, 3)
    log = ledger.folder / "entries.log"
    lines = log.read_bytes().split(b"\n")
    lines[4] = b'{"kind":7}'
    log.write_bytes(b"\n".join(lines))
    with pytest.raises(Unavailable, match="entry 4 cannot be read"):
        follow(database, ledger)
    assert rows(database) == []


# ------------------------------------------------------------------------------------------ the key


def test_the_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"catalogue\.key"):
        number_index(tmp_path)
    first = number_index(tmp_path, make=True)
    assert (tmp_path / KEY).stat().st_mode & 0o777 == 0o600 and len((tmp_path / KEY).read_bytes()) == 32
    assert number_index(tmp_path, make=True).id == first.id != NUMBERS.id
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["catalogue.key"]
    (tmp_path / KEY).write_bytes(b"short")
    with pytest.raises(Unavailable, match="32 bytes"):
        number_index(tmp_path)
    shutil.rmtree(tmp_path / "keys")


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("sip:agent@192.0.2.20", "sip:agent@192.0.2.20"), ("sip:1001@192.0.2.20", "sip:1001@192.0.2.20"),
        ("sip:192.0.2.20:5060", "sip:192.0.2.20:5060"), ("", ""), ("erased", "erased"),
    ],
)  # fmt: skip
def test_names_stay_readable(address: str, shown: str) -> None:
    assert NUMBERS.shown(address) == shown


def test_numbers_in_addresses_are_masked_and_told_apart() -> None:
    one, two = NUMBERS.shown("sip:+14047770001@h"), NUMBERS.shown("sip:+14048880001@h")
    assert one.startswith("sip:+1404•••••01~") and one.endswith("@h") and one != two
    assert one.partition("~")[0] == two.partition("~")[0] and NUMBERS.shown(one) == one
