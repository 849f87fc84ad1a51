"""What handlers need of a request: a query is understood or refused by name, and an agent asks for their own only."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar import Request

from overt.adapters.memory_catalogue import MemoryCatalogue
from overt.domain.access import RIGHTS, ROLES, Actor, Resource, may
from overt.domain.errors import NotPermitted
from overt.faces.http.asking import address_of, agent_of, allowed, demand, own_call, signed_of, wanted, whole
from overt.faces.http.problems import BadRequest, NotFound
from overt.services.accounts import Account
from overt.services.searching import MOST_A_PAGE, STATES, CallRow, Wanted
from overt.services.signing_in import SignedIn, WebSession

BOSS, ANN = Actor("boss", "supervisor"), Actor("ann", "agent", agent="sip:ann@pbx")
DAY_US = 86_400_000_000


def asking(query: Mapping[str, str] | None = None, actor: Actor = BOSS, **more: object) -> Request:  # type: ignore[type-arg]
    """A request with a query, made by somebody, to a house with two calls."""
    catalogue = MemoryCatalogue()
    catalogue.put("main", CallRow("c1", 1, "recorded", agent="sip:ann@pbx"))
    catalogue.put("main", CallRow("c2", 1, "recorded", agent="sip:ben@pbx"))
    catalogue.put("other", CallRow("c3", 1, "recorded", agent="sip:ann@pbx"))
    rooms = SimpleNamespace(catalogue=catalogue, front=SimpleNamespace(tenant="main"))
    signed = SignedIn(
        WebSession("t", "main", actor.name, "in", "c"), Account("main", actor.name, actor.role, actor.agent)
    )
    scope = {
        "type": "http", "method": "GET", "path": "/calls", "query_string": urlencode(query or {}).encode(), "headers": [],
        "state": {"signed": signed}, "litestar_app": SimpleNamespace(state=SimpleNamespace(rooms=rooms)), **more,
    }  # fmt: skip
    return Request(scope)  # type: ignore[arg-type]


def us(*day: int) -> int:
    """The beginning of a day, UTC microseconds."""
    return int(datetime(*day, tzinfo=UTC).timestamp()) * 1_000_000  # type: ignore[misc, arg-type]


def test_nothing_asked_is_everything_newest_first() -> None:
    assert wanted(asking(), BOSS) == Wanted(limit=50)


def test_everything_that_may_be_asked() -> None:
    query = {
        "since": "2026-11-01", "until": "2026-11-24", "number": " +12145550100 ", "agent": "sip:ann@pbx", "line": "sales",
        "state": "recorded", "place": "US-CA", "text": " hung up ", "gap": "1", "after": "1.c1", "limit": "7", "unknown": "x",
    }  # fmt: skip
    assert wanted(asking(query), BOSS) == Wanted(
        us(2026, 11, 1), us(2026, 11, 25), "+12145550100", "sip:ann@pbx", "sales", "recorded", "US-CA", "hung up", True,
        "1.c1", 7,
    )  # fmt: skip


def test_a_day_is_whole() -> None:
    one = wanted(asking({"since": "2026-02-28", "until": "2026-02-28"}), BOSS)
    assert one.until_us - one.since_us == DAY_US


@pytest.mark.parametrize("name", ["since", "until"])
@pytest.mark.parametrize(
    "day",
    ["yesterday", "2026-13-01", "2026-02-30", "2026", "24.11.2026", "2026-11-24T10:00", "0001-01-01", "9999-12-31", "1970-12-31",
     "-1", "²026-11-24", "x" * 10_000],
)  # fmt: skip
def test_a_day_that_is_none_is_refused_by_name(name: str, day: str) -> None:
    with pytest.raises(BadRequest, match=name):
        wanted(asking({name: day}), BOSS)


@pytest.mark.parametrize("day", ["1971-01-01", "9998-12-31"])
def test_the_first_and_the_last_day(day: str) -> None:
    asked = wanted(asking({"since": day, "until": day}), BOSS)
    assert 0 < asked.since_us < asked.until_us < 2**63


@pytest.mark.parametrize("limit", ["0", "-1", str(MOST_A_PAGE + 1), "ten", "1.5", " 5", "५", "²", "9" * 5000, "1e2"])
def test_a_limit_that_is_none(limit: str) -> None:
    with pytest.raises(BadRequest, match="limit"):
        wanted(asking({"limit": limit}), BOSS)


@pytest.mark.parametrize("limit", [1, 50, MOST_A_PAGE])
def test_limits(limit: int) -> None:
    assert wanted(asking({"limit": str(limit)}), BOSS).limit == limit


@pytest.mark.parametrize("state", STATES)
def test_states(state: str) -> None:
    assert wanted(asking({"state": state}), BOSS).state == state


@pytest.mark.parametrize("state", ["Recorded", "lost", "x" * 1000])
def test_a_state_that_is_none_is_refused_in_few_words(state: str) -> None:
    with pytest.raises(BadRequest, match="There is no state") as refused:
        wanted(asking({"state": state}), BOSS)
    assert len(str(refused.value)) < 250


@pytest.mark.parametrize(("gap", "is_asked"), [("1", True), ("true", True), ("0", False), ("yes", False), ("", False)])
def test_gaps(gap: str, is_asked: bool) -> None:
    assert wanted(asking({"gap": gap}), BOSS).gap == is_asked


@pytest.mark.parametrize(
    ("find", "number", "text"),
    [
        ("0103", "0103", ""), (" +1 (415) 555-0103 ", "+1 (415) 555-0103", ""), ("103", "", "103"), ("", "", ""),
        ("hung up", "", "hung up"), ("error 5003", "", "error 5003"), ("no. 12 34", "", "no. 12 34"), ("----", "", "----"),
    ],
)  # fmt: skip
def test_the_one_field_takes_a_number_or_words(find: str, number: str, text: str) -> None:
    asked = wanted(asking({"find": find}), BOSS)
    assert (asked.number, asked.text) == (number, text)


def test_a_field_of_its_own_counts_before_the_one_field() -> None:
    assert wanted(asking({"find": "0103", "number": "0199"}), BOSS).number == "0199"
    assert wanted(asking({"find": "words", "text": "others"}), BOSS).text == "others"


@pytest.mark.parametrize("name", ["find", "line", "agent", "place", "text", "number", "after", "state"])
def test_a_nul_is_refused_before_any_database_sees_it(name: str) -> None:
    with pytest.raises(BadRequest):
        wanted(asking({name: "a\x00b"}), BOSS)


@given(st.dictionaries(st.sampled_from(["agent", "find", "line", "text", "number"]), st.text(max_size=30)))
def test_an_agent_asks_for_their_own_whatever_they_write(query: dict[str, str]) -> None:
    for actor, kept_to in ((ANN, ANN.agent), (Actor("new", "agent"), "nobody")):
        try:
            assert wanted(asking(query), actor).agent == kept_to
        except BadRequest:
            assert any("\x00" in value for value in query.values())


@pytest.mark.parametrize(("given_", "number"), [("", 7), ("0", 0), ("12", 12), ("100", 100), ("007", 7)])
def test_whole_numbers(given_: str, number: int) -> None:
    assert whole({"n": given_}, "n", 7, 100) == number


@pytest.mark.parametrize("given_", ["101", "-1", "+1", "1.0", " 1", "one", "٣", "²", "1_0", "0x1", "9" * 5000])
def test_what_is_no_whole_number_up_to_the_most(given_: str) -> None:
    with pytest.raises(BadRequest, match="n is a whole number up to 100"):
        whole({"n": given_}, "n", 7, 100)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("kind", RIGHTS)
def test_what_is_demanded_is_what_the_table_says(role: str, kind: str) -> None:
    actor = Actor("ann", role, agent="sip:ann@pbx" if role == "agent" else "")
    for action in ("list", "show", "watch", "prove"):
        resource = Resource(kind, agent="sip:ann@pbx")
        verdict = may(actor, action, resource)
        if hasattr(verdict, "reason"):
            with pytest.raises(NotPermitted) as refused:
                demand(asking(actor=actor), action, resource)
            assert str(refused.value)[0].isupper() and str(refused.value).endswith(".")
        else:
            assert demand(asking(actor=actor), action, resource) == actor
            assert allowed(actor, kind, action) or role == "agent"


def test_an_agent_is_told_the_same_of_others_calls_as_of_none() -> None:
    said = []
    for call in ("c2", "c3", "none"):
        with pytest.raises(NotFound) as refused:
            own_call(asking(actor=ANN), call)
        said.append(str(refused.value))
    assert len(set(said)) == 1
    assert own_call(asking(actor=ANN), "c1").id == "c1"
    assert own_call(asking(), "c2").id == "c2"
    with pytest.raises(NotFound):
        own_call(asking(), "c3")
    with pytest.raises(NotPermitted):
        own_call(asking(actor=Actor("x", "nobody")), "c1")


def test_where_a_request_comes_from() -> None:
    request = asking(client=("192.0.2.9", 5), headers=[(b"user-agent", b"Firefox")])
    assert (address_of(request), agent_of(request)) == ("192.0.2.9", "Firefox")
    assert signed_of(request).account.name == "boss"
    bare = asking(client=None)
    assert (address_of(bare), agent_of(bare)) == ("", "")
