"""Every route tried as nobody and as each role: one table, which a route that is not in it fails."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

import httpx
import pytest
from litestar import Litestar

from domain.made_law import basis, duty, one_party, place
from domain.made_law import table as made_table
from faces.http.few_accounts import accounting_rooms
from faces.http.few_clients import bringing_rooms, with_a_client
from overt.adapters.case_files import parse_case_text
from overt.adapters.memory import MemoryAddresses, MemoryClock, MemoryLedger, MemoryPublications
from overt.adapters.memory_accounts import MemoryAccounts, QuickPasswords
from overt.adapters.memory_catalogue import MemoryCatalogue
from overt.adapters.sign_in_proofs import TimedCodes
from overt.compose.governing import PROMPTS
from overt.compose.web_app import make_app
from overt.domain.book import book_of_lines
from overt.domain.book_policy_checks import Known
from overt.domain.disclosure import scripts_in
from overt.domain.foresight import LineNow
from overt.domain.hindsight import PastCall
from overt.domain.policy import LinePolicy
from overt.faces.console.assets import Asset
from overt.faces.http.observing import ObservingRooms
from overt.faces.http.rooms import Front, LawRooms, SystemShown, WebRooms
from overt.ledger.merkle import leaf_hash
from overt.ports import Receipt, Unavailable
from overt.services.accounts import AccountRooms, add_account, set_password
from overt.services.auditing import Stated
from overt.services.counsel import Counsel
from overt.services.listening import Held, ListeningRooms, Opening
from overt.services.proving import Entry
from overt.services.publishing import SAID_AFTER_NO, PublishingRooms
from overt.services.rehearsing import Read, RehearsingRooms
from overt.services.searching import CallRow
from overt.services.signing_in import SignInRooms, sign_in

ORIGIN = "http://console.test"
CALL, RECORDING = "0193568a-0000-7000-8000-0000000000c1", "0193568a-0000-7000-8000-0000000000a1"
THEIRS, OTHERS = "sip:ann@pbx", "sip:ben@pbx"
ROLES = ("administrator", "compliance", "supervisor", "agent", "program")
HEAR, SEE = {"purpose": "quality", "document": ""}, None
TRIED = {"cases": [{
    "id": "one", "parties": [{"role": "agent", "location": "US-GA"}], "recorder_at": "US-GA", "response": "unaware",
    "notice": {"form": "none", "at": None}, "expected": {"effective_rule": "one-party", "may_record_default_policy": True},
}]}  # fmt: skip

# method, address, body → what nobody gets, then each of ROLES. 303: sent to the sign-in, or on to where they want to go.
ROUTES: Mapping[tuple[str, str], tuple[Any, Sequence[int]]] = {
    ("GET", "/"): (SEE, (303, 303, 303, 303, 303, 303)),
    ("GET", "/static/console.css"): (SEE, (200, 200, 200, 200, 200, 200)),
    ("GET", "/sign-in"): (SEE, (200, 303, 303, 303, 303, 303)),
    ("POST", "/sign-in"): ({"name": "x", "password": "y"}, (403, 403, 403, 403, 403, 403)),
    ("GET", "/sign-in/code"): (SEE, (303, 200, 200, 200, 200, 200)),
    ("POST", "/sign-in/code"): ({"code": "000000"}, (401, 403, 403, 403, 403, 403)),
    ("GET", "/sign-in/second-factor"): (SEE, (303, 200, 200, 200, 200, 200)),
    ("POST", "/sign-in/second-factor"): ({"secret": "A" * 32, "code": "1"}, (401, 403, 403, 403, 403, 403)),
    ("GET", "/account/second-factor"): (SEE, (303, 200, 200, 200, 200, 200)),
    ("POST", "/account/second-factor"): ({"secret": "A" * 32, "code": "1"}, (401, 403, 403, 403, 403, 403)),
    ("GET", "/sign-in/password"): (SEE, (303, 200, 200, 200, 200, 200)),
    ("POST", "/sign-in/password"): ({"current": "", "new": "a", "again": "b"}, (401, 403, 403, 403, 403, 403)),
    ("GET", "/account"): (SEE, (303, 200, 200, 200, 200, 200)),
    ("POST", "/account"): ({"current": "", "new": "a", "again": "b"}, (401, 403, 403, 403, 403, 403)),
    ("POST", "/sign-out"): ({}, (401, 303, 303, 303, 303, 303)),
    ("GET", "/calls"): (SEE, (303, 200, 200, 200, 200, 403)),
    ("GET", f"/calls/{CALL}"): (SEE, (303, 200, 200, 200, 404, 403)),
    ("GET", "/live"): (SEE, (303, 200, 200, 200, 403, 403)),
    ("GET", "/live/events"): (SEE, (401, 200, 200, 200, 403, 403)),
    ("GET", "/law"): (SEE, (303, 200, 200, 200, 200, 403)),
    ("POST", "/law"): ({"caller_said": "US-CA", "agent": "US-GA"}, (401, 200, 200, 200, 200, 403)),
    ("GET", "/law/US-CA"): (SEE, (303, 200, 200, 200, 200, 403)),
    ("GET", "/law/duties/PAPER"): (SEE, (303, 200, 200, 200, 200, 403)),
    ("GET", "/law/bases/MUST"): (SEE, (303, 200, 200, 200, 200, 403)),
    ("GET", "/policies"): (SEE, (303, 200, 200, 200, 403, 403)),
    ("GET", "/policies/0"): (SEE, (303, 200, 200, 200, 403, 403)),
    ("GET", "/policies/0/book.toml"): (SEE, (303, 200, 200, 200, 403, 403)),
    ("GET", "/policies/history"): (SEE, (303, 200, 200, 200, 403, 403)),
    ("GET", "/policies/edit"): (SEE, (303, 200, 200, 200, 403, 403)),
    ("POST", "/policies/edit"): ({"view": "file", "text": "format = 1"}, (401, 200, 200, 200, 403, 403)),
    ("POST", "/policies/draft.toml"): ({"view": "file", "text": "format = 1"}, (401, 200, 200, 200, 403, 403)),
    ("GET", "/policies/rehearsals/7"): (SEE, (303, 404, 404, 403, 403, 403)),
    ("POST", "/policies/rehearsals/7/stop"): ({}, (401, 404, 404, 403, 403, 403)),
    # Without a reason nothing is published (400): whoever is let as far as that may publish.
    ("POST", "/policies/publish"): ({"text": "format = 1"}, (401, 400, 400, 403, 403, 403)),
    ("GET", "/ledger"): (SEE, (303, 200, 200, 200, 403, 403)),
    ("GET", "/ledger/0"): (SEE, (303, 200, 200, 200, 403, 403)),
    ("GET", "/system"): (SEE, (303, 200, 200, 403, 403, 403)),
    ("POST", "/api/sessions"): ({"name": "x", "password": "y"}, (403, 403, 403, 403, 403, 403)),
    ("POST", "/api/sessions/code"): ({"code": "000000"}, (401, 403, 403, 403, 403, 403)),
    ("GET", "/api/sessions/current"): (SEE, (401, 200, 200, 200, 200, 200)),
    ("DELETE", "/api/sessions/current"): (SEE, (401, 204, 204, 204, 204, 204)),
    ("GET", "/api/calls"): (SEE, (401, 200, 200, 200, 200, 403)),
    ("GET", "/api/calls/counts"): (SEE, (401, 200, 200, 200, 200, 403)),
    ("GET", f"/api/calls/{CALL}"): (SEE, (401, 200, 200, 200, 404, 403)),
    ("GET", "/api/recordings"): (SEE, (401, 200, 200, 200, 200, 403)),
    ("GET", "/api/live"): (SEE, (401, 200, 200, 200, 403, 403)),
    ("GET", "/api/ledger"): (SEE, (401, 200, 200, 200, 403, 403)),
    ("GET", "/api/ledger/leaves"): (SEE, (401, 200, 200, 200, 403, 403)),
    ("GET", "/api/ledger/entries"): (SEE, (401, 200, 200, 200, 403, 403)),
    ("GET", "/api/system"): (SEE, (401, 200, 200, 403, 403, 403)),
    ("POST", "/api/law/decide"): ({"caller": {"said": ["US-CA"]}, "agent": ["US-GA"]}, (401, 200, 200, 200, 200, 403)),
    ("GET", "/api/account"): (SEE, (401, 200, 200, 200, 403, 403)),
    ("POST", "/api/account"): ({"cdr": "a,b\n", "columns": "asterisk"}, (401, 200, 200, 200, 403, 403)),
    ("GET", f"/api/account/{CALL}"): (SEE, (401, 200, 200, 200, 403, 403)),
    ("GET", "/accounting"): (SEE, (303, 200, 200, 200, 403, 403)),
    ("POST", "/accounting"): ({"since": "24h"}, (401, 400, 400, 400, 403, 403)),
    ("GET", f"/accounting/{CALL}"): (SEE, (303, 200, 200, 200, 403, 403)),
    ("GET", "/api/law/places"): (SEE, (401, 200, 200, 200, 200, 403)),
    ("GET", "/api/law/places/US-CA"): (SEE, (401, 200, 200, 200, 200, 403)),
    ("POST", "/api/law/cases"): (TRIED, (401, 200, 200, 200, 200, 403)),
    ("GET", "/api/policies"): (SEE, (401, 200, 200, 200, 403, 403)),
    ("GET", "/api/policies/history"): (SEE, (401, 200, 200, 200, 403, 403)),
    ("GET", "/api/policies/0"): (SEE, (401, 200, 200, 200, 403, 403)),
    ("POST", "/api/policies/check"): ({"book": "format = 1"}, (401, 200, 200, 200, 403, 403)),
    ("POST", "/api/policies/rehearse"): ({"book": "format = 1"}, (401, 200, 200, 403, 403, 403)),
    ("POST", "/api/policies"): ({"book": "format = 1", "reason": ""}, (401, 400, 400, 403, 403, 403)),
    ("GET", f"/api/calls/{CALL}/ladder"): (SEE, (401, 200, 200, 200, 404, 403)),
    ("GET", "/api/alarms"): (SEE, (401, 200, 200, 403, 403, 403)),
    ("GET", "/alarms"): (SEE, (303, 200, 200, 403, 403, 403)),
    ("GET", "/metrics"): (SEE, (401, 200, 200, 401, 401, 401)),
    ("GET", "/api/openapi.json"): (SEE, (401, 200, 200, 200, 200, 200)),
    ("GET", "/api"): (SEE, (401, 200, 200, 200, 200, 200)),
    ("GET", "/api/none"): (SEE, (401, 404, 404, 404, 404, 404)),
    # The opener of this house is away (503): whoever is let as far as that may hear.
    ("POST", f"/api/recordings/{RECORDING}/playings"): (HEAR, (401, 503, 503, 503, 404, 403)),
    ("POST", f"/api/recordings/{RECORDING}/exports"): (HEAR, (401, 503, 503, 403, 404, 403)),
    ("GET", "/api/playings/7/sound.wav"): (SEE, (401, 410, 410, 410, 410, 410)),
    ("GET", "/api/playings/7/sound.opus"): (SEE, (401, 410, 410, 410, 410, 410)),
    ("DELETE", "/api/playings/7"): (SEE, (401, 410, 410, 410, 410, 410)),
    ("GET", "/clients"): (SEE, (303, 200, 200, 200, 403, 403)),
    ("POST", "/clients"): ({"name": "a"}, (401, 400, 400, 403, 403, 403)),
    ("GET", "/clients/sbc%201"): (SEE, (303, 200, 200, 200, 403, 403)),
    ("POST", "/clients/sbc%201/remove"): ({"by": "", "why": ""}, (401, 400, 400, 403, 403, 403)),
    ("POST", "/clients/sbc%201/prove"): ({"call": "x", "by": "Ann"}, (401, 400, 400, 403, 403, 403)),
    ("GET", "/api/clients"): (SEE, (401, 200, 200, 200, 403, 403)),
    ("POST", "/api/clients"): ({"name": "a", "mode": "siprec", "by": "", "why": ""}, (401, 400, 400, 403, 403, 403)),
    ("GET", "/api/clients/sbc%201"): (SEE, (401, 200, 200, 200, 403, 403)),
    ("DELETE", "/api/clients/sbc%201"): (SEE, (401, 400, 400, 403, 403, 403)),
    ("POST", "/api/clients/sbc%201/proofs"): ({"call": "x", "by": "Ann"}, (401, 400, 400, 403, 403, 403)),
    ("POST", "/api/clients/sbc%201/password"): ({"password": "x"}, (401, 400, 400, 403, 403, 403)),
    # That call is over (409): whoever is let as far as that may say what a party answered.
    ("POST", f"/api/calls/{CALL}/consent"): ({"party": "caller", "answer": "no"}, (401, 409, 409, 403, 403, 409)),
}


class ClosedOpener:
    """Implements listening.Opener: it does not answer."""

    async def begin(self, *_: Any, **__: Any) -> Opening:
        """See listening.Opener."""
        raise Unavailable("opener", "it is away")


class ProvenLedger(MemoryLedger):
    """Implements listening.ProvingLedger."""

    async def prove(self, index: int) -> Receipt:
        """See listening.ProvingLedger."""
        return Receipt(index, self.lines[index], self.tree.size, self.tree.inclusion(index), "")


class MemoryView:
    """Implements proving.LedgerView over a memory ledger."""

    def __init__(self, ledger: MemoryLedger) -> None:
        self._ledger = ledger

    def size(self) -> int:
        """See proving.LedgerView."""
        return len(self._ledger.lines)

    def entries(self, first: int, count: int) -> Sequence[Entry]:
        """See proving.LedgerView."""
        return self.some(range(first, min(first + count, self.size())))

    def some(self, indexes: Sequence[int]) -> Sequence[Entry]:
        """See proving.LedgerView."""
        return [self._entry(one) for one in indexes]

    def _entry(self, index: int) -> Entry:
        fact, line = self._ledger.facts[index], self._ledger.lines[index]
        stated = Stated(index, fact.kind, fact.at_us, fact.call, fact.body, fact.personal)
        return Entry(stated, line.decode(), leaf_hash(line).hex())

    def checkpoint(self) -> str:
        """See proving.LedgerView."""
        return ""

    def leaves(self, first: int, count: int) -> bytes:
        """See proving.LedgerView."""
        return b"".join(leaf_hash(one) for one in self._ledger.lines[first : first + count])


class OneHolding:
    """Implements listening.Holdings with one ended recording."""

    def find(self, tenant: str, recording: str) -> Held | None:
        """See listening.Holdings."""
        held = Held(tenant, RECORDING, CALL, "quality and training", 0, 1, 1, "closed", 5000, 3)
        return held if recording == RECORDING else None

    def all(self, tenant: str) -> Sequence[Held]:
        """See listening.Holdings."""
        return [one for one in [self.find(tenant, RECORDING)] if one is not None]


def law_rooms() -> LawRooms:
    """Counsel on a table of three places, a duty and a legal basis."""
    texts = [one_party("US-GA"), place("US-CA", notice="yes", duties='["PAPER"]'), place("DE")]
    table = made_table(texts, duties__PAPER=duty("PAPER"), bases__MUST=basis("MUST", places='["DE"]'))
    spoken = {f"en/{name}": f"Words of {name}." for name in ("announce", "announce-ask", "question", "cue-recorded")}
    return LawRooms(
        Counsel(table, MemoryAddresses(), spoken),
        lambda text: parse_case_text(text, "the cases"),
        ("US-GA", "US-CA"),
        ("US-GA",),
    )


class FewCalls:
    """Implements rehearsing.PastCalls with a few calls of one line, in two stretches."""

    def __init__(self, calls: Sequence[PastCall]) -> None:
        self.calls = calls

    def read(self, since_us: int, until_us: int) -> Iterator[Read]:
        """See rehearsing.PastCalls."""
        within = [one for one in self.calls if since_us <= one.offered_us < until_us]
        yield Read(within[:1], 50, 100)
        yield Read(within[1:], 100, 100)


def policy_rooms(ledger: MemoryLedger, clock: MemoryClock) -> RehearsingRooms:
    """Policies of a house with one line, of which three calls were asked and recorded."""
    line = LinePolicy("sales", responsible="Dana Reyes", agent_place="US-GA")
    prompts = frozenset(
        f"{language}/{name}" for language in ("en", "es") for name in (*PROMPTS, *SAID_AFTER_NO.values())
    )
    known = Known(scripts_in(prompts), frozenset({"UTC", "America/New_York"}), ["sales"], ("US-GA", "US-CA"))
    publishing = PublishingRooms(
        "main",
        ledger,
        clock,
        MemoryPublications(ledger),
        law_rooms().counsel.table,
        known,
        prompts,
        book_of_lines([line]),
    )
    past = [
        PastCall(f"0193568a-0000-7000-8000-0000000000d{number}", clock.now - number * 3_600_000_000, "sales", policy="sales",
                 caller="+14155550102", places=("US-GA",), will="ask", rule="one-party", form="none", languages=("en",),
                 purpose="quality and training", answer="yes", joined=True, recorded=True, kept_from_us=clock.now, keep_days=90,
                 ruled=True, ended=True)
        for number in range(1, 4)
    ]  # fmt: skip
    return RehearsingRooms(
        publishing, FewCalls(past), ("US-GA", "US-CA"), {"sales": LineNow(line)}, lambda *_: (0, 600), lambda *_: ""
    )


async def system() -> SystemShown:
    """A machine with nothing to say."""
    return SystemShown("0", [], [], [], [], 0)


@dataclasses.dataclass
class House:
    """The web's rooms in memory, an account of each role, and a way to come as one of them."""

    rooms: WebRooms
    app: Any

    async def come(self, role: str) -> httpx.AsyncClient:
        """A browser that is signed in as a role, or as nobody."""
        client = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=ORIGIN)
        if role:
            token, signed = await sign_in(
                self.rooms.signing, role, f"a good secret of {role[::-1]}", "192.0.2.1", "test"
            )
            client.cookies.set("overt_session", token)
            client.headers["x-overt-csrf"] = signed.session.csrf
        return client


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """A house with one recorded call of another agent."""
    ledger, clock, accounts, catalogue = ProvenLedger(), MemoryClock(), MemoryAccounts(), MemoryCatalogue()
    account_rooms = AccountRooms("main", ledger, clock, accounts, QuickPasswords())
    for role in ROLES:
        secret = f"a good secret of {role[::-1]}"
        await add_account(account_rooms, role, role, secret, agent=THEIRS if role == "agent" else "", by="test")
        set_password(account_rooms, role, secret, own=True)
    await _one_call(ledger, clock)
    catalogue.put("main", CallRow(CALL, clock.now, "recorded", "sales", OTHERS, recordings=(RECORDING,), entries=(len(ROLES),),
                                  ledger_index=len(ROLES), captured_ms=5000))  # fmt: skip
    signing = SignInRooms(account_rooms, accounts, TimedCodes(), _tokens(), demanded=False)
    listening = ListeningRooms("main", ledger, clock, OneHolding(), ClosedOpener())
    rooms = WebRooms(
        Front(ORIGIN, False, "main", "0"), signing, catalogue, MemoryView(ledger), listening, system, {}, "",
        lambda *_: "otpauth://x", law_rooms(), policy_rooms(ledger, clock), accounting_rooms(),
        bringing_rooms(ledger, clock), observing=ObservingRooms("token", "a token of metrics"),
    )  # fmt: skip
    await with_a_client(rooms.bringing)
    yield House(rooms, make_app(rooms, {"console.css": Asset(b"a{}", "text/css", '"tag"')}))
    rooms.serving = False


