"""Finding calls: every kind of question over a hundred thousand and a million calls; following the ledger, and making anew.

    python bench/search.py [--calls 1000000] [--rebuilt 100000] [--database ADDRESS] [--write]

The million is filled by the catalogue's own row writer from made-up records; the ledger that is followed is written by
`tests/adapters/written_calls.py`. SQLite as Overt opens it (WAL, synchronous=FULL), on this machine's disk.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from statistics import quantiles

import sqlalchemy as sa

import report

sys.path.append(str(Path(__file__).parent.parent / "tests"))
from adapters.written_calls import WrittenLedger, interleaved, make_call
from overt.adapters.database import migrate, open_database
from overt.adapters.ledger_follower import LedgerFollower
from overt.adapters.number_index import NumberIndex, number_index
from overt.adapters.sql_catalogue import SqlCatalogue
from overt.adapters.sql_editions import SqlEditions
from overt.adapters.sql_holdings import SqlHoldings
from overt.config import US_PLACES, parse_settings
from overt.domain.identity import uuid7
from overt.services.auditing import CallRecord
from overt.services.cataloguing import A_STEP, Changes, Follower, Reached, Stretch, rebuild
from overt.services.listening import Held
from overt.services.searching import Wanted

BEGAN_US, APART_US = 1_760_000_000_000_000, 20_000_000
SMALL = 100_000
TIMES = 200
COLUMNS = ("page_p50_ms", "page_p99_ms", "counts_p50_ms", "counts_p99_ms")
LINES = [f"line {number}" for number in range(20)]
AGENTS = [f"sip:agent{number}@192.0.2.20" for number in range(300)]
SERVED = ["US-CA", "US-GA", "US-TX", "US-NY", "US-WA", "US-CT", "US-FL", "US-PA"]
# share of the calls, consent, outcome, reason, captured milliseconds
KINDS = (
    (70.0, "given", "recorded", "caller hung up", 180_000), (8.0, "refused", "not recorded: refused", "agent hung up", 0),
    (9.0, "timeout", "not recorded: no answer", "caller hung up", 0), (7.0, "hang-up", "hung up in announcement", "caller hung up", 0),
    (3.0, "withdrawn", "recorded until withdrawn", "agent hung up", 60_000),
    (2.9, "not asked", "not answered: busy", "agent busy", 0), (0.1, "given", "lost: signalling and engine died", "found at the next start", 0),
)  # fmt: skip
WORDS = (
    "A page is fifty calls, newest first; *counts* are those of every state that stand above it, up to a thousand each. "
    "Each question is asked two hundred times with ever other values, in the process that also answers it."
)


def numbers_of(chance: Random) -> str:
    """A caller's number; people call again."""
    return f"+1{200 + chance.randrange(700)}555{chance.randrange(10_000):04d}"


def record(chance: Random, number: int, unfinished: bool) -> CallRecord:
    """A made-up record of a call."""
    began = BEGAN_US + number * APART_US
    kind = chance.choices(KINDS, [one[0] for one in KINDS])[0]
    made = CallRecord(
        uuid7(began, chance.randbytes(10)), began, numbers_of(chance), f"+1404555{chance.randrange(20):04d}"
    )
    made.line, made.agent = chance.choice(LINES), chance.choice(AGENTS)
    made.places = [*SERVED, chance.choice(US_PLACES)]
    made.effect, made.rule, made.citation, made.told = "permit if consent", "all-party", "Cal. Penal Code § 632", "told"
    made.entries = list(range(number * 12, number * 12 + 12))
    made.stages = ["ended"]
    if not unfinished:
        _, made.consent, made.outcome, made.reason, made.captured_ms = kind
        made.call_ms, made.disclosed_ms, made.ledger_index = made.captured_ms + 9_000, 7_000, made.entries[-1]
        made.recordings = [uuid7(began, chance.randbytes(10))] if made.captured_ms else []
        made.gaps = [{}] if chance.random() < 0.002 else []
    return made


def fill(editions: SqlEditions, reached: Reached, first: int, last: int) -> Iterator[Reached]:
    """Have the row writer keep the calls from `first` to before `last`; the last twenty of a million are in progress."""
    chance = Random(first)
    for begin in range(first, last, A_STEP):
        end = min(begin + A_STEP, last)
        made = [record(chance, number, number >= last - 20) for number in range(begin, end)]
        held = [
            Held("main", one.recordings[0], one.id, "quality and training", one.entries[6], one.started_us)
            for one in made
            if one.recordings
        ]
        stretch = Stretch((), reached.position + len(made), 0)
        assert editions.keep("main", reached, Changes({one.id: one for one in made}, permitted=held), stretch)
        reached = Reached(reached.edition, reached.origin, stretch.position, 0)
        yield reached


