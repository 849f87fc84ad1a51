"""A question of law, asked by a form or by a program: read, bounded, answered; nothing of it in an address or a log."""

from __future__ import annotations

from typing import Any

import pytest

from faces.http.test_routes import House, house  # noqa: F401
from overt.faces.console.law import question_of
from overt.faces.http.forms import Form
from overt.faces.http.problems import BadRequest
from overt.faces.http.questions import MOST_IN_A_LIST, Held, Party, Question, asked_of
from overt.services.counsel import Asked, Whereabouts

DAY = "2026-11-24"


def form(**fields: str | list[str]) -> Form:
    """A form with these fields."""
    return Form({name: one if isinstance(one, list) else [one] for name, one in fields.items()})


def test_what_is_left_out_is_as_the_settings_say(house: House) -> None:  # noqa: F811
    asked = asked_of(Question(), house.rooms)
    assert asked == Asked(asked.on, recorder=("US-GA",), served=("US-GA", "US-CA"))
    assert len(asked.on) == len(DAY)
    nothing = asked_of(Question(served=[], recorder=[]), house.rooms)
    assert (nothing.served, nothing.recorder) == ((), ())


def test_everything_that_may_be_asked(house: House) -> None:  # noqa: F811
    question = Question(
        caller=Party(number=" +14155550100 ", said=["us-ca"], on_file=["US-GA"], device=["DE"]), called=Party(withheld=True),
        direction="outbound", agent=["US-GA"], others=["DE"], on=DAY, profile="strict", purposes=["sharing", "recording"],
        telling="announce", chosen_by="D. Voss", keep_days=30, stricter=[Held(place="US-GA", form="express_opt_in")],
        circumstances=["cards"], basis="MUST", languages=["en", "es"], agent_notice_on_file="2026-01-01",
    )  # fmt: skip
    asked = asked_of(question, house.rooms)
    assert (
        asked.caller.number.text == "+14155550100"
        and asked.caller.said == ("US-CA",)
        and asked.caller.device == ("DE",)
    )
    assert asked.called == Whereabouts(withheld=True)
    assert asked.purposes == ("recording", "sharing")
    assert asked.stricter == (("US-GA", "express_opt_in"),)
    assert (asked.on, asked.profile, asked.keep_days, asked.basis) == (DAY, "strict", 30, "MUST")
    assert "4155550100" not in repr(question) + repr(asked)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"on": "tomorrow"}, "on is a date"),
        ({"on": "0001-01-01"}, "from 1900"),
        ({"direction": "up"}, "direction is one of inbound, outbound"),
        ({"profile": "lax"}, "profile is one of"),
        ({"purposes": ["fun"]}, "purposes is one of"),
        ({"telling": "whisper"}, "telling is one of"),
        ({"agent": ["California"]}, "agent: CALIFORNIA is not the code"),
        ({"served": ["US"] * (MOST_IN_A_LIST + 1)}, "at most 100"),
        ({"caller": Party(number="1" * 65)}, "at most 64"),
        ({"caller": Party(number="1", withheld=True)}, "withheld is not known"),
        ({"stricter": [Held(place="US-GA", form="nod")]}, "stricter is one of"),
        ({"circumstances": [""]}, "circumstances is one of"),
        ({"chosen_by": "x" * 121}, "chosen_by has at most"),
        ({"languages": []}, "languages are codes"),
        ({"languages": ["../en"]}, "languages are codes"),
        ({"keep_days": 0}, "keep_days is"),
        ({"keep_days": 10**9}, "keep_days is"),
    ],
)
def test_what_is_wrong_is_named(house: House, wrong: Any, words: str) -> None:  # noqa: F811
    with pytest.raises(BadRequest, match=words):
        asked_of(Question(**wrong), house.rooms)