async def _one_call(ledger: MemoryLedger, clock: MemoryClock) -> None:
    from overt.domain.facts import Fact

    body = {"line": "sales", "trunk": "t"}
    await ledger.enter(
        Fact(clock.new_id(), "main", "call.offered", clock.now_us(), CALL, body, {"from": "+14155550102"})
    )


def _tokens() -> Any:
    made = iter(range(10**6))
    return lambda: hashlib.sha256(str(next(made)).encode()).hexdigest()


async def answered(house: House, client: httpx.AsyncClient, method: str, path: str, body: Any) -> int:
    """The status of one request; a stream is ended, not waited for."""
    asks: dict[str, Any] = {}
    if body is not SEE:
        asks["json" if path.startswith("/api") else "data"] = body
    house.rooms.serving = path != "/live/events"  # the stream ends after its first look
    return (await client.request(method, path, **asks)).status_code


@pytest.mark.parametrize("who", ["", *ROLES])
async def test_every_route_gives_each_what_the_table_says(house: House, who: str) -> None:
    wrong = {}
    for (method, path), (body, statuses) in ROUTES.items():
        async with await house.come(who) as client:
            status = await answered(house, client, method, path, body)
        if status != statuses[["", *ROLES].index(who)]:
            wrong[method, path] = status
    assert not wrong