def questions(calls: int) -> dict[str, Callable[[Random], Wanted]]:
    """Kind of question → one of that kind, with values that chance gives."""

    def moment(chance: Random) -> int:
        return BEGAN_US + chance.randrange(calls) * APART_US

    def middle(chance: Random) -> Wanted:
        return Wanted(until_us=moment(chance))

    return {
        "newest": lambda _: Wanted(),
        "a day in the past": middle,
        "a number": lambda chance: Wanted(number=numbers_of(chance)),
        "last four digits": lambda chance: Wanted(number=f"{chance.randrange(10_000):04d}"),
        "an agent": lambda chance: Wanted(agent=chance.choice(AGENTS)),
        "a line": lambda chance: Wanted(line=chance.choice(LINES)),
        "a state": lambda chance: Wanted(state=chance.choice(("recorded", "refused", "failed", "not told"))),
        "in progress": lambda _: Wanted(state="in progress"),
        "a place": lambda chance: Wanted(place=chance.choice(US_PLACES)),
        "words": lambda chance: Wanted(text=chance.choice(("busy", "hung refused", "lost", "next start"))),
        "a gap": lambda _: Wanted(gap=True),
        "agent and words": lambda chance: Wanted(agent=chance.choice(AGENTS), text="busy"),
        "line, place, state": lambda chance: Wanted(line=chance.choice(LINES), place=chance.choice(US_PLACES), state="refused"),
        "nothing fits": lambda chance: Wanted(line=chance.choice(LINES), state="failed", text="busy"),
    }  # fmt: skip


def timed(work: Callable[[], object]) -> float:
    """How long something took, milliseconds."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def shown(times: list[float]) -> tuple[float, float]:
    """Median and the 99th in a hundred."""
    cut = quantiles(times, n=100)
    return round(cut[49], 1), round(cut[98], 1)


def measure(engine: sa.Engine, numbers: NumberIndex, calls: int) -> list[dict[str, object]]:
    """Ask every kind of question; one row each, milliseconds."""
    catalogue, found = SqlCatalogue(engine, numbers), []
    for kind, ask in questions(calls).items():
        chance = Random(kind)
        asked = [ask(chance) for _ in range(TIMES)]
        catalogue.search("main", asked[0])
        pages = shown([timed(lambda one=one: catalogue.search("main", one)) for one in asked])
        counts = shown([timed(lambda one=one: catalogue.counts("main", one)) for one in asked])
        found.append({"question": kind} | dict(zip(COLUMNS, (*pages, *counts), strict=True)))
    rows = catalogue.search("main", Wanted(state="recorded", limit=TIMES)).rows
    for kind, one_of in (
        ("one call", lambda row: catalogue.find("main", row.id)),
        ("one recording", lambda row: SqlHoldings(engine).find("main", row.recordings[0])),
    ):
        times = shown([timed(lambda row=row, one_of=one_of: one_of(row)) for row in rows])
        found.append({"question": kind} | dict(zip(COLUMNS, (*times, "", ""), strict=True)))
    return found


def searching(folder: Path, address: str, calls: int) -> dict[int, list[dict[str, object]]]:
    """Fill the catalogue once or twice, and ask; the rows of a table for each number of calls."""
    engine = open_database(parse_settings(f'failure = "end-call"\ndatabase = "{address}"'), folder)
    migrate(engine)
    numbers = number_index(folder, make=True)
    editions = SqlEditions(engine, numbers)
    reached, found = editions.begin("main", "bench", current=True), {}
    for size in sorted({min(SMALL, calls), calls}):
        for stands in fill(editions, reached, reached.position, size):
            reached = stands
        found[size] = measure(engine, numbers, size)
    engine.dispose()
    return found


def following(folder: Path, address: str, calls: int) -> list[dict[str, object]]:
    """Write a ledger, follow it as the worker does, and make the catalogue anew."""
    chance = Random(5)
    ledger = WrittenLedger(folder / "ledger")
    for call, stated in interleaved([make_call(chance, BEGAN_US + n * APART_US, 300) for n in range(calls)], chance):
        ledger.enter(call.id, call.started_us, stated)
    ledger.publish()
    engine = open_database(parse_settings(f'failure = "end-call"\ndatabase = "{address}"'), folder)
    migrate(engine)
    editions, run = SqlEditions(engine, number_index(folder, make=True)), LedgerFollower(ledger.folder)
    follower, began, processor = Follower("follow", run, editions), time.monotonic(), time.process_time()
    entries = sum(iter(follower.follow, 0))
    follow_s, follow_cpu = time.monotonic() - began, time.process_time() - processor
    began, processor = time.monotonic(), time.process_time()
    done = rebuild("main", run, editions, dict, lambda _: None)
    rebuild_s, rebuild_cpu = time.monotonic() - began, time.process_time() - processor
    engine.dispose()
    ledger.close()
    assert entries == done.entries and done.calls == calls
    return [
        {"what": what, "calls": calls, "entries": entries, "seconds": round(wall, 1), "processor_s": round(cpu, 1), "entries_per_s": int(entries / wall)}
        for what, wall, cpu in (("followed", follow_s, follow_cpu), ("made anew", rebuild_s, rebuild_cpu))
    ]  # fmt: skip


def main() -> None:
    """Measure and print; with --write, into docs/performance.md."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--calls", type=int, default=1_000_000)
    options.add_argument("--rebuilt", type=int, default=SMALL)
    options.add_argument("--database", default="", help="a postgresql:// address of an empty database; else SQLite")
    options.add_argument("--write", action="store_true", help="put the tables into docs/performance.md")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        followed = report.table(following(Path(folder), chosen.database, chosen.rebuilt))
        print(followed)
    with tempfile.TemporaryDirectory() as folder:
        asked = searching(Path(folder), chosen.database, chosen.calls)
    parts = [f"{size:,} calls:\n\n{report.table(rows)}" for size, rows in sorted(asked.items(), reverse=True)]
    parts.append(f"Following the ledger as the worker does, and `overt catalogue rebuild`:\n\n{followed}")
    print("\n\n".join(parts[:-1]))
    if chosen.write:
        report.write("search", "\n\n".join((WORDS, *parts, f"{report.machine()}.")))


if __name__ == "__main__":
    main()
