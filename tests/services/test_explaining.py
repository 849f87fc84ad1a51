"""Explaining: every sentence rests on one entry of a real call, and the verdict says no more than the entries do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import chain
from typing import Any

import pytest

from overt.domain.facts import KINDS, Fact, Json
from overt.domain.identity import CALLER
from overt.ports import CapturedGap, CaptureFailed
from overt.services.auditing import CallRecord, Stated, read_calls
from overt.services.explaining import ROOMS, Listened, explain, verdict, who_listened
from overt.services.wording import WORDS, because, law_asks, place, seconds, some
from services.tales import NAMES, TALES, entries, record_of, told
from services.test_call_stories import World

OF_A_CALL = {kind for kind in KINDS if kind.startswith(("call.", "session.", "recording.", "listening."))}
# Kinds that no call in memory brings about, with an entry of each.
RARE: Mapping[str, dict[str, Json]] = {
    "call.left": {"side": "agent", "how": "hung up"},
    "session.described": {
        "number": 1,
        "sha256": "ab" * 32,
        "bytes": 1500,
        "dialect": "draft",
        "complete": True,
        "remarks": ["A time has no offset from UTC, and was read as UTC."],
        "people": 2,
        "lines": ["caller: line 0"],
        "mixed": True,
        "unheard": [],
    },
    "session.reclaimed": {"how": "the client failed over"},
    "call.consent_said": {
        "side": "caller",
        "answer": "no",
        "how": "pressed stop on the screen",
        "by": "ivr",
        "purposes": ["recording"],
    },
    "call.seconds": {"caller": [[0, 3, 50, 50, 0, 0, 0, 0]], "agent": []},
    "call.resumed": {"phase": "bridged", "lost_ms": 240},
    "recording.interrupted": {
        "recording": "r1",
        "chunks": 7,
        "head": "ab" * 32,
        "captured_ms": 3400,
        "cause": "engine lost",
    },
    "listening.granted": {
        "recording": "r1",
        "action": "play",
        "purpose": "claim",
        "actor": "dana",
        "role": "compliance",
        "from_ms": 0,
        "to_ms": -1,
        "document": "letter of 3 May",
    },
    "listening.refused": {
        "recording": "r1",
        "action": "play",
        "purpose": "quality",
        "actor": "ann",
        "reason": "no",
    },
    "listening.ended": {"recording": "r1", "action": "play", "actor": "dana", "grant": 0, "milliseconds": 61_000},
}


def stated(kind: str, body: Mapping[str, Any], index: int = 0, personal: Mapping[str, str] | None = None) -> Stated:
    """An entry of a kind, with the fields that such a fact may have."""
    fact = Fact("i", "main", kind, 5, "c", body, personal or {})
    return Stated(index, fact.kind, fact.at_us, fact.call, fact.body, fact.personal)


def sentence(kind: str, body: Mapping[str, Any], personal: Mapping[str, str] | None = None) -> str:
    """The one sentence that is said of an entry."""
    ((said,),) = [room.said for room in explain([stated(kind, body, 0, personal)], NAMES)]
    return said.sentence


def test_every_kind_that_speaks_of_a_call_has_words() -> None:
    assert set(WORDS) == OF_A_CALL
    assert {room for room, _ in WORDS.values()} == set(ROOMS)


@pytest.mark.parametrize("tale", TALES)
async def test_every_entry_of_a_real_call_is_said_once_in_its_room(tale: str) -> None:
    _, all_of_it = await told(tale)
    rooms = explain(all_of_it, NAMES)
    said = list(chain.from_iterable(room.said for room in rooms))
    assert len({one.entry for one in said}) == len(said)
    unsaid = [one for one in all_of_it if one.index not in {said_.entry for said_ in said}]
    assert all(one.kind == "call.consent" and one.body["standing"] == "told" for one in unsaid)
    for room in rooms:
        assert room.title == ROOMS[room.key] and room.said
        for one in room.said:
            assert one.room == room.key == WORDS[all_of_it[one.entry].kind][0]
            assert one.at_us == all_of_it[one.entry].at_us
            assert one.tone in ("plain", "good", "no", "bad")
            assert all(isinstance(part, str) and part for pair in one.evidence for part in pair)


@pytest.mark.parametrize("tale", TALES)
async def test_the_sentences_are_for_people(tale: str) -> None:
    _, all_of_it = await told(tale)
    spoken = [one.sentence for room in explain(all_of_it, NAMES) for one in room.said]
    for words in (*spoken, verdict(record_of(all_of_it), NAMES)):
        assert (
            (words[0].isupper() or words[0].isdigit()) and words[-1] == "." and ".." not in words and "  " not in words
        )
        assert not [odd for odd in ("{", "}", "[", "]", "_", "None", "US-") if odd in words]
        assert " ," not in words and "()" not in words and "«»" not in words and ": ." not in words
        assert "+12145550100" not in words


@pytest.mark.parametrize("tale", TALES)
async def test_a_sentence_goes_with_its_entry_and_no_other(tale: str) -> None:
    _, all_of_it = await told(tale)
    whole = {one for room in explain(all_of_it, NAMES) for one in room.said}
    for left_out in all_of_it:
        rest = [one for one in all_of_it if one is not left_out]
        now = {one for room in explain(rest, NAMES) for one in room.said}
        assert now == {one for one in whole if one.entry != left_out.index}


async def test_real_calls_say_every_kind_that_calls_in_memory_bring_about() -> None:
    kinds = {one.kind for tale in TALES for one in (await told(tale))[1]}
    assert kinds == OF_A_CALL - set(RARE)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("call.left", "The agent left: hung up."),
        ("session.described", "The recording client names 2 people on the call, whose voices are mixed in one line."),
        ("session.reclaimed", "The recording client came back in another dialog: the client failed over."),
        ("call.consent_said", "ivr stated that the caller said no: pressed stop on the screen."),
        ("call.seconds", "What came in each second is kept, in 1 row."),
        ("call.resumed", "The signalling process died; its successor took the call up after 0.2 s."),
        ("recording.interrupted", "The recording broke off (engine lost); 3.4 s of sound are sealed and whole."),
        ("listening.granted", "dana (compliance) was allowed to play it, for: claim."),
        ("listening.refused", "ann asked to play it, for: quality. Refused: no."),
        ("listening.ended", "1 min 1 s of it were sent to dana (play)."),
    ],
)
def test_the_words_of_rare_entries(kind: str, words: str) -> None:
    assert sentence(kind, RARE[kind]) == words


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"policy": "Orders", "version": 3}, "The policy «Orders» rules the call, by version 3 of the policy book."),
        ({"policy": "sales", "version": 0}, "The policy «sales» rules the call, by what the settings say of the line."),
        ({"policy": "Off", "version": 3, "unrecorded_why": "«Off» records no calls"},
         "The policy «Off» rules the call, by version 3 of the policy book. It leaves the call unrecorded: «Off» records no calls."),
        ({"policy": "", "version": 3, "why": "an emergency call"}, "Nothing of this call may be recorded: an emergency call."),
    ],
)  # fmt: skip
def test_which_policy_rules_is_said(body: dict[str, Any], words: str) -> None:
    assert (
        sentence("call.ruled", {"why": "it is the first", "locked": ["days: All"], "unrecorded_why": "", **body})
        == words
    )


def test_why_nothing_is_recorded_is_said_in_place_of_a_decision() -> None:
    body = {"effect": "deny", "why": "«Off» records no calls", "rule": "one-party", "form": "none", "law_allows": "x",
            "obligations": [], "purpose": "p", "law_version": "v", "law_sha256": "00", "grounds": [], "citation": "§ 1"}  # fmt: skip
    said = sentence("call.decided", body)
    assert said.endswith("Nothing is recorded: «Off» records no calls.") and "§ 1" in said


@pytest.mark.parametrize(
    ("standing", "reason", "words"),
    [
        ("asked", "", "was asked."),
        ("given", "pressed the yes key", "consents."),
        ("informed", "told, offered a way out, stayed", "was told, and stayed."),
        ("attested", "", "is attested to have been told."),
        ("not_required", "", "need not consent."),
        ("withdrawn", "pressed the stop key", "said no after all: consent is withdrawn."),
        ("refused", "pressed the no key", "said no, with the no key."),
        ("refused", "pressed the stop key", "said no, with the stop key."),
        ("refused", "pressed another key", "pressed a key that is neither yes nor no, which counts as a no."),
        ("refused", "no answer in time", "did not answer in time, which counts as a no."),
        ("refused", "hung up", "hung up first, which counts as a no."),
        ("refused", "put on hold while being told or asked", "was put on hold meanwhile, which counts as a no."),
        ("refused", "6 % loss", "could not be told (6 % loss), which counts as a no."),
    ],
)
def test_the_words_of_every_standing(standing: str, reason: str, words: str) -> None:
    body = {"side": "caller", "standing": standing, "reason": reason, "purposes": ["recording"]}
    assert sentence("call.consent", body) == f"The caller {words}"


def test_a_standing_that_says_nothing_new_is_not_said() -> None:
    body = {"side": "caller", "standing": "told", "reason": "", "purposes": ["recording"]}
    assert explain([stated("call.consent", body)], NAMES) == ()


def test_entries_about_no_call_are_passed_over() -> None:
    body = {"account": "ada", "failures": 5, "until_us": 1}
    assert explain([stated("account.locked", body)], NAMES) == ()


@pytest.mark.parametrize(
    ("personal", "line", "words"),
    [
        ({"from": "+14155550100"}, "sales", "A call from +1415•••••00 came over the trunk t, for the line sales."),
        ({"from": "withheld"}, "sales", "A call from a number that was withheld came over the trunk t, for the line"),
        ({}, "sales", "A call from a number that was erased came"),
        ({"from": "+14155550100"}, "", "over the trunk t, for a number that belongs to no line."),
    ],
)
def test_the_words_of_an_offer_hold_no_number(personal: Mapping[str, str], line: str, words: str) -> None:
    assert words in sentence("call.offered", {"line": line, "trunk": "t"}, personal)


@pytest.mark.parametrize(
    ("rule", "form", "effect", "words"),
    [
        (
            "one-party",
            "none",
            "permit, announce",
            "asks for the consent of one party only. Overt decided to tell every",
        ),
        (
            "all-party",
            "notice_then_continue",
            "permit, ask",
            "and counts being told and staying on the line as that. Overt",
        ),
        ("all-party", "express_opt_in", "permit, ask", "and wants an express yes. Overt decided to tell everybody fir"),
        ("all-party", "express_opt_in", "deny, ask", "Overt's decision was «deny, ask»."),
        ("all-party", "express_opt_in", "permit, dance", "Overt's decision was «permit, dance»."),
    ],
)
def test_the_words_of_the_law(rule: str, form: str, effect: str, words: str) -> None:
    body = {
        "effect": effect, "rule": rule, "form": form, "law_allows": "x", "obligations": ["tell:agent"],
        "grounds": ["US-CA: all-party", "and 3 more places"], "citation": "C 1", "purpose": "recording", "law_version": "v",
        "law_sha256": "ab" * 32,
    }  # fmt: skip
    (room,) = explain([stated("call.decided", body)], NAMES)
    (said,) = room.said
    assert words in said.sentence and "C 1" in said.sentence
    assert said.tone == ("no" if effect.startswith("deny") else "plain")
    assert ("because", "California: all-party") in said.evidence and ("because", "and 3 more places") in said.evidence


def test_places_are_named_and_counted() -> None:
    parties = [
        {"party": "caller", "certain": False, "places": ["unknown"], "because": ["unknown: no evidence"]},
        {"party": "agent", "certain": True, "places": ["US-GA"], "because": []},
        {"party": "recorder", "certain": False, "places": list(NAMES)[:9], "because": ["9 places: served"]},
    ]
    words = sentence("call.located", {"parties": parties})
    assert words == (
        "The caller may be in a place that nobody knows; the agent is in Georgia; the recorder may be in any of 9 places."
    )


@pytest.mark.parametrize(("gaps", "words", "tone"), [
    ([], "in 1 piece, without a gap.", "good"),
    (["40–60 ms: lease ran out"], "in 1 piece, with 1 gap.", "bad"),
    (["1–2 ms: a", "3–4 ms: b"], "in 1 piece, with 2 gaps.", "bad"),
])  # fmt: skip
def test_gaps_are_said_with_their_causes(gaps: list[Json], words: str, tone: str) -> None:
    body = {"captured_ms": 1000, "chunks": 1, "gaps": gaps, "head": "ab"}
    (room,) = explain([stated("recording.closed", body)], NAMES)
    assert room.said[0].sentence == f"1.0 s of sound were sealed, {words}" and room.tone == tone
    assert [value for name, value in room.said[0].evidence if name == "gap"] == gaps


async def test_a_second_recording_says_what_it_goes_on_from() -> None:
    world, all_of_it = await told("losing")
    permit = next(room for room in explain(all_of_it, NAMES) if room.key == "permit")
    assert [one.sentence for one in permit.said] == [
        "Everybody was told and nobody said no: the recording was permitted.",
        "A further recording was permitted, going on from the one before.",
    ]
    assert ("continues", world.media.opened[0].recording) in permit.said[1].evidence


async def test_a_gap_of_a_real_account_is_said() -> None:
    world = World()
    await world.recording()
    account = replace(world.media.account("spool failed"), gaps=(CapturedGap(40, 60, "lease ran out"),))
    world.media.listener(CaptureFailed(account, "disk full"))
    await world.until(lambda: bool(world.ledger.bodies("recording.closed")))
    world.control.leave(CALLER)
    await world.task
    sealing = next(room for room in explain(entries(world), NAMES) if room.key == "sealing")
    assert ("gap", "40–60 ms: lease ran out") in sealing.said[0].evidence and sealing.tone == "bad"
    assert "1 gap in it" in verdict(record_of(entries(world)), NAMES)


# ------------------------------------------------------------------------------------------- the verdict


# words of a verdict → what some entry must say for them
CLAIMS: tuple[tuple[str, Callable[[Stated], bool]], ...] = (
    ("said yes", lambda e: e.kind == "call.consent" and e.body["standing"] == "given"),
    ("was asked", lambda e: e.kind == "call.consent" and e.body["standing"] == "asked"),
    ("the caller said no", lambda e: e.kind == "call.consent" and e.body["standing"] in ("refused", "withdrawn")
     and "key" in e.body["reason"]),
    ("caller was told", lambda e: e.kind == "call.told" and e.body["side"] == "caller" and e.body["told"]),
    ("not told", lambda e: e.kind == "call.told" and e.body["side"] == "caller" and not e.body["told"]),
    ("stayed", lambda e: e.kind == "call.consent" and e.body["standing"] == "informed" and e.body["side"] == "caller"),
    ("strictest law", lambda e: e.kind == "call.decided"),
    ("records no calls", lambda e: e.kind == "call.ruled" and "records no calls" in e.body["unrecorded_why"]),
    ("hold ended it", lambda e: e.kind == "recording.stopped" and e.body["reason"].endswith("on hold")),
    ("ended there", lambda e: e.kind == "call.ended" and e.body["reason"] == "nobody is served unrecorded here"),
    ("ours broke", lambda e: e.kind == "call.failed"),
    ("did not answer in time", lambda e: e.kind == "call.consent" and e.body["reason"] == "no answer in time"),
    ("pressed a key that is neither", lambda e: e.kind == "call.consent" and e.body["reason"] == "pressed another key"),
    ("went on all the same", lambda e: e.kind == "call.joined"),
    ("the agent was busy", lambda e: e.kind == "call.not_joined" and e.body["reason"] == "busy"),
    ("Recorded", lambda e: e.kind == "recording.permitted"),
    ("Recorded", lambda e: e.kind == "call.ended" and e.body["captured_ms"] > 0),
    ("Not recorded", lambda e: e.kind == "call.ended" and e.body["captured_ms"] == 0),
)  # fmt: skip


@pytest.mark.parametrize("tale", TALES)
async def test_the_verdict_claims_nothing_that_no_entry_says(tale: str) -> None:
    _, all_of_it = await told(tale)
    words = verdict(record_of(all_of_it), NAMES)
    assert words.startswith(("Recorded", "Not recorded: "))
    claimed = [
        holds for claim, holds in CLAIMS if claim in words and not (claim == "caller was told" and "not told" in words)
    ]
    assert len(claimed) >= 1
    assert all(any(holds(one) for one in all_of_it) for holds in claimed)


TOLD = "the caller was told of it and of how to say no, and stayed"
LAW = "The strictest law in the places of this call (Texas and Georgia) asks for the consent of one party only (O.C.G.A. 16-11-62 (offence))."  # fmt: skip


@pytest.mark.parametrize(
    ("tale", "words"),
    [
        ("informed", f"Recorded, because {TOLD}. {LAW}"),
        ("consenting", f"Recorded, because the caller was told, was asked, and said yes. {LAW}"),
        ("refusing", "Not recorded: the caller said no; the call went on all the same."),
        ("stopping", f"Recorded for 1.0 s, because {TOLD}; then the caller said no, and the recorder stopped while the"),
        ("withdrawing", "because the caller was told, was asked, and said yes; then the caller said no, and the rec"),
        ("stopping early", "Not recorded: the caller said no before anything was kept; the call went on all the sam"),
        ("holding for good", f"Recorded for 1.0 s, because {TOLD}; then hold ended it, as the policy wants. {LAW}"),
        ("unrecorded", "Not recorded: «sales» records no calls; the call went on all the same."),
        ("ended after a no", "Not recorded: the caller said no; the call ended there, since nobody is served unrecorded on"),
        ("sent on after a no", "Not recorded: the caller said no."),
        ("unclear", "the caller was asked and pressed a key that is neither yes nor no, which is a no; the call w"),
        ("unanswering", "Not recorded: the caller was asked and did not answer in time, and silence is a no; the cal"),
        ("untold", "Not recorded: the caller was not told (leg silent), and whoever was not told is not recorded."),
        ("busy", "Not recorded: the agent was busy, before there was a conversation."),
        ("declined", "Not recorded: the agent declined, before there was a conversation."),
        ("unreachable", "Not recorded: the agent could not be reached (500), before there was a conversation."),
        ("hanging up", "Not recorded: the caller hung up before having been told and having answered."),
        ("turned away", "Not recorded: the number that was called belongs to no line."),
        ("portless", "Not recorded: something of ours broke (media ports: none is left); the call was refused."),
        ("without a prompt", "something of ours broke (prompts are missing: en/announce); the call went on."),
        ("failing", "On the way something of ours broke: capture failed: disk full; the call went on."),
        ("failing, and told", "something of ours broke: capture failed: disk full; the call went on, and both were told."),
        ("losing", "On the way something of ours broke: engine lost; the call went on."),
    ],
)  # fmt: skip
async def test_the_verdict_of_every_tale(tale: str, words: str) -> None:
    assert words in verdict(record_of((await told(tale))[1]), NAMES)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"outcome": "lost: signalling and engine died"}, "Not recorded: the call was lost (signalling and engine died)"),
        ({"outcome": "lost: signalling and engine died", "captured_ms": 9, "granted": "informed"},
         "The call was lost on the way: signalling and engine died."),
        ({"outcome": "not answered: the caller was gone"}, "the call was never answered (the caller was gone)."),
        ({"outcome": "hung up in announcement", "consent": "hang-up", "told": "not told (stopped)"},
         "Not recorded: the caller hung up before having been told and having answered."),
        ({"outcome": "recorded", "consent": "attested", "granted": "attested", "captured_ms": 9},
         "Recorded, because it is attested that everybody was told. The strictest law for this call"),
        ({"outcome": "recorded", "consent": "not_required", "granted": "not_required", "captured_ms": 9},
         "and no consent was required."),
        ({"outcome": "recorded", "consent": "new", "captured_ms": 9}, "the caller's consent is «new»"),
        ({"outcome": "recorded", "captured_ms": 9, "rule": "all-party", "form": "express_opt_in", "citation": "C 1",
          "places": ["US-CA"]},
         "The strictest law in the places of this call (California) asks for everybody's consent, and wants an express yes (C 1)."),
    ],
)  # fmt: skip
def test_verdicts_of_records_that_no_tale_tells(record: dict[str, Any], words: str) -> None:
    whole = {"line": "sales", "ledger_index": 9, "reason": "", **record}
    assert words in verdict(CallRecord("c", 1, **whole), NAMES)


async def test_a_call_in_progress_says_whether_it_is_recorded_at_every_step() -> None:
    _, all_of_it = await told("informed")
    said = []
    for so_far in range(len(all_of_it)):
        (record,) = read_calls(all_of_it[:so_far + 1]).values()  # fmt: skip
        said.append(verdict(record, NAMES))
    assert said[0] == "The call is in progress, and nothing is being recorded. Last entry: offered on line sales."
    recorded = [n for n, words in enumerate(said) if "is being recorded: everybody on it was told" in words]
    kinds = [one.kind for one in all_of_it]
    assert recorded == list(range(kinds.index("recording.permitted"), kinds.index("recording.stopped")))
    assert said[-1].startswith("Recorded")
    assert verdict(CallRecord("c", 1), NAMES) == "The call is in progress, and nothing is being recorded."


# ------------------------------------------------------------------------------------------- who listened


def test_who_listened_says_who_as_what_why_and_how_much() -> None:
    granted, refused, ended = RARE["listening.granted"], RARE["listening.refused"], RARE["listening.ended"]
    heard = who_listened(
        [
            stated("listening.granted", granted, 3),
            stated("listening.refused", refused, 4),
            stated("listening.granted", {**granted, "action": "export"}, 5),
            stated("listening.ended", {**ended, "grant": 3}, 6),
            stated("call.left", RARE["call.left"], 7),
            stated("listening.ended", {**ended, "grant": 99}, 8),
        ]
    )
    assert heard == (
        Listened(5, "dana", "compliance", "play", "claim", "letter of 3 May", 61_000, "", 3),
        Listened(5, "ann", "", "play", "quality", "", 0, "no", 4),
        Listened(5, "dana", "compliance", "export", "claim", "letter of 3 May", -1, "", 5),
    )
    assert who_listened([]) == ()


# ------------------------------------------------------------------------------------------- small words


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [(0, "0.0 s"), (7_700, "7.7 s"), (59_949, "59.9 s"), (59_950, "1 min 0 s"), (60_000, "1 min 0 s"),
     (725_000, "12 min 5 s"), (3_599_499, "59 min 59 s"), (3_600_000, "1 h 0 min"), (3_780_000, "1 h 3 min")],
)  # fmt: skip
def test_lengths_of_time(milliseconds: int, words: str) -> None:
    assert seconds(milliseconds) == words


def test_lists_places_and_reasons() -> None:
    assert [some(list("abcdef"[:n])) for n in (0, 1, 2, 4, 5)] == [
        "",
        "a",
        "a and b",
        "a, b, c and d",
        "a, b and 3 more",
    ]
    assert place("US-CA", NAMES) == "California" and place("XX", NAMES) == "XX"
    assert because("something new") == "something new" and because("hold") == "somebody was on hold"
    assert law_asks("all-party") == "asks for everybody's consent"
