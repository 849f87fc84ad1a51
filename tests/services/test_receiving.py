"""A recording session in the in-memory world: told and asked by others, recorded only with a permit."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace

import pytest

from overt.adapters.memory import MemoryMedia, leg_media
from overt.adapters.memory_sessions import MemorySession
from overt.domain.clients import Attestation, Client
from overt.domain.identity import AGENT, CALLER, Number
from overt.domain.policy import LinePolicy
from overt.domain.roster import Person, Seats
from overt.inbox import ConsentSaid, Digit, HeardElsewhere, LegChanged, LegSilent, Reclaimed
from overt.ports import Offer
from overt.services.auditing import Stated, read_calls
from overt.services.context import Context
from overt.services.explaining import verdict
from overt.services.house import Line
from overt.services.receiving import line_of, receive, take_up_session
from services.test_call_stories import World

ANN, BO, CY = (Person(one, Number(f"+1415555010{at}"), "pbx.example") for at, one in enumerate(("ann", "bo", "cy")))
SEATS = Seats(ANN, BO, (), ((CALLER, 0), (AGENT, 1)))
SIGNED = Attestation("Dana", "our IVR asks everybody", ("recording",))
TELLS = Attestation("Dana", "our IVR tells everybody")
CLIENT = Client("sbc", "siprec", ("192.0.2.9",), attestation=SIGNED)


class Session(World):
    """A house in memory with one recording session in it."""

    def __init__(self, client: Client = CLIENT, telling: str = "ask", **ruled: object) -> None:
        super().__init__(telling=telling, **ruled)  # type: ignore[arg-type]
        offer = Offer("018f0000-0000-7000-8000-00000000aaaa", "main", "sbc", ANN.number, "", "sales", 1, 1)
        self.session = MemorySession(offer, client, SEATS)

    async def start(self) -> None:
        """Let the session begin."""
        self.task = asyncio.create_task(receive(self.house, self.session, self.house.lines["sales"]))
        await self.until(lambda: bool(self.engine.calls))

    async def recorded(self) -> None:
        """Let it begin, and wait until it is being recorded."""
        await self.start()
        await self.until(lambda: self.media.capturing)

    async def asked(self) -> None:
        """Let it begin, and wait until an answer is waited for."""
        await self.start()
        await self.until(lambda: "asked" in [one["standing"] for one in self.ledger.bodies("call.consent")])

    async def over(self) -> dict[str, object]:
        """The client ends it; the account."""
        self.session.leave()
        await asyncio.wait_for(self.task, 5)
        (body,) = self.ledger.bodies("call.ended")
        return dict(body)

    def say(self, granted: bool, *purposes: str, side: str = CALLER) -> None:
        """Somebody outside says what was answered."""
        self.media.listener(ConsentSaid(side, granted, purposes, "said so to the bot", "bot"))  # type: ignore[arg-type]


async def test_what_is_attested_is_recorded_and_the_record_says_by_whom() -> None:
    world = Session()
    await world.recorded()
    assert world.session.flows == [True] and world.media.played == []
    account = await world.over()
    assert account["outcome"] == "recorded" and account["consent"] == "attested"
    (permit,) = world.ledger.bodies("recording.permitted")
    assert permit["told"] == ["attested for sbc by Dana: our IVR asks everybody"] and permit["stop_keys"] == ""
    assert [one["side"] for one in world.ledger.bodies("call.told")] == ["caller", "agent"]
    (described,) = world.ledger.bodies("session.described")
    assert described["people"] == 2 and described["lines"] == ["caller: line 0", "agent: line 1"]
    assert CALLER in world.session.hung_up and world.media.released and not world.faults


async def test_without_anybody_who_attests_nothing_is_recorded_and_the_session_stays() -> None:
    world = Session(replace(CLIENT, attestation=None))
    await world.start()
    await world.until(lambda: "call.decided" in world.kinds())
    await asyncio.sleep(0.02)
    world.say(True, "recording")
    await asyncio.sleep(0.02)
    assert not world.media.capturing and not world.media.opened and not world.task.done()
    assert (await world.over())["outcome"] == "not recorded: nobody attests that the parties of sbc's calls are told"


@pytest.mark.parametrize(("key", "recorded"), [("1", True), ("2", False), ("7", False)])
async def test_keys_decide_where_the_client_says_so(key: str, recorded: bool) -> None:
    world = Session(replace(CLIENT, attestation=TELLS, digits=True))
    await world.asked()
    assert not world.media.capturing
    world.media.listener(Digit(CALLER, key, 0))
    await world.until(lambda: world.media.capturing if recorded else "call.answered_question" in world.kinds())
    account = await world.over()
    assert (account["outcome"] == "recorded") == recorded == bool(world.media.opened)
    assert not recorded or world.media.opened[0].stop_keys == "*"


async def test_silence_is_a_no() -> None:
    world = Session(replace(CLIENT, attestation=TELLS, digits=True, answer_s=0))
    await world.start()
    await world.until(lambda: "call.answered_question" in world.kinds())
    assert (await world.over())["outcome"] == "not recorded: no answer" and not world.media.opened


async def test_keys_mean_nothing_where_the_client_does_not_say_so() -> None:
    world = Session(replace(CLIENT, attestation=TELLS))
    await world.asked()
    world.media.listener(Digit(CALLER, "2", 0))
    await asyncio.sleep(0.02)
    world.say(True, "recording")
    await world.until(lambda: world.media.capturing)
    world.media.listener(Digit(CALLER, "*", 0))
    await asyncio.sleep(0.02)
    assert world.media.capturing
    assert (await world.over())["consent"] == "given"


async def test_a_yes_to_something_else_is_none_to_recording() -> None:
    world = Session(replace(CLIENT, attestation=TELLS))
    await world.asked()
    world.say(True, "analysis")
    await world.until(lambda: "call.consent_said" in world.kinds())
    assert not world.media.opened
    world.say(False)
    await world.until(lambda: "call.answered_question" in world.kinds())
    assert (await world.over())["outcome"].startswith("not recorded") and not world.media.opened  # type: ignore[attr-defined]


@pytest.mark.parametrize("side", [CALLER, AGENT])
async def test_p5_a_no_that_is_stated_later_stops_capture(side: str) -> None:
    world = Session()
    await world.recorded()
    world.say(False, side=side)
    await world.until(lambda: not world.media.capturing)
    assert not world.task.done()
    account = await world.over()
    assert account["consent"] == ("withdrawn" if side == CALLER else "attested")


async def test_an_answer_reaches_the_call_that_it_is_about_while_it_is_under_way() -> None:
    world = Session(replace(CLIENT, attestation=TELLS))
    ways = world.house.under_way
    assert ways.find(world.session.offer.id) is None
    await world.asked()
    take = ways.find(world.session.offer.id)
    assert take is not None and len(ways) == 1 and ways.find("another") is None
    assert await take(ConsentSaid(CALLER, True, ("recording",), "yes", "bot")) == "given"
    await world.until(lambda: world.media.capturing)
    assert await take(ConsentSaid(CALLER, False, (), "no", "bot")) == "withdrawn" and not world.media.capturing
    await world.over()
    assert ways.find(world.session.offer.id) is None and len(ways) == 0


async def test_where_telling_is_enough_nobody_is_waited_for() -> None:
    world = Session(replace(CLIENT, attestation=TELLS), telling="announce")
    await world.recorded()
    assert (await world.over())["consent"] == "informed"


async def test_a_weaker_form_than_the_law_wants_is_not_enough() -> None:
    notice = replace(SIGNED, form="notice_then_continue")
    world = Session(replace(CLIENT, attestation=notice))
    world.house = replace(world.house, served=("DE",))
    await world.asked()
    await asyncio.sleep(0.02)
    assert not world.media.opened
    await world.over()


@pytest.mark.parametrize("replays", [False, True])
async def test_a_law_that_wants_the_announcement_on_the_recording_bars_it_unless_it_is_played_again(
    replays: bool,
) -> None:
    world = Session(replace(CLIENT, replays=replays))
    world.house = replace(world.house, served=("US-WA",))
    await world.start()
    await world.until(lambda: world.media.capturing or "call.decided" in world.kinds())
    await asyncio.sleep(0.02)
    assert world.media.capturing == replays
    outcome = str((await world.over())["outcome"])
    assert outcome == "recorded" if replays else "does not play it again" in outcome


async def test_p6_whoever_joins_ends_the_episode_and_begins_another() -> None:
    world = Session()
    await world.recorded()
    world.media.listener(world.session.description(Seats(ANN, CY, (), SEATS.lines)))
    await world.until(lambda: len(world.media.opened) == 2 and world.media.capturing)
    first, second = world.media.opened
    assert first.episode != second.episode and first.recording != second.recording
    assert [one["side"] for one in world.ledger.bodies("call.joined")] == ["agent"]
    assert len(world.ledger.bodies("call.located")) == 2
    assert len((await world.over())["recordings"]) == 2  # type: ignore[arg-type]


async def test_p5_p6_who_said_no_has_said_it_to_the_next_agent_too() -> None:
    world = Session()
    await world.recorded()
    world.say(False)
    await world.until(lambda: not world.media.capturing)
    world.media.listener(world.session.description(Seats(ANN, CY, (), SEATS.lines)))
    await world.until(lambda: len(world.ledger.bodies("call.decided")) == 2)
    await asyncio.sleep(0.02)
    assert len(world.media.opened) == 1 and not world.media.capturing
    await world.over()


async def test_a_third_party_is_located_and_one_that_leaves_ends_nothing() -> None:
    world = Session()
    await world.recorded()
    world.media.listener(world.session.description(Seats(ANN, BO, (CY,), SEATS.lines)))
    await world.until(lambda: len(world.media.opened) == 2)
    parties = [one["party"] for one in world.ledger.bodies("call.located")[1]["parties"]]  # type: ignore[union-attr,index,call-overload]
    assert parties == ["caller", "agent", "recorder", "other 1"]
    world.media.listener(world.session.description(SEATS, b"\xff\xfe"))
    await world.until(lambda: len(world.ledger.bodies("session.described")) == 3)
    assert world.media.capturing and len(world.media.opened) == 2
    personal = [fact.personal for fact in world.ledger.facts if fact.kind == "session.described"]
    assert personal[0] == {"document": "<recording/>"} and personal[2] == {"document": "base64://4="}
    await world.over()


async def test_when_the_agent_leaves_the_call_capture_ends_until_somebody_comes() -> None:
    world = Session()
    await world.recorded()
    for _ in range(2):
        world.media.listener(world.session.description(Seats(ANN, None, (), SEATS.lines)))
    await world.until(lambda: len(world.ledger.bodies("call.decided")) > 1)
    await asyncio.sleep(0.02)
    assert [one["side"] for one in world.ledger.bodies("call.left")] == ["agent"]
    assert not world.media.capturing and len(world.media.opened) == 1
    world.media.listener(world.session.description(Seats(ANN, CY, (), SEATS.lines)))
    await world.until(lambda: world.media.capturing)
    assert (await world.over())["outcome"] == "recorded" and len(world.media.opened) == 2


async def test_where_one_person_alone_was_ever_named_the_other_may_be_there_all_the_same() -> None:
    world = Session()
    world.session.seats = Seats(ANN, None, (), SEATS.lines)
    await world.recorded()
    assert (await world.over())["outcome"] == "recorded"


async def test_a_clients_pause_is_a_pause_of_the_recording_also_when_it_came_first() -> None:
    world = Session()
    await world.start()
    world.media.listener(LegChanged(CALLER, replace(leg_media(4000), sends=False)))
    await world.until(lambda: "call.held" in world.kinds())
    world.media.listener(LegChanged(CALLER, leg_media(4000)))
    await world.until(lambda: world.media.capturing)
    world.media.listener(LegChanged(AGENT, replace(leg_media(4000), sends=False)))
    await world.until(lambda: not world.media.capturing)
    world.media.listener(LegChanged(AGENT, leg_media(4000)))
    await world.until(lambda: world.media.capturing)
    assert len(world.media.opened) == 1
    await world.over()


async def test_a_client_that_is_to_send_nothing_before_is_asked_when_capture_opens() -> None:
    world = Session(replace(CLIENT, before="inactive"))
    await world.recorded()
    assert world.session.flows == [False, True]
    await world.over()


async def test_it_is_asked_to_send_no_more_after_a_no_and_between_two_episodes() -> None:
    world = Session(replace(CLIENT, before="inactive"))
    await world.recorded()
    world.media.listener(world.session.description(Seats(ANN, CY, (), SEATS.lines)))
    await world.until(lambda: len(world.media.opened) == 2 and world.media.capturing)
    assert world.session.flows == [False, True, False, True]
    world.say(False)
    await world.until(lambda: len(world.session.flows) == 5)
    assert not world.session.flows[-1] and not world.media.capturing
    await world.over()


async def test_one_that_answers_no_offer_of_ours_is_not_recorded_and_the_record_says_why() -> None:
    world = Session(replace(CLIENT, before="inactive"))
    world.session.unwilling = True
    await world.start()
    await world.until(lambda: "call.failed" in world.kinds())
    assert not world.media.opened
    assert (await world.over())["outcome"] == "not recorded: client: it does not answer our offer"


async def test_a_client_that_fails_over_leaves_a_stated_gap() -> None:
    world = Session()
    await world.recorded()
    world.media.listener(Reclaimed("the client failed over"))
    await world.until(lambda: "recording.resumed" in world.kinds() and world.media.capturing)
    assert world.ledger.bodies("recording.stopped")[0]["by"] == "client"
    await world.over()


async def test_sound_from_another_address_is_a_sentence_for_the_engineer() -> None:
    world, said = Session(), list[tuple[str, str]]()
    world.house = replace(world.house, remark=lambda client, sentence: said.append((client, sentence)))
    await world.recorded()
    world.media.listener(HeardElsewhere(AGENT))
    await world.until(lambda: bool(said))
    assert said[0][0] == "sbc" and said[0][1].startswith("sound for the agent comes from another address")
    await world.over()


async def test_a_client_that_vanishes_is_gone() -> None:
    world = Session()
    await world.recorded()
    world.media.listener(LegSilent(CALLER))
    await asyncio.wait_for(world.task, 5)
    assert world.ledger.bodies("call.ended")[0]["reason"] == "caller silent" and CALLER in world.session.hung_up


async def test_one_that_gave_up_and_one_for_whom_there_is_no_room_have_their_account() -> None:
    world = Session()
    world.session.gone = True
    await world.start()
    await asyncio.wait_for(world.task, 5)
    assert world.ledger.bodies("call.ended")[0]["outcome"] == "not answered: gave up"
    full = Session()
    full.engine.full = True
    await receive(full.house, full.session, full.house.lines["sales"])
    assert full.session.refused == 503 and full.kinds()[-1] == "call.ended"


async def test_a_successor_goes_on_with_an_open_recording_and_with_one_that_waits() -> None:
    world = Session()
    await world.recorded()
    context = Context.decoded(world.media.context)
    world.task.cancel()
    assert context.client == CLIENT and context.seats == SEATS
    media = MemoryMedia(lambda event: None)
    media.opened, media.capturing = list(world.media.opened), False
    world.engine.calls[0] = media
    world.task = asyncio.create_task(
        take_up_session(world.house, world.session, world.house.lines["sales"], context, media)
    )
    await world.until(lambda: media.capturing)
    assert world.ledger.bodies("recording.resumed")[-1]["after"] == "signalling restarted"
    world.media.listener(world.session.description(Seats(ANN, CY, (), SEATS.lines)))
    await world.until(lambda: len(media.opened) == 2)
    assert (await world.over())["outcome"] == "recorded"


async def test_a_successor_waits_on_for_an_answer() -> None:
    world = Session(replace(CLIENT, attestation=TELLS))
    await world.asked()
    context = Context.decoded(world.media.context)
    world.task.cancel()
    media = world.engine.calls[0] = MemoryMedia(lambda event: None)
    world.task = asyncio.create_task(
        take_up_session(world.house, world.session, world.house.lines["sales"], context, media)
    )
    await world.until(lambda: len(world.ledger.bodies("call.decided")) == 2)
    await asyncio.sleep(0.02)
    world.say(True, "recording")
    await world.until(lambda: media.capturing)
    assert (await world.over())["consent"] == "given" and len(media.opened) == 1


def test_a_recorded_call_belongs_to_the_line_of_its_agent_its_caller_its_number_or_its_client() -> None:
    house = World().house
    sales, other = house.lines["sales"], Line(LinePolicy("other"), "")
    lines = {"+14155550101": sales, "600": other}
    both = replace(house, lines=lines)
    assert line_of(both, CLIENT, SEATS, "x") == sales
    assert line_of(both, CLIENT, Seats(BO, CY), "x") == sales
    assert line_of(both, CLIENT, Seats(ANN), "600") == other
    assert line_of(both, replace(CLIENT, line="other"), Seats(), "x") == other
    assert line_of(house, CLIENT, Seats(), "x") == sales
    assert line_of(both, CLIENT, Seats(), "x").policy == LinePolicy("sbc")


async def test_a_fault_before_there_is_media_ends_the_session_with_an_account() -> None:
    world = Session()

    async def broken(*words: object, **more: object) -> MemoryMedia:
        raise RuntimeError("broken")

    engine = SimpleNamespace(allocate=broken)
    world.house = replace(world.house, engine=engine)  # type: ignore[arg-type]
    await receive(world.house, world.session, world.house.lines["sales"])
    (body,) = world.ledger.bodies("call.ended")
    assert body["outcome"] == "not recorded: fault: RuntimeError" and CALLER in world.session.hung_up
    assert len(world.faults) == 1


async def test_p5_a_no_before_anything_was_decided_counts_from_the_beginning() -> None:
    world = Session()
    held, begun = world.house.governing, asyncio.Event()
    go_on = asyncio.Event()

    async def slowly(*words: object, beside: bool = False) -> MemoryMedia:
        begun.set()
        await go_on.wait()
        return await world.engine.allocate("main", "c", lambda event: None, beside=beside)

    world.house = replace(world.house, engine=SimpleNamespace(allocate=slowly), governing=held)  # type: ignore[arg-type]
    world.task = asyncio.create_task(receive(world.house, world.session, world.house.lines["sales"]))
    await begun.wait()
    take = world.house.under_way.find(world.session.offer.id)
    assert take is not None and await take(ConsentSaid(CALLER, False, (), "no", "bot")) == "refused"
    go_on.set()
    await world.until(lambda: "call.consent" in world.kinds())
    await asyncio.sleep(0.02)
    assert not world.media.opened
    world.session.leave()
    await asyncio.wait_for(world.task, 5)
    assert world.ledger.bodies("call.ended")[0]["consent"] == "refused"


RETURNS = (Seats(None, BO, (), SEATS.lines), SEATS)
RENAMED = replace(ANN, id="ann again")


@pytest.mark.parametrize(
    ("then", "closed"),
    [
        (RETURNS, True), ((replace(SEATS, caller=RENAMED),), True), ((Seats(BO, CY), Seats(BO, CY, (ANN,))), True),
        ((Seats(BO, RENAMED),), True), ((replace(SEATS, caller=CY),), False),
    ],
)  # fmt: skip
async def test_p2_p5_a_no_is_a_persons_wherever_they_sit_and_whenever_they_return(
    then: tuple[Seats, ...], closed: bool
) -> None:
    world = Session()
    await world.recorded()
    world.say(False)
    await world.until(lambda: not world.media.capturing)
    for seats in then:
        opened = len(world.media.opened)
        world.media.listener(world.session.description(seats))
        known = len(world.ledger.bodies("call.decided"))
        await world.until(lambda known=known: len(world.ledger.bodies("call.decided")) > known)  # type: ignore[misc]
        await asyncio.sleep(0.02)
    assert (len(world.media.opened) == opened) == closed != world.media.capturing
    await world.over()


async def test_p5_a_newcomers_no_counts_also_before_their_episode_begins() -> None:
    world = Session(replace(CLIENT, before="inactive"))
    opening = asyncio.Event()
    let_flow = world.session.let_flow

    async def slow(*, flowing: bool) -> None:
        await opening.wait()
        await let_flow(flowing=flowing)

    world.session.let_flow = slow  # type: ignore[method-assign]
    await world.start()
    await world.until(lambda: "recording.permitted" in world.kinds())
    world.media.listener(world.session.description(Seats(ANN, CY, (), SEATS.lines)))
    world.say(False, side=AGENT)
    await world.until(lambda: "call.consent_said" in world.kinds())
    opening.set()
    await world.until(lambda: len(world.ledger.bodies("call.decided")) == 2)
    await asyncio.sleep(0.02)
    assert not world.media.opened
    account = await world.over()
    assert str(account["outcome"]).startswith("not recorded: agent refused")


async def test_p11_a_recording_that_was_not_opened_after_all_counts_none_before_it_twice() -> None:
    world = Session()
    await world.recorded()
    world.media.listener(world.session.description(Seats(ANN, CY, (), SEATS.lines)))
    held = world.ledger.slow = asyncio.Event()
    await world.until(lambda: world.house.erasures.kept.keys().__len__() == 2)  # type: ignore[attr-defined]
    world.say(False)
    await asyncio.sleep(0.02)
    held.set()
    await world.until(lambda: len(world.ledger.bodies("call.consent_said")) == 1)
    await asyncio.sleep(0.02)
    account = await world.over()
    assert len(account["recordings"]) == len(world.ledger.bodies("recording.closed")) == 1  # type: ignore[arg-type]
    assert account["outcome"] == "recorded until withdrawn"


async def test_p11_what_became_of_it_is_what_was_said_not_that_it_ended() -> None:
    told = Session(replace(CLIENT, attestation=TELLS))
    await told.asked()
    account = await told.over()
    assert account["outcome"] == "not recorded: ended before an answer" and account["consent"] == "timeout"
    agent = Session(replace(CLIENT, attestation=TELLS))
    await agent.asked()
    agent.say(False, side=AGENT)
    await agent.until(lambda: "call.consent_said" in agent.kinds())
    assert (await agent.over())[
        "outcome"
    ] == "not recorded: agent withdrawn: said so, as bot states: said so to the bot"
    later = Session()
    await later.recorded()
    later.say(False)
    await later.until(lambda: not later.media.capturing)
    later.media.listener(later.session.description(Seats(ANN, CY, (), SEATS.lines)))
    await later.until(lambda: len(later.ledger.bodies("call.decided")) == 2)
    await asyncio.sleep(0.02)
    account = await later.over()
    assert (account["outcome"], account["consent"]) == ("recorded until withdrawn", "withdrawn")
    assert said_of(later).startswith(
        "Recorded for 1.0 s, because it is attested that everybody was told; then the caller said no"
    )
    assert said_of(told) == "Not recorded: the recording session ended before the caller had answered."
    assert said_of(agent).startswith("Not recorded: the agent said no (")
    silent = Session()
    await silent.recorded()
    account_of = silent.media.account
    silent.media.account = lambda reason: replace(account_of(reason), captured_ms=0)  # type: ignore[method-assign]
    assert str((await silent.over())["outcome"]).startswith("not recorded: no sound came")
    assert said_of(silent) == "Not recorded: no sound came for as long as recording was permitted."


def said_of(world: Session) -> str:
    """The verdict, as the console says it."""
    entries = [
        Stated(at, one.kind, one.at_us, one.call, one.body, one.personal) for at, one in enumerate(world.ledger.facts)
    ]
    (record,) = read_calls(entries).values()
    return verdict(record, {})


async def test_who_leaves_without_a_seat_is_not_said_to_be_the_agent() -> None:
    world = Session()
    world.session.seats = replace(SEATS, others=(CY,))
    await world.recorded()
    other = Person("dee", Number("+14155550199"), "pbx.example")
    world.media.listener(world.session.description(replace(SEATS, others=(other,))))
    await world.until(lambda: len(world.media.opened) == 2)
    assert [one["side"] for one in world.ledger.bodies("call.left")] == ["another"]
    await world.over()


async def successor(world: Session) -> MemoryMedia:
    """The signaller dies, and another takes the session up with what was left with the engine."""
    await asyncio.sleep(0.01)
    context = Context.decoded(world.media.context)
    world.task.cancel()
    media = world.engine.calls[0] = MemoryMedia(lambda event: None)
    world.task = asyncio.create_task(
        take_up_session(world.house, world.session, world.house.lines["sales"], context, media)
    )
    return media


async def test_p6_p11_a_successor_begins_the_episode_that_a_dead_one_owed_to_a_newcomer() -> None:
    world = Session()
    await world.recorded()
    world.ledger.slow = asyncio.Event()  # the next episode cannot open
    world.media.listener(world.session.description(Seats(ANN, CY, (), SEATS.lines)))
    world.media.listener(world.session.description(SEATS))
    await world.until(lambda: not world.media.capturing)
    media = await successor(world)
    world.ledger.slow.set()
    await world.until(lambda: media.capturing)
    assert len(media.opened) == 1
    await world.over()


async def test_p5_a_successor_knows_who_said_no_to_its_predecessor() -> None:
    world = Session()
    await world.recorded()
    world.say(False)
    await world.until(lambda: not world.media.capturing)
    world.session.seats = Seats(None, BO, (), SEATS.lines)
    world.media.listener(world.session.description(world.session.seats))
    await world.until(lambda: len(world.ledger.bodies("call.decided")) == 2)
    media = await successor(world)
    await world.until(lambda: "call.resumed" in world.kinds())
    media.listener(world.session.description(SEATS))
    decided = len(world.ledger.bodies("call.decided"))
    await world.until(lambda: len(world.ledger.bodies("call.decided")) > decided)
    await asyncio.sleep(0.02)
    assert not media.capturing
    await world.over()


async def test_p11_a_successor_does_not_resume_what_was_closed_before() -> None:
    world = Session()
    await world.recorded()
    world.ledger.slow = asyncio.Event()
    world.session.seats = Seats(ANN, CY, (), SEATS.lines)
    world.media.listener(world.session.description(world.session.seats))
    await world.until(lambda: not world.media.capturing)
    await asyncio.sleep(0.02)  # permitted, and waits for its entry
    media = await successor(world)
    assert not media.capturing
    world.ledger.slow.set()
    await world.until(lambda: media.capturing)
    assert len(media.opened) == 1 and "recording.resumed" not in world.kinds()
    await world.over()


async def test_p2_a_no_of_one_agent_is_not_the_next_agents() -> None:
    world = Session()
    await world.recorded()
    world.say(False, side=AGENT)
    await world.until(lambda: not world.media.capturing)
    world.media.listener(world.session.description(Seats(ANN, CY, (), SEATS.lines)))
    world.media.listener(world.session.description(Seats(ANN, CY, (BO,), SEATS.lines)))
    await world.until(lambda: len(world.ledger.bodies("call.decided")) == 2)
    await asyncio.sleep(0.02)
    assert not world.media.capturing  # who said no is on the call
    world.media.listener(world.session.description(Seats(ANN, CY, (Person("dee"),), SEATS.lines)))
    await world.until(lambda: world.media.capturing)
    await world.over()


async def test_p5_when_nothing_that_happens_can_be_heard_any_more_capture_closes_and_the_call_has_its_account() -> None:
    world = Session()
    await world.recorded()

    async def broken(side: str, media: object) -> None:
        raise RuntimeError("broken")

    world.media.connect = broken  # type: ignore[method-assign]
    world.media.listener(LegChanged(CALLER, leg_media(5000)))
    await asyncio.wait_for(world.task, 5)
    assert not world.media.capturing and world.media.released and len(world.faults) == 1
    (body,) = world.ledger.bodies("call.ended")
    assert body["reason"] == "internal fault" and CALLER in world.session.hung_up


CRISIS = Person("crisis line", Number("112"))


@pytest.mark.parametrize("then", [Seats(ANN, CRISIS, (), SEATS.lines), Seats(ANN, BO, (CRISIS,), SEATS.lines)])
async def test_p6_a_call_to_which_a_number_comes_that_is_never_recorded_is_recorded_no_further(then: Seats) -> None:
    world = Session()
    await world.recorded()
    world.media.listener(world.session.description(then))
    await world.until(lambda: len(world.ledger.bodies("call.decided")) == 2)
    await asyncio.sleep(0.02)
    assert not world.media.capturing and len(world.media.opened) == 1
    assert world.ledger.bodies("call.ruled")[1]["unrecorded_why"] == "an emergency call"
    world.media.listener(world.session.description(Seats(ANN, CY, (), SEATS.lines)))
    await world.until(lambda: world.media.capturing)
    assert len(world.ledger.bodies("call.ruled")) == 3
    await world.over()


@pytest.mark.parametrize(("telling", "recorded"), [("announce", True), ("ask", False)])
async def test_p2_an_attested_notice_is_no_answer_where_the_line_asks(telling: str, recorded: bool) -> None:
    notice = replace(CLIENT, attestation=replace(SIGNED, form="notice_then_continue"))
    world = Session(notice, telling=telling)
    await world.start()
    await world.until(lambda: "call.consent" in world.kinds())
    await asyncio.sleep(0.02)
    assert world.media.capturing == recorded
    await world.over()
