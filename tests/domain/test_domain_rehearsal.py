"""A rehearsal holds what callers did fixed, says what it cannot know, and finds nothing to change in what does not change."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import get_args

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from changed import replace
from domain.made_law import ON, basis, one_party, place, table
from overt.domain.book import (
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
from overt.domain.consent import GRANTING, REASONS, STANDINGS
from overt.domain.errors import PolicyRefused
from overt.domain.foresight import ALONE, APART, FAILED, OUTCOMES, Apart, Foresight, LineNow, World
from overt.domain.hindsight import ANSWERS, DAY_US, Answer, Course, Hindsight, PastCall, answer_of, extent, fate
from overt.domain.law.decide import Decision, Wish, decide
from overt.domain.law.reckoning import Law, Reckoning, reckon
from overt.domain.location import Locations
from overt.domain.policy import LinePolicy
from overt.domain.rehearsal import CHANGES, Rehearsal, because, differences, masked
from overt.domain.ruling import Traits, effective, lot, rule
from policy_books import books, calls

TABLE = table(
    [one_party("AA"), place("NN", notice="yes"), place("XX")], bases__MUST=basis("MUST", places='["XX"]', least=400)
)
SUPPORT = LinePolicy("support", agent_place="AA")
SALES = LinePolicy("sales", "announce", "Dana", purpose="training", languages=("en", "es"))
LINES = {"support": LineNow(SUPPORT, "first", "north"), "sales": LineNow(SALES)}
NOW = 1_760_000_000_000_000
ASKED = PastCall(
    "c1", NOW - 10 * DAY_US, "support", caller="+14155550123", agent="sip:a@x", ruled=True, policy="support", places=("AA",), will="ask",
    rule="one-party", form="none", languages=("en",), purpose="quality and training", answer="yes", joined=True,
    recorded=True, kept_from_us=NOW - 10 * DAY_US, keep_days=90, listeners=SUPPORT.listeners, ended=True,
)  # fmt: skip
TOLD = replace(
    ASKED, line="sales", policy="sales", will="announce", answer="stayed", purpose="training", languages=("en", "es")
)


def law_of(policy: LinePolicy) -> object:
    return reckon(TABLE, Reckoning(ON, circumstances=frozenset(policy.circumstances), basis=policy.basis))


def foresight(*policies: Policy, **more: object) -> Foresight:
    """A book of these policies, with what else is given of the book or of its world."""
    asked = {name: more.pop(name) for name in ("local", "must_record", "never", "decides") if name in more}
    if "never" in asked:
        asked["never_record"] = asked.pop("never")
    edition = Edition(PolicyBook(policy=policies, **more), 2, "22")  # type: ignore[arg-type]
    return Foresight(edition, World(LINES, law_of, **{"local": lambda at_us: (0, 600), **asked}))  # type: ignore[arg-type]


def policy(name: str = "all", **more: object) -> Policy:
    return Policy(name, "Dana", tell=Tell("standard", ("en",), "quality and training"), **more)  # type: ignore[arg-type]


ANNOUNCING = Ask("announce", "Dana")


def course(seen: Course | Apart) -> Course:
    assert isinstance(seen, Course)
    return seen


# ------------------------------------------------------------------------------------------ what callers did


def test_an_answer_is_read_from_where_the_caller_stood() -> None:
    assert answer_of([]) == "never told"
    assert answer_of([("told", ""), ("asked", "")]) == "never told"
    assert answer_of([("told", ""), ("given", REASONS["yes"])]) == "yes"
    assert answer_of([("given", ""), ("withdrawn", REASONS["stop"])]) == "yes, then no"
    assert answer_of([("informed", "")]) == answer_of([("attested", "")]) == "stayed"
    assert answer_of([("informed", ""), ("withdrawn", "")]) == "stayed, then no"
    for how, answer in {
        "no": "no",
        "stop": "no",
        "waited": "silence",
        "unclear": "another key",
        "held": "held",
        "hung up": "hung up",
    }.items():
        assert answer_of([("told", ""), ("refused", REASONS[how])]) == answer
    assert answer_of([("refused", "the leg was silent")]) == "not told"
    assert answer_of([("refused", REASONS["hung up"])], told=False) == "never told"
    assert answer_of([("refused", REASONS["stop"])], told=False) == "no"


def test_every_way_through_the_consent_machine_has_an_answer() -> None:
    endings = {(standing, REASONS.get(what, what)) for (_, what), standing in STANDINGS.items()}
    assert {answer_of([one]) for one in endings if one[0] in GRANTING | {"refused", "withdrawn"}} <= set(ANSWERS)
    assert set(get_args(Answer)) == set(ANSWERS)


def test_the_table_of_outcomes_is_whole_and_a_no_stays_a_no() -> None:
    assert set(OUTCOMES) == set(product(ANSWERS, ("ask", "announce")))
    for (answer, _), outcome in OUTCOMES.items():
        if answer in ("no", "held", "hung up", "not told"):
            assert outcome.recorded == "no"
        if answer == "never told":
            assert outcome.recorded == "unknown"
    assert OUTCOMES["stayed", "ask"].recorded == "unknown"
    assert OUTCOMES["silence", "announce"].recorded == "whole" and OUTCOMES["silence", "ask"].recorded == "no"
    assert OUTCOMES["yes", "ask"].recorded == OUTCOMES["yes", "announce"].recorded == "whole"
    assert OUTCOMES["yes, then no", "announce"].recorded == "part"


# ------------------------------------------------------------------------------------------ how it went


def hindsight(*editions: Edition, must_record: tuple[str, ...] = ()) -> Hindsight:
    books = {one.version: one for one in editions}
    return Hindsight(books.get, {name: one.policy for name, one in LINES.items()}, must_record)


def test_facts_come_before_what_the_policy_says() -> None:
    went = hindsight().recall(ASKED)
    assert (went.policy, went.version, went.will, went.recorded, went.script) == (
        "support",
        0,
        "ask",
        "whole",
        "standard",
    )
    assert (went.keep_days, went.keep_until_us) == (90, ASKED.kept_from_us + 90 * DAY_US)
    assert went.listeners == SUPPORT.listeners and went.why == ANSWERS["yes"]
    other = hindsight().recall(replace(ASKED, keep_days=7, listeners=("compliance",)))
    assert other.keep_days == 7 and other.listeners == ("compliance",)


def test_a_call_of_an_earlier_release_went_by_its_line() -> None:
    old = replace(ASKED, ruled=False, policy="", keep_days=0, listeners=None)
    went = hindsight().recall(old)
    assert (went.policy, went.keep_days, went.listeners) == ("support", 90, SUPPORT.listeners)
    gone = hindsight().recall(replace(old, line="gone", answer="no"))
    assert (gone.policy, gone.keep_days, gone.keep_until_us, gone.listeners, gone.script, gone.after_no) == (
        "gone",
        0,
        0,
        None,
        "",
        "",
    )


def test_a_call_that_was_not_recorded_was_not_kept() -> None:
    went = hindsight().recall(
        replace(
            ASKED, will="none", why="a number is never recorded", recorded=False, answer="never told", kept_from_us=0
        )
    )
    assert (went.recorded, went.keep_days, went.listeners, went.script, went.purpose) == ("no", 0, None, "", "")
    assert went.why == "a number is never recorded"
    assert hindsight().recall(replace(ASKED, recorded=False, hindered="busy")).why == "busy"
    assert hindsight().recall(replace(ASKED, will="")).will == "none"


def test_a_published_book_says_what_the_facts_do_not() -> None:
    locking = policy("holds", when=When(lines=("none",)), capture=Capture(on_hold="stop"), ask=Ask(on_refusal="end"))
    winning = policy("first", ask=Ask(on_refusal="route", route="sip:x@y"), keep=Keep(30))
    edition = Edition(PolicyBook(policy=(winning, locking)), 3, "33")
    ruled = replace(
        ASKED,
        version=3,
        policy="first",
        locked=("on_hold: holds", "on_refusal: holds", "no_such: holds", "days: gone"),
        held=True,
    )
    seen = hindsight(edition).policy_of(ruled)
    assert seen is not None and (seen.on_hold, seen.on_refusal, seen.retention_days, seen.version) == (
        "stop",
        "end",
        30,
        3,
    )
    assert hindsight(edition).recall(ruled).recorded == "part"
    assert hindsight(edition).recall(replace(ruled, recorded=False, answer="no")).after_no == "end"
    again = hindsight(edition)
    assert again.policy_of(replace(ruled, line="gone")) is again.policy_of(replace(ruled, line="gone")) is not None
    assert hindsight().policy_of(ruled) is None  # nobody has that book any more
    assert hindsight(edition).policy_of(replace(ruled, policy="renamed")) is None


def test_a_book_that_can_no_longer_be_applied_is_not_known() -> None:
    edition = Edition(PolicyBook(policy=(policy("first", ask=Ask("announce")),)), 3, "33")
    assert hindsight(edition).policy_of(replace(ASKED, version=3, policy="first")) is None


def test_how_much_is_recorded() -> None:
    assert extent(SUPPORT, ASKED) == extent(None, replace(ASKED, held=True)) == "whole"
    stopping = replace(SUPPORT, on_hold="stop")
    assert extent(stopping, ASKED) == "whole" and extent(stopping, replace(ASKED, held=True)) == "part"
    assert (
        extent(SUPPORT, replace(ASKED, agent_no=True))
        == extent(None, replace(ASKED, answer="stayed, then no"))
        == "part"
    )


def test_what_becomes_of_a_call_after_a_no() -> None:
    line = replace(SUPPORT, on_refusal="end", on_no_answer="route", route="sip:x@y")
    for answer, will, expected in (
        ("no", "ask", "end"), ("no", "announce", "end"), ("another key", "ask", "end"), ("another key", "announce", ""),
        ("silence", "ask", "route"), ("silence", "announce", ""), ("held", "announce", "route"), ("yes, then no", "ask", ""),
        ("not told", "ask", ""), ("no", "none", ""), ("yes", "ask", ""),
    ):  # fmt: skip
        assert fate(line, will, replace(ASKED, answer=answer), ()) == expected  # type: ignore[arg-type]
    bound = replace(line, basis="MUST", basis_document="paper", basis_person="Dana")
    assert fate(bound, "ask", replace(ASKED, answer="yes, then no"), {"MUST"}) == "end"
    assert fate(bound, "ask", replace(ASKED, agent_no=True), {"MUST"}) == "end"
    assert fate(bound, "ask", replace(ASKED, answer="not told"), {"MUST"}) == "route"


# ------------------------------------------------------------------------------------------ how it would have gone


def test_calls_of_which_nothing_can_be_said() -> None:
    seen = foresight(policy())
    assert seen.foresee(replace(ASKED, ended=False)) == Apart("in progress")
    assert seen.foresee(replace(ASKED, will="")) == Apart("never decided")
    assert set(APART) == {"in progress", "never decided", "erased", "unreadable"}


def test_told_and_asked_as_then_means_as_then() -> None:
    seen = foresight(policy())
    assert course(seen.foresee(ASKED)).recorded == "whole"
    assert course(seen.foresee(replace(ASKED, recorded=False, failed=True))).recorded == "no"
    assert course(seen.foresee(replace(ASKED, answer="silence", recorded=False))).recorded == "no"


def test_a_call_that_no_policy_matches_is_not_recorded() -> None:
    would = course(foresight(policy(when=When(lines=("sales",)))).foresee(ASKED))
    assert (would.will, would.recorded, would.policy, would.keep_days, would.listeners) == ("none", "no", "", 0, None)
    assert would.why.startswith("no policy of the book matches")


def test_who_was_told_without_a_question_is_not_known_to_say_yes() -> None:
    would = course(foresight(policy()).foresee(TOLD))
    assert (would.will, would.recorded, would.keep_days, would.keep_until_us, would.listeners) == (
        "ask",
        "unknown",
        0,
        0,
        None,
    )
    assert would.why == "they were not asked then"


def test_who_gave_no_answer_would_have_stayed() -> None:
    seen = foresight(policy(ask=ANNOUNCING, keep=Keep(30, ("compliance",))))
    would = course(seen.foresee(replace(ASKED, answer="silence", recorded=False, kept_from_us=0)))
    assert (would.will, would.recorded, would.keep_days, would.keep_until_us) == ("announce", "whole", 30, 0)
    assert would.listeners == ("compliance",)
    alone = replace(ASKED, answer="silence", recorded=False, joined=False)
    assert course(seen.foresee(alone)).why == ALONE.why
    assert course(seen.foresee(replace(alone, answer="no"))).recorded == "no"
    assert course(seen.foresee(replace(alone, failed=True))).why == FAILED.why
    assert course(seen.foresee(replace(alone, hindered="busy"))).why == "busy"


def test_a_place_that_takes_no_notice_for_consent_is_asked_whatever_was_chosen() -> None:
    seen = foresight(policy(ask=ANNOUNCING))
    assert course(seen.foresee(ASKED)).will == "announce"
    would = course(seen.foresee(replace(ASKED, places=("AA", "XX"))))
    assert (would.will, would.rule, would.form) == ("ask", "all-party", "express_opt_in")
    would = course(seen.foresee(replace(ASKED, places=("AA", "NN"))))
    assert (would.will, would.form) == ("announce", "notice_then_continue")
    many = foresight(policy())
    assert (
        course(many.foresee(replace(ASKED, places=("Q1", "Q2", "Q3", "Q4"), will="none", answer="no"))).recorded == "no"
    )


def test_keeping_is_reckoned_from_the_end_of_the_recording() -> None:
    would = course(foresight(policy(keep=Keep(3))).foresee(ASKED))
    assert would.keep_until_us == ASKED.kept_from_us + 3 * DAY_US
    bound = Stated(basis=ChosenBasis("MUST", "paper", "Dana"))
    seen = foresight(policy(law=bound, ask=Ask("announce", "Dana", "end")), must_record={"MUST"})
    would = course(seen.foresee(replace(ASKED, places=("XX",), answer="yes, then no")))
    assert (would.will, would.keep_days, would.after_no) == ("announce", 400, "end")


def test_hold_that_stops_cuts_what_would_be_recorded() -> None:
    would = course(foresight(policy(capture=Capture(on_hold="stop"))).foresee(replace(ASKED, held=True)))
    assert would.recorded == "part"


def test_a_share_takes_the_same_calls_every_time() -> None:
    seen = foresight(policy(capture=Capture(share=40)))
    calls = [replace(ASKED, id=f"call {number}") for number in range(200)]
    chosen = {one.id for one in calls if course(seen.foresee(one)).will == "ask"}
    assert chosen == {one.id for one in calls if lot(one.id) < 40} and 0 < len(chosen) < 200
    assert course(foresight(policy(capture=Capture(share=0))).foresee(ASKED)).will == "none"


def test_a_call_of_an_earlier_release_has_the_queue_and_team_of_its_line() -> None:
    seen = foresight(policy("north", when=When(queues=("first",), teams=("north",))), policy("rest"))
    assert course(seen.foresee(replace(ASKED, ruled=False))).policy == "north"
    assert course(seen.foresee(ASKED)).policy == "rest"
    assert course(seen.foresee(replace(ASKED, queue="first", team="north"))).policy == "north"
    assert course(seen.foresee(replace(ASKED, ruled=False, line="gone"))).policy == "rest"
    assert course(seen.foresee(replace(ASKED, ruled=False, line=""))).policy == "rest"


def test_the_time_is_that_of_the_offer_by_the_clock_of_the_book() -> None:
    times = {1: (0, 8 * 60), 2: (0, 20 * 60), 3: (6, 8 * 60), 4: (0, 7 * 60 + 59)}
    seen = foresight(
        policy("day", when=When(days=("mon",), from_="08:00", until="18:00")),
        policy("else"),
        local=lambda at_us: times[at_us],
    )
    ruled = [course(seen.foresee(replace(ASKED, offered_us=at))).policy for at in (1, 2, 3, 4, 1)]
    assert ruled == ["day", "else", "else", "else", "day"]


def test_numbers_and_agents_choose_the_policy() -> None:
    seen = foresight(
        policy("west", when=When(numbers=("+1415*", "withheld"))), policy("ann", when=When(agents=("sip:ann@x",))), policy("else"),
        never_record=(NeverRecord("+1999*", "a shelter"),),
    )  # fmt: skip
    ruled = {
        name: course(seen.foresee(one)).policy
        for name, one in {
            "west": ASKED, "withheld": replace(ASKED, caller=""), "ann": replace(ASKED, caller="+1", agent="sip:ann@x"),
            "else": replace(ASKED, caller="+1212"), "outbound": replace(ASKED, direction="outbound", called="+1415"),
        }.items()
    }  # fmt: skip
    assert ruled == {"west": "west", "withheld": "west", "ann": "ann", "else": "else", "outbound": "west"}
    assert course(seen.foresee(replace(ASKED, called="+19995550100"))).will == "none"


def test_what_was_erased_sets_apart_only_where_it_could_matter() -> None:
    gone = replace(ASKED, caller="", agent="", erased=frozenset({"caller", "agent"}))
    number, agent = policy("west", when=When(numbers=("+1415*",))), policy("ann", when=When(agents=("sip:ann@x",)))
    apart = Apart("erased")
    assert course(foresight(policy("all")).foresee(gone)).policy == "all"
    assert foresight(number, policy("all")).foresee(gone) == apart
    assert foresight(agent, policy("all")).foresee(gone) == apart
    assert foresight(number).foresee(gone) == apart
    assert course(foresight(policy("all"), number, agent).foresee(gone)).policy == "all"
    assert foresight(policy("all"), replace(number, locks=("days",))).foresee(gone) == apart
    assert (
        course(
            foresight(replace(number, when=When(lines=("x",), numbers=("+1*",))), policy("all")).foresee(gone)
        ).policy
        == "all"
    )
    assert course(foresight(replace(number, enabled=False), policy("all")).foresee(gone)).policy == "all"
    outbound = replace(gone, direction="outbound", called="+1999", erased=frozenset({"caller"}))
    assert course(foresight(number, policy("all")).foresee(outbound)).policy == "all"
    never = foresight(policy("all"), never_record=(NeverRecord("+1999*", "a shelter"),))
    assert never.foresee(gone) == apart
    assert course(never.foresee(replace(gone, caller="+1415", erased=frozenset({"agent"})))).policy == "all"
    assert never.foresee(replace(gone, caller="+1415", erased=frozenset({"called"}))) == apart
    seen = foresight(number, policy("all"))
    assert course(seen.foresee(replace(ASKED, caller="", agent=""))).policy == "all"
    assert seen.foresee(gone) == apart  # a number that was erased is not one that was withheld


def test_what_is_never_recorded_stays_so() -> None:
    def listed(caller: str, called: str, own: Sequence[str]) -> str:
        return "an emergency" if called == "911" else "on the own list" if called in own else ""

    assert course(foresight(policy("all")).foresee(replace(ASKED, policy=""))).policy == "all"
    emergency = foresight(policy("all"), never=listed)
    never = replace(ASKED, policy="", called="911")
    assert course(emergency.foresee(never)) == Course("", 2, "none", why="an emergency")
    assert course(emergency.foresee(replace(ASKED, ruled=False, called="911"))).will == "none"
    assert course(emergency.foresee(replace(never, called="912"))).policy == "all"
    own = foresight(policy("all"), never=listed, never_record=(NeverRecord("desk", "the works council"),))
    would = course(own.foresee(replace(ASKED, called="desk")))
    assert (would.policy, would.will) == ("all", "none") and "works council" in would.why
    loose = foresight(
        policy("all", capture=Capture(share=0)),
        never=lambda *_: "on the own list",
        never_record=(NeverRecord("x", ""),),
    )
    assert course(loose.foresee(ASKED)).why == "«all» records 0 % of its calls, and not this one"
    strict = foresight(policy("all"), never=lambda *_: "on the own list", never_record=(NeverRecord("x", ""),))
    assert course(strict.foresee(ASKED)).why == "on the own list"
    assert (
        course(
            foresight(never=lambda *_: "on the own list", never_record=(NeverRecord("x", ""),)).foresee(ASKED)
        ).policy
        == ""
    )


def test_what_the_law_demands_and_cannot_be_done_is_not_done() -> None:
    def unable(law: Law, locations: Locations, wish: Wish) -> Decision:
        return decide(law, locations, replace(wish, barred="no tone can be given"))

    would = course(foresight(policy("all"), decides=unable).foresee(ASKED))
    assert (would.will, would.why) == ("none", "no tone can be given")


@given(books, st.lists(calls, min_size=3, max_size=12))
def test_what_is_remembered_of_a_kind_of_call_is_what_the_book_says_of_each(
    book: PolicyBook, some: list[Traits]
) -> None:
    """Property: calls are ruled kind by kind, and every one as if it were ruled by itself."""
    edition = Edition(book, 2, "22")
    times = {number: (one.weekday, one.minute) for number, one in enumerate(some)}
    seen = Foresight(edition, World({}, law_of, times.__getitem__))  # type: ignore[arg-type]
    for number, one in enumerate(some):
        past = replace(
            ASKED, id=f"call {number}", offered_us=number, direction=one.direction, line=one.line, queue=one.queue, team=one.team,
            agent=one.agent, caller=one.caller, called=one.called,
        )  # fmt: skip
        try:
            expected = effective(rule(book, one, lot(past.id)), LinePolicy("x"), edition)
            found = course(seen.foresee(past))
        except PolicyRefused:
            reject()
        else:
            assert (found.policy, found.will == "none") == (expected.policy, not expected.record)


# ------------------------------------------------------------------------------------------ what would have changed

answers = st.sampled_from(tuple(ANSWERS))


@given(
    answers, st.sampled_from(["support", "sales"]), st.sampled_from([("AA",), ("AA", "NN"), ("AA", "XX"), ("QQ",)]), st.booleans(),
    st.booleans(), st.booleans(), st.booleans(),
)  # fmt: skip
def test_the_book_that_ruled_changes_nothing(
    answer: Answer, line: str, places: tuple[str, ...], recorded: bool, held: bool, failed: bool, joined: bool
) -> None:
    """Property: whatever a call was like, the same book and the same law find nothing to change in it."""
    book = book_of_lines([SUPPORT, SALES])
    seen = Foresight(Edition(book, 1, "11"), World(LINES, law_of, lambda at: (0, 0)))  # type: ignore[arg-type]
    bare = PastCall(
        "c", NOW, line, ruled=True, policy=line, version=1, places=places, answer=answer, joined=joined, ended=True,
        failed=failed and not recorded, held=held,
    )  # fmt: skip
    asked = course(seen.foresee(replace(bare, will="ask")))
    past = replace(
        bare, will=asked.will, rule=asked.rule, form=asked.form, languages=asked.languages, purpose=asked.purpose,
        recorded=recorded, kept_from_us=NOW if recorded else 0,
    )  # fmt: skip
    was = Hindsight({1: Edition(book, 1, "11")}.get, {name: one.policy for name, one in LINES.items()}).recall(past)
    assert differences(was, course(seen.foresee(past)), NOW + 100 * DAY_US) == ()


WAS = Course(
    "a",
    1,
    "ask",
    "one-party",
    "none",
    ("en",),
    "standard",
    "quality",
    "whole",
    90,
    NOW + DAY_US,
    ("compliance",),
    "go-on",
)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({}, ()),
        ({"policy": "b", "version": 2, "rule": "all-party", "why": "x"}, ()),
        ({"will": "announce"}, ("telling",)),
        ({"will": "none", "languages": (), "script": "", "purpose": "", "recorded": "no"}, ("telling", "recorded")),
        ({"languages": ("es",)}, ("words",)),
        ({"script": "short"}, ("words",)),
        ({"purpose": "training"}, ("words",)),
        ({"recorded": "unknown"}, ("recorded",)),
        ({"recorded": "part"}, ("recorded",)),
        ({"keep_days": 30}, ("kept",)),
        ({"keep_days": 30, "recorded": "no"}, ("recorded",)),
        ({"keep_days": 30, "keep_until_us": NOW}, ("kept", "deleted")),
        ({"listeners": ()}, ("listeners",)),
        ({"listeners": ("compliance", "compliance")}, ()),
        ({"after_no": "end"}, ("after a no",)),
        ({"after_no": ""}, ()),
    ],
)
def test_what_differs(change: dict[str, object], what: tuple[str, ...]) -> None:
    assert differences(WAS, replace(WAS, **change), NOW) == what  # type: ignore[arg-type]
    assert set(what) <= set(CHANGES)


def test_what_is_not_known_does_not_differ() -> None:
    unknown = replace(
        WAS, languages=(), script="", purpose="", keep_days=0, keep_until_us=0, listeners=None, after_no=""
    )
    assert differences(unknown, WAS, NOW) == ()
    over = replace(WAS, keep_until_us=NOW)
    assert differences(over, replace(over, keep_until_us=NOW - 1), NOW) == ()


def test_the_counts() -> None:
    rehearsal = Rehearsal(NOW, most_shown=1)
    rehearsal.ruled.update({"all": 0, "never": 0})
    would = replace(WAS, policy="all", will="none", recorded="no", keep_days=0, keep_until_us=0, why="records no calls")
    rehearsal.add(ASKED, replace(WAS, keep_until_us=NOW), would)
    rehearsal.add(replace(ASKED, id="c2"), WAS, would)
    rehearsal.add(ASKED, WAS, replace(WAS, policy="all"))
    rehearsal.add(ASKED, replace(WAS, after_no=""), replace(WAS, policy="all", after_no=""))
    rehearsal.set_apart(Apart("erased"))
    rehearsal.set_apart(Apart("unreadable"), 0)
    rehearsal.set_apart(Apart("unreadable"), 2)
    counted = rehearsal.as_json()
    calls = counted.pop("calls")
    assert counted == {
        "rehearsed": 4, "changed": 2, "not_shown": 1, "what": {"telling": 2, "recorded": 2},
        "was": {"will": {"ask": 4}, "recorded": {"whole": 4}, "over": 1, "after_no": {"go-on": 3}, "kept": {"90": 4}},
        "would": {"will": {"none": 2, "ask": 2}, "recorded": {"no": 2, "whole": 2}, "over": 0, "after_no": {"go-on": 3}, "kept": {"90": 2}},
        "ruled": {"all": 4, "never": 0}, "unrecorded": {"records no calls": 2}, "apart": {"erased": 1, "unreadable": 2},
    }  # fmt: skip
    assert isinstance(calls, list) and len(calls) == 1
    shown = calls[0]
    assert isinstance(shown, dict)
    assert shown["caller"] == "+1415•••••23" and shown["call"] == "c1" and shown["what"] == ["telling", "recorded"]
    assert shown["was"]["recorded"] == "whole" and shown["would"]["recorded"] == "no"  # type: ignore[index, call-overload]


def test_who_called_is_masked() -> None:
    assert masked(replace(ASKED, caller="", erased=frozenset({"caller"}))) == "erased"
    assert masked(replace(ASKED, caller="")) == "withheld"


def test_why() -> None:
    assert because(WAS, replace(WAS, why="they said yes then")) == "they said yes then"
    other = replace(WAS, policy="", rule="all-party", form="express_opt_in", why="so")
    assert because(WAS, other) == (
        "no policy rules it, where «a» did; the law asks for all-party, express_opt_in, where it asked for one-party, none; so"
    )
    assert because(replace(WAS, rule="", form=""), replace(WAS, why="so")) == "so"