def test_a_form_asks_the_same_as_a_program(house: House) -> None:  # noqa: F811
    asked = question_of(form(
        caller="+14155550100", caller_said="us-ca, DE", called_withheld="1", direction="outbound", agent="US-GA US-CA",
        served="US", recorder="", stricter="US-GA=express_opt_in", circumstances=["cards", "health"], keep_days="",
        languages=["es", "en"], basis="MUST", relaxed=[""],
    ))  # fmt: skip
    assert asked == Question(
        caller=Party(number="+14155550100", said=("us-ca", "DE")), called=Party(withheld=True), direction="outbound",
        agent=("US-GA", "US-CA"), served=("US",), recorder=(), stricter=(Held(place="US-GA", form="express_opt_in"),),
        circumstances=("cards", "health"), languages=("es", "en"), basis="MUST",
    )  # fmt: skip
    assert question_of(form()) == Question()


@pytest.mark.parametrize("fields", [{"stricter": "US-TX"}, {"keep_days": "a week"}, {"agent": "x" * 5000}])
def test_a_form_that_is_wrong_says_what(fields: dict[str, str]) -> None:
    with pytest.raises(BadRequest):
        question_of(form(**fields))


async def test_the_page_answers_and_keeps_no_number_in_an_address(house: House) -> None:  # noqa: F811
    async with await house.come("agent") as agent:
        empty = (await agent.get("/law")).text
        assert "Everybody's consent" not in empty and 'method="post"' in empty
        page = await agent.post("/law", data={"caller": "+14155550100", "agent": "US-GA", "served": "US-CA"})
        assert page.status_code == 200 and "Everybody&#39;s consent is needed" in page.text
        assert "Words of announce-ask." in page.text and "Words of question." in page.text
        assert 'value="+14155550100"' in page.text  # the form as it was filled in, for whoever filled it in
        one = await agent.post("/law", data={"caller_said": "US-GA", "agent": "US-GA", "served": ""})
        assert "One party&#39;s consent is enough" in one.text and "Overt tells everybody, also where" in one.text
        wrong = await agent.post("/law", data={"agent": "Georgia <script>"})
        assert wrong.status_code == 400 and "is not the code of a place" in wrong.text
        assert "Georgia &lt;script&gt;" in wrong.text and "Georgia <script>" not in wrong.text
        contested = await agent.post("/law", data={"relaxed": "US-CA"})
        assert contested.status_code == 400 and "does not call its rule contested" in contested.text
        assert (await agent.post("/law", content=b"a=\xff", headers={"content-type": "application/x-www-form-urlencoded"})).status_code == 400  # fmt: skip
        assert (await agent.post("/law", data={"agent": "US\x00"})).status_code == 400


async def test_a_line_is_answered_as_the_policies_in_force_rule_it(house: House) -> None:  # noqa: F811
    book = """format = 1
[[policy]]
name = "No recording of sales"
responsible = "Dana"
[policy.when]
lines = ["sales"]
[policy.capture]
record = false
"""
    question = {"caller": {"said": ["US-GA"]}, "line": "sales"}
    async with await house.come("compliance") as client:
        before = (await client.post("/api/law/decide", json=question)).json()
        assert before["policy"]["policy"] == "sales" and before["purposes"][0]["will"] == "ask"
        assert before["located"][1]["places"] == ["US-GA"]  # the agent is where the settings say
        await client.post("/api/policies", json={"book": book, "reason": "No."})
        after = (await client.post("/api/law/decide", json=question)).json()
        assert (after["purposes"][0]["effect"], after["purposes"][0]["will"]) == ("deny", "none")
        page = (await client.post("/law", data={"caller_said": "US-GA", "line": "sales"})).text
        assert "Do nothing of the kind" in page and "«No recording of sales» records no calls" in page
        unknown = await client.post("/api/law/decide", json={"line": "none"})
        assert unknown.status_code == 400 and "line is one of sales" in unknown.json()["detail"]
    async with await house.come("agent") as agent:  # what policies say is not for everybody
        assert (await agent.post("/api/law/decide", json=question)).status_code == 403
        assert (await agent.post("/law", data={"line": "sales"})).status_code == 403
        assert "as the policies rule" not in (await agent.get("/law")).text


