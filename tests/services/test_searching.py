"""Searching: the one word for a call, and finding calls page by page in the catalogue in memory."""

from __future__ import annotations

from dataclasses import replace

import pytest

from overt.adapters.memory_catalogue import MemoryCatalogue
from overt.services.auditing import CallRecord
from overt.services.searching import STATES, BadCursor, CallRow, Wanted, state_of
from services.tales import CALL, TALES, record_of, told

EXPECTED = {
    "informed": "recorded",
    "consenting": "recorded",
    "refusing": "refused",
    "unclear": "no answer",
    "unanswering": "no answer",
    "stopping": "withdrawn",
    "withdrawing": "withdrawn",
    "stopping early": "refused",
    "holding": "recorded",
    "holding for good": "recorded",
    "unrecorded": "not asked",
    "ended after a no": "refused",
    "sent on after a no": "refused",
    "failing": "recorded",
    "failing, and told": "recorded",
    "losing": "recorded",
    "untold": "not told",
    "hanging up": "not told",
    "silent": "recorded",
    "busy": "not asked",
    "declined": "not asked",
    "unreachable": "not asked",
    "portless": "failed",
    "without a prompt": "failed",
    "turned away": "not asked",
}


def test_every_tale_has_a_state() -> None:
    assert set(EXPECTED) == set(TALES)


@pytest.mark.parametrize(("tale", "state"), EXPECTED.items())
async def test_the_state_of_every_tale(tale: str, state: str) -> None:
    _, all_of_it = await told(tale)
    assert state_of(record_of(all_of_it)) == state
    for so_far in range(1, len(all_of_it)):
        assert state_of(record_of(all_of_it[:so_far])) == "in progress"


@pytest.mark.parametrize(
    ("record", "state"),
    [
        ({"outcome": "lost: signalling and engine died"}, "failed"),
        ({"outcome": "lost: signalling and engine died", "captured_ms": 5}, "recorded"),
        ({"outcome": "recorded", "recordings": ["r"]}, "recorded"),
        ({"outcome": "recorded until withdrawn", "recordings": ["r"], "consent": "withdrawn"}, "withdrawn"),
        ({"outcome": "hung up in announcement", "consent": "hang-up"}, "not told"),
        ({"outcome": "not recorded: put on hold while being told or asked", "consent": "refused", "told": "told"}, "no answer"),
        ({"outcome": "not recorded: ledger: down", "consent": "refused", "failed": "ledger: down"}, "failed"),
        ({"outcome": "not recorded: refused", "consent": "refused", "failed": "engine lost"}, "refused"),
        ({"outcome": "not answered: the caller was gone", "consent": "not asked"}, "not asked"),
    ],
)  # fmt: skip
def test_the_state_of_records_that_no_tale_tells(record: dict[str, object], state: str) -> None:
    assert state_of(CallRecord("c", 1, ledger_index=3, **record)) == state  # type: ignore[arg-type]


def test_states_are_said_in_sentences() -> None:
    assert set(EXPECTED.values()) < set(STATES)
    assert all(said.endswith(".") and said[0].isupper() for said in STATES.values())


# ------------------------------------------------------------------------------------------- the catalogue in memory


def row(call: str, at: int, **more: object) -> CallRow:
    """A row of a call."""
    return replace(CallRow(call, at, "recorded", "sales", "sip:ann@pbx", ledger_index=at), **more)  # type: ignore[arg-type]


@pytest.fixture
def catalogue() -> MemoryCatalogue:
    """Ten calls of one house, and one of another."""
    kept = MemoryCatalogue()
    for n in range(10):
        kept.put("main", row(f"c{n}", 100 + n // 2, state="refused" if n % 3 == 0 else "recorded", gap=n == 4,
                             line="sales" if n % 2 else "help", agent="sip:ann@pbx" if n < 5 else "sip:ben@pbx",
                             places=("US-CA",) if n == 7 else ("US-GA", "US-TX"), recordings=(f"r{n}",),
                             outcome="not recorded: Leg silent" if n == 6 else "recorded", reason="caller hung up",
                             entries=(n, n + 20)), f"+1415555010{n}")  # fmt: skip
    kept.put("other", row("x", 999), "+14155550100")
    return kept


def found(catalogue: MemoryCatalogue, **wanted: object) -> list[str]:
    """The calls found."""
    return [one.id for one in catalogue.search("main", Wanted(**wanted)).rows]  # type: ignore[arg-type]


