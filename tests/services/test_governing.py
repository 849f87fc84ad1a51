"""Governing: the newest book of the ledger rules, and nothing else; publishing is checked whole, entered, and in force with it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from overt.adapters.memory import MemoryClock, MemoryLedger, MemoryPublications
from overt.domain.book import Ask, NeverRecord, Policy, PolicyBook, Relaxed, Stated, Stricter, Tell, When, book_of_lines
from overt.domain.book_policy_checks import Known
from overt.domain.book_toml import book_sha256, write_book
from overt.domain.errors import BookRefused, PolicyRefused
from overt.domain.facts import Fact
from overt.domain.identity import Number
from overt.domain.law.reckoning import Reckoning
from overt.domain.policy import LinePolicy
from overt.ports import NotDurable, Offer, Unavailable
from overt.services import governing, publishing
from overt.services.auditing import Stated as Entry
from overt.services.governing import Governor, Premises, read_publication
from overt.services.house import Line, Ruled
from overt.services.publishing import PublishingRooms
from services.test_call_stories import TABLE

SETTINGS = LinePolicy("sales", "announce", "Dana", agent_place="US-GA")
LINE = Line(SETTINGS, "sip:agent@192.0.2.2", "gold", "north")
OFFER = Offer("018f0000-0000-7000-8000-00000000aaaa", "main", "t", Number("+12145550100"), "", "sales", 1, 1)
SOLD = Policy("Sold", "Dana", tell=Tell("standard", ("en",), "quality"), when=When(lines=("sales",)))
BOOK = PolicyBook("One", policy=(SOLD,))
CONTESTED = next(code for code, rows in TABLE.rows.items() if rows[0].contested.relaxes_to)
PROMPTS = frozenset(f"en/{one}" for one in ("announce", "announce-ask", "question", "unrecorded-end"))


@dataclass
class World:
    """A ledger, what was published in it, and who governs by it."""

    clock: MemoryClock = field(default_factory=MemoryClock)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    troubles: list[Exception] = field(default_factory=list)
    zones: list[tuple[str, int]] = field(default_factory=list)
    zone_trouble: str = ""

    def __post_init__(self) -> None:
        self.publications = MemoryPublications(self.ledger)
        self.premises = Premises(
            TABLE, "standard", ("US-CA",), book_of_lines([SETTINGS]), "cd" * 32, self._local, self._never
        )
        self.governor = Governor(self.premises, self.publications, self.clock, self.troubles.append)
        self.rooms = PublishingRooms(
            "main", self.ledger, self.clock, self.publications, TABLE, Known(), PROMPTS, book_of_lines([SETTINGS])
        )

    def _local(self, zone: str, now_us: int) -> tuple[int, int]:
        self.zones.append((zone, now_us))
        if self.zone_trouble:
            raise Unavailable("time zones", self.zone_trouble)
        return 2, 600

    def _never(self, caller: str, called: str, own: Sequence[str]) -> str:
        if called == "112":
            return "an emergency call"
        return "it is on the house's own list" if caller in own else ""

    async def publish(self, book: PolicyBook = BOOK, **more: object) -> governing.Publication:
        """Publish a book as dana."""
        wanted: dict[str, object] = {"by": "dana", "reason": "a test", **more}
        return await publishing.publish(self.rooms, write_book(book), **wanted)  # type: ignore[arg-type]

    async def enter(self, book: PolicyBook, version: int) -> None:
        """Enter a book in the ledger that nobody checked."""
        text = write_book(book)
        body = {
            "version": version,
            "sha256": book_sha256(text),
            "by": "x",
            "reason": "x",
            "law_version": "",
            "law_sha256": "",
        }
        await self.ledger.enter(Fact(self.clock.new_id(), "main", "policy.published", 5, "", body, {"book": text}))

    async def rule(self, line: Line = LINE, offer: Offer = OFFER) -> Ruled:
        """How a call is ruled now."""
        return await self.governor.rule(offer, line)


# ------------------------------------------------------------------------------------------ which book


async def test_while_nothing_is_published_each_line_rules_itself() -> None:
    world = World()
    ruled = await world.rule()
    assert ruled.line.policy == replace(SETTINGS, policy="sales", responsible="Dana", book_sha256="cd" * 32)
    assert world.governor.edition is not None and world.governor.edition.version == 0
    other = replace(LINE, policy=replace(SETTINGS, purpose="training"))  # another line of the same name
    assert (await world.rule(other)).line.policy.purpose == "training"


async def test_the_newest_book_rules_from_the_next_call_on() -> None:
    world = World()
    before = await world.rule()
    await world.publish()
    first = await world.rule()
    await world.publish(replace(BOOK, policy=(replace(SOLD, name="Later"),)))
    second = await world.rule()
    assert [one.line.policy.version for one in (before, first, second)] == [0, 1, 2]
    assert [one.line.policy.policy for one in (first, second)] == ["Sold", "Later"]
    assert first.line.policy.agent_place == "US-GA" and first.line.agent == LINE.agent and not world.troubles
    assert second.line.policy.book_sha256 == world.ledger.facts[-1].body["sha256"]


async def test_the_clock_of_the_book_says_which_policy_applies() -> None:
    world = World()
    morning = replace(SOLD, when=When(days=("wed",), from_="09:00", until="11:00"))
    await world.publish(PolicyBook("t", "Europe/Berlin", policy=(morning,)))
    assert (await world.rule()).line.policy.policy == "Sold" and world.zones[-1][0] == "Europe/Berlin"
    world.zone_trouble = "no tzdata"
    ruled = await world.rule()
    assert not ruled.line.policy.record and "no tzdata" in ruled.line.policy.unrecorded_why
    assert len(world.troubles) == 1


async def test_a_book_that_was_changed_rules_nothing_and_the_last_good_one_rules_on() -> None:
    world = World()
    await world.publish()
    await world.rule()
    await world.publish(replace(BOOK, title="Two"))
    world.publications.changed[1] = write_book(PolicyBook("mine", policy=(replace(SOLD, name="Mine"),)))
    for _ in range(2):
        assert (await world.rule()).line.policy.version == 1
    assert len(world.troubles) == 1 and "not the one that was published" in str(world.troubles[0])
    world.publications.changed.clear()
    assert (await world.rule()).line.policy.version == 2
    world.publications.changed[1] = "broken"
    assert (await world.rule()).line.policy.version == 2  # it was read before, and rules on


async def test_without_a_last_good_one_nothing_is_recorded_and_the_settings_do_not_rule_instead() -> None:
    world = World()
    await world.publish()
    world.publications.changed[0] = write_book(PolicyBook())
    ruled = await world.rule()
    assert not ruled.line.policy.record and "no policy book can be read" in ruled.line.policy.unrecorded_why
    assert world.governor.edition is None and ruled.body["policy"] == ""


async def test_nothing_leads_back_to_an_older_book() -> None:
    world = World()
    await world.publish()
    await world.publish(replace(BOOK, title="Two"))
    await world.rule()
    await world.enter(replace(BOOK, title="One again"), 1)
    assert (await world.rule()).line.policy.version == 2 and "old" in str(world.troubles[0])
    del world.ledger.facts[:]
    assert (await world.rule()).line.policy.version == 2 and "gone" in str(world.troubles[1])


async def test_of_two_books_of_one_version_the_later_entry_rules() -> None:
    """Somebody was told that theirs was not durable, and it was; then another came."""
    world = World()
    await world.publish()
    await world.rule()
    for title in ("Two", "Two as well"):
        await world.enter(replace(BOOK, title=title), 2)
        await world.rule()
    assert (
        world.governor.edition is not None and world.governor.edition.book.title == "Two as well" and not world.troubles
    )


async def test_another_book_in_the_place_of_the_one_that_rules_is_no_silent_matter() -> None:
    world = World()
    await world.publish()
    await world.rule()
    del world.ledger.facts[:]
    await world.enter(replace(BOOK, title="Another"), 1)  # a ledger that was put back to what it was before
    ruled = await world.rule()
    assert ruled.line.policy.book_sha256 == book_sha256(write_book(BOOK)) and "old" in str(world.troubles[0])


async def test_a_book_that_this_law_cannot_be_read_by_rules_nothing() -> None:
    world = World()
    await world.publish()
    await world.rule()
    settled = next(code for code, rows in TABLE.rows.items() if not rows[0].contested.relaxes_to)
    await world.enter(replace(BOOK, relax=(Relaxed(settled, "Dana", "because"),)), 2)
    assert (await world.rule()).line.policy.version == 1 and settled in str(world.troubles[0])


async def test_a_ledger_that_does_not_answer_keeps_no_call_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(governing, "LOOK_S", 0.01)
    world = World()
    await world.rule()

    async def never() -> Entry | None:
        await asyncio.sleep(60)
        return None

    monkeypatch.setattr(MemoryPublications, "newest", lambda self: never())
    assert (await asyncio.wait_for(world.rule(), 1)).line.policy.version == 0
    assert [type(one) for one in world.troubles] == [TimeoutError]


async def test_emergencies_and_the_books_own_numbers() -> None:
    world = World()
    world.publications.trouble = "down"
    emergency = await world.rule(offer=replace(OFFER, called="112"))
    assert emergency.line.policy.unrecorded_why == "an emergency call" and not world.troubles
    world.publications.trouble = ""
    await world.publish(replace(BOOK, never_record=(NeverRecord("+12145550100", "a lawyer"), NeverRecord("+33", "x"))))
    ruled = await world.rule()
    assert "a lawyer" in ruled.line.policy.unrecorded_why and ruled.body["policy"] == "Sold"
    national = replace(OFFER, caller=Number("+33"))
    assert "x" in (await world.rule(offer=national)).line.policy.unrecorded_why
    monkey = replace(world.premises, never_record=lambda caller, called, own: "as dialled" if own else "")
    hers = Governor(monkey, world.publications, world.clock, world.troubles.append)
    ruled = await hers.rule(replace(OFFER, caller=Number("2145550199")), LINE)
    assert ruled.line.policy.unrecorded_why == "as dialled" == ruled.body["unrecorded_why"]


# ------------------------------------------------------------------------------------------ the law, as the book reads it


async def test_the_law_is_read_as_book_and_policy_say_and_reckoned_once() -> None:
    world = World()
    policy = replace(SOLD, law=Stated(circumstances=("cards",)))
    stricter = (Stricter("US-TX", "express_opt_in", "Dana", "because"),)
    await world.publish(
        PolicyBook("t", relax=(Relaxed(CONTESTED, "Dana", "counsel said so"),), stricter=stricter, policy=(policy,))
    )
    ruled = await world.rule()
    assert ruled.law.reckoning == Reckoning(
        world.clock.today(), "standard", ("US-CA",), frozenset({CONTESTED}), (("US-TX", "express_opt_in"),),
        frozenset({"cards"}),
    )  # fmt: skip
    assert (await world.rule()).law is ruled.law
    assert world.governor.again(LINE, ruled.line.policy, ruled.law.reckoning).law is ruled.law


async def test_the_law_is_reckoned_anew_on_another_day(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    today = (await world.rule()).law
    monkeypatch.setattr(MemoryClock, "today", lambda self: "2026-11-25")
    tomorrow = (await world.rule()).law
    assert (today.reckoning.on, tomorrow.reckoning.on) == ("2026-11-23", "2026-11-25")
    assert [one.on for one in world.governor._laws] == ["2026-11-25"]  # yesterday's are forgotten
    again = world.governor.again(LINE, SETTINGS, today.reckoning)
    assert again.law.reckoning.on == "2026-11-23" and again.line.policy is SETTINGS


async def test_a_call_of_before_goes_on_strictly_where_the_law_can_no_longer_be_read_so() -> None:
    world = World()
    gone = Reckoning(world.clock.today(), relaxed=frozenset({"US-CA"}), basis="GONE")
    ruled = world.governor.again(LINE, SETTINGS, gone)
    assert ruled.law.reckoning.relaxed == frozenset() and ruled.line.policy is SETTINGS and len(world.troubles) == 1


async def test_what_held_such_a_call_stricter_goes_on_holding_it() -> None:
    world = World()
    held = (("US-TX", "express_opt_in"), ("XX", "express_opt_in"))
    gone = Reckoning(
        world.clock.today(), "strict", relaxed=frozenset({"US-TX"}), stricter=held, circumstances=frozenset({"cards", "gone"}),
    )  # fmt: skip
    law = world.governor.again(LINE, SETTINGS, gone).law
    assert law.demand("recording", "US-TX").form == "express_opt_in" == law.demand("recording", "XX").form
    assert law.reckoning.circumstances == {"cards"} and law.reckoning.profile == "strict"


async def test_many_calls_at_once_look_one_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    await world.publish()
    looking = []
    newest = MemoryPublications.newest

    async def slowly(publications: MemoryPublications) -> Entry | None:
        looking.append(1)
        assert len(looking) == 1
        await asyncio.sleep(0)
        looking.pop()
        return await newest(publications)

    monkeypatch.setattr(MemoryPublications, "newest", slowly)
    ruled = await asyncio.gather(*(world.rule() for _ in range(5)))
    assert {one.line.policy.version for one in ruled} == {1} and not world.troubles


async def test_an_entry_that_says_too_little_rules_nothing() -> None:
    world = World()
    await world.publish()
    await world.rule()
    await world.ledger.enter(
        Fact(world.clock.new_id(), "main", "policy.published", 5, "", {"version": 2}, {"book": "x"})
    )
    assert (await world.rule()).line.policy.version == 1 and len(world.troubles) == 1


@pytest.mark.parametrize(("basis", "binds"), [("MIFID-16-7", True), ("TSR-310", False), ("", False)])
async def test_a_no_binds_where_the_recording_is_a_duty(basis: str, binds: bool) -> None:
    world = World()
    policy = replace(
        SETTINGS, basis=basis, basis_document="x", basis_person="Dana", on_refusal="end", on_no_answer="end"
    )
    after_no = world.governor.again(LINE, policy, Reckoning("2026-11-23")).after_no
    assert (after_no.on_refusal, after_no.on_no_answer, after_no.binding) == ("end", "end", binds)
    unrecorded = replace(policy, record=False, unrecorded_why="no")
    assert not world.governor.again(LINE, unrecorded, Reckoning("2026-11-23")).after_no.binding


# ------------------------------------------------------------------------------------------ publishing


async def test_publishing_enters_the_book_and_who_and_why() -> None:
    world = World()
    done = await world.publish(reason="  we sell now  ")
    (fact,) = world.ledger.facts
    assert fact.kind == "policy.published" and fact.opens and fact.call == ""
    assert fact.body == {
        "version": 1, "sha256": book_sha256(write_book(BOOK)), "by": "dana", "reason": "we sell now",
        "law_version": TABLE.version, "law_sha256": TABLE.sha256,
    }  # fmt: skip
    assert fact.personal["book"] == write_book(BOOK) and "Sold" in fact.personal["changes"]
    assert (done.edition.version, done.entry, done.by, done.changes) == (
        1,
        0,
        "dana",
        tuple(fact.personal["changes"].split("\n")),
    )
    assert await publishing.current(world.rooms) == replace(done, at_us=fact.at_us)


async def test_what_stops_a_book_keeps_it_out_of_the_ledger_with_every_finding() -> None:
    world = World()
    wrong = replace(SOLD, responsible="", ask=Ask("announce"))
    with pytest.raises(BookRefused) as refused:
        await world.publish(PolicyBook(policy=(wrong,)))
    assert len(refused.value.findings) >= 2 and {one.level for one in refused.value.findings} == {"stops"}
    with pytest.raises(BookRefused, match="not TOML"):
        await publishing.publish(world.rooms, "=", by="dana", reason="a test")
    for reason in ("", "  \n", "x" * 2001):
        with pytest.raises(PolicyRefused, match="say why"):
            await world.publish(reason=reason)
    for reason in ("red \x1b[31m", "\udcff", "\x9b", "a\x00"):
        with pytest.raises(PolicyRefused, match="control character"):
            await world.publish(reason=reason)
    assert world.ledger.facts == []
    assert (await world.publish(reason="one\r\n\ttwo")).reason == "one\r\n\ttwo"


async def test_the_same_again_and_what_changed_meanwhile_are_refused() -> None:
    world = World()
    await world.publish()
    with pytest.raises(PolicyRefused, match="version 1, which is in force"):
        await world.publish()
    with pytest.raises(PolicyRefused, match="version 1 was published meanwhile, by dana"):
        await world.publish(replace(BOOK, title="Two"), instead_of=0)
    await world.publish(replace(BOOK, title="Two"), instead_of=1)
    await world.publish(BOOK)  # going back to what was is a version of its own
    assert [one.body["version"] for one in world.ledger.facts] == [1, 2, 3]


async def test_two_at_once_are_two_versions() -> None:
    world = World()
    await asyncio.gather(*(world.publish(replace(BOOK, title=str(number))) for number in range(5)))
    assert [one.body["version"] for one in world.ledger.facts] == [1, 2, 3, 4, 5]


async def test_what_is_not_durable_is_not_published() -> None:
    world = World()
    world.ledger.down = True
    with pytest.raises(NotDurable):
        await world.publish()
    world.ledger.down = False
    assert (await publishing.current(world.rooms)).edition.version == 0


async def test_a_book_over_an_unreadable_one_mends_it() -> None:
    world = World()
    await world.publish()
    world.publications.changed[0] = "broken"
    now = await publishing.current(world.rooms)
    assert "version 1 of the policy book cannot be read" in now.trouble and now.text == "" and now.by == "dana"
    assert (await world.publish()).edition.version == 2
    assert (await world.rule()).line.policy.version == 2


async def test_history_and_versions() -> None:
    world = World()
    assert publishing.history(world.rooms) == ()
    settings = publishing.version(world.rooms, 0)
    assert settings == await publishing.current(world.rooms) and settings.entry == -1 and "sales" in settings.text
    await world.publish()
    await world.publish(replace(BOOK, title="Two"))
    assert [one.edition.version for one in publishing.history(world.rooms)] == [2, 1]
    assert publishing.version(world.rooms, 1).text == write_book(BOOK)
    with pytest.raises(publishing.NoSuchVersion, match="version 7 was never published; there are versions 0 to 2"):
        publishing.version(world.rooms, 7)


async def test_looking_at_a_text_says_what_it_would_change() -> None:
    world = World()
    await world.publish()
    seen = await publishing.looked_at(world.rooms, write_book(replace(BOOK, title="Two")))
    assert seen.may_be_published and seen.changes == ("title: «One» → «Two»",)
    broken = await publishing.looked_at(world.rooms, "format = 1\nnonsense = 2\n")
    assert not broken.may_be_published and broken.book is None and "nonsense" in broken.findings[0].text


def test_what_is_said_after_a_no_must_be_there_to_be_said() -> None:
    world = World()
    ends = replace(SOLD, ask=Ask("ask", on_refusal="end"))
    routes = replace(SOLD, name="R", ask=Ask("ask", on_no_answer="route", route="sip:a@192.0.2.1"))
    off = replace(routes, name="Off", enabled=False)
    before = publishing.of_settings(world.rooms)
    found = publishing.checked(world.rooms, write_book(PolicyBook(policy=(ends, routes, off))), before).findings
    said = [(one.level, one.policy, one.text) for one in found if "prompt" in one.text]
    assert said == [
        ("stops", "R", "ask.on_no_answer: the prompt en/unrecorded-route is missing"),
        ("warns", "Off", "ask.on_no_answer: the prompt en/unrecorded-route is missing"),
    ]


async def test_an_entry_keeps_only_so_many_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "MOST_CHANGES", 2)
    world = World()
    many = PolicyBook("t", policy=tuple(replace(SOLD, name=f"P{number}") for number in range(5)))
    done = await world.publish(many)
    assert len(done.changes) == 3 and done.changes[-1].endswith("more changes")
    monkeypatch.setattr(publishing, "LONGEST_CHANGES", 10)
    assert len((await world.publish(replace(many, title="u" * 40))).changes) == 1


# ------------------------------------------------------------------------------------------ reading entries


def test_an_erased_text_is_told_from_a_changed_one() -> None:
    body = {"version": 3, "sha256": "ab", "by": "dana", "reason": "r", "law_version": "v", "law_sha256": "s"}
    erased = read_publication(Entry(4, "policy.published", 5, "", body, {}))
    assert "the text of entry 4 was erased" in erased.trouble and erased.edition.version == 3
    changed = read_publication(Entry(4, "policy.published", 5, "", body, {"book": "x", "changes": "one\ntwo"}))
    assert "somebody changed it" in changed.trouble and changed.changes == ("one", "two")
