"""What is wrong with a policy book: every check finds its wrong, says what to do, and is silent about a right book."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings

from domain import made_law
from overt.domain.book import (
    Ask,
    Capture,
    ChosenBasis,
    Edition,
    Keep,
    NeverRecord,
    Policy,
    PolicyBook,
    Relaxed,
    Stated,
    Stricter,
    Tell,
    When,
)
from overt.domain.book_checks import MOST_POLICIES, check, may_publish
from overt.domain.book_policy_checks import Known
from overt.domain.law.table import Table
from overt.domain.policy import LinePolicy
from overt.domain.ruling import Traits, effective, rule
from policy_books import books, calls

TABLE = made_law.table(
    [
        made_law.one_party("US", kind="federal", duties='["COUNTRY"]'),
        made_law.one_party("US-GA", kind="state", within="US", duties='["STATE", "CARDS"]'),
        made_law.place("US-CA", kind="state", within="US", notice="likely"),
        made_law.place("US-WA", kind="state", within="US"),
        made_law.place("US-MI", kind="state", within="US", rule="contested", contested="true", relaxes_to="one-party"),
        made_law.place("EU", kind="bloc", stands_for='["AT"]', rule="contested", contested="true", relaxes_to="notice_then_continue"),
        made_law.place("GB"),
        made_law.one_party("JP", until="2020-01-01"),
    ],
    duties__EVERYWHERE=made_law.duty("EVERYWHERE", everywhere="true", most=3650),
    duties__COUNTRY=made_law.duty("COUNTRY", most=2000),
    duties__STATE=made_law.duty("STATE", least=30),
    duties__CARDS=made_law.duty("CARDS", when="cards", most=7),
    duties__NOWHERE=made_law.duty("NOWHERE", most=1),
    duties__GONE=made_law.duty("GONE", everywhere="true", most=1, until="2020-01-01"),
    bases__MUST=made_law.basis("MUST", places='["EU"]', least=1827),
    bases__MAY=made_law.basis("MAY", places='["US"]').replace("must_record", "may_record"),
    bases__GONE=made_law.basis("GONE", places='["EU"]', until="2020-01-01"),
)  # fmt: skip
KNOWN = Known(
    scripts={"standard": {"en", "es"}, "orders": {"en"}}, timezones={"UTC", "Europe/Berlin"}, lines=("sales", "service"),
    places=("US-GA", "US-CA"), on=made_law.ON,
)  # fmt: skip
POLICY = Policy(
    "Sales", "Dana Reyes", when=When(lines=("sales",)), tell=Tell("standard", ("en",), "quality and training"),
    ask=Ask("announce", "Dana Reyes"), keep=Keep(90),
)  # fmt: skip
BOOK = PolicyBook("Ours", policy=(POLICY,))
ROUTED = Ask("ask", "", "end", "route", "sip:front-desk@192.0.2.10:5060")
PAPER = ChosenBasis("MUST", "licence 7", "Dana Reyes")


def said(book: PolicyBook, known: Known = KNOWN, table: Table = TABLE) -> list[str]:
    """Everything found, as «level: finding»."""
    return [f"{one.level}: {one}" for one in check(book, table, known)]


def test_nothing_is_said_of_a_book_that_is_right() -> None:
    assert said(BOOK) == [] and may_publish(check(BOOK, TABLE, KNOWN))
    whole = PolicyBook(
        "Ours", "Europe/Berlin",
        (NeverRecord("+18005550199", "the works doctor"), NeverRecord("+1800555*", "all of theirs"), NeverRecord("116123", "a helpline")),
        (Relaxed("US-MI", "Dana", "opinion of counsel"), Relaxed("EU", "Dana", "opinion of counsel")),
        (Stricter("US-GA", "express_opt_in", "Dana", "the board wants it"),),
        (
            replace(POLICY, name="First", when=When("inbound", queues=("gold*",), agents=("sip:dana@*",), numbers=("+1415*", "withheld"))),
            replace(POLICY, name="Second", locks=("days",), law=Stated(("health",))),
            replace(POLICY, name="Third", when=When("outbound", lines=("*",), from_="22:00", until="06:00"), ask=ROUTED,
                    law=Stated(("investment",), PAPER), keep=Keep(1827, ("compliance",))),
            Policy("Draft", "Dana", capture=Capture(record=False)),
        ),
    )  # fmt: skip
    assert said(whole, replace(KNOWN, places=("US-CA", "AT"))) == []


def test_what_is_not_known_is_not_checked() -> None:
    strange = replace(POLICY, when=When(lines=("x",)), tell=Tell("x", ("xx",), "quality"), ask=Ask())
    assert said(PolicyBook("Ours", "Nowhere/Land", policy=(strange,)), Known()) == []


@pytest.mark.parametrize(
    ("book", "finding"),
    [
        ({"timezone": "Europe/Berln"}, "stops: timezone: «Europe/Berln» is no time zone; did you mean Europe/Berlin?"),
        ({"timezone": "XYZ"}, "stops: timezone: «XYZ» is no time zone; write it as America/New_York or Europe/Berlin"),
        ({"policy": ()}, "warns: no policy is enabled, so no call is recorded"),
        ({"never_record": (NeverRecord("doctor", "r"),)},
         "stops: never_record: «doctor» is no number; write digits, as +14155550100, or a beginning, as +1415*"),
        ({"never_record": (NeverRecord("+1 (800) 555-0199", "r"),)},
         "stops: never_record: «+1 (800) 555-0199» is no number; write +18005550199"),
        ({"never_record": (NeverRecord("+1800*", " "),)},
         "stops: never_record +1800*: reason must not be empty; it stands in the account"),
        ({"relax": (Relaxed("US-MI", "", " "),)},
         "stops: relax US-MI: by and reason must not be empty; name the person who decided it, and why"),
        ({"relax": (Relaxed("US-WA", "D", "r"),)},
         "stops: relax US-WA: its rule is not contested (all-party: Law of US-WA); only a contested rule can be relaxed"),
        ({"relax": (Relaxed("US-XX", "D", "r"),)},
         "stops: relax US-XX: the law table has no row of it; places are written as US-CA, GB or AU-VIC"),
        ({"relax": (Relaxed("AT", "D", "r"),)},
         "stops: relax AT: AT has no row of its own; that of EU speaks for it; write EU"),
        ({"relax": (Relaxed("US-MI", "D", "r"), Relaxed("US-MI", "D", "r"))},
         "stops: relax US-MI: it stands twice; leave one of them out"),
        ({"stricter": (Stricter("US-GA", "express_opt_in", "D", ""),)},
         "stops: stricter US-GA: reason must not be empty; name the person who decided it, and why"),
        ({"stricter": (Stricter("JP", "express_opt_in", "D", "r"),)},
         "stops: stricter JP: its row is not in force on 2026-11-24"),
        ({"relax": (Relaxed("US-MI", "D", "r"),), "stricter": (Stricter("US-MI", "express_opt_in", "D", "r"),)},
         "warns: US-MI is both relaxed and held stricter: the stricter holds"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_book(book: dict[str, Any], finding: str) -> None:
    assert finding in said(replace(BOOK, **book))
    assert may_publish(check(replace(BOOK, **book), TABLE, KNOWN)) is finding.startswith("warns")


IT = "policy «Sales»: "


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"name": " "}, "stops: policy « »: a policy has no name; name it: the ledger and the console call it so"),
        ({"name": "Sales "}, "stops: policy «Sales »: its name begins or ends with a blank; leave the blank out"),
        ({"responsible": " "}, f"stops: {IT}responsible is empty; name the person who answers for this policy"),
        ({"when": When(queues=("g*d",))}, f"stops: {IT}when.queues: «g*d» is no name; a * may stand at its end only"),
        ({"when": When(agents=("",))}, f"stops: {IT}when.agents: «» is no name; a * may stand at its end only"),
        ({"when": When(numbers=("555-0100",))}, f"stops: {IT}when.numbers: «555-0100» is no number; write 5550100, or withheld"),
        ({"when": When(numbers=("*",))}, f"stops: {IT}when.numbers: «*» is no number; write digits, as +14155550100, "
         "or a beginning, as +1415*, or withheld"),
        ({"when": When(lines=("sales", "x*"))}, f"warns: {IT}when.lines: no line is called «x*»; there are: sales, service"),
        ({"when": When(lines=("sale",))}, f"warns: {IT}when.lines: no line is called «sale»; did you mean sales?"),
        ({"when": When(from_="08:00", until="08:00")}, f"stops: {IT}when: from and until are the same; leave both out for the whole day"),
        ({"when": When(until="00:00")}, f"stops: {IT}when: from and until are the same; leave both out for the whole day"),
        ({"tell": Tell()}, f"stops: {IT}an outbound policy without a disclosure cannot be enabled (P1); "
         "write script, languages, purpose in [policy.tell], or record = false in [policy.capture]"),
        ({"tell": Tell("standard", ("en",), " "), "when": When("inbound")},
         f"stops: {IT}a policy without a disclosure cannot be enabled (P1); "
         "write purpose in [policy.tell], or record = false in [policy.capture]"),
        ({"tell": Tell("standrad", ("en",), "quality")}, f"stops: {IT}tell.script: there is no script «standrad»; did you mean standard?"),
        ({"tell": Tell("standard", ("en", "qq"), "quality")},
         f"stops: {IT}tell.languages: the script «standard» has no prompts in «qq»; there are: en, es"),
        ({"tell": Tell("orders", ("es",), "quality")},
         f"stops: {IT}tell.languages: the script «orders» has no prompts in «es»; there are: en"),
        ({"tell": Tell("standard", ("en", "en"), "quality")},
         f"warns: {IT}tell.languages: a language stands twice, and callers would hear it twice"),
        ({"tell": Tell("standard", ("en",), "equality")},
         f"warns: {IT}tell.purpose names none of the purposes for which one may listen without a paper (quality, training); "
         "whoever listens must name a purpose that the caller was told (P8)"),
        ({"ask": Ask("announce", " ")}, f"stops: {IT}ask.telling = announce needs chosen_by (P2); name the person who chose not to ask"),
        ({"ask": Ask("ask", "", "route")},
         f"stops: {IT}ask.on_refusal = route needs route; write the address, as sip:front-desk@192.0.2.10"),
        ({"ask": Ask("ask", "", "end", "route")},
         f"stops: {IT}ask.on_no_answer = route needs route; write the address, as sip:front-desk@192.0.2.10"),
        ({"ask": Ask("ask", "", "route", route="front-desk")},
         f"stops: {IT}ask.route: «front-desk» is no SIP address; write it as sip:front-desk@192.0.2.10"),
        ({"ask": Ask("ask", route="sip:192.0.2.10")},
         f"warns: {IT}ask.route is never used; on_refusal or on_no_answer must be route for that"),
        ({"capture": Capture(share=101)}, f"stops: {IT}capture.share: 101 is not of a hundred; write 0 to 100"),
        ({"capture": Capture(share=-1)}, f"stops: {IT}capture.share: -1 is not of a hundred; write 0 to 100"),
        ({"capture": Capture(share=0)}, f"warns: {IT}capture.share = 0 records nothing; record = false says so plainly"),
        ({"when": When()}, f"warns: {IT}records 100 % of everything: it asks for nothing of a call and takes every one; "
         "say in [policy.when] which calls need recording, or record a share of them"),
        ({"keep": Keep(0)}, f"stops: {IT}keep.days: 0 is no time of keeping; write 1 to 36500"),
        ({"keep": Keep(36501)}, f"stops: {IT}keep.days: 36501 is no time of keeping; write 1 to 36500"),
        ({"keep": Keep(90, ("agent",))}, f"stops: {IT}keep.listeners: the role «agent» may not listen to recordings; "
         "the roles that may are administrator, compliance, supervisor"),
        ({"keep": Keep(90, ())}, f"warns: {IT}keep.listeners is empty: nobody may listen to what is recorded"),
        ({"locks": ("day",)}, f"stops: {IT}locks: there is no field «day» that can be locked; did you mean days?"),
        ({"law": Stated(("card",))}, f"stops: {IT}law.circumstances: there is no circumstance «card»; did you mean cards?"),
        ({"law": Stated(("",))}, f"stops: {IT}law.circumstances: there is no circumstance «»; there are: "),
        ({"law": Stated(basis=ChosenBasis("MIST", "p", "D"))}, f"stops: {IT}law.basis: there is no legal basis «MIST»; did you mean MUST?"),
        ({"law": Stated(basis=ChosenBasis("XXXX"))}, f"stops: {IT}law.basis XXXX: document and person must not be empty; "
         "document names the paper that shows it"),
        ({"law": Stated(basis=ChosenBasis("", "p"))}, f"stops: {IT}law.basis: code is missing; there are: GONE, MAY, MUST"),
        ({"law": Stated(basis=ChosenBasis("", "", "D"))}, f"stops: {IT}law.basis: code is missing; there are: GONE, MAY, MUST"),
        ({"law": Stated(basis=ChosenBasis("MAY", " ", "D"))},
         f"stops: {IT}law.basis MAY: document must not be empty; document: a paper"),
        ({"law": Stated(basis=ChosenBasis("GONE", "p", "D"))}, f"stops: {IT}law.basis: GONE is not in force on 2026-11-24"),
        ({"law": Stated(basis=ChosenBasis("MAY", "p", "D"))},
         f"warns: {IT}law.basis: MAY holds in US, and no line of yours is there; elsewhere Overt asks as if no basis were chosen"),
        ({"law": Stated(basis=PAPER), "ask": replace(ROUTED, on_refusal="go-on")},
         f"stops: {IT}MUST is a duty to record, and ask.on_refusal lets the call go on unrecorded after a no; "
         "a no closes capture all the same (P5): write route, with an address, or end"),
        ({"law": Stated(basis=PAPER), "ask": Ask("ask", "", "end", "go-on")},
         f"stops: {IT}MUST is a duty to record, and ask.on_no_answer lets the call go on unrecorded after a no; "
         "a no closes capture all the same (P5): write route, with an address, or end"),
        ({"law": Stated(basis=PAPER), "ask": ROUTED},
         f"warns: {IT}keep.days = 90: Basis MUST demands at least 1827 days (Basis MUST)"),
        ({"keep": Keep(29)}, f"warns: {IT}keep.days = 29: Duty STATE demands at least 30 days (Duty STATE)"),
        ({"keep": Keep(2001)}, f"warns: {IT}keep.days = 2001: Duty COUNTRY allows at most 2000 days (Duty COUNTRY)"),
        ({"keep": Keep(3651)}, f"warns: {IT}keep.days = 3651: Duty EVERYWHERE allows at most 3650 days (Duty EVERYWHERE)"),
        ({"law": Stated(("cards",))}, f"warns: {IT}keep.days = 90: Duty CARDS allows at most 7 days (Duty CARDS)"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_policy(changes: dict[str, Any], finding: str) -> None:
    book = replace(BOOK, policy=(replace(POLICY, **changes),))
    assert any(one.startswith(finding) for one in said(book)), said(book)
    stopping = [one for one in check(book, TABLE, KNOWN) if one.level == "stops"]
    assert bool(stopping) is finding.startswith("stops")
    draft = replace(POLICY, **{**changes, "enabled": False})
    assert not [one for one in check(replace(BOOK, policy=(draft,)), TABLE, KNOWN) if one.level == "stops"]


@pytest.mark.parametrize(
    ("changes", "known"),
    [
        ({"keep": Keep(2000)}, {}),
        ({"keep": Keep(30)}, {}),
        ({"keep": Keep(36500)}, {"places": None}),
        ({"keep": Keep(1)}, {"places": None}),
        ({"when": When(), "capture": Capture(share=99)}, {}),
        ({"capture": Capture(record=False, share=0), "keep": Keep(90, ())}, {}),
        ({"capture": Capture(record=False), "when": When(), "keep": Keep(4000)}, {"places": ("GB",)}),
        ({"capture": Capture(record=False), "law": Stated(basis=PAPER), "ask": Ask()}, {"places": ("EU",)}),
        ({"law": Stated(basis=ChosenBasis("MAY", "p", "D"))}, {"places": None}),
        ({"law": Stated(basis=ChosenBasis("GONE", "p", "D")), "ask": ROUTED}, {"places": ("EU",), "on": "2019-12-31"}),
    ],
)  # fmt: skip
def test_what_is_just_right_is_not_spoken_of(changes: dict[str, Any], known: dict[str, Any]) -> None:
    table = replace(TABLE, duties={name: one for name, one in TABLE.duties.items() if name != "EVERYWHERE"})
    found = said(replace(BOOK, policy=(replace(POLICY, **changes),)), replace(KNOWN, **known), table)
    assert [
        one for one in found if "announces" not in one and "GONE demands" not in one and "Duty GONE" not in one
    ] == []


def test_a_policy_that_is_not_enabled_is_only_warned_of() -> None:
    draft = replace(POLICY, enabled=False, tell=Tell())
    assert said(replace(BOOK, policy=(POLICY, draft)))[-1] == (
        f"warns: {IT}before it is enabled: an outbound policy without a disclosure cannot be enabled (P1); "
        "write script, languages, purpose in [policy.tell], or record = false in [policy.capture]"
    )
    twice = replace(POLICY, enabled=False, tell=Tell("standard", ("en", "en"), "quality"))
    assert said(replace(BOOK, policy=(replace(POLICY, name="Other"), twice))) == [
        f"warns: {IT}tell.languages: a language stands twice, and callers would hear it twice"
    ]
    everything = replace(POLICY, enabled=False, when=When(), law=Stated(("cards",)), ask=Ask("announce", "Dana"))
    assert said(
        replace(BOOK, policy=(everything, replace(POLICY, name="Other"))), replace(KNOWN, places=("US-WA",))
    ) == [
        "warns: policy «Other»: announces, but in 1 of 1 places that is not enough (US-WA); "
        "Overt will ask where somebody may be there"
    ]


def test_a_duty_that_gives_way_to_the_chosen_basis_bounds_nothing() -> None:
    yielding = made_law.duty("CAP", most=200, yields_to='["MAY"]')
    table = made_law.table(
        [made_law.one_party("US", duties='["CAP"]')],
        duties__CAP=yielding,
        bases__MAY=made_law.basis("MAY", places='["US"]'),
    )
    policy, known = replace(POLICY, keep=Keep(300), ask=ROUTED), replace(KNOWN, places=("US",))
    assert len(said(replace(BOOK, policy=(policy,)), known, table)) == 1
    based = replace(policy, law=Stated(basis=ChosenBasis("MAY", "p", "D")))
    assert said(replace(BOOK, policy=(based,)), known, table) == []


def test_a_duty_of_a_place_that_is_not_known_counts_where_its_circumstance_is_stated() -> None:
    policy = replace(POLICY, ask=Ask(), keep=Keep(3000), law=Stated(("cards",)))
    found = said(replace(BOOK, policy=(policy,)), replace(KNOWN, places=None))
    assert found == [f"warns: {IT}keep.days = 3000: Duty CARDS allows at most 7 days (Duty CARDS)"]
    nowhere = replace(POLICY, keep=Keep(29))
    assert said(replace(BOOK, policy=(nowhere,)), replace(KNOWN, places=("US-XX", "GB"))) == [
        f"warns: {IT}announces, but in 2 of 2 places that is not enough (US-XX, GB); Overt will ask where somebody may be there"
    ]


def test_where_a_basis_holds_is_not_said_while_callers_may_be_anywhere() -> None:
    based = replace(POLICY, ask=ROUTED, law=Stated(basis=ChosenBasis("MAY", "p", "D")))
    book = replace(BOOK, policy=(based,))
    assert len(said(book, replace(KNOWN, places=("GB",)))) == 1
    assert said(book, replace(KNOWN, places=("GB",), unserved=True)) == []


# ----------------------------------------------------------------------------------- where Overt asks


def announced(**known: Any) -> list[str]:
    """What is said of announcing."""
    return [one for one in said(BOOK, replace(KNOWN, **known)) if "announces" in one]


def test_where_a_notice_is_not_enough_is_said() -> None:
    assert announced() == []
    places = ("US-GA", "US-CA", "US-WA", "GB")
    assert announced(places=places) == [
        f"warns: {IT}announces, but in 2 of 4 places that is not enough (US-WA, GB); Overt will ask where somebody may be there"
    ]
    assert "in 3 of 4 places" in announced(places=places, profile="strict")[0]
    assert "(EU, GB, US-MI, US-WA)" in announced(places=None)[0] and "in 4 of 6" in announced(places=None)[0]
    assert announced(unserved=True) == [
        f"warns: {IT}announces, but no places are set that the lines serve, so Overt will ask; set served"
    ]
    assert announced(places=tuple(f"XX-{number}" for number in range(12)))[0].count("…") == 0
    unrecorded = replace(POLICY, capture=Capture(record=False))
    assert said(replace(BOOK, policy=(unrecorded,)), replace(KNOWN, places=("GB",))) == []
    many = tuple(f"XX-{number}" for number in range(13))
    assert (
        "in 13 of 13 places that is not enough (XX-0, " in announced(places=many)[0]
        and "XX-11, …)" in announced(places=many)[0]
    )


def test_what_the_book_itself_holds_about_places_counts() -> None:
    places = ("US-GA", "US-MI", "EU")
    known = replace(KNOWN, places=places)
    relaxed = (
        Relaxed("US-MI", "D", "r"),
        Relaxed("EU", "D", "r"),
        Relaxed("US-WA", "D", "not allowed"),
        Relaxed("XX", "D", "no row"),
    )
    stricter = (Stricter("US-GA", "express_opt_in", "D", "r"), Stricter("YY", "express_opt_in", "D", "no row"))
    assert "(US-MI, EU)" in " ".join(said(BOOK, known))
    found = " ".join(said(replace(BOOK, relax=relaxed, stricter=stricter), known))
    assert "in 1 of 3 places that is not enough (US-GA)" in found
    based = replace(POLICY, law=Stated(("unheard",), PAPER), ask=Ask("announce", "D", "end", "end"), keep=Keep(1827))
    assert "(US-MI)" in " ".join(said(replace(BOOK, policy=(based,)), known))
    unknown = replace(POLICY, law=Stated((), ChosenBasis("NONE", "p", "D")))
    assert "(US-MI, EU)" in " ".join(said(replace(BOOK, policy=(unknown,)), known))


# ------------------------------------------------------------------------------- a policy among others


def test_no_book_has_more_policies_than_can_be_held_against_each_other() -> None:
    many = PolicyBook(
        policy=tuple(Policy(f"no. {number}", "Dana", enabled=False) for number in range(MOST_POLICIES + 1))
    )
    (one,) = said(many)
    assert one.startswith("stops: has 301 policies; 300 are the most") and not may_publish(check(many, TABLE, KNOWN))
    assert may_publish(check(replace(many, policy=many.policy[1:]), TABLE, KNOWN))


def test_names_must_differ() -> None:
    found = said(replace(BOOK, policy=(POLICY, replace(POLICY, name="sales", when=When(lines=("service",))))))
    assert found == [
        "stops: policy «sales»: another policy has this name; names must differ by more than upper and lower case"
    ]
    nameless = replace(POLICY, name="", enabled=False)
    assert not any("another" in one for one in said(replace(BOOK, policy=(nameless, nameless))))


def test_a_policy_that_never_rules_is_said() -> None:
    wide = replace(POLICY, name="Wide", when=When(lines=("s*",)))
    late = replace(POLICY, name="Late", when=When(lines=("sales",), days=("mon",)))
    assert said(replace(BOOK, policy=(wide, late))) == [
        "warns: policy «Late»: never rules a call: «Wide», before it, matches all of its calls; "
        "put it before «Wide», or change its conditions"
    ]
    assert said(replace(BOOK, policy=(late, wide))) == []
    assert said(replace(BOOK, policy=(replace(wide, enabled=False), late))) == []
    assert said(replace(BOOK, policy=(wide, replace(late, enabled=False)))) == []
    assert said(replace(BOOK, policy=(wide, replace(late, locks=("days",))))) == []  # it rules none, and holds a field


def test_what_locks_bring_about_is_said() -> None:
    duty = replace(
        POLICY, name="Duty", when=When(), law=Stated(basis=PAPER), ask=ROUTED, keep=Keep(1827), locks=("basis",)
    )
    known = replace(KNOWN, places=("AT",))
    plain = replace(POLICY, ask=Ask(), keep=Keep(1827))
    (found,) = [one for one in said(replace(BOOK, policy=(plain, duty)), known) if "stops" in one]
    assert found.startswith(
        f"stops: {IT}with what «Duty» locks (basis): MUST is a duty to record, and ask.on_refusal lets"
    )
    also = replace(duty, locks=("basis", "route"))
    assert not [one for one in said(replace(BOOK, policy=(plain, also)), known) if "stops" in one]
    apart = replace(duty, when=When(lines=("service",)))
    assert not [one for one in said(replace(BOOK, policy=(plain, apart)), known) if "stops" in one]
    silent = Policy("Silent", "Dana", when=When(lines=("sales",)), capture=Capture(record=False))
    loud = replace(POLICY, name="Loud", when=When(lines=("s*",)), locks=("record",))
    (found,) = [one for one in said(replace(BOOK, policy=(silent, loud))) if "stops" in one]
    assert "with what «Loud» locks (record): an outbound policy without a disclosure" in found
    broken = replace(loud, tell=Tell())
    assert [one for one in said(replace(BOOK, policy=(silent, broken))) if "with what" in one] == []


def test_two_policies_that_lock_a_field_differently_are_said() -> None:
    first = replace(POLICY, locks=("days", "strange", "telling"))
    other = replace(POLICY, name="Other", when=When(lines=("s*",)), keep=Keep(30), locks=("days", "odd", "chosen_by"))
    found = [one for one in said(replace(BOOK, policy=(first, other))) if "locks" in one and "stops" not in one]
    assert found == [
        f"warns: {IT}«Other» locks days too, to something else; for calls that both match, this one decides; "
        "lock it in one of them"
    ]
    assert not any("too" in one for one in said(replace(BOOK, policy=(first, replace(other, keep=Keep(90))))))
    elsewhere = replace(other, locks=("purpose",))
    assert not any("too" in one for one in said(replace(BOOK, policy=(first, elsewhere))))
    off = replace(other, enabled=False)
    assert not any("too" in one for one in said(replace(BOOK, policy=(first, off))))


# ----------------------------------------------------------------------------- what may be published runs


def righted(book: PolicyBook) -> PolicyBook:
    """The book with each policy right by itself, so that only what locks bring about can be wrong with it."""
    policies = tuple(_righted(one, f"Policy {number}") for number, one in enumerate(book.policy))
    return PolicyBook(book.title, policy=policies)


def _righted(policy: Policy, name: str) -> Policy:
    tell, ask, when = policy.tell, policy.ask, policy.when
    recorded = policy.capture.record and tell.script and tell.languages and tell.purpose.strip()
    route = "sip:desk@192.0.2.7" if "route" in (ask.on_refusal, ask.on_no_answer) else ""
    ask = replace(ask, chosen_by=ask.chosen_by or "Dana", route=route)
    if policy.law.basis.code == "MUST":
        ask = replace(ask, on_refusal="end", on_no_answer="end", route="")
    if when.until and when.until == (when.from_ or "00:00"):
        when = replace(when, until="")
    return replace(policy, name=name, ask=ask, when=when, capture=replace(policy.capture, record=bool(recorded)))


BASE = LinePolicy("sales", purpose="the settings' own", languages=("de",), script="the settings' own")
LOUD = replace(POLICY, name="Loud", when=When(), locks=("record", "basis"), law=Stated(basis=PAPER), ask=ROUTED)
QUIET = Policy("Quiet", "Dana", when=When(direction="inbound"), capture=Capture(record=False))


@settings(max_examples=400)
@given(books.map(righted), calls)
@example(BOOK, Traits(line="sales"))
@example(PolicyBook(policy=(QUIET, LOUD)), Traits(line="sales"))
@example(PolicyBook(policy=(replace(POLICY, ask=Ask()), LOUD)), Traits(line="sales"))
def test_a_book_that_nothing_stops_rules_every_call_as_the_promises_demand(book: PolicyBook, call: Traits) -> None:
    found = check(book, TABLE, replace(KNOWN, places=None))
    if not may_publish(found):
        assert all("with what «" in one.text for one in found if one.level == "stops")
        return
    line = effective(rule(book, call), BASE, Edition(book, 1, "ab"))
    told = (line.purpose, line.languages, line.script)
    assert not line.record or not set(told) & {
        BASE.purpose,
        BASE.languages,
        BASE.script,
    }  # told what the book says (P1)
    assert not line.record or line.basis != "MUST" or "go-on" not in (line.on_refusal, line.on_no_answer)  # (P5)


@given(books, calls)
def test_no_book_makes_checking_fail(book: PolicyBook, call: Traits) -> None:
    assert check(book, TABLE) is not None and rule(book, call) is not None