def test_newest_first_and_page_by_page_without_a_call_twice_or_left_out(catalogue: MemoryCatalogue) -> None:
    whole = [f"c{n}" for n in reversed(range(10))]
    assert found(catalogue) == whole
    for limit in range(1, 12):
        after, seen = "", []
        while True:
            page = catalogue.search("main", Wanted(after=after, limit=limit))
            seen += [one.id for one in page.rows]
            assert len(seen) <= len(whole), "it never ends"
            assert len(page.rows) <= limit
            if not page.after:
                break
            after = page.after
        assert seen == whole


def test_what_comes_meanwhile_disturbs_no_later_page(catalogue: MemoryCatalogue) -> None:
    first = catalogue.search("main", Wanted(limit=4))
    catalogue.put("main", row("new", 500))
    second = catalogue.search("main", Wanted(limit=4, after=first.after))
    assert [one.id for one in (*first.rows, *second.rows)] == [f"c{n}" for n in range(9, 1, -1)]


@pytest.mark.parametrize(
    ("wanted", "calls"),
    [
        ({"since_us": 103, "until_us": 104}, ["c7", "c6"]),
        ({"state": "refused"}, ["c9", "c6", "c3", "c0"]),
        ({"line": "help", "agent": "sip:ann@pbx"}, ["c4", "c2", "c0"]),
        ({"place": "US-CA"}, ["c7"]),
        ({"gap": True}, ["c4"]),
        ({"text": "LEG silent"}, ["c6"]),
        ({"text": "silent hung"}, ["c6"]),
        ({"text": "elephant"}, []),
        ({"number": "+14155550103"}, ["c3"]),
        ({"number": "+1 (415) 555-0103"}, ["c3"]),
        ({"number": "0103"}, ["c3"]),
        ({"number": "103"}, []),
        ({"number": "50103"}, []),
        ({"number": "no digits"}, []),
        ({"line": "nobody's"}, []),
    ],
)
def test_what_is_found(catalogue: MemoryCatalogue, wanted: dict[str, object], calls: list[str]) -> None:
    assert found(catalogue, **wanted) == calls


@pytest.mark.parametrize("cursor", ["nonsense", "1", ".c1", "x.c1", "-1.c1", "1.", "²1.c"])
def test_a_cursor_that_no_page_gave(catalogue: MemoryCatalogue, cursor: str) -> None:
    with pytest.raises(BadCursor):
        catalogue.search("main", Wanted(after=cursor))


def test_counts_are_of_all_states_and_stop_somewhere(catalogue: MemoryCatalogue) -> None:
    assert catalogue.counts("main", Wanted()) == {"recorded": 6, "refused": 4, "gap": 1}
    assert catalogue.counts("main", Wanted(state="refused", gap=True)) == {"recorded": 6, "refused": 4, "gap": 1}
    assert catalogue.counts("main", Wanted(line="help")) == {"recorded": 3, "refused": 2, "gap": 1}
    assert catalogue.counts("main", Wanted(), most=5) == {"recorded": 5, "refused": 4, "gap": 1}


def test_single_calls_choices_and_the_position(catalogue: MemoryCatalogue) -> None:
    assert catalogue.find("main", "c3") == catalogue.holding("main", "r3")
    assert catalogue.find("main", "x") is None and catalogue.holding("main", "nobody's") is None
    assert catalogue.find("other", "x") is not None and catalogue.holding("other", "r3") is None
    assert catalogue.choices("main") == {
        "line": ["help", "sales"], "agent": ["sip:ann@pbx", "sip:ben@pbx"], "place": ["US-CA", "US-GA", "US-TX"],
    }  # fmt: skip
    assert catalogue.position("main") == 30 and catalogue.position("other") == 0
    assert MemoryCatalogue().position("main") == 0


async def test_a_record_is_kept_with_its_number_masked_and_found_by_it() -> None:
    catalogue, record = MemoryCatalogue(), record_of((await told("informed"))[1])
    kept = catalogue.take("main", record)
    assert kept.id == CALL and kept.state == "recorded" and kept.caller == "+1214•••••00" and kept.recordings
    assert "+12145550100" not in repr(catalogue)
    assert found(catalogue, number="+1 214 555 0100") == found(catalogue, number="0100") == [CALL]
    catalogue.take("main", replace(record, id="c2", caller="withheld", called="sip:+14155550177@pbx"))
    assert found(catalogue, number="0177") == found(catalogue, number="+1 415 555 01 77") == ["c2"]