def test_no_route_is_missing_from_the_table(house: House) -> None:
    inner: Litestar = house.app._app
    tried = {(method, path) for method, path in ROUTES}
    samples = {"call:str": CALL, "recording:str": RECORDING, "index:int": "0", "playing:int": "7", "name:path": "console.css",
               "path:str": "none", "place:str": "US-CA", "duty:str": "PAPER", "basis:str": "MUST", "number:int": "0", "rehearsal:int": "7", "name:str": "sbc%201"}  # fmt: skip
    missing = set()
    for route in inner.routes:
        path = route.path
        for name, value in samples.items():
            path = path.replace("{" + name + "}", value)
        for method in getattr(route, "methods", ()):
            if method != "OPTIONS" and (method, path) not in tried:
                missing.add((method, path))
    assert not missing


async def test_nobody_gets_the_same_for_what_is_there_and_what_is_not(house: House) -> None:
    async with await house.come("") as nobody:
        for path in (
            f"/api/calls/{CALL}",
            "/api/calls/none",
            "/api/none",
            "/none",
            "/api/",
            "//calls",
            "/static/../calls",
            "/CALLS",
        ):
            answer = await nobody.get(path)
            assert answer.status_code in (303, 401, 404) and "sales" not in answer.text, path
            assert answer.status_code != 404 or path.startswith("/static"), path