async def test_the_table_is_filtered_and_its_pages_link_to_each_other(house: House) -> None:  # noqa: F811
    async with await house.come("supervisor") as client:
        rows = (await client.get("/law", params={"rule": "one-party"})).text.partition('id="places"')[2]
        assert "/law/US-GA" in rows and "/law/US-CA" not in rows
        rows = (await client.get("/law", params={"name": "us-ca"})).text.partition('id="places"')[2]
        assert "/law/US-CA" in rows and "1 of 3 places" in rows
        assert "No place fits" in (await client.get("/law", params={"name": "Atlantis", "rule": "x"})).text
        place = (await client.get("/law/US-CA")).text
        assert 'href="/law/duties/PAPER"' in place and "researched, not verified" in place
        assert 'href="/law/bases/MUST"' in (await client.get("/law/DE")).text
        assert "did you mean" in (await client.get("/law/US-CO")).text
        for path in ("/law/US-CO", "/law/duties/none", "/law/bases/none"):
            assert (await client.get(path)).status_code == 404


async def test_programs_get_decisions_rows_and_cases(house: House) -> None:  # noqa: F811
    async with await house.come("agent") as agent:
        answer = await agent.post("/api/law/decide", json={"caller": {"number": "+14155550100"}, "agent": ["US-GA"]})
        decided = answer.json()
        assert answer.status_code == 200 and len(decided["purposes"]) == 5 and "4155550100" not in answer.text
        assert decided["purposes"][0]["rule"] == "all-party" and decided["law"]["served"] == 2
        typo = await agent.post("/api/law/decide", json={"caler": {}})
        assert typo.status_code == 400 and "unknown field `caler`" in typo.json()["detail"]
        places = (await agent.get("/api/law/places", params={"rule": "all-party", "on": DAY})).json()
        assert [one["code"] for one in places["places"]] == ["DE", "US-CA"] and places["law"]["on"] == DAY
        row = (await agent.get("/api/law/places/us-ca")).json()
        assert row["place"]["forms"]["notice_then_continue"] == "yes" and set(row["duties"]) == {"PAPER"}
        assert (await agent.get("/api/law/places", params={"rule": "x"})).status_code == 400
        assert (await agent.get("/api/law/places", params={"profile": "x"})).status_code == 400
        assert (await agent.get("/api/law/places/US-XX")).json()["type"].endswith("not-found")


def of_days(count: int) -> str:
    """Cases of so many days: for each, the table is read anew."""
    one = "{{parties: [], date: 2026-01-{day:02}, notice: {{form: none}}, response: no, expected: {expected}}}"
    expected = "{effective_rule: one-party, may_record_default_policy: true}"
    return f"cases: [{', '.join(one.format(day=day, expected=expected) for day in range(1, count + 1))}]"


async def test_cases_may_be_yaml_and_are_bounded(house: House) -> None:  # noqa: F811
    text = """
cases:
- {id: one, parties: [{role: agent, location: US-GA}, {role: customer, location: unknown}], recorder_at: US-GA,
   notice: {form: none, at: null}, response: unaware,
   expected: {effective_rule: all-party, may_record_default_policy: true}}
"""
    async with await house.come("compliance") as client:
        tried = (await client.post("/api/law/cases", content=text, params={"served": "US-CA,US-GA"})).json()
        assert (tried["passed"], tried["failed"]) == (0, 1) and tried["cases"][0]["found"]["rule"] == "all-party"
        broken = await client.post("/api/law/cases", content="cases: [")
        assert broken.status_code == 400 and "line 1" in broken.json()["detail"]
        assert (await client.post("/api/law/cases", content=b"\xff")).status_code == 400
        many = await client.post("/api/law/cases", content=of_days(21))
        assert (await client.post("/api/law/cases", content=of_days(20))).status_code == 200
        assert many.status_code == 400 and "more than 20 different days" in many.json()["detail"]
        assert (await client.post("/api/law/cases", content=b"x" * 300_000)).status_code == 413
