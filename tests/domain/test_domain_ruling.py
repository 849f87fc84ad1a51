"""Which policy rules a call: the first that matches, the locks of all that match, shares, nights over midnight."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from overt.domain.book import (
    DAYS,
    LOCKABLE,
    Ask,
    Capture,
    ChosenBasis,
    Edition,
    Keep,
    NeverRecord,
    Policy,
    PolicyBook,
    Stated,
    Tell,
    When,
    book_of_lines,
)
from overt.domain.book_overlap import covers, meets, week
from overt.domain.errors import PolicyRefused
from overt.domain.policy import LinePolicy
from overt.domain.ruling import Ruling, Traits, Unruled, effective, lot, matches, rule, ruled_body
from policy_books import books, calls, times, whens

TELL = Tell("standard", ("en",), "quality")
CALL = Traits("inbound", "sales", caller="+14155550100", called="+14045550100")


def ruled(book: PolicyBook, call: Traits = CALL, **chosen: int) -> Ruling:
    """A ruling that there must be."""
    found = rule(book, call, **chosen)
    assert isinstance(found, Ruling)
    return found


# ----------------------------------------------------------------------------------- first match, locks


@given(books, calls)
def test_the_first_enabled_policy_that_matches_rules(book: PolicyBook, call: Traits) -> None:
    matching = [one for one in book.policy if one.enabled and matches(one.when, call)]
    found = rule(book, call)
    if isinstance(found, Unruled):
        assert not matching and found.unrecorded_why == found.why and "no policy" in found.why
    else:
        assert found.policy.name == matching[0].name and found.policy.responsible == matching[0].responsible


@given(books, calls, st.sampled_from(sorted(LOCKABLE)))
def test_a_field_is_as_the_first_that_matches_and_locks_it_holds_it(book: PolicyBook, call: Traits, field: str) -> None:
    matching = [one for one in book.policy if one.enabled and matches(one.when, call)]
    assume(matching)
    locking = [one for one in matching if any(LOCKABLE[lock] == LOCKABLE[field] for lock in one.locks)]
    source = (locking or matching)[0]
    found = ruled(book, call)
    for section, name in LOCKABLE[field]:
        assert getattr(getattr(found.policy, section), name) == getattr(getattr(source, section), name)
    held = [(lock, by) for lock, by in found.locked_by if LOCKABLE[lock] == LOCKABLE[field]]
    if source is matching[0]:
        assert not held
    else:
        assert [by for _, by in held] == [source.name]


@given(books, calls)
def test_what_is_not_enabled_or_does_not_match_changes_nothing(book: PolicyBook, call: Traits) -> None:
    alike = replace(book, policy=tuple(one for one in book.policy if one.enabled and matches(one.when, call)))
    before, after = rule(book, call), rule(alike, call)
    assert isinstance(before, Unruled) == isinstance(after, Unruled)
    if isinstance(before, Ruling):
        assert before == after


def test_fields_that_belong_together_are_held_together() -> None:
    first = Policy("first", "Dana", ask=Ask("announce", "Robin", "go-on", "end", "sip:a@b"))
    last = Policy(
        "last", "Dana", locks=("chosen_by", "on_refusal", "strange"), ask=Ask("ask", "", "route", "route", "sip:x@y")
    )
    found = ruled(PolicyBook(policy=(first, last)))
    assert found.policy.ask == last.ask and found.locked_by == (("chosen_by", "last"), ("on_refusal", "last"))
    own = ruled(PolicyBook(policy=(replace(first, locks=("telling", "route", "strange")), last)))
    assert own.policy.ask == first.ask and own.locked_by == ()


# ------------------------------------------------------------------------------------------ conditions


@pytest.mark.parametrize(
    ("when", "call", "fits"),
    [
        (When(), CALL, True),
        (When("inbound"), CALL, True),
        (When("outbound"), CALL, False),
        (When(lines=("service", "sales")), CALL, True),
        (When(lines=("sale",)), CALL, False),
        (When(lines=("sal*",)), CALL, True),
        (When(lines=("Sales",)), CALL, False),
        (When(lines=("salt*",)), CALL, False),
        (When(lines=("sales*",)), CALL, True),
        (When(lines=("*",)), CALL, True),
        (When(queues=("*",)), CALL, False),
        (When(queues=("gold",)), replace(CALL, queue="gold"), True),
        (When(teams=("north",)), replace(CALL, team="south"), False),
        (When(agents=("sip:dana@*",)), replace(CALL, agent="sip:dana@192.0.2.7"), True),
        (When(agents=("sip:dana@*",)), replace(CALL, agent="sip:robin@192.0.2.7"), False),
        (When(numbers=("+1415*",)), CALL, True),
        (When(numbers=("+14155550100",)), CALL, True),
        (When(numbers=("+14045550100",)), CALL, False),
        (When(numbers=("+14045550100",)), replace(CALL, direction="outbound"), True),
        (When(numbers=("withheld",)), CALL, False),
        (When(numbers=("withheld",)), replace(CALL, caller=""), True),
        (When(numbers=("+1415*",)), replace(CALL, caller=""), False),
        (When("inbound", lines=("sales",), queues=("gold",)), CALL, False),
    ],
)
def test_every_condition_must_fit(when: When, call: Traits, fits: bool) -> None:
    assert matches(when, call) is fits


def minutes_of(when: When) -> set[int]:
    """The minutes of a week in which a time is, walked one after the other from each beginning."""
    begins = [int(part) for part in (when.from_ or "00:00").split(":")]
    start = begins[0] * 60 + begins[1]
    found: set[int] = set()
    for number, day in enumerate(DAYS):
        if not when.days or day in when.days:
            minute = start
            while True:
                found.add((number * 1440 + minute) % 10080)
                minute += 1
                clock = minute % 1440
                ends = f"{clock // 60:02}:{clock % 60:02}" == when.until if when.until else minute == 1440
                if ends:
                    break
    return found


CLOCKS = (0, 360, 510, 1080, 1320, 1439)  # as in `times`
EDGES = [(day * 1440 + clock + step) % 10080 for day in range(7) for clock in CLOCKS for step in (-1, 0, 1)]


@settings(deadline=None)
@given(
    st.builds(When, days=st.lists(st.sampled_from(DAYS), max_size=3, unique=True).map(tuple), from_=times, until=times)
)
@example(When(days=("sun",), from_="22:00", until="06:00"))
@example(When(days=("mon",), until="00:00", from_="22:00"))
def test_times_are_as_one_would_walk_them(when: When) -> None:
    walked = minutes_of(when)
    assert walked == {bit for bit, one in enumerate(reversed(bin(week(when))[2:])) if one == "1"}
    for number, minute in ((one // 1440, one % 1440) for one in EDGES):
        fits = matches(when, replace(CALL, weekday=number, minute=minute))
        assert fits is (number * 1440 + minute in walked)


def test_a_call_of_which_no_time_is_told_came_at_the_weeks_beginning() -> None:
    assert (Traits().weekday, Traits().minute, Traits().outside) == (0, 0, "")


def test_a_night_belongs_to_the_day_on_which_it_begins() -> None:
    friday = When(days=("fri",), from_="22:00", until="06:00")
    at = [(4, 1319), (4, 1320), (5, 0), (5, 359), (5, 360), (4, 100)]
    fits = [matches(friday, replace(CALL, weekday=day, minute=minute)) for day, minute in at]
    assert fits == [False, True, True, True, False, False]
    sunday = When(days=("sun",), from_="22:00", until="06:00")
    assert matches(sunday, replace(CALL, weekday=0, minute=10))


# ------------------------------------------------------------------------------- how policies lie


@given(whens, whens, calls)
def test_what_covers_another_matches_its_calls_and_what_matches_both_meets(
    one: When, other: When, call: Traits
) -> None:
    if covers(one, other) and matches(other, call):
        assert matches(one, call)
    if matches(one, call) and matches(other, call):
        assert meets(one, other) and meets(other, one)


@given(whens)
def test_every_condition_covers_itself_and_is_covered_by_none_at_all(when: When) -> None:
    assert covers(when, when) and meets(when, when) and covers(When(), when)
    assert covers(when, When()) is (when.direction == "any" and not any(
        (when.lines, when.queues, when.teams, when.agents, when.numbers)) and week(when) == week(When()))  # fmt: skip


@pytest.mark.parametrize(
    ("outer", "inner", "covered", "shared"),
    [
        (When("inbound"), When("any"), False, True),
        (When("inbound"), When("outbound"), False, False),
        (When(lines=("s*",)), When(lines=("sales", "se*")), True, True),
        (When(lines=("sales",)), When(lines=("s*",)), False, True),
        (When(lines=("sales",)), When(lines=("service",)), False, False),
        (When(lines=("sales",)), When(), False, True),
        (When(numbers=("*",)), When(numbers=("withheld",)), False, False),
        (When(numbers=("withheld",)), When(numbers=("withheld",)), True, True),
        (When(days=("mon", "tue")), When(days=("tue",)), True, True),
        (When(days=("mon",)), When(days=("tue",)), False, False),
        (When(days=("mon",), from_="22:00", until="06:00"), When(days=("tue",), until="06:00"), True, True),
        (When(from_="08:00", until="18:00"), When(from_="07:59", until="12:00"), False, True),
        (When(from_="08:00", until="18:00"), When(from_="18:00", until="08:00"), False, False),
    ],
)
def test_how_two_conditions_lie(outer: When, inner: When, covered: bool, shared: bool) -> None:
    assert (covers(outer, inner), meets(outer, inner), meets(inner, outer)) == (covered, shared, shared)


# ---------------------------------------------------------------------------------------- recording


def test_a_share_takes_that_many_of_a_hundred_lots() -> None:
    book = PolicyBook(policy=(Policy("some", "Dana", tell=TELL, capture=Capture(share=20)),))
    recorded = [chosen for chosen in range(100) if not ruled(book, chosen=chosen).unrecorded_why]
    assert recorded == list(range(20))
    assert not ruled(PolicyBook(policy=(Policy("one", "Dana", tell=TELL, capture=Capture(share=1)),))).unrecorded_why
    assert ruled(book, chosen=20).unrecorded_why == "«some» records 20 % of its calls, and not this one"


def test_lots_are_a_calls_own_and_even() -> None:
    lots = Counter(lot(f"call {number}") for number in range(20_000))
    assert set(lots) == set(range(100)) and max(lots.values()) < 280 and min(lots.values()) > 130
    assert lot("0190a4b2-0000-7000-8000-000000000000") == 49


def test_what_is_not_recorded_says_why_and_by_whose_word() -> None:
    silent = Policy("personal", "Dana", capture=Capture(record=False), locks=("record", "share"))
    some = Policy("some", "Dana", tell=TELL)
    assert ruled(PolicyBook(policy=(silent,))).unrecorded_why == "«personal» records no calls"
    assert ruled(PolicyBook(policy=(some, silent))).unrecorded_why == "«personal» records no calls"
    few = Policy("few", "Dana", tell=TELL, capture=Capture(share=5), locks=("share",))
    held = ruled(PolicyBook(policy=(some, few)), chosen=5).unrecorded_why
    assert held == "«few» records 5 % of its calls, and not this one"
    assert rule(PolicyBook(policy=(replace(some, enabled=False),)), CALL) == Unruled(
        "no policy of the book matches this call (of 0 enabled)"
    )


@pytest.mark.parametrize("pattern", ["+14155550100", "+1415*", "+14045550100"])
@pytest.mark.parametrize("direction", ["inbound", "outbound"])
def test_a_number_that_is_never_recorded_bars_calls_both_ways(pattern: str, direction: str) -> None:
    book = PolicyBook(
        never_record=(NeverRecord(pattern, "the works doctor"),), policy=(Policy("all", "Dana", tell=TELL),)
    )
    found = ruled(book, replace(CALL, direction=direction))
    assert found.unrecorded_why == "a number of this call is never recorded: the works doctor"
    assert not ruled(book, replace(CALL, caller="+33100000000", called="")).unrecorded_why


# ------------------------------------------------------------------------------------- what follows

BASE = LinePolicy("sales", agent_place="US-GA", agent_notice_on_file="2026-01-01", purpose="quality", languages=("de",))


def test_what_is_effective_is_the_line_with_the_books_ruling() -> None:
    policy = Policy(
        "Orders", "Robin",
        tell=Tell("orders", ("en", "es"), "quality and training"),
        ask=Ask("announce", "Dana", "route", "end", "sip:desk@192.0.2.7"),
        capture=Capture(True, 50, "stop"),
        keep=Keep(30, ("compliance",)),
        law=Stated(("investment",), ChosenBasis("MIFID-16-7", "licence 7", "Dana")),
    )  # fmt: skip
    found = effective(ruled(PolicyBook(policy=(policy,))), BASE, Edition(PolicyBook(), 7, "ab"))
    assert found == LinePolicy(
        "sales", "announce", "Dana", "quality and training", ("en", "es"), "US-GA", "2026-01-01", 30, "orders",
        "route", "end", "sip:desk@192.0.2.7", True, "", "stop", ("compliance",), ("investment",), "MIFID-16-7",
        "licence 7", "Dana", "Robin", "Orders", 7, "ab",
    )  # fmt: skip


def test_what_nothing_rules_is_not_recorded() -> None:
    found = effective(
        rule(PolicyBook(), CALL), replace(BASE, policy="old", responsible="old"), Edition(PolicyBook(), 3, "cd")
    )
    assert found == replace(
        BASE, record=False, unrecorded_why="no policy of the book matches this call (of 0 enabled)", version=3, book_sha256="cd"
    )  # fmt: skip


def test_what_is_not_recorded_needs_no_disclosure_of_its_own() -> None:
    silent = ruled(PolicyBook(policy=(Policy("personal", "Dana", capture=Capture(record=False)),)))
    found = effective(silent, BASE, Edition(PolicyBook()))
    assert (found.record, found.unrecorded_why) == (False, "«personal» records no calls")
    assert (found.purpose, found.languages, found.script) == ("quality", ("de",), "standard")


def test_a_book_that_was_never_checked_is_refused_where_it_matters() -> None:
    unsigned = ruled(PolicyBook(policy=(Policy("all", "Dana", tell=TELL, ask=Ask("announce")),)))
    with pytest.raises(PolicyRefused, match="chosen_by"):
        effective(unsigned, BASE, Edition(PolicyBook()))


def test_what_the_ledger_says_of_a_ruling_names_no_number_and_no_agent() -> None:
    when = When(
        "inbound", ("sales",), ("gold",), ("north",), ("sip:dana@192.0.2.7",), ("+1415*",), ("mon", "tue"), "", "18:00"
    )
    first = Policy("Gold", "Dana", when=when, tell=TELL)
    last = Policy("All", "Dana", when=When(from_="06:00"), locks=("days",), keep=Keep(30))
    call = replace(CALL, queue="gold", team="north", agent="sip:dana@192.0.2.7", minute=600)
    found = rule(PolicyBook(policy=(first, last)), call)
    body = ruled_body(found, call, Edition(PolicyBook(), 4, "ef"))
    assert body == {
        "policy": "Gold", "version": 4, "sha256": "ef", "locked": ["days: All"], "unrecorded_why": "",
        "why": "«Gold» is the first policy that matches: inbound, line sales, queue gold, team north, the agent, "
        "the number outside, mon tue, 00:00–18:00",
        "direction": "inbound", "line": "sales", "queue": "gold", "team": "north",
    }  # fmt: skip
    assert "1415" not in str(body) and "dana" not in str(body)
    late = ruled(PolicyBook(policy=(last,)), replace(call, minute=1380))
    assert late.why.endswith("matches: 06:00–24:00")
    assert ruled(PolicyBook(policy=(Policy("All", "Dana"),))).why.endswith(
        "it asks for nothing, so it matches every call"
    )
    unruled = ruled_body(rule(PolicyBook(), CALL), CALL, Edition(PolicyBook()))
    assert unruled["policy"] == "" and unruled["locked"] == [] and unruled["unrecorded_why"] == unruled["why"]


# ---------------------------------------------------------------------------------- what settings say

lines = st.builds(
    LinePolicy, st.sampled_from(["sales", "service"]), st.sampled_from(["ask", "announce"]), st.just("Dana"),
    st.just("quality"), st.sampled_from([("en",), ("en", "es")]), st.just("US-GA"), st.just(""), st.integers(1, 400),
)  # fmt: skip


@given(lines, lines)
def test_the_book_of_the_settings_rules_as_the_settings_do(one: LinePolicy, other: LinePolicy) -> None:
    one, other = replace(one, name="sales"), replace(other, name="service")
    book = book_of_lines([one, other])
    for line in (one, other):
        found = effective(rule(book, replace(CALL, line=line.name)), line, Edition(book))
        assert found == replace(line, policy=line.name, responsible="Dana")
    assert isinstance(rule(book, replace(CALL, line="third")), Unruled)