async def test_an_agent_sees_only_their_own_calls(house: House) -> None:
    async with await house.come("agent") as agent:
        assert (await agent.get("/api/calls")).json()["calls"] == []
        assert (await agent.get("/api/calls", params={"agent": OTHERS})).json()["calls"] == []
        house.rooms.catalogue.put("main", CallRow("mine", 5, "recorded", "sales", THEIRS))  # type: ignore[attr-defined]
        found = (await agent.get("/api/calls", params={"agent": OTHERS})).json()["calls"]
        assert [one["id"] for one in found] == ["mine"]
        page = (await agent.get("/calls")).text
        assert THEIRS in page and OTHERS not in page  # not even among what could be chosen
        for number in range(7):
            house.rooms.catalogue.put("main", CallRow(f"other{number}", 5, "recorded", "sales", OTHERS))  # type: ignore[attr-defined]
        assert "<b>8</b>" not in (await agent.get("/calls?limit=x")).text  # nor counted beside a query that is wrong


async def test_what_cannot_be_asked_is_answered_as_such(house: House) -> None:
    async with await house.come("supervisor") as client:
        assert (await client.get("/api/calls", params={"text": "a " * 2000})).status_code == 400
        for there in ("//[", "//\u2100"):
            assert (await client.get("/sign-in", params={"next": there})).headers["location"] == "/calls"
        assert (await client.get(f"/api/ledger/leaves?first={2**53}")).status_code == 200


async def test_errors_are_problems_for_programs_and_pages_for_people(house: House) -> None:
    async with await house.come("compliance") as client:
        problem = await client.get("/api/calls", params={"state": "happy"})
        assert problem.status_code == 400 and problem.headers["content-type"] == "application/problem+json"
        assert problem.json()["type"] == "urn:overt:problem:bad-request" and "recorded" in problem.json()["detail"]
        assert (await client.get("/api/calls", params={"after": "junk"})).json()["type"].endswith("bad-cursor")
        page = await client.get("/calls/none")
        assert page.status_code == 404 and page.headers["content-type"].startswith("text/html")
        assert "csp" not in page.text and page.headers["content-security-policy"].startswith("default-src 'none'")
        assert (await client.post("/calls", data={})).status_code == 405


async def test_the_description_is_openapi_3_1_and_names_every_api_route(house: House) -> None:
    async with await house.come("agent") as client:
        described = (await client.get("/api/openapi.json")).json()
    assert described["openapi"].startswith("3.1")
    named = {(method.upper(), path) for path, methods in described["paths"].items() for method in methods}
    wanted = {
        (method, path.replace(CALL, "{call}").replace(RECORDING, "{recording}").replace("/7/", "/{playing}/").replace("/7", "/{playing}").replace("US-CA", "{place}").replace("/policies/0", "/policies/{number}").replace("sbc%201", "{name}"))
        for method, path in ROUTES if path.startswith("/api/") and path not in ("/api/openapi.json", "/api/none")
    }  # fmt: skip
    assert wanted <= named, wanted - named
    filters = {one["name"] for one in described["paths"]["/api/calls"]["get"]["parameters"]}
    assert {"since", "until", "number", "agent", "line", "state", "place", "text", "gap", "after", "limit"} <= filters
